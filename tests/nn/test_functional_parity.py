"""``nn.functional`` beside the losses: value, gradient, dtype, warnings and exceptions are PyTorch's."""

import inspect
import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import nn
from tinyrnn.gradcheck import gradgradcheck
from tinyrnn.nn import functional as F

from .parity import both, raised, same, same_error, same_run, torch

TF = torch.nn.functional
EDGES = np.array([-8.0, -3.0, -1.5, -1.0, -0.5, -1e-3, 0.0, 1e-3, 0.5, 1.0, 2.0, 3.0, 6.0, 8.0])

# name -> the options of each call; the module of the same options, where there is one
ACTIVATIONS = {
    "relu": ("ReLU", [{}]),
    "relu6": ("ReLU6", [{}]),
    "leaky_relu": ("LeakyReLU", [{}, {"negative_slope": 0.2}]),
    "elu": ("ELU", [{}, {"alpha": 0.7}]),
    "celu": ("CELU", [{}, {"alpha": 0.7}]),
    "selu": ("SELU", [{}]),
    "silu": ("SiLU", [{}]),
    "mish": ("Mish", [{}]),
    "gelu": ("GELU", [{}, {"approximate": "tanh"}]),
    "hardtanh": ("Hardtanh", [{}, {"min_val": -0.5, "max_val": 3.0}]),
    "hardsigmoid": ("Hardsigmoid", [{}]),
    "hardswish": ("Hardswish", [{}]),
    "hardshrink": ("Hardshrink", [{}, {"lambd": 1.5}]),
    "softshrink": ("Softshrink", [{}, {"lambd": 1.5}]),
    "softplus": ("Softplus", [{}, {"beta": 2.0, "threshold": 3.0}]),
    "softsign": ("Softsign", [{}]),
    "tanhshrink": ("Tanhshrink", [{}]),
    "threshold": ("Threshold", [{"threshold": 0.5, "value": -2.0}]),
    "logsigmoid": ("LogSigmoid", [{}]),
    "tanh": ("Tanh", [{}]),
    "sigmoid": ("Sigmoid", [{}]),
    "softmax": ("Softmax", [{"dim": 0}, {"dim": -1}]),
    "softmin": ("Softmin", [{"dim": 0}, {"dim": -1}]),
    "log_softmax": ("LogSoftmax", [{"dim": 0}, {"dim": -1}]),
    "glu": ("GLU", [{}, {"dim": 0}]),
}
CASES = [(name, kind, options) for name, (kind, each) in ACTIVATIONS.items() for options in each]
IN_PLACE = [name for name in ACTIVATIONS if "inplace" in inspect.signature(getattr(F, name)).parameters]


def tolerance(name):
    """Some of PyTorch's hold their constants as float32 in backward."""
    return (1e-12, 1e-7 if name in ("selu", "celu", "hardsigmoid") else 1e-10)


@pytest.mark.parametrize(("name", "kind", "options"), CASES)
def test_activations(name, kind, options):
    x = both(np.stack([EDGES, EDGES[::-1] * 5]))
    rng = np.random.default_rng(0)
    same_run(getattr(F, name)(x[0], **options), getattr(TF, name)(x[1], **options), {"input": x}, rng, tolerance(name))
    ours, theirs = getattr(nn, kind)(**options), getattr(torch.nn, kind)(**options)
    assert repr(ours) == repr(theirs)
    same(ours(x[0]), theirs(x[1]))
    same(getattr(nn, kind)(*options.values())(x[0]), theirs(x[1]))
    single = both(np.stack([EDGES, EDGES]).astype(np.float32), requires_grad=False)
    same(getattr(F, name)(single[0], **options), getattr(TF, name)(single[1], **options), 1e-6)


@pytest.mark.parametrize(("name", "kind", "options"), CASES)
def test_second_derivatives_of_activations(name, kind, options):
    away = tinyrnn.tensor([[0.3, -0.7, 1.2, -2.2], [0.1, 2.5, -1.3, -0.2]], dtype=tinyrnn.float64, requires_grad=True)
    assert gradgradcheck(lambda x: getattr(F, name)(x, **options), away)


