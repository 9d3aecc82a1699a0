"""The adaptive softmax against PyTorch."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import nn
from tinyrnn.gradcheck import gradgradcheck

from .parity import both, parameter_pairs, same, same_error, same_run, share_weights, torch


def layers(*args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a tail without features
        theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(*args, **options, dtype=torch.float64)
    ours = nn.AdaptiveLogSoftmaxWithLoss(*args, **options, dtype=tinyrnn.float64)
    share_weights(ours, theirs)
    return ours, theirs


@given(
    cutoffs=st.sampled_from([[3], [2, 5], (1, 2, 9)]),
    head_bias=st.booleans(),
    div_value=st.sampled_from([4.0, 2, 1.5]),
    targets=st.lists(st.integers(0, 9), min_size=1, max_size=5),
    seed=st.integers(0, 99),
)
def test_log_probabilities_loss_and_gradients(cutoffs, head_bias, div_value, targets, seed):
    rng = np.random.default_rng(seed)
    pair = layers(6, 10, cutoffs, div_value=div_value, head_bias=head_bias)
    assert repr(pair[0]) == repr(pair[1])
    x, t = both(rng.standard_normal((len(targets), 6)) * 3), both(targets)
    results = [tuple(layer(a, b)) for layer, a, b in zip(pair, x, t)]
    used = {name: p for name, p in parameter_pairs(*pair).items() if p[1].numel()}
    same_run(*results, {"input": x, **used}, rng)
    same(*(layer.log_prob(a) for layer, a in zip(pair, x)))
    same(*(layer.predict(a) for layer, a in zip(pair, x)))
    same(*(tuple(layer(a[0], b[0])) for layer, a, b in zip(pair, x, t)))


def test_the_result_is_a_named_pair():
    ours, theirs = layers(6, 10, [3])
    results = [layer(lib.ones(2, 6, dtype=lib.float64), lib.tensor([1, 5])) for layer, lib in ((ours, tinyrnn), (theirs, torch))]
    assert type(results[0]).__name__ == type(results[1]).__name__ and results[0]._fields == results[1]._fields
    assert {k: v for k, v in vars(ours).items() if k in ("cutoffs", "shortlist_size", "n_clusters", "head_size")} == {
        k: getattr(theirs, k) for k in ("cutoffs", "shortlist_size", "n_clusters", "head_size")
    }


def test_second_derivatives():
    layer = nn.AdaptiveLogSoftmaxWithLoss(4, 6, [2, 4], dtype=tinyrnn.float64)
    x = tinyrnn.randn(4, 4, dtype=tinyrnn.float64, requires_grad=True)
    assert gradgradcheck(lambda x: layer(x, tinyrnn.tensor([5, 0, 2, 3])).loss, x)


def test_reset_draws_all_weights_anew():
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10], div_value=2, head_bias=True)
    before = [p.detach().clone() for p in layer.parameters()]
    layer.reset_parameters()
    assert all((p != q).any() for p, q in zip(layer.parameters(), before))


@pytest.mark.parametrize("cutoffs", [[], [20], [5, 5], [10, 5], [0, 5], [-1, 5], [5.5], [25]])
def test_wrong_cutoffs(cutoffs):
    same_error(lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs), lambda: torch.nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs))


CALLS = {
    "too large": lambda m, x, t: m(x, t * 10),
    "negative": lambda m, x, t: m(x, t - 1),
    "too few": lambda m, x, t: m(x, t[:2]),
    "two axes": lambda m, x, t: m(x, t[None]),
    "a batch of inputs": lambda m, x, t: m(x, t[0]),
    "one input": lambda m, x, t: m(x[0], t[:1]),
    "fractions": lambda m, x, t: m(x, t.double()),
    "features": lambda m, x, t: m(x[:, :3], t),
}


@pytest.mark.parametrize("case", CALLS)
def test_wrong_arguments(case):
    pair = layers(6, 10, [3])
    x, t = both(np.ones((3, 6))), both([0, 5, 2])
    same_error(*(lambda m=m, a=a, b=b: CALLS[case](m, a, b) for m, a, b in zip(pair, x, t)))
