"""Primitives that move elements about: reshaping, joining, cutting."""

from __future__ import annotations

import math
from typing import Any

from .. import dtypes
from ..backend import xp_of
from ..engine import primitive, spellings
from .elementwise import broadcast_to, sum_to
from .memory import clone


def _normal(dim: int, ndim: int) -> int:
    """A non-negative axis, or PyTorch's ``IndexError``."""
    least = max(ndim, 1)
    if not -least <= dim < least:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-least}, {least - 1}], but got {dim})")
    return dim % least


@primitive(view=True)
def reshape(input, *, shape):
    """The same elements in another shape, one size of which may be -1. ``torch.reshape``."""
    if -1 not in shape and math.prod(shape) != input.size:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {input.size} (shape {input.shape})")
    try:
        return input.reshape(shape)
    except ValueError:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {input.size} (shape {input.shape})") from None


reshape.rule(lambda g, input_shape: reshape(g, shape=input_shape))


@primitive(view=True)
def permute(input, *, dims):
    """The axes in another order. ``torch.permute``."""
    if len(dims) != input.ndim:
        raise RuntimeError(f"permute: expected {input.ndim} axes for shape {input.shape}, got {tuple(dims)}")
    return input.transpose(dims)


@permute.rule
def _(g, dims):
    ndim = len(dims)
    inverse = [0] * ndim
    for k, d in enumerate(dims):
        inverse[d % ndim] = k
    return permute(g, dims=tuple(inverse))


@primitive(view=True)
def transpose(input, *, dim0, dim1):
    """Two axes swapped. ``torch.transpose``."""
    return input.swapaxes(_normal(dim0, input.ndim), _normal(dim1, input.ndim)) if input.ndim else input


transpose.rule(lambda g, dim0, dim1: transpose(g, dim0=dim0, dim1=dim1))


@primitive(view=True)
def squeeze(input, *, dim=None):
    """Without the axes of size 1 (all of them, or those in ``dim``). ``torch.squeeze``."""
    if dim is None:
        return input.squeeze()
    dims = [_normal(d, input.ndim) for d in ((dim,) if isinstance(dim, int) else dim)]
    return input.squeeze(tuple(d for d in dims if input.ndim and input.shape[d] == 1))


squeeze.rule(lambda g, input_shape: reshape(g, shape=input_shape))


@primitive(view=True)
def unsqueeze(input, *, dim):
    """With an axis of size 1 inserted at ``dim``. ``torch.unsqueeze``."""
    return xp_of(input).expand_dims(input, _normal(dim, input.ndim + 1))


unsqueeze.rule(lambda g, input_shape: reshape(g, shape=input_shape))


