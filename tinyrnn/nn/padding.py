"""More elements at the ends of the last axis, as modules; :func:`tinyrnn.nn.functional.pad` explains the modes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..tensor import Tensor
from . import functional as F
from .module import Module


class _Pad1d(Module):
    """``padding`` before and after, one number or two."""

    mode: str

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        before, after = (padding, padding) if isinstance(padding, int) else padding
        self.padding = (before, after)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, L) or (C, L) to the same with a longer last axis."""
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return str(self.padding)


class ConstantPad1d(_Pad1d):
    """Pads with ``value``."""

    mode = "constant"

    def __init__(self, padding: int | Sequence[int], value: Any) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, L) or (C, L) to the same with a longer last axis."""
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ZeroPad1d(ConstantPad1d):
    """Pads with zeros."""

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return str(self.padding)


class ReflectionPad1d(_Pad1d):
    """Pads with the neighbours of the ends, mirrored."""

    mode = "reflect"


class ReplicationPad1d(_Pad1d):
    """Pads with the ends."""

    mode = "replicate"


class CircularPad1d(_Pad1d):
    """Pads with what is at the other end."""

    mode = "circular"
