"""The nonlinearity of one Elman step, forward and backward. All arrays are (N, H)."""

from __future__ import annotations

import numpy as np

from ..backend import Array
from . import pointwise


@pointwise(
    "T ax, T ah, bool relu",
    "T h",
    """
    const T a = ax + ah;
    h = relu ? (a < 0 ? 0 : a) : tanh(a);
    """,
)
def forward(ax: Array, ah: Array, relu: bool, h: Array) -> None:
    """Fill ``h = tanh(ax + ah)``, or relu. ``h`` may be one of the other two."""
    np.add(ax, ah, out=h)
    if relu:
        np.maximum(h, 0, out=h)
    else:
        np.tanh(h, out=h)


@pointwise(
    "T dh, T dy, T h, bool relu",
    "T da",
    """
    const T slope = relu ? h > 0 : 1 - h * h;
    da = (dh + dy) * slope;
    """,
)
def backward(dh: Array, dy: Array, h: Array, relu: bool, da: Array) -> None:
    """Fill ``da``, the gradient before the nonlinearity.

    ``dy`` is the gradient from this step's output, ``dh`` what later steps sent, scratch afterwards.
    """
    np.add(dh, dy, out=dh)
    if relu:
        np.multiply(dh, h > 0, out=da)
    else:
        np.multiply(h, h, out=da)
        np.subtract(1, da, out=da)
        np.multiply(da, dh, out=da)