def test_which_activations_work_in_place():
    theirs = [
        n for n in ACTIVATIONS if "inplace" in (inspect.signature(getattr(TF, n)).parameters if inspect.isfunction(getattr(TF, n)) else {})
    ]
    assert theirs == IN_PLACE


@pytest.mark.parametrize("name", IN_PLACE)
def test_activations_in_place(name):
    options = {"threshold": 0.5, "value": -2.0} if name == "threshold" else {}
    x = both(EDGES)
    mid = x[0] * 1, x[1] * 1
    ours, theirs = (getattr(net, name)(m, **options, inplace=True) for net, m in ((F, mid[0]), (TF, mid[1])))
    assert ours is mid[0]
    same_run(ours, theirs, {"input": x}, np.random.default_rng(0), tolerance(name))
    module = getattr(nn, ACTIVATIONS[name][0])(**options, inplace=True)
    assert module(given := x[0].detach().clone()) is given and module.inplace is True
    positional = x[0].detach().clone()
    assert getattr(F, name)(positional, *inspect.signature(module.__class__).bind(**options, inplace=True).args) is not None
    for short in ("relu_", "elu_", "leaky_relu_", "hardtanh_", "threshold_"):
        if short == f"{name}_":
            same(getattr(F, short)(x[0].detach().clone(), **options), getattr(TF, short)(x[1].detach().clone(), **options))


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4)])
def test_prelu(shape, n):
    if n == 3 and len(shape) == 1:
        return
    rng = np.random.default_rng(0)
    x, w = both(rng.standard_normal(shape)), both(rng.standard_normal(n))
    same_run(F.prelu(x[0], w[0]), TF.prelu(x[1], w[1]), {"input": x, "weight": w}, rng)
    ours, theirs = nn.PReLU(n, 0.1, dtype=tinyrnn.float64), torch.nn.PReLU(n, 0.1, dtype=torch.float64)
    assert repr(ours) == repr(theirs)
    same(ours(x[0]), theirs(x[1]))


@pytest.mark.parametrize("name", ["softmax", "softmin", "log_softmax"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 2), (2, 3, 1, 2)])
def test_the_axis_that_nobody_chose(name, shape):
    x = both(np.random.default_rng(0).standard_normal(shape))
    kind = "".join(part.capitalize() for part in name.split("_"))
    kind = {"Logsoftmax": "LogSoftmax"}.get(kind, kind)
    for ours, theirs in ((getattr(F, name), getattr(TF, name)), (getattr(nn, kind)(), getattr(torch.nn, kind)())):
        with pytest.warns(UserWarning, match=f"Implicit dimension choice for {name} has been deprecated") as here:
            result = ours(x[0])
        with pytest.warns(UserWarning, match=f"Implicit dimension choice for {name} has been deprecated"):
            same(result, theirs(x[1]))
        if ours is getattr(F, name):
            assert here[0].filename == __file__


@pytest.mark.parametrize("name", ["softmax", "softmin", "log_softmax"])
def test_softmax_of_another_dtype(name):
    x = both(np.array([1.0, 2.0], np.float32))
    same_run(
        getattr(F, name)(x[0], 0, dtype=tinyrnn.float64),
        getattr(TF, name)(x[1], 0, dtype=torch.float64),
        {"x": x},
        np.random.default_rng(0),
        (1e-7, 1e-6),
    )


