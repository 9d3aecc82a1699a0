"""PyTorch's file format, written and read without PyTorch: the part of it that is tensors, containers and plain values.

A file is a zip archive. ``data.pkl`` holds the object, pickled, with an id wherever a tensor needs memory; ``data/0``,
``data/1``, ... hold that memory, each piece once, however many tensors look into it.

A pickle is a program: it fetches names from modules and calls them, so reading a stranger's pickle is running it. The
:class:`Restricted` reader fetches nothing but the names of a fixed table, and calls nothing but what it fetched there.

Source: ``torch/serialization.py`` and ``torch/_weights_only_unpickler.py`` of PyTorch 2.13.
"""

from __future__ import annotations

import _compat_pickle
import contextlib
import io
import os
import pickle
import struct
import sys
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import Any, BinaryIO, ClassVar

import numpy as np

from . import dtypes
from .backend import Array, as_library_of, is_array, to_host, xp_of
from .devices import device, device_of, place
from .engine import wrap
from .tensor import Parameter, Size, Tensor

ZIP = b"PK\x03\x04"
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # what a file of PyTorch before 1.6 begins with
ALIGNMENT = 64  # bytes; where a piece of memory may begin, so that PyTorch can map the file
NEVER = ("sys", "os", "posix", "nt")  # modules of which nothing is fetched, whatever the caller allows

# -- what a file may name ------------------------------------------------------------------------------


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


def _rebuild_tensor(storage: Storage, offset: int, size: Sequence[int], stride: Sequence[int]) -> Tensor:
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


def _rebuild_tensor_v2(
    storage: Storage, offset: int, size: Sequence[int], stride: Sequence[int], requires_grad: bool, hooks: Any, metadata: Any = None
) -> Tensor:
    if metadata:
        raise pickle.UnpicklingError(f"a tensor with metadata {metadata!r:.80}, which tinyrnn has not")
    return _rebuild_tensor(storage, offset, size, stride).requires_grad_(bool(requires_grad))


def _rebuild_parameter(data: Tensor, requires_grad: bool, hooks: Any) -> Parameter:
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
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor_v2,
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
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

_allowed: dict[str, Any] = {}  # what the caller added, by name


def _named(safe_globals: Sequence) -> dict[str, Any]:
    named = [one if isinstance(one, tuple) else (one, f"{one.__module__}.{one.__qualname__}") for one in safe_globals]
    return {name: one for one, name in named}


def add_safe_globals(safe_globals: Sequence) -> None:
    """Let ``load`` with ``weights_only=True`` make objects of these classes, and call these functions.

    Each is a class or function, or ``(object, "module.name")`` for one that files know by another name.
    """
    _allowed.update(_named(safe_globals))


def get_safe_globals() -> list:
    """What was added."""
    return list(_allowed.values())


def clear_safe_globals() -> None:
    """Allow no more than at first."""
    _allowed.clear()


@contextlib.contextmanager
def safe_globals(safe_globals: Sequence) -> Iterator[None]:
    """:func:`add_safe_globals` for the length of a ``with`` block."""
    before = dict(_allowed)
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        _allowed.clear()
        _allowed.update(before)


def _refuse_foreign(name: str) -> None:
    """Raise an error for a name of PyTorch's that has no counterpart here."""
    if name.startswith("torch.") and name.endswith(("Storage", "torch.bfloat16", "torch.complex64", "torch.complex128")):
        known = ", ".join(d.name for d in dtypes.dtype._by_numpy.values())
        kind = name.removeprefix("torch.").removesuffix("Storage").lower()
        raise pickle.UnpicklingError(f"it holds numbers of type {kind}. Convert them in PyTorch to one that tinyrnn reads: {known}")
    if name.split(".")[0] == "torch":
        raise pickle.UnpicklingError(
            f"it holds {name}, which tinyrnn cannot rebuild. Of a model or an optimiser, save the state_dict() in PyTorch"
        )


# -- writing -------------------------------------------------------------------------------------------


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
            return _rebuild_parameter, (wrap(obj.array), obj.requires_grad, OrderedDict())
        if isinstance(obj, Tensor):
            storage, offset, stride = self._memory(obj.array)
            return _rebuild_tensor_v2, (storage, offset, tuple(obj.shape), stride, obj.requires_grad, OrderedDict())
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


