"""Ways to fill a tensor at the start of learning, as in ``torch.nn.init``; all change it in place and return it."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine import no_grad
from ..names import missing_from
from ..random import Generator, draw
from ..tensor import Tensor


def _fill(tensor: Tensor, values: Any) -> Tensor:
    with no_grad():
        return tensor.copy_(values)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform numbers in [a, b)."""
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal numbers."""
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


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


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution that passes as many channels as it can through unchanged, in each of ``groups``."""
    if tensor.ndim not in (3, 4, 5):
        raise ValueError(f"Only tensors with 3, 4, or 5 dimensions are supported, got shape {tuple(tensor.shape)}")
    if tensor.shape[0] % groups:
        raise ValueError(f"dim 0 must be divisible by groups, got {tensor.shape[0]} and {groups}")
    values = np.zeros(tensor.shape)
    per_group = tensor.shape[0] // groups
    middle = tuple(n // 2 for n in tensor.shape[2:])
    for group in range(groups):
        for k in range(min(per_group, tensor.shape[1])):
            place = (group * per_group + k, k, *middle)
            values[place] = 1.0
    return _fill(tensor, values)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Normal, but a share ``sparsity`` of each column, rounded up, is zero (Martens, 2010)."""
    if tensor.ndim != 2:
        raise ValueError(f"Only tensors with 2 dimensions are supported, got shape {tuple(tensor.shape)}")
    rows, columns = tensor.shape
    values = draw("normal", tensor.shape, tensor.array.dtype, generator) * std
    order = draw("uniform", (rows, columns), np.dtype(np.float64), generator).argsort(axis=0)
    np.put_along_axis(values, order[: math.ceil(sparsity * rows)], 0, axis=0)
    return _fill(tensor, values)


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Generator | None = None
) -> Tensor:
    """Normal numbers, drawn anew until they are in [a, b]."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect.", stacklevel=2
        )
    low, high = (a - mean) / std, (b - mean) / std
    # Uniform numbers, each kept with the probability that the density there has of its largest. Beyond 9 is nothing.
    low, high = (max(low, -9.0), min(high, 9.0)) if low < 9 and high > -9 else (low, high)
    nearest = min(max(0.0, low), high)
    z = np.empty(tensor.numel())
    missing = np.arange(z.size)
    while missing.size:
        drawn = draw("uniform", (2, missing.size), np.dtype(np.float64), generator)
        z[missing] = low + (high - low) * drawn[0]
        missing = missing[drawn[1] > np.exp((nearest**2 - z[missing] ** 2) / 2)]
    return _fill(tensor, (z * std + mean).clip(a, b).reshape(tensor.shape))


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps a signal's scale through a nonlinearity."""
    convolutions = {f"conv{kind}{n}d": 1.0 for kind in ("", "_transpose") for n in (1, 2, 3)}
    gains = {"linear": 1.0, **convolutions, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}
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


def _nothing_to_fill(tensor: Tensor) -> Tensor:
    warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
    return tensor


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return calculate_gain(nonlinearity, a) / math.sqrt(_fans(tensor)[mode == "fan_out"])


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Generator | None = None
) -> Tensor:
    """Uniform with variance gain² / fan (He et al., 2015)."""
    if 0 in tensor.shape:
        return _nothing_to_fill(tensor)
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Generator | None = None
) -> Tensor:
    """Normal with variance gain² / fan (He et al., 2015)."""
    if 0 in tensor.shape:
        return _nothing_to_fill(tensor)
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


def _old_name(new: Callable) -> Callable:
    old = new.__name__.rstrip("_")

    @functools.wraps(new)
    def deprecated(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new.__name__}`.", FutureWarning, stacklevel=2)
        return new(*args, **kwargs)

    deprecated.__name__ = old
    deprecated.__doc__ = f"The old name of :func:`{new.__name__}`."
    return deprecated


uniform, normal, constant, eye = _old_name(uniform_), _old_name(normal_), _old_name(constant_), _old_name(eye_)
xavier_uniform, xavier_normal = _old_name(xavier_uniform_), _old_name(xavier_normal_)
kaiming_uniform, kaiming_normal = _old_name(kaiming_uniform_), _old_name(kaiming_normal_)
orthogonal, sparse, dirac = _old_name(orthogonal_), _old_name(sparse_), _old_name(dirac_)

__getattr__ = missing_from(__name__)
