"""Data types by PyTorch's names, and PyTorch's rules for mixing them.

A ``dtype`` is a name for the NumPy type of the same bits. The mixing rules differ from NumPy's where
it matters to a language model: ``int64`` with ``float32`` stays ``float32`` (NumPy: ``float64``), and a
number or a 0-d tensor never widens a tensor of the same kind.
"""

from __future__ import annotations

import builtins
from typing import Any, ClassVar

import numpy as np

module = "tinyrnn"  # what types print before their names; "torch" where tinyrnn stands for it


class dtype:
    """A data type, such as ``tinyrnn.float32``. There is one object of each, so ``is`` and ``==`` agree.

    >>> import tinyrnn
    >>> tinyrnn.ones(2).dtype is tinyrnn.float32, tinyrnn.int64.is_floating_point, tinyrnn.half.itemsize
    (True, False, 2)
    """

    __slots__ = ("name", "numpy")
    _by_numpy: ClassVar[dict[np.dtype, dtype]] = {}

    def __init__(self, name: str) -> None:
        self.name = name
        self.numpy = np.dtype(name)
        dtype._by_numpy[self.numpy] = self

    @property
    def is_floating_point(self) -> builtins.bool:
        """Whether a floating type."""
        return self.numpy.kind == "f"

    @property
    def is_complex(self) -> builtins.bool:
        """Whether a complex type."""
        return self.numpy.kind == "c"

    @property
    def is_signed(self) -> builtins.bool:
        """Whether it has negative numbers."""
        return self.numpy.kind in "ifc"

    @property
    def itemsize(self) -> builtins.int:
        """Bytes of one element."""
        return self.numpy.itemsize

    def __repr__(self) -> str:
        return f"{module}.{self.name}"

    def __reduce__(self) -> str:
        return self.name  # pickles and copies as the one object of this module

    def __deepcopy__(self, memo: dict) -> dtype:
        return self


float16 = half = dtype("float16")
float32 = float = dtype("float32")
float64 = double = dtype("float64")
uint8 = dtype("uint8")
int8 = dtype("int8")
int16 = short = dtype("int16")
int32 = int = dtype("int32")
int64 = long = dtype("int64")
bool = dtype("bool")

_default = float32


def get_default_dtype() -> dtype:
    """The floating dtype of new tensors made from Python floats; ``float32`` unless changed."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Set the dtype that Python floats become, ``float32`` or ``float64``.

    Raises:
        TypeError: ``d`` is not a floating dtype.
    """
    global _default
    d = from_numpy_dtype(as_numpy_dtype(d))
    if not d.is_floating_point:
        raise TypeError(f"set_default_dtype: expected a floating dtype such as tinyrnn.float64, got {d}")
    _default = d


def from_numpy_dtype(d: np.dtype) -> dtype:
    """Our name of a NumPy dtype; ``TypeError`` for those that tensors do not hold (strings, objects, ...)."""
    try:
        return dtype._by_numpy[d]
    except KeyError:
        known = ", ".join(one.name for one in dtype._by_numpy.values())
        raise TypeError(f"a tensor cannot hold {d} values; it holds one of: {known}") from None


def as_numpy_dtype(d: Any) -> np.dtype:
    """The NumPy dtype of a tinyrnn dtype, a NumPy dtype or type, or a Python type."""
    if isinstance(d, dtype):
        return d.numpy
    return from_numpy_dtype(np.dtype(d)).numpy


_KIND_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


def _promote(a: np.dtype, b: np.dtype) -> np.dtype:
    ranks = _KIND_RANK[a.kind], _KIND_RANK[b.kind]
    if ranks[0] != ranks[1] and max(ranks) >= 2:  # an integer takes the float's type, whatever its own width
        return a if ranks[0] > ranks[1] else b
    return np.promote_types(a, b)


def _scalar_dtype(value: Any) -> np.dtype:
    if isinstance(value, builtins.bool):
        return bool.numpy
    if isinstance(value, builtins.int):
        return int64.numpy
    if isinstance(value, builtins.float):
        return _default.numpy
    raise TypeError(f"a tensor takes integers, floats and booleans, not {type(value).__name__}")


def result_type(*operands: Any) -> np.dtype:
    """The NumPy dtype that an operation on these raw arrays and Python numbers has in PyTorch.

    Arrays with axes decide. A 0-d array counts only if its kind (bool < integer < float) is higher than
    theirs, a Python number only if its kind is higher still. ``torch.result_type``.
    """
    levels: list[np.dtype | None] = [None, None, None]  # arrays with axes, 0-d arrays, Python numbers
    for x in operands:
        ndim = getattr(x, "ndim", None)
        level, d = (2, _scalar_dtype(x)) if ndim is None else (0 if ndim else 1, x.dtype)
        held = levels[level]
        levels[level] = d if held is None else _promote(held, d)
    result = None
    for d in levels:
        if d is None:
            continue
        if result is None:
            result = d
        elif _KIND_RANK[d.kind] > _KIND_RANK[result.kind]:
            result = _promote(result, d)
    assert result is not None, "result_type needs at least one operand"
    return result


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The dtype that holds the values of both. ``torch.promote_types``."""
    return from_numpy_dtype(_promote(as_numpy_dtype(type1), as_numpy_dtype(type2)))


def can_cast(from_: dtype, to: dtype) -> builtins.bool:
    """Whether a result of one dtype may be written into a tensor of the other: to no lower kind. ``torch.can_cast``."""
    source, target = as_numpy_dtype(from_).kind, as_numpy_dtype(to).kind
    return _KIND_RANK[source] <= _KIND_RANK[target]


class finfo:
    """The limits of a floating dtype, the default one unless given. ``torch.finfo``.

    >>> import tinyrnn
    >>> tinyrnn.finfo(tinyrnn.float32).max
    3.4028234663852886e+38
    """

    def __init__(self, type: dtype | None = None) -> None:
        d = _default if type is None else type
        if not d.is_floating_point:
            raise TypeError(f"finfo() requires a floating point input type, got {d}. Use iinfo")
        known = np.finfo(d.numpy)
        self.dtype, self.bits = d.name, known.bits
        self.eps, self.max, self.min = builtins.float(known.eps), builtins.float(known.max), builtins.float(known.min)
        self.tiny = self.smallest_normal = builtins.float(known.smallest_normal)
        self.resolution = builtins.float(known.resolution)

    def __repr__(self) -> str:
        shown = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{name}={getattr(self, name):g}' for name in shown)}, dtype={self.dtype})"


class iinfo:
    """The limits of an integer dtype. ``torch.iinfo``."""

    def __init__(self, type: dtype) -> None:
        if type.numpy.kind not in "iu":
            raise TypeError(f"iinfo() requires an integer input type, got {type}. Use finfo")
        known = np.iinfo(type.numpy)
        self.dtype, self.bits, self.min, self.max = type.name, known.bits, builtins.int(known.min), builtins.int(known.max)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


class layout:
    """How elements lie in memory; ``strided`` is the only way. ``torch.layout``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"{module}.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class memory_format(layout):
    """In what order; the formats there are leave it as it is, or put it in reading order. ``torch.memory_format``."""


strided = layout("strided")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
