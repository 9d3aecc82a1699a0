"""Tensors to and from safetensors files: named arrays and a dictionary of strings, and nothing that can be executed."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from .backend import to_host
from .engine import wrap
from .tensor import Tensor

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
