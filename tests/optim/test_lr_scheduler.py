"""Schedules against PyTorch, live and from golden files."""

import copy
import inspect
import json
import math
import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import optim

golden = runpy.run_path(str(Path(__file__).with_name("golden.py")))
rates = golden["rates"]

STEPS = 60


class Decay:
    """A schedule with a state of its own, for ``LambdaLR``."""

    def __init__(self, by):
        self.by = by

    def __call__(self, t):
        return 1 / (1 + self.by * t)


def required(*optional, **strategies):
    return st.fixed_dictionaries(strategies, optional=dict(optional))


gamma, eta_min = st.floats(0.1, 1.2), st.floats(0, 0.05)
SCHEDULES = {
    "StepLR": required(("gamma", gamma), step_size=st.integers(1, 70)),
    "MultiStepLR": required(("gamma", gamma), milestones=st.lists(st.integers(0, 70), max_size=6)),
    "ExponentialLR": required(gamma=gamma),
    "LambdaLR": required(
        lr_lambda=st.builds(Decay, gamma) | st.lists(st.builds(Decay, gamma), min_size=2, max_size=2) | st.just(lambda t: 0.9**t)
    ),
    "MultiplicativeLR": required(lr_lambda=st.builds(Decay, st.floats(0.001, 0.01)) | st.just(lambda t: 0.99)),
    "ConstantLR": required(("factor", st.floats(0.1, 1)), ("total_iters", st.integers(1, 70))),
    "LinearLR": required(("start_factor", st.floats(0.1, 1)), ("end_factor", st.floats(0.1, 1)), ("total_iters", st.integers(1, 70))),
    "PolynomialLR": required(("total_iters", st.integers(1, 70)), ("power", st.floats(0.5, 3))),
    "CosineAnnealingLR": required(("eta_min", eta_min), T_max=st.integers(1, 70)),
    "CosineAnnealingWarmRestarts": required(("eta_min", eta_min), ("T_mult", st.integers(1, 3)), T_0=st.integers(1, 70)),
    "ReduceLROnPlateau": required(
        ("mode", st.sampled_from(["min", "max"])),
        ("patience", st.integers(0, 5)),
        ("threshold", st.just(0) | st.floats(0, 0.2)),
        ("threshold_mode", st.sampled_from(["rel", "abs"])),
        ("cooldown", st.integers(0, 5)),
        ("min_lr", st.just(0.01) | st.just([0.01, 0.02])),
        ("eps", st.sampled_from([0, 0.03])),
        factor=st.floats(0.1, 0.9),
    ),
    "CyclicLR": required(
        ("step_size_down", st.none() | st.integers(1, 30)),
        ("mode", st.sampled_from(["triangular", "triangular2", "exp_range"])),
        ("gamma", st.floats(0.9, 1)),
        ("scale_fn", st.none() | st.builds(Decay, gamma)),
        ("scale_mode", st.sampled_from(["cycle", "iterations"])),
        ("cycle_momentum", st.booleans()),
        ("base_momentum", st.just(0.5) | st.just([0.5, 0.6])),
        ("max_momentum", st.just([0.8, 0.9])),
        base_lr=st.floats(0.01, 0.1) | st.just([0.1, 0.2]),
        max_lr=st.floats(0.1, 3) | st.just([0.5, 0.6]),
        step_size_up=st.integers(1, 30),
    ),
    "OneCycleLR": required(
        ("pct_start", st.floats(0, 1)),
        ("anneal_strategy", st.sampled_from(["cos", "linear"])),
        ("cycle_momentum", st.booleans()),
        ("base_momentum", st.just(0.5) | st.just([0.5, 0.6])),
        ("max_momentum", st.just([0.8, 0.9])),
        ("div_factor", st.floats(1.1, 100)),
        ("final_div_factor", st.floats(1.1, 1e4)),
        ("three_phase", st.booleans()),
        max_lr=st.floats(0.1, 3) | st.just([0.1, 0.2]),
        total_steps=st.integers(STEPS, 2 * STEPS),
    ),
}
every_schedule = pytest.mark.parametrize("name", SCHEDULES)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def two_groups(lib, cls="SGD"):
    a, b = (lib.tensor([1.0], requires_grad=True) for _ in range(2))
    options = {"momentum": 0.9} if cls == "SGD" else {}
    return getattr(lib.optim, cls)([{"params": [a]}, {"params": [b], "lr": 0.1}], lr=0.3, **options)


