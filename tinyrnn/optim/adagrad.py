"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable

from ..backend import Array, xp_of
from ..tensor import Tensor
from .equations import Group, State, blocks, buffer, next_step, non_negative, rate
from .optimizer import Optimizer


class Adagrad(Optimizer):
    r"""The gradient divided by the root of the sum of all squares so far: rarely used parameters keep large steps.

    With ``g`` the gradient plus ``weight_decay * x``, and step ``t = 1, 2, ...``::

        s = s + g²
        x = x - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    ``torch.optim.Adagrad``; Duchi, Hazan & Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization", 2011.

    Args:
        params: tensors, ``(name, tensor)`` pairs, or groups, see :class:`Optimizer`.
        lr: the learning rate: the distance that a coordinate moves in the first step.
        lr_decay: how fast the learning rate falls besides.
        weight_decay: the factor of the L2 penalty.
        initial_accumulator_value: what ``s`` starts from; one for all groups.
        eps: keeps the division finite.
        maximize: climb instead of descend.

    State: ``step`` and ``sum`` (s), of the shape of the parameter, there from the beginning.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> w = tinyrnn.tensor([3., -0.3], requires_grad=True)
    >>> adagrad = optim.Adagrad([w], lr=0.1)
    >>> (w ** 2).sum().backward()
    >>> adagrad.step()
    >>> w
    tensor([ 2.9000, -0.2000], requires_grad=True)

    Raises:
        ValueError: a negative number.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        non_negative(lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, initial_accumulator_value=initial_accumulator_value, eps=eps)
        options = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, options)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["step"] = 0
                self._sum(p, self.state[p])

    def _sum(self, p: Tensor, state: State) -> Array:
        return buffer(p, state, "sum", fill=self.defaults["initial_accumulator_value"])

    def update(self, p: Tensor, state: State, group: Group) -> None:
        """One step of the equations above."""
        sqrt = xp_of(p.array).sqrt
        t = next_step(state)
        lr = rate(group) / (1 + (t - 1) * group["lr_decay"])
        for x, g, s in blocks(p, group, self._sum(p, state)):
            s += g * g
            x -= lr * g / (sqrt(s) + group["eps"])