def test_gumbel_softmax():
    tinyrnn.manual_seed(0)
    logits = tinyrnn.tensor([0.0, 1.0, 2.0], requires_grad=True)
    many = F.gumbel_softmax(logits.expand(4000, 3), tau=0.5, hard=True)
    assert ((many == 0) | ((many - 1).abs() < 1e-6)).all() and ((many.sum(1) - 1).abs() < 1e-6).all()
    p = F.softmax(logits, 0).detach().numpy()
    assert abs(many.detach().mean(0).numpy() - p).max() < 5 * 0.5 / 4000**0.5
    soft = F.gumbel_softmax(logits.reshape(3, 1).expand(3, 5), tau=3.0, dim=0)
    assert ((soft.sum(0) - 1).abs() < 1e-6).all() and (soft < 1).all()
    tinyrnn.manual_seed(1)
    (hard_slope,) = tinyrnn.grad(F.gumbel_softmax(logits, hard=True)[0], logits)
    tinyrnn.manual_seed(1)
    (slope,) = tinyrnn.grad(F.gumbel_softmax(logits)[0], logits)
    assert (hard_slope == slope).all() and (slope != 0).all()


# -- padding --


@st.composite
def paddings(draw):
    mode = draw(st.sampled_from(["constant", "reflect", "replicate", "circular"]))
    axes = draw(st.integers(1, 3))
    shape = tuple(draw(st.integers(3, 4)) for _ in range(axes + draw(st.integers(1, 2))))
    low = -2 if mode == "constant" else -1
    high = {"constant": 3, "reflect": 2, "replicate": 4, "circular": 3}[mode]
    return mode, shape, [draw(st.integers(low, high)) for _ in range(2 * axes)]


@given(case=paddings(), value=st.sampled_from([None, 0, 1.5, -np.inf]), seed=st.integers(0, 99))
def test_pad(case, value, seed):
    mode, shape, sizes = case
    assume(mode != "circular" or min(sizes) >= 0 or max(sizes) < min(shape))  # else PyTorch copies what it has not yet written
    rng = np.random.default_rng(seed)
    x = both(rng.standard_normal(shape))
    options = {"mode": mode, **({"value": value} if mode == "constant" else {})}
    theirs = raised(lambda: TF.pad(x[1], sizes, **options))
    if theirs is not None:  # what PyTorch's kernels do not take, such as negative sizes for some modes
        assert mode != "constant" or type(raised(lambda: F.pad(x[0], sizes, **options))) is type(theirs)
        return
    result = F.pad(x[0], sizes, **options)
    if value == -np.inf and mode == "constant":
        same(result, TF.pad(x[1], sizes, **options))
    else:
        same_run(result, TF.pad(x[1], sizes, **options), {"input": x}, rng)


@pytest.mark.parametrize("kind", ["ZeroPad1d", "ConstantPad1d", "ReflectionPad1d", "ReplicationPad1d", "CircularPad1d"])
@pytest.mark.parametrize("padding", [1, (2, 0)])
def test_padding_modules(kind, padding):
    value = (1.5,) if kind == "ConstantPad1d" else ()
    ours, theirs = getattr(nn, kind)(padding, *value), getattr(torch.nn, kind)(padding, *value)
    x = both(np.arange(12.0).reshape(1, 3, 4))
    assert repr(ours) == repr(theirs)
    same_run(ours(x[0]), theirs(x[1]), {"input": x}, np.random.default_rng(0))


@pytest.mark.parametrize("dtype", ["int64", "bool", "float32"])
def test_pad_keeps_the_dtype(dtype):
    for lib, f in ((tinyrnn, F), (torch, TF)):
        y = f.pad(lib.ones(2, dtype=getattr(lib, dtype)), (1, 2), value=1)
        assert str(y.dtype).endswith(dtype) and y.tolist() == [1, 1, 1, 1, 1]
    x = tinyrnn.ones(2)
    assert F.pad(x, (0, 0)) is not x and F.pad(x, (0, 0)).tolist() == [1, 1]


# -- norms and distances --


