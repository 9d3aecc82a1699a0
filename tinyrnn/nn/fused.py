"""The fused tier: one direction of one recurrent layer as a single operation, and the definition each stands for.

The forward and backward passes are in :mod:`tinyrnn.sequence`; here they meet autograd. Asked for a second
derivative, an operation runs its definition, the cell's step along the sequence, and differentiates that.

x is (T, N, D), or packed: (rows, D), with ``steps`` to say which row is which. h0 and c0 are (N, H); results are the
outputs, of the shape of x but for H, and the last state.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backend import Array, xp_of
from ..engine import primitive
from ..ops.linalg import linear
from ..ops.shape import cat, narrow, split, stack, unbind
from ..sequence import gru, lstm, rnn
from ..sequence.steps import Steps, steps_of
from ..tensor import Tensor
from ..threads import matmul, sum_of_rows
from .cells import Weights, gru_reset_before_step, gru_step, lstm_step, rnn_relu_step, rnn_tanh_step


class _Tier(threading.local):
    fused = True


tier = _Tier()


@contextlib.contextmanager
def definition() -> Iterator[None]:
    """Inside, recurrent layers run the definition, their cell's step, instead of the fused operation.

    >>> import tinyrnn
    >>> from tinyrnn import nn
    >>> layer, x = nn.GRU(3, 4), tinyrnn.ones(5, 2, 3)
    >>> with nn.definition():
    ...     spelled_out, _ = layer(x)
    >>> bool((layer(x)[0] - spelled_out).abs().max() < 1e-6)
    True
    """
    before, tier.fused = tier.fused, False
    try:
        yield
    finally:
        tier.fused = before


def run_steps(step: Any, x: Tensor, state: tuple, w_ih: Tensor, b_ih: Any, w: Weights, steps: Steps | None = None) -> tuple:
    """The definition of a layer: take ``step`` along x; returns all outputs, and what the last state consists of.

    Packed sequences that have ended are set aside; they are the last rows, since the longest come first.
    """
    ax = linear(x, w_ih, b_ih)
    carried = state if len(state) > 1 else state[0]
    outputs: list[Tensor] = []
    ended: list[tuple] = []
    for at in unbind(ax) if steps is None else split(ax, steps.sizes):
        n, before = at.shape[0], outputs[-1].shape[0] if outputs else at.shape[0]
        if n < before:
            ended.append(tuple(narrow(s, dim=0, start=n, length=before - n) for s in state))
            state = tuple(narrow(s, dim=0, start=0, length=n) for s in state)
        carried = step(at, state if len(state) > 1 else state[0], w)
        state = carried if isinstance(carried, tuple) else (carried,)
        outputs.append(state[0])
    last = tuple(cat(parts) for parts in zip(state, *reversed(ended))) if ended else state
    return (stack(outputs) if steps is None else cat(outputs), *last)


def sum_of_biases(b_ih: Any, b_hh: Any) -> Any:
    """Where they only ever occur together; None if there are none."""
    return None if b_ih is None else b_ih + b_hh


def _rows(x: Array) -> Array:
    return x.reshape(-1, x.shape[-1])


def _begin(x: Array, h0: Array, steps: Steps | None) -> tuple[Steps, Array]:
    """Which rows belong to which step, and x as such rows."""
    return steps or steps_of((h0.shape[0],) * x.shape[0]), _rows(x)


def _results(x: Array, saved: Any, *states: Array) -> tuple:
    """What the operation returns: the outputs, the last of each of ``states``, and what backward needs."""
    h = states[0]
    y = h[saved.steps.N :].reshape(*x.shape[:-1], h.shape[1])
    return (y, *map(saved.steps.last, states)), saved


def _input_gradients(da: Array, x: Array, w_ih: Array, needs: tuple) -> tuple:
    """dx, dW_ih and the bias gradient from ``da`` (rows, gates * H): one product each, over all rows of all steps."""
    dx = matmul(da, w_ih).reshape(x.shape) if needs[0] else None
    dw = matmul(da.T, _rows(x)) if needs[1] else None
    db = sum_of_rows(da) if needs[2] else None
    return dx, dw, db


def _recurrent_gradient(da: Array, saved: Any) -> Array:
    """dW_hh: each step's ``da`` against the state before it, summed over all steps by one product."""
    return matmul(da.T, saved.steps.before(saved.h))


def _keep(node: Any) -> None:
    """The states are the outputs, whose memory a program may change (``output *= mask``): backward gets a copy."""
    saved = node.values["saved"]
    node.values["saved"] = saved._replace(h=saved.h.copy())


