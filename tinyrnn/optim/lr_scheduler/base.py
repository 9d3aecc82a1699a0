"""``LRScheduler``: what all schedules share."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from ..equations import rate
from ..optimizer import Optimizer


def check_optimizer(optimizer: Any) -> None:
    """Refuse what is not an optimiser.

    Raises:
        TypeError: that.
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def one_each(name: str, values: Any, optimizer: Optimizer) -> list:
    """``values`` as a list with one for each group.

    Raises:
        ValueError: another number of them.
    """
    count = len(optimizer.param_groups)
    if not isinstance(values, (list, tuple)):
        return [values] * count
    if len(values) != count:
        raise ValueError(f"{name} must have the same length as optimizer.param_groups: {len(values)} values, {count} groups")
    return list(values)


def as_given(group: dict[str, Any]) -> float:
    """The rate of a group as it was given, so that 1 is shown as 1; a tensor becomes a number."""
    lr = group["lr"]
    return lr if type(lr) is int else rate(group)


def warn_of_epoch() -> None:
    """Warn of the argument ``epoch``, as PyTorch does."""
    warnings.warn(
        "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
        "`scheduler.step()` to step the scheduler.",
        UserWarning,
        stacklevel=3,
    )


class LRScheduler:
    """The base of all schedules. ``torch.optim.lr_scheduler.LRScheduler``.

    A subclass defines :meth:`get_lr`. Here, warm-up over 10 steps:

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> class WarmUp(optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [lr * min(1, (self.last_epoch + 1) / 10) for lr in self.base_lrs]
    >>> sgd = optim.SGD([tinyrnn.ones(2, requires_grad=True)], lr=2.)
    >>> WarmUp(sgd).get_last_lr()
    [0.2]

    Args:
        optimizer: whose groups to write to.
        last_epoch: the number of steps already taken; -1 begins anew, and notes the rates in the groups as
            ``initial_lr``.

    ``last_epoch`` counts steps, from 0 after construction; ``base_lrs`` are the initial rates of the groups.

    Raises:
        TypeError: not an optimiser.
        KeyError: to go on (``last_epoch >= 0``) with groups that have no ``initial_lr``.
    """

    optimizer: Optimizer

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for k, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", as_given(group))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{k}] when resuming with last_epoch >= 0: "
                    "load the optimizer's state_dict first, or leave out last_epoch to begin anew"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    # Whether the step under way is the one that the constructor takes.
    _is_initial = False
    # Whether a subclass's get_lr() is called by step(), and not by somebody who means get_last_lr(). PyTorch's name.
    _get_lr_called_within_step = False

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def get_lr(self) -> list[float]:
        """The rates at step ``last_epoch``, one for each group, given those of the step before.

        For subclasses; the rates in use are :meth:`get_last_lr`.
        """
        raise NotImplementedError

    def get_last_lr(self) -> list[float]:
        """The rates that were last written to the groups."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Go on by one step; call it after ``optimizer.step()``.

        Args:
            epoch: go to this step instead. PyTorch warns of this old form, and so do we.
        """
        if self._step_count == 1 and "step" not in vars(self.optimizer) and not self.optimizer._opt_called:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`: the first value of the schedule is "
                "skipped. Call `optimizer.step()` first.",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is not None:
            warn_of_epoch()
        self._go_to(epoch)

    def _go_to(self, epoch: int | None) -> None:
        """Write the rates of the next step, or of ``epoch``, by the closed form where there is one."""
        self._get_lr_called_within_step = True
        try:
            if epoch is None:
                self.last_epoch += 1
                lrs = self.get_lr()
            else:
                self.last_epoch = epoch
                lrs = getattr(self, "_get_closed_form_lr", self.get_lr)()
        finally:
            self._get_lr_called_within_step = False
        self._write(lrs)

    def _write(self, lrs: Sequence[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            group["lr"] = lr
        self._last_lr = self._current()

    def _current(self) -> list[float]:
        return [as_given(group) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on: everything but the optimiser."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`. The rates in use are in the optimiser's ``state_dict``: load that too."""
        vars(self).update(state_dict)
