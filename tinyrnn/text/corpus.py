"""Corpora: a text as one stream of ids, reading it from a file, and what counting alone can predict of it."""

from __future__ import annotations

import codecs
import io
import itertools
import json
import os
import sys
from collections.abc import Iterable
from functools import partial
from typing import Any, BinaryIO

import numpy as np

from ..serialization import replacing
from .vocab import PIECE, Vocab, as_ids, vocab_class


class TextError(ValueError):
    """A file holds no text, or none that can be read as UTF-8."""


class Corpus:
    r"""A text as one stream of token ids, and the vocabulary to read them with.

    ``ids`` (L,) is kept in the narrowest unsigned type that holds the vocabulary, so a character takes one byte.
    Where that is still too much, :meth:`from_file` and :meth:`open` leave them in a file.

    >>> corpus = Corpus.from_text("to be or not to be\n")
    >>> corpus, corpus.ids[:5]
    (Corpus(19 tokens, CharVocab(8 symbols)), array([2, 1, 0, 3, 4], dtype=uint8))

    Raises:
        TypeError, ValueError: ``ids`` are not one row of whole numbers.
        IndexError: an id that the vocabulary does not have.
    """

    def __init__(self, ids: Any, vocab: Vocab) -> None:
        self.ids = as_ids(ids, len(vocab)).astype(_narrowest(vocab), copy=False)
        self.vocab = vocab

    @classmethod
    def _of(cls, ids: np.ndarray, vocab: Vocab) -> Corpus:
        """A corpus of ids that were checked before: to look at all of a file again would read all of it."""
        corpus = cls.__new__(cls)
        corpus.ids, corpus.vocab = ids, vocab
        return corpus

    @classmethod
    def from_text(cls, text: str, level: str = "char", **options: Any) -> Corpus:
        r"""A corpus, and a vocabulary of its ``level`` ("char" or "word") built from the same text.

        ``options`` are those of ``CharVocab.build`` and ``WordVocab.build``: ``min_freq``, ``max_size``, ``unk``,
        ``pad``. To encode another text with this vocabulary: ``Corpus(corpus.vocab.encode(other), corpus.vocab)``.

        >>> Corpus.from_text("the cat\nthe dog\n", level="word").ids
        array([2, 3, 1, 2, 4, 1], dtype=uint8)

        Raises:
            ValueError: an unknown level, or an empty text.
            VocabError: a symbol was left out of the vocabulary and there is no ``unk``.
        """
        vocab = vocab_class(level).build(text, **options)
        return cls(vocab.encode(text, _narrowest(vocab)), vocab)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], into: str | os.PathLike[str], level: str = "char", **options: Any) -> Corpus:
        r"""The corpus of a UTF-8 text file that need not fit into memory: its ids are written to the file ``into``.

        Otherwise as :meth:`from_text` of :func:`read_text`. The text is read twice, in pieces. What is returned is
        ``Corpus.open(into)``, which is all that a later run needs.

        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     text = pathlib.Path(folder, "large.txt")
        ...     _ = text.write_text("to be or not to be\n", encoding="utf-8")
        ...     corpus = Corpus.from_file(text, text.with_suffix(".ids"))
        ...     print(corpus, corpus.ids[:5])
        Corpus(19 tokens, CharVocab(8 symbols)) [2 1 0 3 4]

        Raises:
            OSError: ``path`` cannot be read, or ``into`` not written.
            TextError: the file is empty, or not UTF-8.
            ValueError, VocabError: as :meth:`from_text`; or ``into`` is the text itself.
        """
        if os.path.exists(into) and os.path.samefile(path, into):
            raise ValueError(f"into={os.fspath(into)!r} would replace the text itself: give another name")
        try:
            with open(path, encoding="utf-8-sig", newline="") as file:
                if not file.read(1):
                    raise TextError(f"{os.fspath(path)} is empty")
                file.seek(0)
                vocab = vocab_class(level).build(file, **options)
                file.seek(0)
                _write(into, vocab, vocab.encode_pieces(file, _narrowest(vocab)))
        except UnicodeDecodeError as error:
            with open(path, "rb") as bytes_:
                raise _not_utf8(os.fspath(path), bytes_) from error
        return cls.open(into)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write ids and vocabulary to a file for :meth:`open`. One already there is replaced all at once.

        Raises:
            OSError: it cannot be written.
        """
        _write(path, self.vocab, [self.ids])

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Corpus:
        """The corpus of a file that :meth:`save` or :meth:`from_file` wrote, with ``ids`` mapped into memory, not read.

        Only what is used is read then, when it is used, and ``split`` and batches copy no more than their rows. The
        ids cannot be changed. The file is a ``.npy`` of the ids, as ``numpy.load(path, mmap_mode="r")`` reads, and
        behind them the vocabulary as JSON.

        Raises:
            OSError: it cannot be read.
            ValueError: it is something else, or is damaged.
        """
        try:
            mapped = np.lib.format.open_memmap(os.fspath(path), mode="r")
            with open(path, "rb") as file:
                file.seek(mapped.offset + mapped.nbytes)
                vocab = Vocab.from_config(json.loads(file.read()))
            if mapped.ndim != 1 or mapped.dtype != _narrowest(vocab):
                raise ValueError(f"{mapped.dtype} ids of shape {mapped.shape} for {len(vocab):,} symbols")
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)} is no corpus that Corpus.save wrote, or is damaged: {error}") from error
        return cls._of(np.asarray(mapped), vocab)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Corpus({len(self):,} tokens, {self.vocab!r})"

    def text(self) -> str:
        """The stream as text."""
        return self.vocab.decode(self.ids)

    def split(self, fraction: float = 0.9) -> tuple[Corpus, Corpus]:
        """The first ``fraction`` of the stream and the rest, which share its memory: training and validation.

        The cut is at one place: windows drawn at random for validation would overlap those for training.

        >>> train, valid = Corpus.from_text("to be or not to be").split(0.5)
        >>> train.text(), valid.text()
        ('to be or ', 'not to be')

        Raises:
            ValueError: a part would be empty.
        """
        cut = int(fraction * len(self)) if 0 < fraction < 1 else 0
        if cut == 0:
            raise ValueError(
                f"split({fraction}) of {len(self):,} tokens leaves a part empty: take a fraction between 0 and 1, or a longer text"
            )
        return Corpus._of(self.ids[:cut], self.vocab), Corpus._of(self.ids[cut:], self.vocab)


def _narrowest(vocab: Vocab) -> np.dtype:
    """The smallest unsigned type that holds every id."""
    return np.min_scalar_type(len(vocab) - 1)


def _write(path: str | os.PathLike[str], vocab: Vocab, pieces: Iterable[np.ndarray]) -> None:
    """A ``.npy`` whose length is only known at the end: NumPy leaves room for it in the header."""
    header = {"descr": np.lib.format.dtype_to_descr(_narrowest(vocab)), "fortran_order": False, "shape": (0,)}
    with replacing(path) as file:
        np.lib.format.write_array_header_1_0(file, header)
        length = 0
        for ids in pieces:
            file.write(np.ascontiguousarray(ids).data)
            length += len(ids)
        file.write(json.dumps(vocab.to_config()).encode("ascii"))  # so lone surrogates are no matter
        file.seek(0)
        np.lib.format.write_array_header_1_0(file, header | {"shape": (length,)})


def read_text(path: str | os.PathLike[str]) -> str:
    r"""The text of a UTF-8 file; ``-`` is standard input.

    A byte order mark at the start is left out. All else stays as it is, ``\r`` before ``\n`` included.

    Raises:
        OSError: there is no such file (``FileNotFoundError``), it is a directory (``IsADirectoryError``), ...
        TextError: it is empty, or not UTF-8: the message names the first wrong byte.
    """
    if path == "-":
        name, data = "standard input", sys.stdin.buffer.read()
    else:
        name = os.fspath(path)
        with open(path, "rb") as file:
            data = file.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(name, io.BytesIO(data)) from error
    if not text:
        raise TextError(f"{name} is empty")
    return text


def _not_utf8(name: str, file: BinaryIO) -> TextError:
    """The error that names the first wrong byte of a file."""
    decoder, at, line = codecs.getincrementaldecoder("utf-8")(), 0, 1
    for block in itertools.chain(iter(partial(file.read, PIECE), b""), [b""]):
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            data = error.object  # the block, and before it what the block before had of a character
            at += error.start - (len(data) - len(block))
            line += data.count(b"\n", 0, error.start)
            likely = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "latin1"
            return TextError(
                f"{name} is not UTF-8 text: byte 0x{data[error.start]:02X} at offset {at}, line {line}. "
                f"Convert it to UTF-8 first, for example: iconv -f {likely} -t utf-8"
            )
        at += len(block)
        line += block.count(b"\n")
    return TextError(f"{name} changed while it was read")


def default_corpus_text() -> str:
    """English text that every Python carries: the language reference behind ``help("topics")``, some 465,000 characters.

    Good for a first run without a download. It differs between versions of Python, and so do numbers measured on it.

    >>> "The \\"if\\" statement is used for conditional execution" in default_corpus_text()
    True
    """
    from pydoc_data.topics import topics  # half a megabyte, so only for those who ask

    return "\n".join(topics[name] for name in sorted(topics))


def _check_smoothing(smoothing: float) -> None:
    if not smoothing > 0:
        raise ValueError(f"smoothing must be above 0, got {smoothing}: without it a symbol never seen costs infinitely many nats")


def unigram_nats(train: Any, valid: Any, vocab_size: int, smoothing: float = 0.1) -> float:
    """Mean nats a token of ``valid`` (L,) under P(b) = (count(b) + s) / (len(train) + s V), counted in ``train``.

    What a model reaches that has learnt how frequent symbols are, and nothing of their order.

    >>> round(unigram_nats([0, 0, 0, 1], [0, 1], 2, smoothing=1), 4)  # -(ln 4/6 + ln 2/6) / 2
    0.752

    Raises:
        IndexError: an id outside 0 ... ``vocab_size`` - 1.
        ValueError: ``valid`` is empty, or ``smoothing`` is not above 0.
    """
    train, valid = as_ids(train, vocab_size), as_ids(valid, vocab_size)
    _check_smoothing(smoothing)
    if len(valid) == 0:
        raise ValueError("unigram_nats needs at least 1 token to predict, valid is empty")
    p = (np.bincount(train, minlength=vocab_size) + smoothing) / (len(train) + smoothing * vocab_size)
    return float(-np.log(p)[valid].mean())


def bigram_nats(train_ids: Any, valid_ids: Any, vocab_size: int, smoothing: float = 0.1) -> float:
    """Mean nats a token of ``valid_ids[1:]`` under P(b | a) = (count(a, b) + s) / (count(a) + s V).

    What a model reaches that looks at the last symbol only. A recurrent model that is not clearly better has
    learnt nothing from its state. Only pairs that occur are stored, so a large vocabulary costs nothing.

    >>> round(bigram_nats([0, 1, 0, 1, 0], [0, 1], 2), 4)  # -ln((2 + 0.1) / (2 + 0.1 * 2))
    0.0465

    Raises:
        IndexError: an id outside 0 ... ``vocab_size`` - 1.
        ValueError: ``valid_ids`` has fewer than 2 tokens, or ``smoothing`` is not above 0.
    """
    train, valid = (as_ids(ids, vocab_size).astype(np.int64) for ids in (train_ids, valid_ids))
    _check_smoothing(smoothing)
    if len(valid) < 2:
        raise ValueError(f"bigram_nats needs at least 2 tokens, one to predict the other from, valid_ids has {len(valid)}")
    pairs, counts = np.unique(train[:-1] * vocab_size + train[1:], return_counts=True)
    wanted = valid[:-1] * vocab_size + valid[1:]
    place = np.searchsorted(pairs, wanted)
    # one more entry, a pair and count that no text has, for what sorts behind all pairs seen
    pairs, counts = np.append(pairs, -1), np.append(counts, 0)
    together = np.where(pairs[place] == wanted, counts[place], 0)
    before = np.bincount(train[:-1], minlength=vocab_size)[valid[:-1]]
    return float(-np.log((together + smoothing) / (before + smoothing * vocab_size)).mean())
