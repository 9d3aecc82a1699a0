"""The training loop: truncated backpropagation through time over a stream of batches, or any module with a criterion."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from ..backend import quiet, to_host
from ..devices import CPU
from ..kernels.account import BAD_LOSS, BAD_NORM, BATCH, LOSS, NATS, new_account, note_step
from ..nn.utils import clip_grad_norm_
from ..optim import Optimizer
from ..tensor import Tensor
from .model import detach
from .score import Score, check_model, device_of_model, evaluate, members, placed, predict, targets_that_count


class Callback:
    """What is told how training goes; write the methods that matter.

    Any of them may raise ``StopTraining``; the other callbacks still hear of the same batch or epoch.
    """

    def before_fit(self, run: Run) -> None:
        """Training is about to start."""

    def before_epoch(self, run: Run) -> None:
        """Epoch ``run.epoch`` is about to start."""

    def before_batch(self, run: Run) -> None:
        """A batch is about to be read by the model; ``run.batch`` of this epoch are behind it."""

    def after_batch(self, run: Run) -> None:
        """The optimiser has taken a step; ``run.loss`` is the batch's mean loss in nats."""

    def after_epoch(self, run: Run) -> None:
        """An epoch is over; ``run.valid`` is the score on the validation text, if there is one."""

    def after_fit(self, run: Run) -> None:
        """Training is over, however it ended. Told in reverse order, to those whose ``before_fit`` succeeded."""


class StopTraining(Exception):
    """Raised by a callback to end training in good order."""


@dataclass
class Run:
    """Where a training run stands. Callbacks read it."""

    model: Any
    optimizer: Optimizer
    train: Any
    epochs: int
    epoch: int = 0  # counts from 1
    batch: int = 0  # how many batches of this epoch have been learnt from
    step: int = 0  # and how many of all epochs
    tokens: int = 0  # predicted in this epoch; with a criterion, the targets that count
    seconds: float = 0.0  # spent in this epoch
    valid: Score | None = None
    best: Score | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    _loss: float = field(default=math.nan, repr=False)
    _nats: float = field(default=0.0, repr=False)
    _account: Any = field(default=None, repr=False)  # on a GPU, until it has been read

    @property
    def loss(self) -> float:
        """Of this batch, the mean over its tokens. On a GPU, to ask makes the host wait until the batch is done.

        Raises:
            FloatingPointError: on a GPU, as :func:`fit`.
        """
        self.settle()
        return self._loss

    @property
    def nats(self) -> float:
        """In this epoch, the sum over its tokens. As ``loss``."""
        self.settle()
        return self._nats

    def settle(self) -> None:
        """Read what a GPU has noted of the batches since it was last asked. Errors as ``loss``."""
        if self._account is None:
            return
        account, self._account = to_host(self._account), None
        self._nats, self._loss = float(account[NATS]), float(account[LOSS])
        bad = int(account[BATCH])
        if bad:
            self._loss = float(account[BAD_LOSS])
            raise _not_finite(self, bad, self._loss, float(account[BAD_NORM]))

    @property
    def lr(self) -> float:
        """The learning rate of the first group of parameters."""
        return self.optimizer.param_groups[0]["lr"]

    @property
    def batches(self) -> int | None:
        """How many batches an epoch has, if ``train`` knows."""
        return len(self.train) if hasattr(self.train, "__len__") else None

    @property
    def improved(self) -> bool:
        """Whether the last validation was the best so far."""
        return self.valid is not None and self.valid is self.best


