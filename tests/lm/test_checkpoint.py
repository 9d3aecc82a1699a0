"""A model in a file: it comes back the same, and no damaged file does anything but say so."""

import json
import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import lm
from tinyrnn.lm.checkpoint import FORMAT
from tinyrnn.serialization import load_tensors, save_tensors
from tinyrnn.text import CharVocab, WordVocab

VOCABS = {
    "chars": CharVocab.build("abcdefg\n"),
    "unicode": CharVocab.build('é中🙂\0"\\ \ud800\n', unk="<unk>", pad="<pad>"),
    "words": WordVocab.build("the cat sat on the mat\nthe 中 🙂\n", pad="<pad>"),
}


def model_of(vocab, **options):
    tinyrnn.manual_seed(4)
    return lm.LanguageModel(len(vocab), 6, 6, **options)


def scores(model):
    V = model.config["vocab_size"]
    model.eval()
    return model(tinyrnn.arange(20).reshape(10, 2) % V)[0].detach().numpy()


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize(("layers", "tied", "dtype", "vocab"), [
    (1, False, "float32", "chars"), (3, True, "float32", "unicode"), (2, False, "float64", "words"), (1, True, "float64", "words"),
])  # fmt: skip
def test_round_trip(tmp_path, cell, layers, tied, dtype, vocab):
    vocab = VOCABS[vocab]
    model = model_of(vocab, num_layers=layers, cell=cell, tied=tied, dropout=0.25).to(getattr(tinyrnn, dtype))
    lm.save_checkpoint(tmp_path / "m", model, vocab, epoch=3, note="é")
    loaded, words, info = lm.load_checkpoint(tmp_path / "m")
    assert scores(loaded).dtype == dtype and scores(loaded).tobytes() == scores(model).tobytes()
    assert words == vocab and type(words) is type(vocab) and info == {"epoch": 3, "note": "é"}
    assert loaded.config == model.config and not loaded.training
    assert (loaded.decoder.weight is loaded.encoder.weight) is tied
    assert os.listdir(tmp_path) == ["m"]


def test_equal_models_give_equal_files(tmp_path):
    vocab = VOCABS["words"]
    for name in "abcdefgh":
        lm.save_checkpoint(tmp_path / name, model_of(vocab, num_layers=2), vocab, epoch=3, valid_nats=1.5)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_a_tied_weight_is_stored_once(tmp_path):
    lm.save_checkpoint(tmp_path / "m", model_of(VOCABS["chars"], tied=True), VOCABS["chars"])
    assert "decoder.weight" not in load_tensors(tmp_path / "m")[0]


def test_the_size_of_a_vocabulary_may_be_numpys(tmp_path):
    vocab = VOCABS["chars"]
    model = lm.LanguageModel(vocab.encode("abcdefg\n").max() + 1, 3, 4)
    lm.save_checkpoint(tmp_path / "m", model, vocab)
    assert lm.load_checkpoint(tmp_path / "m").model.config == model.config


