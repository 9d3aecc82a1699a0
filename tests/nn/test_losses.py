"""Losses equal PyTorch's in value, gradient and in what they refuse."""

import warnings

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import nn
from tinyrnn.gradcheck import gradcheck, gradgradcheck
from tinyrnn.nn import functional as F

from .parity import both, same, same_error, same_run, torch

TF = torch.nn.functional
reductions = st.sampled_from(["mean", "sum", "none"])


@st.composite
def class_problems(draw):
    """(shape of the scores, ignore_index, which targets are ignored) of a classification."""
    C = draw(st.integers(1, 5))
    sizes = draw(st.sampled_from([None, (), (2,), (3, 2), (1, 1, 2)]))
    shape = (C,) if sizes is None else (draw(st.integers(1, 4)), C, *sizes)
    ignore_index = draw(st.sampled_from([-100, 0, C - 1, -1]))
    return shape, ignore_index, draw(st.sampled_from(["none", "some", "all"]))


def drawn_targets(problem, rng):
    shape, ignore_index, ignored = problem
    C = shape[0] if len(shape) == 1 else shape[1]
    target = rng.integers(0, C, () if len(shape) == 1 else (shape[0], *shape[2:]))
    where = {"none": False, "all": True}.get(ignored, rng.random(target.shape) < 0.4)
    return C, np.where(where, ignore_index, target)


@given(
    problem=class_problems(),
    weighted=st.booleans(),
    reduction=reductions,
    label_smoothing=st.sampled_from([0.0, 0.1, 1.0]),
    scale=st.sampled_from([1.0, 1e4]),
    seed=st.integers(0, 999),
)
@example(problem=((5,), -100, "all"), weighted=False, reduction="mean", label_smoothing=0.0, scale=1.0, seed=0)
@example(problem=((5,), -100, "all"), weighted=True, reduction="mean", label_smoothing=0.1, scale=1.0, seed=0)
@example(problem=((3, 5, 2), 0, "all"), weighted=True, reduction="mean", label_smoothing=0.1, scale=1.0, seed=0)
@example(problem=((3, 5), 0, "some"), weighted=True, reduction="mean", label_smoothing=0.1, scale=1.0, seed=1)
def test_cross_entropy_of_classes(problem, weighted, reduction, label_smoothing, scale, seed):
    rng = np.random.default_rng(seed)
    C, target = drawn_targets(problem, rng)
    x, t = both(rng.standard_normal(problem[0]) * scale), both(target)
    w = both(rng.random(C) + 0.1, requires_grad=False) if weighted else (None, None)
    options = {"ignore_index": problem[1], "reduction": reduction, "label_smoothing": label_smoothing}
    same_run(F.cross_entropy(x[0], t[0], w[0], **options), TF.cross_entropy(x[1], t[1], w[1], **options), {"input": x}, rng)
    modules = nn.CrossEntropyLoss(w[0], **options), torch.nn.CrossEntropyLoss(w[1], **options)
    same(modules[0](x[0], t[0]), modules[1](x[1], t[1]))
    assert repr(modules[0]) == repr(modules[1])


@given(
    shape=st.sampled_from([(3,), (2, 3), (4, 1), (2, 3, 2), (2, 3, 1, 2)]),
    weighted=st.booleans(),
    reduction=reductions,
    label_smoothing=st.sampled_from([0.0, 0.2]),
    learned=st.booleans(),
    seed=st.integers(0, 999),
)
def test_cross_entropy_of_probabilities(shape, weighted, reduction, label_smoothing, learned, seed):
    rng = np.random.default_rng(seed)
    axis = 0 if len(shape) == 1 else 1
    x, t = both(rng.standard_normal(shape)), both(rng.dirichlet(np.ones(3), shape).sum(-1), requires_grad=learned)
    w = both(rng.random(shape[axis]), requires_grad=False) if weighted else (None, None)
    options = {"reduction": reduction, "label_smoothing": label_smoothing}
    inputs = {"input": x, "target": t} if learned else {"input": x}
    same_run(F.cross_entropy(x[0], t[0], w[0], **options), TF.cross_entropy(x[1], t[1], w[1], **options), inputs, rng)


