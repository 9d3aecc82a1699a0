"""More elements at the ends of axes; :mod:`tinyrnn.nn.padding` has the modules."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...engine import wrap
from ...ops.index import index_select
from ...ops.shape import cat, narrow
from ...tensor import Tensor

__all__ = ["pad"]


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """More elements at the ends of the last axes; a negative number takes some away.

    Args:
        pad: how many before and after, for the last axis, the one before it, and so on.
        mode: ``"constant"``, all of them ``value`` (0); ``"reflect"``, the neighbours mirrored at the end; ``"replicate"``,
            the end itself; ``"circular"``, from the other end. All but the first need one or two axes in front.

    Raises:
        RuntimeError: more or fewer numbers than fit the axes; ``"reflect"`` or ``"circular"`` by more than is there.
        NotImplementedError: an unknown mode, or axes that PyTorch does not pad so.
    """
    sizes = tuple(int(n) for n in pad)
    if len(sizes) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2, got {len(sizes)}")
    if len(sizes) > 2 * input.ndim:
        raise RuntimeError(
            f"Padding length should be less than or equal to two times the input dimension, {2 * input.ndim}, but got {len(sizes)}"
        )
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}; known: constant, reflect, replicate, circular")
    if mode != "constant":
        if value not in (None, 0):
            raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument, got {value}')
        if len(sizes) not in (2, 4, 6) or input.ndim - len(sizes) // 2 not in (1, 2):
            raise NotImplementedError(
                f"{mode} padding takes 1 to 3 axes after one or two others; got {len(sizes)} numbers for {input.ndim} axes"
            )
    y = input
    for k in range(len(sizes) // 2):
        before, after, dim = sizes[2 * k], sizes[2 * k + 1], input.ndim - 1 - k
        if before or after:
            y = (
                _padded(y, dim, before, after, 0 if value is None else value)
                if mode == "constant"
                else index_select(y, dim, _source(mode, y.shape[dim], before, after, dim))
            )
    return y if y is not input else input.clone()


def _padded(input: Tensor, dim: int, before: int, after: int, value: float) -> Tensor:
    n = input.shape[dim] + before + after
    if n < 0:
        raise RuntimeError(
            f"The input size {input.shape[dim]}, plus negative padding {before} and {after}, is a negative size at dimension {dim}"
        )
    start = max(-before, 0)
    kept = narrow(input, dim, start, input.shape[dim] - start - max(-after, 0))

    def block(size: int) -> list[Tensor]:
        shape = (*input.shape[:dim], size, *input.shape[dim + 1 :])
        return [input.new_full(shape, value)] if size > 0 else []

    return cat([*block(before), kept, *block(after)], dim)


def _source(mode: str, n: int, before: int, after: int, dim: int) -> Tensor:
    """The places along an axis of size ``n`` that the padded axis shows."""
    if mode == "circular":  # what is taken away is not there to go round
        first, n = max(-before, 0), n + min(before, 0) + min(after, 0)
        before, after = max(before, 0), max(after, 0)
    places = np.arange(-before, n + after)
    most = {"reflect": n - 1, "circular": n, "replicate": math.inf}[mode]
    if max(before, after) > most:
        raise RuntimeError(f"{mode} padding ({before}, {after}) at dimension {dim} should be at most {most}, for a size of {n}")
    if not places.size or not n:
        raise RuntimeError(f"{mode} padding ({before}, {after}) at dimension {dim} of size {n} leaves or finds nothing")
    if mode == "circular":
        return wrap(first + places % n)
    if mode == "replicate":
        return wrap(places.clip(0, n - 1))
    return wrap((n - 1) - np.abs((n - 1) - np.abs(places)))
