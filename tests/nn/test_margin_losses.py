"""Losses with a margin, and of counts and measurements, equal PyTorch's in value, gradient and in what they refuse."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import nn
from tinyrnn.nn import functional as F

from .parity import both, same, same_error, same_run, torch

TF = torch.nn.functional


def signs(rng, shape):
    return rng.choice([-1.0, 1.0], shape)


def zeros_and_ones(rng, shape):
    return rng.integers(0, 2, shape).astype(float)


def counts(rng, shape):
    return rng.integers(0, 5, shape).astype(float)


PAIRS = {  # function: its module, how to draw targets, and options that change something
    "hinge_embedding_loss": ("HingeEmbeddingLoss", signs, {"margin": [1.0, 0.3]}),
    "soft_margin_loss": ("SoftMarginLoss", signs, {}),
    "multilabel_soft_margin_loss": ("MultiLabelSoftMarginLoss", zeros_and_ones, {}),
    "poisson_nll_loss": ("PoissonNLLLoss", counts, {"log_input": [True, False], "full": [False, True], "eps": [1e-8, 0.1]}),
}


@given(data=st.data(), loss=st.sampled_from(sorted(PAIRS)), shape=st.sampled_from([(3,), (2, 3), (2, 1, 3)]), seed=st.integers(0, 999))
def test_losses_of_two_tensors(data, loss, shape, seed):
    rng = np.random.default_rng(seed)
    module, draw, settings = PAIRS[loss]
    options = {k: data.draw(st.sampled_from(v)) for k, v in {**settings, "reduction": ["mean", "sum", "none"]}.items()}
    x, t = both(np.abs(rng.standard_normal(shape)) * 2), both(draw(rng, shape), requires_grad=False)
    same_run(getattr(F, loss)(x[0], t[0], **options), getattr(TF, loss)(x[1], t[1], **options), {"input": x}, rng)
    ours, theirs = getattr(nn, module)(**options), getattr(torch.nn, module)(**options)
    same(ours(x[0], t[0]), theirs(x[1], t[1]))
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("p", [1, 2])
def test_multi_margin_loss(p, weighted, reduction):
    rng = np.random.default_rng(0)
    x, t = both(rng.standard_normal((5, 4))), both(rng.integers(0, 4, 5))
    w = both(rng.random(4), requires_grad=False) if weighted else (None, None)
    options = {"p": p, "margin": 0.7, "reduction": reduction}
    same_run(
        F.multi_margin_loss(x[0], t[0], weight=w[0], **options), TF.multi_margin_loss(x[1], t[1], weight=w[1], **options), {"x": x}, rng
    )
    ours, theirs = nn.MultiMarginLoss(weight=w[0], **options), torch.nn.MultiMarginLoss(weight=w[1], **options)
    same(ours(x[0], t[0]), theirs(x[1], t[1]))
    for k in (0, slice(0, 1)):
        same(ours(x[0][0], t[0][k]), theirs(x[1][0], t[1][k]))


def test_weights_of_classes():
    rng = np.random.default_rng(0)
    x, t, w = both(rng.standard_normal((5, 4))), both(zeros_and_ones(rng, (5, 4))), both(rng.random(4), requires_grad=False)
    same(F.multilabel_soft_margin_loss(x[0], t[0], w[0]), TF.multilabel_soft_margin_loss(x[1], t[1], w[1]))
    same(nn.MultiLabelSoftMarginLoss(w[0])(x[0], t[0]), torch.nn.MultiLabelSoftMarginLoss(w[1])(x[1], t[1]))


@given(
    variance=st.sampled_from(["same", "one", "none", "number", "tiny"]),
    full=st.booleans(),
    reduction=st.sampled_from(["mean", "sum", "none"]),
    seed=st.integers(0, 99),
)
def test_gaussian_nll_loss(variance, full, reduction, seed):
    rng = np.random.default_rng(seed)
    x, t, v = both(rng.standard_normal((4, 3))), both(rng.standard_normal((4, 3))), rng.random((4, 3)) + 0.1
    v = both({"one": v[:, :1], "none": v[:, 0], "tiny": v * 1e-3}.get(variance, v))
    inputs = {"input": x, "target": t, "var": v}
    if variance == "number":
        v = (0.3, 0.3)
        del inputs["var"]
    options = {"full": full, "reduction": reduction, "eps": 1e-4}
    same_run(F.gaussian_nll_loss(x[0], t[0], v[0], **options), TF.gaussian_nll_loss(x[1], t[1], v[1], **options), inputs, rng)
    ours, theirs = nn.GaussianNLLLoss(**options), torch.nn.GaussianNLLLoss(**options)
    same(ours(x[0], t[0], v[0]), theirs(x[1], t[1], v[1]))
    assert repr(ours) == repr(theirs)


@given(
    shape=st.sampled_from([(4, 3), (3,), (2, 2, 3)]),
    options=st.fixed_dictionaries(
        {"margin": st.sampled_from([1.0, 0.2]), "swap": st.booleans(), "reduction": st.sampled_from(["mean", "sum", "none"])}
    ),
    p=st.sampled_from([2.0, 1, 3]),
    seed=st.integers(0, 99),
)
def test_triplets(shape, options, p, seed):
    rng = np.random.default_rng(seed)
    a, b, c = (both(rng.standard_normal(shape)) for _ in range(3))
    inputs = {"anchor": a, "positive": b, "negative": c}
    ours, theirs = (f(*(x[k] for x in (a, b, c)), p=p, **options) for k, f in enumerate((F.triplet_margin_loss, TF.triplet_margin_loss)))
    same_run(ours, theirs, inputs, rng)
    modules = nn.TripletMarginLoss(p=p, **options), torch.nn.TripletMarginLoss(p=p, **options)
    assert (modules[0](a[0], b[0], c[0]) == ours).all() and repr(modules[0]) == repr(modules[1])
    options["distance_function"] = lambda x, y: ((x - y) ** 2).sum(-1)
    same_run(
        nn.TripletMarginWithDistanceLoss(**options)(a[0], b[0], c[0]),
        torch.nn.TripletMarginWithDistanceLoss(**options)(a[1], b[1], c[1]),
        inputs,
        rng,
    )


CALLS = {
    "margin": lambda lib, f, x: f.triplet_margin_loss(x, x, x, margin=-1),
    "margin of a module": lambda lib, f, x: lib.nn.TripletMarginLoss(margin=0),
    "margin of the other": lambda lib, f, x: lib.nn.TripletMarginWithDistanceLoss(margin=0),
    "axes": lambda lib, f, x: f.triplet_margin_loss(x, x, x[0]),
    "power": lambda lib, f, x: f.multi_margin_loss(x, lib.tensor([0, 1]), p=3),
    "power of a module": lambda lib, f, x: lib.nn.MultiMarginLoss(p=3),
    "weights of a module": lambda lib, f, x: lib.nn.MultiMarginLoss(weight=x),
    "no class": lambda lib, f, x: f.multi_margin_loss(x, lib.tensor([0, 3])),
    "too few": lambda lib, f, x: f.multi_margin_loss(x, lib.tensor([0])),
    "fractions": lambda lib, f, x: f.multi_margin_loss(x, lib.tensor([0.0, 1.0])),
    "three axes": lambda lib, f, x: f.multi_margin_loss(x[None], lib.tensor([0])),
    "weights": lambda lib, f, x: f.multi_margin_loss(x, lib.tensor([0, 1]), weight=lib.ones(2)),
    "weights of another dtype": lambda lib, f, x: f.multi_margin_loss(x, lib.tensor([0, 1]), weight=lib.ones(3)),
    "negative variance": lambda lib, f, x: f.gaussian_nll_loss(x, x, -x),
    "negative number": lambda lib, f, x: f.gaussian_nll_loss(x, x, -1.0),
    "variance": lambda lib, f, x: f.gaussian_nll_loss(x, x, x[:, :2]),
    "shapes": lambda lib, f, x: f.poisson_nll_loss(x, x[:, :2]),
    "other shapes": lambda lib, f, x: f.soft_margin_loss(x, x[:, :2]),
    **{
        f"reduction, {name}": lambda lib, f, x, name=name, more=more: getattr(f, name)(x, x, *[x] * more, reduction="most")
        for name, more in (("gaussian_nll_loss", 1), ("hinge_embedding_loss", 0), ("triplet_margin_loss", 1))
    },
}


@pytest.mark.parametrize("case", CALLS)
def test_wrong_arguments(case):
    x = both(np.arange(1.0, 7.0).reshape(2, 3), requires_grad=False)
    same_error(lambda: CALLS[case](tinyrnn, F, x[0]), lambda: CALLS[case](torch, TF, x[1]))


def test_old_names_of_reductions():
    x = both(np.array([0.2, 0.4, 0.7]), requires_grad=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("soft_margin_loss", "hinge_embedding_loss", "poisson_nll_loss"):
            same(getattr(F, name)(x[0], x[0], size_average=False), getattr(TF, name)(x[1], x[1], size_average=False))
