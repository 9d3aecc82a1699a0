"""Streams of batches: which token is where, what continues, what counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn.text import RandomWindows, SequentialBatches


def tokens(n):
    return np.arange(n, dtype=np.uint16)  # token k is at place k, so that a batch tells where it is from


sizes = st.tuples(st.integers(2, 120), st.integers(1, 12), st.integers(1, 9)).filter(lambda s: s[0] > s[2])


def stacked(batches):
    """All batches of an iteration behind one another: inputs, targets, (length, N) each."""
    parts = list(batches)
    return [np.concatenate([part[k].numpy() for part in parts]) for k in (0, 1)]


# -- in sequence --


@given(sizes, st.booleans())
def test_rows_are_contiguous_pieces_in_the_order_of_the_stream(size, exact):
    n, T, N = size
    batches = SequentialBatches(tokens(n), T, N, exact=exact)
    inputs, targets = stacked(batches)
    rows = [column[wanted != -100] for column, wanted in zip(inputs.T, targets.T)]
    assert np.concatenate(rows).tolist() == list(range(batches.tokens))
    assert (targets[targets != -100] == inputs[targets != -100] + 1).all()
    lengths = [len(row) for row in rows]
    assert lengths == sorted(lengths, reverse=True) and lengths[0] - lengths[-1] <= int(exact) and lengths[-1] > 0
    assert inputs.min() >= 0 and inputs.max() < n


@given(sizes)
def test_exact_counts_every_target_once(size):
    n, T, N = size
    batches = SequentialBatches(tokens(n), T, N, exact=True)
    _, targets = stacked(batches)
    assert sorted(targets[targets != -100].tolist()) == list(range(1, n))
    assert batches.tokens == n - 1 and batches.dropped == 0


@given(sizes)
def test_what_does_not_fill_the_rows_is_dropped_and_reported(size):
    n, T, N = size
    batches = SequentialBatches(tokens(n), T, N)
    _, targets = stacked(batches)
    assert targets.size == batches.tokens and -100 not in targets
    assert batches.tokens + batches.dropped == n - 1 and batches.dropped < N
    assert targets.max() == n - 1 - batches.dropped


@given(sizes, st.booleans())
def test_batches_are_time_major_and_counted_and_only_the_last_is_shorter(size, exact):
    n, T, N = size
    batches = SequentialBatches(tokens(n), T, N, exact=exact)
    parts = list(batches)
    assert len(parts) == len(batches)
    assert [len(part.inputs) for part in parts[:-1]] == [T] * (len(parts) - 1) and 1 <= len(parts[-1].inputs) <= T
    for part in parts:
        assert part.inputs.shape == part.targets.shape == (len(part.inputs), N)
        assert part.inputs.dtype is part.targets.dtype is tinyrnn.int64
        assert isinstance(part.inputs, tinyrnn.Tensor) and isinstance(part.targets, tinyrnn.Tensor)


@given(sizes, st.booleans())
def test_continues_means_that_every_row_goes_on_where_it_ended(size, exact):
    n, T, N = size
    batches = SequentialBatches(tokens(n), T, N, exact=exact)
    for _ in range(2):  # the second iteration does not continue the first
        expected = None
        for inputs, targets, continues in batches:
            assert continues is (expected is not None)
            if continues:
                went_on = targets.numpy()[0] != -100
                assert (inputs.numpy()[0] == expected)[went_on].all()
            expected = targets.numpy()[-1]


@given(sizes)
def test_one_row_drops_nothing_and_needs_no_padding(size):
    n, T, _ = size
    for exact in (False, True):
        batches = SequentialBatches(tokens(n), T, 1, exact=exact)
        inputs, targets = stacked(batches)
        assert inputs.ravel().tolist() == list(range(n - 1)) and targets.ravel().tolist() == list(range(1, n))
        assert batches.dropped == 0


def test_two_iterations_may_run_at_once():
    batches = SequentialBatches(tokens(20), 3, 2)
    for a, b in zip(batches, batches):
        assert (a.inputs == b.inputs).all() and a.continues is b.continues


@pytest.mark.parametrize("form", [list, np.asarray, tinyrnn.tensor, lambda ids: np.repeat(ids, 2)[::2]])
def test_the_stream_may_have_any_form(form):
    (batch,) = SequentialBatches(form(np.arange(7)), 10, 2)
    assert batch.inputs.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_the_corpus_is_not_copied():
    ids = tokens(1000)
    assert SequentialBatches(ids, 5, 4).ids is ids and RandomWindows(ids, 5, 4).ids is ids


def test_batches_do_not_share_memory_with_the_corpus():
    ids = np.arange(9)  # int64 already
    for batches in (SequentialBatches(ids, 4, 2), RandomWindows(ids, 4, 2)):
        for inputs, targets, _ in batches:
            inputs.fill_(0)
            targets.fill_(0)
    assert ids.tolist() == list(range(9))


# -- at random --


@given(sizes, st.integers(0, 2**32))
def test_windows_lie_inside_the_stream_and_targets_follow(size, seed):
    n, T, N = size
    T = min(T, n - 1)
    batches = RandomWindows(tokens(n), T, N, generator=tinyrnn.Generator().manual_seed(seed), batches=3)
    parts = list(batches)
    assert len(parts) == len(batches) == 3 and batches.tokens == 3 * T * N
    for inputs, targets, continues in parts:
        assert continues is False
        assert inputs.shape == targets.shape == (T, N) and inputs.dtype is targets.dtype is tinyrnn.int64
        assert (targets.numpy() == inputs.numpy() + 1).all()
        assert (np.diff(inputs.numpy(), axis=0) == 1).all()
        assert inputs.numpy().min() >= 0 and targets.numpy().max() <= n - 1


def test_every_place_can_be_drawn_the_last_included():
    inputs, targets = stacked(RandomWindows(tokens(6), 3, 50, batches=4))
    assert set(inputs[0].tolist()) == {0, 1, 2} and targets.max() == 5


def test_the_default_covers_the_stream_about_once():
    assert len(RandomWindows(tokens(1001), 10, 10)) == 10
    assert len(RandomWindows(tokens(1000), 10, 10)) == 9


def test_epochs_differ_and_seeds_repeat():
    def two_epochs(seed):
        batches = RandomWindows(tokens(500), 5, 4, generator=tinyrnn.Generator().manual_seed(seed))
        return [stacked(batches)[0].tolist() for _ in range(2)]

    first, second = two_epochs(1)
    assert first != second
    assert two_epochs(1) == [first, second] and two_epochs(2)[0] != first


def test_without_a_generator_manual_seed_decides():
    batches = RandomWindows(tokens(500), 5, 4)
    drawn = []
    for _ in range(2):
        tinyrnn.manual_seed(3)
        drawn.append(stacked(batches)[0].tolist())
    assert drawn[0] == drawn[1] != stacked(batches)[0].tolist()


# -- errors --


@pytest.mark.parametrize("kind", [SequentialBatches, RandomWindows])
def test_sizes_below_one(kind):
    with pytest.raises(ValueError, match="seq_len must be at least 1, got 0"):
        kind(tokens(9), 0, 1)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got -2"):
        kind(tokens(9), 1, -2)
    with pytest.raises(TypeError, match="whole numbers"):
        kind(np.arange(9.0), 1, 1)


@pytest.mark.parametrize("exact", [False, True])
def test_too_few_tokens_for_the_rows(exact):
    assert len(SequentialBatches(tokens(1001), 50, 1000, exact=exact)) == 1
    with pytest.raises(ValueError, match=r"1,000 rows need at least 1,001 tokens.*but there are 1,000: reduce batch_size"):
        SequentialBatches(tokens(1000), 50, 1000, exact=exact)


def test_too_few_tokens_for_a_window():
    assert len(RandomWindows(tokens(51), 50, 4, batches=1)) == 1
    with pytest.raises(ValueError, match=r"seq_len=50 needs at least 51 tokens.*but there are 50: reduce seq_len"):
        RandomWindows(tokens(50), 50, 4, batches=1)


def test_too_few_tokens_for_a_batch():
    assert len(RandomWindows(tokens(201), 50, 4)) == 1
    with pytest.raises(ValueError, match=r"at least 201 tokens, but there are 200: reduce seq_len or batch_size"):
        RandomWindows(tokens(200), 50, 4)
    with pytest.raises(ValueError, match="batches must be at least 1, got 0"):
        RandomWindows(tokens(201), 50, 4, batches=0)
