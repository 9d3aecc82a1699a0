"""The gates of one LSTM step, forward and backward. All arrays are (N, H) unless they say otherwise."""

from __future__ import annotations

from ..backend import Array, xp_of


def forward(ax: Array, ah: Array, gates: Array, c_prev: Array, c: Array, tanh_c: Array, h: Array, s: Array) -> None:
    """Fill ``gates`` (4, N, H), ``c``, ``tanh_c`` and ``h`` from what input and state contribute, both (4, N, H).

    As σ(a) = 1 / (1 + exp(-a)) and tanh(a) = 2 σ(2a) - 1, one ``exp`` serves all four gates, if the candidate g is
    doubled before and put right after. ``s`` is scratch.
    """
    xp = xp_of(c)
    xp.add(ax, ah, out=gates)
    xp.multiply(gates[2], 2, out=gates[2])
    xp.negative(gates, out=gates)
    xp.exp(gates, out=gates)
    xp.add(gates, 1, out=gates)
    xp.reciprocal(gates, out=gates)
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


def backward(dh: Array, dc: Array, gates: Array, c_prev: Array, tanh_c: Array, da: Array, s: Array, u: Array) -> None:
    """Fill ``da`` (4, N, H), the gradients before the gates' nonlinearities, and turn ``dc`` into that of ``c_prev``.

    σ has the slope σ (1 - σ), tanh has 1 - tanh². ``s`` and ``u`` are scratch.
    """
    xp = xp_of(dc)
    i, f, g, o = gates
    di, df, dg, do = da
    xp.multiply(dh, o, out=s)
    xp.multiply(s, tanh_c, out=u)
    # do = dh * tanh_c * o * (1 - o)
    xp.subtract(1, o, out=do)
    xp.multiply(do, u, out=do)
    # dc += dh * o * (1 - tanh_c²)
    xp.multiply(u, tanh_c, out=u)
    xp.subtract(s, u, out=s)
    xp.add(dc, s, out=dc)
    xp.multiply(dc, i, out=s)
    # dg = dc * i * (1 - g²)
    xp.multiply(g, g, out=u)
    xp.subtract(1, u, out=u)
    xp.multiply(s, u, out=dg)
    # di = dc * g * i * (1 - i)
    xp.multiply(s, g, out=s)
    xp.subtract(1, i, out=u)
    xp.multiply(s, u, out=di)
    # df = dc * c_prev * f * (1 - f), and dc * f goes on to the step before
    xp.multiply(dc, f, out=dc)
    xp.subtract(1, f, out=u)
    xp.multiply(u, c_prev, out=u)
    xp.multiply(u, dc, out=df)
