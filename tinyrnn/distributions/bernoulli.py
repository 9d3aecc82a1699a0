"""Yes or no."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import nan
from typing import Any, ClassVar

from ..nn.functional import binary_cross_entropy_with_logits
from ..ops.elementwise import where
from ..tensor import Size, Tensor
from ..tensor.sampling import bernoulli
from . import constraints
from .distribution import Distribution, broadcast_all, either, inside


class Bernoulli(Distribution):
    """1 with probability ``probs``, else 0. ``torch.distributions.Bernoulli``.

    Args:
        probs: between 0 and 1.
        logits: ``log(p / (1 - p))`` in their place.
        validate_args: see :class:`Distribution`.

    >>> import tinyrnn
    >>> from tinyrnn.distributions import Bernoulli
    >>> Bernoulli(tinyrnn.tensor([0.25, 0.5])).log_prob(tinyrnn.tensor([1., 0.])).exp()
    tensor([0.2500, 0.5000])

    Raises:
        ValueError: both or none of ``probs`` and ``logits``, a probability outside [0, 1], ``nan``.
    """

    arg_constraints: ClassVar = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        either(probs, logits)
        if logits is None:
            (self._param,) = (self.probs,) = broadcast_all(probs)
        else:
            (self._param,) = (self.logits,) = broadcast_all(logits)
        super().__init__(self.param_shape, validate_args=validate_args)

    @cached_property
    def probs(self) -> Tensor:
        """The probability of 1."""
        return self.logits.sigmoid()

    @cached_property
    def logits(self) -> Tensor:
        """``log(p / (1 - p))``."""
        p = inside(self.probs)
        return p.log() - (1 - p).log()

    @property
    def param_shape(self) -> Size:
        """The shape of the probabilities."""
        return self._param.shape

    @property
    def mean(self) -> Tensor:
        """``p``."""
        return self.probs

    @property
    def variance(self) -> Tensor:
        """``p * (1 - p)``."""
        return self.probs * (1 - self.probs)

    @property
    def mode(self) -> Tensor:
        """The likelier one; ``nan`` where neither is."""
        return where(self.probs == 0.5, nan, (self.probs >= 0.5).to(self.probs.dtype))

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Zeros and ones, of the dtype of the probabilities."""
        return bernoulli(self.probs.detach().expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """``log(p)`` for 1, ``log(1 - p)`` for 0."""
        self._validate_sample(value)
        (logits, value) = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        """``-p * log(p) - (1 - p) * log(1 - p)``."""
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
