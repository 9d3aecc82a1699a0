"""The autograd engine: it records which primitive made which tensor, and walks that record backwards.

A *primitive* is a function of raw arrays together with one rule for each argument that says how the
gradient arriving at its output, ``g``, becomes the gradient of that argument::

    @primitive(elementwise=True)
    def mul(input, other):
        return input * other

    mul.rule(input=lambda g, other: g * other, other=lambda g, input: g * input)

A rule asks by name for what it needs: an argument, an option, the output ``y``, or only the shape of an
argument (``input_shape``). Just these are kept for the backward pass, and nothing else is. Rules are written
with operators and primitives only, so the same rule runs on raw arrays (the fast way, no overhead) and,
under ``create_graph=True``, on tensors, where it is recorded in turn: higher derivatives need no more code.

Reading order: :class:`Primitive` (``__call__``, then ``pull``), :class:`Node`, :func:`backpropagate`.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import sys
import threading
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from . import dtypes
from .backend import Array, Rows, is_array, quiet, xp_of


class _Modes(threading.local):
    grad_enabled = True


modes = _Modes()
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
    _hooks: list[Callable] | None = None

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


def register_tensor_class(cls: type[Traced]) -> type[Traced]:
    """Class decorator: results of primitives are of this class."""
    global _tensor_class
    _tensor_class = cls
    return cls


def wrap(array: Array, node: Node | None = None, index: int = 0) -> Any:
    """A tensor around an array, made by output ``index`` of ``node``."""
    t = _tensor_class.__new__(_tensor_class)
    t.array = array if type(array) is np.ndarray or not isinstance(array, np.generic) else np.asarray(array)
    t.version = [0]
    if node is not None:
        t.node = node
        t.index = index
    return t


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


# -- recording ----------------------------------------------------------------------------------------


class Node:
    """One recorded call of a primitive.

    ``edges[k]`` says where the gradient of argument ``k`` goes: ``(node, output index)``, or ``(leaf, -1)``,
    or ``None`` if it is not needed. ``values`` holds what the rules asked for. Nodes refer only to what they
    were made from, never to their own output, so a graph that nobody holds any more is freed at once.
    """

    __slots__ = ("edges", "freed", "hooks", "names", "op", "options", "order", "outputs", "retained", "several", "values", "versions")

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

    def __repr__(self) -> str:
        return f"<{self.name()}>"

    def name(self) -> str:
        """PyTorch's name of such a node: ``TanhBackward0``."""
        return "".join(part.capitalize() for part in self.op.name.split("_")) + "Backward0"

    @property
    def next_functions(self) -> tuple:
        """The nodes that this one's gradients go to, as in PyTorch: ``((node, output index), ...)``."""
        return tuple(edge for edge in self.edges if edge is not None)

    def release(self) -> None:
        """Let go of the saved values."""
        if any(map(is_array, self.values.values())) or self.versions:
            self.freed = True
            self.values = {}
            self.versions = []


