"""The text8 tutorial: its rows, its vocabulary, and that the verification of its losses can fail."""

import math

import pytest

from examples import text8_lm as example
from tinyrnn import lm, text
from tinyrnn.serialization import load_tensors
from tinyrnn.text import corpora

from ..real_data import DATA

# The first row of the tutorial's first two batches and of its targets, as it prints them.
PRINTED = [
    (
        "anarchism originated as a term of abuse first used against early working class radicals including the diggers of the english "
        "revolution and the sans <unk> of the french revolution whilst the term is still used in a pejorative way to describe any act "
        "that used violent means to destroy the",
        "originated as a term of abuse first used against early working class radicals including the diggers of the english revolution "
        "and the sans <unk> of the french revolution whilst the term is still used in a pejorative way to describe any act that used "
        "violent means to destroy the organization",
    ),
    (
        "organization of society it has also been taken up as a positive label by self defined anarchists the word anarchism is derived "
        "from the greek without archons ruler chief king anarchism as a political philosophy is the belief that rulers are unnecessary "
        "and should be abolished although there are differing",
        "of society it has also been taken up as a positive label by self defined anarchists the word anarchism is derived from the "
        "greek without archons ruler chief king anarchism as a political philosophy is the belief that rulers are unnecessary and "
        "should be abolished although there are differing interpretations",
    ),
    (
        "interpretations of what this means anarchism also refers to related social movements that advocate the elimination of "
        "authoritarian institutions particularly the state the word anarchy as most anarchists use it does not imply chaos nihilism "
        "or <unk> but rather a harmonious anti authoritarian society in place of what are regarded",
        "of what this means anarchism also refers to rela",  # here its text breaks off
    ),
]


@pytest.fixture
def text8(monkeypatch):
    """The documented part of the corpus, where it is at hand."""
    if not (DATA / "text8").is_dir():
        pytest.skip(f"no text8 in {DATA}")
    monkeypatch.setenv("TINYRNN_DATA", str(DATA))
    return corpora.load("text8")[: example.CHARACTERS]


def same_words(ours, printed):
    """Equal word for word, but for <unk>: each has some that the other has not."""
    pairs = list(zip(ours.split(), printed.split()))
    return all(a == b or "<unk>" in (a, b) for a, b in pairs) and sum(a != b for a, b in pairs)


def test_rows_are_those_that_the_tutorial_prints(text8, capsys):
    words = text8.split()
    for k, (printed, target) in enumerate(PRINTED):
        assert len(printed.split()) == example.BPTT
        # The corpus itself has every word that is printed; two are not in the tutorial's vocabulary.
        unknown = [word for word, shown in zip(words[50 * k :], printed.split()) if word != shown]
        assert unknown == [["culottes"], [], ["anomie"]][k]
        if k < 2:
            assert target == f"{printed} {PRINTED[k + 1][0].split()[0]}".split(" ", 1)[1]

    train, valid, test = example.build_corpora(text8)
    assert len(train) + len(valid) + len(test) == len(words) + 3 == 507_956 + 3  # each part ends in <eos>, here an <unk>
    assert len(train.vocab) == 17_018 and train.vocab.itos[:5] == ["<unk>", "<pad>", "the", "of", "and"]
    batches = text.SequentialBatches(train.ids, example.BPTT, example.BATCH_SIZE)
    assert len(batches) == 286
    for k, (batch, (printed, target)) in enumerate(zip(batches, PRINTED)):
        assert batch.inputs.shape == (50, 32) and batch.continues == (k > 0)
        ours, follows = train.vocab.decode(batch.inputs[:, 0]), train.vocab.decode(batch.targets[:, 0])
        # pejorative, archons and harmonious occur once in the beginning of text8
        assert same_words(ours, printed) == [1, 1, 1][k]
        assert same_words(follows, target.removesuffix(" rela")) == [1, 1, 0][k]

    example.show_batches(batches, train.vocab)
    shown = capsys.readouterr().out.split("\n\n")
    assert [same_words(line.split(": ", 1)[1], row) for line, row in zip(shown, sum(PRINTED[:2], ()))] == [1, 1, 1, 1]


def test_all_words_in_the_vocabulary_would_leave_unk_untrained(text8, monkeypatch):
    train, valid, _ = example.build_corpora(text8)
    assert (train.ids == 0).mean() == pytest.approx(0.0325, abs=5e-4) and (valid.ids == 0).mean() == pytest.approx(0.081, abs=1e-3)
    monkeypatch.setattr(example, "MIN_FREQ", 1)
    train, valid, _ = example.build_corpora(text8)
    assert (train.ids == 0).sum() == 0 and (valid.ids == 0).mean() > 0.05


def test_split_cuts_between_words():
    words = " ".join(f"w{k}" for k in range(1000))
    parts = example.split(words)
    assert "".join(parts) == words and all(part.startswith((" w", "w0")) for part in parts)
    assert [len(part.split()) for part in parts] == pytest.approx([900, 50, 50], abs=2)


def test_the_vocabulary_has_so_many_words_and_two_more(monkeypatch):
    words = " ".join(f"w{k % 40}" for k in range(1000))
    monkeypatch.setattr(example, "MAX_VOCAB_SIZE", 30)
    train, valid, test = example.build_corpora(words)
    assert len(train.vocab) == 32 and train.vocab.itos[:2] == ["<unk>", "<pad>"]
    assert train.vocab is valid.vocab is test.vocab


