"""What functions say of arguments of the wrong kind."""

from __future__ import annotations

from ...engine import need_tensors
from ...tensor import Tensor

__all__ = ["need_floats", "need_tensors"]


def need_floats(op: str, input: Tensor) -> None:
    """Refuse integers and truth values."""
    need_tensors(op, input=input)
    if not input.is_floating_point():
        raise NotImplementedError(f'"{op}" not implemented for {input.dtype}: use .float()')
