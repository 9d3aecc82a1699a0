"""Methods that tables of calls cannot show: shapes changed in place under autograd, random fills, defaults, memory shared."""

from __future__ import annotations

import numpy as np
import pytest

import tinyrnn


def steps_of(t, name):
    """Small programs that reshape in place; each returns tensors and the leaf."""
    x = t.tensor(np.arange(6.0).reshape(2, 3) + 0.5, requires_grad=True)
    w = t.tensor([2.0, -1.0, 0.5], dtype=t.float64, requires_grad=True)
    y = x * 2
    if name == "a result":
        y.t_()
        y.mul_(3)
        outs = [y, y.unsqueeze_(0) * 1]
    elif name == "a view":
        row = y[1]
        row.unsqueeze_(0)
        row.mul_(w)
        outs = [y, row * 1]
    elif name == "a view of a view":
        column = y.t()[1:]
        column.transpose_(0, 1)
        column[0] = w[:2]
        outs = [y * y]
    elif name == "a copy":
        z = t.zeros(3, 2, dtype=t.float64)
        z.t_()
        z.copy_(y)
        outs = [z * z, y]
    else:
        z = t.zeros(2, 3, dtype=t.float64)
        z.swapaxes_(0, 1)
        z[0, 1] = y[0, 0] * w[0]
        outs = [z * z]
    return outs, x, w


PROGRAMS = ["a result", "a view", "a view of a view", "a copy", "zeros"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_reshaping_in_place_keeps_the_history(name):
    torch = pytest.importorskip("torch")
    (mine, *my_leaves), (its, *its_leaves) = steps_of(tinyrnn, name), steps_of(torch, name)
    for outs in (mine, its):
        total = sum((o * o).sum() for o in outs)
        total.backward()
    for one, other in zip(mine, its):
        assert one.shape == other.shape
        np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-12)
    for one, other in zip(my_leaves, its_leaves):
        assert (one.grad is None) == (other.grad is None)
        if one.grad is not None:
            np.testing.assert_allclose(one.grad.numpy(), other.grad.numpy(), rtol=1e-12)


def test_a_saved_value_outlives_another_shape_in_place():
    """PyTorch refuses this, although the numbers that tanh saved are still there."""
    x = tinyrnn.tensor([0.5], requires_grad=True)
    y = x.tanh()
    y.unsqueeze_(0).sum().backward()
    assert x.grad.item() == pytest.approx(1 - np.tanh(0.5) ** 2)


def test_a_leaf_that_requires_grad_is_not_reshaped_in_place():
    x = tinyrnn.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        x.unsqueeze_(0)
    with tinyrnn.no_grad():
        assert x.unsqueeze_(0).shape == (1, 2)
    assert x.is_leaf and x.requires_grad


def test_resizing():
    x = tinyrnn.arange(6)
    first = x.array
    assert x.resize_(2, 2).tolist() == [[0, 1], [2, 3]]
    assert np.shares_memory(x.array, first)
    assert x.resize_(5).tolist()[:4] == [0, 1, 2, 3]
    assert x.resize_as_(tinyrnn.zeros(3, 1)).shape == (3, 1)
    y = tinyrnn.ones(2)
    assert y.set_(x) is y
    y[0] = 9
    assert x.tolist() == [[9], [1], [2]]
    assert y.set_().numel() == 0


def test_data_is_written_through():
    p = tinyrnn.ones(3, requires_grad=True)
    p.data[1:] = 5
    p.data.add_(-0.5, tinyrnn.ones(3))
    p.data.addcmul_(2, tinyrnn.ones(3), tinyrnn.ones(3))
    assert p.tolist() == [2.5, 6.5, 6.5]
    p.data = tinyrnn.zeros(2)
    assert p.shape == (2,) and p.requires_grad


def test_what_a_gradient_may_be_set_to():
    p = tinyrnn.ones(2, requires_grad=True)
    for wrong, kind in ((p, RuntimeError), (tinyrnn.ones(3), RuntimeError), (tinyrnn.ones(2).double(), RuntimeError), (1.0, TypeError)):
        with pytest.raises(kind):
            p.grad = wrong
    p.grad = tinyrnn.zeros(2)
    assert p.grad.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("fill", "low", "high", "mean"),
    [
        (lambda x, g: x.normal_(3, 0.5, generator=g), -2, 8, 3),
        (lambda x, g: x.uniform_(-1, 3, generator=g), -1, 3, 1),
        (lambda x, g: x.uniform_(generator=g), 0, 1, 0.5),
        (lambda x, g: x.random_(4, generator=g), 0, 3, 1.5),
        (lambda x, g: x.random_(2, 6, generator=g), 2, 5, 3.5),
        (lambda x, g: x.bernoulli_(0.25, generator=g), 0, 1, 0.25),
        (lambda x, g: x.bernoulli_(tinyrnn.tensor(0.75), generator=g), 0, 1, 0.75),
        (lambda x, g: x.exponential_(2, generator=g), 0, 20, 0.5),
        (lambda x, g: x.geometric_(0.5, generator=g), 1, 60, 2),
        (lambda x, g: x.log_normal_(0, 0.5, generator=g), 0, 20, np.exp(0.125)),
    ],
)
def test_random_fills(fill, low, high, mean):
    one, again = (fill(tinyrnn.zeros(4000), tinyrnn.Generator().manual_seed(5)) for _ in range(2))
    assert one.dtype is tinyrnn.float32
    assert tinyrnn.equal(one, again)
    assert low <= one.min().item() and one.max().item() <= high
    assert abs(one.mean().item() - mean) < 0.05 * max(mean, 1)
    assert one.unique().numel() > 1


