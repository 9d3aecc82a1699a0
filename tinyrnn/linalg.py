"""The part of ``torch.linalg`` that recurrent models use, on top of the ops."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

from .names import missing_from
from .ops.arrange import diagonal as _diagonal
from .ops.decompositions import cholesky, eigh, eigvals, eigvalsh, lstsq, matrix_exp, matrix_rank, pinv, qr, solve, svd, svdvals
from .ops.linalg import cross, det, matmul, matrix_power, outer
from .ops.linalg import inverse as inv
from .ops.reduce import norm as _norm

__all__ = [
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "solve",
    "svd",
    "svdvals",
    "vecdot",
    "vector_norm",
]

__getattr__ = missing_from(__name__)


def vector_norm(x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The ``ord``-norm over ``dim`` or of all elements. ``torch.linalg.vector_norm``."""
    return _norm(x if dtype is None else x.to(dtype), ord, dim, keepdim)


def matrix_norm(A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None) -> Any:
    """A norm of matrices over two axes. ``torch.linalg.matrix_norm``.

    Of the singular values, ``"nuc"`` is the sum, 2 the largest, -2 the smallest (these have no derivative); 1 and inf are
    the largest sums of absolute values along columns and rows, -1 and -inf the smallest; ``"fro"`` the root of the sum of
    squares.

    >>> import tinyrnn
    >>> tinyrnn.linalg.matrix_norm(tinyrnn.tensor([[3., 0.], [0., 4.]]), 2)
    tensor(4.)

    Raises:
        ValueError: another ``ord``.
    """
    A = A if dtype is None else A.to(dtype)
    if ord == "fro":
        return _norm(A, 2, dim, keepdim)
    rows, columns = (d % A.ndim for d in dim)
    if ord in ("nuc", 2, -2):
        S = svdvals(A.movedim((rows, columns), (-2, -1)))
        y = S.sum(-1) if ord == "nuc" else S[..., 0 if ord == 2 else -1]
    elif ord in (1, -1, math.inf, -math.inf):
        sums = A.abs().sum(rows if abs(ord) == 1 else columns, keepdim=True)
        y = (sums.amax if ord > 0 else sums.amin)((rows, columns))
    else:
        raise ValueError(f"linalg.matrix_norm: Order {ord} not supported; there are 'fro', 'nuc', inf, -inf, 1, -1, 2 and -2.")
    for d in sorted((rows, columns)) if keepdim else ():
        y = y.unsqueeze(d)
    return y


def norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The norm of all elements, of vectors along ``dim``, or of matrices over two axes. ``torch.linalg.norm``."""
    several = isinstance(dim, (tuple, list)) and len(dim) == 2
    if ord is not None and (several or (dim is None and A.ndim == 2)):
        return matrix_norm(A, ord, dim if several else (-2, -1), keepdim, dtype=dtype)
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


def vecdot(x: Any, y: Any, *, dim: int = -1) -> Any:
    """The products of vectors along ``dim``. ``torch.linalg.vecdot``."""
    return (x * y).sum(dim)


def multi_dot(tensors: Any) -> Any:
    """The matrix product of several, from left to right. ``torch.linalg.multi_dot``."""
    return reduce(matmul, tensors)


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The diagonals of matrices. ``torch.linalg.diagonal``."""
    return _diagonal(A, offset, dim1, dim2)
