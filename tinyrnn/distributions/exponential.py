"""How long to wait for what happens at a constant rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ..creation import rand, zeros_like
from ..ops.elementwise import exp, log
from ..ops.maths import log1p
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution, broadcast_all


class Exponential(Distribution):
    """``rate * exp(-rate * x)`` for x from 0 on. ``torch.distributions.Exponential``.

    Args:
        rate: how often it happens; one over the mean.
        validate_args: see :class:`Distribution`.

    >>> import tinyrnn
    >>> from tinyrnn.distributions import Exponential
    >>> Exponential(2.).mean, Exponential(2.).cdf(tinyrnn.tensor(0.5))
    (tensor(0.5000), tensor(0.6321))

    Raises:
        ValueError: a ``rate`` that is not positive, ``nan``.
    """

    arg_constraints: ClassVar = {"rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, rate: Tensor | float, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """``1 / rate``."""
        return self.rate.reciprocal()

    stddev = mean

    @property
    def mode(self) -> Tensor:
        """0."""
        return zeros_like(self.rate)

    @property
    def variance(self) -> Tensor:
        """``1 / rate²``."""
        return self.rate**-2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """``-log(1 - noise) / rate``, so that gradients flow to the rate."""
        noise = rand(self._extended_shape(sample_shape), dtype=self.rate.dtype, device=self.rate.device)
        return -log1p(-noise) / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        return log(self.rate) - self.rate * value

    def entropy(self) -> Tensor:
        """``1 - log(rate)``."""
        return 1 - log(self.rate)

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a value up to this one."""
        self._validate_sample(value)
        return 1 - exp(-self.rate * value)
