"""Averages of weights over training, which often generalise better than the last. ``torch.optim.swa_utils``.

P.Izmailov, D.Podoprikhin, T.Garipov, D.Vetrov, A.G.Wilson: Averaging Weights Leads to Wider Optima and Better
Generalization, UAI 2018.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any

from ..creation import tensor
from ..dtypes import long
from ..engine import no_grad
from ..nn.module import Module
from ..nn.normalization import BatchNorm1d
from ..tensor import Tensor
from .lr_scheduler.base import LRScheduler, check_optimizer, one_each
from .optimizer import Optimizer

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Average = Callable[[Tensor, Tensor, Tensor], Tensor]
ManyAverages = Callable[[Sequence[Tensor], Sequence[Tensor], Tensor], None]


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """``decay * average + (1 - decay) * current``, for ``avg_fn``."""
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")

    def update(averaged: Tensor, current: Tensor, num_averaged: Tensor) -> Tensor:
        return decay * averaged + (1 - decay) * current

    return update


def get_swa_avg_fn() -> Average:
    """The mean of all so far, for ``avg_fn``."""

    def update(averaged: Tensor, current: Tensor, num_averaged: Tensor) -> Tensor:
        return averaged + (current - averaged) / (num_averaged + 1)

    return update


def _one_by_one(average: Average) -> ManyAverages:
    def update(averaged: Sequence[Tensor], current: Sequence[Tensor], num_averaged: Tensor) -> None:
        with no_grad():
            for old, new in zip(averaged, current):
                old.copy_(average(old, new, num_averaged))

    return update


def get_ema_multi_avg_fn(decay: float = 0.999) -> ManyAverages:
    """:func:`get_ema_avg_fn` of a list of tensors in place, for ``multi_avg_fn``."""
    return _one_by_one(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> ManyAverages:
    """:func:`get_swa_avg_fn` of a list of tensors in place, for ``multi_avg_fn``."""
    return _one_by_one(get_swa_avg_fn())


class AveragedModel(Module):
    """A copy of ``model`` whose parameters are the average of what the model's were at each :meth:`update_parameters`.

    Args:
        model: the model; the copy is ``module``, and called as it is.
        device: where the copy is to live.
        avg_fn: ``(average, current, how many were averaged) -> average``; the default is the mean.
        multi_avg_fn: the same for lists of tensors, in place.
        use_buffers: average buffers too; without it they are copied.

    ``torch.optim.swa_utils.AveragedModel``.

    >>> import tinyrnn
    >>> from tinyrnn import nn
    >>> from tinyrnn.optim.swa_utils import AveragedModel
    >>> model = nn.Linear(1, 1)
    >>> average = AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):                # of what training made of it
    ...     nn.init.constant_(model.weight, value); average.update_parameters(model)
    Parameter containing: tensor([[1.]], requires_grad=True)
    Parameter containing: tensor([[2.]], requires_grad=True)
    Parameter containing: tensor([[6.]], requires_grad=True)
    >>> average.module.weight.item()
    3.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: ManyAverages | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=long, device=device))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model makes of it."""
        return self.module(*args, **kwargs)

    def _averaged(self, model: Module) -> list[Tensor]:
        return [*model.parameters(), *(model.buffers() if self.use_buffers else ())]

    def update_parameters(self, model: Module) -> None:
        """Take what the parameters of ``model`` are now into the average; the first time, take them over."""
        old = [t.detach() for t in self._averaged(self.module)]
        new = [t.detach().to(mine.device) for t, mine in zip(self._averaged(model), old)]
        if self.n_averaged == 0:
            for mine, other in zip(old, new):
                mine.copy_(other)
        else:
            update = self.multi_avg_fn or _one_by_one(self.avg_fn or get_swa_avg_fn())
            update(old, new, self.n_averaged)
        if not self.use_buffers:
            for mine, other in zip(self.module.buffers(), model.buffers()):
                mine.detach().copy_(other)
        self.n_averaged += 1


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Measure the running means and variances of batch norms anew, over all batches of ``loader``.

    Needed once after averaging: they belong to the activations of other weights. Of a batch that is a tuple or list, the
    first is the input. ``torch.optim.swa_utils.update_bn``.
    """
    norms = [module for module in model.modules() if isinstance(module, BatchNorm1d)]
    if not norms:
        return
    momenta, was_training = [norm.momentum for norm in norms], model.training
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over batches
    with no_grad():
        for batch in loader:
            input = batch[0] if isinstance(batch, (tuple, list)) else batch
            model(input if device is None else input.to(device))
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """To a rate ``swa_lr`` within ``anneal_epochs`` steps, and there it stays. ``torch.optim.swa_utils.SWALR``.

    After t steps the rate is ``swa_lr * a + lr * (1 - a)``, with ``a`` from 0 to 1 along a line or half a cosine.

    Args:
        optimizer: whose groups to write to.
        swa_lr: the rate to go to, or a list, one for each group.
        anneal_epochs: steps until it is reached.
        anneal_strategy: ``"cos"`` or ``"linear"``.
        last_epoch: as of :class:`LRScheduler`.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> sgd = optim.SGD([tinyrnn.ones(2, requires_grad=True)], lr=1.)
    >>> schedule = optim.swa_utils.SWALR(sgd, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> for _ in range(3):
    ...     sgd.step(); schedule.step()
    ...     print(schedule.get_last_lr())
    [0.75]
    [0.5]
    [0.5]

    Raises:
        ValueError: another number of rates than of groups, or an unknown strategy.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | Sequence[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        for group, lr in zip(optimizer.param_groups, one_each("swa_lr", swa_lr, optimizer)):
            group["swa_lr"] = lr
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        t = min(1.0, max(0.0, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[float]:
        """From the rates in use, as they were at share a of the way, to those at the next share."""
        step = self._step_count - 1 if self.anneal_epochs else max(1, self._step_count - 1)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            goal = group["swa_lr"]
            start = goal if before == 1 else (group["lr"] - before * goal) / (1 - before)
            rates.append(goal * now + start * (1 - now))
        return rates
