"""Activations as functions, as in ``torch.nn.functional``; :mod:`tinyrnn.nn.activations` has them as modules."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ...backend import as_library_of
from ...engine import wrap
from ...ops import activations as ac
from ...ops.activations import gelu, sigmoid, softplus, tanh
from ...ops.elementwise import abs, clamp, where
from ...ops.index import scatter
from ...ops.reduce import argmax
from ...ops.reduce import log_softmax as _log_softmax
from ...ops.reduce import softmax as _softmax
from ...ops.shape import _normal, chunk
from ...random import draw
from ...tensor import Tensor
from ...tensor.inplace import change
from .checks import need_floats, need_tensors

__all__ = [
    "celu",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "log_softmax",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]


def _with_inplace(function: Callable) -> Any:
    """Add PyTorch's last argument ``inplace=False``: whether the result takes the place of ``input``."""
    settings = list(inspect.signature(function).parameters.values())
    inplace = inspect.Parameter("inplace", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=False)

    @functools.wraps(function)
    def either(input: Tensor, *args: Any, inplace: bool = False, **options: Any) -> Tensor:
        if len(args) == len(settings):
            *args, inplace = args  # type: ignore[assignment]
        return change(input, function, *args, **options) if inplace else function(input, *args, **options)

    either.__signature__ = inspect.Signature([*settings, inplace])  # type: ignore[attr-defined]
    return either


@_with_inplace
def relu(input: Tensor) -> Tensor:
    """The positive part."""
    return ac.relu(input)


@_with_inplace
def relu6(input: Tensor) -> Tensor:
    """The positive part, at most 6."""
    return _hardtanh(input, 0.0, 6.0)


@_with_inplace
def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """``x`` where positive, ``negative_slope * x`` elsewhere."""
    return ac.leaky_relu(input, negative_slope=negative_slope)


@_with_inplace
def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """``x`` where positive, ``alpha * (exp(x) - 1)`` elsewhere (Clevert et al., 2015)."""
    return ac.elu(input, alpha=alpha)


@_with_inplace
def celu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """``x`` where positive, ``alpha * (exp(x / alpha) - 1)`` elsewhere (Barron, 2017)."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return where(input > 0, input, alpha * ac.elu(clamp(input, max=0) / alpha))


@_with_inplace
def selu(input: Tensor) -> Tensor:
    """A scaled :func:`elu` that pulls mean and variance towards 0 and 1 (Klambauer et al., 2017)."""
    return 1.0507009873554804934193349852946 * ac.elu(input, alpha=1.6732632423543772848170429916717)


@_with_inplace
def silu(input: Tensor) -> Tensor:
    """``x * sigmoid(x)`` (Elfwing et al., 2017)."""
    return input * sigmoid(input)


@_with_inplace
def mish(input: Tensor) -> Tensor:
    """``x * tanh(softplus(x))`` (Misra, 2019)."""
    return input * tanh(softplus(input))


def _hardtanh(input: Tensor, low: float, high: float) -> Tensor:
    # on the limits the slope is 0, unlike that of clamp
    return where((input > low) & (input < high), input, clamp(input.detach(), min=low, max=high))


@_with_inplace
def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """``x`` between ``min_val`` and ``max_val``, else the nearer of them."""
    if min_val > max_val:
        raise ValueError(f"min_val cannot be greater than max_val, got {min_val} and {max_val}")
    return _hardtanh(input, min_val, max_val)


@_with_inplace
def hardsigmoid(input: Tensor) -> Tensor:
    """``(x + 3) / 6`` between 0 and 1: a sigmoid of straight lines."""
    return _hardtanh(input + 3, 0.0, 6.0) / 6


@_with_inplace
def hardswish(input: Tensor) -> Tensor:
    """``x * hardsigmoid(x)`` (Howard et al., 2019)."""
    return input * (_hardtanh(input + 3, 0.0, 6.0) / 6)


@_with_inplace
def threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    """``x`` above ``threshold``, else ``value``."""
    return where(input <= threshold, value, input)


relu_, elu_, leaky_relu_ = (functools.partial(f, inplace=True) for f in (relu, elu, leaky_relu))
hardtanh_, threshold_ = (functools.partial(f, inplace=True) for f in (hardtanh, threshold))


def logsigmoid(input: Tensor) -> Tensor:
    """``log(sigmoid(x))``, without overflow."""
    return -softplus(-input, threshold=40.0)


def softsign(input: Tensor) -> Tensor:
    """``x / (1 + |x|)``."""
    return input / (1 + abs(input))


def tanhshrink(input: Tensor) -> Tensor:
    """``x - tanh(x)``."""
    return input - tanh(input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """``x`` moved towards 0 by ``lambd``, at most to 0."""
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}")
    return where(input > lambd, input - lambd, where(input < -lambd, input + lambd, input * 0))


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """``x``, but 0 between ``-lambd`` and ``lambd``."""
    return where((input >= -lambd) & (input <= lambd), 0.0, input)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """``x`` where positive, ``weight * x`` elsewhere: one weight for all, or one for each channel, which is axis 1."""
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got ndim = {weight.ndim}")
    n = weight.numel()
    if n != 1:
        channels = input.shape[1] if input.ndim > 1 else 1
        if n != channels:
            raise RuntimeError(f"Mismatch of parameter numbers and input channel size: {n} weights for {channels} channels.")
        weight = weight.reshape(-1, *[1] * (input.ndim - 2))
    return where(input > 0, input, weight * input)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """``a * sigmoid(b)`` of the halves a and b of ``input`` along ``dim`` (Dauphin et al., 2016)."""
    if not input.ndim:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    size = input.shape[_normal(dim, input.ndim)]
    if size % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {size}")
    a, b = chunk(input, 2, dim)
    return a * sigmoid(b)


# -- along an axis --


def _axis(name: str, input: Tensor, dim: int | None, stacklevel: int, dtype: Any) -> int:
    """``dim``, or the axis that PyTorch once took by itself."""
    need_floats(name, input) if dtype is None else need_tensors(name, input=input)
    if dim is not None:
        return dim
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if input.ndim in (0, 1, 3) else 1


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """``exp(input) / sum(exp(input))`` along ``dim``, of ``input`` as ``dtype``."""
    dim = _axis("softmax", input, dim, _stacklevel, dtype)
    return _softmax(input, dim, dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """``softmax(-input)``."""
    dim = _axis("softmin", input, dim, _stacklevel, dtype)
    return _softmax(-input, dim, dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """``log(softmax(input))`` along ``dim``, of ``input`` as ``dtype``."""
    dim = _axis("log_softmax", input, dim, _stacklevel, dtype)
    return _log_softmax(input, dim, dtype)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A draw from the classes of ``logits`` along ``dim`` that gradients flow through (Jang et al., 2016).

    Shares that sum to 1; the smaller the temperature ``tau``, the nearer to a single 1. With ``hard`` they are a single 1
    and zeros, but the gradient is that of the shares.
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    uniform = draw("uniform", logits.shape, np.dtype(np.float64))
    noise = -np.log(-np.log1p(-uniform.clip(2.0**-53)))  # of a Gumbel distribution
    soft = _softmax((logits + wrap(as_library_of(logits.array, noise.astype(logits.array.dtype)))) / tau, dim=dim)
    if not hard:
        return soft
    one = scatter(soft.detach() * 0, dim, argmax(soft, dim=dim, keepdim=True), 1.0)
    return one - soft.detach() + soft
