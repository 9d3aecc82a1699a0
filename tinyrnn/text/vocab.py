"""Vocabularies: which symbol has which id, and text to ids and back."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar, TextIO

import numpy as np

from ..backend import to_host
from ..serialization import replacing
from ..tensor import Tensor

PIECE = 2**20  # characters that are tokenised at a time
EOS = "<eos>"  # what a word vocabulary calls the end of a line


class VocabError(ValueError):
    """A text has a symbol that the vocabulary has no id for."""


def as_ids(ids: Any, size: int | None = None) -> np.ndarray:
    """Token ids, a list or array or tensor of shape (L,), as an integer array on the host, not copied if it is one.

    Raises:
        TypeError: not whole numbers.
        ValueError: not one axis.
        IndexError: an id outside 0 ... ``size`` - 1, negative ones included: NumPy would silently count
            these from the end.
    """
    array = to_host(ids.array if isinstance(ids, Tensor) else ids)
    if array.size == 0:  # an empty list is a float array to NumPy
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"expected token ids, which are whole numbers, got {type(ids).__name__} of dtype {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"expected one row of token ids, shape (L,), got shape {array.shape}")
    if size is not None and array.size and (array.max() >= size or (array.dtype.kind == "i" and array.min() < 0)):
        at = int(np.flatnonzero((array < 0) | (array >= size))[0])
        raise IndexError(f"id {array[at]} at position {at} is out of range: a vocabulary of {size:,} symbols has ids 0 to {size - 1}")
    return array


def _chunks(text: str | TextIO) -> Iterator[str]:
    """A text as it comes, ``PIECE`` characters at a time, so that of a file no more is held."""
    if isinstance(text, str):
        return (text[k : k + PIECE] for k in range(0, len(text), PIECE))
    return iter(partial(text.read, PIECE), "")


def _arranged(counts: Mapping[str, int], min_freq: int, max_size: int | None, specials: Sequence[str | None]) -> list[str]:
    """The symbols in the order of their ids: specials, then by falling count, equal counts by code points."""
    if min_freq < 1:
        raise ValueError(f"min_freq must be at least 1, got {min_freq}")
    if max_size is not None and max_size < 1:
        raise ValueError(f"max_size must be at least 1, got {max_size}")
    frequent = [s for s, count in counts.items() if count >= min_freq and s not in specials]
    if not frequent:
        raise ValueError(
            f"no symbol occurs min_freq={min_freq} times: the most frequent of {len(counts):,} occurs {max(counts.values())} times"
            if counts
            else "cannot build a vocabulary: the text is empty"
        )
    frequent.sort(key=lambda s: (-counts[s], s))
    return [s for s in specials if s is not None] + frequent[:max_size]


class Vocab(ABC):
    """Symbols and their ids, 0 ... V - 1: what :class:`CharVocab` and :class:`WordVocab` have in common.

    Attributes:
        itos: id to symbol, a list of V strings.
        stoi: symbol to id, a dict.
        unk: the symbol that stands for every unknown one; ``None`` if unknown symbols are errors.
        pad: the symbol that fills up short rows, or ``None``.

    Raises:
        ValueError: no symbols, or such that are not strings or occur twice; ``unk`` or ``pad`` not among them, or the same.
    """

    level: ClassVar[str]
    _unit: ClassVar[str]

    def __init__(self, itos: Sequence[str], *, unk: str | None = None, pad: str | None = None) -> None:
        if not isinstance(itos, (list, tuple)) or not itos or not all(isinstance(s, str) for s in itos):
            raise ValueError(f"itos must be a list of at least one string, got {itos!r:.80}")
        self.itos = list(itos)
        self.stoi = {s: k for k, s in enumerate(self.itos)}
        self.unk, self.pad = unk, pad
        if len(self.stoi) < len(self.itos):
            twice = next(s for k, s in enumerate(self.itos) if self.stoi[s] != k)
            raise ValueError(f"{twice!r} occurs twice among the symbols")
        for name, special in (("unk", unk), ("pad", pad)):
            if special is not None and special not in self.itos:
                raise ValueError(f"{name}={special!r} is not among the symbols")
        if unk is not None and unk == pad:
            raise ValueError(f"unk and pad must be different symbols, both are {unk!r}")

    @staticmethod
    @abstractmethod
    def tokenize(text: str) -> list[str]:
        """Cut a text into its symbols."""

    @staticmethod
    @abstractmethod
    def _pieces(text: str | TextIO) -> Iterator[str]:
        """A text in pieces that can be tokenised one by one, so that a large one needs little memory besides its own."""

    @abstractmethod
    def _look_up(self, piece: str, missing: int) -> np.ndarray:
        """The ids of a piece, ``missing`` where there is none: (L,) ``int64``."""

    @abstractmethod
    def _join(self, symbols: list[str]) -> str:
        """The text of these symbols."""

    def encode(self, text: str | TextIO, dtype: Any = np.int64) -> np.ndarray:
        """The ids of a text, (L,) ``int64`` or another NumPy type. Unknown symbols become ``unk`` if there is one.

        ``text`` is a string, or an open text file, which is read in pieces.

        >>> CharVocab.build("hello").encode("hole")
        array([2, 3, 0, 1])

        Raises:
            VocabError: a symbol is unknown and there is no ``unk``. Positions count from 0.
        """
        parts = list(self.encode_pieces(text, dtype))
        return np.concatenate(parts) if parts else np.empty(0, dtype)

    def encode_pieces(self, text: str | TextIO, dtype: Any = np.int64) -> Iterator[np.ndarray]:
        """What :meth:`encode` returns, a part at a time, for a text whose ids are too many to hold.

        >>> [ids.tolist() for ids in CharVocab.build("hello").encode_pieces("hole")]
        [[2, 3, 0, 1]]

        Raises:
            VocabError: as :meth:`encode`.
        """
        missing, before = -1 if self.unk is None else self.stoi[self.unk], 0
        for piece in self._pieces(text):
            ids = self._look_up(piece, missing)
            unknown = np.flatnonzero(ids < 0)
            if unknown.size:
                self._refuse(piece, int(unknown[0]), before)
            yield ids.astype(dtype)
            before += len(ids)

    def _refuse(self, piece: str, at: int, before: int) -> None:
        symbol = self.tokenize(piece)[at]
        code = f" (U+{ord(symbol):04X})" if len(symbol) == 1 else ""
        raise VocabError(
            f"{symbol!r}{code} at {self._unit} {before + at} is not in the vocabulary ({len(self):,} symbols). "
            f'Use text made of known symbols, or build the vocabulary with unk="<unk>".'
        )

    def decode(self, ids: Any) -> str:
        """The text of ids (L,), a list or array or tensor.

        >>> vocab = CharVocab.build("hello")
        >>> vocab.decode(vocab.encode("hole"))
        'hole'

        Raises:
            IndexError: an id that is negative or not below ``len(vocab)``.
        """
        return self._join([self.itos[k] for k in as_ids(ids, len(self)).tolist()])

    def __len__(self) -> int:
        return len(self.itos)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self.stoi

    def __getitem__(self, symbol: str) -> int:
        """The id of a symbol, that of ``unk`` if it is unknown; ``KeyError`` if there is no ``unk``."""
        return self.stoi[symbol if symbol in self.stoi or self.unk is None else self.unk]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocab) and self.to_config() == other.to_config()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} symbols)"

    def to_config(self) -> dict[str, Any]:
        """All there is to know about the vocabulary, of types that JSON can hold.

        >>> CharVocab.build("abb").to_config()
        {'level': 'char', 'itos': ['b', 'a'], 'unk': None, 'pad': None}
        """
        return {"level": self.level, "itos": list(self.itos), "unk": self.unk, "pad": self.pad}

    @staticmethod
    def from_config(config: dict[str, Any]) -> Vocab:
        """The vocabulary that :meth:`to_config` described.

        >>> Vocab.from_config({"level": "word", "itos": ["<unk>", "the", "cat"], "unk": "<unk>"})
        WordVocab(3 symbols)

        Raises:
            ValueError: not such a description: an unknown level, symbols that are not strings or occur twice, ...
        """
        if not isinstance(config, dict):
            raise ValueError(f"expected the description of a vocabulary, a dict, got {type(config).__name__}")
        return vocab_class(config.get("level"))(config.get("itos", ()), unk=config.get("unk"), pad=config.get("pad"))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the vocabulary as JSON. A file already there is replaced all at once, or stays as it was if this fails.

        Raises:
            OSError: it cannot be written.
        """
        # "surrogatepass", here and in load: lone surrogates are symbols too, but strict UTF-8 refuses them.
        data = json.dumps(self.to_config(), ensure_ascii=False).encode("utf-8", "surrogatepass")
        with replacing(path) as file:
            file.write(data)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Vocab:
        """The vocabulary that :meth:`save` wrote.

        Raises:
            OSError: it cannot be read.
            ValueError: it is not a vocabulary.
        """
        with open(path, "rb") as file:
            data = file.read()
        try:
            return Vocab.from_config(json.loads(data.decode("utf-8", "surrogatepass")))
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)} is not a vocabulary: {error}") from error