def make(lib, name, options, cls="SGD"):
    optimizer = two_groups(lib, cls)
    return optimizer, getattr(lib.optim.lr_scheduler, name)(optimizer, **copy.deepcopy(options))


def numbers(path):
    """Rates, momenta and betas as an array; -1 where there is none."""
    return np.array([[(lr, -1 if m is None else m, *(b or (-1, -1))) for lr, m, b in groups] for groups in path])


def assert_close(path, other):
    np.testing.assert_allclose(numbers(path), numbers(other), rtol=1e-12, atol=1e-15)


@every_schedule
@given(data=st.data(), cls=st.sampled_from(["SGD", "Adam"]))
def test_every_rate_is_pytorchs(torch, name, data, cls):
    options = data.draw(SCHEDULES[name])
    try:
        theirs = list(rates(*make(torch, name, options, cls), STEPS))
    except ZeroDivisionError:  # a cycle whose first phase has no length
        assume(False)
    assert_close(rates(*make(tinyrnn, name, options, cls), STEPS), theirs)


@every_schedule
@given(data=st.data(), taken=st.integers(0, STEPS - 10))
def test_a_schedule_goes_on_from_its_state_dict(torch, name, data, taken):
    options = data.draw(SCHEDULES[name])
    if "pct_start" in options:
        assume(options["pct_start"] > 0.05)
    for lib in (tinyrnn, torch):
        optimizer, scheduler = make(lib, name, options)
        list(rates(optimizer, scheduler, taken))
        other, resumed = make(tinyrnn, name, options)
        with_noise = {**scheduler.state_dict(), "note": "kept"}
        other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        resumed.load_state_dict(copy.deepcopy(with_noise))
        assert resumed.last_epoch == scheduler.last_epoch == taken and resumed.note == "kept"
        assert resumed.get_last_lr() == pytest.approx([group["lr"] for group in other.param_groups])
        assert_close(rates(other, resumed, 10), list(rates(optimizer, scheduler, 10)))


@pytest.mark.parametrize("name", [n for n in SCHEDULES if n != "ReduceLROnPlateau"])
@given(data=st.data(), taken=st.integers(0, STEPS - 10))
def test_a_schedule_goes_on_from_last_epoch(torch, name, data, taken):
    options = data.draw(SCHEDULES[name])
    assume(options.get("T_mult", 1) == 1 and options.get("pct_start", 0.3) > 0.05)
    resumed = []
    for lib in (tinyrnn, torch):
        optimizer, scheduler = make(lib, name, options)
        list(rates(optimizer, scheduler, taken))
        again = getattr(lib.optim.lr_scheduler, name)(optimizer, **options, last_epoch=taken)
        resumed.append(list(rates(optimizer, again, 9)))
    assert_close(*resumed)


@given(data=st.data(), taken=st.integers(0, 200))
def test_warm_restarts_go_on_from_last_epoch(data, taken):
    """PyTorch loses its place here beyond the second wave."""
    options = data.draw(SCHEDULES["CosineAnnealingWarmRestarts"])
    optimizer, scheduler = make(tinyrnn, "CosineAnnealingWarmRestarts", options)
    *_, straight = rates(optimizer, scheduler, taken + 2)
    again = optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, **options, last_epoch=taken)
    assert again.get_last_lr() == pytest.approx([lr for lr, *_ in straight], rel=1e-12)


