"""A GRU over a whole sequence, in both conventions."""

from __future__ import annotations

from typing import Any, NamedTuple

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


def forward(x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None, reset_after: bool) -> Saved:
    """:func:`tinyrnn.nn.cells.gru_step` (or ``gru_reset_before_step``) over x (T, N, D) from h0 (N, H)."""
    xp = xp_of(x)
    T, N, D = x.shape
    H = h0.shape[-1]
    if reset_after:
        w_t = factor(w_hh.T, N, T)  # (H, 3H)
    else:
        w_rz, w_n = factor(w_hh[: 2 * H].T, N, T), factor(w_hh[2 * H :].T, N, T)
    a = buffers.empty(x, (T, N, 3 * H))
    matmul(x.reshape(T * N, D), w_ih.T, out=a.reshape(T * N, 3 * H))
    b_n: Any = 0
    if b_ih is not None and b_hh is not None:
        bias = b_ih + b_hh
        if reset_after:  # r multiplies b_hn too, so it cannot go to the input's side
            bias[2 * H :] = b_ih[2 * H :]
            b_n = b_hh[2 * H :]
        a += bias
    h, rz = buffers.empty(x, (T + 1, N, H)), buffers.empty(x, (T, 2, N, H))
    n, m = buffers.empty(x, (T, N, H)), buffers.empty(x, (T, N, H))
    h[0] = h0
    ah, s = buffers.empty(x, (N, 3 * H if reset_after else 2 * H)), buffers.empty(x, (N, H))
    u = buffers.empty(x, (N, 2 * H))
    for t in range(T):
        ax, r = a[t], rz[t, 0]
        if reset_after:
            matmul(h[t], w_t, out=ah)
            kernel.reset_update(ax[:, : 2 * H], ah[:, : 2 * H], rz[t], u)
            xp.add(ah[:, 2 * H :], b_n, out=m[t])
            xp.multiply(r, m[t], out=s)
        else:
            matmul(h[t], w_rz, out=ah)
            kernel.reset_update(ax[:, : 2 * H], ah, rz[t], u)
            xp.multiply(r, h[t], out=m[t])
            matmul(m[t], w_n, out=s)
        kernel.candidate(ax[:, 2 * H :], s, n[t], rz[t, 1], h[t], h[t + 1])
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
    if reset_after:
        w_rzn = factor(w_hh, N, T)
    else:
        w_rz, w_n = factor(w_hh[: 2 * H], N, T), factor(w_hh[2 * H :], N, T)
    blocks = _blocks(da, H)
    dh = dh_n.copy()
    s, u = xp.empty_like(dh), xp.empty_like(dh)
    for t in reversed(range(T)):
        xp.add(dh, dy[t], out=dh)  # from this step's output, on top of what later steps sent
        r = rz[t, 0]
        dn, dr, dz, d_state = blocks[t]
        kernel.backward_update(dh, rz[t], n[t], h[t], dz, dn, s)
        if reset_after:
            xp.multiply(dn, m[t], out=u)
            kernel.backward_reset(u, r, dr, s)
            xp.multiply(dn, r, out=d_state)
            matmul(da[t, :, H:], w_rzn, out=s)
        else:
            matmul(dn, w_n, out=u)  # the gradient of r * h
            d_state[...] = dn
            xp.multiply(u, r, out=s)
            xp.add(dh, s, out=dh)
            xp.multiply(u, h[t], out=u)
            kernel.backward_reset(u, r, dr, s)
            matmul(da[t, :, H : 3 * H], w_rz, out=s)
        xp.add(dh, s, out=dh)
    return da, dh


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
        self.w_ih = factor(w_ih.T, N, FOREVER)
        self.w_rz, self.w_n = factor(w_hh[: 2 * H].T, N, FOREVER), factor(w_hh[2 * H :].T, N, FOREVER)
        none = xp.zeros(3 * H, h.dtype)
        self.b_ih, self.b_hh = none if b_ih is None else b_ih, none if b_hh is None else b_hh
        self.h, self.n, self.m, self.s = h.copy(), xp.empty_like(h), xp.empty_like(h), xp.empty_like(h)
        self.a, self.ah, self.rz = (xp.empty(s, h.dtype) for s in ((N, 3 * H), (N, 2 * H), (2, N, H)))

    def __call__(self, x: Array) -> Array:
        """The state that follows x."""
        xp = xp_of(x)
        h, s, H = self.h, self.s, self.h.shape[1]
        matmul(x, self.w_ih, out=self.a)
        xp.add(self.a, self.b_ih, out=self.a)
        matmul(h, self.w_rz, out=self.ah)
        xp.add(self.ah, self.b_hh[: 2 * H], out=self.ah)
        kernel.reset_update(self.a[:, : 2 * H], self.ah, self.rz, self.ah)
        r, z = self.rz
        if self.reset_after:
            matmul(h, self.w_n, out=s)
            xp.add(s, self.b_hh[2 * H :], out=s)
            xp.multiply(s, r, out=s)
        else:
            xp.multiply(h, r, out=self.m)
            matmul(self.m, self.w_n, out=s)
            xp.add(s, self.b_hh[2 * H :], out=s)
        kernel.candidate(self.a[:, 2 * H :], s, self.n, z, h, h)
        return h
