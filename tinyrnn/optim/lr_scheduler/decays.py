"""Schedules that follow a function of the step, most of them downwards."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, check_optimizer, one_each


class LambdaLR(LRScheduler):
    """``lr = base_lr * lr_lambda(t)``. ``torch.optim.lr_scheduler.LambdaLR``.

    Args:
        optimizer: whose groups to write to.
        lr_lambda: a function of the step, or a list of them, one for each group.
        last_epoch: see :class:`LRScheduler`.

    A state_dict cannot hold functions; of callable objects it holds the attributes.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> sgd = optim.SGD([tinyrnn.ones(2, requires_grad=True)], lr=2.)
    >>> optim.lr_scheduler.LambdaLR(sgd, lambda t: 1 / (t + 4)).get_last_lr()
    [0.5]

    Raises:
        ValueError: another number of functions than of groups.
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable | Sequence[Callable], last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.lr_lambdas = one_each("lr_lambda", lr_lambda, optimizer)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The closed form."""
        return [base * function(self.last_epoch) for base, function in zip(self.base_lrs, self.lr_lambdas, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """As the base's, with the attributes of callable objects, and ``None`` for functions."""
        attributes = [dict(getattr(f, "__dict__", {})) or None for f in self.lr_lambdas]
        return {**super().state_dict(), "lr_lambdas": attributes}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As the base's; the functions stay, and callable objects get their attributes back."""
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "lr_lambdas"})
        for function, attributes in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if attributes:
                vars(function).update(attributes)


class MultiplicativeLR(LambdaLR):
    """``lr = lr * lr_lambda(t)`` at every step ``t = 1, 2, ...``. ``torch.optim.lr_scheduler.MultiplicativeLR``.

    Arguments, state and errors as :class:`LambdaLR`.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> sgd = optim.SGD([tinyrnn.ones(2, requires_grad=True)], lr=0.4)
    >>> schedule = optim.lr_scheduler.MultiplicativeLR(sgd, lambda t: 0.5)
    >>> for _ in range(2):
    ...     sgd.step(); schedule.step()
    >>> sgd.param_groups[0]["lr"]
    0.1
    """

    def get_lr(self) -> list[float]:
        """The rates, each times its function."""
        if self._is_initial:
            return self._current()
        return [lr * function(self.last_epoch) for lr, function in zip(self._current(), self.lr_lambdas, strict=True)]


