"""Which array library an array belongs to, and what NumPy and CuPy do not spell alike.

Everything above asks ``xp_of(array)`` for the library of the array in hand, so no other file needs to know
which libraries there are.
"""

from __future__ import annotations

import math
import sys
import threading
from collections import OrderedDict
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

Array = Any  # numpy.ndarray or cupy.ndarray


@cache
def _probe() -> tuple[ModuleType | None, str | None]:
    """CuPy, once a kernel, a matrix product and a copy back have worked; or why it cannot be used, and what to do."""
    try:
        import cupy  # type: ignore[import-not-found]
    except ModuleNotFoundError:
        return None, "CuPy is not installed: pip install 'tinyrnn[cuda13]' (for CUDA 12: 'tinyrnn[cuda12]')"
    except ImportError as error:
        return None, f"CuPy cannot be imported ({error}). Install the wheel of your CUDA version, and only one of them"
    try:
        if cupy.cuda.runtime.getDeviceCount() == 0:
            return None, "CuPy finds no GPU in this machine"
    except cupy.cuda.runtime.CUDARuntimeError as error:
        old = "InsufficientDriver" in str(error)
        what = "update the NVIDIA driver, or install the wheel of an older CUDA" if old else "is there an NVIDIA GPU, and its driver?"
        return None, f"CuPy finds no GPU that it can use ({error}): {what}"
    try:
        x = cupy.arange(4, dtype=cupy.float32).reshape(2, 2) + 1
        if (x @ x).get().tolist() != [[7, 10], [15, 22]]:
            return None, "the GPU computes wrong products"
    except Exception as error:  # a missing library of the toolkit shows as one of many types
        return None, f"CuPy cannot run a kernel ({error}): pip install 'cupy-cuda13x[ctk]' brings what it needs of the CUDA toolkit"
    return cupy, None


def why_no_cuda() -> str | None:
    """Why no GPU can be used, and what to do; ``None`` if one can."""
    return _probe()[1]


def cupy() -> ModuleType:
    """CuPy, imported and tried when first asked for.

    Raises:
        RuntimeError: no GPU can be used; the message says why.
    """
    found, why = _probe()
    if found is None:
        raise RuntimeError(f"cuda was asked for, but cannot be used: {why}")
    return found


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

    That is row by row; column by column for a product with a single row, which threads then share evenly. A GPU reads
    both ways equally fast.
    """
    if xp_of(matrix) is not np or uses * max(rows, 16) < 256 or (matrix.flags.c_contiguous if rows > 1 else matrix.flags.f_contiguous):
        return matrix
    source = matrix if rows > 1 else matrix.T
    y = np.empty(source.shape, matrix.dtype)
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


def complementary_error_function(array: Array) -> Array:
    """1 - erf of each element."""
    if xp_of(array) is np:
        return np.asarray(_host_erfc(array)).astype(array.dtype)
    from cupyx.scipy import special

    return special.erfc(array)


_host_erf, _host_erfc = (np.frompyfunc(f, 1, 1) for f in (math.erf, math.erfc))  # NumPy has none of its own


def scatter_add(out: Array, index: Any, values: Array) -> None:
    """``out[index] += values`` in place, where a repeated index adds up."""
    xp_of(out).add.at(out, index, values)
