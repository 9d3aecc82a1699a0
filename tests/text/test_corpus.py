"""Corpora, reading files, and the counting baselines."""

import errno
import io
import itertools
import json
import math
import os
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tinyrnn.text import (
    CharVocab,
    Corpus,
    RandomWindows,
    SequentialBatches,
    TextError,
    VocabError,
    WordVocab,
    bigram_nats,
    default_corpus_text,
    read_text,
    unigram_nats,
)
from tinyrnn.text import corpus as corpus_module
from tinyrnn.text import vocab as vocab_module

# -- one stream --


@given(st.text(st.characters(), min_size=1))
def test_a_corpus_is_its_text(text):
    corpus = Corpus.from_text(text)
    assert corpus.text() == text and len(corpus) == len(text)


def test_words_and_options_reach_the_vocabulary():
    corpus = Corpus.from_text("a b a\na c\n", level="word", min_freq=2, pad="<pad>")
    assert corpus.vocab == WordVocab(["<unk>", "<pad>", "a", "<eos>"], unk="<unk>", pad="<pad>")
    assert corpus.text() == "a <unk> a\na <unk>\n"
    assert repr(corpus) == "Corpus(7 tokens, WordVocab(4 symbols))"


@pytest.mark.parametrize(("size", "dtype"), [(1, "uint8"), (256, "uint8"), (257, "uint16"), (65536, "uint16"), (65537, "uint32")])
def test_ids_take_the_least_memory_that_holds_the_vocabulary(size, dtype):
    corpus = Corpus([0, size - 1], WordVocab([str(k) for k in range(size)]))
    assert corpus.ids.dtype == dtype and corpus.ids.tolist() == [0, size - 1]


def test_wrong_ids_levels_and_texts():
    vocab = CharVocab.build("ab")
    with pytest.raises(IndexError, match="id 2 at position 1 is out of range"):
        Corpus([0, 2], vocab)
    with pytest.raises(IndexError, match="id -1 at position 0 is out of range"):
        Corpus([-1], vocab)
    with pytest.raises(TypeError, match="whole numbers, got Corpus"):
        Corpus(Corpus([0], vocab), vocab)
    with pytest.raises(ValueError, match='unknown level \'byte\': it is "char" or "word"'):
        Corpus.from_text("a", level="byte")
    with pytest.raises(ValueError, match="the text is empty"):
        Corpus.from_text("")
    with pytest.raises(VocabError, match="'b'"):
        Corpus.from_text("aab", min_freq=2)


@given(st.integers(2, 200), st.floats(0.01, 0.99))
def test_a_split_has_every_token_in_exactly_one_part(n, fraction):
    corpus = Corpus(np.arange(n) % 7, CharVocab.build("abcdefg"))
    if int(fraction * n) == 0:
        with pytest.raises(ValueError, match="leaves a part empty"):
            corpus.split(fraction)
        return
    train, valid = corpus.split(fraction)
    assert len(train) == int(fraction * n) and len(valid) > 0
    assert np.concatenate([train.ids, valid.ids]).tolist() == corpus.ids.tolist()
    assert np.shares_memory(train.ids, corpus.ids) and np.shares_memory(valid.ids, corpus.ids)
    assert train.vocab is valid.vocab is corpus.vocab


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, 0.01, math.nan, math.inf])
def test_no_part_of_a_split_may_be_empty(fraction):
    with pytest.raises(ValueError, match=r"split\(.*\) of 5 tokens leaves a part empty"):
        Corpus.from_text("hello").split(fraction)


# -- files --


@given(st.text(min_size=1))
def test_a_file_is_read_as_it_is(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("text") / "t.txt"
    path.write_bytes(text.encode("utf-8"))
    expected = text.removeprefix("\ufeff")
    if expected:
        assert read_text(path) == read_text(str(path)) == expected


def test_byte_order_mark_goes_and_line_ends_stay(tmp_path):
    (tmp_path / "t.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    assert read_text(tmp_path / "t.txt") == "one\r\ntwo\rthree\n"


def test_dash_is_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("caf\u00e9\r\n".encode()), encoding="ascii"))
    assert read_text("-") == "café\r\n"
    with pytest.raises(TextError, match=r"^standard input is empty$"):
        read_text("-")  # all has been read


