"""The picture of a run: what its curves, labels and texts say, when it is written, and what it leaves alone."""

import errno
import math
import subprocess
import sys

import numpy as np
import pytest

import tinyrnn
from tinyrnn import lm, optim, text

matplotlib = pytest.importorskip("matplotlib", reason="pictures need matplotlib: pip install tinyrnn[plot]")
plot_module = sys.modules["tinyrnn.lm.plot"]


def panels(plot):
    return {axes.get_title(loc="left"): axes for axes in plot.figure().axes}


def lines(axes):
    """Every curve by its label in the legend."""
    return {line.get_label().split(",")[0]: line.get_xydata() for line in axes.get_lines()}


def run_of(plot, *others, epochs=2, valid=True, schedule=False):
    tinyrnn.manual_seed(1)
    ids = np.random.default_rng(0).integers(7, size=101)
    batches = text.SequentialBatches(ids, 5, 4)  # 5 batches
    model = lm.LanguageModel(7, 4, 6)
    sgd = optim.SGD(model.parameters(), lr=0.5)
    if schedule:
        schedule = optim.lr_scheduler.StepLR(sgd, 4, gamma=0.25)
    losses = []

    class Note(lm.Callback):
        def after_batch(self, run):
            losses.append(run.loss)

    run = lm.fit(
        model, batches, batches if valid else None,
        optimizer=sgd, epochs=epochs, schedule=schedule or None, callbacks=[plot, Note(), *others],
    )  # fmt: skip
    return run, losses


