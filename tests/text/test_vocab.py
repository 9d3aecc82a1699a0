"""Vocabularies: order of the ids, round trips, unknown symbols, files."""

import errno
import json
import os

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn.text import CharVocab, Vocab, VocabError, WordVocab
from tinyrnn.text import vocab as vocab_module

any_text = st.text(st.characters(), min_size=1)  # lone surrogates and all
few_letters = st.text("abcd é漢🙂\n", min_size=1)


# -- ids and their order --


@given(few_letters, st.integers(1, 3), st.none() | st.integers(1, 4), st.sampled_from([None, "<unk>"]), st.sampled_from([None, "<pad>"]))
def test_characters_are_ordered_by_frequency_then_code_point(text, min_freq, max_size, unk, pad):
    kept = sorted((-text.count(c), c) for c in set(text) if text.count(c) >= min_freq)[:max_size]
    if not kept:
        with pytest.raises(ValueError, match="no symbol occurs"):
            CharVocab.build(text, min_freq=min_freq, max_size=max_size, unk=unk, pad=pad)
        return
    vocab = CharVocab.build(text, min_freq=min_freq, max_size=max_size, unk=unk, pad=pad)
    assert vocab.itos == [s for s in (unk, pad) if s] + [c for _, c in kept]
    assert [vocab[s] for s in vocab.itos] == list(range(len(vocab))) == [vocab.stoi[s] for s in vocab.itos]


def test_words_are_ordered_like_characters_and_end_of_line_counts_as_one():
    vocab = WordVocab.build("b a b a c\nZ é\n", pad="<pad>")
    assert vocab.itos == ["<unk>", "<pad>", "<eos>", "a", "b", "Z", "c", "é"]
    assert WordVocab.build("b a b a c\nZ é\n", unk=None, max_size=2).itos == ["<eos>", "a"]


def test_specials_come_on_top_of_max_size():
    text = " ".join(f"w{k}" for k in range(100))
    assert len(WordVocab.build(text, max_size=50, unk="<unk>", pad="<pad>")) == 52


def test_special_words_of_the_text_itself_are_not_counted_twice():
    vocab = WordVocab.build("<unk> <unk> a <unk>\n", max_size=2)
    assert vocab.itos == ["<unk>", "<eos>", "a"]


@pytest.mark.parametrize("build", [CharVocab.build, WordVocab.build])
def test_nothing_to_build_from_is_an_error(build):
    with pytest.raises(ValueError, match="the text is empty"):
        build("")
    with pytest.raises(ValueError, match=r"no symbol occurs min_freq=9 times: the most frequent of 3 occurs 2 times"):
        build("a a b" if build == WordVocab.build else "aabc", min_freq=9)
    with pytest.raises(ValueError, match="min_freq must be at least 1, got 0"):
        build("a", min_freq=0)
    with pytest.raises(ValueError, match="max_size must be at least 1, got 0"):
        build("a", max_size=0)


# -- text to ids and back --


@given(any_text)
@example("\ud83d\ude00\0\uffff\U0010ffff\ufeff")
def test_characters_round_trip(text):
    vocab = CharVocab.build(text)
    ids = vocab.encode(text)
    assert ids.dtype == np.int64 and ids.shape == (len(text),)
    assert ids.tolist() == [vocab.itos.index(c) for c in text] == [vocab[c] for c in vocab.tokenize(text)]
    assert vocab.decode(ids) == text


@given(any_text)
def test_words_round_trip_but_for_the_amount_of_white_space(text):
    vocab = WordVocab.build(text, unk=None)
    ids = vocab.encode(text)
    assert ids.dtype == np.int64 and ids.tolist() == [vocab.stoi[w] for w in vocab.tokenize(text)]
    spaced = "".join(" ".join(line.split()) + "\n" for line in text.removesuffix("\n").split("\n"))
    if "<eos>" not in text:
        assert vocab.decode(ids) == spaced
    assert vocab.encode(vocab.decode(ids)).tolist() == ids.tolist()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("\n", ["<eos>"]),
        (" = Title = \n \n a b \n", ["=", "Title", "=", "<eos>", "<eos>", "a", "b", "<eos>"]),
        ("a\r\nb\x0bc\u2028d", ["a", "<eos>", "b", "c", "d", "<eos>"]),  # only \n ends a line
    ],
)
def test_words_of_lines(text, words):
    assert WordVocab.tokenize(text) == words