def test_files_that_cannot_be_opened_raise_what_python_raises(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.txt"):
        read_text(tmp_path / "nothing.txt")
    with pytest.raises(IsADirectoryError):
        read_text(tmp_path)


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf"])
def test_empty_files_are_an_error(tmp_path, data):
    (tmp_path / "t.txt").write_bytes(data)
    with pytest.raises(TextError, match=r"t\.txt is empty$"):
        read_text(tmp_path / "t.txt")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"one\ntwo\ncaf\xe9 three\n", "is not UTF-8 text: byte 0xE9 at offset 11, line 3. Convert it to UTF-8 first"),
        (b"\xef\xbb\xbf\n\xe9", "byte 0xE9 at offset 4, line 2"),  # the mark counts
        (b"caf\xe9", "iconv -f latin1 -t utf-8"),
        ("hello".encode("utf-16"), "byte 0xFF at offset 0, line 1. Convert it to UTF-8 first, for example: iconv -f utf-16 -t utf-8"),
        (b"\xed\xa0\x80", "byte 0xED at offset 0"),  # a lone surrogate
    ],
)
def test_bytes_that_are_not_utf8_are_named(tmp_path, data, complaint):
    (tmp_path / "t.txt").write_bytes(data)
    with pytest.raises(TextError) as error:
        read_text(tmp_path / "t.txt")
    assert str(tmp_path / "t.txt") in str(error.value) and complaint in str(error.value)


def test_the_default_corpus_is_long_english_text():
    text = default_corpus_text()
    assert text == default_corpus_text()
    assert len(text) > 300_000 and text.count(" the ") > 2000
    assert Corpus.from_text(text).text() == text


# -- ids in a file --


@given(st.text(st.characters(), min_size=1), st.sampled_from(["char", "word"]), st.sampled_from([None, "<unk>"]))
@example("lone \udc80 \ud83d\ude00", "char", None)
def test_a_saved_corpus_comes_back(tmp_path_factory, text, level, unk):
    path = tmp_path_factory.mktemp("corpus") / "c"
    corpus = Corpus.from_text(text, level, unk=unk)
    corpus.save(path)
    again = Corpus.open(path)
    assert again.vocab == corpus.vocab and again.ids.dtype == corpus.ids.dtype and type(again.ids) is np.ndarray
    assert again.ids.tolist() == corpus.ids.tolist() == np.load(path, mmap_mode="r").tolist()
    again.save(path)  # onto the file that it is mapped from
    assert Corpus.open(path).ids.tolist() == again.ids.tolist() == corpus.ids.tolist()
    assert os.listdir(path.parent) == ["c"]


@pytest.mark.parametrize("size", [1, 256, 257, 65537])
@pytest.mark.parametrize("length", [0, 1, 1001])
def test_every_width_and_length_comes_back(tmp_path, size, length):
    ids = np.arange(length) * 7919 % size
    corpus = Corpus(ids, WordVocab([str(k) for k in range(size)]))
    corpus.save(tmp_path / "whole")
    assert Corpus.open(tmp_path / "whole").ids.tolist() == ids.tolist()
    Corpus(corpus.ids[::-2], corpus.vocab).save(tmp_path / "strided")
    assert Corpus.open(tmp_path / "strided").ids.tolist() == ids[::-2].tolist()


