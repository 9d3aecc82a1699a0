"""The loader: a dataset read in the order of a sampler, in batches."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, repeat
from multiprocessing.context import BaseContext
from typing import Any, Generic, TypeVar

from ...random import Generator
from .collate import default_collate, default_convert
from .dataset import Dataset, IterableDataset, read
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

T = TypeVar("T", covariant=True)


class DataLoader(Generic[T]):
    """Batches of a dataset, anew at each iteration.

    Everything is read in this process, when it is asked for: ``num_workers`` and what tunes workers
    (``worker_init_fn``, which is never called, ``timeout``, ``prefetch_factor``, ``persistent_workers``,
    ``multiprocessing_context``, ``in_order``) are checked and kept as in PyTorch, but change nothing; nor does
    ``pin_memory``. The batches are those of ``num_workers=0``.

    Args:
        dataset: samples by index (``__getitem__`` and ``__len__``; a list will do), or an :class:`IterableDataset`.
        batch_size: samples in a batch; ``None`` yields single samples, which get no axis for the batch.
        shuffle: read in a new random order each time.
        sampler: indices to read, in place of ``shuffle``.
        batch_sampler: lists of indices, in place of ``batch_size``, ``shuffle``, ``sampler`` and ``drop_last``.
        collate_fn: makes a batch of a list of samples; :func:`default_collate`, or :func:`default_convert` where
            nothing is batched.
        drop_last: leave out a last batch that is not full.
        generator: draws the order for ``shuffle``; by default the one that ``tinyrnn.manual_seed`` seeds.

    >>> len(DataLoader(range(7), batch_size=3)), list(DataLoader(range(7), batch_size=3, drop_last=True))
    (3, [tensor([0, 1, 2]), tensor([3, 4, 5])])

    Raises:
        ValueError: options that exclude each other or are out of range; setting what is fixed once the loader is made.
        TypeError: a ``multiprocessing_context`` that is none.
        AssertionError: at iteration: a ``timeout`` without workers.
    """

    _made = False

    def __init__(
        self,
        dataset: Dataset[T],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[list] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: str | BaseContext | None = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset, self.generator = dataset, generator
        self.num_workers, self.timeout, self.worker_init_fn, self.in_order = num_workers, timeout, worker_init_fn, in_order
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.persistent_workers, self.pin_memory, self.pin_memory_device = persistent_workers, pin_memory, pin_memory_device
        self.multiprocessing_context = multiprocessing_context

        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable:
            _check_unused(shuffle=shuffle or None, sampler=sampler, batch_sampler=batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle: a sampler decides the order itself")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")

        if sampler is None and self._iterable:
            sampler = _NoIndices()
        elif sampler is None:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)  # type: ignore[arg-type]
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size, self.drop_last, self.sampler, self.batch_sampler = batch_size, drop_last, sampler, batch_sampler
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self._made = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._made and name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"):
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized: make a new one")
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self) -> BaseContext | None:
        """How worker processes would be started."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: str | BaseContext | None) -> None:
        if context is not None and self.num_workers == 0:
            raise ValueError("multiprocessing_context can only be used with num_workers > 0, but got num_workers=0")
        if isinstance(context, str):
            known = multiprocessing.get_all_start_methods()
            if context not in known:
                raise ValueError(f"multiprocessing_context should specify a valid start method in {known}, but got {context!r}")
            context = multiprocessing.get_context(context)
        if context is not None and not isinstance(context, BaseContext):
            raise TypeError(f"multiprocessing_context should be a context or the name of a start method, but got {context!r}")
        self._context = context

    def __iter__(self) -> Iterator[Any]:
        return _Batches(self)

    def __len__(self) -> int:
        """The number of batches.

        Raises:
            TypeError: the dataset, or the sampler, has no length.
        """
        if not self._iterable:
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]
        n = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


class _NoIndices(Sampler[Any]):
    """In place of indices where a stream has none, so that there is something to count into batches; without end."""

    def __iter__(self) -> Iterator[Any]:
        return repeat(None)


class _Batches(Iterator[Any]):
    """One iteration over a loader."""

    def __init__(self, loader: DataLoader) -> None:
        if loader.timeout != 0 and loader.num_workers == 0:
            raise AssertionError(f"timeout={loader.timeout} is for workers: with num_workers=0 it must be 0")
        self.loader = loader
        self.batched = loader.batch_sampler is not None
        self.order = loader.batch_sampler if self.batched else loader.sampler
        self.indices = iter(self.order)  # type: ignore[arg-type]
        self.stream = iter(loader.dataset) if loader._iterable else None

    def __next__(self) -> Any:
        index = next(self.indices)
        if self.stream is not None:
            samples = self._from_stream(index)
        elif self.batched:
            samples = read(self.loader.dataset, index)
        else:
            samples = self.loader.dataset[index]
        return self.loader.collate_fn(samples)

    def _from_stream(self, index: Any) -> Any:
        stream: Iterator[Any] = self.stream  # type: ignore[assignment]
        if not self.batched:
            return next(stream)
        samples = list(islice(stream, len(index)))
        if not samples or (self.loader.drop_last and len(samples) < len(index)):
            raise StopIteration
        return samples

    def __len__(self) -> int:
        return len(self.order)  # type: ignore[arg-type]


def get_worker_info() -> None:
    """``None``, as in PyTorch's main process: here are no others, and a dataset that would share itself out yields everything."""
    return None


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool) -> None:
    if num_workers < 0:
        raise ValueError(f"num_workers option should be non-negative, got {num_workers}; 0 reads in this process")
    if timeout < 0:
        raise ValueError(f"timeout option should be non-negative, got {timeout}")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError("prefetch_factor option could only be specified with num_workers > 0")
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError(f"prefetch_factor option should be non-negative, got {prefetch_factor}")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_unused(**options: Any) -> None:
    """What decides an order is refused for a dataset that has its own."""
    for name, value in options.items():
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}: "
                "the dataset decides the order in its __iter__"
            )
