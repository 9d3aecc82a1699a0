"""Distances from the middle that are exponential, on both sides."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..creation import rand
from ..tensor import Tensor
from .location_scale import LocationScale


class Laplace(LocationScale):
    """``exp(-|x - loc| / scale) / (2 scale)``. ``torch.distributions.Laplace``.

    >>> from tinyrnn.distributions import Laplace
    >>> Laplace(0., 1.).variance
    tensor(2.)
    """

    @property
    def mean(self) -> Tensor:
        """``loc``."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """``2 scale²``."""
        return 2 * self.scale.pow(2)

    @property
    def stddev(self) -> Tensor:
        """``sqrt(2) scale``."""
        return math.sqrt(2) * self.scale

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """``loc`` plus ``scale`` times the difference of two exponential numbers."""
        shape, kind = self._extended_shape(sample_shape), {"dtype": self.loc.dtype, "device": self.loc.device}
        return self.loc + self.scale * ((-rand(shape, **kind)).log1p() - (-rand(shape, **kind)).log1p())

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def entropy(self) -> Tensor:
        """``1 + log(2 scale)``."""
        return 1 + (2 * self.scale).log()

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a value up to this one."""
        self._validate_sample(value)
        away = value - self.loc
        return 0.5 - 0.5 * away.sign() * (-away.abs() / self.scale).expm1()
