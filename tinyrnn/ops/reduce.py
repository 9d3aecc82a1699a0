"""Primitives and small composites that reduce or accumulate along axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from .. import dtypes
from ..backend import xp_of
from ..engine import Traced, primitive, spellings
from .elementwise import abs, broadcast_to, cast, exp, maximum, minimum, pow, sqrt, square, where
from .index import take_along_dim
from .shape import _normal, expand_as_reduced, flatten, flip, transpose, unsqueeze


class ValuesIndices(NamedTuple):
    """What ``max``, ``min``, ``sort`` and ``topk`` along an axis return."""

    values: Any
    indices: Any

    def __repr__(self) -> str:
        return f"{dtypes.module}.return_types.{type(self).__name__}(\nvalues={self.values!r},\nindices={self.indices!r})"


def names_its_pair(function: Callable) -> Callable:
    """``function``, whose :class:`ValuesIndices` prints under the function's name, as PyTorch's does."""
    kind = type(function.__name__, (ValuesIndices,), {"__slots__": ()})

    @wraps(function)
    def named(*args: Any, **options: Any) -> Any:
        result = function(*args, **options)
        return kind(*result) if type(result) is ValuesIndices else result

    return named


def _axes(dim: Any, ndim: int) -> tuple[int, ...] | None:
    """The axes to reduce; ``None`` for all, which no ``dim`` and ``()`` mean."""
    dims = (dim,) if isinstance(dim, int) else tuple(dim or ())
    axes = tuple(_normal(d, ndim) for d in dims)
    if len(set(axes)) < len(axes):
        raise RuntimeError(f"dim {axes[0]} appears multiple times in the list of dims {list(dims)}")
    return axes if axes and ndim else None


def _count(shape: tuple[int, ...], dim: Any) -> int:
    axes = _axes(dim, len(shape))
    return math.prod(shape if axes is None else (shape[d] for d in axes))


@primitive
def sum(input, *, dim=None, keepdim=False, dtype=None):
    """Sum over ``dim`` (an axis, several, or all). Integers and booleans add up in ``int64``. ``torch.sum``.

    >>> import tinyrnn
    >>> tinyrnn.sum(tinyrnn.ones(2, 3), 0)
    tensor([2., 2., 2.])
    """
    accumulate = None if dtype is None else dtypes.as_numpy_dtype(dtype)
    if accumulate is None and input.dtype.kind in "biu":
        accumulate = np.dtype(np.int64)
    return input.sum(axis=_axes(dim, input.ndim), keepdims=keepdim, dtype=accumulate)


@sum.rule
def _(g, input_shape, input_dtype, dim, keepdim):
    return cast(expand_as_reduced(g, input_shape, dim, keepdim), dtype=input_dtype)


@primitive
def _mean(input, *, dim=None, keepdim=False):
    # Not the array's own mean: on an empty axis that prints a warning besides giving nan.
    return input.sum(axis=_axes(dim, input.ndim), keepdims=keepdim) / _count(input.shape, dim)


@_mean.rule
def _(g, input_shape, dim, keepdim):
    return expand_as_reduced(g / _count(input_shape, dim), input_shape, dim, keepdim)


@spellings
def mean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Mean over ``dim`` (an axis, several, or all) of a floating tensor. ``torch.mean``."""
    if dtype is not None:
        input = input.to(dtype)
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            f"mean(): could not infer output dtype. Input dtype must be a floating point dtype. Got: {input.dtype}. Use x.float().mean()."
        )
    return _mean(input, dim=dim, keepdim=keepdim)


def _correction(unbiased: bool | None, correction: float | None) -> float:
    if correction is not None:
        return correction
    return 1 if unbiased is None or unbiased else 0


@spellings
def var(input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None) -> Any:
    """Variance, divided by ``n - correction`` (1 unless told otherwise). ``torch.var``.

    >>> import tinyrnn
    >>> x = tinyrnn.tensor([1., 2., 3.])
    >>> tinyrnn.var(x), tinyrnn.var(x, unbiased=False)
    (tensor(1.), tensor(0.6667))
    """
    if isinstance(dim, bool):  # torch.var(x, False)
        dim, unbiased = None, dim
    degrees = _count(tuple(input.shape), dim) - _correction(unbiased, correction)
    centred = input - mean(input, dim, keepdim=True)
    return sum(square(centred), dim, keepdim) / max_number(degrees, 0)


