"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable

from ..backend import xp_of
from ..tensor import Tensor
from .equations import Group, State, blocks, buffer, next_step, non_negative, rate
from .optimizer import Optimizer


class RMSprop(Optimizer):
    r"""The gradient divided by the root of a running average of its square.

    With ``g`` the gradient plus ``weight_decay * x``::

        v = alpha * v + (1 - alpha) * g²
        d = g / (sqrt(v) + eps)
        x = x - lr * d                    or, with momentum:  b = momentum * b + d;  x = x - lr * b

    With ``centered``, ``v - a²`` takes the place of ``v`` under the root, where ``a`` averages ``g`` as ``v``
    averages ``g²``: the variance of the gradient. ``torch.optim.RMSprop``; Tieleman & Hinton, lecture 6.5 of
    "Neural Networks for Machine Learning", 2012; centered: Graves, "Generating Sequences With Recurrent Neural
    Networks", 2013.

    Args:
        params: tensors, ``(name, tensor)`` pairs, or groups, see :class:`Optimizer`.
        lr: the learning rate: about the distance that a coordinate moves in a step.
        alpha: how much of the average outlives a step.
        eps: keeps the division finite.
        weight_decay: the factor of the L2 penalty.
        momentum: the part of ``b`` that outlives a step.
        centered: divide by the standard deviation.
        maximize: climb instead of descend.

    State: ``step``, ``square_avg`` (v), with momentum ``momentum_buffer`` (b), with centered ``grad_avg`` (a), of
    the shape of the parameter.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> w = tinyrnn.tensor([3., -0.3], requires_grad=True)
    >>> rmsprop = optim.RMSprop([w], lr=0.1, alpha=0.75)
    >>> (w ** 2).sum().backward()
    >>> rmsprop.step()
    >>> w
    tensor([ 2.8000, -0.1000], requires_grad=True)

    Raises:
        ValueError: a negative number.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        non_negative(lr=lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        options = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, options)

    def update(self, p: Tensor, state: State, group: Group) -> None:
        """One step of the equations above."""
        lr, alpha, momentum = rate(group), group["alpha"], group["momentum"]
        sqrt = xp_of(p.array).sqrt
        next_step(state)
        squares = buffer(p, state, "square_avg")
        steps = buffer(p, state, "momentum_buffer") if momentum > 0 else None
        means = buffer(p, state, "grad_avg") if group["centered"] else None
        for x, g, v, b, a in blocks(p, group, squares, steps, means):
            v += (1 - alpha) * (g * g - v)
            if a is not None:
                a += (1 - alpha) * (g - a)
                v = v - a * a
            d = g / (sqrt(v) + group["eps"])
            if b is not None:
                b *= momentum
                b += d
                d = b
            x -= lr * d
