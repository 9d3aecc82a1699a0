"""Where a tensor's numbers live: in the computer's memory, or on a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from .backend import Array, cupy, to_host, xp_of


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
    xp = cupy()
    count = xp.cuda.runtime.getDeviceCount()
    index = xp.cuda.runtime.getDevice() if where.index is None else where.index
    if index >= count:
        raise RuntimeError(f"CUDA error: invalid device ordinal: {where} was asked for, but there are {count} devices, from cuda:0")
    with xp.cuda.Device(index):
        return xp.asarray(array)
