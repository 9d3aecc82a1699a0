"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable

from ..kernels.optimizers import sgd
from ..tensor import Tensor
from .equations import Group, Prepared, State, buffer, non_negative, rate
from .optimizer import Optimizer


class SGD(Optimizer):
    r"""Stochastic gradient descent, with momentum if wanted. ``torch.optim.SGD``.

    With ``g`` the gradient plus ``weight_decay * x``, mu the momentum and tau the dampening::

        b = mu * b + (1 - tau) * g        (b = g at the first step)
        x = x - lr * b                    or, with nesterov:  x - lr * (g + mu * b)

    Without momentum it is ``x - lr * g``. Robbins & Monro 1951; momentum: Polyak 1964; nesterov: Sutskever et al.,
    "On the importance of initialization and momentum in deep learning", 2013 (where ``b`` includes ``lr``; here, as
    in PyTorch, it does not, so a change of ``lr`` acts at once).

    Args:
        params: tensors, ``(name, tensor)`` pairs, or groups, see :class:`Optimizer`.
        lr: the learning rate, the length of a step in units of the gradient.
        momentum: mu, the part of ``b`` that outlives a step.
        dampening: tau.
        weight_decay: the factor of the L2 penalty.
        nesterov: look ahead along ``b``.
        maximize: climb instead of descend.

    State: ``momentum_buffer``, ``b`` of the shape of the parameter.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> w = tinyrnn.tensor([3., -3.], requires_grad=True)
    >>> sgd = optim.SGD([w], lr=0.1, momentum=0.9)
    >>> for _ in range(3):
    ...     sgd.zero_grad()
    ...     loss = (w * w).sum()
    ...     loss.backward()
    ...     sgd.step()
    ...     print(f"{loss:.2f}")
    18.00
    11.52
    3.81

    Raises:
        ValueError: a negative ``lr``, ``momentum`` or ``weight_decay``; ``nesterov`` without momentum or with dampening.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        non_negative(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        options = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, options)

    kernel = staticmethod(sgd)

    def prepare(self, p: Tensor, state: State, group: Group) -> Prepared:
        """The momentum of ``p``, and the numbers of this step."""
        mu = group["momentum"]
        tau = 0 if state.get("momentum_buffer") is None else group["dampening"]  # b = g at the first step
        b = buffer(p, state, "momentum_buffer") if mu != 0 else None
        return Prepared((b,), (rate(group), mu, tau, group["nesterov"]), group["weight_decay"])
