"""More ways to cut, join and rearrange, nearly all of them composed of those in ``shape`` and ``index``."""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..backend import to_host, xp_of
from ..engine import Traced, need_tensors, primitive, spellings, wrap
from .index import getitem
from .shape import _normal, cat, expand, narrow, permute, repeat, reshape, stack, transpose, unsqueeze
from .windows import windows


def t(input: Any) -> Any:
    """A matrix transposed; vectors stay as they are. ``torch.t``."""
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return transpose(input, dim0=0, dim1=-1) if input.ndim == 2 else input


def swapaxes(input: Any, axis0: int, axis1: int) -> Any:
    """Two axes swapped: ``transpose``. ``torch.swapaxes``."""
    return transpose(input, dim0=axis0, dim1=axis1)


def movedim(input: Any, source: Any, destination: Any) -> Any:
    """The axes ``source`` moved to the places ``destination``; the others keep their order. ``torch.movedim``."""
    ndim = max(input.ndim, 1)
    sources, places = ([_normal(d, input.ndim) for d in ((x,) if isinstance(x, int) else x)] for x in (source, destination))
    if len(sources) != len(places):
        raise RuntimeError(f"movedim: Invalid source or destination dims: source has {len(sources)}, destination {len(places)}")
    if len(set(sources)) < len(sources) or len(set(places)) < len(places):
        raise RuntimeError(f"movedim: repeated dim in `source` {sources} or `destination` {places}")
    order = [k for k in range(ndim) if k not in sources]
    for place, d in sorted(zip(places, sources)):
        order.insert(place, d)
    return permute(input, dims=tuple(order[: input.ndim]))


def select(input: Any, dim: int, index: int) -> Any:
    """The slice at ``index`` along ``dim``, a view without that axis. ``torch.select``."""
    if not input.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    d = _normal(dim, input.ndim)
    n = input.shape[d]
    if not -n <= index < n:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}")
    return getitem(input, (slice(None),) * d + (int(index),))


