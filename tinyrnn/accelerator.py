"""The GPU, if there is one, by the names that do not say whose. ``torch.accelerator``."""

from __future__ import annotations

from typing import Any

from . import cuda
from .cuda import device_count, is_available, synchronize
from .devices import device

__all__ = [
    "current_accelerator",
    "current_device_index",
    "device_count",
    "is_available",
    "set_device_index",
    "synchronize",
]


def current_accelerator(check_available: bool = False) -> device | None:
    """The kind of accelerator, ``device("cuda")``; ``None`` if none can be used.

    >>> import tinyrnn
    >>> (tinyrnn.accelerator.current_accelerator() is None) == (not tinyrnn.accelerator.is_available())
    True
    """
    return device("cuda") if is_available() else None


def current_device_index() -> int:
    """The number of the GPU that ``"cuda"`` stands for."""
    return cuda.current_device()


def set_device_index(device: Any) -> None:
    """Let ``"cuda"`` stand for this GPU."""
    cuda.set_device(device)
