"""torch-rnn's model of tinyshakespeare: its sizes, its weights, its halving, and that the verification can fail."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from examples import tinyshakespeare as example
from tinyrnn import lm, text
from tinyrnn.text import corpora

from ..real_data import DATA


@pytest.mark.skipif(not (DATA / "tinyshakespeare").is_dir(), reason=f"no tinyshakespeare in {DATA}")
def test_the_corpus_is_split_as_torch_rnn_does(monkeypatch):
    monkeypatch.setenv("TINYRNN_DATA", str(DATA))
    corpus = text.Corpus.from_text(corpora.load("tinyshakespeare"))
    train, valid = example.split(corpus)
    assert len(corpus) == 1_115_394 and len(corpus.vocab) == 65
    # int(0.1 * total) characters each to validate and to test; batches of 50 x 50, and here a shorter one
    assert len(train.ids) == 892_316 and len(valid.ids) == 111_539 and valid.tokens == 111_538
    assert len(train) == 356 + 1 and len(valid) == 44 + 1
    assert corpus.text().startswith(corpus.vocab.decode(train.ids) + corpus.vocab.decode(valid.ids))


def test_weights_are_drawn_as_torch_rnn_does():
    model = example.build_model(65)
    # torch-rnn has 242,945: PyTorch's layers have a second bias of 4H each, which is 0 at first
    assert sum(p.numel() for p in model.parameters()) == 242_945 + 2 * 4 * 128
    weights = {name: p.numpy() for name, p in model.state_dict().items()}
    deviations = {"encoder.weight": 1, "rnn.weight_ih_l0": 192**-0.5, "rnn.weight_hh_l0": 192**-0.5}
    deviations |= {"rnn.weight_ih_l1": 256**-0.5, "rnn.weight_hh_l1": 256**-0.5}
    for name, deviation in deviations.items():
        assert weights[name].std() == pytest.approx(deviation, rel=0.03) and abs(weights[name].mean()) < 0.05 * deviation
    for layer in (0, 1):
        assert (weights[f"rnn.bias_ih_l{layer}"] == np.repeat([0, 1, 0, 0], 128)).all()
        assert (weights[f"rnn.bias_hh_l{layer}"] == 0).all()
    for name in ("decoder.weight", "decoder.bias"):
        assert 0.9 / math.sqrt(128) < abs(weights[name]).max() <= 1 / math.sqrt(128)


# ---- Training, on a text that takes a memory: five characters, of which four are alike, and gradients go back two.

RIDDLE = "\nbbbb" * 600


class Forgetful(text.SequentialBatches):
    """Never says that the text goes on, so that no state is carried."""

    def __iter__(self):
        for batch in super().__iter__():
            yield batch._replace(continues=False)


@pytest.fixture
def small(monkeypatch):
    """Train on the riddle, with some settings changed."""
    for name, value in {"STEPS": 2, "ROWS": 20, "EMBEDDING": 8, "HIDDEN": 16, "LEARNING_RATE": 0.03, "LENGTH": 5}.items():
        monkeypatch.setattr(example, name, value)

    def call(seed=1, epochs=4, plot=None, **settings):
        with monkeypatch.context() as patch:
            for name, value in settings.items():
                patch.setattr(example, name, value)
            return example.train(text.Corpus.from_text(RIDDLE), seed, epochs, plot=plot)

    return call


def test_verification_fails_when_it_should(small, monkeypatch, capsys):
    good = [small(seed) for seed in (1, 2, 3)]
    band = min(good) - 0.1, max(good) + 0.1
    assert example.verify(small(4), band) == 0
    assert capsys.readouterr().out.count("verify: ok tinyshakespeare") == 1
    assert example.verify(small(LEARNING_RATE=0.3), band) == 1
    assert "verify: FAILED tinyshakespeare" in capsys.readouterr().out
    monkeypatch.setattr(text, "SequentialBatches", Forgetful)
    assert example.verify(small(), band) == 1


def test_clips(small):
    assert small(epochs=1, CLIP=1e-9) > small(epochs=1, CLIP=math.inf) + 0.1  # Adam's eps is 1e-8


def test_halves_after_the_epochs_4_9_14(small, monkeypatch, capsys):
    rates = []

    class Rates(example.Report):
        def after_epoch(self, run):
            rates.append(run.lr)
            super().after_epoch(run)

    monkeypatch.setattr(example, "Report", Rates)
    small(epochs=14)
    assert rates == [0.03] * 3 + [0.015] * 5 + [0.0075] * 5 + [0.00375]  # after the epoch, so of the next
    out = capsys.readouterr().out
    assert out.count("\nepoch ") == 14 and "expected" not in out


def test_samples_differ_only_by_the_model(capsys):
    report = example.Report(text.CharVocab.build(RIDDLE), False, None)
    run = SimpleNamespace(model=example.build_model(2), step=0)
    report.sample(run)
    report.sample(run)
    first, second = capsys.readouterr().out.splitlines()
    assert first == second and len(first) > example.LENGTH


def test_band_and_curves_belong_together():
    ends = [curve[-1] for curve in example.OURS.values()]
    low, high = example.BAND
    assert low < min(ends) - 0.005 and max(ends) + 0.005 < high and high - low < 0.08
    assert all(len(curve) == example.EPOCHS for curves in (example.OURS, example.PYTORCH) for curve in curves.values())
    assert "expected 2.00" in example.expected(1) and "PyTorch" in example.expected(10) and example.expected(11) == ""


# ---- The command line


def test_smoke(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert example.main(["--smoke"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("epoch ") for line in lines) == example.SMOKE_EPOCHS == len(lines) // 2 - 1
    assert not list(tmp_path.iterdir())


def test_plot_shows_curves_and_samples(small, tmp_path):
    pytest.importorskip("matplotlib")
    plot = lm.Plot(tmp_path / "run.png", unit="char")
    small(epochs=2, plot=plot)
    assert (tmp_path / "run.png").stat().st_size > 10_000
    assert [k for k, _ in plot.samples] == [0, 60, 120] and len(plot.curves["loss"]) == 120


def test_what_goes_wrong_is_said(ends_without_a_traceback, tmp_path):
    ends_without_a_traceback(example.main, [["--epochs", "0"], ["--plot", str(tmp_path / "no" / "x.png")]])