@spellings
def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The axes from ``start_dim`` to ``end_dim`` made one. ``torch.flatten``."""
    shape = tuple(input.shape)
    if not shape:
        return reshape(input, shape=(1,))
    start, end = _normal(start_dim, len(shape)), _normal(end_dim, len(shape))
    if start > end:
        raise RuntimeError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    return reshape(input, shape=(*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


@primitive(view=True)
def expand(input, *, shape):
    """Axes of size 1 stretched, new ones put in front; -1 keeps a size. No copy is made. ``torch.Tensor.expand``."""
    lead = len(shape) - input.ndim
    full = tuple(input.shape[k - lead] if n == -1 and k >= lead else n for k, n in enumerate(shape))
    if full == input.shape:
        return input.view()  # which can be written to
    try:
        return xp_of(input).broadcast_to(input, full)
    except ValueError:
        raise RuntimeError(f"expand: shape {input.shape} cannot be stretched to {tuple(shape)}; only axes of size 1 can") from None


expand.rule(lambda g, input_shape: sum_to(g, shape=input_shape))


def expand_as_reduced(g: Any, shape: Any, dim: Any, keepdim: bool) -> Any:
    """Stretch what a reduction of ``shape`` over ``dim`` returned back over the axes that it lost."""
    shape = tuple(shape)
    if dim is None or dim == () or dim == []:
        axes = set(range(len(shape)))
    else:
        axes = {d % len(shape) for d in ((dim,) if isinstance(dim, int) else dim)} if shape else set()
    if not keepdim:
        g = reshape(g, shape=tuple(1 if k in axes else n for k, n in enumerate(shape)))
    return broadcast_to(g, shape=shape)


def repeat(input: Any, sizes: tuple[int, ...]) -> Any:
    """``input`` tiled ``sizes`` times along its axes, new axes in front, in memory of its own. ``torch.Tensor.repeat``."""
    shape = tuple(input.shape)
    if len(sizes) < len(shape):
        raise RuntimeError(f"repeat: {len(sizes)} repeat counts for {len(shape)} axes; give one for each axis")
    shape = (1,) * (len(sizes) - len(shape)) + shape
    interleaved = [n for k, one in enumerate(shape) for n in (1, one)]
    stretched = [n for k, one in enumerate(shape) for n in (sizes[k], one)]
    tiled = broadcast_to(reshape(input, shape=tuple(interleaved)), shape=tuple(stretched))
    return reshape(clone(tiled), shape=tuple(n * s for n, s in zip(shape, sizes)))


@primitive
def flip(input, *, dims):
    """The order along each axis in ``dims`` reversed. ``torch.flip``."""
    return xp_of(input).flip(input, dims).copy() if input.ndim else input.copy()


flip.rule(lambda g, dims: flip(g, dims=dims))


@primitive
def roll(input, *, shifts, dims=None):
    """Elements moved along ``dims``, those that fall off come in at the other end. ``torch.roll``."""
    return xp_of(input).roll(input, shifts, dims)


@roll.rule
def _(g, shifts, dims):
    back = -shifts if isinstance(shifts, int) else tuple(-s for s in shifts)
    return roll(g, shifts=back, dims=dims)


def _refuse_scalar(name: str, input: Any) -> None:
    if not len(input.shape):
        raise RuntimeError(f"{name}() cannot be applied to a 0-dim tensor: it has no axis to cut along")


def _refuse_fewer_than_two_axes(name: str, input: Any) -> None:
    if input.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions, got shape {input.shape}")


@primitive
def tril(input, *, diagonal=0):
    """The lower triangle of the last two axes, zeros above ``diagonal``. ``torch.tril``."""
    _refuse_fewer_than_two_axes("tril", input)
    return xp_of(input).tril(input, diagonal)


tril.rule(lambda g, diagonal: tril(g, diagonal=diagonal))


@primitive
def triu(input, *, diagonal=0):
    """The upper triangle of the last two axes, zeros below ``diagonal``. ``torch.triu``."""
    _refuse_fewer_than_two_axes("triu", input)
    return xp_of(input).triu(input, diagonal)


triu.rule(lambda g, diagonal: triu(g, diagonal=diagonal))


# -- joining and cutting --


@primitive
def _cat(*tensors, dim):
    xp = xp_of(tensors[0])
    return xp.ascontiguousarray(xp.concatenate(tensors, axis=dim))


@_cat.joint_rule
def _(g, tensors_shape, dim):
    return split(g, [shape[dim] for shape in tensors_shape], dim)


@primitive
def _stack(*tensors, dim):
    xp = xp_of(tensors[0])
    return xp.ascontiguousarray(xp.stack(tensors, axis=dim))


_stack.joint_rule(lambda g, dim: unbind(g, dim=dim))


@spellings
def cat(tensors: Any, dim: int = 0) -> Any:
    """Join along an axis that is there already. ``torch.cat``.

    >>> import tinyrnn
    >>> tinyrnn.cat([tinyrnn.zeros(2), tinyrnn.ones(1)])
    tensor([0., 0., 1.])
    """
    tensors = _several("cat", tensors)
    ndim = max(len(t.shape) for t in tensors)
    tensors = tuple(t for t in tensors if tuple(t.shape) != (0,)) or tensors[:1] if ndim > 1 else tensors
    if ndim == 0:
        raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated: use stack")
    dim = _normal(dim, ndim)
    first = tuple(tensors[0].shape)
    for k, t in enumerate(tensors):
        shape = tuple(t.shape)
        if len(shape) != len(first) or shape[:dim] != first[:dim] or shape[dim + 1 :] != first[dim + 1 :]:
            raise RuntimeError(f"Sizes of tensors must match except in dimension {dim}: tensor 0 has shape {first}, tensor {k} has {shape}")
    return _cat(*_one_dtype(tensors), dim=dim)


@spellings
def stack(tensors: Any, dim: int = 0) -> Any:
    """Join along a new axis. ``torch.stack``."""
    tensors = _several("stack", tensors)
    first = tuple(tensors[0].shape)
    for k, t in enumerate(tensors):
        if tuple(t.shape) != first:
            raise RuntimeError(f"stack expects each tensor to be equal size, but got {first} at entry 0 and {tuple(t.shape)} at entry {k}")
    return _stack(*_one_dtype(tensors), dim=_normal(dim, len(first) + 1))


def _several(name: str, tensors: Any) -> tuple:
    if hasattr(tensors, "shape"):
        raise TypeError(f"{name}(): argument 'tensors' must be a tuple or list of Tensors, not one Tensor")
    tensors = tuple(tensors)
    if not tensors:
        raise (ValueError if name == "cat" else RuntimeError)(f"{name}(): expected a non-empty list of Tensors")
    return tensors


def _one_dtype(tensors: tuple) -> tuple:
    if all(t.dtype == tensors[0].dtype for t in tensors):
        return tensors
    target = dtypes.from_numpy_dtype(dtypes.result_type(*(t.array for t in tensors)))
    return tuple(t.to(target) for t in tensors)


@primitive(view=True)
def unbind(input, *, dim=0):
    """The slices along an axis, without it, as a tuple. ``torch.unbind``.

    One node for all of them, so going back over T slices takes T steps; ``x[0], x[1], ...`` would take T * T.
    """
    if input.ndim == 0:
        raise IndexError("unbind: a 0-d tensor has no axis to cut")
    dim = _normal(dim, input.ndim)
    if input.ndim == 1:
        return tuple(input[k, ...] for k in range(len(input)))  # 0-d views; without "..." they would be copies
    return tuple(xp_of(input).moveaxis(input, dim, 0))


unbind.rule(lambda g, dim: stack(g, dim))


@primitive(view=True)
def _split(input, *, sizes, dim):
    edges, at = [], 0
    for n in sizes[:-1]:
        at += n
        edges.append(at)
    return tuple(xp_of(input).split(input, edges, axis=dim))


_split.rule(lambda g, dim: cat(g, dim))


@spellings
def split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> tuple:
    """Pieces of a size (the last may be smaller), or of the sizes given, along an axis. ``torch.split``."""
    _refuse_scalar("split", tensor)
    dim = _normal(dim, len(tensor.shape))
    n = tensor.shape[dim]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0 or (size == 0 and n > 0):
            raise RuntimeError(f"split expects a positive split_size, got {size}")
        sizes = [size] * (n // size) + ([n % size] if n % size else []) if n else [0]
    else:
        sizes = list(split_size_or_sections)
        if sum(sizes) != n:
            raise RuntimeError(f"split: the sizes {sizes} add up to {sum(sizes)}, but axis {dim} has {n}")
    return _split(tensor, sizes=tuple(sizes), dim=dim)


@spellings
def chunk(input: Any, chunks: int, dim: int = 0) -> tuple:
    """At most ``chunks`` pieces of equal size (the last may be smaller) along an axis. ``torch.chunk``."""
    if chunks < 1:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    _refuse_scalar("chunk", input)
    n = input.shape[_normal(dim, len(input.shape))]
    return split(input, max(1, -(-n // chunks)) if n else [0] * chunks, dim)


@primitive(view=True)
def narrow(input, *, dim, start, length):
    """``length`` slices along ``dim`` from ``start`` on, without copying. ``torch.narrow``."""
    _refuse_scalar("narrow", input)
    dim = _normal(dim, input.ndim)
    n = input.shape[dim]
    begin = start + n if start < 0 else start
    if not 0 <= begin <= n:
        raise IndexError(f"narrow: start out of range (expected to be in range of [{-n}, {n}], but got {start})")
    if length < 0 or begin + length > n:
        raise RuntimeError(f"narrow: start {start} and length {length} exceed axis {dim} of size {n}")
    return input[(slice(None),) * dim + (slice(begin, begin + length),)]


@narrow.rule
def _(g, input_shape, dim, start, length):
    dim = _normal(dim, len(input_shape))
    n = input_shape[dim]
    before = start + n if start < 0 else start
    return _pad(g, dim=dim, before=before, after=n - before - length)


@primitive
def _pad(input, *, dim, before, after):
    shape = list(input.shape)
    shape[dim] += before + after
    y = xp_of(input).zeros(shape, input.dtype)
    y[(slice(None),) * dim + (slice(before, shape[dim] - after),)] = input
    return y


_pad.rule(lambda g, input_shape, dim, before: narrow(g, dim=dim, start=before, length=input_shape[dim]))
