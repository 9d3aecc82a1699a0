"""tinyrnn: recurrent networks from scratch, on NumPy, to learn how backpropagation through time works."""

from math import e, inf, nan, pi

from . import autograd, cuda, serialization
from .backend import Generator, default_generator, manual_seed
from .creation import (
    arange,
    as_tensor,
    bernoulli,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    multinomial,
    normal,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    tensor,
    zeros,
    zeros_like,
)
from .devices import device
from .dtypes import (
    bool,
    double,
    dtype,
    float,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    int,
    int8,
    int16,
    int32,
    int64,
    long,
    set_default_dtype,
    short,
    uint8,
)
from .engine import enable_grad, grad, is_grad_enabled, no_grad, set_grad_enabled
from .ops.elementwise import (
    abs,
    add,
    ceil,
    clamp,
    cos,
    cosh,
    div,
    eq,
    erf,
    exp,
    floor,
    floor_divide,
    ge,
    gt,
    isfinite,
    isinf,
    isnan,
    le,
    log,
    logical_and,
    logical_not,
    logical_or,
    lt,
    masked_fill,
    maximum,
    minimum,
    mul,
    ne,
    neg,
    pow,
    relu,
    remainder,
    round,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    sub,
    tanh,
    true_divide,
    trunc,
    where,
)
from .ops.index import gather, index_add, index_fill, index_put, index_select, masked_select, scatter, take_along_dim
from .ops.index import scatter_add_along as scatter_add
from .ops.linalg import bmm, dot, einsum, matmul, mm, mv, outer
from .ops.reduce import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    argsort,
    cumsum,
    log_softmax,
    logsumexp,
    max,
    mean,
    min,
    norm,
    prod,
    softmax,
    sort,
    std,
    sum,
    topk,
    var,
)
from .ops.shape import (
    cat,
    chunk,
    flatten,
    flip,
    narrow,
    permute,
    reshape,
    roll,
    split,
    squeeze,
    stack,
    transpose,
    tril,
    triu,
    unbind,
    unsqueeze,
)
from .serialization import load, save
from .tensor import Parameter, Size, Tensor
from .threads import get_num_threads, set_num_threads

from . import nn, optim  # isort: skip

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """The rooms that only training and texts need, and ``fit``, loaded when first asked for."""
    from importlib import import_module

    if name in ("lm", "text", "utils"):
        return import_module(f"{__name__}.{name}")
    if name == "fit":
        return import_module(f"{__name__}.lm").fit
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
