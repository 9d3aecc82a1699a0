"""What a file may name: the table of PyTorch's names and what they stand for here, and what the caller adds to it."""

from __future__ import annotations

import contextlib
import pickle
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..backend import Array, xp_of
from ..devices import device, place
from ..engine import wrap
from ..tensor import Parameter, Size, Tensor


class Storage:
    """The memory that tensors look into: an array of one axis. What a callable ``map_location`` gets and returns."""

    def __init__(self, array: Array, key: str = "") -> None:
        self.array, self.key = array, key

    def cpu(self) -> Storage:
        """In the computer's memory."""
        return Storage(place(self.array, "cpu"), self.key)

    def cuda(self, device: Any = None) -> Storage:
        """On a GPU: the current one, unless another is given."""
        return Storage(place(self.array, "cuda" if device is None else device), self.key)


class StorageType:
    """The type of a storage by PyTorch's name, such as ``FloatStorage``."""

    def __init__(self, name: str, dtype: dtypes.dtype) -> None:
        self.name, self.numpy = name, dtype.numpy

    def __reduce__(self) -> str:
        return self.name


STORAGE_TYPES = [
    StorageType("DoubleStorage", dtypes.float64),
    StorageType("FloatStorage", dtypes.float32),
    StorageType("HalfStorage", dtypes.float16),
    StorageType("LongStorage", dtypes.int64),
    StorageType("IntStorage", dtypes.int32),
    StorageType("ShortStorage", dtypes.int16),
    StorageType("CharStorage", dtypes.int8),
    StorageType("ByteStorage", dtypes.uint8),
    StorageType("BoolStorage", dtypes.bool),
]
STORAGE_TYPE = {kind.numpy: kind for kind in STORAGE_TYPES}


def rebuild_tensor(storage: Storage, offset: int, size: Sequence[int], stride: Sequence[int]) -> Tensor:
    """A tensor of this size and stride (in elements), from element ``offset`` of a storage on."""
    sound = isinstance(storage, Storage) and type(size) in (tuple, Size) and type(stride) in (tuple, Size) and len(size) == len(stride)
    if not sound or not all(type(n) is int and n >= 0 for n in (offset, *size, *stride)):
        raise pickle.UnpicklingError("a tensor's size, stride and place in its storage must be numbers from 0 on")
    flat = storage.array
    if 0 in size:
        return wrap(xp_of(flat).empty(tuple(size), flat.dtype))
    if offset + sum((n - 1) * step for n, step in zip(size, stride)) >= flat.size:
        raise pickle.UnpicklingError(f"a tensor of size {tuple(size)} and stride {tuple(stride)} reaches beyond the end of its storage")
    steps = tuple(step * flat.itemsize for step in stride)
    if isinstance(flat, np.ndarray):  # as_strided would hide which memory this is a view of
        return wrap(np.ndarray(tuple(size), flat.dtype, flat, offset * flat.itemsize, steps))
    return wrap(xp_of(flat).lib.stride_tricks.as_strided(flat[offset:], tuple(size), steps))


def rebuild_tensor_v2(
    storage: Storage, offset: int, size: Sequence[int], stride: Sequence[int], requires_grad: bool, hooks: Any, metadata: Any = None
) -> Tensor:
    """A leaf, as PyTorch writes one; the hooks are always empty."""
    if metadata:
        raise pickle.UnpicklingError(f"a tensor with metadata {metadata!r:.80}, which tinyrnn has not")
    return rebuild_tensor(storage, offset, size, stride).requires_grad_(bool(requires_grad))


def rebuild_parameter(data: Tensor, requires_grad: bool, hooks: Any) -> Parameter:
    """A parameter, as PyTorch writes one."""
    if not isinstance(data, Tensor):
        raise pickle.UnpicklingError(f"a parameter must be made from a tensor, got {type(data).__name__}")
    return Parameter(data, bool(requires_grad))


def _bytes(text: str, encoding: str) -> bytes:
    """Pickle's spelling of bytes; as ``_codecs.encode`` it could call any codec there is."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes are spelled in latin1, got {encoding!r:.80}")
    return text.encode(encoding)


def _no_bytes() -> bytes:
    return b""  # of a number, bytes would make that many


def _bytearray(data: bytes = b"") -> bytearray:
    return bytearray(memoryview(data))  # and so would bytearray


OURS: dict[str, Any] = {
    "torch._utils._rebuild_tensor_v2": rebuild_tensor_v2,
    "torch._utils._rebuild_tensor": rebuild_tensor,
    "torch._utils._rebuild_parameter": rebuild_parameter,
    "torch.Size": Size,
    "torch.device": device,
    **{f"torch.{d.name}": d for d in dtypes.dtype._by_numpy.values()},
    **{f"torch.{kind.name}": kind for kind in STORAGE_TYPES},
}
PLAIN: dict[str, Any] = {
    "collections.OrderedDict": OrderedDict,
    "collections.Counter": Counter,
    "_codecs.encode": _bytes,
    "builtins.bytes": _no_bytes,
    "builtins.bytearray": _bytearray,
    "builtins.set": set,
    "builtins.complex": complex,
}
NAMES = {id(one): name for name, one in OURS.items()}

allowed: dict[str, Any] = {}  # what the caller added, by name


def _named(safe_globals: Sequence) -> dict[str, Any]:
    named = [one if isinstance(one, tuple) else (one, f"{one.__module__}.{one.__qualname__}") for one in safe_globals]
    return {name: one for one, name in named}


def add_safe_globals(safe_globals: Sequence) -> None:
    """Let ``load`` with ``weights_only=True`` make objects of these classes, and call these functions.

    Each is a class or function, or ``(object, "module.name")`` for one that files know by another name.
    """
    allowed.update(_named(safe_globals))


def get_safe_globals() -> list:
    """What was added."""
    return list(allowed.values())


def clear_safe_globals() -> None:
    """Allow no more than at first."""
    allowed.clear()


@contextlib.contextmanager
def safe_globals(safe_globals: Sequence) -> Iterator[None]:
    """:func:`add_safe_globals` for the length of a ``with`` block."""
    before = dict(allowed)
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        allowed.clear()
        allowed.update(before)


def refuse_foreign(name: str) -> None:
    """Raise an error for a name of PyTorch's that has no counterpart here."""
    if name.startswith("torch.") and name.endswith(("Storage", "torch.bfloat16", "torch.complex64", "torch.complex128")):
        known = ", ".join(d.name for d in dtypes.dtype._by_numpy.values())
        kind = name.removeprefix("torch.").removesuffix("Storage").lower()
        raise pickle.UnpicklingError(f"it holds numbers of type {kind}. Convert them in PyTorch to one that tinyrnn reads: {known}")
    if name.split(".")[0] == "torch":
        raise pickle.UnpicklingError(
            f"it holds {name}, which tinyrnn cannot rebuild. Of a model or an optimiser, save the state_dict() in PyTorch"
        )
