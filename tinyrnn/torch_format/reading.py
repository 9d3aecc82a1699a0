"""Reading an archive, or a file of PyTorch before 1.6, without running what it says."""

from __future__ import annotations

import _compat_pickle
import io
import os
import pickle
import struct
import sys
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..backend import Array, as_library_of
from ..devices import place
from .names import OURS, PLAIN, Storage, StorageType, allowed, refuse_foreign

ZIP = b"PK\x03\x04"
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # what a file of PyTorch before 1.6 begins with
NEVER = ("sys", "os", "posix", "nt")  # modules of which nothing is fetched, whatever the caller allows


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
        found = allowed.get(full, OURS.get(full, PLAIN.get(full)))
        if found is None:
            refuse_foreign(full)
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
        return any(one is allowed for allowed in allowed.values())

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
        found = allowed.get(full, OURS.get(full))
        if found is None:
            refuse_foreign(full)
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
