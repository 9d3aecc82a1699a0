"""Which elements dropout keeps: decided by a hash of the element's number, so it is the same on every device."""

from __future__ import annotations

import numpy as np

from ..backend import Array
from . import pointwise

BLOCK = 2**14  # elements; half a dozen passes over them stay in the L1 and L2 cache
_STRIDE, _FIRST, _SECOND = np.uint32(0x9E3779B9), np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
_counted = np.arange(BLOCK, dtype=np.uint32) * _STRIDE


@pointwise(
    "uint32 key, uint32 other, uint32 below, T scale",
    "T mask",
    """
    unsigned int x = (unsigned int)i * 0x9E3779B9u + key;
    x ^= x >> 16;
    x *= 0x7FEB352Du;
    x ^= x >> 15;
    x ^= other;
    x *= 0x846CA68Bu;
    mask = x < below ? 0 : scale;
    """,
)
def keep(mask: Array, key: int, other: int, below: int, scale: float) -> None:
    """Fill ``mask`` (any shape, contiguous): 0 where the element's 32-bit hash is ``below``, else ``scale``.

    Two keys choose among 2^64 sequences. The shifts and products are those of Wellons' lowbias32
    (https://nullprogram.com/blog/2018/07/31/), with the second key in between, and without the last shift: it would only
    stir the lower half, which hardly matters to a comparison.
    """
    flat = mask.reshape(-1)
    x, shifted = np.empty((2, min(BLOCK, flat.size)), np.uint32)
    for begin in range(0, flat.size, BLOCK):
        part = flat[begin : begin + BLOCK]
        x, shifted = x[: part.size], shifted[: part.size]
        np.add(_counted[: part.size], np.uint32((begin * int(_STRIDE) + key) % 2**32), out=x)
        np.right_shift(x, 16, out=shifted)
        np.bitwise_xor(x, shifted, out=x)
        np.multiply(x, _FIRST, out=x)
        np.right_shift(x, 15, out=shifted)
        np.bitwise_xor(x, shifted, out=x)
        np.bitwise_xor(x, np.uint32(other), out=x)
        np.multiply(x, _SECOND, out=x)
        np.multiply(x >= np.uint32(below), mask.dtype.type(scale), out=part)
