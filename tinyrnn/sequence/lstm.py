"""An LSTM over a whole sequence."""

from __future__ import annotations

from typing import NamedTuple

from ..backend import FOREVER, Array, buffers, factor, xp_of
from ..kernels import lstm as kernel
from ..threads import matmul
from .steps import Steps


class Saved(NamedTuple):
    """What backward needs: 7·T·N·H numbers, plus the T·N·4H of ``da``, which reuses the memory of the input's part."""

    steps: Steps
    h: Array  # (N + rows, P): the states shown, the first one in front; P = H without a projection
    c: Array  # (N + rows, H)
    gates: Array  # (4 rows, H): for each step i, f, g, o after their nonlinearities, each in one block
    tanh_c: Array  # (rows, H)
    shown: Array | None  # (rows, H): h before the projection
    a: Array  # (rows, 4H): scratch


def forward(steps: Steps, x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, bias: Array | None, w_hr: Array | None = None) -> Saved:
    """:func:`tinyrnn.nn.cells.lstm_step` over x (rows, D) from h0 (N, P) and c0 (N, H).

    ``bias`` is ``b_ih + b_hh`` (4H), which only ever occur together.
    """
    N, H = c0.shape
    w_t = factor(w_hh.T, N, steps.T)
    contributed = steps.empty(x, 4 * H)
    matmul(x, w_ih.T, out=contributed)
    if bias is not None:
        contributed += bias
    shown = None if w_hr is None else steps.empty(x, H)
    saved = Saved(
        steps,
        steps.empty(x, h0.shape[-1], ahead=N),
        steps.empty(x, H, ahead=N),
        steps.empty(x, H, blocks=4),
        steps.empty(x, H),
        shown,
        contributed,
    )
    saved.h[:N], saved.c[:N] = h0, c0
    ah, s = buffers.empty(x, (N, 4 * H)), buffers.empty(x, (N, H))
    scale, ah, s = steps.shared(kernel.scale(ah)), steps.shared(ah), steps.shared(s)
    (h_before, h), (c_before, c) = steps.states(saved.h), steps.states(saved.c)
    a, gates, tanh_c = steps.cut(contributed), steps.cut(saved.gates, 4), steps.cut(saved.tanh_c)
    y = h if shown is None else steps.cut(shown)
    for t in range(steps.T):
        matmul(h_before[t], w_t, out=ah[t])
        kernel.forward(a[t], ah[t], scale[t], gates[t], c_before[t], c[t], tanh_c[t], y[t], s[t])
        if w_hr is not None:
            matmul(y[t], w_hr.T, out=h[t])
    return saved


def backward(
    saved: Saved, w_hh: Array, w_hr: Array | None, dy: Array, dh_n: Array, dc_n: Array
) -> tuple[Array, Array, Array, Array | None]:
    """From the gradients of the outputs (rows, P) and of the last states: ``da`` (rows, 4H), dh0, dc0 and dW_hr.

    With ``dh`` and ``dc`` for all that arrives at ``h_t`` and ``c_t``::

        dc += dh * o * (1 - tanh²(c_t))              through h_t = o tanh(c_t)
        da_i, da_f, da_g, da_o = ...                 through c_t = f c_(t-1) + i g, then σ and tanh
        dh_(t-1) = da_t W_hh,  dc_(t-1) = dc * f     what reaches step t - 1
    """
    steps, xp = saved.steps, xp_of(saved.h)
    N, H = dc_n.shape
    dh0, dc0 = xp.empty_like(dh_n), xp.empty_like(dc_n)
    dh0[...], dc0[...] = dh_n, dc_n
    dh, dc, s = steps.shared(dh0), steps.shared(dc0), steps.shared(xp.empty_like(dc0))
    slopes = steps.shared(xp.empty((4 * N, H), dc0.dtype), 4)
    (c_before, _), gates, tanh_c = steps.states(saved.c), steps.cut(saved.gates, 4), steps.cut(saved.tanh_c)
    da, dy = steps.cut(saved.a), steps.cut(dy)
    by_gate = [one.reshape(-1, 4, H).swapaxes(0, 1) for one in da]  # (n, 4H) seen as (4, n, H)
    # A projection stands between the output and h: then all of h's gradient comes through it, and none directly.
    dm, direct, dp_rows = dh, dy, None
    if w_hr is not None:
        dm, direct, dp_rows = steps.shared(xp.empty_like(dc0)), [xp.zeros((1, 1), dc0.dtype)] * steps.T, xp.empty_like(saved.h[N:])
        dp = steps.cut(dp_rows)
    w_back = factor(w_hh, N, steps.T)
    for t in reversed(range(steps.T)):
        if w_hr is not None:
            xp.add(dh[t], dy[t], out=dp[t])
            matmul(dp[t], w_hr, out=dm[t])
        kernel.backward(dm[t], direct[t], dc[t], gates[t], c_before[t], tanh_c[t], by_gate[t], s[t], slopes[t])
        matmul(da[t], w_back, out=dh[t])
    return saved.a, dh0, dc0, None if dp_rows is None else matmul(dp_rows.T, saved.shown)


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
