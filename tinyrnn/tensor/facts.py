"""What one may ask of a tensor: shape, dtype, device, how it lies in memory, and the many questions with one answer here."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..backend import xp_of
from ..devices import device, device_of
from ..engine import Traced, wrap
from ..ops import shape as sh


class Public(type):
    """The type of a class that prints where users find it, not where it is written: ``<class 'tinyrnn.Tensor'>``."""

    def __repr__(cls) -> str:
        if not cls.__module__.startswith(f"{__package__}."):  # a user's own
            return super().__repr__()
        return f"<class '{dtypes.module}.{'nn.parameter.' * (cls.__name__ == 'Parameter')}{cls.__name__}'>"


class Size(tuple, metaclass=Public):
    """A shape: a tuple with ``numel()``. ``torch.Size``."""

    def numel(self) -> int:
        """The number of elements."""
        n = 1
        for size in self:
            n *= size
        return n

    def __repr__(self) -> str:
        return f"{dtypes.module}.Size({list(self)})"

    def __getitem__(self, k: Any) -> Any:
        got = super().__getitem__(k)
        return Size(got) if isinstance(k, slice) else got

    def __add__(self, other: Any) -> Size:
        return Size((*self, *other))

    def __radd__(self, other: Any) -> Size:
        return Size((*other, *self))

    def __mul__(self, times: Any) -> Size:
        return Size(super().__mul__(times))

    __rmul__ = __mul__


class Facts(Traced):
    """The properties of a tensor that its array decides."""

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

    ndimension = dim

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.array.itemsize

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.array.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.array.nbytes

    def stride(self, dim: int | None = None) -> Any:
        """How many elements of memory lie from one place to the next along each axis, or along one."""
        steps = tuple(n // self.array.itemsize for n in self.array.strides)
        return steps if dim is None else steps[sh._normal(dim, self.ndim)]

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self.array.ctypes.data if isinstance(self.array, np.ndarray) else self.array.data.ptr

    def storage_offset(self) -> int:
        """How many elements of the memory that it shares come before its first."""
        whole = self.array
        while isinstance(getattr(whole, "base", None), type(self.array)):
            whole = whole.base
        return (self.data_ptr() - wrap(whole).data_ptr()) // self.array.itemsize

    def get_device(self) -> int:
        """The number of its GPU; -1 in the computer's memory."""
        index = self.device.index
        return -1 if index is None else index

    def is_floating_point(self) -> bool:
        """Whether the elements are floats."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Whether the elements are complex numbers, which no tensor has here."""
        return False

    def is_signed(self) -> bool:
        """Whether the elements may be negative."""
        return self.dtype.is_signed

    def is_nonzero(self) -> bool:
        """Whether the only element is not zero."""
        return bool(self)

    def is_same_size(self, other: Any) -> bool:
        """Whether the shapes are equal."""
        return self.shape == other.shape

    def is_pinned(self) -> bool:
        """Whether its pages are pinned; they never are."""
        return False

    def is_shared(self) -> bool:
        """Whether processes share its memory; they never do."""
        return False

    def is_inference(self) -> bool:
        """Whether it can never be trained with; tensors made in ``inference_mode`` can."""
        return False

    is_sparse = is_sparse_csr = is_quantized = is_nested = is_meta = is_mkldnn = is_mps = is_xpu = is_xla = False
    layout = dtypes.strided

    @property
    def is_cpu(self) -> bool:
        """Whether the elements live in the computer's memory."""
        return not self.is_cuda

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie in memory in reading order."""
        return bool(self.array.flags.c_contiguous)
