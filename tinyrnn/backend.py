"""Which array library an array belongs to, and what NumPy and CuPy do not spell alike.

Everything above asks ``xp_of(array)`` for the library of the array in hand, so no other file needs to know
which libraries there are.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
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


def scatter_add(out: Array, index: Any, values: Array) -> None:
    """``out[index] += values`` in place, where a repeated index adds up."""
    xp_of(out).add.at(out, index, values)


def add_rows(out: Array, rows: Array, values: Array) -> None:
    """Add ``values`` (M, E) to the rows ``rows`` (M,) of ``out`` (V, E), in place; repeated rows add up.

    A small vocabulary goes through one GEMM with a one-hot matrix, a large one through sorted segments:
    ``add.at`` is several times slower than either.
    """
    xp = xp_of(out)
    V, M = out.shape[0], rows.shape[0]
    if M == 0:
        return
    if V <= 512:
        one_hot = xp.zeros((V, M), out.dtype)
        one_hot[rows, xp.arange(M)] = 1
        out += one_hot @ values
    elif xp is np:
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        out[ordered[starts]] += np.add.reduceat(values[order], starts, axis=0)
    else:
        scatter_add(out, rows, values)


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