def test_empty_text_has_no_ids():
    for vocab in (CharVocab.build("ab"), WordVocab.build("ab")):
        ids = vocab.encode("")
        assert ids.shape == (0,) and ids.dtype == np.int64
        assert vocab.decode(ids) == vocab.decode([]) == ""


@pytest.mark.parametrize("form", [list, np.array, tinyrnn.tensor, lambda ids: np.array(ids, np.uint8), tuple])
def test_ids_of_any_form_decode(form):
    assert CharVocab.build("hello").decode(form([2, 1, 0, 0, 3])) == "hello"


@pytest.mark.parametrize("bad", [-1, 4, 50003])
def test_ids_out_of_range_are_named(bad):
    with pytest.raises(IndexError, match=rf"id {bad} at position 2 is out of range: a vocabulary of 4 symbols has ids 0 to 3"):
        CharVocab.build("hello").decode([0, 3, bad])


def test_ids_must_be_one_row_of_whole_numbers():
    vocab = CharVocab.build("hello")
    with pytest.raises(TypeError, match="whole numbers, got list of dtype float64"):
        vocab.decode([0.0, 1.0])
    with pytest.raises(TypeError, match="got str"):
        vocab.decode("hello")
    with pytest.raises(ValueError, match=r"one row of token ids, shape \(L,\), got shape \(2, 2\)"):
        vocab.decode([[0, 1], [2, 3]])


# -- unknown symbols --


def test_unknown_characters_are_named_with_their_place():
    vocab = CharVocab.build("".join(map(chr, range(32, 97))))
    with pytest.raises(VocabError) as error:
        vocab.encode("THE PRICE OF ONE é AND ONE ü")
    assert str(error.value) == (
        "'é' (U+00E9) at character 17 is not in the vocabulary (65 symbols). "
        'Use text made of known symbols, or build the vocabulary with unk="<unk>".'
    )
    assert isinstance(error.value, ValueError)


@pytest.mark.parametrize(("symbol", "code"), [("\u4e2d", "U+4E2D"), ("🙂", "U+1F642"), ("\udc80", "U+DC80"), ("\u0301", "U+0301")])
def test_characters_beyond_all_known_ones_are_unknown(symbol, code):
    with pytest.raises(VocabError) as error:
        CharVocab.build("ab").encode("ab" + symbol)
    assert f"({code}) at character 2" in str(error.value)


def test_unknown_words_are_named_with_their_place():
    with pytest.raises(VocabError, match=r"^'dog' at word 5 is not in the vocabulary \(4 symbols\)"):
        WordVocab.build("the cat sat\n", unk=None).encode("the cat sat\nthe dog\n")


@given(few_letters, any_text)
def test_unknown_characters_become_unk(known, text):
    vocab = CharVocab.build(known, unk="<unk>", pad="<pad>")
    assert vocab.encode(text).tolist() == [vocab.stoi.get(c, 0) for c in text] == [vocab[c] for c in text]


def test_unknown_words_become_unk():
    vocab = WordVocab.build("the cat\n", pad="<pad>")
    assert vocab.decode(vocab.encode("the dog\n")) == "the <unk>\n"
    assert vocab["dog"] == 0 and "dog" not in vocab and "cat" in vocab


def test_asking_for_an_unknown_symbol():
    vocab = CharVocab.build("ab")
    assert vocab["b"] == 1 and "z" not in vocab
    with pytest.raises(KeyError, match="z"):
        vocab["z"]


# -- descriptions and files --


@given(any_text, st.sampled_from([CharVocab, WordVocab]), st.sampled_from([None, "<unk>"]), st.sampled_from([None, "<pad>"]))
@example("lone \udc80 \ud83d\ude00", CharVocab, None, None)
@example("lone \udc80 \ud83d\ude00", WordVocab, None, None)
def test_saved_vocabularies_come_back(tmp_path_factory, text, kind, unk, pad):
    vocab = kind.build(text, unk=unk, pad=pad)
    path = tmp_path_factory.mktemp("vocab") / "vocab.json"
    vocab.save(path)
    again = Vocab.load(path)
    assert type(again) is kind and again == vocab and again.to_config() == vocab.to_config()
    assert again.encode(text).tolist() == vocab.encode(text).tolist()
    assert [p.name for p in path.parent.iterdir()] == ["vocab.json"]


def test_files_are_readable_json(tmp_path):
    CharVocab.build("漢字", unk="<unk>").save(tmp_path / "v.json")
    text = (tmp_path / "v.json").read_text(encoding="utf-8")
    assert "漢" in text
    assert json.loads(text) == {"level": "char", "itos": ["<unk>", "字", "漢"], "unk": "<unk>", "pad": None}


