"""Threads that share the parameters make the same updates as one."""

import numpy as np
import pytest

import tinyrnn
from tinyrnn import optim
from tinyrnn.optim import optimizer as shared


def after_three_steps(make):
    parameters = [tinyrnn.arange(n, dtype=tinyrnn.float64).cos().requires_grad_() for n in (5, 900, 1, 40, 0)]
    unused = tinyrnn.ones(3, requires_grad=True)
    optimizer = make([{"params": parameters[:2]}, {"params": [*parameters[2:], unused], "lr": 0.3}])
    for _ in range(3):
        optimizer.zero_grad()
        sum((p * p.detach().sin()).sum() for p in parameters).backward()
        optimizer.step()
    return [p.detach().numpy() for p in (*parameters, unused)], optimizer.state_dict()


@pytest.mark.parametrize("make", [lambda g: optim.Adam(g, 0.1), lambda g: optim.SGD(g, 0.1, momentum=0.9), lambda g: optim.ASGD(g, 0.1)])
@pytest.mark.parametrize("threads", [2, 3])
def test_the_same_to_the_last_bit(monkeypatch, make, threads):
    alone, state_alone = after_three_steps(make)
    monkeypatch.setattr(shared, "SHARED_SIZE", 1)
    monkeypatch.setattr(shared, "get_num_threads", lambda: threads)
    together, state_together = after_three_steps(make)
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_array_equal(a, b)
    assert list(state_together["state"]) == list(state_alone["state"])


def test_large_parameters_are_spread_evenly(monkeypatch):
    monkeypatch.setattr(shared, "SHARED_SIZE", 10)
    monkeypatch.setattr(shared, "get_num_threads", lambda: 2)
    due = [(tinyrnn.ones(n), {}, {}) for n in (1, 6, 2, 5)]
    assert sorted(sum(p.numel() for p, _, _ in share) for share in shared._shares(due)) == [7, 7]
    assert len(shared._shares(due[:1])) == 1, "too little to share"
    assert len(shared._shares([due[1], due[1]])) == 1, "one parameter given twice must not be updated by two at a time"
