"""``RNN``, ``GRU`` and ``LSTM``: a cell's step along a sequence, in layers and directions."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ..backend import as_library_of, xp_of
from ..creation import empty
from ..engine import label, wrap
from ..ops.rows import pick
from ..ops.shape import cat, flip, squeeze, stack, transpose, unbind, unsqueeze
from ..sequence import gru, lstm, rnn
from ..sequence.steps import Steps
from ..tensor import Parameter, Tensor
from . import functional as F
from . import init
from .cells import Weights, gru_reset_before_step, gru_step, lstm_step, rnn_step_of, state_tensors
from .fused import gru_layer, lstm_layer, rnn_layer, run_steps, sum_of_biases, tier
from .module import Module
from .utils.rnn import PackedSequence

GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 3, "LSTM": 4}  # by mode
NO_STEP = "RNNBase has weights, but no step to take with them: use nn.RNN, nn.GRU or nn.LSTM, or write forward()"


class RNNBase(Module):
    """What the three layers share: parameters, shapes, layers, directions. ``torch.nn.RNNBase``.

    Parameters of layer ``k`` are ``weight_ih_l{k}`` (gates * H, D), ``weight_hh_l{k}`` (gates * H, H),
    ``bias_ih_l{k}``, ``bias_hh_l{k}`` (gates * H), all uniform in ±1/sqrt(H) at the start; the backward direction's
    end in ``_reverse``. What stands under these names when the layer is called is what it uses, be it a parameter or
    a tensor that was put in its place, such as one with dropout.
    """

    gates: int
    states: int = 1  # tensors in the state: h, or h and c
    fused = True  # set it to False on a layer to run the cell's step instead; results are the same

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if mode not in GATES:
            raise ValueError(f"Unrecognized RNN mode: {mode}. Expected one of {', '.join(GATES)}")
        for flag, what in ((bias, "bias"), (batch_first, "batch_first")):
            if not isinstance(flag, bool):
                raise TypeError(f"{what} should be of type bool, got: {type(flag).__name__}")
        if isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ValueError("dropout should be a number in range [0, 1] representing the probability of an element being zeroed")
        for size, what in ((input_size, "input_size"), (hidden_size, "hidden_size"), (num_layers, "num_layers")):
            if not isinstance(size, int):
                raise TypeError(f"{what} should be of type int, got: {type(size).__name__}")
            if size <= 0:
                raise ValueError(f"{what} must be greater than zero, got {size}")
        if not 0 <= proj_size < hidden_size:
            raise ValueError(f"proj_size has to be a positive integer smaller than hidden_size, or zero to disable; got {proj_size}")
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers greater "
                f"than 1, but got dropout={dropout} and num_layers={num_layers}: it does nothing",
                stacklevel=2 + (type(self).__init__ is not RNNBase.__init__),  # the line that made the layer
            )
        self.mode, self.input_size, self.hidden_size, self.num_layers, self.bias = mode, input_size, hidden_size, num_layers, bias
        self.batch_first, self.dropout, self.bidirectional, self.proj_size = batch_first, float(dropout), bidirectional, proj_size
        rows, shown = GATES[mode] * hidden_size, proj_size or hidden_size
        for layer in range(num_layers):
            D = input_size if layer == 0 else shown * (1 + bidirectional)
            shapes = {"weight_ih": (rows, D), "weight_hh": (rows, shown), "bias_ih": (rows,), "bias_hh": (rows,)}
            shapes["weight_hr"] = (proj_size, hidden_size)
            for suffix in self._suffixes(layer):
                for name in self._names:
                    self.register_parameter(f"{name}_{suffix}", Parameter(empty(shapes[name], device=device, dtype=dtype)))
        self.reset_parameters()

    def _suffixes(self, layer: int) -> list[str]:
        return [f"l{layer}", f"l{layer}_reverse"] if self.bidirectional else [f"l{layer}"]

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        bound = 1 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing: there is no cuDNN that wants its weights in one block."""

    @property
    def _names(self) -> list[str]:
        """What the weights of each layer and direction are called, before the suffix."""
        return ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if self.bias else []), *(["weight_hr"] if self.proj_size else [])]

    @property
    def _all_weights(self) -> list[list[str]]:
        suffixes = [suffix for layer in range(self.num_layers) for suffix in self._suffixes(layer)]
        return [[f"{name}_{suffix}" for name in self._names] for suffix in suffixes]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Parameter]:
        return [getattr(self, name) for name in self._flat_weights_names]

    def _step(self) -> Any:
        """The function that takes one step; see :mod:`tinyrnn.nn.cells`."""
        raise NotImplementedError(NO_STEP)

    def _sequence(self, x: Tensor, *state_and_weights: Any, steps: Steps | None) -> tuple[Tensor, ...]:
        """The fused operation that takes all steps; see :mod:`tinyrnn.nn.fused`."""
        raise NotImplementedError(NO_STEP)

    def _stepper(self, state: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any) -> Any:
        """What takes one step of one layer at a time, on raw arrays; see :mod:`tinyrnn.sequence`."""
        raise NotImplementedError

    # -- running --

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        """A sequence (T, N, D), or (N, T, D) with ``batch_first``, or (T, D), to ``(output, state)``.

        ``output`` holds the last layer's h of every step, (T, N, directions * H); ``state`` each layer's and
        direction's last one, (layers * directions, N, H): ``h_n``, or ``(h_n, c_n)`` for an LSTM. The batch axis of
        the state is never first. No state means zeros. A :class:`PackedSequence` gives another one, and the state that
        each sequence has at its own end; the states are in the order of the sequences before they were sorted.

        Raises:
            ValueError: not 2 or 3 axes, or not the dtype of the weights.
            RuntimeError: sizes that do not fit; the message says which, by the names of the axes.
        """
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        if not isinstance(input, Tensor):
            got = type(input).__name__
            raise AttributeError(f"{type(self).__name__}: expected a Tensor or a PackedSequence, got {got}; make one with tinyrnn.tensor")
        batched = input.ndim == 3
        if input.ndim not in (2, 3):
            raise ValueError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.ndim}D instead")
        self._check_input(input, "(N, T, D), batch_first" if self.batch_first and batched else "(T, N, D)" if batched else "(T, D)")
        if not batched:
            input = unsqueeze(input, dim=1)
        elif self.batch_first:
            input = transpose(input, dim0=0, dim1=1)
        T, N, _ = input.shape
        if T == 0:
            raise RuntimeError(f"{type(self).__name__}: Expected sequence length to be larger than 0")
        x, last = self._layers(input, self._initial_states(input, hx, N, batched))
        if not batched:
            x = squeeze(x, dim=1)
            last = tuple(squeeze(s, dim=1) for s in last)
        elif self.batch_first:
            x = transpose(x, dim0=0, dim1=1)
        return x, self._state(last, "LNH" if batched else "LH")

    def _forward_packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        data, sizes, order, back = input
        if data.ndim != 2:
            raise RuntimeError(f"input must have 2 dimensions, got {data.ndim}: pack sequences of shape (T, D={self.input_size})")
        self._check_input(data, "(T, D) for each sequence")
        steps = input.steps
        states = self._initial_states(data, hx, steps.N, True, order)
        y, last = self._layers(data, states, steps)
        if back is not None:
            last = tuple(pick(s, rows=back.array, dim=1) for s in last)
        return PackedSequence(y, sizes, order, back), self._state(last, "LNH")

    def _check_input(self, input: Tensor, axes: str) -> None:
        if self.input_size != input.shape[-1]:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}. "
                f"The axes of the input are {axes}."
            )
        if input.dtype != self.weight_ih_l0.dtype:
            other = f"the model: model.to({input.dtype})" if input.is_floating_point() else "look ids up in an nn.Embedding first"
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({self.weight_ih_l0.dtype}). Convert the input: "
                f"x.to({self.weight_ih_l0.dtype}), or {other}"
            )

    def _state(self, last: tuple[Tensor, ...], axes: str) -> Any:
        for s, name in zip(last, ("h_n", "c_n")):
            label(s, name, axes)
        return last if self.states == 2 else last[0]

    def _layers(self, x: Tensor, states: list, steps: Steps | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """All layers and directions: (T, N, D), or packed, to the outputs, and the last states, (layers * directions, N, H)."""

        def turned(x: Tensor) -> Tensor:
            """Each sequence back to front; done twice, as it was."""
            return flip(x, dims=(0,)) if steps is None else pick(x, rows=steps.turned(x.array))

        finals: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            directions = []
            for reverse, suffix in enumerate(self._suffixes(layer)):
                k = len(finals)
                y, *final = self._run(turned(x) if reverse else x, tuple(s[k] for s in states), suffix, steps)
                directions.append(turned(y) if reverse else y)
                finals.append(tuple(final))
            x = directions[0] if len(directions) == 1 else cat(directions, -1)
        if len(finals) == 1:
            return x, tuple(_own(unsqueeze(s, dim=0)) for s in finals[0])  # a view: no launch on a GPU
        return x, tuple(stack(parts) for parts in zip(*finals))

    def _weights(self, suffix: str) -> list[Any]:
        """W_ih, W_hh, b_ih, b_hh and W_hr as they are now; None for those that this layer has not."""
        names = self._names
        return [
            getattr(self, f"{name}_{suffix}") if name in names else None
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        ]

    def _run(self, x: Tensor, state: tuple[Tensor, ...], suffix: str, steps: Steps | None) -> tuple[Tensor, ...]:
        """One direction of one layer: (T, N, D), or packed, to the outputs and the last state."""
        w_ih, w_hh, b_ih, b_hh, w_hr = self._weights(suffix)
        if self.fused and tier.fused:
            return self._sequence(x, *state, w_ih, w_hh, b_ih, b_hh, *([] if w_hr is None else [w_hr]), steps=steps)
        return run_steps(self._step(), x, state, w_ih, b_ih, Weights(w_hh, b_hh, w_hr), steps)

    def steppers(self, hx: Any) -> list[Any]:
        """For generation: what takes each layer one step on from the state ``hx``, without a graph, on raw arrays.

        Dropout is off, and the weights are as they are now. Call the first with x (N, D), the next with what that returns.

        Raises:
            ValueError: the layers are bidirectional, so they cannot go on from the past alone.
        """
        if self.bidirectional:
            raise ValueError(f"{type(self).__name__}: a bidirectional layer reads the future, so it cannot take one step at a time")
        states = [s.array for s in state_tensors(self, hx)]
        made = []
        for layer in range(self.num_layers):
            weights = (None if w is None else w.array for w in self._weights(f"l{layer}"))
            made.append(self._stepper(tuple(s[layer] for s in states), *weights))
        return made

    def _initial_states(self, input: Tensor, hx: Any, N: int, batched: bool, order: Tensor | None = None) -> list[tuple[Tensor, ...]]:
        """For h (and c): one tensor (N, H) for each layer and direction, in the ``order`` of a packed batch."""
        L, H = self.num_layers * (1 + self.bidirectional), self.hidden_size
        sizes = [self.proj_size or H, H][: self.states]
        if hx is None:
            xp = xp_of(input.array)
            return [(wrap(xp.zeros((N, size), input.array.dtype)),) * L for size in sizes]
        result = []
        for s, size, name in zip(state_tensors(self, hx), sizes, ("hidden", "cell")):
            wanted = (L, N, size) if batched else (L, size)
            if s.ndim != len(wanted):
                raise RuntimeError(
                    f"For {'batched 3-D' if batched else 'unbatched 2-D'} input, the {name} state should be {len(wanted)}-D, "
                    f"{list(wanted)}, but got {s.ndim}-D, {list(s.shape)}"
                )
            if tuple(s.shape) != wanted:
                raise RuntimeError(self._wrong_state(name, wanted, tuple(s.shape), batched))
            if s.dtype != input.dtype:
                raise RuntimeError(f"the {name} state has dtype {s.dtype}, the input {input.dtype}; they must be equal")
            if order is not None:
                s = pick(s, rows=as_library_of(s.array, order.array), dim=1)
            s = s if batched else unsqueeze(s, dim=1)
            result.append((squeeze(s, dim=0),) if L == 1 else unbind(s))
        return result

    def _wrong_state(self, name: str, wanted: tuple, got: tuple, batched: bool) -> str:
        text = f"Expected {name} size {list(wanted)}, got {list(got)}"
        if batched and got[0] == wanted[0] and got[2] == wanted[2]:
            return (
                f"{text}: the state is for N={got[1]} rows but this batch has N={wanted[1]}. For a smaller last batch: drop it, "
                f"take state[:, :{wanted[1]}], or start from None. (If the input is (N, T, D), pass batch_first=True.)"
            )
        return f"{text}: (layers * directions, N, H)" if batched else text

    def extra_repr(self) -> str:
        shown = [f"{self.input_size}, {self.hidden_size}"]
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        shown += [f"{name}={getattr(self, name)}" for name, default in defaults.items() if getattr(self, name) != default]
        return ", ".join(shown)


def _own(view: Tensor) -> Tensor:
    """A view of what nobody else holds stands for itself: it can be changed, and ``h_n.detach_()`` cuts it off."""
    view.base, view.steps, view.version = None, (), [0]
    return view


def _refuse_projection(proj_size: int) -> None:
    if proj_size:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(RNNBase):
    """An Elman network, ``h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)``. ``torch.nn.RNN``.

    >>> import tinyrnn
    >>> from tinyrnn import nn
    >>> output, h_n = nn.RNN(input_size=3, hidden_size=4)(tinyrnn.ones(7, 2, 3))  # (T, N, D)
    >>> output.shape, h_n.shape
    (tinyrnn.Size([7, 2, 4]), tinyrnn.Size([1, 2, 4]))
    """

    gates = GATES["RNN_TANH"]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        rnn_step_of(nonlinearity)
        _refuse_projection(proj_size)
        mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype)
        self.nonlinearity = nonlinearity

    def _step(self) -> Any:
        return rnn_step_of(self.nonlinearity)

    def _sequence(self, x: Tensor, *state_and_weights: Any, steps: Steps | None) -> tuple[Tensor, ...]:
        return rnn_layer(x, *state_and_weights, relu=self.nonlinearity == "relu", steps=steps)

    def _stepper(self, state: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any) -> Any:
        return rnn.Step(state[0], w_ih, w_hh, sum_of_biases(b_ih, b_hh), self.nonlinearity == "relu")


