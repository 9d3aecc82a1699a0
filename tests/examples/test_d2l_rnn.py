"""d2l's character model: its parts against nn, its two rules for the state, and that its verification can fail."""

import math

import numpy as np
import pytest

import tinyrnn
from examples import d2l_rnn
from examples.d2l_rnn import RNNFromScratch, RNNModel, train_epoch, windows
from tinyrnn import nn, text
from tinyrnn.nn import functional as F
from tinyrnn.text import corpora

from ..real_data import DATA


def ids_of(shape, size=5):
    return tinyrnn.randint(0, size, shape)


# ---- The text


@pytest.mark.skipif(not (DATA / "timemachine").is_dir(), reason=f"no corpora in {DATA}")
def test_facts_of_the_book(monkeypatch, capsys):
    monkeypatch.setenv("TINYRNN_DATA", str(DATA))
    first, second, vocab = d2l_rnn.read_book(smoke=False)
    assert "3,221 lines, 170,580 characters, 28 symbols" in capsys.readouterr().out
    assert len(first) == 170_580 and len(second) == 173_428 and len(vocab) == 28 and vocab.itos[0] == "<unk>"
    assert vocab.decode(first[:40]) == "the time machine by h g wellsithe time t"
    assert vocab.decode(second[:40]) == "the time machine by h g wells i the time"
    assert vocab["<unk>"] not in first and len(set(first)) == 27


def test_lines_are_joined_without_a_space_and_the_second_edition_has_one():
    book = "The Time\n\n  Traveller (for so\nit was) \n"
    assert d2l_rnn.joined_lines(book) == "the timetraveller for soit was"
    assert d2l_rnn.clean(book) == "the time traveller for so it was "


# ---- The model


def test_from_scratch_is_the_network_of_nn_rnn_with_equal_gradients():
    scratch = RNNFromScratch(vocab_size=5, hidden=7)
    with tinyrnn.no_grad():
        for p in scratch.parameters():  # larger weights, or all the states are nearly 0; and biases that are not
            p.copy_(0.5 * tinyrnn.randn(*p.shape))
    model = d2l_rnn.with_nn(scratch)
    inputs, targets = ids_of((6, 3)), ids_of((6, 3))
    h = tinyrnn.randn(3, 7)
    scores, after = scratch(inputs, h)
    expected, expected_after = model(inputs, h.unsqueeze(0))
    assert scores.shape == (18, 5) and after.shape == (3, 7)
    np.testing.assert_allclose(scores.detach().numpy(), expected.detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(after.detach().numpy(), expected_after[0].detach().numpy(), atol=1e-6)
    d2l_rnn.cross_entropy(scores, targets).backward()
    loss = F.cross_entropy(expected, targets.reshape(-1))
    loss.backward()
    assert d2l_rnn.cross_entropy(scores, targets).item() == pytest.approx(loss.item(), rel=1e-6)
    theirs = [model.rnn.weight_ih_l0.grad.T, model.rnn.weight_hh_l0.grad.T, model.rnn.bias_hh_l0.grad]
    theirs += [model.linear.weight.grad.T, model.linear.bias.grad]
    for p, g in zip(scratch.parameters(), theirs):
        np.testing.assert_allclose(p.grad.numpy(), g.numpy(), atol=1e-6)


def layer_model(name):
    return lambda vocab_size, hidden: RNNModel(d2l_rnn.LAYERS[name][0], vocab_size, hidden)


@pytest.mark.parametrize("make", [RNNFromScratch, *map(layer_model, d2l_rnn.LAYERS)])
def test_weights_at_the_start_are_small_and_biases_zero(make):
    for p in make(28, 64).parameters():
        if p.ndim == 1:
            assert (p == 0).all()
        else:
            assert p.std().item() == pytest.approx(0.01, rel=0.1) and abs(p.mean().item()) < 0.001


def test_prediction_reads_the_whole_prefix_and_then_its_own_words():
    """As d2l's ``predict_ch8``, which reads one character at a time."""
    vocab = text.CharVocab.build("abcde")
    net = RNNFromScratch(5, 32)
    with tinyrnn.no_grad():
        for p in net.parameters():
            p.copy_(tinyrnn.randn(*p.shape) * (p.ndim - 1))
    ids, state = vocab.encode("abcab").tolist(), None
    for k in range(5 + 30 - 1):
        scores, state = net(tinyrnn.tensor([[ids[k]]]), state)
        if k >= 4:
            ids.append(int(scores.argmax(dim=1)))
    assert d2l_rnn.predict(net, vocab, "abcab", 30) == vocab.decode(ids)
    assert len(set(ids[5:])) == 5


# ---- Gradients and losses


@pytest.mark.parametrize("most", [0.5, 100.0])
def test_clipping_by_hand_is_that_of_nn(most):
    parameters = [tinyrnn.ones(3, requires_grad=True), tinyrnn.ones(2, 2, requires_grad=True)]
    (3 * parameters[0].sum() + 2 * parameters[1].sum()).backward()
    mine = [p.grad.clone() for p in parameters]
    for p, g in zip(other := [p.detach().clone() for p in parameters], mine):
        p.grad = g
    assert d2l_rnn.clip_gradients(parameters, most) == pytest.approx(nn.utils.clip_grad_norm_(other, most).item())
    for p, q in zip(parameters, other):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-5)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_is_an_error(bad):
    p = tinyrnn.ones(3, requires_grad=True)
    p.grad = tinyrnn.tensor([1.0, bad, 2.0])
    with pytest.raises(FloatingPointError, match="the norm of the gradients is"):
        d2l_rnn.clip_gradients([p], 1.0)


