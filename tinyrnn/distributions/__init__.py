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
from .kl import kl_divergence
from .normal import Normal
from .uniform import Uniform

__all__ = ["Bernoulli", "Categorical", "Distribution", "Normal", "Uniform", "constraints", "kl_divergence"]

__getattr__ = missing_from(__name__)