# -- reading -------------------------------------------------------------------------------------------


class _Instructions(dict):
    def __missing__(self, code: int) -> Any:
        raise pickle.UnpicklingError(f"the pickle instruction {bytes([code])!r} is not among those that weights need")


class Restricted(pickle._Unpickler):
    """A reader of pickles that fetches only known names and calls only those; for the instructions that weights need.

    Python's own reader lets a pickle fetch any name, and set any attribute of what it fetched.
    """

    NEEDED = (
        b"\x80.(N\x88\x89)]}tuaes\x85\x86\x87"  # PROTO STOP MARK NONE, booleans, containers, SETITEMS APPEND APPENDS SETITEM
        b"JKM\x8aGXUqrhjQcR\x81b"  # numbers, strings, the memo, BINPERSID GLOBAL REDUCE NEWOBJ BUILD
    )
    dispatch: ClassVar[dict] = _Instructions({code: pickle._Unpickler.dispatch[code] for code in NEEDED})
    stack: list

    def __init__(self, file: Any, encoding: str, storages: Callable) -> None:
        super().__init__(file, encoding=encoding)
        self._storages = storages
        self._found: list = []

    def find_class(self, module: str, name: str) -> Any:
        """What a name stands for, if it is in the table or was allowed."""
        if (module, name) in _compat_pickle.NAME_MAPPING:
            module, name = _compat_pickle.NAME_MAPPING[module, name]
        module = _compat_pickle.IMPORT_MAPPING.get(module, module)
        full = f"{module}.{name}"
        if module in NEVER:
            raise pickle.UnpicklingError(f"it wants {full}, and nothing of the module {module} is ever allowed")
        found = _allowed.get(full, OURS.get(full, PLAIN.get(full)))
        if found is None:
            _refuse_foreign(full)
            raise pickle.UnpicklingError(
                f"Unsupported global: GLOBAL {full} was not an allowed global by default. If you trust who wrote the file, allow it "
                f"with tinyrnn.serialization.add_safe_globals([{name}]), or load everything with weights_only=False, which runs "
                "whatever the file says"
            )
        self._found.append(found)
        return found

    def persistent_load(self, pid: Any) -> Any:
        """The storage of an id."""
        return self._storages(pid)

    def _is_allowed(self, one: Any) -> bool:
        return any(one is allowed for allowed in _allowed.values())

    def load_reduce(self) -> None:
        """Call what was fetched by name, and nothing else."""
        args = self.stack.pop()
        function = self.stack[-1]
        if not any(function is found for found in self._found) or type(args) is not tuple:
            raise pickle.UnpicklingError(f"it calls a {type(function).__name__}, which is no function that it fetched by name")
        self.stack[-1] = function(*args)

    def load_newobj(self) -> None:
        """Make an object of a class that the caller allowed."""
        args = self.stack.pop()
        cls = self.stack.pop()
        if not self._is_allowed(cls):
            raise pickle.UnpicklingError(f"it makes an object of {cls!r:.80}, which is not allowed; add_safe_globals can allow a class")
        self.stack.append(cls.__new__(cls, *args))

    def load_build(self) -> None:
        """Set attributes: of an OrderedDict such that it has not, or as an allowed class does it."""
        target = self.stack[-2]
        if type(target) is OrderedDict:
            state = self.stack.pop()
            if type(state) is not dict or any(type(name) is not str or hasattr(OrderedDict, name) for name in state):
                raise pickle.UnpicklingError("it replaces attributes of an OrderedDict")
            target.__dict__.update(state)
        elif self._is_allowed(type(target)):
            super().load_build()  # type: ignore[misc]
        else:
            raise pickle.UnpicklingError(f"it sets attributes of a {type(target).__name__}, which is not allowed")

    def _fill(self, types: tuple, depth: int) -> None:
        if type(self.stack[-depth]) not in types:
            raise pickle.UnpicklingError(f"it fills a {type(self.stack[-depth]).__name__} as if it were a {types[0].__name__}")

    def load_append(self) -> None:
        """Add one item to a list."""
        self._fill((list,), 2)
        super().load_append()  # type: ignore[misc]

    def load_setitem(self) -> None:
        """Add one item to a dict."""
        self._fill((dict, OrderedDict, Counter), 3)
        super().load_setitem()  # type: ignore[misc]

    def load_appends(self) -> None:
        """Add the items since the mark to a list."""
        items = self.pop_mark()  # type: ignore[attr-defined]
        self._fill((list,), 1)
        self.stack[-1].extend(items)

    def load_setitems(self) -> None:
        """Add the items since the mark to a dict."""
        items = self.pop_mark()  # type: ignore[attr-defined]
        self._fill((dict, OrderedDict, Counter), 1)
        for key, value in zip(items[::2], items[1::2]):
            self.stack[-1][key] = value

    for _method, _code in (
        (load_reduce, pickle.REDUCE),
        (load_newobj, pickle.NEWOBJ),
        (load_build, pickle.BUILD),
        (load_append, pickle.APPEND),
        (load_setitem, pickle.SETITEM),
        (load_appends, pickle.APPENDS),
        (load_setitems, pickle.SETITEMS),
    ):
        dispatch[_code[0]] = _method


