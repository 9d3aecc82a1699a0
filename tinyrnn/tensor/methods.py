"""The methods and operators of a tensor that give a new one: the functions of ``ops`` under PyTorch's names."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..backend import is_array, xp_of
from ..devices import device_of, lives_on, place
from ..engine import Traced, wrap
from ..ops import activations as ac
from ..ops import arrange as ar
from ..ops import comparison as cp
from ..ops import elementwise as ew
from ..ops import index as ix
from ..ops import linalg as la
from ..ops import maths as mt
from ..ops import memory
from ..ops import reduce as rd
from ..ops import shape as sh
from ..ops import statistics as st
from . import legacy, sampling
from .arrays import array_of, shape_of, sizes_of


def where_and_what(args: Sequence[Any], device: Any, dtype: Any) -> tuple[Any, Any]:
    """Device and dtype from what ``to`` takes by position: either of them, both, or a tensor that has them."""
    for a in args:
        if isinstance(a, Traced):
            device, dtype = device_of(a.array), a.array.dtype
        elif isinstance(a, (dtypes.dtype, np.dtype, type)):
            dtype = a
        elif a is not None and not isinstance(a, bool):  # a flag is PyTorch's non_blocking
            device = a
    return device, dtype


def _comparable(x: Any) -> bool:
    return isinstance(x, (Traced, bool, int, float, complex)) or is_array(x)


class Methods(Traced):
    """Operators and methods that leave the tensor as it is."""

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
    __lt__ = cp.lt
    __le__ = cp.le
    __gt__ = cp.gt
    __ge__ = cp.ge
    __and__ = cp.bitwise_and
    __or__ = cp.bitwise_or
    __xor__ = cp.bitwise_xor
    __invert__ = cp.bitwise_not
    __lshift__ = cp.bitwise_left_shift
    __rshift__ = cp.bitwise_right_shift

    def __pos__(self) -> Any:
        return self

    def __eq__(self, other: Any) -> Any:
        return cp.eq(self, other) if _comparable(other) else NotImplemented

    def __ne__(self, other: Any) -> Any:
        return cp.ne(self, other) if _comparable(other) else NotImplemented

    def __hash__(self) -> builtins.int:
        return id(self)

    def __radd__(self, other: Any) -> Any:
        return ew.add(other, self)

    def __rsub__(self, other: Any) -> Any:
        if self.array.dtype.kind == "b":
            raise RuntimeError("Subtraction, the `-` operator, with a bool tensor is not supported: to invert a mask, use ~mask")
        return ew.sub(other, self)

    def __rmul__(self, other: Any) -> Any:
        return ew.mul(other, self)

    def __rtruediv__(self, other: Any) -> Any:
        return ew.true_divide(other, self)

    def __rfloordiv__(self, other: Any) -> Any:
        return ew.floor_divide(other, self)

    def __rmod__(self, other: Any) -> Any:
        return ew.remainder(other, self)

    def __rpow__(self, other: Any) -> Any:
        return ew.pow(other, self)

    def __rand__(self, other: Any) -> Any:
        return cp.bitwise_and(other, self)

    def __ror__(self, other: Any) -> Any:
        return cp.bitwise_or(other, self)

    def __rxor__(self, other: Any) -> Any:
        return cp.bitwise_xor(other, self)

    def __rmatmul__(self, other: Any) -> Any:
        return la.matmul(wrap(np.asarray(other)), self)

    # -- functions of each element --

    add, sub, mul, div, neg, abs, pow = ew.add, ew.sub, ew.mul, ew.div, ew.neg, ew.abs, ew.pow
    subtract, multiply, divide, true_divide = ew.sub, ew.mul, ew.div, ew.true_divide
    negative, absolute, positive = ew.neg, ew.abs, mt.positive
    floor_divide, remainder, fmod, square, sign, sgn = ew.floor_divide, ew.remainder, mt.fmod, ew.square, ew.sign, ew.sign
    floor, ceil, round, trunc, fix, frac = ew.floor, ew.ceil, ew.round, ew.trunc, ew.trunc, mt.frac
    exp, exp2, expm1, sqrt, rsqrt, reciprocal = ew.exp, mt.exp2, mt.expm1, ew.sqrt, ew.rsqrt, mt.reciprocal
    log, log2, log10, log1p, logit, logaddexp = ew.log, mt.log2, mt.log10, mt.log1p, mt.logit, mt.logaddexp
    sin, cos, tan, sinh, cosh, tanh = ew.sin, ew.cos, mt.tan, ew.sinh, ew.cosh, ac.tanh
    asin, acos, atan, asinh, acosh, atanh = mt.asin, mt.acos, mt.atan, mt.asinh, mt.acosh, mt.atanh
    arcsin, arccos, arctan, arcsinh, arccosh, arctanh = mt.asin, mt.acos, mt.atan, mt.asinh, mt.acosh, mt.atanh
    atan2 = arctan2 = mt.atan2
    sigmoid, relu, erf, erfc = ac.sigmoid, ac.relu, ac.erf, mt.erfc
    deg2rad, rad2deg, hypot, xlogy, float_power = mt.deg2rad, mt.rad2deg, mt.hypot, mt.xlogy, mt.float_power
    clamp = clip = ew.clamp
    clamp_min, clamp_max = ew.clamp_min, ew.clamp_max
    lerp, addcmul, addcdiv, nan_to_num = mt.lerp, mt.addcmul, mt.addcdiv, mt.nan_to_num
    maximum, minimum, masked_fill = ew.maximum, ew.minimum, ew.masked_fill
    eq, ne, lt, le, gt, ge = cp.eq, cp.ne, cp.lt, cp.le, cp.gt, cp.ge
    not_equal, less, less_equal, greater, greater_equal = cp.ne, cp.lt, cp.le, cp.gt, cp.ge
    isnan, isinf, isfinite, isposinf, isneginf = cp.isnan, cp.isinf, cp.isfinite, cp.isposinf, cp.isneginf
    isclose, allclose, equal = cp.isclose, cp.allclose, cp.equal
    logical_not, logical_and, logical_or, logical_xor = cp.logical_not, cp.logical_and, cp.logical_or, cp.logical_xor
    bitwise_and, bitwise_or, bitwise_xor, bitwise_not = cp.bitwise_and, cp.bitwise_or, cp.bitwise_xor, cp.bitwise_not
    bitwise_left_shift, bitwise_right_shift = cp.bitwise_left_shift, cp.bitwise_right_shift

    # -- along axes --

    sum, mean, var, std, prod, norm, cumsum = rd.sum, rd.mean, rd.var, rd.std, rd.prod, rd.norm, rd.cumsum
    max, min, amax, amin, argmax, argmin = rd.max, rd.min, rd.amax, rd.amin, rd.argmax, rd.argmin
    any, all, argsort, sort, topk, logsumexp = rd.any, rd.all, rd.argsort, rd.sort, rd.topk, rd.logsumexp
    softmax, log_softmax = rd.softmax, rd.log_softmax
    nansum, nanmean, aminmax, dist, diff = st.nansum, st.nanmean, st.aminmax, st.dist, st.diff
    cumprod, cummax, cummin, logcumsumexp = st.cumprod, st.cummax, st.cummin, st.logcumsumexp
    median, mode, kthvalue, quantile = st.median, st.mode, st.kthvalue, st.quantile
    unique, unique_consecutive, bincount, histc = st.unique, st.unique_consecutive, st.bincount, st.histc
    count_nonzero, nonzero, argwhere = st.count_nonzero, st.nonzero, st.argwhere
    bernoulli, multinomial = sampling.bernoulli, sampling.multinomial

    # -- products --

    matmul, mm, mv, bmm, dot, vdot, inner = la.matmul, la.mm, la.mv, la.bmm, la.dot, la.dot, la.inner
    outer, ger, kron, cross = la.outer, la.outer, la.kron, la.cross
    addmm, addmv, addr, addbmm, baddbmm = la.addmm, la.addmv, la.addr, la.addbmm, la.baddbmm
    inverse, det, matrix_power, trace = la.inverse, la.det, la.matrix_power, la.trace

    # -- elements moved about --

    transpose, squeeze, unsqueeze, flatten, roll = sh.transpose, sh.squeeze, sh.unsqueeze, sh.flatten, sh.roll
    split, chunk, unbind, narrow, tril, triu = sh.split, sh.chunk, sh.unbind, sh.narrow, sh.tril, sh.triu
    t, ravel, select, unfold, unflatten, tensor_split = ar.t, ar.ravel, ar.select, ar.unfold, ar.unflatten, ar.tensor_split
    hsplit, vsplit, dsplit = ar.hsplit, ar.vsplit, ar.dsplit
    swapaxes = swapdims = ar.swapaxes
    movedim = moveaxis = ar.movedim
    repeat_interleave, rot90, fliplr, flipud = ar.repeat_interleave, ar.rot90, ar.fliplr, ar.flipud
    diag, diagonal, diag_embed, diagflat = ar.diag, ar.diagonal, ar.diag_embed, ar.diagflat
    gather, index_select, masked_select, take_along_dim, take = ix.gather, ix.index_select, ix.masked_select, ix.take_along_dim, ix.take
    scatter, scatter_add, masked_scatter = ix.scatter, ix.scatter_add_along, ix.masked_scatter
    index_put, index_add, index_fill, index_copy = ix.index_put, ix.index_add, ix.index_fill, ix.index_copy

    @property
    def T(self) -> Any:
        """The axes in reverse order."""
        return sh.permute(self, dims=tuple(reversed(range(self.array.ndim))))

    @property
    def mT(self) -> Any:
        """The last two axes swapped."""
        if self.array.ndim == 1:
            raise RuntimeError("tensor.mT is only supported on matrices or batches of matrices. Got 1-D tensor.")
        return sh.transpose(self, dim0=-2, dim1=-1)

    @property
    def H(self) -> Any:
        """A matrix transposed; of complex numbers it would be conjugated too."""
        if self.array.ndim not in (0, 2):
            raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {self.array.ndim}-D tensor.")
        return ar.t(self)

    def conj(self) -> Any:
        """Itself: the numbers are real."""
        return self

    @property
    def real(self) -> Any:
        """Itself: the numbers are real."""
        return self

    def bfloat16(self) -> Any:
        """Neither NumPy nor CuPy has this type."""
        raise NotImplementedError("bfloat16 is not here: neither NumPy nor CuPy has it. Use x.float() or x.half()")

    def where(self, condition: Any, other: Any) -> Any:
        """Itself where ``condition`` is true, ``other`` elsewhere."""
        return ew.where(condition, self, other)

    def reshape(self, *shape: Any) -> Any:
        """The same elements in another shape."""
        return sh.reshape(self, shape=sizes_of(shape))

    def reshape_as(self, other: Any) -> Any:
        """``reshape(other.shape)``."""
        return sh.reshape(self, shape=other.shape)

    def view(self, *shape: Any) -> Any:
        """The same memory in another shape; fails where :meth:`reshape` would have to copy."""
        if len(shape) == 1 and isinstance(shape[0], dtypes.dtype):
            raise NotImplementedError("view(dtype) reinterprets bits and is not here; to convert values use x.to(dtype)")
        y = sh.reshape(self, shape=sizes_of(shape))
        if y.base is None and y.array.size and not xp_of(y.array).may_share_memory(y.array, self.array):
            raise RuntimeError(
                "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
                "contiguous subspaces). Use .reshape(...) instead."
            )
        return y

    def view_as(self, other: Any) -> Any:
        """``view(other.shape)``."""
        return self.view(other.shape)

    def permute(self, *dims: Any) -> Any:
        """The axes in another order."""
        return sh.permute(self, dims=sizes_of(dims))

    def expand(self, *shape: Any) -> Any:
        """Axes of size 1 stretched, without copying; -1 keeps a size."""
        return sh.expand(self, shape=sizes_of(shape))

    broadcast_to = expand

    def expand_as(self, other: Any) -> Any:
        """``expand(other.shape)``."""
        return sh.expand(self, shape=other.shape)

    def repeat(self, *sizes: Any) -> Any:
        """Tiled ``sizes`` times along its axes."""
        return sh.repeat(self, sizes_of(sizes))

    def tile(self, *dims: Any) -> Any:
        """Repeated ``dims`` times along its last axes."""
        return ar.tile(self, sizes_of(dims))

    def flip(self, *dims: Any) -> Any:
        """The order along each of ``dims`` reversed."""
        return sh.flip(self, dims=sizes_of(dims))

    def clone(self, *, memory_format: Any = None) -> Any:
        """A copy in memory of its own; gradients flow through."""
        return memory.clone(self)

    def contiguous(self, memory_format: Any = None) -> Any:
        """Itself, or a copy in reading order."""
        return self if self.array.flags.c_contiguous else self.clone()

    # -- other dtypes and devices --

    def to(self, *args: Any, device: Any = None, dtype: Any = None, copy: builtins.bool = False, **hints: Any) -> Any:
        """The same values on another device, as another dtype, or as another tensor has them; itself where nothing changes.

        ``non_blocking=`` and ``memory_format=`` are taken, and change nothing.
        """
        if hints.keys() - {"non_blocking", "memory_format"}:
            raise TypeError(f"to() got an unexpected keyword argument {min(hints)!r}")
        device, dtype = where_and_what(args, device, dtype)
        moved: Any = self
        if device is not None and not lives_on(self.array, device):
            moved = memory.move(self, device=device, source=device_of(self.array))
        wanted = self.array.dtype if dtype is None else dtypes.as_numpy_dtype(dtype)
        if wanted != self.array.dtype:
            return ew.cast(moved, dtype=wanted)
        return memory.clone(self) if copy and moved is self else moved

    def cuda(self, device: Any = None, non_blocking: builtins.bool = False) -> Any:
        """On a GPU: the current one, unless another is given."""
        return self.to("cuda" if device is None else device)

    def cpu(self) -> Any:
        """In the computer's memory."""
        return self.to("cpu")

    def pin_memory(self, device: Any = None) -> Any:
        """Itself: pages are not pinned here, and only the speed of a copy depends on it."""
        return self

    def type(self, dtype: Any = None, non_blocking: builtins.bool = False) -> Any:
        """``"torch.FloatTensor"``, the name of its kind; or itself as another kind: a name, ``FloatTensor``, a dtype."""
        if dtype is None:
            return legacy.type_name(self.array)
        device, dtype = legacy.where_and_what_of(dtype)
        return self.to(device, dtype)

    def type_as(self, other: Any) -> Any:
        """In the dtype of ``other`` and where it lives."""
        return self.to(other)

    def float(self) -> Any:
        """As ``float32``."""
        return self.to(dtypes.float32)

    def double(self) -> Any:
        """As ``float64``."""
        return self.to(dtypes.float64)

    def half(self) -> Any:
        """As ``float16``."""
        return self.to(dtypes.float16)

    def long(self) -> Any:
        """As ``int64``."""
        return self.to(dtypes.int64)

    def int(self) -> Any:
        """As ``int32``."""
        return self.to(dtypes.int32)

    def short(self) -> Any:
        """As ``int16``."""
        return self.to(dtypes.int16)

    def char(self) -> Any:
        """As ``int8``."""
        return self.to(dtypes.int8)

    def byte(self) -> Any:
        """As ``uint8``."""
        return self.to(dtypes.uint8)

    def bool(self) -> Any:
        """As ``bool``."""
        return self.to(dtypes.bool)

    # -- new tensors like this one --

    def _filled(self, make: str, sizes: Any, options: dict[str, Any], *fill: Any) -> Any:
        """``make`` of its array library, of this dtype, where this tensor lives, unless ``options`` say otherwise."""
        unknown = options.keys() - {"size", "dtype", "device", "requires_grad", "layout", "pin_memory"}
        if unknown:
            raise TypeError(f"new_{make}() got an unexpected keyword argument {min(unknown)!r}")
        d = options.get("dtype")
        shape = shape_of(sizes, options.get("size"), f"new_{make}")
        with_values = getattr(xp_of(self.array), make)(shape, *fill, self.array.dtype if d is None else dtypes.as_numpy_dtype(d))
        t = wrap(place(with_values, options.get("device")))
        return t.requires_grad_(True) if options.get("requires_grad") else t

    def new_zeros(self, *size: Any, **options: Any) -> Any:
        """Zeros of this dtype, where this tensor lives; ``dtype=``, ``device=``, ``requires_grad=`` say otherwise."""
        return self._filled("zeros", size, options)

    def new_ones(self, *size: Any, **options: Any) -> Any:
        """Ones of this dtype, where this tensor lives; options as of :meth:`new_zeros`."""
        return self._filled("ones", size, options)

    def new_empty(self, *size: Any, **options: Any) -> Any:
        """Of whatever the memory held, of this dtype, where this tensor lives; options as of :meth:`new_zeros`."""
        return self._filled("empty", size, options)

    def new_full(self, size: Any, fill_value: Any, **options: Any) -> Any:
        """``fill_value`` everywhere, of this dtype, where this tensor lives; options as of :meth:`new_zeros`."""
        return self._filled("full", (size,), options, fill_value)

    def new_tensor(self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: builtins.bool = False) -> Any:
        """A copy of ``data`` of this dtype (unless another is given), where this tensor lives."""
        array = array_of(data, self.array.dtype if dtype is None else dtype, copy=True)
        return wrap(place(array, device_of(self.array) if device is None else device)).requires_grad_(requires_grad)

    def new(self, *args: Any, device: Any = None, size: Any = None, data: Any = None) -> Any:
        """``Tensor(...)``, of sizes or of data, of this dtype and where this tensor lives."""
        array = legacy.legacy_array(args, self.array.dtype, size, data)
        return wrap(place(array, device_of(self.array) if device is None else device))