@given(problem=class_problems(), weighted=st.booleans(), reduction=reductions, seed=st.integers(0, 999))
@example(problem=((5,), -100, "all"), weighted=True, reduction="mean", seed=0)
def test_nll_loss(problem, weighted, reduction, seed):
    rng = np.random.default_rng(seed)
    C, target = drawn_targets(problem, rng)
    x, t = both(-rng.random(problem[0])), both(target)
    w = both(rng.random(C), requires_grad=False) if weighted else (None, None)
    options = {"ignore_index": problem[1], "reduction": reduction}
    same_run(F.nll_loss(x[0], t[0], w[0], **options), TF.nll_loss(x[1], t[1], w[1], **options), {"input": x}, rng)
    same(nn.NLLLoss(w[0], **options)(x[0], t[0]), torch.nn.NLLLoss(w[1], **options)(x[1], t[1]))


@given(shape=st.sampled_from([(), (3,), (2, 3), (2, 1, 3), (0, 3)]), reduction=reductions, seed=st.integers(0, 999))
def test_mse_loss(shape, reduction, seed):
    rng = np.random.default_rng(seed)
    x, t = both(rng.standard_normal(shape)), both(rng.standard_normal(shape))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice|invalid value", RuntimeWarning)
        same_run(F.mse_loss(x[0], t[0], reduction=reduction), TF.mse_loss(x[1], t[1], reduction=reduction), {"input": x, "target": t}, rng)
    if 0 not in shape:
        same(nn.MSELoss(reduction=reduction)(x[0], t[0]), torch.nn.MSELoss(reduction=reduction)(x[1], t[1]))


@given(
    shape=st.sampled_from([(), (3,), (2, 3), (2, 1, 3)]),
    weighted=st.booleans(),
    pos_weighted=st.booleans(),
    reduction=reductions,
    scale=st.sampled_from([0.0, 1.0, 20.0, 1e4]),
    seed=st.integers(0, 999),
)
@example(shape=(3,), weighted=False, pos_weighted=False, reduction="sum", scale=0.0, seed=0)
def test_binary_cross_entropy_with_logits(shape, weighted, pos_weighted, reduction, scale, seed):
    rng = np.random.default_rng(seed)
    x, t = both(rng.standard_normal(shape) * scale), both(rng.random(shape))
    w = both(rng.random(shape), requires_grad=False) if weighted else (None, None)
    p = both(rng.random(shape[-1:]) + 0.5, requires_grad=False) if pos_weighted else (None, None)
    ours = F.binary_cross_entropy_with_logits(x[0], t[0], w[0], reduction=reduction, pos_weight=p[0])
    theirs = TF.binary_cross_entropy_with_logits(x[1], t[1], w[1], reduction=reduction, pos_weight=p[1])
    same_run(ours, theirs, {"input": x, "target": t}, rng)
    module = nn.BCEWithLogitsLoss(w[0], reduction=reduction, pos_weight=p[0])
    assert (module(x[0], t[0]) == ours).all()