def max_number(a: float, b: float) -> float:
    """The larger of two numbers (``max`` means a tensor's maximum here)."""
    return a if a > b else b


@spellings
def std(input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None) -> Any:
    """Standard deviation, the square root of :func:`var`. ``torch.std``."""
    return _root(var(input, dim, unbiased, keepdim, correction=correction), sqrt)


def _root(total: Any, root: Any) -> Any:
    """``root(total)``, whose gradient at 0 is 0 instead of infinite."""
    zero = total == 0
    return where(zero, 0.0, root(where(zero, 1.0, total)))


@primitive
def amax(input, *, dim=None, keepdim=False):
    """The largest over ``dim``; equal ones share the gradient. ``torch.amax``."""
    return input.max(axis=_axes_with_elements("amax", input, dim), keepdims=keepdim)


@primitive
def amin(input, *, dim=None, keepdim=False):
    """The smallest over ``dim``; equal ones share the gradient. ``torch.amin``."""
    return input.min(axis=_axes_with_elements("amin", input, dim), keepdims=keepdim)


def _axes_with_elements(op: str, input: Any, dim: Any) -> Any:
    axes = _axes(dim, input.ndim)
    if 0 in [input.shape[k] for k in axes or ()]:
        raise IndexError(f"{op}(): Expected reduction dim {dim} to have non-zero size, got shape {input.shape}")
    return axes


def _share_among_ties(g, input, y, dim, keepdim):
    hit = input == expand_as_reduced(y, input.shape, dim, keepdim)
    share = expand_as_reduced(g / sum(hit, dim=dim, keepdim=keepdim), input.shape, dim, keepdim)
    return where(hit, cast(share, dtype=_numpy_dtype(input)), 0.0)


amax.rule(_share_among_ties)
amin.rule(_share_among_ties)


def _numpy_dtype(x: Any) -> np.dtype:
    return x.array.dtype if isinstance(x, Traced) else x.dtype


@primitive
def argmax(input, *, dim=None, keepdim=False):
    """The index of the largest (the first of equals); of the flattened tensor without ``dim``. ``torch.argmax``."""
    return _arg("argmax", input, dim, keepdim)


@primitive
def argmin(input, *, dim=None, keepdim=False):
    """The index of the smallest (the first of equals); of the flattened tensor without ``dim``. ``torch.argmin``."""
    return _arg("argmin", input, dim, keepdim)


def _arg(which: str, input: Any, dim: int | None, keepdim: bool) -> Any:
    xp = xp_of(input)
    axes = None if dim is None else _axes(dim, input.ndim)
    dim = axes[0] if axes else None
    if not (input.size if dim is None else input.shape[dim]):
        raise IndexError(f"{which}(): expected something to choose from along dimension {dim}, got shape {input.shape}")
    found = getattr(xp, which)(input, axis=dim)
    if keepdim:
        found = xp.expand_dims(found, dim) if dim is not None else xp.reshape(found, (1,) * input.ndim)
    return found