@given(st.integers(1, 9), st.integers(1, 2), st.lists(st.none() | st.floats(0, 40), max_size=20))
def test_warm_restarts_step_to_any_epoch(torch, T_0, T_mult, epochs):
    ours, theirs = (
        make(lib, "CosineAnnealingWarmRestarts", {"T_0": T_0, "T_mult": T_mult, "eta_min": 0.01})[1] for lib in (tinyrnn, torch)
    )
    for epoch in epochs:
        ours.step(epoch)
        theirs.step(epoch)
        assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-9)
        assert ours.last_epoch == theirs.last_epoch


def test_warm_restarts_find_the_wave_exactly():
    """Through a logarithm, as PyTorch does, step 242 of lengths 2, 6, 18, ... lands at the end of the wave before."""
    _, scheduler = make(tinyrnn, "CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 3})
    scheduler.step(242)
    assert (scheduler.T_cur, scheduler.T_i) == (0, 486) and scheduler.get_last_lr() == [0.3, 0.1]


@pytest.mark.parametrize("label", golden["SCHEDULERS"])
def test_golden_values(label):
    expected = json.loads(Path(__file__).with_name("golden.json").read_text())["schedulers"][label]
    np.testing.assert_allclose(golden["run_scheduler"](tinyrnn, *golden["SCHEDULERS"][label]), expected, rtol=1e-12)


def test_schedules_may_be_stacked(torch):
    paths = []
    for lib in (tinyrnn, torch):
        optimizer, exponential = make(lib, "ExponentialLR", {"gamma": 0.9})
        step = lib.optim.lr_scheduler.StepLR(optimizer, step_size=3)
        path = []
        for _ in range(10):
            path += rates(optimizer, exponential, 1)
            step.step()
        paths.append(path)
    assert_close(*paths)


@every_schedule
def test_the_optimizers_state_is_not_touched(name):
    optimizer, scheduler = make(tinyrnn, name, EXAMPLES[name])
    for group in optimizer.param_groups:
        group["params"][0].grad = tinyrnn.tensor([1.0])
    optimizer.step()
    before = copy.deepcopy(optimizer.state_dict()["state"])
    for _ in range(5):
        scheduler.step(*[1.0] * (name == "ReduceLROnPlateau"))
    after = optimizer.state_dict()["state"]
    assert {k: v["momentum_buffer"].tolist() for k, v in after.items()} == {k: v["momentum_buffer"].tolist() for k, v in before.items()}


EXAMPLES = {
    "StepLR": {"step_size": 2},
    "MultiStepLR": {"milestones": [2]},
    "ExponentialLR": {"gamma": 0.9},
    "LambdaLR": {"lr_lambda": math.cos},
    "MultiplicativeLR": {"lr_lambda": math.cos},
    "ConstantLR": {},
    "LinearLR": {},
    "PolynomialLR": {},
    "CosineAnnealingLR": {"T_max": 5},
    "CosineAnnealingWarmRestarts": {"T_0": 5},
    "ReduceLROnPlateau": {},
    "CyclicLR": {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 3},
    "OneCycleLR": {"max_lr": 1.0, "total_steps": 10},
}


@every_schedule
def test_signature_is_pytorchs(torch, name):
    def signature(lib):
        return {n: p.default for n, p in inspect.signature(getattr(lib.optim.lr_scheduler, name)).parameters.items()}

    assert signature(tinyrnn) == signature(torch) and list(signature(tinyrnn)) == list(signature(torch))


@every_schedule
def test_states_are_plain(name):
    """A checkpoint may hold a schedule as JSON."""
    optimizer, scheduler = make(tinyrnn, name, EXAMPLES[name])
    state = json.loads(json.dumps(scheduler.state_dict()))
    resumed = make(tinyrnn, name, EXAMPLES[name])[1]
    resumed.load_state_dict(state)
    assert_close(rates(optimizer, scheduler, 8), rates(resumed.optimizer, resumed, 8))


def test_callable_objects_get_their_attributes_back(torch):
    for lib in (tinyrnn, torch):
        _, scheduler = make(lib, "LambdaLR", {"lr_lambda": [Decay(0.5), Decay(1.0)]})
        optimizer, resumed = make(tinyrnn, "LambdaLR", {"lr_lambda": [Decay(7.0), Decay(8.0)]})
        resumed.load_state_dict(scheduler.state_dict())
        *_, last = rates(optimizer, resumed, 2)
        assert [lr for lr, *_ in last] == [0.3 / 1.5, 0.1 / 2]


def test_a_milestone_that_counts_twice_is_understood(torch):
    for lib in (tinyrnn, torch):
        _, scheduler = make(lib, "MultiStepLR", {"milestones": [1, 1], "gamma": 0.5})
        optimizer, resumed = make(tinyrnn, "MultiStepLR", {"milestones": []})
        resumed.load_state_dict(copy.deepcopy(scheduler.state_dict()))
        *_, last = rates(optimizer, resumed, 2)
        assert last[0][0] == 0.3 / 4


def build(name, **options):
    return lambda lib: make(lib, name, options)


def overrun(lib):
    optimizer, scheduler = make(lib, "OneCycleLR", {"max_lr": 1.0, "total_steps": 3})
    list(rates(optimizer, scheduler, 4))


def outgrown(lib):
    optimizer, scheduler = make(lib, "CosineAnnealingWarmRestarts", {"T_0": 5})
    optimizer.add_param_group({"params": [lib.tensor([1.0], requires_grad=True)]})
    scheduler.step()


def sequence(lib, milestones=(3, 8)):
    """Warm-up, a wave, and a decay."""
    optimizer, s = two_groups(lib), lib.optim.lr_scheduler
    parts = [s.LinearLR(optimizer, 0.1, total_iters=3), s.CosineAnnealingLR(optimizer, 4), s.StepLR(optimizer, 2)]
    return optimizer, s.SequentialLR(optimizer, parts, list(milestones))


def chain(lib):
    optimizer, s = two_groups(lib), lib.optim.lr_scheduler
    parts = [s.ConstantLR(optimizer, 0.1, 4), s.ExponentialLR(optimizer, 0.9), s.MultiplicativeLR(optimizer, Decay(0.1))]
    return optimizer, s.ChainedScheduler(parts, optimizer)


@pytest.mark.parametrize("made", [sequence, chain])
def test_schedules_in_a_row_and_at_once_are_pytorchs(torch, made):
    (ours, our_schedule), (theirs, their_schedule) = made(tinyrnn), made(torch)
    assert_close(rates(ours, our_schedule, 6), rates(theirs, their_schedule, 6))
    assert our_schedule.get_last_lr() == pytest.approx(their_schedule.get_last_lr(), rel=1e-12)
    resumed, other = made(tinyrnn)
    resumed.load_state_dict(copy.deepcopy(ours.state_dict()))
    other.load_state_dict(copy.deepcopy(our_schedule.state_dict()))
    straight = list(rates(theirs, their_schedule, 14))
    assert_close(rates(ours, our_schedule, 14), straight)
    assert_close(rates(resumed, other, 14), straight)


@pytest.mark.parametrize("name", [n for n in SCHEDULES if n not in ("ReduceLROnPlateau", "CosineAnnealingWarmRestarts")])
def test_stepping_to_an_epoch_warns_and_goes_there(torch, name):
    """Old programs call ``scheduler.step(epoch)``."""
    paths = []
    for lib in (tinyrnn, torch):
        optimizer, scheduler = make(lib, name, EXAMPLES[name])
        optimizer.step()
        path = []
        for epoch in (0, 1, 2, 7, 3):
            with pytest.warns(UserWarning, match="epoch parameter"):
                scheduler.step(epoch)
            path.append((scheduler.last_epoch, *scheduler.get_last_lr()))
        paths.append(path)
    np.testing.assert_allclose(*paths, rtol=1e-12)


def test_a_schedule_by_subclassing_is_pytorchs(torch):
    paths = []
    for lib in (tinyrnn, torch):

        class Noam(lib.optim.lr_scheduler._LRScheduler):
            def __init__(self, optimizer, warm_up, last_epoch=-1):
                self.warm_up = warm_up
                super().__init__(optimizer, last_epoch)

            def get_lr(self):
                assert self._get_lr_called_within_step
                t = max(1, self._step_count)
                return [base * min(t**-0.5, t * self.warm_up**-1.5) for base in self.base_lrs]

        optimizer = two_groups(lib)
        paths.append(list(rates(optimizer, Noam(optimizer, 4), 10)))
    assert_close(*paths)


ERRORS = {
    "no optimizer": lambda lib: lib.optim.lr_scheduler.ExponentialLR(3, 0.5),
    "no optimizer, plateau": lambda lib: lib.optim.lr_scheduler.ReduceLROnPlateau(3),
    "no optimizer, cycle": lambda lib: lib.optim.lr_scheduler.OneCycleLR(3, 0.5, 10),
    "no initial rate": build("ExponentialLR", gamma=0.5, last_epoch=3),
    "lambdas": build("LambdaLR", lr_lambda=[abs]),
    "T_0": build("CosineAnnealingWarmRestarts", T_0=0),
    "T_0 float": build("CosineAnnealingWarmRestarts", T_0=2.0),
    "T_mult": build("CosineAnnealingWarmRestarts", T_0=2, T_mult=0),
    "eta_min": build("CosineAnnealingWarmRestarts", T_0=2, eta_min="low"),
    "epoch": lambda lib: make(lib, "CosineAnnealingWarmRestarts", {"T_0": 2})[1].step(-1),
    "factor": build("ReduceLROnPlateau", factor=1.0),
    "mode": build("ReduceLROnPlateau", mode="up"),
    "threshold mode": build("ReduceLROnPlateau", threshold_mode="up"),
    "min_lr": build("ReduceLROnPlateau", min_lr=[0.1]),
    "no length": build("OneCycleLR", max_lr=1.0),
    "half a length": build("OneCycleLR", max_lr=1.0, epochs=3),
    "length": build("OneCycleLR", max_lr=1.0, total_steps=0),
    "epochs": build("OneCycleLR", max_lr=1.0, epochs=0, steps_per_epoch=3),
    "steps": build("OneCycleLR", max_lr=1.0, epochs=3, steps_per_epoch=1.5),
    "pct_start": build("OneCycleLR", max_lr=1.0, total_steps=9, pct_start=1.5),
    "pct_start int": build("OneCycleLR", max_lr=1.0, total_steps=9, pct_start=1),
    "strategy": build("OneCycleLR", max_lr=1.0, total_steps=9, anneal_strategy="exp"),
    "max_lr": build("OneCycleLR", max_lr=[1.0], total_steps=9),
    "constant": build("ConstantLR", factor=1.5),
    "start of a line": build("LinearLR", start_factor=0.0),
    "end of a line": build("LinearLR", end_factor=-1.0),
    "cycle mode": build("CyclicLR", base_lr=0.1, max_lr=1.0, mode="round"),
    "base_lr": build("CyclicLR", base_lr=[0.1], max_lr=1.0),
    "cycle without momentum": lambda lib: make(lib, "CyclicLR", {"base_lr": 0.1, "max_lr": 1.0}, cls="Adagrad"),
    "no schedules": lambda lib: lib.optim.lr_scheduler.SequentialLR(two_groups(lib), [], []),
    "too few milestones": lambda lib: sequence(lib, milestones=[]),
    "schedules of two": lambda lib: lib.optim.lr_scheduler.SequentialLR(two_groups(lib), sequence(lib)[1]._schedulers, [3, 8]),
    "a plateau among them": lambda lib: lib.optim.lr_scheduler.ChainedScheduler([make(lib, "ReduceLROnPlateau", {})[1]]),
    "not a schedule": lambda lib: lib.optim.lr_scheduler.SequentialLR(two_groups(lib), [3], []),
    "nothing to chain": lambda lib: lib.optim.lr_scheduler.ChainedScheduler([]),
    "no momentum": lambda lib: make(lib, "OneCycleLR", {"max_lr": 1.0, "total_steps": 9}, cls="Adagrad"),
    "a step too many": overrun,
    "another group": outgrown,
    "no rule": lambda lib: lib.optim.lr_scheduler.LRScheduler(two_groups(lib)),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_of_pytorchs_type_and_begin_alike(torch, case):
    with pytest.raises(Exception) as theirs:
        ERRORS[case](torch)
    with pytest.raises(theirs.type) as ours:
        ERRORS[case](tinyrnn)
    assert ours.type is theirs.type
    if case not in ("lambdas", "min_lr", "another group", "base_lr", "schedules of two", "a plateau among them", "not a schedule"):
        assert str(theirs.value)[:8] in str(ours.value)


def test_a_cycle_of_epochs_is_one_of_their_steps():
    options = {"max_lr": 1.0, "epochs": 4, "steps_per_epoch": 5}
    assert make(tinyrnn, "OneCycleLR", options)[1].total_steps == 20


def test_a_cycle_too_short_for_its_first_phase_starts_at_the_top(torch):
    options = {"max_lr": 1.0, "total_steps": 10, "pct_start": 0.1}
    with pytest.raises(ZeroDivisionError):
        make(torch, "OneCycleLR", options)
    assert make(tinyrnn, "OneCycleLR", options)[1].get_last_lr() == [1.0, 1.0]


@given(SCHEDULES["ReduceLROnPlateau"], st.lists(st.integers(-20, 20).map(lambda k: k / 10), min_size=20, max_size=60))
def test_plateau_judges_any_metric_as_pytorch_does(torch, options, metrics):
    _, ours = make(tinyrnn, "ReduceLROnPlateau", options)
    _, theirs = make(torch, "ReduceLROnPlateau", options)
    for metric in metrics:
        ours.step(metric)
        theirs.step(metric)
        assert ours.get_last_lr() == theirs.get_last_lr() and ours.best == theirs.best


def test_plateau_takes_tensors_and_later_groups(torch):
    for lib in (tinyrnn, torch):
        optimizer, scheduler = make(lib, "ReduceLROnPlateau", {"patience": 0, "factor": 0.5, "min_lr": 0.1})
        optimizer.add_param_group({"params": [lib.tensor([1.0], requires_grad=True)], "lr": 0.15})
        for metric in (1.0, lib.tensor(0.5), lib.tensor([0.7]), float("nan")):
            scheduler.step(metric)
        assert scheduler.get_last_lr() == [0.1, 0.1, 0.1] and scheduler.best == 0.5


def test_a_step_before_the_optimizers_warns(torch):
    for lib in (tinyrnn, torch):
        optimizer, scheduler = make(lib, "ExponentialLR", {"gamma": 0.5})
        with pytest.warns(UserWarning, match="before `optimizer.step") as caught:
            scheduler.step()
        assert caught[0].filename == __file__
        optimizer.step()
        scheduler.step()


def test_an_optimizer_with_a_step_of_its_own_is_trusted():
    class Still(optim.Optimizer):
        def step(self, closure=None):
            pass

    optimizer = Still([tinyrnn.tensor([1.0], requires_grad=True)], {"lr": 1.0})
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_a_rate_that_is_a_tensor_becomes_a_number():
    optimizer = optim.SGD([tinyrnn.tensor([1.0], requires_grad=True)], lr=tinyrnn.tensor(0.5))
    assert optim.lr_scheduler.ExponentialLR(optimizer, 0.5).get_last_lr() == [0.5]
    assert optimizer.param_groups[0]["initial_lr"] == 0.5
