"""Mixtures, and axes of distributions that belong to one value."""

from __future__ import annotations

from collections.abc import Sequence

from ..ops.reduce import log_softmax, logsumexp
from ..tensor import Tensor
from .categorical import Categorical
from .constraints import Constraint, independent
from .distribution import Distribution


class Independent(Distribution):
    """``base_distribution``, whose last batch axes belong to one value: its ``log_prob`` is the sum over them.

    Args:
        base_distribution: the distribution.
        reinterpreted_batch_ndims: how many axes.
        validate_args: see :class:`Distribution`.

    ``torch.distributions.Independent``.

    >>> import tinyrnn
    >>> from tinyrnn.distributions import Independent, Normal
    >>> pens = Independent(Normal(tinyrnn.zeros(7, 2), 1.), 1)       # 7 distributions of points in the plane
    >>> pens.batch_shape, pens.event_shape
    (tinyrnn.Size([7]), tinyrnn.Size([2]))

    Raises:
        ValueError: more axes than the base has.
    """

    def __init__(self, base_distribution: Distribution, reinterpreted_batch_ndims: int, validate_args: bool | None = None) -> None:
        shape, n = base_distribution.batch_shape, reinterpreted_batch_ndims
        if n > len(shape):
            raise ValueError(f"Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual {n} vs {len(shape)}")
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, n
        batch = len(shape) - n
        super().__init__(shape[:batch], (*shape[batch:], *base_distribution.event_shape), validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base's values have gradients."""
        return self.base_dist.has_rsample

    @property
    def support(self) -> Constraint:
        """The base's, of all elements of a value."""
        return independent(self.base_dist.support, self.reinterpreted_batch_ndims)

    @property
    def mean(self) -> Tensor:
        """The base's."""
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        """The base's."""
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        """The base's."""
        return self.base_dist.variance

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Values of the base."""
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Values of the base, with gradients."""
        return self.base_dist.rsample(sample_shape)

    def _sum(self, x: Tensor) -> Tensor:
        n = self.reinterpreted_batch_ndims
        return x.sum(tuple(range(-n, 0))) if n else x

    def log_prob(self, value: Tensor) -> Tensor:
        """The sum of the base's."""
        return self._sum(self.base_dist.log_prob(value))

    def entropy(self) -> Tensor:
        """The sum of the base's."""
        return self._sum(self.base_dist.entropy())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_dist!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamily(Distribution):
    """One of several distributions of a kind is chosen, then a value by it. ``torch.distributions.MixtureSameFamily``.

    Args:
        mixture_distribution: a :class:`Categorical` (...) over K components.
        component_distribution: the distributions (..., K); of vectors, an :class:`Independent`.
        validate_args: see :class:`Distribution`.

    The output of a mixture density network (C.Bishop, 1994):

    >>> import tinyrnn
    >>> from tinyrnn.distributions import Categorical, MixtureSameFamily, Normal
    >>> scores, means, scales = tinyrnn.randn(3, 16, 5, requires_grad=True)
    >>> mixture = MixtureSameFamily(Categorical(logits=scores), Normal(means, scales.exp()))
    >>> (-mixture.log_prob(tinyrnn.zeros(16))).mean().backward()

    Raises:
        ValueError: another distribution to choose by, or shapes that do not fit.
    """

    def __init__(self, mixture_distribution: Categorical, component_distribution: Distribution, validate_args: bool | None = None) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(" The Mixture distribution needs to be an  instance of torch.distributions.Categorical")
        if not isinstance(component_distribution, Distribution):
            raise ValueError("The Component distribution needs to be an instance of torch.distributions.Distribution")
        chosen, shape = mixture_distribution.batch_shape, component_distribution.batch_shape
        if any(i != 1 and j != 1 and i != j for i, j in zip(reversed(chosen), reversed(shape[:-1]))):
            raise ValueError(
                f"`mixture_distribution.batch_shape` ({chosen}) is not compatible with `component_distribution.batch_shape`({shape[:-1]})"
            )
        K = mixture_distribution.logits.shape[-1]
        if shape[-1] != K:
            raise ValueError(
                f"`mixture_distribution component` ({K}) does not equal `component_distribution.batch_shape[-1]` ({shape[-1]})"
            )
        self._mixture, self._components, self._axis = (
            mixture_distribution,
            component_distribution,
            -1 - len(component_distribution.event_shape),
        )
        super().__init__(shape[:-1], component_distribution.event_shape, validate_args)

    @property
    def mixture_distribution(self) -> Categorical:
        """Which component is chosen."""
        return self._mixture

    @property
    def component_distribution(self) -> Distribution:
        """The components."""
        return self._components

    @property
    def support(self) -> Constraint:
        """That of the components."""
        inner: Constraint = self._components.support
        return Constraint(f"MixtureSameFamilyConstraint({inner!r})", lambda x: inner.check(x.unsqueeze(self._axis)).all(-1))

    def _weighted(self, x: Tensor) -> Tensor:
        probs = self._mixture.probs
        return (probs.reshape((*probs.shape, *[1] * len(self.event_shape))) * x).sum(self._axis)

    @property
    def mean(self) -> Tensor:
        """The mean of the components' means."""
        return self._weighted(self._components.mean)

    @property
    def variance(self) -> Tensor:
        """The mean of the components' variances, and the variance of their means."""
        return self._weighted(self._components.variance) + self._weighted((self._components.mean - self.mean.unsqueeze(self._axis)) ** 2)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Values of each component, of which one is taken."""
        chosen, values = self._mixture.sample(sample_shape), self._components.sample(sample_shape)
        index = chosen.reshape((*chosen.shape, *[1] * (len(self.event_shape) + 1)))
        shape = list(values.shape)
        shape[self._axis] = 1
        return values.gather(self._axis, index.expand(shape)).squeeze(self._axis)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the mean of the components' densities."""
        self._validate_sample(value)
        each = self._components.log_prob(value.unsqueeze(self._axis))
        return logsumexp(each + log_softmax(self._mixture.logits, -1), dim=-1)

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a value up to this one."""
        return (self._components.cdf(value.unsqueeze(self._axis)) * self._mixture.probs).sum(-1)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self._mixture!r},\n  {self._components!r})"
