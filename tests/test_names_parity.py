"""Every public name that tensors have here and in PyTorch, called alike as function, method, in place and with ``out=``."""

from __future__ import annotations

import inspect
import math
import os
import warnings
from pathlib import Path

import numpy as np
import pytest

import tinyrnn

from .pytorch_says import Answers, described, differ

ANSWERS = Answers(Path(__file__).with_name("names.golden.json.gz"))

# Arguments by name of the function. The first is the tensor of the method. In them: x, y (2, 3) floats apart from each other and from
# whole numbers; p, q (2, 3) in (0, 1); v, w (3,); s, r (3, 3); b, c (2, 2, 3) and (2, 3, 2); z a 0-d float; i, j (2, 3) integers, k (3,)
# of the axis; o integers 0 to 4; m, n (2, 3) masks; "|" separates several calls.
CALLS: dict[str, str] = {}


def calls(arguments: str, names: str) -> None:
    for name in names.split():
        CALLS[name] = f"{CALLS[name]} | {arguments}" if name in CALLS else arguments


calls(
    "x",
    "abs absolute neg negative positive square exp exp2 expm1 sin cos tan sinh cosh tanh asinh arcsinh atan arctan sigmoid relu erf "
    "erfc trunc fix floor ceil round frac sign sgn isnan isinf isfinite isposinf isneginf deg2rad rad2deg clone detach ravel flatten "
    "numel is_floating_point is_complex argwhere squeeze t median diagflat diag diagonal aminmax is_signed var_mean std_mean",
)
calls(
    "z",
    "sum mean prod norm max min amax amin argmax argmin any all squeeze t flatten ravel unique sort argsort mode nonzero is_nonzero "
    "isnan floor atleast_1d atleast_2d tril_",
)
calls("p", "log log2 log10 log1p sqrt rsqrt reciprocal asin acos arcsin arccos atanh arctanh logit")
calls("p + 1", "acosh arccosh")
calls("i", "abs neg sqrt exp log1p sum mean prod cumprod max min floor round reciprocal sigmoid square sign isnan count_nonzero")
calls("m", "sum all any logical_not bitwise_not count_nonzero cumsum max nonzero argwhere float_power")
calls("x, y | x, 1.5 | x, z | i, 2 | i, j | x, v", "add sub mul div subtract multiply divide true_divide rsub")
calls("x, y, alpha=2 | i, j, alpha=3 | x, 2, y", "add sub")
calls("x, y, rounding_mode='floor' | i, 2, rounding_mode='trunc'", "div divide")
calls("p, y | p, 2 | p, 0.5 | i, 2 | 2, x", "pow")
calls("p, 2 | i, 2", "float_power")
calls("x, p | x, 0.7 | i, 3 | x, z", "floor_divide remainder fmod")
calls("x, y | x, v", "atan2 arctan2 maximum minimum logaddexp hypot")
calls("p, q", "xlogy")
calls(
    "x, y | x, 0.5 | i, j | x, i | i, 1",
    "eq ne lt le gt ge not_equal less less_equal greater greater_equal",
)
calls("x, y | i, j | x, i | m, n | x, v", "logical_and logical_or logical_xor")
calls("i, j | m, n", "bitwise_and bitwise_or bitwise_xor")
calls("i, o | i, 2", "bitwise_left_shift bitwise_right_shift")
calls("x, -0.5, 0.5 | x, min=0.1 | x, max=y | x, p, y | i, 0.5 | i, 1, 2 | x", "clamp clip")
calls("x, 0.1 | x, y | i, 1", "clamp_min clamp_max")
calls("x, y, 0.3 | x, y, p", "lerp")
calls("x, y, q, value=0.5 | x, y, q | x, 0.5, y, q", "addcmul addcdiv")
calls("x / (x - x[0, 0]) | x / 0, 1.0, 2.0, 3.0 | i", "nan_to_num")
calls("x, x + 1e-9 | x, y | i, j | x, 1.0 | x, x.float() | x / 0, x / 0, equal_nan=True", "isclose allclose")
calls("x, x | x, y | x, v | x, i | x, 3", "equal")
calls("m, x, y | m, x, 0.0 | m", "where")
calls("x, m, 1.5 | x, m, z | x, i, 0.0", "masked_fill")
# reductions
calls("x, 0 | x, -1, True | x, dim=1 | x, axis=1 | x, dim=(0, 1), keepdim=True | i, 1 | x, 5", "sum mean amax amin nansum nanmean")
calls("x | x, dtype=t.float32", "sum mean nansum nanmean")
calls("x | x, 0 | x, dim=1, keepdim=True | x, 5 | i, 1", "argmax argmin prod any all")
calls("x | x, 1 | x, 1, keepdim=True | x, unbiased=False | x, dim=0, correction=0 | x, axis=1, keepdims=True | x, False", "var std")
calls("x, 1 | x, dim=0, unbiased=False", "var_mean std_mean")
calls("x | x, 0 | x, 1, True | x, y | x, dim=-1, keepdim=True | i, 0 | x, 7", "max min")
calls("x | x, 1 | x, 2, 0 | x, dim=0", "norm")
calls("x, 0 | x, dim=1, keepdim=True | x, (0, 1)", "logsumexp")
calls("x, 0 | x, dim=-1 | x, -1, dtype=t.float32 | x | x, 4", "softmax log_softmax")
calls("x, 0 | x, dim=1 | i, 1 | m, 0 | x, 0, dtype=t.float32 | x, 3", "cumsum cumprod")
calls("x, 0 | x, dim=1 | i, 1", "cummax cummin")
calls("x, 0 | x, 1 | z, 0", "logcumsumexp")
calls("x | x, 0 | x, 1, True | x, dim=1, descending=True | o, dim=1, stable=True", "sort argsort")
calls("x, 2 | x, 1, 0 | x, 2, dim=-1, largest=False | x, 9", "topk")
calls("x, 2 | x, 1, 0 | x, 2, 1, True | x, 9", "kthvalue")
calls("x | x, 1 | x, 0, True | i, 1", "median mode")
calls("x, 0.3 | x, 0.5, 1 | x, t.tensor([0.1, 0.9], dtype=t.float64), dim=1, keepdim=True | x, 0.5, 0, True", "quantile")
calls("x, dim=1 | x, dim=0, keepdim=True", "aminmax")
calls("x | x, y | x, y, 1", "dist")
calls("x | x, 2 | x, 1, 0", "diff")
calls("i, 1 | x", "count_nonzero")
calls("i | i, as_tuple=True | m | t.zeros(2)", "nonzero")
calls("o | o, return_inverse=True | o, return_counts=True | o[:, :1], dim=0", "unique unique_consecutive")
calls("o, True, True, True", "unique")
calls("k | k, minlength=6 | k, v | x | o", "bincount")
calls("x.float(), 4 | x, 5, -1.0, 1.0", "histc")
calls("v.sort().values, x | v.sort().values, 0.3 | v.sort().values, x, right=True", "searchsorted")
calls("s.sort().values, r | v, x, out_int32=True", "searchsorted")
calls("x, v.sort().values | x, v.sort().values, right=True", "bucketize")
# products
calls("s, r | x, s | v, w | s, v | v, s | b, c | x, x | z, x | x, x.float()", "matmul")
calls("x, s | s, v | x, x", "mm")
calls("x, v | x, x", "mv")
calls("b, c | x, s | b, b", "bmm")
calls("v, w | x, v | v, v[:2]", "dot vdot")
calls("v, w | x, v", "outer ger")
calls("x, y | v, w | v, z", "inner")
calls("x, s | v, w | x, z", "kron")
calls("x, y | x, y, dim=1 | v, w", "cross")
calls("s, s, r | s, s, r, beta=0.5, alpha=2 | x, x, s | v, s, r | z, s, r | s, x, s", "addmm")
calls("v, s, w | v, s, w, beta=0 | (v / 0).detach(), s, w, beta=0 | z, s, v", "addmv")
calls("s, v, w | s, v, w, beta=2, alpha=0.5 | z, v, w", "addr")
calls("z, b, c | z, b, c, beta=0.5", "baddbmm addbmm")
calls("s | x", "inverse det trace")
calls("s, 3 | s, -2 | s, 1", "matrix_power")
calls("s | b @ c * 20", "matrix_exp")
calls("x.detach() | s.detach(), False", "qr")
calls("x.detach()", "pinverse")
calls("x, y | x, y, p=1 | b, b", "cdist")
calls("b, c, dims=1 | x, y, dims=([0, 1], [0, 1]) | x, s, 1", "tensordot")
calls("'ij,kj->ik', x, y", "einsum")
# moved about
calls("x, 0, 1 | b, -1, 0 | x, 0, 5", "transpose swapaxes swapdims")
calls("b, 0, 2 | b, (0, 1), (1, 2) | b, -1, 0 | b, (0, 0), (1, 2) | b, 0, 4", "movedim moveaxis")
calls("b, (2, 0, 1) | b, (0, 1) | b, (0, 0, 1)", "permute")
calls("b, 0 | b, (0, 1) | b[:1], 0 | x, 4", "squeeze")
calls("x, 0 | x, -1 | x, 4", "unsqueeze")
calls("b, 1 | b, 0, 1 | b, 1, 0", "flatten")
calls("x, 1, (3, 1) | x, 1, (-1, 1) | x, 0, (2, 2)", "unflatten")
calls("x, (3, 2) | x, (-1,) | x, (4, 2)", "reshape")
calls("v, (2, 3) | z, (2,) | x, (3, 3)", "broadcast_to")
calls("v, (2,) | x, (2, 1) | x, (1, 2, 1)", "tile")
calls("x, 2 | x, k[:2].abs(), dim=0 | x, 2, 1 | x, -1 | x, t.tensor([1, 2]), 1", "repeat_interleave")
calls("x, (0,) | x, (0, 1) | x, (3,)", "flip")
calls("x, 1 | x, 1, 1 | x, (1, 2), (0, 1)", "roll")
calls("x | x, 2 | x, 1, (1, 0)", "rot90")
calls("x", "fliplr flipud")
calls("x, 1 | x, -1 | b, 0 | v", "tril triu")
calls("v | x | v, 1 | s, -1 | b", "diag")
calls("x | s, 1 | b, 0, 1, 2 | b, -1, 0, 2 | s, 0, 0, 0", "diagonal")
calls("x | v, 1 | x, -1, 0, 2", "diag_embed")
calls("x, 1 | x, (1, 2), 1 | x, 5 | x, 2, 3", "split")
calls("x, 2 | x, 2, 1 | x, 0", "chunk")
calls("x, 2 | x, (1, 2), 1 | x, 5, 1 | x, 0", "tensor_split")
calls("x, 1 | x, 3 | x, (1,) | x, 4 | x, 0 | z, 1 | x, k | [x], 1", "hsplit vsplit")
calls("v, 3 | v, (1, 2)", "hsplit")
calls("b, 3 | b, (0, 2) | b, 2 | x, 1", "dsplit")
calls("x, v, z | x, i | m | x, b | x, 1", "block_diag")
calls("x | x, 1 | x, 5 | z", "unbind")
calls("x, 0, 1 | x, 1, -1 | x, 1, 5 | z, 0, 0", "select")
calls("x, 1, 1, 2 | x, 0, 5, 1", "narrow")
calls("x, 1, 2, 1 | b, 2, 2, 1 | x, 1, 5, 1 | x, 1, 2, 0", "unfold")
calls("[x, y] | [x, v], 0 | [x, y], 1 | [x, y], axis=1 | [] | x", "cat concat concatenate")
calls("[x, y] | [x, y], -1 | [x, v] | []", "stack")
calls("[x, y] | [v, w]", "hstack vstack row_stack dstack column_stack")
calls("v, w | v, w, indexing='xy' | [v, k] | x | v, w, indexing='no'", "meshgrid")
calls("x, v", "broadcast_tensors")
calls("v, w | k", "cartesian_prod")
calls("v | v, 3 | k, 2, True | k, 5", "combinations")
calls("o, k | o, k, invert=True | o, 2", "isin")
calls("(2, 1), (3,) | (2,), (3,)", "broadcast_shapes")
calls("v | x | z, v", "atleast_1d atleast_2d")
# picked and put
calls("x, 0, o % 2 | x, 1, o % 3 | x, 0, o | x, 1, k", "gather")
calls("x, k.abs() % 6 | x, t.tensor([-1, 2])", "take")
calls("x, o % 3, 1 | x, k.abs() % 6", "take_along_dim")
calls("x, 1, k.abs() % 3 | x, 0, t.tensor([1, 0, 1])", "index_select")
calls("x, m | x, i", "masked_select")
calls("x, m, y | x, m, v[:1]", "masked_scatter")
calls("x, 0, o[:1] % 2, y[:1] | x, 1, t.tensor([[2, 0], [1, 2]]), 1.5 | x, 1, t.tensor([[2, 0], [1, 2]]), value=2.5", "scatter")
calls("x, 0, o % 2, y", "scatter_add")
calls("x, (t.tensor([0, 1]), t.tensor([2, 0])), w[:2] | x, (t.tensor([1, 1]),), y, True", "index_put")
calls("x, 0, t.tensor([1, 1]), y | x, 1, t.tensor([2, 0, 1]), y, alpha=2", "index_add")
calls("x, 0, t.tensor([1]), 2.5 | x, 1, t.tensor([0, 2]), z", "index_fill")
calls("x, 0, t.tensor([1, 0]), y", "index_copy")
# made like another, and queries
calls("x | x, dtype=t.int64 | i | x, requires_grad=True", "zeros_like ones_like")
calls("x, 2 | i, 2.5 | x, 1, dtype=t.int64", "full_like")
calls("x, (2, 2) | i, (2,) | x, 2", "new_zeros new_ones")
calls("x, (2, 2), 1.5 | i, (2,), 3", "new_full")
calls("i, [1, 2] | x, [1, 2] | x, [[1.5]], dtype=t.float32", "new_tensor")
calls("x, [1, 2] | i, [1, 2] | x, s.detach() | x, i", "new")
calls("x, t.float32 | x, i | x, 'cpu' | x, t.int64, copy=True | i, 'cpu', t.float64", "to")
calls("x", "float double half long int short char byte bool cpu contiguous tolist dim ndimension nelement element_size size stride type")
calls("i | m", "float bool long item tolist type")
calls("z", "item tolist size stride element_size dim is_nonzero")
calls("x, t.float32 | x, 'torch.LongTensor' | x, t.IntTensor | x, 'Nothing' | x, 3", "type")
calls("x, i | i, x", "type_as")
calls("x, 1 | x, -1 | x, 2", "size stride")
calls("x, s | x, x.t()", "reshape_as view_as expand_as is_same_size")
calls("x, 3, 2 | x, -1 | x, (6,) | x, 4", "view")
calls("v, 2, 3 | v, (2, 3) | v, -1, 3 | x, 3, 3 | v, 2, -1", "expand")
calls("x, 2, 1 | x, (1, 2, 1) | x, 2", "repeat")
calls("x", "get_device storage_offset is_contiguous is_inference is_pinned is_shared")
calls("x, 5 | i, 1 | x, z | x, v", "fill_")
calls("x | i", "zero_")
calls("x, y | x, i | x, v | x, 1.5 | i, x | x, x[:, :2]", "copy_")
calls("s, 2.5 | x, 1.0 | v, 1.0", "fill_diagonal_")
calls("x, 2, 2 | x, (6,) | x, 3", "resize_")
calls("x, s[:2, :2]", "resize_as_")
calls("x, lambda a: a + 1", "apply_")
calls("x, y, lambda a, b: a * b", "map_")
calls("t.float32, t.float64 | t.int64, t.float16 | t.uint8, t.int8 | t.bool, t.int64", "promote_types can_cast")
calls("x, i | i, 2.5 | i, m | 2, 3.5 | x.float(), z", "result_type")
calls("x", "is_tensor typename conj")
calls("x | x, 0.5", "celu")
calls("x", "selu")
calls("x, y | x, y, 0", "cosine_similarity")
calls("x, y | x, y, 1", "pairwise_distance")
calls("x, 0.1, 2.0", "threshold")
calls("x, w[:1]", "prelu")
calls("x, (3,) | x, (3,), v, w", "layer_norm")
calls("b, c | b, c, v[:2]", "conv1d")
calls("x, (t.tensor([0, 1]),), y", "index_put_")
calls("3", "is_tensor numel is_floating_point")
calls("3, 2 | 2 | 0 | -1", "eye")
calls("5 | 1, 5 | 1.0, 2.0, 0.25 | 5, 1, -2 | 5, 1 | end=3", "arange")
calls("3, 3 | 2, 4, 1 | 4, 2, -1 | 2, 2, dtype=t.int32", "tril_indices triu_indices")
calls("0, 1, 5 | 0, 1, 1 | 2, 3, 0 | 0, 2, 3, dtype=t.int64", "linspace")
calls("0, 2, 3 | 0, 3, 4, base=2.0", "logspace")
calls("2, 3 | (2,) | [2, 3] | size=(2,) | () | 2.5 | -1 | 2, dtype=t.int64 | True | 2, foo=1", "zeros ones")
calls("(2, 3), 1.5 | (2,), 3 | (), True | 2, 1 | (2,), 'a'", "full")

