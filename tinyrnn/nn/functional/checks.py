"""What functions say of arguments that are no tensors, or of the wrong kind."""

from __future__ import annotations

from typing import Any

from ...tensor import Tensor


def need_tensors(op: str, **given: Any) -> None:
    """Refuse what is no tensor, by its name."""
    for name, x in given.items():
        if not isinstance(x, Tensor):
            raise TypeError(f"{op}(): argument '{name}' must be Tensor, not {type(x).__name__}: make one with tinyrnn.tensor")


def need_floats(op: str, input: Tensor) -> None:
    """Refuse integers and truth values."""
    need_tensors(op, input=input)
    if not input.is_floating_point():
        raise NotImplementedError(f'"{op}" not implemented for {input.dtype}: use .float()')