# -- Elman --


@primitive(saves=True)
def rnn_layer(x, h0, w_ih, w_hh, b_ih=None, b_hh=None, *, relu=False, steps=None):
    """:func:`tinyrnn.sequence.rnn.forward`."""
    saved = rnn.forward(*_begin(x, h0, steps), h0, w_ih, w_hh, sum_of_biases(b_ih, b_hh), relu)
    return _results(x, saved, saved.h)


@rnn_layer.joint_rule
def _(g, x, h0, w_ih, w_hh, b_ih, b_hh, relu, y, saved, needs):
    da, dh0 = rnn.backward(saved, w_hh, g[0], g[1], relu)
    dx, dw_ih, db = _input_gradients(da, x, w_ih, (needs[0], needs[2], needs[4] or needs[5]))
    return dx, dh0, dw_ih, _recurrent_gradient(da, saved) if needs[3] else None, db, db


@rnn_layer.defined_by
def _(x, h0, w_ih, w_hh, b_ih, b_hh, relu=False, steps=None):
    return run_steps(rnn_relu_step if relu else rnn_tanh_step, x, (h0,), w_ih, b_ih, Weights(w_hh, b_hh), steps)


# -- LSTM --


@primitive(saves=True)
def lstm_layer(x, h0, c0, w_ih, w_hh, b_ih=None, b_hh=None, w_hr=None, *, steps=None):
    """:func:`tinyrnn.sequence.lstm.forward`."""
    saved = lstm.forward(*_begin(x, h0, steps), h0, c0, w_ih, w_hh, sum_of_biases(b_ih, b_hh), w_hr)
    return _results(x, saved, saved.h, saved.c)


@lstm_layer.joint_rule
def _(g, x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, y, saved, needs):
    da, dh0, dc0, dw_hr = lstm.backward(saved, w_hh, w_hr, *g)
    dx, dw_ih, db = _input_gradients(da, x, w_ih, (needs[0], needs[3], needs[5] or needs[6]))
    return dx, dh0, dc0, dw_ih, _recurrent_gradient(da, saved) if needs[4] else None, db, db, dw_hr


@lstm_layer.defined_by
def _(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, steps=None):
    return run_steps(lstm_step, x, (h0, c0), w_ih, b_ih, Weights(w_hh, b_hh, w_hr), steps)


# -- GRU --


@primitive(saves=True)
def gru_layer(x, h0, w_ih, w_hh, b_ih=None, b_hh=None, *, reset_after=True, steps=None):
    """:func:`tinyrnn.sequence.gru.forward`."""
    saved = gru.forward(*_begin(x, h0, steps), h0, w_ih, w_hh, b_ih, b_hh, reset_after)
    return _results(x, saved, saved.h)


@gru_layer.joint_rule
def _(g, x, h0, w_ih, w_hh, b_ih, b_hh, reset_after, y, saved, needs):
    da, dh0 = gru.backward(saved, w_hh, g[0], g[1], reset_after)
    H, xp, wanted = w_hh.shape[1], xp_of(da), (needs[0], needs[2], needs[4])
    if xp is np:  # da begins with n, r, z: bring the weights into this order, and their gradients back into r, z, n
        nrz = np.concatenate([w_ih[2 * H :], w_ih[: 2 * H]])
        dx, dw_ih, db_ih = _input_gradients(da[:, : 3 * H], x, nrz, wanted)
        dw_ih, db_ih = (None if d is None else np.concatenate([d[H:], d[:H]]) for d in (dw_ih, db_ih))
    else:  # CuPy would copy some columns of da for each product; so one copy for all, in the order of the weights
        rzn = xp.concatenate([da[:, H : 3 * H], da[:, :H]], axis=1)
        dx, dw_ih, db_ih = _input_gradients(rzn, x, w_ih, wanted)
    dw_hh = gru.recurrent_weight_gradient(saved, da, reset_after) if needs[3] else None
    return dx, dh0, dw_ih, dw_hh, db_ih, sum_of_rows(da[:, H:]) if needs[5] else None


@gru_layer.defined_by
def _(x, h0, w_ih, w_hh, b_ih, b_hh, reset_after=True, steps=None):
    return run_steps(gru_step if reset_after else gru_reset_before_step, x, (h0,), w_ih, b_ih, Weights(w_hh, b_hh), steps)


for _layer in (rnn_layer, lstm_layer, gru_layer):
    _layer.keep = _keep