# Named here rather than called alike: what draws random numbers or reads whatever the memory held, what other tests call in detail, and
# what says something of the library itself.
_names = """
    Generator Size device dtype layout memory_format finfo iinfo Tensor tensor as_tensor asarray from_numpy empty empty_like
    new_empty rand randn randint randperm rand_like randn_like randint_like normal bernoulli multinomial manual_seed seed
    initial_seed get_rng_state set_rng_state normal_ uniform_ random_ bernoulli_ exponential_ log_normal_ cauchy_ geometric_ no_grad
    enable_grad set_grad_enabled inference_mode is_grad_enabled is_inference_mode_enabled set_default_dtype get_default_dtype
    set_default_device get_default_device set_default_tensor_type set_num_threads get_num_threads set_printoptions save load einsum
    grad backward register_hook register_post_accumulate_grad_hook requires_grad_ retain_grad detach_ set_ share_memory_ pin_memory
    cuda numpy data_ptr clone new is_anomaly_enabled is_anomaly_check_nan_enabled set_anomaly_enabled compile FloatTensor
    DoubleTensor HalfTensor LongTensor IntTensor ShortTensor CharTensor ByteTensor BoolTensor fork_rng svd
"""
ELSEWHERE = set(_names.split()) | {"bfloat16", "use_deterministic_algorithms", "are_deterministic_algorithms_enabled"}
ELSEWHERE |= {"get_float32_matmul_precision", "set_float32_matmul_precision"}


