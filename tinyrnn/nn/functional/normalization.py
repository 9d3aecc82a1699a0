"""Normalisation: mean 0 and variance 1 over some axes, then a learned scale and shift for the others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...engine import no_grad
from ...ops.elementwise import rsqrt, square
from ...ops.normalize import standardize
from ...ops.reduce import mean, var
from ...tensor import Tensor

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"]


def layer_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """Mean 0 and variance 1 over the last axes, then times ``weight``, plus ``bias`` (Ba et al., 2016)."""
    return _scaled(standardize(input, dims=_last(input, normalized_shape), eps=eps), weight, bias)


def rms_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """Divided by the root of the mean square over the last axes, then times ``weight`` (Zhang and Sennrich, 2019)."""
    dims = _last(input, normalized_shape)
    eps = float(np.finfo(input.array.dtype).eps) if eps is None else eps
    return _scaled(input * rsqrt(mean(square(input), dims, keepdim=True) + eps), weight, None)


def _last(input: Tensor, normalized_shape: Any) -> tuple[int, ...]:
    """The axes that ``normalized_shape`` names."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if tuple(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], "
            f"but got input of size {list(input.shape)}"
        )
    return tuple(range(-len(shape), 0))


def _scaled(y: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Mean 0 and variance 1 of each channel of (N, C, ...), over all the rest (Ioffe and Szegedy, 2015).

    Args:
        running_mean, running_var: (C,). While training they go ``momentum`` of the way to this batch's (in place), otherwise
            they are what is used.
        weight, bias: (C,).

    Raises:
        RuntimeError: shapes or dtypes that do not fit, nothing to use when not training.
        ValueError: training on one value per channel, which has no variance.
    """
    C = input.shape[1] if input.ndim > 1 else 0
    _check_channels(input, C, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    channel = (C, *(1,) * (input.ndim - 2))  # (C,) against (N, C, ...)
    weight, bias = (None if p is None else p.reshape(channel) for p in (weight, bias))
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("running_mean and running_var must be defined in evaluation mode")
        factor = rsqrt(running_var + eps).reshape(channel)
        return _scaled((input - running_mean.reshape(channel)) * factor, weight, bias)
    if input.numel() == C:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(input.shape)}")
    dims = (0, *range(2, input.ndim))
    if running_mean is not None and running_var is not None and input.numel():
        with no_grad():
            _move(running_mean, mean(input, dims), momentum)
            _move(running_var, var(input, dims), momentum)
    return _scaled(standardize(input, dims=dims, eps=eps), weight, bias)


def _move(running: Tensor, seen: Tensor, momentum: float) -> None:
    running.copy_(running * (1 - momentum) + seen * momentum)


def _check_channels(input: Tensor, C: int, **given: Tensor | None) -> None:
    if not input.is_floating_point():
        raise NotImplementedError(f"normalisation is not implemented for {input.dtype}; use x.float()")
    for name, p in given.items():
        if p is not None and tuple(p.shape) != (C,):
            raise RuntimeError(f"{name} should contain {C} elements, one for each channel of {list(input.shape)}, not {p.numel()}")
        if p is not None and p.dtype != input.dtype:
            raise RuntimeError(f"all inputs must share the same dtype: the input is {input.dtype}, {name} {p.dtype}")


def group_norm(input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """Mean 0 and variance 1 of each row and group of channels of (N, C, ...) (Wu and He, 2018)."""
    if input.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    N, C = input.shape[:2]
    if num_groups < 1 or C % num_groups:
        raise RuntimeError(f"Expected number of channels in input to be divisible by num_groups, but got {C} and {num_groups}")
    if math.prod(input.shape[2:]) * N * C == N * num_groups:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(input.shape)}")
    _check_channels(input, C, weight=weight, bias=bias)
    y = standardize(input.reshape(N, num_groups, -1), dims=(-1,), eps=eps).reshape(input.shape)
    channel = (C, *(1,) * (input.ndim - 2))
    return _scaled(y, *(None if p is None else p.reshape(channel) for p in (weight, bias)))


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Mean 0 and variance 1 of each row and channel of (N, C, ...) (Ulyanov et al., 2016); arguments as in :func:`batch_norm`."""
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    C, dims = input.shape[1], tuple(range(2, input.ndim))
    _check_channels(input, C, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if math.prod(input.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {list(input.shape)}")
    if running_mean is not None and running_var is not None:
        with no_grad():
            _move(running_mean, mean(mean(input, dims), 0), momentum)
            _move(running_var, mean(var(input, dims), 0), momentum)
    channel = (C, *(1,) * (input.ndim - 2))
    return _scaled(standardize(input, dims=dims, eps=eps), *(None if p is None else p.reshape(channel) for p in (weight, bias)))
