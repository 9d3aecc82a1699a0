"""How functions are called: PyTorch's other spellings (``axis=`` for ``dim=``, ``out=``), and what is said of wrong arguments."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

from .. import dtypes
from .graph import Traced
from .modes import modes

_NUMPYS = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other"}
_MARKERS = {"layout": dtypes.strided, "memory_format": dtypes.contiguous_format, "pin_memory": None}


def spellings(function: Callable) -> Callable:
    """Decorator for a public function of tensors: it takes its arguments by NumPy's names too, and ``out=``."""
    code = inspect.unwrap(function).__code__  # much faster than a signature, and there are hundreds of functions
    names = frozenset(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if options and not options.keys() <= names:
            return respelt(function, names, args, options)
        try:
            return function(*args, **options)
        except AttributeError:
            if args and isinstance(args[0], (int, float, str, list, tuple, type(None))) and "input" in names:
                need_tensors(function.__name__, input=args[0])
            raise

    return call


def need_tensors(function: str, **given: Any) -> None:
    """Refuse what is no tensor, by its name."""
    for name, x in given.items():
        if not isinstance(x, Traced):
            got = type(x).__name__
            advice = "make one with tinyrnn.tensor"
            if got == "tuple":
                advice = "a recurrent layer returns a pair, the output and the last state: output, state = layer(x)"
            elif isinstance(x, tuple):
                advice = "of a PackedSequence take x.data, or unpack it with pad_packed_sequence"
            raise TypeError(f"{function}(): argument '{name}' must be Tensor, not {got}: {advice}") from None


def respelt(function: Callable, names: frozenset[str], args: tuple, options: dict[str, Any]) -> Any:
    """Call ``function``, which knows the options ``names`` and no others, with options as PyTorch also takes them.

    Raises:
        TypeError: an option is none of PyTorch's.
        NotImplementedError: memory of another kind was asked for.
        RuntimeError: a result with a gradient, or of a higher kind of dtype, was to be written into ``out``.
    """
    title = function.__name__.strip("_")
    known: dict[str, Any] = {}
    out = None
    for name, value in options.items():
        if name in names:
            known[name] = value
        elif _NUMPYS.get(name) in names:
            known[_NUMPYS[name]] = value
        elif name == "out":
            out = value
        elif name not in _MARKERS:
            raise TypeError(f"{title}() got an unexpected keyword argument '{name}'")
        elif value not in (None, False, True, _MARKERS[name], dtypes.preserve_format):
            raise NotImplementedError(f"{title}(): {name}={value} is not here: tensors lie in memory in one way")
    if out is None:
        return function(*args, **known)
    outs = out if isinstance(out, (tuple, list)) else (out,)
    if modes.grad_enabled and any(getattr(x, "requires_grad", False) for x in (*args, *known.values(), *outs)):
        raise RuntimeError(
            f"{title}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad"
        )
    result = function(*args, **known)
    for target, value in zip(outs, result if isinstance(result, tuple) else (result,)):
        _write(target, value)
    return type(result)(*outs) if hasattr(result, "_fields") else out


def _write(target: Any, value: Any) -> None:
    if not dtypes.can_cast(value.dtype, target.dtype):
        raise RuntimeError(f"result type {value.dtype} can't be cast to the desired output type {target.dtype}")
    if target.shape != value.shape:
        if target.numel():
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(target.shape)}, which does not match the "
                f"required output shape {list(value.shape)}. Pass an empty tensor, or one of that shape.",
                UserWarning,
                stacklevel=4,
            )
        target.resize_(value.shape)
    target.copy_(value)
