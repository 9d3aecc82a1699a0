"""Datasets: what has samples, either by index or one after another."""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

from ...creation import randperm
from ...random import Generator, default_generator
from ...tensor import Tensor

T = TypeVar("T", covariant=True)


class Dataset(Generic[T]):
    """Samples by index: subclasses write ``__getitem__`` and, for most uses, ``__len__``.

    With ``__getitems__(indices) -> list`` a subclass can read the samples of a whole batch at once. ``a + b`` is one
    after the other, a :class:`ConcatDataset`.

    >>> class Squares(Dataset):
    ...     def __getitem__(self, index):
    ...         return index**2
    ...     def __len__(self):
    ...         return 4
    >>> both = Squares() + Squares()
    >>> len(both), both[5]
    (8, 1)
    """

    def __getitem__(self, index: Any) -> T:
        raise NotImplementedError(f"{type(self).__name__} should implement __getitem__, as every subclass of Dataset")

    def __add__(self, other: Dataset) -> Dataset:
        return ConcatDataset([self, other])

    # No __len__ that raises: list() and others ask for it, and take its absence for an answer.


# Generic is named, and last, so that a subclass may have Iterable[...] as a further base.
class IterableDataset(Dataset[T], Iterable[T], Generic[T]):
    """Samples one after another, such as from a stream: subclasses write ``__iter__``, and ``__len__`` if they know it.

    ``a + b`` is one after the other, a :class:`ChainDataset`.
    """

    def __add__(self, other: Dataset) -> Dataset:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors side by side: sample ``k`` is ``(tensors[0][k], tensors[1][k], ...)``.

    Raises:
        AssertionError: the first axes differ in size.
        TypeError, AttributeError: an array or something else that is no tensor.
    """

    def __init__(self, *tensors: Tensor) -> None:
        try:
            sizes = [t.size(0) for t in tensors]
        except (TypeError, AttributeError) as error:
            raise type(error)(
                f"TensorDataset expects tensors, got {', '.join(type(t).__name__ for t in tensors)}; "
                "make tensors of arrays and lists with from_numpy() or tensor()"
            ) from None
        if len(set(sizes)) > 1:
            raise AssertionError(f"Size mismatch between tensors: as many samples in each, please, but their first axes have {sizes}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, ...]]:
        """The samples of a batch, picked from each tensor at once: three times faster."""
        if type(self).__getitem__ is not TensorDataset.__getitem__:
            return [self[k] for k in indices]
        return list(zip(*(t[list(indices)].unbind() for t in self.tensors)))

    def __len__(self) -> int:
        return self.tensors[0].size(0)


class ConcatDataset(Dataset[T]):
    """Datasets one after the other as one.

    Raises:
        AssertionError: no datasets, or an :class:`IterableDataset`.
    """

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("ConcatDataset expects at least one dataset, got none")
        if any(isinstance(d, IterableDataset) for d in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset, which has no samples by index: use ChainDataset")
        self.cumulative_sizes = list(accumulate(len(d) for d in self.datasets))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> T:
        n = len(self)
        if index < -n:  # PyTorch tells the two ends apart
            raise ValueError(f"index {index} is before the first of {n} samples")
        if index >= n:
            raise IndexError(f"index {index} is beyond the last of {n} samples")
        if index < 0:
            index = index + n
        k = bisect_right(self.cumulative_sizes, index)
        return self.datasets[k][index - (self.cumulative_sizes[k - 1] if k else 0)]


class ChainDataset(IterableDataset[T]):
    """Iterable datasets one after the other as one.

    Raises:
        AssertionError: when one is reached that is no :class:`IterableDataset`.
    """

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = datasets

    def _checked(self) -> Iterator[Any]:
        for d in self.datasets:
            if not isinstance(d, IterableDataset):
                raise AssertionError(f"ChainDataset only supports IterableDataset, got {type(d).__name__}: use ConcatDataset")
            yield d

    def __iter__(self) -> Iterator[T]:
        for d in self._checked():
            yield from d

    def __len__(self) -> int:
        return sum(len(d) for d in self._checked())


class Subset(Dataset[T]):
    """The samples of ``dataset`` at ``indices``.

    Raises:
        NotImplementedError: a subclass has a ``__getitem__`` of its own, but not the ``__getitems__`` that a
            :class:`DataLoader` reads batches with.
    """

    def __init__(self, dataset: Dataset[T], indices: Sequence[int]) -> None:
        cls = type(self)
        if cls.__getitem__ is not Subset.__getitem__ and cls.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{cls.__name__} overrides __getitem__ but not __getitems__, which DataLoader calls. Add:\n"
                "    def __getitems__(self, indices):\n"
                "        return [self[k] for k in indices]"
            )
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: Any) -> T:
        return self.dataset[[self.indices[k] for k in index] if isinstance(index, list) else self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> list[T]:
        """The samples of a batch, at once if the dataset can."""
        return read(self.dataset, [self.indices[k] for k in indices])

    def __len__(self) -> int:
        return len(self.indices)


def read(dataset: Any, indices: Sequence[int]) -> list:
    """The samples at these indices, through ``__getitems__`` where there is one."""
    at_once = getattr(dataset, "__getitems__", None)
    return at_once(indices) if callable(at_once) else [dataset[k] for k in indices]


def random_split(dataset: Dataset[T], lengths: Sequence[int | float], generator: Generator | None = default_generator) -> list[Subset[T]]:
    """Share out the samples at random into subsets of these lengths.

    Args:
        lengths: numbers of samples that add up to ``len(dataset)``, or fractions that add up to 1. Of fractions the
            lengths are rounded down, and what is then left over goes one each to the first subsets.
        generator: draws the order.

    >>> import tinyrnn
    >>> train, valid = random_split(range(10), [0.75, 0.25], tinyrnn.Generator().manual_seed(0))
    >>> len(train), len(valid), sorted([*train, *valid])
    (8, 2, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])

    Raises:
        ValueError: the lengths add up to something else, or a fraction is negative.
        TypeError: lengths that are not whole numbers.
    """
    n, total = len(dataset), sum(lengths)  # type: ignore[arg-type]
    if math.isclose(total, 1) and total <= 1:
        lengths = _shares(n, lengths)
    elif total != n:
        raise ValueError(
            f"Sum of input lengths does not equal the length of the input dataset: {list(lengths)} add up to {total}, "
            f"but there are {n} samples; fractions must add up to 1"
        )
    elif not hasattr(total, "__index__"):
        raise TypeError(f"random_split expects whole numbers, or fractions that add up to 1, got {list(lengths)}")
    order = randperm(n, generator=generator).tolist()
    ends = accumulate(lengths)
    return [Subset(dataset, order[end - length : end]) for length, end in zip(lengths, ends)]


def _shares(n: int, fractions: Sequence[float]) -> list[int]:
    """How many of ``n`` samples each fraction gets."""
    for k, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"Fraction at index {k} is not between 0 and 1: {fraction}")
    lengths = [math.floor(n * fraction) for fraction in fractions]
    for k in range(n - sum(lengths)):
        lengths[k % len(lengths)] += 1
    for k, length in enumerate(lengths):
        if length == 0:
            warnings.warn(f"Length of split at index {k} is 0. This might result in an empty dataset.", stacklevel=3)
    return lengths