def test_a_vocabulary_of_another_size_is_refused_at_saving(tmp_path):
    with pytest.raises(ValueError, match=r"the model has 8 symbols, the vocabulary \d+"):
        lm.save_checkpoint(tmp_path / "m", model_of(VOCABS["chars"]), VOCABS["words"])
    assert not os.listdir(tmp_path)


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    vocab = VOCABS["chars"]
    lm.save_checkpoint(tmp_path / "m", model_of(vocab), vocab, epoch=1)
    monkeypatch.setattr(os, "fsync", lambda number: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        lm.save_checkpoint(tmp_path / "m", model_of(vocab, cell="gru"), vocab, epoch=2)
    with pytest.raises(TypeError, match="JSON"):
        lm.save_checkpoint(tmp_path / "m", model_of(vocab), vocab, epoch=object())
    assert lm.load_checkpoint(tmp_path / "m").info == {"epoch": 1} and os.listdir(tmp_path) == ["m"]


# -- damage --


@pytest.fixture
def parts(tmp_path):
    """A good checkpoint, opened: its tensors, metadata and header."""
    lm.save_checkpoint(tmp_path / "m", model_of(VOCABS["chars"], num_layers=2), VOCABS["chars"])
    tensors, metadata = load_tensors(tmp_path / "m")
    return tensors, metadata, json.loads(metadata[FORMAT])


def without(name):
    return lambda t, m, h: t.pop(name)


def config(**changes):
    return lambda t, m, h: h["config"].update(changes)


def header(**changes):
    return lambda t, m, h: h.update(changes)


DAMAGE = {
    "another format": (lambda t, m, h: m.update({"tinyrnn language model 9": m.pop(FORMAT)}), "holds tensors, but is no checkpoint"),
    "no metadata": (lambda t, m, h: m.clear(), "holds tensors, but is no checkpoint"),
    "not JSON": (lambda t, m, h: m.update({FORMAT: "{"}), "Expecting"),
    "nested without end": (lambda t, m, h: m.update({FORMAT: "[" * 200_000}), "recursion"),
    "a list": (lambda t, m, h: m.update({FORMAT: "[]"}), "list indices"),
    "no config": (lambda t, m, h: h.pop("config"), "there is no 'config'"),
    "no info": (lambda t, m, h: h.pop("info"), "there is no 'info'"),
    "a config that is none": (header(config=3), "not subscriptable"),
    "an option too many": (config(bidirectional=True), "bidirectional"),
    "an unknown cell": (config(cell="transformer"), "there is no 'transformer'"),
    "another cell": (config(cell="gru"), r"it has [\d,]+ weights, and a model of its configuration [\d,]+"),
    "sizes beyond all memory": (config(hidden_size=10**12), "a model of its configuration"),
    "layers beyond all time": (config(num_layers=10**12), "a model of its configuration"),
    "a size that is no number": (config(hidden_size="6"), "damaged checkpoint"),
    "a size that is a fraction": (config(hidden_size=6.0), "damaged checkpoint"),
    "no layers": (config(num_layers=0), "a model of its configuration"),
    "an impossible dropout": (config(dropout=2.0), "dropout"),
    "a dropout that is no number": (config(dropout=None), "damaged checkpoint"),
    "tied after all": (config(tied=True), "a model of its configuration"),
    "no vocabulary": (header(vocab=None), "vocabulary"),
    "a vocabulary of another size": (header(vocab=CharVocab.build("abc").to_config()), "the model has 8 symbols, the vocabulary 3"),
    "symbols that are numbers": (header(vocab={"level": "char", "itos": [1, 2]}), "itos"),
    "a tensor missing": (without("encoder.weight"), "a model of its configuration"),
    "a tensor too many": (lambda t, m, h: t.update(extra=tinyrnn.zeros(0)), "Unexpected key.*extra"),
    "a tensor by another name": (lambda t, m, h: t.update(x=t.pop("encoder.weight")), "there is no 'encoder.weight'"),
    "a tensor turned": (lambda t, m, h: t.update({"rnn.weight_hh_l1": t["rnn.weight_hh_l1"].T}), "size mismatch for rnn.weight_hh_l1"),
    "whole numbers": (lambda t, m, h: t.update({"decoder.bias": tinyrnn.arange(8)}), r"decoder.bias holds tinyrnn.int64"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_wrong_is_named_on_one_line(tmp_path, parts, damage):
    tensors, metadata, inside = parts
    change, message = DAMAGE[damage]
    before = json.dumps(inside)
    change(tensors, metadata, inside)
    if json.dumps(inside) != before:
        metadata[FORMAT] = json.dumps(inside)
    save_tensors(tensors, tmp_path / "broken", metadata)
    with pytest.raises(lm.CheckpointError, match=message) as caught:
        lm.load_checkpoint(tmp_path / "broken")
    assert str(caught.value).startswith(str(tmp_path / "broken")) and "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x04cos\nsystem\n(S'touch executed'\ntR.", bytes(100)])
def test_other_files_are_refused_and_never_executed(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "e").write_bytes(content)  # a name that any message contains
    with pytest.raises(lm.CheckpointError, match=r"^e is not a safetensors file"):
        lm.load_checkpoint("e")
    assert os.listdir(tmp_path) == ["e"]


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        lm.load_checkpoint(tmp_path / "none")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "m"
    vocab = VOCABS["words"]
    lm.save_checkpoint(path, model_of(vocab, tied=True), vocab, epoch=1, valid_nats=1.5)
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    assert 300 < length < 3000
    return path.with_name("fuzzed"), data, 8 + length


def loads_or_refuses(path, data):
    path.write_bytes(data)
    try:
        model, vocab, _ = lm.load_checkpoint(path)
    except lm.CheckpointError as error:
        message = str(error)
    else:
        assert len(vocab) == model.config["vocab_size"] and scores(model).shape == (10, 2, len(vocab))
        return
    assert str(path) in message and "\n" not in message


@given(st.data())
def test_any_damage_loads_or_is_refused(good, data):
    path, content, header_end = good
    content = bytearray(content)
    places = st.integers(0, header_end - 1) | st.integers(0, len(content) - 1)  # mostly where it matters
    for at, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=8)):
        content[at] = value
    loads_or_refuses(path, content[: data.draw(st.sampled_from([len(content)] * 4 + [header_end, len(content) - 1, 7]))])


def test_every_digit_and_bracket_of_the_header(good):
    """One byte after the other, those first that JSON is made of: sizes, offsets and types all change this way."""
    path, content, header_end = good
    for at in range(8, header_end):
        if chr(content[at]) in '0123456789{}[]":,':
            for value in b"9e-":
                loads_or_refuses(path, content[:at] + bytes([value]) + content[at + 1 :])
