"""The fused tier: one direction of one recurrent layer as a single operation, and the definition each stands for.

The forward and backward passes are in :mod:`tinyrnn.sequence`; here they meet autograd. Asked for a second
derivative, an operation runs its definition, the cell's step along the sequence, and differentiates that.

x is (T, N, D), h0 and c0 (N, H); results are the outputs (T, N, H) and the last state.
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
from ..ops.shape import stack, unbind
from ..sequence import gru, lstm, rnn
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


def run_steps(step: Any, x: Tensor, carried: Any, w_ih: Tensor, b_ih: Any, w: Weights) -> tuple[Tensor, Any]:
    """The definition of a layer: take ``step`` along x; returns all outputs and the last state."""
    outputs = []
    for ax in unbind(linear(x, w_ih, b_ih)):
        carried = step(ax, carried, w)
        outputs.append(carried[0] if isinstance(carried, tuple) else carried)
    return stack(outputs), carried


def sum_of_biases(b_ih: Any, b_hh: Any) -> Any:
    """Where they only ever occur together; None if there are none."""
    return None if b_ih is None else b_ih + b_hh


def _rows(x: Array) -> Array:
    return x.reshape(-1, x.shape[-1])


def _input_gradients(da: Array, x: Array, w_ih: Array, needs: tuple) -> tuple:
    """dx, dW_ih and the bias gradient from ``da`` (T, N, gates * H): one product each, over all T * N rows."""
    rows = _rows(da)
    dx = matmul(rows, w_ih).reshape(x.shape) if needs[0] else None
    dw = matmul(rows.T, _rows(x)) if needs[1] else None
    db = sum_of_rows(rows) if needs[2] else None
    return dx, dw, db


def _recurrent_gradient(da: Array, h: Array) -> Array:
    """dW_hh: each step's ``da`` against the state before it, summed over all steps by one product."""
    return matmul(_rows(da).T, _rows(h[:-1]))


# -- Elman --


@primitive(saves=True)
def rnn_layer(x, h0, w_ih, w_hh, b_ih=None, b_hh=None, *, relu=False):
    """:func:`tinyrnn.sequence.rnn.forward`."""
    saved = rnn.forward(x, h0, w_ih, w_hh, sum_of_biases(b_ih, b_hh), relu)
    return (saved.h[1:], saved.h[-1].copy()), saved


@rnn_layer.joint_rule
def _(g, x, h0, w_ih, w_hh, b_ih, b_hh, relu, y, saved, needs):
    da, dh0 = rnn.backward(saved, w_hh, g[0], g[1], relu)
    dx, dw_ih, db = _input_gradients(da, x, w_ih, (needs[0], needs[2], needs[4] or needs[5]))
    return dx, dh0, dw_ih, _recurrent_gradient(da, saved.h) if needs[3] else None, db, db


@rnn_layer.defined_by
def _(x, h0, w_ih, w_hh, b_ih, b_hh, relu):
    return run_steps(rnn_relu_step if relu else rnn_tanh_step, x, h0, w_ih, b_ih, Weights(w_hh, b_hh))


# -- LSTM --


@primitive(saves=True)
def lstm_layer(x, h0, c0, w_ih, w_hh, b_ih=None, b_hh=None, w_hr=None):
    """:func:`tinyrnn.sequence.lstm.forward`."""
    saved = lstm.forward(x, h0, c0, w_ih, w_hh, sum_of_biases(b_ih, b_hh), w_hr)
    return (saved.h[1:], saved.h[-1].copy(), saved.c[-1].copy()), saved


@lstm_layer.joint_rule
def _(g, x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, y, saved, needs):
    da, dh0, dc0, dw_hr = lstm.backward(saved, w_hh, w_hr, *g)
    dx, dw_ih, db = _input_gradients(da, x, w_ih, (needs[0], needs[3], needs[5] or needs[6]))
    return dx, dh0, dc0, dw_ih, _recurrent_gradient(da, saved.h) if needs[4] else None, db, db, dw_hr


@lstm_layer.defined_by
def _(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr):
    y, (h, c) = run_steps(lstm_step, x, (h0, c0), w_ih, b_ih, Weights(w_hh, b_hh, w_hr))
    return y, h, c


# -- GRU --


@primitive(saves=True)
def gru_layer(x, h0, w_ih, w_hh, b_ih=None, b_hh=None, *, reset_after=True):
    """:func:`tinyrnn.sequence.gru.forward`."""
    saved = gru.forward(x, h0, w_ih, w_hh, b_ih, b_hh, reset_after)
    return (saved.h[1:], saved.h[-1].copy()), saved


@gru_layer.joint_rule
def _(g, x, h0, w_ih, w_hh, b_ih, b_hh, reset_after, y, saved, needs):
    da, dh0 = gru.backward(saved, w_hh, g[0], g[1], reset_after)
    H, xp, wanted = w_hh.shape[1], xp_of(da), (needs[0], needs[2], needs[4])
    if xp is np:  # da begins with n, r, z: bring the weights into this order, and their gradients back into r, z, n
        nrz = np.concatenate([w_ih[2 * H :], w_ih[: 2 * H]])
        dx, dw_ih, db_ih = _input_gradients(da[..., : 3 * H], x, nrz, wanted)
        dw_ih, db_ih = (None if d is None else np.concatenate([d[H:], d[:H]]) for d in (dw_ih, db_ih))
    else:  # CuPy would copy some columns of da for each product; so one copy for all, in the order of the weights
        rzn = xp.concatenate([da[..., H : 3 * H], da[..., :H]], axis=-1)
        dx, dw_ih, db_ih = _input_gradients(rzn, x, w_ih, wanted)
    dw_hh = gru.recurrent_weight_gradient(saved, da, reset_after) if needs[3] else None
    return dx, dh0, dw_ih, dw_hh, db_ih, sum_of_rows(_rows(da)[:, H:]) if needs[5] else None


@gru_layer.defined_by
def _(x, h0, w_ih, w_hh, b_ih, b_hh, reset_after):
    return run_steps(gru_step if reset_after else gru_reset_before_step, x, h0, w_ih, b_ih, Weights(w_hh, b_hh))
