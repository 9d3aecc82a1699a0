"""Several schedules on one optimiser: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler
from .plateau import ReduceLROnPlateau


def _check(name: str, schedulers: Sequence[Any], optimizer: Optimizer | None) -> None:
    if len(schedulers) < 1:
        raise ValueError(f"{name} expects at least one scheduler to be chained, but got no scheduler.")
    for k, scheduler in enumerate(schedulers):
        if not hasattr(scheduler, "optimizer"):
            raise TypeError(f"{name} at index {k} should have `optimizer` as its attribute.")
        if isinstance(scheduler, ReduceLROnPlateau):
            raise ValueError(f"{name} does not support `ReduceLROnPlateau` scheduler as it requires additional kwargs to be specified")
        if scheduler.optimizer is not optimizer:
            raise ValueError(f"{name} expects all schedulers to belong to the same optimizer, but the one at index {k} has another")


def _undo(scheduler: LRScheduler) -> None:
    if isinstance(scheduler, _Combined):
        for part in scheduler._schedulers:
            _undo(part)
    else:
        scheduler.last_epoch -= 1


class _Combined(LRScheduler):
    _schedulers: list[LRScheduler]

    def state_dict(self) -> dict[str, Any]:
        """As the base's, with the state of each schedule under ``_schedulers``."""
        return {**super().state_dict(), "_schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "_schedulers"})
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)


class SequentialLR(_Combined):
    """One schedule after the other, each from its beginning. ``torch.optim.lr_scheduler.SequentialLR``.

    Args:
        optimizer: whose groups they write to.
        schedulers: the schedules, in their order.
        milestones: the steps at which the second, the third ... begins.
        last_epoch: the number of steps already taken.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> from tinyrnn.optim.lr_scheduler import ExponentialLR, LinearLR, SequentialLR
    >>> sgd = optim.SGD([tinyrnn.ones(2, requires_grad=True)], lr=1.)
    >>> warm_up, decay = LinearLR(sgd, start_factor=0.5, total_iters=2), ExponentialLR(sgd, gamma=0.5)
    >>> schedule = SequentialLR(sgd, [warm_up, decay], milestones=[2])
    >>> for _ in range(5):
    ...     print(sgd.param_groups[0]["lr"])
    ...     sgd.step(); schedule.step()
    0.5
    0.75
    1.0
    0.5
    0.25

    Raises:
        ValueError: no schedules, schedules of several optimisers, another number of milestones than one less than schedules, a
            :class:`ReduceLROnPlateau`, whose step takes an argument.
        TypeError: something that has no optimiser.
    """

    def __init__(self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1) -> None:
        _check("SequentialLR", schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number of milestone points, but got "
                f"number of schedulers {len(schedulers)} and the number of milestones to be equal to {len(milestones)}"
            )
        self.optimizer = optimizer
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        # Each of the schedules has written its first rate: undo that, and let the first one do it again.
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        for scheduler in schedulers:
            _undo(scheduler)
        schedulers[0]._initial_step()
        self._last_lr = schedulers[0].get_last_lr()

    def step(self) -> None:  # type: ignore[override]
        """Go on by one step; call it after ``optimizer.step()``."""
        self.last_epoch += 1
        k = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[k]
        if k > 0 and self._milestones[k - 1] == self.last_epoch:
            scheduler._go_to(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(_Combined):
    """Several schedules at once: all step, and their factors multiply. ``torch.optim.lr_scheduler.ChainedScheduler``.

    Args:
        schedulers: the schedules, of the chainable form.
        optimizer: whose groups they write to; the first schedule's, unless given.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> from tinyrnn.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
    >>> sgd = optim.SGD([tinyrnn.ones(2, requires_grad=True)], lr=1.)
    >>> schedule = ChainedScheduler([ConstantLR(sgd, factor=0.5, total_iters=2), ExponentialLR(sgd, gamma=0.5)])
    >>> for _ in range(3):
    ...     print(sgd.param_groups[0]["lr"])
    ...     sgd.step(); schedule.step()
    0.5
    0.25
    0.25

    Raises:
        ValueError: as :class:`SequentialLR`.
        TypeError: as :class:`SequentialLR`.
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        _check("ChainedScheduler", schedulers, optimizer or getattr(schedulers[0] if schedulers else None, "optimizer", None))
        self._schedulers = list(schedulers)
        self.optimizer = schedulers[0].optimizer
        self._last_lr = self._current()

    def step(self) -> None:  # type: ignore[override]
        """Go on by one step; call it after ``optimizer.step()``."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._current()