def test_draws_what_fit_tells(tmp_path):
    plot = lm.Plot(tmp_path / "run.png", unit="char")
    run, losses = run_of(plot, schedule=True)
    shown = panels(plot)
    assert list(shown) == ["Loss", "Perplexity", "Learning rate"]
    assert [axes.get_ylabel() for axes in shown.values()] == ["nats per char", "per char", ""]
    assert {axes.get_xlabel() for axes in shown.values()} == {"batches"}
    steps, train, valid = np.arange(1, 11), *([e[name] for e in run.history] for name in ("loss", "valid"))
    curves = lines(shown["Loss"])
    np.testing.assert_allclose(curves["each batch"], np.column_stack([steps, losses]))
    np.testing.assert_allclose(curves["validation"], np.column_stack([[5, 10], valid]))
    curves = lines(shown["Perplexity"])
    np.testing.assert_allclose(curves["training"], np.column_stack([[5, 10], np.exp(train)]))
    np.testing.assert_allclose(curves["validation"], np.column_stack([[5, 10], np.exp(valid)]))
    (rates,) = shown["Learning rate"].get_lines()
    np.testing.assert_allclose(rates.get_xydata(), np.column_stack([steps, [0.5] * 4 + [0.125] * 4 + [0.03125] * 2]))
    assert [text.get_text() for text in shown["Loss"].get_legend().get_texts()][-1] == f"validation, best {min(valid):.3f}"
    assert shown["Perplexity"].get_xlim() == shown["Loss"].get_xlim()
    assert plot.path.endswith("run.png") and (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["run.png"]


class StopAt(lm.Callback):
    def __init__(self, step):
        self.step = step

    def before_batch(self, run):
        if run.step == self.step:
            raise lm.StopTraining


def test_a_second_fit_goes_on(tmp_path):
    plot = lm.Plot(tmp_path / "run.png", lambda: "text")
    run_of(plot, StopAt(7), valid=False)
    run_of(plot, valid=False)
    assert [step for step, _ in plot.curves["loss"]] == list(range(1, 18))
    assert [step for step, _ in plot.curves["train"]] == [step for step, _ in plot.samples[1:]] == [5, 12, 17]
    assert plot.samples[0] == (0, "text") and plot.curves["valid"] == []


def test_samples_every_so_many_batches(tmp_path):
    count = iter(range(100))
    plot = lm.Plot(tmp_path / "run.png", lambda: str(next(count)), every=3)
    run_of(plot)
    assert plot.samples == [(0, "0"), (3, "1"), (6, "2"), (9, "3")]


def test_a_loop_written_by_hand(tmp_path):
    plot = lm.Plot(tmp_path / "run.svg")
    for step in range(1, 301):
        plot.loss(step, 3 - step / 200)
    plot.save()
    (axes,) = plot.figure().axes
    mean = lines(axes)["mean over 7 batches"]
    np.testing.assert_allclose(mean[3:-3, 1], 3 - np.arange(4, 298) / 200)  # of a straight line, the line
    np.testing.assert_allclose(mean[0], [1, 3 - 2.5 / 200])  # at an end, of what there is
    assert b"<svg" in (tmp_path / "run.svg").read_bytes()
    plot.lr(1, 0.1)
    assert list(panels(plot)) == ["Loss", "Learning rate"]
    plot.valid(300, 1.0)
    plot.sample(300, "text")
    assert list(panels(plot)) == ["Loss", "Perplexity", "Learning rate", "Samples after so many batches"]


def test_a_long_curve_keeps_its_extremes_and_few_points(tmp_path):
    plot = lm.Plot(tmp_path / "run.png")
    values = np.random.default_rng(0).standard_normal(50_000)
    values[[12_345, 33_333]] = 40, -40
    for step, value in enumerate(values):
        plot.loss(step, value)
    (axes,) = plot.figure().axes
    drawn = lines(axes)["each batch"]
    assert len(drawn) <= 2 * plot_module.DETAIL and (np.diff(drawn[:, 0]) > 0).all()
    assert {(12_345, 40.0), (33_333, -40.0)} <= {tuple(point) for point in drawn}
    assert np.array_equal(drawn[:, 1], values[drawn[:, 0].astype(int)])
    low, high = axes.get_ylim()
    assert -6 < low < -2.5 and 2.5 < high < 6  # and a few far out do not squeeze the rest


@pytest.mark.parametrize(
    ("rates", "scale"),
    [
        ([20, 5, 1.25], "log"),  # it falls by factors
        ([0.1, 0.09], "linear"),
        ([0.1], "linear"),
        ([0.1, 0.0], "linear"),
        (0.1 * np.cos(np.linspace(0, 1.5, 100)) ** 2, "linear"),  # a curve that everyone knows
    ],
)
def test_scale_of_the_learning_rate(tmp_path, rates, scale):
    plot = lm.Plot(tmp_path / "run.png")
    for step, rate in enumerate(rates):
        plot.lr(step, rate)
    axes = panels(plot)["Learning rate"]
    assert axes.get_yscale() == scale
    low, high = axes.get_ylim()
    assert low <= min(rates) and max(rates) <= high


@pytest.mark.parametrize(("nats", "scale"), [([6, 5, 4], "log"), ([2, 1.9], "linear")])
def test_scale_of_the_perplexity(tmp_path, nats, scale):
    plot = lm.Plot(tmp_path / "run.png")
    for step, value in enumerate(nats):
        plot.valid(step, value)
    axes = panels(plot)["Perplexity"]
    assert axes.get_yscale() == scale
    labels = [label.get_text() for label in axes.get_yticklabels() if label.get_text()]
    assert len(labels) >= 3 and all(float(label.replace(",", "")) > 0 for label in labels)


def test_what_is_not_finite_is_left_out(tmp_path):
    plot = lm.Plot(tmp_path / "run.png")
    for step, value in enumerate([math.nan, 3.0, math.inf, 1e30, 2.0]):
        plot.loss(step, value)
    plot.train(4, 1e5)  # a perplexity beyond every float
    plot.valid(4, math.nan)
    plot.save()
    assert lines(panels(plot)["Loss"])["each batch"][:, 0].tolist() == [1, 3, 4]
    assert np.isfinite(lines(panels(plot)["Perplexity"])["training"]).all()


def texts(plot):
    """The strip: what stands at the left of each row, and at the right."""
    found = [text.get_text() for text in panels(plot)["Samples after so many batches"].texts]
    return dict(zip(found[::2], found[1::2]))


def test_the_strip_shows_texts_as_they_are(tmp_path):
    plot = lm.Plot(tmp_path / "run.png")
    width = plot_module.COLUMNS
    plot.sample(0, "")
    plot.sample(1000, "\n it cost $5\nand $6 \\frac{1}{2}\n")
    plot.sample(2000, "a\tb\0c\ud800 \N{CJK UNIFIED IDEOGRAPH-4E00}")
    plot.sample(3000, "x" * width + "y" * (width - 1) + "zz")
    assert texts(plot) == {
        "0": "",
        "1,000": "it cost $5↵and $6 \\frac{1}{2}",
        "2,000": "a b c  一",
        "3,000": "x" * width + "\n" + "y" * (width - 1) + "…",
    }
    plot.save()  # no warning of what the font has not


@pytest.mark.parametrize("dpi", [100, 120, 200])  # hinting rounds the width of a letter to pixels
def test_the_lines_of_the_strip_fill_its_width(tmp_path, dpi):
    plot = lm.Plot(tmp_path / "run.png")
    plot.sample(1_000_000, "m" * 1000)
    figure = plot.figure()
    figure.set_dpi(dpi)
    figure.draw_without_rendering()
    axes = figure.axes[-1]
    step, sample = axes.texts
    assert sample.get_family() == ["monospace"] and not sample.get_parse_math()
    left, step, sample = axes.bbox.x0, step.get_window_extent(), sample.get_window_extent()
    assert left <= step.x0 < step.x1 < sample.x0 and 0.9 < (sample.x1 - left) / axes.bbox.width <= 1


def test_the_strip_shows_a_few_samples_of_many(tmp_path):
    plot = lm.Plot(tmp_path / "run.png")
    for step in range(101):
        plot.sample(step, str(step))
    shown = [int(step) for step in texts(plot)]
    assert len(shown) == plot_module.SAMPLES and shown[0] == 0 and shown[-1] == 100
    assert max(np.diff(shown)) - min(np.diff(shown)) <= 1


def test_texts_and_panels_do_not_overlap(tmp_path):
    plot = lm.Plot(tmp_path / "run.png", lambda: "two lines " * 40)
    run_of(plot)
    figure = plot.figure()
    figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    assert len(boxes) == 4
    for k, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:k])
    rows = [text.get_window_extent() for text in figure.axes[-1].texts]
    for k, box in enumerate(rows):
        assert not any(box.overlaps(other) for other in rows[:k])


