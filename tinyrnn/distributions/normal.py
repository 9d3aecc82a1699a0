"""The bell curve."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..creation import randn
from ..ops.activations import erf
from ..tensor import Tensor
from .location_scale import LocationScale


class Normal(LocationScale):
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

    @property
    def mean(self) -> Tensor:
        """``loc``."""
        return self.loc

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
