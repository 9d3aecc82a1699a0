"""PyTorch's first names of tensor types, ``FloatTensor`` and its kind: as constructors, in ``isinstance`` and in ``x.type()``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..backend import Array, xp_of
from ..devices import place
from ..engine import Traced, wrap
from .arrays import array_of, shape_of

_NAMES = {
    "Half": dtypes.float16,
    "Float": dtypes.float32,
    "Double": dtypes.float64,
    "Byte": dtypes.uint8,
    "Char": dtypes.int8,
    "Short": dtypes.int16,
    "Int": dtypes.int32,
    "Long": dtypes.int64,
    "Bool": dtypes.bool,
}


def legacy_array(args: tuple, dtype: np.dtype, size: Any = None, data: Any = None) -> Array:
    """What ``Tensor(2, 3)``, ``Tensor([1, 2])``, ``Tensor()`` hold: sizes, data, nothing."""
    if size is not None or not args:
        return np.empty(0 if size is None and data is None else shape_of((), size), dtype) if data is None else _data(data, dtype)
    if all(isinstance(a, int) for a in args) or (len(args) == 1 and isinstance(args[0], tuple) and hasattr(args[0], "numel")):
        return np.empty(shape_of(args, name="new"), dtype)
    if len(args) > 1:
        raise TypeError(f"new(): expected sizes as integers, or one argument with data, got {', '.join(type(a).__name__ for a in args)}")
    return _data(args[0], dtype)


def _data(data: Any, dtype: np.dtype) -> Array:
    if isinstance(data, Traced):
        if data.array.dtype != dtype:
            raise TypeError(f"new(): expected a tensor of dtype {dtype}, got one of {data.array.dtype}; to convert it, use x.to(dtype)")
        return data.array
    if isinstance(data, (str, bytes)):
        raise TypeError("new(): invalid data type 'str'")
    if not hasattr(data, "dtype") and not hasattr(data, "__len__"):
        raise TypeError(f"new(): data must be a sequence (got {type(data).__name__})")
    return data.astype(dtype) if isinstance(data, np.ndarray) else array_of(list(data), dtype, copy=True)


class LegacyType(type):
    """The type of ``FloatTensor`` and its kind: calling one makes a tensor, and ``isinstance`` looks at dtype and device."""

    dtype: dtypes.dtype
    is_cuda: bool

    def __call__(cls, *args: Any, device: Any = None, size: Any = None, data: Any = None) -> Any:
        """Of sizes (the values are whatever the memory held) or of data."""
        return wrap(place(legacy_array(args, cls.dtype.numpy, size, data), "cuda" if cls.is_cuda else device))

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, Traced) and x.array.dtype == cls.dtype.numpy and (xp_of(x.array) is not np) == cls.is_cuda

    def __repr__(cls) -> str:
        return f"<class '{cls.__module__}.{cls.__name__}'>"


def _types(module: str, is_cuda: bool) -> dict[str, LegacyType]:
    made = {}
    for name, dtype in _NAMES.items():
        body = {"__module__": module, "dtype": dtype, "is_cuda": is_cuda, "__doc__": f"``torch.{name}Tensor``: a tensor of {dtype}."}
        made[f"{name}Tensor"] = LegacyType(f"{name}Tensor", (), body)
    return made


ON_CPU = _types("torch", is_cuda=False)
ON_CUDA = _types("torch.cuda", is_cuda=True)
FloatTensor, DoubleTensor, HalfTensor = (ON_CPU[f"{name}Tensor"] for name in ("Float", "Double", "Half"))
LongTensor, IntTensor, ShortTensor = (ON_CPU[f"{name}Tensor"] for name in ("Long", "Int", "Short"))
CharTensor, ByteTensor, BoolTensor = (ON_CPU[f"{name}Tensor"] for name in ("Char", "Byte", "Bool"))


def type_name(array: Array) -> str:
    """``torch.FloatTensor``, as PyTorch's ``x.type()`` says: programs compare it with that text."""
    name = next(name for name, dtype in _NAMES.items() if dtype.numpy == array.dtype)
    return f"torch.{'' if xp_of(array) is np else 'cuda.'}{name}Tensor"


def where_and_what_of(wanted: Any) -> tuple[Any, Any]:
    """Device (or ``None``) and dtype that ``x.type(wanted)`` asks for.

    Raises:
        ValueError: a text that names no type.
        TypeError: neither a text nor a type.
    """
    if isinstance(wanted, str):
        module, _, name = wanted.rpartition(".")
        found = {"torch": ON_CPU, "torch.cuda": ON_CUDA, "tinyrnn": ON_CPU}.get(module, {}).get(name)
        if found is None and (module, name) not in (("torch", "Tensor"), ("tinyrnn", "Tensor")):
            raise ValueError(f"invalid type: {wanted!r}; expected such as 'torch.FloatTensor'")
        wanted = dtypes.get_default_dtype() if found is None else found
    if isinstance(wanted, LegacyType):
        return "cuda" if wanted.is_cuda else "cpu", wanted.dtype
    if isinstance(wanted, dtypes.dtype):
        return None, wanted
    if isinstance(wanted, type) and issubclass(wanted, Traced):
        return None, dtypes.get_default_dtype()
    raise TypeError(f"dtype must be a type, str, or dtype object, got {wanted!r}")
