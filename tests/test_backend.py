"""Buffers that are handed out again, and the threads of matrix products."""

import numpy as np

import tinyrnn
from tinyrnn.backend import Buffers
from tinyrnn.rows import Rows

LIKE = np.zeros(1, np.float32)


def test_memory_comes_back_when_nobody_holds_it():
    buffers = Buffers()
    first = buffers.empty(LIKE, (3, 4))
    address = first.ctypes.data
    second = buffers.empty(LIKE, (3, 4))
    assert second.ctypes.data != address, "two who hold memory at the same time got the same"
    del first
    assert buffers.empty(LIKE, (3, 4)).ctypes.data == address


def test_a_view_holds_its_memory():
    buffers = Buffers()
    view = buffers.empty(LIKE, (3, 4))[1:].T[0]
    assert buffers.empty(LIKE, (3, 4)).ctypes.data != view.base.ctypes.data


def test_shape_and_dtype_are_kept_apart():
    buffers = Buffers()
    for like, shape in ((LIKE, (2, 3)), (LIKE, (3, 2)), (LIKE.astype(np.float64), (2, 3))):
        got = buffers.empty(like, shape)
        assert (got.shape, got.dtype) == (shape, like.dtype)


def test_it_does_not_keep_all_there_ever_was():
    buffers = Buffers()
    held = [buffers.empty(LIKE, (2,)) for _ in range(100)]
    assert len({a.ctypes.data for a in held}) == 100
    for n in range(200):
        buffers.empty(LIKE, (n,))
    kept = list(buffers._arrays.values())
    assert len(kept) <= Buffers.SHAPES
    assert max(map(len, kept)) <= Buffers.OF_A_SHAPE


def test_memory_of_a_training_step_is_used_again_in_the_next():
    """Outputs that somebody keeps stay as they are; the others' memory is used again."""
    layer, x = tinyrnn.nn.LSTM(3, 4), tinyrnn.randn(5, 2, 3)
    kept, _ = layer(x)
    before = kept.detach().clone()
    addresses = set()
    for _ in range(10):
        y, _ = layer(x * 2)
        y.sum().backward()
        addresses.add(y.array.ctypes.data)
    assert len(addresses) <= 2
    assert (kept == before).all()


class TestRows:
    V, E = 1000, 3

    def rows_of(self, seed):
        rng = np.random.default_rng(seed)
        ids, values = rng.integers(0, self.V, 20), rng.standard_normal((20, self.E))
        ids[5:9] = ids[0]
        dense = np.zeros((self.V, self.E))
        np.add.at(dense, ids, values)
        return Rows(ids, values, self.V), dense

    def test_repeated_rows_add_up(self):
        rows, dense = self.rows_of(0)
        np.testing.assert_allclose(rows.dense(), dense, atol=1e-15)
        assert len(rows.rows) == len(set(rows.rows)) <= 17

    def test_pieces_cut_rows_anywhere(self):
        rows, dense = self.rows_of(1)
        flat = dense.reshape(-1)
        for begin, end in ((0, 3000), (0, 1), (1, 2), (7, 1234), (2999, 3000), (10, 10)):
            np.testing.assert_allclose(rows.piece(begin, end), flat[begin:end], atol=1e-15)

    def test_sums(self):
        (a, dense_a), (b, dense_b) = self.rows_of(2), self.rows_of(3)
        both = a + b
        assert isinstance(both, Rows)
        np.testing.assert_allclose(both.dense(), dense_a + dense_b, atol=1e-15)
        for mixed in (a + dense_b, dense_b + a):
            np.testing.assert_allclose(mixed, dense_a + dense_b, atol=1e-15)


def test_a_generator_hands_out_masks_by_seed_and_number():
    g = tinyrnn.Generator().manual_seed(7)
    first, state, second = g.next_mask(), g.get_state(), g.next_mask()
    tinyrnn.rand(5, generator=g)  # what else is drawn makes no difference
    third = g.next_mask()
    assert len({first, second, third, tinyrnn.Generator().manual_seed(8).next_mask()}) == 4
    assert all(0 <= key < 2**32 for key in first)
    g.set_state(state)
    assert [g.next_mask(), g.next_mask()] == [second, third]
    assert g.manual_seed(7).next_mask() == first
