"""Arrays of what users pass where data or sizes are wanted: numbers, nested lists, arrays, tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import dtypes
from ..backend import Array, xp_of
from ..engine import Traced


def sizes_of(sizes: Any, size: Any = None) -> tuple:
    """``(2, 3)``, ``((2, 3),)`` and ``([2, 3],)`` are the same shape; so is ``size=(2, 3)``."""
    if size is not None:
        return (size,) if isinstance(size, int) else tuple(size)
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes


def shape_of(sizes: Any, size: Any = None, name: str = "zeros") -> tuple[int, ...]:
    """The shape of a new tensor, of sizes as :func:`sizes_of` takes them.

    Raises:
        TypeError: a size is no integer.
        RuntimeError: a size is negative.
    """
    shape = sizes_of(sizes, size)
    for n in shape:
        if type(n) is not int:
            shape = tuple(_whole(n, name) for n in shape)
            break
    if shape and min(shape) < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    return shape


def _whole(n: Any, name: str) -> int:
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"{name}(): argument 'size' must be tuple of ints, but found element of type {type(n).__name__}")
    return n.__index__()


def array_of(data: Any, dtype: Any, copy: bool) -> Array:
    """``data`` as an array; Python floats become the default dtype, Python integers ``int64``.

    Raises:
        ValueError: lists of unequal lengths, or of strings.
        TypeError: a string, or lists beside numbers.
        RuntimeError: of what is neither a number nor a list.
    """
    if isinstance(data, Traced):
        data = data.array
    if xp_of(data) is not np:
        return data.astype(data.dtype if dtype is None else dtypes.as_numpy_dtype(dtype), copy=copy)
    known = hasattr(data, "dtype")
    if not known and isinstance(_first(data), Traced):
        return _of_tensors(data, dtype)
    try:
        array = np.array(data) if copy or not known else data
    except (ValueError, TypeError):
        raise _refusal(data) from None
    if array.dtype.kind in "OUSM":
        raise _refusal(data)
    if dtype is not None:
        wanted = dtypes.as_numpy_dtype(dtype)
        if not known and wanted.kind in "iu" and array.dtype.kind in "iu" and wanted.itemsize < array.dtype.itemsize and array.size:
            most = np.iinfo(wanted).max
            if array.max() > most or array.min() < (-most if wanted.kind == "u" else -most - 1):
                raise RuntimeError(f"value cannot be converted to type {wanted} without overflow")
        return array.astype(wanted, copy=False)
    if not known and array.dtype == np.float64 and not hasattr(_first(data), "dtype"):
        return array.astype(dtypes.get_default_dtype().numpy)
    dtypes.from_numpy_dtype(array.dtype)
    return array


def _first(data: Any) -> Any:
    """The first number, or tensor, in nested lists."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def _leaves(data: Any) -> Iterator:
    if isinstance(data, (list, tuple)):
        for x in data:
            yield from _leaves(x)
    else:
        yield data


def _of_tensors(data: Any, dtype: Any) -> np.ndarray:
    """Nested lists with tensors of one element in them."""

    def plain(x: Any) -> Any:
        if isinstance(x, Traced):
            if x.array.size != 1:
                raise ValueError(f"only one element tensors can be converted to Python scalars, got shape {x.array.shape}; use stack")
            return x.array.item()
        return [plain(one) for one in x] if isinstance(x, (list, tuple)) else x

    numbers = plain(data)
    if dtype is None:
        dtype = dtypes.result_type(*(x.array.reshape(()) if isinstance(x, Traced) else x for x in _leaves(data)))
    return array_of(numbers, dtype, copy=True)


def _refusal(data: Any) -> Exception:
    """The error that PyTorch raises for data that makes no tensor: it has several types for several ways to be wrong."""
    if hasattr(data, "dtype"):
        return TypeError(f"can't convert values of type {data.dtype}: a tensor holds numbers and booleans")
    if isinstance(data, (list, tuple)) and isinstance(_first(data), str):
        return ValueError("too many dimensions 'str': a tensor is made of numbers")
    for x in _leaves(data):
        if isinstance(x, str):
            return TypeError("new(): invalid data type 'str': a tensor is made of numbers")
        if not isinstance(x, (int, float, complex)) and not hasattr(x, "dtype"):
            return RuntimeError(f"Could not infer dtype of {type(x).__name__}: a tensor is made of numbers")
    if _mixed(data):
        return TypeError(f"expected numbers in lists of equal lengths, got a list beside a number in {data!r:.80}")
    return ValueError(f"expected numbers in lists of equal lengths, got {data!r:.80}")


def _mixed(data: Any) -> bool:
    """Whether a list stands beside a number somewhere."""
    if not isinstance(data, (list, tuple)):
        return False
    deeper = [isinstance(x, (list, tuple)) for x in data]
    return (any(deeper) and not all(deeper)) or any(map(_mixed, data))
