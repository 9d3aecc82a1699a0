"""Ways to fill a tensor at the start of learning, as in ``torch.nn.init``; all change it in place and return it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import Generator, as_library_of, draw
from ..engine import no_grad
from ..tensor import Tensor


def _fill(tensor: Tensor, values: Any) -> Tensor:
    with no_grad():
        return tensor.copy_(values)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform numbers in [a, b)."""
    u = draw("uniform", tensor.shape, tensor.array.dtype, generator)
    return _fill(tensor, as_library_of(tensor.array, u * (b - a) + a))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal numbers."""
    z = draw("normal", tensor.shape, tensor.array.dtype, generator)
    return _fill(tensor, as_library_of(tensor.array, z * std + mean))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """``val`` everywhere."""
    return _fill(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return _fill(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return _fill(tensor, 1)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix: a recurrence that starts by remembering (Le, Jaitly and Hinton, 2015)."""
    if tensor.ndim != 2:
        raise ValueError(f"Only tensors with 2 dimensions are supported, got shape {tuple(tensor.shape)}")
    return _fill(tensor, np.eye(*tensor.shape))


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps a signal's scale through a nonlinearity."""
    gains = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}
    if nonlinearity == "leaky_relu":
        if isinstance(param, bool) or not isinstance(param, (int, float, type(None))):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in gains:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}; known: leaky_relu, {', '.join(gains)}")
    return gains[nonlinearity]


def _fans(tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform in ±gain·sqrt(6 / (fan in + fan out)) (Glorot and Bengio, 2010)."""
    bound = gain * math.sqrt(6 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with variance gain²·2 / (fan in + fan out) (Glorot and Bengio, 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(_fans(tensor))), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return calculate_gain(nonlinearity, a) / math.sqrt(_fans(tensor)[mode == "fan_out"])


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Generator | None = None
) -> Tensor:
    """Uniform with variance gain² / fan (He et al., 2015)."""
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Generator | None = None
) -> Tensor:
    """Normal with variance gain² / fan (He et al., 2015)."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """A matrix with orthonormal rows or columns: a recurrence that keeps lengths (Saxe et al., 2014)."""
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows, columns = tensor.shape[0], tensor.numel() // tensor.shape[0]
    flat = draw("normal", (rows, columns), np.dtype(np.float64), generator)
    q, r = np.linalg.qr(flat.T if rows < columns else flat)
    q *= np.sign(np.diag(r))  # makes the draw uniform over all such matrices
    return _fill(tensor, gain * (q.T if rows < columns else q).reshape(tensor.shape))


def forget_bias_(lstm: Any, value: float = 1.0) -> Any:
    """Let every forget gate of an ``LSTM`` or ``LSTMCell`` start at bias ``value``: it remembers from the start.

    The two biases that PyTorch keeps add up: the input's becomes ``value``, the recurrent one 0
    (Jozefowicz, Zaremba and Sutskever, 2015). Gates are in the order i, f, g, o. Returns the module.

    >>> import tinyrnn
    >>> from tinyrnn import nn
    >>> nn.init.forget_bias_(nn.LSTMCell(3, 2)).bias_ih[2:4]
    tensor([1., 1.], grad_fn=<GetitemBackward0>)
    """
    H = lstm.hidden_size
    biases = {name: p for name, p in lstm.named_parameters() if name.startswith("bias_")}
    if not biases:
        raise ValueError("forget_bias_: the module has no biases; make it with bias=True")
    with no_grad():
        for name, bias in biases.items():
            if tuple(bias.shape) != (4 * H,):
                raise ValueError(f"forget_bias_: expected an LSTM with biases of shape ({4 * H},), got {name} {tuple(bias.shape)}")
            bias[H : 2 * H] = value if name.startswith("bias_ih") else 0.0
    return lstm
