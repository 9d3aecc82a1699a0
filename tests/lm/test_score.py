"""Scores, and the evaluation of a whole text: every token once, the state carried."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import lm, nn
from tinyrnn.text import SequentialBatches

V, E, H = 9, 5, 8
IDS = np.random.default_rng(1).integers(V, size=301)


def model_of(cell="lstm", scale=1.0):
    """A model whose state matters: as it is born, its scores are nearly uniform."""
    tinyrnn.manual_seed(2)
    model = lm.LanguageModel(V, E, H, 2, cell).double()
    for p in model.parameters():
        p.data.mul_(4 * scale)
    return model


def stream(seq_len, rows=1, ids=IDS):
    return SequentialBatches(ids, seq_len, rows, exact=True)


@given(st.floats(0, 1e4), st.integers(1, 10**6), st.floats(0, 1e4), st.integers(1, 10**6))
def test_scores_add_up_to_the_score_of_both_texts(a, m, b, n):
    both = lm.Score(a, m) + lm.Score(b, n)
    assert both == lm.Score(a + b, m + n)
    assert both.per_token == pytest.approx((m * lm.Score(a, m).per_token + n * lm.Score(b, n).per_token) / (m + n))
    assert both.bits * math.log(2) == pytest.approx(both.per_token)
    assert both.perplexity == (math.inf if both.per_token >= 700 else pytest.approx(2**both.bits))


def test_a_score_over_nothing():
    nothing = lm.Score(0.0, 0)
    assert nothing + lm.Score(1.0, 2) == lm.Score(1.0, 2)
    for name in ("per_token", "perplexity", "bits"):
        with pytest.raises(ValueError, match="over no tokens"):
            getattr(nothing, name)
    assert lm.Score(1e6, 1).perplexity == math.inf


def numpy_nats(model, ids):
    """The nats of each token of a text, by a GRU-free LSTM of plain NumPy that reads it in one go."""
    w = {name: p.detach().numpy() for name, p in model.named_parameters()}

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    h, c, nats = np.zeros((2, H)), np.zeros((2, H)), []
    for now, following in itertools.pairwise(ids):
        x = w["encoder.weight"][now]
        for k in range(2):
            a = w[f"rnn.weight_ih_l{k}"] @ x + w[f"rnn.bias_ih_l{k}"] + w[f"rnn.weight_hh_l{k}"] @ h[k] + w[f"rnn.bias_hh_l{k}"]
            i, f, g, o = np.split(a, 4)
            c[k] = sigmoid(f) * c[k] + sigmoid(i) * np.tanh(g)
            x = h[k] = sigmoid(o) * np.tanh(c[k])
        scores = w["decoder.weight"] @ x + w["decoder.bias"]
        nats.append(np.logaddexp.reduce(scores) - scores[following])
    return np.array(nats)


@pytest.mark.parametrize("seq_len", [1, 7, 35, 256])
def test_the_whole_text_in_one_row_whatever_the_length_of_a_batch(seq_len):
    model = model_of()
    score, expected = lm.evaluate(model, stream(seq_len)), numpy_nats(model, IDS)
    assert score.tokens == 300 == len(expected)
    assert score.nats == pytest.approx(expected.sum(), rel=1e-12)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("seq_len", [1, 7, 35, 256])
def test_pytorch_agrees(cell, seq_len):
    torch = pytest.importorskip("torch")
    model = model_of(cell)
    theirs = torch.nn.ModuleDict(
        {
            "encoder": torch.nn.Embedding(V, E),
            "rnn": {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[cell](E, H, 2),
            "decoder": torch.nn.Linear(H, V),
        }
    ).double()
    theirs.load_state_dict({name: torch.tensor(p.detach().numpy()) for name, p in model.named_parameters()})
    ids = torch.tensor(IDS)
    with torch.no_grad():
        scores = theirs["decoder"](theirs["rnn"](theirs["encoder"](ids[:-1, None]))[0])[:, 0]
        expected = torch.nn.functional.cross_entropy(scores, ids[1:]).item()
    assert lm.evaluate(model, stream(seq_len)).per_token == pytest.approx(expected, abs=1e-9, rel=0)


@pytest.mark.parametrize("rows", [1, 4, 7])
def test_every_token_counts_once_in_several_rows(rows):
    model = model_of()
    expected = sum(numpy_nats(model, part).sum() for part in split_like_rows(rows))
    score = lm.evaluate(model, stream(13, rows))
    assert score.tokens == 300 and score.nats == pytest.approx(expected, rel=1e-12)


def split_like_rows(rows):
    """The pieces that the rows read: each ends with the first token of the next one, which it predicts."""
    lengths = [300 // rows + (k < 300 % rows) for k in range(rows)]
    ends = np.cumsum(lengths)
    return [IDS[end - length : end + 1] for end, length in zip(ends, lengths)]


def test_a_uniform_model_is_in_doubt_among_all_symbols():
    model = model_of()
    for p in model.decoder.parameters():
        p.data.zero_()
    score = lm.evaluate(model, stream(35, 4))
    assert score.perplexity == pytest.approx(V, rel=1e-12)
    assert score.bits == pytest.approx(math.log2(V), rel=1e-12)


def test_what_evaluation_must_not_do_gives_other_numbers():
    """Were one of these within rounding of the right one, the tests above could not tell them apart."""
    model, batches = model_of(), list(stream(32))
    right = lm.evaluate(model, batches).per_token
    apart = [batch._replace(continues=False) for batch in batches]
    alone = [lm.evaluate(model, [batch]) for batch in apart]
    assert lm.evaluate(model, apart) == sum(alone, lm.Score(0.0, 0))  # where the text does not go on, the state must not
    carried, state = [], None
    for inputs, targets, _ in batches:
        loss, state = model.loss(inputs, targets, state)
        carried.append(loss.item())
    assert len(alone) == 10
    wrong = {
        "state reset": sum(alone, lm.Score(0.0, 0)).per_token,
        "mean of means": np.mean(carried),  # the last batch has 12 tokens
        "log of the mean perplexity": math.log(np.mean(np.exp(carried))),
        "last batch only": carried[-1],
    }
    assert all(abs(value - right) > 1e-4 for value in wrong.values()), wrong


@pytest.mark.parametrize("training", [True, False])
def test_leaves_no_trace(training):
    model = model_of().train(training)
    lm.evaluate(model, stream(35))
    assert model.training is model.drop.training is training
    assert all(p.grad is None for p in model.parameters())
    with pytest.raises(IndexError):
        lm.evaluate(model, stream(35, ids=IDS + 1))  # one symbol too many
    assert model.training is training


def test_a_criterion_gives_the_same_score_as_a_loss():
    class Scores(nn.Module):
        def __init__(self):
            super().__init__()
            self.lm = model_of()

        def forward(self, tokens):
            return self.lm(tokens)[0].reshape(-1, V)

    def mean(scores, targets):
        return nn.functional.cross_entropy(scores, targets.reshape(-1))

    model = Scores()
    batches = [batch._replace(continues=False) for batch in stream(32, 7)]
    expected, score = lm.evaluate(model.lm, batches), lm.evaluate(model, batches, mean)
    assert score.tokens == expected.tokens == 300 and score.nats == pytest.approx(expected.nats, rel=1e-12)
    nothing = batches[0]._replace(targets=tinyrnn.full_like(batches[0].targets, -100))
    assert lm.evaluate(model, [*batches, nothing], mean) == score  # though the mean over nothing is nan


def test_an_empty_stream_is_refused():
    with pytest.raises(ValueError, match="no tokens to predict"):
        lm.evaluate(model_of(), [])
