"""A picture of a training run, drawn while it goes on: losses, perplexity, learning rate, and what the model writes."""

from __future__ import annotations

import itertools
import math
import os
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..serialization import replacing
from .fit import Callback, Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BATCH, TRAIN, VALID, INK, GRID, STRIPE = "#b9cfe4", "#1f5f9e", "#d1495b", "#30343b", "#e4e6ea", "#f4f6f8"
SAMPLES, LINES, COLUMNS, ROW = 8, 2, 138, 0.42  # how many are shown, of how many lines and characters, in inches
DETAIL = 1000  # pieces of a long curve, more than the picture has pixels for


class Plot(Callback):
    """Draws a run into an image file, at the end of every epoch and of training.

    The loss of every batch with its moving mean and the validation, the perplexity of every epoch, the learning rate at
    every step, and a strip of samples. The file is replaced all at once, so an image viewer can watch it. Where epochs
    are short, some are passed over: no more than a tenth of the time goes into drawing. Given to several ``fit`` in
    turn, it appends. It asks for every loss, for which the host waits if the model is on a GPU.

    Args:
        path: what to write; the ending names the format, such as ``.png``, ``.svg`` or ``.pdf``.
        sample: called before training and after every epoch for a text that the model writes. One that draws from a
            generator of its own leaves the run what it would be without.
        every: call ``sample`` every so many batches instead.
        unit: what a token is called.

    In a loop written by hand, call :meth:`loss`, :meth:`lr`, :meth:`train`, :meth:`valid` and :meth:`sample` with the
    number of the step, each as often as you like, then :meth:`save`::

        plot = lm.Plot("run.png")
        for step, (inputs, targets) in enumerate(batches, start=1):
            ...
            plot.loss(step, loss.item())
        plot.save()

    Raises:
        ImportError: matplotlib is not installed.
        FileNotFoundError: the file's folder is not there.
        ValueError: matplotlib does not know the format, or ``every`` is below 1.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        sample: Callable[[], str] | None = None,
        *,
        every: int | None = None,
        unit: str = "token",
    ) -> None:
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError("Plot draws with matplotlib, which is not installed: pip install tinyrnn[plot]") from error
        self.path, self.unit, self.every = os.fsdecode(path), unit, every
        if every is not None and every < 1:
            raise ValueError(f"every must be at least 1 batch, got {every}")
        # Better now than after the first epoch.
        folder, self.format = os.path.dirname(self.path), os.path.splitext(self.path)[1][1:].lower()
        if folder and not os.path.isdir(folder):
            raise FileNotFoundError(f"{self.path}: there is no folder {folder}; make it first")
        formats = Figure().canvas.get_supported_filetypes()
        if self.format not in formats:
            raise ValueError(f"{self.path}: the name must end in the format to write, one of {', '.join(sorted(formats))}")
        self.sampler = sample
        self.curves: dict[str, list[tuple[int, float]]] = {name: [] for name in ("loss", "lr", "train", "valid")}
        self.samples: list[tuple[int, str]] = []
        self.changed, self.due, self.start = False, -math.inf, 0

    # -- what it is told --

    def loss(self, step: int, nats: float) -> None:
        """The loss of the batch at this step."""
        self._note("loss", step, nats)

    def lr(self, step: int, rate: float) -> None:
        """The learning rate of this step."""
        self._note("lr", step, rate)

    def train(self, step: int, nats: float) -> None:
        """The mean training loss of the epoch that ended with this step."""
        self._note("train", step, nats)

    def valid(self, step: int, nats: float) -> None:
        """The validation loss after this step."""
        self._note("valid", step, nats)

    def sample(self, step: int, text: str) -> None:
        """What the model wrote after this step."""
        self.samples.append((step, text))
        self.changed = True

    def _note(self, name: str, step: int, value: float) -> None:
        self.curves[name].append((step, float(value)))
        self.changed = True

    def before_fit(self, run: Run) -> None:
        """Go on where the last ``fit`` ended, and ask for the first sample."""
        self.start = self.curves["loss"][-1][0] if self.curves["loss"] else 0
        if self.sampler is not None and not self.samples:
            self.sample(self.start, self.sampler())

    def before_batch(self, run: Run) -> None:
        """Note the learning rate, which a schedule changes after the batch."""
        self.lr(self.start + run.step + 1, run.lr)

    def after_batch(self, run: Run) -> None:
        """Note the loss; ask for a sample, when it is time."""
        self.loss(self.start + run.step, run.loss)
        if self.every is not None and run.step % self.every == 0:
            self._ask(run)

    def after_epoch(self, run: Run) -> None:
        """Note the means, ask for a sample, and draw."""
        step = self.start + run.step
        self.train(step, run.history[-1]["loss"])
        if run.valid is not None:
            self.valid(step, run.valid.per_token)
        if self.every is None:
            self._ask(run)
        self._draw()

    def after_fit(self, run: Run) -> None:
        """Draw what is new."""
        if self.changed:
            self.save()

    def _ask(self, run: Run) -> None:
        if self.sampler is not None:
            self.sample(self.start + run.step, self.sampler())
            self._draw()

    def _draw(self) -> None:
        """Write the file, unless drawing would take more than a tenth of the time."""
        if time.perf_counter() >= self.due:
            self.save()

    # -- drawing --

    def save(self) -> None:
        """Write the picture of all that came so far.

        Raises:
            OSError: it cannot be written.
        """
        begin = time.perf_counter()
        with warnings.catch_warnings(), replacing(self.path) as file:
            warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a box stands for it
            self.figure().savefig(file, format=self.format, dpi=120)
        end = time.perf_counter()
        self.changed, self.due = False, end + 9 * (end - begin)

    def figure(self) -> Figure:
        """The picture as a ``matplotlib.figure.Figure``, such as a notebook shows."""
        from matplotlib.figure import Figure

        curves = {name: _finite(points) for name, points in self.curves.items()}
        drawn = {_draw_perplexity: ("train", "valid"), _draw_lr: ("lr",)}
        beside = [draw for draw, names in drawn.items() if any(len(curves[name][0]) for name in names)]
        samples = _spread(self.samples, SAMPLES)
        heights = [4.8, 0.35 + ROW * len(samples)] if samples else [4.8]
        figure: Any = Figure(figsize=(11, sum(heights)), facecolor="white", layout="constrained")
        figure.get_layout_engine().set(h_pad=0.08, w_pad=0.08)
        parts = figure.add_gridspec(len(heights), 1, height_ratios=heights)
        upper = parts[0].subgridspec(1, 2 if beside else 1, width_ratios=[1.6, 1][: 1 + bool(beside)])
        loss = figure.add_subplot(upper[0])
        _draw_loss(loss, curves, self.unit)
        right = upper[-1].subgridspec(max(1, len(beside)), 1)
        for row, draw in enumerate(beside):
            draw(figure.add_subplot(right[row], sharex=loss), curves, self.unit)
        if samples:
            _draw_samples(figure.add_subplot(parts[1]), samples)
        return figure


Curve = tuple[np.ndarray, np.ndarray]  # steps and values


def _finite(points: list[tuple[int, float]]) -> Curve:
    kept = np.array([p for p in points if math.isfinite(p[1])], np.float64).reshape(-1, 2)
    return kept[:, 0], kept[:, 1]


def _spread(items: list[Any], count: int) -> list[Any]:
    """So many of them at equal distances, with the first and the last."""
    return [items[k] for k in np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int))]


def _outline(curve: Curve) -> Curve:
    """The extremes of every piece of a long curve: it looks the same, and a million points would take minutes."""
    steps, values = curve
    if len(steps) <= 2 * DETAIL:
        return curve
    edges = np.linspace(0, len(steps), DETAIL + 1).astype(int)
    kept = np.unique([edge + find(values[edge:end]) for edge, end in itertools.pairwise(edges) for find in (np.argmin, np.argmax)])
    return steps[kept], values[kept]


def _moving_mean(curve: Curve) -> tuple[Curve, int]:
    """The mean over a window around each point, a fiftieth of the curve wide and shorter at the ends; and how many points it has."""
    steps, values = curve
    half = len(values) // 100
    sums = np.concatenate([[0.0], np.cumsum(values)])
    k = np.arange(len(values))
    first, last = np.maximum(k - half, 0), np.minimum(k + half + 1, len(values))
    return (steps, (sums[last] - sums[first]) / (last - first)), 2 * half + 1


def _axes(axes: Any, title: str, label: str) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_facecolor("white")
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK)
    axes.set_ylabel(label, fontsize=9, color=INK)
    axes.set_xlabel("batches", fontsize=9, color=INK)
    axes.tick_params(labelsize=8.5, colors=INK, length=0)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))


def _logarithmic(axes: Any, values: np.ndarray) -> None:
    """Powers of ten, and round numbers between them where there is room, not written as powers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_yscale("log")
    ratio = values.max() / values.min()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7) if ratio < 20 else (1, 2, 5) if ratio < 1000 else (1,)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.10g}" if x < 1e6 else f"{x:.0e}"))


