"""The language model: PyTorch's parts and names, where dropout acts, and what it refuses."""

import math
import sys

import numpy as np
import pytest

import tinyrnn
from tinyrnn import lm, nn


@pytest.mark.parametrize(("cell", "gates"), [("lstm", 4), ("gru", 3), ("rnn", 1)])
@pytest.mark.parametrize("tied", [False, True])
def test_parts_are_named_and_shaped_as_in_the_word_language_model(cell, gates, tied):
    model = lm.LanguageModel(11, 6, 6, 2, cell, tied=tied)
    shapes = {name: tuple(p.shape) for name, p in model.state_dict().items()}
    layer = {"weight_ih": (6 * gates, 6), "weight_hh": (6 * gates, 6), "bias_ih": (6 * gates,), "bias_hh": (6 * gates,)}
    expected = {f"rnn.{name}_l{k}": shape for k in range(2) for name, shape in layer.items()}
    assert shapes == {"encoder.weight": (11, 6), **expected, "decoder.weight": (11, 6), "decoder.bias": (11,)}
    assert (model.decoder.weight is model.encoder.weight) is tied
    assert len(list(model.parameters())) == len(shapes) - tied


def test_the_first_guess_is_nearly_uniform():
    model = lm.LanguageModel(50, 16, 32)
    ids = tinyrnn.randint(50, (20, 8))
    assert model.loss(ids, ids)[0].item() == pytest.approx(math.log(50), abs=0.05)
    assert float(model.encoder.weight.abs().max()) <= 0.1 and float(model.decoder.bias.abs().max()) == 0


def test_dropout_acts_after_the_embedding_between_layers_and_after_the_recurrence():
    model = lm.LanguageModel(9, 5, 7, 3, dropout=0.4)
    seen = []
    model.drop.register_forward_hook(lambda module, args, result: seen.append(tuple(result.shape)))
    model(tinyrnn.zeros(3, 2, dtype=tinyrnn.long))
    assert model.drop.p == model.rnn.dropout == 0.4 and seen == [(3, 2, 5), (3, 2, 7)]
    assert lm.LanguageModel(9, 5, 7, 1, dropout=0.4).rnn.dropout == 0.0  # nothing is between, and PyTorch would warn


@pytest.mark.parametrize("threshold", [1, 10**9])
def test_loss_counts_all_targets_but_the_ignored(monkeypatch, threshold):
    """Also in blocks of rows, as for a large vocabulary."""
    monkeypatch.setattr(sys.modules["tinyrnn.lm.model"], "LARGE_VOCABULARY", threshold)
    model = lm.LanguageModel(9, 5, 7)
    ids = tinyrnn.randint(9, (6, 3))
    targets = ids.clone()
    targets[4:, 1] = -100
    total, mean = (model.loss(ids, targets, reduction=r)[0].item() for r in ("sum", "mean"))
    scores = model(ids)[0].detach().numpy().astype(float)
    nats = np.logaddexp.reduce(scores, -1) - np.take_along_axis(scores, ids.numpy()[..., None], -1)[..., 0]
    assert total == pytest.approx(nats[targets.numpy() != -100].sum(), rel=1e-5) and mean == pytest.approx(total / 16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": "tcn"}, "cell must be one of lstm, gru, rnn, rnn_relu, got 'tcn'"),
        ({"tied": True}, "tied weights need embedding_dim equal to hidden_size, got 5 and 7"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        lm.LanguageModel(9, 5, 7, **options)


def test_detach_cuts_every_part_and_shares_the_numbers():
    h = tinyrnn.ones(2, requires_grad=True) * 2
    for state in (h, (h, h)):
        cut = lm.detach(state)
        parts = cut if isinstance(state, tuple) else (cut,)
        assert all(p.grad_fn is None and not p.requires_grad and np.shares_memory(p.numpy(), h.detach().numpy()) for p in parts)
    assert lm.detach(None) is None and isinstance(lm.LanguageModel(3).rnn, nn.LSTM)
