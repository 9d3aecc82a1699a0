"""Corpora, reading files, and the counting baselines."""

import io
import itertools
import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyrnn.text import CharVocab, Corpus, TextError, VocabError, WordVocab, bigram_nats, default_corpus_text, read_text, unigram_nats

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
