"""Hooks of modules: functions that are called before and after ``forward``, and in backward."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..engine import Traced, modes, primitive, wrap
from ..tensor import RemovableHandle, Tensor

_ids = itertools.count()


def register(hooks: OrderedDict, hook: Callable, first: bool = False, **marks: tuple[OrderedDict, bool]) -> RemovableHandle:
    """Add a hook, in front if ``first``; ``marks`` are (registry, whether it belongs there)."""
    key = next(_ids)
    hooks[key] = hook
    if first:
        hooks.move_to_end(key, last=False)
    for registry, belongs in marks.values():
        if belongs:
            registry[key] = True
    return RemovableHandle(hooks, key, hook)


def call_with_hooks(module: Any, args: tuple, kwargs: dict) -> Any:
    """``forward`` between its hooks."""
    called: set[int] = set()
    try:
        for key, hook in list(module._forward_pre_hooks.items()):
            if key in module._forward_pre_hooks_with_kwargs:
                changed = hook(module, args, kwargs)
                if changed is not None:
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        raise RuntimeError(f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed!r}.")
                    args, kwargs = changed
            else:
                changed = hook(module, args)
                if changed is not None:
                    args = changed if isinstance(changed, tuple) else (changed,)
        if module._backward_hooks or module._backward_pre_hooks:
            result = _with_backward_hooks(module, args, kwargs)
        else:
            result = module.forward(*args, **kwargs)
        for key, hook in list(module._forward_hooks.items()):
            called.add(key)
            changed = _after(module, key, hook, args, kwargs, result)
            if changed is not None:
                result = changed
        return result
    except Exception:
        for key, hook in list(module._forward_hooks.items()):
            if key in module._forward_hooks_always_called and key not in called:
                _after(module, key, hook, args, kwargs, None)
        raise


def _after(module: Any, key: int, hook: Callable, args: tuple, kwargs: dict, result: Any) -> Any:
    if key in module._forward_hooks_with_kwargs:
        return hook(module, args, kwargs, result)
    return hook(module, args, result)


@primitive
def _gate(*tensors, on_backward):
    """The same values; their gradients, all together, pass through ``on_backward``."""
    return tuple(t.copy() for t in tensors)  # copies, so that a change in place on one side cannot bypass the gate


@_gate.joint_rule
def _(g, on_backward):
    return on_backward(g)


def _gated(values: tuple, on_backward: Callable) -> tuple[tuple, list[int]]:
    """``values`` with those that need a gradient sent through a gate, and where these stand."""
    places = [k for k, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad] if modes.grad_enabled else []
    through = list(values)
    if places:
        for k, t in zip(places, _gate(*(values[k] for k in places), on_backward=on_backward)):
            through[k] = t
    return tuple(through), places


def _with_backward_hooks(module: Any, args: tuple, kwargs: dict) -> Any:
    """Run ``forward`` between two gates: one learns ``grad_output``, the other calls the hooks with ``grad_input``."""
    arrived: list[tuple] = []

    def spread(g: tuple, places: list[int], count: int) -> tuple:
        full: list[Any] = [None] * count
        for k, one in zip(places, g):
            full[k] = one if isinstance(one, Traced) else wrap(one)
        return tuple(full)

    def at_output(g: tuple) -> tuple:
        grad_output = spread(g, output_places, len(results))
        for hook in list(module._backward_pre_hooks.values()):
            changed = hook(module, grad_output)
            if changed is not None:
                grad_output = changed if isinstance(changed, tuple) else (changed,)
                g = tuple(raw_like(grad_output[k], one) for k, one in zip(output_places, g))
        arrived[:] = [grad_output]
        if not input_places and call((None,) * len(args)) != (None,) * len(args):
            raise RuntimeError(f"a backward hook of {type(module).__name__} returned a gradient, but no input of the module requires one")
        return g

    def at_input(g: tuple) -> tuple:
        if not arrived:  # the gradient came past the outputs, as in the second of two derivatives
            return g
        given = call(spread(g, input_places, len(args)))
        return tuple(raw_like(given[k], one) for k, one in zip(input_places, g))

    def raw_like(given: Any, one: Any) -> Any:
        """A gradient that a hook gave in the place of ``one``: raw where that is; ``None`` stands for zeros."""
        if given is None:
            return one * 0
        return given.array if isinstance(given, Traced) and not isinstance(one, Traced) else given

    def call(grad_input: tuple) -> tuple:
        grad_output = arrived.pop()
        for hook in list(module._backward_hooks.values()):
            changed = hook(module, grad_input, grad_output)
            if changed is None:
                continue
            changed = changed if isinstance(changed, tuple) else (changed,)
            if len(changed) != len(grad_input):
                raise RuntimeError(
                    f"Backward hook returned an invalid number of grad_input, got {len(changed)}, but expected {len(grad_input)}"
                )
            grad_input = changed
        return grad_input

    args, input_places = _gated(args, at_input)
    result = module.forward(*args, **kwargs)
    results = result if isinstance(result, tuple) else (result,)
    if not any(isinstance(r, Tensor) for r in results):
        raise RuntimeError(
            f"register_full_backward_hook on {type(module).__name__}: forward must return a Tensor or a tuple with Tensors in it, "
            f"got {type(result).__name__}; hook its submodules instead"
        )
    results, output_places = _gated(results, at_output)
    return results if isinstance(result, tuple) else results[0]
