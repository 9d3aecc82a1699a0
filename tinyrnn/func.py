"""What of ``torch.func`` is here: a module called with other tensors, for learning to learn.

Derivatives are in :mod:`tinyrnn.autograd`: ``grad`` with ``create_graph=True``, and ``functional``.
"""

from .names import missing_from
from .nn.utils.stateless import functional_call

__all__ = ["functional_call"]

__getattr__ = missing_from(__name__)
