"""How many cores a matrix product uses, and sharing other work among them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .backend import Array, quiet, xp_of

# From here on (5 ms on one core) a matrix product uses all cores. Threads in a smaller one gain a millisecond at best, but
# on a busy machine each product then waits for the slower core: 20 x 200 x 800 took 5.4 ms instead of 0.07 on average.
THREADED_FLOPS = 5e8


class _Blas:
    """The threads of the OpenBLAS that comes with NumPy's wheels; without it, nothing can be set and nothing is."""

    def __init__(self) -> None:
        # Whoever sets the number of threads has decided: then it holds for every product.
        self.decided = any(os.environ.get(f"{name}_NUM_THREADS") for name in ("OPENBLAS", "OMP", "GOTO"))
        self._sections = 0
        self._lock = threading.Lock()

    @cached_property
    def _functions(self) -> tuple[Any, Any] | None:
        for path in Path(np.__file__).parent.parent.glob("numpy.libs/*openblas*"):
            library = ctypes.CDLL(str(path))
            for spelled in ("scipy_openblas_{}64_", "openblas_{}64_", "openblas_{}"):
                if hasattr(library, spelled.format("set_num_threads")):
                    return getattr(library, spelled.format("get_num_threads")), getattr(library, spelled.format("set_num_threads"))
        return None

    def get(self) -> int:
        return 1 if self._functions is None else self._functions[0]()

    def set(self, n: int) -> None:
        if self._functions is not None:
            self._functions[1](n)

    @cached_property
    def cores(self) -> int:
        """How many threads there are to use: as many as at the start, or as were set."""
        return self.get()

    @property
    def shared(self) -> bool:
        """Whether the cores are at work on a product each."""
        return self._sections > 0

    @contextlib.contextmanager
    def one_thread_each(self) -> Iterator[None]:
        """Inside, products use the core that they are called on: for threads that have shared the work already."""
        cores = self.cores  # known before one is set
        with self._lock:
            if self._sections == 0:
                self.set(1)
            self._sections += 1
        try:
            yield
        finally:
            with self._lock:
                self._sections -= 1
                if self._sections == 0:
                    self.set(cores)


_blas = _Blas()


def matmul(a: Array, b: Array, out: Array | None = None) -> Array:
    """The matrix product, on one core unless it is large (or the number of threads was set).

    Which one depends on the shapes alone: the last bits of a product differ with the number of threads, and equal runs
    must give equal numbers.
    """
    xp = xp_of(a)
    large = 2 * a.shape[-2] * a.shape[-1] * b.shape[-1] >= THREADED_FLOPS
    if xp is not np or _blas.decided or _blas.shared or large or _blas.cores == 1:
        return xp.matmul(a, b, out=out)
    _blas.set(1)
    try:
        return np.matmul(a, b, out=out)
    finally:
        _blas.set(_blas.cores)


def sum_of_rows(rows: Array) -> Array:
    """(M, E) to (E,); in NumPy as a product with ones: faster than adding row after row, and of many rows more exact."""
    if xp_of(rows) is not np or rows.dtype.itemsize < 4:
        return rows.sum(axis=0)
    return matmul(np.ones((1, rows.shape[0]), rows.dtype), rows)[0]


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), "tinyrnn")


def parallel(tasks: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run tasks on a core each and return their results.

    For a few pieces of work of a millisecond and more, spent in NumPy, which lets go of the interpreter meanwhile.
    """
    if len(tasks) == 1:
        return [tasks[0]()]

    def quietly(task: Callable[[], Any]) -> Any:
        with quiet():  # what NumPy warns of is set for each thread apart
            return task()

    with _blas.one_thread_each():
        others = [_pool().submit(quietly, task) for task in tasks[1:]]
        return [quietly(tasks[0]), *(other.result() for other in others)]


def set_num_threads(n: int) -> None:
    """Let every matrix product use ``n`` threads. ``torch.set_num_threads``.

    Unless this is called (or ``OPENBLAS_NUM_THREADS`` is set), small products use one core and large ones all: the right
    choice on a machine that does other things too. On an idle one, all cores are faster for small products as well.
    The loss of a large vocabulary and the updates of large parameters are shared among so many threads, too.

    Raises:
        RuntimeError: ``n`` is not positive.
    """
    if n < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {n}")
    _blas.decided, _blas.cores = True, n
    _blas.set(n)


def get_num_threads() -> int:
    """How many threads large matrix products use; 1 where that cannot be found out. ``torch.get_num_threads``."""
    return _blas.cores
