"""``Tensor`` and ``Parameter``: an array, its gradient, and the operations as operators and methods."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from . import dtypes, engine
from .backend import Array, is_array, to_host, xp_of
from .devices import device, device_of, lives_on, place
from .engine import Traced, backward, wrap
from .inplace import change
from .ops import elementwise as ew
from .ops import index as ix
from .ops import linalg as la
from .ops import reduce as rd
from .ops import shape as sh
from .printing import to_text
from .rows import Rows

# The types under other names: inside Tensor the plain ones are its methods.
_bool = bool
_float = float
_int = int


def _sizes(sizes: tuple) -> tuple:
    """``(2, 3)``, ``((2, 3),)`` and ``([2, 3],)`` are the same shape."""
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes


class Size(tuple):
    """A shape: a tuple with ``numel()``. ``torch.Size``."""

    def numel(self) -> int:
        """The number of elements."""
        n = 1
        for size in self:
            n *= size
        return n

    def __repr__(self) -> str:
        return f"tinyrnn.Size({list(self)})"

    def __getitem__(self, k: Any) -> Any:
        got = super().__getitem__(k)
        return Size(got) if isinstance(k, slice) else got


def where_and_what(args: Sequence[Any], device: Any, dtype: Any) -> tuple[Any, Any]:
    """Device and dtype from what ``to`` takes by position: either of them, both, or a tensor that has them."""
    for a in args:
        if isinstance(a, Tensor):
            device, dtype = a.device, a.dtype
        elif isinstance(a, (dtypes.dtype, np.dtype, type)):
            dtype = a
        elif a is not None and not isinstance(a, _bool):  # a flag is PyTorch's non_blocking
            device = a
    return device, dtype


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
class Tensor(Traced):
    """An array that remembers how it was made, so that gradients can flow back to what it was made from.

    Make one with :func:`tinyrnn.tensor`. The raw NumPy (or CuPy) array is ``t.array``.

    >>> import tinyrnn
    >>> w = tinyrnn.tensor([2., 3.], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> w.grad
    tensor([4., 6.])
    """

    __array_priority__ = 1000

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """What every tensor has, also one that unpickling makes without ``__init__``."""
        t = object.__new__(cls)
        t.version = [0]
        return t

    def __init__(self, *args: Any) -> None:
        default = dtypes.get_default_dtype().numpy
        if not args:
            self.array = np.empty(0, default)
        elif all(isinstance(a, int) for a in args):
            self.array = np.empty(args, default)
        elif isinstance(args[0], Size):
            self.array = np.empty(args[0], default)
        elif isinstance(args[0], Tensor):
            self.array = args[0].array
        else:
            self.array = np.array(args[0], default)

    # -- what it is --

    @property
    def shape(self) -> Size:
        """The sizes of the axes."""
        return Size(self.array.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.array.ndim

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of the elements."""
        return dtypes.from_numpy_dtype(self.array.dtype)

    @property
    def device(self) -> device:
        """Where the elements live."""
        return device_of(self.array)

    @property
    def is_cuda(self) -> bool:
        """Whether they live on a GPU."""
        return xp_of(self.array) is not np

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user rather than by a recorded operation."""
        self.refresh()
        return self.node is None

    @property
    def grad_fn(self) -> Any:
        """The node that made it; ``None`` for a leaf."""
        self.refresh()
        return self.node

    @property
    def _version(self) -> int:
        return self.version[0]

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return self.permute(*reversed(range(self.ndim)))

    @property
    def mT(self) -> Tensor:
        """The last two axes swapped."""
        return sh.transpose(self, dim0=-2, dim1=-1)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one axis."""
        return self.shape if dim is None else self.array.shape[sh._normal(dim, self.ndim)]

    def dim(self) -> int:
        """The number of axes."""
        return self.array.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self.array.size

    nelement = numel

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.array.itemsize

    def is_floating_point(self) -> bool:
        """Whether the elements are floats."""
        return self.dtype.is_floating_point

    def is_contiguous(self) -> bool:
        """Whether the elements lie in memory in reading order."""
        return bool(self.array.flags.c_contiguous)

    def contiguous(self) -> Tensor:
        """Itself, or a copy in reading order."""
        return self if self.is_contiguous() else self.clone()

    # -- values out of it --

    @property
    def data(self) -> Tensor:
        """The same memory without history; changing it goes unnoticed by autograd."""
        return wrap(self.array)

    @data.setter
    def data(self, value: Tensor) -> None:
        self.array = value.array if isinstance(value, Tensor) else np.asarray(value)

    def item(self) -> Any:
        """The one element as a Python number."""
        if self.array.size != 1:
            raise RuntimeError(f"a Tensor with {self.array.size} elements cannot be converted to Scalar")
        return self.array.item()

    def tolist(self) -> Any:
        """Nested Python lists of numbers."""
        return self.array.tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The NumPy array, sharing memory; ``force=True`` detaches (and copies from a device) first."""
        if self.requires_grad and not force:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if self.is_cuda and not force:
            raise TypeError(f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory")
        return to_host(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        return np.array(array, dtype, copy=True) if copy else np.asarray(array, dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        ours = _UFUNCS.get(ufunc.__name__, ufunc.__name__)
        op = getattr(ew, ours, getattr(la, ours, None)) if method == "__call__" and not kwargs else None
        if op is not None and len(inputs) == 2:  # ndarray * tensor
            return op(*(x if isinstance(x, (Tensor, int, float)) else wrap(np.asarray(x)) for x in inputs))
        _refuse_numpy(f"np.{ufunc.__name__}", op and ours, inputs)
        raw = [x.array if isinstance(x, Tensor) else x for x in inputs]
        if "out" in kwargs:
            kwargs["out"] = tuple(x.array if isinstance(x, Tensor) else x for x in kwargs["out"])
        out = getattr(ufunc, method)(*raw, **kwargs)
        return wrap(out) if is_array(out) else out

    def __array_function__(self, function: Any, types: Any, args: tuple, kwargs: dict) -> Any:
        name = function.__name__
        ours = name if any(hasattr(room, name) for room in (ew, ix, la, rd, sh)) else None
        _refuse_numpy(f"np.{name}", ours, (*args, *kwargs.values()))

        def raw(x: Any) -> Any:
            if isinstance(x, (list, tuple)):
                return type(x)(map(raw, x))
            return x.numpy() if isinstance(x, Tensor) else x

        return function(*map(raw, args), **{k: raw(v) for k, v in kwargs.items()})

    def __repr__(self) -> str:
        return to_text(self)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 else object.__format__(self, spec)

    def __bool__(self) -> bool:
        if self.array.size != 1:
            what = "no values" if self.array.size == 0 else "more than one value"
            raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
        return bool(self.array.reshape(())[()])

    def __int__(self) -> _int:
        return int(self._one_number())

    def __float__(self) -> _float:
        return float(self._one_number())

    def _one_number(self) -> Any:
        if self.array.size != 1:
            raise ValueError(f"only one element tensors can be converted to Python scalars, got shape {tuple(self.shape)}")
        return self.array.item()

    def __index__(self) -> int:
        if self.array.dtype.kind not in "iu" or self.array.size != 1:
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
            copy._grad = None if self._grad is None else self._grad.clone()
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
    def requires_grad(self, value: _bool) -> None:
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
        extra = value.ndim - self.array[first].ndim if value.ndim else 0
        if extra > 0:  # leading axes of size 1 may be dropped, as in NumPy
            value = value.reshape(value.shape[extra:])
        change(self, ix._index_put, value, index=first)

    # -- operators --

    __add__ = ew.add
    __sub__ = ew.sub
    __mul__ = ew.mul
    __truediv__ = ew.true_divide
    __floordiv__ = ew.floor_divide
    __mod__ = ew.remainder
    __pow__ = ew.pow
    __neg__ = ew.neg
    __abs__ = ew.abs
    __matmul__ = la.matmul
    __lt__ = ew.lt
    __le__ = ew.le
    __gt__ = ew.gt
    __ge__ = ew.ge
    __and__ = ew.bitwise_and
    __or__ = ew.bitwise_or
    __xor__ = ew.bitwise_xor
    __invert__ = ew.bitwise_not

    def __pos__(self) -> Tensor:
        return self

    def __eq__(self, other: Any) -> Any:
        return ew.eq(self, other) if _comparable(other) else NotImplemented

    def __ne__(self, other: Any) -> Any:
        return ew.ne(self, other) if _comparable(other) else NotImplemented

    def __radd__(self, other: Any) -> Tensor:
        return ew.add(other, self)

    def __rsub__(self, other: Any) -> Tensor:
        return ew.sub(other, self)

    def __rmul__(self, other: Any) -> Tensor:
        return ew.mul(other, self)

    def __rtruediv__(self, other: Any) -> Tensor:
        return ew.true_divide(other, self)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return ew.floor_divide(other, self)

    def __rmod__(self, other: Any) -> Tensor:
        return ew.remainder(other, self)

    def __rpow__(self, other: Any) -> Tensor:
        return ew.pow(other, self)

    def __rmatmul__(self, other: Any) -> Tensor:
        return la.matmul(wrap(np.asarray(other)), self)

    # -- methods that are functions of ops --

    add, sub, mul, div, neg, abs, pow = ew.add, ew.sub, ew.mul, ew.div, ew.neg, ew.abs, ew.pow
    subtract, multiply, divide, true_divide = ew.sub, ew.mul, ew.div, ew.true_divide
    floor_divide, remainder, square, sign = ew.floor_divide, ew.remainder, ew.square, ew.sign
    floor, ceil, round, trunc = ew.floor, ew.ceil, ew.round, ew.trunc
    exp, log, sqrt, rsqrt, sin, cos, sinh, cosh = ew.exp, ew.log, ew.sqrt, ew.rsqrt, ew.sin, ew.cos, ew.sinh, ew.cosh
    tanh, sigmoid, relu, erf = ew.tanh, ew.sigmoid, ew.relu, ew.erf
    clamp = clip = ew.clamp
    maximum, minimum, masked_fill = ew.maximum, ew.minimum, ew.masked_fill
    eq, ne, lt, le, gt, ge = ew.eq, ew.ne, ew.lt, ew.le, ew.gt, ew.ge
    isnan, isinf, isfinite = ew.isnan, ew.isinf, ew.isfinite
    logical_not, logical_and, logical_or = ew.logical_not, ew.logical_and, ew.logical_or
    sum, mean, var, std, prod, norm, cumsum = rd.sum, rd.mean, rd.var, rd.std, rd.prod, rd.norm, rd.cumsum
    max, min, amax, amin, argmax, argmin = rd.max, rd.min, rd.amax, rd.amin, rd.argmax, rd.argmin
    any, all, argsort, sort, topk, logsumexp = rd.any, rd.all, rd.argsort, rd.sort, rd.topk, rd.logsumexp
    matmul, mm, mv, bmm, dot, outer = la.matmul, la.mm, la.mv, la.bmm, la.dot, la.outer
    transpose, squeeze, unsqueeze, flatten, roll = sh.transpose, sh.squeeze, sh.unsqueeze, sh.flatten, sh.roll
    split, chunk, unbind, narrow, tril, triu = sh.split, sh.chunk, sh.unbind, sh.narrow, sh.tril, sh.triu
    gather, index_select, masked_select, take_along_dim = ix.gather, ix.index_select, ix.masked_select, ix.take_along_dim
    scatter, scatter_add = ix.scatter, ix.scatter_add_along
    index_put, index_add, index_fill = ix.index_put, ix.index_add, ix.index_fill

    def softmax(self, dim: int) -> Tensor:
        """``exp(x) / sum(exp(x))`` along ``dim``."""
        return rd.softmax(self, dim=dim)

    def log_softmax(self, dim: int) -> Tensor:
        """``log(softmax(x))`` along ``dim``."""
        return rd.log_softmax(self, dim=dim)

    def where(self, condition: Tensor, other: Any) -> Tensor:
        """Itself where ``condition`` is true, ``other`` elsewhere."""
        return ew.where(condition, self, other)

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements in another shape."""
        return sh.reshape(self, shape=_sizes(shape))

    def view(self, *shape: Any) -> Tensor:
        """The same memory in another shape; fails where :meth:`reshape` would have to copy."""
        if len(shape) == 1 and isinstance(shape[0], dtypes.dtype):
            raise RuntimeError("view(dtype) reinterprets bits and is not here; to convert values use x.to(dtype)")
        y = sh.reshape(self, shape=_sizes(shape))
        if y.base is None and y.array.size and not xp_of(y.array).may_share_memory(y.array, self.array):
            raise RuntimeError(
                "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
                "contiguous subspaces). Use .reshape(...) instead."
            )
        return y

    def view_as(self, other: Tensor) -> Tensor:
        """``view(other.shape)``."""
        return self.view(other.shape)

    def permute(self, *dims: Any) -> Tensor:
        """The axes in another order."""
        return sh.permute(self, dims=_sizes(dims))

    def t(self) -> Tensor:
        """A matrix transposed; vectors stay as they are."""
        if self.ndim > 2:
            raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {self.ndim}D")
        return self.T

    def expand(self, *shape: Any) -> Tensor:
        """Axes of size 1 stretched, without copying; -1 keeps a size."""
        return sh.expand(self, shape=_sizes(shape))

    def expand_as(self, other: Tensor) -> Tensor:
        """``expand(other.shape)``."""
        return self.expand(other.shape)

    def repeat(self, *sizes: Any) -> Tensor:
        """Tiled ``sizes`` times along its axes."""
        return sh.repeat(self, _sizes(sizes))

    def flip(self, *dims: Any) -> Tensor:
        """The order along each of ``dims`` reversed."""
        return sh.flip(self, dims=_sizes(dims))

    def clone(self) -> Tensor:
        """A copy in memory of its own; gradients flow through."""
        return _clone(self)

    # -- other dtypes --

    def to(self, *args: Any, device: Any = None, dtype: Any = None, non_blocking: _bool = False, copy: _bool = False) -> Tensor:
        """The same values on another device, as another dtype, or as another tensor has them; itself where nothing changes."""
        device, dtype = where_and_what(args, device, dtype)
        moved = self
        if device is not None and not lives_on(self.array, device):
            moved = _move(self, device=device, source=self.device)
        wanted = self.array.dtype if dtype is None else dtypes.as_numpy_dtype(dtype)
        if wanted != self.array.dtype:
            return ew.cast(moved, dtype=wanted)
        return self.clone() if copy and moved is self else moved

    def cuda(self, device: Any = None, non_blocking: _bool = False) -> Tensor:
        """On a GPU: the current one, unless another is given."""
        return self.to("cuda" if device is None else device)

    def cpu(self) -> Tensor:
        """In the computer's memory."""
        return self.to("cpu")

    def type_as(self, other: Tensor) -> Tensor:
        """``to(other.dtype)``."""
        return self.to(other.dtype)

    def float(self) -> Tensor:
        """As ``float32``."""
        return self.to(dtypes.float32)

    def double(self) -> Tensor:
        """As ``float64``."""
        return self.to(dtypes.float64)

    def half(self) -> Tensor:
        """As ``float16``."""
        return self.to(dtypes.float16)

    def long(self) -> Tensor:
        """As ``int64``."""
        return self.to(dtypes.int64)

    def int(self) -> Tensor:
        """As ``int32``."""
        return self.to(dtypes.int32)

    def bool(self) -> Tensor:
        """As ``bool``."""
        return self.to(dtypes.bool)

    # -- new tensors like this one --

    def new_zeros(self, *size: Any, dtype: Any = None, device: Any = None) -> Tensor:
        """Zeros of this dtype, where this tensor lives, unless others are given."""
        return self.new_full(_sizes(size), 0, dtype=dtype, device=device)

    def new_ones(self, *size: Any, dtype: Any = None, device: Any = None) -> Tensor:
        """Ones of this dtype, where this tensor lives, unless others are given."""
        return self.new_full(_sizes(size), 1, dtype=dtype, device=device)

    def new_full(self, size: Sequence[_int], fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
        """``fill_value`` everywhere, of this dtype, where this tensor lives, unless others are given."""
        wanted = self.array.dtype if dtype is None else dtypes.as_numpy_dtype(dtype)
        return wrap(place(xp_of(self.array).full(tuple(size), fill_value, wanted), device))

    def new_tensor(self, data: Any, *, dtype: Any = None, requires_grad: _bool = False) -> Tensor:
        """A copy of ``data`` of this dtype (unless another is given), where this tensor lives."""
        wanted = self.array.dtype if dtype is None else dtypes.as_numpy_dtype(dtype)
        raw = data.array if isinstance(data, Tensor) else data
        return wrap(place(np.array(raw, wanted), self.device)).requires_grad_(requires_grad)

    # -- in place --

    def copy_(self, src: Any) -> Tensor:
        """Take over the values of ``src``, which broadcasts."""
        return change(self, _overwritten, src)

    def fill_(self, value: Any) -> Tensor:
        """Set every element."""
        return change(self, _overwritten, value)

    def zero_(self) -> Tensor:
        """Set every element to 0."""
        return change(self, _overwritten, 0)


@engine.primitive
def _clone(input):
    return input.copy()


_clone.rule(lambda g: g)
_clone.name = "clone"


@engine.primitive
def _move(input, *, device, source):
    return place(input, device)


_move.rule(lambda g, device, source: _move(g, device=source, source=device))


@engine.primitive
def _overwrite(input, value):
    return xp_of(input).broadcast_to(value, input.shape).copy()


_overwrite.rule(
    input=lambda g: ew.where(False, g, 0.0),  # not g * 0: that is nan where g is infinite
    value=lambda g, value_shape: ew.sum_to(g, shape=value_shape),
)


def _overwritten(target: Tensor, src: Any) -> Tensor:
    """``src`` in the shape and dtype of ``target``."""
    if not isinstance(src, Traced):
        try:
            src = xp_of(target.array).asarray(src, dtype=target.array.dtype)
        except ValueError:
            raise TypeError(f"expected a number or a Tensor, got {src!r:.80}") from None
        return _overwrite(target, src)
    there: Any = src.to(device_of(target.array))  # type: ignore[attr-defined]
    return _overwrite(target, ew.cast(there, dtype=target.array.dtype))


def _in_place(op: Any) -> Callable:
    def method(self: Tensor, *args: Any, **options: Any) -> Tensor:
        return change(self, op, *args, **options)

    method.__name__ = method.__qualname__ = f"{op.__name__.strip('_')}_"
    method.__doc__ = f"In-place :func:`{op.__name__}`; returns itself."
    return method


def _add_(self: Tensor, *args: Any, **options: Any) -> Tensor:
    if len(args) == 2:  # p.data.add_(-lr, p.grad), PyTorch's old order
        options["alpha"], args = args[0], args[1:]
    return change(self, ew.add, *args, **options)


Tensor.add_ = _add_  # type: ignore[attr-defined]
_names = (
    "sub mul div neg abs pow floor ceil round trunc exp log sqrt rsqrt sin cos tanh sigmoid relu clamp masked_fill scatter "
    "scatter_add square floor_divide remainder tril triu cumsum index_put index_add index_fill"
)
for _name in _names.split():
    setattr(Tensor, f"{_name}_", _in_place(getattr(Tensor, _name)))
_names = "add sub mul truediv floordiv mod pow and or xor"
for _name in _names.split():
    setattr(Tensor, f"__i{_name}__", _in_place(getattr(Tensor, f"__{_name}__")))


def _comparable(x: Any) -> bool:
    return isinstance(x, (Traced, bool, int, float, complex)) or is_array(x)


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


def _refuse_numpy(name: str, ours: str | None, inputs: Sequence) -> None:
    """A NumPy function would drop the history of a tensor without a word."""
    flat = itertools.chain.from_iterable(x if isinstance(x, (list, tuple)) else (x,) for x in inputs)
    if engine.modes.grad_enabled and any(isinstance(x, Tensor) and x.requires_grad for x in flat):
        instead = f"Use tinyrnn.{ours}(x)" if ours else "Use the tinyrnn function of that purpose"
        raise RuntimeError(
            f"{name} on a Tensor that requires grad would silently break the graph. {instead}, "
            "or x.detach().numpy() if no gradient is wanted."
        )


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

    def __init__(self, data: Any = None, requires_grad: _bool = True) -> None:
        super().__init__(*(() if data is None else (data,)))
        self._requires_grad = requires_grad

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()
