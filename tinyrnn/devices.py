"""Where a tensor's numbers live: in the computer's memory, or on a GPU."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .backend import Array, cupy, to_host, why_no_cuda, xp_of


class device:
    """A place for tensors: ``"cpu"``, ``"cuda"`` (the current GPU) or ``"cuda:1"``. ``torch.device``.

    >>> import tinyrnn
    >>> tinyrnn.device("cuda:1"), tinyrnn.zeros(2).device
    (device(type='cuda', index=1), device(type='cpu'))

    Raises:
        RuntimeError: neither cpu nor cuda, or an index that is no number.
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: Any, index: int | None = None) -> None:
        kind: Any = type
        if isinstance(kind, device):
            kind, index = kind.type, kind.index
        elif isinstance(kind, int):
            kind, index = "cuda", kind
        elif ":" in kind and index is None:
            kind, _, number = kind.partition(":")
            if not number.isdigit():
                raise RuntimeError(f"Invalid device string: '{kind}:{number}'; expected 'cpu', 'cuda' or 'cuda:0'")
            index = int(number)
        if kind not in ("cpu", "cuda"):
            raise RuntimeError(f"Expected one of cpu, cuda device type at start of device string: {kind}")
        self.type, self.index = kind, index

    def __repr__(self) -> str:
        return f"device(type={self.type!r})" if self.index is None else f"device(type={self.type!r}, index={self.index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> tuple:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        global default
        _before.append(default)
        default = self
        return self

    def __exit__(self, *exc: Any) -> None:
        global default
        default = _before.pop()


default: device | None = None  # where new tensors go unless told; ``with device("cuda"):`` and set_default_device change it
_before: list[device | None] = []


def device_of(array: Array) -> device:
    """Where an array lives."""
    return CPU if xp_of(array) is np else device("cuda", array.device.id)


CPU = device("cpu")


def lives_on(array: Array, where: Any) -> bool:
    """Whether the array is there already."""
    here, where = device_of(array), device(where)
    return here.type == where.type and where.index in (None, here.index or 0)


def place(array: Array, where: Any) -> Array:
    """The array on a device (``None``: where it is), copied only if it is somewhere else.

    Raises:
        RuntimeError: there is no such device, or it cannot be used; the message says why and what to do.
    """
    if where is None or lives_on(array, where):
        return array
    where = device(where)
    if where.type == "cpu":
        return to_host(array)
    with _gpu(where) as xp:
        return xp.asarray(array)


def made_on(where: Any, make: str, *args: Any) -> Array:
    """What the function ``make`` of the array library returns, made on a device (``None``: the computer's memory)."""
    if where is None or (where := device(where)).type == "cpu":
        return getattr(np, make)(*args)
    with _gpu(where) as xp:
        return getattr(xp, make)(*args)


@contextmanager
def _gpu(where: device) -> Iterator[Any]:
    """CuPy, with that GPU as the current one."""
    with cupy().cuda.Device(number_of(where)):
        yield cupy()


class DeviceError(RuntimeError):
    """A device that was asked for cannot be used; the message says why and what to do."""


def choose(name: str = "auto") -> device:
    """What ``--device`` of a program means: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, or ``"auto"``.

    ``"auto"`` is the GPU, if a kernel, a matrix product and a copy back have worked there, else the CPU; one line on
    standard error says which it is.

    >>> choose("cpu")
    device(type='cpu')

    Raises:
        DeviceError: it is not there, cannot be used, or there is no such name.
    """
    if name != "auto":
        try:
            chosen = device(name)
            place(np.empty(0), chosen)
        except RuntimeError as error:
            raise DeviceError(f"--device {name}: {error}") from error
        return chosen
    why = why_no_cuda()
    if why is None:
        chosen = device("cuda")
        said = f"cuda ({name_of(chosen)})"
    else:
        chosen = CPU
        said = "cpu" if importlib.util.find_spec("cupy") is None else f"cpu ({why})"  # who has no CuPy did not ask
    print(f"device: {said}", file=sys.stderr)
    return chosen


def number_of(where: Any) -> int:
    """Which GPU is meant by a device, its number, its name, or ``None`` for the current one.

    Raises:
        RuntimeError: it is not there, or no GPU can be used.
        ValueError: it is the CPU.
    """
    xp = cupy()
    index: Any = where
    if where is not None and not isinstance(where, int):
        asked = device(where)
        if asked.type != "cuda":
            raise ValueError(f"Expected a cuda device, but got: {asked}")
        index = asked.index
    if index is None or index < 0:
        return xp.cuda.runtime.getDevice()
    count = xp.cuda.runtime.getDeviceCount()
    if index >= count:
        raise RuntimeError(f"CUDA error: invalid device ordinal: cuda:{index} was asked for, but there are {count} devices, from cuda:0")
    return index


def name_of(where: Any = None) -> str:
    """What the maker of a GPU calls it."""
    return cupy().cuda.runtime.getDeviceProperties(number_of(where))["name"].decode()
