"""Functions that make tensors: from data, of constants, and of seeded random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import devices, dtypes
from .backend import to_host
from .devices import made_on, place
from .dtypes import as_numpy_dtype, get_default_dtype
from .engine import spellings, wrap
from .random import Generator, draw
from .tensor import Tensor
from .tensor.arrays import array_of, shape_of
from .tensor.sampling import bernoulli as bernoulli
from .tensor.sampling import multinomial as multinomial
from .tensor.sampling import rng_of

_Generator = Generator | None


def _default(dtype: Any) -> np.dtype:
    return get_default_dtype().numpy if dtype is None else as_numpy_dtype(dtype)


def _finish(array: Any, requires_grad: bool = False, device: Any = None) -> Tensor:
    t = wrap(place(array, devices.default if device is None else device))
    return t.requires_grad_(requires_grad) if requires_grad else t


@spellings
def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor that copies ``data``: numbers, nested lists, an array, a tensor. ``torch.tensor``.

    >>> import tinyrnn
    >>> tinyrnn.tensor([[1, 2], [3, 4]]), tinyrnn.tensor([0.5, 1]).dtype
    (tensor([[1, 2],
            [3, 4]]), tinyrnn.float32)

    Raises:
        ValueError: lists of unequal lengths, or of strings.
        TypeError: a string, or a list beside a number.
        RuntimeError: of what is neither a number nor a list.
    """
    if isinstance(data, Tensor) and device is None:
        device = data.device
    return _finish(array_of(data, dtype, copy=True), requires_grad, device)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """``data`` as a tensor that shares its memory where it can. ``torch.as_tensor``."""
    if isinstance(data, Tensor):
        return data.to(device, dtype)
    return _finish(array_of(data, dtype, copy=False), device=device)


asarray = as_tensor


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor on the memory of a NumPy array: a change of one is a change of both. ``torch.from_numpy``."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.from_numpy_dtype(ndarray.dtype)
    return wrap(ndarray)


# -- constants --


def _made(make: str, shape: tuple, dtype: np.dtype, device: Any, requires_grad: bool, *fill: Any) -> Tensor:
    t = wrap(made_on(devices.default if device is None else device, make, shape, *fill, dtype))
    return t.requires_grad_(requires_grad) if requires_grad else t


@spellings
def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """``fill_value`` everywhere; the dtype follows the value unless given. ``torch.full``."""
    fill_value = fill_value.item() if hasattr(fill_value, "item") else fill_value
    if not isinstance(size, (tuple, list)) or not isinstance(fill_value, (int, float)):
        raise TypeError(f"full(): expected a tuple of ints and a number, such as full((2, 3), 0.5), got {size!r} and {fill_value!r}")
    if dtype is None:
        dtype = dtypes.bool if isinstance(fill_value, bool) else dtypes.int64 if isinstance(fill_value, int) else None
    return _made("full", shape_of((size,), name="full"), _default(dtype), device, requires_grad, fill_value)