# -- files and neighbours --


def test_written_while_training_goes_on_and_whole(tmp_path, monkeypatch):
    plot = lm.Plot(tmp_path / "run.png")
    saved = []
    save = plot.save
    monkeypatch.setattr(plot, "save", lambda: (saved.append(plot.curves["loss"][-1][0]), save()))
    clock = [0.0]  # drawing takes a second, an epoch what the test says
    monkeypatch.setattr(plot_module.time, "perf_counter", lambda: clock.__setitem__(0, clock[0] + 0.5) or clock[0])
    run_of(plot, epochs=3)
    assert saved == [5, 15]  # the first epoch, and the end
    saved.clear()
    clock[0] += 100
    run_of(plot, epochs=1)
    assert saved == [20]  # not twice the same


def test_a_run_that_breaks_is_drawn(tmp_path):
    class Break(lm.Callback):
        def after_batch(self, run):
            raise ZeroDivisionError

    plot = lm.Plot(tmp_path / "run.png")
    model = lm.LanguageModel(7, 4, 6)
    batches = text.SequentialBatches(np.arange(50) % 7, 5, 4)
    with pytest.raises(ZeroDivisionError):
        lm.fit(model, batches, optimizer=optim.SGD(model.parameters(), lr=0.5), callbacks=[plot, Break()])
    assert (tmp_path / "run.png").exists() and len(plot.curves["loss"]) == 1


def test_a_picture_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    plot = lm.Plot(tmp_path / "run.png")
    plot.loss(1, 2.0)
    plot.save()
    before = (tmp_path / "run.png").read_bytes()
    from matplotlib.figure import Figure

    def broken(self, file, **options):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(Figure, "savefig", broken)
    with pytest.raises(OSError, match="no space left"):
        plot.save()
    assert (tmp_path / "run.png").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_refused_before_training_begins(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"run\.xyz: the name must end in the format .*png"):
        lm.Plot(tmp_path / "run.xyz")
    with pytest.raises(ValueError, match="the name must end in"):
        lm.Plot(tmp_path / "run")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*missing; make it first"):
        lm.Plot(tmp_path / "missing" / "run.png")
    with pytest.raises(ValueError, match="every must be at least 1 batch, got 0"):
        lm.Plot(tmp_path / "run.png", str, every=0)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install tinyrnn\[plot\]"):
        lm.Plot(tmp_path / "run.png")


def test_leaves_the_users_matplotlib_alone(tmp_path):
    before = dict(matplotlib.rcParams)
    run_of(lm.Plot(tmp_path / "run.png"))
    assert dict(matplotlib.rcParams) == before
    program = f"""
import sys
from tinyrnn import lm
assert not [name for name in sys.modules if name.startswith("matplotlib")]  # only whoever draws waits for it
plot = lm.Plot({str(tmp_path / "again.png")!r})
plot.loss(1, 2.0)
plot.save()
assert "matplotlib.pyplot" not in sys.modules  # which would choose a backend
"""
    subprocess.run([sys.executable, "-c", program], check=True)
