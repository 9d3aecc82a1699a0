"""How a tensor prints: as in PyTorch, so that outputs of the two can be compared by eye or by ``diff``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import dtypes
from .backend import to_host

_LINE = 80
_EDGE = 3  # so many at each end of an axis of a tensor of more than _WHOLE elements
_WHOLE = 1000


def to_text(t: Any) -> str:
    """``tensor([1., 2.], requires_grad=True)``: four decimals, summarised above 1,000 elements."""
    array = to_host(t.array)
    suffixes = []
    if array.size == 0:
        if array.ndim != 1:
            suffixes.append(f"size={array.shape}")
        usual: tuple = (dtypes.get_default_dtype(),)
    else:
        usual = (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool)
    if t.dtype not in usual:
        suffixes.append(f"dtype={t.dtype}")
    requires_grad = t.requires_grad  # asked first: it brings the node of a view up to date
    if t.node is not None:
        suffixes.append(f"grad_fn=<{t.node.name()}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")

    head = "tensor("
    if array.size == 0:
        text = head + "[]"
    else:
        summarised = array.size > _WHOLE
        shown = _corners(array) if summarised else array
        text = head + _body(array, len(head), summarised, *_formatter(shown.reshape(-1)))
    used = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if used + len(suffix) + 2 > _LINE:
            text += ",\n" + " " * len(head) + suffix
            used = len(head) + len(suffix)
        else:
            text += ", " + suffix
            used += len(suffix) + 2
    return text + ")"


def _formatter(values: np.ndarray) -> tuple[Callable[[Any], str], int]:
    """A function from element to text that suits all of ``values`` together, and the width it pads to."""
    if values.dtype.kind != "f":
        return str, max(map(len, map(str, values)))
    values = values.astype(np.float64)
    counted = values[np.isfinite(values) & (values != 0)]
    style, dot = ".0f", "."
    if counted.size:
        whole = bool((counted == np.ceil(counted)).all())
        low, high = float(np.abs(counted).min()), float(np.abs(counted).max())
        if high / low > 1000 or high > 1e8 or (not whole and low < 1e-4):
            style, dot = ".4e", ""
        elif not whole:
            style, dot = ".4f", ""
    width = max([len(f"{x:{style}}{dot}") for x in counted], default=1)
    return lambda x: f"{x:{style}}" + (dot if np.isfinite(x) else ""), width


def _body(array: np.ndarray, indent: int, summarised: bool, text: Callable[[Any], str], width: int) -> str:
    if array.ndim == 0:
        return text(array[()]).rjust(width)
    cut = summarised and array.shape[0] > 2 * _EDGE
    kept = (array[:_EDGE], array[-_EDGE:]) if cut else (array,)
    if array.ndim == 1:
        parts = [[text(x).rjust(width) for x in part] for part in kept]
        flat = [*parts[0], " ...", *parts[1]] if cut else parts[0]
        in_a_line = max(1, (_LINE - indent) // (width + 2))
        lines = [", ".join(flat[k : k + in_a_line]) for k in range(0, len(flat), in_a_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    rows = [[_body(row, indent + 1, summarised, text, width) for row in part] for part in kept]
    all_rows = [*rows[0], "...", *rows[1]] if cut else rows[0]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(all_rows) + "]"


def _corners(array: np.ndarray) -> np.ndarray:
    for axis, n in enumerate(array.shape):
        if n > 2 * _EDGE:
            array = array.take([*range(_EDGE), *range(n - _EDGE, n)], axis)
    return array
