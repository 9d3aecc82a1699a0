"""What programs ask of a tensor by a function, and the defaults that new tensors follow."""

from __future__ import annotations

import warnings
from typing import Any

from . import devices, dtypes
from .engine import need_tensors
from .tensor import Tensor, legacy


def is_tensor(obj: Any) -> bool:
    """Whether it is a tensor. ``torch.is_tensor``."""
    return isinstance(obj, Tensor)


def numel(input: Tensor) -> int:
    """The number of elements. ``torch.numel``."""
    need_tensors("numel", input=input)
    return input.numel()


def is_floating_point(input: Tensor) -> bool:
    """Whether the elements are floats. ``torch.is_floating_point``."""
    need_tensors("is_floating_point", input=input)
    return input.is_floating_point()


def is_complex(input: Tensor) -> bool:
    """Whether the elements are complex numbers, which no tensor has here. ``torch.is_complex``."""
    need_tensors("is_complex", input=input)
    return input.is_complex()


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero. ``torch.is_nonzero``."""
    need_tensors("is_nonzero", input=input)
    return bool(input)


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether the shapes are equal. ``torch.is_same_size``."""
    return input.shape == other.shape


def typename(obj: Any) -> str:
    """``torch.FloatTensor`` of a tensor, and of anything else the full name of its type. ``torch.typename``."""
    if isinstance(obj, Tensor):
        return legacy.type_name(obj.array)
    kind = obj if isinstance(obj, type) else type(obj)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def result_type(tensor1: Any, tensor2: Any) -> dtypes.dtype:
    """The dtype that an operation on two tensors or numbers gives. ``torch.result_type``."""
    return dtypes.from_numpy_dtype(dtypes.result_type(*(x.array if isinstance(x, Tensor) else x for x in (tensor1, tensor2))))


def get_default_device() -> devices.device:
    """Where new tensors live unless told otherwise. ``torch.get_default_device``."""
    return devices.CPU if devices.default is None else devices.default


def set_default_device(device: Any) -> None:
    """Let new tensors live there; ``None`` is the computer's memory. ``torch.set_default_device``."""
    devices.default = None if device is None else devices.device(device)


def set_default_tensor_type(t: Any) -> None:
    """The dtype and device of new tensors, as a type: ``FloatTensor`` or its name. ``torch.set_default_tensor_type``."""
    device, dtype = legacy.where_and_what_of(t)
    dtypes.set_default_dtype(dtype)
    set_default_device(device)


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Taken, and changes nothing: equal seeds repeat a run exactly on the CPU; a GPU adds up repeated rows in any order."""


def are_deterministic_algorithms_enabled() -> bool:
    """Whether the same run gives the same bits: always, in the computer's memory. ``torch.are_deterministic_algorithms_enabled``."""
    return True


_precision = "highest"


def get_float32_matmul_precision() -> str:
    """What :func:`set_float32_matmul_precision` set. ``torch.get_float32_matmul_precision``."""
    return _precision


def set_float32_matmul_precision(precision: str) -> None:
    """Taken, and changes nothing: products of ``float32`` are computed in ``float32``. ``torch.set_float32_matmul_precision``."""
    global _precision
    if not isinstance(precision, str):
        raise RuntimeError(f"set_float32_matmul_precision expects a str, but got {type(precision).__name__}")
    if precision not in ("highest", "high", "medium"):
        warnings.warn(f"{precision} is not one of 'highest', 'high', or 'medium'; the call has no effect.", stacklevel=2)
        return
    _precision = precision