class Primitive:
    """A differentiable function of raw arrays. Made by the decorator :func:`primitive`."""

    def __init__(self, forward: Callable, elementwise: bool, floating: bool, view: bool, saves: bool) -> None:
        functools.update_wrapper(self, forward)
        self.forward = forward
        self.name = forward.__name__.strip("_")
        self.elementwise = elementwise
        self.floating = floating
        self.view = view
        self.saves = saves
        self.definition: Callable | None = None
        parameters = inspect.signature(forward).parameters.values()
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.arguments = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL)]
        self.defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        self.option_names = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        self.rules: list[tuple[Callable, tuple[str, ...]] | None] = [None] * len(self.arguments)
        self.joint: tuple[Callable, tuple[str, ...]] | None = None
        self.promoted: list[int] = list(range(len(self.arguments)))
        self._plans: dict[tuple[bool, ...], list[tuple[str, str, int]]] = {}

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    # -- declaring rules --

    def rule(self, *only: Callable, **by_argument: Callable) -> Any:
        """Declare the rules, one for each differentiable argument (a single one may stay unnamed).

        Usable as a decorator. Arguments that get no rule (indices, masks) get no gradient.
        """
        if only:
            by_argument[self.arguments[0]] = only[0]
        for argument, function in by_argument.items():
            self.rules[self.arguments.index(argument)] = (function, _wanted(function))
        self.promoted = [k for k, rule in enumerate(self.rules) if rule is not None]
        return only[0] if only else None

    def joint_rule(self, function: Callable) -> Callable:
        """Declare one rule that returns the gradients of all arguments, for those that share their work.

        It may ask for ``needs``, a tuple of booleans: which of them are wanted.
        """
        names = _wanted(function)
        self.joint = (function, tuple(n for n in names if n != "needs"))
        self.joint_needs = "needs" in names
        return function

    def defined_by(self, function: Callable) -> Callable:
        """Declare the function of tensors that this primitive is the fused form of: higher derivatives go through it."""
        self.definition = function
        return function

    # -- calling --

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Run the forward: raw arrays give raw arrays; tensors give tensors, and are recorded if they need to be."""
        if len(args) != len(self.arguments) and not self.variadic:
            args, options = self._bind(args, options)
        for a in args:
            if isinstance(a, Traced):
                break
        else:
            if not any(map(is_array, args)):
                self._refuse(args)
            out = self.forward(*args, **options)
            return out[0] if self.saves else out
        if self.elementwise:
            args = self._promote(args)
        raw = [a.array if isinstance(a, Traced) else a for a in args]
        try:
            with quiet():
                out = self.forward(*raw, **options)
        except (TypeError, ValueError, OverflowError) as error:
            raise self._explain(error, raw, options) from error
        if self.saves:
            out, saved = out
        node = self.record(args, raw, options, out) if modes.grad_enabled else None
        if node is not None and self.saves:
            node.values["saved"] = saved
        if type(out) is tuple:
            return tuple(self._result(args, o, node, k, options) for k, o in enumerate(out))
        return self._result(args, out, node, None, options)

    def _bind(self, args: tuple, options: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """Sort positional options and keyword arrays into place: ``sum(x, 0)`` and ``mul(x, other=w)``."""
        count = len(self.arguments)
        if len(args) > count:
            extra = args[count:]
            if len(extra) > len(self.option_names):
                most = count + len(self.option_names)
                raise TypeError(f"{self.name}() takes at most {most} arguments ({len(args)} given)")
            options = {**dict(zip(self.option_names, extra)), **options}
            return args[:count], options
        options = dict(options)
        full = list(args)
        for name in self.arguments[len(args) :]:
            if name in options:
                full.append(options.pop(name))
            elif name in self.defaults:
                full.append(self.defaults[name])
            else:
                raise TypeError(f"{self.name}() missing the argument '{name}'")
        return tuple(full), options

    def _explain(self, error: Exception, raw: Sequence, options: dict[str, Any]) -> Exception:
        """What NumPy refused, as the error that PyTorch raises, with the shapes."""
        try:
            inspect.signature(self.forward).bind(*raw, **options)
        except TypeError as wrong_call:
            return TypeError(f"{self.name}(): {wrong_call}")
        if isinstance(error, IndexError):
            return IndexError(f"{self.name}(): Dimension out of range: {error}")
        for k, a in enumerate(raw):
            if a is not None and not is_array(a) and not isinstance(a, (int, float, complex)):
                name = self.arguments[min(k, len(self.arguments) - 1)]
                return TypeError(f"{self.name}(): argument '{name}' must be a Tensor or a number, not {type(a).__name__}")
        shapes = " and ".join(f"{tuple(a.shape)} {a.dtype}" if is_array(a) else repr(a) for a in raw if a is not None)
        return RuntimeError(f"{self.name}() does not work on {shapes}: {error}")

    def _refuse(self, args: tuple) -> None:
        got = ", ".join(type(a).__name__ for a in args) or "nothing"
        raise TypeError(f"{self.name}(): argument '{self.arguments[0]}' must be a Tensor, not {got}")

    def _promote(self, args: tuple) -> tuple:
        """Bring arguments of several dtypes to one, by PyTorch's rules."""
        first = None
        mixed = numbers = False
        for k in self.promoted:
            a = args[k]
            d = a.array.dtype if isinstance(a, Traced) else getattr(a, "dtype", None)
            if d is None:
                numbers = True
            elif first is None:
                first = d
            elif d != first:
                mixed = True
        if first is None:  # where(condition, 1.0, 0.0)
            target = dtypes.result_type(*(args[k] for k in self.promoted))
            return tuple(np.asarray(a, target) if k in self.promoted else a for k, a in enumerate(args))
        if not mixed and (first.kind == "f" or not (numbers or self.floating)):
            return args
        target = dtypes.result_type(*(_raw(args[k]) for k in self.promoted))
        if self.floating and target.kind in "biu":
            target = dtypes.get_default_dtype().numpy
        cast = list(args)
        for k in self.promoted:
            a = args[k]
            if isinstance(a, Traced):
                cast[k] = a if a.array.dtype == target else _hooks_from_ops["cast"](a, dtype=target)
            elif is_array(a):
                cast[k] = a.astype(target, copy=False)
            elif isinstance(a, int) and target.kind in "iu":
                cast[k] = int(np.asarray(a).astype(target))  # wraps around, where NumPy refuses uint8 - 1
        return tuple(cast)

    def record(self, args: Sequence, raw: Sequence, options: dict[str, Any], out: Any) -> Node | None:
        """The node of this call, or ``None`` if no gradient can flow through it."""
        several = type(out) is tuple
        needs = [False] * len(args)
        for k, a in enumerate(args):
            if isinstance(a, Traced):
                if a.base is not None:
                    a.refresh()
                if a.node is not None or a._requires_grad:
                    needs[k] = self.joint is not None or self.rules[k] is not None
        if True not in needs or not (several or out.dtype.kind in "fc"):
            return None
        outputs = tuple((o.shape, o.dtype) for o in (out if several else (out,)))
        node = Node(self, options, outputs, several)
        for a, needed in zip(args, needs):
            node.edges.append(((a, -1) if a.node is None else (a.node, a.index)) if needed else None)
        for name, kind, k in self._plan(tuple(needs)):
            if kind == "argument":
                node.values[name] = raw[k]
                if isinstance(args[k], Traced):
                    node.versions.append((name, args[k], args[k].version, args[k].version[0]))
            elif kind == "output":
                node.values[name] = out
            elif kind == "option":
                node.values[name] = options[name] if name in options else self.defaults[name]
            elif kind == "shape":
                node.values[name] = raw[k].shape
            elif kind == "dtype":
                node.values[name] = raw[k].dtype
            elif kind == "arguments":
                node.values[name] = tuple(raw)
                node.versions += [(name, a, a.version, a.version[0]) for a in args if isinstance(a, Traced)]
            else:
                node.values[name] = tuple(r.shape for r in raw)
        return node

    def _plan(self, needs: tuple[bool, ...]) -> list[tuple[str, str, int]]:
        """What to save for the rules of the arguments in ``needs``: (name, kind, which argument)."""
        plan = self._plans.get(needs)
        if plan is None:
            if self.joint is not None:
                names = tuple(n for n in self.joint[1] if n != "saved")
            else:
                rules = itertools.compress(self.rules, needs)
                names = tuple(dict.fromkeys(itertools.chain.from_iterable(r[1] for r in rules if r is not None)))
            plan = self._plans[needs] = [(name, *self._source(name)) for name in names]
        return plan

    def _source(self, name: str) -> tuple[str, int]:
        """Where the value that a rule calls ``name`` comes from."""
        if name == "y":
            return "output", 0
        if name in self.option_names:
            return "option", 0
        stem, _, suffix = name.rpartition("_")
        if self.variadic:
            return ("arguments" if name == self.arguments[0] else "shapes"), 0
        if name in self.arguments:
            return "argument", self.arguments.index(name)
        if stem in self.arguments and suffix in ("shape", "dtype"):
            return suffix, self.arguments.index(stem)
        raise TypeError(f"a rule of '{self.name}' asks for '{name}', which is no argument, option or output of it")

    def _result(self, args: Sequence, out: Array, node: Node | None, k: int | None, options: dict) -> Any:
        t = wrap(out, node if node is not None and out.dtype.kind in "fc" else None, k or 0)
        if node is not None and "y" in node.values:
            node.versions.append(("y", None, t.version, 0))  # type: ignore[arg-type]
        if self.view:
            a = args[0]
            if isinstance(a, Traced) and xp_of(out).may_share_memory(out, a.array):
                t.base = a if a.base is None else a.base
                t.version = a.version
                t.steps = (*a.steps, (self, options, k))
                t._stamp = a.version[0]
        return t

    # -- going backwards --

    def pull(self, node: Node, g: Any, create_graph: bool) -> list:
        """The gradients of the arguments from ``g``, the gradient(s) of the output(s)."""
        for name, _, version, saved in node.versions:
            if version[0] != saved:
                raise RuntimeError(_stale_message(node, name, version[0], saved))
        if create_graph and self.definition is not None:
            return self._pull_definition(node, g)
        values = self._traced_values(node) if create_graph else node.values
        needs = tuple(edge is not None for edge in node.edges)
        if self.joint is not None:
            function, names = self.joint
            extra = {"needs": needs} if self.joint_needs else {}
            grads = list(function(g, *(values[n] for n in names), **extra))
        else:
            grads = [None] * len(needs)
            for k, needed in enumerate(needs):
                if needed:
                    function, names = self.rules[k]  # type: ignore[misc]
                    grads[k] = function(g, *[values[n] for n in names])
        for k, edge in enumerate(node.edges):
            if edge is None:
                grads[k] = None
                continue
            parent, index = edge
            shape = parent.array.shape if index < 0 else parent.outputs[index][0]
            if tuple(grads[k].shape) != shape:
                if not self.elementwise:
                    raise AssertionError(
                        f"the rule of '{self.name}' for argument {k} returned shape {tuple(grads[k].shape)}; the argument has shape {shape}"
                    )
                grads[k] = _hooks_from_ops["sum_to"](grads[k], shape=shape)
        return grads

    def _pull_definition(self, node: Node, g: Any) -> list:
        """The gradients as tensors, by running the definition under recording and differentiating that."""
        assert self.definition is not None
        values = self._traced_values(node)
        # Through a cast to its own dtype each argument is a tensor of its own, even where one is given twice.
        cast = _hooks_from_ops["cast"]
        args = [cast(a, dtype=a.array.dtype) if isinstance(a, Traced) else a for a in (values[n] for n in self.arguments)]
        out = self.definition(*args, **node.options)
        pairs = [(o, one) for o, one in zip(out, g)] if type(out) is tuple else [(out, g)]
        pairs = [(o, one) for o, one in pairs if o.requires_grad]
        targets = [a for a, edge in zip(args, node.edges) if edge is not None]
        found = backpropagate([o for o, _ in pairs], [one for _, one in pairs], targets, create_graph=True, retain_graph=True)
        sums = [None if edge is None else found.get(key_of(a)) for a, edge in zip(args, node.edges)]
        return [None if edge is None else (one.value if one else _zeros_like_tensor(a)) for one, a, edge in zip(sums, args, node.edges)]

    def _traced_values(self, node: Node) -> dict[str, Any]:
        """The saved values as tensors that are linked to their history."""
        values = dict(node.values)
        if "y" in values:
            y = values["y"]
            several = type(y) is tuple
            values["y"] = tuple(wrap(o, node, k) for k, o in enumerate(y)) if several else wrap(y, node, 0)

        def traced(raw: Any, edge: tuple | None) -> Any:
            if edge is None:
                return wrap(raw) if is_array(raw) else raw
            return edge[0] if edge[1] < 0 else wrap(raw, *edge)

        if self.variadic:
            name = self.arguments[0]
            if name in values:
                values[name] = tuple(map(traced, values[name], node.edges))
        else:
            for k, name in enumerate(self.arguments):
                if name in values:
                    values[name] = traced(values[name], node.edges[k])
        return values


