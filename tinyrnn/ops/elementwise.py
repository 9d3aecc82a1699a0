"""Primitives that work on each element alone: arithmetic, exponentials, choices.

Arguments broadcast as in NumPy; the engine sums gradients back to each argument's shape.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from ..backend import is_array, xp_of
from ..engine import Traced, primitive, provides, spellings
from ..threads import sum_of_rows

# -- dtype and broadcasting, which the engine itself needs --


@provides("cast")
@primitive
def cast(input, *, dtype):
    """``input`` as another (NumPy) dtype; the same array if it has it already."""
    return input.astype(dtype, copy=False)


cast.rule(input=lambda g, input_dtype: cast(g, dtype=input_dtype))


@provides("sum_to")
@primitive
def sum_to(input, *, shape):
    """Sum ``input`` down to ``shape``: over axes that broadcasting added or stretched."""
    extra = input.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(k + extra for k, n in enumerate(shape) if n == 1 != input.shape[k + extra])
    if not axes:
        return input.reshape(shape)
    if len(axes) == extra and input.dtype.kind == "f" and input.size:  # the gradient of a bias
        return sum_of_rows(input.reshape(-1, math.prod(shape))).reshape(shape)
    return input.sum(axis=axes, keepdims=True).reshape(shape)


@primitive
def broadcast_to(input, *, shape):
    """``input`` stretched to ``shape``, without copying."""
    return xp_of(input).broadcast_to(input, shape)


sum_to.rule(input=lambda g, input_shape: broadcast_to(g, shape=input_shape))
broadcast_to.rule(input=lambda g, input_shape: sum_to(g, shape=input_shape))


# -- arithmetic --


@primitive(elementwise=True)
def add(input, other, *, alpha=1):
    """``input + alpha * other``, broadcasting. ``torch.add``.

    >>> import tinyrnn
    >>> tinyrnn.add(tinyrnn.tensor([1., 2.]), 10)
    tensor([11., 12.])
    """
    return input + other if alpha == 1 else input + alpha * other


add.rule(input=lambda g: g, other=lambda g, alpha: g if alpha == 1 else g * alpha)


@primitive(elementwise=True)
def sub(input, other, *, alpha=1):
    """``input - alpha * other``, broadcasting. ``torch.sub``."""
    return input - other if alpha == 1 else input - alpha * other


sub.rule(input=lambda g: g, other=lambda g, alpha: -g if alpha == 1 else g * -alpha)


@primitive(elementwise=True)
def mul(input, other):
    """``input * other``, broadcasting. ``torch.mul``."""
    return input * other


mul.rule(input=lambda g, other: g * other, other=lambda g, input: g * input)


def _refuse_integer_zero(name: str, input: Any, other: Any) -> None:
    whole = not any(getattr(x, "dtype", np.dtype(type(x))).kind == "f" for x in (input, other))
    if whole and xp_of(other) is np and not np.all(other):  # a device gives what it gives: looking would wait for it
        raise RuntimeError(f"{name}: ZeroDivisionError, an integer was divided by 0")


@primitive(elementwise=True, floating=True)
def true_divide(input, other):
    """``input / other``, broadcasting; integers become floats."""
    return input / other


true_divide.name = "div"  # what PyTorch calls its node
# The quotient is computed again rather than kept: programs mask scores in place after they have divided them.
true_divide.rule(input=lambda g, other: g / other, other=lambda g, input, other: -g * (input / other) / other)


@primitive(elementwise=True)
def floor_divide(input, other):
    """``input // other``, rounded towards minus infinity. ``torch.floor_divide``."""
    _refuse_integer_zero("floor_divide", input, other)
    return input // other


floor_divide.rule(input=lambda g: g * 0, other=lambda g: g * 0)


@primitive(elementwise=True)
def trunc(input):
    """Rounded towards zero. Its gradient is zero."""
    return xp_of(input).trunc(input)


@primitive(elementwise=True)
def floor(input):
    """Rounded towards minus infinity. Its gradient is zero."""
    return xp_of(input).floor(input)


@primitive(elementwise=True)
def ceil(input):
    """Rounded towards plus infinity. Its gradient is zero."""
    return xp_of(input).ceil(input)


@primitive(elementwise=True)
def round(input, *, decimals=0):
    """Rounded to the nearest, halves to even. Its gradient is zero."""
    return xp_of(input).round(input, decimals)


