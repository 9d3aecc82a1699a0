"""Primitives that pick elements out or put them in: indexing, gather, scatter, embedding."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import as_library_of, is_array, scatter_add, to_host, xp_of
from ..engine import Traced, need_tensors, primitive, spellings
from ..kernels.rows import take as take_rows
from ..rows import SMALL_TABLE, Rows, add_rows
from .elementwise import broadcast_to, refuse_non_mask, sum_to
from .shape import _normal, reshape


def raw_index(input: Any, index: Any) -> Any:
    """An index with arrays in place of tensors and lists, in the library of ``input``.

    Raises:
        IndexError: a float or another non-index is in it, or a mask whose shape does not fit.
    """
    if isinstance(index, tuple):
        return tuple(raw_index(input, i) for i in index)
    if isinstance(index, Traced):
        index = index.array
    elif isinstance(index, (list, range)):
        index = np.asarray(index) if index else np.empty(0, np.int64)
    if hasattr(index, "dtype") and hasattr(index, "ndim"):
        if index.dtype == np.uint8 and index.ndim:
            index = index != 0  # bytes are a mask, as in PyTorch
        if index.dtype.kind not in "biu":
            raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors, got {index.dtype}")
        return as_library_of(input, index) if index.ndim else (bool(index) if index.dtype.kind == "b" else int(index))
    if index is None or index is Ellipsis or isinstance(index, (int, slice)):
        return index
    if hasattr(index, "__index__"):
        return index.__index__()
    raise (TypeError if isinstance(index, str) else IndexError)(
        f"only integers, slices (`:`), ellipsis (`...`), None and long or bool Tensors are valid indices, got {type(index).__name__}"
    )


def is_basic(index: Any) -> bool:
    """Whether NumPy answers this index with a view: only integers, slices, ``None`` and ``...``."""
    parts = index if isinstance(index, tuple) else (index,)
    return not any(isinstance(i, bool) or hasattr(i, "dtype") for i in parts)


def two_steps(index: Any, ndim: int) -> tuple[Any, Any]:
    """``index`` as a basic index and an index to apply after it (or ``None``), for PyTorch's order of axes.

    Beside arrays, NumPy takes an integer for one more array, and moves axes for it: ``x[0, :, [1, 2]]`` is
    (2, n). PyTorch picks the integers first, and gets (n, 2).
    """
    parts = index if isinstance(index, tuple) else (index,)
    whole = [isinstance(i, int) and not isinstance(i, bool) for i in parts]
    if not any(whole) or is_basic(parts):
        return index, None
    taken = sum(i.ndim if hasattr(i, "dtype") and i.dtype == bool else i is not None and i is not Ellipsis for i in parts)
    first: list[Any] = []
    rest: list[Any] = []
    for i, is_whole in zip(parts, whole):
        if is_whole:
            first.append(i)
        elif i is Ellipsis:
            first += [slice(None)] * (ndim - taken)
            rest += [slice(None)] * (ndim - taken)
        elif hasattr(i, "dtype"):
            first += [slice(None)] * (i.ndim if i.dtype == bool else 1)
            rest.append(i)
        else:
            first.append(i)
            rest.append(slice(None))
    return tuple(first), tuple(rest)


@primitive(view=True)
def _getitem(input, *, index):
    y = input[index]
    if isinstance(y, np.generic) and is_basic(index):  # a NumPy scalar is a copy: with "..." it is a 0-d view
        y = input[(*index, ...) if isinstance(index, tuple) else (index, ...)]
    return y


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
    if type(index) is int or type(index) is slice:  # the usual ones need no sorting
        first, rest = index, None
    else:
        first, rest = two_steps(raw_index(input.array, index), input.ndim)
    try:
        y = _getitem(input, index=first)
        return y if rest is None else _getitem(y, index=rest)
    except IndexError as error:
        raise IndexError(f"{error} (the tensor has shape {tuple(input.shape)})") from None


@primitive
def _index_put(input, value, *, index, accumulate=False):
    if is_array(value) and xp_of(value) is not xp_of(input):
        if value.ndim:
            raise TypeError("index_put: CuPy would copy the values without a word")
        value = as_library_of(input, value)
    y = input.copy()
    if accumulate:
        scatter_add(y, index, value)
    else:
        y[index] = value
    return y


_index_put.rule(
    input=lambda g, index, accumulate: g if accumulate else _index_put(g, _zeros(g, ()), index=index),
    value=lambda g, index, value_shape: sum_to(_getitem(g, index=index), shape=value_shape),
)


@spellings
def index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """A copy of ``input`` with ``values`` (broadcast) written, or added, at ``indices``. ``torch.index_put``.

    >>> import tinyrnn
    >>> tinyrnn.index_put(tinyrnn.zeros(3), (tinyrnn.tensor([0, 0]),), tinyrnn.tensor([1., 2.]), accumulate=True)
    tensor([3., 0., 0.])
    """
    return _index_put(input, values, index=raw_index(input.array, tuple(indices)), accumulate=accumulate)


@spellings
def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: float = 1) -> Any:
    """A copy of ``input`` with ``alpha * source`` added to the slices that ``index`` lists. ``torch.index_add``."""
    full = (slice(None),) * _normal(dim, input.ndim)
    return index_put(input, (*full, index), source if alpha == 1 else source * alpha, accumulate=True)


@spellings
def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """A copy of ``input`` with ``value`` in the slices that ``index`` lists. ``torch.index_fill``."""
    if not hasattr(value, "dtype"):
        value = xp_of(input.array).asarray(value, dtype=input.array.dtype)
    return index_put(input, (*(slice(None),) * _normal(dim, input.ndim), index), value)


@spellings
def index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    """A copy of ``input`` with the slices of ``source`` in the places that ``index`` lists. ``torch.index_copy``."""
    return index_put(input, (*(slice(None),) * _normal(dim, input.ndim), index), source)


def masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """A copy of ``input`` with the first elements of ``source``, in order, where ``mask`` is true. ``torch.masked_scatter``."""
    mask = broadcast_to(mask, shape=tuple(input.shape))
    count = int(mask.sum())
    if source.numel() < count:
        raise RuntimeError(f"masked_scatter: expected `source` to have at least {count} elements, got {source.numel()}")
    return index_put(input, (mask,), reshape(source, shape=(-1,))[:count])


@spellings
def take(input: Any, index: Any) -> Any:
    """The elements of the flattened ``input`` at ``index``, in its shape. ``torch.take``."""
    return getitem(reshape(input, shape=(-1,)), index)


def _zeros(g: Any, shape: Any) -> Any:
    """Zeros of the library and dtype of ``g``; never a tensor, for nothing flows into them."""
    array = g.array if isinstance(g, Traced) else g
    return xp_of(array).zeros(tuple(shape), array.dtype)


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
    if xp_of(index) is not xp_of(input):
        raise TypeError(f"{op}(): CuPy would copy the index without a word")
    if index.ndim != input.ndim:
        raise RuntimeError(f"{op}(): index has {index.ndim} axes but input has {input.ndim}")
    dim = _normal(dim, input.ndim)
    if any(i > n for k, (i, n) in enumerate(zip(index.shape, input.shape)) if k != dim):
        raise RuntimeError(f"{op}(): size of index {index.shape} does not fit input {input.shape} apart from dimension {dim}")
    host, n = to_host(index), input.shape[dim] if input.ndim else 1
    if host.size and (host.min() < 0 or host.max() >= n):
        bad = int(host.min()) if host.min() < 0 else int(host.max())
        raise RuntimeError(f"{op}(): index {bad} is out of bounds for dimension {dim} with size {n}")
    return dim


@primitive
def _gather(input, index, *, dim):
    dim = _check_along("gather", input, dim, index)
    return input[_along(input, dim, index)] if input.ndim else input.copy()


@spellings
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
    input=lambda g, input_shape, index, dim: _scatter_add(_zeros(g, input_shape), index, g, dim=dim),
)


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
    input=lambda g, index, dim: _scatter(g, index, _zeros(g, ()), dim=dim),
    src=lambda g, index, src_shape, dim: _at(g, index, src_shape, dim),
)


@spellings
def scatter(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Any:
    """A copy of ``input`` with ``src`` (a tensor or a number) written at ``index`` along ``dim``. ``torch.scatter``."""
    if reduce == "add" and isinstance(src, Traced):
        return _scatter_add(input, index, src, dim=dim)
    if reduce is not None:
        raise NotImplementedError(f"scatter: reduce={reduce!r} is not here; of tensors, reduce='add' is")
    return _scatter(input, index, value if src is None else src, dim=dim)


@spellings
def scatter_add_along(input: Any, dim: int, index: Any, src: Any) -> Any:
    """A copy of ``input`` with ``src`` added at ``index`` along ``dim``; repeats add up. ``torch.scatter_add``."""
    return _scatter_add(input, index, src, dim=dim)


@spellings
def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """``numpy.take_along_axis``: one element for each index, broadcasting the other axes. ``torch.take_along_dim``."""
    if dim is None:
        return _gather(reshape(input, shape=(-1,)), reshape(indices, shape=(-1,)), dim=0)
    d = _normal(dim, input.ndim)
    if indices.ndim != input.ndim:
        raise RuntimeError(f"take_along_dim(): indices have {indices.ndim} axes but input has {input.ndim}")
    if not input.ndim:
        return _gather(input, indices, dim=0)
    others = [tuple(1 if k == d else n for k, n in enumerate(x.shape)) for x in (input, indices)]
    try:
        common = np.broadcast_shapes(*others)
    except ValueError:
        raise RuntimeError(
            f"take_along_dim(): shapes {tuple(input.shape)} and {tuple(indices.shape)} do not broadcast apart from dimension {dim}"
        ) from None
    stretched = [(*common[:d], x.shape[d], *common[d + 1 :]) for x in (input, indices)]
    return _gather(broadcast_to(input, shape=stretched[0]), broadcast_to(indices, shape=stretched[1]), dim=d)


@spellings
def index_select(input: Any, dim: int, index: Any) -> Any:
    """The slices along ``dim`` that a 1-d ``index`` lists. ``torch.index_select``."""
    if index.ndim > 1:
        raise IndexError(f"index_select(): Index is supposed to be a vector, got shape {tuple(index.shape)}")
    if not input.shape:
        return input.clone()
    d = _normal(dim, input.ndim)
    n = input.shape[d]
    host = to_host(index.array)
    if host.size and (host.min() < 0 or host.max() >= n):
        bad = host.min() if host.min() < 0 else host.max()
        raise IndexError(f"index_select(): index {int(bad)} is out of range for axis {d} of size {n}")
    return _getitem(input, index=(slice(None),) * d + (raw_index(input.array, index.reshape(-1)),))


@spellings
def masked_select(input: Any, mask: Any) -> Any:
    """The elements where ``mask`` (which broadcasts) is true, as a 1-d tensor. ``torch.masked_select``."""
    refuse_non_mask("masked_select expected mask", mask.array)
    try:
        shape = np.broadcast_shapes(tuple(input.shape), tuple(mask.shape))
    except ValueError:
        raise RuntimeError(f"masked_select(): shapes {tuple(input.shape)} and {tuple(mask.shape)} do not broadcast") from None
    return getitem(broadcast_to(input, shape=shape), broadcast_to(mask, shape=shape))


# -- rows of a table --


def check_ids(ids: Any, rows: int, what: str) -> None:
    """Refuse ids outside ``[0, rows)``, naming the first and where it stands.

    NumPy would take -1 for the last row. Ids on a GPU are not looked at, since the host would have to wait for them:
    :func:`tinyrnn.kernels.rows.take` makes nan of the bad ones, and so does the loss.
    """
    if ids.size == 0 or (ids.min() >= 0 and ids.max() < rows):
        return
    at = tuple(int(k) for k in np.argwhere((ids < 0) | (ids >= rows))[0])
    raise IndexError(f"index out of range: id {int(ids[at])} at {list(at)} but the {what} has {rows} rows, 0 to {rows - 1}")


@primitive
def _rows(weight, ids):
    if xp_of(ids) is np:
        check_ids(ids, weight.shape[0], "embedding")
    if xp_of(weight) is np:
        return np.take(weight, ids, axis=0)
    y = xp_of(weight).empty((*ids.shape, weight.shape[1]), weight.dtype)
    take_rows(weight, as_library_of(weight, ids), y)
    return y


@primitive
def _add_rows(input, ids, *, rows):
    y = xp_of(input).zeros((rows, input.shape[-1]), input.dtype)
    add_rows(y, ids.reshape(-1), input.reshape(-1, input.shape[-1]))
    return y


@_rows.rule
def _(g, ids, weight_shape):
    V, E = weight_shape
    if isinstance(g, np.ndarray) and V > SMALL_TABLE and ids.size:
        return Rows(ids.reshape(-1), g.reshape(-1, E), V)  # never a (V, E) array where few of its rows were read
    return _add_rows(g, ids, rows=V)


_add_rows.rule(input=lambda g, ids: _rows(g, ids))


def embedding_rows(weight: Any, ids: Any) -> Any:
    """The row ``weight[i]`` for each id: ``(V, E)`` and ``(...)`` to ``(..., E)``.

    Ids in the computer's memory are checked, also for a table on a GPU, to which they are then copied. For ids that are
    on a GPU already, see :func:`check_ids`.

    Raises:
        IndexError: an id is negative or not below V.
    """
    return _rows(weight, ids)


@primitive
def _one_hot(input, *, num_classes):
    return (input[..., None] == xp_of(input).arange(num_classes)).astype(np.int64)


def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """``int64`` rows with a single 1 at the class: ``(...)`` to ``(..., C)``. ``torch.nn.functional.one_hot``.

    >>> import tinyrnn
    >>> tinyrnn.nn.functional.one_hot(tinyrnn.tensor([0, 2]), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])

    Raises:
        RuntimeError: a class is negative or not below ``num_classes``. On a GPU nobody looks if that is given, since the
            host would have to wait: the row of such a class is zeros.
    """
    need_tensors("one_hot", input=tensor)
    array = tensor.array
    if array.dtype.kind not in "iu":
        raise RuntimeError(f"one_hot is only applicable to index tensor of type LongTensor, got {tensor.dtype}")
    if num_classes != -1 and xp_of(array) is not np:
        return _one_hot(tensor, num_classes=num_classes)
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
