"""One step of a recurrent network, written as its equations.

These few lines are the specification of everything recurrent in tinyrnn: the cells call them once, the layers
(:mod:`tinyrnn.nn.rnn`) once a time step, and autograd derives backpropagation through time from them.

``ax`` is what the input contributes, ``W_ih x + b_ih``, since it needs no state and can be computed for all steps
at once. ``w`` holds the recurrent weights. Shapes: N rows, H hidden units, ``(N, gates * H)`` for ``ax``.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ..creation import empty
from ..engine import label
from ..ops.activations import relu, sigmoid, tanh
from ..ops.linalg import linear
from ..ops.shape import chunk
from ..tensor import Parameter, Tensor
from . import init
from .module import Module


class Weights(NamedTuple):
    """The recurrent weights of one direction of one layer: (gates * H, H), (gates * H,), and (P, H) with a projection."""

    hh: Tensor
    bias: Tensor | None = None
    projection: Tensor | None = None


def rnn_tanh_step(ax: Tensor, h: Tensor, w: Weights) -> Tensor:
    """``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)`` (Elman, 1990)."""
    return tanh(ax + linear(h, w.hh, w.bias))


def rnn_relu_step(ax: Tensor, h: Tensor, w: Weights) -> Tensor:
    """``h' = relu(W_ih x + b_ih + W_hh h + b_hh)``."""
    return relu(ax + linear(h, w.hh, w.bias))


def lstm_step(ax: Tensor, state: tuple[Tensor, Tensor], w: Weights) -> tuple[Tensor, Tensor]:
    """Long short-term memory (Hochreiter and Schmidhuber, 1997; forget gate by Gers et al., 2000).

    With σ for the sigmoid, and the gates in the order i, f, g, o::

        i = σ(W_ii x + b_ii + W_hi h + b_hi)        what to write
        f = σ(W_if x + b_if + W_hf h + b_hf)        what to keep
        g = tanh(W_ig x + b_ig + W_hg h + b_hg)     the candidate
        o = σ(W_io x + b_io + W_ho h + b_ho)        what to show
        c' = f * c + i * g
        h' = o * tanh(c')                           times W_hr with a projection (Sak et al., 2014)
    """
    h, c = state
    i, f, g, o = chunk(ax + linear(h, w.hh, w.bias), 4, -1)  # (N, H) each
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h = sigmoid(o) * tanh(c)
    if w.projection is not None:
        h = linear(h, w.projection)
    return h, c


