"""The gates of one LSTM step, forward and backward. All arrays are (N, H) unless they say otherwise."""

from __future__ import annotations

from ..backend import Array, xp_of


def scale(like: Array, H: int) -> Array:
    """What to multiply the contributions ``like`` (N, 4H) to the gates i, f, g, o by before ``exp``; as many numbers.

    As σ(a) = 1 / (1 + exp(-a)) and tanh(a) = 2 σ(2a) - 1, one ``exp`` serves all four gates, if the candidate g is doubled.
    """
    factors = xp_of(like).full_like(like, -1)
    factors[:, 2 * H : 3 * H] = -2
    return factors


def forward(ax: Array, ah: Array, scale: Array, gates: Array, c_prev: Array, c: Array, tanh_c: Array, h: Array, s: Array) -> None:
    """Fill ``gates`` (4, N, H), ``c``, ``tanh_c`` and ``h`` from what input and state contribute, both (N, 4H).

    ``ah`` and ``s`` are scratch afterwards.
    """
    xp = xp_of(c)
    N, H = c.shape
    xp.add(ax, ah, out=ah)
    xp.multiply(ah, scale, out=ah)
    xp.exp(ah, out=ah)
    xp.add(ah, 1, out=ah)
    xp.reciprocal(ah.reshape(N, 4, H).swapaxes(0, 1), out=gates)  # from rows to a block for each gate
    i, f, g, o = gates
    xp.multiply(g, 2, out=g)
    xp.subtract(g, 1, out=g)
    # c = f * c_prev + i * g
    xp.multiply(f, c_prev, out=c)
    xp.multiply(i, g, out=s)
    xp.add(c, s, out=c)
    # h = o * tanh(c)
    xp.tanh(c, out=tanh_c)
    xp.multiply(o, tanh_c, out=h)


def backward(dh: Array, dc: Array, gates: Array, c_prev: Array, tanh_c: Array, da: Array, s: Array, slopes: Array) -> None:
    """Fill ``da`` (4, N, H), the gradients before the gates' nonlinearities, and turn ``dc`` into that of ``c_prev``.

    σ has the slope σ (1 - σ), tanh has 1 - tanh². ``s`` and ``slopes`` (4, N, H) are scratch.
    """
    xp = xp_of(dc)
    i, f, g, o = gates
    # dc += dh * o * (1 - tanh_c²)
    xp.multiply(tanh_c, tanh_c, out=s)
    xp.subtract(1, s, out=s)
    xp.multiply(s, o, out=s)
    xp.multiply(s, dh, out=s)
    xp.add(dc, s, out=dc)
    # what da is for each unit of dc, or of dh for o: di = g i (1 - i), df = c_prev f (1 - f), do = tanh_c o (1 - o)
    di, df, dg, do = slopes
    xp.subtract(1, gates, out=slopes)
    xp.multiply(slopes, gates, out=slopes)
    xp.multiply(di, g, out=di)
    xp.multiply(df, c_prev, out=df)
    xp.multiply(do, tanh_c, out=do)
    # dg = i (1 - g²)
    xp.multiply(g, g, out=dg)
    xp.subtract(1, dg, out=dg)
    xp.multiply(dg, i, out=dg)
    xp.multiply(slopes[:3], dc, out=da[:3])
    xp.multiply(do, dh, out=da[3])
    xp.multiply(dc, f, out=dc)  # goes on to the step before