PAIRS = {
    "mse_loss": ("MSELoss", {}),
    "l1_loss": ("L1Loss", {}),
    "smooth_l1_loss": ("SmoothL1Loss", {"beta": [0.0, 0.5, 1.0]}),
    "huber_loss": ("HuberLoss", {"delta": [0.5, 1.0]}),
    "kl_div": ("KLDivLoss", {"log_target": [False, True]}),
    "binary_cross_entropy": ("BCELoss", {}),
}


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@given(data=st.data(), loss=st.sampled_from(sorted(PAIRS)), shape=st.sampled_from([(), (3,), (2, 3), (2, 1, 3)]), reduction=reductions)
def test_losses_of_two_tensors(data, loss, shape, reduction):
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    module, settings = PAIRS[loss]
    options = {"reduction": reduction, **{k: data.draw(st.sampled_from(v)) for k, v in settings.items()}}
    if loss == "kl_div" and data.draw(st.booleans()):
        options["reduction"] = "batchmean"
    first, second = rng.random((2, *shape)) if loss == "binary_cross_entropy" else rng.standard_normal((2, *shape))
    if loss == "kl_div" and not options["log_target"]:
        second = np.abs(second)
    x, t = both(first), both(second)
    same_run(getattr(F, loss)(x[0], t[0], **options), getattr(TF, loss)(x[1], t[1], **options), {"input": x, "target": t}, rng)
    ours, theirs = getattr(nn, module)(**options), getattr(torch.nn, module)(**options)
    same(ours(x[0], t[0]), theirs(x[1], t[1]))
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("loss", ["mse_loss", "l1_loss", "huber_loss", "binary_cross_entropy"])
def test_weights_of_elements(loss, reduction):
    rng = np.random.default_rng(0)
    x, t, w = both(rng.random((2, 3))), both(rng.random((2, 3))), both(rng.random((2, 3)), requires_grad=False)
    ours, theirs = (
        getattr(net, loss)(*given, weight=weight, reduction=reduction)
        for net, given, weight in ((F, (x[0], t[0]), w[0]), (TF, (x[1], t[1]), w[1]))
    )
    same_run(ours, theirs, {"input": x, "target": t}, rng)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_losses_of_pairs(margin, reduction):
    rng = np.random.default_rng(0)
    a, b = both(rng.standard_normal((5, 3))), both(rng.standard_normal((5, 3)))
    t = both(np.array([1.0, -1.0, 1.0, -1.0, 0.0]), requires_grad=False)
    options = {"margin": margin, "reduction": reduction}
    inputs = {"first": a, "second": b}
    same_run(F.cosine_embedding_loss(a[0], b[0], t[0], **options), TF.cosine_embedding_loss(a[1], b[1], t[1], **options), inputs, rng)
    same(nn.CosineEmbeddingLoss(**options)(a[0], b[0], t[0]), torch.nn.CosineEmbeddingLoss(**options)(a[1], b[1], t[1]))
    same(F.cosine_embedding_loss(a[0][0], b[0][0], t[0][0]), TF.cosine_embedding_loss(a[1][0], b[1][0], t[1][0]))
    ours, theirs = (F.margin_ranking_loss(x[:, 0], y[:, 0], z, **options) for x, y, z in ((a[0], b[0], t[0]),)), None
    theirs = TF.margin_ranking_loss(a[1][:, 0], b[1][:, 0], t[1], **options)
    same_run(next(ours), theirs, inputs, rng)
    same(nn.MarginRankingLoss(**options)(a[0], a[0], b[0]), torch.nn.MarginRankingLoss(**options)(a[1], a[1], b[1]))


def test_probabilities_of_zero_and_one():
    x, t = both(np.array([0.0, 1.0, 0.0, 1.0, 1e-9])), both(np.array([0.0, 1.0, 1.0, 0.0, 1.0]))
    ours, theirs = F.binary_cross_entropy(x[0], t[0], reduction="none"), TF.binary_cross_entropy(x[1], t[1], reduction="none")
    same_run(ours, theirs, {"input": x, "target": t}, np.random.default_rng(0), (1e-10, 1e-8))  # PyTorch's -100 and least slope are float32
    same_run(F.kl_div(x[0] - 1, t[0], reduction="sum"), TF.kl_div(x[1] - 1, t[1], reduction="sum"), {"input": x}, np.random.default_rng(0))


@pytest.mark.parametrize("size_average", [None, False, True])
@pytest.mark.parametrize("reduce", [None, False, True])
@pytest.mark.parametrize(
    "loss", ["mse_loss", "l1_loss", "smooth_l1_loss", "binary_cross_entropy_with_logits", "binary_cross_entropy", "kl_div"]
)
def test_reductions_by_their_old_names(loss, size_average, reduce):
    x, t = both(np.array([0.2, 0.4, 0.7])), both(np.array([0.3, 0.0, 1.0]))
    options = {"size_average": size_average, "reduce": reduce}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same(getattr(F, loss)(x[0], t[0], **options), getattr(TF, loss)(x[1], t[1], **options))
        module = {k: v[0] for k, v in PAIRS.items()}.get(loss, "BCEWithLogitsLoss")
        assert getattr(nn, module)(**options).reduction == getattr(torch.nn, module)(**options).reduction


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4)])
def test_divergence_by_rows(shape):
    rng = np.random.default_rng(0)
    x, t = both(rng.standard_normal(shape)), both(rng.random(shape))
    for options in ({"reduction": "batchmean"}, {"reduction": "batchmean", "log_target": True}):
        same_run(F.kl_div(x[0], t[0], **options), TF.kl_div(x[1], t[1], **options), {"input": x, "target": t}, rng)


