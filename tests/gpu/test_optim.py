"""Every optimiser on a GPU, step by step against NumPy; what goes in one launch, and what goes on its own."""

from __future__ import annotations

import numpy as np
import pytest

import tinyrnn
from tinyrnn import optim

pytestmark = pytest.mark.gpu
CASES = {
    "Adamax": {"weight_decay": 0.1},
    "Adadelta": {"eps": 1e-3},
    "NAdam": {"weight_decay": 0.1, "decoupled_weight_decay": True},
    "RAdam": {"betas": (0.8, 0.9), "maximize": True},
    "Rprop": {},
    "LBFGS": {"max_iter": 3, "line_search_fn": "strong_wolfe"},
}


def path(make, device, layouts=(lambda a: a,), steps=8):
    """Where the parameters are after each step down a bowl with waves."""
    arrays = [np.linspace(-3, 3, 6).reshape(2, 3), np.array([0.3, 2.5, -1.2, 0.9])]
    params = [layout(tinyrnn.tensor(a).to(device)).requires_grad_() for a, layout in zip(arrays, [*layouts, lambda a: a])]
    optimizer = make(params)

    def closure():
        optimizer.zero_grad()
        loss = sum((w * w / 4 + (2 * w).sin()).sum() for w in params)
        loss.backward()
        return loss

    seen = []
    for _ in range(steps):
        optimizer.step(closure)
        seen.append(np.concatenate([w.detach().cpu().numpy().ravel() for w in params]))
    return seen


@pytest.mark.parametrize("name", CASES)
def test_steps_are_those_of_numpy(name):
    def make(params):
        return getattr(optim, name)(params, **CASES[name])

    np.testing.assert_allclose(path(make, "cuda"), path(make, "cpu"), rtol=1e-10)


@pytest.mark.parametrize("make", [lambda p: optim.Adam(p, lr=0.1), lambda p: optim.SGD(p, lr=0.1, momentum=0.9)], ids=["Adam", "SGD"])
def test_a_parameter_that_is_not_contiguous_goes_alone(make, monkeypatch):
    kernel, launched = type(make([tinyrnn.ones(1, requires_grad=True)])).kernel, []
    launch = kernel.together
    monkeypatch.setattr(kernel, "together", lambda rows, *rest, **named: launched.append(len(rows)) or launch(rows, *rest, **named))
    turned = [lambda a: a.T.clone().T.detach()]
    there = path(make, "cuda", turned)
    assert launched == [1] * 8  # the other one
    np.testing.assert_allclose(there, path(make, "cpu", turned), rtol=1e-12)
    launched.clear()
    path(make, "cuda")
    assert launched == [2] * 8


def test_averages_stay_where_the_model_is():
    net = tinyrnn.nn.Sequential(tinyrnn.nn.Linear(2, 3), tinyrnn.nn.BatchNorm1d(3)).cuda()
    room = optim.swa_utils
    for average in (room.AveragedModel(net), room.AveragedModel(net, device="cuda", avg_fn=room.get_ema_avg_fn(0.9))):
        for _ in range(3):
            average.update_parameters(net)
        room.update_bn([tinyrnn.ones(4, 2)], average, device="cuda")
        assert average.module[0].weight.is_cuda and (average.module[0].weight - net[0].weight).abs().max() < 1e-6
        assert average.n_averaged == 3 and average(tinyrnn.ones(4, 2, device="cuda")).is_cuda