def unflatten(input: Any, dim: int, sizes: Any) -> Any:
    """An axis split into axes of ``sizes``, one of which may be -1. ``torch.unflatten``."""
    d = _normal(dim, input.ndim)
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    known = int(np.prod([n for n in sizes if n != -1]))
    if (input.shape[d] % known if -1 in sizes and known else input.shape[d] - known) != 0:
        raise RuntimeError(f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({input.shape[d]})")
    sizes = [input.shape[d] // known if n == -1 else n for n in sizes]
    return reshape(input, shape=(*input.shape[:d], *sizes, *input.shape[d + 1 :]))


def ravel(input: Any) -> Any:
    """One axis of all elements. ``torch.ravel``."""
    return reshape(input, shape=(-1,))


def broadcast_to(input: Any, size: Any) -> Any:
    """Axes of size 1 stretched, new ones in front, without copying. ``torch.broadcast_to``."""
    return expand(input, shape=tuple(size))


def broadcast_tensors(*tensors: Any) -> tuple:
    """All of them stretched to the shape that they broadcast to. ``torch.broadcast_tensors``."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    shape = broadcast_shapes(*(x.shape for x in tensors))
    return tuple(expand(x, shape=tuple(shape)) for x in tensors)


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape that they broadcast to. ``torch.broadcast_shapes``."""
    try:
        return np.broadcast_shapes(*((s,) if isinstance(s, int) else tuple(s) for s in shapes))
    except ValueError:
        raise RuntimeError(f"Shape mismatch: {' and '.join(str(tuple(s)) for s in shapes)} do not broadcast") from None


def tile(input: Any, dims: Any) -> Any:
    """Repeated ``dims`` times along its last axes. ``torch.tile``."""
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    return repeat(input, (1,) * (input.ndim - len(dims)) + dims)


def repeat_interleave(input: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None) -> Any:
    """Each slice along ``dim`` ``repeats`` times over; of the flattened tensor without ``dim``. ``torch.repeat_interleave``.

    >>> import tinyrnn
    >>> tinyrnn.repeat_interleave(tinyrnn.tensor([7, 8]), tinyrnn.tensor([1, 2]))
    tensor([7, 8, 8])
    """
    if repeats is None:
        repeats, input = input, wrap(xp_of(input.array).arange(len(input)))
    if dim is None:
        input, dim = reshape(input, shape=(-1,)), 0
    d = _normal(dim, input.ndim)
    n = input.shape[d]
    counts = to_host(repeats.array) if isinstance(repeats, Traced) else np.asarray(repeats)
    if counts.dtype.kind not in "iu" or counts.ndim > 1 or counts.size not in (1, n):
        raise RuntimeError(f"repeats must be integers, one or as many as the axis has ({n}), got {counts.size} of dtype {counts.dtype}")
    if (counts < 0).any():
        raise RuntimeError("repeats can not be negative")
    return getitem(input, (slice(None),) * d + (wrap(np.repeat(np.arange(n), counts)),))


def unfold(input: Any, dimension: int, size: int, step: int) -> Any:
    """Windows of ``size`` along an axis, one every ``step``, as a new last axis. ``torch.Tensor.unfold``; here it is a copy.

    >>> import tinyrnn
    >>> tinyrnn.arange(4).unfold(0, 2, 1)
    tensor([[0, 1],
            [1, 2],
            [2, 3]])
    """
    d = _normal(dimension, input.ndim)
    n = input.shape[d] if input.ndim else 1
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {dimension} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if not input.ndim:
        return reshape(input, shape=(1,)).narrow(0, 0, size)
    return movedim(windows(movedim(input, d, -1), size=size, step=step, dilation=1, count=(n - size) // step + 1), -2, d)


@spellings
def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple:
    """So many pieces of nearly equal size, or cut at the given places. ``torch.tensor_split``."""
    d = _normal(dim, input.ndim)
    n = input.shape[d]
    cuts = indices_or_sections.tolist() if isinstance(indices_or_sections, Traced) else indices_or_sections  # type: ignore[attr-defined]
    if isinstance(cuts, int):
        if cuts < 1:
            raise RuntimeError(f"number of sections must be larger than 0, got {cuts}")
        small, larger = divmod(n, cuts)
        edges = [k * small + builtins.min(k, larger) for k in range(cuts + 1)]
    else:
        edges = [0, *(builtins.min(builtins.max(c + n if c < 0 else c, 0), n) for c in cuts), n]
    pairs = itertools.pairwise(edges)
    return tuple(narrow(input, dim=d, start=start, length=builtins.max(stop - start, 0)) for start, stop in pairs)


def _split_along(op: str, input: Any, how: Any, dim: int, least: int) -> tuple:
    if input.ndim < least:
        raise RuntimeError(f"{op} requires a tensor with at least {least} dimension, but got a tensor with {input.ndim} dimensions!")
    if isinstance(how, Traced):
        raise TypeError(f"{op}(): expected a number of pieces or a tuple of places, got a tensor: take .tolist()")
    if isinstance(how, int) and (how < 1 or input.shape[dim] % how):
        n = input.shape[dim]
        raise RuntimeError(f"{op} attempted to split along dimension {dim}, but its size {n} is not divisible by the split_size {how}!")
    return tensor_split(input, how, dim)


@spellings
def hsplit(input: Any, indices_or_sections: Any) -> tuple:
    """So many equal pieces side by side, or cut at the given places: along axis 1, vectors along their only one. ``torch.hsplit``."""
    return _split_along("hsplit", input, indices_or_sections, 0 if input.ndim == 1 else 1, 1)


@spellings
def vsplit(input: Any, indices_or_sections: Any) -> tuple:
    """So many equal pieces one below the other, or cut at the given places. ``torch.vsplit``."""
    return _split_along("vsplit", input, indices_or_sections, 0, 2)


@spellings
def dsplit(input: Any, indices_or_sections: Any) -> tuple:
    """So many equal pieces along axis 2, or cut at the given places. ``torch.dsplit``."""
    return _split_along("dsplit", input, indices_or_sections, 2, 3)


# -- joining --


def _with_axes(x: Any, ndim: int) -> Any:
    return reshape(x, shape=(1,) * (ndim - x.ndim) + tuple(x.shape)) if x.ndim < ndim else x


def _each(tensors: tuple, function: Any) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        return tuple(map(function, tensors[0]))
    return function(tensors[0]) if len(tensors) == 1 else tuple(map(function, tensors))


def atleast_1d(*tensors: Any) -> Any:
    """Numbers as vectors of one; of several, a tuple. ``torch.atleast_1d``."""
    return _each(tensors, lambda x: _with_axes(x, 1))


def atleast_2d(*tensors: Any) -> Any:
    """Vectors as matrices of one row; of several, a tuple. ``torch.atleast_2d``."""
    return _each(tensors, lambda x: _with_axes(x, 2))


@spellings
def hstack(tensors: Any) -> Any:
    """Joined side by side: along axis 1, vectors along their only one. ``torch.hstack``."""
    tensors = atleast_1d(list(tensors))
    return cat(tensors, 0 if tensors[0].ndim == 1 else 1)


@spellings
def vstack(tensors: Any) -> Any:
    """Joined one below the other: along axis 0, vectors as rows. ``torch.vstack``."""
    return cat(atleast_2d(list(tensors)), 0)


@spellings
def dstack(tensors: Any) -> Any:
    """Joined along axis 2. ``torch.dstack``."""
    return cat([unsqueeze(x, dim=2) if x.ndim == 2 else x for x in atleast_2d(list(tensors))], 2)


@spellings
def column_stack(tensors: Any) -> Any:
    """Vectors, and matrices, as columns beside each other. ``torch.column_stack``."""
    return cat([reshape(x, shape=(-1, 1)) if x.ndim < 2 else x for x in tensors], 1)


def block_diag(*tensors: Any) -> Any:
    """Matrices one after the other along the diagonal, and zeros; vectors count as rows. ``torch.block_diag``."""
    need_tensors("block_diag", **{f"tensors[{k}]": x for k, x in enumerate(tensors)})
    for k, x in enumerate(tensors):
        if x.ndim > 2:
            raise RuntimeError(f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {k} has {x.ndim} dimensions")
    rows, before, width = [], 0, builtins.sum(x.shape[-1] if x.ndim else 1 for x in tensors)
    for x in map(atleast_2d, tensors):
        n, wide = x.shape
        zeros = [wrap(xp_of(x.array).zeros((n, m), x.array.dtype)) for m in (before, width - before - wide)]
        rows.append(cat([zeros[0], x, zeros[1]], 1))
        before += wide
    return cat(rows, 0) if rows else wrap(np.zeros((1, 0), dtypes.get_default_dtype().numpy))


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple:
    """Coordinates of a grid, one tensor for each axis; ``indexing="xy"`` swaps the first two axes. ``torch.meshgrid``."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    for x in tensors:
        if x.ndim > 1:
            raise RuntimeError(f"meshgrid: Expected 0D or 1D tensors, but got shape {tuple(x.shape)}")
        if x.dtype != tensors[0].dtype:
            raise RuntimeError(f"meshgrid expects all tensors to have the same dtype, but got {tensors[0].dtype} and {x.dtype}")
    sizes = tuple(x.numel() for x in tensors)
    grids = tuple(expand(reshape(x, shape=(1,) * k + (-1,) + (1,) * (len(sizes) - k - 1)), shape=sizes) for k, x in enumerate(tensors))
    return tuple(transpose(x, dim0=0, dim1=1) for x in grids) if indexing == "xy" and len(sizes) > 1 else grids


# -- diagonals --


@primitive(view=True)
def diagonal(input, *, offset=0, dim1=0, dim2=1):
    """The diagonal of two axes, as the last axis; ``offset`` > 0 is above it. ``torch.diagonal``."""
    axes = _normal(dim1, input.ndim), _normal(dim2, input.ndim)
    if axes[0] == axes[1]:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    y = input.diagonal(offset, *axes)
    if isinstance(input, np.ndarray) and input.flags.writeable:
        y.flags.writeable = True  # NumPy gives a read-only view, PyTorch one that fill_ and the like go through
    return y


@primitive
def _from_diagonal(input, *, shape, offset, dim1, dim2):
    """Zeros with ``input`` on the diagonal: what undoes ``diagonal``."""
    y = xp_of(input).zeros(shape, input.dtype)
    diagonal.forward(y, offset=offset, dim1=dim1, dim2=dim2)[...] = input
    return y


diagonal.rule(lambda g, input_shape, offset, dim1, dim2: _from_diagonal(g, shape=tuple(input_shape), offset=offset, dim1=dim1, dim2=dim2))
_from_diagonal.rule(lambda g, offset, dim1, dim2: diagonal(g, offset=offset, dim1=dim1, dim2=dim2))


@spellings
def diag(input: Any, diagonal: int = 0) -> Any:
    """The matrix with that diagonal, of a vector; a copy of the diagonal, of a matrix. ``torch.diag``."""
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    return _diagonal(input, offset=diagonal).clone()


_diagonal = diagonal  # under the name that the argument of diag takes away


def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Matrices, in the axes ``dim1`` and ``dim2`` of the result, with the last axis as diagonal. ``torch.diag_embed``."""
    ndim = input.ndim + 1
    n = input.shape[-1] + builtins.abs(offset)
    axes = _normal(dim1, ndim), _normal(dim2, ndim)
    shape = list(input.shape[:-1])
    for d in sorted(axes):
        shape.insert(d, n)
    return _from_diagonal(input, shape=tuple(shape), offset=offset, dim1=axes[0], dim2=axes[1])


def diagflat(input: Any, offset: int = 0) -> Any:
    """The matrix with all elements on its diagonal. ``torch.diagflat``."""
    return diag_embed(ravel(input), offset)


def rot90(input: Any, k: int = 1, dims: Sequence[int] = (0, 1)) -> Any:
    """A quarter turn, ``k`` times, from the first of ``dims`` to the second. ``torch.rot90``."""
    for _ in range(k % 4):
        input = transpose(input, dim0=dims[0], dim1=dims[1]).flip(dims[0])
    return input.clone()


def fliplr(input: Any) -> Any:
    """Axis 1 reversed. ``torch.fliplr``."""
    return input.flip(1)


def flipud(input: Any) -> Any:
    """Axis 0 reversed. ``torch.flipud``."""
    return input.flip(0)


def cartesian_prod(*tensors: Any) -> Any:
    """Every combination of one element of each, a row each. ``torch.cartesian_prod``."""
    if len(tensors) == 1:
        return tensors[0]
    return stack([reshape(x, shape=(-1,)) for x in meshgrid(*tensors)], 1)


def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """Every choice of ``r`` of the elements, a row each. ``torch.combinations``."""
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    at = np.array(list(choose(range(len(input)), r)), np.int64).reshape(-1, r)
    return getitem(input, wrap(at))
