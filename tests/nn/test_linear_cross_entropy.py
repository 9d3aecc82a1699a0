"""A linear layer and its cross-entropy in blocks of rows: the same numbers as the two one after the other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn.nn import functional as F
from tinyrnn.ops import losses


def drawn(M, H, V, bias, ignored):
    tensor = lambda *shape: tinyrnn.randn(*shape, dtype=tinyrnn.float64, requires_grad=True)
    x, w, b = tensor(M, H), tensor(V, H), tensor(V) if bias else None
    target = tinyrnn.randint(V, (M,))
    target[:ignored] = -100
    return x, w, b, target


def both(x, w, b, target, reduction, create_graph):
    wanted = [t for t in (x, w, b) if t is not None]
    apart = F.cross_entropy(F.linear(x, w, b), target, reduction=reduction)
    in_blocks = F.linear_cross_entropy(x, w, target, linear_bias=b, reduction=reduction)
    return tuple(
        [loss, *tinyrnn.grad(loss * 1.7, wanted, create_graph=create_graph)]  # 1.7: a gradient arrives that is not 1
        for loss in (in_blocks, apart)
    )


def close(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-11, atol=1e-12)


@given(M=st.integers(1, 90), V=st.integers(2, 9), bias=st.booleans(), reduction=st.sampled_from(["mean", "sum"]), data=st.data())
def test_equal_to_linear_then_cross_entropy(M, V, bias, reduction, data):
    ignored = data.draw(st.integers(0, M - 1))
    close(*both(*drawn(M, 3, V, bias, ignored), reduction, create_graph=False))


def test_several_blocks_and_a_short_last_one():
    V = 2**18  # 32 rows a block
    x, w, b, target = drawn(70, 2, V, True, 3)
    close(*both(x, w, b, target, "mean", create_graph=False))


@pytest.mark.parametrize("threads", [2, 3, 7])
@pytest.mark.parametrize("bias", [True, False])
def test_threads_share_the_vocabulary(monkeypatch, threads, bias):
    monkeypatch.setattr(losses, "SHARED_SCORES", 1)
    monkeypatch.setattr(losses, "get_num_threads", lambda: threads)
    V = 2**17 + 1  # 63 rows a block, and parts that differ in size
    x, w, b, target = drawn(70, 2, V, bias, 3)
    with tinyrnn.no_grad():
        w[5] = 400.0  # one part has all the large scores
    close(*both(x, w, b, target, "mean", create_graph=False))


def test_second_derivatives():
    x, w, b, target = drawn(5, 3, 4, True, 1)
    products = []
    for slopes in both(x, w, b, target, "mean", create_graph=True):
        products.append(tinyrnn.grad(sum((s * s).sum() for s in slopes[1:]), [x, w, b]))
    close(*products)


def test_no_gradients_are_computed_where_none_is_wanted(monkeypatch):
    x, w, b, target = drawn(5, 3, 4, True, 0)
    seen = []
    forward = losses._linear_nll.forward
    monkeypatch.setattr(losses._linear_nll, "forward", lambda *a, learning: seen.append(learning) or forward(*a, learning=learning))
    with tinyrnn.no_grad():
        F.linear_cross_entropy(x, w, target, linear_bias=b)
    F.linear_cross_entropy(x.detach(), w.detach(), target)
    F.linear_cross_entropy(x.detach(), w, target)
    assert seen == [False, False, True]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"reduction": "some"}, ValueError, "some is not a valid value for reduction"),
        ({"target": tinyrnn.tensor([0, 1])}, RuntimeError, "expected input"),
        ({"target": tinyrnn.tensor([0, 1, 4])}, IndexError, "Target 4 is out of bounds"),
        ({"target": tinyrnn.tensor([0.0, 1.0, 2.0])}, RuntimeError, "."),
    ],
)
def test_errors(change, error, words):
    x, w, b, target = drawn(3, 2, 4, True, 0)
    options = {"target": target, "reduction": "mean", **change}
    with pytest.raises(error, match=words):
        F.linear_cross_entropy(x, w, linear_bias=b, **options)


def test_the_gradients_of_a_kept_graph_are_not_shared():
    """With a gradient of 1 they are handed on as they are; what is done to one must not show in the next."""
    x, w, b, target = drawn(5, 3, 4, True, 0)
    loss = F.linear_cross_entropy(x, w, target, linear_bias=b)
    first = [g.clone() for g in tinyrnn.grad(loss, [x, w, b], retain_graph=True)]
    for g in tinyrnn.grad(loss, [x, w, b], retain_graph=True):
        g.mul_(3)
    loss.backward()
    w.grad.mul_(3)
    close(tinyrnn.grad(F.linear_cross_entropy(x, w, target, linear_bias=b), [x, w, b]), first)
    close([x.grad, w.grad / 3, b.grad], first)


def test_a_mean_over_ignored_targets_only_is_nan():
    x, w, b, target = drawn(2, 3, 4, True, 2)
    assert F.linear_cross_entropy(x, w, target, linear_bias=b).isnan()


LONG_WAY = {
    "weight": {"weight": [1.0, 2.0, 0.5, 3.0]},
    "label_smoothing": {"label_smoothing": 0.1, "ignore_index": 2},
    "each": {"reduction": "none", "ignore_index": 1},
    "mean": {},
}


@pytest.mark.parametrize("options", LONG_WAY.values(), ids=LONG_WAY)
def test_what_needs_all_scores_equals_pytorch(options):
    torch = pytest.importorskip("torch")
    x, w, b, target = drawn(5, 2, 4, True, 0)
    ours = {k: tinyrnn.tensor(v, dtype=x.dtype) if k == "weight" else v for k, v in options.items()}
    theirs = {k: torch.tensor(v, dtype=torch.float64) if k == "weight" else v for k, v in options.items()}
    expected = torch.nn.functional.linear_cross_entropy(
        *(torch.tensor(t.detach().numpy()) for t in (x, w, target)), linear_bias=torch.tensor(b.detach().numpy()), **theirs
    )
    got = F.linear_cross_entropy(x, w, target, linear_bias=b, **ours)
    assert np.allclose(got.detach().numpy(), expected.numpy(), rtol=1e-12, atol=0)
    together = F.linear_cross_entropy(x.reshape(5, 1, 2), w, target.reshape(5, 1), linear_bias=b, **ours)
    assert np.allclose(together.detach().numpy().reshape(got.shape), got.detach().numpy(), rtol=1e-12, atol=0)
