"""Distributions of one shape, moved and stretched."""

from __future__ import annotations

from typing import ClassVar

from ..tensor import Tensor
from . import constraints
from .distribution import Distribution, broadcast_all


class LocationScale(Distribution):
    """Values ``loc + scale * noise``; what the noise is makes the difference."""

    arg_constraints: ClassVar = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Tensor | float, scale: Tensor | float, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mode(self) -> Tensor:
        """``loc``."""
        return self.loc
