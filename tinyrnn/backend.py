"""Which array library an array belongs to, and what NumPy and CuPy do not spell alike.

Everything above asks ``xp_of(array)`` for the library of the array in hand, so no other file needs to know
which libraries there are.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

Array = Any  # numpy.ndarray or cupy.ndarray


def xp_of(array: Any) -> ModuleType:
    """The module (``numpy`` or ``cupy``) whose functions take this array."""
    if type(array) is np.ndarray:
        return np
    cupy = sys.modules.get("cupy")
    if cupy is not None and isinstance(array, cupy.ndarray):
        return cupy
    return np


def is_array(x: Any) -> bool:
    """Whether ``x`` is a raw array (a NumPy scalar such as ``np.float32(1)`` counts as a 0-d array)."""
    if isinstance(x, (np.ndarray, np.generic)):
        return True
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(x, cupy.ndarray)


def to_host(array: Array) -> np.ndarray:
    """The array as a NumPy array; the same memory where it is one already."""
    return array if isinstance(array, np.ndarray) else np.asarray(array.get() if hasattr(array, "get") else array)


def as_library_of(like: Array, array: Array) -> Array:
    """``array`` in the library of ``like``, copied only if it lives in another one."""
    xp = xp_of(like)
    return array if xp is xp_of(array) else xp.asarray(to_host(array))


class Buffers:
    """Memory for the large arrays of a training step, handed out again in the next one.

    An array is free when nobody but this collection refers to it, or to a view of it. Fresh memory would cost more
    than filling it: the operating system has to clear every page. CuPy has such a pool of its own.
    """

    SHAPES, OF_A_SHAPE = 64, 32  # beyond these, what is longest unused, or newest, is not kept

    def __init__(self) -> None:
        self._arrays: OrderedDict[tuple, list[np.ndarray]] = OrderedDict()
        self._lock = threading.Lock()  # two threads must not find the same array free

    def empty(self, like: Array, shape: tuple[int, ...]) -> Array:
        """An array of this shape, and of the library and dtype of ``like``, with whatever values it last had."""
        if xp_of(like) is not np:
            return xp_of(like).empty(shape, like.dtype)
        with self._lock:
            held = self._arrays.setdefault((shape, like.dtype), [])
            self._arrays.move_to_end((shape, like.dtype))
            if len(self._arrays) > self.SHAPES:
                self._arrays.popitem(last=False)
            for array, references in zip(held, _references(held)):
                if references == UNSHARED:
                    return array
            fresh = np.empty(shape, like.dtype)
            if len(held) < self.OF_A_SHAPE:
                held.append(fresh)
            return fresh


def _references(arrays: list[np.ndarray]) -> list[int]:
    counts = []
    for array in arrays:
        counts.append(sys.getrefcount(array))
    return counts


# What an array that only one list holds is counted as: measured, since it differs between versions of Python.
UNSHARED = _references([np.empty(0)])[0]
buffers = Buffers()


FOREVER = 1 << 30  # so many uses that laying out a matrix always pays


def factor(matrix: Array, rows: int, uses: int) -> Array:
    """``matrix`` as ``uses`` products ``(rows, ...) @ matrix`` read it fastest, if they are enough to pay for laying it out.

    That is row by row; column by column for a product with a single row, which threads then share evenly.
    """
    if uses * max(rows, 16) < 256 or (matrix.flags.c_contiguous if rows > 1 else matrix.flags.f_contiguous):
        return matrix
    source = matrix if rows > 1 else matrix.T
    y = xp_of(matrix).empty(source.shape, matrix.dtype)
    for k in range(0, source.shape[1], 64):  # in strips that stay in the cache: nine times faster for 2048 x 512
        y[:, k : k + 64] = source[:, k : k + 64]
    return y if rows > 1 else y.T


def quiet() -> np.errstate:
    """A context in which overflow gives ``inf`` and 0/0 gives ``nan`` without a word, as on a GPU."""
    return np.errstate(all="ignore")


def error_function(array: Array) -> Array:
    """erf of each element."""
    if xp_of(array) is np:
        return np.asarray(_host_erf(array)).astype(array.dtype)
    from cupyx.scipy import special  # type: ignore[import-not-found]

    return special.erf(array)


_host_erf = np.frompyfunc(math.erf, 1, 1)  # NumPy has none of its own


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


def scatter_add(out: Array, index: Any, values: Array) -> None:
    """``out[index] += values`` in place, where a repeated index adds up."""
    xp_of(out).add.at(out, index, values)


SMALL_TABLE = 512  # rows, up to which a one-hot product is the fastest way to add to them


def add_rows(out: Array, rows: Array, values: Array) -> None:
    """Add ``values`` (M, E) to the rows ``rows`` (M,) of ``out`` (V, E), in place; repeated rows add up.

    A small table goes through one GEMM with a one-hot matrix, a large one through sorted segments: ``add.at`` is
    several times slower than either.
    """
    xp = xp_of(out)
    V, M = out.shape[0], rows.shape[0]
    if M == 0:
        return
    if V <= SMALL_TABLE:
        one_hot = xp.zeros((V, M), out.dtype)
        one_hot[rows, xp.arange(M)] = 1
        out += matmul(one_hot, values)
    elif xp is np:
        summed = Rows(rows, values, V)
        out[summed.rows] += summed.values
    else:
        scatter_add(out, rows, values)


class Rows:
    """An array (V, E) that is zero but in some rows: what the gradient of a large table is.

    ``rows`` (K,) are sorted and each there once; ``values`` are (K, E).
    """

    ndim = 2

    def __init__(self, rows: np.ndarray, values: np.ndarray, count: int) -> None:
        """``values`` (M, E) at ``rows`` (M,), in any order; those of a row given several times are added up."""
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        self.rows = ordered[starts]
        self.values = np.add.reduceat(values[order], starts, axis=0)
        self.shape = (count, values.shape[1])
        self.dtype = values.dtype

    def piece(self, begin: int, end: int) -> np.ndarray:
        """The elements ``begin`` to ``end`` of the flattened array."""
        E = self.shape[1]
        first, last = begin // E, -(-end // E)
        low, high = np.searchsorted(self.rows, (first, last))
        block = np.zeros((last - first, E), self.dtype)
        block[self.rows[low:high] - first] = self.values[low:high]
        return block.reshape(-1)[begin - first * E : end - first * E]

    def dense(self) -> np.ndarray:
        """All of the array."""
        return self.piece(0, self.shape[0] * self.shape[1]).reshape(self.shape)

    __array_ufunc__ = None  # so that array + rows comes here

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Rows):
            return Rows(np.concatenate([self.rows, other.rows]), np.concatenate([self.values, other.values]), self.shape[0])
        total = other.copy()
        total[self.rows] += self.values
        return total

    __radd__ = __add__


class Generator:
    """A seeded source of random numbers, of PyTorch's interface.

    Nothing in tinyrnn draws from anywhere else, so equal seeds repeat a run exactly. The numbers are
    NumPy's (PCG64), not PyTorch's.

    >>> import tinyrnn
    >>> g = tinyrnn.Generator().manual_seed(3)
    >>> a = tinyrnn.rand(2, generator=g); b = tinyrnn.rand(2, generator=g.manual_seed(3))
    >>> bool((a == b).all())
    True
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.device = device
        self.manual_seed(67280421310721)

    def manual_seed(self, seed: int) -> Generator:
        """Start the sequence that belongs to ``seed``, any integer; returns the generator."""
        self._seed = int(seed)
        self.numpy = np.random.Generator(np.random.PCG64(self._seed % 2**64))
        return self

    def seed(self) -> int:
        """Take a seed from the operating system and return it."""
        drawn = int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
        self.manual_seed(drawn)
        return drawn

    def initial_seed(self) -> int:
        """The seed last set."""
        return self._seed

    def get_state(self) -> dict:
        """All that is needed to go on from here, as plain numbers and strings."""
        return {"seed": self._seed, "bits": self.numpy.bit_generator.state}

    def set_state(self, state: dict) -> Generator:
        """Go on from where :meth:`get_state` was called."""
        self._seed = state["seed"]
        self.numpy.bit_generator.state = state["bits"]
        return self


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the generator that is used where no other is given; returns it. ``torch.manual_seed``."""
    return default_generator.manual_seed(seed)


def draw(kind: str, shape: Sequence[int], dtype: np.dtype, generator: Generator | None = None) -> np.ndarray:
    """An array of ``"uniform"`` [0, 1) or standard ``"normal"`` numbers, drawn on the host."""
    rng = (generator or default_generator).numpy
    method = rng.random if kind == "uniform" else rng.standard_normal
    if dtype in (np.float32, np.float64):
        return np.asarray(method(tuple(shape), dtype=dtype))
    return np.asarray(method(tuple(shape), dtype=np.float32)).astype(dtype)
