"""Adamax."""

from __future__ import annotations

from collections.abc import Iterable

from ..backend import xp_of
from ..tensor import Tensor
from .equations import Group, State, blocks, buffer, check_betas, next_step, non_negative, rate
from .optimizer import Optimizer


class Adamax(Optimizer):
    r""":class:`Adam` with the largest recent gradient in place of the root of the mean square.

    With ``g`` the gradient plus ``weight_decay * x``, and step ``t = 1, 2, ...``::

        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, |g| + eps)
        x = x - lr / (1 - beta1^t) * m / u

    ``torch.optim.Adamax``; Kingma & Ba, "Adam: A Method for Stochastic Optimization", 2015, section 7.1.

    Args:
        params: tensors, ``(name, tensor)`` pairs, or groups, see :class:`Optimizer`.
        lr: the learning rate: the longest distance that a coordinate moves in a step, about.
        betas: how much of the average, and of the maximum, outlives a step.
        eps: keeps the division finite.
        weight_decay: the factor of the L2 penalty.
        maximize: climb instead of descend.

    State: ``step``, ``exp_avg`` (m), ``exp_inf`` (u), of the shape of the parameter.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> w = tinyrnn.tensor([3., -0.01], requires_grad=True)
    >>> adamax = optim.Adamax([w], lr=0.1)
    >>> (w ** 2).sum().backward()
    >>> adamax.step()
    >>> w
    tensor([2.9000, 0.0900], requires_grad=True)

    Raises:
        ValueError: a negative number; betas outside [0, 1).
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        non_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        check_betas(betas)
        options = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, options)

    def update(self, p: Tensor, state: State, group: Group) -> None:
        """One step of the equations above."""
        xp = xp_of(p.array)
        beta1, beta2 = group["betas"]
        lr = rate(group) / (1 - beta1 ** next_step(state))
        for x, g, m, u in blocks(p, group, buffer(p, state, "exp_avg"), buffer(p, state, "exp_inf")):
            m += (1 - beta1) * (g - m)
            u *= beta2
            xp.maximum(u, abs(g) + group["eps"], out=u)
            x -= lr * m / u
