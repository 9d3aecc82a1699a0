"""One step of the recursion of connectionist temporal classification."""

from __future__ import annotations

import numpy as np

from ..backend import Array
from . import pointwise

LOWEST = -1e30  # below every sum of logarithms, and finite in float32: taken from -inf it leaves -inf, not nan


@pointwise(
    "T stay, T step, T jump, T barrier",
    "T y",
    f"""
    const T far = jump + barrier;
    T top = stay > step ? stay : step;
    top = far > top ? far : top;
    top = top < (T){LOWEST} ? (T){LOWEST} : top;
    y = top + log(exp(stay - top) + exp(step - top) + exp(far - top));
    """,
)
def arrive(stay: Array, step: Array, jump: Array, barrier: Array, y: Array) -> None:
    """Fill ``y`` with ``log(exp(stay) + exp(step) + exp(jump + barrier))``, each of which may be ``-inf``; all of one shape."""
    far = jump + barrier
    top = np.maximum(stay, step)
    np.maximum(top, far, out=top)
    np.maximum(top, LOWEST, out=top)
    np.exp(stay - top, out=y)
    y += np.exp(step - top)
    far -= top
    y += np.exp(far, out=far)
    np.log(y, out=y)
    y += top