@primitive(elementwise=True)
def sign(input):
    """-1, 0 or 1. Its gradient is zero."""
    return xp_of(input).sign(input)


for _flat in (trunc, floor, ceil, round, sign):
    _flat.rule(input=lambda g: where(False, g, 0.0))  # not g * 0: that is nan where g is infinite


@spellings
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """``input / other``; ``rounding_mode`` ``"trunc"`` or ``"floor"`` rounds the quotient. ``torch.div``.

    >>> import tinyrnn
    >>> tinyrnn.div(tinyrnn.tensor([7, -7]), 2), tinyrnn.div(tinyrnn.tensor([7, -7]), 2, rounding_mode="floor")
    (tensor([ 3.5000, -3.5000]), tensor([ 3, -4]))
    """
    if rounding_mode is None:
        return true_divide(input, other)
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode == "trunc":
        quotient = trunc(true_divide(input, other))
        whole = not any(getattr(x, "dtype", None) is not None and x.dtype.is_floating_point for x in (input, other))
        return quotient.long() if whole and not isinstance(other, float) else quotient
    raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'")


@primitive(elementwise=True)
def remainder(input, other):
    """``input % other``, with the sign of ``other``. ``torch.remainder``."""
    _refuse_integer_zero("remainder", input, other)
    return input % other


remainder.rule(input=lambda g: g, other=lambda g, input, other: -g * floor_divide(input, other))


@primitive(elementwise=True)
def neg(input):
    """``-input``."""
    return -input


neg.rule(lambda g: -g)


@primitive(elementwise=True)
def abs(input):
    """Absolute value; the gradient at 0 is 0, as in PyTorch."""
    return xp_of(input).abs(input)


abs.rule(lambda g, input: g * sign(input))


@primitive(elementwise=True)
def pow(input, exponent):
    """``input ** exponent``, broadcasting. ``torch.pow``."""
    return input**exponent


def _pow_slope(g: Any, input: Any, exponent: Any) -> Any:
    if isinstance(exponent, (int, float)):
        return g * 0 if exponent == 0 else g * (exponent * pow(input, exponent - 1))
    nought = exponent == 0  # x**0 has slope 0 at x = 0 too, where the formula has 0 * inf
    return where(nought, 0.0, g * (exponent * pow(input, where(nought, 1.0, exponent - 1))))


def _pow_exponent_slope(g: Any, input: Any, exponent: Any, y: Any) -> Any:
    if isinstance(input, (int, float)):
        slope = g * (y * (math.log(input) if input > 0 else -math.inf if input == 0 else math.nan))
        return where(exponent >= 0, 0.0, slope) if input == 0 else slope
    flat = (input == 0) * (exponent >= 0)  # 0**k is 0 nearby too, where the formula has 0 * log(0)
    return where(flat, 0.0, g * (y * log(where(flat, 1.0, input))))


pow.rule(
    input=_pow_slope,
    exponent=lambda g, input, exponent, y: _pow_exponent_slope(g, input, exponent, y),
)


@primitive(elementwise=True)
def square(input):
    """``input ** 2``."""
    return input * input


square.rule(lambda g, input: g * (2 * input))


# -- exponentials and friends --


@primitive(elementwise=True, floating=True)
def exp(input):
    """e to the power of each element; ``inf`` on overflow, without a warning."""
    return xp_of(input).exp(input)


exp.rule(lambda g, y: g * y)


@primitive(elementwise=True, floating=True)
def log(input):
    """Natural logarithm; ``-inf`` at 0 and ``nan`` below, without a warning."""
    return xp_of(input).log(input)


log.rule(lambda g, input: g / input)


@primitive(elementwise=True, floating=True)
def sqrt(input):
    """Square root."""
    return xp_of(input).sqrt(input)


sqrt.rule(lambda g, y: g / (2 * y))


@primitive(elementwise=True, floating=True)
def rsqrt(input):
    """``1 / sqrt(input)``."""
    return 1 / xp_of(input).sqrt(input)


rsqrt.rule(lambda g, y: g * (-0.5 * y * y * y))


@primitive(elementwise=True, floating=True)
def sin(input):
    """Sine of radians."""
    return xp_of(input).sin(input)


@primitive(elementwise=True, floating=True)
def cos(input):
    """Cosine of radians."""
    return xp_of(input).cos(input)