def test_old_names_of_reductions_warn():
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        nn.CrossEntropyLoss(size_average=False)
    with pytest.warns(UserWarning, match="'elementwise_mean' is deprecated"):
        assert F.mse_loss(tinyrnn.zeros(2), tinyrnn.ones(2), reduction="elementwise_mean") == 1
    with pytest.warns(UserWarning, match="'batchmean' divides only"):
        F.kl_div(tinyrnn.zeros(2), tinyrnn.ones(2))


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_derivatives(label_smoothing, weighted):
    x, t = tinyrnn.randn(4, 3, dtype=tinyrnn.float64, requires_grad=True), tinyrnn.tensor([0, 2, -100, 1])
    w = tinyrnn.tensor([0.5, 1.0, 2.0], dtype=tinyrnn.float64) if weighted else None
    assert gradcheck(lambda x: F.cross_entropy(x, t, w, label_smoothing=label_smoothing), x)
    assert gradgradcheck(lambda x: F.cross_entropy(x, t, w, label_smoothing=label_smoothing), x)
    assert gradcheck(
        lambda x: (
            F.binary_cross_entropy_with_logits(x, t.double().reshape(4, 1) * 0 + w, pos_weight=w) if weighted else F.mse_loss(x, x * x)
        ),
        x,
    )


# -- the edges --


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_minus_infinity_in_ignored_rows_does_no_harm(reduction, label_smoothing, weighted):
    scores = np.array([[0.5, -1.0, 2.0], [-np.inf, 0.0, 1.0], [1.0, -np.inf, 0.0]])
    x, t = both(scores), both([0, -100, -100])
    w = both(np.array([0.5, 1.0, 2.0]), requires_grad=False) if weighted else (None, None)
    options = {"reduction": reduction, "label_smoothing": label_smoothing}
    ours, theirs = F.cross_entropy(x[0], t[0], w[0], **options), TF.cross_entropy(x[1], t[1], w[1], **options)
    assert ours.isfinite().all()
    same_run(ours, theirs, {"input": x}, np.random.default_rng(0))


def test_a_class_that_cannot_be():
    """Masked scores: -inf costs nothing unless it is the target, and then everything."""
    x, t = both(np.array([[0.5, -np.inf, 2.0], [1.0, 0.0, -np.inf]])), both([0, 1])
    same_run(F.cross_entropy(x[0], t[0]), TF.cross_entropy(x[1], t[1]), {"input": x}, np.random.default_rng(0))
    assert F.cross_entropy(x[0], tinyrnn.tensor([1, 1])).item() == np.inf


@pytest.mark.parametrize("loss", ["cross_entropy", "nll_loss"])
def test_weights_that_rule_every_target_out(loss):
    x, t, w = both(np.zeros((2, 3))), both([1, 1]), both(np.array([1.0, 0.0, 1.0]), requires_grad=False)
    same_run(getattr(F, loss)(x[0], t[0], w[0]), getattr(TF, loss)(x[1], t[1], w[1]), {"input": x}, np.random.default_rng(0))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 2)])
