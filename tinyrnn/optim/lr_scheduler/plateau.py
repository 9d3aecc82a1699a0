"""A schedule that watches how the training goes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from ..optimizer import Optimizer
from .base import LRScheduler, check_optimizer, one_each, warn_of_epoch


class ReduceLROnPlateau(LRScheduler):
    """``lr = max(lr * factor, min_lr)`` whenever a metric has not improved for more than ``patience`` steps.

    ``torch.optim.lr_scheduler.ReduceLROnPlateau``.

    Args:
        optimizer: whose groups to write to.
        mode: whether the metric should become small (``"min"``) or large (``"max"``).
        factor: the factor of a decay, below 1.
        patience: how many steps without improvement to allow.
        threshold: by how much to improve, at least.
        threshold_mode: in parts of the best value (``"rel"``) or in the metric's units (``"abs"``).
        cooldown: how many steps after a decay not to count.
        min_lr: never go below; a number, or one for each group.
        eps: leave out a decay that would change the rate by no more than this.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> sgd = optim.SGD([tinyrnn.ones(2, requires_grad=True)], lr=0.4)
    >>> schedule = optim.lr_scheduler.ReduceLROnPlateau(sgd, factor=0.25, patience=1)
    >>> for valid_loss in (5., 4., 4., 4.1):
    ...     schedule.step(valid_loss)
    >>> sgd.param_groups[0]["lr"]
    0.1

    Raises:
        TypeError: not an optimiser.
        ValueError: ``factor >= 1``, an unknown mode, another number of ``min_lr`` than of groups.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ValueError("Factor should be < 1.0.")
        check_optimizer(optimizer)
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown!")
        self.optimizer = optimizer
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.factor, self.patience, self.cooldown, self.eps = factor, patience, cooldown, eps
        self.min_lr = min_lr if isinstance(min_lr, (int, float)) else one_each("min_lr", min_lr, optimizer)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self._last_lr = self._current()

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Judge the latest value of the metric, a number or a one-element tensor."""
        current = float(metrics)
        if epoch is not None:
            warn_of_epoch()
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
            self._write(self.get_lr())
        self._last_lr = self._current()

    def get_lr(self) -> list[float]:
        """The rates after a decay."""
        lows = one_each("min_lr", self.min_lr, self.optimizer)
        reduced = [max(lr * self.factor, low) for lr, low in zip(self._current(), lows)]
        return [new if lr - new > self.eps else lr for lr, new in zip(self._current(), reduced)]

    def _is_better(self, current: float) -> bool:
        margin = self.threshold if self.mode == "max" else -self.threshold
        goal = self.best * (1 + margin) if self.threshold_mode == "rel" else self.best + margin
        return current > goal if self.mode == "max" else current < goal