class LSTM(RNNBase):
    """Long short-term memory; :func:`tinyrnn.nn.cells.lstm_step` has the equations. ``torch.nn.LSTM``.

    The state is the pair ``(h, c)``. ``proj_size`` shows ``W_hr h`` instead of h (Sak et al., 2014).
    """

    gates = GATES["LSTM"]
    states = 2

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__("LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device, dtype)

    def _step(self) -> Any:
        return lstm_step

    def _sequence(self, x: Tensor, *state_and_weights: Any, steps: Steps | None) -> tuple[Tensor, ...]:
        return lstm_layer(x, *state_and_weights, steps=steps)

    def _stepper(self, state: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any) -> Any:
        return lstm.Step(state[0], state[1], w_ih, w_hh, sum_of_biases(b_ih, b_hh), w_hr)


class GRU(RNNBase):
    """Gated recurrent unit; :func:`tinyrnn.nn.cells.gru_step` has the equations. ``torch.nn.GRU``.

    ``reset_after=False`` is the GRU of the original paper, which resets before the matrix product; weights of the two
    do not convert.
    """

    gates = GATES["GRU"]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
        *,
        reset_after: bool = True,
    ) -> None:
        _refuse_projection(proj_size)
        super().__init__("GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype)
        self.reset_after = reset_after

    def _step(self) -> Any:
        return gru_step if self.reset_after else gru_reset_before_step

    def _sequence(self, x: Tensor, *state_and_weights: Any, steps: Steps | None) -> tuple[Tensor, ...]:
        return gru_layer(x, *state_and_weights, reset_after=self.reset_after, steps=steps)

    def _stepper(self, state: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any) -> Any:
        return gru.Step(state[0], w_ih, w_hh, b_ih, b_hh, self.reset_after)

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.reset_after else ", reset_after=False")
