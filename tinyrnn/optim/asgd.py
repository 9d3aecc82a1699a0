"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable

from ..tensor import Tensor
from .equations import Group, State, blocks, buffer, next_step, non_negative, rate, rounded
from .optimizer import Optimizer


class ASGD(Optimizer):
    r"""SGD that also keeps the average of the parameters over its last steps, which is often the better model.

    With ``g`` the gradient plus ``weight_decay * x``, and step ``t = 1, 2, ...``::

        x    = (1 - lambd * eta) * x - eta * g
        ax   = (1 - mu) * ax + mu * x
        eta  = lr / (1 + lambd * lr * t)^alpha        from the next step on; lr in the first
        mu   = 1 / max(1, t - t0)                     from the next step on; 1 in the first

    While ``mu`` is 1, ``ax`` is a copy of ``x``; after ``t0`` steps it becomes the mean of what follows. AWD-LSTM
    sets ``t0=0, lambd=0`` when the validation loss stops falling, and then validates with ``ax``::

        for p in asgd.state: p.data = asgd.state[p]["ax"].clone()

    ``torch.optim.ASGD``; Polyak & Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992; AWD-LSTM:
    Merity, Keskar & Socher, "Regularizing and Optimizing LSTM Language Models", 2018.

    Args:
        params: tensors, ``(name, tensor)`` pairs, or groups, see :class:`Optimizer`.
        lr: the learning rate that ``eta`` starts from.
        lambd: the decay of ``x``, and of ``eta``.
        alpha: the power by which ``eta`` falls.
        t0: the number of steps before averaging begins.
        weight_decay: the factor of the L2 penalty.
        maximize: climb instead of descend.

    State: the numbers ``step``, ``eta`` and ``mu``, and ``ax`` of the shape of the parameter. As in PyTorch, ``eta`` and
    ``mu`` are rounded to ``float32``, whatever the parameters are, unless the default dtype is ``float64``.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> w = tinyrnn.tensor([1.], requires_grad=True)
    >>> asgd = optim.ASGD([w], lr=0.9, lambd=0, t0=0)  # so large a step jumps from side to side of the minimum
    >>> for _ in range(4):
    ...     asgd.zero_grad()
    ...     (w ** 2).sum().backward()
    ...     asgd.step()
    >>> w, asgd.state[w]["ax"]
    (tensor([0.4096], requires_grad=True), tensor([0.1792]))

    Raises:
        ValueError: a negative ``lr`` or ``weight_decay``.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        non_negative(lr=lr, weight_decay=weight_decay)
        options = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, options)

    def update(self, p: Tensor, state: State, group: Group) -> None:
        """One step of the equations above."""
        lr, lambd = rate(group), group["lambd"]
        t = next_step(state)
        eta, mu = state.setdefault("eta", rounded(lr)), state.setdefault("mu", 1.0)
        for x, g, ax in blocks(p, group, buffer(p, state, "ax")):
            x *= 1 - lambd * eta
            x -= eta * g
            ax *= 1 - mu
            ax += mu * x
        state["eta"] = rounded(lr / (1 + lambd * lr * t) ** group["alpha"])
        state["mu"] = rounded(1 / max(1, t - group["t0"]))