sin.rule(lambda g, input: g * cos(input))
cos.rule(lambda g, input: -g * sin(input))


@primitive(elementwise=True, floating=True)
def sinh(input):
    """Hyperbolic sine."""
    return xp_of(input).sinh(input)


@primitive(elementwise=True, floating=True)
def cosh(input):
    """Hyperbolic cosine."""
    return xp_of(input).cosh(input)


sinh.rule(lambda g, input: g * cosh(input))
cosh.rule(lambda g, input: g * sinh(input))


# -- choices --


def refuse_non_mask(what: str, mask: Any) -> None:
    """Refuse an array that is not boolean."""
    if getattr(mask, "dtype", np.dtype(bool)).kind != "b":
        raise RuntimeError(f"{what} to be a boolean tensor, but got a tensor with dtype {mask.dtype}")


@primitive(elementwise=True)
def where(condition, input, other):
    """``input`` where ``condition`` is true, ``other`` elsewhere; all three broadcast. ``torch.where``."""
    refuse_non_mask("where expected condition", condition)
    xp = xp_of(next(a for a in (condition, input, other) if is_array(a)))
    return xp.where(xp.asarray(condition) if isinstance(condition, bool) else condition, input, other)


where.rule(
    input=lambda g, condition: where(condition, g, 0.0),
    other=lambda g, condition: where(condition, 0.0, g),
)


@primitive(elementwise=True)
def masked_fill(input, mask, value):
    """``value`` where ``mask`` is true, ``input`` elsewhere. ``torch.Tensor.masked_fill``."""
    refuse_non_mask("masked_fill expected mask", mask)
    return xp_of(input).where(mask, xp_of(input).asarray(value, dtype=input.dtype), input)


masked_fill.rule(
    input=lambda g, mask: where(mask, 0.0, g),
    value=lambda g, mask, value_dtype: cast(where(mask, g, 0.0), dtype=value_dtype),
)
masked_fill.promoted = [0]  # the value takes the dtype of the input, whatever its own


@primitive(elementwise=True)
def maximum(input, other):
    """The larger of each pair; where they are equal the gradient goes half to each, as in PyTorch."""
    return xp_of(input).maximum(input, other)


@primitive(elementwise=True)
def minimum(input, other):
    """The smaller of each pair; where they are equal the gradient goes half to each, as in PyTorch."""
    return xp_of(input).minimum(input, other)


def _to_winner(g: Any, wins: Any, ties: Any) -> Any:
    return where(ties, g * 0.5, g * wins)


maximum.rule(
    input=lambda g, input, other: _to_winner(g, input > other, input == other),
    other=lambda g, input, other: _to_winner(g, other > input, input == other),
)
minimum.rule(
    input=lambda g, input, other: _to_winner(g, input < other, input == other),
    other=lambda g, input, other: _to_winner(g, other < input, input == other),
)


@primitive(elementwise=True)
def _clamp(input, *, min=None, max=None):
    xp = xp_of(input)
    y = input if min is None else xp.maximum(input, min)
    return y if max is None else xp.minimum(y, max)


def _inside(input: Any, min: Any, max: Any) -> Any:
    if min is None:
        return input <= max
    return input >= min if max is None else (input >= min) * (input <= max)


_clamp.rule(lambda g, input, min, max: g * _inside(input, min, max))


@spellings
def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """``input`` limited to [``min``, ``max``], numbers or tensors; the gradient is 1 inside and on the limits. ``torch.clamp``."""
    if min is None and max is None:
        raise RuntimeError("clamp: at least one of 'min' or 'max' must not be None")
    if isinstance(min, Traced) or isinstance(max, Traced):
        input = input if min is None else where(input < min, min, input)
        return input if max is None else where(input > max, max, input)
    if isinstance(min, float) or isinstance(max, float):
        kind = getattr(input, "array", input).dtype.kind
        input = cast(input, dtype=dtypes.get_default_dtype().numpy) if kind in "biu" else input
    return _clamp(input, min=min, max=max)


@spellings
def clamp_min(input: Any, min: Any) -> Any:
    """``input``, or ``min`` where that is larger. ``torch.clamp_min``."""
    return clamp(input, min)


@spellings
def clamp_max(input: Any, max: Any) -> Any:
    """``input``, or ``max`` where that is smaller. ``torch.clamp_max``."""
    return clamp(input, None, max)