class Spy(nn.Module):
    """A net whose scores are constant; it remembers the states that it was given, and returns one with history."""

    def __init__(self):
        super().__init__()
        self.scores = nn.Parameter(tinyrnn.tensor([0.0, 1.0, 2.0]))
        self.given = []

    def forward(self, ids, state=None):
        self.given.append(state)
        return self.scores * tinyrnn.ones(ids.numel(), 1), (self.scores * 1, self.scores * (len(self.given) + 1))


def stream(*targets):
    return [(tinyrnn.tensor(t), tinyrnn.tensor(t), continues) for t, continues in targets]


def test_perplexity_is_of_all_tokens_at_once():
    """Batches of 1 and 4 tokens: neither the mean of their perplexities nor that of their losses."""
    batches = stream(([[0]], False), ([[2, 2], [2, 2]], True))
    log_z = math.log(1 + math.e + math.e**2)
    nats = [log_z] + [log_z - 2] * 4
    assert d2l_rnn.evaluate(Spy(), batches) == pytest.approx(math.exp(sum(nats) / 5), rel=1e-6)
    assert train_epoch(Spy(), batches, lr=0.0)[0] == pytest.approx(math.exp(sum(nats) / 5), rel=1e-6)


def test_the_state_is_carried_without_its_history_or_not_at_all():
    net = Spy()
    train_epoch(net, stream(([[0]], False), ([[1]], True), ([[1]], False), ([[0]], True)), lr=0.0)
    first, second, third, fourth = net.given
    assert first is None and third is None
    for state, number in ((second, 2), (fourth, 4)):  # of the batch before, both parts of the pair
        assert all(not s.requires_grad for s in state)
        assert (state[1] == number * net.scores).all()


def test_a_step_goes_down_the_clipped_gradient():
    net, batches = Spy(), stream(([[0]], False))
    p = F.softmax(net.scores.detach(), 0).numpy() - [1, 0, 0]
    assert np.linalg.norm(p) > 0.1
    train_epoch(net, batches, lr=0.5, clip=0.1)
    np.testing.assert_allclose(net.scores.detach().numpy(), [0, 1, 2] - 0.5 * 0.1 * p / np.linalg.norm(p), rtol=1e-5)


# ---- The samplings


def test_sequential_sampling_reads_on_and_random_sampling_does_not():
    ids, rng = np.arange(5000), np.random.default_rng(0)
    starts = set()
    for _ in range(20):
        batches = list(d2l_rnn.sequential_sampling(ids, rng))
        assert [continues for *_, continues in batches] == [False] + [True] * (len(batches) - 1)
        inputs = np.concatenate([x.numpy() for x, _, _ in batches])
        targets = np.concatenate([y.numpy() for _, y, _ in batches])
        assert (targets == inputs + 1).all() and (np.diff(inputs, axis=0) == 1).all() and inputs.shape[1] == d2l_rnn.ROWS
        assert len(np.unique(inputs)) == inputs.size >= 5000 - d2l_rnn.STEPS - d2l_rnn.ROWS
        starts.add(inputs[0, 0])
    assert starts <= set(range(d2l_rnn.STEPS)) and len(starts) > 5

    orders = set()
    for _ in range(20):
        batches = list(d2l_rnn.random_sampling(ids, rng))
        assert not any(continues for *_, continues in batches)
        inputs = np.concatenate([x.numpy() for x, _, _ in batches], axis=1)  # (T, windows)
        targets = np.concatenate([y.numpy() for _, y, _ in batches], axis=1)
        assert (targets == inputs + 1).all() and (np.diff(inputs, axis=0) == 1).all() and len(inputs) == d2l_rnn.STEPS
        assert len(np.unique(inputs)) == inputs.size >= 5000 - 2 * d2l_rnn.STEPS
        assert len(set(inputs[0] % d2l_rnn.STEPS)) == 1  # one after another, though shuffled
        assert (np.diff(inputs[0]) < 0).any()
        orders.add(inputs[0, 0])
    assert len(orders) > 5


