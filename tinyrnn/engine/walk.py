"""The walk back: gradients from the outputs to the leaves, node by node, newest first."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..backend import Array, is_array, quiet, xp_of
from ..rows import Rows
from .anomaly import anomaly, explain, refuse_nan
from .graph import Node, Traced, describe, raw_of, wrap
from .modes import set_grad_enabled
from .record import from_ops


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

    pull_one = _pull_watched if anomaly.enabled else pull
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
                g = tuple(sums[k].value if k in sums else None for k in range(len(node.outputs)))
                if len(sums) < len(g) and not node.op.takes_none:
                    g = materialized(g, node.outputs)
            for edge, grad in zip(node.edges, pull_one(node, g, create_graph)):
                if grad is not None:
                    send(edge, grad)  # type: ignore[arg-type]
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

    def __init__(self, leaf: Traced | None = None, value: Any = None) -> None:
        self.value = value
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


def _references(one: _Sum) -> int:
    return sys.getrefcount(one.value)


def _base_references(one: _Sum) -> int:
    return sys.getrefcount(one.value.base)


_UNSHARED = _references(_Sum(value=np.empty(0)))  # measured, since they differ between versions of Python
_UNSHARED_BASE = _base_references(_Sum(value=np.empty((1, 2)).reshape(2, 1)))


def key_of(t: Traced) -> Any:
    """What a tensor's gradient is filed under: its node and output index, or for a leaf its identity."""
    t.refresh()
    return id(t) if t.node is None else (t.node, t.index)


def leaves_of(outputs: Sequence[Traced]) -> list[Traced]:
    """The leaves that gradients of ``outputs`` go to, each once."""
    nodes = _reachable(o.node for o in outputs if o.requires_grad and o.node is not None)
    edges = [edge for node in nodes for edge in node.edges if edge is not None and edge[1] < 0]
    return list({id(edge[0]): edge[0] for edge in edges}.values())


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
            if not isinstance(replacement, Traced):
                raise TypeError(f"expected Variable, but hook returned '{type(replacement).__name__}'")
            if tuple(replacement.shape) != tuple(g.shape):  # type: ignore[attr-defined]
                raise RuntimeError(f"hook '{getattr(hook, '__name__', hook)}' has changed the size of value")
            g = replacement.array if raw else replacement
    return g


def _tensor(g: Any) -> Any:
    return g if isinstance(g, Traced) else wrap(g)


def _zeros_like_tensor(t: Any) -> Any:
    return wrap(xp_of(t.array).zeros_like(t.array))


def materialized(grads: Sequence[Any], outputs: Sequence[tuple]) -> tuple:
    """The gradients of a node's outputs, with zeros for those that none arrived at."""
    sibling = next(g for g in grads if g is not None)
    return tuple(_zeros_like_output(sibling, *output) if g is None else g for g, output in zip(grads, outputs))