class Unrestricted(pickle.Unpickler):
    """Python's reader, with what we have under PyTorch's names."""

    def __init__(self, file: Any, encoding: str, storages: Callable) -> None:
        super().__init__(file, encoding=encoding)
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        """What a name stands for."""
        full = f"{module}.{name}"
        found = _allowed.get(full, OURS.get(full))
        if found is None:
            _refuse_foreign(full)
            found = super().find_class(module, name)
        return found

    def persistent_load(self, pid: Any) -> Any:
        """The storage of an id."""
        return self._storages(pid)


class Storages:
    """The storages of a file by their ids, each fetched once and put where it belongs."""

    def __init__(self, fetch: Callable[[str, np.dtype, int], Array], map_location: Any) -> None:
        self.fetch, self.map_location = fetch, map_location
        self.held: dict[str, Storage] = {}

    def __call__(self, pid: Any) -> Storage:
        """The storage of ``("storage", type, key, location, number of elements)``; before 1.6, with a view of it behind."""
        if type(pid) is not tuple or len(pid) not in (5, 6) or pid[0] != "storage":
            raise pickle.UnpicklingError(f"the id of a storage was expected, got {pid!r:.80}")
        _, kind, key, location, count, *view = pid
        if not isinstance(kind, StorageType) or type(key) is not str or type(location) is not str or type(count) is not int or count < 0:
            raise pickle.UnpicklingError(f"the id of a storage was expected, got {pid!r:.80}")
        if key not in self.held:
            self.held[key] = self._placed(Storage(self.fetch(key, kind.numpy, count), key), location)
        if view and view[0] is not None:
            raise pickle.UnpicklingError("a storage that is a view of another, as PyTorch wrote before 0.4: save it with a later one")
        if self.held[key].array.dtype != kind.numpy:
            raise pickle.UnpicklingError(f"storage {key} is named as two types: {self.held[key].array.dtype} and {kind.numpy}")
        return self.held[key]

    def _placed(self, storage: Storage, location: str) -> Storage:
        where: Any = self.map_location
        if isinstance(where, dict):
            where = where.get(location, location)
        elif callable(where):
            moved = where(storage, location)
            if moved is not None:
                return moved
            where = None
        try:
            return Storage(place(storage.array, location if where is None else where), storage.key)
        except RuntimeError as error:
            if self.map_location is not None:
                raise
            raise RuntimeError(
                f"Attempting to load tensors that were saved on {location}: {error}. "
                "With map_location='cpu' they go to the computer's memory"
            ) from error


def read(file: Any, name: str, map_location: Any, weights_only: bool, encoding: str) -> Any:
    """The object in an archive, or in a file of PyTorch before 1.6. ``name`` is for messages. Errors as ``load``."""
    reader = Restricted if weights_only else Unrestricted
    begin = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(begin)
    zipped = file.read(len(ZIP)) == ZIP
    file.seek(begin)
    try:
        return (_read_zip if zipped else _read_legacy)(file, end, reader, map_location, encoding)
    except pickle.UnpicklingError as error:
        raise pickle.UnpicklingError(f"{name}: Weights only load failed: {error}" if weights_only else f"{name}: {error}") from None
    except EOFError:
        raise EOFError(f"{name} is empty or cut off: Ran out of input") from None
    except _Damaged as error:
        raise RuntimeError(f"{name} is damaged: {error}") from error
    except RuntimeError as error:  # of a device that is not there
        raise RuntimeError(f"{name}: {error}") from error
    except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError, struct.error) as error:
        if not weights_only:  # of the classes in the file
            raise
        raise pickle.UnpicklingError(f"{name}: Weights only load failed: its pickle is damaged: {error!r:.200}") from error


