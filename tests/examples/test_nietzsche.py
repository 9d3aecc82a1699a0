"""The ladder of the fastai lesson: its data, its models, its options, and that its verification can fail."""

import argparse

import numpy as np
import pytest

import tinyrnn
from examples import nietzsche
from examples.nietzsche import BANDS, LADDER, Result, Rung, check, make_stream, make_windows
from tinyrnn import text
from tinyrnn.nn import functional as F
from tinyrnn.serialization import load_tensors
from tinyrnn.text import SequentialBatches, corpora

from ..real_data import DATA

PROSE = text.default_corpus_text()[:24_000]


# ---- Data

KINDS = [("three", 3, 3), ("eight", 8, 1), ("clean", 8, 1), ("sequence", 8, 8)]


def numbers(count):
    """A text whose every character is another, so that one tells its position."""
    return "".join(map(chr, range(0x4E00, 0x4E00 + count)))


def read_windows(loader, vocab):
    """Every window with what follows it, as text, and the targets alone."""
    for inputs, targets in loader:
        assert inputs.dtype == targets.dtype == tinyrnn.int64
        for window, target in zip(inputs.numpy(), targets.numpy()):
            yield vocab.decode(window), vocab.decode(np.atleast_1d(target))


@pytest.mark.parametrize(("kind", "size", "step"), KINDS)
def test_windows_and_what_follows(kind, size, step):
    corpus = numbers(5010)
    data, met = make_windows(corpus, kind), []
    for loader in (data.train, data.valid):
        for window, follows in read_windows(loader, data.vocab):
            at = corpus.index(window[0])
            assert window == corpus[at : at + size] and at % step == 0
            assert follows == (corpus[at + 1 : at + size + 1] if kind == "sequence" else corpus[at + size])
            met.append(at)
    every = range(0, 5010 - size, step)
    assert len(met) == len(set(met)) and set(met) <= set(every)
    if kind != "clean":
        assert len(met) == len(every) and sum(len(x) for x, _ in data.valid) == len(every) // 5


def test_only_clean_windows_share_no_character_with_those_trained_on():
    corpus = numbers(6000)
    for kind, share in (("eight", 0.99), ("clean", 0)):
        data = make_windows(corpus, kind)
        trained = {c for window, follows in read_windows(data.train, data.vocab) for c in window + follows}
        held_out = {c for window, follows in read_windows(data.valid, data.vocab) for c in window + follows}
        assert len(held_out) == pytest.approx(1000, abs=1) if kind == "clean" else len(held_out) > 1000
        assert len(trained & held_out) >= share * len(held_out) and bool(trained & held_out) == bool(share)


def test_windows_for_training_come_in_a_new_order_each_time_and_for_validation_do_not():
    data = make_windows(PROSE[:3000], "eight")
    orders = [[np.concatenate([y.numpy() for _, y in loader]) for _ in range(2)] for loader in (data.train, data.valid)]
    assert (orders[0][0] != orders[0][1]).any() and (np.sort(orders[0][0]) == np.sort(orders[0][1])).all()
    assert (orders[1][0] == orders[1][1]).all()


def test_the_stream_is_lower_case_and_its_vocabulary_of_the_first_part_only():
    data = make_stream("Ab\n" * 399 + "cc\n" + "Zz\n" * 100)  # 500 lines
    assert sorted(data.vocab.itos) == ["\n", "<pad>", "<unk>", "a", "b"]  # c occurs twice, z in the last part
    first, _, continues = next(iter(data.train))
    assert first.shape == (8, 64) and not continues
    unknown, newline = data.vocab["<unk>"], data.vocab["\n"]
    assert data.valid.ids.tolist() == [unknown, unknown, newline] * 100 and data.valid.dropped == 0


@pytest.mark.skipif(not (DATA / "nietzsche").is_dir(), reason=f"no corpora in {DATA}")
def test_facts_of_the_lesson_on_the_real_corpus(monkeypatch):
    monkeypatch.setenv("TINYRNN_DATA", str(DATA))
    corpus = nietzsche.read_corpus(smoke=False)
    assert len(corpus) == 600_893 and len(set(corpus)) == 84

    data = make_stream(corpus)
    assert len(data.train.ids) == 493_747 and len(data.vocab) == 56
    assert len(data.train.ids) // 64 // 8 - 1 == 963 and len(data.train) == 963 + 2  # the lesson leaves out the end of every row
    assert len(data.valid.ids) == 600_893 - 493_747

    data = make_windows(corpus, "sequence")
    assert len(data.vocab) == 85
    inputs = data.train.dataset.tensors[0]
    rows = np.concatenate([inputs.numpy(), data.valid.dataset.tensors[0].numpy()]).tolist()
    assert len(rows) == 75_111
    assert [40, 42, 29, 30, 25, 27, 29, 1] in rows and [1, 1, 43, 45, 40, 40, 39, 43] in rows  # the first two of the lesson
    counts = {kind: sum(map(len, (part.dataset for part in make_windows(corpus, kind)[:2]))) for kind in ("three", "eight")}
    assert counts == {"three": 200_297, "eight": 600_885}  # so the lesson's code; it prints 200,295 and 600,884


