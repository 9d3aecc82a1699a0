"""Mean 0 and variance 1: what all normalisations have in common."""

from __future__ import annotations

import math
from typing import Any

from ..backend import xp_of
from ..engine import primitive
from .elementwise import rsqrt, square
from .reduce import mean


@primitive(saves=True)
def standardize(input, *, dims, eps):
    """``(input - mean) / sqrt(variance + eps)`` over the axes ``dims``, a tuple; the variance is not corrected."""
    y = input - _mean(input, dims)
    scale = 1 / xp_of(y).sqrt(_mean(y * y, dims) + eps)
    y *= scale
    return y, scale


@standardize.joint_rule
def _(g, y, dims, saved):
    # Mean and variance move with each element: of g, what would move them is taken away.
    d = g * y
    xp_of(g).multiply(y, _mean(d, dims), out=d)
    xp_of(g).subtract(g, d, out=d)
    d -= _mean(g, dims)
    d *= saved
    return (d,)


def _keep(node: Any) -> None:
    node.values["y"] = node.values["y"].copy()


standardize.keep = _keep


@standardize.defined_by
def _(input, dims, eps):
    centred = input - mean(input, dims, keepdim=True)
    return centred * rsqrt(mean(square(centred), dims, keepdim=True) + eps)


def _mean(x: Any, dims: tuple[int, ...]) -> Any:
    return x.sum(axis=dims, keepdims=True) / math.prod(x.shape[d] for d in dims)
