"""The gates of one GRU step, forward and backward. All arrays are (N, H) unless they say otherwise.

*After* and *before* tell where the reset gate acts: on the product with the state, or on the state. After is one kernel
each way; before is two, with a product between them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array
from . import pointwise


@pointwise(
    "raw T ax, raw T ah, T b_n, T h_prev",
    "raw T rz, T n, T m, T h",
    """
    const int H = ah.shape()[1] / 3, at = i / H * 3 * H + i % H, NH = _ind.size();
    const T reset = sigmoid(ax[at] + ah[at]);
    const T update = sigmoid(ax[at + H] + ah[at + H]);
    const T from_state = ah[at + 2 * H] + b_n;
    const T candidate = tanh(ax[at + 2 * H] + reset * from_state);
    rz[i] = reset;
    rz[NH + i] = update;
    m = from_state;
    n = candidate;
    h = candidate + update * (h_prev - candidate);
    """,
)
def after(ax: Array, ah: Array, b_n: Any, rz: Array, n: Array, m: Array, h_prev: Array, h: Array, s: Array, u: Array) -> None:
    """A whole step from what input and state contribute, both (N, 3H): fill the gates ``rz`` (2, N, H), ``n``, ``m``, ``h``.

    ``m = W_hn h_prev + b_n`` is what the reset multiplies. ``s`` and ``u`` (N, 2H) are scratch.
    """
    H = n.shape[1]
    _reset_update(ax[:, : 2 * H], ah[:, : 2 * H], rz, u)
    np.add(ah[:, 2 * H :], b_n, out=m)
    np.multiply(rz[0], m, out=s)
    _candidate(ax[:, 2 * H :], s, rz[1], n, h_prev, h)


@pointwise(
    "raw T ax, raw T ah, T h_prev",
    "raw T rz, T m",
    """
    const int H = ah.shape()[1] / 2, x_at = i / H * 3 * H + i % H, at = i / H * 2 * H + i % H, NH = _ind.size();
    const T reset = sigmoid(ax[x_at] + ah[at]);
    rz[i] = reset;
    rz[NH + i] = sigmoid(ax[x_at + H] + ah[at + H]);
    m = reset * h_prev;
    """,
)
def before_gates(ax: Array, ah: Array, rz: Array, m: Array, h_prev: Array, u: Array) -> None:
    """Fill ``rz`` (2, N, H) and ``m = r * h_prev`` from what input (N, 3H) and state (N, 2H) contribute. ``u`` is scratch."""
    _reset_update(ax[:, : ah.shape[1]], ah, rz, u)
    np.multiply(rz[0], h_prev, out=m)


@pointwise(
    "raw T ax, T ah, raw T rz, T h_prev",
    "T n, T h",
    """
    const int H = ax.shape()[1] / 3;
    const T candidate = tanh(ax[i / H * 3 * H + 2 * H + i % H] + ah), update = rz[_ind.size() + i];
    n = candidate;
    h = candidate + update * (h_prev - candidate);
    """,
)
def before_candidate(ax: Array, ah: Array, rz: Array, n: Array, h_prev: Array, h: Array) -> None:
    """Fill ``n`` and ``h`` from what the input (N, 3H) and the reset state contribute."""
    _candidate(ax[:, 2 * n.shape[1] :], ah, rz[1], n, h_prev, h)


def _reset_update(ax: Array, ah: Array, rz: Array, u: Array) -> None:
    """Fill ``rz`` (2, N, H) with the gates from what input and state contribute, both (N, 2H). ``u`` (N, 2H) is scratch."""
    _, N, H = rz.shape
    np.add(ax, ah, out=u)
    np.negative(u, out=u)
    np.exp(u, out=u)
    np.add(u, 1, out=u)
    np.reciprocal(u.reshape(N, 2, H).swapaxes(0, 1), out=rz)  # from rows to a block for each gate


def _candidate(ax: Array, ah: Array, z: Array, n: Array, h_prev: Array, h: Array) -> None:
    """Fill ``n = tanh(ax + ah)`` and ``h = n + z * (h_prev - n)``."""
    np.add(ax, ah, out=n)
    np.tanh(n, out=n)
    np.subtract(h_prev, n, out=h)
    np.multiply(h, z, out=h)
    np.add(h, n, out=h)


@pointwise(
    "T dy, T through, raw T rz, T n, T m, T h_prev",
    "raw T da, T dh",
    """
    const int NH = _ind.size();
    const T reset = rz[i], update = rz[NH + i];
    const T d_h = dh + through + dy;
    const T d_n = d_h * (1 - update) * (1 - n * n);
    da[i] = d_n;
    da[NH + i] = d_n * m * reset * (1 - reset);
    da[2 * NH + i] = d_h * (h_prev - n) * update * (1 - update);
    da[3 * NH + i] = d_n * reset;
    dh = d_h * update;
    """,
)
def after_backward(
    dh: Array, through: Array, dy: Array, rz: Array, n: Array, m: Array, h_prev: Array, da: Array, s: Array, u: Array
) -> None:
    """Fill ``da`` (4, N, H), the gradients of n, r, z and of ``m``; leaves in ``dh`` what h_prev gets directly.

    What arrives at h is ``dy`` from this step's output and, from the step after it, ``dh`` directly and ``through`` its
    gates. ``s`` and ``u`` are scratch.
    """
    dn, dr, dz, dm = da
    _update_backward(dh, through, dy, rz[1], n, h_prev, dz, dn, s)
    np.multiply(dn, m, out=u)
    _reset_backward(u, rz[0], dr, s)
    np.multiply(dn, rz[0], out=dm)


@pointwise(
    "T dy, T through, raw T rz, T n, T h_prev",
    "raw T da, T dn, T dh",
    """
    const int NH = _ind.size();
    const T update = rz[NH + i];
    const T d_h = dh + through + dy;
    const T d_n = d_h * (1 - update) * (1 - n * n);
    dn = d_n;
    da[i] = d_n;
    da[2 * NH + i] = d_h * (h_prev - n) * update * (1 - update);
    da[3 * NH + i] = d_n;
    dh = d_h * update;
    """,
)
def before_backward_candidate(
    dh: Array, through: Array, dy: Array, rz: Array, n: Array, h_prev: Array, da: Array, dn: Array, s: Array
) -> None:
    """As :func:`after_backward`, all of ``da`` but that of r, which takes a product with ``dn`` first."""
    _update_backward(dh, through, dy, rz[1], n, h_prev, da[2], dn, s)
    da[0] = dn
    da[3] = dn


@pointwise(
    "T d, raw T rz, T h_prev",
    "raw T da, T dh",
    """
    const T reset = rz[i];
    da[_ind.size() + i] = d * h_prev * reset * (1 - reset);
    dh += d * reset;
    """,
)
def before_backward_reset(d: Array, dh: Array, rz: Array, h_prev: Array, da: Array, s: Array) -> None:
    """The gradient of r in ``da``, and what ``dh`` gets, from that of ``r * h_prev``. ``d`` and ``s`` are scratch afterwards."""
    np.multiply(d, rz[0], out=s)
    np.add(dh, s, out=dh)
    np.multiply(d, h_prev, out=d)
    _reset_backward(d, rz[0], da[1], s)


def _update_backward(dh: Array, through: Array, dy: Array, z: Array, n: Array, h_prev: Array, dz: Array, dn: Array, s: Array) -> None:
    """Fill ``dz`` and ``dn``, the gradients before the nonlinearities; leaves in ``dh`` what h_prev gets directly."""
    np.add(dh, through, out=dh)
    np.add(dh, dy, out=dh)
    # dz = dh * (h_prev - n) * z * (1 - z)
    np.subtract(h_prev, n, out=s)
    np.multiply(s, dh, out=s)
    np.multiply(s, z, out=s)
    np.subtract(1, z, out=dz)
    np.multiply(s, dz, out=dz)
    # dn = dh * (1 - z) * (1 - n²), and dh * z goes straight to the step before
    np.multiply(dh, z, out=s)
    np.subtract(dh, s, out=dn)
    dh[...] = s
    np.multiply(n, n, out=s)
    np.subtract(1, s, out=s)
    np.multiply(dn, s, out=dn)


def _reset_backward(d: Array, r: Array, dr: Array, s: Array) -> None:
    """``dr = d * r * (1 - r)`` for ``d``, the gradient of r itself."""
    np.subtract(1, r, out=s)
    np.multiply(s, r, out=s)
    np.multiply(d, s, out=dr)
