"""Functions that make tensors: PyTorch's values, dtypes, shapes and errors; seeded random numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn

# Evaluated here and in PyTorch (tests/test_tensor_parity.py uses the same table).
EXPRESSIONS = [
    "t.tensor(3)",
    "t.tensor(3.5)",
    "t.tensor(True)",
    "t.tensor([])",
    "t.tensor([1, 2])",
    "t.tensor([1, 2.5])",
    "t.tensor([True, False])",
    "t.tensor([[1, 2], [3, 4]])",
    "t.tensor([[]])",
    "t.tensor((1, 2))",
    "t.tensor([1, 2], dtype=t.float64)",
    "t.tensor([1.9, -1.9], dtype=t.int64)",
    "t.tensor(np.arange(3))",
    "t.tensor(np.arange(3, dtype=np.float32))",
    "t.tensor(np.float64(2))",
    "t.tensor([np.float64(2)])",
    "t.tensor(np.ones((2, 0)))",
    "t.tensor([t.tensor(1), t.tensor(2)])",
    "t.tensor([0.5], requires_grad=True)",
    "t.as_tensor([1, 2])",
    "t.as_tensor(np.arange(2))",
    "t.as_tensor(np.arange(2), dtype=t.float32)",
    "t.as_tensor(t.ones(2), dtype=t.float64)",
    "t.from_numpy(np.arange(2.0))",
    "t.full((2, 3), 7)",
    "t.full((2,), 1.5)",
    "t.full((2,), True)",
    "t.full((), 2, dtype=t.float64)",
    "t.full((2,), t.nan)",
    "t.zeros(2, 3)",
    "t.zeros((2, 3))",
    "t.zeros([2])",
    "t.zeros(())",
    "t.zeros(0)",
    "t.ones(2, dtype=t.int64)",
    "t.zeros(t.ones(2, 3).shape)",
    "t.zeros(2, dtype=bool)",
    "t.ones(2, dtype=int)",
    "t.ones(2, dtype=float)",
    "t.zeros(size=(2, 3))",
    "t.ones(size=(2,))",
    "t.zeros_like(t.tensor([1, 2]))",
    "t.ones_like(t.ones(2), dtype=t.int64)",
    "t.full_like(t.ones(2), 3)",
    "t.ones_like(t.ones(2), requires_grad=True)",
    "t.eye(2)",
    "t.eye(2, 3)",
    "t.eye(2, dtype=t.int64)",
    "t.arange(5)",
    "t.arange(1, 5)",
    "t.arange(1, 5, 2)",
    "t.arange(5, 1, -2)",
    "t.arange(0.0, 1.0, 0.3)",
    "t.arange(5, dtype=t.float32)",
    "t.arange(2.5)",
    "t.arange(0)",
    "t.arange(0, 1, 0.1)",
    "t.arange(t.tensor(3))",
    "t.arange(1, 4, dtype=t.float64)",
    "t.linspace(0, 1, 5)",
    "t.linspace(1, -1, 3, dtype=t.float64)",
    "t.linspace(0, 1, 1)",
    "t.linspace(0, 1, 0)",
    "t.empty(2, 3) * 0",
    "t.empty_like(t.ones(2)) * 0",
    "t.rand(2, 3) * 0",
    "t.randn((2, 3)) * 0",
    "t.rand_like(t.ones(2).double()) * 0",
    "t.randn_like(t.ones(2)) * 0",
    "t.randint(3, 4, (2,))",
    "t.randint(1, (2, 2))",
    "t.randint(0, 1, (2,), dtype=t.int32)",
    "t.randperm(1)",
    "t.randn(2, dtype=t.float64) * 0",
    "t.normal(0.0, 1.0, (2,)) * 0",
    "t.normal(t.ones(2), 0.5) * 0",
    "t.normal(2.0, t.zeros(2))",
    "t.normal(mean=t.ones(2), std=t.zeros(2))",
    "t.randn(size=(2, 3)) * 0",
    "t.bernoulli(t.ones(2))",
    "t.bernoulli(t.zeros(2))",
    "t.multinomial(t.tensor([0.0, 1.0]), 1)",
    "t.multinomial(t.tensor([[0.0, 1.0], [2.0, 0.0]]), 3, True)",
    "t.multinomial(t.tensor([0.0, 0.0, 2.0, 0.0]), 1)",
    "t.ones(2).new_tensor([1, 2])",
    "t.ones(2).new_zeros(3)",
    "t.ones(2).new_full((1,), 2)",
    "t.tensor([1]).new_ones(2)",
]

ERRORS = [
    "t.tensor([[1, 2], [3]])",
    "t.tensor('a')",
    "t.tensor(['a'])",
    "t.tensor(None)",
    "t.tensor([1], requires_grad=True)",
    "t.from_numpy([1])",
    "t.from_numpy(np.array(['a']))",
    "t.arange(5, 1)",
    "t.arange(1, 5, -1)",
    "t.arange(0, 1, 0)",
    "t.randint(3, 3, (2,))",
    "t.randint(5, 3, (2,))",
    "t.multinomial(t.tensor([0.0, 0.0]), 1)",
    "t.multinomial(t.tensor([-1.0, 2.0]), 1)",
    "t.multinomial(t.tensor([float('nan'), 2.0]), 1)",
    "t.multinomial(t.tensor([float('inf'), 2.0]), 1)",
    "t.multinomial(t.ones(2), 3)",
    "t.multinomial(t.ones(2), 0)",
    "t.multinomial(t.ones(2, 2, 2), 1)",
    "t.multinomial(t.ones(()), 1)",
    "t.multinomial(t.ones(2).long(), 1)",
    "t.bernoulli(t.tensor([1.5]))",
    "t.zeros(-1)",
    "t.ones(2, -3)",
    "t.full((-1,), 2)",
    "t.zeros(1.5)",
    "t.normal(0.0, -1.0, (2,))",
    "t.eye(-1)",
    "t.randperm(-1)",
    "t.linspace(0, 1, -1)",
    "t.zeros('a')",
    "t.ones(2, dtype='nonsense')",
    "t.set_default_dtype(t.int64)",
]


def test_tensor_copies_and_from_numpy_and_as_tensor_share():
    a = np.arange(3.0)
    copied, shared, as_is = tinyrnn.tensor(a), tinyrnn.from_numpy(a), tinyrnn.as_tensor(a)
    a[0] = 9
    assert (copied[0].item(), shared[0].item(), as_is[0].item()) == (0.0, 9.0, 9.0)
    t = tinyrnn.ones(2)
    assert tinyrnn.as_tensor(t) is t
    assert not np.shares_memory(tinyrnn.tensor(t).array, t.array)


def test_default_dtype():
    tinyrnn.set_default_dtype(tinyrnn.float64)
    try:
        made = [
            tinyrnn.tensor(0.5),
            tinyrnn.ones(2),
            tinyrnn.rand(2),
            tinyrnn.tensor([1]) / 2,
            tinyrnn.tensor([1]).exp(),
            tinyrnn.Tensor([1]),
        ]
        assert {t.dtype for t in made} == {tinyrnn.float64}
        assert repr(tinyrnn.tensor(0.5)) == "tensor(0.5000)"
        assert repr(tinyrnn.tensor(0.5).float()) == "tensor(0.5000, dtype=tinyrnn.float32)"
    finally:
        tinyrnn.set_default_dtype(tinyrnn.float32)


RANDOM = {
    "rand": lambda g: tinyrnn.rand(3, 4, generator=g),
    "randn": lambda g: tinyrnn.randn(3, 4, generator=g),
    "rand_like": lambda g: tinyrnn.rand_like(tinyrnn.ones(3), generator=g),
    "randn_like": lambda g: tinyrnn.randn_like(tinyrnn.ones(3), generator=g),
    "half": lambda g: tinyrnn.rand(3, dtype=tinyrnn.float16, generator=g),
    "randint": lambda g: tinyrnn.randint(0, 1000, (5,), generator=g),
    "randperm": lambda g: tinyrnn.randperm(50, generator=g),
    "normal": lambda g: tinyrnn.normal(0.0, 1.0, (3,), generator=g),
    "bernoulli": lambda g: tinyrnn.bernoulli(tinyrnn.full((50,), 0.5), generator=g),
    "multinomial": lambda g: tinyrnn.multinomial(tinyrnn.ones(50), 20, generator=g),
    "multinomial again": lambda g: tinyrnn.multinomial(tinyrnn.ones(2, 50), 20, True, generator=g),
}


@pytest.mark.parametrize("name", RANDOM)
@given(seed=st.integers(-(2**63), 2**64))
def test_equal_seeds_equal_numbers(name, seed):
    draw = RANDOM[name]
    g = tinyrnn.Generator().manual_seed(seed)
    first, second = draw(g).tolist(), draw(g).tolist()
    assert first != second
    assert g.initial_seed() == seed
    assert draw(g.manual_seed(seed)).tolist() == first
    state = tinyrnn.Generator().set_state(g.get_state())
    assert draw(state).tolist() == second == draw(g).tolist()
    tinyrnn.manual_seed(seed)
    assert draw(None).tolist() == first


def test_seed_from_the_operating_system():
    g = tinyrnn.Generator()
    assert g.seed() == g.initial_seed()
    assert g.seed() != tinyrnn.Generator().seed()


def test_ranges_and_moments():
    u, n = tinyrnn.rand(20000), tinyrnn.randn(20000)
    assert u.min().item() >= 0
    assert u.max().item() < 1
    assert abs(u.mean().item() - 0.5) < 0.02
    assert abs(n.mean().item()) < 0.05
    assert abs(n.std().item() - 1) < 0.05
    k = tinyrnn.randint(-3, 4, (2000,))
    assert sorted(set(k.tolist())) == list(range(-3, 4))
    assert sorted(tinyrnn.randperm(100).tolist()) == list(range(100))
    shifted = tinyrnn.normal(tinyrnn.full((20000,), 5.0), 0.1)
    assert abs(shifted.mean().item() - 5) < 0.01
    assert abs(tinyrnn.bernoulli(tinyrnn.full((20000,), 0.3)).mean().item() - 0.3) < 0.02


@pytest.mark.parametrize("replacement", [True, False])
def test_multinomial_draws_in_proportion_and_without_replacement_never_twice(replacement):
    weights = tinyrnn.tensor([1.0, 0.0, 2.0, 7.0])
    rows = tinyrnn.stack([weights] * 20000)
    drawn = tinyrnn.multinomial(rows, 2, replacement)
    assert drawn.shape == (20000, 2)
    assert drawn.dtype is tinyrnn.int64
    frequencies = np.bincount(drawn[:, 0].numpy(), minlength=4) / 20000
    np.testing.assert_allclose(frequencies, [0.1, 0.0, 0.2, 0.7], atol=0.02)
    same = (drawn[:, 0] == drawn[:, 1]).float().mean().item()
    assert same == 0 if not replacement else abs(same - 0.54) < 0.02
    if not replacement:  # the second draw is from what the first left
        after_the_largest = drawn[:, 1].numpy()[drawn[:, 0].numpy() == 3]
        np.testing.assert_allclose(np.bincount(after_the_largest, minlength=4)[[0, 2]] / after_the_largest.size, [1 / 3, 2 / 3], atol=0.02)


def test_a_weight_of_zero_is_never_drawn_even_at_the_edges():
    weights = tinyrnn.tensor([0.0, 1e-30, 1.0, 0.0])
    assert set(tinyrnn.multinomial(weights, 5000, replacement=True).tolist()) <= {1, 2}


def test_more_draws_than_weights_is_an_error():
    with pytest.raises(RuntimeError, match="replacement=True"):
        tinyrnn.multinomial(tinyrnn.tensor([0.0, 1.0]), 2)


def test_gradients_flow_to_what_normal_was_given():
    mean = tinyrnn.zeros(3, requires_grad=True)
    assert not tinyrnn.normal(mean.detach(), 1.0).requires_grad
    assert tinyrnn.rand(2, requires_grad=True).requires_grad