def _legend(axes: Any) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper right", fontsize=9, frameon=True, framealpha=0.85, edgecolor="none", facecolor="white", labelcolor=INK)


def _epochs(axes: Any, steps: np.ndarray, values: np.ndarray, **style: Any) -> None:
    """A point for every epoch, while they can be told apart."""
    axes.plot(steps, values, linewidth=1.4, marker="o" if len(steps) <= 40 else "", markersize=4, **style)


def _draw_loss(axes: Any, curves: dict[str, Curve], unit: str) -> None:
    _axes(axes, "Loss", f"nats per {unit}")
    batches, valid = curves["loss"], curves["valid"]
    if len(batches[0]):
        mean, window = _moving_mean(batches)
        axes.plot(*_outline(batches), color=BATCH, linewidth=0.7, label="each batch")
        if window > 1:
            axes.plot(*_outline(mean), color=TRAIN, linewidth=1.8, label=f"mean over {window:,} batches")
        # A few batches far out must not squeeze the rest.
        low, high = np.quantile(batches[1], [0.002, 0.998])
        shown = np.concatenate([[low, high, batches[1][0]], mean[1], valid[1]])
        margin = 0.04 * (np.ptp(shown) or 1.0)
        axes.set_ylim(shown.min() - margin, shown.max() + margin)
    if len(valid[0]):
        _epochs(axes, *valid, color=VALID, label=f"validation, best {valid[1].min():.3f}")
    _legend(axes)


