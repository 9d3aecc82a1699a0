"""Reading rows of a table on a GPU, and adding to them. NumPy's way is in :mod:`tinyrnn.rows`."""

from __future__ import annotations

import numpy as np

from ..backend import Array, as_library_of, xp_of
from . import cuda, pointwise


@pointwise(
    "raw T table, raw I ids",
    "T y",
    """
    const long long E = table.shape()[1], id = ids[i / E];
    y = 0 <= id && id < table.shape()[0] ? table[id * E + i % E] : (T)nan("");
    """,
)
def take(table: Array, ids: Array, y: Array) -> None:
    """Fill ``y`` (..., E) with the rows of ``table`` (V, E) for ``ids`` (...).

    On a GPU an id outside [0, V) gives a row of nan: to look for such ids would make the host wait, and CuPy's own ``take``
    would read another row without a word.
    """
    np.take(table, ids, axis=0, out=y)


_add_rows = cuda("""
extern "C" __global__ void add_rows(T* out, const long long* rows, const T* values, const long long V, const int M, const int E) {
    // A block for each value. The first of those for a row adds up them all, in order: so equal runs give equal numbers.
    const int first = blockIdx.x;
    const long long row = rows[first];
    if (row < 0 || row >= V) return;
    for (int k = 0; k < first; k++)
        if (rows[k] == row) return;
    for (int e = threadIdx.x; e < E; e += blockDim.x) {
        T sum = 0;
        for (int k = first; k < M; k++)
            if (rows[k] == row) sum += values[(long long)k * E + e];
        out[row * E + e] += sum;
    }
}
""")


def add_rows(out: Array, rows: Array, values: Array) -> None:
    """Add ``values`` (M, E) to the rows ``rows`` (M,) of ``out`` (V, E), contiguous; ids outside [0, V) do nothing."""
    (V, E), M, xp = out.shape, len(rows), xp_of(out)
    arrays = (out, xp.ascontiguousarray(as_library_of(out, rows), np.int64), xp.ascontiguousarray(values))
    _add_rows(out)((M,), (128,), (*arrays, np.int64(V), np.int32(M), np.int32(E)))
