"""tinyrnn: recurrent networks from scratch, on NumPy, to learn how backpropagation through time works."""

from math import e, inf, nan, pi

from . import autograd, cuda, linalg, random, serialization
from .creation import (
    arange,
    as_tensor,
    asarray,
    bernoulli,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    logspace,
    multinomial,
    normal,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    tensor,
    tril_indices,
    triu_indices,
    zeros,
    zeros_like,
)
from .devices import device
from .dtypes import (
    bool,
    can_cast,
    contiguous_format,
    double,
    dtype,
    finfo,
    float,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    iinfo,
    int,
    int8,
    int16,
    int32,
    int64,
    layout,
    long,
    memory_format,
    preserve_format,
    promote_types,
    set_default_dtype,
    short,
    strided,
    uint8,
)
from .engine import (
    enable_grad,
    grad,
    inference_mode,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .names import missing
from .ops.activations import erf, relu, sigmoid, tanh
from .ops.arrange import (
    atleast_1d,
    atleast_2d,
    block_diag,
    broadcast_shapes,
    broadcast_tensors,
    broadcast_to,
    cartesian_prod,
    column_stack,
    combinations,
    diag,
    diag_embed,
    diagflat,
    diagonal,
    dsplit,
    dstack,
    fliplr,
    flipud,
    hsplit,
    hstack,
    meshgrid,
    movedim,
    ravel,
    repeat_interleave,
    rot90,
    select,
    swapaxes,
    t,
    tensor_split,
    tile,
    unflatten,
    vsplit,
    vstack,
)
from .ops.comparison import (
    allclose,
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    eq,
    equal,
    ge,
    gt,
    isclose,
    isfinite,
    isinf,
    isnan,
    isneginf,
    isposinf,
    le,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    ne,
)
from .ops.decompositions import matrix_exp
from .ops.decompositions import old_qr as qr
from .ops.decompositions import old_svd as svd
from .ops.decompositions import pinv as pinverse
from .ops.elementwise import (
    abs,
    add,
    ceil,
    clamp,
    clamp_max,
    clamp_min,
    cos,
    cosh,
    div,
    exp,
    floor,
    floor_divide,
    log,
    masked_fill,
    maximum,
    minimum,
    mul,
    neg,
    pow,
    remainder,
    round,
    rsqrt,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    sub,
    true_divide,
    trunc,
)
from .ops.index import (
    gather,
    index_add,
    index_copy,
    index_fill,
    index_put,
    index_select,
    masked_scatter,
    masked_select,
    scatter,
    take,
    take_along_dim,
)
from .ops.index import scatter_add_along as scatter_add
from .ops.linalg import (
    addbmm,
    addmm,
    addmv,
    addr,
    baddbmm,
    bmm,
    cdist,
    cross,
    det,
    dot,
    einsum,
    inner,
    inverse,
    kron,
    matmul,
    matrix_power,
    mm,
    mv,
    outer,
    tensordot,
    trace,
)
from .ops.maths import (
    acos,
    acosh,
    addcdiv,
    addcmul,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    deg2rad,
    erfc,
    exp2,
    expm1,
    float_power,
    fmod,
    frac,
    hypot,
    lerp,
    log1p,
    log2,
    log10,
    logaddexp,
    logit,
    nan_to_num,
    positive,
    rad2deg,
    reciprocal,
    rsub,
    tan,
    xlogy,
)
from .ops.memory import clone
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
from .ops.statistics import (
    aminmax,
    argwhere,
    bincount,
    bucketize,
    count_nonzero,
    cummax,
    cummin,
    cumprod,
    diff,
    dist,
    histc,
    isin,
    kthvalue,
    logcumsumexp,
    median,
    mode,
    nanmean,
    nansum,
    nonzero,
    quantile,
    searchsorted,
    std_mean,
    unique,
    unique_consecutive,
    var_mean,
    where,
)
from .queries import (
    are_deterministic_algorithms_enabled,
    get_default_device,
    get_float32_matmul_precision,
    is_complex,
    is_floating_point,
    is_nonzero,
    is_same_size,
    is_tensor,
    numel,
    result_type,
    set_default_device,
    set_default_tensor_type,
    set_float32_matmul_precision,
    typename,
    use_deterministic_algorithms,
)
from .random import Generator, default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from .serialization import load, save
from .tensor import Parameter, Size, Tensor
from .tensor.legacy import (
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
)
from .tensor.printing import set_printoptions
from .threads import get_num_threads, set_num_threads

from . import nn, optim  # isort: skip
from .nn.functional import celu, conv1d, cosine_similarity, layer_norm, pairwise_distance, prelu, selu, threshold  # isort: skip

# The same functions under the other names that PyTorch has for them.
absolute, negative, subtract, multiply, divide = abs, neg, sub, mul, div
not_equal, less, less_equal, greater, greater_equal = ne, lt, le, gt, ge
arcsin, arccos, arctan, arctan2, arcsinh, arccosh, arctanh = asin, acos, atan, atan2, asinh, acosh, atanh
clip, fix, sgn, ger, vdot = clamp, trunc, sign, outer, dot
concat = concatenate = cat
row_stack = vstack
swapdims, moveaxis = swapaxes, movedim
_in_place = "abs_ neg_ exp_ log_ sqrt_ tanh_ sigmoid_ relu_ clamp_ fill_ zero_ index_put_ resize_as_ detach_ detach"
globals().update({name: getattr(Tensor, name) for name in _in_place.split()})

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """The rooms that not every program needs, and ``fit``, loaded when first asked for."""
    from importlib import import_module

    if name in ("accelerator", "backends", "compat", "distributions", "func", "jit", "lm", "onnx", "text", "utils"):
        return import_module(f"{__name__}.{name}")
    if name == "fit":
        return import_module(f"{__name__}.lm").fit
    raise missing(__name__, name)