def fit(
    model: Any,
    train: Any,
    valid: Any = None,
    *,
    optimizer: Optimizer,
    epochs: int = 1,
    criterion: Callable[..., Tensor] | None = None,
    clip: float | None = None,
    schedule: Any = None,
    plateau: Any = None,
    callbacks: Iterable[Callback] = (),
) -> Run:
    """Train a language model by truncated backpropagation through time, or any module with a ``criterion``.

    Without a criterion, ``loss, state = model.loss(inputs, targets, state)``. The state is carried from batch to batch
    where the text goes on, and detached: gradients reach back to the start of their own batch and no further. Where the
    text does not go on, the state starts from zero.

    With one, ``loss = criterion(model(inputs), targets)``, or ``model(*inputs)`` for a tuple or list of inputs. No state is
    carried: a model that keeps one of its own detaches it itself, and can drop it in its ``train`` method, which is called
    before every epoch and around every validation.

    Batches are copied to where the model is. On a GPU losses are added up there, and the host waits for it only at the end
    of an epoch and where a callback asks for ``run.loss`` or ``run.nats``. So it learns only then of a loss that is not
    finite; but the optimiser has taken neither that step nor any after it. (SGD, Adam and AdamW see to this themselves;
    for others, and for targets that were on the GPU before, the host waits at each step.)

    Args:
        train: batches ``(inputs, targets, continues)``, such as :class:`tinyrnn.text.SequentialBatches`; with a criterion
            ``(inputs, targets)``, such as a ``DataLoader`` gives, and ``continues`` may stand there and does nothing.
        valid: batches to evaluate on after every epoch.
        optimizer: an optimiser of the model's parameters, or of some of them.
        criterion: gives the mean loss of a batch, such as ``nn.CrossEntropyLoss()``. The mean over an epoch is weighted by
            targets: by the classes that are not the criterion's ``ignore_index`` (-100 if it has none), or, of targets that
            are real numbers, by the rows of a batch.
        clip: scale the gradients of these parameters if their norm is larger than this.
        schedule: a learning-rate schedule that steps after every batch. To step every ``k`` epochs, give a ``StepLR`` with
            ``step_size=k * len(train)``.
        plateau: a ``ReduceLROnPlateau`` that sees the validation loss after every epoch.
        callbacks: :class:`Callback` objects, told in this order.

    Returns:
        The :class:`Run` as it stands at the end. Its ``history`` has for each epoch the mean training loss and, with
        ``valid``, the validation loss, in nats per token.

    Raises:
        FloatingPointError: the loss or the gradients are not finite; the optimiser has not taken that step.
        TypeError: the model has no method ``loss`` and there is no criterion, or a batch is not what they need.
        ValueError: the optimiser has none of the model's parameters, or an epoch has no batches.

    >>> import tinyrnn
    >>> from tinyrnn import lm, optim, text
    >>> corpus = text.Corpus.from_text("to be or not to be " * 50)
    >>> model = lm.LanguageModel(len(corpus.vocab), 8, 16)
    >>> batches = text.SequentialBatches(corpus.ids, seq_len=10, batch_size=4)
    >>> run = lm.fit(model, batches, batches, optimizer=optim.Adam(model.parameters(), lr=0.03), epochs=4, clip=1.0)
    >>> run.best.perplexity < 3
    True

    Any module, here a straight line:

    >>> from tinyrnn import nn
    >>> x = tinyrnn.tensor([[0.0], [1.0], [2.0]])
    >>> line = nn.Linear(1, 1)
    >>> run = lm.fit(line, [(x, 2 * x + 1)], optimizer=optim.SGD(line.parameters(), lr=0.2), epochs=200, criterion=nn.MSELoss())
    >>> round(line(tinyrnn.tensor([5.0])).item(), 3)
    11.0
    """
    check_model(model, criterion)
    callbacks = list(callbacks)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    if set(parameters).isdisjoint(model.parameters()):
        raise ValueError("fit: the optimiser has none of the model's parameters; make it from model.parameters(), after the model")
    run = Run(model, optimizer, train, epochs)
    with suppress(StopTraining), ExitStack() as stack:
        stack.callback(model.train, model.training)
        for callback in callbacks:
            callback.before_fit(run)
            stack.callback(callback.after_fit, run)
        with suppress(StopTraining):
            for run.epoch in range(1, epochs + 1):
                _epoch(run, parameters, criterion, clip, schedule, callbacks)
                run.history.append({"epoch": run.epoch, "step": run.step, "loss": run.nats / run.tokens})
                if valid is not None:
                    _validate(run, valid, criterion, plateau)
                _tell(callbacks, "after_epoch", run)
        run.settle()
    return run


