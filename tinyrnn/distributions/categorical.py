"""One of several classes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import nan
from typing import Any, ClassVar

from ..creation import arange, full
from ..dtypes import finfo
from ..ops.arrange import broadcast_tensors
from ..tensor import Size, Tensor
from ..tensor.sampling import multinomial
from . import constraints
from .distribution import Distribution, either, inside


class Categorical(Distribution):
    """One of the classes ``0 ... K-1``, by their probabilities along the last axis. ``torch.distributions.Categorical``.

    Args:
        probs: (..., K), not negative; scaled such that they add up to 1.
        logits: (..., K), the logarithms of the probabilities, up to a constant, in their place.
        validate_args: see :class:`Distribution`.

    >>> import tinyrnn
    >>> from tinyrnn.distributions import Categorical
    >>> die = Categorical(tinyrnn.tensor([1., 1., 2.]))
    >>> die.probs, die.log_prob(tinyrnn.tensor(2)).exp()
    (tensor([0.2500, 0.2500, 0.5000]), tensor(0.5000))
    >>> die.sample((2, 3)).shape
    tinyrnn.Size([2, 3])

    Raises:
        ValueError: both or none of ``probs`` and ``logits``, a scalar, negative probabilities, ``nan``.
    """

    arg_constraints: ClassVar = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True

    def __init__(self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None) -> None:
        either(probs, logits)
        given: Any = probs if logits is None else logits
        if given.dim() < 1:
            raise ValueError(f"`{'probs' if logits is None else 'logits'}` parameter must be at least one-dimensional.")
        if logits is None:
            self._param = self.probs = given / given.sum(-1, keepdim=True)
        else:
            self._param = self.logits = given - given.logsumexp(-1, keepdim=True)
        self._num_events = given.shape[-1]
        super().__init__(given.shape[:-1], validate_args=validate_args)

    @cached_property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self.logits.softmax(-1)

    @cached_property
    def logits(self) -> Tensor:
        """Their logarithms."""
        return inside(self.probs).log()

    @property
    def param_shape(self) -> Size:
        """The shape of the probabilities."""
        return self._param.shape

    @property
    def support(self) -> constraints.Constraint:
        """The classes."""
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        """``nan``: classes have no mean."""
        return full(self.batch_shape, nan, dtype=self._param.dtype, device=self._param.device)

    variance = mean

    @property
    def mode(self) -> Tensor:
        """The likeliest class."""
        return self.probs.argmax(-1)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Classes, ``int64``, of shape ``sample_shape + batch_shape``."""
        shape = self._extended_shape(sample_shape)
        rows = self.probs.detach().reshape(-1, self._num_events)
        return multinomial(rows, Size(sample_shape).numel(), True).T.reshape(shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of each class in ``value``, which broadcasts against ``batch_shape``."""
        self._validate_sample(value)
        index, logits = broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, index[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        """``-sum(p * log p)``, where ``0 * log 0`` is 0."""
        lowest = finfo(self.logits.dtype).min
        return -(self.logits.clamp(min=lowest) * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All classes, along a new first axis; repeated for each distribution unless ``expand=False``."""
        classes = arange(self._num_events, device=self._param.device).view((-1,) + (1,) * len(self.batch_shape))
        return classes.expand((-1, *self.batch_shape)) if expand else classes
