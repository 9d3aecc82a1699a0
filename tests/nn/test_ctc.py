"""Connectionist temporal classification: against PyTorch, against its definition, and against all alignments one by one."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import nn
from tinyrnn.gradcheck import gradcheck, gradgradcheck
from tinyrnn.nn import functional as F
from tinyrnn.ops.ctc import ctc_nll

from .parity import both, same, same_error, same_run, torch

TF = torch.nn.functional


def problem(T, N, C, S, blank, rng, possible=False):
    """Scores, padded targets, and the lengths of both."""
    lengths = rng.integers(2 * S if possible else 0, T + 1, N)
    targets = rng.integers(0, C - 1, (N, S))
    return rng.standard_normal((T, N, C)), targets + (targets >= blank), lengths, rng.integers(0, S + 1, N)


@given(
    sizes=st.tuples(st.integers(1, 8), st.integers(1, 3), st.integers(2, 5), st.integers(0, 4)),
    blank=st.integers(0, 1),
    joined=st.booleans(),
    lengths_as=st.sampled_from(["tuple", "int64", "int32"]),
    reduction=st.sampled_from(["mean", "sum", "none"]),
    zero_infinity=st.booleans(),
    seed=st.integers(0, 9999),
)
@example(sizes=(2, 3, 3, 4), blank=0, joined=False, lengths_as="tuple", reduction="mean", zero_infinity=True, seed=0)
def test_loss_is_pytorchs(sizes, blank, joined, lengths_as, reduction, zero_infinity, seed):
    rng = np.random.default_rng(seed)
    x, targets, lengths, counts = problem(*sizes, blank, rng)
    if joined:
        targets = np.concatenate([row[:n] for row, n in zip(targets, counts)])
    x, t = both(x), both(targets)
    how = {"blank": blank, "reduction": reduction, "zero_infinity": zero_infinity}
    if lengths_as == "tuple":
        given_lengths = [(tuple(lengths.tolist()), tuple(counts.tolist()))] * 2
    else:
        given_lengths = zip(both(lengths.astype(lengths_as)), both(counts.astype(lengths_as)))
    ours, theirs = (f(a.log_softmax(2), b, *n, **how) for f, a, b, n in zip((F.ctc_loss, TF.ctc_loss), x, t, given_lengths))
    if theirs.isfinite().all():
        same_run(ours, theirs, {"scores": x}, rng)
    same(ours, theirs)
    assert (nn.CTCLoss(**how)(x[0].log_softmax(2), t[0], tuple(lengths.tolist()), tuple(counts.tolist())) == ours).all()


def test_gradient_of_log_probabilities_is_pytorchs():
    rng = np.random.default_rng(0)
    scores, targets, lengths, counts = problem(9, 3, 4, 3, 0, rng, possible=True)
    x, t = both(-np.abs(scores)), both(targets)  # of no distribution
    ours, theirs = (f(a, b, tuple(lengths), tuple(counts), reduction="none") for f, a, b in zip((F.ctc_loss, TF.ctc_loss), x, t))
    same_run(ours, theirs, {"log_probs": x}, rng)


@pytest.mark.parametrize("lengths", [((6,), (3,)), ("tensors", "of one"), ("numbers", "in tensors")])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_one_sequence(lengths, reduction):
    rng = np.random.default_rng(0)
    x, t = both(rng.standard_normal((6, 4))), both(np.array([1, 3, 3]))
    results = []
    for lib, f, a, b in zip((tinyrnn, torch), (F.ctc_loss, TF.ctc_loss), x, t):
        pair = {"tensors": (lib.tensor([6]), lib.tensor([3])), "numbers": (lib.tensor(6), lib.tensor(3))}.get(lengths[0], lengths)
        results.append(f(a.log_softmax(1), b, *pair, reduction=reduction))
    same_run(*results, {"scores": x}, rng)


def test_the_probability_is_that_of_all_alignments():
    rng = np.random.default_rng(0)
    x, targets = tinyrnn.tensor(rng.standard_normal((5, 3))).log_softmax(1), [1, 1, 2]
    total = 0.0
    for path in itertools.product(range(3), repeat=5):
        if [c for c, _ in itertools.groupby(path) if c != 0] == targets:
            total += np.exp(sum(x.numpy()[t, c] for t, c in enumerate(path)))
    loss = F.ctc_loss(x, tinyrnn.tensor(targets), (5,), (3,), reduction="sum")
    np.testing.assert_allclose(loss.exp().item() * total, 1, rtol=1e-12)


@given(sizes=st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(2, 4), st.integers(0, 3)), seed=st.integers(0, 9999))
def test_the_fused_form_is_the_definition(sizes, seed):
    rng = np.random.default_rng(seed)
    x, targets, lengths, counts = problem(*sizes, 0, rng)
    labels = targets * (np.arange(sizes[3]) < counts[:, None])
    x = tinyrnn.tensor(x).log_softmax(2).requires_grad_()
    rest = [tinyrnn.tensor(a) for a in (labels, lengths, counts)]
    fused, spelled_out = ctc_nll(x, *rest, blank=0), ctc_nll.definition(x, *rest, blank=0)
    np.testing.assert_allclose(fused.detach().numpy(), spelled_out.detach().numpy(), rtol=1e-12, atol=1e-12)
    weights = tinyrnn.tensor(rng.standard_normal(sizes[1])) * fused.isfinite()
    one, other = (tinyrnn.grad(tinyrnn.where(weights == 0, 0.0, y * weights).sum(), x)[0] for y in (fused, spelled_out))
    assert (one - other).abs().max() < 1e-10


def test_derivatives():
    rng = np.random.default_rng(1)
    x, targets, lengths, counts = problem(5, 3, 3, 2, 0, rng)
    lengths[0], counts[0], targets[0] = 2, 2, 1  # too short to say it

    def loss(x):
        return F.ctc_loss(x.log_softmax(2), tinyrnn.tensor(targets), tuple(lengths), tuple(counts), zero_infinity=True)

    x = tinyrnn.tensor(x, requires_grad=True)
    assert gradcheck(loss, x) and gradgradcheck(loss, x)
    loss(x).backward()
    assert (x.grad[:, 0] == 0).all() and (x.grad[:, 1] != 0).any()


def test_what_lies_beyond_the_lengths_is_not_read():
    rng = np.random.default_rng(2)
    x, targets, _, _ = problem(6, 2, 4, 3, 0, rng)
    lengths, counts = (6, 4), (3, 1)
    clean = tinyrnn.tensor(x.copy(), requires_grad=True)
    x[4:, 1], targets[1, 1:] = np.nan, -1
    dirty = tinyrnn.tensor(x, requires_grad=True)
    losses = [F.ctc_loss(s.log_softmax(2), tinyrnn.tensor(np.abs(targets)), lengths, counts) for s in (clean, dirty)]
    losses[1] = F.ctc_loss(dirty.log_softmax(2).nan_to_num(0.0), tinyrnn.tensor(targets), lengths, counts)
    assert losses[0] == losses[1]
    log_probs = tinyrnn.tensor(np.where(np.isnan(x), np.nan, -np.abs(x)), requires_grad=True)
    F.ctc_loss(log_probs, tinyrnn.tensor(targets), lengths, counts).backward()
    assert log_probs.grad.isfinite().all() and (log_probs.grad[4:, 1] == 0).all()


def test_impossible_classes():
    scores = np.random.default_rng(0).standard_normal((5, 1, 3))
    scores[2, 0, [0, 2]] = -np.inf
    x = both(scores)
    results = [f(a.log_softmax(2), lib.tensor([[1, 2]]), (5,), (2,)) for lib, f, a in zip((tinyrnn, torch), (F.ctc_loss, TF.ctc_loss), x)]
    same(*results)
    results[0].backward()
    assert x[0].grad.isfinite().all()  # PyTorch has nan here


CALLS = {
    "too long": lambda x, t: (x, t, (6, 5), (3, 2)),
    "negative": lambda x, t: (x, t, (5, -1), (3, 2)),
    "more targets than there are": lambda x, t: (x, t, (5, 5), (4, 2)),
    "negative targets": lambda x, t: (x, t, (5, 5), (-1, 2)),
    "too few lengths": lambda x, t: (x, t, (5,), (3, 2)),
    "too few counts": lambda x, t: (x, t, (5, 5), (3,)),
    "a number": lambda x, t: (x, t, 5, 3),
    "blank": lambda x, t: (x, t, (5, 5), (3, 2), 4),
    "negative blank": lambda x, t: (x, t, (5, 5), (3, 2), -1),
    "reduction": lambda x, t: (x, t, (5, 5), (3, 2), 0, "most"),
    "half": lambda x, t: (x.half(), t, (5, 5), (3, 2)),
    "integers": lambda x, t: (x.long(), t, (5, 5), (3, 2)),
    "joined": lambda x, t: (x, t.reshape(-1), (5, 5), (3, 2)),
    "three axes": lambda x, t: (x, t[None], (5, 5), (3, 2)),
    "other rows": lambda x, t: (x, t[:1], (5, 5), (3, 2)),
    "one axis": lambda x, t: (x[:, 0, 0], t[0], (5,), (3,)),
    "nothing": lambda x, t: (x[:0], t, (0, 0), (0, 0)),
    "no tensor": lambda x, t: (x.tolist(), t, (5, 5), (3, 2)),
    "lengths with fractions": lambda x, t: (x, t, x[0, :, 0] * 0 + 5, t[:, 0]),
}


@pytest.mark.parametrize("case", CALLS)
def test_wrong_arguments(case):
    x, t = both(np.random.default_rng(0).standard_normal((5, 2, 4))), both([[1, 2, 3], [3, 2, 1]])
    same_error(lambda: F.ctc_loss(*CALLS[case](x[0], t[0])), lambda: TF.ctc_loss(*CALLS[case](x[1], t[1])))


def test_a_target_that_is_no_class():
    for wrong in (4, -1):
        with pytest.raises(IndexError, match=f"target {wrong} is out of bounds: there are 4 classes"):
            F.ctc_loss(tinyrnn.zeros(5, 1, 4), tinyrnn.tensor([[1, wrong]]), (5,), (2,))


def test_the_module_is_shown_as_pytorchs():
    assert repr(nn.CTCLoss(blank=2)) == repr(torch.nn.CTCLoss(blank=2))
