"""The bell curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from ..creation import randn
from ..ops.activations import erf
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution, broadcast_all


class Normal(Distribution):
    """``exp(-((x - loc) / scale)² / 2) / (scale * sqrt(2 pi))``. ``torch.distributions.Normal``.

    Args:
        loc: the mean; ``loc`` and ``scale`` broadcast.
        scale: the standard deviation.
        validate_args: see :class:`Distribution`.

    >>> import tinyrnn
    >>> from tinyrnn.distributions import Normal
    >>> scale = tinyrnn.tensor(2., requires_grad=True)
    >>> Normal(0., scale).rsample((100,)).std().backward()      # values are loc + scale * noise
    >>> bool(0.8 < scale.grad < 1.2)
    True

    Raises:
        ValueError: a ``scale`` that is not positive, ``nan``.
    """

    arg_constraints: ClassVar = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Tensor | float, scale: Tensor | float, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """``loc``."""
        return self.loc

    mode = mean

    @property
    def stddev(self) -> Tensor:
        """``scale``."""
        return self.scale

    @property
    def variance(self) -> Tensor:
        """``scale²``."""
        return self.scale**2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """``loc + scale * noise``, so that gradients flow to both."""
        noise = randn(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + noise * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        return -((value - self.loc) ** 2) / (2 * self.variance) - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def entropy(self) -> Tensor:
        """``log(scale * sqrt(2 pi e))``."""
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a value up to this one."""
        self._validate_sample(value)
        return 0.5 * (1 + erf((value - self.loc) / (self.scale * math.sqrt(2))))
