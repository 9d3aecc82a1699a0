"""Samplers: in what order samples are read, and in what batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

from ... import dtypes
from ...creation import as_tensor, multinomial, randint, randperm
from ...random import Generator

T = TypeVar("T", covariant=True)


class Sampler(Generic[T]):
    """An order of samples: subclasses write ``__iter__``, which yields indices, or lists of them, and may write ``__len__``."""

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError(f"{type(self).__name__} should implement __iter__, as every subclass of Sampler")


class SequentialSampler(Sampler[int]):
    """All indices of ``data_source`` from first to last."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """The indices of ``data_source`` in a random order, a new one each time.

    Args:
        replacement: draw each index from all, so that some come twice and others never.
        num_samples: how many to draw, as many as there are by default. More than there are, without replacement,
            begin a new order when the last is used up.
        generator: draws; by default the one that ``tinyrnn.manual_seed`` seeds.

    >>> import tinyrnn
    >>> list(RandomSampler("abcd", generator=tinyrnn.Generator().manual_seed(0)))
    [2, 0, 1, 3]

    Raises:
        ValueError: ``num_samples`` is no positive integer, or there are no samples.
        TypeError: ``replacement`` is no boolean.
    """

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None, generator: Generator | None = None
    ) -> None:
        self.data_source, self.replacement, self._num_samples, self.generator = data_source, replacement, num_samples, generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        _check_positive("num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many indices one iteration yields."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n, wanted = len(self.data_source), self.num_samples
        if self.replacement:
            yield from randint(n, (wanted,), generator=self.generator).tolist()
        else:
            for begin in range(0, wanted, n):
                yield from randperm(n, generator=self.generator).tolist()[: wanted - begin]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given ``indices`` in a random order, a new one each time."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        for k in randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[k]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """``num_samples`` indices below ``len(weights)``, drawn in proportion to their weights.

    >>> list(WeightedRandomSampler([0, 3, 0], 2))
    [1, 1]

    Raises:
        ValueError: ``num_samples`` is no positive integer, ``replacement`` no boolean, or ``weights`` have not one axis.
        RuntimeError: at iteration: weights that are negative, not finite or all zero, or, without replacement, fewer
            non-zero ones than samples to draw.
    """

    def __init__(self, weights: Any, num_samples: int, replacement: bool = True, generator: Generator | None = None) -> None:
        _check_positive("num_samples", num_samples)
        _check_boolean("replacement", replacement)
        self.weights = as_tensor(weights, dtype=dtypes.float64)
        if self.weights.ndim != 1:
            raise ValueError(f"weights should be a 1d sequence but given weights have shape {tuple(self.weights.shape)}")
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def __iter__(self) -> Iterator[int]:
        yield from multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator).tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The indices of another sampler in lists of ``batch_size``; the last is shorter, or with ``drop_last`` left out.

    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]

    Raises:
        ValueError: ``batch_size`` is no positive integer, or ``drop_last`` no boolean.
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        _check_positive("batch_size", batch_size)
        _check_boolean("drop_last", drop_last)
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


def _check_positive(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")


def _check_boolean(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{name} should be a boolean value, but got {name}={value}")
