"""Distributions against PyTorch: probabilities, entropies, gradients, errors; and samples against their probabilities."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import distributions


@pytest.fixture(scope="module")
def torch():
    pytest.importorskip("torch")
    import torch.distributions

    return torch


def tensors(lib, *values):
    return [lib.tensor(v, dtype=lib.float64, requires_grad=True) for v in values]


RNG = np.random.default_rng(1)
TABLE = RNG.random((3, 4)) + 0.1
LOGITS = RNG.normal(size=(2, 3, 4))
ROW = RNG.normal(size=3)
POSITIVE = RNG.random((2, 3)) + 0.2

PROPERTIES = ["probs", "logits", "mean", "mode", "variance", "stddev", "entropy", "perplexity", "batch_shape", "event_shape"]
MADE = {
    "Categorical, probs": (lambda D, p: D.Categorical(p), [TABLE], [0, 3, 1]),
    "Categorical, probs by name": (lambda D, p: D.Categorical(probs=p), [TABLE[0]], [[0, 3], [1, 2]]),
    "Categorical, impossible": (lambda D, p: D.Categorical(p), [np.array([0.0, 1.0, 3.0])], [0, 1, 2]),
    "Categorical, logits": (lambda D, x: D.Categorical(logits=x), [LOGITS], [[0, 3, 1], [2, 2, 1]]),
    "Normal": (lambda D, m, s: D.Normal(m, s), [ROW, POSITIVE], [[0.3, -1.0, 2.0]]),
    "Normal, number": (lambda D, m: D.Normal(m, 0.5), [ROW], [0.3, -1.0, 2.0]),
    "Bernoulli, probs": (lambda D, p: D.Bernoulli(p / 2), [TABLE], 1.0),
    "Bernoulli, logits": (lambda D, x: D.Bernoulli(logits=x), [ROW], [1.0, 0.0, 1.0]),
    "Uniform": (lambda D, a, w: D.Uniform(a, a + w), [ROW, POSITIVE], list(ROW + 0.1)),
    "Laplace": (lambda D, m, s: D.Laplace(m, s), [ROW, POSITIVE], [0.3, -1.0, 2.0]),
    "OneHotCategorical, straight": (lambda D, x: D.OneHotCategoricalStraightThrough(logits=x), [LOGITS], [0.0, 1.0, 0.0, 0.0]),
    "Exponential": (lambda D, r: D.Exponential(r), [POSITIVE], [0.3, 1.0, 0.0]),
    "Gumbel": (lambda D, m, s: D.Gumbel(m, s), [ROW, POSITIVE], [0.3, -1.0, 2.0]),
    "OneHotCategorical, probs": (lambda D, p: D.OneHotCategorical(p), [TABLE], [0.0, 0.0, 1.0, 0.0]),
    "OneHotCategorical, logits": (lambda D, x: D.OneHotCategorical(logits=x), [LOGITS], [0.0, 1.0, 0.0, 0.0]),
    "Independent": (lambda D, m, s: D.Independent(D.Normal(m, s), 1), [ROW, POSITIVE], [0.3, -1.0, 2.0]),
    "Independent of none": (lambda D, s: D.Independent(D.Exponential(s), 0), [POSITIVE], [0.3, 1.0, 2.0]),
    "Mixture": (lambda D, x, m: D.MixtureSameFamily(D.Categorical(logits=x), D.Normal(m, 0.5)), [TABLE, LOGITS[0]], [0.3, -1.0, 2.0]),
    "Mixture of vectors": (
        lambda D, x, m: D.MixtureSameFamily(D.Categorical(logits=x), D.Independent(D.Normal(m, 0.5), 1)),
        [TABLE[:2, :3], LOGITS],
        [[0.3, -1.0, 2.0, 0.0]] * 2,
    ),
}


def pairs(torch, case):
    make, values, _ = MADE[case]
    for lib in (tinyrnn, torch):
        params = tensors(lib, *values)
        yield lib, params, make(lib.distributions, *params)


def same(a, b):
    assert tuple(a.shape) == tuple(b.shape) and str(a.dtype).split(".")[1] == str(b.dtype).split(".")[1]
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", MADE)
@pytest.mark.parametrize("what", PROPERTIES)
def test_properties_are_pytorchs(torch, case, what):
    found = []
    for _, params, made in pairs(torch, case):
        try:
            value = getattr(made, what, None)
            value = value() if callable(value) else value
        except NotImplementedError:  # the entropy of a mixture has no formula
            value = None
        slopes = []
        if what.endswith("shape"):
            value = tuple(value)
        elif value is not None and value.requires_grad:
            (value**2).sum().backward()
            slopes = [p.grad for p in params]
        found.append((value, slopes))
    (a, one), (b, other) = found
    if isinstance(a, tuple) or b is None or a is None:
        assert a == b
        return
    same(a, b)
    for x, y in zip(one, other, strict=True):
        assert (x is None) == (y is None)
        if x is not None:
            same(x, y)


@pytest.mark.parametrize("case", MADE)
@pytest.mark.parametrize("what", ["log_prob", "cdf"])
def test_probabilities_and_their_gradients_are_pytorchs(torch, case, what):
    if what == "cdf" and not (case.startswith(("Normal", "Uniform", "Exp", "Gumbel", "Laplace")) or case == "Mixture"):
        return
    found = []
    for lib, params, made in pairs(torch, case):
        value = getattr(made, what)(lib.tensor(MADE[case][2]) if case.startswith("Cat") else lib.tensor(MADE[case][2], dtype=lib.float64))
        (value * 1.5).sum().backward()
        found.append([value, *[p.grad for p in params]])
    for a, b in zip(*found):
        same(a, b)


@pytest.mark.parametrize("case", MADE)
@given(shape=st.sampled_from([(), (5,), (1, 2), [2, 3]]))
def test_samples_have_pytorchs_shapes_and_can_occur(torch, case, shape):
    drawn = [(made, made.sample(shape)) for _, _, made in pairs(torch, case)]
    (made, ours), (_, theirs) = drawn
    assert tuple(ours.shape) == tuple(theirs.shape) and not ours.requires_grad
    assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1]
    assert np.isfinite(made.log_prob(ours).detach().numpy()).all()


def test_samples_are_as_frequent_as_their_probabilities():
    die = distributions.Categorical(tinyrnn.tensor([[1.0, 2.0, 5.0], [4.0, 4.0, 0.0]]))
    drawn = die.sample((20_000,)).numpy()
    for row in range(2):
        counts = np.bincount(drawn[:, row], minlength=3) / 20_000
        np.testing.assert_allclose(counts, die.probs[row].numpy(), atol=0.015)
    coin = distributions.Bernoulli(tinyrnn.tensor([0.2, 0.9])).sample((20_000,)).numpy()
    np.testing.assert_allclose(coin.mean(0), [0.2, 0.9], atol=0.015)
    bell = distributions.Normal(tinyrnn.tensor([0.0, 3.0]), 2.0).sample((20_000,)).numpy()
    np.testing.assert_allclose([bell.mean(0), bell.std(0)], [[0, 3], [2, 2]], atol=0.06)
    flat = distributions.Uniform(-1.0, 3.0).sample((20_000,)).numpy()
    assert flat.min() >= -1 and flat.max() < 3 and abs(flat.mean() - 1) < 0.04


def test_more_samples_are_as_frequent_as_their_probabilities():
    rows = distributions.OneHotCategorical(tinyrnn.tensor([1.0, 3.0, 4.0])).sample((20_000,)).numpy()
    np.testing.assert_allclose(rows.mean(0), [0.125, 0.375, 0.5], atol=0.015)
    scores, means = tinyrnn.tensor([[1.0, 3.0], [1.0, 1.0]]).log(), tinyrnn.tensor([[-4.0, 4.0], [0.0, 8.0]])
    mixture = distributions.MixtureSameFamily(distributions.Categorical(logits=scores), distributions.Normal(means, 0.5))
    for made in (mixture, distributions.Exponential(2.0), distributions.Gumbel(1.0, 2.0), distributions.Laplace(1.0, 2.0)):
        drawn = made.sample((20_000,)).numpy()
        np.testing.assert_allclose(drawn.mean(0), made.mean.numpy(), atol=0.1)
        np.testing.assert_allclose(drawn.std(0), made.stddev.numpy(), atol=0.1)
        middle = tinyrnn.tensor(np.median(drawn, axis=0))
        np.testing.assert_allclose(made.cdf(middle).numpy(), np.full(made.batch_shape, 0.5), atol=0.02)


def test_gradients_flow_through_rsample_and_not_through_sample():
    for make in (distributions.Normal, distributions.Uniform):
        low, high = (tinyrnn.tensor(v, requires_grad=True) for v in (1.0, 2.0))
        made = make(low, high)
        assert not made.sample().requires_grad
        value = made.rsample((4,))
        value.sum().backward()
        noise = (value.detach() - 1) / (2 if make is distributions.Normal else 1)
        total = float(noise.sum())
        slopes = [4, total] if make is distributions.Normal else [4 - total, total]
        np.testing.assert_allclose([low.grad.item(), high.grad.item()], slopes, rtol=1e-5)
    for one in (distributions.Categorical(logits=tinyrnn.zeros(2)), distributions.Bernoulli(0.5)):
        assert not one.has_rsample
        with pytest.raises(NotImplementedError):
            one.rsample()


def test_reinforce_finds_the_better_arm():
    scores = tinyrnn.zeros(3, requires_grad=True)
    sgd = tinyrnn.optim.SGD([scores], lr=0.1)
    for _ in range(300):
        policy = distributions.Categorical(logits=scores)
        action = policy.sample()
        reward = [0.1, 1.0, 0.2][action]
        sgd.zero_grad()
        (-policy.log_prob(action) * reward).backward()
        sgd.step()
    assert distributions.Categorical(logits=scores).mode.item() == 1


def one(lib):
    return lib.distributions.Categorical(lib.tensor([[1.0, 3.0], [2.0, 2.0], [0.0, 1.0]]))


ERRORS = {
    "both": lambda lib: lib.distributions.Categorical(lib.ones(2), lib.ones(2)),
    "neither": lambda lib: lib.distributions.Categorical(),
    "a scalar": lambda lib: lib.distributions.Categorical(lib.tensor(1.0)),
    "scalar logits": lambda lib: lib.distributions.Categorical(logits=lib.tensor(1.0)),
    "a list": lambda lib: lib.distributions.Categorical([0.5, 0.5]),
    "negative": lambda lib: lib.distributions.Categorical(lib.tensor([-0.1, 1.1])),
    "all zero": lambda lib: lib.distributions.Categorical(lib.zeros(2)),
    "nan": lambda lib: lib.distributions.Categorical(logits=lib.tensor([float("nan"), 1.0])),
    "no such class": lambda lib: one(lib).log_prob(lib.tensor([0, 1, 2])),
    "half a class": lambda lib: one(lib).log_prob(lib.tensor([0.5, 1, 0])),
    "another shape": lambda lib: one(lib).log_prob(lib.tensor([0, 1])),
    "a number": lambda lib: one(lib).log_prob(1),
    "a number of samples": lambda lib: one(lib).sample(3),
    "cdf of classes": lambda lib: one(lib).cdf(lib.tensor(1)),
    "scale": lambda lib: lib.distributions.Normal(lib.zeros(2), lib.tensor([1.0, -1.0])),
    "zero scale": lambda lib: lib.distributions.Normal(0, 0),
    "shapes": lambda lib: lib.distributions.Normal(lib.zeros(2), lib.ones(3)),
    "text": lambda lib: lib.distributions.Normal("a", 1.0),
    "nan value": lambda lib: lib.distributions.Normal(0.0, 1.0).log_prob(lib.tensor(float("nan"))),
    "probability": lambda lib: lib.distributions.Bernoulli(1.5),
    "neither, coin": lambda lib: lib.distributions.Bernoulli(),
    "neither yes nor no": lambda lib: lib.distributions.Bernoulli(0.5).log_prob(lib.tensor(0.5)),
    "empty interval": lambda lib: lib.distributions.Uniform(1.0, 1.0),
    "outside": lambda lib: lib.distributions.Uniform(0.0, 2.0).log_prob(lib.tensor(3.0)),
    "two of one": lambda lib: lib.distributions.OneHotCategorical(lib.ones(3)).log_prob(lib.tensor([1.0, 1.0, 0.0])),
    "rate": lambda lib: lib.distributions.Exponential(-1.0),
    "no time": lambda lib: lib.distributions.Exponential(lib.tensor([1.0, 2.0])).log_prob(lib.tensor(-1.0)),
    "axes": lambda lib: lib.distributions.Independent(lib.distributions.Normal(0.0, 1.0), 1),
    "mixed by": lambda lib: lib.distributions.MixtureSameFamily(lib.distributions.Normal(0.0, 1.0), one(lib)),
    "mixed": lambda lib: lib.distributions.MixtureSameFamily(one(lib), 3),
    "components": lambda lib: lib.distributions.MixtureSameFamily(one(lib), lib.distributions.Normal(lib.zeros(3, 4), 1.0)),
    "mixtures": lambda lib: lib.distributions.MixtureSameFamily(one(lib), lib.distributions.Normal(lib.zeros(4, 2), 1.0)),
    "value of a mixture": lambda lib: lib.distributions.MixtureSameFamily(
        lib.distributions.Categorical(lib.ones(2)), lib.distributions.Normal(lib.zeros(2), 1.0)
    ).log_prob(lib.tensor(float("nan"))),
    "unlike": lambda lib: lib.distributions.kl_divergence(lib.distributions.Normal(0.0, 1.0), lib.distributions.Bernoulli(0.5)),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_of_pytorchs_type_and_say_the_same(torch, case):
    with pytest.raises(Exception) as theirs:
        ERRORS[case](torch)
    with pytest.raises(theirs.type) as ours:
        ERRORS[case](tinyrnn)
    assert ours.type is theirs.type
    if theirs.type is ValueError:
        assert str(ours.value).replace("tinyrnn.", "torch.") == str(theirs.value)


@pytest.mark.parametrize("case", MADE)
def test_unchecked_arguments_are_taken_and_shown(torch, case):
    (_, _, ours), (_, _, theirs) = pairs(torch, case)
    assert repr(ours).replace("tinyrnn.", "torch.") == repr(theirs)
    for lib in (tinyrnn, torch):
        lib.distributions.Categorical(lib.tensor([-0.1, 1.1]), validate_args=False)
        outside = lib.distributions.Uniform(0.0, 2.0, validate_args=False).log_prob(lib.tensor(3.0))
        assert outside.item() == float("-inf")
        lib.distributions.Distribution.set_default_validate_args(False)
        try:
            assert lib.distributions.Normal(0.0, -1.0).scale.item() == -1
        finally:
            lib.distributions.Distribution.set_default_validate_args(True)


@pytest.mark.parametrize("name", sorted(set(distributions.__all__) - {"Distribution", "constraints", "kl_divergence"}))
def test_signatures_are_pytorchs(torch, name):
    def signature(lib):
        return [(n, p.default) for n, p in inspect.signature(getattr(lib.distributions, name)).parameters.items()]

    assert signature(tinyrnn) == signature(torch)


@pytest.mark.parametrize("case", ["Categorical, logits", "OneHotCategorical, logits", "Normal", "Independent", "Bernoulli, probs"])
def test_divergences_are_pytorchs(torch, case):
    found = []
    for lib, params, made in pairs(torch, case):
        make, values, _ = MADE[case]
        other = make(lib.distributions, *[lib.tensor(v[..., ::-1].copy()) for v in values])
        value = lib.distributions.kl_divergence(made, other)
        value.sum().backward()
        found.append([value, *[p.grad for p in params]])
    for a, b in zip(*found):
        same(a, b)


def test_all_classes_can_be_listed(torch):
    for expand in (True, False):
        found = [made.enumerate_support(expand) for _, _, made in pairs(torch, "Categorical, logits")]
        same(*found)