def test_a_batch_without_rows(shape, reduction):
    x = both(np.zeros(shape))
    for target in (np.zeros((0, *shape[2:]), np.int64), np.zeros(shape)):
        t = both(target, requires_grad=False)
        ours, theirs = F.cross_entropy(x[0], t[0], reduction=reduction), TF.cross_entropy(x[1], t[1], reduction=reduction)
        same_run(ours, theirs, {"input": x}, np.random.default_rng(0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_large_scores(dtype, label_smoothing):
    scores = np.array([[1e4, -1e4, 0], [-1e4, -1e4, -1e4], [1e4, 1e4, -1e4]], dtype)
    x, t = both(scores), both([1, 0, 2])
    tolerance = (1e-6, 1e-6) if dtype == np.float32 else (1e-12, 1e-10)
    options = {"label_smoothing": label_smoothing}
    same_run(
        F.cross_entropy(x[0], t[0], **options), TF.cross_entropy(x[1], t[1], **options), {"input": x}, np.random.default_rng(0), tolerance
    )
    p = both(np.array([[1, 0, 0.5]] * 3, dtype))
    same_run(
        F.binary_cross_entropy_with_logits(x[0], p[0]),
        TF.binary_cross_entropy_with_logits(x[1], p[1]),
        {"input": x, "target": p},
        np.random.default_rng(0),
        tolerance,
    )


def test_float32_stays_float32():
    x, t = both(np.random.default_rng(0).standard_normal((50, 20)).astype(np.float32)), both(np.arange(50) % 20)
    w = both(np.linspace(0.1, 2, 20, dtype=np.float32), requires_grad=False)
    for options in ({}, {"label_smoothing": 0.1}):
        run = F.cross_entropy(x[0], t[0], w[0], **options), TF.cross_entropy(x[1], t[1], w[1], **options)
        same_run(*run, {"input": x}, np.random.default_rng(0), (1e-6, 1e-5))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "bool", "float32"])
def test_kinds_of_targets(dtype):
    def call(lib, function):
        return lambda: function(lib.zeros(3, 4), lib.tensor([0, 1, 1]).to(getattr(lib, dtype)))

    for name in ("cross_entropy", "nll_loss"):
        if dtype == "uint8":
            same(call(tinyrnn, getattr(F, name))(), call(torch, getattr(TF, name))(), 1e-6)
        else:
            assert same_error(call(tinyrnn, getattr(F, name)), call(torch, getattr(TF, name)))


def test_a_single_target_may_have_an_axis():
    x, t = both(np.array([0.5, -1.0, 2.0])), both([1])
    for reduction in ("none", "mean"):
        same(F.cross_entropy(x[0], t[0], reduction=reduction), TF.cross_entropy(x[1], t[1], reduction=reduction))


# -- what is refused --