def arrays():
    rng = np.random.default_rng(0)

    def apart(*shape):
        """Distinct, off the halves and the whole numbers."""
        n = math.prod(shape)
        return ((rng.permutation(n) - n / 2 + 0.37) * (4 / n) + 0.013).reshape(shape)

    def ints(*shape, low=-3, high=4):
        return rng.integers(low, high, shape)

    return {
        "x": apart(2, 3), "y": apart(2, 3) + 0.11, "p": (apart(2, 3) + 2.2) / 4.5, "q": (apart(2, 3) + 2.3) / 4.7, "v": apart(3),
        "w": apart(3) + 0.2, "s": apart(3, 3) + np.eye(3), "r": apart(3, 3) + 0.1, "b": apart(2, 2, 3), "c": apart(2, 3, 2),
        "z": np.array(0.62), "i": ints(2, 3), "j": np.abs(ints(2, 3)) + 1, "k": np.array([2, 0, 1]), "o": ints(2, 3, low=0, high=5),
        "m": ints(2, 3) > 0, "n": ints(2, 3) > 0,
    }  # fmt: skip


def environment(library, grad):
    env = {name: library.tensor(a) for name, a in arrays().items()}
    if grad:
        for t in env.values():
            if t.is_floating_point():
                t.requires_grad_()
    return {"t": library, **env}


