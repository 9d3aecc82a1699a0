"""Reading data: orders, batches, what repeats with a seed, and what errors say."""

from __future__ import annotations

import copy
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn.utils import data

sizes = st.integers(1, 12)


def seeded(seed):
    return tinyrnn.Generator().manual_seed(seed)


def values(loader):
    """Every number of every batch, in order."""
    return [k for batch in loader for k in batch.tolist()]


class Stream(data.IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self):
        return self.n


# -- random orders --


def test_shuffling_is_a_permutation_new_each_epoch_and_repeats_with_the_seed():
    loader = data.DataLoader(range(50), batch_size=7, shuffle=True, generator=seeded(1))
    first, second = values(loader), values(loader)
    assert sorted(first) == sorted(second) == list(range(50)) and first != second and first != list(range(50))
    loader.generator.manual_seed(1)
    assert values(loader) == first and values(loader) == second


ORDERS = {
    "shuffle": lambda g: values(data.DataLoader(range(30), shuffle=True, generator=g)),
    "without replacement": lambda g: list(data.RandomSampler(range(30), generator=g)),
    "with replacement": lambda g: list(data.RandomSampler(range(30), True, generator=g)),
    "subset": lambda g: list(data.SubsetRandomSampler(range(30), g)),
    "weighted": lambda g: list(data.WeightedRandomSampler(range(30), 30, generator=g)),
    "split": lambda g: data.random_split(range(30), [30], g)[0].indices,
}


@pytest.mark.parametrize("draw", ORDERS.values(), ids=ORDERS)
def test_a_generator_decides_alone_and_manual_seed_where_there_is_none(draw):
    first = draw(seeded(7))
    assert first != sorted(first)
    before = tinyrnn.default_generator.get_state()
    assert draw(seeded(7)) == first and draw(seeded(8)) != first
    assert tinyrnn.default_generator.get_state().equal(before)
    tinyrnn.manual_seed(7)
    assert draw(None) == first


