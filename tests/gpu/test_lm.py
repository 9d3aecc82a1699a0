"""The language-model pipeline on a GPU: scores, text, data loaders, the command and the examples."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tinyrnn
from tinyrnn import lm, nn, text
from tinyrnn.__main__ import main
from tinyrnn.utils.data import DataLoader, TensorDataset

pytestmark = pytest.mark.gpu
TEXT = "the cat sat on the mat\nthe dog sat on the cat\n" * 20
SMALL = ["--emsize", "6", "--nhid", "6", "--batch-size", "4", "--bptt", "10", "--epochs", "1", "--sample", "20", "--save", "m"]


@pytest.fixture
def models():
    """The same language model on both devices, and its vocabulary."""
    corpus = text.Corpus.from_text(TEXT)
    here = lm.LanguageModel(len(corpus.vocab), 5, 6, 2, "lstm").double()
    there = lm.LanguageModel(len(corpus.vocab), 5, 6, 2, "lstm").to("cuda", tinyrnn.float64)
    there.load_state_dict(here.state_dict())
    return here, there, corpus


def test_scores(models):
    here, there, corpus = models
    batches = text.SequentialBatches(corpus.ids[:120], 7, 4, exact=True)
    assert lm.evaluate(there, batches).nats == pytest.approx(lm.evaluate(here, batches).nats, rel=1e-12)
    assert lm.evaluate(there, batches).tokens == 119


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"temperature": 0.7, "top_k": 5}, {"top_p": 0.8}])
def test_it_writes_what_it_writes_on_the_cpu(models, options):
    *both, corpus = models
    written = [lm.generate(model, corpus.vocab, "the ", 15, generator=tinyrnn.Generator().manual_seed(3), **options) for model in both]
    assert written[0] == written[1] and len(written[0]) == 15


def test_a_changed_model_writes_too(models):
    """Step by step through the whole model, with ids that reach a module of one's own on its device."""

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.lm = models[1]

        def forward(self, tokens, state=None):
            assert tokens.is_cuda
            return self.lm(tokens, state)

    plain = list(lm.generate_ids(models[0], [1, 2], 6, temperature=0))
    assert list(lm.generate_ids(Own(), [1, 2], 6, temperature=0)) == plain


@pytest.mark.parametrize("where", ["cpu", "cuda"])
def test_a_data_loader_feeds_a_model_on_a_gpu(where):
    x, y = tinyrnn.arange(12.0).reshape(6, 2), tinyrnn.tensor([0, 1, 2, 0, 1, 2])
    loader = DataLoader(TensorDataset(x.to(where), y.to(where)), batch_size=4, shuffle=True, generator=tinyrnn.Generator().manual_seed(1))
    layer, seen = nn.Linear(2, 3).to("cuda"), 0
    for inputs, targets in loader:
        assert inputs.device.type == targets.device.type == where
        seen += len(layer(inputs.to("cuda")))
        assert np.array_equal(inputs[:, 0].cpu().numpy() // 2 % 3, targets.cpu().numpy())
    assert seen == 6


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.txt").write_text(TEXT)
    reports = []
    for device in ("cpu", "auto"):
        assert main(["train", "t.txt", *SMALL, "--device", device]) == 0
        out, err = capsys.readouterr()
        assert err == (f"device: cuda ({tinyrnn.cuda.get_device_name()})\n" if device == "auto" else "")
        reports.append(re.sub(r"ms/batch.*chars/s|time: .*s \|", "", out))
    assert reports[0] == reports[1]
    written = []
    for device in ("cpu", "cuda"):
        assert main(["generate", "m", "--device", device, "--length", "20", "--seed", "1"]) == 0
        written.append(capsys.readouterr().out)
    assert written[0] == written[1]
    assert main(["generate", "m", "--device", "cuda:99"]) == 1
    assert re.fullmatch("tinyrnn: error: --device cuda:99: .* there are . devices, from cuda:0\n", capsys.readouterr().err)