def primitive(
    forward: Callable | None = None, *, elementwise: bool = False, floating: bool = False, view: bool = False, saves: bool = False
) -> Any:
    """Decorator that makes a primitive of a function of raw arrays.

    Positional parameters are arrays; keyword-only ones are options (callers may pass these by position too).

    Args:
        elementwise: arguments broadcast and are brought to one dtype; gradients are summed back by the engine.
        floating: integer arguments become the default floating dtype first (``exp`` of a counter).
        view: the result may share its argument's memory.
        saves: the function returns its result together with what backward will want, which rules call ``saved``.
    """
    if forward is None:
        return functools.partial(primitive, elementwise=elementwise, floating=floating, view=view, saves=saves)
    return Primitive(forward, elementwise, floating, view, saves)


_hooks_from_ops: dict[str, Callable] = {}


def provides(name: str) -> Callable:
    """Decorator for the two primitives that the engine itself calls: ``sum_to`` and ``cast``."""

    def register(op: Callable) -> Callable:
        _hooks_from_ops[name] = op
        return op

    return register


def _raw(a: Any) -> Any:
    return a.array if isinstance(a, Traced) else a


def _wanted(function: Callable) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)[1:]


# -- the backward pass --------------------------------------------------------------------------------


def backpropagate(
    outputs: Sequence[Traced],
    grad_outputs: Sequence[Any],
    targets: Sequence[Traced] | None,
    *,
    create_graph: bool,
    retain_graph: bool,
) -> dict[Any, Any]:
    """Walk from ``outputs`` back to the leaves, newest node first, each node once.

    A node's gradients are complete when its turn comes, because whatever used its outputs is newer. Returns
    the gradients of ``targets``, or of every leaf when ``targets`` is ``None``, under the key of :func:`key_of`.
    """
    roots = [o.node for o in outputs if o.node is not None]
    nodes = _reachable(roots)
    wanted = None if targets is None else {key_of(t) for t in targets}
    useful = nodes if wanted is None else _leading_to(nodes, wanted)
    if any(node.freed and below for node, below in useful.items()):
        raise RuntimeError(_freed_message(roots, useful))

    found: dict[Any, Any] = {}
    pending: dict[Node, dict[int, _Sum]] = {}

    def send(edge: tuple[Any, int], g: Any) -> None:
        parent, index = edge
        if index >= 0:
            if isinstance(g, Rows):
                g = g.dense()  # rules are written for arrays; only leaves take rows
            if parent in useful:
                pending.setdefault(parent, {}).setdefault(index, _Sum()).add(g)
        elif wanted is None or id(parent) in wanted:
            found.setdefault(id(parent), _Sum(parent)).add(g)

    for output, g in zip(outputs, grad_outputs):
        send((output, -1) if output.node is None else (output.node, output.index), g)

    with set_grad_enabled(create_graph), quiet():
        for node in sorted(useful, key=lambda n: n.order, reverse=True):
            sums = pending.pop(node, None)
            if sums is None:
                continue
            for index, one in sums.items():
                one.value = _run_hooks(node.hooks.get(index), one.value)
                if index in node.retained:
                    slot = node.retained[index]
                    slot[0] = _tensor(one.value).clone() if slot[0] is None else slot[0] + _tensor(one.value)
                if wanted is not None and (node, index) in wanted:
                    found[node, index] = one
            if wanted is not None and useful[node] is False:
                continue  # itself a target, and nothing below it is wanted
            if not node.several:
                g = sums[0].value
            else:
                g = tuple(
                    sums[k].value if k in sums else _zeros_like_output(next(iter(sums.values())).value, *node.outputs[k])
                    for k in range(len(node.outputs))
                )
            for edge, grad in zip(node.edges, node.op.pull(node, g, create_graph)):
                if edge is not None:
                    send(edge, grad)
            del g, sums, grad
            if not retain_graph:
                node.release()
        for one in found.values():
            if one.leaf is not None:
                one.value = _run_hooks(one.leaf._hooks, one.value)
    return found