def test_the_loss_is_that_of_the_scores():
    model = example.RNNModel(20, 4, 6)
    batch = next(iter(text.SequentialBatches([k * k % 20 for k in range(100)], 5, 3)))
    scores, (h, c) = model(batch.inputs)
    loss, (h2, c2) = model.loss(batch.inputs, batch.targets)
    expected = example.F.cross_entropy(scores.reshape(-1, 20), batch.targets.reshape(-1))
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)
    assert bool((h == h2).all()) and bool((c == c2).all()) and h.shape == (1, 3, 6)


# ---- Training, on a text that takes a memory: seven words, of which six are alike, and gradients go back three.

RIDDLE = ("a b b b b b b " * 600).strip()


class Forgetful(text.SequentialBatches):
    """Never says that the text goes on, so that no state is carried."""

    def __iter__(self):
        for batch in super().__iter__():
            yield batch._replace(continues=False)


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Run the tutorial on the riddle, with some settings changed."""
    for name, value in {"BPTT": 3, "BATCH_SIZE": 8, "EMBEDDING_SIZE": 8, "HIDDEN_SIZE": 16, "LEARNING_RATE": 0.03, "WORDS": 5}.items():
        monkeypatch.setattr(example, name, value)

    def call(seed=1, epochs=4, **settings):
        with monkeypatch.context() as patch:
            for name, value in settings.items():
                patch.setattr(example, name, value)
            return example.run(RIDDLE, seed, epochs, 20, str(tmp_path / "best.safetensors"))

    return call


def test_verification_fails_when_it_should(small, monkeypatch, capsys):
    good = [small(seed) for seed in (1, 2, 3)]
    bands = {}
    for name in good[0]:
        values = [result[name] for result in good]
        bands[name] = min(values) - 0.03, max(values) + 0.03
    assert bands["state"][0] > 0.1
    assert example.verify(small(4), bands) == 0
    assert capsys.readouterr().out.count("verify: ok text8_lm") == 2

    assert example.verify(small(LEARNING_RATE=0.3), bands) == 1
    assert "verify: FAILED text8_lm validation" in capsys.readouterr().out
    monkeypatch.setattr(text, "SequentialBatches", Forgetful)
    assert example.verify(small(), bands) == 1
    out = capsys.readouterr().out
    assert "verify: FAILED text8_lm validation" in out and "verify: FAILED text8_lm state 0.0000" in out


def test_clips_and_refuses_what_is_not_finite(small):
    free, bound = small(epochs=1, GRAD_CLIP=math.inf), small(epochs=1, GRAD_CLIP=1e-9)  # Adam's eps is 1e-8
    assert bound["validation"] > free["validation"] + 0.1
    with pytest.raises(RuntimeError, match="non-finite"):
        small(LEARNING_RATE=1e300)


def test_the_rate_falls_when_validation_does_not_improve_and_the_best_is_kept(small, monkeypatch, tmp_path, capsys):
    scores, seen = [3.0, 2.0, 2.5, 1.0, 1.5, 1.0], []

    def scored(model, batches):
        seen.append({name: p.numpy().copy() for name, p in model.state_dict().items()})
        return lm.Score(scores[len(seen) - 1], 1)

    monkeypatch.setattr(lm, "evaluate", scored)
    path = str(tmp_path / "best.safetensors")
    batches = text.SequentialBatches([0, 1, 2, 3, 4] * 10, 3, 2)  # 8 full ones and a shorter one
    assert example.train(example.RNNModel(5, 2, 3), batches, None, 2, 3, path) == 1.0
    rates = [line.split("learning rate ")[1] for line in capsys.readouterr().out.splitlines() if "no better" in line]
    assert len(seen) == 6 and rates == ["0.015", "0.0075", "0.00375"]  # 1.0 is no better than 1.0
    kept = load_tensors(path)[0]
    assert all((kept[name].numpy() == value).all() for name, value in seen[3].items())


# ---- The command line


def test_smoke(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert example.main(["--smoke"]) == 0
    out = capsys.readouterr().out
    for part in ("batch 0, row 0: the ", "best model saved to", "best model: validation Score(", "test Score("):
        assert part in out
    assert len(out.splitlines()[-1].split()) == 1 + example.WORDS
    assert not list(tmp_path.iterdir())


def test_plot(small, tmp_path):
    pytest.importorskip("matplotlib")
    plot = lm.Plot(tmp_path / "run.png", unit="word")
    example.run(RIDDLE, 1, 1, 100, str(tmp_path / "best.safetensors"), plot)
    assert (tmp_path / "run.png").stat().st_size > 10_000
    assert len(plot.curves["loss"]) == len(plot.curves["lr"]) == 158 and [k for k, _ in plot.curves["valid"]] == [100, 158]
    assert len(plot.samples) == 1


def test_what_goes_wrong_is_said(ends_without_a_traceback, tmp_path):
    ends_without_a_traceback(example.main, [["--full", "--verify"], ["--plot", str(tmp_path / "no" / "x.png")]])