@given(
    text=st.text(st.sampled_from("ab \n\r\t\u3000é🙂\ufeff"), min_size=1, max_size=40).filter(lambda text: text != "\ufeff"),
    size=st.integers(1, 9),
    level=st.sampled_from(["char", "word"]),
)
def test_a_file_becomes_the_corpus_of_its_text(tmp_path_factory, text, size, level):
    """However small the pieces are that it is read in."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "t").write_bytes(text.encode())
    expected = Corpus.from_text(read_text(folder / "t"), level)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocab_module, "PIECE", size)
        corpus = Corpus.from_file(folder / "t", folder / "ids", level)
        with open(folder / "t", encoding="utf-8-sig", newline="") as file:
            assert corpus.vocab.encode(file).tolist() == expected.ids.tolist()
    assert corpus.vocab == expected.vocab and corpus.ids.tolist() == expected.ids.tolist()
    assert Corpus.open(folder / "ids").text() == expected.text()
    assert sorted(os.listdir(folder)) == ["ids", "t"]


def test_options_reach_the_vocabulary_of_a_file(tmp_path):
    (tmp_path / "t").write_text("a b a\na c\n")
    corpus = Corpus.from_file(tmp_path / "t", tmp_path / "ids", level="word", min_freq=2, pad="<pad>")
    assert corpus.vocab == WordVocab(["<unk>", "<pad>", "a", "<eos>"], unk="<unk>", pad="<pad>")
    assert corpus.text() == "a <unk> a\na <unk>\n"


def test_files_that_become_no_corpus(tmp_path, monkeypatch):
    monkeypatch.setattr(vocab_module, "PIECE", 4)
    monkeypatch.setattr(corpus_module, "PIECE", 4)
    text, into = tmp_path / "t", tmp_path / "ids"
    into.write_text("as it was")
    for data, options, complaint in (
        (b"", {}, r"t is empty$"),
        (b"\xef\xbb\xbf", {}, r"t is empty$"),
        ("ab\n猫\n猫".encode() + b"\n\xe9?", {}, r"t is not UTF-8 text: byte 0xE9 at offset 11, line 4\. Convert"),
        ("abc猫".encode()[:-1], {}, r"byte 0xE7 at offset 3, line 1"),
        ("hello".encode("utf-16"), {}, r"byte 0xFF at offset 0, line 1.*iconv -f utf-16"),
        (b"aab", {"min_freq": 2}, "'b'"),
        (b"aab", {"min_freq": 9}, "no symbol occurs min_freq=9 times"),
        (b"aab", {"level": "byte"}, "unknown level 'byte'"),
    ):
        text.write_bytes(data)
        with pytest.raises(ValueError, match=complaint):
            Corpus.from_file(text, into, **options)
    text.write_text("abc")
    (tmp_path / "link").symlink_to(text)
    with pytest.raises(ValueError, match="would replace the text itself"):
        Corpus.from_file(text, tmp_path / "link")
    with pytest.raises(FileNotFoundError, match="nothing"):
        Corpus.from_file(tmp_path / "nothing", into)
    with pytest.raises(FileNotFoundError, match="folder"):
        Corpus.from_file(text, tmp_path / "folder" / "ids")
    assert text.read_text() == "abc" and into.read_text() == "as it was" and sorted(os.listdir(tmp_path)) == ["ids", "link", "t"]
    with open(text, "rb") as file:
        assert "changed while it was read" in str(corpus_module._not_utf8("t", file))


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_during_save_leaves_the_old_corpus(tmp_path, monkeypatch, step):
    old = Corpus.from_text("old")
    old.save(tmp_path / "c")

    def crash(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, crash)
    with pytest.raises(OSError, match="No space left on device"):
        Corpus.from_text("quite new").save(tmp_path / "c")
    assert Corpus.open(tmp_path / "c").text() == "old" and os.listdir(tmp_path) == ["c"]


def npy(array, vocab):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue() + json.dumps(vocab).encode()


AB = {"level": "char", "itos": ["a", "b"]}


@pytest.mark.parametrize("data", [
    b"", b"something else", npy(np.zeros(9, np.uint8), AB)[:-1], npy(np.zeros(9, np.uint8), AB)[:133], npy(np.zeros(9, np.uint8), AB)[:50],
    npy(np.zeros(9, np.uint16), AB), npy(np.zeros(9, np.int8), AB), npy(np.zeros(9), AB), npy(np.zeros((3, 3), np.uint8), AB),
    npy(np.array([{}]), AB), npy(np.zeros(9, np.uint8), []), npy(np.zeros(9, np.uint8), AB | {"itos": "ab"}),
])  # fmt: skip
def test_files_that_are_no_corpus(tmp_path, data):
    (tmp_path / "c").write_bytes(data)
    with pytest.raises(ValueError, match=r"c is no corpus that Corpus\.save wrote, or is damaged: ."):
        Corpus.open(tmp_path / "c")
    (tmp_path / "c").write_bytes(npy(np.ones(9, np.uint8), AB))
    assert Corpus.open(tmp_path / "c").text() == "b" * 9
    with pytest.raises(FileNotFoundError):
        Corpus.open(tmp_path / "nothing")


def peak(call):
    """The most memory that Python and NumPy allocated during a call; what is mapped from a file does not count."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def resident():
    """Bytes of this process that are in memory, those mapped from files included."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


LARGE = 32 * 2**20


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "c"
    Corpus(np.tile(np.array([0, 1], np.uint8), LARGE // 2), CharVocab(["a", "b"])).save(path)
    return path


def test_batches_of_a_mapped_corpus_do_not_hold_it(large):
    def read():
        train, valid = Corpus.open(large).split(0.5)
        for batches in (SequentialBatches(train.ids, 2**12, 64), SequentialBatches(valid.ids, 2**12, 64, exact=True)):
            assert len(batches) == 64 and sum(1 for inputs, _, _ in batches if inputs[0, 0] == 0) == 64
        assert all((targets == 1 - inputs).all() for inputs, targets, _ in RandomWindows(train.ids, 2**12, 64, batches=2))
        Corpus.open(large).save(f"{large}.copy")

    assert 2**20 < peak(read) < LARGE / 2  # a batch of int64 ids takes 2 MB, and a few are there at once


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc")
def test_only_what_is_used_of_a_mapped_corpus_is_read(large):
    before = resident()
    train, valid = Corpus.open(large).split(0.9)
    batches = [next(iter(SequentialBatches(ids, 10, 2))) for ids in (train.ids, valid.ids)]
    assert len(batches) == 2 and resident() - before < LARGE / 2  # a page may have 2 MB
    assert train.ids.max() == 1 and resident() - before > LARGE * 0.8  # now it has been


@pytest.mark.parametrize("level", ["char", "word"])
def test_a_large_file_is_read_in_pieces(tmp_path, monkeypatch, level):
    (tmp_path / "t").write_text("to be or not to be " * 2**16)
    size = (tmp_path / "t").stat().st_size
    monkeypatch.setattr(vocab_module, "PIECE", 2**12)
    Corpus.from_file(tmp_path / "t", tmp_path / "warm", level)  # tables of code points and the like
    most = peak(lambda: Corpus.from_file(tmp_path / "t", tmp_path / "c", level))
    assert most < size / 4 + (16 * 2**20 if level == "char" else 0)  # characters are counted in a table of 9 MB
    corpus = Corpus.open(tmp_path / "c")
    assert corpus.vocab.decode(corpus.ids[:6]).split() == ["to", "be", "or", "not", "to", "be"][: 2 if level == "char" else 6]


# -- baselines --

streams = st.integers(1, 6).flatmap(
    lambda V: st.tuples(st.just(V), *[st.lists(st.integers(0, V - 1), min_size=2, max_size=40)] * 2, st.sampled_from([0.1, 1.0]))
)


@given(streams)
def test_baselines_are_what_their_formulas_say(stream):
    V, train, valid, s = stream
    p = [(train.count(b) + s) / (len(train) + s * V) for b in range(V)]
    assert sum(p) == pytest.approx(1)
    assert unigram_nats(train, valid, V, s) == pytest.approx(-sum(math.log(p[b]) for b in valid) / len(valid), abs=1e-12)
    pairs = list(itertools.pairwise(train))
    q = [[(pairs.count((a, b)) + s) / (train[:-1].count(a) + s * V) for b in range(V)] for a in range(V)]
    assert [sum(row) for row in q] == pytest.approx([1] * V)
    wanted = [math.log(q[a][b]) for a, b in itertools.pairwise(valid)]
    assert bigram_nats(train, valid, V, s) == pytest.approx(-sum(wanted) / len(wanted), abs=1e-12)


def test_a_text_that_repeats_itself_is_predicted_by_pairs_and_not_by_frequencies():
    ids = np.tile(np.arange(10), 100)
    assert unigram_nats(ids, ids, 10) == pytest.approx(math.log(10))
    assert bigram_nats(ids, ids, 10) < 0.02


def test_a_vocabulary_of_millions_needs_no_square_matrix():
    V = 3_000_000
    ids = np.array([V - 1, 0, V - 1, 0, V - 2], np.uint32)
    assert bigram_nats(ids, ids[:2], V, smoothing=1.0) == pytest.approx(-math.log(3 / (2 + V)))


def test_streams_that_say_nothing_are_an_error():
    with pytest.raises(ValueError, match="at least 1 token"):
        unigram_nats([0], [], 1)
    with pytest.raises(ValueError, match=r"at least 2 tokens.*has 1"):
        bigram_nats([0], [0], 1)
    for nats in (unigram_nats, bigram_nats):
        with pytest.raises(ValueError, match="smoothing must be above 0, got 0"):
            nats([0, 0], [0, 0], 1, smoothing=0)
        with pytest.raises(IndexError, match="id 2 at position 1"):
            nats([0, 1], [0, 2], 2)
        with pytest.raises(IndexError, match="id -1 at position 0"):
            nats([-1, 1], [0, 1], 2)