class _Sum:
    """A gradient that is arriving in parts: the first by reference, the second allocates, later ones in place."""

    __slots__ = ("leaf", "owned", "value")

    def __init__(self, leaf: Traced | None = None) -> None:
        self.value: Any = None
        self.owned = False
        self.leaf = leaf

    def add(self, g: Any) -> None:
        if self.value is None:
            self.value = g
        elif self.owned and is_array(g):
            self.value += g
        else:
            self.value = self.value + g
            self.owned = is_array(self.value) and self.value.ndim > 0


def key_of(t: Traced) -> Any:
    """What a tensor's gradient is filed under: its node and output index, or for a leaf its identity."""
    t.refresh()
    return id(t) if t.node is None else (t.node, t.index)


def _reachable(roots: Iterable[Node]) -> dict[Node, bool]:
    seen = dict.fromkeys(roots, True)
    stack = list(seen)
    while stack:
        for edge in stack.pop().edges:
            if edge is not None and edge[1] >= 0 and edge[0] not in seen:
                seen[edge[0]] = True
                stack.append(edge[0])
    return seen


def _leading_to(nodes: Iterable[Node], wanted: set) -> dict[Node, bool]:
    """The nodes to visit for ``wanted``, oldest first; ``False`` for those whose own arguments are not wanted."""
    useful: dict[Node, bool] = {}
    for node in sorted(nodes, key=lambda n: n.order):
        below = any(edge is not None and (id(edge[0]) in wanted if edge[1] < 0 else edge[0] in useful) for edge in node.edges)
        if below or any((node, k) in wanted for k in range(len(node.outputs))):
            useful[node] = below
    return useful


