"""Primitives that move whole rows to places of their own: each undoes the other, and no place is taken twice.

That makes them cheaper than indexing, whose gradient has to add up what was picked more than once.
"""

from __future__ import annotations

from ..backend import xp_of
from ..engine import primitive


@primitive
def pick(input, *, rows, dim=0):
    """The slices numbered ``rows`` along ``dim``; no number comes twice. ``rows`` is an array of the library of ``input``."""
    return xp_of(input).take(input, rows, axis=dim)


pick.rule(lambda g, input_shape, rows, dim: place(g, rows=rows, dim=dim, size=input_shape[dim]))


@primitive
def place(input, *, rows, dim=0, size, fill=0):
    """``size`` slices along ``dim``: those of ``input`` at the places ``rows``, and ``fill`` at the others."""
    shape = list(input.shape)
    shape[dim] = size
    y = xp_of(input).full(shape, fill, input.dtype)
    y[(slice(None),) * dim + (rows,)] = input
    return y


place.rule(lambda g, rows, dim: pick(g, rows=rows, dim=dim))
