"""Primitives that pick elements out or put them in: indexing, gather, scatter, embedding."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import add_rows, as_library_of, scatter_add, to_host, xp_of
from ..engine import Traced, primitive
from .elementwise import broadcast_to, sum_to


def raw_index(input: Any, index: Any) -> Any:
    """An index with arrays in place of tensors and lists, in the library of ``input``.

    Raises:
        IndexError: a float or another non-index is in it, or a mask whose shape does not fit.
    """
    if isinstance(index, tuple):
        return tuple(raw_index(input, i) for i in index)
    if isinstance(index, Traced):
        index = index.array
    elif isinstance(index, list):
        index = np.asarray(index) if index else np.empty(0, np.int64)
    if hasattr(index, "dtype") and hasattr(index, "ndim"):
        if index.dtype.kind not in "biu":
            raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors, got {index.dtype}")
        return as_library_of(input, index) if index.ndim else (bool(index) if index.dtype.kind == "b" else int(index))
    if index is None or index is Ellipsis or isinstance(index, (int, slice)):
        return index
    if hasattr(index, "__index__"):
        return index.__index__()
    raise IndexError(
        f"only integers, slices (`:`), ellipsis (`...`), None and long or bool Tensors are valid indices, got {type(index).__name__}"
    )


def is_basic(index: Any) -> bool:
    """Whether NumPy answers this index with a view: only integers, slices, ``None`` and ``...``."""
    parts = index if isinstance(index, tuple) else (index,)
    return not any(isinstance(i, bool) or hasattr(i, "dtype") for i in parts)


@primitive(view=True)
def _getitem(input, *, index):
    return input[index]


_getitem.rule(lambda g, input_shape, index: _put(g, shape=tuple(input_shape), index=index))


@primitive
def _put(input, *, shape, index):
    """Zeros with ``input`` added at ``index``: what undoes ``_getitem``."""
    y = xp_of(input).zeros(shape, input.dtype)
    if is_basic(index):
        y[index] = input
    else:
        scatter_add(y, index, input)
    return y


_put.rule(lambda g, index: _getitem(g, index=index))


def getitem(input: Any, index: Any) -> Any:
    """``input[index]``: integers, slices, ``None``, ``...``, integer arrays and boolean masks in any mix."""
    try:
        return _getitem(input, index=raw_index(input.array, index))
    except IndexError as error:
        raise IndexError(f"{error} (the tensor has shape {tuple(input.shape)})") from None


@primitive
def index_put(input, value, *, index, accumulate=False):
    """A copy of ``input`` with ``value`` (broadcast) written, or added, at ``index``. ``torch.index_put``."""
    y = input.copy()
    if accumulate:
        scatter_add(y, index, value)
    else:
        y[index] = value
    return y


index_put.rule(
    input=lambda g, index, accumulate: g if accumulate else index_put(g, _zero_like(g), index=index),
    value=lambda g, index, value_shape: sum_to(_getitem(g, index=index), shape=value_shape),
)


def _zero_like(g: Any) -> Any:
    array = g.array if isinstance(g, Traced) else g
    return xp_of(array).zeros((), array.dtype)


# -- along an axis --


def _along(input: Any, dim: int, index: Any) -> tuple:
    """The full index of ``input[..., index, ...]`` where ``index`` has its own place on every other axis."""
    xp = xp_of(index)
    grid = []
    for k, n in enumerate(index.shape):
        shape = [1] * index.ndim
        shape[k] = n
        grid.append(index if k == dim else xp.arange(n).reshape(shape))
    return tuple(grid)


def _check_along(op: str, input: Any, dim: int, index: Any) -> int:
    if index.dtype.kind not in "iu":
        raise RuntimeError(f"{op}(): expected an int64 index, got {index.dtype}")
    if index.ndim != input.ndim:
        raise RuntimeError(f"{op}(): index has {index.ndim} axes but input has {input.ndim}")
    dim = dim % max(input.ndim, 1)
    if any(i > n for k, (i, n) in enumerate(zip(index.shape, input.shape)) if k != dim):
        raise RuntimeError(f"{op}(): size of index {index.shape} does not fit input {input.shape} apart from dimension {dim}")
    host = to_host(index)
    if host.size and (host.min() < 0 or host.max() >= input.shape[dim]):
        bad = int(host.min()) if host.min() < 0 else int(host.max())
        raise RuntimeError(f"{op}(): index {bad} is out of bounds for dimension {dim} with size {input.shape[dim]}")
    return dim


@primitive
def _gather(input, index, *, dim):
    dim = _check_along("gather", input, dim, index)
    return input[_along(input, dim, index)] if input.ndim else input.copy()


def gather(input: Any, dim: int, index: Any) -> Any:
    """``out[i, j] = input[index[i, j], j]`` for ``dim=0``, and so on. ``torch.gather``.

    >>> import tinyrnn
    >>> tinyrnn.gather(tinyrnn.tensor([[1., 2.], [3., 4.]]), 1, tinyrnn.tensor([[1], [0]]))
    tensor([[2.],
            [3.]])
    """
    return _gather(input, index, dim=dim)


@primitive
def _scatter_add(input, index, src, *, dim):
    dim = _check_along("scatter_add", input, dim, index)
    y = input.copy()
    scatter_add(y, _along(y, dim, index), src[tuple(slice(n) for n in index.shape)])
    return y


_gather.rule(
    input=lambda g, input_shape, index, dim: _scatter_add(_zero_like(g) + _zeros(g, input_shape), index, g, dim=dim),
)


def _zeros(g: Any, shape: Any) -> Any:
    return broadcast_to(_zero_like(g), shape=tuple(shape))


def _at(g: Any, index: Any, src_shape: tuple, dim: int) -> Any:
    """The gradient of ``src``: gathered where it was read; zero where ``src`` is larger than ``index``."""
    picked = _gather(g, index, dim=dim)
    if tuple(src_shape) == tuple(index.shape):
        return picked
    return _put(picked, shape=tuple(src_shape), index=tuple(slice(n) for n in index.shape))


_scatter_add.rule(
    input=lambda g: g,
    src=lambda g, index, src_shape, dim: _at(g, index, src_shape, dim),
)


@primitive
def _scatter(input, index, src, *, dim):
    dim = _check_along("scatter", input, dim, index)
    y = input.copy()
    y[_along(y, dim, index)] = src[tuple(slice(n) for n in index.shape)] if getattr(src, "ndim", 0) else src
    return y


_scatter.rule(
    input=lambda g, index, dim: _scatter(g, index, _zero_like(g), dim=dim),
    src=lambda g, index, src_shape, dim: _at(g, index, src_shape, dim),
)


def scatter(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None) -> Any:
    """A copy of ``input`` with ``src`` (a tensor or a number) written at ``index`` along ``dim``. ``torch.scatter``."""
    return _scatter(input, index, value if src is None else src, dim=dim)


def scatter_add_along(input: Any, dim: int, index: Any, src: Any) -> Any:
    """A copy of ``input`` with ``src`` added at ``index`` along ``dim``; repeats add up. ``torch.scatter_add``."""
    return _scatter_add(input, index, src, dim=dim)


def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """``numpy.take_along_axis``: one element for each index, broadcasting the other axes. ``torch.take_along_dim``."""
    if dim is None:
        return _gather(input.reshape(-1), indices.reshape(-1), dim=0)
    d = dim % input.ndim
    if indices.ndim != input.ndim:
        raise RuntimeError(f"take_along_dim(): indices have {indices.ndim} axes but input has {input.ndim}")
    wide = tuple(n if k != d else indices.shape[k] for k, n in enumerate(input.shape))
    if tuple(indices.shape) != wide:
        indices = broadcast_to(indices, shape=wide)
    return _gather(input, indices, dim=d)


def index_select(input: Any, dim: int, index: Any) -> Any:
    """The slices along ``dim`` that a 1-d ``index`` lists. ``torch.index_select``."""
    if index.ndim > 1:
        raise IndexError(f"index_select(): Index is supposed to be a vector, got shape {tuple(index.shape)}")
    if not input.shape:
        return input.clone()
    d = dim % input.ndim
    n = input.shape[d]
    host = to_host(index.array)
    if host.size and (host.min() < 0 or host.max() >= n):
        bad = host.min() if host.min() < 0 else host.max()
        raise IndexError(f"index_select(): index {int(bad)} is out of range for axis {d} of size {n}")
    return _getitem(input, index=(slice(None),) * d + (raw_index(input.array, index.reshape(-1)),))


def masked_select(input: Any, mask: Any) -> Any:
    """The elements where ``mask`` (which broadcasts) is true, as a 1-d tensor. ``torch.masked_select``."""
    shape = np.broadcast_shapes(tuple(input.shape), tuple(mask.shape))
    return getitem(broadcast_to(input, shape=shape), broadcast_to(mask, shape=shape))


# -- rows of a table --


def check_ids(ids: Any, rows: int, what: str) -> None:
    """Refuse ids outside ``[0, rows)``, naming the first and where it stands.

    NumPy would take -1 for the last row, and CuPy wraps every bad index, without a word.
    """
    host = to_host(ids)
    if host.size == 0 or (host.min() >= 0 and host.max() < rows):
        return
    at = tuple(int(k) for k in np.argwhere((host < 0) | (host >= rows))[0])
    raise IndexError(f"index out of range: id {int(host[at])} at {list(at)} but the {what} has {rows} rows, 0 to {rows - 1}")


@primitive
def _rows(weight, ids):
    check_ids(ids, weight.shape[0], "embedding")
    return xp_of(weight).take(weight, ids, axis=0)


@primitive
def _add_rows(input, ids, *, rows):
    y = xp_of(input).zeros((rows, input.shape[-1]), input.dtype)
    add_rows(y, ids.reshape(-1), input.reshape(-1, input.shape[-1]))
    return y


_rows.rule(weight=lambda g, ids, weight_shape: _add_rows(g, ids, rows=weight_shape[0]))
_add_rows.rule(input=lambda g, ids: _rows(g, ids))


def embedding_rows(weight: Any, ids: Any) -> Any:
    """The row ``weight[i]`` for each id: ``(V, E)`` and ``(...)`` to ``(..., E)``; ids are checked.

    Raises:
        IndexError: an id is negative or not below V.
    """
    return _rows(weight, ids)


@primitive
def _one_hot(input, *, num_classes):
    y = xp_of(input).zeros((*input.shape, num_classes), np.int64)
    xp = xp_of(input)
    y.reshape(-1, num_classes)[xp.arange(input.size), input.reshape(-1)] = 1
    return y


def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """``int64`` rows with a single 1 at the class: ``(...)`` to ``(..., C)``. ``torch.nn.functional.one_hot``.

    >>> import tinyrnn
    >>> tinyrnn.nn.functional.one_hot(tinyrnn.tensor([0, 2]), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])

    Raises:
        RuntimeError: a class is negative or not below ``num_classes``.
    """
    array = tensor.array
    if array.dtype.kind not in "iu":
        raise RuntimeError(f"one_hot is only applicable to index tensor of type LongTensor, got {tensor.dtype}")
    low, high = (int(array.min()), int(array.max())) if array.size else (0, -1)
    if num_classes == -1:
        if array.size == 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        num_classes = high + 1
    if low < 0:
        raise RuntimeError(f"Class values must be non-negative, got {low}.")
    if high >= num_classes:
        raise RuntimeError(f"Class values must be smaller than num_classes, got {high} with num_classes={num_classes}.")
    return _one_hot(tensor, num_classes=num_classes)