# ---- Models


def test_the_loop_is_the_three_lines():
    tinyrnn.manual_seed(0)
    lines, loop = nietzsche.Char3Model(20), nietzsche.CharLoopModel(20)
    loop.load_state_dict(lines.state_dict())
    chars = tinyrnn.randint(0, 20, (5, 3))
    assert (lines(chars) - loop(chars)).abs().max() < 1e-6
    assert lines(chars).exp().sum(-1).detach().numpy() == pytest.approx(1, abs=1e-5)


def test_the_concatenating_model_reads_every_character_in_order():
    tinyrnn.manual_seed(0)
    model = nietzsche.CharLoopConcatModel(20)
    chars = tinyrnn.randint(0, 20, (1, 8)).numpy()
    before = model(tinyrnn.from_numpy(chars))
    for k in range(8):
        other = chars.copy()
        other[0, k] = (other[0, k] + 1) % 20
        assert (model(tinyrnn.from_numpy(other)) - before).abs().max() > 1e-6


def test_many_guesses_end_in_the_one():
    tinyrnn.manual_seed(0)
    one, many = nietzsche.CharRnn(20), nietzsche.CharSeqRnn(20)
    many.load_state_dict(one.state_dict())
    chars = tinyrnn.randint(0, 20, (5, 8))
    assert many(chars).shape == (8, 5, 20)
    assert (many(chars)[-1] - one(chars)).abs().max() < 1e-6


def test_identity():
    assert (nietzsche.CharSeqIdentityRnn(20).rnn.weight_hh_l0 == tinyrnn.eye(256)).all()


def test_nll_loss_seq_pairs_guesses_with_their_own_targets():
    log_p = F.log_softmax(tinyrnn.randn(8, 5, 20, generator=tinyrnn.Generator().manual_seed(0)), dim=-1)
    targets = tinyrnn.randint(0, 20, (5, 8), generator=tinyrnn.Generator().manual_seed(1))
    by_hand = -np.mean([log_p[t, n, targets[n, t].item()].item() for t in range(8) for n in range(5)])
    assert nietzsche.nll_loss_seq(log_p, targets).item() == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize(
    ("own", "layer"),
    [(nietzsche.CharSeqStatefulRnn2, nietzsche.CharSeqStatefulRnn), (nietzsche.CharSeqStatefulGRU2, nietzsche.CharSeqStatefulGRU)],
)
def test_a_cell_written_out_is_the_layer(own, layer):
    """Values, state and gradients, over two batches with the state carried."""
    tinyrnn.manual_seed(0)
    models = [own(20), layer(20)]
    models[0].load_state_dict(models[1].state_dict())
    batches = list(SequentialBatches(tinyrnn.randint(0, 20, (69,)).numpy(), seq_len=8, batch_size=4))
    results = []
    for model in models:
        state = None
        for inputs, targets, _ in batches[:2]:
            loss, state = model.loss(inputs, targets, state)
        loss.backward()
        results.append([loss.detach().numpy(), state.detach().numpy(), *(p.grad.numpy() for p in model.parameters())])
    for mine, theirs in zip(*results):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)


def test_sizes_are_the_lessons():
    lstm = nietzsche.CharSeqStatefulLSTM(56).rnn
    assert (lstm.input_size, lstm.hidden_size, lstm.num_layers, lstm.dropout) == (42, 512, 2, 0.5)
    counts = {name: sum(p.numel() for p in rung.model(56 if rung.data == "stream" else 85).parameters()) for name, rung in LADDER.items()}
    rnn, gru = 256 * (42 + 256 + 2), 3 * 256 * (42 + 256 + 2)
    assert counts["loop"] == 85 * 42 + 43 * 256 + 257 * 256 + 257 * 85
    assert counts["concat"] == counts["loop"] + 256 * 256
    assert counts["rnn"] == 85 * 42 + rnn + 257 * 85
    assert counts["cell"] == counts["stateful"] == 56 * 42 + rnn + 257 * 56
    assert counts["gru-cell"] == counts["gru"] == 56 * 42 + gru + 257 * 56