@spellings
def zeros(*sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros. ``torch.zeros``."""
    return _made("zeros", shape_of(sizes, size, "zeros"), _default(dtype), device, requires_grad)


@spellings
def ones(*sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones. ``torch.ones``."""
    return _made("ones", shape_of(sizes, size, "ones"), _default(dtype), device, requires_grad)


@spellings
def empty(*sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor whose values are whatever the memory held. ``torch.empty``."""
    return _made("empty", shape_of(sizes, size, "empty"), _default(dtype), device, requires_grad)


@spellings
def zeros_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros of the shape and dtype of ``input``. ``torch.zeros_like``."""
    return input.new_zeros(input.shape, dtype=dtype, device=device, requires_grad=requires_grad)


@spellings
def ones_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of the shape and dtype of ``input``. ``torch.ones_like``."""
    return input.new_ones(input.shape, dtype=dtype, device=device, requires_grad=requires_grad)


@spellings
def full_like(input: Tensor, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """``fill_value`` in the shape and dtype of ``input``. ``torch.full_like``."""
    return input.new_full(input.shape, fill_value, dtype=dtype, device=device, requires_grad=requires_grad)


@spellings
def empty_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros, so that nothing is ever uninitialised by accident. ``torch.empty_like``."""
    return input.new_zeros(input.shape, dtype=dtype, device=device, requires_grad=requires_grad)


@spellings
def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones on the diagonal, (n, m). ``torch.eye``."""
    if n < 0 or (m or 0) < 0:
        raise RuntimeError(f"eye: n and m must be greater or equal to 0, got {n} and {m}")
    return _finish(np.eye(n, m, dtype=_default(dtype)), requires_grad, device)


@spellings
def arange(start: Any = 0, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Numbers from ``start`` (0 if alone) up to but not including ``end``. ``torch.arange``."""
    if end is None:
        start, end = 0, start
    start, end, step = (x.item() if hasattr(x, "item") else x for x in (start, end, step))
    if step == 0 or (end - start) * step < 0:
        raise RuntimeError(f"arange: upper bound and lower bound inconsistent with step sign (start {start}, end {end}, step {step})")
    whole = all(isinstance(x, int) for x in (start, end, step))
    return _finish(np.arange(start, end, step).astype(_default(dtypes.int64 if whole and dtype is None else dtype)), requires_grad, device)


@spellings
def linspace(start: Any, end: Any, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """``steps`` numbers from ``start`` to ``end``, both included. ``torch.linspace``."""
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative, got {steps}")
    return _finish(np.linspace(float(start), float(end), steps).astype(_default(dtype)), requires_grad, device)


@spellings
def logspace(
    start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """``base`` to the power of ``linspace(start, end, steps)``. ``torch.logspace``."""
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative, got {steps}")
    return _finish((base ** np.linspace(float(start), float(end), steps)).astype(_default(dtype)), requires_grad, device)


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = dtypes.int64, device: Any = None) -> Tensor:
    """Where the lower triangle of a (row, col) matrix is: (2, so many). ``torch.tril_indices``."""
    return _finish(np.stack(np.tril_indices(row, offset, col)).astype(as_numpy_dtype(dtype)), device=device)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = dtypes.int64, device: Any = None) -> Tensor:
    """Where the upper triangle of a (row, col) matrix is: (2, so many). ``torch.triu_indices``."""
    return _finish(np.stack(np.triu_indices(row, offset, col)).astype(as_numpy_dtype(dtype)), device=device)


# -- random --


@spellings
def rand(
    *sizes: Any, size: Any = None, generator: _Generator = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Uniform numbers in [0, 1). ``torch.rand``."""
    return _finish(draw("uniform", shape_of(sizes, size, "rand"), _default(dtype), generator), requires_grad, device)


@spellings
def randn(
    *sizes: Any, size: Any = None, generator: _Generator = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Normal numbers of mean 0 and variance 1. ``torch.randn``."""
    return _finish(draw("normal", shape_of(sizes, size, "randn"), _default(dtype), generator), requires_grad, device)


@spellings
def rand_like(input: Tensor, *, generator: _Generator = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Uniform numbers in [0, 1) of the shape and dtype of ``input``. ``torch.rand_like``."""
    where = input.device if device is None else device
    return rand(input.shape, generator=generator, dtype=dtype or input.dtype, device=where, requires_grad=requires_grad)


@spellings
def randn_like(
    input: Tensor, *, generator: _Generator = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Normal numbers of the shape and dtype of ``input``. ``torch.randn_like``."""
    where = input.device if device is None else device
    return randn(input.shape, generator=generator, dtype=dtype or input.dtype, device=where, requires_grad=requires_grad)


@spellings
def randint(
    low: Any = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: _Generator = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers in [``low``, ``high``), from 0 if one bound is given. ``torch.randint(low=0, high, size)``."""
    if size is None and high is not None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if not hasattr(low, "__index__") or not hasattr(high, "__index__") or not isinstance(size, (tuple, list)):
        raise TypeError(f"randint(): expected integers and a size, such as randint(0, 10, (2, 3)), got {low!r}, {high!r} and {size!r}")
    low, high = int(low), int(high)
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    drawn = np.asarray(rng_of(generator).integers(low, high, shape_of((size,), name="randint")))
    return _finish(drawn.astype(_default(dtypes.int64 if dtype is None else dtype)), requires_grad, device)


@spellings
def randint_like(
    input: Tensor, low: Any, high: Any = None, *, generator: _Generator = None, dtype: Any = None, device: Any = None
) -> Tensor:
    """Integers in [``low``, ``high``), from 0 if one bound is given, of the shape and dtype of ``input``. ``torch.randint_like``."""
    where = input.device if device is None else device
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, tuple(input.shape), generator=generator, dtype=dtype or input.dtype, device=where)


@spellings
def randperm(n: int, *, generator: _Generator = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The integers below ``n`` in random order. ``torch.randperm``."""
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"randperm(): argument 'n' (position 1) must be int, not {type(n).__name__}")
    n = n.__index__()
    if n < 0:
        raise RuntimeError(f"n must be greater or equal to 0, got {n}")
    drawn = rng_of(generator).permutation(n)
    return _finish(drawn.astype(_default(dtypes.int64 if dtype is None else dtype)), requires_grad, device)


@spellings
def normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: _Generator = None, dtype: Any = None, device: Any = None
) -> Tensor:
    """Normal numbers of the given mean and standard deviation, numbers or tensors. ``torch.normal``."""
    tensors = [x for x in (mean, std) if isinstance(x, Tensor)]
    if size is None and not tensors:
        raise TypeError("normal(): of two numbers it needs a size, such as normal(0.0, 1.0, size=(2, 3))")
    shape: Sequence[int] = shape_of((), size, "normal") if size is not None else np.broadcast_shapes(*(tuple(x.shape) for x in tensors))
    least = to_host(std.array).min(initial=0) if isinstance(std, Tensor) else std
    if least < 0:
        raise RuntimeError(f"normal expects all elements of std >= 0.0, but found {least}")
    if tensors:
        device, dtype = device or tensors[0].device, dtype or tensors[0].dtype
    return randn(tuple(shape), generator=generator, dtype=dtype, device=device) * std + mean
