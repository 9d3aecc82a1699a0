"""Schedules that go up and down along with the momentum, step by step rather than epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

from ..optimizer import Optimizer
from .base import LRScheduler, check_optimizer, one_each


def check_momentum(optimizer: Optimizer) -> None:
    """Refuse an optimiser without momentum.

    Raises:
        ValueError: that.
    """
    if not {"momentum", "betas"} & set(optimizer.defaults):
        raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")


def write_momentum(group: dict[str, Any], momentum: float) -> None:
    """Set the momentum of a group; of Adam, ``beta1``."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


_SCALES: dict[str, tuple[Callable[[float, float], float], str]] = {
    "triangular": (lambda gamma, x: 1.0, "cycle"),
    "triangular2": (lambda gamma, x: 1 / 2.0 ** (x - 1), "cycle"),
    "exp_range": (lambda gamma, x: gamma**x, "iterations"),
}


class CyclicLR(LRScheduler):
    """Up from ``base_lr`` to ``max_lr`` and down again, over and over, along straight lines.

    The momentum (of Adam, ``beta1``) goes the other way. ``torch.optim.lr_scheduler.CyclicLR``; Smith, "Cyclical Learning
    Rates for Training Neural Networks", 2017. Call ``step()`` after each batch, not each epoch.

    Args:
        optimizer: whose groups to write to; their ``lr`` is overwritten.
        base_lr: the lowest rate; a number, or one for each group.
        max_lr: the highest rate of the first cycle.
        step_size_up: the steps of a rise.
        step_size_down: the steps of a fall; as many unless given.
        mode: cycles of equal height (``"triangular"``), each half as high as the last one (``"triangular2"``), or of height
            ``gamma ** t`` (``"exp_range"``).
        gamma: see ``mode``.
        scale_fn: the height, a function in place of ``mode``.
        scale_mode: what ``scale_fn`` is given, the number of the ``"cycle"``, from 1, or of the step (``"iterations"``).
        cycle_momentum: whether to write the momentum.
        base_momentum: the momentum at the highest rate.
        max_momentum: the momentum at the lowest.
        last_epoch: see :class:`LRScheduler`.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> sgd = optim.SGD([tinyrnn.ones(2, requires_grad=True)], momentum=0.9)
    >>> schedule = optim.lr_scheduler.CyclicLR(sgd, base_lr=0.1, max_lr=0.3, step_size_up=2)
    >>> for _ in range(4):
    ...     print(f"{sgd.param_groups[0]['lr']:.1f}")
    ...     sgd.step(); schedule.step()
    0.1
    0.2
    0.3
    0.2

    Raises:
        ValueError: an unknown mode without ``scale_fn``; lists of another length than the groups; no momentum.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        base_lrs = one_each("base_lr", base_lr, optimizer)
        self.max_lrs = one_each("max_lr", max_lr, optimizer)
        self.total_size = float(step_size_up) + float(step_size_up if step_size_down is None else step_size_down)
        self.step_ratio = step_size_up / self.total_size
        if mode not in _SCALES and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else _SCALES[mode][1]
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            check_momentum(optimizer)
            self.base_momentums = one_each("base_momentum", base_momentum, optimizer)
            self.max_momentums = one_each("max_momentum", max_momentum, optimizer)
        for k, group in enumerate(optimizer.param_groups if last_epoch == -1 else ()):
            group["lr"] = base_lrs[k]
            if cycle_momentum:
                write_momentum(group, self.max_momentums[k])
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The height of the cycle, or of the step, ``x``."""
        return _SCALES[self.mode][0](self.gamma, x) if self._scale_fn_custom is None else self._scale_fn_custom(x)

    def get_lr(self) -> list[float]:
        """The closed form; writes the momentum as it goes."""
        turns = self.last_epoch / self.total_size
        cycle = math.floor(1 + turns)
        x = 1 + turns - cycle
        part = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        height = part * self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group, low, high in zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums):
                write_momentum(group, high - (high - low) * height)
        return [low + (high - low) * height for low, high in zip(self.base_lrs, self.max_lrs)]

    def state_dict(self) -> dict[str, Any]:
        """As the base's, without ``scale_fn``; of a callable object it holds the attributes."""
        custom = dict(getattr(self._scale_fn_custom, "__dict__", {})) or None
        return {**super().state_dict(), "_scale_fn_custom": custom}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As the base's; ``scale_fn`` stays, and a callable object gets its attributes back."""
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "_scale_fn_custom"})
        if state_dict.get("_scale_fn_custom"):
            vars(self._scale_fn_custom).update(state_dict["_scale_fn_custom"])


