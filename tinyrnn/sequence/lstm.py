"""An LSTM over a whole sequence."""

from __future__ import annotations

from typing import NamedTuple

from ..backend import FOREVER, Array, buffers, factor, xp_of
from ..kernels import lstm as kernel
from ..threads import matmul


class Saved(NamedTuple):
    """What backward needs: 7·T·N·H numbers, plus the T·N·4H of ``da``, which reuses the memory of the input's part."""

    h: Array  # (T + 1, N, P): the states shown, the first one in front; P = H without a projection
    c: Array  # (T + 1, N, H)
    gates: Array  # (T, 4, N, H): i, f, g, o after their nonlinearities, each in one block
    tanh_c: Array  # (T, N, H)
    shown: Array | None  # (T, N, H): h before the projection
    a: Array  # (T, N, 4H): scratch


def _by_gate(a: Array, H: int) -> Array:
    """(T, N, 4H) seen as (T, 4, N, H)."""
    return a.reshape(*a.shape[:-1], 4, H).swapaxes(-3, -2)


def forward(x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, bias: Array | None, w_hr: Array | None = None) -> Saved:
    """:func:`tinyrnn.nn.cells.lstm_step` over x (T, N, D) from h0 (N, P) and c0 (N, H).

    ``bias`` is ``b_ih + b_hh`` (4H), which only ever occur together.
    """
    T, N, D = x.shape
    H = c0.shape[-1]
    w_t = factor(w_hh.T, N, T)
    a = buffers.empty(x, (T, N, 4 * H))
    matmul(x.reshape(T * N, D), w_ih.T, out=a.reshape(T * N, 4 * H))
    if bias is not None:
        a += bias
    h = buffers.empty(x, (T + 1, N, h0.shape[-1]))
    c = buffers.empty(x, (T + 1, N, H))
    gates, tanh_c = buffers.empty(x, (T, 4, N, H)), buffers.empty(x, (T, N, H))
    shown = None if w_hr is None else buffers.empty(x, (T, N, H))
    h[0], c[0] = h0, c0
    ah, s = buffers.empty(x, (N, 4 * H)), buffers.empty(x, (N, H))
    scale = kernel.scale(ah)
    for t in range(T):
        matmul(h[t], w_t, out=ah)
        y = h[t + 1] if shown is None else shown[t]
        kernel.forward(a[t], ah, scale, gates[t], c[t], c[t + 1], tanh_c[t], y, s)
        if w_hr is not None:
            matmul(y, w_hr.T, out=h[t + 1])
    return Saved(h, c, gates, tanh_c, shown, a)


def backward(
    saved: Saved, w_hh: Array, w_hr: Array | None, dy: Array, dh_n: Array, dc_n: Array
) -> tuple[Array, Array, Array, Array | None]:
    """From the gradients of the outputs (T, N, P) and of the last states: ``da`` (T, N, 4H), dh0, dc0 and dW_hr.

    With ``dh`` and ``dc`` for all that arrives at ``h_t`` and ``c_t``::

        dc += dh * o * (1 - tanh²(c_t))              through h_t = o tanh(c_t)
        da_i, da_f, da_g, da_o = ...                 through c_t = f c_(t-1) + i g, then σ and tanh
        dh_(t-1) = da_t W_hh,  dc_(t-1) = dc * f     what reaches step t - 1
    """
    h, c, gates, tanh_c, shown, da = saved
    xp = xp_of(h)
    T, _, N, H = gates.shape
    da_by_gate = _by_gate(da, H)
    dh, dc = xp.empty_like(dh_n), xp.empty_like(dc_n)
    dh[...], dc[...] = dh_n, dc_n
    s, slopes = xp.empty_like(dc), xp.empty_like(gates[0])
    # A projection stands between the output and h: then all of h's gradient comes through it, and none directly.
    dm, direct = (dh, dy) if w_hr is None else (xp.empty_like(dc), xp.zeros((T, 1, 1), dc.dtype))
    dp = None if w_hr is None else xp.empty_like(h[1:])
    w_back = factor(w_hh, N, T)
    for t in reversed(range(T)):
        if w_hr is not None:
            xp.add(dh, dy[t], out=dp[t])  # type: ignore[index]
            matmul(dp[t], w_hr, out=dm)  # type: ignore[index]
        kernel.backward(dm, direct[t], dc, gates[t], c[t], tanh_c[t], da_by_gate[t], s, slopes)
        matmul(da[t], w_back, out=dh)
    dw_hr = None
    if dp is not None and shown is not None:
        dw_hr = matmul(dp.reshape(T * N, -1).T, shown.reshape(T * N, H))
    return da, dh, dc, dw_hr


class Step:
    """One step at a time, without a graph: for generation. Weights are laid out once, nothing is allocated later.

    Calling it with x (N, D) advances the state ``h`` (N, P), ``c`` (N, H) and returns ``h``. The products with the input
    and with the state are one: [x, h] against both weights.
    """

    def __init__(self, h: Array, c: Array, w_ih: Array, w_hh: Array, bias: Array | None, w_hr: Array | None = None) -> None:
        xp = xp_of(h)
        (N, P), H, D = h.shape, c.shape[1], w_ih.shape[1]
        self.w = factor(xp.concatenate([w_ih, w_hh], 1).T, N, FOREVER)
        self.w_hr = None if w_hr is None else factor(w_hr.T, N, FOREVER)
        self.xh, self.a = xp.empty((N, D + P), h.dtype), xp.empty((N, 4 * H), h.dtype)
        self.bias = xp.zeros_like(self.a) if bias is None else xp.broadcast_to(bias, self.a.shape)
        self.scale = kernel.scale(self.a)
        self.x, self.h, self.c = self.xh[:, :D], self.xh[:, D:], c.copy()
        self.h[...] = h
        self.gates, self.tanh_c, self.s, self.shown = (xp.empty(s, h.dtype) for s in ((4, N, H), (N, H), (N, H), (N, H)))

    def __call__(self, x: Array) -> Array:
        """The state that follows x."""
        self.x[...] = x
        matmul(self.xh, self.w, out=self.a)
        y = self.h if self.w_hr is None else self.shown
        kernel.forward(self.bias, self.a, self.scale, self.gates, self.c, self.c, self.tanh_c, y, self.s)
        if self.w_hr is not None:
            matmul(y, self.w_hr, out=self.h)
        return self.h
