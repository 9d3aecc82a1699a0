"""A GRU over a whole sequence, in both conventions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..backend import FOREVER, Array, buffers, factor, xp_of
from ..kernels import gru as kernel
from ..threads import matmul


class Saved(NamedTuple):
    """What backward needs: 5·T·N·H numbers, plus the T·N·4H of its own."""

    h: Array  # (T + 1, N, H): the states, the first one in front
    rz: Array  # (T, 2, N, H): the gates r and z
    n: Array  # (T, N, H): the candidate
    m: Array  # (T, N, H): W_hn h + b_hn if the reset comes after the product, r * h if it comes before


def _blocks(a: Array, H: int) -> Array:
    """(..., N, k H) seen as (..., k, N, H)."""
    return a.reshape(*a.shape[:-1], a.shape[-1] // H, H).swapaxes(-3, -2)


def _biases(b_ih: Array | None, b_hh: Array | None, reset_after: bool) -> tuple[Any, Any]:
    """What to add to the input's side (3H), and what r multiplies (H); 0 if there is none."""
    if b_ih is None or b_hh is None:
        return 0, 0
    bias, n = b_ih + b_hh, slice(len(b_ih) // 3 * 2, None)
    if not reset_after:
        return bias, 0
    bias[n] = b_ih[n]
    return bias, b_hh[n]


def forward(x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None, reset_after: bool) -> Saved:
    """:func:`tinyrnn.nn.cells.gru_step` (or ``gru_reset_before_step``) over x (T, N, D) from h0 (N, H)."""
    T, N, D = x.shape
    H = h0.shape[-1]
    if reset_after:
        w_t = factor(w_hh.T, N, T)  # (H, 3H)
    else:
        w_rz, w_n = factor(w_hh[: 2 * H].T, N, T), factor(w_hh[2 * H :].T, N, T)
    a = buffers.empty(x, (T, N, 3 * H))
    matmul(x.reshape(T * N, D), w_ih.T, out=a.reshape(T * N, 3 * H))
    bias, b_n = _biases(b_ih, b_hh, reset_after)
    if b_ih is not None:
        a += bias
    h, rz = buffers.empty(x, (T + 1, N, H)), buffers.empty(x, (T, 2, N, H))
    n, m = buffers.empty(x, (T, N, H)), buffers.empty(x, (T, N, H))
    h[0] = h0
    ah, s = buffers.empty(x, (N, 3 * H if reset_after else 2 * H)), buffers.empty(x, (N, H))
    u = buffers.empty(x, (N, 2 * H))
    for t in range(T):
        if reset_after:
            matmul(h[t], w_t, out=ah)
            kernel.after(a[t], ah, b_n, rz[t], n[t], m[t], h[t], h[t + 1], s, u)
        else:
            matmul(h[t], w_rz, out=ah)
            kernel.before_gates(a[t], ah, rz[t], m[t], h[t], u)
            matmul(m[t], w_n, out=s)
            kernel.before_candidate(a[t], s, rz[t], n[t], h[t], h[t + 1])
    return Saved(h, rz, n, m)


def backward(saved: Saved, w_hh: Array, dy: Array, dh_n: Array, reset_after: bool) -> tuple[Array, Array]:
    """From the gradients of the outputs (T, N, H) and of the last state: ``da`` (T, N, 4H) and that of the first state.

    The four blocks of ``da`` are the gradients of n, r, z and of what the state contributes to n. So the first three
    belong to the input's weights, in the order n, r, z, and the last three to the recurrent ones. With ``dh`` for all that
    arrives at ``h_t = n + z * (h_(t-1) - n)``::

        dz = dh * (h_(t-1) - n),  dn = dh * (1 - z),  dh_(t-1) = dh * z + (through the gates) W_hh
    """
    h, rz, n, m = saved
    xp = xp_of(h)
    T, N, H = n.shape
    da = buffers.empty(h, (T, N, 4 * H))
    columns, w = _laid_out(w_hh if reset_after else w_hh[: 2 * H], N, T)
    if not reset_after:
        w_n, dn = factor(w_hh[2 * H :], N, T), xp.empty_like(dh_n)
    blocks = _blocks(da, H)
    dh, through = xp.empty_like(dh_n), xp.zeros_like(dh_n)  # what reaches a step directly, and through the gates of the next
    dh[...] = dh_n
    s, u = xp.empty_like(dh), xp.empty_like(dh)
    for t in reversed(range(T)):
        if reset_after:
            kernel.after_backward(dh, through, dy[t], rz[t], n[t], m[t], h[t], blocks[t], s, u)
        else:
            kernel.before_backward_candidate(dh, through, dy[t], rz[t], n[t], h[t], blocks[t], dn, s)
            matmul(dn, w_n, out=u)  # the gradient of r * h
            kernel.before_backward_reset(u, dh, rz[t], h[t], blocks[t], s)
        matmul(da[t, :, columns], w, out=through)
    return da, xp.add(dh, through, out=dh)


def _laid_out(w: Array, N: int, T: int) -> tuple[slice, Array]:
    """The columns of ``da[t]`` (N, 4H) that belong to the weights ``w``, from r on; and ``w`` as their product reads it.

    CuPy takes some of the columns for a product by copying them, in each step: it takes all, and zeros for the others.
    """
    rows, H = w.shape
    if xp_of(w) is np:
        return slice(H, H + rows), factor(w, N, T)
    padded = xp_of(w).zeros((4 * H, H), w.dtype)
    padded[H : H + rows] = w
    return slice(None), padded


def recurrent_weight_gradient(saved: Saved, da: Array, reset_after: bool) -> Array:
    """dW_hh (3H, H), in the order r, z, n."""
    h, _, _, m = saved
    T, N, H = m.shape
    rows, states = da.reshape(T * N, 4 * H)[:, H:], h[:-1].reshape(T * N, H)
    if reset_after:
        return matmul(rows.T, states)
    dw = xp_of(da).empty((3 * H, H), da.dtype)
    matmul(rows[:, : 2 * H].T, states, out=dw[: 2 * H])
    matmul(rows[:, 2 * H :].T, m.reshape(T * N, H), out=dw[2 * H :])
    return dw


class Step:
    """One step at a time, without a graph: for generation. Weights are laid out once, nothing is allocated later.

    Calling it with x (N, D) advances the state ``h`` (N, H) and returns it.
    """

    def __init__(self, h: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None, reset_after: bool) -> None:
        xp = xp_of(h)
        N, H = h.shape
        self.reset_after = reset_after
        self.w_ih, rows = factor(w_ih.T, N, FOREVER), 3 * H if reset_after else 2 * H
        self.w = factor(w_hh[:rows].T, N, FOREVER)
        self.w_n = None if reset_after else factor(w_hh[2 * H :].T, N, FOREVER)
        self.bias, self.b_n = _biases(b_ih, b_hh, reset_after)
        self.h, self.n, self.m, self.s = h.copy(), xp.empty_like(h), xp.empty_like(h), xp.empty_like(h)
        self.a, self.ah, self.rz, self.u = (xp.empty(s, h.dtype) for s in ((N, 3 * H), (N, rows), (2, N, H), (N, 2 * H)))

    def __call__(self, x: Array) -> Array:
        """The state that follows x."""
        h, a, ah, s = self.h, self.a, self.ah, self.s
        matmul(x, self.w_ih, out=a)
        a += self.bias
        matmul(h, self.w, out=ah)
        if self.reset_after:
            kernel.after(a, ah, self.b_n, self.rz, self.n, self.m, h, h, s, self.u)
        else:
            kernel.before_gates(a, ah, self.rz, self.m, h, self.u)
            matmul(self.m, self.w_n, out=s)
            kernel.before_candidate(a, s, self.rz, self.n, h, h)
        return h
