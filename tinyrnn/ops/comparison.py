"""What is true of each element: comparisons, logic, bits, and what is no number. None of it has a gradient."""

from __future__ import annotations

import math
from typing import Any

from ..backend import xp_of
from ..engine import need_tensors, primitive, spellings
from .elementwise import abs, sub


@primitive(elementwise=True)
def eq(input, other):
    """Element by element, whether equal."""
    return input == other


@primitive(elementwise=True)
def ne(input, other):
    """Element by element, whether unequal."""
    return input != other


@primitive(elementwise=True)
def lt(input, other):
    """Element by element, whether less."""
    return input < other


@primitive(elementwise=True)
def le(input, other):
    """Element by element, whether less or equal."""
    return input <= other


@primitive(elementwise=True)
def gt(input, other):
    """Element by element, whether greater."""
    return input > other


@primitive(elementwise=True)
def ge(input, other):
    """Element by element, whether greater or equal."""
    return input >= other


@primitive(elementwise=True)
def logical_not(input):
    """Whether zero (false)."""
    return xp_of(input).logical_not(input)


@primitive(elementwise=True)
def logical_and(input, other):
    """Whether both are non-zero."""
    return xp_of(input).logical_and(input, other)


@primitive(elementwise=True)
def logical_or(input, other):
    """Whether either is non-zero."""
    return xp_of(input).logical_or(input, other)


@primitive(elementwise=True)
def logical_xor(input, other):
    """Whether exactly one of them is non-zero. ``torch.logical_xor``."""
    return xp_of(input).logical_xor(input, other)


@primitive(elementwise=True)
def bitwise_and(input, other):
    """``input & other`` of integers or booleans."""
    return input & other


@primitive(elementwise=True)
def bitwise_or(input, other):
    """``input | other`` of integers or booleans."""
    return input | other


@primitive(elementwise=True)
def bitwise_xor(input, other):
    """``input ^ other`` of integers or booleans."""
    return input ^ other


@primitive(elementwise=True)
def bitwise_not(input):
    """``~input`` of integers or booleans."""
    return ~input


@primitive(elementwise=True)
def bitwise_left_shift(input, other):
    """``input << other`` of integers. ``torch.bitwise_left_shift``."""
    return input << other


@primitive(elementwise=True)
def bitwise_right_shift(input, other):
    """``input >> other`` of integers. ``torch.bitwise_right_shift``."""
    return input >> other


@primitive(elementwise=True)
def isnan(input):
    """Whether not a number."""
    return xp_of(input).isnan(input)


@primitive(elementwise=True)
def isinf(input):
    """Whether infinite."""
    return xp_of(input).isinf(input)


@primitive(elementwise=True)
def isfinite(input):
    """Whether neither infinite nor not a number."""
    return xp_of(input).isfinite(input)


@spellings
def isposinf(input: Any) -> Any:
    """Whether plus infinity. ``torch.isposinf``."""
    return input == math.inf


@spellings
def isneginf(input: Any) -> Any:
    """Whether minus infinity. ``torch.isneginf``."""
    return input == -math.inf


# -- near, or not --


def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Element by element, whether ``|input - other| <= atol + rtol * |other|``. ``torch.isclose``.

    Raises:
        RuntimeError: the tensors differ in dtype.
    """
    need_tensors("isclose", input=input, other=other)
    if input.dtype != other.dtype:
        raise RuntimeError(f"isclose: {input.dtype} did not match {other.dtype}")
    same = input == other
    if not input.dtype.is_floating_point:
        input, other = input.double(), other.double()
    if equal_nan:
        same = same | (isnan(input) & isnan(other))
    distance = abs(sub(input, other))
    return same | (le(distance, atol + rtol * abs(other)) & (distance < math.inf))


def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close, as in :func:`isclose`. ``torch.allclose``."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


def equal(input: Any, other: Any) -> bool:
    """Whether two tensors have equal shapes and elements. ``torch.equal``."""
    need_tensors("equal", input=input, other=other)
    return input.shape == other.shape and bool((input == other).all())
