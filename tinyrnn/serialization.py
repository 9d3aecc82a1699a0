"""Files: any object in PyTorch's format, as ``torch.save`` and ``torch.load``; tensors and strings as safetensors."""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from .backend import to_host
from .devices import place
from .engine import wrap
from .tensor import Tensor
from .torch_format import add_safe_globals, clear_safe_globals, get_safe_globals, read, safe_globals, write

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "load_tensors",
    "replacing",
    "safe_globals",
    "save",
    "save_tensors",
]

KINDS = ("F64", "F32", "F16", "I64", "I32", "I16", "I8", "U8", "BOOL")  # safetensors' names


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the name ``path`` only when all is written; else ``path`` stays as it was.

    A symbolic link stays one: the file that it points to is replaced.

    Raises:
        OSError: it cannot be written, or it is there and no regular file. The error names ``path``.
    """
    path = os.fsdecode(path)
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):  # os.replace would take the place of a device
        raise OSError(errno.EISDIR if os.path.isdir(target) else errno.EINVAL, "Not a regular file", path)
    temporary = f"{target}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave the new name on an empty file
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename in (None, temporary):
            error.filename = path  # the name that the caller knows
        raise


def save(obj: Any, f: Any, pickle_module: Any = pickle, pickle_protocol: int = 2, _use_new_zipfile_serialization: bool = True) -> None:
    """Write an object to a file that :func:`load` and ``torch.load`` read. ``torch.save``.

    Tensors that share memory share it again when they are read. A tensor is written with all of the memory that it
    looks into: of a small part of a large one, save a ``clone()``.

    Args:
        obj: tensors, containers of them such as ``model.state_dict()``, plain values; or whatever can be pickled, but
            that is read only with ``weights_only=False``, and not by PyTorch.
        f: a path, whose file is replaced all at once; or a file open for writing.

    Raises:
        RuntimeError: the folder does not exist, or two tensors see the same memory as different dtypes.
        OSError: it cannot be written.
        pickle.PicklingError: something in ``obj`` cannot be pickled, such as a lambda (AttributeError for local classes).

    >>> import io, tinyrnn
    >>> file = io.BytesIO()
    >>> save({"weight": tinyrnn.ones(2), "epoch": 3}, file)
    >>> _ = file.seek(0)
    >>> load(file)
    {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    if pickle_module is not pickle:
        raise ValueError(f"save writes with pickle only, which knows PyTorch's names; leave pickle_module out, got {pickle_module!r:.80}")
    if not _use_new_zipfile_serialization:
        raise ValueError("the format of PyTorch before 1.6 is read, not written: leave _use_new_zipfile_serialization out")
    if hasattr(f, "write"):
        return write(obj, f, pickle_protocol)
    if not isinstance(f, (str, os.PathLike)):
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object with a 'write' attribute, got {type(f).__name__}")
    folder = os.path.dirname(os.path.realpath(f))
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    with replacing(f) as file:
        write(obj, file, pickle_protocol)


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = True,
    mmap: bool | None = None,
    encoding: str = "utf-8",
) -> Any:
    """Read what :func:`save` or ``torch.save`` wrote; the dict of tensors of a ``.safetensors`` file. ``torch.load``.

    With ``weights_only=True`` nothing in the file is executed: it may hold tensors, parameters, dicts, lists, tuples,
    sets, numbers, strings, bytes, ``None``, sizes, dtypes and devices; :func:`add_safe_globals` allows more. With
    ``weights_only=False`` it may hold whole models and optimisers, but reading it runs whatever it says: do that only
    with files of people whom you trust.

    Args:
        f: a path, or a file open for reading that can seek.
        map_location: where tensors go: a device; a dict from the device where they were saved to another; or
            ``f(storage, location)``, which returns the storage, moved or not, or ``None``. By default, where they were saved.
        mmap: accepted; the file is read either way.
        encoding: of strings that Python 2 wrote.

    Raises:
        OSError: it cannot be read.
        pickle.UnpicklingError: it holds something that is not allowed; the message says what, and how to allow it. Or
            numbers that no tensor holds, such as bfloat16; or a damaged pickle.
        RuntimeError: it is something else or damaged; or the device is not there.
        EOFError: it is empty or cut off in the pickle.
    """
    if pickle_module not in (None, pickle):
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified: leave it out")
    weights_only = weights_only is None or bool(weights_only)
    if isinstance(f, (str, os.PathLike)):
        path = os.fsdecode(f)
        if path.endswith(".safetensors"):
            if callable(map_location) or isinstance(map_location, dict):
                raise RuntimeError(f"{path}: a safetensors file does not say where its tensors were: give map_location as a device")
            return {name: wrap(place(t.array, map_location)) for name, t in load_tensors(path)[0].items()}
        with open(path, "rb") as file:
            return read(file, path, map_location, weights_only, encoding)
    if not (hasattr(f, "read") and hasattr(f, "readline") and hasattr(f, "seek") and hasattr(f, "tell")):
        raise AttributeError(
            f"expected a path or a file that can read, seek and tell, got {type(f).__name__}. Of a stream, load io.BytesIO(f.read())"
        )
    return read(f, str(getattr(f, "name", "the file")), map_location, weights_only, encoding)


def save_tensors(tensors: Mapping[str, Tensor], path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors by name, and strings beside them, as safetensors. A file already there is replaced all at once.

    Raises:
        OSError: it cannot be written.
    """
    from safetensors.numpy import save

    # not ascontiguousarray, which gives a scalar an axis
    arrays = {name: np.asarray(to_host(t.array), order="C") for name, t in tensors.items()}
    data = save(arrays, dict(metadata or {}) or None)  # {} without tensors makes safetensors 0.8 write what it cannot read
    with replacing(path) as file:
        file.write(data)


def load_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors by name, and the strings, of a safetensors file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a safetensors file, or is cut off, or holds numbers of a type that tinyrnn has not.
    """
    from safetensors import SafetensorError, safe_open

    path = os.fsdecode(path)
    with open(path, "rb") as file:  # for the natural OSError: missing, a directory, not allowed
        file.read(1)
    try:
        with safe_open(path, framework="numpy") as opened:
            tensors: dict[str, Any] = {}
            for name in opened.keys():  # noqa: SIM118
                kind = opened.get_slice(name).get_dtype()
                if kind not in KINDS:
                    raise ValueError(
                        f"{path}: {name!r} holds numbers of type {kind}. Convert them to one that tinyrnn reads: {', '.join(KINDS)}"
                    )
                tensors[name] = wrap(opened.get_tensor(name))
            return tensors, dict(opened.metadata() or {})
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file, or is damaged: {error}") from error
