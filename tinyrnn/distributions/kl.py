"""How far one distribution is from another."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from .bernoulli import Bernoulli
from .categorical import Categorical
from .distribution import Distribution, inside
from .mixture import Independent
from .normal import Normal
from .one_hot_categorical import OneHotCategorical


def _categorical(p: Any, q: Any) -> Tensor:
    return (p.probs * (p.logits - q.logits)).sum(-1)


def _bernoulli(p: Any, q: Any) -> Tensor:
    a, b = inside(p.probs), inside(q.probs)
    return a * (a.log() - b.log()) + (1 - a) * ((1 - a).log() - (1 - b).log())


def _normal(p: Any, q: Any) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())


def _independent(p: Any, q: Any) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return p._sum(kl_divergence(p.base_dist, q.base_dist))


_KNOWN = {
    Categorical: _categorical,
    OneHotCategorical: _categorical,
    Bernoulli: _bernoulli,
    Normal: _normal,
    Independent: _independent,
}


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The mean of ``p.log_prob(x) - q.log_prob(x)`` over the values of ``p``. ``torch.distributions.kl_divergence``.

    >>> from tinyrnn.distributions import Normal, kl_divergence
    >>> kl_divergence(Normal(0., 1.), Normal(1., 1.))
    tensor(0.5000)

    Raises:
        NotImplementedError: for other pairs than two Categorical, OneHotCategorical, Bernoulli or Normal, or two Independent of these.
    """
    for kind, formula in _KNOWN.items():
        if isinstance(p, kind) and isinstance(q, kind):
            return formula(p, q)
    raise NotImplementedError(f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}")