def test_cauchy_has_its_median_and_quartiles():
    x = tinyrnn.zeros(4000).cauchy_(1, 2, generator=tinyrnn.Generator().manual_seed(1))
    quartiles = x.quantile(tinyrnn.tensor([0.25, 0.5, 0.75])).tolist()
    np.testing.assert_allclose(quartiles, [-1, 1, 3], atol=0.3)


def test_the_state_of_the_generator_is_a_tensor_of_bytes():
    state = tinyrnn.get_rng_state()
    drawn = tinyrnn.rand(3)
    with tinyrnn.random.fork_rng():
        tinyrnn.set_rng_state(state.clone())
        assert tinyrnn.equal(tinyrnn.rand(3), drawn)
    later = tinyrnn.rand(3)
    tinyrnn.set_rng_state(state)
    assert tinyrnn.equal(tinyrnn.rand(3), drawn) and tinyrnn.equal(tinyrnn.rand(3), later)
    assert state.dtype is tinyrnn.Generator().get_state().dtype is tinyrnn.uint8
    for wrong in ([1], {"seed": 1}, state.long()):
        with pytest.raises(TypeError, match="ByteTensor"):
            tinyrnn.set_rng_state(wrong)
    with pytest.raises(RuntimeError, match="state"):
        tinyrnn.set_rng_state(tinyrnn.ByteTensor([1, 2]))
    tinyrnn.set_rng_state(state)


def test_defaults_of_new_tensors():
    try:
        tinyrnn.set_default_tensor_type("torch.DoubleTensor")
        assert tinyrnn.zeros(2).dtype is tinyrnn.float64
        tinyrnn.set_default_tensor_type(tinyrnn.FloatTensor)
        assert tinyrnn.tensor(1.0).dtype is tinyrnn.float32
        tinyrnn.set_default_device("cuda:7")
        assert tinyrnn.get_default_device() == tinyrnn.device("cuda:7")
        with pytest.raises(RuntimeError):
            tinyrnn.zeros(2)
        with tinyrnn.device("cpu"):
            assert tinyrnn.zeros(2).device.type == "cpu"
        assert tinyrnn.get_default_device() == tinyrnn.device("cuda:7")
    finally:
        tinyrnn.set_default_tensor_type("torch.FloatTensor")
        tinyrnn.set_default_device(None)
    assert tinyrnn.get_default_device() == tinyrnn.device("cpu")


@pytest.mark.parametrize(
    "options",
    [
        {"precision": 2},
        {"threshold": 5},
        {"threshold": 5, "edgeitems": 1},
        {"linewidth": 40},
        {"profile": "short"},
        {"profile": "full"},
        {"sci_mode": True},
        {"sci_mode": False},
        {"precision": 7, "profile": "default"},
    ],
    ids=str,
)
def test_print_options(options):
    torch = pytest.importorskip("torch")
    arrays = [np.arange(12, dtype=np.float32) / 7, np.arange(1100, dtype=np.int64), np.array([[1e-6, 1.0], [3e5, 2.0]], np.float32)]
    try:
        tinyrnn.set_printoptions(**options)
        torch.set_printoptions(**options)
        for a in arrays:
            assert repr(tinyrnn.tensor(a)) == repr(torch.tensor(a))
    finally:
        tinyrnn.set_printoptions(profile="default")
        torch.set_printoptions(profile="default")
    with pytest.raises(ValueError, match="profile"):
        tinyrnn.set_printoptions(profile="long")


def test_what_is_not_here_says_so():
    x = tinyrnn.ones(2, 2)
    for call in (
        lambda: x.share_memory_(),
        lambda: x.fill_diagonal_(1, wrap=True),
        lambda: x.view(tinyrnn.int32),
        lambda: tinyrnn.zeros(2, layout="sparse"),
        lambda: x.scatter(0, tinyrnn.zeros(1, 1).long(), x, reduce="multiply"),
        lambda: x.quantile(0.5, interpolation="lower"),
    ):
        with pytest.raises(NotImplementedError, match="not here"):
            call()


def test_a_diagonal_is_a_view():
    x = tinyrnn.zeros(2, 3)
    x.diagonal().fill_(7)
    assert x.tolist() == [[7, 0, 0], [0, 7, 0]]


def test_copies_of_a_tensor_made_from_numpy_share_its_memory():
    a = np.zeros(3)
    x = tinyrnn.from_numpy(a)
    x[0] = 1
    x.view(3, 1)[1] = 2
    a[2] = 3
    assert x.tolist() == [1, 2, 3] == a.tolist()
    assert x.numpy() is a or np.shares_memory(x.numpy(), a)
