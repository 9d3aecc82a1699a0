"""Inner loops, each as a NumPy body and as the CUDA source that does the same in one launch, side by side.

Where the numbers lie on a GPU, a launch costs its host some microseconds, as much as the work of a small layer, so what
is a dozen calls in NumPy is one kernel here. :func:`pointwise` makes one of a source for a single element; where threads
have to add up what they found, or to go over many arrays, the source is a whole kernel, made by :func:`cuda`.

One source serves ``float32`` and ``float64``: it calls the type ``T``. Each output is written once, from a local, since
to read it back would be a load from memory.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import Any

import numpy as np

from ..backend import Array, cupy

_SIGMOID = "template <typename A> __device__ A sigmoid(A a) { return 1 / (1 + exp(-a)); }"


def pointwise(inputs: str, outputs: str, source: str) -> Callable[[Callable], Callable]:
    """Decorator: CuPy arrays go to a kernel of this source, once for each element; NumPy arrays to the function below.

    ``inputs`` and ``outputs`` declare parameters of the function as ``cupy.ElementwiseKernel`` takes them; what only NumPy
    needs, such as scratch memory, is left out. ``T x`` is the element in question, and broadcasts; ``raw T x`` is a whole
    array, to be read at any place. ``i`` is the number of the element, ``_ind.size()`` how many there are.
    """

    def decorate(body: Callable) -> Callable:
        parameters = list(inspect.signature(body).parameters)
        places = [parameters.index(declared.split()[-1]) for declared in f"{inputs}, {outputs}".split(",")]
        name = f"{body.__module__.rpartition('.')[2]}_{body.__name__}"

        @cache
        def kernel() -> Any:
            return cupy().ElementwiseKernel(inputs, outputs, source, name, preamble=_SIGMOID)

        @wraps(body)
        def call(*args: Any) -> None:
            if type(args[0]) is np.ndarray:
                body(*args)
            else:
                kernel()(*[args[k] for k in places])

        return call

    return decorate


def cuda(source: str) -> Callable[[Array], Any]:
    """From the source of a kernel, and an array, the kernel for arrays of that dtype, compiled once.

    Call the kernel with the numbers of blocks and of threads in a block, and its arguments.
    """
    name = source[source.index("void ") + 5 :].partition("(")[0]

    @cache
    def kernel(type_name: str) -> Any:
        return cupy().RawKernel(f"typedef {type_name} T;\n{source.strip()}", name)

    def of(like: Array) -> Any:
        if like.dtype not in (np.float32, np.float64):
            raise TypeError(f"{name} on a GPU takes float32 or float64, got {like.dtype}: convert with .float()")
        return kernel("float" if like.dtype == np.float32 else "double")

    return of


# In a kernel of 256 threads: partial[0] becomes the sum of partial[0] ... partial[255], in a fixed order.
ADD_UP = """
    for (int half = 128; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
    }
"""

NULL = np.uintp(0)
MANY = 64  # arrays of a kind in one launch: their addresses are arguments, of which there may be 4 KB


def structure(names: Sequence[str]) -> str:
    """The C declaration of the addresses and sizes of up to ``MANY`` times these arrays, as :func:`addresses` fills it."""
    return f"struct Arrays {{ long long size[{MANY}]; T {', '.join(f'*{name}[{MANY}]' for name in names)}; }};"


def addresses(names: Sequence[str], arrays: Sequence[Sequence[Array | None]]) -> np.ndarray:
    """Where the arrays lie, one row of ``arrays`` for each index; equally large in a row, contiguous, ``None`` is a null pointer."""
    table = np.zeros((), [("size", np.int64, MANY), *((name, np.uint64, MANY) for name in names)])
    table["size"][: len(arrays)] = [row[0].size for row in arrays]  # type: ignore[union-attr]
    for name, column in zip(names, zip(*arrays)):
        table[name][: len(arrays)] = [0 if a is None else a.data.ptr for a in column]
    return table


def one_launch(arrays: Sequence[Array]) -> bool:
    """Whether they can go by address: contiguous arrays of one dtype that kernels are made for, each there once."""
    dtypes = {a.dtype for a in arrays}
    apart = len({a.data.ptr for a in arrays}) == len(arrays)
    return len(dtypes) == 1 and dtypes <= {np.dtype("f4"), np.dtype("f8")} and apart and all(a.flags.c_contiguous for a in arrays)


def together(pointers: str, numbers: str, source: str) -> Callable[[Callable], Any]:
    """Decorator for the equations of an optimiser: NumPy takes a block of one parameter, a GPU all parameters in one launch.

    The function below takes arrays, then numbers. ``source`` is what happens to element ``i`` of the arrays ``pointers``, the
    first of which are a parameter ``x`` and its gradient ``g``; ``grad`` is what to descend: ``sign * g + decay * x``. Numbers
    are of type double. The decorated function has a method ``together(rows of arrays, sign, decay, *numbers, unless=None)``,
    which does nothing if the number ``unless``, an array on the GPU, is not 0.
    """
    names = pointers.split(", ")
    numbers_given = ", ".join(f"const double {name}" for name in ["sign", "decay", *numbers.split(", ")])

    def decorate(body: Callable) -> Any:
        kernel = cuda(f"""
{structure(names)}
extern "C" __global__ void {body.__name__}(const Arrays all, const double* unless, {numbers_given}) {{
    if (unless && *unless != 0) return;
    {" ".join(f"T* const {name} = all.{name}[blockIdx.y];" for name in names)}
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < all.size[blockIdx.y]; i += step) {{
        const T grad = (T)sign * g[i] + (T)decay * x[i];
        {source.strip()}
    }}
}}""")

        def launch(arrays: Sequence[Sequence[Array | None]], *given: float, unless: Array | None = None) -> None:
            for begin in range(0, len(arrays), MANY):
                some = arrays[begin : begin + MANY]
                blocks = min(1024, -(-max(row[0].size for row in some) // 256))  # type: ignore[union-attr]
                kernel(some[0][0])(
                    (blocks, len(some)), (256,), (addresses(names, some), NULL if unless is None else unless, *map(np.float64, given))
                )

        body.together = launch  # type: ignore[attr-defined]
        return body

    return decorate
