"""Convolution and pooling over sequences (N, C, L): channels first, as in ``torch.nn.functional``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...backend import as_library_of, xp_of
from ...engine import wrap
from ...ops.reduce import mean, sum
from ...ops.shape import _pad, narrow, stack, unsqueeze
from ...ops.windows import convolve, take_last, windows, windows_of
from ...tensor import Tensor

__all__ = ["adaptive_avg_pool1d", "adaptive_max_pool1d", "avg_pool1d", "conv1d", "max_pool1d"]


def one_number(name: str, value: Any) -> int:
    """``3``, ``(3,)`` and ``[3]`` are the same size.

    Raises:
        RuntimeError: several numbers.
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != 1:
            raise RuntimeError(f"expected {name} to be a single integer value or a list of 1 value, got {name}={list(value)}")
        return value[0]
    return value


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """``y[o, m] = b[o] + sum of w[o, c, k] x[c, m stride + k dilation]``. ``torch.nn.functional.conv1d``.

    Args:
        input: (N, C, L) or (C, L).
        weight, bias: (O, C / groups, K) and (O,).
        stride: how far apart the windows stand.
        padding: zeros at both ends; ``"valid"`` for none, ``"same"`` for as many as keep L (at stride 1).
        dilation: how far apart the elements of a window lie.
        groups: the channels fall into so many groups that do not see each other.

    Returns:
        (N, O, M) or (O, M), M = (L + 2 padding - dilation (K - 1) - 1) // stride + 1.

    >>> import tinyrnn
    >>> from tinyrnn.nn import functional as F
    >>> F.conv1d(tinyrnn.tensor([[1., 2., 4., 8.]]), tinyrnn.tensor([[[1., -1.]]]))
    tensor([[-1., -2., -4.]])

    Raises:
        RuntimeError: shapes, dtypes or numbers that do not fit.
    """
    if weight.ndim != 3:
        raise RuntimeError(f"conv1d: expected a weight (O, C / groups, K), got shape {tuple(weight.shape)}")
    if input.ndim not in (2, 3):
        raise RuntimeError(f"Expected 2D (unbatched) or 3D (batched) input to conv1d, but got input of size: {list(input.shape)}")
    stride, dilation = one_number("stride", stride), one_number("dilation", dilation)
    K = weight.shape[2]
    _check_convolution(input, weight, bias, stride, dilation, groups)
    before, after = _ends(padding, stride, dilation * (K - 1))
    L = input.shape[-1] + before + after
    if dilation * (K - 1) + 1 > L or not input.shape[-1]:
        raise RuntimeError(f"Calculated padded input size per channel: ({L}). Kernel size: ({K}) at dilation {dilation} can't be greater")
    x = input if input.ndim == 3 else unsqueeze(input, dim=0)
    if before or after:
        x = _pad(x, dim=2, before=before, after=after)
    y = convolve(x, weight, stride=stride, dilation=dilation, groups=groups)
    if bias is not None:
        y = y + bias.reshape(-1, 1)
    return y if input.ndim == 3 else y.squeeze(0)


def _check_convolution(input: Tensor, weight: Tensor, bias: Any, stride: int, dilation: int, groups: int) -> None:
    channels, per_group, _ = weight.shape
    if stride < 1 or dilation < 1 or groups < 1:
        raise RuntimeError(f"conv1d: stride, dilation and groups must be positive, got {stride}, {dilation} and {groups}")
    if channels % groups:
        raise RuntimeError(f"Given groups={groups}, expected weight to be divisible by it at dimension 0, but got {list(weight.shape)}")
    if input.shape[-2] != per_group * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight.shape)}, expected input{list(input.shape)} to have "
            f"{per_group * groups} channels, but got {input.shape[-2]} channels instead; is it (N, L, C)? Use x.transpose(1, 2)"
        )
    if bias is not None and tuple(bias.shape) != (channels,):
        raise RuntimeError(f"Given weight of size {list(weight.shape)}, expected bias of shape ({channels},), got {tuple(bias.shape)}")
    for other in (weight, bias):
        if other is not None and input.dtype != other.dtype:
            raise RuntimeError(f"Input type ({input.dtype}) and weight or bias type ({other.dtype}) should be the same")


