"""``Parameter``, and one whose shape is known only once the first batch has come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..creation import empty
from ..dtypes import dtype
from ..engine import no_grad
from ..tensor import Parameter, Size, Tensor

__all__ = ["Parameter", "UninitializedParameter"]


class UninitializedParameter(Parameter):
    """A parameter without a shape or values; :meth:`materialize` makes a :class:`Parameter` of it.

    It can be moved to a device or a dtype, and given to an optimiser. ``torch.nn.parameter.UninitializedParameter``.
    """

    cls_to_become = Parameter

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        self._requires_grad = requires_grad
        self._like = empty(0, device=device, dtype=dtype)  # where it will live, and as what

    def materialize(self, shape: Sequence[int], device: Any = None, dtype: Any = None) -> None:
        """Become a parameter of this shape, with any values."""
        made = empty(*shape, device=device or self._like.device, dtype=dtype or self._like.dtype)
        del self._like
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        self.data = made

    def converted(self, fn: Callable[[Tensor], Tensor]) -> None:
        """Apply ``fn``, a move or a cast, to what it will become."""
        with no_grad():
            self._like = fn(self._like)

    @property
    def array(self) -> Any:
        """There is none yet."""
        raise ValueError(
            "Attempted to use an uninitialized parameter. Its shape is that of the first batch: run one through the model before, "
            "model(batch), and then count, share or initialise its parameters"
        )

    @property
    def shape(self) -> Size:
        """Not known yet."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter: run a batch through the model first. In load_state_dict, the "
            "model that was saved had not seen one"
        )

    @property
    def dtype(self) -> dtype:
        """What its elements will be."""
        return self._like.dtype

    @property
    def device(self) -> Any:
        """Where it will live."""
        return self._like.device

    @property
    def is_leaf(self) -> bool:
        """Always."""
        return True

    def is_floating_point(self) -> bool:
        """Whether its elements will be floats."""
        return self._like.is_floating_point()

    def detach(self) -> Tensor:
        """Itself."""
        return self

    def __deepcopy__(self, memo: dict) -> UninitializedParameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self._requires_grad, self.device, self.dtype)
        return memo[id(self)]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"