class StepLR(LRScheduler):
    """``lr = base_lr * gamma ** (t // step_size)``. ``torch.optim.lr_scheduler.StepLR``.

    Args:
        optimizer: whose groups to write to.
        step_size: the number of steps from one decay to the next.
        gamma: the factor of a decay.
        last_epoch: see :class:`LRScheduler`.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> sgd = optim.SGD([tinyrnn.ones(2, requires_grad=True)], lr=0.4)
    >>> schedule = optim.lr_scheduler.StepLR(sgd, step_size=2, gamma=0.5)
    >>> for _ in range(4):
    ...     sgd.step(); schedule.step()
    >>> sgd.param_groups[0]["lr"]
    0.1
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates, times ``gamma`` at every ``step_size``-th step."""
        due = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return [lr * self.gamma if due else lr for lr in self._current()]

    def _get_closed_form_lr(self) -> list[float]:
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """``lr = base_lr * gamma ** (number of milestones up to t)``. ``torch.optim.lr_scheduler.MultiStepLR``.

    Args:
        optimizer: whose groups to write to.
        milestones: the steps at which to decay; one that is listed twice decays twice.
        gamma: the factor of a decay.
        last_epoch: see :class:`LRScheduler`.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> sgd = optim.SGD([tinyrnn.ones(2, requires_grad=True)], lr=0.4)
    >>> schedule = optim.lr_scheduler.MultiStepLR(sgd, milestones=[1, 3], gamma=0.5)
    >>> for _ in range(3):
    ...     sgd.step(); schedule.step()
    >>> sgd.param_groups[0]["lr"]
    0.1
    """

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.milestones = sorted(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates, times ``gamma`` at every milestone."""
        return [lr * self.gamma ** self.milestones.count(self.last_epoch) for lr in self._current()]

    def _get_closed_form_lr(self) -> list[float]:
        return [base * self.gamma ** bisect_right(self.milestones, self.last_epoch) for base in self.base_lrs]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As the base's; PyTorch counts its milestones, ``{milestone: times}``, which is understood too."""
        super().load_state_dict(state_dict)
        self.milestones = sorted(Counter(self.milestones).elements())


class ConstantLR(LRScheduler):
    """``base_lr * factor`` for ``total_iters`` steps, then ``base_lr``. ``torch.optim.lr_scheduler.ConstantLR``.

    Args:
        optimizer: whose groups to write to.
        factor: from 0 to 1.
        total_iters: how many steps it lasts.
        last_epoch: see :class:`LRScheduler`.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> sgd = optim.SGD([tinyrnn.ones(2, requires_grad=True)], lr=0.4)
    >>> optim.lr_scheduler.ConstantLR(sgd, factor=0.25).get_last_lr()
    [0.1]

    Raises:
        ValueError: another ``factor``.
    """

    def __init__(self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        if not 0 <= factor <= 1.0:
            raise ValueError("Constant multiplicative factor expected to be between 0 and 1.")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates, times ``factor`` at the beginning, and divided by it at the end."""
        change = self.factor if self.last_epoch == 0 else 1 / self.factor if self.last_epoch == self.total_iters else 1
        return [lr * change for lr in self._current()]

    def _get_closed_form_lr(self) -> list[float]:
        return [base * (1 if self.last_epoch >= self.total_iters else self.factor) for base in self.base_lrs]


class LinearLR(LRScheduler):
    """A line from ``base_lr * start_factor`` to ``base_lr * end_factor``: warm-up. ``torch.optim.lr_scheduler.LinearLR``::

        lr = base_lr * (start_factor + (end_factor - start_factor) * min(t, total_iters) / total_iters)

    Args:
        optimizer: whose groups to write to.
        start_factor: above 0, up to 1.
        end_factor: from 0 to 1.
        total_iters: the steps from one to the other.
        last_epoch: see :class:`LRScheduler`.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> sgd = optim.SGD([tinyrnn.ones(2, requires_grad=True)], lr=0.4)
    >>> schedule = optim.lr_scheduler.LinearLR(sgd, start_factor=0.5, total_iters=2)
    >>> for _ in range(3):
    ...     print(round(sgd.param_groups[0]["lr"], 12))
    ...     sgd.step(); schedule.step()
    0.2
    0.3
    0.4

    Raises:
        ValueError: factors that are not as said above.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1.0:
            raise ValueError("Starting multiplicative factor expected to be greater than 0 and less or equal to 1.")
        if not 0 <= end_factor <= 1.0:
            raise ValueError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The chainable form: the rates grow by the ratio of this step's factor to the last one's."""
        t, rise = self.last_epoch, self.end_factor - self.start_factor
        if t == 0:
            return [lr * self.start_factor for lr in self._current()]
        if self._is_initial or t > self.total_iters:
            return self._current()
        ratio = 1 + rise / (self.total_iters * self.start_factor + (t - 1) * rise)
        return [lr * ratio for lr in self._current()]

    def _get_closed_form_lr(self) -> list[float]:
        part = min(self.last_epoch, self.total_iters) / self.total_iters
        return [base * (self.start_factor + (self.end_factor - self.start_factor) * part) for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """``lr = base_lr * gamma ** t``. ``torch.optim.lr_scheduler.ExponentialLR``.

    Args:
        optimizer: whose groups to write to.
        gamma: the factor of each step.
        last_epoch: see :class:`LRScheduler`.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> sgd = optim.SGD([tinyrnn.ones(2, requires_grad=True)], lr=0.4)
    >>> schedule = optim.lr_scheduler.ExponentialLR(sgd, gamma=0.5)
    >>> for _ in range(2):
    ...     sgd.step(); schedule.step()
    >>> sgd.param_groups[0]["lr"]
    0.1
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates times ``gamma``."""
        return [lr if self._is_initial else lr * self.gamma for lr in self._current()]

    def _get_closed_form_lr(self) -> list[float]:
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class PolynomialLR(LRScheduler):
    """``lr = base_lr * (1 - min(t, total_iters) / total_iters) ** power``. ``torch.optim.lr_scheduler.PolynomialLR``.

    Args:
        optimizer: whose groups to write to.
        total_iters: the steps down to 0.
        power: 1 is a straight line.
        last_epoch: see :class:`LRScheduler`.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> sgd = optim.SGD([tinyrnn.ones(2, requires_grad=True)], lr=0.4)
    >>> schedule = optim.lr_scheduler.PolynomialLR(sgd, total_iters=4, power=2)
    >>> for _ in range(2):
    ...     sgd.step(); schedule.step()
    >>> round(sgd.param_groups[0]["lr"], 12)
    0.1
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The chainable form: the rates shrink by the ratio of this step's value to the last one's."""
        t, T = self.last_epoch, self.total_iters
        if self._is_initial or t > T:
            return self._current()
        ratio = ((1 - t / T) / (1 - (t - 1) / T)) ** self.power
        return [lr * ratio for lr in self._current()]

    def _get_closed_form_lr(self) -> list[float]:
        left = 1 - min(self.last_epoch, self.total_iters) / self.total_iters
        return [base * left**self.power for base in self.base_lrs]
