"""In-place changes that autograd follows.

``x.mul_(w)`` computes ``x * w`` as ever, writes the result into the memory of ``x``, and lets ``x`` stand for
that result from now on. Two things need care:

* Whoever saved the old values of ``x`` for its gradient must not use the new ones unawares. Every tensor has
  a version number, shared by all that share the memory; a saved value whose version moved is an error.
* ``x`` may be a view, such as ``h[:, 0]``. Then its base changed as well: the base becomes the result of
  :func:`write_view`, and the other views look up their history again when they are next used.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import is_array, xp_of
from ..engine import Primitive, modes, primitive
from ..ops.elementwise import cast
from ..ops.memory import clone, overwritten


def _follow(x: Any, steps: tuple) -> Any:
    """Take the steps from a base to its view, on raw arrays or tensors."""
    for op, options, index in steps:
        x = op(x, **options)
        if index is not None:
            x = x[index]
    return x


@primitive
def write_view(base, value, *, steps):
    """A copy of ``base`` with ``value`` in the place that the view ``steps`` leads to."""
    y = base.copy()
    _follow(y, steps)[...] = value
    return y


write_view.rule(
    base=lambda g, steps: write_view(g, 0, steps=steps),
    value=lambda g, steps: _follow(g, steps),
)


def refuse_leaf(target: Any) -> None:
    """Refuse a leaf that requires grad, or a view of one, while recording: gradients for its old values could not be collected."""
    if modes.grad_enabled:
        leaf = target.base if target.base is not None else target
        if leaf._requires_grad and leaf.node is None:
            kind = "a view of a leaf" if target.base is not None else "a leaf"
            name = f" '{leaf.name}'" if leaf.name else ""
            raise RuntimeError(
                f"{kind} Variable that requires grad{name} is being used in an in-place operation. "
                "To change a parameter by hand, do it inside `with no_grad():`"
            )


def change(target: Any, op: Any, *args: Any, **options: Any) -> Any:
    """Let ``target`` become ``op(target, *args, **options)``, in its own memory; returns ``target``.

    Raises:
        RuntimeError: ``target`` is a leaf that requires grad (or a view of one) while recording, its memory
            is read-only or shared within itself, or the result has another shape or a higher kind of dtype.
    """
    refuse_leaf(target)
    target.refresh()
    if isinstance(target.array, np.ndarray) and not target.array.flags.writeable:
        raise RuntimeError(
            "unsupported operation: the tensor's memory is read-only or several of its elements share one place "
            "(after expand, or from a read-only array); clone() it before changing it in place"
        )
    source = target
    if not isinstance(op, Primitive) and op is not overwritten and modes.grad_enabled and target.requires_grad:
        source = clone(target)  # its steps keep the old values
    out = op(source, *args, **options)
    if tuple(out.shape) != tuple(target.shape):
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape {list(out.shape)}: "
            "an in-place operation cannot grow its tensor"
        )
    if out.dtype != target.dtype:
        ranks = "biufc"
        old, new = target.array.dtype.kind, out.array.dtype.kind
        if ranks.index(new) > ranks.index(old) and not {old, new} <= set("iu"):
            raise RuntimeError(f"result type {out.dtype} can't be cast to the desired output type {target.dtype}")
        out = cast(out, dtype=target.array.dtype)
    _write(target, out)
    return target


def _keep_outputs(changed: Any, version: list) -> None:
    """Where PyTorch's operation does not need its output for backward but ours does, let ours go on with a copy."""
    node = changed.node
    if node is not None and node.op.keep and any(v[0] == "y" and v[2] is version for v in node.versions):
        node.op.keep(node)
        node.versions = [v for v in node.versions if v[0] != "y"]


def _write(target: Any, out: Any) -> None:
    node = out.node
    if node is not None:  # what this very operation saved of the old values stays valid: it keeps a copy
        for name, value in node.values.items():
            if value is target.array or (is_array(value) and xp_of(value).may_share_memory(value, target.array)):
                node.values[name] = value.copy()
                node.versions = [v for v in node.versions if v[0] != name]
    base = target.base
    _keep_outputs(target if base is None else base, target.version)
    if out.array is not target.array:
        target.array[...] = out.array
    target.version[0] += 1
    if not modes.grad_enabled:
        target._stamp = target.version[0]
    elif base is None:
        target.node, target.index = node, out.index
    elif node is not None or base.requires_grad:
        made = write_view.record((base, out), (base.array, out.array), {"steps": target.steps}, base.array)
        base.node, base.index = made, 0
        target._stamp = -1
        target.refresh()
