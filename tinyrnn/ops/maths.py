"""Functions of each element that recurrent models seldom call: inverse and other logarithms, mixtures of three tensors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import dtypes
from ..backend import complementary_error_function, xp_of
from ..engine import Primitive, Traced, primitive, spellings
from .comparison import isnan
from .elementwise import add, exp, log, mul, sub, true_divide, trunc, where


def _pointwise(name: str, slope: Callable, summary: str, numpys: str = "") -> Primitive:
    """The primitive that is NumPy's function of that name, and ``slope``, the rule for its gradient."""

    def forward(input):
        return getattr(xp_of(input), numpys or name)(input)

    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = f"{summary} ``torch.{name}``."
    made: Primitive = primitive(forward, elementwise=True, floating=True)
    made.rule(slope)
    return made


log2 = _pointwise("log2", lambda g, input: g / (input * math.log(2)), "Logarithm to the base 2.")
log10 = _pointwise("log10", lambda g, input: g / (input * math.log(10)), "Logarithm to the base 10.")
log1p = _pointwise("log1p", lambda g, input: g / (1 + input), "``log(1 + input)``, exact near 0.")
exp2 = _pointwise("exp2", lambda g, y: g * (y * math.log(2)), "2 to the power of each element.")
expm1 = _pointwise("expm1", lambda g, y: g * (y + 1), "``exp(input) - 1``, exact near 0.")
tan = _pointwise("tan", lambda g, y: g * (1 + y * y), "Tangent of radians.")
asin = _pointwise("asin", lambda g, input: g * (1 - input * input) ** -0.5, "Inverse sine, in radians.", "arcsin")
acos = _pointwise("acos", lambda g, input: -g * (1 - input * input) ** -0.5, "Inverse cosine, in radians.", "arccos")
atan = _pointwise("atan", lambda g, input: g / (1 + input * input), "Inverse tangent, in radians.", "arctan")
asinh = _pointwise("asinh", lambda g, input: g * (1 + input * input) ** -0.5, "Inverse hyperbolic sine.", "arcsinh")
acosh = _pointwise("acosh", lambda g, input: g * (input * input - 1) ** -0.5, "Inverse hyperbolic cosine.", "arccosh")
atanh = _pointwise("atanh", lambda g, input: g / (1 - input * input), "Inverse hyperbolic tangent.", "arctanh")
reciprocal = _pointwise("reciprocal", lambda g, y: -g * y * y, "``1 / input``.")


@primitive(elementwise=True, floating=True)
def erfc(input):
    """``1 - erf(input)``, exact where that is small. ``torch.erfc``."""
    return complementary_error_function(input)


erfc.rule(lambda g, input: g * (-2 / math.sqrt(math.pi) * exp(-input * input)))


@primitive(elementwise=True, floating=True)
def atan2(input, other):
    """The angle of the point (``other``, ``input``), in radians. ``torch.atan2``."""
    return xp_of(input).arctan2(input, other)


atan2.rule(
    input=lambda g, input, other: g * other / (input * input + other * other),
    other=lambda g, input, other: -g * input / (input * input + other * other),
)


@primitive(elementwise=True, floating=True)
def logaddexp(input, other):
    """``log(exp(input) + exp(other))``, without overflow. ``torch.logaddexp``."""
    return xp_of(input).logaddexp(input, other)


logaddexp.rule(
    input=lambda g, input, y: g * exp(input - y),
    other=lambda g, other, y: g * exp(other - y),
)


@primitive(elementwise=True)
def fmod(input, other):
    """The remainder of division, with the sign of ``input``. ``torch.fmod``."""
    return xp_of(input).fmod(input, other)


fmod.rule(input=lambda g: g, other=lambda g, input, other: -g * trunc(input / other))


@spellings
def frac(input: Any) -> Any:
    """What is left without the whole part: ``input - trunc(input)``. ``torch.frac``."""
    return input - trunc(input)


