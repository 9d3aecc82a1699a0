"""``Distribution``: what all distributions share."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from .. import dtypes
from ..creation import tensor
from ..engine import no_grad
from ..ops.arrange import broadcast_tensors
from ..tensor import Size, Tensor
from .constraints import Constraint


class Distribution:
    """The base of all distributions. ``torch.distributions.Distribution``.

    Args:
        batch_shape: the shape of the distributions that one object holds.
        event_shape: the shape of one value.
        validate_args: check parameters, and values given to :meth:`log_prob`; on unless
            :meth:`set_default_validate_args` switched it off.

    Raises:
        ValueError: a parameter that is not what ``arg_constraints`` asks for.
    """

    arg_constraints: ClassVar[Any] = MappingProxyType({})
    support: Any = None
    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__

    def __init__(self, batch_shape: Sequence[int] = (), event_shape: Sequence[int] = (), validate_args: bool | None = None) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        for name, constraint in self.arg_constraints.items() if self._validate_args else ():
            value = vars(self).get(name)  # of probs and logits only one is given
            if value is not None and not constraint.check(value.detach()).all():
                raise ValueError(
                    f"Expected parameter {name} ({_described(value)}) of distribution {self!r} to satisfy the constraint {constraint!r}, "
                    f"but found invalid values:\n{value.detach()}"
                )

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether new distributions check what they are given, unless told otherwise."""
        Distribution._validate_args = value

    @property
    def batch_shape(self) -> Size:
        """The shape of the distributions in this object."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one value."""
        return self._event_shape

    @property
    def mean(self) -> Tensor:
        """The mean of the values."""
        raise NotImplementedError

    @property
    def mode(self) -> Tensor:
        """The likeliest value."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self) -> Tensor:
        """The variance of the values."""
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """The root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Values without history, of shape ``sample_shape + batch_shape + event_shape``."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Values through which gradients flow to the parameters."""
        raise NotImplementedError(f"{type(self).__name__} has no rsample(): its values jump. Weigh log_prob(sample()) by the reward")

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability (or density) of ``value``.

        Raises:
            ValueError: a value of a wrong shape, or one that cannot occur.
        """
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The mean of ``-log_prob``."""
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """``exp(entropy)``."""
        return self.entropy().exp()

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a value up to this one."""
        raise NotImplementedError

    def __repr__(self) -> str:
        shown = {name: vars(self)[name] for name in self.arg_constraints if name in vars(self)}
        return f"{type(self).__name__}({', '.join(f'{k}: {v.item() if v.numel() == 1 else v.shape}' for k, v in shown.items())})"

    def _extended_shape(self, sample_shape: Sequence[int]) -> Size:
        return Size(tuple(Size(sample_shape)) + self._batch_shape + self._event_shape)

    def _validate_sample(self, value: Any) -> None:
        if not self._validate_args:
            return
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        expected = Size(tuple(self._batch_shape) + tuple(self._event_shape))
        if any(i != 1 and j != 1 and i != j for i, j in zip(reversed(value.shape), reversed(expected))):
            raise ValueError(f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs {expected}.")
        support: Constraint = self.support
        if not support.check(value.detach()).all():
            raise ValueError(
                f"Expected value argument ({_described(value)}) to be within the support ({support!r}) of the distribution {self!r}, "
                f"but found invalid values:\n{value.detach()}"
            )


def _described(value: Tensor) -> str:
    return f"{type(value).__name__} of shape {tuple(value.shape)}"


def broadcast_all(*values: Any) -> tuple:
    """Numbers and tensors as tensors of one shape; numbers in the dtype, and where, the tensors are.

    Raises:
        ValueError: something else.
    """
    if not all(isinstance(v, (Tensor, int, float)) for v in values):
        raise ValueError("Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__.")
    first = next((v for v in values if isinstance(v, Tensor)), None)
    dtype = dtypes.get_default_dtype() if first is None else first.dtype
    device = None if first is None else first.device
    return tuple(broadcast_tensors(*(v if isinstance(v, Tensor) else tensor(v, dtype=dtype, device=device) for v in values)))


def either(probs: Any, logits: Any) -> None:
    """Refuse both or none of them.

    Raises:
        ValueError: that.
    """
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")


def inside(probs: Tensor) -> Tensor:
    """Probabilities kept away from 0 and 1, where the logarithm has no end."""
    eps = dtypes.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)