@spellings
@names_its_pair
def max(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The largest element; with ``dim``, a pair (values, indices); with another tensor, the larger of each pair.

    ``torch.max``.

    >>> import tinyrnn
    >>> tinyrnn.max(tinyrnn.tensor([[1., 5.], [7., 2.]]), 1)
    tinyrnn.return_types.max(
    values=tensor([5., 7.]),
    indices=tensor([1, 0]))
    """
    return _extreme(amax, argmax, maximum, input, dim, keepdim, other)


@spellings
@names_its_pair
def min(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The smallest element; with ``dim``, a pair (values, indices); with another tensor, the smaller of each pair.

    ``torch.min``.
    """
    return _extreme(amin, argmin, minimum, input, dim, keepdim, other)


def _extreme(whole: Any, arg: Any, pairwise: Any, input: Any, dim: Any, keepdim: bool, other: Any) -> Any:
    if isinstance(dim, Traced):
        dim, other = None, dim
    if other is not None:
        return pairwise(input, other)
    if dim is None:
        return whole(input)
    at = arg(input, dim=dim, keepdim=True)
    values = take_along_dim(input, at, dim=dim)
    return ValuesIndices(values, at) if keepdim else ValuesIndices(values.squeeze(dim), at.squeeze(dim))


@primitive
def logsumexp(input, *, dim, keepdim=False):
    """``log(sum(exp(input)))`` over ``dim``, without overflow. ``torch.logsumexp``."""
    xp = xp_of(input)
    if input.dtype.kind in "biu":
        input = input.astype(dtypes.get_default_dtype().numpy)
    top = input.max(axis=_axes(dim, input.ndim), keepdims=True) if input.size else input.sum(axis=_axes(dim, input.ndim), keepdims=True)
    top = xp.where(xp.isfinite(top), top, 0)
    y = xp.log(xp.exp(input - top).sum(axis=_axes(dim, input.ndim), keepdims=True)) + top
    return y if keepdim else y.squeeze(axis=_axes(dim, input.ndim))


@logsumexp.rule
def _(g, input, y, dim, keepdim):
    weights = exp(input - expand_as_reduced(y, input.shape, dim, keepdim))
    return expand_as_reduced(g, input.shape, dim, keepdim) * weights


@primitive
def cumsum(input, *, dim, dtype=None):
    """Running sums along ``dim``. ``torch.cumsum``."""
    accumulate = np.int64 if input.dtype.kind in "biu" and dtype is None else dtype and dtypes.as_numpy_dtype(dtype)
    axis = _normal(dim, input.ndim)
    return input.cumsum(axis=axis, dtype=accumulate).reshape(input.shape)  # of a 0-d array NumPy makes a vector


@cumsum.rule
def _(g, input_dtype, dim):
    dims = (dim,) if g.ndim else ()
    return cast(flip(cumsum(flip(g, dims=dims), dim=dim), dims=dims), dtype=input_dtype)


@primitive
def _prod(input, *, dim):
    return input.prod(axis=dim)


@_prod.rule
def _(g, input, y, dim):
    x = input.array if isinstance(input, Traced) else input
    if (x != 0).all():
        return unsqueeze(g, dim=dim) * (unsqueeze(y, dim=dim) / input)
    # With a zero among the factors: the product of the *others*, by putting 1 in each factor's place in turn.
    n = x.shape[dim]
    last = transpose(input, dim0=dim, dim1=-1)
    xp = xp_of(x)
    others = where(xp.eye(n, dtype=bool), 1.0, broadcast_to(unsqueeze(last, dim=-2), shape=(*last.shape[:-1], n, n)))
    return unsqueeze(g, dim=dim) * transpose(_prod(others, dim=-1), dim0=dim, dim1=-1)


@spellings
def prod(input: Any, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Product of all elements or along ``dim``; its gradient is right at zeros too. ``torch.prod``."""
    if dtype is not None:
        input = input.to(dtype)
    elif not input.dtype.is_floating_point:
        input = input.to(dtypes.int64)
    if dim is None or not input.shape:
        return _prod(flatten(input), dim=0)
    y = _prod(input, dim=dim)
    return unsqueeze(y, dim=dim) if keepdim else y


@spellings
def norm(input: Any, p: float | str | None = "fro", dim: Any = None, keepdim: bool = False) -> Any:
    """The ``p``-norm over ``dim`` or of all elements: 2 unless told, also 1, ``inf`` or any other. ``torch.norm``.

    The gradient at zero is 0, as in PyTorch.
    """
    if p in ("fro", None, 2, 2.0):
        return _root(sum(square(input), dim=dim, keepdim=keepdim), sqrt)
    if not isinstance(p, (int, float)):
        raise ValueError(f"norm: expected p to be a number or 'fro', got {p!r}")
    if math.isinf(p):
        return (amax if p > 0 else amin)(abs(input), dim=dim, keepdim=keepdim)
    if p == 0:
        return sum(cast(input != 0, dtype=_numpy_dtype(input)), dim=dim, keepdim=keepdim)
    if p == 1:
        return sum(abs(input), dim=dim, keepdim=keepdim)
    return _root(sum(pow(abs(input), p), dim=dim, keepdim=keepdim), lambda total: pow(total, 1 / p))


@primitive
def any(input, *, dim=None, keepdim=False):
    """Whether any element is true (non-zero). ``torch.any``."""
    return _truth(input, input.any(axis=_axes(dim, input.ndim), keepdims=keepdim))


@primitive
def all(input, *, dim=None, keepdim=False):
    """Whether all elements are true (non-zero). ``torch.all``."""
    return _truth(input, input.all(axis=_axes(dim, input.ndim), keepdims=keepdim))


def _truth(input: Any, found: Any) -> Any:
    """``found``, in bytes if ``input`` is: they were the masks before there was ``bool``."""
    return found.astype(np.uint8) if input.dtype == np.uint8 else found


@primitive
def argsort(input, *, dim=-1, descending=False, stable=False):
    """The indices that sort ``input`` along ``dim``; equal elements keep their order. ``torch.argsort``."""
    dim = _normal(dim, input.ndim)
    if not input.ndim:
        return xp_of(input).zeros((), np.int64)
    if not descending:
        return input.argsort(axis=dim, kind="stable")
    xp = xp_of(input)
    backwards = xp.flip(xp.flip(input, dim).argsort(axis=dim, kind="stable"), dim)  # stable from the far end
    return input.shape[dim] - 1 - backwards


@spellings
@names_its_pair
def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> ValuesIndices:
    """``(values, indices)`` sorted along ``dim``; gradients flow through the values. ``torch.sort``."""
    order = argsort(input, dim=dim, descending=descending)
    return ValuesIndices(take_along_dim(input, order, dim=dim), order)


@spellings
@names_its_pair
def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesIndices:
    """The ``k`` largest (or smallest) along ``dim``, in order, and their indices. ``torch.topk``.

    >>> import tinyrnn
    >>> tinyrnn.topk(tinyrnn.tensor([3., 9., 4.]), 2)
    tinyrnn.return_types.topk(
    values=tensor([9., 4.]),
    indices=tensor([1, 2]))
    """
    if not input.ndim and 0 <= k <= 1:
        return ValuesIndices(*(x[0] if k else x[:0] for x in topk(input.reshape(1), k, 0, largest)))
    n = input.shape[_normal(dim, input.ndim)] if input.ndim else 1
    if not 0 <= k <= n:
        raise RuntimeError(f"topk: selected index k out of range: k={k}, but axis {dim} has {n} elements")
    order = argsort(input, dim=dim, descending=largest).narrow(dim, 0, k)
    return ValuesIndices(take_along_dim(input, order, dim=dim), order)


def _refuse_integers(name: str, input: Any) -> None:
    if input.dtype.kind != "f":
        raise NotImplementedError(f"{name}() is not implemented for {input.dtype}: it needs floating-point scores, x.float()")


@primitive
def _softmax(input, *, dim):
    _refuse_integers("softmax", input)
    xp, axis = xp_of(input), _axes(dim, input.ndim)
    y = xp.asarray(input - input.max(axis=axis, keepdims=True)) if input.size else input.copy()
    xp.exp(y, out=y)
    y /= y.sum(axis=axis, keepdims=True)
    return y


@_softmax.rule
def _(g, y, dim):
    return y * (g - sum(g * y, dim=dim, keepdim=True))


@primitive
def _log_softmax(input, *, dim):
    _refuse_integers("log_softmax", input)
    xp, axis = xp_of(input), _axes(dim, input.ndim)
    y = xp.asarray(input - input.max(axis=axis, keepdims=True)) if input.size else input.copy()
    y -= xp.log(xp.exp(y).sum(axis=axis, keepdims=True))
    return y


@_log_softmax.rule
def _(g, y, dim):
    return g - exp(y) * sum(g, dim=dim, keepdim=True)


@spellings
def softmax(input: Any, dim: int, dtype: Any = None) -> Any:
    """``exp(input) / sum(exp(input))`` along ``dim``, without overflow; of ``input`` as another ``dtype`` if given. ``torch.softmax``."""
    return _softmax(input if dtype is None else input.to(dtype), dim=dim)


@spellings
def log_softmax(input: Any, dim: int, dtype: Any = None) -> Any:
    """``log(softmax(input))`` along ``dim``, exact where softmax would underflow. ``torch.log_softmax``."""
    return _log_softmax(input if dtype is None else input.to(dtype), dim=dim)