@spellings
def deg2rad(input: Any) -> Any:
    """Degrees as radians. ``torch.deg2rad``."""
    return input * (math.pi / 180)


@spellings
def rad2deg(input: Any) -> Any:
    """Radians as degrees. ``torch.rad2deg``."""
    return input * (180 / math.pi)


@spellings
def logit(input: Any, eps: float | None = None) -> Any:
    """``log(input / (1 - input))``, of ``input`` kept ``eps`` away from 0 and 1 if that is given. ``torch.logit``."""
    if eps is not None:
        input = input.clamp(eps, 1 - eps)
    return log(input / (1 - input))


@spellings
def xlogy(input: Any, other: Any) -> Any:
    """``input * log(other)``, and 0 where ``input`` is 0. ``torch.xlogy``."""
    nought = (input == 0) & ~isnan(other) if isinstance(other, Traced) else input == 0
    return where(nought, 0.0, input * log(where(nought, 1.0, other)))


@spellings
def hypot(input: Any, other: Any) -> Any:
    """The length of the hypotenuse, ``sqrt(input ** 2 + other ** 2)``. ``torch.hypot``."""
    return (input * input + other * other).sqrt()


def rsub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """``other - alpha * input``. ``torch.rsub``."""
    return sub(other, input, alpha=alpha)


def positive(input: Any) -> Any:
    """``+input``, which is itself. ``torch.positive``."""
    return input


@spellings
def float_power(input: Any, exponent: Any) -> Any:
    """``input ** exponent`` in double precision. ``torch.float_power``."""
    base, exponent = (x.double() if isinstance(x, Traced) else x for x in (input, exponent))  # type: ignore[attr-defined]
    return base**exponent


@spellings
def nan_to_num(input: Any, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """``nan`` for what is not a number, and the dtype's largest and smallest for infinities, unless told. ``torch.nan_to_num``."""
    if not input.dtype.is_floating_point:
        return input.clone()
    limits = dtypes.finfo(input.dtype)
    y = input.masked_fill(isnan(input), nan or 0.0)
    y = y.masked_fill(input == math.inf, limits.max if posinf is None else posinf)
    return y.masked_fill(input == -math.inf, limits.min if neginf is None else neginf)


# -- of three tensors --


def _old_order(value: Any, tensors: tuple) -> tuple:
    """``addcmul(input, value, tensor1, tensor2)``, PyTorch's old order, as ``value`` and the two tensors."""
    return (value, *tensors) if len(tensors) == 2 else tensors


@spellings
def addcmul(input: Any, *tensors: Any, value: Any = 1, tensor1: Any = None, tensor2: Any = None) -> Any:
    """``input + value * tensor1 * tensor2``. ``torch.addcmul(input, tensor1, tensor2, value=1)``."""
    value, one, other = _old_order(value, (*tensors, *(t for t in (tensor1, tensor2) if t is not None)))
    return add(input, mul(one, other), alpha=value)


@spellings
def addcdiv(input: Any, *tensors: Any, value: Any = 1, tensor1: Any = None, tensor2: Any = None) -> Any:
    """``input + value * tensor1 / tensor2``. ``torch.addcdiv(input, tensor1, tensor2, value=1)``."""
    value, one, other = _old_order(value, (*tensors, *(t for t in (tensor1, tensor2) if t is not None)))
    return add(input, true_divide(one, other), alpha=value)


@spellings
def lerp(input: Any, end: Any, weight: Any) -> Any:
    """``weight`` of the way from ``input`` to ``end``. ``torch.lerp``."""
    for x in (end, weight):
        if isinstance(x, Traced) and x.dtype != input.dtype:  # type: ignore[attr-defined]
            raise RuntimeError(f"lerp: expected dtype {input.dtype} for `end` and `weight`, but got {x.dtype}")  # type: ignore[attr-defined]
    return input + weight * (end - input)
