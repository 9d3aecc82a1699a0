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
        same_run(F.mse_loss(x[0], t[0], reduction), TF.mse_loss(x[1], t[1], reduction=reduction), {"input": x, "target": t}, rng)
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
    ours = F.binary_cross_entropy_with_logits(x[0], t[0], w[0], reduction, pos_weight=p[0])
    theirs = TF.binary_cross_entropy_with_logits(x[1], t[1], w[1], reduction=reduction, pos_weight=p[1])
    same_run(ours, theirs, {"input": x, "target": t}, rng)
    module = nn.BCEWithLogitsLoss(w[0], reduction=reduction, pos_weight=p[0])
    assert (module(x[0], t[0]) == ours).all()


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


def test_integer_targets_of_any_width():
    x = tinyrnn.randn(3, 4)
    expected = F.cross_entropy(x, tinyrnn.tensor([0, 3, 1]))
    for dtype in (tinyrnn.int32, tinyrnn.uint8, tinyrnn.int8):
        assert F.cross_entropy(x, tinyrnn.tensor([0, 3, 1], dtype=dtype)) == expected


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
    "truth values for classes": ((3, 4), [0, 1, 1], bool, {}, "expected integer targets"),
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


def test_other_wrong_arguments():
    for ours, theirs in (
        (lambda: F.nll_loss(tinyrnn.zeros(3, 4), tinyrnn.zeros(3)), lambda: TF.nll_loss(torch.zeros(3, 4), torch.zeros(3))),
        (
            lambda: F.mse_loss(tinyrnn.zeros(3), tinyrnn.zeros(3), "avg"),
            lambda: TF.mse_loss(torch.zeros(3), torch.zeros(3), reduction="avg"),
        ),
        (
            lambda: F.binary_cross_entropy_with_logits(tinyrnn.zeros(3), tinyrnn.zeros(3, 1)),
            lambda: TF.binary_cross_entropy_with_logits(torch.zeros(3), torch.zeros(3, 1)),
        ),
    ):
        assert same_error(ours, theirs)
    with pytest.raises(ValueError, match="reduction"):
        nn.MSELoss(reduction="avg")


def test_mse_of_two_shapes_warns_as_in_pytorch():
    for x, t, loss in ((tinyrnn.zeros(3), tinyrnn.zeros(3, 1), F.mse_loss), (torch.zeros(3), torch.zeros(3, 1), TF.mse_loss)):
        with pytest.warns(UserWarning, match=r"Using a target size \(.*3, 1.*\) that is different to the input size"):
            assert loss(x, t) == 0


def test_weights_are_buffers_of_the_losses():
    loss = nn.CrossEntropyLoss(tinyrnn.ones(3))
    assert list(loss.state_dict()) == ["weight"] and not list(loss.parameters())
    assert list(nn.CrossEntropyLoss().state_dict()) == []
    assert list(nn.BCEWithLogitsLoss(pos_weight=tinyrnn.ones(3)).state_dict()) == ["pos_weight"]
