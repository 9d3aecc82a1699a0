"""Ready-made ways to compute a parameter. ``torch.nn.utils.parametrizations``."""

from __future__ import annotations

from typing import Any

from ...names import missing_from
from ...tensor import Tensor
from ..module import Module
from .parametrize import register_parametrization
from .weight_norm import norm_except_dim


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except_dim(weight_v, 2, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The length and the direction of ``weight``."""
        return norm_except_dim(weight, 2, self.dim), weight.clone()


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Let ``module`` learn the lengths and the directions of its parameter ``name``; returns the module.

    They are ``parametrizations.weight.original0`` and ``original1``. ``torch.nn.utils.parametrizations.weight_norm``.

    >>> import tinyrnn
    >>> from tinyrnn.nn.utils.parametrizations import weight_norm
    >>> [name for name, _ in weight_norm(tinyrnn.nn.Linear(3, 2)).named_parameters()]
    ['bias', 'parametrizations.weight.original0', 'parametrizations.weight.original1']
    """
    return register_parametrization(module, name, _WeightNorm(dim))


__getattr__ = missing_from(__name__)
