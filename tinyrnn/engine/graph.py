"""What is remembered: tensors as the engine sees them, and the nodes that lead from each to what it was made from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import Array, is_array
from ..rows import Rows
from .anomaly import anomaly, calling_lines
from .modes import set_grad_enabled

if TYPE_CHECKING:
    from .record import Primitive

_creation_order = itertools.count()


class Traced:
    """What the engine knows of a tensor: its array, and the node and output index that made it.

    The attributes below are defaults; an instance holds only what differs.
    """

    array: Array
    node: Node | None = None
    index: int = 0
    name: str | None = None  # for messages; "h_n", "weight_hh_l0"
    axes: str = ""  # one letter an axis, for messages; "LNH"
    version: list[int]  # counts in-place changes; shared by everything that shares the memory
    base: Traced | None = None  # the tensor that this one is a view of
    steps: tuple = ()  # how to get from the base to this view: (primitive, options, output index)
    _stamp: int = 0  # the version at which `node` was right; views only
    _requires_grad: bool = False
    _grad: Any = None
    _hooks: list[Callable] | None = None  # of a leaf; called with its gradient
    _after_hooks: list[Callable] | None = None  # of a leaf; called with the leaf when its ``grad`` has grown

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor."""
        if self.base is not None:
            self.refresh()
        return self._requires_grad or self.node is not None

    def refresh(self) -> None:
        """Give a view whose base was changed in place the history of the changed base."""
        base = self.base
        if base is None or self._stamp == self.version[0]:
            return
        self._stamp = self.version[0]
        if base.node is not None:
            with set_grad_enabled(True):
                t = base
                for op, options, index in self.steps:
                    result = op(t, **options)
                    t = result if index is None else result[index]
            self.node, self.index = t.node, t.index


_tensor_class: type[Traced] = Traced
_row_class: type[Traced] = Traced


def register_tensor_class(cls: type[Traced]) -> type[Traced]:
    """Class decorator: results of primitives are of this class."""
    global _tensor_class
    _tensor_class = cls
    return cls


def register_row_class(cls: type[Traced]) -> type[Traced]:
    """Class decorator: gradients that are zero but in some rows are of this class."""
    global _row_class
    _row_class = cls
    return cls


def wrap(array: Array, node: Node | None = None, index: int = 0) -> Any:
    """A tensor around an array (or around rows), made by output ``index`` of ``node``."""
    if isinstance(array, Rows):
        return _row_class.of(array)  # type: ignore[attr-defined]
    t = object.__new__(_tensor_class)  # its __new__ would only add what follows
    t.array = np.asarray(array) if isinstance(array, np.generic) else array
    t.version = [0]
    if node is not None:
        t.node = node
        t.index = index
    return t


def raw_of(a: Any) -> Any:
    """The array of a tensor; anything else as it is."""
    return a.array if isinstance(a, Traced) else a


def label(t: Any, name: str, axes: str = "") -> Any:
    """Name a tensor and its axes, so that an error can speak of it; returns the tensor."""
    t.name, t.axes = name, axes
    if t.node is not None:
        t.node.names[t.index] = (name, axes)
    return t


def describe(name: str | None, axes: str, shape: Sequence[int]) -> str:
    """``'h' (shape (N=32, H=100))``, as far as the names are known."""
    sizes = [f"{a}={n}" for a, n in zip(axes, shape)] if len(axes) == len(shape) else [str(n) for n in shape]
    text = f"shape ({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
    return f"'{name}' ({text})" if name else f"a tensor of {text}"


class Node:
    """One recorded call of a primitive.

    ``edges[k]`` says where the gradient of argument ``k`` goes: ``(node, output index)``, or ``(leaf, -1)``,
    or ``None`` if it is not needed. ``values`` holds what the rules asked for. Nodes refer only to what they
    were made from, never to their own output, so a graph that nobody holds any more is freed at once.
    """

    __slots__ = (
        "edges", "freed", "hooks", "made_at", "names", "op", "options", "order", "outputs", "retained", "several", "values", "versions",
    )  # fmt: skip

    def __init__(self, op: Primitive, options: dict[str, Any], outputs: tuple, several: bool) -> None:
        self.op = op
        self.options = options
        self.order = next(_creation_order)
        self.outputs = outputs  # (shape, dtype) of each
        self.several = several  # the op returns a tuple, be it of one: unbind of a single step
        self.edges: list[tuple[Any, int] | None] = []
        self.values: dict[str, Any] = {}
        self.versions: list[tuple[str, Traced, list[int], int]] = []
        self.hooks: dict[int, list[Callable]] = {}
        self.retained: dict[int, list] = {}
        self.names: dict[int, tuple[str, str]] = {}
        self.freed = False
        self.made_at = calling_lines() if anomaly.enabled else None

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"

    def name(self) -> str:
        """PyTorch's name of such a node: ``TanhBackward0``."""
        return self.op.backward_name

    @property
    def next_functions(self) -> tuple:
        """Where this one's gradients go, as in PyTorch: ``((node, output index), ...)``; ``(None, 0)`` is nowhere."""
        return tuple((None, 0) if edge is None else edge if edge[1] >= 0 else (AccumulateGrad(edge[0]), 0) for edge in self.edges)

    def release(self) -> None:
        """Let go of the saved values."""
        if any(map(is_array, self.values.values())) or self.versions:
            self.freed = True
            self.values = {}
            self.versions = []


class AccumulateGrad:
    """How a leaf shows among the ``next_functions`` of a node: as what adds to ``variable.grad``."""

    next_functions = ()

    def __init__(self, variable: Traced) -> None:
        self.variable = variable

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self.variable):#x}>"

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, AccumulateGrad) and other.variable is self.variable

    def __hash__(self) -> int:
        return id(self.variable)

    def name(self) -> str:
        """PyTorch's name of it."""
        return "torch::autograd::AccumulateGrad"
