"""What there is of GPUs, by PyTorch's names. ``torch.cuda``."""

from __future__ import annotations

from typing import Any

from .backend import cupy, manual_seed, why_no_cuda
from .names import missing_from

__all__ = [
    "current_device",
    "device_count",
    "empty_cache",
    "get_device_name",
    "is_available",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "memory_allocated",
    "set_device",
    "synchronize",
]


def is_available() -> bool:
    """Whether a GPU can be used: a kernel, a matrix product and a copy back have worked on it.

    >>> import tinyrnn
    >>> tinyrnn.cuda.is_available() == (tinyrnn.cuda.device_count() > 0)
    True
    """
    return why_no_cuda() is None


def device_count() -> int:
    """How many GPUs can be used; 0 where none can."""
    return cupy().cuda.runtime.getDeviceCount() if is_available() else 0


def current_device() -> int:
    """The number of the GPU that ``"cuda"`` stands for."""
    return cupy().cuda.runtime.getDevice()


def set_device(device: int) -> None:
    """Let ``"cuda"`` stand for this GPU, and operations run there."""
    cupy().cuda.Device(device).use()


def get_device_name(device: Any = None) -> str:
    """What the maker calls it."""
    index = current_device() if device is None else getattr(device, "index", device) or 0
    return cupy().cuda.runtime.getDeviceProperties(index)["name"].decode()


def synchronize(device: Any = None) -> None:
    """Wait until the GPU has done all that it was told."""
    cupy().cuda.Device().synchronize()


def memory_allocated(device: Any = None) -> int:
    """Bytes that arrays hold on the GPU."""
    return cupy().get_default_memory_pool().used_bytes() if is_available() else 0


def max_memory_allocated(device: Any = None) -> int:
    """Bytes that CuPy has taken of the GPU's memory so far, in use or kept to be used again."""
    return cupy().get_default_memory_pool().total_bytes() if is_available() else 0


def empty_cache() -> None:
    """Give memory that no array uses back to the GPU."""
    if is_available():
        cupy().get_default_memory_pool().free_all_blocks()


manual_seed_all = manual_seed

__getattr__ = missing_from(__name__)