def gru_step(ax: Tensor, h: Tensor, w: Weights) -> Tensor:
    """Gated recurrent unit as cuDNN and PyTorch have it: reset *after* the matrix product.

    With σ for the sigmoid, and the gates in the order r, z, n::

        r = σ(W_ir x + b_ir + W_hr h + b_hr)            reset
        z = σ(W_iz x + b_iz + W_hz h + b_hz)            update
        n = tanh(W_in x + b_in + r * (W_hn h + b_hn))   the candidate
        h' = (1 - z) * n + z * h
    """
    xr, xz, xn = chunk(ax, 3, -1)
    hr, hz, hn = chunk(linear(h, w.hh, w.bias), 3, -1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    n = tanh(xn + r * hn)
    return n + z * (h - n)


def gru_reset_before_step(ax: Tensor, h: Tensor, w: Weights) -> Tensor:
    """Gated recurrent unit as first published (Cho et al., 2014): reset *before* the matrix product.

    As :func:`gru_step`, but ``n = tanh(W_in x + b_in + W_hn (r * h) + b_hn)``. Weights of the two do not convert.
    """
    H = h.shape[-1]
    xr, xz, xn = chunk(ax, 3, -1)
    bias = w.bias
    hr, hz = chunk(linear(h, w.hh[: 2 * H], None if bias is None else bias[: 2 * H]), 2, -1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    n = tanh(xn + linear(r * h, w.hh[2 * H :], None if bias is None else bias[2 * H :]))
    return n + z * (h - n)


def rnn_step_of(nonlinearity: str) -> Any:
    """The step of an Elman network with this nonlinearity."""
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
    return rnn_tanh_step if nonlinearity == "tanh" else rnn_relu_step


def state_tensors(module: Any, hx: Any) -> tuple[Tensor, ...]:
    """The given state of a cell or layer as a tuple: ``(h,)``, or ``(h, c)`` for those with two.

    Raises:
        RuntimeError: not a tensor, or not a pair of tensors.
    """
    pair = module.states == 2
    given = tuple(hx) if pair and isinstance(hx, (tuple, list)) else (hx,)
    if len(given) != module.states or not all(isinstance(s, Tensor) for s in given):
        got = f"{type(hx).__name__} of {len(hx)}" if isinstance(hx, (tuple, list)) else type(hx).__name__
        raise RuntimeError(f"{type(module).__name__}: expected the state as {'a pair (h, c)' if pair else 'one tensor h'}, got a {got}")
    return given


class RNNCellBase(Module):
    """What the three cells share: weights (num_chunks * H, D) and (num_chunks * H, H), uniform in ±1/sqrt(H), and the checks.

    ``torch.nn.RNNCellBase``.
    """

    states: int = 1  # tensors in the state: h, or h and c

    def __init__(self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        if hidden_size <= 0:
            raise ValueError("hidden_size must be greater than zero")
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(empty(rows, input_size, device=device, dtype=dtype))
        self.weight_hh = Parameter(empty(rows, hidden_size, device=device, dtype=dtype))
        self.register_parameter("bias_ih", Parameter(empty(rows, device=device, dtype=dtype)) if bias else None)
        self.register_parameter("bias_hh", Parameter(empty(rows, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        bound = 1 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def _check(self, input: Tensor, hx: Any) -> None:
        name, D, H = type(self).__name__, self.input_size, self.hidden_size
        if input.ndim not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, (D={D}) or (N, D={D}), got {input.ndim}D instead")
        if input.shape[-1] != D:
            raise RuntimeError(f"{name}: input has inconsistent input_size: got {input.shape[-1]}, expected {D}")
        wanted = (*input.shape[:-1], H)
        for h in state_tensors(self, hx):
            if h.ndim not in (1, 2):
                raise ValueError(f"{name}: Expected the state to be 1D or 2D, (H={H}) or (N, H={H}), got {h.ndim}D instead")
            if tuple(h.shape) != wanted:
                raise RuntimeError(
                    f"{name}: the state has shape {tuple(h.shape)}, expected {wanted} for input of shape {tuple(input.shape)}"
                )
            if h.dtype != input.dtype:
                raise RuntimeError(f"{name}: the state has dtype {h.dtype}, the input {input.dtype}; they must be equal")

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Any:
        """(N, D) and (N, H), or (D) and (H), to the next state; no state means zeros."""
        if hx is None:
            hx = input.new_zeros(*input.shape[:-1], self.hidden_size)
        self._check(input, hx)
        ax = linear(input, self.weight_ih, self.bias_ih)
        return label(self._step(ax, hx), "h", "NH")

    def _step(self, ax: Tensor, h: Tensor) -> Tensor:
        raise NotImplementedError

    def extra_repr(self) -> str:
        bias = "" if self.bias else f", bias={self.bias}"
        return f"{self.input_size}, {self.hidden_size}{bias}"


class RNNCell(RNNCellBase):
    """One step of an Elman network; see :func:`rnn_tanh_step`. ``torch.nn.RNNCell``."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device: Any = None, dtype: Any = None
    ) -> None:
        rnn_step_of(nonlinearity)
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def _step(self, ax: Tensor, h: Tensor) -> Tensor:
        return rnn_step_of(self.nonlinearity)(ax, h, Weights(self.weight_hh, self.bias_hh))

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class GRUCell(RNNCellBase):
    """One step of a GRU; see :func:`gru_step`. ``torch.nn.GRUCell``.

    ``reset_after=False`` is the GRU of the original paper; see :func:`gru_reset_before_step`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        reset_after: bool = True,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)
        self.reset_after = reset_after

    def _step(self, ax: Tensor, h: Tensor) -> Tensor:
        step = gru_step if self.reset_after else gru_reset_before_step
        return step(ax, h, Weights(self.weight_hh, self.bias_hh))

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.reset_after else ", reset_after=False")


class LSTMCell(RNNCellBase):
    """One step of an LSTM; see :func:`lstm_step`. ``torch.nn.LSTMCell``.

    >>> import tinyrnn
    >>> from tinyrnn import nn
    >>> h, c = nn.LSTMCell(3, 2)(tinyrnn.ones(5, 3))
    >>> h.shape, c.shape
    (tinyrnn.Size([5, 2]), tinyrnn.Size([5, 2]))
    """

    states = 2

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """(N, D) and a pair of (N, H) to the next pair ``(h, c)``; no state means zeros."""
        if hx is None:
            zeros = input.new_zeros(*input.shape[:-1], self.hidden_size)
            hx = (zeros, zeros)
        self._check(input, hx)
        ax = linear(input, self.weight_ih, self.bias_ih)
        h, c = lstm_step(ax, hx, Weights(self.weight_hh, self.bias_hh))
        return label(h, "h", "NH"), label(c, "c", "NH")
