"""The equations of optimisers. Arrays are flat and changed in place; ``g`` is the gradient to descend."""

from __future__ import annotations

from ..backend import Array, xp_of
from . import together


@together(
    "x, g, m, v, v_max",
    "shrink, beta1, beta2, step_length, v_root, eps",
    """
        const T mean = m[i] + (T)(1 - beta1) * (grad - m[i]);
        const T square = v[i] + (T)(1 - beta2) * (grad * grad - v[i]);
        T root = square;
        if (v_max) {
            if (v_max[i] > square) root = v_max[i];
            v_max[i] = root;
        }
        m[i] = mean;
        v[i] = square;
        x[i] = (T)shrink * x[i] - (T)step_length * mean / (sqrt(root) / (T)v_root + (T)eps);
    """,
)
def adam(
    x: Array, g: Array, m: Array, v: Array, v_max: Array | None,
    shrink: float, beta1: float, beta2: float, step_length: float, v_root: float, eps: float,
) -> None:  # fmt: skip
    """One step of :class:`tinyrnn.optim.Adam`, with the parameter multiplied by ``shrink`` first.

    ``step_length`` is ``lr / (1 - beta1^t)`` and ``v_root`` is ``sqrt(1 - beta2^t)``: scalars that belong to m and v in the
    equations, here two passes over memory fewer.
    """
    xp = xp_of(x)
    if shrink != 1:
        x *= shrink
    m += (1 - beta1) * (g - m)
    v += (1 - beta2) * (g * g - v)
    if v_max is not None:
        v = xp.maximum(v_max, v, out=v_max)
    x -= step_length * m / (xp.sqrt(v) / v_root + eps)


@together(
    "x, g, b",
    "lr, mu, tau, nesterov",
    """
        T step_by = grad;
        if (b) {
            const T kept = (T)mu * b[i] + (T)(1 - tau) * grad;
            b[i] = kept;
            step_by = nesterov ? grad + (T)mu * kept : kept;
        }
        x[i] -= (T)lr * step_by;
    """,
)
def sgd(x: Array, g: Array, b: Array | None, lr: float, mu: float, tau: float, nesterov: bool) -> None:
    """One step of :class:`tinyrnn.optim.SGD`; ``b`` is there with momentum only."""
    if b is not None:
        b *= mu
        b += g if tau == 0 else (1 - tau) * g
        g = g + mu * b if nesterov else b
    x -= lr * g
