"""Arrays of which only some rows matter: adding to rows of a table, and a gradient that is zero but in some rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from .backend import Array, xp_of
from .kernels import rows as kernel
from .threads import matmul

SMALL_TABLE = 512  # rows, up to which a one-hot product is the fastest way to add to them


def add_rows(out: Array, rows: Array, values: Array) -> None:
    """Add ``values`` (M, E) to the rows ``rows`` (M,) of ``out`` (V, E), in place; repeated rows add up.

    A small table goes through one GEMM with a one-hot matrix, a large one through sorted segments: ``add.at`` is
    several times slower than either.
    """
    V, M = out.shape[0], rows.shape[0]
    if M == 0:
        return
    if xp_of(out) is not np:
        kernel.add_rows(out, rows, values)
    elif V <= SMALL_TABLE:
        one_hot = np.zeros((V, M), out.dtype)
        one_hot[rows, np.arange(M)] = 1
        out += matmul(one_hot, values)
    else:
        summed = Rows(rows, values, V)
        out[summed.rows] += summed.values


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
