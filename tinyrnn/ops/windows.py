"""Sliding windows over the last axis: convolution and what a pooling picks.

A window of ``size`` elements stands every ``step``; with ``dilation`` its elements lie that far apart.
"""

from __future__ import annotations

from typing import Any

from .. import threads
from ..backend import Array, xp_of
from ..engine import primitive
from .index import _getitem


def windows_of(array: Array, size: int, step: int, dilation: int, count: int) -> Array:
    """``count`` windows as a view of an array: (..., L) to (..., count, size)."""
    at = array.strides[-1]
    strides = (*array.strides[:-1], at * step, at * dilation)
    return xp_of(array).lib.stride_tricks.as_strided(array, (*array.shape[:-1], count, size), strides)


@primitive
def windows(input, *, size, step, dilation, count):
    """``count`` windows, a copy: (..., L) to (..., count, size)."""
    return xp_of(input).ascontiguousarray(windows_of(input, size, step, dilation, count))


def _add_up(parts: Any, y: Array, step: int, dilation: int) -> Array:
    """Fill ``y`` (..., L) with what windows hold: ``parts[k]`` (..., count) has the k-th element of each."""
    y[...] = 0
    for k, part in enumerate(parts):
        y[..., k * dilation : k * dilation + (part.shape[-1] - 1) * step + 1 : step] += part
    return y


@primitive
def _overlap_add(input, *, length, step, dilation):
    """Windows added up where they overlap, what undoes :func:`windows`: (..., count, size) to (..., length)."""
    xp = xp_of(input)
    return _add_up(xp.moveaxis(input, -1, 0), xp.empty((*input.shape[:-2], length), input.dtype), step, dilation)


windows.rule(lambda g, input_shape, step, dilation: _overlap_add(g, length=input_shape[-1], step=step, dilation=dilation))
_overlap_add.rule(
    lambda g, input_shape, step, dilation: windows(g, size=input_shape[-1], step=step, dilation=dilation, count=input_shape[-2])
)


# -- convolution --
#
# A sum over windows ties input (N, C, L), weight (O, C / groups, K) and output (N, O, M). It is linear in the first two, so
# the gradient of any of the three is computed from the other two, and the rules of the three operations are each other.


def _columns(input: Array, K: int, M: int, stride: int, dilation: int, groups: int) -> Array:
    """What each output sees, as a column: (groups, C / groups * K, N * M)."""
    N, C, _ = input.shape
    seen = windows_of(input, K, stride, dilation, M)  # (N, C, M, K)
    return seen.transpose(1, 3, 0, 2).reshape(groups, C // groups * K, N * M)


def _rows(output: Array, groups: int) -> Array:
    """(N, O, M) to (groups, O / groups, N * M)."""
    N, channels, M = output.shape
    return output.transpose(1, 0, 2).reshape(groups, channels // groups, N * M)


def _matrices(weight: Array, groups: int) -> Array:
    """(O, C / groups, K) to (groups, O / groups, C / groups * K)."""
    channels, per_group, K = weight.shape
    return weight.reshape(groups, channels // groups, per_group * K)


@primitive
def convolve(input, weight, *, stride, dilation, groups):
    """(N, C, L) and (O, C / groups, K) to (N, O, M), without padding."""
    N, _, L = input.shape
    channels, _, K = weight.shape
    M = (L - dilation * (K - 1) - 1) // stride + 1
    y = threads.matmul(_matrices(weight, groups), _columns(input, K, M, stride, dilation, groups))
    return xp_of(y).ascontiguousarray(y.reshape(channels, N, M).transpose(1, 0, 2))


@primitive
def _to_input(output, weight, *, length, stride, dilation, groups):
    """What the input of :func:`convolve` receives from its output: (N, O, M) and (O, C / groups, K) to (N, C, L)."""
    N, _, M = output.shape
    _, per_group, K = weight.shape
    xp, C = xp_of(output), per_group * groups
    parts = threads.matmul(_matrices(weight, groups).swapaxes(1, 2), _rows(output, groups)).reshape(C, K, N, M)
    y = _add_up(parts.swapaxes(0, 1), xp.empty((C, N, length), output.dtype), stride, dilation)
    return xp.ascontiguousarray(y.transpose(1, 0, 2))


@primitive
def _to_weight(output, input, *, size, stride, dilation, groups):
    """What the weight of :func:`convolve` receives: (N, O, M) and (N, C, L) to (O, C / groups, K)."""
    columns = _columns(input, size, output.shape[2], stride, dilation, groups)
    y = threads.matmul(_rows(output, groups), columns.swapaxes(1, 2))
    return y.reshape(output.shape[1], input.shape[1] // groups, size)


convolve.rule(
    input=lambda g, weight, input_shape, stride, dilation, groups: _to_input(
        g, weight, length=input_shape[2], stride=stride, dilation=dilation, groups=groups
    ),
    weight=lambda g, input, weight_shape, stride, dilation, groups: _to_weight(
        g, input, size=weight_shape[2], stride=stride, dilation=dilation, groups=groups
    ),
)
_to_input.rule(
    output=lambda g, weight, stride, dilation, groups: convolve(g, weight, stride=stride, dilation=dilation, groups=groups),
    weight=lambda g, output, weight_shape, stride, dilation, groups: _to_weight(
        output, g, size=weight_shape[2], stride=stride, dilation=dilation, groups=groups
    ),
)
_to_weight.rule(
    output=lambda g, input, stride, dilation, groups: convolve(input, g, stride=stride, dilation=dilation, groups=groups),
    input=lambda g, output, input_shape, stride, dilation, groups: _to_input(
        output, g, length=input_shape[2], stride=stride, dilation=dilation, groups=groups
    ),
)


# -- picking --


def take_last(input: Any, indices: Array) -> Any:
    """``input[..., indices[..., k]]`` along the last axis: (..., L) and an array (..., M) of places to (..., M).

    Unlike ``gather`` it trusts the indices, so that a GPU need not be asked about them.
    """
    xp, lead = xp_of(indices), indices.shape[:-1]
    grid = [xp.arange(n).reshape(-1, *(1,) * (len(lead) - k)) for k, n in enumerate(lead)]
    return _getitem(input, index=(*grid, indices))
