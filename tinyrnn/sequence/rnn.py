"""An Elman network over a whole sequence."""

from __future__ import annotations

from typing import NamedTuple

from ..backend import FOREVER, Array, buffers, factor, xp_of
from ..kernels import rnn as kernel
from ..threads import matmul


class Saved(NamedTuple):
    """What backward needs: the states of all steps, the first one in front. T·N·H numbers, the output itself."""

    h: Array  # (T + 1, N, H)


def forward(x: Array, h0: Array, w_ih: Array, w_hh: Array, bias: Array | None, relu: bool) -> Saved:
    """``h_t = tanh(W_ih x_t + W_hh h_(t-1) + b)``, or relu: (T, N, D) and (N, H) to the states (T + 1, N, H)."""
    T, N, D = x.shape
    h = buffers.empty(x, (T + 1, N, h0.shape[-1]))
    h[0] = h0
    matmul(x.reshape(T * N, D), w_ih.T, out=h[1:].reshape(T * N, h0.shape[-1]))  # what the inputs contribute, in place
    if bias is not None:
        h[1:] += bias
    w_t = factor(w_hh.T, N, T)
    ah = buffers.empty(x, h0.shape)
    for t in range(1, T + 1):
        a = h[t]
        matmul(h[t - 1], w_t, out=ah)
        kernel.forward(a, ah, relu, a)
    return Saved(h)


def backward(saved: Saved, w_hh: Array, dy: Array, dh_n: Array, relu: bool) -> tuple[Array, Array]:
    """From the gradients of the outputs (T, N, H) and of the last state: ``da`` (T, N, H) and that of the first state.

    With ``a_t = W_ih x_t + W_hh h_(t-1) + b`` and ``dh`` for all that arrives at ``h_t``::

        da_t = dh * (1 - h_t²)        dh_(t-1) = da_t W_hh        dW_hh = Σ_t da_tᵀ h_(t-1)        dW_ih = Σ_t da_tᵀ x_t
    """
    (h,) = saved
    T, N = h.shape[0] - 1, h.shape[1]
    da = buffers.empty(h, h[1:].shape)
    w_back = factor(w_hh, N, T)
    dh = xp_of(h).empty_like(dh_n)
    dh[...] = dh_n
    for t in reversed(range(T)):
        kernel.backward(dh, dy[t], h[t + 1], relu, da[t])
        matmul(da[t], w_back, out=dh)  # what reaches step t - 1
    return da, dh


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