class OneCycleLR(LRScheduler):
    """Up from ``max_lr / div_factor`` to ``max_lr``, then down to ``max_lr / div_factor / final_div_factor``.

    The momentum (of Adam, ``beta1``) goes the other way: down, then up. ``torch.optim.lr_scheduler.OneCycleLR``;
    Smith & Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates", 2018. Call
    ``step()`` after each batch, not each epoch.

    Args:
        optimizer: whose groups to write to; their ``lr`` is overwritten.
        max_lr: the highest rate; a number, or one for each group.
        total_steps: the length of the cycle; or give ``epochs`` and ``steps_per_epoch``.
        epochs: the number of epochs.
        steps_per_epoch: the number of steps in one.
        pct_start: the part of the cycle that goes up.
        anneal_strategy: along a cosine (``"cos"``) or a straight line (``"linear"``).
        cycle_momentum: whether to write the momentum.
        base_momentum: the momentum at the highest rate.
        max_momentum: the momentum at the lowest rates.
        div_factor: how far below the highest rate to begin.
        final_div_factor: how far below the beginning to end.
        three_phase: go down as steeply as up, back to the first rate, and use the rest of the cycle for the last one.
        last_epoch: see :class:`LRScheduler`.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> sgd = optim.SGD([tinyrnn.ones(2, requires_grad=True)], momentum=0.9)
    >>> schedule = optim.lr_scheduler.OneCycleLR(sgd, max_lr=1., total_steps=10, pct_start=0.5, div_factor=10)
    >>> for _ in range(4):
    ...     sgd.step(); schedule.step()
    >>> sgd.param_groups[0]["lr"], sgd.param_groups[0]["momentum"]
    (1.0, 0.85)

    Raises:
        ValueError: no length, or one that is not a positive integer; ``pct_start`` not a float in [0, 1]; an unknown
            strategy; lists of another length than the groups; an optimiser without momentum; a step too many.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.total_steps = _cycle_length(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if cycle_momentum:
            check_momentum(optimizer)
        self._anneal_func_type = anneal_strategy
        self.cycle_momentum = cycle_momentum
        self._phases = _phases(self.total_steps, pct_start, three_phase)
        settings = {"max_lr": max_lr, "base_momentum": base_momentum, "max_momentum": max_momentum}
        each = {name: one_each(name, values, optimizer) for name, values in settings.items()}
        for k, group in enumerate(optimizer.param_groups if last_epoch == -1 else ()):
            group.update({name: values[k] for name, values in each.items() if cycle_momentum or name == "max_lr"})
            group["initial_lr"] = group["max_lr"] / div_factor
            group["min_lr"] = group["initial_lr"] / final_div_factor
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The closed form; writes the momentum as it goes."""
        t = self.last_epoch
        if t > self.total_steps:
            raise ValueError(f"Tried to step {t} times. The specified number of total steps is {self.total_steps}")
        k = next((k for k, phase in enumerate(self._phases) if t <= phase[0]), len(self._phases) - 1)
        begin = self._phases[k - 1][0] if k > 0 else 0.0
        end, first_lr, last_lr, first_momentum, last_momentum = self._phases[k]
        part = (t - begin) / (end - begin) if end != begin else 1.0  # a cycle may be too short for its first phase
        between = self._along_cosine if self._anneal_func_type == "cos" else self._along_line
        for group in self.optimizer.param_groups if self.cycle_momentum else ():
            write_momentum(group, between(group[first_momentum], group[last_momentum], part))
        return [between(group[first_lr], group[last_lr], part) for group in self.optimizer.param_groups]

    @staticmethod
    def _along_cosine(first: float, last: float, part: float) -> float:
        return last + (first - last) / 2 * (1 + math.cos(math.pi * part))

    @staticmethod
    def _along_line(first: float, last: float, part: float) -> float:
        return first + (last - first) * part


def _cycle_length(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is None and (epochs is None or steps_per_epoch is None):
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    given = {"epochs": epochs, "steps_per_epoch": steps_per_epoch} if total_steps is None else {"total_steps": total_steps}
    for name, value in given.items():
        if not isinstance(value, int) or value <= 0:
            raise ValueError(f"Expected positive integer {name}, but got {value}")
    return math.prod(given.values())  # type: ignore[arg-type]


def _phases(total: int, part_up: float, three_phase: bool) -> list[tuple]:
    """The phases of a cycle: the last step of each, and the group entries that it leads from and to."""
    up = ("initial_lr", "max_lr", "max_momentum", "base_momentum")
    if not three_phase:
        return [(part_up * total - 1, *up), (total - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
    return [
        (part_up * total - 1, *up),
        (2 * part_up * total - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
        (total - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
    ]
