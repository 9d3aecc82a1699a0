"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Iterable

from ..backend import xp_of
from ..tensor import Tensor
from .equations import Group, State, blocks, buffer, check_betas, next_step, non_negative, rate, rounded
from .optimizer import Optimizer


class NAdam(Optimizer):
    r""":class:`Adam` that looks ahead along its momentum, as Nesterov's method does.

    With ``g`` the gradient plus ``weight_decay * x``, step ``t = 1, 2, ...`` and a momentum that warms up::

        mu_t = beta1 * (1 - 0.96^(t * momentum_decay) / 2)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g²
        n = (1 - mu_t) * g / (1 - mu_1 * ... * mu_t) + mu_{t+1} * m / (1 - mu_1 * ... * mu_{t+1})
        x = x - lr * n / (sqrt(v / (1 - beta2^t)) + eps)

    ``torch.optim.NAdam``; Dozat, "Incorporating Nesterov Momentum into Adam", 2016.

    Args:
        params: tensors, ``(name, tensor)`` pairs, or groups, see :class:`Optimizer`.
        lr: the learning rate: about the distance that a coordinate moves in a step.
        betas: how much of each average outlives a step.
        eps: keeps the division finite.
        weight_decay: the factor of the L2 penalty.
        momentum_decay: how fast ``mu`` rises from half of ``beta1`` to all of it.
        decoupled_weight_decay: let the decay act on the parameter alone, as in :class:`AdamW`.
        maximize: climb instead of descend.

    State: the numbers ``step`` and ``mu_product`` (rounded as PyTorch does, see :class:`ASGD`), ``exp_avg`` (m) and
    ``exp_avg_sq`` (v) of the shape of the parameter.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> w = tinyrnn.tensor([3., -3.], requires_grad=True)
    >>> nadam = optim.NAdam([w], lr=0.1)
    >>> (w ** 2).sum().backward()
    >>> nadam.step()
    >>> w
    tensor([ 2.8944, -2.8944], requires_grad=True)

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
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        non_negative(lr=lr, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)
        check_betas(betas)
        options = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, options)

    def update(self, p: Tensor, state: State, group: Group) -> None:
        """One step of the equations above."""
        sqrt = xp_of(p.array).sqrt
        lr, (beta1, beta2), decoupled = rate(group), group["betas"], group["decoupled_weight_decay"]
        t = next_step(state)
        mu, next_mu = (beta1 * (1 - 0.5 * 0.96 ** (k * group["momentum_decay"])) for k in (t, t + 1))
        product = state["mu_product"] = rounded(state.get("mu_product", 1.0) * rounded(mu))
        of_g, of_m = lr * (1 - mu) / (1 - product), lr * next_mu / (1 - product * next_mu)
        averages = buffer(p, state, "exp_avg"), buffer(p, state, "exp_avg_sq")
        for x, g, m, v in blocks(p, group, *averages, decay=not decoupled):
            if decoupled:
                x *= 1 - lr * group["weight_decay"]
            m += (1 - beta1) * (g - m)
            v += (1 - beta2) * (g * g - v)
            root = sqrt(v / (1 - beta2**t)) + group["eps"]
            x -= of_g * g / root
            x -= of_m * m / root
