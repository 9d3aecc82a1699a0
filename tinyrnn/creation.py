"""Functions that make tensors: from data, of constants, and of seeded random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import dtypes
from .backend import Generator, default_generator, draw, to_host, xp_of
from .devices import place
from .dtypes import as_numpy_dtype, get_default_dtype
from .engine import wrap
from .tensor import Tensor, _sizes


def _default(dtype: Any) -> np.dtype:
    return get_default_dtype().numpy if dtype is None else as_numpy_dtype(dtype)


def _finish(array: Any, requires_grad: bool = False, device: Any = None) -> Tensor:
    t = wrap(place(array, device))
    return t.requires_grad_(requires_grad) if requires_grad else t


def _shape(sizes: tuple, size: Any = None) -> tuple[int, ...]:
    """The sizes as given, ``zeros(2, 3)``, ``zeros((2, 3))`` or ``zeros(size=(2, 3))``."""
    shape = _sizes(sizes) if size is None else tuple(size)
    if any(n < 0 for n in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    return shape


def _array_of(data: Any, dtype: Any, copy: bool) -> np.ndarray:
    """``data`` as an array; Python floats become the default dtype, Python integers ``int64``."""
    if isinstance(data, Tensor):
        data = data.array
    if xp_of(data) is not np:
        return data.astype(data.dtype if dtype is None else as_numpy_dtype(dtype), copy=copy)
    known = hasattr(data, "dtype")
    try:
        array = np.array(data) if copy or not known else data
    except (ValueError, TypeError) as error:
        raise ValueError(f"tensor(): expected numbers in lists of equal lengths, got {data!r:.80}") from error
    if array.dtype.kind in "OUSM":
        # PyTorch has three types for three ways to be wrong here.
        kind = RuntimeError if data is None else ValueError if isinstance(data, (list, tuple)) else TypeError
        raise kind(f"tensor(): expected numbers, got {type(data).__name__} with elements of dtype {array.dtype}")
    if dtype is not None:
        return array.astype(as_numpy_dtype(dtype), copy=False)
    if not known and array.dtype == np.float64 and not _holds_arrays(data):
        return array.astype(get_default_dtype().numpy)
    dtypes.from_numpy_dtype(array.dtype)
    return array


def _holds_arrays(data: Any) -> bool:
    while isinstance(data, (list, tuple)):
        if not data:
            return False
        data = data[0]
    return hasattr(data, "dtype")


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor that copies ``data``: numbers, nested lists, an array, a tensor. ``torch.tensor``.

    >>> import tinyrnn
    >>> tinyrnn.tensor([[1, 2], [3, 4]]), tinyrnn.tensor([0.5, 1]).dtype
    (tensor([[1, 2],
            [3, 4]]), tinyrnn.float32)

    Raises:
        ValueError: lists of unequal lengths, or of something else than numbers.
        TypeError: no number and no list.
    """
    return _finish(_array_of(data, dtype, copy=True), requires_grad, device)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """``data`` as a tensor that shares its memory where it can. ``torch.as_tensor``."""
    if isinstance(data, Tensor):
        return data.to(device, dtype)
    return _finish(_array_of(data, dtype, copy=False), device=device)


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor on the memory of a NumPy array: a change of one is a change of both. ``torch.from_numpy``."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.from_numpy_dtype(ndarray.dtype)
    return wrap(ndarray)


