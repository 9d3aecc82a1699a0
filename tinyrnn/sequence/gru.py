"""A GRU over a whole sequence, in both conventions."""

from __future__ import annotations

from typing import NamedTuple

from ..backend import Array, buffers, matmul, transposed, xp_of
from ..kernels import gru as kernel


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
    uses = T if N > 1 else 0  # a product with a single row reads the weights as they are
    H = h0.shape[-1]
    if reset_after:
        w_t = transposed(w_hh, uses)  # (H, 3H)
    else:
        w_rz, w_n = transposed(w_hh[: 2 * H], uses), transposed(w_hh[2 * H :], uses)
    a = buffers.empty(x, (T, N, 3 * H))
    matmul(x.reshape(T * N, D), w_ih.T, out=a.reshape(T * N, 3 * H))
    b_n = None
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
    ax_blocks, ah_blocks = _blocks(a, H), _blocks(ah, H)
    for t in range(T):
        ax, r = ax_blocks[t], rz[t, 0]
        if reset_after:
            matmul(h[t], w_t, out=ah)
            kernel.reset_update(ax[:2], ah_blocks[:2], rz[t])
            m[t] = ah_blocks[2]
            if b_n is not None:
                xp.add(m[t], b_n, out=m[t])
            xp.multiply(r, m[t], out=s)
        else:
            matmul(h[t], w_rz, out=ah)
            kernel.reset_update(ax[:2], ah_blocks, rz[t])
            xp.multiply(r, h[t], out=m[t])
            matmul(m[t], w_n, out=s)
        kernel.candidate(ax[2], s, n[t], rz[t, 1], h[t], h[t + 1])
    return Saved(h, rz, n, m)


def backward(saved: Saved, w_hh: Array, dy: Array, dh_n: Array, reset_after: bool) -> tuple[Array, Array]:
    """From the gradients of the outputs (T, N, H) and of the last state: ``da`` (T, N, 4H) and that of the first state.

    The four blocks of ``da`` are the gradients of: what the state contributes to n, then r, z and n. So the last three
    belong to the input's weights, and the first three to the recurrent ones, in the order n, r, z. With ``dh`` for all
    that arrives at ``h_t = n + z * (h_(t-1) - n)``::

        dz = dh * (h_(t-1) - n),  dn = dh * (1 - z),  dh_(t-1) = dh * z + (through the gates) W_hh
    """
    h, rz, n, m = saved
    xp = xp_of(h)
    T, N, H = n.shape
    da = buffers.empty(h, (T, N, 4 * H))
    w_n = w_hh[2 * H :]
    w_nrz = xp.concatenate([w_n, w_hh[: 2 * H]])
    blocks = _blocks(da, H)
    dh = dh_n.copy()
    s, u = xp.empty_like(dh), xp.empty_like(dh)
    for t in reversed(range(T)):
        xp.add(dh, dy[t], out=dh)  # from this step's output, on top of what later steps sent
        r = rz[t, 0]
        d_state, dr, dz, dn = blocks[t]
        kernel.backward_update(dh, rz[t], n[t], h[t], dz, dn, s)
        if reset_after:
            xp.multiply(dn, m[t], out=u)
            kernel.backward_reset(u, r, dr, s)
            xp.multiply(dn, r, out=d_state)
            matmul(da[t, :, : 3 * H], w_nrz, out=s)
        else:
            matmul(dn, w_n, out=u)  # the gradient of r * h
            d_state[...] = dn
            xp.multiply(u, r, out=s)
            xp.add(dh, s, out=dh)
            xp.multiply(u, h[t], out=u)
            kernel.backward_reset(u, r, dr, s)
            matmul(da[t, :, H : 3 * H], w_hh[: 2 * H], out=s)
        xp.add(dh, s, out=dh)
    return da, dh


def recurrent_weight_gradient(saved: Saved, da: Array, reset_after: bool) -> Array:
    """dW_hh (3H, H), in the order r, z, n."""
    xp = xp_of(da)
    h, _, _, m = saved
    T, N, H = m.shape
    rows, states = da.reshape(T * N, 4 * H), h[:-1].reshape(T * N, H)
    before_n = states if reset_after else m.reshape(T * N, H)
    return xp.concatenate([matmul(rows[:, H : 3 * H].T, states), matmul(rows[:, :H].T, before_n)])
