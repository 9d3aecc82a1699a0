"""How a tensor prints: like PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes
from .backend import to_host


def _number_format(values: np.ndarray) -> tuple[Any, str]:
    """A function from element to text, right for all of ``values`` together, and PyTorch's float style."""
    finite = values[np.isfinite(values)].astype(np.float64)
    magnitudes = np.abs(finite[finite != 0])
    if magnitudes.size == 0:
        style = ".0f."
    else:
        low, high = magnitudes.min(), magnitudes.max()
        if (finite == np.ceil(finite)).all():
            style = ".4e" if high / low > 1000 and high >= 1e8 or high > 1e8 else ".0f."
        else:
            style = ".4e" if high / low > 1000 or high > 1e8 or low < 1e-4 else ".4f"

    def text(x: Any) -> str:
        if not np.isfinite(x):
            return str(float(x))
        return f"{x:.0f}." if style == ".0f." else f"{x:{style}}"

    return text, style


def to_text(t: Any) -> str:
    """``tensor([1., 2.], requires_grad=True)``: four decimals, summarised above 1,000 elements."""
    array = to_host(t.array)
    suffix = ""
    if t.dtype not in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool) or (array.size == 0 and t.dtype is dtypes.int64):
        suffix += f", dtype={t.dtype}"
    if t.node is not None:
        suffix += f", grad_fn=<{t.node.name()}>"
    elif t.requires_grad:
        suffix += ", requires_grad=True"
    if array.size == 0:
        shown = "[]" if array.ndim == 1 else f"[], size={array.shape}"
        return f"tensor({shown}{suffix})"
    edge = 3 if array.size > 1000 else None
    formatter: Any
    if array.dtype.kind == "f":
        sample = array if edge is None else _corners(array, edge)
        formatter = _number_format(sample)[0]
    else:
        formatter = str if array.dtype.kind != "b" else lambda x: str(bool(x))
    width = max(len(formatter(x)) for x in (array if edge is None else _corners(array, edge)).reshape(-1))
    if array.ndim == 0:
        return f"tensor({formatter(array[()])}{suffix})"
    body = np.array2string(
        array,
        separator=", ",
        prefix="tensor(",
        max_line_width=80,
        threshold=1000,
        edgeitems=3,
        formatter={"all": lambda x: formatter(x).rjust(width)},  # type: ignore[dict-item]
    )
    return f"tensor({body}{suffix})"


def _corners(array: np.ndarray, edge: int) -> np.ndarray:
    for axis, n in enumerate(array.shape):
        if n > 2 * edge:
            array = array.take([*range(edge), *range(n - edge, n)], axis)
    return array