def test_windows_keep_the_last_smaller_batch():
    batches = list(windows(np.arange(20), np.array([7, 0, 10]), steps=3, rows=2))
    assert [x.T.tolist() for x, _, _ in batches] == [[[7, 8, 9], [0, 1, 2]], [[10, 11, 12]]]
    assert [y.T.tolist() for _, y, _ in batches] == [[[8, 9, 10], [1, 2, 3]], [[11, 12, 13]]]


# ---- The whole script


def test_smoke(capsys):
    assert d2l_rnn.main(["--smoke"]) == 0
    out = capsys.readouterr().out
    for name in ("sequential sampling", "random sampling", "nn.RNN", "nn.GRU", "nn.LSTM", "tokens/s", "untrained: 'time traveller "):
        assert name in out


def test_plot(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(d2l_rnn, "run", lambda seed, **how: {name: [28.0, 9.0, 7.0] for name in d2l_rnn.BANDS})
    assert d2l_rnn.main(["--plot", str(tmp_path / "curves.png")]) == 0
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert d2l_rnn.main(["--plot", str(tmp_path / "no" / "curves.png")]) == 1
    assert "curves.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (corpora.CorpusError("put the file there"), 1, "put the file there"),
        (FloatingPointError("the norm is nan"), 1, "the norm is nan"),
        (OverflowError("math range error"), 1, "math range error"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_goes_wrong_ends_without_a_traceback(monkeypatch, capsys, error, code, said):
    def load(name):
        assert name == "time_machine"
        raise error

    monkeypatch.setattr(corpora, "load", load)
    assert d2l_rnn.main([]) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", d2l_rnn.BANDS)
@pytest.mark.parametrize("side", [0, 1])
def test_verify_fails_if_one_value_is_outside(monkeypatch, capsys, name, side):
    curves = {n: [28.0, (low + high) / 2] for n, (low, high) in d2l_rnn.BANDS.items()}
    monkeypatch.setattr(d2l_rnn, "run", lambda seed, **how: curves)
    assert d2l_rnn.main(["--verify"]) == 0
    assert capsys.readouterr().out.count("verify: ok") == len(d2l_rnn.BANDS)
    curves[name] = [curves[name][-1], d2l_rnn.BANDS[name][side] + (0.01 if side else -0.01)]
    assert d2l_rnn.main(["--verify"]) == 1
    out = capsys.readouterr().out
    assert f"verify: FAILED {name} " in out and out.count("verify: ok") == len(d2l_rnn.BANDS) - 1


# ---- Sabotage, on a text of 23 random letters over and over: five steps do not tell where in it one is, a carried state does.

PERIOD = "".join(np.random.default_rng(0).choice(list("abc"), 23))
SMALL_BAND = (1.0, 1.2)  # seeds 1, 2, 3: 1.02, 1.01, 1.01; the state not carried: 1.6


@pytest.fixture
def small(monkeypatch):
    """Part 1 on a small setting, and whether its verification succeeds."""
    monkeypatch.setattr(d2l_rnn, "STEPS", 5)
    monkeypatch.setattr(d2l_rnn, "ROWS", 4)
    monkeypatch.setattr(d2l_rnn, "PREFIX", PERIOD)
    monkeypatch.setattr(d2l_rnn, "BANDS", {"small": SMALL_BAND})
    vocab = text.CharVocab.build(PERIOD, unk="<unk>")

    def run(seed=1, sampling="sequential", **options):
        curve = d2l_rnn.from_scratch(vocab.encode(PERIOD * 35), vocab, seed, sampling, hidden=32, epochs=18, **options)
        return d2l_rnn.verify({"small": curve})

    return run


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_small_setting_learns_its_text_by_heart(small, seed, capsys):
    assert small(seed)
    assert repr((PERIOD * 3)[: 23 + d2l_rnn.LENGTH]) in capsys.readouterr().out


def test_a_learning_rate_ten_times_too_large_is_seen(small):
    assert not small(lr=10 * d2l_rnn.LEARNING_RATE)


def test_missing_clipping_is_seen(small):
    """Whether one run explodes hangs on rounding, so several are asked, at a rate where clipping matters more."""
    assert not all(small(seed, lr=2 * d2l_rnn.LEARNING_RATE, clip=math.inf) for seed in (1, 2, 3))
    assert all(small(seed, lr=2 * d2l_rnn.LEARNING_RATE) for seed in (1, 2, 3)), "it is the rate, not the clipping"


def test_a_state_that_is_not_carried_is_seen(small, monkeypatch):
    reads_on = d2l_rnn.sequential_sampling
    monkeypatch.setitem(d2l_rnn.SAMPLINGS, "sequential", lambda ids, rng: ((x, y, False) for x, y, _ in reads_on(ids, rng)))
    assert not small()