def _zeros_like_output(sibling: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    zeros = xp_of(raw_of(sibling)).zeros(shape, dtype)
    return wrap(zeros) if isinstance(sibling, Traced) else zeros


def own(g: Any) -> Array:
    """The array of a finished gradient in memory that nothing else uses."""
    if isinstance(g.value, Rows):
        return g.value
    # If more refers to a first result than its sum, a saved value or another gradient shares it, and clipping in place
    # would scale both.
    if g.value.flags.c_contiguous and (g.owned or (_references(g) == _UNSHARED and _has_its_memory(g))):
        return g.value
    return xp_of(g.value).array(g.value, copy=True, order="C")


def _has_its_memory(g: _Sum) -> bool:
    """Whether nothing else looks at the memory of this gradient: it is no view, or one of all of an array that only it refers to."""
    base = g.value.base
    if base is None:
        return True
    whole = type(base) is type(g.value) and base.base is None and base.nbytes == g.value.nbytes
    del base  # it would be counted
    return whole and _base_references(g) == _UNSHARED_BASE


# -- one node --


def pull(node: Node, g: Any, create_graph: bool) -> list:
    """The gradients of the arguments from ``g``, the gradient(s) of the output(s)."""
    for name, _, version, saved in node.versions:
        if version[0] != saved:
            raise RuntimeError(_stale_message(node, name, version[0], saved))
    if isinstance(g, np.generic):  # NumPy makes scalars of 0-d arrays; rules write into what they get, and a scalar has no views
        g = np.asarray(g)
    if create_graph and node.op.definition is not None:
        return _pull_definition(node, g)
    values = _traced_values(node) if create_graph else node.values
    needs = tuple(edge is not None for edge in node.edges)
    if node.op.joint is not None:
        function, names = node.op.joint
        extra = {"needs": needs} if node.op.joint_needs else {}
        grads = list(function(g, *(values[n] for n in names), **extra))
    else:
        grads = [None] * len(needs)
        for k, needed in enumerate(needs):
            if needed:
                function, names = node.op.rules[k]  # type: ignore[misc]
                grads[k] = function(g, *[values[n] for n in names])
    for k, edge in enumerate(node.edges):
        if edge is None or (grads[k] is None and node.op.takes_none):
            grads[k] = None
            continue
        parent, index = edge
        shape = parent.array.shape if index < 0 else parent.outputs[index][0]
        if tuple(grads[k].shape) != shape:
            if not node.op.elementwise:
                raise AssertionError(
                    f"the rule of '{node.op.name}' for argument {k} returned shape {tuple(grads[k].shape)}; the argument has shape {shape}"
                )
            grads[k] = from_ops["sum_to"](grads[k], shape=shape)
    return grads


def _pull_watched(node: Node, g: Any, create_graph: bool) -> list:
    """:func:`pull` under anomaly detection."""
    try:
        grads = pull(node, g, create_graph)
        if anomaly.check_nan:
            refuse_nan(node, grads)
    except Exception:
        explain(node)
        raise
    return grads


def _pull_definition(node: Node, g: Any) -> list:
    """The gradients as tensors, by running the definition under recording and differentiating that."""
    assert node.op.definition is not None
    values = _traced_values(node)
    # Through a cast to its own dtype each argument is a tensor of its own, even where one is given twice.
    cast = from_ops["cast"]
    args = [cast(a, dtype=a.array.dtype) if isinstance(a, Traced) else a for a in (values[n] for n in node.op.arguments)]
    out = node.op.definition(*args, **node.options)
    pairs = [(o, one) for o, one in zip(out, g)] if type(out) is tuple else [(out, g)]
    pairs = [(o, one) for o, one in pairs if o.requires_grad]
    targets = [a for a, edge in zip(args, node.edges) if edge is not None]
    found = backpropagate([o for o, _ in pairs], [one for _, one in pairs], targets, create_graph=True, retain_graph=True)
    sums = [None if edge is None else found.get(key_of(a)) for a, edge in zip(args, node.edges)]
    return [None if edge is None else (one.value if one else _zeros_like_tensor(a)) for one, a, edge in zip(sums, args, node.edges)]


def _traced_values(node: Node) -> dict[str, Any]:
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

    if node.op.variadic:
        name = node.op.arguments[0]
        if name in values:
            values[name] = tuple(map(traced, values[name], node.edges))
    else:
        for k, name in enumerate(node.op.arguments):
            if name in values:
                values[name] = traced(values[name], node.edges[k])
    return values


# -- errors --


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
    advice = "Change a copy instead: x = x.clone(), or use the op without the trailing underscore: x = x + 1 for x += 1."
    if name == "y":
        saved_name, axes = node.names.get(0, (None, ""))
        tensor = describe(saved_name, axes, node.outputs[0][0]) + ", its output,"
    else:
        owner = next(t for n, t, version, at in node.versions if n == name and version[0] == now and at == saved)
        tensor = describe(owner.name or name, owner.axes, owner.array.shape)
        origin = owner if owner.base is None else owner.base
        if origin.node is None and origin._requires_grad:  # recording, nobody can change a leaf in place
            advice = (
                "It is a parameter, so optimizer.step() (or code under no_grad()) changed it between this forward pass and "
                "backward(). A hidden state carried from the last batch still holds that batch's history, computed with the "
                "parameter as it was. Cut it there: h = h.detach()\n(truncated BPTT; an LSTM's state is a pair, and both h and c "
                "must be detached). Otherwise call backward() before the step."
            )
    return (
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"{node.op.name} needs {tensor} for its gradient, but that tensor was changed in place after use "
        f"(version {now}, saved at version {saved}).\n{advice}"
    )
