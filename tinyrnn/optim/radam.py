"""RAdam: Adam without its wild first steps."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from ..backend import xp_of
from ..tensor import Tensor
from .equations import Group, State, blocks, buffer, check_betas, next_step, non_negative, rate
from .optimizer import Optimizer


class RAdam(Optimizer):
    r""":class:`Adam` that scales its steps by what is known of ``v``: none in the first few, which use the mean alone.

    With ``g`` the gradient plus ``weight_decay * x``, and step ``t = 1, 2, ...``::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g²
        R = 2 / (1 - beta2) - 1
        r = R - 2 * t * beta2^t / (1 - beta2^t)
        x = x - lr * m / (1 - beta1^t)                               if r <= 5, else the same times
            sqrt((r - 4) (r - 2) R / ((R - 4) (R - 2) r)) * sqrt(1 - beta2^t) / (sqrt(v) + eps)

    ``torch.optim.RAdam``; Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", 2020.

    Args:
        params: tensors, ``(name, tensor)`` pairs, or groups, see :class:`Optimizer`.
        lr: the learning rate: later on, about the distance that a coordinate moves in a step.
        betas: how much of each average outlives a step.
        eps: keeps the division finite.
        weight_decay: the factor of the L2 penalty.
        decoupled_weight_decay: let the decay act on the parameter alone, as in :class:`AdamW`.
        maximize: climb instead of descend.

    State: ``step``, ``exp_avg`` (m) and ``exp_avg_sq`` (v), of the shape of the parameter.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> w = tinyrnn.tensor([3., -1.], requires_grad=True)
    >>> radam = optim.RAdam([w], lr=0.1)
    >>> (w ** 2).sum().backward()
    >>> radam.step()
    >>> w
    tensor([ 2.4000, -0.8000], requires_grad=True)

    Raises:
        ValueError: a negative number; betas outside [0, 1).
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        non_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        check_betas(betas)
        options = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, options)

    def update(self, p: Tensor, state: State, group: Group) -> None:
        """One step of the equations above."""
        root = xp_of(p.array).sqrt
        lr, (beta1, beta2), decoupled = rate(group), group["betas"], group["decoupled_weight_decay"]
        t = next_step(state)
        R = 2 / (1 - beta2) - 1
        r = R - 2 * t * beta2**t / (1 - beta2**t)
        length = lr / (1 - beta1**t)
        if r > 5:
            length *= sqrt((r - 4) * (r - 2) * R / ((R - 4) * (R - 2) * r)) * sqrt(1 - beta2**t)
        averages = buffer(p, state, "exp_avg"), buffer(p, state, "exp_avg_sq")
        for x, g, m, v in blocks(p, group, *averages, decay=not decoupled):
            if decoupled:
                x *= 1 - lr * group["weight_decay"]
            m += (1 - beta1) * (g - m)
            v += (1 - beta2) * (g * g - v)
            x -= length * m / (root(v) + group["eps"]) if r > 5 else length * m
