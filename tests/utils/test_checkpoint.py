"""``checkpoint`` against the same function without it, and against PyTorch's."""

import numpy as np
import pytest

import tinyrnn
from tinyrnn import nn
from tinyrnn.utils.checkpoint import checkpoint


def network(dropout=0.0):
    tinyrnn.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 2))


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("requires_grad", [False, True])
def test_gradients_are_those_without_it(dropout, requires_grad):
    results = []
    for through in (lambda f, *args: f(*args), checkpoint):
        model = network(dropout)
        x = tinyrnn.randn(5, 3).requires_grad_(requires_grad)
        h = x * 2
        y = through(model, h)
        (y**2).sum().backward()
        after = tinyrnn.rand(1)  # the stream of random numbers goes on as it would
        results.append([y, after, *(p.grad for p in model.parameters()), *([x.grad] if requires_grad else [])])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def test_several_outputs_and_arguments_are_pytorchs():
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("torch.utils.checkpoint").checkpoint
    found = []
    for lib, run in ((tinyrnn, checkpoint), (torch, theirs)):
        x, w = (lib.tensor(v, dtype=lib.float64, requires_grad=True) for v in ([1.0, 2.0], [0.5, -1.0]))
        a, b = run(lambda x, k, y, w=w: (x * w * k, y.exp()), x, 3.0, x * 0.1, use_reentrant=False)
        slopes = lib.autograd.grad((a * 2).sum(), (x, w), retain_graph=True)
        (a.sum() + (b**2).sum()).backward()
        found.append([s.numpy() for s in (*slopes, x.grad, w.grad)])
    for one, other in zip(*found):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_nothing_is_recorded_without_need_and_only_once():
    x = tinyrnn.ones(2, requires_grad=True)
    with tinyrnn.no_grad():
        assert not checkpoint(lambda x: x * 2, x).requires_grad
    assert not checkpoint(lambda x: x * 2, x.detach()).requires_grad
    (slope,) = tinyrnn.grad((checkpoint(lambda x: x**3, x) ** 2).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        slope.sum().backward()


def test_what_is_inside_is_not_kept():
    x = tinyrnn.ones(2, requires_grad=True)
    y = checkpoint(lambda x: x.exp().tanh().sin(), x)
    assert y.grad_fn.name() == "CheckpointFunctionBackward"
    assert [n.name().rpartition("::")[2] for n, _ in y.grad_fn.next_functions if n is not None] == ["AccumulateGrad"]
