"""Probability distributions with ``sample`` and ``log_prob``, for programs that choose at random and learn from it.

>>> import tinyrnn
>>> from tinyrnn.distributions import Categorical
>>> scores = tinyrnn.tensor([0., 1., 2.], requires_grad=True)
>>> policy = Categorical(logits=scores)
>>> action = policy.sample()
>>> loss = -policy.log_prob(action) * 0.7        # REINFORCE: the reward weighs the gradient of what was done
>>> loss.backward()

The names, arguments and errors are those of ``torch.distributions``.
"""

from ..names import missing_from
from . import constraints
from .bernoulli import Bernoulli
from .categorical import Categorical
from .distribution import Distribution
from .exponential import Exponential
from .gumbel import Gumbel
from .kl import kl_divergence
from .laplace import Laplace
from .mixture import Independent, MixtureSameFamily
from .normal import Normal
from .one_hot_categorical import OneHotCategorical, OneHotCategoricalStraightThrough
from .uniform import Uniform

__all__ = [
    "Bernoulli",
    "Categorical",
    "Distribution",
    "Exponential",
    "Gumbel",
    "Independent",
    "Laplace",
    "MixtureSameFamily",
    "Normal",
    "OneHotCategorical",
    "OneHotCategoricalStraightThrough",
    "Uniform",
    "constraints",
    "kl_divergence",
]

__getattr__ = missing_from(__name__)