def _code_points(text: str) -> np.ndarray:
    """The code points of the characters, (L,) ``uint32``."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))


class CharVocab(Vocab):
    r"""A vocabulary of characters (Unicode code points, so an accent that combines is a symbol of its own).

    >>> vocab = CharVocab.build("to be or not to be\n")
    >>> vocab, vocab.itos
    (CharVocab(8 symbols), [' ', 'o', 't', 'b', 'e', '\n', 'n', 'r'])
    """

    level = "char"
    _unit = "character"

    def __init__(self, itos: Sequence[str], *, unk: str | None = None, pad: str | None = None) -> None:
        super().__init__(itos, unk=unk, pad=pad)
        for symbol in self.itos:
            if len(symbol) != 1 and symbol not in (unk, pad):
                raise ValueError(f"{symbol!r} is not one character")

    @classmethod
    def build(
        cls, text: str | TextIO, *, min_freq: int = 1, max_size: int | None = None, unk: str | None = None, pad: str | None = None
    ) -> CharVocab:
        """The characters of a text, or of an open text file, the most frequent first, equally frequent ones by code point.

        ``min_freq`` leaves out rarer characters and ``max_size`` all but so many; ``unk`` and ``pad``, such as
        ``"<unk>"`` and ``"<pad>"``, come on top of ``max_size`` and before the others.

        >>> CharVocab.build("banana", max_size=2, unk="<unk>", pad="<pad>").itos
        ['<unk>', '<pad>', 'a', 'n']

        Raises:
            ValueError: nothing is left: the text is empty, or ``min_freq`` too high.
        """
        counts = np.zeros(0x110000, np.int64)  # one for every character there can be
        for piece in cls._pieces(text):
            found = np.bincount(_code_points(piece))
            counts[: len(found)] += found
        occurring = {chr(code): int(counts[code]) for code in np.flatnonzero(counts)}
        return cls(_arranged(occurring, min_freq, max_size, (unk, pad)), unk=unk, pad=pad)

    @staticmethod
    def tokenize(text: str) -> list[str]:
        """The characters of a text."""
        return list(text)

    @cached_property
    def _table(self) -> np.ndarray:
        """Code point to id, -1 where there is none, and so at the end: what is beyond the table is looked up there."""
        codes = [(ord(s), k) for k, s in enumerate(self.itos) if len(s) == 1]
        table = np.full(max(codes, default=(-1, -1))[0] + 2, -1, np.int64)
        for code, k in codes:
            table[code] = k
        return table

    @staticmethod
    def _pieces(text: str | TextIO) -> Iterator[str]:
        return _chunks(text)

    def _look_up(self, piece: str, missing: int) -> np.ndarray:
        ids = self._table.take(_code_points(piece), mode="clip")
        ids[ids < 0] = missing
        return ids

    def _join(self, symbols: list[str]) -> str:
        return "".join(symbols)


class WordVocab(Vocab):
    r"""A vocabulary of words, split at white space; the end of a line is the word ``<eos>``.

    >>> vocab = WordVocab.build("the cat sat\nthe dog sat\n")
    >>> vocab.itos
    ['<unk>', '<eos>', 'sat', 'the', 'cat', 'dog']
    >>> vocab.decode(vocab.encode("the bird sat\nthe cat"))
    'the <unk> sat\nthe cat\n'
    """

    level = "word"
    _unit = "word"

    @classmethod
    def build(
        cls, text: str | TextIO, *, min_freq: int = 1, max_size: int | None = None, unk: str | None = "<unk>", pad: str | None = None
    ) -> WordVocab:
        """The words of a text, or of an open text file, the most frequent first, equally frequent ones by code points.

        ``min_freq`` leaves out rarer words and ``max_size`` all but so many; ``unk`` and ``pad`` come on top of
        ``max_size`` and before the others, also where the text itself has the word ``<unk>``.

        >>> WordVocab.build("a b b c c <unk>", min_freq=2, pad="<pad>").itos
        ['<unk>', '<pad>', 'b', 'c']

        Raises:
            ValueError: nothing is left: the text is empty, or ``min_freq`` too high.
        """
        counts: Counter[str] = Counter()
        for piece in cls._pieces(text):
            counts.update(_words(piece))
        return cls(_arranged(counts, min_freq, max_size, (unk, pad)), unk=unk, pad=pad)

    @staticmethod
    def tokenize(text: str) -> list[str]:
        r"""The words of each line and ``<eos>`` after them, as in PyTorch's word language model.

        >>> WordVocab.tokenize("the cat\n\nsat")
        ['the', 'cat', '<eos>', '<eos>', 'sat', '<eos>']
        """
        return [word for piece in WordVocab._pieces(text) for word in _words(piece)]

    @staticmethod
    def _pieces(text: str | TextIO) -> Iterator[str]:
        begun, last = "", "\n"  # a word that goes on in the next chunk; the last character
        for chunk in _chunks(text):
            last = chunk[-1]
            piece = begun + chunk
            begun = "" if last.isspace() else piece.rsplit(None, 1)[-1]
            yield piece.removesuffix(begun)
        if last != "\n":  # a last line without its newline is a line too
            yield begun + "\n"

    def _look_up(self, piece: str, missing: int) -> np.ndarray:
        return np.array([self.stoi.get(word, missing) for word in _words(piece)], np.int64)

    def _join(self, symbols: list[str]) -> str:
        lines: list[list[str]] = [[]]
        for word in symbols:
            if word == EOS:
                lines.append([])
            else:
                lines[-1].append(word)
        return "\n".join(" ".join(line) for line in lines)


def _words(piece: str) -> list[str]:
    """The words of a piece, ``<eos>`` for every newline."""
    *lines, last = piece.split("\n")
    words: list[str] = []
    for line in lines:
        words += line.split()
        words.append(EOS)
    return words + last.split()


def vocab_class(level: Any) -> type[CharVocab] | type[WordVocab]:
    """The class of the vocabularies of a level, ``"char"`` or ``"word"``; ``ValueError`` for another."""
    for one in (CharVocab, WordVocab):
        if one.level == level:
            return one
    raise ValueError(f'unknown level {level!r}: it is "char" or "word"')
