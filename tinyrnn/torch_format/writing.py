"""Writing an archive."""

from __future__ import annotations

import io
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from types import FunctionType
from typing import Any, BinaryIO, ClassVar

import numpy as np

from ..backend import Array, is_array, to_host, xp_of
from ..devices import device_of
from ..engine import wrap
from ..tensor import Parameter, Size, Tensor
from .names import NAMES, STORAGE_TYPE, Storage, rebuild_parameter, rebuild_tensor_v2

ALIGNMENT = 64  # bytes; where a piece of memory may begin, so that PyTorch can map the file


class Writer(pickle._Pickler):
    """A pickler that writes tensors, dtypes, devices and sizes under PyTorch's names, and memory as ids.

    In Python, because the one in C would import ``torch`` to see whether its names are there.
    """

    dispatch: ClassVar[dict] = dict(pickle._Pickler.dispatch)

    def __init__(self, file: BinaryIO, protocol: int) -> None:
        super().__init__(file, protocol)
        self.storages: dict[tuple[int, int], Storage] = {}  # by where the memory is

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Write the name of a class, a function or a value; ours under PyTorch's."""
        known = NAMES.get(id(obj))
        if known is not None:
            self.write(b"c%s\n%s\n" % tuple(part.encode() for part in known.rsplit(".", 1)))  # type: ignore[attr-defined]
            self.memoize(obj)  # type: ignore[attr-defined]
        else:
            super().save_global(obj, name)  # type: ignore[misc]

    dispatch[FunctionType] = save_global

    def reducer_override(self, obj: Any) -> Any:
        """How PyTorch spells what is ours."""
        if isinstance(obj, Parameter):
            return rebuild_parameter, (wrap(obj.array), obj.requires_grad, OrderedDict())
        if isinstance(obj, Tensor):
            storage, offset, stride = self._memory(obj.array)
            return rebuild_tensor_v2, (storage, offset, tuple(obj.shape), stride, obj.requires_grad, OrderedDict())
        if isinstance(obj, Size):
            return Size, (tuple(obj),)
        if type(obj) is bytes and not obj and self.proto < 3:  # type: ignore[attr-defined]
            return sys.modules["_codecs"].encode, ("", "latin1")  # bytes(), Python's spelling, is refused by PyTorch
        return NotImplemented

    def _memory(self, array: Array) -> tuple[Storage, int, tuple[int, ...]]:
        """The storage, and the place in it and the stride of an array: in elements."""
        size, root = array.itemsize, array
        while is_array(root.base):
            root = root.base
        flat = _flat(root)
        begin = 0 if flat is None else _address(array) - _address(flat)
        if not array.size or flat is None or begin % size or any(step < 0 or step % size for step in array.strides):
            array = xp_of(array).array(array, order="C")  # such a view PyTorch has not
            flat, begin = array.reshape(-1).view(np.uint8), 0
        place = _address(flat), flat.size
        if place not in self.storages:
            self.storages[place] = Storage(flat[: flat.size // size * size].view(array.dtype), str(len(self.storages)))
        storage = self.storages[place]
        if storage.array.dtype != array.dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types: "
                f"{storage.array.dtype} and {array.dtype}. Save a clone() of one"
            )
        return storage, begin // size, tuple(step // size for step in array.strides)

    def persistent_id(self, obj: Any) -> Any:
        """The id of a storage; anything else is pickled."""
        if not isinstance(obj, Storage):
            return None
        return "storage", STORAGE_TYPE[obj.array.dtype], obj.key, str(device_of(obj.array)), obj.array.size


def _flat(array: Array) -> Array | None:
    """All of the array's memory, as bytes; ``None`` if it has gaps."""
    dense = array.transpose(sorted(range(array.ndim), key=lambda k: -array.strides[k]))
    return dense.reshape(-1).view(np.uint8) if dense.flags.c_contiguous and array.size else None


def _address(array: Array) -> int:
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr


def write(obj: Any, file: Any, protocol: int) -> None:
    """Write any object that can be pickled as PyTorch's archive."""
    pickled = io.BytesIO()
    writer = Writer(pickled, protocol)
    writer.dump(obj)
    with zipfile.ZipFile(file, "w") as archive:

        def record(name: str, data: Any) -> None:
            entry = zipfile.ZipInfo(f"archive/{name}")
            padding = -(archive.start_dir + 30 + len(entry.filename) + 4) % ALIGNMENT
            entry.extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
            archive.writestr(entry, data)

        record("data.pkl", pickled.getvalue())
        record("byteorder", sys.byteorder)
        for storage in writer.storages.values():
            record(f"data/{storage.key}", to_host(storage.array).view(np.uint8).data)
        record("version", "3\n")
