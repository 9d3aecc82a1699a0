"""Schedules of the learning rate. ``torch.optim.lr_scheduler``.

A scheduler writes ``lr`` (:class:`OneCycleLR` also the momentum) into the groups of its optimiser, once when it is
made and then at every ``step()``; it never touches the optimiser's state. Most follow the *chainable* form: the
next rate comes from the current one, ``lr = lr * gamma``, so that several schedulers may act on one optimiser. The
closed form, in ``base_lr`` (the rate at the beginning) and the step ``t``, stands in each docstring.
"""

from ...names import missing_from
from .base import LRScheduler
from .combined import ChainedScheduler, SequentialLR
from .cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from .cycles import CyclicLR, OneCycleLR
from .decays import ConstantLR, ExponentialLR, LambdaLR, LinearLR, MultiplicativeLR, MultiStepLR, PolynomialLR, StepLR
from .plateau import ReduceLROnPlateau

_LRScheduler = LRScheduler  # its name before PyTorch 2

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]

__getattr__ = missing_from(__name__)