def _epoch(run: Run, parameters: list[Any], criterion: Any, clip: float | None, schedule: Any, callbacks: list[Callback]) -> None:
    model, optimizer, state = run.model, run.optimizer, None
    run._nats, run.tokens, run.batch, run.seconds = 0.0, 0, 0, 0.0
    account = _account_for(run)
    _tell(callbacks, "before_epoch", run)
    start = time.perf_counter()
    model.train()
    for batch in run.train:
        inputs, targets, continues = members(batch, criterion)
        _tell(callbacks, "before_batch", run)
        count = targets_that_count(targets, criterion)
        inputs, targets = placed(model, inputs, targets, criterion)
        state = detach(state) if continues else None
        optimizer.zero_grad()
        with quiet():  # what overflows here is an error below, told once and in words
            if criterion is None:
                loss, state = model.loss(inputs, targets, state)
            else:
                loss = criterion(predict(model, inputs), targets)
            loss.backward()
            norm = clip_grad_norm_(parameters, math.inf if clip is None else clip)
        if account is None:
            run._loss = loss.item()
            _check_finite(run, norm)
            run._nats += run._loss * count
            optimizer.step()
        else:
            note_step(loss.array, norm.array, count, run.batch + 1, account)
            run._account = account
            _step_unless(account[BATCH], optimizer)
        if schedule is not None:
            schedule.step()
        run.batch += 1
        run.step += 1
        run.tokens += count
        run.seconds = time.perf_counter() - start
        _tell(callbacks, "after_batch", run)
    if run.batch == 0:
        raise ValueError(
            f"fit: epoch {run.epoch} had no batches. A generator can be read once only; pass something that begins anew each "
            "time, such as a list of batches, a DataLoader or text.SequentialBatches"
        )
    run.settle()
    run.seconds = time.perf_counter() - start


def _account_for(run: Run) -> Any:
    """Where a GPU notes the steps of an epoch; ``None`` if the host is to look at each."""
    if device_of_model(run.model) == CPU or type(run.optimizer).step is not Optimizer.step:
        return None
    return new_account(next(iter(run.model.parameters())).array)


def _step_unless(found_inf: Any, optimizer: Optimizer) -> None:
    optimizer.found_inf = found_inf
    try:
        optimizer.step()
    finally:
        optimizer.found_inf = None


def _validate(run: Run, valid: Any, criterion: Any, plateau: Any) -> None:
    run.valid = evaluate(run.model, valid, criterion)
    nats = run.history[-1]["valid"] = run.valid.per_token
    if nats < (math.inf if run.best is None else run.best.per_token):  # so nan is never the best
        run.best = run.valid
    if plateau is not None:
        plateau.step(nats)


def _tell(callbacks: list[Callback], event: str, run: Run) -> None:
    """Every callback hears of it before training stops: whether the best epoch is saved must not depend on their order."""
    stopping = False
    for callback in callbacks:
        try:
            getattr(callback, event)(run)
        except StopTraining:
            stopping = True
    if stopping:
        raise StopTraining


def _check_finite(run: Run, norm: Any) -> None:
    """Clipping by a norm that is not a number would silently turn every weight into nan."""
    if not (math.isfinite(run._loss) and math.isfinite(norm.item())):
        raise _not_finite(run, run.batch + 1, run._loss, norm.item())


def _not_finite(run: Run, batch: int, loss: float, norm: float) -> FloatingPointError:
    return FloatingPointError(
        f"epoch {run.epoch}, batch {batch}: the loss is {loss:.4g} and the norm of its gradients {norm:.4g}. "
        f"The optimiser has not taken this step. Usual causes: a learning rate too high (it is {run.lr:.3g}), or no clipping of "
        "gradients (clip)."
    )