def arguments(text, env):
    return eval(f"(lambda *args, **options: (args, options))({text})", env)


def flat(result):
    if isinstance(result, (tuple, list)):
        return [x for one in result for x in flat(one)]
    return [result]


def run(library, text, call, grad):
    """What the call gives, or the exception, and the gradients of the leaves; ``None`` if it promises some that it then has not."""
    env = environment(library, grad)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            args, options = arguments(text, env)
            result = call(library, args, options)
        except Exception as error:
            return {"result": error, "gradients": {}}
    total = None
    for k, out in enumerate(o for o in flat(result) if isinstance(o, library.Tensor) and o.requires_grad):
        weights = np.cos(np.arange(out.numel(), dtype=np.float64) + k).reshape(tuple(out.shape))
        term = (out * library.tensor(weights)).sum()
        total = term if total is None else total + term
    if total is not None:
        try:
            total.backward()
        except (RuntimeError, NotImplementedError) as error:
            if "derivative" not in str(error):
                raise
            return {"result": result, "gradients": None}
    leaves = {name: env[name] for name in arrays() if grad and env[name].is_floating_point()}
    return {
        "result": result,
        "gradients": {name: np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.numpy(force=True) for name, leaf in leaves.items()},
    }


def check(text, call, grad=True):
    """The same result and gradients as PyTorch's. The name of the test that runs is the name of the answer."""
    name = os.environ["PYTEST_CURRENT_TEST"].partition("::")[2].rpartition(" ")[0]
    mine = described(run(tinyrnn, text, call, grad))["dict"]
    its = ANSWERS.of(name, lambda torch: run(torch, text, call, grad))["dict"]
    promised = "dict" in its["gradients"]  # PyTorch promises some gradients that it then has not
    differ(mine["result"], its["result"], "result", history=grad and promised)
    if promised:
        coarse = any(d in ("float32", "float16") for d in dtypes_in(its["result"]))
        differ(mine["gradients"], its["gradients"], "gradient of", 1e-6 if coarse else 1e-10)


