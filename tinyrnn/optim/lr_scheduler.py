"""Schedules of the learning rate. ``torch.optim.lr_scheduler``.

A scheduler writes ``lr`` (:class:`OneCycleLR` also the momentum) into the groups of its optimiser, once when it is
made and then at every ``step()``; it never touches the optimiser's state. Most follow the *chainable* form: the
next rate comes from the current one, ``lr = lr * gamma``, so that several schedulers may act on one optimiser. The
closed form, in ``base_lr`` (the rate at the beginning) and the step ``t``, stands in each docstring.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from ..names import missing_from
from .optimizer import Optimizer, rate


def _check_optimizer(optimizer: Any) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def _one_each(name: str, values: Any, optimizer: Optimizer) -> list:
    """``values`` as a list with one for each group."""
    count = len(optimizer.param_groups)
    if not isinstance(values, (list, tuple)):
        return [values] * count
    if len(values) != count:
        raise ValueError(f"{name} must have the same length as optimizer.param_groups: {len(values)} values, {count} groups")
    return list(values)


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
        _check_optimizer(optimizer)
        self.optimizer = optimizer
        for k, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", rate(group))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{k}] when resuming with last_epoch >= 0: "
                    "load the optimizer's state_dict first, or leave out last_epoch to begin anew"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._step_count = 0
        self.step()

    @property
    def _is_initial(self) -> bool:
        """Whether the step under way is the one that the constructor takes."""
        return self._step_count == 1

    def get_lr(self) -> list[float]:
        """The rates at step ``last_epoch``, one for each group, given those of the step before.

        For subclasses; the rates in use are :meth:`get_last_lr`.
        """
        raise NotImplementedError

    def get_last_lr(self) -> list[float]:
        """The rates that were last written to the groups."""
        return self._last_lr

    def step(self) -> None:
        """Go on by one step; call it after ``optimizer.step()``."""
        if self._step_count == 1 and type(self.optimizer).step is Optimizer.step and not self.optimizer._opt_called:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`: the first value of the schedule is "
                "skipped. Call `optimizer.step()` first.",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        self.last_epoch += 1
        self._write(self.get_lr())

    def _write(self, lrs: Sequence[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            group["lr"] = lr
        self._last_lr = self._current()

    def _current(self) -> list[float]:
        return [rate(group) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on: everything but the optimiser."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`. The rates in use are in the optimiser's ``state_dict``: load that too."""
        vars(self).update(state_dict)


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
        _check_optimizer(optimizer)
        self.lr_lambdas = _one_each("lr_lambda", lr_lambda, optimizer)
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

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As the base's; PyTorch counts its milestones, ``{milestone: times}``, which is understood too."""
        super().load_state_dict(state_dict)
        self.milestones = sorted(Counter(self.milestones).elements())


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
        _check_optimizer(optimizer)
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown!")
        self.optimizer = optimizer
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.factor, self.patience, self.cooldown, self.eps = factor, patience, cooldown, eps
        self.min_lr = min_lr if isinstance(min_lr, (int, float)) else _one_each("min_lr", min_lr, optimizer)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self._last_lr = self._current()

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Judge the latest value of the metric, a number or a one-element tensor."""
        current = float(metrics)
        self.last_epoch += 1
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
        lows = _one_each("min_lr", self.min_lr, self.optimizer)
        reduced = [max(lr * self.factor, low) for lr, low in zip(self._current(), lows)]
        return [new if lr - new > self.eps else lr for lr, new in zip(self._current(), reduced)]

    def _is_better(self, current: float) -> bool:
        margin = self.threshold if self.mode == "max" else -self.threshold
        goal = self.best * (1 + margin) if self.threshold_mode == "rel" else self.best + margin
        return current > goal if self.mode == "max" else current < goal


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
        _check_optimizer(optimizer)
        self.total_steps = _cycle_length(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if cycle_momentum and not {"momentum", "betas"} & set(optimizer.defaults):
            raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
        self._anneal_func_type = anneal_strategy
        self.cycle_momentum = cycle_momentum
        self._phases = _phases(self.total_steps, pct_start, three_phase)
        settings = {"max_lr": max_lr, "base_momentum": base_momentum, "max_momentum": max_momentum}
        each = {name: _one_each(name, values, optimizer) for name, values in settings.items()}
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
            momentum = between(group[first_momentum], group[last_momentum], part)
            if "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum
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

__getattr__ = missing_from(__name__)
