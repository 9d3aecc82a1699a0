"""What happens where tensors meet NumPy: arrays beside tensors in an expression, NumPy's functions of tensors, arrays out of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import engine
from ..backend import is_array, to_host
from ..engine import Traced, wrap
from ..ops import activations, comparison, elementwise, index, linalg, maths, reduce, shape

_UFUNCS = {
    "subtract": "sub",
    "multiply": "mul",
    "divide": "true_divide",
    "power": "pow",
    "negative": "neg",
    "absolute": "abs",
    "equal": "eq",
    "not_equal": "ne",
    "less": "lt",
    "less_equal": "le",
    "greater": "gt",
    "greater_equal": "ge",
}


class NumPyBridge(Traced):
    """The side of a tensor that NumPy sees."""

    __array_priority__ = 1000

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The NumPy array, sharing memory; ``force=True`` detaches (and copies from a device) first."""
        if self.requires_grad and not force:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if not force and not isinstance(self.array, np.ndarray):
            raise TypeError("can't convert cuda device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory")
        return to_host(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        return np.array(array, dtype, copy=True) if copy else np.asarray(array, dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        ours = _UFUNCS.get(ufunc.__name__, ufunc.__name__)
        op = _known(ours) if method == "__call__" and not kwargs else None
        if op is not None and len(inputs) == 2:  # ndarray * tensor
            return op(*(x if isinstance(x, (Traced, int, float)) else wrap(np.asarray(x)) for x in inputs))
        _refuse(f"np.{ufunc.__name__}", op and ours, inputs)
        raw = [x.array if isinstance(x, Traced) else x for x in inputs]
        if "out" in kwargs:
            kwargs["out"] = tuple(x.array if isinstance(x, Traced) else x for x in kwargs["out"])
        out = getattr(ufunc, method)(*raw, **kwargs)
        return wrap(out) if is_array(out) else out

    def __array_function__(self, function: Any, types: Any, args: tuple, kwargs: dict) -> Any:
        name = function.__name__
        _refuse(f"np.{name}", _known(name) and name, (*args, *kwargs.values()))

        def raw(x: Any) -> Any:
            if isinstance(x, (list, tuple)):
                return type(x)(map(raw, x))
            return x.numpy() if isinstance(x, NumPyBridge) else x

        return function(*map(raw, args), **{k: raw(v) for k, v in kwargs.items()})


def _known(name: str) -> Any:
    """The function of ours that has this name."""
    rooms = (elementwise, comparison, activations, maths, reduce, linalg, shape, index)
    return next((vars(room)[name] for room in rooms if name in vars(room)), None)


def _refuse(name: str, ours: str | None, inputs: Sequence) -> None:
    """A NumPy function would drop the history of a tensor without a word."""
    flat = itertools.chain.from_iterable(x if isinstance(x, (list, tuple)) else (x,) for x in inputs)
    if engine.modes.grad_enabled and any(isinstance(x, Traced) and x.requires_grad for x in flat):
        instead = f"Use tinyrnn.{ours}(x)" if ours else "Use the tinyrnn function of that purpose"
        raise RuntimeError(
            f"{name} on a Tensor that requires grad would silently break the graph. {instead}, "
            "or x.detach().numpy() if no gradient is wanted."
        )
