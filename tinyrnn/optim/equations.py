"""What the equations of the optimisers are written with: checked options, their state, and pieces of arrays that fit the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array, xp_of
from ..creation import full_like
from ..dtypes import float64, get_default_dtype
from ..tensor import RowGradient, Tensor

Group = dict[str, Any]
State = dict[str, Any]

# Block by block, the half dozen arrays of an update stay in the L2 cache while it works on them: Adam on 10 million
# float32 parameters takes 28 ms a step, on whole arrays 92 (PyTorch's default 56, on one thread of the same Xeon).
BLOCK_BYTES = 2**17


class Prepared(NamedTuple):
    """What a kernel needs to update a parameter, beside the parameter and its gradient."""

    buffers: tuple[Array | None, ...]  # of the parameter's shape
    numbers: tuple[float, ...]
    decay: float  # the factor of an L2 penalty


def non_negative(**options: Any) -> None:
    """Refuse an option that is negative or not a number.

    Raises:
        ValueError: with PyTorch's wording, ``Invalid learning rate: -1``.
    """
    for name, value in options.items():
        if isinstance(value, Tensor) and value.numel() != 1:
            raise ValueError(f"Tensor {name} must be 1-element")
        if not value >= 0.0:
            words = {"lr": "learning rate", "eps": "epsilon value"}.get(name, f"{name} value")
            raise ValueError(f"Invalid {words}: {value}")


def check_betas(betas: Sequence[float]) -> None:
    """Refuse decay rates outside [0, 1).

    Raises:
        ValueError: with PyTorch's wording.
    """
    for k, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {k}: {beta}")


def rounded(number: float) -> float:
    """The number as PyTorch keeps it in a state: in ``float32``, unless ``float64`` is the default dtype."""
    return number if get_default_dtype() is float64 else float(np.float32(number))


def rate(group: Group) -> float:
    """The learning rate as a Python number: a NumPy scalar would make ``float64`` of ``float32`` arrays."""
    return float(group["lr"])


def next_step(state: State) -> int:
    """Count this update in ``state["step"]``; returns its number, from 1."""
    state["step"] = state.get("step", 0) + 1
    return state["step"]


def buffer(p: Tensor, state: State, name: str, fill: float = 0.0) -> Array:
    """The raw array that ``state`` keeps for ``p`` under ``name``; at first, ``fill`` everywhere.

    Raises:
        RuntimeError: the state (loaded from elsewhere) has another shape than the parameter.
    """
    if state.get(name) is None:
        state[name] = full_like(p, fill)
    array = state[name].array
    if array.shape != p.array.shape:
        raise RuntimeError(
            f"the optimiser's state '{name}' has shape {array.shape}, but its parameter has shape {p.array.shape}: "
            "it was loaded from a model of other sizes or another order of parameters"
        )
    return array


def blocks(p: Tensor, group: Group, *buffers: Array | None, decay: bool = True) -> Iterator[tuple[Array, ...]]:
    """``(x, g, *buffers)`` in pieces that fit the cache; writing to ``x`` or a buffer changes the original.

    A buffer that is ``None`` stays ``None``.

    ``x`` is the parameter and ``g`` the gradient to descend: negated for ``maximize``, plus the gradient
    ``weight_decay * x`` of the L2 penalty (unless ``decay=False``).
    """
    rows = p.grad.rows if isinstance(p.grad, RowGradient) else None
    pieces: Iterable[Any]
    if xp_of(p.array) is np and all(a is None or a.flags.c_contiguous for a in (p.array, *buffers)):
        n, size = p.array.size, BLOCK_BYTES // p.array.itemsize
        flat = [a if a is None else a.reshape(-1) for a in (p.array, *buffers)]
        gradient = rows.piece if rows is not None else _slice_of(p.grad.array.reshape(-1))
        pieces = ([a if a is None else a[k : k + size] for a in flat] + [gradient(k, min(k + size, n))] for k in range(0, n, size))
    else:
        pieces = [(p.array, *buffers, p.grad.array)]
    for x, *rest, g in pieces:
        if group["maximize"]:
            g = -g
        if decay and group["weight_decay"] != 0:
            g = g + group["weight_decay"] * x
        yield (x, g, *rest)


def _slice_of(flat: Array) -> Callable[[int, int], Array]:
    return lambda begin, end: flat[begin:end]