def _ends(padding: str | int | Sequence[int], stride: int, reach: int) -> tuple[int, int]:
    """How many elements to add at either end; ``reach`` is how far a window goes beyond its first element."""
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            raise RuntimeError(f"Invalid padding string: {padding!r}; expected 'valid' or 'same'")
        if padding == "same" and stride != 1:
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        return (reach // 2, reach - reach // 2) if padding == "same" else (0, 0)
    n = one_number("padding", padding)
    if n < 0:
        raise RuntimeError(f"negative padding is not supported, got {n}")
    return n, n


# -- pooling --


def _places(name: str, input: Tensor, size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> tuple[int, ...]:
    """size, stride, padding, dilation as numbers, and how many windows there are."""
    if input.ndim not in (2, 3):
        raise RuntimeError(f"{name}: Expected 2D or 3D (batch mode) tensor, but got: {list(input.shape)}")
    size, padding, dilation = one_number("kernel_size", size), one_number("padding", padding), one_number("dilation", dilation)
    stride = size if stride is None or stride == [] else one_number("stride", stride)
    if size < 1 or stride < 1 or dilation < 1:
        raise RuntimeError(f"{name}: kernel size, stride and dilation must be greater than zero, got {size}, {stride} and {dilation}")
    if not 0 <= padding <= size // 2:
        raise RuntimeError(f"{name}: padding should be at most half of kernel size, but got padding={padding} and kernel_size={size}")
    room = input.shape[-1] + 2 * padding - dilation * (size - 1) - 1
    count = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (count - 1) * stride >= input.shape[-1] + padding:  # a window that begins in the padding behind
        count -= 1
    if count < 1:
        raise RuntimeError(f"{name}: {list(input.shape)} is too short for kernel size {size}: output size {count}")
    return size, stride, padding, dilation, count


def max_pool1d(
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window: (N, C, L) or (C, L) to the same with M. ``torch.nn.functional.max_pool1d``.

    Args:
        stride: how far apart the windows stand; ``kernel_size`` unless given.
        padding: how far windows may begin before the first element and end behind the last.
        ceil_mode: have a last window, even if it is not full.
        return_indices: return a pair, (largest, where in L it stands).
    """
    size, stride, padding, dilation, count = _places("max_pool1d", input, kernel_size, stride, padding, dilation, ceil_mode)
    array = input.array
    if array.dtype.kind != "f":
        raise NotImplementedError(f"max_pool1d is not implemented for {input.dtype}")
    xp, L = xp_of(array), array.shape[-1]
    padded = xp.full((*array.shape[:-1], max(L + padding, (count - 1) * stride + dilation * (size - 1) + 1)), -np.inf, array.dtype)
    padded[..., padding : padding + L] = array
    first = windows_of(padded, size, stride, dilation, count).argmax(-1)
    indices = first * dilation + (xp.arange(count) * stride - padding)
    values = take_last(input, indices)
    return (values, wrap(indices)) if return_indices else values


def avg_pool1d(
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window: (N, C, L) or (C, L) to the same with M. ``torch.nn.functional.avg_pool1d``.

    Args:
        stride, ceil_mode: as in :func:`max_pool1d`.
        padding: zeros at both ends.
        count_include_pad: count these zeros as elements.
    """
    size, stride, padding, _, count = _places("avg_pool1d", input, kernel_size, stride, padding, 1, ceil_mode)
    L = input.shape[-1]
    reach = (count - 1) * stride + size
    x = _pad(input, dim=input.ndim - 1, before=padding, after=max(reach - padding - L, 0))
    begin = np.arange(count) * stride - padding
    if count_include_pad:
        elements = np.minimum(begin + size, L + padding) - begin
    else:
        elements = np.minimum(begin + size, L) - np.maximum(begin, 0)
    total = sum(windows(x, size=size, step=stride, dilation=1, count=count), -1)
    return total / wrap(as_library_of(input.array, elements.astype(input.array.dtype)))


def _shares(name: str, input: Tensor, output_size: Any) -> list[tuple[int, int]]:
    """The windows, (begin, end), that share an axis of size L among ``output_size`` results."""
    if input.ndim not in (2, 3):
        raise RuntimeError(f"{name}: Expected 2 to 3 dimensions, but got {input.ndim}-dimensional tensor, {list(input.shape)}")
    if output_size is None:
        raise TypeError(f"{name}: output_size must be an integer, not None")
    n, L = one_number("output_size", output_size), input.shape[-1]
    if n < 0 or not L:
        raise RuntimeError(f"{name}: cannot make {n} results of {L} elements")
    return [(k * L // n, -(-(k + 1) * L // n)) for k in range(n)]


def adaptive_avg_pool1d(input: Tensor, output_size: int | Sequence[int]) -> Tensor:
    """The means of ``output_size`` parts: (N, C, L) or (C, L) to the same with that size; 1 is the mean of all."""
    shares = _shares("adaptive_avg_pool1d", input, output_size)
    if not shares:
        return narrow(input, -1, 0, 0)
    return stack([mean(narrow(input, -1, begin, end - begin), -1) for begin, end in shares], -1)


def adaptive_max_pool1d(input: Tensor, output_size: int | Sequence[int], return_indices: bool = False) -> Any:
    """The largest element of each of ``output_size`` parts; with ``return_indices`` also where it stands."""
    xp, array = xp_of(input.array), input.array
    places = [array[..., begin:end].argmax(-1) + begin for begin, end in _shares("adaptive_max_pool1d", input, output_size)]
    indices = xp.stack(places, -1) if places else xp.empty((*array.shape[:-1], 0), np.int64)
    values = take_last(input, indices)
    return (values, wrap(indices)) if return_indices else values
