"""Adadelta."""

from __future__ import annotations

from collections.abc import Iterable

from ..backend import xp_of
from ..tensor import Tensor
from .equations import Group, State, blocks, buffer, next_step, non_negative, rate
from .optimizer import Optimizer


class Adadelta(Optimizer):
    r"""Steps in the units of the parameter: the gradient times the ratio of two running averages, without a rate to tune.

    With ``g`` the gradient plus ``weight_decay * x``::

        v = rho * v + (1 - rho) * g²
        d = sqrt(a + eps) / sqrt(v + eps) * g
        a = rho * a + (1 - rho) * d²
        x = x - lr * d

    ``torch.optim.Adadelta``; Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012.

    Args:
        params: tensors, ``(name, tensor)`` pairs, or groups, see :class:`Optimizer`.
        lr: a factor of all steps; the paper has none.
        rho: how much of the averages outlives a step.
        eps: keeps the division finite, and is what the first steps grow from.
        weight_decay: the factor of the L2 penalty.
        maximize: climb instead of descend.

    State: ``step``, ``square_avg`` (v), ``acc_delta`` (a), of the shape of the parameter.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> w = tinyrnn.tensor([3., -0.3], requires_grad=True)
    >>> adadelta = optim.Adadelta([w], eps=0.01)
    >>> (w ** 2).sum().backward()
    >>> adadelta.step()
    >>> w
    tensor([ 2.6842, -0.0202], requires_grad=True)

    Raises:
        ValueError: a negative number, or a ``rho`` above 1.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        non_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        options = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, options)

    def update(self, p: Tensor, state: State, group: Group) -> None:
        """One step of the equations above."""
        sqrt = xp_of(p.array).sqrt
        lr, rho, eps = rate(group), group["rho"], group["eps"]
        next_step(state)
        for x, g, v, a in blocks(p, group, buffer(p, state, "square_avg"), buffer(p, state, "acc_delta")):
            v *= rho
            v += (1 - rho) * g * g
            d = sqrt(a + eps) / sqrt(v + eps) * g
            a *= rho
            a += (1 - rho) * d * d
            x -= lr * d