def dtypes_in(description):
    if "items" in description:
        return [d for one in description["items"] for d in dtypes_in(one)]
    return [description["dtype"]] if "dtype" in description else []


def public(of):
    return {name for name, value in inspect.getmembers(of) if not name.startswith("_") and callable(value)}


def takes_out(torch):
    return [name for name in public(tinyrnn) & public(torch) if "out=None" in (getattr(torch, name).__doc__ or "").split(" -> ")[0]]


def names_of_pytorch(name, ask):
    return set(ANSWERS.of(name, lambda torch: " ".join(sorted(ask(torch))))["value"].split())


SHARED = public(tinyrnn) & names_of_pytorch("functions", public)
METHODS = public(tinyrnn.Tensor) & names_of_pytorch("methods", lambda torch: public(torch.Tensor))
WITH_OUT = names_of_pytorch("functions with out", takes_out)
ROWS = [(name, text) for name, texts in CALLS.items() for text in texts.split(" | ")]


def ids(rows):
    return [f"{name}({text})" for name, text in rows]


def test_every_name_that_both_have_is_called():
    called = set(CALLS) | {f"{name}_" for name in CALLS}
    rest = {name for name in SHARED | METHODS if name not in called and name not in ELSEWHERE}
    assert sorted(rest - {name for name in rest if inspect.isclass(getattr(tinyrnn, name, None))}) == []


