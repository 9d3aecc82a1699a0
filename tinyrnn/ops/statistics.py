"""Counting, ranking and running products: what programs ask of data rather than of gradients."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from .. import dtypes
from ..backend import as_library_of, to_host, xp_of
from ..engine import Traced, primitive, spellings, wrap
from .comparison import isnan
from .elementwise import mul
from .elementwise import where as _where
from .index import getitem, take_along_dim
from .maths import logaddexp
from .reduce import ValuesIndices, amax, amin, argsort, mean, names_its_pair, sort, std, sum, var
from .shape import _normal, narrow, reshape, squeeze, stack, unbind


class MinMax(NamedTuple):
    """What ``aminmax`` returns."""

    min: Any
    max: Any


# -- counting --


@spellings
def count_nonzero(input: Any, dim: Any = None) -> Any:
    """How many elements are not zero. ``torch.count_nonzero``."""
    return sum(input != 0, dim=dim)


@primitive
def _nonzero(input):
    return xp_of(input).stack(input.nonzero() if input.ndim else input.reshape(1).nonzero())


def nonzero(input: Any, *, as_tuple: bool = False, out: Any = None) -> Any:
    """Where the elements are not zero: a row for each, or an index tensor for each axis. ``torch.nonzero``.

    >>> import tinyrnn
    >>> tinyrnn.nonzero(tinyrnn.tensor([[0, 7], [8, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    places = _nonzero(input)
    if as_tuple:
        return unbind(places, dim=0)
    rows = places.t() if input.ndim else places.new_empty((places.shape[1], 0))
    return rows.contiguous() if out is None else out.resize_(rows.shape).copy_(rows)


def where(condition: Any, *choices: Any, **options: Any) -> Any:
    """The first of two choices where ``condition`` is true, the other elsewhere; alone, where it is true. ``torch.where``."""
    return _where(condition, *choices, **options) if choices or options else nonzero(condition, as_tuple=True)


def argwhere(input: Any) -> Any:
    """Where the elements are not zero, a row for each. ``torch.argwhere``."""
    return nonzero(input)


def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each of 0, 1, 2, ... occurs, or the sum of its ``weights``. ``torch.bincount``."""
    array = input.array
    if array.dtype.kind not in "iu":
        raise NotImplementedError(f"bincount is not implemented for {input.dtype}: it counts integers")
    if array.ndim != 1 or (array.size and array.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    counts = xp_of(array).bincount(array, None if weights is None else weights.array, minlength)
    if weights is None:
        return wrap(counts.astype(np.int64))
    return wrap(counts.astype(np.float32 if weights.array.dtype == np.float32 else np.float64))


@spellings
def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    """How many elements fall into each of ``bins`` equal parts of [``min``, ``max``], or of their own range. ``torch.histc``."""
    xp, x = xp_of(input.array), input.array
    if min == max:
        low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 0.0)
        low, high = (low - 1, high + 1) if low == high else (low, high)
    else:
        low, high = min, max
    counts, _ = xp.histogram(x, bins=bins, range=(low, high))
    return wrap(counts.astype(x.dtype))


def unique(input: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None) -> Any:
    """The different values (or slices along ``dim``), in order; where each element is found; how often. ``torch.unique``."""
    axis = {} if dim is None else {"axis": _normal(dim, input.ndim)}
    found = xp_of(input.array).unique(input.array, return_inverse=True, return_counts=True, **axis)
    values, inverse, counts = (wrap(a) for a in found)
    inverse = reshape(inverse, shape=input.shape if dim is None else (-1,))
    return _chosen(values, (return_inverse, inverse), (return_counts, counts))


def unique_consecutive(input: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None) -> Any:
    """Without repetitions of the element (or slice along ``dim``) before. ``torch.unique_consecutive``."""
    array = to_host(input.array)
    rows = array.reshape(-1, 1) if dim is None else np.moveaxis(array, _normal(dim, input.ndim), 0)
    flat = rows.reshape(len(rows), -1)
    starts = np.ones(len(rows), bool)
    starts[1:] = (flat[1:] != flat[:-1]).any(1)
    at = np.flatnonzero(starts)
    flattened = reshape(input, shape=(-1,)) if dim is None else input
    values = flattened.detach().index_select(0 if dim is None else dim, wrap(at))
    inverse = (starts.cumsum() - 1).reshape(array.shape if dim is None else -1)
    counts = np.diff(np.append(at, len(rows)))
    inverse, counts = (wrap(as_library_of(input.array, a)) for a in (inverse, counts))
    return _chosen(values, (return_inverse, inverse), (return_counts, counts))


def _chosen(values: Any, *extras: tuple[bool, Any]) -> Any:
    wanted = tuple(x for want, x in extras if want)
    return (values, *wanted) if wanted else values


# -- where things belong in an order --


@spellings
def searchsorted(
    sorted_sequence: Any, input: Any, *, out_int32: bool = False, right: bool = False, side: str | None = None, sorter: Any = None
) -> Any:
    """The places where values would go into a sorted row, before equal ones or (``right``) after. ``torch.searchsorted``.

    Of several rows, each is searched for its own values: (..., S) and (..., N) to (..., N).
    """
    if side not in (None, "left", "right"):
        raise RuntimeError(f"searchsorted(): side can only be 'left' or 'right' but got {side}")
    if sorter is not None:
        sorted_sequence = take_along_dim(sorted_sequence, sorter, dim=-1)
    xp, rows = xp_of(sorted_sequence.array), sorted_sequence.array
    values = input.array if isinstance(input, Traced) else xp.asarray(input)
    where_to = "right" if right or side == "right" else "left"
    if rows.ndim == 1:
        found = xp.searchsorted(rows, values, side=where_to)
    elif rows.shape[:-1] != values.shape[:-1]:
        raise RuntimeError(f"searchsorted(): the axes but the last of {rows.shape} and {values.shape} must be equal")
    else:
        pairs = zip(rows.reshape(-1, rows.shape[-1]), values.reshape(-1, values.shape[-1]))
        found = xp.stack([xp.searchsorted(r, v, side=where_to) for r, v in pairs]).reshape(values.shape)
    return wrap(xp.asarray(found).astype(np.int32 if out_int32 else np.int64))


@spellings
def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Any:
    """Between which of the sorted ``boundaries`` each element lies. ``torch.bucketize``."""
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


# -- the middle, and the most frequent --


@spellings
@names_its_pair
def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
    """``(values, indices)`` of the ``k``-th smallest along ``dim``, counted from 1. ``torch.kthvalue``."""
    n = input.shape[_normal(dim, input.ndim)] if input.ndim else 1
    if not 1 <= k <= n:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {dim}: {k} of {n}")
    if not input.ndim:
        return ValuesIndices(input.clone(), argsort(input))
    at = narrow(argsort(input, dim=dim), dim=dim, start=k - 1, length=1)
    return _at(input, at, dim, keepdim)


def _at(input: Any, at: Any, dim: int, keepdim: bool) -> ValuesIndices:
    values = take_along_dim(input, at, dim=dim)
    return ValuesIndices(values, at) if keepdim else ValuesIndices(squeeze(values, dim=dim), squeeze(at, dim=dim))


@spellings
@names_its_pair
def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle value, the lower one of two; with ``dim``, a pair (values, indices). ``torch.median``."""
    if dim is None:
        return median(reshape(input, shape=(-1,)), 0).values if input.numel() else input.new_full((), float("nan"))
    if not input.ndim:
        return ValuesIndices(input.clone(), argsort(input))
    n = input.shape[_normal(dim, input.ndim)]
    order = argsort(input, dim=dim)
    middle = narrow(order, dim=dim, start=(n - 1) // 2, length=1)
    if input.dtype.is_floating_point:  # nan is sorted last, and is the median if there is one
        last = narrow(order, dim=dim, start=n - 1, length=1)
        middle = _where(isnan(take_along_dim(input, last, dim=dim)), last, middle)
    return _at(input, middle, dim, keepdim)


@spellings
@names_its_pair
def mode(input: Any, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
    """``(values, indices)`` of the most frequent value along ``dim``, the smallest of such. ``torch.mode``."""
    if not input.ndim:
        return ValuesIndices(input.clone(), argsort(input))
    d = _normal(dim, input.ndim)
    rows = np.moveaxis(to_host(input.array), d, -1)
    found = np.empty(rows.shape[:-1], np.int64)
    for place in np.ndindex(found.shape):
        values, counts = np.unique(rows[place], return_counts=True)
        found[place] = np.flatnonzero(rows[place] == values[counts.argmax()])[-1]
    return _at(input, wrap(as_library_of(input.array, np.expand_dims(found, d))), d, keepdim)


@spellings
def quantile(input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear") -> Any:
    """The value below which a share ``q`` lies, between two elements if need be. ``torch.quantile``."""
    if interpolation != "linear":
        raise NotImplementedError(f"quantile: interpolation={interpolation!r} is not here, only 'linear'")
    shares: Any = q if isinstance(q, Traced) else input.new_tensor(q)
    ndim = input.ndim
    if dim is None or not ndim:
        input, d = reshape(input, shape=(-1,)), 0
    else:
        d = _normal(dim, ndim)
    ordered = sort(input, dim=d).values
    at = reshape(shares, shape=(-1,)) * (input.shape[d] - 1)
    low = at.floor()
    each = (slice(None),) * d
    share = reshape(at - low, shape=(-1,) + (1,) * (input.ndim - d - 1))
    below, above = getitem(ordered, (*each, low.long())), getitem(ordered, (*each, at.ceil().long()))
    y = (below + share * (above - below)).movedim(d, 0)
    if keepdim:
        y = y.unsqueeze(d + 1) if dim is not None and ndim else reshape(y, shape=(-1,) + (1,) * ndim)
    return y if shares.ndim else y[0]


# -- reductions composed of others --


@spellings
def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False) -> MinMax:
    """Smallest and largest. ``torch.aminmax``."""
    return MinMax(amin(input, dim=dim, keepdim=keepdim), amax(input, dim=dim, keepdim=keepdim))


@spellings
def nansum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The sum of what is not nan. ``torch.nansum``."""
    return sum(_where(isnan(input), 0.0, input) if input.dtype.is_floating_point else input, dim=dim, keepdim=keepdim, dtype=dtype)


@spellings
def nanmean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The mean of what is not nan. ``torch.nanmean``."""
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"nanmean(): expected input to have floating point dtype but got {input.dtype}")
    counted = sum(~isnan(input), dim=dim, keepdim=keepdim)
    return nansum(input, dim, keepdim, dtype=dtype) / counted


@spellings
def var_mean(input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = None) -> tuple:
    """Variance and mean. ``torch.var_mean``."""
    return var(input, dim, unbiased, keepdim, correction=correction), mean(input, _dim_of(dim), keepdim)


@spellings
def std_mean(input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = None) -> tuple:
    """Standard deviation and mean. ``torch.std_mean``."""
    return std(input, dim, unbiased, keepdim, correction=correction), mean(input, _dim_of(dim), keepdim)


def _dim_of(dim: Any) -> Any:
    return None if isinstance(dim, bool) else dim  # var_mean(x, False)


@spellings
def dist(input: Any, other: Any, p: float = 2) -> Any:
    """The ``p``-norm of the difference. ``torch.dist``."""
    return (input - other).norm(p)


# -- running --


@spellings
def cumprod(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """Running products along ``dim``. ``torch.cumprod``."""
    if dtype is not None:
        input = input.to(dtype)
    elif not input.dtype.is_floating_point:
        input = input.to(dtypes.int64)
    if not input.ndim or not input.numel():
        return input.clone()
    return stack(list(itertools.accumulate(unbind(input, dim=dim), mul)), dim)


def _running(input: Any, dim: int, later: Any) -> ValuesIndices:
    d = _normal(dim, input.ndim)
    if not input.ndim:
        return ValuesIndices(input.clone(), argsort(input))
    slices = unbind(input.detach(), dim=d)
    best, at = slices[0], slices[0].new_zeros(slices[0].shape, dtype=dtypes.int64)
    places = [at]
    for k, x in enumerate(slices[1:], 1):
        better = later(x, best) | isnan(x)
        best, at = _where(better, x, best), _where(better, k, at)
        places.append(at)
    order = stack(places, d)
    return ValuesIndices(take_along_dim(input, order, dim=d), order)


@spellings
@names_its_pair
def cummax(input: Any, dim: int) -> ValuesIndices:
    """``(values, indices)`` of the largest so far along ``dim``. ``torch.cummax``."""
    return _running(input, dim, lambda x, best: x >= best)


@spellings
@names_its_pair
def cummin(input: Any, dim: int) -> ValuesIndices:
    """``(values, indices)`` of the smallest so far along ``dim``. ``torch.cummin``."""
    return _running(input, dim, lambda x, best: x <= best)


@spellings
def diff(input: Any, n: int = 1, dim: int = -1) -> Any:
    """Differences of neighbours along ``dim``, ``n`` times. ``torch.diff``."""
    if not input.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    for _ in range(n):
        size = input.shape[_normal(dim, input.ndim)]
        length = size - 1 if size else 0
        later, earlier = (narrow(input, dim=dim, start=size - length if k else 0, length=length) for k in (1, 0))
        input = later ^ earlier if later.dtype is dtypes.bool else later - earlier
    return input


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Any:
    """Which elements are among ``test_elements``. ``torch.isin``."""
    among = test_elements.array if isinstance(test_elements, Traced) else np.asarray(test_elements)
    return wrap(xp_of(elements.array).isin(elements.array, among, invert=invert))


@spellings
def logcumsumexp(input: Any, dim: int) -> Any:
    """``log(cumsum(exp(input)))`` along ``dim``, without overflow. ``torch.logcumsumexp``."""
    return stack(list(itertools.accumulate(unbind(input, dim=dim), logaddexp)), dim) if input.ndim else input.clone()
