"""The gates of one LSTM step, forward and backward. All arrays are (N, H) unless they say otherwise."""

from __future__ import annotations

import numpy as np

from ..backend import Array, xp_of
from . import pointwise


def scale(like: Array) -> Array:
    """What to multiply the contributions ``like`` (N, 4H) to the gates i, f, g, o by before ``exp``; as many numbers.

    As σ(a) = 1 / (1 + exp(-a)) and tanh(a) = 2 σ(2a) - 1, one ``exp`` serves all four gates, if the candidate g is doubled.
    That is for NumPy, where each pass over memory counts; on a GPU each thread takes the function that it needs.
    """
    if xp_of(like) is not np:
        return like
    factors, H = np.full_like(like, -1), like.shape[1] // 4
    factors[:, 2 * H : 3 * H] = -2
    return factors


@pointwise(
    "raw T ax, raw T ah, T c_prev",
    "raw T gates, T c, T tanh_c, T h",
    """
    const int H = ah.shape()[1] / 4, at = i / H * 4 * H + i % H, NH = _ind.size();
    const T input = sigmoid(ax[at] + ah[at]);
    const T forget = sigmoid(ax[at + H] + ah[at + H]);
    const T candidate = tanh(ax[at + 2 * H] + ah[at + 2 * H]);
    const T output = sigmoid(ax[at + 3 * H] + ah[at + 3 * H]);
    const T new_c = forget * c_prev + input * candidate;
    const T squashed = tanh(new_c);
    gates[i] = input;
    gates[NH + i] = forget;
    gates[2 * NH + i] = candidate;
    gates[3 * NH + i] = output;
    c = new_c;
    tanh_c = squashed;
    h = output * squashed;
    """,
)
def forward(ax: Array, ah: Array, scale: Array, gates: Array, c_prev: Array, c: Array, tanh_c: Array, h: Array, s: Array) -> None:
    """Fill ``gates`` (4, N, H), ``c``, ``tanh_c`` and ``h`` from what input and state contribute, both (N, 4H).

    ``ah`` and ``s`` are scratch afterwards.
    """
    N, H = c.shape
    np.add(ax, ah, out=ah)
    np.multiply(ah, scale, out=ah)
    np.exp(ah, out=ah)
    np.add(ah, 1, out=ah)
    np.reciprocal(ah.reshape(N, 4, H).swapaxes(0, 1), out=gates)  # from rows to a block for each gate
    i, f, g, o = gates
    np.multiply(g, 2, out=g)
    np.subtract(g, 1, out=g)
    # c = f * c_prev + i * g
    np.multiply(f, c_prev, out=c)
    np.multiply(i, g, out=s)
    np.add(c, s, out=c)
    # h = o * tanh(c)
    np.tanh(c, out=tanh_c)
    np.multiply(o, tanh_c, out=h)


@pointwise(
    "T dh, T dy, raw T gates, T c_prev, T tanh_c",
    "raw T da, T dc",
    """
    const int NH = _ind.size();
    const T input = gates[i], forget = gates[NH + i], candidate = gates[2 * NH + i], output = gates[3 * NH + i];
    const T d_h = dh + dy;
    const T d_c = dc + d_h * output * (1 - tanh_c * tanh_c);
    da[i] = d_c * candidate * input * (1 - input);
    da[NH + i] = d_c * c_prev * forget * (1 - forget);
    da[2 * NH + i] = d_c * input * (1 - candidate * candidate);
    da[3 * NH + i] = d_h * tanh_c * output * (1 - output);
    dc = d_c * forget;
    """,
)
def backward(dh: Array, dy: Array, dc: Array, gates: Array, c_prev: Array, tanh_c: Array, da: Array, s: Array, slopes: Array) -> None:
    """Fill ``da`` (4, N, H), the gradients before the gates' nonlinearities, and turn ``dc`` into that of ``c_prev``.

    ``dy`` is the gradient from this step's output, ``dh`` what later steps sent. σ has the slope σ (1 - σ), tanh has
    1 - tanh². ``dh``, ``s`` and ``slopes`` (4, N, H) are scratch afterwards.
    """
    i, f, g, o = gates
    np.add(dh, dy, out=dh)
    # dc += dh * o * (1 - tanh_c²)
    np.multiply(tanh_c, tanh_c, out=s)
    np.subtract(1, s, out=s)
    np.multiply(s, o, out=s)
    np.multiply(s, dh, out=s)
    np.add(dc, s, out=dc)
    # what da is for each unit of dc, or of dh for o: di = g i (1 - i), df = c_prev f (1 - f), do = tanh_c o (1 - o)
    di, df, dg, do = slopes
    np.subtract(1, gates, out=slopes)
    np.multiply(slopes, gates, out=slopes)
    np.multiply(di, g, out=di)
    np.multiply(df, c_prev, out=df)
    np.multiply(do, tanh_c, out=do)
    # dg = i (1 - g²)
    np.multiply(g, g, out=dg)
    np.subtract(1, dg, out=dg)
    np.multiply(dg, i, out=dg)
    np.multiply(slopes[:3], dc, out=da[:3])
    np.multiply(do, dh, out=da[3])
    np.multiply(dc, f, out=dc)  # goes on to the step before
