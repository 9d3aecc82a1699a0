"""What detach() does, in small: the facts hold, and mistakes are found."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest

import tinyrnn
from examples import truncation
from tinyrnn import lm, text

SOURCE = Path(truncation.__file__).read_text(encoding="utf-8")


def planted(old, new):
    """The script with a mistake: ``old`` replaced, as a module."""
    assert SOURCE.count(old) == 1, f"the script has changed: {SOURCE.count(old)} times {old!r}"
    module = types.ModuleType("planted")
    sys.modules["planted"] = module  # NamedTuple looks there
    exec(compile(SOURCE.replace(old, new), "planted", "exec"), vars(module))
    return module


@pytest.fixture(scope="module")
def small():
    tinyrnn.manual_seed(3)
    model = lm.LanguageModel(11, 5, 6, cell="gru").to(tinyrnn.float64)
    ids = np.random.default_rng(3).integers(11, size=3 * truncation.STEPS + 1)
    return model, next(iter(text.SequentialBatches(ids, truncation.STEPS, 3)))


def test_smoke(capsys):
    assert truncation.main(["--smoke"]) == 0
    printed = capsys.readouterr().out
    said = " ".join(printed.split())
    assert "Cut it there: h = h.detach()" in said and "was changed in place after use" in said
    assert [line.split()[4] for line in printed.splitlines() if line.startswith("   batch ")] == ["9", "13", "21", "37", "69", "133"]


def test_a_truncated_gradient_is_the_sum_of_the_gradients_of_its_pieces(small):
    model, window = small
    k = 40  # 40, 40 and 20 steps
    state, total = None, 0.0
    for begin in range(0, truncation.STEPS, k):
        model.zero_grad()
        loss, state = model.loss(window.inputs[begin : begin + k], window.targets[begin : begin + k], state, reduction="sum")
        loss.backward()
        total = total + model.rnn.weight_hh_l0.grad.numpy() / window.targets.numel()
        state = tinyrnn.tensor(state.detach().numpy())  # nothing of its history can be left
    found = truncation.gradient(model, window, k, "detached")[1]["rnn.weight_hh_l0"]
    np.testing.assert_allclose(found, total, rtol=0, atol=1e-15)
    whole = truncation.gradient(model, window, truncation.STEPS, "detached")[1]["rnn.weight_hh_l0"]
    assert np.abs(found - whole).max() > 1e-6


MISTAKES = {
    "state not carried": ("state = lm.detach(state)", "state = None"),
    "pieces that overlap": ("piece = slice(begin, begin + k)", "piece = slice(begin, begin + k + 1)"),
    "mean of means": ('state, reduction="sum")', "state)"),
    "only the last piece counts": ("loss.backward()  # adds to", "model.zero_grad(); loss.backward()  # adds to"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake, small):
    model, window = small
    truncation.what_stays(model, window, 5)
    module = planted(*MISTAKES[mistake])
    with pytest.raises(AssertionError, match="expected a difference of at most"):
        module.what_stays(model, window, 5)


def test_a_state_that_keeps_its_history_is_found(small):
    with pytest.raises(RuntimeError, match=r"Cut it there: h = h.detach\(\)"):
        planted("state = lm.detach(state)", "pass").what_stays(*small, 5)


def test_out_of_reach_no_gradient_comes_to_the_cue():
    assert truncation.recall(5, 5, 3, seed=1, equal_cues=True)[1] == 0.0
    assert truncation.recall(5, 6, 3, seed=1, equal_cues=True)[1] > 0.0
    leaky = planted("            state = state.detach()\n", "")
    with pytest.raises(AssertionError, match="gradient of the cues' embeddings, 5 steps before the loss"):
        leaky.out_of_reach(truncation.SMOKE, 1)


FACTS = {name: (low + high) / 2 for name, (low, high) in truncation.BANDS.items()}


def test_a_number_outside_its_band_fails(monkeypatch, capsys):
    facts = FACTS
    monkeypatch.setattr(truncation, "run", lambda seed, sizes, device: facts)
    assert truncation.main(["--verify"]) == 0
    for name in FACTS:
        facts = FACTS | {name: truncation.BANDS[name][1] + 1e-3}
        assert truncation.main(["--verify"]) == 1
        assert truncation.main([]) == 0
    assert capsys.readouterr().out.count("FAILED") == len(FACTS)


@pytest.mark.parametrize("sabotage", ["learning rate ten times too large", "state not carried"])
def test_training_gone_wrong_fails(sabotage, monkeypatch):
    if sabotage == "state not carried":
        fit = lm.fit
        monkeypatch.setattr(lm, "fit", lambda model, train, *a, **k: fit(model, [b._replace(continues=False) for b in train], *a, **k))
    else:
        monkeypatch.setattr(truncation, "LEARNING_RATE", 10 * truncation.LEARNING_RATE)
    corpus = text.Corpus.from_text(text.default_corpus_text())
    tinyrnn.manual_seed(truncation.SEED)
    model = lm.LanguageModel(len(corpus.vocab), truncation.EMBEDDING, truncation.HIDDEN, cell=truncation.CELL)
    facts = FACTS | {"validation loss": truncation.fit(model, *corpus.split(0.9))}
    assert not truncation.verify(facts)


def test_verify_needs_the_documented_sizes(capsys):
    with pytest.raises(SystemExit):
        truncation.main(["--verify", "--smoke"])
    assert "--verify checks the documented sizes" in capsys.readouterr().err


def test_ctrl_c(monkeypatch):
    def interrupted(seed, sizes, device):
        raise KeyboardInterrupt

    monkeypatch.setattr(truncation, "run", interrupted)
    assert truncation.main([]) == 130
