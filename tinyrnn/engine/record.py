"""Recording: a primitive runs its forward on arrays, and leaves a node with what its rules will need."""

from __future__ import annotations

import functools
import inspect
import itertools
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..backend import Array, is_array, quiet, xp_of
from .graph import Node, Traced, describe, raw_of, wrap
from .modes import modes
from .spelling import respelt


class Primitive:
    """A differentiable function of raw arrays. Made by the decorator :func:`primitive`."""

    takes_none = False  # its rule handles outputs without a gradient, and may return none for an argument
    keep: Callable | None = None  # takes a node about to lose its outputs to an in-place change, and copies what backward needs of them

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
        self.names = frozenset(self.arguments + self.option_names)
        self.rules: list[tuple[Callable, tuple[str, ...]] | None] = [None] * len(self.arguments)
        self.joint: tuple[Callable, tuple[str, ...]] | None = None
        self.promoted: list[int] = list(range(len(self.arguments)))
        self._plans: dict[tuple[bool, ...], list[tuple[str, str, int]]] = {}

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    @property
    def backward_name(self) -> str:
        """PyTorch's name of its nodes: ``TanhBackward0``."""
        return "".join(part.capitalize() for part in self.name.removeprefix("true_").split("_")) + "Backward0"

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
            if self.view:  # computes nothing that could overflow
                out = self.forward(*raw, **options)
            else:
                with quiet():
                    out = self.forward(*raw, **options)
        except (TypeError, ValueError, OverflowError) as error:
            if not options.keys() <= self.names:
                return respelt(self, self.names, args, options)
            if self.elementwise and (moved := _numbers_moved(args)):
                return self(*moved, **options)
            raise self._explain(error, args, raw, options) from error
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
            if self.option_names[0] == "alpha" and isinstance(extra[0], Traced):  # add(x, 2, y), PyTorch's old order
                return (args[0], extra[0]), {**options, "alpha": args[1]}
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

    def _explain(self, error: Exception, args: Sequence, raw: Sequence, options: dict[str, Any]) -> Exception:
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
        mixed = self._several_devices(args)
        if mixed is not None:
            return mixed
        shapes = " and ".join(f"{tuple(a.shape)} {a.dtype}" if is_array(a) else repr(a) for a in raw if a is not None)
        return RuntimeError(f"{self.name}() does not work on {shapes}: {error}")

    def _several_devices(self, args: Sequence) -> Exception | None:
        """The error that names a tensor in the computer's memory and one on a GPU, if that is what went wrong."""
        found: dict[str, str] = {}
        for k, a in enumerate(args):
            array = raw_of(a)
            if is_array(array):
                name = getattr(a, "name", None) or self.arguments[min(k, len(self.arguments) - 1)]
                found.setdefault(_place_of(array), describe(name, getattr(a, "axes", ""), array.shape))
        if len(found) < 2:
            return None
        places = sorted(found, reverse=True)  # cuda before cpu, as PyTorch has them
        return RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, {' and '.join(places)}! "
            f"{self.name}() got {', '.join(f'{found[place]} on {place}' for place in places)}. "
            "Move the model and its inputs to one: model.to(device), x.to(device)"
        )

    def _refuse(self, args: tuple) -> None:
        got = ", ".join(type(a).__name__ for a in args) or "nothing"
        raise TypeError(f"{self.name}(): argument '{self.arguments[0]}' must be a Tensor, not {got}")

    def _promote(self, args: tuple) -> tuple:
        """Bring arguments of several dtypes to one, by PyTorch's rules."""
        first = None
        mixed = numbers = False
        for k in self.promoted:
            a = args[k]
            if isinstance(a, Traced):
                d = a.array.dtype
            elif isinstance(a, np.generic):  # NumPy's scalars count as Python's numbers
                return self._promote(tuple(x.item() if isinstance(x, np.generic) else x for x in args))
            else:
                d = getattr(a, "dtype", None)
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
        target = dtypes.result_type(*(raw_of(args[k]) for k in self.promoted))
        if self.floating and target.kind in "biu":
            target = dtypes.get_default_dtype().numpy
        cast = list(args)
        for k in self.promoted:
            a = args[k]
            if isinstance(a, Traced):
                cast[k] = a if a.array.dtype == target else from_ops["cast"](a, dtype=target)
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
            if self.definition is not None:  # second derivatives run it again
                names = tuple(dict.fromkeys((*names, *self.arguments)))
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


from_ops: dict[str, Callable] = {}


def provides(name: str) -> Callable:
    """Decorator for the two primitives that the engine itself calls: ``sum_to`` and ``cast``."""

    def register(op: Callable) -> Callable:
        from_ops[name] = op
        return op

    return register


def _place_of(array: Array) -> str:
    return "cpu" if xp_of(array) is np else f"cuda:{array.device.id}"


def _numbers_moved(args: Sequence) -> list | None:
    """The arguments with 0-d tensors brought from the computer's memory to the GPU where the others are, which PyTorch allows."""
    there = next((a for a in args if is_array(raw_of(a)) and xp_of(raw_of(a)) is not np), None)
    if there is None or not any(isinstance(a, Traced) and xp_of(a.array) is np and not a.array.ndim for a in args):
        return None
    return [a.to(_place_of(raw_of(there))) if isinstance(a, Traced) and not a.array.ndim else a for a in args]  # type: ignore[attr-defined]


def _wanted(function: Callable) -> tuple[str, ...]:
    code = function.__code__
    return code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
