"""The character LSTM: its windows, its samples, and that its verification fails when something is wrong."""

from __future__ import annotations

import importlib.util
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import lm, text
from tinyrnn.nn import functional as F
from tinyrnn.text import corpora
from tinyrnn.utils.data import DataLoader, Dataset, WeightedRandomSampler

from ..real_data import DATA, ROOT


def load():
    """The script as a module; scripts are no package that could be imported from anywhere."""
    spec = importlib.util.spec_from_file_location("char_lstm", ROOT / "examples" / "char_lstm.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


example = load()


# -- the data --


@given(data=st.text("abc", min_size=2, max_size=30), seq_length=st.integers(1, 12))
def test_windows_read_and_predict_every_character_once_in_order(data, seq_length):
    dataset = example.CharacterDataset(data, "abc", seq_length)
    batches = list(DataLoader(dataset, batch_size=1, shuffle=False))
    assert len(batches) == len(dataset) == len(list(dataset))
    for inputs, targets in batches[:-1]:
        assert inputs.shape == (1, seq_length, 3) and targets.shape == (1, seq_length)
    assert all(x.dtype is tinyrnn.float32 and bool((x.sum(dim=-1) == 1).all()) for x, _ in batches)
    read = "".join("abc"[k] for x, _ in batches for k in x.argmax(dim=-1).flatten().tolist())
    predicted = "".join("abc"[k] for _, t in batches for k in t.flatten().tolist())
    assert read == data[:-1] and predicted == data[1:]


def test_the_tutorials_loader_has_time_on_the_batch_axis():
    """What the docstring says of it: the same windows, but for the last character, which is its own target there."""

    class OneCharacter(Dataset):
        def __init__(self, data, chars):
            self.data, self.chars = data, chars

        def __getitem__(self, index):
            x = F.one_hot(tinyrnn.tensor([self.chars.index(self.data[index])]), num_classes=len(self.chars))
            target = self.data[index + (index < len(self) - 1)]
            return x.float(), tinyrnn.tensor([self.chars.index(target)])

        def __len__(self):
            return len(self.data)

    data, T = "abacabadabacaba", 5
    theirs = list(DataLoader(OneCharacter(data, "abcd"), batch_size=T, shuffle=False))
    ours = list(DataLoader(example.CharacterDataset(data, "abcd", T), batch_size=1))
    assert len(theirs) == len(ours) == 3 and theirs[0][0].shape == (T, 1, 4)
    for (x, t), (y, u) in zip(theirs[:-1], ours[:-1]):
        assert (x.squeeze(1) == y.squeeze(0)).all() and (t.squeeze(1) == u.squeeze(0)).all()
    assert theirs[-1][1].flatten().tolist() == [*ours[-1][1].flatten().tolist(), "abcd".index(data[-1])]


# -- the model --


@pytest.fixture
def small(monkeypatch):
    """A setting of a second or two: a small model, a small text, and windows so short that carrying the state matters."""
    monkeypatch.setattr(example, "SEQ_LENGTH", 5)
    monkeypatch.setattr(example, "HIDDEN_DIM", 32)
    monkeypatch.setattr(example, "SAMPLE_EVERY", 500)
    monkeypatch.setattr(example, "TXT_LENGTH", 60)
    data = text.default_corpus_text()[:6000]
    monkeypatch.setattr(corpora, "load", lambda name: data)
    return data


def test_verification_rejects_a_wrong_rate_and_a_state_that_is_not_carried(small, monkeypatch, capsys):
    values = example.run(small, 1, 10_000, 10)
    held_out, forgetful = re.search(r"held out: (\S+) nats/char; (\S+) if", capsys.readouterr().out).groups()
    assert held_out == f"{values['held out']:.4f}" < forgetful, "the state of a text that goes on is worth something"
    bands = {"second half": (values["second half"] - 0.04, values["second half"] + 0.04), "held out": (1.0, 4.0)}
    monkeypatch.setattr(example, "BANDS", bands)
    assert example.main(["--verify", "--seed", "2"]) == 0, "another seed is as good"
    assert "verify: ok char_lstm, second half" in capsys.readouterr().out
    for name, wrong in {"LEARNING_RATE": 10 * example.LEARNING_RATE, "cut": lambda states: None}.items():
        with monkeypatch.context() as sabotage:
            sabotage.setattr(example, name, wrong)
            assert example.main(["--verify"]) == 1, name
        assert "verify: FAILED char_lstm, second half" in capsys.readouterr().out


def test_carrying_the_state_is_evaluating_the_text_in_one_piece(small):
    tinyrnn.manual_seed(0)
    chars = sorted(set(small))
    model = example.CharLSTM(len(chars), 8)
    for p in model.parameters():
        p.data.mul_(4)  # so that what came before matters

    def nats(seq_length, **options):
        return example.evaluate(model, DataLoader(example.CharacterDataset(small[:501], chars, seq_length)), **options)

    assert nats(7) == pytest.approx(nats(500), abs=1e-6) and nats(500) == pytest.approx(nats(500, carry=False), abs=1e-12)
    assert abs(nats(7) - nats(7, carry=False)) > 1e-3


def test_samples_follow_the_probabilities_and_the_dice(small):
    chars = "abc"
    model = example.CharLSTM(3, 16)
    for p in model.parameters():
        p.data.mul_(4)  # so that what came before matters
    model.linear.bias.data.zero_()
    x = F.one_hot(tinyrnn.tensor(0), 3).float()

    def sample(seed, length=100):
        return model.sample(x, chars, length, tinyrnn.Generator().manual_seed(seed))

    assert len(sample(1)) == 100 and set(sample(1)) <= set(chars)
    assert sample(1) == sample(1) != sample(2)
    # The same text read at once, every character drawn from the scores at its place.
    dice, txt = tinyrnn.Generator().manual_seed(1), sample(1)
    read = tinyrnn.tensor([0, *(chars.index(ch) for ch in txt[:-1])])
    probabilities = F.softmax(model(F.one_hot(read, 3).float().unsqueeze(0))[0][0], dim=1).detach()  # (100, 3)
    assert txt == "".join(chars[k] for p in probabilities for k in WeightedRandomSampler(p, 1, generator=dice))
    before = tinyrnn.default_generator.get_state()
    model.linear.bias.data[1] = 100.0
    assert sample(3) == "b" * 100
    assert tinyrnn.default_generator.get_state().equal(before), "training would go on differently"


# -- the script --


def test_smoke(capsys):
    assert example.main(["--smoke"]) == 0
    out = capsys.readouterr().out
    samples = [line for line in out.splitlines() if "words are in the text" in line]
    assert [line.split(":")[0] for line in samples] == ["0", "100", "200", "270"]
    losses = [float(line.split()[1]) for line in samples[1:]]
    assert losses == sorted(losses, reverse=True) and losses[-1] < 2.6


def test_plot(small, monkeypatch):
    told = {"loss": [], "valid": [], "sample": [], "save": []}

    class Plot:
        def __init__(self, path, unit):
            assert (path, unit) == ("x.png", "char")

        def __getattr__(self, name):
            return lambda *args: told[name].append(args)

    monkeypatch.setattr(lm, "Plot", Plot)
    monkeypatch.setattr(corpora, "load", lambda name: small[:1112])
    assert example.main(["--plot", "x.png"]) == 0
    assert [step for step, _ in told["loss"]] == list(range(1, 201)) and [step for step, _ in told["sample"]] == [0, 200]
    assert len(told["valid"]) == len(told["save"]) == 1


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (corpora.CorpusError("tinyshakespeare is not at hand"), 1, "tinyshakespeare is not at hand"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_no_corpus_and_ctrl_c_end_without_a_traceback(error, code, says, monkeypatch, capsys):
    def fail(name):
        raise error

    monkeypatch.setattr(corpora, "load", fail)
    assert example.main([]) == code and says in capsys.readouterr().err


@pytest.mark.parametrize(("value", "code"), [(0.9, 1), (1.0, 0), (2.0, 0), (2.1, 1), (float("nan"), 1)])
def test_a_band_has_two_ends(value, code):
    assert example.verify({"a": value, "b": 5.0}, {"a": (1.0, 2.0), "b": (4.0, 6.0)}) == code


def test_verify_is_about_one_text():
    with pytest.raises(SystemExit):
        example.main(["--full", "--verify"])


@pytest.mark.skipif(not (DATA / "tinyshakespeare").is_dir(), reason=f"no tinyshakespeare in {DATA}")
def test_tinyshakespeare(monkeypatch):
    monkeypatch.setenv("TINYRNN_DATA", str(DATA))
    data = corpora.load("tinyshakespeare")
    chars = sorted(set(data))
    held_out = len(data) // example.HELD_OUT
    train, valid = (example.CharacterDataset(part, chars, example.SEQ_LENGTH) for part in (data[:-held_out], data[-held_out:]))
    assert (len(data), len(chars)) == (1_115_394, 65) and (len(train), len(valid)) == (10_039, 1_116)
    inputs, targets = next(iter(DataLoader(train, batch_size=1)))
    assert inputs.shape == (1, 100, 65)
    assert "".join(chars[k] for k in targets[0].tolist()).startswith("irst Citizen:\nBefore we proceed")
    words = example.words_of(data)
    assert words[:4] == ["first", "citizen", "before", "proceed"] and len(set(words)) == 11_374


def test_the_same_script_in_pytorch_has_the_same_losses(small):
    torch = pytest.importorskip("torch")
    source = (ROOT / "examples" / "char_lstm.py").read_text()
    for ours, theirs in {
        "\nimport tinyrnn\n": "\nimport torch as tinyrnn\n",
        "import Tensor, devices, lm, nn, optim, text": "import devices, lm, text\nfrom torch import Tensor, nn, optim",
        "from tinyrnn.nn": "from torch.nn",
        "from tinyrnn.utils": "from torch.utils",
    }.items():
        assert source.count(ours) == 1
        source = source.replace(ours, theirs)
    script: dict = {"__name__": "char_lstm_in_pytorch"}
    exec(compile(source, "char_lstm in PyTorch", "exec"), script)

    class Losses(list):
        every = 10_000

        def sample(self, step, model, x):
            assert len(model.sample(x, chars, 5, None)) == 5

        def loss(self, step, nats):
            self.append(nats)

    chars = sorted(set(small))
    weights, results = None, []
    for names in (vars(example), script):
        model = names["CharLSTM"](len(chars), 16)
        if weights is None:
            weights = {name: p.numpy().copy() for name, p in model.state_dict().items()}
        else:
            model.load_state_dict({name: torch.tensor(p) for name, p in weights.items()})
        loader = names["DataLoader"](names["CharacterDataset"](small[:611], chars, 10), batch_size=1, shuffle=False)
        losses = Losses()
        names["train"](model, loader, losses)
        results.append([*losses, names["evaluate"](model, loader), names["evaluate"](model, loader, False)])
    assert len(results[0]) == 63
    np.testing.assert_allclose(*results, rtol=1e-5)
