"""Convolution and pooling over sequences, (N, C, L), as modules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..creation import empty
from ..tensor import Parameter, Tensor
from . import functional as F
from . import init
from .functional.convolution import one_number
from .module import Module

Number = int | Sequence[int]
MODES = ("zeros", "reflect", "replicate", "circular")


class Conv1d(Module):
    """A linear map of each window of a sequence: (N, C, L) to (N, out_channels, M). ``torch.nn.Conv1d``.

    ``weight`` (out_channels, in_channels / groups, kernel_size) and ``bias`` start uniform in ±1/sqrt(inputs of an output).
    The arguments are those of :func:`tinyrnn.nn.functional.conv1d`; ``padding_mode`` says what stands beyond the ends:
    ``"zeros"``, or what :func:`tinyrnn.nn.functional.pad` puts there.

    >>> import tinyrnn
    >>> from tinyrnn import nn
    >>> nn.Conv1d(4, 6, kernel_size=3, padding=1)(tinyrnn.ones(2, 4, 10)).shape
    tinyrnn.Size([2, 6, 10])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Number,
        stride: Number = 1,
        padding: str | Number = 0,
        dilation: Number = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError(f"groups must be a positive integer, got {groups}")
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"in_channels and out_channels must be divisible by groups, got {in_channels}, {out_channels} and {groups}")
        if padding_mode not in MODES:
            raise ValueError(f"padding_mode must be one of {MODES}, but got padding_mode={padding_mode!r}")
        self.in_channels, self.out_channels, self.groups, self.padding_mode = in_channels, out_channels, groups, padding_mode
        self.kernel_size, self.stride = (one_number("kernel_size", kernel_size),), (one_number("stride", stride),)
        self.dilation = (one_number("dilation", dilation),)
        self.padding: Any = padding if isinstance(padding, str) else (one_number("padding", padding),)
        if isinstance(padding, str):
            if padding not in ("valid", "same"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of 'valid', 'same'")
            if padding == "same" and self.stride != (1,):
                raise ValueError("padding='same' is not supported for strided convolutions")
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        inputs = math.prod(self.weight.shape[1:])
        bound = 1 / math.sqrt(inputs) if inputs else 0
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """(N, in_channels, L) or (in_channels, L) to the same with out_channels and M."""
        padding = self.padding
        if self.padding_mode != "zeros" and padding != "valid":
            reach = self.dilation[0] * (self.kernel_size[0] - 1)
            ends = (reach // 2, reach - reach // 2) if padding == "same" else padding * 2
            input, padding = F.pad(input, ends, self.padding_mode), 0
        return F.conv1d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        shown = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        if self.padding != (0,):
            shown.append(f"padding={self.padding}")
        if self.dilation != (1,):
            shown.append(f"dilation={self.dilation}")
        if self.groups != 1:
            shown.append(f"groups={self.groups}")
        if self.bias is None:
            shown.append("bias=False")
        if self.padding_mode != "zeros":
            shown.append(f"padding_mode={self.padding_mode}")
        return ", ".join(shown)


class MaxPool1d(Module):
    """The largest element of each window: :func:`tinyrnn.nn.functional.max_pool1d`. ``torch.nn.MaxPool1d``."""

    def __init__(
        self,
        kernel_size: Number,
        stride: Number | None = None,
        padding: Number = 0,
        dilation: Number = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation, self.return_indices, self.ceil_mode = padding, dilation, return_indices, ceil_mode

    def forward(self, input: Tensor) -> Any:
        """(N, C, L) or (C, L) to the same with M, and where the largest stand, if asked for."""
        return F.max_pool1d(input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices)

    def extra_repr(self) -> str:
        names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


class AvgPool1d(Module):
    """The mean of each window: :func:`tinyrnn.nn.functional.avg_pool1d`. ``torch.nn.AvgPool1d``."""

    def __init__(
        self,
        kernel_size: Number,
        stride: Number | None = None,
        padding: Number = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = (one_number("kernel_size", kernel_size),)
        self.stride = self.kernel_size if stride is None else (one_number("stride", stride),)
        self.padding = (one_number("padding", padding),)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, L) or (C, L) to the same with M."""
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool1d(Module):
    """The means of ``output_size`` parts of a sequence of any length. ``torch.nn.AdaptiveAvgPool1d``."""

    def __init__(self, output_size: Number) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, L) or (C, L) to the same with output_size."""
        return F.adaptive_avg_pool1d(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(AdaptiveAvgPool1d):
    """The largest of each of ``output_size`` parts of a sequence of any length. ``torch.nn.AdaptiveMaxPool1d``."""

    def __init__(self, output_size: Number, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        """(N, C, L) or (C, L) to the same with output_size, and where the largest stand, if asked for."""
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)
