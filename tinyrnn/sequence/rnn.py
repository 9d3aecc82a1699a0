"""An Elman network over a whole sequence."""

from __future__ import annotations

from typing import NamedTuple

from ..backend import Array, buffers, matmul, transposed, xp_of


class Saved(NamedTuple):
    """What backward needs: the states of all steps, the first one in front. T·N·H numbers, the output itself."""

    h: Array  # (T + 1, N, H)


def forward(x: Array, h0: Array, w_ih: Array, w_hh: Array, bias: Array | None, relu: bool) -> Saved:
    """``h_t = tanh(W_ih x_t + W_hh h_(t-1) + b)``, or relu: (T, N, D) and (N, H) to the states (T + 1, N, H)."""
    xp = xp_of(x)
    T, N, D = x.shape
    uses = T if N > 1 else 0  # a product with a single row reads the weights as they are
    h = buffers.empty(x, (T + 1, N, h0.shape[-1]))
    h[0] = h0
    matmul(x.reshape(T * N, D), w_ih.T, out=h[1:].reshape(T * N, h0.shape[-1]))  # what the inputs contribute, in place
    if bias is not None:
        h[1:] += bias
    w_t = transposed(w_hh, uses)
    ah = xp.empty_like(h0)
    for t in range(1, T + 1):
        a = h[t]
        matmul(h[t - 1], w_t, out=ah)
        xp.add(a, ah, out=a)
        if relu:
            xp.maximum(a, 0, out=a)
        else:
            xp.tanh(a, out=a)
    return Saved(h)


def backward(saved: Saved, w_hh: Array, dy: Array, dh_n: Array, relu: bool) -> tuple[Array, Array]:
    """From the gradients of the outputs (T, N, H) and of the last state: ``da`` (T, N, H) and that of the first state.

    With ``a_t = W_ih x_t + W_hh h_(t-1) + b`` and ``dh`` for all that arrives at ``h_t``::

        da_t = dh * (1 - h_t²)        dh_(t-1) = da_t W_hh        dW_hh = Σ_t da_tᵀ h_(t-1)        dW_ih = Σ_t da_tᵀ x_t
    """
    (h,) = saved
    xp = xp_of(h)
    T = h.shape[0] - 1
    da = buffers.empty(h, h[1:].shape)
    dh = dh_n.copy()
    for t in reversed(range(T)):
        xp.add(dh, dy[t], out=dh)  # from this step's output, on top of what later steps sent
        a, y = da[t], h[t + 1]
        if relu:
            xp.multiply(dh, y > 0, out=a)
        else:
            xp.multiply(y, y, out=a)
            xp.subtract(1, a, out=a)
            xp.multiply(a, dh, out=a)
        matmul(a, w_hh, out=dh)  # what reaches step t - 1
    return da, dh