LONG = np.int64
WRONG = {
    "a target too large": ((3, 4), [0, 4, 1], LONG, {}, "Target 4 is out of bounds: there are 4 classes"),
    "a negative target": ((3, 4), [0, -1, 1], LONG, {}, "Target -1 is out of bounds"),
    "targets for other rows": ((3, 4), [0, 1], LONG, {}, r"batch_size \(3\) to match target batch_size \(2\)"),
    "targets for a vector": ((4,), [1, 2], LONG, {}, "0-d target"),
    "no class axis": ((), 0, LONG, {}, "class axis"),
    "classes last": ((3, 2, 4), [[0, 1], [1, 2], [3, 3]], LONG, {}, r"class axis must be the second.*reshape\(-1, C\)"),
    "weights of another length": ((3, 4), [0, 1, 2], LONG, {"weight": np.ones(3)}, "all 4 classes"),
    "weights with two axes": ((3, 4), [0, 1, 2], LONG, {"weight": np.ones((1, 4))}, "all 4 classes"),
    "an unknown reduction": ((3, 4), [0, 1, 2], LONG, {"reduction": "avg"}, "avg is not a valid value for reduction"),
    "too much smoothing": ((3, 4), [0, 1, 2], LONG, {"label_smoothing": 1.5}, r"between 0\.0 and 1\.0"),
    "probabilities of another shape": ((3, 4), np.ones((3, 5)), float, {}, r"shape of the scores \[3, 4\]"),
    "floats for classes": ((3, 4), [0, 1, 2], float, {}, "class numbers must be integers"),
    "truth values for classes": ((3, 4), [0, 1, 1], bool, {}, "to be Long or Byte"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_of_cross_entropy(case):
    shape, target, dtype, options, pattern = WRONG[case]

    def call(library, function):
        given = {k: library.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
        return lambda: function(library.zeros(shape, dtype=library.float64), library.tensor(np.array(target, dtype)), **given)

    message = same_error(call(tinyrnn, F.cross_entropy), call(torch, TF.cross_entropy))
    with pytest.raises(Exception, match=pattern):
        raise Exception(message)


WRONG_CALLS = {
    "float classes": lambda lib, f: f.nll_loss(lib.zeros(3, 4), lib.zeros(3)),
    "unknown reduction": lambda lib, f: f.mse_loss(lib.zeros(3), lib.zeros(3), reduction="avg"),
    "unknown reduction of pairs": lambda lib, f: f.cosine_embedding_loss(lib.ones(1, 3), lib.ones(1, 3), lib.ones(1), reduction="avg"),
    "logits of another shape": lambda lib, f: f.binary_cross_entropy_with_logits(lib.zeros(3), lib.zeros(3, 1)),
    "logits with integers": lambda lib, f: f.binary_cross_entropy_with_logits(lib.zeros(3), lib.tensor([0, 1, 1])),
    "probabilities of another shape": lambda lib, f: f.binary_cross_entropy(lib.zeros(3, 1), lib.zeros(3)),
    "probabilities above 1": lambda lib, f: f.binary_cross_entropy(lib.ones(3) + 1, lib.zeros(3)),
    "targets below 0": lambda lib, f: f.binary_cross_entropy(lib.ones(3), lib.zeros(3) - 1),
    "probabilities with integers": lambda lib, f: f.binary_cross_entropy(lib.ones(3), lib.tensor([0, 1, 1])),
    "probabilities of another dtype": lambda lib, f: f.binary_cross_entropy(lib.ones(3), lib.ones(3, dtype=lib.float64)),
    "sizes that do not broadcast": lambda lib, f: f.l1_loss(lib.zeros(3), lib.zeros(4)),
    "weights of another size": lambda lib, f: f.mse_loss(lib.zeros(3), lib.zeros(3), weight=lib.ones(2)),
    "scores that are integers": lambda lib, f: f.cross_entropy(lib.tensor([[1, 2]]), lib.tensor([0])),
    "targets in a list": lambda lib, f: f.cross_entropy(lib.zeros(1, 2), [0]),
    "targets in an array": lambda lib, f: f.mse_loss(lib.zeros(2), np.zeros(2)),
    "class weights of another dtype": lambda lib, f: f.nll_loss(lib.zeros(1, 2), lib.tensor([0]), lib.ones(2, dtype=lib.float64)),
    "delta": lambda lib, f: f.huber_loss(lib.zeros(3), lib.zeros(3), delta=0),
    "beta": lambda lib, f: f.smooth_l1_loss(lib.zeros(3), lib.zeros(3), beta=-1),
    "divergence of integers": lambda lib, f: f.kl_div(lib.zeros(3), lib.tensor([0, 1, 1]), reduction="sum"),
    "cosines of three axes": lambda lib, f: f.cosine_embedding_loss(lib.ones(1, 2, 3), lib.ones(1, 2, 3), lib.ones(1, 2)),
    "cosines with one target": lambda lib, f: f.cosine_embedding_loss(lib.ones(2, 3), lib.ones(2, 3), lib.tensor(1)),
    "ranks of two shapes": lambda lib, f: f.margin_ranking_loss(lib.ones(3), lib.ones(3, 1), lib.ones(3)),
}


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("case", WRONG_CALLS)
def test_other_wrong_arguments(case):
    assert same_error(lambda: WRONG_CALLS[case](tinyrnn, F), lambda: WRONG_CALLS[case](torch, TF))


def test_mse_of_two_shapes_warns_as_in_pytorch():
    for x, t, loss in ((tinyrnn.zeros(3), tinyrnn.zeros(3, 1), F.mse_loss), (torch.zeros(3), torch.zeros(3, 1), TF.mse_loss)):
        with pytest.warns(UserWarning, match=r"Using a target size \(.*3, 1.*\) that is different to the input size"):
            assert loss(x, t) == 0


def test_weights_are_buffers_of_the_losses():
    loss = nn.CrossEntropyLoss(tinyrnn.ones(3))
    assert list(loss.state_dict()) == ["weight"] and not list(loss.parameters())
    assert list(nn.CrossEntropyLoss().state_dict()) == []
    assert list(nn.BCEWithLogitsLoss(pos_weight=tinyrnn.ones(3)).state_dict()) == ["pos_weight"]