@given(p=st.sampled_from([1, 2, 2.0, 3, np.inf]), dim=st.sampled_from([0, 1, -1, (0, 1)]), zeros=st.booleans(), seed=st.integers(0, 99))
def test_normalize(p, dim, zeros, seed):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((3, 4))
    values[:, 1] *= not zeros
    x = both(values)
    same_run(F.normalize(x[0], p, dim), TF.normalize(x[1], p, dim), {"input": x}, rng)
    out = tinyrnn.empty(3, 4, dtype=tinyrnn.float64)
    assert F.normalize(x[0].detach(), p, dim, out=out) is out


@given(
    shapes=st.sampled_from([((3, 4), (3, 4)), ((3, 4), (1, 4)), ((4,), (3, 4)), ((2, 3, 4), (2, 3, 1))]),
    dim=st.sampled_from([-1, 1]),
    tiny=st.booleans(),
    seed=st.integers(0, 99),
)
def test_cosine_similarity(shapes, dim, tiny, seed):
    dim = 1 if len(shapes[0]) == 3 else dim  # along an axis that was stretched the gradient is nothing but rounding
    rng = np.random.default_rng(seed)
    first = rng.standard_normal(shapes[0])
    first[..., 0] = 0
    x, z = both(first * (1e-9 if tiny else 1)), both(rng.standard_normal(shapes[1]))
    same_run(F.cosine_similarity(x[0], z[0], dim), TF.cosine_similarity(x[1], z[1], dim), {"x": x, "z": z}, rng, (1e-12, 1e-9))
    ours, theirs = nn.CosineSimilarity(dim), torch.nn.CosineSimilarity(dim)
    same(ours(x[0], z[0]), theirs(x[1], z[1]))
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, np.inf])
@pytest.mark.parametrize("keepdim", [False, True])
def test_pairwise_distance(p, keepdim):
    rng = np.random.default_rng(0)
    x, z = both(rng.standard_normal((3, 4))), both(rng.standard_normal((3, 4)))
    ours, theirs = nn.PairwiseDistance(p, keepdim=keepdim), torch.nn.PairwiseDistance(p, keepdim=keepdim)
    same_run(ours(x[0], z[0]), theirs(x[1], z[1]), {"x": x, "z": z}, rng)
    same(F.pairwise_distance(x[0][0], z[0][0], p), TF.pairwise_distance(x[1][0], z[1][0], p))


# -- tables --


@given(
    shape=st.sampled_from([(), (4,), (2, 3), (0,)]),
    padding_idx=st.sampled_from([None, 1, -1]),
    max_norm=st.sampled_from([None, 0.5, 10.0]),
    norm_type=st.sampled_from([1.0, 2.0, 3.0]),
    scale=st.booleans(),
    seed=st.integers(0, 99),
)
def test_embedding(shape, padding_idx, max_norm, norm_type, scale, seed):
    rng = np.random.default_rng(seed)
    w, ids = both(rng.standard_normal((5, 3))), both(rng.integers(0, 5, shape))
    options = {"padding_idx": padding_idx, "max_norm": max_norm, "norm_type": norm_type, "scale_grad_by_freq": scale}
    given = w if max_norm is None else (w[0] * 1, w[1].detach().clone().requires_grad_())
    if max_norm is not None:  # the table is changed, so it must not be one that a graph needs
        given = tinyrnn.tensor(w[0].detach().numpy(), requires_grad=True), given[1]
    run = F.embedding(ids[0], given[0], **options), TF.embedding(ids[1], given[1], **options)
    same_run(*run, {"weight": given}, rng, (1e-6 if max_norm else 1e-12, 1e-10))
    same(given[0], given[1], 1e-6 if max_norm else 1e-12)
    ours = nn.Embedding.from_pretrained(w[0].detach(), **options)
    theirs = torch.nn.Embedding.from_pretrained(w[1].detach(), **options)
    assert repr(ours) == repr(theirs)


