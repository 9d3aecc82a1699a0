"""The largest of many."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..creation import rand
from ..dtypes import finfo
from ..ops.elementwise import exp, log
from ..tensor import Tensor
from .location_scale import LocationScale


class Gumbel(LocationScale):
    """The probability of a value up to x is ``exp(-exp(-(x - loc) / scale))``. ``torch.distributions.Gumbel``.

    Args:
        loc: the likeliest value; ``loc`` and ``scale`` broadcast.
        scale: how wide it is.
        validate_args: see :class:`Distribution`.

    Scores with such noise are largest where a softmax of them would have chosen: sampling by ``argmax``.

    >>> import tinyrnn
    >>> from tinyrnn.distributions import Gumbel
    >>> scores = tinyrnn.tensor([0.1, 0.2, 0.7]).log()
    >>> picked = (scores + Gumbel(0., 1.).sample((1000, 3))).argmax(1)
    >>> bool((picked.bincount() / 1000 - scores.exp()).abs().max() < 0.06)
    True

    Raises:
        ValueError: a ``scale`` that is not positive, ``nan``.
    """

    @property
    def mean(self) -> Tensor:
        """``loc + scale * 0.5772...``, Euler's constant."""
        return self.loc + self.scale * np.euler_gamma

    @property
    def stddev(self) -> Tensor:
        """``scale * pi / sqrt(6)``."""
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Tensor:
        """Its square."""
        return self.stddev**2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """``loc - scale * log(-log(noise))``, so that gradients flow to both."""
        limits = finfo(self.loc.dtype)
        noise = rand(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc - self.scale * log(-log(noise.clamp(limits.tiny, 1 - limits.eps)))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density."""
        self._validate_sample(value)
        y = (self.loc - value) / self.scale
        return y - exp(y) - log(self.scale)

    def entropy(self) -> Tensor:
        """``log(scale) + 1 + 0.5772...``."""
        return log(self.scale) + (1 + np.euler_gamma)

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a value up to this one."""
        self._validate_sample(value)
        return exp(-exp((self.loc - value) / self.scale))
