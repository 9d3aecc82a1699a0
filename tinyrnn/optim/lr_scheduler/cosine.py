"""Schedules along a cosine, once or again and again."""

from __future__ import annotations

import math

from ..optimizer import Optimizer
from .base import LRScheduler


class CosineAnnealingLR(LRScheduler):
    """Half a cosine wave, from ``base_lr`` down to ``eta_min`` in ``T_max`` steps (and up again in the next)::

        lr = eta_min + (base_lr - eta_min) * (1 + cos(pi * t / T_max)) / 2

    ``torch.optim.lr_scheduler.CosineAnnealingLR``; Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with
    Warm Restarts", 2017, of which this is one cycle.

    Args:
        optimizer: whose groups to write to.
        T_max: the steps from the highest rate to the lowest.
        eta_min: the lowest rate.
        last_epoch: see :class:`LRScheduler`.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> sgd = optim.SGD([tinyrnn.ones(2, requires_grad=True)], lr=0.4)
    >>> schedule = optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=8)
    >>> for _ in range(4):
    ...     sgd.step(); schedule.step()
    >>> round(sgd.param_groups[0]["lr"], 12)
    0.2
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The chainable form: ``lr - eta_min`` grows by the ratio of this step's ``1 + cos`` to the last one's."""
        t, T, low = self.last_epoch, self.T_max, self.eta_min
        if self._is_initial:
            return self._current()
        if (t - 1 - T) % (2 * T) == 0:  # the last step was at the bottom, where that ratio has no meaning
            rise = (1 - math.cos(math.pi / T)) / 2
            return [lr + (base - low) * rise for lr, base in zip(self._current(), self.base_lrs, strict=True)]
        ratio = (1 + math.cos(math.pi * t / T)) / (1 + math.cos(math.pi * (t - 1) / T))
        return [ratio * (lr - low) + low for lr in self._current()]

    def _get_closed_form_lr(self) -> list[float]:
        height = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Cosine waves from ``base_lr`` down to ``eta_min``, each followed by a jump back up::

        lr = eta_min + (base_lr - eta_min) * (1 + cos(pi * T_cur / T_i)) / 2

    where ``T_cur`` counts the steps since the last restart. The first wave takes ``T_i = T_0`` steps, each later
    one ``T_mult`` times as many as the one before. ``torch.optim.lr_scheduler.CosineAnnealingWarmRestarts``;
    Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017.

    Args:
        optimizer: whose groups to write to.
        T_0: the steps of the first wave.
        T_mult: the factor from one wave to the next.
        eta_min: the lowest rate.
        last_epoch: see :class:`LRScheduler`.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> sgd = optim.SGD([tinyrnn.ones(2, requires_grad=True)], lr=0.4)
    >>> schedule = optim.lr_scheduler.CosineAnnealingWarmRestarts(sgd, T_0=2)
    >>> for _ in range(4):
    ...     print(f"{sgd.param_groups[0]['lr']:.1f}")
    ...     schedule.step()
    0.4
    0.2
    0.4
    0.2

    Raises:
        ValueError: ``T_0`` or ``T_mult`` is not a positive integer, ``eta_min`` is not a number.
    """

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ValueError(f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_0 = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur, self.T_i = self._place(last_epoch)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The closed form."""
        height = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go on by one step, or to ``epoch``, which may be a fraction: ``step(epoch + batch / batches)``.

        Raises:
            ValueError: a negative ``epoch``.
        """
        if epoch is None:
            self.last_epoch += 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
        elif epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        else:
            self.last_epoch = math.floor(epoch)
            self.T_cur, self.T_i = self._place(epoch)
        self._write(self.get_lr())

    def _place(self, epoch: float) -> tuple[float, int]:
        """How far into a wave ``epoch`` is, and the length of that wave."""
        T_i = self.T_0
        if self.T_mult == 1:
            return epoch % T_i, T_i
        while epoch >= T_i:
            epoch -= T_i
            T_i *= self.T_mult
        return epoch, T_i
