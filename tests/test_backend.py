"""Buffers that are handed out again, and the threads of matrix products."""

import threading
from typing import ClassVar

import numpy as np
import pytest

import tinyrnn
from tinyrnn import backend
from tinyrnn.backend import Buffers, Rows

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


@pytest.fixture
def blas(monkeypatch):
    """A stand-in that notes the calls, undecided and on two cores."""

    class Noted(backend._Blas):
        calls: ClassVar[list[int]] = []
        cores = 2

        def set(self, n):
            self.calls.append(n)

    noted = Noted()
    noted.calls.clear()
    noted.decided = False
    monkeypatch.setattr(backend, "_blas", noted)
    return noted


def test_small_products_use_one_core_and_put_it_back(blas):
    a = np.ones((3, 4))
    np.testing.assert_array_equal(backend.matmul(a, a.T), a @ a.T)
    assert blas.calls == [1, 2]
    with pytest.raises(ValueError, match="mismatch"):
        backend.matmul(a, a)
    assert blas.calls == [1, 2, 1, 2], "a product that failed left one core behind"


def test_large_products_and_decided_ones_are_left_alone(blas, monkeypatch):
    a = np.ones((3, 4))
    monkeypatch.setattr(backend, "THREADED_FLOPS", 2 * 3 * 4 * 3)
    backend.matmul(a, a.T)
    assert blas.calls == []
    monkeypatch.setattr(backend, "THREADED_FLOPS", 2 * 3 * 4 * 3 + 1)
    backend.matmul(a, a.T)
    assert blas.calls == [1, 2]
    tinyrnn.set_num_threads(2)
    blas.calls.clear()
    backend.matmul(a, a.T)
    assert blas.calls == []


def test_threads_are_those_that_were_set(monkeypatch):
    before = tinyrnn.get_num_threads()
    monkeypatch.setattr(backend, "_blas", backend._Blas())
    try:
        tinyrnn.set_num_threads(1)
        assert tinyrnn.get_num_threads() == 1
        with pytest.raises(RuntimeError, match="positive"):
            tinyrnn.set_num_threads(0)
    finally:
        tinyrnn.set_num_threads(before)


def test_a_numpy_without_openblas_is_taken_as_it_is(monkeypatch):
    blas = backend._Blas()
    monkeypatch.setattr(blas, "_functions", None)
    blas.set(3)
    assert (blas.get(), blas.cores) == (1, 1)


def test_tasks_run_at_the_same_time_and_answer_in_order():
    meeting = threading.Barrier(3, timeout=30)
    assert backend.parallel([lambda k=k: meeting.wait() * 0 + k for k in range(3)]) == [0, 1, 2]


def test_products_of_parallel_tasks_use_one_core_each(blas):
    def task():
        backend.matmul(np.ones((3, 4)), np.ones((4, 3)))
        return list(blas.calls)

    assert backend.parallel([task, task]) == [[1], [1]]
    assert len(blas.calls) == 2, "the number of threads was not put back once"
    assert not blas.shared


def test_a_task_that_fails_fails_the_call_and_warnings_stay_silent(blas):
    with pytest.raises(ZeroDivisionError):
        backend.parallel([lambda: 1, lambda: 1 // 0])
    assert not blas.shared
    tasks = [lambda: np.log(np.zeros(2)), lambda: np.log(np.zeros(2))]
    assert np.isneginf(backend.parallel(tasks)).all()


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
