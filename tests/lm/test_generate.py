"""Drawing tokens, and writing with a model."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import lm
from tinyrnn.lm.generate import encode_prefix, prepared
from tinyrnn.text import CharVocab, VocabError, WordVocab

SCORES = np.log(np.array([0.1, 0.5, 0.05, 0.3, 0.05]))


def drawn(scores=SCORES, n=200, seed=0, **options):
    generator = tinyrnn.Generator().manual_seed(seed)
    return [lm.choose(scores, generator=generator, **options) for _ in range(n)]


def deviation(tokens, p):
    """Chi-squared of counts against probabilities; its mean is the number of symbols less one."""
    expected = len(tokens) * p[p > 0]
    return float((((np.bincount(tokens, minlength=len(p))[p > 0] - expected) ** 2) / expected).sum())


# -- one token --


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ({}, [0.1, 0.5, 0.05, 0.3, 0.05]),
        ({"temperature": 0.5}, [0.01, 0.25, 0.0025, 0.09, 0.0025]),
        ({"temperature": 4.0}, [0.1**0.25, 0.5**0.25, 0.05**0.25, 0.3**0.25, 0.05**0.25]),
        ({"top_k": 2}, [0, 0.5, 0, 0.3, 0]),
        ({"top_k": 4}, [0.1, 0.5, 0.05, 0.3, 0]),  # of equals, the first
        ({"top_k": 100}, [0.1, 0.5, 0.05, 0.3, 0.05]),
        ({"top_p": 1.0}, [0.1, 0.5, 0.05, 0.3, 0.05]),
        ({"top_p": 0.81}, [0.1, 0.5, 0, 0.3, 0]),
        ({"top_p": 0.79}, [0, 0.5, 0, 0.3, 0]),
        ({"top_p": 0.8}, [0, 0.5, 0, 0.3, 0]),  # reached exactly, whatever rounding says
        ({"top_p": 0.5}, [0, 1, 0, 0, 0]),
        ({"top_p": 1e-300}, [0, 1, 0, 0, 0]),
        ({"top_p": 0.95, "top_k": 2}, [0, 0.5, 0, 0.3, 0]),
        ({"top_p": 0.6, "top_k": 4}, [0, 0.5, 0, 0.3, 0]),
        ({"top_k": 1}, [0, 1, 0, 0, 0]),
        ({"temperature": 0.0}, [0, 1, 0, 0, 0]),
        ({"temperature": 1e-320}, [0, 1, 0, 0, 0]),
    ],
)
def test_tokens_are_drawn_in_proportion(options, weights):
    p = np.array(weights) / np.sum(weights)
    tokens = drawn(n=4000, **options)
    assert set(tokens) == set(np.flatnonzero(p))
    assert deviation(tokens, p) < 16  # for 4 degrees of freedom, exceeded by chance once in 300


def test_top_p_1_keeps_even_the_hopeless():
    class Last:
        """The highest number that a generator can draw."""

        numpy = type("numpy", (), {"random": staticmethod(lambda: 1 - 2**-53)})

    scores = np.array([0.0, -36.0])  # the second has probability 2e-16
    assert lm.choose(scores, top_p=1.0, generator=Last) == 1
    assert lm.choose(np.array([0.0, 1.0, -math.inf]), generator=Last) == 0  # and never what has none


@given(
    st.lists(st.floats(width=32, allow_nan=False) | st.sampled_from([1e30, -1e30, 1.7e308, -1.7e308, -math.inf]), min_size=1, max_size=8),
    st.floats(0, 1e300),
    st.none() | st.integers(1, 9),
    st.none() | st.floats(0, 1, exclude_min=True),
)
def test_no_score_overflows_and_no_hopeless_token_is_drawn(scores, temperature, k, p):
    scores = np.array(scores)
    before = scores.copy()
    if not np.isfinite(scores.max()):
        with pytest.raises(ValueError, match="not finite"):
            lm.choose(scores, temperature=temperature, top_k=k, top_p=p)
        return
    token = lm.choose(scores, temperature=temperature, top_k=k, top_p=p)
    assert np.isfinite(scores[token]) and np.array_equal(scores, before)
    if temperature < 1e-9 or k == 1:
        gap = 0 if temperature == 0 or k == 1 else 1000 * temperature
        assert scores[token] >= scores.max() - gap


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -0.1}, "temperature must be 0 .* got -0.1"),
        ({"temperature": math.inf}, "temperature must be"),
        ({"temperature": math.nan}, "temperature must be"),
        ({"top_k": 0}, "top_k must be at least 1, got 0"),
        ({"top_p": 0.0}, "top_p must be above 0 and at most 1, got 0.0"),
        ({"top_p": 1.5}, "top_p must be"),
        ({"top_p": math.nan}, "top_p must be"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        lm.choose(SCORES, **options)
    with pytest.raises(ValueError, match=message):
        lm.generate(model_of(CHARS), CHARS, length=0, **options)


@pytest.mark.parametrize("scores", [[math.nan, 0.0], [math.inf, 0.0], [-math.inf, -math.inf]])
def test_scores_of_a_ruined_model(scores):
    with pytest.raises(ValueError, match="not finite"):
        lm.choose(np.array(scores))


# -- a text --

CHARS = CharVocab.build("abcdefgh \n")
WORDS = WordVocab.build("the cat sat\nthe dog sat\n", pad="<pad>")


def model_of(vocab, cell="lstm"):
    tinyrnn.manual_seed(3)
    model = lm.LanguageModel(len(vocab), 6, 10, 2, cell, dropout=0.5)
    for p in model.parameters():
        p.data.mul_(4)
    return model


class Reader(lm.LanguageModel):
    """Notes what it is given to read and what it says of it."""

    def forward(self, tokens, state=None):
        scores, state = super().forward(tokens, state)
        self.__dict__.setdefault("calls", []).append((tokens.numpy()[:, 0], scores, state))
        return scores, state


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_the_state_is_warmed_up_and_carried_as_if_all_were_read_in_one_go(cell):
    tinyrnn.manual_seed(3)
    model = Reader(10, 6, 10, 2, cell).double()
    prefix = [3, 1, 4, 1, 5]
    ids = list(lm.generate_ids(model, prefix, 12))
    calls = model.__dict__.pop("calls")
    assert [call[0].tolist() for call in calls] == [prefix, *[[k] for k in ids[:-1]]]
    with tinyrnn.no_grad():
        whole, _ = model(tinyrnn.tensor([*prefix, *ids[:-1]]).reshape(-1, 1))
    piecewise = np.concatenate([call[1].numpy() for call in calls])
    np.testing.assert_allclose(piecewise, whole.numpy(), rtol=0, atol=1e-14)


@pytest.mark.parametrize(("cell", "tied"), [("lstm", False), ("gru", True), ("rnn", False)])
def test_prepared_weights_give_what_the_model_gives(cell, tied):
    tinyrnn.manual_seed(3)
    model = lm.LanguageModel(10, 6, 6 if tied else 9, 2, cell, dropout=0.5, tied=tied).double().eval()
    tinyrnn.nn.init.normal_(model.decoder.bias)  # which begins as zeros
    tokens = [3, 1, 4, 1, 5, 9, 2, 6]
    with tinyrnn.no_grad():
        whole, _ = model(tinyrnn.tensor(tokens).reshape(-1, 1))
        _, state = model(tinyrnn.tensor(tokens[:3]).reshape(-1, 1))
    read = prepared(model, state)
    for k in range(3, len(tokens)):
        np.testing.assert_allclose(read(tokens[k]), whole[k, 0].numpy(), rtol=0, atol=1e-14)


def test_prepared_weights_need_no_memory_for_a_token():
    model = lm.LanguageModel(50, 64, 512)
    with tinyrnn.no_grad():
        read = prepared(model, model(tinyrnn.tensor([[1]]))[1])
    read(1)
    tracemalloc.start()
    try:
        for _ in range(20):
            read(2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 512 * 4 * 4  # bytes; less than the gates of one step


def test_whoever_listens_is_told():
    model, heard = model_of(CHARS), []
    plain = list(lm.generate_ids(model, [1], 5, temperature=0))
    model.decoder.register_forward_hook(lambda module, inputs, output: heard.append(output.shape))
    assert list(lm.generate_ids(model, [1], 5, temperature=0)) == plain
    assert len(heard) == 5


def test_greedy_takes_the_best_of_the_scores():
    tinyrnn.manual_seed(3)
    model = Reader(10, 6, 10)
    ids = list(lm.generate_ids(model, [1], 10, temperature=0.0))
    assert ids == [int(scores.numpy()[-1, 0].argmax()) for _, scores, _ in model.calls]


def test_nothing_is_recorded():
    tinyrnn.manual_seed(3)
    model = Reader(10, 6, 10)
    list(lm.generate_ids(model, [1, 2], 5))
    for _, scores, state in model.calls:
        assert not any(t.requires_grad or t.grad_fn is not None for t in (scores, *state))


def test_equal_seeds_write_equal_texts():
    model = model_of(CHARS)

    def written(seed):
        return lm.generate(model, CHARS, "abc", 50, generator=tinyrnn.Generator().manual_seed(seed))

    assert written(1) == written(1) != written(2)
    tinyrnn.manual_seed(1)
    assert lm.generate(model, CHARS, "abc", 50) == written(1)  # the default generator is the one that manual_seed seeds


@pytest.mark.parametrize("length", [0, 1, 7])
def test_length_counts_tokens(length):
    assert len(lm.generate(model_of(CHARS), CHARS, "ab", length)) == length


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_and_the_mode_restored(training):
    model = model_of(CHARS).train(training)
    texts = {lm.generate(model, CHARS, "abc", 20, temperature=0.0) for _ in range(3)}
    assert len(texts) == 1 and model.training is model.drop.training is training
    with pytest.raises(IndexError):
        list(lm.generate_ids(model, [99], 1))
    assert model.training is training


def test_an_unknown_symbol_in_the_prefix_is_named():
    with pytest.raises(VocabError, match=r"'z' \(U\+007A\) at character 2"):
        lm.generate(model_of(CHARS), CHARS, "abz", 5)


def test_there_must_be_something_to_start_from():
    with pytest.raises(ValueError, match="at least one token"):
        next(lm.generate_ids(model_of(CHARS), [], 5))


def test_padding_is_never_drawn():
    model = model_of(WORDS)
    model.decoder.bias.data[WORDS["<pad>"]] = 50.0
    assert set(lm.generate(model, WORDS, "the", 60, temperature=2.0).split()) <= set(WORDS.itos) - {"<pad>"}
    assert "<pad>" not in lm.generate(model, WORDS, "the", 20, temperature=0.0)


@pytest.mark.parametrize(
    ("vocab", "prefix", "read"),
    [
        (CHARS, "ab", ["a", "b"]),
        (CHARS, "", ["\n"]),
        (CharVocab(["x", "y"]), "", ["x"]),
        (CharVocab(["<unk>", "<pad>", "y"], unk="<unk>", pad="<pad>"), "", ["y"]),
        (CharVocab(["<unk>"], unk="<unk>"), "", ["<unk>"]),
        (CharVocab(["<unk>", "y"], unk="<unk>"), "zy", ["<unk>", "y"]),
        (WORDS, "the cat", ["the", "cat"]),
        (WORDS, "the cat ", ["the", "cat"]),
        (WORDS, "the cat\n", ["the", "cat", "<eos>"]),
        (WORDS, "the\ncat", ["the", "<eos>", "cat"]),
        (WORDS, "\n", ["<eos>"]),
        (WORDS, "the bird", ["the", "<unk>"]),
        (WORDS, "", ["<eos>"]),
        (WORDS, "  ", ["<eos>"]),
    ],
)
def test_what_is_read_of_a_prefix(vocab, prefix, read):
    assert [vocab.itos[k] for k in encode_prefix(vocab, prefix)] == read


def test_a_ruined_model_says_so_without_warnings():
    model = model_of(CHARS)
    for p in model.parameters():
        p.data.fill_(math.inf)
    with pytest.raises(ValueError, match=r"not finite.*damaged"):
        lm.generate(model, CHARS, "ab", 5)