@given(n=sizes, wanted=st.integers(1, 40), replacement=st.booleans(), seed=st.integers(0, 2**32))
def test_random_sampler_draws_as_many_as_wanted(n, wanted, replacement, seed):
    sampler = data.RandomSampler(range(n), replacement, wanted, seeded(seed))
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == wanted and set(drawn) <= set(range(n)) and all(type(k) is int for k in drawn)
    if not replacement:
        for begin in range(0, wanted - n + 1, n):
            assert sorted(drawn[begin : begin + n]) == list(range(n))
        assert max(Counter(drawn).values()) == -(-wanted // n)


def test_samples_with_replacement_are_uniform_and_weighted_ones_go_by_weight():
    drawn = Counter(data.RandomSampler(range(4), True, 20_000, seeded(0)))
    assert all(abs(drawn[k] / 20_000 - 0.25) < 0.02 for k in range(4))
    drawn = Counter(data.WeightedRandomSampler([1, 0, 3], 20_000, True, seeded(0)))
    assert drawn[1] == 0 and abs(drawn[2] / 20_000 - 0.75) < 0.02
    assert sorted(data.WeightedRandomSampler([1, 0, 3, 2], 3, False, seeded(0))) == [0, 2, 3]


@given(indices=st.lists(st.integers(), min_size=1, max_size=20, unique=True), seed=st.integers(0, 99))
def test_subset_random_sampler_permutes_its_indices(indices, seed):
    sampler = data.SubsetRandomSampler(indices, seeded(seed))
    assert sorted(sampler) == sorted(indices) and len(sampler) == len(indices)


@given(n=st.integers(0, 60), cuts=st.lists(st.integers(0, 60), max_size=4), seed=st.integers(0, 99))
def test_random_split_shares_out_every_sample_once(n, cuts, seed):
    edges = [0, *sorted(c for c in cuts if c <= n), n]
    lengths = [b - a for a, b in pairwise(edges)]
    if sum(lengths) == 1:  # these are fractions
        return
    parts = data.random_split(range(n), lengths, seeded(seed))
    assert [len(p) for p in parts] == lengths and sorted(k for p in parts for k in p) == list(range(n))
    assert [p.indices for p in parts] == [p.indices for p in data.random_split(range(n), lengths, seeded(seed))]


# -- batches --


@given(n=st.integers(0, 30), batch_size=st.integers(1, 9), drop_last=st.booleans())
def test_batches_are_the_samples_in_order_and_counted(n, batch_size, drop_last):
    whole = [list(range(n))[k : k + batch_size] for k in range(0, n, batch_size)]
    expected = [b for b in whole if len(b) == batch_size or not drop_last]
    assert list(data.BatchSampler(range(n), batch_size, drop_last)) == expected
    for dataset in (range(n), data.TensorDataset(tinyrnn.arange(n)), Stream(n)):
        loader = data.DataLoader(dataset, batch_size, drop_last=drop_last)
        got = [(b[0] if isinstance(b, list) else b).tolist() for b in loader]
        assert got == expected and len(loader) == len(expected)
        assert len(list(loader)) == len(expected), "a second epoch"


def test_workers_change_nothing():
    def fail(worker):
        raise AssertionError("there are no workers to set up")

    plain = data.DataLoader(range(20), 3, shuffle=True, generator=seeded(3))
    working = data.DataLoader(
        range(20),
        3,
        shuffle=True,
        num_workers=4,
        pin_memory=True,
        timeout=5,
        worker_init_fn=fail,
        multiprocessing_context="spawn",
        generator=seeded(3),
        persistent_workers=True,
        in_order=False,
    )
    assert [b.tolist() for b in plain] == [b.tolist() for b in working]
    assert working.prefetch_factor == 2 and plain.prefetch_factor is None
    assert working.multiprocessing_context.get_start_method() == "spawn"
    assert values(data.DataLoader(Stream(5), num_workers=2)) == [0, 1, 2, 3, 4], "no sample twice"
    assert data.get_worker_info() is None


def test_reading_a_batch_at_once():
    class AtOnce(data.Dataset):
        def __getitem__(self, index):
            raise AssertionError("one by one")

        def __getitems__(self, indices):
            return [10 * k for k in indices]

        def __len__(self):
            return 5

    assert values(data.DataLoader(AtOnce(), 2)) == [0, 10, 20, 30, 40]
    assert values(data.DataLoader(data.Subset(AtOnce(), [4, 1]), 2)) == [40, 10]


def test_a_loader_asks_for_no_more_than_it_gives():
    taken = []

    class Counting(data.IterableDataset):
        def __iter__(self):
            for k in range(100):
                taken.append(k)
                yield k

    batches = iter(data.DataLoader(Counting(), batch_size=3))
    next(batches), next(batches)
    assert taken == [0, 1, 2, 3, 4, 5]


def test_gradients_flow_through_a_batch():
    w = tinyrnn.ones(3, requires_grad=True)
    (batch,) = data.DataLoader([w * 2, w * 3], batch_size=2)
    batch.sum().backward()
    assert w.grad.tolist() == [5, 5, 5]
    ((batch,),) = data.DataLoader(data.TensorDataset(w), batch_sampler=[[0, 2, 0]])
    batch.sum().backward()
    assert w.grad.tolist() == [7, 5, 6]


def test_arrays_share_memory_where_nothing_is_batched():
    array = np.zeros(2)
    (converted,) = data.DataLoader([array], batch_size=None)
    array += 1
    assert converted.tolist() == [1, 1]


def test_loader_of_a_stream_can_be_copied():
    loader = copy.deepcopy(data.DataLoader(Stream(3), batch_size=2))
    assert values(loader) == values(loader) == [0, 1, 2]


# -- errors: those that say more than their type --


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (
            lambda: data.default_collate([tinyrnn.ones(2), tinyrnn.ones(2), tinyrnn.ones(3)]),
            RuntimeError,
            r"0 .*\(2,\) and sample 2 \(3,\)",
        ),
        (lambda: data.default_collate([np.ones((2, 1)), np.ones(2)]), RuntimeError, r"\(2, 1\).*\(2,\).*collate_fn.*pad_sequence"),
        (lambda: data.default_collate([[1, 2], [1, 2, 3]]), RuntimeError, r"2 elements and sample 1 3.*pad_sequence"),
        (lambda: data.default_collate([None]), TypeError, "found .*NoneType"),
        (lambda: data.default_collate([np.array(["a"])]), TypeError, "found <U1"),
        (lambda: data.TensorDataset(tinyrnn.ones(2), tinyrnn.ones(3)), AssertionError, r"\[2, 3\]"),
        (lambda: data.TensorDataset(np.ones(2)), TypeError, "ndarray.*from_numpy"),
        (lambda: data.random_split(range(5), [1, 2]), ValueError, r"\[1, 2\] add up to 3, but there are 5"),
        (lambda: data.DataLoader(Stream(3), shuffle=True), ValueError, "shuffle=True: the dataset decides"),
        (lambda: data.ConcatDataset([range(2), range(3)])[5], IndexError, "beyond the last of 5"),
        (lambda: data.ConcatDataset([Stream(2)]), AssertionError, "ChainDataset"),
        (lambda: list(data.ChainDataset([range(2)])), AssertionError, "ConcatDataset"),
        (lambda: setattr(data.DataLoader(range(2)), "batch_size", 2), ValueError, "make a new one"),
    ],
)
def test_errors_say_what_came_and_a_way_out(call, error, says):
    with pytest.raises(error, match=says):
        call()
