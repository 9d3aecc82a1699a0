"""Ready-made callbacks for :func:`tinyrnn.lm.fit`: log lines, a progress bar, the best checkpoint, early stopping, Ctrl-C."""

from __future__ import annotations

import math
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

from ..serialization import save_tensors
from .checkpoint import save_checkpoint
from .fit import Callback, Run, StopTraining
from .score import Score


class Log(Callback):
    """One line every ``interval`` batches and one an epoch, in the style of PyTorch's word language model.

    ``unit`` is what a token is called: ``"char"`` shows bits per character.
    """

    def __init__(self, interval: int = 200, unit: str = "token", write: Callable[[str], Any] = tqdm.write) -> None:
        if interval < 1:
            raise ValueError(f"interval must be at least 1 batch, got {interval}")
        self.interval, self.unit, self.write = interval, unit, write

    def after_batch(self, run: Run) -> None:
        """A line, when it is time."""
        if run.batch == 1:
            self.seconds, self.score = 0.0, Score(0.0, 0)  # up to the last line
        if run.batch % self.interval == 0:
            seconds = run.seconds - self.seconds
            score = Score(run.nats - self.score.nats, run.tokens - self.score.tokens)
            self.seconds, self.score = run.seconds, Score(run.nats, run.tokens)
            self.write(
                f"| epoch {run.epoch:3d} | {run.batch:5d}/{run.batches or '?':>5} batches | lr {run.lr:.2e} | "
                f"ms/batch {seconds * 1000 / self.interval:6.2f} | {score.tokens / seconds:7,.0f} {self.unit}s/s | "
                f"loss {_short(score.per_token, 5)} | ppl {_short(score.perplexity, 8)}"
            )

    def after_epoch(self, run: Run) -> None:
        """The validation, between rules."""
        if run.valid is None:
            return
        rule = "-" * 100
        self.write(rule)
        self.write(
            f"| end of epoch {run.epoch:3d} | time: {run.seconds:5.1f}s | valid loss {run.valid.per_token:6.4f} | "
            f"valid ppl {_short(run.valid.perplexity, 8)} | {run.valid.bits:.3f} bits/{self.unit}{' | best' if run.improved else ''}"
        )
        self.write(rule)


def _short(x: float, width: int) -> str:
    """Two decimals, while a line holds them: of a run that explodes there may be hundreds of digits."""
    return f"{x:{width}.2f}" if x < 1e8 else f"{x:{width}.2e}"


class Progress(Callback):
    """A tqdm bar over all batches; only where somebody watches (on a terminal)."""

    def before_fit(self, run: Run) -> None:
        """Show the bar."""
        total = None if run.batches is None else run.epochs * run.batches
        self.bar = tqdm(total=total, unit="batch", disable=None, leave=False)

    def after_batch(self, run: Run) -> None:
        """One batch more."""
        if self.bar.update():  # it was drawn: several times a second at most, so that a GPU is seldom asked for the loss
            self.bar.set_postfix_str(f"loss {run.loss:.3f}", refresh=False)

    def after_fit(self, run: Run) -> None:
        """Take the bar away."""
        self.bar.close()


class KeepBest(Callback):
    """Writes a checkpoint whenever validation improves, and after every epoch if there is no validation.

    Of a :class:`LanguageModel` and its ``vocab``, for :func:`load_checkpoint`; of any other module, without a ``vocab``,
    the weights: ``model.load_state_dict(load_tensors(path)[0])``. ``saved`` tells whether there is one.
    """

    def __init__(self, path: str | os.PathLike[str], vocab: Any = None) -> None:
        self.path, self.vocab, self.saved = path, vocab, False

    def after_epoch(self, run: Run) -> None:
        """Save, if this was the best epoch."""
        if run.improved or run.valid is None:
            self.save(run)

    def save(self, run: Run) -> None:
        """Write the model as it is now."""
        if self.vocab is None:
            save_tensors(run.model.state_dict(), self.path)
        else:
            valid = run.valid.per_token if run.improved and run.valid is not None else None
            save_checkpoint(self.path, run.model, self.vocab, epoch=run.epoch, valid_nats=valid)
        self.saved = True


class EarlyStop(Callback):
    """Ends training when validation has not improved, by more than ``min_delta`` nats per token, for ``patience`` epochs.

    Raises:
        ValueError: ``patience`` below 1; after the first epoch, if there is no validation.
    """

    def __init__(self, patience: int = 1, min_delta: float = 0.0) -> None:
        if patience < 1:
            raise ValueError(f"patience must be at least 1 epoch, got {patience}")
        self.patience, self.min_delta = patience, min_delta

    def before_fit(self, run: Run) -> None:
        """Nothing seen yet."""
        self.best, self.waited = math.inf, 0

    def after_epoch(self, run: Run) -> None:
        """Stop, if patience is at an end."""
        if run.valid is None:
            raise ValueError("EarlyStop watches the validation loss, and there is none: pass fit(model, train, valid, ...)")
        self.waited += 1
        if run.valid.per_token < self.best - self.min_delta:  # so nan is no improvement
            self.best, self.waited = run.valid.per_token, 0
        if self.waited == self.patience:
            raise StopTraining


class StopOnInterrupt(Callback):
    """Lets Ctrl-C end training after the batch in hand, or the validation; a second Ctrl-C ends it at once.

    Afterwards ``interrupted`` tells whether it was so. Without effect outside the main thread, which alone can take a
    signal, and where Ctrl-C does nothing or does something other than raise ``KeyboardInterrupt``.
    """

    interrupted = False

    def before_fit(self, run: Run) -> None:
        """Take over the signal."""
        self.interrupted = False
        main = threading.current_thread() is threading.main_thread()
        self.active = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self.active:
            signal.signal(signal.SIGINT, self._remember)

    def _remember(self, number: int, frame: Any) -> None:
        self.interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def after_batch(self, run: Run) -> None:
        """Stop here, if asked to."""
        if self.interrupted:
            raise StopTraining

    after_epoch = after_batch

    def after_fit(self, run: Run) -> None:
        """Give the signal back."""
        if self.active:
            signal.signal(signal.SIGINT, signal.default_int_handler)
