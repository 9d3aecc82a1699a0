"""The gradient of a large embedding: only the rows that were read, and yet a tensor like any other."""

import copy

import numpy as np
import pytest

import tinyrnn
from tinyrnn import nn, optim
from tinyrnn.tensor import RowGradient

V, E = 2000, 3


def table(seed=0):
    tinyrnn.manual_seed(seed)
    return nn.Embedding(V, E, dtype=tinyrnn.float64)


def ids_of(step):
    return tinyrnn.tensor(np.random.default_rng(step).integers(0, V, (4, 5)))


def read(embedding, ids, dense=False):
    rows = nn.functional.one_hot(ids, V).double() @ embedding.weight if dense else embedding(ids)
    return (rows * rows.detach().sin()).sum()


def test_it_holds_rows_until_somebody_looks():
    embedding = table()
    read(embedding, ids_of(0)).backward()
    grad = embedding.weight.grad
    assert isinstance(grad, RowGradient)
    assert grad.shape == (V, E)
    assert grad.rows is not None, "asking for the shape made it dense"
    expected = tinyrnn.grad(read(embedding, ids_of(0), dense=True), embedding.weight)[0]
    np.testing.assert_allclose(grad.numpy(), expected.numpy(), atol=1e-14)
    assert grad.rows is None


def test_small_tables_have_dense_gradients():
    embedding = nn.Embedding(10, 3)
    embedding(tinyrnn.tensor([1, 2])).sum().backward()
    assert type(embedding.weight.grad) is tinyrnn.Tensor


@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.01),
        lambda p: optim.Adam(p, 0.01, amsgrad=True),
        lambda p: optim.AdamW(p, 0.01),
        lambda p: optim.RMSprop(p, 0.01, maximize=True),
        lambda p: optim.Adagrad(p, 0.1),
        lambda p: optim.ASGD(p, 0.1),
    ],
)
def test_optimisers_and_clipping_do_the_same_as_with_a_dense_one_and_do_not_look(make):
    ours, theirs = table(), table()
    steps = [make(e.parameters()) for e in (ours, theirs)]
    for step in range(5):
        norms = []
        for embedding, optimizer, dense in zip((ours, theirs), steps, (False, True)):
            optimizer.zero_grad()
            read(embedding, ids_of(step)).backward()
            if dense:
                embedding.weight.grad = tinyrnn.tensor(embedding.weight.grad.array)
            norms.append(nn.utils.clip_grad_norm_(embedding.parameters(), 0.5).item())
            optimizer.step()
        assert ours.weight.grad.rows is not None, "it was made dense"
        assert norms[0] == pytest.approx(norms[1], rel=1e-13)
        np.testing.assert_allclose(ours.weight.detach().numpy(), theirs.weight.detach().numpy(), rtol=0, atol=1e-14)


def test_accumulation_tying_hooks_and_history():
    embedding = table()
    wanted = lambda *losses: tinyrnn.grad(sum(losses), embedding.weight)[0].numpy()
    both = wanted(*(read(embedding, ids_of(k), dense=True) for k in (1, 2)))
    for k in (1, 2):
        read(embedding, ids_of(k)).backward()
    np.testing.assert_allclose(embedding.weight.grad.numpy(), both, atol=1e-13)

    embedding.weight.grad = None
    (read(embedding, ids_of(1)) + read(embedding, ids_of(2))).backward()
    assert embedding.weight.grad.rows is not None, "two readings of one table are still few rows"
    np.testing.assert_allclose(embedding.weight.grad.numpy(), both, atol=1e-13)

    tied = read(embedding, ids_of(1)) + (embedding.weight * embedding.weight).sum()
    spelled_out = read(embedding, ids_of(1), dense=True) + (embedding.weight * embedding.weight).sum()
    np.testing.assert_allclose(wanted(tied), wanted(spelled_out), atol=1e-13)

    scaled = embedding.weight * 2  # rows must become an array before they meet another rule
    np.testing.assert_allclose(
        wanted(nn.functional.embedding(ids_of(1), scaled).sum()),
        wanted((nn.functional.one_hot(ids_of(1), V).double() @ scaled).sum()),
        atol=1e-13,
    )

    seen = []
    handle = embedding.weight.register_hook(lambda g: seen.append(g.shape) or g * 3)
    tripled = wanted(read(embedding, ids_of(1)))
    handle.remove()
    np.testing.assert_allclose(tripled, 3 * wanted(read(embedding, ids_of(1))), atol=1e-13)
    assert seen == [(V, E)]


def test_used_as_any_tensor():
    embedding = table()
    read(embedding, ids_of(0)).backward()
    grad = embedding.weight.grad
    assert copy.deepcopy(grad).shape == (V, E)
    assert float(grad.norm()) > 0
    grad.zero_()
    assert not grad.any()
    embedding.zero_grad(set_to_none=False)
    read(embedding, ids_of(0)).backward()
    nn.utils.clip_grad_value_(embedding.parameters(), 1e-3)
    assert embedding.weight.grad.abs().max() <= 1e-3
