"""``Tensor`` and ``Parameter``: an array, its gradient, and what Python and its user ask of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from types import NoneType
from typing import Any

from .. import dtypes, engine
from ..backend import Array, to_host, xp_of
from ..devices import place
from ..engine import Traced, backward, wrap
from ..ops import elementwise as ew
from ..ops import index as ix
from ..ops import shape as sh
from ..rows import Rows
from .facts import Facts, Public, Size
from .inplace import change
from .legacy import legacy_array
from .methods import Methods
from .mutation import Mutation
from .numpy_bridge import NumPyBridge
from .printing import to_text

__all__ = ["Parameter", "RemovableHandle", "RowGradient", "Tensor"]


class RemovableHandle:
    """What ``register_hook`` returns: ``remove()`` takes the hook off again; also a context manager."""

    def __init__(self, hooks: Any, key: Any, hook: Any) -> None:
        self._hooks, self._key, self._hook = hooks, key, hook

    def remove(self) -> None:
        """Take the hook off; more than once is harmless."""
        if isinstance(self._hooks, dict):
            self._hooks.pop(self._key, None)
        elif self._hook in self._hooks:
            self._hooks.remove(self._hook)
        self._hooks = {}

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: Any) -> None:
        self.remove()


@engine.register_tensor_class
class Tensor(Facts, Methods, Mutation, NumPyBridge, metaclass=Public):
    """An array that remembers how it was made, so that gradients can flow back to what it was made from.

    Make one with :func:`tinyrnn.tensor`. The raw NumPy (or CuPy) array is ``t.array``.

    >>> import tinyrnn
    >>> w = tinyrnn.tensor([2., 3.], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> w.grad
    tensor([4., 6.])
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """What every tensor has, also one that unpickling makes without ``__init__``."""
        t = object.__new__(cls)
        t.version = [0]
        return t

    def __init__(self, *args: Any, device: Any = None, size: Any = None, data: Any = None) -> None:
        if len(args) == 1 and isinstance(args[0], Tensor):
            self.array = args[0].array
        else:
            self.array = place(legacy_array(args, dtypes.get_default_dtype().numpy, size, data), device)

    # -- values out of it --

    @property
    def data(self) -> Tensor:
        """The same memory without history; changing it goes unnoticed by autograd."""
        return wrap(self.array)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self.array = value.array

    def item(self) -> Any:
        """The one element as a Python number."""
        if self.array.size != 1:
            count = self.array.size
            raise RuntimeError(f"a Tensor with {count} elements cannot be converted to Scalar: take .mean(), .sum() or .tolist()")
        return self.array.item()

    def tolist(self) -> Any:
        """Nested Python lists of numbers."""
        return self.array.tolist()

    def __repr__(self) -> str:
        return to_text(self)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 else object.__format__(self, spec)

    def __bool__(self) -> bool:
        if self.array.size != 1:
            what = "no values" if self.array.size == 0 else "more than one value"
            raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous: ask .any() or .all(), or compare `is not None`")
        return bool(self.array.reshape(())[()])

    def __int__(self) -> int:
        return int(self._one_number())

    def __float__(self) -> float:
        return float(self._one_number())

    def __complex__(self) -> complex:
        return complex(self._one_number())

    def _one_number(self) -> Any:
        if self.array.size != 1:
            raise ValueError(f"only one element tensors can be converted to Python scalars, got shape {tuple(self.shape)}")
        return self.array.item()

    def __index__(self) -> int:
        if self.array.dtype.kind not in "biu" or self.array.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self.array.shape[0]

    def __iter__(self) -> Iterator:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(sh.unbind(self))

    def __reversed__(self) -> Tensor:
        return self.flip(0) if self.ndim else self

    def __contains__(self, x: Any) -> bool:
        return bool((self.array == (x.array if isinstance(x, Tensor) else x)).any())

    def __hash__(self) -> int:
        return id(self)

    def __deepcopy__(self, memo: dict) -> Any:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment. "
                "Copy x.detach() instead."
            )
        if id(self) not in memo:
            copy = type(self).__new__(type(self))
            memo[id(self)] = copy
            state = {"array": self.array.copy(), "requires_grad": self._requires_grad, "name": self.name, "axes": self.axes}
            copy.__setstate__(state)
            # A copy of a model starts without gradients, as in PyTorch.
            copy._grad = None if self._grad is None or isinstance(self, Parameter) else self._grad.clone()
        return memo[id(self)]

    def __getstate__(self) -> dict[str, Any]:
        if not self.is_leaf:
            raise RuntimeError("only leaf tensors can be pickled: pickle x.detach()")
        return {"array": to_host(self.array), "requires_grad": self._requires_grad, "name": self.name, "axes": self.axes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.array, self._requires_grad, self.version = state["array"], state["requires_grad"], [0]
        self.name, self.axes = state["name"], state["axes"]

    # -- gradients --

    @Traced.requires_grad.setter  # type: ignore[attr-defined]
    def requires_grad(self, value: bool) -> None:
        """Switch the collecting of gradients on or off."""
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Start (or stop) collecting gradients here; returns itself.

        Raises:
            RuntimeError: not a floating tensor, or stopping at one that is not a leaf.
        """
        if requires_grad and self.array.dtype.kind not in "fc":
            raise RuntimeError(f"only Tensors of floating point and complex dtype can require gradients, got {self.dtype}")
        if not self.is_leaf:
            if not requires_grad:
                raise RuntimeError("you can only change requires_grad flags of leaf variables; use x.detach()")
            return self
        self._requires_grad = bool(requires_grad)
        return self

    @property
    def grad(self) -> Any:
        """The gradient that ``backward()`` has added up here, a tensor of the same shape, or ``None``."""
        if self.node is not None:
            slot = self.node.retained.get(self.index)
            if slot is not None:
                return slot[0]
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. It is not filled by "
                "backward(); call .retain_grad() on it before.",
                UserWarning,
                stacklevel=2,
            )
            return None
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value.dtype != self.dtype:
                raise RuntimeError(f"assigned grad has data of a different type: {value.dtype} for {self.dtype}")
            if value.device != self.device:
                raise RuntimeError(f"assigned grad has data located on a different device: {value.device} for {self.device}")
            if value.shape != self.shape:
                raise RuntimeError(f"assigned grad has data of a different size: {tuple(value.shape)} for {tuple(self.shape)}")
        if self.node is not None and self.retains_grad:
            self.node.retained[self.index][0] = value
        else:
            self._grad = value

    def backward(self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None) -> None:
        """Add the gradient of this tensor to ``.grad`` of every leaf that it was made from.

        Args:
            gradient: the gradient of the final result with respect to this tensor; 1 for a scalar.
            retain_graph: keep the saved values for another backward; as ``create_graph`` unless given.
            create_graph: record the backward pass itself, for higher derivatives.
            inputs: collect only in these tensors.

        Raises:
            RuntimeError: not a scalar and no gradient given; nothing here requires grad; the graph was used
                and freed before (usually a hidden state carried without ``detach()``); a saved value was
                changed in place.
        """
        backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def detach(self) -> Tensor:
        """The same values in the same memory, without the history: truncated BPTT cuts here."""
        t = wrap(self.array)
        t.version = self.version
        return t

    def detach_(self) -> Tensor:
        """Forget the history, in place."""
        if self.base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead")
        self.node, self.index, self._requires_grad = None, 0, False
        return self

    def retain_grad(self) -> None:
        """Fill ``.grad`` in ``backward()`` although this is not a leaf."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self.node is not None:
            self.node.retained.setdefault(self.index, [None])

    @property
    def retains_grad(self) -> bool:
        """Whether ``retain_grad()`` was called on this non-leaf."""
        return self.node is not None and self.index in self.node.retained

    def register_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(grad)`` when the gradient of this tensor is complete; what it returns, if anything, replaces it."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self.node is not None:
            hooks = self.node.hooks.setdefault(self.index, [])
        else:
            hooks = self._hooks = self._hooks or []
        hooks.append(hook)
        return RemovableHandle(hooks, None, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(self)`` whenever ``backward()`` has added to ``.grad`` of this leaf."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self.node is not None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        self._after_hooks = self._after_hooks or []
        self._after_hooks.append(hook)
        return RemovableHandle(self._after_hooks, None, hook)

    # -- indexing --

    def __getitem__(self, index: Any) -> Tensor:
        return ix.getitem(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        if not isinstance(value, Tensor):
            value = xp_of(self.array).asarray(value, dtype=self.array.dtype)
        elif value.dtype != self.dtype:
            value = ew.cast(value, dtype=self.array.dtype)
        first, rest = ix.two_steps(ix.raw_index(self.array, index), self.ndim)
        if rest is not None:
            self[first][rest] = value
            return
        if isinstance(value, Tensor) and xp_of(value.array) is not xp_of(self.array) and ix.is_basic(first):
            value = value.to(self.device)  # as copy_ does
        ones = next((k for k, n in enumerate(value.shape) if n != 1), value.ndim)
        if ones:  # leading axes of size 1 add nothing that broadcasting would not, and there may be more of them than the place has
            value = value.reshape(value.shape[ones:])
        change(self, ix._index_put, value, index=first)


@engine.register_row_class
class RowGradient(Tensor):
    """The gradient of a large table of which few rows were read. Any tensor, but dense only once somebody looks.

    Clipping and optimisers do not look: they use ``rows``, which is ``None`` as soon as somebody has.
    """

    rows: Rows | None

    @classmethod
    def of(cls, rows: Rows) -> RowGradient:
        """A gradient around rows."""
        t = cls.__new__(cls)
        t.rows = rows
        return t

    @property
    def shape(self) -> Size:
        """The sizes of the axes."""
        return Size(self.array.shape if self.rows is None else self.rows.shape)

    @property
    def array(self) -> Array:
        """The dense array, made when first asked for."""
        if self.rows is not None:
            self._dense, self.rows = self.rows.dense(), None
        return self._dense

    @array.setter
    def array(self, value: Array) -> None:
        self._dense, self.rows = value, None


class Parameter(Tensor):
    """A tensor that a module learns: it requires grad and is found by ``parameters()``. ``torch.nn.Parameter``."""

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        if not isinstance(data, (Tensor, NoneType)):
            raise AttributeError(f"Parameter: expected a Tensor, got {type(data).__name__}; make one: nn.Parameter(tinyrnn.tensor(data))")
        super().__init__(*(() if data is None else (data,)))
        self._requires_grad = requires_grad

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()