# ---- Training


def test_the_report_is_the_debiased_average_of_fastai():
    class Stub:
        loss = 0.0

    losses, report, average = [5.0, 3.0, 4.0, 2.0], nietzsche.Report(), 0.0
    for k, loss in enumerate(losses, start=1):
        Stub.loss = loss
        report.after_batch(Stub)
        average = average * 0.98 + loss * 0.02
        assert report.train == pytest.approx(average / (1 - 0.98**k))


def test_smoke_climbs_the_whole_ladder(capsys, tmp_path):
    folder = tmp_path / "models"
    assert nietzsche.main(["--smoke", "--save", str(folder)]) == 0
    rows = capsys.readouterr().out.split("train  valid    time\n")[1].splitlines()
    assert [row.split()[0] for row in rows] == list(LADDER)
    assert [row.split()[1] for row in rows] == [rung.model.__name__ for rung in LADDER.values()]
    tensors, _ = load_tensors(folder / "cyc_0.safetensors")
    vocab = make_stream(nietzsche.read_corpus(smoke=True)).vocab
    nietzsche.CharSeqStatefulLSTM(len(vocab)).load_state_dict(tensors)


def small(lr=3e-3, carry=True):
    """The validation loss of a short run of the stateful RNN; the rungs share all that a sabotage could touch."""
    data = make_stream(PROSE)
    if not carry:
        data = data._replace(**{part: [(x, y, False) for x, y, _ in getattr(data, part)] for part in ("train", "valid")})
    args = argparse.Namespace(seed=1, smoke=False, cycles=0, save=None)
    return nietzsche.climb(Rung(nietzsche.CharSeqStatefulRnn, "stream", ((lr, 5),), (0, 0)), data, args).valid


def test_verification_fails_for_a_wrong_learning_rate_and_a_state_that_is_not_carried(capsys):
    good = small()
    band = (good - 0.03, good + 0.03)
    assert check("as documented", good, band)
    assert not check("learning rate ten times too large", small(lr=3e-2), band)
    assert not check("state not carried", small(carry=False), band)
    assert capsys.readouterr().out.count("verify: FAILED") == 2


def fake(monkeypatch, losses):
    """Rungs that are not run, with these validation losses."""

    def climb(rung, data, args, watchers, device):
        name = next(name for name in LADDER if LADDER[name] is rung)
        return Result(1, 1.0, losses[name], rung.lesson, 1.0)

    monkeypatch.setattr(nietzsche, "climb", climb)
    monkeypatch.setattr(nietzsche, "read_corpus", lambda smoke: PROSE)


def test_exit_code_of_verify(monkeypatch, capsys):
    fake(monkeypatch, {name: sum(band) / 2 for name, band in BANDS.items()})
    assert nietzsche.main(["--verify"]) == 0
    assert capsys.readouterr().out.count("verify: ok") == len(BANDS)
    for wrong in BANDS:
        low, high = BANDS[wrong]
        for value in (low - 0.001, high + 0.001):
            fake(monkeypatch, {name: sum(band) / 2 for name, band in BANDS.items()} | {wrong: value})
            assert nietzsche.main(["--verify", "--only", *BANDS]) == 1
            out = capsys.readouterr().out
            assert f"verify: FAILED {wrong} " in out and out.count("verify: ok") == len(BANDS) - 1
            assert nietzsche.main(["--only", wrong]) == 0  # not asked to verify
    with pytest.raises(SystemExit):
        nietzsche.main(["--verify", "--only", "loop"])
    assert "nothing is stored for loop" in capsys.readouterr().err


def test_bands_are_narrow_and_their_middle_is_below_the_lessons_loss():
    for name, (low, high) in BANDS.items():
        assert low < high < low + 0.04 and (low + high) / 2 < LADDER[name].lesson[1]


def test_without_a_corpus_or_interrupted(monkeypatch, capsys):
    def missing(name):
        raise corpora.CorpusError(f"cannot download {name}")

    monkeypatch.setattr(corpora, "load", missing)
    assert nietzsche.main(["--only", "three"]) == 1
    assert capsys.readouterr().err == "device: cpu\ncannot download nietzsche\n"

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(nietzsche, "climb", interrupted)
    assert nietzsche.main(["--smoke", "--only", "three"]) == 130


def test_plot_draws_the_last_rung(tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "run.svg"
    assert nietzsche.main(["--smoke", "--only", "three", "multi", "--plot", str(picture)]) == 0
    assert picture.read_text().startswith("<?xml")
    assert nietzsche.main(["--smoke", "--only", "three", "--plot", str(tmp_path / "none" / "run.svg")]) == 1