class _Damaged(Exception):
    """Something is wrong with the file around the pickle."""


def _read_zip(file: Any, end: int, reader: Any, map_location: Any, encoding: str) -> Any:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError) as error:
        raise _Damaged(f"failed reading zip archive: {error}") from error
    entries = {entry.filename: entry for entry in archive.infolist()}
    folder = next(iter(entries), "").split("/")[0]
    if f"{folder}/constants.pkl" in entries:
        raise _Damaged("it is a TorchScript archive, which holds a program: save the model's state_dict() in PyTorch instead")

    def record(name: str, count: int | None = None) -> bytearray:
        entry = entries.get(f"{folder}/{name}")
        if entry is None:
            raise _Damaged(f"failed locating file {name}: file not found in the archive")
        if entry.compress_type != zipfile.ZIP_STORED:  # unpacked, it could be of any size
            raise _Damaged(f"{name} is compressed, as no file of PyTorch is: put the files into the archive as they are (zip -0)")
        if entry.file_size > end or count not in (None, entry.file_size):
            raise _Damaged(f"{name} has {entry.file_size} bytes" + ("" if count is None else f", expected {count}"))
        data = bytearray(entry.file_size)
        try:
            with archive.open(entry) as opened:
                if opened.readinto(data) != len(data):  # type: ignore[attr-defined]
                    raise _Damaged(f"{name} is cut off")
        except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError, struct.error) as error:
            raise _Damaged(f"{name}: {error}") from error
        return data

    order = bytes(record("byteorder")).decode("latin1") if f"{folder}/byteorder" in entries else "little"
    if order not in ("little", "big"):
        raise _Damaged(f"Unknown endianness type: {order:.80}")

    def fetch(key: str, dtype: np.dtype, count: int) -> np.ndarray:
        array = np.frombuffer(record(f"data/{key}", count * dtype.itemsize), dtype)
        return array if order == sys.byteorder else array.byteswap()

    return reader(io.BytesIO(record("data.pkl")), encoding, Storages(fetch, map_location)).load()


def _read_legacy(file: Any, end: int, reader: Any, map_location: Any, encoding: str) -> Any:
    """Pickles one after the other, and then the memory, whose places in the pickle were reserved."""

    def plain() -> Any:
        return Restricted(file, encoding, no_storages).load()

    def no_storages(pid: Any) -> Any:
        raise pickle.UnpicklingError("a storage where none can be")

    def reserve(key: str, dtype: np.dtype, count: int) -> np.ndarray:
        if count * dtype.itemsize > end:
            raise _Damaged(f"unexpected EOF: storage {key} would have {count * dtype.itemsize} bytes, the file has {end}")
        return np.zeros(count, dtype)

    try:
        magic = plain()
    except (LookupError, ValueError, TypeError, struct.error, pickle.UnpicklingError) as error:
        raise pickle.UnpicklingError("it is no file that torch.save or tinyrnn.save wrote") from error
    if magic != MAGIC:
        raise _Damaged("Invalid magic number; it is no file that torch.save or tinyrnn.save wrote")
    version = plain()
    if version != PROTOCOL:
        raise _Damaged(f"Invalid protocol version: {version!r:.80}")
    plain()  # the sizes of C's types where it was written
    storages = Storages(reserve, map_location)
    result = reader(file, encoding, storages).load()
    for key in plain():
        if key not in storages.held:
            raise _Damaged(f"it has memory {key!r:.80} that no tensor looks into")
        array = storages.held[key].array
        header = file.read(8)
        data = file.read(array.nbytes)
        if len(header) + len(data) < 8 + array.nbytes:
            raise _Damaged(f"unexpected EOF, expected {array.nbytes - len(data)} more bytes")
        if struct.unpack("<q", header)[0] != array.size:
            raise _Damaged(f"storage {key} has {struct.unpack('<q', header)[0]} elements, expected {array.size}")
        array[...] = as_library_of(array, np.frombuffer(data, array.dtype.newbyteorder("<")).astype(array.dtype))
    return result