@st.composite
def bags(draw):
    """(ids, offsets or None) of an ``embedding_bag``, some of its bags empty."""
    if draw(st.booleans()):
        return np.array([[draw(st.integers(0, 4)) for _ in range(3)] for _ in range(draw(st.integers(1, 3)))]), None
    n = draw(st.integers(0, 6))
    offsets = sorted(draw(st.integers(0, n)) for _ in range(draw(st.integers(0, 3))))
    return np.array([draw(st.integers(0, 4)) for _ in range(n)], np.int64), np.array([0, *offsets])


@given(
    case=bags(),
    mode=st.sampled_from(["sum", "mean", "max"]),
    padding_idx=st.sampled_from([None, 1, -1]),
    weighted=st.booleans(),
    last=st.booleans(),
    max_norm=st.sampled_from([None, 0.5]),
    seed=st.integers(0, 99),
)
def test_embedding_bag(case, mode, padding_idx, weighted, last, max_norm, seed):
    rng = np.random.default_rng(seed)
    ids, offsets = case
    if last and offsets is not None:
        offsets = np.array([*offsets, len(ids)])
    values = rng.standard_normal((5, 3))
    w, i = both(values), both(ids)
    o = (None, None) if offsets is None else both(offsets)
    weights = both(rng.standard_normal(ids.shape)) if weighted and mode == "sum" else (None, None)
    options = {"mode": mode, "padding_idx": padding_idx, "include_last_offset": last and offsets is not None, "max_norm": max_norm}
    ours = F.embedding_bag(i[0], w[0], o[0], per_sample_weights=weights[0], **options)
    theirs = TF.embedding_bag(i[1], w[1], o[1], per_sample_weights=weights[1], **options)
    inputs = {"weight": w, **({"weights": weights} if weights[0] is not None else {})}
    same_run(ours, theirs, inputs, rng, (1e-6, 1e-6) if max_norm else (1e-12, 1e-10))
    if max_norm is None:
        table = tinyrnn.tensor(values), torch.tensor(values)
        made = nn.EmbeddingBag.from_pretrained(table[0], **options), torch.nn.EmbeddingBag.from_pretrained(table[1], **options)
        assert repr(made[0]) == repr(made[1])
        same(made[0](i[0], o[0], weights[0]), made[1](i[1], o[1], weights[1]))


def test_what_tables_start_as():
    ours = nn.EmbeddingBag(2000, 50, padding_idx=-1, mode="sum")
    assert repr(ours) == repr(torch.nn.EmbeddingBag(2000, 50, padding_idx=-1, mode="sum"))
    assert (ours.weight[-1] == 0).all() and abs(ours.weight.std().item() - 1) < 0.02
    frozen = nn.Embedding(3, 2, _weight=tinyrnn.ones(3, 2), _freeze=True)
    assert not frozen.weight.requires_grad and (frozen.weight == 1).all()
    assert nn.Embedding(3, 2, sparse=True)(tinyrnn.tensor([1])).shape == (1, 2)


# -- dropout --


@pytest.mark.parametrize("kind", ["Dropout", "Dropout1d", "Dropout2d", "AlphaDropout"])
def test_dropouts(kind):
    ours, theirs = getattr(nn, kind)(0.3), getattr(torch.nn, kind)(0.3)
    assert repr(ours) == repr(theirs)
    x = tinyrnn.ones(20, 30, 5, 4) if kind == "Dropout2d" else tinyrnn.ones(60, 40, 5)
    tinyrnn.manual_seed(0)
    y = ours(x)
    if kind in ("Dropout1d", "Dropout2d"):
        flat = y.reshape(y.shape[0] * y.shape[1], -1)
        assert (flat == flat[:, :1]).all(), "a channel is dropped as a whole"
    kept = y == y.max()
    share, n = kept.double().mean().item(), kept.numel() if "1" not in kind and "2" not in kind else kept[..., 0].numel()
    assert abs(share - 0.7) < 5 * (0.21 / n) ** 0.5
    if kind != "AlphaDropout":
        assert y.min() == 0 and y.max().item() == pytest.approx(1 / 0.7)
    tinyrnn.manual_seed(0)
    assert getattr(nn, kind)(0.3, inplace=True)(x) is x and (x == y).all()
    assert ours.eval()(x) is x and (getattr(nn, kind)(1.0)(x) == 0).all()


