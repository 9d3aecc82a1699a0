"""Which array library an array belongs to, and what NumPy and CuPy do not spell alike.

Everything above asks ``xp_of(array)`` for the library of the array in hand, so no other file needs to know
which libraries there are.
"""

from __future__ import annotations

import ctypes
import math
import sys
from collections import OrderedDict
from collections.abc import Sequence
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

    def empty(self, like: Array, shape: tuple[int, ...]) -> Array:
        """An array of this shape, and of the library and dtype of ``like``, with whatever values it last had."""
        if xp_of(like) is not np:
            return xp_of(like).empty(shape, like.dtype)
        held = self._arrays.setdefault((shape, like.dtype), [])
        self._arrays.move_to_end((shape, like.dtype))
        if len(self._arrays) > self.SHAPES:
            self._arrays.popitem(last=False)
        for array in held:
            if sys.getrefcount(array) == 3:  # `held`, `array` and the argument
                return array
        fresh = np.empty(shape, like.dtype)
        if len(held) < self.OF_A_SHAPE:
            held.append(fresh)
        return fresh


buffers = Buffers()


def transposed(matrix: Array, uses: int) -> Array:
    """The transpose of a matrix that ``uses`` products will read: laid out anew if they are enough to pay for it."""
    return xp_of(matrix).ascontiguousarray(matrix.T) if uses >= 16 else matrix.T


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


def _blas_function(name: str) -> Any:
    """A function of the BLAS library that came with NumPy, or ``None``."""
    for path in Path(np.__file__).parent.parent.glob("numpy.libs/*openblas*"):
        library = ctypes.CDLL(str(path))
        for spelled in (f"scipy_openblas_{name}64_", f"openblas_{name}64_", f"openblas_{name}"):
            if hasattr(library, spelled):
                return getattr(library, spelled)
    return None


def set_num_threads(n: int) -> None:
    """Let matrix products use ``n`` threads. ``torch.set_num_threads``.

    The default, all cores, is fastest on a machine that is not busy with anything else. On a busy one, 1 can be many
    times faster: threads that wait for one another wait for the busiest core. Pointwise operations use one thread.

    Raises:
        RuntimeError: ``n`` is not positive, or NumPy's matrix library is not the OpenBLAS of its wheels.
    """
    if n < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {n}")
    function = _blas_function("set_num_threads")
    if function is None:
        raise RuntimeError("this NumPy does not come with OpenBLAS: set OMP_NUM_THREADS before Python starts")
    function(n)


def get_num_threads() -> int:
    """How many threads matrix products may use; 1 where that cannot be found out. ``torch.get_num_threads``."""
    function = _blas_function("get_num_threads")
    return 1 if function is None else function()


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
        out += one_hot @ values
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
