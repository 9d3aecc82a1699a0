"""Ready-made callbacks for :func:`tinyrnn.lm.fit`: log lines, a progress bar, the best checkpoint, stopping on Ctrl-C."""

from __future__ import annotations

import math
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

from .checkpoint import save_checkpoint
from .fit import Callback, Run, StopTraining


class Log(Callback):
    """One line every ``interval`` batches and one an epoch, in the style of PyTorch's word language model.

    ``unit`` is what a token is called: ``"char"`` shows bits per character.
    """

    def __init__(self, interval: int = 200, unit: str = "token", write: Callable[[str], Any] = tqdm.write) -> None:
        self.interval, self.unit, self.write = interval, unit, write

    def before_fit(self, run: Run) -> None:
        """Start counting."""
        self._restart(run)

    def _restart(self, run: Run) -> None:
        self.nats, self.batches, self.seconds, self.tokens = 0.0, 0, run.seconds, run.tokens

    def after_batch(self, run: Run) -> None:
        """A line, when it is time."""
        if run.batch == 1:
            self.nats, self.batches, self.seconds, self.tokens = 0.0, 0, 0.0, 0
        self.nats += run.loss
        self.batches += 1
        if run.batch % self.interval == 0:
            mean = self.nats / self.batches
            seconds = run.seconds - self.seconds
            self.write(
                f"| epoch {run.epoch:3d} | {run.batch:5d}/{len(run.train):5d} batches | lr {run.lr:.2e} | "
                f"ms/batch {seconds * 1000 / self.batches:6.2f} | {(run.tokens - self.tokens) / seconds:7,.0f} {self.unit}s/s | "
                f"loss {mean:5.2f} | ppl {math.exp(min(mean, 700)):8.2f}"
            )
            self._restart(run)

    def after_epoch(self, run: Run) -> None:
        """The validation, between rules."""
        if run.valid is None:
            return
        rule = "-" * 100
        self.write(rule)
        self.write(
            f"| end of epoch {run.epoch:3d} | time: {run.seconds:5.1f}s | valid loss {run.valid.per_token:6.4f} | "
            f"valid ppl {run.valid.perplexity:8.2f} | {run.valid.bits:.3f} bits/{self.unit}{' | best' if run.improved else ''}"
        )
        self.write(rule)


class Progress(Callback):
    """A tqdm bar over all batches; only where somebody watches (on a terminal)."""

    def before_fit(self, run: Run) -> None:
        """Show the bar."""
        self.bar = tqdm(total=run.epochs * len(run.train), unit="batch", disable=None, leave=False)

    def after_batch(self, run: Run) -> None:
        """One batch more."""
        self.bar.update()
        self.bar.set_postfix_str(f"loss {run.loss:.3f}", refresh=False)

    def after_fit(self, run: Run) -> None:
        """Take the bar away."""
        self.bar.close()


class KeepBest(Callback):
    """Writes a checkpoint whenever validation improves; ``saved`` tells whether there is one."""

    def __init__(self, path: str | os.PathLike[str], vocab: Any) -> None:
        self.path, self.vocab, self.saved = path, vocab, False

    def after_epoch(self, run: Run) -> None:
        """Save, if this was the best epoch."""
        if run.improved:
            self.save(run)

    def save(self, run: Run) -> None:
        """Write the model as it is now."""
        valid = run.valid.per_token if run.improved and run.valid is not None else None
        save_checkpoint(self.path, run.model, self.vocab, epoch=run.epoch, valid_nats=valid)
        self.saved = True


class StopOnInterrupt(Callback):
    """Lets Ctrl-C end training after the batch in hand; a second Ctrl-C ends it at once."""

    interrupted = False

    def before_fit(self, run: Run) -> None:
        """Take over the signal, where that is possible: in the main thread."""
        self.previous: Any = None
        if threading.current_thread() is threading.main_thread():
            self.previous = signal.signal(signal.SIGINT, self._remember)

    def _remember(self, number: int, frame: Any) -> None:
        self.interrupted = True
        signal.signal(signal.SIGINT, self.previous)

    def after_batch(self, run: Run) -> None:
        """Stop here, if asked to."""
        if self.interrupted:
            raise StopTraining

    after_epoch = after_batch

    def after_fit(self, run: Run) -> None:
        """Give the signal back."""
        if self.previous is not None:
            signal.signal(signal.SIGINT, self.previous)