FUNCTIONS = [(name, text) for name, text in ROWS if name in SHARED]


@pytest.mark.parametrize(("name", "text"), FUNCTIONS, ids=ids(FUNCTIONS))
def test_functions(name, text):
    check(text, lambda library, args, options: getattr(library, name)(*args, **options))


BY_METHOD = [(name, text) for name, text in ROWS if name in METHODS]


@pytest.mark.parametrize(("name", "text"), BY_METHOD, ids=ids(BY_METHOD))
def test_methods(name, text):
    changing = name.endswith("_")
    check(text, lambda library, args, options: getattr(args[0].clone() if changing else args[0], name)(*args[1:], **options), not changing)


COMPARING = ("eq", "ne", "lt", "le", "gt", "ge", "not_equal", "less", "greater", "logical")
IN_PLACE = [(name, text) for name, text in ROWS if f"{name}_" in METHODS and not name.endswith("_") and "dtype" not in text]
IN_PLACE = [row for row in IN_PLACE if (row[0], row[1][0]) != ("addbmm", "z")]  # PyTorch lets it grow there


@pytest.mark.parametrize(("name", "text"), IN_PLACE, ids=ids(IN_PLACE))
def test_in_place(name, text):

    def call(library, args, options):
        target = args[0].clone() * 1
        same = getattr(target, f"{name}_")(*args[1:], **options)
        assert same is target
        return target

    check(text, call, grad=not name.startswith(COMPARING))


OUT = [(name, text) for name, text in FUNCTIONS if name in WITH_OUT]
# PyTorch's overloads that take no out.
OUT = [row for row in OUT if row[1] not in ("x, unbiased=False", "x, False", "m, x, 0.0") and not row[0].startswith(("zeros", "ones"))]


@pytest.mark.parametrize(("name", "text"), OUT, ids=ids(OUT))
def test_out(name, text):
    def call(library, args, options):
        plain = getattr(library, name)(*args, **options)
        if not isinstance(plain, library.Tensor):
            raise NotImplementedError
        out = library.empty(0, dtype=plain.dtype)
        assert getattr(library, name)(*args, **options, out=out) is out
        return out

    check(text, call, grad=False)


def test_the_precision_of_products_is_remembered():
    for lib in (tinyrnn, pytest.importorskip("torch")):
        assert lib.get_float32_matmul_precision() == "highest"
        lib.set_float32_matmul_precision("high")
        with pytest.warns(UserWarning, match="foo is not one of"):
            lib.set_float32_matmul_precision("foo")
        assert lib.get_float32_matmul_precision() == "high"
        with pytest.raises(RuntimeError, match="expects a str, but got int"):
            lib.set_float32_matmul_precision(1)
        lib.set_float32_matmul_precision("highest")
