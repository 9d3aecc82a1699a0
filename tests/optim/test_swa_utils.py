"""Averages of weights, against PyTorch."""

import copy
import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import nn, optim

torch = pytest.importorskip("torch")
theirs = pytest.importorskip("torch.optim.swa_utils")

swa = optim.swa_utils, theirs
libraries = tinyrnn, torch


def networks(seed=0):
    """The same network twice, with a batch norm, in float64."""
    rng = np.random.default_rng(seed)
    made = [lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4, momentum=0.3), lib.nn.Linear(4, 1)).double() for lib in libraries]
    values = {k: rng.random(tuple(v.shape)) for k, v in made[1].state_dict().items() if v.is_floating_point()}
    for lib, net in zip(libraries, made):
        net.load_state_dict({**net.state_dict(), **{k: lib.tensor(v) for k, v in values.items()}})
    return made


def same_state(ours, theirs, tolerance=1e-10):
    mine, their = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(their)
    for k in mine:
        assert str(mine[k].dtype).split(".")[1] == str(their[k].dtype).split(".")[1]
        np.testing.assert_allclose(mine[k].numpy(), their[k].numpy(), rtol=tolerance, atol=tolerance, err_msg=k)


AVERAGES = {
    "mean": lambda room: {},
    "mean by name": lambda room: {"avg_fn": room.get_swa_avg_fn()},
    "means": lambda room: {"multi_avg_fn": room.get_swa_multi_avg_fn()},
    "moving": lambda room: {"avg_fn": room.get_ema_avg_fn(0.9)},
    "movings": lambda room: {"multi_avg_fn": room.get_ema_multi_avg_fn(0.9)},
    "own": lambda room: {"avg_fn": lambda old, new, n: old * 0.5 + new / (n + 2)},
}


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("name", AVERAGES)
def test_averages_over_training(name, use_buffers):
    rng = np.random.default_rng(1)
    xs = rng.standard_normal((4, 5, 3))
    averages = []
    for lib, room, net in zip(libraries, swa, networks()):
        if use_buffers:
            net[1].num_batches_tracked = net[1].num_batches_tracked.double()  # PyTorch cannot average integers
        average = room.AveragedModel(net, use_buffers=use_buffers, **AVERAGES[name](room))
        sgd = lib.optim.SGD(net.parameters(), lr=0.01)
        for x in xs:
            sgd.zero_grad()
            net(lib.tensor(x)).square().sum().backward()
            sgd.step()
            average.update_parameters(net)
        averages.append(average)
        assert average(lib.tensor(xs[0])).shape == (5, 1) and net[0].weight is not average.module[0].weight
    same_state(*averages, 1e-7 if name == "means" else 1e-10)  # PyTorch's 1 / n is float32
    assert copy.deepcopy(averages[0]).state_dict().keys() == averages[0].state_dict().keys()


def test_batch_norms_are_measured_anew():
    batches = np.random.default_rng(2).standard_normal((3, 6, 3))
    for pack in (lambda x: x, lambda x: [x, "labels"]):
        pair = networks()
        for lib, room, net in zip(libraries, swa, pair):
            net.eval()
            room.update_bn([pack(lib.tensor(x)) for x in batches], net)
            assert not net.training and net[1].momentum == 0.3
        same_state(*pair)
    alone = nn.Linear(3, 1)
    optim.swa_utils.update_bn(None, alone)  # nothing to measure, so nothing is read


@given(
    swa_lr=st.sampled_from([0.05, [0.05, 0.2], 0.0]),
    anneal_epochs=st.integers(0, 6),
    anneal_strategy=st.sampled_from(["cos", "linear"]),
)
def test_rates(swa_lr, anneal_epochs, anneal_strategy):
    rates = []
    for lib, room in zip(libraries, swa):
        a, b = (lib.ones(2, requires_grad=True) for _ in range(2))
        sgd = lib.optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.5}], lr=0.1)
        schedule = room.SWALR(sgd, swa_lr, anneal_epochs, anneal_strategy)
        seen = [schedule.get_last_lr()]
        for _ in range(9):
            sgd.step()
            schedule.step()
            seen.append(schedule.get_last_lr())
        rates.append(seen)
    np.testing.assert_allclose(*rates, rtol=1e-12, atol=1e-15)


WRONG = {
    "negative": lambda lib, room, sgd: room.SWALR(sgd, 0.1, anneal_epochs=-1),
    "half": lambda lib, room, sgd: room.SWALR(sgd, 0.1, anneal_epochs=1.5),
    "strategy": lambda lib, room, sgd: room.SWALR(sgd, 0.1, anneal_strategy="line"),
    "too many": lambda lib, room, sgd: room.SWALR(sgd, [0.1, 0.2]),
    "decay": lambda lib, room, sgd: room.get_ema_avg_fn(2.0),
    "decays": lambda lib, room, sgd: room.get_ema_multi_avg_fn(-1.0),
    "both": lambda lib, room, sgd: room.AveragedModel(lib.nn.Linear(1, 1), avg_fn=min, multi_avg_fn=min),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments(case):
    raised = []
    for lib, room in zip(libraries, swa):
        with pytest.raises(Exception) as error:
            WRONG[case](lib, room, lib.optim.SGD([lib.ones(2, requires_grad=True)], lr=0.1))
        raised.append(error.type)
    assert raised[0] is raised[1]


@pytest.mark.parametrize("name", optim.swa_utils.__all__)
def test_signatures(name):
    ours, theirs = (list(inspect.signature(getattr(room, name)).parameters) for room in swa)
    assert ours == theirs
