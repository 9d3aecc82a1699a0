"""Optimisers, which turn gradients into better parameters, and ``lr_scheduler``, which paces them. ``torch.optim``.

Reading order: ``optimizer.py`` (what all share), ``sgd.py``, ``adam.py``, then the rest.
"""

from . import lr_scheduler
from .adagrad import Adagrad
from .adam import Adam, AdamW
from .asgd import ASGD
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

__all__ = ["ASGD", "SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]
