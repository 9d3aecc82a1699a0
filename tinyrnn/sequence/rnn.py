"""An Elman network over a whole sequence."""

from __future__ import annotations

from typing import NamedTuple

from ..backend import FOREVER, Array, buffers, factor, xp_of
from ..kernels import rnn as kernel
from ..threads import matmul
from .steps import Steps


class Saved(NamedTuple):
    """What backward needs: the states of all steps, the first one in front. T·N·H numbers, the output itself."""

    steps: Steps
    h: Array  # (N + rows, H)


def forward(steps: Steps, x: Array, h0: Array, w_ih: Array, w_hh: Array, bias: Array | None, relu: bool) -> Saved:
    """``h_t = tanh(W_ih x_t + W_hh h_(t-1) + b)``, or relu: (rows, D) and (N, H) to the states."""
    N, H = h0.shape
    states = steps.empty(x, H, ahead=N)
    states[:N] = h0
    matmul(x, w_ih.T, out=states[N:])  # what the inputs contribute, in place
    if bias is not None:
        states[N:] += bias
    w_t = factor(w_hh.T, N, steps.T)
    (h_before, h), ah = steps.states(states), steps.shared(buffers.empty(x, (N, H)))
    for t in range(steps.T):
        matmul(h_before[t], w_t, out=ah[t])
        kernel.forward(h[t], ah[t], relu, h[t])
    return Saved(steps, states)


def backward(saved: Saved, w_hh: Array, dy: Array, dh_n: Array, relu: bool) -> tuple[Array, Array]:
    """From the gradients of the outputs (rows, H) and of the last state (N, H): ``da`` (rows, H) and that of the first state.

    With ``a_t = W_ih x_t + W_hh h_(t-1) + b`` and ``dh`` for all that arrives at ``h_t``::

        da_t = dh * (1 - h_t²)        dh_(t-1) = da_t W_hh        dW_hh = Σ_t da_tᵀ h_(t-1)        dW_ih = Σ_t da_tᵀ x_t
    """
    steps, states = saved
    N, H = dh_n.shape
    da_rows, w_back = steps.empty(states, H), factor(w_hh, N, steps.T)
    dh0 = xp_of(states).empty_like(dh_n)
    dh0[...] = dh_n
    (_, h), da, dy, dh = steps.states(states), steps.cut(da_rows), steps.cut(dy), steps.shared(dh0)
    for t in reversed(range(steps.T)):
        kernel.backward(dh[t], dy[t], h[t], relu, da[t])
        matmul(da[t], w_back, out=dh[t])  # what reaches step t - 1
    return da_rows, dh0


class Step:
    """One step at a time, without a graph: for generation. Weights are laid out once, nothing is allocated later.

    Calling it with x (N, D) advances the state ``h`` (N, H) and returns it. The products with the input and with the
    state are one: [x, h] against both weights.
    """

    def __init__(self, h: Array, w_ih: Array, w_hh: Array, bias: Array | None, relu: bool) -> None:
        xp = xp_of(h)
        (N, H), D = h.shape, w_ih.shape[1]
        self.w = factor(xp.concatenate([w_ih, w_hh], 1).T, N, FOREVER)
        self.bias, self.relu = xp.zeros(H, h.dtype) if bias is None else bias, relu
        self.xh, self.a = xp.empty((N, D + H), h.dtype), xp.empty((N, H), h.dtype)
        self.x, self.h = self.xh[:, :D], self.xh[:, D:]
        self.h[...] = h

    def __call__(self, x: Array) -> Array:
        """The state that follows x."""
        self.x[...] = x
        matmul(self.xh, self.w, out=self.a)
        kernel.forward(self.a, self.bias, self.relu, self.h)
        return self.h
