"""What there is of GPUs, by PyTorch's names. ``torch.cuda``."""

from __future__ import annotations

from typing import Any, NamedTuple

from .backend import cupy, why_no_cuda
from .devices import name_of, number_of
from .names import missing_from
from .random import default_generator, manual_seed
from .tensor.legacy import ON_CUDA

__all__ = [
    "OutOfMemoryError",
    "current_device",
    "device",
    "device_count",
    "empty_cache",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "init",
    "initial_seed",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "synchronize",
]

OutOfMemoryError = MemoryError  # what CuPy raises is one


def is_available() -> bool:
    """Whether a GPU can be used: a kernel, a matrix product and a copy back have worked on it.

    >>> import tinyrnn
    >>> tinyrnn.cuda.is_available() == (tinyrnn.cuda.device_count() > 0)
    True
    """
    return why_no_cuda() is None


is_initialized = is_available


def init() -> None:
    """Nothing, where a GPU can be used.

    Raises:
        RuntimeError: none can; the message says why. So do all functions below that need one.
    """
    cupy()


def device_count() -> int:
    """How many GPUs can be used; 0 where none can."""
    return cupy().cuda.runtime.getDeviceCount() if is_available() else 0


def current_device() -> int:
    """The number of the GPU that ``"cuda"`` stands for."""
    return number_of(None)


def set_device(device: Any) -> None:
    """Let ``"cuda"`` stand for this GPU, and operations run there; a negative number changes nothing."""
    cupy().cuda.Device(number_of(device)).use()


class device:
    """``with device(1):`` lets ``"cuda"`` stand for this GPU inside; ``None`` or a negative number changes nothing."""

    def __init__(self, device: Any) -> None:
        self.idx = device

    def __enter__(self) -> None:
        self._guard = cupy().cuda.Device(number_of(self.idx))
        self._guard.__enter__()

    def __exit__(self, *error: object) -> None:
        self._guard.__exit__(*error)


class DeviceProperties(NamedTuple):
    """What a GPU is: its memory in bytes, and its compute capability."""

    name: str
    major: int
    minor: int
    total_memory: int
    multi_processor_count: int


def get_device_properties(device: Any = None) -> DeviceProperties:
    """Name, capability, memory and number of multiprocessors."""
    found = cupy().cuda.runtime.getDeviceProperties(number_of(device))
    return DeviceProperties(found["name"].decode(), found["major"], found["minor"], found["totalGlobalMem"], found["multiProcessorCount"])


def get_device_name(device: Any = None) -> str:
    """What the maker calls it."""
    return name_of(device)


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """What it can do, as NVIDIA counts it, such as ``(9, 0)``."""
    found = get_device_properties(device)
    return found.major, found.minor


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """No: CuPy has no such type."""
    return False


def synchronize(device: Any = None) -> None:
    """Wait until the GPU has done all that it was told."""
    cupy().cuda.Device(number_of(device)).synchronize()


# -- memory --


def _of_pool(what: str, where: Any) -> int:
    if not is_available():
        return 0
    with device(where):
        return getattr(cupy().get_default_memory_pool(), what)()


def memory_allocated(device: Any = None) -> int:
    """Bytes that arrays hold on the GPU; 0 where there is none."""
    return _of_pool("used_bytes", device)


def memory_reserved(device: Any = None) -> int:
    """Bytes that CuPy has taken of the GPU's memory, in use or kept to be used again; 0 where there is none."""
    return _of_pool("total_bytes", device)


# CuPy does not note the most that arrays ever held. It gives nothing back unasked, so what it has taken is the most that
# arrays and the gaps between them needed at once.
max_memory_allocated = max_memory_reserved = memory_reserved


def empty_cache() -> None:
    """Give memory that no array uses back to the GPU."""
    if is_available():
        cupy().get_default_memory_pool().free_all_blocks()


def reset_peak_memory_stats(device: Any = None) -> None:
    """Let ``max_memory_allocated`` count from here: what no array uses is given back."""
    empty_cache()


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total bytes of the GPU, whoever uses the rest."""
    with cupy().cuda.Device(number_of(device)):
        return cupy().cuda.runtime.memGetInfo()


# -- random numbers: one generator on the host serves all devices --

manual_seed_all = manual_seed


def seed() -> None:
    """Take a seed from the operating system."""
    default_generator.seed()


seed_all = seed


def initial_seed() -> int:
    """The seed last set."""
    return default_generator.initial_seed()


globals().update(ON_CUDA)  # FloatTensor, LongTensor, ...: PyTorch's first names of tensors on a GPU

__getattr__ = missing_from(__name__)
