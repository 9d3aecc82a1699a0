"""What parameters and values of distributions must be. ``torch.distributions.constraints``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tensor import Tensor


class Constraint:
    """A condition on the elements of a tensor, or on its rows: ``check(x)`` says where it holds."""

    def __init__(self, text: str, holds: Callable[[Tensor], Tensor]) -> None:
        self.text, self.check = text, holds

    def __repr__(self) -> str:
        return self.text


def greater_than(lower_bound: Any) -> Constraint:
    """More than the bound."""
    return Constraint(f"GreaterThan(lower_bound={_number(lower_bound)})", lambda x: x > lower_bound)


def less_than(upper_bound: Any) -> Constraint:
    """Less than the bound."""
    return Constraint(f"LessThan(upper_bound={_number(upper_bound)})", lambda x: x < upper_bound)


def interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Between the bounds, or one of them."""
    text = f"Interval(lower_bound={_number(lower_bound)}, upper_bound={_number(upper_bound)})"
    return Constraint(text, lambda x: (lower_bound <= x) & (x <= upper_bound))


def integer_interval(lower_bound: int, upper_bound: int) -> Constraint:
    """A whole number between the bounds, or one of them."""
    text = f"IntegerInterval(lower_bound={lower_bound}, upper_bound={upper_bound})"
    return Constraint(text, lambda x: (x % 1 == 0) & (lower_bound <= x) & (x <= upper_bound))


def independent(base_constraint: Constraint, reinterpreted_batch_ndims: int) -> Constraint:
    """A condition on all elements of the last axes."""

    def holds(x: Tensor) -> Tensor:
        y = base_constraint.check(x)
        for _ in range(reinterpreted_batch_ndims):
            y = y.all(-1)
        return y

    return Constraint(f"IndependentConstraint({base_constraint!r}, {reinterpreted_batch_ndims})", holds)


def _number(bound: Any) -> Any:
    return bound.tolist() if isinstance(bound, Tensor) else bound


real = Constraint("Real()", lambda x: x == x)  # which nan is not
real_vector = independent(real, 1)
boolean = Constraint("Boolean()", lambda x: (x == 0) | (x == 1))
positive = greater_than(0.0)
nonnegative = Constraint("GreaterThanEq(lower_bound=0.0)", lambda x: x >= 0)
one_hot = Constraint("OneHot()", lambda x: ((x == 0) | (x == 1)).all(-1) & (x.sum(-1) == 1))
unit_interval = interval(0.0, 1.0)
simplex = Constraint("Simplex()", lambda x: (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6))
