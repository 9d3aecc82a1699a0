"""Dropout: zeros at random while training, so that no unit can rely on another."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from ...backend import xp_of
from ...engine import wrap
from ...kernels.dropout import keep
from ...ops.elementwise import mul
from ...random import Generator, default_generator
from ...tensor import Tensor
from ...tensor.inplace import change
from .checks import need_tensors

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d"]


def _mask(like: Tensor, shape: Sequence[int], p: float, generator: Generator | None = None, scale: float | None = None) -> Tensor:
    """0 with probability ``p``, else ``scale``, by default ``1 / (1 - p)``."""
    mask = xp_of(like.array).empty(tuple(shape), like.array.dtype)
    scale = 1 / (1 - p) if scale is None else scale
    keep(mask, *(generator or default_generator).next_mask(), min(round(p * 2**32), 2**32 - 1), scale)
    return wrap(mask)


def _check_probability(p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *, generator: Generator | None = None) -> Tensor:
    """Zero each element with probability ``p`` and scale the others by ``1 / (1 - p)``; itself unless training.

    Srivastava et al., 2014; scaled while training, so that evaluation needs no change. From equally seeded generators
    come the same zeros on every device and in every dtype.
    """
    need_tensors("dropout", input=input)
    return _dropped(input, input.shape, p, training, inplace, generator)


def _dropped(input: Tensor, shape: Sequence[int], p: float, training: bool, inplace: bool, generator: Generator | None = None) -> Tensor:
    _check_probability(p)
    if not training or p == 0:
        return input
    if not input.is_floating_point():
        raise RuntimeError(f"dropout: result type Float can't be cast to the desired output type {input.dtype}; use x.float()")
    factor: Any = 0 if p == 1 else _mask(input, shape, p, generator)
    return change(input, mul, factor) if inplace else mul(input, factor)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero whole channels of (N, C, L) or (C, L) with probability ``p`` and scale the others by ``1 / (1 - p)``."""
    if input.ndim not in (2, 3):
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, (C, L) or (N, C, L), but received a {input.ndim}D input; see dropout")
    return _dropped(input, (*input.shape[:-1], 1), p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero whole channels of (N, C, ...) with probability ``p`` and scale the others by ``1 / (1 - p)``."""
    if input.ndim not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {input.ndim}-D input to dropout2d, which is deprecated; take dropout1d or dropout",
            stacklevel=2,
        )
    return _dropped(input, (*input.shape[:2], *[1] * (input.ndim - 2)), p, training, inplace)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout after :func:`selu`: to its lower limit instead of 0, and mean and variance stay (Klambauer et al., 2017)."""
    _check_probability(p)
    if not training or p == 0:
        return input
    if p == 1:
        return change(input, mul, 0) if inplace else input * 0
    low = -1.7580993408473766
    a = ((1 - p) * (1 + p * low * low)) ** -0.5
    kept = _mask(input, input.shape, p, scale=a)

    def spread(x: Tensor) -> Tensor:
        return x * kept + (low * (a - kept) - a * low * p)

    return change(input, spread) if inplace else spread(input)
