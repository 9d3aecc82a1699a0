"""A GRU over a whole sequence, in both conventions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..backend import FOREVER, Array, buffers, factor, xp_of
from ..kernels import gru as kernel
from ..threads import matmul
from .steps import Steps


class Saved(NamedTuple):
    """What backward needs: 5·T·N·H numbers, plus the T·N·4H of its own."""

    steps: Steps
    h: Array  # (N + rows, H): the states, the first one in front
    rz: Array  # (2 rows, H): for each step the gates r and z, each in one block
    n: Array  # (rows, H): the candidate
    m: Array  # (rows, H): W_hn h + b_hn if the reset comes after the product, r * h if it comes before


def _biases(b_ih: Array | None, b_hh: Array | None, reset_after: bool) -> tuple[Any, Any]:
    """What to add to the input's side (3H), and what r multiplies (H); 0 if there is none."""
    if b_ih is None or b_hh is None:
        return 0, 0
    bias, n = b_ih + b_hh, slice(len(b_ih) // 3 * 2, None)
    if not reset_after:
        return bias, 0
    bias[n] = b_ih[n]
    return bias, b_hh[n]


def forward(
    steps: Steps, x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None, reset_after: bool
) -> Saved:
    """:func:`tinyrnn.nn.cells.gru_step` (or ``gru_reset_before_step``) over x (rows, D) from h0 (N, H)."""
    N, H = h0.shape
    if reset_after:
        w_t = factor(w_hh.T, N, steps.T)  # (H, 3H)
    else:
        w_rz, w_n = factor(w_hh[: 2 * H].T, N, steps.T), factor(w_hh[2 * H :].T, N, steps.T)
    contributed = steps.empty(x, 3 * H)
    matmul(x, w_ih.T, out=contributed)
    bias, b_n = _biases(b_ih, b_hh, reset_after)
    if b_ih is not None:
        contributed += bias
    saved = Saved(steps, steps.empty(x, H, ahead=N), steps.empty(x, H, blocks=2), steps.empty(x, H), steps.empty(x, H))
    saved.h[:N] = h0
    widths = (3 * H if reset_after else 2 * H, H, 2 * H)
    ah, s, u = (steps.shared(buffers.empty(x, (N, width))) for width in widths)
    (h_before, h), rz, a = steps.states(saved.h), steps.cut(saved.rz, 2), steps.cut(contributed)
    n, m = steps.cut(saved.n), steps.cut(saved.m)
    for t in range(steps.T):
        if reset_after:
            matmul(h_before[t], w_t, out=ah[t])
            kernel.after(a[t], ah[t], b_n, rz[t], n[t], m[t], h_before[t], h[t], s[t], u[t])
        else:
            matmul(h_before[t], w_rz, out=ah[t])
            kernel.before_gates(a[t], ah[t], rz[t], m[t], h_before[t], u[t])
            matmul(m[t], w_n, out=s[t])
            kernel.before_candidate(a[t], s[t], rz[t], n[t], h_before[t], h[t])
    return saved


def backward(saved: Saved, w_hh: Array, dy: Array, dh_n: Array, reset_after: bool) -> tuple[Array, Array]:
    """From the gradients of the outputs (rows, H) and of the last state: ``da`` (rows, 4H) and that of the first state.

    The four blocks of ``da`` are the gradients of n, r, z and of what the state contributes to n. So the first three
    belong to the input's weights, in the order n, r, z, and the last three to the recurrent ones. With ``dh`` for all that
    arrives at ``h_t = n + z * (h_(t-1) - n)``::

        dz = dh * (h_(t-1) - n),  dn = dh * (1 - z),  dh_(t-1) = dh * z + (through the gates) W_hh
    """
    steps, xp = saved.steps, xp_of(saved.h)
    N, H = dh_n.shape
    columns, w = _laid_out(w_hh if reset_after else w_hh[: 2 * H], N, steps.T)
    w_n = None if reset_after else factor(w_hh[2 * H :], N, steps.T)
    dh0, through0 = xp.empty_like(dh_n), xp.zeros_like(dh_n)
    dh0[...] = dh_n
    dh, through = steps.shared(dh0), steps.shared(through0)  # what reaches a step directly, and through the gates of the next
    s, u, dn = (steps.shared(xp.empty_like(dh_n)) for _ in range(3))
    (h_before, _), rz, n, m = steps.states(saved.h), steps.cut(saved.rz, 2), steps.cut(saved.n), steps.cut(saved.m)
    da_rows = steps.empty(saved.h, 4 * H)
    da, dy = steps.cut(da_rows), steps.cut(dy)
    blocks = [one.reshape(-1, 4, H).swapaxes(0, 1) for one in da]  # (n, 4H) seen as (4, n, H)
    for t in reversed(range(steps.T)):
        if reset_after:
            kernel.after_backward(dh[t], through[t], dy[t], rz[t], n[t], m[t], h_before[t], blocks[t], s[t], u[t])
        else:
            kernel.before_backward_candidate(dh[t], through[t], dy[t], rz[t], n[t], h_before[t], blocks[t], dn[t], s[t])
            matmul(dn[t], w_n, out=u[t])  # the gradient of r * h
            kernel.before_backward_reset(u[t], dh[t], rz[t], h_before[t], blocks[t], s[t])
        matmul(da[t][:, columns], w, out=through[t])
    return da_rows, xp.add(dh0, through0, out=dh0)


def _laid_out(w: Array, N: int, T: int) -> tuple[slice, Array]:
    """The columns of ``da[t]`` (n, 4H) that belong to the weights ``w``, from r on; and ``w`` as their product reads it.

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
    H = saved.h.shape[1]
    rows, states = da[:, H:], saved.steps.before(saved.h)
    if reset_after:
        return matmul(rows.T, states)
    dw = xp_of(da).empty((3 * H, H), da.dtype)
    matmul(rows[:, : 2 * H].T, states, out=dw[: 2 * H])
    matmul(rows[:, 2 * H :].T, saved.m, out=dw[2 * H :])
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
