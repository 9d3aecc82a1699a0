"""The word language model and its generator: data, loop, options, files, and that the verification can fail."""

import re
import types
from pathlib import Path

import numpy as np
import pytest

import tinyrnn
from examples import generate, word_lm
from tinyrnn import lm, optim, text
from tinyrnn.text import corpora

from ..real_data import DATA

SOURCE = Path(word_lm.__file__).read_text(encoding="utf-8")
SMALL = ["--emsize", "8", "--nhid", "8", "--bptt", "5", "--batch_size", "4", "--epochs", "2", "--log-interval", "3"]


def planted(*changes):
    """The script with mistakes, ``(old, new)``, as a module."""
    source = SOURCE
    for old, new in changes:
        assert source.count(old) == 1, f"the script has changed: {source.count(old)} times {old!r}"
        source = source.replace(old, new)
    module = types.ModuleType("planted")
    exec(compile(source, "planted", "exec"), vars(module))
    return module


@pytest.fixture
def folder(tmp_path):
    """A corpus of which the second half of each part begins with words that no other part has."""
    for part in word_lm.PARTS:
        (tmp_path / f"{part}.txt").write_text("the cat sat\non the mat\n" * 12 + f"{part} it was\n" * 6)
    return tmp_path


# -- the data --


@pytest.mark.skipif(not (DATA / "wikitext-2").is_dir(), reason=f"no WikiText-2 in {DATA}")
def test_wikitext2_is_read_as_the_original_reads_it(monkeypatch):
    monkeypatch.setenv("TINYRNN_DATA", str(DATA))
    args = word_lm.parse([])
    parts = word_lm.build_corpora(word_lm.read_texts(args.data, args.smoke), args.words)
    vocab = parts[0].vocab
    assert len(vocab) == 33_278 and all(corpus.vocab is vocab for corpus in parts)
    assert [len(corpus) for corpus in parts] == [2_088_628, 217_646, 245_569]
    assert vocab.itos[:6] == ["<eos>", "=", "Valkyria", "Chronicles", "III", "Senjō"]  # in order of appearance
    new = [len(set(corpus.ids.tolist())) for corpus in parts]
    assert max(parts[0].ids) == new[0] - 1 == 33_277  # train.txt has them all
    batches = text.SequentialBatches(parts[0].ids, args.bptt, args.batch_size)
    assert len(batches) == len(range(0, 2_088_628 // 20 - 1, 35)) == 2984  # the original's loop
    rows = parts[0].ids[: 2_088_628 // 20 * 20].reshape(20, -1).T  # its batchify()
    inputs, targets, _ = next(iter(batches))
    np.testing.assert_array_equal(inputs.numpy()[:, 0], rows[:35, 0])
    np.testing.assert_array_equal(targets.numpy()[:, 0], rows[1:36, 0])
    for corpus in parts[1:]:
        assert text.SequentialBatches(corpus.ids, args.bptt, word_lm.EVAL_ROWS, exact=True).tokens == len(corpus) - 1


def test_the_vocabulary_has_the_words_of_all_parts_in_order(folder):
    texts = word_lm.read_texts(str(folder), smoke=False)
    parts = word_lm.build_corpora(texts, (None, None, None))
    words = ["the", "cat", "sat", "<eos>", "on", "mat", "train", "it", "was", "valid", "test"]
    assert parts[0].vocab.itos == words and parts[0].vocab.unk is None
    assert [corpus.text() for corpus in parts] == texts
    cut = word_lm.build_corpora([*texts[:2], "the <unk> ran"], (2, 3, None))
    assert cut[0].vocab.itos == ["the", "cat", "sat", "<unk>", "ran", "<eos>"] and cut[0].vocab.unk == "<unk>"
    assert [len(corpus) for corpus in cut] == [2, 3, 4]


# -- the loop --


def one_epoch(train, dropout=0.2, tied=False, clip=0.05, epochs=1):
    """The weights after an epoch of ``train`` on a small text."""
    ids = np.random.default_rng(0).integers(12, size=150)
    batches = text.SequentialBatches(ids, seq_len=4, batch_size=3)
    tinyrnn.manual_seed(5)
    model = lm.LanguageModel(12, 6, 6, 2, "lstm", dropout, tied)
    train(model, batches, clip)
    return {name: p.detach().numpy().copy() for name, p in model.named_parameters()}


def by_hand(module, lr=2.0):
    def train(model, batches, clip):
        module.train(model, batches, lr, 1, module.parse(["--clip", str(clip)]), None)

    return train


def by_fit(model, batches, clip):
    lm.fit(model, batches, optimizer=optim.SGD(model.parameters(), lr=2.0), clip=clip)


LOOP_MISTAKES = {
    "state not carried": ("state = lm.detach(state) if continues else None", "state = None"),
    "not clipped": ("clip_grad_norm_(parameters, args.clip)", 'clip_grad_norm_(parameters, float("inf"))'),
    "gradients not cleared": ("        model.zero_grad()\n", ""),
    "no dropout": ("model.train()  # dropout is on", "model.eval()"),
    "uphill": ("alpha=-lr", "alpha=lr"),
}


@pytest.mark.parametrize("tied", [False, True])
def test_the_loop_written_out_does_what_fit_does(tied):
    ours, expected = one_epoch(by_hand(word_lm), tied=tied), one_epoch(by_fit, tied=tied)
    assert ours.keys() == expected.keys()
    for name in ours:
        np.testing.assert_allclose(ours[name], expected[name], rtol=0, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("mistake", LOOP_MISTAKES.values(), ids=LOOP_MISTAKES)
def test_mistakes_in_the_loop_are_seen(mistake):
    ours, expected = one_epoch(by_hand(planted(mistake))), one_epoch(by_fit)
    assert max(np.abs(ours[name] - expected[name]).max() for name in ours) > 1e-3


def scripted(monkeypatch, losses):
    """Epochs that learn nothing and validate as told; returns the list of learning rates that they are given."""
    rates, losses = [], iter(losses)

    def train(model, batches, lr, epoch, args, plot):
        rates.append(lr)

    def evaluate(model, batches):
        nats = next(losses)
        if nats is None:
            raise KeyboardInterrupt
        return lm.Score(nats * 10, 10)

    monkeypatch.setattr(word_lm, "train", train)
    monkeypatch.setattr(word_lm.lm, "evaluate", evaluate)
    return rates


def test_the_rate_is_quartered_when_validation_does_not_improve_and_the_best_is_kept(folder, monkeypatch, capsys):
    save = folder / "best.safetensors"
    rates = scripted(monkeypatch, [3.0, 2.0, 2.5, 2.0, 1.5, 1.75, 1.25, 1.5])  # the last two: the test
    assert word_lm.main(["--data", str(folder), *SMALL, "--epochs", "6", "--save", str(save)]) == 0
    assert rates == [20, 20, 20, 5, 1.25, 1.25]
    assert lm.load_checkpoint(save).info == {"epoch": 5, "valid_nats": 1.5}
    printed = capsys.readouterr().out
    assert "| end of epoch   3 | time:  0.00s | valid loss  2.50 | valid ppl    12.18\n" in printed
    assert f"\n{'=' * 89}\n| End of training | test loss  1.25 | test ppl     3.49\n{'=' * 89}\n" in printed
    assert printed.endswith("\nThe same with the state forgotten every 5 words: test ppl 4.48\n")


def test_control_c_ends_training_and_the_best_model_is_tested(folder, monkeypatch, capsys):
    save = folder / "best.safetensors"
    scripted(monkeypatch, [3.0, None, 1.25, 1.5])
    assert word_lm.main(["--data", str(folder), *SMALL, "--epochs", "6", "--save", str(save)]) == 0
    assert re.search(r"\nExiting from training early\n=+\n\| End of training \| test loss  1.25 ", capsys.readouterr().out)
    assert lm.load_checkpoint(save).info["epoch"] == 1


def test_control_c_before_the_first_validation_leaves_an_older_file_alone(folder, monkeypatch, capsys):
    save = folder / "best.safetensors"
    save.write_bytes(b"of a long run")
    scripted(monkeypatch, [None])
    assert word_lm.main(["--data", str(folder), *SMALL, "--save", str(save)]) == 130
    assert save.read_bytes() == b"of a long run" and "nothing was saved" in capsys.readouterr().err


@pytest.mark.parametrize("script", [word_lm, generate])
def test_control_c_elsewhere_ends_it(script, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(lm, "load_checkpoint", interrupted)
    monkeypatch.setattr(word_lm, "read_texts", interrupted)
    assert script.main([]) == 130


# -- the commands --


def test_smoke(capsys):
    assert word_lm.main(["--smoke"]) == 0
    lines = capsys.readouterr().out.splitlines()
    log = r"\| epoch +\d+ \| +\d+/ +20 batches \| lr 20\.00 \| ms/batch +[\d.]+ \| loss +[\d.]+ \| ppl +[\d.]+"
    assert sum(re.fullmatch(log, line) is not None for line in lines) == 4
    test = re.fullmatch(r"\| End of training \| test loss +([\d.]+) \| test ppl +([\d.]+)", lines[-3])
    assert float(test[2]) == pytest.approx(np.exp(float(test[1])), rel=0.01)


@pytest.mark.parametrize("name", word_lm.MODELS)
def test_every_model_trains_and_writes(name, folder, capsys):
    save, out = folder / "model.safetensors", folder / "generated.txt"
    options = ["--data", str(folder), "--model", name, "--save", str(save)]
    assert word_lm.main([*options, *SMALL, "--tied"]) == 0
    model, vocab, _ = lm.load_checkpoint(save)
    kind = getattr(model.rnn, "nonlinearity", type(model.rnn).__name__.lower())
    assert kind == name.lower().removeprefix("rnn_")
    write = ["--checkpoint", str(save), "--outf", str(out), "--words", "45", "--log-interval", "20"]
    assert generate.main(write) == 0
    assert "| Generated 0/45 words\n| Generated 20/45 words\n| Generated 40/45 words\n" in capsys.readouterr().out
    lines = out.read_text().split("\n")
    assert [len(line.split()) for line in lines] == [20, 20, 5] and set(" ".join(lines).split()) <= set(vocab.itos)


def test_dry_run_reads_one_batch_of_each_part_and_leaves_no_file(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    seen = []
    evaluate = lm.evaluate
    monkeypatch.setattr(word_lm.lm, "evaluate", lambda model, batches: seen.append(len(batches)) or evaluate(model, batches))
    assert word_lm.main(["--data", str(folder), "--dry-run", "--bptt", "4", "--batch-size", "6"]) == 0
    assert seen == [1, 1, 1] and "|     1/    1 batches |" in capsys.readouterr().out
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{part}.txt" for part in word_lm.PARTS)


def test_options_are_the_originals():
    args = vars(word_lm.parse([]))
    expected = {
        "model": "LSTM", "emsize": 200, "nhid": 200, "nlayers": 2, "lr": 20, "clip": 0.25, "epochs": 40, "batch_size": 20, "bptt": 35,
        "dropout": 0.2, "tied": False, "seed": 1111, "log_interval": 200, "dry_run": False,
    }  # fmt: skip
    assert {name: args[name] for name in expected} == expected
    assert word_lm.parse(["--batch_size", "3"]) == word_lm.parse(["--batch-size", "3"])
    small = word_lm.parse(["--smoke", "--nhid", "7"])
    assert (small.nhid, small.emsize, small.save) == (7, word_lm.SMOKE["emsize"], None)
    args = vars(generate.parse([]))
    expected = {"outf": "generated.txt", "words": 1000, "temperature": 1.0, "log_interval": 100, "seed": 1111}
    assert {name: args[name] for name in expected} == expected
    assert args["checkpoint"] == word_lm.parse([]).save


@pytest.mark.parametrize(
    ("script", "options", "message"),
    [
        (word_lm, ["--tied", "--nhid", "7"], "--tied needs --emsize and --nhid to be equal, got 200 and 7"),
        (word_lm, ["--epochs", "0"], "expected a whole number above 0, got 0"),
        (word_lm, ["--model", "Transformer"], "invalid choice"),
        (generate, ["--temperature", "-1"], "--temperature must be 0 or more, got -1.0"),
    ],
)
def test_wrong_usage(script, options, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        script.main(options)
    assert message in capsys.readouterr().err


def missing_corpus(*args):
    raise corpora.CorpusError("cannot download it")


def test_errors_are_told_in_a_line(folder, monkeypatch, capsys):
    monkeypatch.setattr(corpora, "load", missing_corpus)
    assert word_lm.main([]) == 1
    assert capsys.readouterr().err == "word_lm: error: cannot download it\n"
    (folder / "valid.txt").unlink()
    assert word_lm.main(["--data", str(folder), *SMALL]) == 1
    assert capsys.readouterr().err.startswith("word_lm: error: ") and not (folder / "best.safetensors").exists()
    assert generate.main(["--checkpoint", str(folder / "train.txt"), "--outf", str(folder / "out.txt")]) == 1
    assert generate.main(["--checkpoint", str(folder / "none"), "--outf", str(folder / "out.txt")]) == 1
    vocab = text.CharVocab.build("abc")
    lm.save_checkpoint(folder / "chars.safetensors", lm.LanguageModel(3, 2, 2), vocab)
    assert generate.main(["--checkpoint", str(folder / "chars.safetensors"), "--outf", str(folder / "out.txt")]) == 1
    assert "a model of chars, not of words" in capsys.readouterr().err and not (folder / "out.txt").exists()


def test_an_explosion_is_told_before_it_spoils_the_weights(folder, capsys):
    assert word_lm.main(["--data", str(folder), *SMALL, "--model", "RNN_TANH", "--lr", "1e38", "--save", str(folder / "m")]) == 1
    assert re.search(r"word_lm: error: epoch 1, batch \d+: the loss is (nan|inf)", capsys.readouterr().err)


# -- the verification, in small --

# The default text: what three seeds reach, 569 to 592; what carries over from 35 words before does not matter yet.
PROSE_BANDS = dict(zip(word_lm.BANDS, [(500, 700), (-0.01, 0.01)]))
# A text of which 3 words at a time are not enough: four seeds reach 1.09 to 1.19, and the state saves 0.05 to 0.30 nats.
MEMORY_BANDS = dict(zip(word_lm.BANDS, [(1.0, 1.3), (0.02, 1.0)]))
MEMORY = ["--nlayers=1", "--dropout=0", "--batch_size=5", "--bptt=3", "--epochs=8", "--lr=2", "--emsize=16", "--nhid=16"]


@pytest.fixture
def memory(tmp_path):
    for part, times in zip(word_lm.PARTS, (200, 20, 20)):
        (tmp_path / f"{part}.txt").write_text("red red blue blue green green " * times + "\n")
    return ["--data", str(tmp_path), *MEMORY]


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--lr", "200"], 1), (["--clip", "inf"], 1)])
def test_verification_rejects_a_rate_ten_times_too_large_and_no_clipping(options, code, monkeypatch, capsys):
    monkeypatch.setattr(word_lm, "BANDS", PROSE_BANDS)
    assert word_lm.main(["--verify", "--smoke", "--seed", "1", *options]) == code
    printed = capsys.readouterr().out
    assert "verify: FAILED word_lm test ppl" in printed if code else printed.count("verify: ok word_lm ") == 2


@pytest.mark.parametrize("seed", ["1", "2"])
@pytest.mark.parametrize("mistake", [None, LOOP_MISTAKES["state not carried"]], ids=["right", "state not carried"])
def test_verification_rejects_a_state_not_carried(mistake, seed, memory, capsys):
    script = planted(mistake) if mistake else planted()
    script.BANDS = MEMORY_BANDS
    assert script.main(["--verify", *memory, "--seed", seed]) == (1 if mistake else 0)
    printed = capsys.readouterr().out
    assert "verify: FAILED word_lm nats" in printed if mistake else printed.count("verify: ok word_lm ") == 2


# -- writing --


@pytest.fixture(scope="module")
def cycle(tmp_path_factory):
    """A checkpoint of a model that has learnt ``a b c d`` by heart."""
    vocab = text.WordVocab(["<eos>", "a", "b", "c", "d"])
    ids = vocab.encode("a b c d " * 60)[:-1]
    tinyrnn.manual_seed(0)
    model = lm.LanguageModel(5, 8, 8)
    adam = optim.Adam(model.parameters(), lr=0.05)
    lm.fit(model, text.SequentialBatches(ids, 8, 4), optimizer=adam, epochs=20)
    path = tmp_path_factory.mktemp("cycle") / "model.safetensors"
    lm.save_checkpoint(path, model, vocab)
    return path


def written(cycle, *options):
    out = cycle.parent / "generated.txt"
    assert generate.main(["--checkpoint", str(cycle), "--outf", str(out), *options]) == 0
    return out.read_text()


def test_text_goes_on_from_the_prefix(cycle):
    for temperature in ("0", "1e-3"):  # of which exp(score / temperature) would overflow
        assert written(cycle, "--prefix", "a b", "--words", "21", "--temperature", temperature) == "c d a b " * 4 + "c d a b\nc "
    assert written(cycle, "--prefix", "d", "--words", "2", "--temperature", "0") == "a b "


def test_without_a_prefix_the_seed_decides(cycle):
    texts = [written(cycle, "--words", "40", "--temperature", "3", "--seed", str(seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    first = {written(cycle, "--words", "1", "--temperature", "0", "--seed", str(seed)) for seed in range(12)}
    assert len(first) > 2  # the word read first is drawn


def test_generate_smoke(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert generate.main(["--smoke"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [len(line.split()) for line in lines[1:]] == [20, 20] and not list(tmp_path.iterdir())
