"""Adam, and AdamW, whose weight decay does not pass through the averages."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any

from ..kernels.optimizers import adam
from ..tensor import Tensor
from .equations import Group, Prepared, State, buffer, check_betas, next_step, non_negative, rate
from .optimizer import Optimizer


class Adam(Optimizer):
    r"""Steps of nearly equal length in every coordinate, by running averages of the gradient and its square.

    With ``g`` the gradient plus ``weight_decay * x``, and step ``t = 1, 2, ...``::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g²
        x = x - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    The divisors ``1 - beta^t`` undo the pull of the averages towards the zeros they start from. With ``amsgrad``
    the largest ``v`` so far takes the place of ``v``. ``torch.optim.Adam``; Kingma & Ba, "Adam: A Method for
    Stochastic Optimization", 2015; amsgrad: Reddi et al., "On the Convergence of Adam and Beyond", 2018.

    Args:
        params: tensors, ``(name, tensor)`` pairs, or groups, see :class:`Optimizer`.
        lr: the learning rate: about the distance that a coordinate moves in a step.
        betas: how much of each average outlives a step.
        eps: keeps the division finite.
        weight_decay: the factor of the L2 penalty.
        amsgrad: never let a step grow because ``v`` forgets.
        maximize: climb instead of descend.
        decoupled_weight_decay: as :class:`AdamW`.

    State: ``step``, ``exp_avg`` (m), ``exp_avg_sq`` (v) and, with amsgrad, ``max_exp_avg_sq``, of the shape of the
    parameter.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> w = tinyrnn.tensor([3., -0.01], requires_grad=True)
    >>> adam = optim.Adam([w], lr=0.1)
    >>> (w ** 2).sum().backward()
    >>> adam.step()
    >>> w
    tensor([2.9000, 0.0900], requires_grad=True)

    Raises:
        ValueError: a negative ``lr``, ``eps`` or ``weight_decay``; betas that are not floats in [0, 1).
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        non_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        check_betas(betas)
        for k, beta in enumerate(betas):
            if not isinstance(beta, float):
                raise ValueError(f"betas must be floats, but the one at index {k} is {beta!r}")
        options = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, options)

    kernel = staticmethod(adam)

    def prepare(self, p: Tensor, state: State, group: Group) -> Prepared:
        """The averages of ``p``, and the numbers of this step."""
        lr, (beta1, beta2), decay = rate(group), group["betas"], group["weight_decay"]
        t = next_step(state)
        averages = buffer(p, state, "exp_avg"), buffer(p, state, "exp_avg_sq")
        largest = buffer(p, state, "max_exp_avg_sq") if group["amsgrad"] else None
        decoupled = group["decoupled_weight_decay"]
        shrink = 1 - lr * decay if decoupled else 1
        numbers = (shrink, beta1, beta2, lr / (1 - beta1**t), sqrt(1 - beta2**t), group["eps"])
        return Prepared((*averages, largest), numbers, 0 if decoupled else decay)


class AdamW(Adam):
    r""":class:`Adam` whose weight decay acts on the parameter alone: first ``x = x - lr * weight_decay * x``.

    An L2 penalty in Adam's gradient would be divided by ``sqrt(v)`` like the rest of it, and so would hardly decay
    the parameters with large gradients. ``torch.optim.AdamW``; Loshchilov & Hutter, "Decoupled Weight Decay
    Regularization", 2019. Arguments, state and errors as :class:`Adam`, but ``weight_decay`` is 0.01 unless given.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> w = tinyrnn.tensor([3., 3.], requires_grad=True)
    >>> adamw = optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> w.grad = tinyrnn.tensor([0., 1.])
    >>> adamw.step()
    >>> w
    tensor([2.8500, 2.7500], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad,
            foreach=foreach, maximize=maximize, capturable=capturable, differentiable=differentiable, fused=fused,
            decoupled_weight_decay=True,
        )  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As :meth:`Optimizer.load_state_dict`; the state of an Adam does not turn this into Adam."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
