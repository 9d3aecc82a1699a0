"""One of several classes, as a row with a single 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ..creation import eye
from ..ops.index import one_hot
from ..tensor import Size, Tensor
from . import constraints
from .categorical import Categorical
from .distribution import Distribution


class OneHotCategorical(Distribution):
    """A :class:`Categorical` whose values (..., K) are 1 at the class and 0 elsewhere. ``torch.distributions.OneHotCategorical``.

    Args:
        probs, logits, validate_args: as of :class:`Categorical`.

    >>> import tinyrnn
    >>> from tinyrnn.distributions import OneHotCategorical
    >>> OneHotCategorical(tinyrnn.tensor([0., 1., 0.])).sample()
    tensor([0., 1., 0.])
    """

    arg_constraints: ClassVar = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None) -> None:
        self._categorical = Categorical(probs, logits, validate_args)
        super().__init__(self._categorical.batch_shape, self.param_shape[-1:], validate_args)

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Their logarithms."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the probabilities."""
        return self._categorical.param_shape

    @property
    def mean(self) -> Tensor:
        """The probabilities."""
        return self.probs

    @property
    def mode(self) -> Tensor:
        """The likeliest class."""
        return self._row(self._categorical.mode)

    @property
    def variance(self) -> Tensor:
        """``p * (1 - p)``."""
        return self.probs * (1 - self.probs)

    def _row(self, classes: Tensor) -> Tensor:
        return one_hot(classes, self.event_shape[0]).to(self.probs.dtype)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Rows of zeros and a 1, of the dtype of the probabilities."""
        return self._row(self._categorical.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability of the class of each row."""
        self._validate_sample(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        """That of the classes."""
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All classes, along a new first axis; repeated for each distribution unless ``expand=False``."""
        K = self.event_shape[0]
        rows = eye(K, dtype=self.probs.dtype, device=self.probs.device).view((K, *[1] * len(self.batch_shape), K))
        return rows.expand((K, *self.batch_shape, K)) if expand else rows


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """Gradients pass from the row straight to the probabilities. ``torch.distributions.OneHotCategoricalStraightThrough``."""

    has_rsample = True

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """``row + probs - probs.detach()``."""
        return self.sample(sample_shape) + (self.probs - self.probs.detach())
