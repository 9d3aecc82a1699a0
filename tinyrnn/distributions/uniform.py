"""Every value in an interval alike."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any

from ..creation import rand
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution, broadcast_all


class Uniform(Distribution):
    """``1 / (high - low)`` from ``low`` up to, but not at, ``high``. ``torch.distributions.Uniform``.

    Args:
        low: the lower end; ``low`` and ``high`` broadcast.
        high: the upper end.
        validate_args: see :class:`Distribution`.

    >>> import tinyrnn
    >>> from tinyrnn.distributions import Uniform
    >>> Uniform(0., 4.).log_prob(tinyrnn.tensor(1.)).exp()
    tensor(0.2500)

    Raises:
        ValueError: ``low`` is not less than ``high``.
    """

    has_rsample = True

    def __init__(self, low: Tensor | float, high: Tensor | float, validate_args: bool | None = None) -> None:
        self.low, self.high = broadcast_all(low, high)
        super().__init__(self.low.shape, validate_args=validate_args)

    @property
    def arg_constraints(self) -> dict[str, Any]:
        """What the ends must be."""
        return {"low": constraints.less_than(self.high), "high": constraints.greater_than(self.low)}

    @property
    def support(self) -> constraints.Constraint:
        """The interval."""
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Tensor:
        """The middle."""
        return (self.high + self.low) / 2

    @property
    def mode(self) -> Tensor:
        """``nan``: no value is likelier than others."""
        return self.high * nan

    @property
    def variance(self) -> Tensor:
        """``(high - low)² / 12``."""
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """``low + (high - low) * noise``, so that gradients flow to both."""
        noise = rand(self._extended_shape(sample_shape), dtype=self.low.dtype, device=self.low.device)
        return self.low + noise * (self.high - self.low)

    def log_prob(self, value: Tensor) -> Tensor:
        """``-log(high - low)``; outside, ``-inf``."""
        self._validate_sample(value)
        within = ((self.low <= value) & (self.high > value)).to(self.low.dtype)
        return within.log() - (self.high - self.low).log()

    def entropy(self) -> Tensor:
        """``log(high - low)``."""
        return (self.high - self.low).log()

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a value up to this one."""
        self._validate_sample(value)
        return ((value - self.low) / (self.high - self.low)).clamp(0, 1)
