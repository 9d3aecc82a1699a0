"""The methods of a tensor that change it in place: by loops over those that give a new one, and what can only be done in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import to_host, xp_of
from ..engine import Traced, wrap
from ..ops.memory import overwritten
from . import sampling
from .arrays import shape_of, sizes_of
from .inplace import change, refuse_leaf
from .methods import Methods


class Mutation(Traced):
    """Methods that end in ``_``; each returns the tensor itself."""

    def copy_(self, src: Any, non_blocking: bool = False) -> Any:
        """Take over the values of ``src``, which broadcasts."""
        return change(self, overwritten, src)

    def fill_(self, value: Any) -> Any:
        """Set every element."""
        if isinstance(value, Traced) and value.array.ndim:
            raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.array.ndim} dimensions")
        return change(self, overwritten, value)

    def zero_(self) -> Any:
        """Set every element to 0."""
        return change(self, overwritten, 0)

    def fill_diagonal_(self, fill_value: Any, wrap: bool = False) -> Any:
        """Set the elements whose indices are all equal."""
        if wrap:
            raise NotImplementedError("fill_diagonal_: wrap=True is not here")
        if self.array.ndim < 2:
            raise RuntimeError("dimensions must larger than 1")
        at = np.arange(min(self.array.shape))
        self[(at,) * self.array.ndim] = fill_value  # type: ignore[index]
        return self

    normal_, uniform_, random_, bernoulli_ = sampling.normal_, sampling.uniform_, sampling.random_, sampling.bernoulli_
    exponential_, log_normal_, cauchy_, geometric_ = sampling.exponential_, sampling.log_normal_, sampling.cauchy_, sampling.geometric_

    def apply_(self, callable: Callable) -> Any:
        """Put ``callable(x)`` in the place of each element; slow, and only in the computer's memory."""
        return self._each("apply_", callable)

    def map_(self, tensor: Any, callable: Callable) -> Any:
        """Put ``callable(x, y)`` in the place of each element, ``y`` that of ``tensor``; slow, as :meth:`apply_`."""
        return self._each("map_", callable, tensor)

    def _each(self, name: str, function: Callable, *others: Any) -> Any:
        if self.requires_grad:
            raise RuntimeError(f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead.")
        if xp_of(self.array) is not np:
            raise TypeError(f"{name} is only implemented on CPU tensors: it calls a Python function for each element")
        columns = np.broadcast_arrays(self.array, *(to_host(x.array) for x in others))
        results = [function(*(x.item() for x in row)) for row in zip(*(c.ravel() for c in columns))]
        return change(self, overwritten, wrap(np.array(results, self.array.dtype).reshape(self.array.shape)))

    # -- another shape in place --

    def resize_(self, *sizes: Any, memory_format: Any = None) -> Any:
        """Another shape: the elements there are in reading order, and, where it has more, whatever the memory held."""
        if self.requires_grad:
            raise RuntimeError("cannot resize variables that require grad")
        shape = shape_of(sizes_of(sizes), name="resize_")
        count = int(np.prod(shape))
        flat = self.array.reshape(-1)
        if count > flat.size:
            grown = xp_of(flat).zeros(count, flat.dtype)
            grown[: flat.size] = flat
            flat = grown
        self.array = flat[:count].reshape(shape)
        return self

    def resize_as_(self, the_template: Any, memory_format: Any = None) -> Any:
        """``resize_`` to the shape of another."""
        return self.resize_(the_template.shape)

    def set_(self, source: Any = None) -> Any:
        """Hold the memory of ``source`` from now on, or none."""
        if source is None:
            self.array = xp_of(self.array).empty(0, self.array.dtype)
        else:
            self.array, self.version = source.array, source.version
        return self

    def _become(self, reshaped: Callable, *args: Any, **options: Any) -> Any:
        """Let this tensor become the view of itself that ``reshaped`` makes, with the history of that."""
        refuse_leaf(self)
        self.refresh()
        old = wrap(self.array, self.node, self.index)  # stands for what this tensor was: a node must not lead to its own output
        old.version, old.base, old.steps, old._stamp = self.version, self.base, self.steps, self._stamp
        made = reshaped(old, *args, **options)
        self.array, self.node, self.index = made.array, made.node, made.index
        if self.base is not None:
            self.steps, self._stamp = made.steps, made._stamp
        return self

    def share_memory_(self) -> Any:
        """Memory is not shared between processes here."""
        raise NotImplementedError("share_memory_() is not here: tensors are not shared between processes; pass x.numpy() instead")


def _in_place(op: Any, name: str) -> Callable:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        return change(self, op, *args, **options)

    return _named(method, name)


def _reshaping(op: Any, name: str) -> Callable:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        return self._become(op, *args, **options)

    return _named(method, name)


def _named(method: Callable, name: str) -> Callable:
    method.__name__ = method.__qualname__ = f"{name}_"
    method.__doc__ = f"In-place :meth:`{name}`; returns itself."
    return method


_changing = """
    add sub mul div neg abs pow subtract multiply divide true_divide negative absolute floor_divide remainder fmod square sign sgn
    floor ceil round trunc fix frac exp exp2 expm1 sqrt rsqrt reciprocal log log2 log10 log1p logit
    sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh arcsin arccos arctan arcsinh arccosh arctanh atan2 arctan2
    sigmoid relu erf erfc deg2rad rad2deg hypot xlogy float_power clamp clip clamp_min clamp_max lerp addcmul addcdiv nan_to_num
    masked_fill masked_scatter eq ne lt le gt ge not_equal less less_equal greater greater_equal
    logical_not logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor bitwise_not bitwise_left_shift bitwise_right_shift
    cumsum cumprod addmm addmv addr addbmm baddbmm tril triu scatter scatter_add index_put index_add index_fill index_copy
"""
for _name in _changing.split():
    setattr(Mutation, f"{_name}_", _in_place(getattr(Methods, _name), _name))
for _name in "t transpose squeeze unsqueeze swapaxes swapdims".split():  # noqa: SIM905
    setattr(Mutation, f"{_name}_", _reshaping(getattr(Methods, _name), _name))
for _name in "add sub mul truediv floordiv mod pow and or xor lshift rshift".split():  # noqa: SIM905
    setattr(Mutation, f"__i{_name}__", _in_place(getattr(Methods, f"__{_name}__"), f"__i{_name}_"))
