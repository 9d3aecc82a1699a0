"""How a tensor prints: as in PyTorch, so that outputs of the two can be compared by eye or by ``diff``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..backend import to_host

_USUAL = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80}
_PROFILES: dict[str, dict[str, Any]] = {"default": {}, "short": {"precision": 2, "edgeitems": 2}, "full": {"threshold": math.inf}}


class _Options:
    precision: int = 4
    threshold: float = 1000  # above so many elements, only
    edgeitems: int = 3  # so many at each end of an axis are shown
    linewidth: int = 80
    sci_mode: bool | None = None  # whether to write 1.0000e+03; None: as the numbers need it


_options = _Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """How tensors print from now on; ``profile`` is ``"default"``, ``"short"`` or ``"full"``. ``torch.set_printoptions``.

    >>> import tinyrnn
    >>> tinyrnn.set_printoptions(precision=2); tinyrnn.tensor([0.123]); tinyrnn.set_printoptions(profile="default")
    tensor([0.12])
    """
    given: dict[str, Any] = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"set_printoptions: profile must be one of {', '.join(_PROFILES)}, got {profile!r}")
        given = {**_USUAL, **_PROFILES[profile], **{name: value for name, value in given.items() if value is not None}}
    for name, value in given.items():
        if value is not None:
            setattr(_options, name, value)
    _options.sci_mode = sci_mode


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
        summarised = array.size > _options.threshold
        shown = _corners(array) if summarised else array
        text = head + _body(array, len(head), summarised, *_formatter(shown.reshape(-1)))
    used = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if used + len(suffix) + 2 > _options.linewidth:
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
        scientific = high / low > 1000 or high > 1e8 or (not whole and low < 1e-4)
        if scientific if _options.sci_mode is None else _options.sci_mode:
            style, dot = f".{_options.precision}e", ""
        elif not whole:
            style, dot = f".{_options.precision}f", ""
    width = max([len(f"{x:{style}}{dot}") for x in counted], default=1)
    return lambda x: f"{x:{style}}" + (dot if np.isfinite(x) else ""), width


def _body(array: np.ndarray, indent: int, summarised: bool, text: Callable[[Any], str], width: int) -> str:
    if array.ndim == 0:
        return text(array[()]).rjust(width)
    cut = summarised and array.shape[0] > 2 * _options.edgeitems
    kept = (array[: _options.edgeitems], array[-_options.edgeitems :]) if cut else (array,)
    if array.ndim == 1:
        parts = [[text(x).rjust(width) for x in part] for part in kept]
        flat = [*parts[0], " ...", *parts[1]] if cut else parts[0]
        in_a_line = max(1, (_options.linewidth - indent) // (width + 2))
        lines = [", ".join(flat[k : k + in_a_line]) for k in range(0, len(flat), in_a_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    rows = [[_body(row, indent + 1, summarised, text, width) for row in part] for part in kept]
    all_rows = [*rows[0], "...", *rows[1]] if cut else rows[0]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(all_rows) + "]"


def _corners(array: np.ndarray) -> np.ndarray:
    for axis, n in enumerate(array.shape):
        if n > 2 * _options.edgeitems:
            array = array.take([*range(_options.edgeitems), *range(n - _options.edgeitems, n)], axis)
    return array
