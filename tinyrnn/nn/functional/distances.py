"""How long a tensor is, how far two are apart, and a product of two."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops.elementwise import clamp
from ...ops.linalg import einsum
from ...ops.reduce import norm, sum
from ...tensor import Tensor

__all__ = ["bilinear", "cosine_similarity", "normalize", "pairwise_distance"]


def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """``input`` over its ``p``-norm along ``dim``, which counts as at least ``eps``."""
    y = input / clamp(norm(input, p, dim, keepdim=True), min=eps)
    return y if out is None else out.copy_(y)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between ``x1`` and ``x2`` (which broadcast) along ``dim``; lengths count as at least ``eps``."""

    def direction(x: Tensor) -> Tensor:
        length = norm(x, 2, dim, keepdim=True)
        return x / (length + clamp(eps - length.detach(), min=0))

    if not (x1.is_floating_point() and x2.is_floating_point()):
        raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {(x1 * 0 + x2 * 0).dtype}")
    try:
        shape = np.broadcast_shapes(tuple(x1.shape), tuple(x2.shape))
    except ValueError:
        raise RuntimeError(f"cosine_similarity: shapes {tuple(x1.shape)} and {tuple(x2.shape)} do not broadcast") from None
    return sum(direction(x1.expand(shape)) * direction(x2.expand(shape)), dim)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The ``p``-norm of ``x1 - x2 + eps`` along the last axis: (N, D) and (N, D) to (N)."""
    return norm(x1 - x2 + eps, p, -1, keepdim=keepdim)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``y_o = x1ᵀ W_o x2 + b_o``: (..., D1), (..., D2), (O, D1, D2), (O,) to (..., O)."""
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(f"bilinear: batch dimensions do not match, got {tuple(input1.shape)} and {tuple(input2.shape)}")
    y = einsum("...i,oij,...j->...o", input1, weight, input2)
    return y if bias is None else y + bias
