"""Activations, as primitives: what a layer does to each element.

The whole list, with PyTorch's options, is in :mod:`tinyrnn.nn.functional.activations`.
"""

from __future__ import annotations

import math
from typing import Any

from ..backend import error_function, xp_of
from ..engine import primitive
from .elementwise import clamp, exp, where


@primitive(elementwise=True, floating=True)
def tanh(input):
    """Hyperbolic tangent.

    >>> import tinyrnn
    >>> tinyrnn.tanh(tinyrnn.tensor([0., 1.]))
    tensor([0.0000, 0.7616])
    """
    return xp_of(input).tanh(input)


tanh.rule(lambda g, y: g * (1 - y * y))


@primitive(elementwise=True, floating=True)
def sigmoid(input):
    """``1 / (1 + exp(-input))``."""
    return 1 / (1 + xp_of(input).exp(-input))


sigmoid.rule(lambda g, y: g * (y * (1 - y)))


@primitive(elementwise=True)
def relu(input):
    """The positive part; the gradient at 0 is 0."""
    return xp_of(input).maximum(input, 0)


relu.rule(lambda g, y: g * (y > 0))


@primitive(elementwise=True)
def leaky_relu(input, *, negative_slope=0.01):
    """``input`` where positive, ``negative_slope * input`` elsewhere."""
    return xp_of(input).where(input > 0, input, input * negative_slope)


leaky_relu.rule(lambda g, input, negative_slope: where(input > 0, g, g * negative_slope))


@primitive(elementwise=True)
def elu(input, *, alpha=1.0):
    """``input`` where positive, ``alpha * (exp(input) - 1)`` elsewhere."""
    xp = xp_of(input)
    return xp.where(input > 0, input, alpha * xp.expm1(xp.minimum(input, 0)))


elu.rule(lambda g, input, alpha: where(input > 0, g, g * (alpha * exp(clamp(input, max=0)))))


@primitive(elementwise=True)
def softplus(input, *, beta=1.0, threshold=20.0):
    """``log(1 + exp(beta * input)) / beta``, a smooth relu; linear above ``threshold``."""
    xp = xp_of(input)
    scaled = input * beta
    return xp.where(scaled > threshold, input, xp.log1p(xp.exp(xp.minimum(scaled, threshold))) / beta)


softplus.rule(lambda g, input, beta, threshold: g * where(input * beta > threshold, 1.0, sigmoid(clamp(input * beta, max=threshold))))


@primitive(elementwise=True, floating=True)
def erf(input):
    """The error function, ``2 / sqrt(pi)`` times the integral of ``exp(-t * t)`` from 0 to ``input``."""
    return error_function(input)


erf.rule(lambda g, input: g * (2 / math.sqrt(math.pi) * exp(-input * input)))


def gelu(input: Any, approximate: str = "none") -> Any:
    """``input`` times the probability that a standard normal number is below it; ``approximate="tanh"`` is cheaper.

    Hendrycks and Gimpel, 2016. ``torch.nn.functional.gelu``.
    """
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (input + 0.044715 * input * input * input)
        return 0.5 * input * (1 + tanh(inner))
    if approximate != "none":
        raise RuntimeError(f"approximate argument must be either none or tanh, not {approximate!r}")
    return 0.5 * input * (1 + erf(input * math.sqrt(0.5)))
