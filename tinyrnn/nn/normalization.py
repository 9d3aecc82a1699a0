"""Normalisation as modules: mean 0 and variance 1 over some axes, then a learned scale and shift."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..creation import empty, ones, tensor, zeros
from ..tensor import Parameter, Tensor
from . import functional as F
from . import init
from .module import Module


class _Norm(Module):
    """What starts with scale 1 and shift 0."""

    weight: Tensor | None
    bias: Tensor | None

    def _learn(self, shape: Any, weight: bool, bias: bool, device: Any, dtype: Any) -> None:
        """Register the scale and the shift, or that they are not wanted."""
        for name, wanted in (("weight", weight), ("bias", bias)):
            self.register_parameter(name, Parameter(empty(shape, device=device, dtype=dtype)) if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1, shift 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class LayerNorm(_Norm):
    """Mean 0 and variance 1 over the last axes, then a learned scale and shift. ``torch.nn.LayerNorm``."""

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._learn(self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """(..., *normalized_shape) to the same shape."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"


class RMSNorm(_Norm):
    """Divided by the root of the mean square over the last axes, then a learned scale. ``torch.nn.RMSNorm``."""

    def __init__(
        self, normalized_shape: Any, eps: float | None = None, elementwise_affine: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._learn(self.normalized_shape, elementwise_affine, False, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """(..., *normalized_shape) to the same shape."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Norm):
    """Mean 0 and variance 1 of each row and group of channels, then a scale and shift of each channel. ``torch.nn.GroupNorm``."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self._learn(num_channels, affine, affine and bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """(N, num_channels, ...) to the same shape."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={self.bias is not None}"


class _RunningNorm(_Norm):
    """A norm with a scale and shift for each channel that may remember the mean and variance of what it was trained on."""

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        bias: bool,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        remembered = {
            "running_mean": zeros(num_features, device=device, dtype=dtype),
            "running_var": ones(num_features, device=device, dtype=dtype),
            "num_batches_tracked": tensor(0, dtype=dtypes.int64, device=device),
        }
        for name, value in remembered.items():
            self.register_buffer(name, value if track_running_stats else None)
        self._learn(num_features, affine, affine and bias, device, dtype)

    def reset_running_stats(self) -> None:
        """Forget what was seen."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Scale 1, shift 0, nothing seen yet."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_axes(self, input: Tensor) -> None:
        if input.ndim not in (2, 3):
            raise ValueError(f"expected 2D or 3D input (got {input.ndim}D input)")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_RunningNorm):
    """Mean 0 and variance 1 of each channel of a batch, then a scale and shift of each channel. ``torch.nn.BatchNorm1d``.

    Args:
        num_features: channels, C.
        eps: added to variances.
        momentum: how far the running mean and variance, which are used in evaluation mode, go to those of each batch seen in
            training; ``None`` for the mean over all batches.
        affine, bias: learn a scale and a shift.
        track_running_stats: keep a running mean and variance; without, each batch's own are used in evaluation mode too.

    >>> import tinyrnn
    >>> from tinyrnn import nn
    >>> nn.BatchNorm1d(2)(tinyrnn.tensor([[1., 5.], [3., 5.]]))
    tensor([[-1.0000,  0.0000],
            [ 1.0000,  0.0000]], grad_fn=<AddBackward0>)
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C) or (N, C, L) to the same shape."""
        self._check_axes(input)
        factor = 0.0 if self.momentum is None else self.momentum
        learning = self.training and self.track_running_stats
        if learning and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                factor = 1 / float(self.num_batches_tracked)
        use_batch = self.training or (self.running_mean is None and self.running_var is None)
        mean, var = (self.running_mean, self.running_var) if learning or not self.training else (None, None)
        return F.batch_norm(input, mean, var, self.weight, self.bias, use_batch, factor, self.eps)


class InstanceNorm1d(_RunningNorm):
    """Mean 0 and variance 1 of each row and channel. ``torch.nn.InstanceNorm1d``; arguments as in :class:`BatchNorm1d`."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, L) or (C, L) to the same shape."""
        self._check_axes(input)
        channels = input.shape[-2]
        if channels != self.num_features and self.affine:
            raise ValueError(
                f"expected input's size at dim={input.ndim - 2} to match num_features ({self.num_features}), but got: {channels}."
            )
        x = input if input.ndim == 3 else input.unsqueeze(0)
        use_input = self.training or not self.track_running_stats
        momentum = 0.0 if self.momentum is None else self.momentum
        y = F.instance_norm(x, self.running_mean, self.running_var, self.weight, self.bias, use_input, momentum, self.eps)
        return y if input.ndim == 3 else y.squeeze(0)
