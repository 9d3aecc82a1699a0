"""How many cores products use, and sharing work among them."""

import threading
from typing import ClassVar

import numpy as np
import pytest

import tinyrnn
from tinyrnn import threads


@pytest.fixture
def blas(monkeypatch):
    """A stand-in that notes the calls, undecided and on two cores."""

    class Noted(threads._Blas):
        calls: ClassVar[list[int]] = []
        cores = 2

        def set(self, n):
            self.calls.append(n)

    noted = Noted()
    noted.calls.clear()
    noted.decided = False
    monkeypatch.setattr(threads, "_blas", noted)
    return noted


def test_small_products_use_one_core_and_put_it_back(blas):
    a = np.ones((3, 4))
    np.testing.assert_array_equal(threads.matmul(a, a.T), a @ a.T)
    assert blas.calls == [1, 2]
    with pytest.raises(ValueError, match="mismatch"):
        threads.matmul(a, a)
    assert blas.calls == [1, 2, 1, 2], "a product that failed left one core behind"


def test_large_products_and_decided_ones_are_left_alone(blas, monkeypatch):
    a = np.ones((3, 4))
    monkeypatch.setattr(threads, "THREADED_FLOPS", 2 * 3 * 4 * 3)
    threads.matmul(a, a.T)
    assert blas.calls == []
    monkeypatch.setattr(threads, "THREADED_FLOPS", 2 * 3 * 4 * 3 + 1)
    threads.matmul(a, a.T)
    assert blas.calls == [1, 2]
    tinyrnn.set_num_threads(2)
    blas.calls.clear()
    threads.matmul(a, a.T)
    assert blas.calls == []


def test_threads_are_those_that_were_set(monkeypatch):
    before = tinyrnn.get_num_threads()
    monkeypatch.setattr(threads, "_blas", threads._Blas())
    try:
        tinyrnn.set_num_threads(1)
        assert tinyrnn.get_num_threads() == 1
        with pytest.raises(RuntimeError, match="positive"):
            tinyrnn.set_num_threads(0)
    finally:
        tinyrnn.set_num_threads(before)


def test_a_numpy_without_openblas_is_taken_as_it_is(monkeypatch):
    blas = threads._Blas()
    monkeypatch.setattr(blas, "_functions", None)
    blas.set(3)
    assert (blas.get(), blas.cores) == (1, 1)


def test_tasks_run_at_the_same_time_and_answer_in_order():
    meeting = threading.Barrier(3, timeout=30)
    assert threads.parallel([lambda k=k: meeting.wait() * 0 + k for k in range(3)]) == [0, 1, 2]


def test_products_of_parallel_tasks_use_one_core_each(blas):
    def task():
        threads.matmul(np.ones((3, 4)), np.ones((4, 3)))
        return list(blas.calls)

    assert threads.parallel([task, task]) == [[1], [1]]
    assert len(blas.calls) == 2, "the number of threads was not put back once"
    assert not blas.shared


def test_a_task_that_fails_fails_the_call_and_warnings_stay_silent(blas):
    with pytest.raises(ZeroDivisionError):
        threads.parallel([lambda: 1, lambda: 1 // 0])
    assert not blas.shared
    tasks = [lambda: np.log(np.zeros(2)), lambda: np.log(np.zeros(2))]
    assert np.isneginf(threads.parallel(tasks)).all()
