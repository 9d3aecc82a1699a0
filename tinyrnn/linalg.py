"""The part of ``torch.linalg`` that recurrent models use, on top of the ops."""

from __future__ import annotations

from typing import Any

from .ops.linalg import cross, det, matmul, matrix_power, outer
from .ops.linalg import inverse as inv
from .ops.reduce import norm as _norm

__all__ = ["cross", "det", "inv", "matmul", "matrix_norm", "matrix_power", "norm", "outer", "vector_norm"]


def vector_norm(x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The ``ord``-norm over ``dim`` or of all elements. ``torch.linalg.vector_norm``."""
    return _norm(x if dtype is None else x.to(dtype), ord, dim, keepdim)


def matrix_norm(A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The Frobenius norm of matrices. ``torch.linalg.matrix_norm``."""
    if ord != "fro":
        raise NotImplementedError(f"matrix_norm: ord={ord!r} is not here, only 'fro'")
    return _norm(A if dtype is None else A.to(dtype), 2, dim, keepdim)


def norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The norm of all elements, of vectors along ``dim``, or of matrices over two axes. ``torch.linalg.norm``."""
    several = isinstance(dim, (tuple, list)) and len(dim) == 2
    if ord is not None and (several or (dim is None and A.ndim == 2)):
        return matrix_norm(A, ord, dim if several else (-2, -1), keepdim, dtype=dtype)
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)
