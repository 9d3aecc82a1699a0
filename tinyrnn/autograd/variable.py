"""``Variable``: what a tensor with a gradient was called before PyTorch 0.4, when tensors had none."""

from __future__ import annotations

import warnings
from typing import Any

from ..tensor import Tensor


class _IsTensor(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_IsTensor):
    """``Variable(t)`` is a tensor: ``t`` without its history, in the same memory. ``torch.autograd.Variable``.

    Old programs wrap every tensor before use; today ``t`` itself does. Every tensor is an instance of ``Variable``.

    Args:
        data: a tensor; an empty one if there is none.
        requires_grad: collect gradients in the result.
        volatile: had the effect of :class:`no_grad`; now it has none, and says so.

    >>> import tinyrnn
    >>> from tinyrnn.autograd import Variable
    >>> x = Variable(tinyrnn.ones(2), requires_grad=True)
    >>> x, isinstance(x, Variable)
    (tensor([1., 1.], requires_grad=True), True)

    Raises:
        TypeError: ``data`` is not a tensor.
        ValueError: both ``volatile`` and ``requires_grad``.
    """

    def __new__(cls, data: Any = None, requires_grad: bool | None = False, volatile: bool | None = False) -> Any:
        """A tensor; nothing is of this class itself."""
        if volatile:
            warnings.warn("volatile was removed and now has no effect. Use `with torch.no_grad():` instead.", UserWarning, stacklevel=2)
        if volatile and requires_grad:
            raise ValueError("Variable can't be volatile and require_grad at the same time!")
        if data is None:
            data = Tensor()
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return data.detach().requires_grad_(bool(requires_grad))