def test_alpha_dropout_keeps_mean_and_variance():
    tinyrnn.manual_seed(0)
    y = F.alpha_dropout(tinyrnn.randn(400, 500, dtype=tinyrnn.float64), 0.2, training=True)
    assert abs(y.mean().item()) < 0.02 and abs(y.std().item() - 1) < 0.02
    assert F.alpha_dropout(y) is y


# -- what is refused --

WRONG_CALLS = {
    "glu of an odd size": lambda lib, f: f.glu(lib.zeros(2, 3)),
    "glu of a number": lambda lib, f: f.glu(lib.zeros(())),
    "glu of a missing axis": lambda lib, f: f.glu(lib.zeros(2), 1),
    "prelu of other channels": lambda lib, f: f.prelu(lib.zeros(2, 3), lib.zeros(2)),
    "prelu of a matrix": lambda lib, f: f.prelu(lib.zeros(2, 3), lib.zeros(1, 3)),
    "hardtanh upside down": lambda lib, f: f.hardtanh(lib.zeros(2), 1, -1),
    "softshrink of less than nothing": lambda lib, f: f.softshrink(lib.zeros(2), -1),
    "celu of 0": lambda lib, f: f.celu(lib.zeros(2), 0),
    "gelu of a kind": lambda lib, f: f.gelu(lib.zeros(2), approximate="sigmoid"),
    "pad by odd sizes": lambda lib, f: f.pad(lib.zeros(2), (1, 2, 3)),
    "pad more axes": lambda lib, f: f.pad(lib.zeros(2), (1, 2, 3, 4)),
    "pad in a mode": lambda lib, f: f.pad(lib.zeros(2), (1, 2), "mirror"),
    "reflect too far": lambda lib, f: f.pad(lib.zeros(1, 3), (3, 0), "reflect"),
    "wrap too far": lambda lib, f: f.pad(lib.zeros(1, 3), (4, 0), "circular"),
    "replicate a vector": lambda lib, f: f.pad(lib.zeros(3), (1, 1), "replicate"),
    "reflect with a value": lambda lib, f: f.pad(lib.zeros(1, 3), (1, 1), "reflect", 2.0),
    "take more than is there": lambda lib, f: f.pad(lib.zeros(3), (-2, -2)),
    "cosine of integers": lambda lib, f: f.cosine_similarity(lib.tensor([1, 2]), lib.tensor([1, 2]), 0),
    "cosine of two sizes": lambda lib, f: f.cosine_similarity(lib.zeros(2, 3), lib.zeros(2, 4)),
    "dropout by more than all": lambda lib, f: f.dropout(lib.zeros(2), 1.5),
    "alpha dropout by more than all": lambda lib, f: f.alpha_dropout(lib.zeros(2), -0.5, True),
    "dropout1d of a vector": lambda lib, f: f.dropout1d(lib.zeros(2)),
    "bag without offsets": lambda lib, f: f.embedding_bag(lib.tensor([1]), lib.zeros(3, 2)),
    "bag with needless offsets": lambda lib, f: f.embedding_bag(lib.tensor([[1]]), lib.zeros(3, 2), lib.tensor([0])),
    "bag of three axes": lambda lib, f: f.embedding_bag(lib.tensor([[[1]]]), lib.zeros(3, 2)),
    "bag of a mode": lambda lib, f: f.embedding_bag(lib.tensor([[1]]), lib.zeros(3, 2), mode="median"),
    "bag beginning late": lambda lib, f: f.embedding_bag(lib.tensor([1]), lib.zeros(3, 2), lib.tensor([1])),
    "bag beyond the end": lambda lib, f: f.embedding_bag(lib.tensor([1]), lib.zeros(3, 2), lib.tensor([0, 3])),
    "bag with offsets of two axes": lambda lib, f: f.embedding_bag(lib.tensor([1]), lib.zeros(3, 2), lib.tensor([[0]])),
    "weighted mean": lambda lib, f: f.embedding_bag(lib.tensor([[1]]), lib.zeros(3, 2), per_sample_weights=lib.zeros(1, 1)),
    "other weights": lambda lib, f: f.embedding_bag(lib.tensor([[1]]), lib.zeros(3, 2), mode="sum", per_sample_weights=lib.zeros(1)),
    "linear of a list": lambda lib, f: f.linear([[1.0, 2.0]], lib.zeros(3, 2)),
    "linear with a list": lambda lib, f: f.linear(lib.zeros(1, 2), [[1.0, 2.0]]),
    "one_hot of a list": lambda lib, f: f.one_hot([1, 2]),
    "ids in a list": lambda lib, f: f.embedding([1], lib.zeros(3, 2)),
    "ids for a vector": lambda lib, f: f.embedding(lib.tensor([1]), lib.zeros(3)),
    "dropout of a list": lambda lib, f: f.dropout([1.0]),
    "dropout of integers": lambda lib, f: f.dropout(lib.tensor([1, 2])),
    "softmax of integers": lambda lib, f: f.softmax(lib.tensor([1, 2]), 0),
    "bag of float ids": lambda lib, f: f.embedding_bag(lib.zeros(1, 1), lib.zeros(3, 2)),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_CALLS)