def _draw_perplexity(axes: Any, curves: dict[str, Curve], unit: str) -> None:
    _axes(axes, "Perplexity", f"per {unit}")
    shown = []
    for name, label, color in (("train", "training", TRAIN), ("valid", "validation", VALID)):
        steps, values = curves[name][0], np.exp(np.minimum(curves[name][1], 700))
        if len(steps):
            _epochs(axes, steps, values, color=color, label=f"{label}, best {values.min():,.4g}")
            shown.append(values)
    together = np.concatenate(shown)
    if together.max() >= 5 * together.min():
        _logarithmic(axes, together)
    _legend(axes)


def _draw_lr(axes: Any, curves: dict[str, Curve], unit: str) -> None:
    from matplotlib.ticker import FuncFormatter

    _axes(axes, "Learning rate", "")
    steps, rates = _outline(curves["lr"])
    axes.plot(steps, rates, color=TRAIN, linewidth=1.4, drawstyle="steps-post")
    if 0 < 5 * rates.min() <= rates.max() and len(np.unique(rates)) <= 20:  # it falls by factors
        _logarithmic(axes, rates)
    else:
        axes.set_ylim(0, 1.08 * (rates.max() or 1.0))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))


def _draw_samples(axes: Any, samples: list[tuple[int, str]]) -> None:
    axes.set_axis_off()
    axes.set_title("Samples after so many batches", loc="left", fontsize=11, fontweight="bold", color=INK)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(samples), 0)
    for row, (step, text) in enumerate(samples):
        if row % 2 == 0:
            axes.axhspan(row, row + 1, color=STRIPE, linewidth=0)
        # parse_math: a dollar sign is a dollar sign
        style: dict[str, Any] = {"va": "center", "fontsize": 8.5, "parse_math": False, "clip_on": True}
        axes.text(0.062, row + 0.5, f"{step:,}", ha="right", color=TRAIN, **style)
        axes.text(0.075, row + 0.5, _lines(text), family="monospace", linespacing=1.35, color=INK, **style)


def _lines(text: str) -> str:
    """A sample in so many lines; where it breaks its own there is an arrow."""
    text = "".join(c if c.isprintable() else "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}" if c == "\n" else " " for c in text.strip())
    if len(text) > LINES * COLUMNS:
        text = text[: LINES * COLUMNS - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return "\n".join(text[k : k + COLUMNS] for k in range(0, len(text), COLUMNS))
