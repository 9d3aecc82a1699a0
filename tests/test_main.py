"""The command line, as people use it and as things go wrong."""

import contextlib
import hashlib
import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinyrnn
from tinyrnn import devices, lm, text
from tinyrnn.__main__ import build_parser, main

DATA = Path(__file__).parents[2] / "shared" / "data"
TEXT = "the cat sat on the mat\nthe dog sat on the cat\n" * 20
SMALL = ["--emsize", "6", "--nhid", "6", "--batch-size", "4", "--bptt", "5", "--epochs", "1", "--sample", "20", "--save", "m"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test runs in an empty folder of its own, with a text in it."""
    monkeypatch.chdir(tmp_path)
    Path("t.txt").write_text(TEXT)
    return tmp_path


@pytest.fixture
def cli(capsys):
    """Run a command in this process: its exit code, what it wrote, and what it complained of."""

    def call(*argv):
        code = main([str(a) for a in argv])
        out, err = capsys.readouterr()
        return code, out, complaint(err)

    return call


def complaint(err):
    """What it wrote to standard error beside where it computes."""
    return re.sub(r"^device: .+\n", "", err, flags=re.MULTILINE)


@pytest.fixture
def trained(cli):
    assert cli("train", "t.txt", *SMALL)[0] == 0


def environment(**changes):
    """For a process of its own: output buffered as usual, and one thread, which a busy machine does not slow down tenfold."""
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return {**usual, "OPENBLAS_NUM_THREADS": "1", **changes}


def complains(result, message, code=1):
    """Whether it ended with exactly one line that says this."""
    got, _, err = result
    assert got == code and re.fullmatch(rf"tinyrnn: error: .*{message}.*\n", err), (got, err)
    assert not list(Path().glob("*.tmp"))


# -- training --


@pytest.mark.parametrize("level", ["char", "word"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_train_and_generate(cli, level, cell):
    code, out, err = cli("train", "t.txt", *SMALL, "--level", level, "--cell", cell, "--epochs", 2, "--log-interval", 3)
    assert (code, err) == (0, "")
    vocab = text.Corpus.from_text(TEXT, level).vocab
    assert f"V = {len(vocab)}; {cell} with " in out and f"{level}s to train on" in out
    for pattern in (
        rf"\| epoch   1 \|     3/ +\d+ batches \| lr .* {level}s/s \| loss +[\d.]+ \| ppl +[\d.]+\n",
        rf"\| end of epoch   2 \| .* bits/{level}.*\n",
        rf"valid: [\d.]+ nats/{level} over [\d,]+ {level}s = ppl [\d.]+ = [\d.]+ bits/{level} \(state carried, every token counted\)\n",
        rf"bigram model\) reaches [\d.]+ bits/{level} on the same split\n",
        r"saved: m\nwrite: python -m tinyrnn generate m --length 500\n",
    ):
        assert re.search(pattern, out), pattern
    model, loaded, info = lm.load_checkpoint("m")
    assert loaded == vocab and model.config["cell"] == cell and info["epoch"] in (1, 2) and info["valid_nats"] > 0
    assert sorted(os.listdir()) == ["m", "t.txt"]

    code, out, err = cli("generate", "m", "--prefix", "the cat", "--length", 30, "--seed", 3)
    assert (code, err) == (0, "") and out.startswith("the cat")
    assert out == cli("generate", "m", "--prefix", "the cat", "--length", 30, "--seed", 3)[1]
    assert out != cli("generate", "m", "--prefix", "the cat", "--length", 30, "--seed", 4)[1]
    if level == "char":
        assert len(out) == len("the cat") + 30 + len("\n")
    else:
        assert out[7] in " \n" and len(text.WordVocab.tokenize(out.removesuffix("\n"))) in (32, 33)


def test_what_it_reports_is_what_the_checkpoint_scores(cli):
    _, out, _ = cli("train", "t.txt", *SMALL, "--epochs", 3)
    model, vocab, info = lm.load_checkpoint("m")
    train, valid = text.Corpus(vocab.encode(TEXT), vocab).split(0.9)
    score = lm.evaluate(model, text.SequentialBatches(valid.ids, 5, 10, exact=True))
    assert score.tokens == len(valid) - 1 and info["valid_nats"] == pytest.approx(score.per_token, rel=1e-5)
    bigram = text.bigram_nats(train.ids, valid.ids, len(vocab)) / np.log(2)
    assert f"= {score.bits:.3f} bits/char (" in out and f"reaches {bigram:.3f} bits/char" in out


def test_equal_seeds_give_equal_files(cli):
    options = [*SMALL, "--dropout", "0.3", "--nlayers", "2"]
    files = []
    for seed in (1, 1, 2):
        assert cli("train", "t.txt", *options, "--seed", seed)[0] == 0
        files.append(Path("m").read_bytes())
    assert files[0] == files[1] != files[2]


@pytest.mark.parametrize("words", [
    pytest.param("a" * 900, id="one symbol"),
    pytest.param("ab\r\ncd\r\n" * 100, id="Windows line ends"),
    pytest.param("猫坐在垫子上🙂é" * 100, id="Chinese and an emoji"),
    pytest.param("abcd " * 20_000, id="one long line"),
    pytest.param("\n" * 900, id="only line ends"),
    pytest.param("a\0b" * 300, id="zero bytes"),
    pytest.param("\ufeff" + TEXT, id="byte order mark"),
])  # fmt: skip
@pytest.mark.parametrize("level", ["char", "word"])
def test_any_text_will_do(cli, words, level):
    Path("t.txt").write_text(words, newline="")
    small = ["--batch-size", "2", "--bptt", "5"] if level == "word" else ["--batch-size", "20", "--bptt", "30"]
    result = cli("train", "t.txt", *SMALL, *small, "--level", level)
    if level == "word" and " " not in words and "\n" not in words:
        return complains(result, r"the text is too short: 1 words to train on, but one batch needs 11 \(--batch-size 2 times --bptt 5.*")
    assert result[0] == 0 and result[2] == ""
    vocab = lm.load_checkpoint("m").vocab
    assert set(vocab.itos) - {"<unk>", "<eos>"} == set(
        words.removeprefix("\ufeff").split() if level == "word" else words.removeprefix("\ufeff")
    )
    for prefix in ("", words[:3].strip("\ufeff")):
        code, out, err = cli("generate", "m", "--length", 9, "--prefix", prefix)
        assert (code, err) == (0, "") and out.startswith(prefix)


@pytest.mark.parametrize(
    ("options", "config"),
    [
        (["--tied"], {"tied": True}),
        (["--dropout", "0.5", "--nlayers", "3"], {"dropout": 0.5, "num_layers": 3}),
        (["--emsize", "3", "--nhid", "9"], {"embedding_dim": 3, "hidden_size": 9}),
        (["--max-vocab", "1" + "0" * 30], {"vocab_size": 14}),  # all and <unk>
        (["--max-vocab", "4"], {"vocab_size": 5}),
        (["--min-freq", "50"], {"vocab_size": 7}),  # six are that frequent, and <unk>
        (["--schedule", "plateau"], {}),
        (["--schedule", "constant", "--clip", "0.1"], {}),
        (["--batch-size", "1", "--bptt", "1"], {}),
        (["--batch-size", "827", "--bptt", "1"], {}),  # one batch and no more
        (["--valid", "0.5", "--sample", "0"], {}),
    ],
)
def test_options(cli, options, config):
    code, out, err = cli("train", "t.txt", *SMALL, *options)
    assert (code, err) == (0, "")
    written = lm.load_checkpoint("m").model.config
    assert {name: written[name] for name in config} == config
    assert out.endswith("--length 500\n") == ("--sample" in options)


def test_without_validation_the_last_epoch_is_saved(cli):
    code, out, err = cli("train", "t.txt", *SMALL, "--valid", 0, "--epochs", 2)
    assert (code, err) == (0, "") and "0 to validate" in out and "valid:" not in out
    assert lm.load_checkpoint("m").info == {"epoch": 2, "valid_nats": None}


def test_without_a_file_it_reads_what_python_carries(cli):
    small = ["--batch-size", 1000, "--bptt", 50, "--emsize", 2, "--nhid", 2, "--epochs", 1, "--sample", 0, "--save", "m"]
    code, out, err = cli("train", *small)
    assert (code, err) == (0, "") and out.startswith("Reading pydoc_data.topics, the Python language reference.")


def test_real_text_is_learnt_well_beyond_pairs_of_characters():
    source = DATA / "tinyshakespeare" / "input.txt"
    words = source.read_text() if source.is_file() else text.default_corpus_text()
    Path("t.txt").write_text(words[:200_000])
    options = ["--epochs", "1", "--nhid", "128", "--batch-size", "10", "--bptt", "32", "--lr", "0.01", "--sample", "0"]
    command = [sys.executable, "-m", "tinyrnn", "train", "t.txt", *options]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment()).stdout
    model, bigram = (float(re.search(pattern, out)[1]) for pattern in (r"= ([\d.]+) bits/char \(state", r"reaches ([\d.]+) bits"))
    assert 1.5 < model < bigram - 0.5
    assert lm.load_checkpoint("tinyrnn-lm.safetensors").info["epoch"] == 1  # the name where none is given


# -- generation --


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    "options", [["--top-k", 1000], ["--top-k", 1], ["--top-p", 1], ["--top-p", 1e-9], ["--temperature", 0], ["--temperature", 50]]
)
def test_generate_options(cli, options):
    code, out, err = cli("generate", "m", "--length", 12, "--prefix", "the ", *options)
    assert (code, err, len(out)) == (0, "", 17)


@pytest.mark.usefixtures("trained")
def test_nothing_to_write(cli):
    assert cli("generate", "m", "--length", 0, "--prefix", "the") == (0, "the\n", "")


@pytest.mark.usefixtures("trained")
def test_no_seed_writes_another_text_each_time(cli):
    assert len({cli("generate", "m", "--temperature", 3)[1] for _ in range(3)}) == 3


@pytest.mark.parametrize(("prefix", "start"), [
    ("the", "the cat"), ("the ", "the cat"), ("the\t", "the\tcat"), ("the cat\n", "the cat\nthe"), ("the cat", "the cat\nthe"), ("", "the"),
])  # fmt: skip
def test_words_are_set_apart(cli, prefix, start):
    """A model that knows one sentence: the, cat, end of line."""
    vocab = text.WordVocab(["<unk>", "<eos>", "the", "cat"], unk="<unk>")
    model = lm.LanguageModel(4, 4, 4, cell="rnn")
    for p in model.parameters():
        p.data.zero_()
    model.encoder.weight.data.copy_(5 * tinyrnn.eye(4))
    model.rnn.weight_ih_l0.data.copy_(tinyrnn.eye(4))
    for now, following in ((1, 2), (2, 3), (3, 1)):
        model.decoder.weight.data[following, now] = 9.0
    lm.save_checkpoint("m", model, vocab)
    code, out, _ = cli("generate", "m", "--prefix", prefix, "--length", 3, "--temperature", 0)
    assert code == 0 and out.startswith(start)


# -- corpora --


def test_data(cli, monkeypatch):
    corpora = text.corpora
    monkeypatch.setenv("TINYRNN_DATA", "here")
    known, first = (corpora.Content(len(data), "sha256:" + hashlib.sha256(data).hexdigest()) for data in (b"abc", b"ab"))
    address = "http://127.0.0.1:1/nietzsche.txt"  # nobody listens at port 1
    file = corpora.File("n/nietzsche.txt", address, known, prefix=("n/nietzsche.txt", first))
    monkeypatch.setitem(corpora.SOURCES, "nietzsche", corpora.Source("nietzsche", "public domain (US)", (file,)))
    monkeypatch.setenv("no_proxy", "*")

    def row():
        code, out, err = cli("data", "list")
        assert (code, err) == (0, "") and out.endswith("The folder is here. Get one: python -m tinyrnn data get NAME\n")
        assert [line.split()[0] for line in out.splitlines()[:-1]] == list(corpora.NAMES)
        return next(line for line in out.splitlines() if line.startswith("nietzsche"))

    assert re.fullmatch(r"nietzsche +0\.0 MB  public domain \(US\) +not here", row())
    complains(cli("data", "get", "nietzsche"), rf"cannot download {address}: .*there by hand: here/n/nietzsche\.txt \(3 bytes")
    for data, says in ((b"xyz", r" has wrong contents: not sha256.*"), (b"ab", r" \(only the first part\)")):
        Path("here/n/nietzsche.txt").write_bytes(data)
        assert re.search(f"  here/n/nietzsche.txt{says}$", row())
    assert cli("data", "get", "nietzsche")[2] == "note: here/n/nietzsche.txt has the first 2 of the 3 bytes of nietzsche\n"
    Path("here/n/nietzsche.txt").write_bytes(b"abc")
    assert row().endswith("  here/n/nietzsche.txt")
    assert cli("data", "get", "nietzsche", "nietzsche") == (0, "nietzsche: here/n/nietzsche.txt\n" * 2, "")
    Path("here/n/nietzsche.txt").write_bytes(b"")
    complains(cli("data", "get", "nietzsche"), r"nietzsche.txt has wrong contents: 0 bytes instead of 3, .*Delete it")


# -- usage --


@pytest.mark.parametrize(
    "argv", [["--help"], ["train", "--help"], ["generate", "--help"], ["data", "--help"], ["data", "get", "--help"], ["--version"]]
)
def test_help(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    out = capsys.readouterr().out
    assert caught.value.code == 0
    if argv == ["--version"]:
        assert out == f"tinyrnn {tinyrnn.__version__}\n"
    else:
        command = next((a for a in build_parser()._actions if a.dest == "command"), None)
        expected = command.choices[argv[0]]._actions if argv[0] in command.choices else [command]
        for action in expected:
            assert all(option in out for option in action.option_strings)
        assert "%(" not in out and "%%" not in out


@pytest.mark.parametrize("argv", [
    [], ["fly"], ["generate"], ["train", "t.txt", "more.txt"], ["train", "--no-such"],
    ["train", "--epochs", "0"], ["train", "--epochs", "1.5"], ["train", "--bptt", "-1"], ["train", "--batch-size", "many"],
    ["train", "--dropout", "1"], ["train", "--dropout", "nan"], ["train", "--valid", "-0.1"], ["train", "--lr", "0"],
    ["train", "--lr", "nan"], ["train", "--clip", "inf"], ["train", "--level", "byte"], ["train", "--cell", "tcn"],
    ["train", "--log-interval", "0"], ["generate", "m", "--temperature", "-1"], ["generate", "m", "--top-k", "0"],
    ["generate", "m", "--top-p", "0"], ["generate", "m", "--length", "-1"], ["generate", "m", "--seed", "x"],
    ["data"], ["data", "get"], ["data", "get", "Nietzsche"], ["data", "list", "nietzsche"],
])  # fmt: skip
def test_wrong_usage_is_2_and_shows_the_usage(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    out, err = capsys.readouterr()
    assert caught.value.code == 2 and out == "" and err.startswith("usage: tinyrnn")
    assert len([line for line in err.splitlines() if ": error: " in line]) == 1


def test_a_number_beyond_any_float_is_a_number():
    assert build_parser().parse_args(["train", "--epochs", "9" * 400]).epochs == int("9" * 400)


# -- faults --


def bad_files():
    Path("empty").touch()
    Path("one").write_text("a")
    Path("latin").write_bytes("café\nnaïve".encode("latin-1"))
    Path("utf16").write_bytes("text".encode("utf-16"))
    Path("folder").mkdir()
    Path("other").write_text("this is no checkpoint")


@pytest.mark.parametrize(("argv", "message"), [
    (["train", "none.txt"], r"none\.txt: No such file or directory"),
    (["train", "none/t.txt"], r"none/t\.txt: No such file or directory"),
    (["train", "folder"], "folder: Is a directory"),
    (["train", "empty"], "empty is empty"),
    (["train", "one"], r"the text is too short: 0 chars to train on, but one batch needs 21 \(--batch-size 4 times --bptt 5, and one\)"),
    (["train", "t.txt", "--batch-size", "829", "--bptt", "1"], "too short: 828 chars to train on, but one batch needs 830"),
    (["train", "latin"], r"latin is not UTF-8 text: byte 0xE9 at offset 3, line 1\. .*iconv -f latin1"),
    (["train", "utf16"], r"utf16 is not UTF-8 text: .*iconv -f utf-16"),
    (["train", "t.txt", "--valid", "1e-9"], r"--valid 1e-09 of 920 chars leaves nothing to predict; give a larger share, or 0"),
    (["train", "t.txt", "--valid", "1e-17"], r"--valid 1e-17 of 920 chars leaves nothing to predict"),
    (["train", "t.txt", "--valid", "0.999"], "too short: 0 chars to train on"),
    (["train", "t.txt", "--min-freq", "5000"], r"no symbol occurs min_freq=5000 times"),
    (["train", "t.txt", "--schedule", "plateau", "--valid", "0"], "--schedule plateau needs a validation text"),
    (["train", "t.txt", "--tied", "--emsize", "5"], "--tied needs equal sizes, got --emsize 5 and --nhid 6"),
    (["train", "t.txt", "--emsize", "1" + "0" * 15], "not enough memory; reduce the sizes"),
    (["train", "t.txt", "--save", "folder"], "--save folder: cannot write there: Not a regular file"),
    (["train", "t.txt", "--save", os.devnull], f"--save {os.devnull}: cannot write there: Not a regular file"),
    (["train", "t.txt", "--save", ""], "--save : cannot write there: Not a regular file"),
    (["train", "t.txt", "--save", "none/m"], r"--save none/m: cannot write there: No such file.*existing folder"),
    (["train", "t.txt", "--save", "t.txt/m"], r"--save t\.txt/m: cannot write there: Not a directory"),
    (["train", "t.txt", "--save", "n" * 255], r"--save n+: cannot write there: File name too long"),
    (["generate", "none"], "none: No such file or directory"),
    (["generate", "folder"], "folder: Is a directory"),
    (["generate", "empty"], "empty is not a safetensors file, or is damaged"),
    (["generate", "other"], "other is not a safetensors file, or is damaged"),
])  # fmt: skip
def test_faults(cli, argv, message):
    bad_files()
    before = sorted(os.listdir())
    small = [*SMALL, *argv[2:]] if argv[0] == "train" else []
    result = cli(*argv[:2], *small)
    complains(result, message)
    if "memory" not in message:
        assert result[1] == ""
    assert sorted(os.listdir()) == before and Path("t.txt").read_text() == TEXT


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(("argv", "message"), [
    (["--prefix", "the zebra"], r"'z' \(U\+007A\) at character 4 is not in the vocabulary"),
    (["--prefix", "\udcff"], r"is not in the vocabulary"),
    (["--top-p", "1.5"], "--top-p is a probability, at most 1, got 1.5"),
])  # fmt: skip
def test_faults_of_generate(cli, argv, message):
    result = cli("generate", "m", *argv)
    complains(result, message)
    assert result[1] == ""


@pytest.mark.usefixtures("trained")
def test_a_damaged_checkpoint(cli):
    data = Path("m").read_bytes()
    for damaged in (
        data[:-1],
        data[:50],
        data.replace(b'\\"cell\\": \\"lstm', b'\\"cell\\": \\"lost'),
        data.replace(b"decoder", b"recoder"),
    ):
        Path("m").write_bytes(damaged)
        complains(cli("generate", "m"), r"m is (not a safetensors file, or is damaged|a damaged checkpoint): ")


def test_no_permission(cli, monkeypatch):
    """Tests may run as root, to whom everything is permitted."""

    def refuse(path, mode="r", *args, real=open, **options):
        if "w" in mode:
            raise PermissionError(13, "Permission denied", path)
        return real(path, mode, *args, **options)

    monkeypatch.setattr("builtins.open", refuse)
    complains(cli("train", "t.txt", *SMALL), "--save m: cannot write there: Permission denied")


@pytest.mark.parametrize("name", ["fsync", "replace"])
@pytest.mark.parametrize("good", [0, 1])
def test_the_disk_is_full(cli, monkeypatch, name, good):
    """The first checkpoint, if it could be written, stays."""
    calls = []

    real = getattr(os, name)

    def full(*args):
        calls.append(args)
        if len(calls) > good:
            raise OSError(28, "No space left on device")
        return real(*args)

    monkeypatch.setattr(os, name, full)
    complains(cli("train", "t.txt", *SMALL, "--epochs", 9), "m: No space left on device")
    assert sorted(os.listdir()) == ["m"] * good + ["t.txt"]
    assert not good or lm.load_checkpoint("m").info["epoch"] == 1


def test_a_run_that_explodes(cli):
    result = cli("train", "t.txt", *SMALL, "--lr", "1e38", "--schedule", "constant", "--epochs", 3)
    complains(result, r"epoch 1, batch \d+: the loss is (nan|inf).*learning rate too high \(it is 1e\+38\).*Nothing was saved\.")
    assert os.listdir() == ["t.txt"]


def test_a_run_that_explodes_later_keeps_the_best(cli, monkeypatch):
    fit = sys.modules["tinyrnn.lm.fit"]
    norms = []

    def norm(*args, real=fit.clip_grad_norm_):
        norms.append(real(*args))
        return norms[-1] * (np.inf if len(norms) == 60 else 1)

    monkeypatch.setattr(fit, "clip_grad_norm_", norm)
    complains(
        cli("train", "t.txt", *SMALL, "--epochs", 9), r"epoch 2, batch 18: .*norm of its gradients inf.* The best checkpoint so far: m"
    )
    assert lm.load_checkpoint("m").info["epoch"] == 1


def test_a_validation_that_is_never_finite(cli, monkeypatch):
    monkeypatch.setattr(sys.modules["tinyrnn.lm.fit"], "evaluate", lambda model, batches, criterion: lm.Score(np.nan, 1))
    complains(cli("train", "t.txt", *SMALL), r"validation loss was never finite, so nothing was saved\. Try a lower .*--lr 0\.008")
    assert os.listdir() == ["t.txt"]


@pytest.mark.parametrize(("at", "times", "epoch"), [(2, 1, 1), (60, 1, 1), (100, 1, 2), (2, 2, None), (60, 2, 1)])
def test_ctrl_c_at_a_batch(cli, monkeypatch, at, times, epoch):
    """41 batches an epoch. The second time, training ends at once."""
    fit = sys.modules["tinyrnn.lm.fit"]
    steps = []

    def press(*args, real=fit.clip_grad_norm_):
        steps.append(1)
        for _ in range(times if len(steps) == at else 0):
            signal.raise_signal(signal.SIGINT)
        return real(*args)

    monkeypatch.setattr(fit, "clip_grad_norm_", press)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = cli("train", "t.txt", *SMALL, "--epochs", 9)
    finally:
        signal.signal(signal.SIGINT, before)
    if times == 2:
        kept = "Nothing was saved." if epoch is None else "The best checkpoint so far: m"
        complains(result, re.escape(f"interrupted. {kept}"), 130)
    else:
        assert result[0] == 130 and result[2] == "" and result[1].endswith(" m\n") and "\nInterrupted" in result[1]
    assert sorted(os.listdir()) == ["m"] * (epoch is not None) + ["t.txt"]
    assert epoch is None or lm.load_checkpoint("m").info["epoch"] == epoch


@pytest.mark.usefixtures("trained")
def test_a_reader_that_is_not_there(capsys, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        assert main(["generate", "m"]) == 1
    assert complaint(capsys.readouterr().err) == ""


@pytest.mark.usefixtures("trained")
def test_output_may_be_captured():
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["generate", "m", "--prefix", "the", "--length", "5"]) == 0
    assert len(out.getvalue()) == 9


def test_where_it_computes(capsys, monkeypatch):
    monkeypatch.setattr(devices, "why_no_cuda", lambda: "no GPU here")
    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda name: None)
    assert main(["train", "t.txt", *SMALL]) == main(["generate", "m", "--device", "auto"]) == 0
    assert capsys.readouterr().err == "device: cpu\n" * 2
    assert main(["train", "t.txt", *SMALL, "--device", "cpu"]) == main(["generate", "m", "--device", "cpu"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", [["train", "t.txt", *SMALL], ["generate", "m"]])
@pytest.mark.parametrize(("device", "said"), [("cuda:99", "--device cuda:99: .+"), ("gpu", "--device gpu: Expected one of cpu, cuda .*")])
@pytest.mark.usefixtures("trained")
def test_a_device_that_is_not_there(cli, capsys, command, device, said):
    capsys.readouterr()
    complains(cli(*command, "--device", device), said)


def test_standard_input(cli, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    assert cli("train", "-", *SMALL)[0] == 0
    complains(cli("train", "-", *SMALL), "standard input is empty")  # it has been read
    monkeypatch.setattr(sys, "stdin", None)
    complains(cli("train", "-", *SMALL), "standard input is closed; give a FILE, or pipe a text in")


# -- in a process of its own --


@pytest.fixture
def start():
    """Start a command; whatever is still running at the end is ended."""
    # A test run in the background ignores Ctrl-C, and its children would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    running = []

    def popen(*argv, **options):
        command = [sys.executable, "-m", "tinyrnn", *argv]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment(), **options}
        running.append(subprocess.Popen(command, **options))
        return running[-1]

    yield popen
    signal.signal(signal.SIGINT, before)
    for process in running:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def lines_until(process, pattern):
    """What it writes up to a line with this pattern. It must come through the pipe at once."""
    lines = []
    while not lines or not re.search(pattern, lines[-1]):
        lines.append(process.stdout.readline())
        assert lines[-1], f"it ended before {pattern!r}: {lines}"
    return lines


LONG = [*SMALL, "--log-interval", "1", "--epochs", "1000", "--schedule", "constant"]


@pytest.mark.parametrize(
    ("when", "options", "said", "epoch"),
    [
        (r"\| epoch   1 \|     2/", ["--bptt", "1"], "Interrupted before there was a best checkpoint. The model as it is now: m", 1),
        (r"\| epoch   2 \|     1/", [], "Interrupted. The best checkpoint so far: m", 1),
        (r"\| epoch   1 \|     4/    4", ["--valid", "0.9"], "Interrupted. The best checkpoint so far: m", 1),  # now it validates
    ],
)
def test_ctrl_c(start, when, options, said, epoch):
    Path("t.txt").write_text(TEXT * 40)  # an epoch takes more than a second
    if "--valid" in options:
        Path("t.txt").write_text(TEXT * 400)
        options = [*options, "--bptt", "920", "--batch-size", "10"]
    process = start("train", "t.txt", *LONG, *options)
    lines_until(process, when)
    time.sleep(0.3 if "--valid" in options else 0)  # the last batch is not over when its line is out
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and complaint(err) == ""
    assert out.endswith(f"\n{said}\n")
    info = lm.load_checkpoint("m").info
    assert info["epoch"] == epoch and (info["valid_nats"] is None) == ("before" in said)
    assert sorted(os.listdir()) == ["m", "t.txt"]


def test_ctrl_c_early_leaves_the_checkpoint_of_an_earlier_run(start, trained):
    before = Path("m").read_bytes()
    Path("t.txt").write_text(TEXT * 40)
    process = start("train", "t.txt", *LONG, "--bptt", "1")
    lines_until(process, r"\| epoch   1 \|     2/")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and complaint(err) == ""
    assert out.endswith("\nInterrupted before there was a best checkpoint. m is the one that was there before\n")
    assert Path("m").read_bytes() == before


def test_ctrl_c_twice_ends_at_once(start):
    Path("t.txt").write_text(TEXT * 800)
    process = start("train", "t.txt", *LONG, "--valid", "0.99", "--bptt", "920", "--batch-size", "2")
    lines_until(process, r"\| epoch   1 \|     4/    4")
    for _ in range(2):
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and complaint(err) == "tinyrnn: error: interrupted. Nothing was saved.\n"
    assert os.listdir() == ["t.txt"]


def test_being_terminated_leaves_a_whole_checkpoint(start):
    Path("t.txt").write_text(TEXT * 40)
    process = start("train", "t.txt", *LONG)
    lines_until(process, r"\| epoch   2 \|     1/")
    process.terminate()
    assert process.wait(60) == -signal.SIGTERM
    assert lm.load_checkpoint("m").info["epoch"] == 1 and sorted(os.listdir()) == ["m", "t.txt"]


def test_a_reader_that_goes_away(start):
    process = start("train", "t.txt", *LONG)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 1 and complaint(process.stderr.read()) == ""
    assert set(os.listdir()) <= {"m", "t.txt"}


@pytest.mark.usefixtures("trained")
def test_output_that_has_nowhere_to_go(start):
    for argv in (["generate", "m"], ["train", "t.txt", *SMALL, "--save", "n"]):
        closed = subprocess.run(
            ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "tinyrnn", *argv],
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            check=False,
        )
        assert (closed.returncode, complaint(closed.stderr)) == (0, "")
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with open("/dev/full", "w") as full:
        for argv in (["generate", "m"], ["train", "t.txt", *SMALL]):
            process = start(*argv, stdout=full)
            assert complaint(process.communicate()[1]) == "tinyrnn: error: standard output: No space left on device\n"
            assert process.returncode == 1


def test_a_terminal_that_cannot_show_a_symbol(start):
    Path("t.txt").write_text("猫" * 900)
    process = start("train", "t.txt", *SMALL, env=environment(PYTHONIOENCODING="ascii"))
    out, err = process.communicate()
    assert (process.returncode, complaint(err)) == (0, "") and out.endswith("\n" + "?" * 50 + "\n")  # 30 of prompt and 20 of sample


def test_a_pipeline():
    tinyrnn = f"{sys.executable} -m tinyrnn"
    command = f"{tinyrnn} train - {' '.join(SMALL)} < t.txt > log && {tinyrnn} generate m --length 5000 | head -c 9"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment(), check=False)
    assert (result.returncode, complaint(result.stderr), len(result.stdout)) == (0, "", 9)
    assert "saved: m" in Path("log").read_text()