def full(size: Sequence[int], fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """``fill_value`` everywhere; the dtype follows the value unless given. ``torch.full``."""
    if dtype is None:
        dtype = dtypes.bool if isinstance(fill_value, bool) else dtypes.int64 if isinstance(fill_value, int) else None
    return _finish(np.full(_shape(tuple(size)), fill_value, _default(dtype)), requires_grad, device)


def zeros(*sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros. ``torch.zeros``."""
    return _finish(np.zeros(_shape(sizes, size), _default(dtype)), requires_grad, device)


def ones(*sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones. ``torch.ones``."""
    return _finish(np.ones(_shape(sizes, size), _default(dtype)), requires_grad, device)


def empty(*sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor whose values are whatever the memory held. ``torch.empty``."""
    return _finish(np.empty(_shape(sizes, size), _default(dtype)), requires_grad, device)


def _like(fill: Any, input: Tensor, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    t = input.new_full(tuple(input.shape), fill, dtype=dtype, device=device)
    return t.requires_grad_(requires_grad) if requires_grad else t


def zeros_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros of the shape and dtype of ``input``. ``torch.zeros_like``."""
    return _like(0, input, dtype, device, requires_grad)


def ones_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of the shape and dtype of ``input``. ``torch.ones_like``."""
    return _like(1, input, dtype, device, requires_grad)


def full_like(input: Tensor, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """``fill_value`` in the shape and dtype of ``input``. ``torch.full_like``."""
    return _like(fill_value, input, dtype, device, requires_grad)


def empty_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros, so that nothing is ever uninitialised by accident. ``torch.empty_like``."""
    return _like(0, input, dtype, device, requires_grad)


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones on the diagonal, (n, m). ``torch.eye``."""
    if n < 0 or (m or 0) < 0:
        raise RuntimeError(f"eye: n and m must be greater or equal to 0, got {n} and {m}")
    return _finish(np.eye(n, m, dtype=_default(dtype)), requires_grad, device)


def arange(start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Numbers from ``start`` (0 if alone) up to but not including ``end``. ``torch.arange``."""
    if end is None:
        start, end = 0, start
    start, end, step = (x.item() if hasattr(x, "item") else x for x in (start, end, step))
    if step == 0 or (end - start) * step < 0:
        raise RuntimeError(f"arange: upper bound and lower bound inconsistent with step sign (start {start}, end {end}, step {step})")
    whole = all(isinstance(x, int) for x in (start, end, step))
    return _finish(np.arange(start, end, step).astype(_default(dtypes.int64 if whole and dtype is None else dtype)), requires_grad, device)


def linspace(start: float, end: float, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """``steps`` numbers from ``start`` to ``end``, both included. ``torch.linspace``."""
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative, got {steps}")
    return _finish(np.linspace(start, end, steps, dtype=np.float64).astype(_default(dtype)), requires_grad, device)


# -- random --


def rand(
    *sizes: Any, size: Any = None, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Uniform numbers in [0, 1). ``torch.rand``."""
    return _finish(draw("uniform", _shape(sizes, size), _default(dtype), generator), requires_grad, device)


def randn(
    *sizes: Any, size: Any = None, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Normal numbers of mean 0 and variance 1. ``torch.randn``."""
    return _finish(draw("normal", _shape(sizes, size), _default(dtype), generator), requires_grad, device)


def rand_like(
    input: Tensor, *, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Uniform numbers in [0, 1) of the shape and dtype of ``input``. ``torch.rand_like``."""
    where = input.device if device is None else device
    return rand(tuple(input.shape), generator=generator, dtype=dtype or input.dtype, device=where, requires_grad=requires_grad)


def randn_like(
    input: Tensor, *, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Normal numbers of the shape and dtype of ``input``. ``torch.randn_like``."""
    where = input.device if device is None else device
    return randn(tuple(input.shape), generator=generator, dtype=dtype or input.dtype, device=where, requires_grad=requires_grad)


def _rng(generator: Generator | None) -> np.random.Generator:
    return (generator or default_generator).numpy


def randint(
    low: int, high: Any = None, size: Any = None, *, generator: Generator | None = None, dtype: Any = None, device: Any = None
) -> Tensor:
    """Integers in [``low``, ``high``), from 0 if one bound is given. ``torch.randint(low=0, high, size)``."""
    if size is None:
        low, high, size = 0, low, high
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    drawn = _rng(generator).integers(low, high, _shape(tuple(size)))
    return _finish(drawn.astype(_default(dtypes.int64 if dtype is None else dtype)), device=device)


def randperm(n: int, *, generator: Generator | None = None, device: Any = None) -> Tensor:
    """The integers below ``n`` in random order. ``torch.randperm``."""
    if n < 0:
        raise RuntimeError(f"n must be greater or equal to 0, got {n}")
    return _finish(_rng(generator).permutation(n).astype(np.int64), device=device)


def normal(mean: Any, std: Any, size: Any = None, *, generator: Generator | None = None) -> Tensor:
    """Normal numbers of the given mean and standard deviation, numbers or tensors. ``torch.normal``."""
    shape = tuple(size) if size is not None else np.broadcast_shapes(*(tuple(getattr(x, "shape", ())) for x in (mean, std)))
    least = to_host(std.array).min(initial=0) if isinstance(std, Tensor) else std
    if least < 0:
        raise RuntimeError(f"normal expects all elements of std >= 0.0, but found {least}")
    where = next((x.device for x in (mean, std) if isinstance(x, Tensor)), None)
    return randn(shape, generator=generator, device=where) * std + mean


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that ``input`` gives, else 0. ``torch.bernoulli``."""
    p = to_host(input.array)
    if p.size and not ((p >= 0) & (p <= 1)).all():
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true: bernoulli takes probabilities")
    drawn = (draw("uniform", p.shape, np.dtype(np.float64), generator) < p).astype(p.dtype)
    return _finish(drawn, device=input.device)


def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> Tensor:
    """Draw classes with probability proportional to ``input``, (V,) or (N, V): ``int64`` (S,) or (N, S).

    ``torch.multinomial``.

    >>> import tinyrnn
    >>> tinyrnn.multinomial(tinyrnn.tensor([0., 3., 0.]), 2, replacement=True)
    tensor([1, 1])

    Raises:
        RuntimeError: not floats; weights that are negative, not finite or all zero; more samples than there are non-zero
            weights to draw without replacement.
    """
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {input.dtype}")
    w = to_host(input.array).astype(np.float64)
    if w.ndim not in (1, 2) or w.shape[-1] == 0:
        raise RuntimeError(f"prob_dist must be 1 or 2 dim and not empty, got shape {w.shape}")
    if num_samples < 1:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not np.isfinite(w).all() or (w < 0).any():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    rows = np.atleast_2d(w)
    if (rows.sum(-1) <= 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    rng = _rng(generator)
    if replacement or num_samples == 1:
        edges = rows.cumsum(-1)
        points = rng.random((rows.shape[0], num_samples)) * edges[:, -1:]
        drawn = np.stack([np.searchsorted(e, p, side="right") for e, p in zip(edges, points)])
    else:
        if ((rows > 0).sum(-1) < num_samples).any():
            raise RuntimeError(
                f"cannot draw {num_samples} samples without replacement: a row has fewer non-zero weights; pass replacement=True"
            )
        # The first to ring of exponential clocks with these rates is a draw; so are the next (Efraimidis, 2006).
        with np.errstate(divide="ignore"):
            rings = rng.standard_exponential(rows.shape) / rows
        drawn = np.argsort(rings, axis=-1)[:, :num_samples]
    return _finish(drawn.reshape((*w.shape[:-1], num_samples)).astype(np.int64), device=input.device)