def test_wrong_calls(case):
    assert same_error(lambda: WRONG_CALLS[case](tinyrnn, F), lambda: WRONG_CALLS[case](torch, TF))


WRONG_MODULES = {
    "no such setting": lambda net: net.ReLU(slope=3),
    "too many settings": lambda net: net.Sigmoid(3),
    "a setting is missing": lambda net: net.Threshold(1),
    "dropout by more than all": lambda net: net.Dropout1d(1.5),
    "table of another shape": lambda net: net.Embedding(3, 2, _weight=net.Parameter(net.Linear(1, 1).weight)),
    "bag padding out of range": lambda net: net.EmbeddingBag(3, 2, padding_idx=3),
    "unflatten to a number": lambda net: net.Unflatten(1, 3.5),
    "unflatten to other sizes": lambda net: net.Unflatten(1, (2, 2))(net.Linear(1, 3).weight),
}


@pytest.mark.parametrize("case", WRONG_MODULES)
def test_wrong_modules(case):
    assert same_error(lambda: WRONG_MODULES[case](nn), lambda: WRONG_MODULES[case](torch.nn))


@given(start=st.integers(0, 2), end=st.integers(-1, 2))
def test_flatten_and_unflatten(start, end):
    x = both(np.arange(24.0).reshape(2, 3, 4))
    ours, theirs = nn.Flatten(start, end), torch.nn.Flatten(start, end)
    assert repr(ours) == repr(theirs)
    expected = raised(lambda: theirs(x[1]))
    assert type(raised(lambda: ours(x[0]))) is type(expected)
    if expected is None:
        same(ours(x[0]), theirs(x[1]))
    for size in ((2, 2), (2, -1), [4, 1]):
        ours, theirs = nn.Unflatten(-1, size), torch.nn.Unflatten(-1, size)
        same_run(ours(x[0]), theirs(x[1]), {"input": x}, np.random.default_rng(0))
        assert repr(ours) == repr(theirs)


def test_signatures_begin_as_pytorchs():
    """The same names in the same places, so that any call that PyTorch takes is read the same way."""
    wrong = []
    for name in F.__all__:
        theirs = getattr(TF, name, None)
        if theirs is None or not inspect.isfunction(theirs):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = [p for p in inspect.signature(theirs).parameters if p not in ("args", "kwargs", "options")]
        ours = list(inspect.signature(getattr(F, name)).parameters)
        if ours[: len(expected)] != expected:
            wrong.append((name, ours, expected))
    assert not wrong
