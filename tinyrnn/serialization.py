"""Tensors to and from safetensors files: named arrays and a dictionary of strings, and nothing that can be executed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from .backend import to_host
from .engine import wrap
from .tensor import Tensor


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the name ``path`` only when all is written; else ``path`` stays as it was."""
    temporary = f"{os.fspath(path)}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave the new name on an empty file
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def save_tensors(tensors: Mapping[str, Tensor], path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors by name, and strings beside them, as safetensors. A file already there is replaced all at once.

    Raises:
        OSError: it cannot be written.
    """
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(to_host(t.array)) for name, t in tensors.items()}
    data = save(arrays, dict(metadata or {}))
    with replacing(path) as file:
        file.write(data)


def load_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors by name, and the strings, of a safetensors file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a safetensors file, or is cut off.
    """
    from safetensors import SafetensorError, safe_open

    with open(path, "rb") as file:  # for the natural OSError: missing, a directory, not allowed
        file.read(1)
    try:
        with safe_open(os.fspath(path), framework="numpy") as opened:
            tensors: dict[str, Any] = {name: wrap(opened.get_tensor(name)) for name in opened.keys()}  # noqa: SIM118
            return tensors, dict(opened.metadata() or {})
    except SafetensorError as error:
        raise ValueError(f"{os.fspath(path)} is not a safetensors file, or is damaged: {error}") from error
