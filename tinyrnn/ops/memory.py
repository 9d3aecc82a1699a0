"""Primitives that copy: into new memory, to another device, over what is there."""

from __future__ import annotations

from typing import Any

from ..backend import xp_of
from ..devices import device_of, place
from ..engine import Traced, primitive
from .elementwise import cast, sum_to, where


@primitive
def clone(input):
    """A copy in memory of its own. ``torch.clone``."""
    return input.copy()


clone.rule(lambda g: g)


@primitive
def move(input, *, device, source):
    """The same numbers on another device; ``source`` is where they are now, for the way back."""
    return place(input, device)


move.rule(lambda g, device, source: move(g, device=source, source=device))


@primitive
def _overwrite(input, value):
    return xp_of(input).broadcast_to(value, input.shape).copy()


_overwrite.rule(
    input=lambda g: where(False, g, 0.0),  # not g * 0: that is nan where g is infinite
    value=lambda g, value_shape: sum_to(g, shape=value_shape),
)


def overwritten(target: Any, src: Any) -> Any:
    """``src`` in the shape and dtype of ``target``."""
    if not isinstance(src, Traced):
        try:
            src = xp_of(target.array).asarray(src, dtype=target.array.dtype)
        except ValueError:
            raise TypeError(f"expected a number or a Tensor, got {src!r:.80}") from None
        return _overwrite(target, src)
    there: Any = src.to(device_of(target.array))  # type: ignore[attr-defined]
    return _overwrite(target, cast(there, dtype=target.array.dtype))