def test_vocabularies_are_equal_if_all_of_them_is():
    vocab = WordVocab(["a", "b"])
    assert vocab == WordVocab(["a", "b"])
    for other in (WordVocab(["b", "a"]), WordVocab(["a", "b"], unk="a"), WordVocab(["a", "b"], pad="a"), CharVocab(["a", "b"]), ["a", "b"]):
        assert vocab != other
    assert repr(vocab) == "WordVocab(2 symbols)"


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_during_save_leaves_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / "vocab.json"
    old = CharVocab.build("old")
    old.save(path)

    def crash(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, crash)
    with pytest.raises(OSError, match="No space left on device"):
        CharVocab.build("quite new").save(path)
    assert Vocab.load(path) == old
    assert [p.name for p in tmp_path.iterdir()] == ["vocab.json"]


def test_saving_where_nothing_can_be_written(tmp_path):
    with pytest.raises(FileNotFoundError):
        CharVocab.build("a").save(tmp_path / "no such directory" / "vocab.json")


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (["a"], "a dict, got list"),
        ({"itos": ["a"]}, "unknown level None"),
        ({"level": "byte", "itos": ["a"]}, "unknown level 'byte'"),
        ({"level": "char"}, "itos must be a list of at least one string, got ()"),
        ({"level": "char", "itos": []}, "itos must be a list of at least one string"),
        ({"level": "char", "itos": "ab"}, "itos must be a list of at least one string"),
        ({"level": "word", "itos": ["a", 1]}, "itos must be a list of at least one string"),
        ({"level": "word", "itos": ["a", "b", "a"]}, "'a' occurs twice"),
        ({"level": "char", "itos": ["a", "bc"]}, "'bc' is not one character"),
        ({"level": "char", "itos": ["a", ""]}, "'' is not one character"),
        ({"level": "word", "itos": ["a"], "unk": "<unk>"}, "unk='<unk>' is not among the symbols"),
        ({"level": "word", "itos": ["a"], "pad": ["a"]}, "pad=['a'] is not among the symbols"),
        ({"level": "word", "itos": ["a", "b"], "unk": "b", "pad": "b"}, "unk and pad must be different symbols, both are 'b'"),
    ],
)
def test_wrong_descriptions_say_what_is_wrong(tmp_path, config, complaint):
    with pytest.raises(ValueError) as error:
        Vocab.from_config(config)
    assert complaint in str(error.value)
    path = tmp_path / "vocab.json"
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError) as error:
        Vocab.load(path)
    assert complaint in str(error.value) and str(path) in str(error.value)


@pytest.mark.parametrize("data", [b"", b"not json", b'{"level": "char", "itos": ["a"', b"\xff\xfe"])
def test_files_that_are_no_vocabulary_are_named(tmp_path, data):
    (tmp_path / "v.json").write_bytes(data)
    with pytest.raises(ValueError, match=r"v\.json is not a vocabulary: "):
        Vocab.load(tmp_path / "v.json")


def test_a_vocabulary_keeps_its_own_list():
    symbols = ["a", "b"]
    vocab = CharVocab(symbols)
    symbols.append("c")
    vocab.to_config()["itos"].append("c")
    assert len(vocab) == 2 and vocab.itos == ["a", "b"]


@given(
    text=st.text(alphabet=st.sampled_from("ab \n\t\u3000é"), max_size=40),
    size=st.integers(1, 9),
    kind=st.sampled_from([CharVocab, WordVocab]),
)
def test_large_texts_are_read_in_pieces(kind, text, size):
    """Where the pieces are cut makes no difference."""
    text += "a"
    whole = kind.build(text)
    ids, tokens = whole.encode(text), kind.tokenize(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocab_module, "PIECE", size)
        assert kind.tokenize(text) == tokens
        assert kind.build(text) == whole
        np.testing.assert_array_equal(whole.encode(text), ids)
        with pytest.raises(VocabError, match=f"at (character|word) {len(tokens) - (kind is WordVocab)} "):
            kind(whole.itos).encode(text + ("?" if kind is CharVocab else " ?"))


def test_ids_in_a_narrow_type():
    ids = CharVocab.build("abc").encode("cab", np.uint8)
    assert ids.dtype == np.uint8
    assert ids.tolist() == [2, 0, 1]
    assert CharVocab.build("abc").encode("", np.uint8).dtype == np.uint8
