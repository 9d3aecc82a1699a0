"""Streams of batches: pieces of a corpus beside the same pieces one step on, and whether state may be carried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..creation import from_numpy
from ..random import Generator, default_generator
from ..tensor import Tensor
from .vocab import as_ids

IGNORE = -100  # the target that cross_entropy leaves out, its default ignore_index


class Batch(NamedTuple):
    """Inputs (T, N) and targets (T, N), both ``int64``, where ``targets[t]`` is what follows ``inputs[t]``.

    ``continues`` tells whether row n goes on exactly where row n of the batch before ended, for every row n:
    only then may a hidden state be carried over.
    """

    inputs: Tensor
    targets: Tensor
    continues: bool


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")


def _pick(ids: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The ids at these places, ``int64``; a place past the end picks the last."""
    return ids.take(where, mode="clip").astype(np.int64)


class SequentialBatches:
    """A stream in ``batch_size`` rows side by side, cut along time into batches that continue one another.

    Row 0 is the first part of the stream, row 1 the next, and so on; a batch is the next ``seq_len`` steps of
    every row, the last one perhaps fewer. So a hidden state carried from batch to batch reads on in its text.
    Every iteration starts again at the beginning, with ``continues=False``.

    All rows are equally long, and up to ``batch_size - 1`` targets at the end of the stream are left out. With
    ``exact=True``, for evaluation, none is: the first rows are one step longer where needed, and where the
    others have ended their target is -100, the ``ignore_index`` of ``cross_entropy``.

    d2l calls it sequential partitioning. PyTorch's word language model (``batchify``, ``get_batch``) does it too,
    except that there the first token of a row is never a target.

    Attributes:
        tokens: how many targets count in one iteration.
        dropped: how many do not; ``tokens + dropped == len(ids) - 1``.

    >>> batches = SequentialBatches([0, 1, 2, 3, 4, 5, 6, 7], seq_len=2, batch_size=2)
    >>> len(batches), batches.tokens, batches.dropped
    (2, 6, 1)
    >>> for inputs, targets, continues in batches:
    ...     print(inputs.tolist(), targets.tolist(), continues)
    [[0, 3], [1, 4]] [[1, 4], [2, 5]] False
    [[2, 5]] [[3, 6]] True
    >>> for inputs, targets, continues in SequentialBatches([0, 1, 2, 3, 4, 5, 6, 7], 2, 2, exact=True):
    ...     print(inputs.tolist(), targets.tolist(), continues)
    [[0, 4], [1, 5]] [[1, 5], [2, 6]] False
    [[2, 6], [3, 7]] [[3, 7], [4, -100]] True

    Raises:
        ValueError: a size below 1, or fewer than ``batch_size + 1`` tokens.
    """

    def __init__(self, ids: Any, seq_len: int, batch_size: int, *, exact: bool = False) -> None:
        _check_sizes(seq_len=seq_len, batch_size=batch_size)
        self.ids, self.seq_len, self.batch_size, self.exact = as_ids(ids), seq_len, batch_size, exact
        if len(self.ids) <= batch_size:
            raise ValueError(
                f"{batch_size:,} rows need at least {batch_size + 1:,} tokens, one to read in each and one more to predict, "
                f"but there are {len(self.ids):,}: reduce batch_size, or take more text"
            )
        targets = len(self.ids) - 1
        self.tokens = targets if exact else targets - targets % batch_size
        self.dropped = targets - self.tokens

    def __len__(self) -> int:
        row = -(-self.tokens // self.batch_size)
        return -(-row // self.seq_len)

    def __iter__(self) -> Iterator[Batch]:
        shorter, longer_rows = divmod(self.tokens, self.batch_size)
        rows = np.arange(self.batch_size)
        lengths = shorter + (rows < longer_rows)  # (N,)
        starts = rows * shorter + np.minimum(rows, longer_rows)  # (N,)
        for begin in range(0, lengths[0], self.seq_len):
            t = np.arange(begin, min(begin + self.seq_len, lengths[0]))[:, None]  # (T, 1)
            targets = _pick(self.ids, starts + t + 1)  # (T, N)
            targets[t >= lengths] = IGNORE
            yield Batch(from_numpy(_pick(self.ids, starts + t)), from_numpy(targets), continues=begin > 0)


class RandomWindows:
    """Batches whose rows each start at a random place in the stream, so that no batch continues another.

    Windows may overlap, as in nanoGPT's ``get_batch``, and none reaches past the end; d2l's random sampling
    shuffles windows that do not overlap. Every iteration draws anew from ``generator`` (default: the one that
    ``tinyrnn.manual_seed`` seeds), so equal seeds give equal batches.

    ``batches`` is how many there are in an iteration; by default as many as would cover the stream once.

    Attributes:
        tokens: how many targets there are in one iteration.

    >>> import tinyrnn
    >>> batches = RandomWindows(range(100), seq_len=3, batch_size=4, generator=tinyrnn.Generator().manual_seed(0))
    >>> inputs, targets, continues = next(iter(batches))
    >>> len(batches), inputs.shape, continues, bool((targets == inputs + 1).all())
    (8, tinyrnn.Size([3, 4]), False, True)

    Raises:
        ValueError: a size below 1, or a stream too short for one window, or for one batch if ``batches`` is not given.
    """

    def __init__(self, ids: Any, seq_len: int, batch_size: int, *, generator: Generator | None = None, batches: int | None = None) -> None:
        _check_sizes(seq_len=seq_len, batch_size=batch_size, batches=1 if batches is None else batches)
        self.ids, self.seq_len, self.batch_size = as_ids(ids), seq_len, batch_size
        self.generator = generator or default_generator
        if len(self.ids) <= seq_len:
            raise ValueError(
                f"a window of seq_len={seq_len:,} needs at least {seq_len + 1:,} tokens, one more to predict, "
                f"but there are {len(self.ids):,}: reduce seq_len, or take more text"
            )
        self.batches = (len(self.ids) - 1) // (seq_len * batch_size) if batches is None else batches
        if self.batches == 0:
            raise ValueError(
                f"one batch of seq_len={seq_len:,} times batch_size={batch_size:,} needs at least {seq_len * batch_size + 1:,} tokens, "
                f"but there are {len(self.ids):,}: reduce seq_len or batch_size, or say how many batches to draw with batches="
            )
        self.tokens = self.batches * seq_len * batch_size

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Batch]:
        t = np.arange(self.seq_len)[:, None]  # (T, 1)
        for _ in range(self.batches):
            where = self.generator.numpy.integers(len(self.ids) - self.seq_len, size=self.batch_size) + t  # (T, N)
            yield Batch(from_numpy(_pick(self.ids, where)), from_numpy(_pick(self.ids, where + 1)), continues=False)