def _run_hooks(hooks: list[Callable] | None, g: Any) -> Any:
    if not hooks:
        return g
    raw = not isinstance(g, Traced)
    for hook in list(hooks):
        replacement = hook(_tensor(g))
        if replacement is not None:
            g = replacement.array if raw else replacement
    return g


def _tensor(g: Any) -> Any:
    return g if isinstance(g, Traced) else wrap(g.dense() if isinstance(g, Rows) else g)


def _zeros_like_tensor(t: Any) -> Any:
    return wrap(xp_of(t.array).zeros_like(t.array))


def _zeros_like_output(sibling: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    zeros = xp_of(_raw(sibling)).zeros(shape, dtype)
    return wrap(zeros) if isinstance(sibling, Traced) else zeros


def own(g: Any) -> Array:
    """The array of a finished gradient in memory that nothing else uses."""
    # A fresh result is held by three names here (the sum, the caller, this argument) and getrefcount's own;
    # more means that a saved value or another gradient shares it, and clipping in place would scale both.
    if isinstance(g.value, Rows):
        return g.value
    if type(g.value) is np.ndarray and (g.owned or (g.value.base is None and sys.getrefcount(g.value) <= 2)):
        return g.value
    return xp_of(g.value).array(g.value, copy=True, order="C")


# -- errors -------------------------------------------------------------------------------------------


def _freed_message(roots: Iterable[Node], useful: dict[Node, bool]) -> str:
    """Name the tensors by which a live graph hangs on to a freed one."""
    carried: dict[str, None] = {}
    seen: set[Node] = set()
    stack: list[tuple[Node, int, str | None]] = [(node, 0, None) for node in roots]
    while stack:
        node, index, through = stack.pop()
        shape = node.outputs[index][0]
        if index in node.names:
            through = describe(*node.names[index], shape)
        if node.freed:
            carried[through or f"the output of {node.op.name} ({describe(None, '', shape)[len('a tensor of ') :]})"] = None
        elif node not in seen and node in useful:
            seen.add(node)
            stack += [(*edge, through) for edge in node.edges if edge is not None and edge[1] >= 0]
    what = " and ".join(list(carried)[:4])
    return (
        f"backward() reached {what} again: its graph was freed by an earlier backward().\n"
        "A hidden state carried from the last batch still holds that batch's history. Cut it there: "
        "h = h.detach()\n(truncated BPTT; an LSTM's state is a pair, and both h and c must be detached). "
        "For two losses on one graph, pass retain_graph=True to the first backward()."
    )


def _stale_message(node: Node, name: str, now: int, saved: int) -> str:
    value = node.values[name]
    if name == "y":
        saved_name, axes = node.names.get(0, (None, ""))
        tensor = describe(saved_name, axes, node.outputs[0][0]) + ", its output,"
    else:
        owner = next(t for n, t, version, at in node.versions if n == name and version[0] == now and at == saved)
        tensor = describe(owner.name or name, owner.axes, np.shape(value) if is_array(value) else ())
    return (
        f"{node.op.name} needs {tensor} for its gradient, but that tensor was changed in place after use "
        f"(version {now}, saved at version {saved}).\nChange a copy instead: x = x.clone(), or use the op "
        "without the trailing underscore: x = x + 1 for x += 1."
    )


# -- switches -----------------------------------------------------------------------------------------


class set_grad_enabled:
    """Record or do not record what follows, as a call, a context manager or a decorator.

    >>> import tinyrnn
    >>> with tinyrnn.set_grad_enabled(False):
    ...     tinyrnn.is_grad_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)
        self.previous = modes.grad_enabled
        modes.grad_enabled = self.mode

    def __enter__(self) -> None:
        modes.grad_enabled = self.mode

    def __exit__(self, *exc: Any) -> None:
        modes.grad_enabled = self.previous

    def __call__(self, function: Callable) -> Callable:
        """Decorate a function."""
        modes.grad_enabled = self.previous  # as a decorator it takes effect inside the function only
        return _inside(lambda: set_grad_enabled(self.mode), function)


class _Switch:
    mode: bool

    def __init__(self) -> None:
        self.previous: list[bool] = []

    def __new__(cls, function: Callable | None = None) -> Any:
        switch = super().__new__(cls)
        if function is None:
            return switch
        switch.__init__()  # type: ignore[misc]
        return switch(function)

    def __enter__(self) -> None:
        self.previous.append(modes.grad_enabled)
        modes.grad_enabled = self.mode

    def __exit__(self, *exc: Any) -> None:
        modes.grad_enabled = self.previous.pop()

    def __call__(self, function: Callable) -> Callable:
        return _inside(type(self), function)


class no_grad(_Switch):
    """Do not record: results have no history. A context manager, or a decorator with or without brackets.

    >>> import tinyrnn
    >>> w = tinyrnn.ones(2, requires_grad=True)
    >>> with tinyrnn.no_grad():
    ...     print((w * 2).requires_grad)
    False
    """

    mode = False


class enable_grad(_Switch):
    """Record again, inside a :class:`no_grad`."""

    mode = True


def is_grad_enabled() -> bool:
    """Whether operations are being recorded."""
    return modes.grad_enabled


def _inside(context: Callable, function: Callable) -> Callable:
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Any:
            it = function(*args, **kwargs)
            step: Callable = it.__next__
            try:
                while True:
                    with context():
                        try:
                            value = step()
                        except StopIteration as stop:
                            return stop.value
                    try:
                        sent = yield value
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        step = functools.partial(it.throw, error)
                    else:
                        step = functools.partial(it.send, sent)
            finally:
                with context():
                    it.close()

        return generator

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with context():
            return function(*args, **kwargs)

    return wrapper
