"""Resilient backpropagation."""

from __future__ import annotations

from collections.abc import Iterable

from ..backend import xp_of
from ..tensor import Tensor
from .equations import Group, State, blocks, buffer, next_step, non_negative, rate
from .optimizer import Optimizer


class Rprop(Optimizer):
    r"""Steps by the sign of the gradient alone, each coordinate with a length of its own. For whole data sets, not batches.

    The length ``s`` grows while the sign stays and shrinks when it changes; the step after a change is left out::

        s = clip(s * etaplus, low, high)     if g has the sign that it had
        s = clip(s * etaminus, low, high)    if it has the other one; and g = 0
        x = x - s * sign(g)

    ``torch.optim.Rprop``; Riedmiller & Braun, "A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP
    Algorithm", 1993.

    Args:
        params: tensors, ``(name, tensor)`` pairs, or groups, see :class:`Optimizer`.
        lr: the first length of all steps.
        etas: ``(etaminus, etaplus)``.
        step_sizes: the shortest and the longest step.
        maximize: climb instead of descend.

    State: ``step``, ``prev`` (the last g) and ``step_size`` (s), of the shape of the parameter.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> w = tinyrnn.tensor([3., -300.], requires_grad=True)
    >>> rprop = optim.Rprop([w], lr=1.)
    >>> for _ in range(2):
    ...     rprop.zero_grad()
    ...     (w ** 2).sum().backward()
    ...     rprop.step()
    >>> w
    tensor([   0.8000, -297.8000], requires_grad=True)

    Raises:
        ValueError: a negative ``lr``; etas that do not lie below and above 1.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        non_negative(lr=lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        options = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, options)

    def update(self, p: Tensor, state: State, group: Group) -> None:
        """One step of the equations above."""
        xp = xp_of(p.array)
        shrink, grow = group["etas"]
        next_step(state)
        lengths = buffer(p, state, "step_size", fill=rate(group))
        for x, g, last, s in blocks(p, group, buffer(p, state, "prev"), lengths, decay=False):
            product = g * last
            s *= xp.where(product > 0, grow, xp.where(product < 0, shrink, 1)).astype(s.dtype)
            xp.clip(s, *group["step_sizes"], out=s)
            last[...] = xp.where(product < 0, 0, g)
            x -= xp.sign(last) * s
