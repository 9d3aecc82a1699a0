"""Activation functions as modules."""

from __future__ import annotations

import inspect
from typing import Any

from ..creation import full
from ..tensor import Parameter, Tensor
from . import functional as F
from .module import Module


class _Activation(Module):
    """A function of the input. What else the function takes are the arguments of the module, and its attributes."""

    function: Any
    __signature__ = inspect.Signature()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "function" in vars(cls):
            settings = list(inspect.signature(cls.function).parameters.values())[1:]
            cls.__signature__ = inspect.Signature([s.replace(kind=s.POSITIONAL_OR_KEYWORD) for s in settings])

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__()
        try:
            given = self.__signature__.bind(*args, **settings)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}.__init__() {error}; it takes {self.__signature__}") from None
        given.apply_defaults()
        for name, value in given.arguments.items():
            setattr(self, name, value)

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return type(self).function(input, **{name: getattr(self, name) for name in self.__signature__.parameters})

    def extra_repr(self) -> str:
        shown = {name: getattr(self, name) for name in self.__signature__.parameters}
        return ", ".join(f"{name}={value!r}" for name, value in shown.items() if name != "inplace" or value)


class Tanh(_Activation):
    """Hyperbolic tangent."""

    function = staticmethod(F.tanh)


class Sigmoid(_Activation):
    """``1 / (1 + exp(-x))``."""

    function = staticmethod(F.sigmoid)


class ReLU(_Activation):
    """The positive part."""

    function = staticmethod(F.relu)


class ReLU6(_Activation):
    """The positive part, at most 6."""

    function = staticmethod(F.relu6)


class LeakyReLU(_Activation):
    """``x`` where positive, ``negative_slope * x`` elsewhere."""

    function = staticmethod(F.leaky_relu)


class ELU(_Activation):
    """``x`` where positive, ``alpha * (exp(x) - 1)`` elsewhere."""

    function = staticmethod(F.elu)


class CELU(_Activation):
    """``x`` where positive, ``alpha * (exp(x / alpha) - 1)`` elsewhere."""

    function = staticmethod(F.celu)


class SELU(_Activation):
    """A scaled :class:`ELU` that pulls mean and variance towards 0 and 1."""

    function = staticmethod(F.selu)


class SiLU(_Activation):
    """``x * sigmoid(x)``."""

    function = staticmethod(F.silu)


class Mish(_Activation):
    """``x * tanh(softplus(x))``."""

    function = staticmethod(F.mish)


class Hardtanh(_Activation):
    """``x`` between ``min_val`` and ``max_val``, else the nearer of them."""

    function = staticmethod(F.hardtanh)


class Softplus(_Activation):
    """``log(1 + exp(beta * x)) / beta``."""

    function = staticmethod(F.softplus)


class GELU(_Activation):
    """``x`` times the probability that a standard normal number is below it."""

    function = staticmethod(F.gelu)


class Threshold(_Activation):
    """``x`` above ``threshold``, else ``value``."""

    function = staticmethod(F.threshold)


class LogSigmoid(_Activation):
    """``log(sigmoid(x))``."""

    function = staticmethod(F.logsigmoid)


class Softsign(_Activation):
    """``x / (1 + |x|)``."""

    function = staticmethod(F.softsign)


class Tanhshrink(_Activation):
    """``x - tanh(x)``."""

    function = staticmethod(F.tanhshrink)


class GLU(_Activation):
    """The first half along ``dim`` times the sigmoid of the second."""

    function = staticmethod(F.glu)


class Softshrink(_Activation):
    """``x`` moved towards 0 by ``lambd``, at most to 0."""

    function = staticmethod(F.softshrink)

    def extra_repr(self) -> str:
        return str(self.lambd)


class Hardshrink(_Activation):
    """``x``, but 0 between ``-lambd`` and ``lambd``."""

    function = staticmethod(F.hardshrink)

    def extra_repr(self) -> str:
        return str(self.lambd)


class Hardsigmoid(_Activation):
    """``(x + 3) / 6`` between 0 and 1."""

    function = staticmethod(F.hardsigmoid)

    def extra_repr(self) -> str:
        return ""


class Hardswish(_Activation):
    """``x`` times :class:`Hardsigmoid` of ``x``."""

    function = staticmethod(F.hardswish)

    def extra_repr(self) -> str:
        return ""


class PReLU(Module):
    """``x`` where positive, ``weight * x`` elsewhere: one learned weight, or one for each channel, which is axis 1."""

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(full((num_parameters,), init, device=device, dtype=dtype))

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class Softmax(Module):
    """Positive numbers that sum to 1 along ``dim``."""

    function = staticmethod(F.softmax)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return type(self).function(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmin(Softmax):
    """:class:`Softmax` of ``-x``."""

    function = staticmethod(F.softmin)


class LogSoftmax(Softmax):
    """The logarithm of :class:`Softmax`."""

    function = staticmethod(F.log_softmax)
