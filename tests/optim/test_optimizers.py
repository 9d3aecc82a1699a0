"""Optimisers against PyTorch, live and from golden files, and what they promise about memory and state."""

import copy
import importlib
import inspect
import json
import pickle
import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import optim
from tinyrnn.optim import equations

golden = runpy.run_path(str(Path(__file__).with_name("golden.py")))
descend, parameters, starts = golden["descend"], golden["parameters"], golden["starts"]


def zero_or(low, high):
    return st.just(0) | st.floats(low, high)


def options(**strategies):
    """Dicts with some of the options, always a rate."""
    common = {"weight_decay": zero_or(0.01, 0.3), "maximize": st.booleans()}
    return st.fixed_dictionaries({"lr": st.floats(1e-3, 0.1)}, optional={**common, **strategies})


eps = st.sampled_from([1e-8, 1e-4, 0.1])
betas = st.tuples(st.floats(0, 0.95), st.floats(0.5, 0.999))
OPTIONS = {
    "SGD": options(momentum=zero_or(0.1, 0.95), dampening=zero_or(0.1, 0.9), nesterov=st.booleans()).filter(
        lambda o: not o.get("nesterov") or (o.get("momentum", 0) > 0 and o.get("dampening", 0) == 0)
    ),
    "Adam": options(betas=betas, eps=eps, amsgrad=st.booleans(), decoupled_weight_decay=st.booleans()),
    "AdamW": options(betas=betas, eps=eps, amsgrad=st.booleans()),
    "RMSprop": options(alpha=st.floats(0.5, 0.99), eps=eps, momentum=zero_or(0.1, 0.9), centered=st.booleans()),
    "Adagrad": options(lr_decay=zero_or(0.01, 1), initial_accumulator_value=zero_or(0.1, 2), eps=eps),
    "ASGD": options(lambd=st.floats(0, 0.5), alpha=st.floats(0, 1), t0=st.integers(0, 60)),
    "Adamax": options(betas=betas, eps=eps),
    "Adadelta": options(rho=st.floats(0, 1), eps=st.sampled_from([1e-6, 1e-3, 0.1])),
    "NAdam": options(betas=betas, eps=eps, momentum_decay=zero_or(0.001, 0.5), decoupled_weight_decay=st.booleans()),
    "RAdam": options(betas=st.tuples(st.floats(0, 0.95), st.floats(0.3, 0.999)), eps=eps, decoupled_weight_decay=st.booleans()),
    "Rprop": st.fixed_dictionaries(
        {"lr": st.floats(1e-3, 0.1)},
        optional={
            "maximize": st.booleans(),
            "etas": st.tuples(st.floats(0.1, 0.9), st.floats(1.05, 2)),
            "step_sizes": st.tuples(st.floats(1e-6, 1e-3), st.floats(0.2, 1)),
        },
    ),
}
every_optimizer = pytest.mark.parametrize("name", OPTIONS)


OPTION_NAMES = {name: list(inspect.signature(getattr(optim, name)).parameters) for name in OPTIONS}


def with_options(name, **wanted):
    """Those of the options that this optimiser has."""
    return {option: value for option, value in wanted.items() if option in OPTION_NAMES[name]}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def make(lib, name, arrays, first, *others):
    """An optimiser with a group for each of the options, and its parameters."""
    params = parameters(lib, arrays)
    groups = [{"params": params[len(others) :]}, *({"params": [p], **o} for p, o in zip(params, others))]
    return getattr(lib.optim, name)(groups, **first), params


def lockstep(leader, params, follower, other_params, steps=golden["STEPS"]):
    """As ``descend``, for two: the follower gets the leader's gradients, so that rounding is not fed back and grows."""
    lib = tinyrnn if isinstance(follower, optim.Optimizer) else importlib.import_module("torch")
    for values in descend(leader, params, steps):
        for p, q in zip(params, other_params):
            q.grad = None if p.grad is None else lib.tensor(p.grad.numpy())
        follower.step()
        yield values, [q.detach().numpy().copy() for q in other_params]


def assert_close(values, others):
    for a, b in zip(values, others, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13)


def plain(value):
    """Tensors as nested lists, in containers of any depth."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.tolist() if hasattr(value, "tolist") else value


def in_library(lib, value):
    """The same with tensors of the other library."""
    if isinstance(value, dict):
        return {k: in_library(lib, v) for k, v in value.items()}
    return lib.tensor(value.numpy().copy()) if hasattr(value, "numpy") else value


def assert_same_state(ours, theirs):
    assert plain(ours["param_groups"]) == plain(theirs["param_groups"])
    assert ours["state"].keys() == theirs["state"].keys()
    for k, state in theirs["state"].items():
        assert ours["state"][k].keys() == state.keys()
        for name, value in state.items():
            np.testing.assert_allclose(plain(ours["state"][k][name]), plain(value), rtol=1e-9, atol=1e-12)


@every_optimizer
@given(st.data())
def test_every_step_is_pytorchs(torch, name, data):
    first, second = data.draw(OPTIONS[name]), data.draw(OPTIONS[name])
    arrays = [*starts(), np.array(1.7)]
    ours, our_params = make(tinyrnn, name, arrays, first, second)
    theirs, their_params = make(torch, name, arrays, first, second)
    for one, other in lockstep(theirs, their_params, ours, our_params):
        assert_close(one, other)
    assert_same_state(ours.state_dict(), theirs.state_dict())


@every_optimizer
@given(st.data())
def test_a_run_goes_on_from_its_state_dict(name, data):
    first, second = data.draw(OPTIONS[name]), data.draw(OPTIONS[name])
    optimizer, params = make(tinyrnn, name, starts(), first, second)
    *_, there = descend(optimizer, params, steps=7)
    saved = optimizer.state_dict()
    resumed, resumed_params = make(tinyrnn, name, there, {"lr": 77.0}, {"lr": 78.0})
    resumed.load_state_dict(saved)
    assert plain(resumed.state_dict()) == plain(saved)
    *_, straight = descend(optimizer, params, steps=7)  # must not reach into the copy
    *_, later = descend(resumed, resumed_params, steps=7)
    for a, b in zip(straight, later):
        np.testing.assert_array_equal(a, b)


@every_optimizer
@given(st.data())
def test_state_dicts_are_exchanged_with_pytorch(torch, name, data):
    drawn = data.draw(OPTIONS[name])
    for source, target in ((torch, tinyrnn), (tinyrnn, torch)):
        optimizer, params = make(source, name, starts(), drawn)
        *_, there = descend(optimizer, params, steps=7)
        other, other_params = make(target, name, there, {"lr": 77.0})
        other.load_state_dict(in_library(target, optimizer.state_dict()))
        for one, two in lockstep(optimizer, params, other, other_params, steps=7):
            assert_close(one, two)


@every_optimizer
def test_an_edited_rate_takes_effect(torch, name):
    paths = []
    for lib in (tinyrnn, torch):
        optimizer, params = make(lib, name, starts(), {"lr": 0.1})
        path = []
        for k, values in enumerate(descend(optimizer, params, steps=10)):
            optimizer.param_groups[0]["lr"] = [0.05, lib.tensor(0.02, dtype=lib.float64), np.float64(0.2)][k % 3]
            path.append(values)
        paths.append(path)
    for one, other in zip(*paths):
        for a, b in zip(one, other):
            np.testing.assert_allclose(a, b, rtol=1e-10)


@pytest.mark.parametrize("label", golden["OPTIMIZERS"])
def test_golden_values(label):
    expected = json.loads(Path(__file__).with_name("golden.json").read_text())["optimizers"][label]
    for a, b in zip(golden["run_optimizer"](tinyrnn, *golden["OPTIMIZERS"][label]), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


@every_optimizer
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_updates_in_place_keep_the_dtype_and_spare_the_gradient(name, dtype):
    layouts = [np.ones((3, 4), dtype), np.ones((4, 3), dtype).T, np.ones((), dtype), np.ones((0, 2), dtype)]
    params = [tinyrnn.from_numpy(a).requires_grad_() for a in layouts]
    for p in params:
        p.grad = tinyrnn.from_numpy(np.full_like(p.array, 0.5))
    optimizer = getattr(optim, name)(params, lr=np.float64(0.1), **with_options(name, weight_decay=0.1))
    optimizer.step()
    optimizer.step()
    for p, array in zip(params, layouts):
        assert p.array is array and array.dtype == dtype
        assert (array < 1).all() and np.unique(array.round(2)).size <= 1
        assert (p.grad.array == 0.5).all()
        for value in optimizer.state[p].values():
            assert isinstance(value, (int, float)) or (value.array.dtype == dtype and value.shape == p.shape)


@every_optimizer
def test_blocks_make_no_difference(name, monkeypatch):
    drawn = {"SGD": {"momentum": 0.9}, "Adam": {"amsgrad": True}, "RMSprop": {"momentum": 0.9, "centered": True}}.get(name, {})
    results = []
    for size in (8, 24, 10**6):
        monkeypatch.setattr(equations, "BLOCK_BYTES", size)
        optimizer, params = make(tinyrnn, name, starts(), with_options(name, lr=0.1, weight_decay=0.1, maximize=True, **drawn))
        *_, last = descend(optimizer, params, steps=6)
        results.append(np.concatenate([a.ravel() for a in last]))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@every_optimizer
def test_zero_gradients_and_zero_eps_make_nan_in_silence(torch, name):
    drawn = with_options(name, eps=0)
    for lib in (tinyrnn, torch):
        w = lib.tensor([1.0], requires_grad=True)
        w.grad = lib.tensor([0.0])
        optimizer = getattr(lib.optim, name)([w], **drawn)
        for _ in range(6):  # RAdam does not divide in its first five
            optimizer.step()
        assert np.isnan(w.detach().numpy()).all() == bool(drawn)


@pytest.mark.parametrize("name", [*OPTIONS, "LBFGS"])
def test_signature_and_repr_are_pytorchs(torch, name):
    def signature(cls):
        return [(n, p.default, p.kind) for n, p in inspect.signature(cls).parameters.items()]

    assert signature(getattr(optim, name)) == signature(getattr(torch.optim, name))
    ours, theirs = (repr(getattr(lib.optim, name)(parameters(lib, starts()))).splitlines() for lib in (tinyrnn, torch))
    assert ours == theirs


def weight(lib):
    return lib.tensor([1.0, 2.0], requires_grad=True)


ERRORS = {
    **{
        f"{name} {option}": lambda lib, name=name, option=option: getattr(lib.optim, name)([weight(lib)], **{option: -0.5})
        for name, names in OPTION_NAMES.items()
        for option in names
        if option in ("lr", "momentum", "weight_decay", "eps", "lr_decay", "initial_accumulator_value", "rho", "momentum_decay")
        or (name, option) == ("RMSprop", "alpha")
    },
    "nan rate": lambda lib: lib.optim.Adam([weight(lib)], lr=float("nan")),
    "tensor rate": lambda lib: lib.optim.SGD([weight(lib)], lr=lib.tensor([0.1, 0.2])),
    "text as rate": lambda lib: lib.optim.SGD([weight(lib)], lr="fast"),
    "nesterov alone": lambda lib: lib.optim.SGD([weight(lib)], nesterov=True),
    "nesterov dampened": lambda lib: lib.optim.SGD([weight(lib)], momentum=0.9, dampening=0.1, nesterov=True),
    "beta 0": lambda lib: lib.optim.Adam([weight(lib)], betas=(1.0, 0.9)),
    "beta 1": lambda lib: lib.optim.AdamW([weight(lib)], betas=(0.9, -0.1)),
    "beta of Adamax": lambda lib: lib.optim.Adamax([weight(lib)], betas=(0.9, 1.0)),
    "etas": lambda lib: lib.optim.Rprop([weight(lib)], etas=(1.5, 0.5)),
    "groups of LBFGS": lambda lib: lib.optim.LBFGS([{"params": weight(lib)}, {"params": weight(lib)}]),
    "no closure": lambda lib: lib.optim.LBFGS([weight(lib)]).step(),
    "line search": lambda lib: lbfgs_step(lib, line_search_fn="weak_wolfe"),
    "beta int": lambda lib: lib.optim.Adam([weight(lib)], betas=(0, 0.9)),
    "bare tensor": lambda lib: lib.optim.SGD(weight(lib)),
    "no parameters": lambda lib: lib.optim.SGD([]),
    "not a tensor": lambda lib: lib.optim.SGD([1.0]),
    "not a leaf": lambda lib: lib.optim.SGD([weight(lib) * 2]),
    "a set": lambda lib: lib.optim.SGD([{"params": {weight(lib)}}]),
    "no params": lambda lib: lib.optim.SGD([{"lr": 0.1}]),
    "group not a dict": lambda lib: lib.optim.SGD([weight(lib)]).add_param_group([weight(lib)]),
    "two groups": lambda lib: [lib.optim.SGD([{"params": w}, {"params": w}]) for w in [weight(lib)]],
    "partly named": lambda lib: lib.optim.SGD([("a", weight(lib)), weight(lib)]),
    "named group": lambda lib: lib.optim.SGD([weight(lib)]).add_param_group({"params": [("a", weight(lib))]}),
    "no update": lambda lib: descend_once(lib, lib.optim.Optimizer([weight(lib)], {})),
    "number of groups": lambda lib: lib.optim.SGD([weight(lib)]).load_state_dict({"state": {}, "param_groups": []}),
    "size of group": lambda lib: lib.optim.SGD([weight(lib)]).load_state_dict({"state": {}, "param_groups": [{"params": [0, 1]}]}),
    "shape of state": lambda lib: misloaded(lib),
}


def descend_once(lib, optimizer):
    for p in optimizer.param_groups[0]["params"]:
        p.grad = lib.ones_like(p)
    optimizer.step()


def lbfgs_step(lib, **options):
    w = weight(lib)
    optimizer = lib.optim.LBFGS([w], **options)

    def closure():
        loss = (w * w).sum()
        loss.backward()
        return loss

    optimizer.step(closure)


def misloaded(lib):
    optimizer = lib.optim.Adam([weight(lib)])
    moments = {"step": lib.tensor(1.0), "exp_avg": lib.tensor([1.0] * 3), "exp_avg_sq": lib.tensor([1.0] * 3)}
    optimizer.load_state_dict({"state": {0: moments}, "param_groups": optimizer.state_dict()["param_groups"]})
    descend_once(lib, optimizer)


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_of_pytorchs_type_and_begin_alike(torch, case):
    with pytest.raises(Exception) as theirs:
        ERRORS[case](torch)
    with pytest.raises(theirs.type) as ours:
        ERRORS[case](tinyrnn)
    assert ours.type is theirs.type
    if theirs.type is ValueError:
        assert str(theirs.value)[:12] in str(ours.value)


def test_a_parameter_listed_twice_warns():
    w = weight(tinyrnn)
    with pytest.warns(UserWarning, match="duplicate parameters") as caught:
        optim.SGD([w, w])
    assert caught[0].filename == __file__


def test_names_come_along(torch):
    for lib in (tinyrnn, torch):
        optimizer = lib.optim.SGD([("w", weight(lib)), ("b", weight(lib))])
        assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["w", "b"]
        saved = optimizer.state_dict()
        del saved["param_groups"][0]["param_names"]
        optimizer.load_state_dict(saved)
        assert optimizer.param_groups[0]["param_names"] == ["w", "b"]


def test_generators_single_tensors_and_late_groups_are_taken():
    a, b, c = (weight(tinyrnn) for _ in range(3))
    shared = {"params": (w for w in [a]), "lr": 3.0, "note": "mine"}
    optimizer = optim.SGD(iter([shared, {"params": b}]), lr=0.5)
    optimizer.add_param_group({"params": [c], "lr": 0.25})
    assert [group["lr"] for group in optimizer.param_groups] == [3.0, 0.5, 0.25]
    assert [len(group["params"]) for group in optimizer.param_groups] == [1, 1, 1]
    assert optimizer.param_groups[0]["note"] == "mine" and optimizer.param_groups[0] is shared  # as in PyTorch
    assert optimizer.state_dict()["param_groups"][2]["params"] == [2]


def test_a_late_group_of_adagrad_is_pytorchs(torch):
    results = []
    for lib in (tinyrnn, torch):
        a, b = parameters(lib, starts())
        optimizer = lib.optim.Adagrad([a], initial_accumulator_value=0.5)
        optimizer.add_param_group({"params": [b]})
        *_, last = descend(optimizer, [a, b], steps=5)
        results.append(last)
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_adamw_stays_adamw_whatever_it_loads(torch):
    for lib in (tinyrnn, torch):
        adamw = lib.optim.AdamW([weight(lib)])
        adamw.load_state_dict(lib.optim.Adam([weight(lib)]).state_dict())
        assert adamw.param_groups[0]["decoupled_weight_decay"] is True
        assert adamw.param_groups[0]["weight_decay"] == 0


def test_momentum_may_be_switched_on_later():
    for cls in (optim.SGD, optim.RMSprop):
        optimizer = cls([weight(tinyrnn)])
        for momentum in (0, 0.9, 0.9):
            optimizer.param_groups[0]["momentum"] = momentum
            descend_once(tinyrnn, optimizer)
        assert "momentum_buffer" in optimizer.state[optimizer.param_groups[0]["params"][0]]


def test_loading_casts_to_the_parameter_and_shares_nothing():
    double = tinyrnn.tensor([1.0, 2.0], dtype=tinyrnn.float64, requires_grad=True)
    source, target = optim.Adam([double]), optim.Adam([weight(tinyrnn)])
    descend_once(tinyrnn, source)
    source.param_groups[0]["betas"] = [0.5, 0.5]
    target.load_state_dict(source.state_dict())
    source.param_groups[0]["betas"][0] = 0.75
    (state,) = target.state.values()
    assert state["exp_avg"].dtype is tinyrnn.float32 and state["step"] == 1
    assert target.param_groups[0]["betas"] == [0.5, 0.5]


def test_the_closure_is_run_under_recording_and_its_loss_returned():
    w = weight(tinyrnn)
    optimizer = optim.SGD([w], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with tinyrnn.no_grad():
        assert optimizer.step(closure).item() == 5
    assert w.tolist() == [0, 0]
    optimizer.zero_grad()
    assert optimizer.step() is None and w.tolist() == [0, 0]


def test_an_optimizer_with_a_step_of_its_own_is_pytorchs(torch):
    """As old programs write them: in place on ``.data``, in the old order of arguments, with a state of their own."""
    results = []
    for lib in (tinyrnn, torch):

        class MySGD(lib.optim.Optimizer):
            def __init__(self, params, lr=0.1, momentum=0.5):
                super().__init__(params, {"lr": lr, "momentum": momentum})

            def __setstate__(self, state):
                super().__setstate__(state)
                for group in self.param_groups:
                    group.setdefault("nesterov", False)

            def step(self, closure=None):
                loss = None if closure is None else closure()
                for group in self.param_groups:
                    for p in group["params"]:
                        if p.grad is None:
                            continue
                        d_p = p.grad.data
                        state = self.state[p]
                        if "buf" not in state:
                            buf = state["buf"] = d_p.clone().detach()
                        else:
                            buf = state["buf"]
                            buf.mul_(group["momentum"]).add_(d_p)
                        p.data.add_(buf, alpha=-group["lr"])
                return loss

        params = parameters(lib, starts())
        optimizer = MySGD([{"params": params[:1], "lr": 0.2}, {"params": params[1:]}])
        schedule = lib.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        path = []
        for values in descend(optimizer, params, steps=8):
            schedule.step()
            path.append(values)
        saved = optimizer.state_dict()
        assert list(saved["state"]) == [0, 1] and saved["param_groups"][0]["momentum"] == 0.5
        copied = copy.deepcopy(optimizer)
        assert copied.param_groups[1]["nesterov"] is False
        results.append(path)
    for one, other in zip(*results):
        assert_close(one, other)


def test_hooks_around_a_step(torch):
    for lib in (tinyrnn, torch):
        seen = []
        optimizer = lib.optim.SGD([weight(lib)], lr=0.5)
        before = optimizer.register_step_pre_hook(lambda o, args, kwargs, seen=seen: seen.append(("before", args == (o,))))
        optimizer.register_step_post_hook(lambda o, args, kwargs, seen=seen: seen.append(("after", kwargs)))
        optimizer.step()
        before.remove()
        optimizer.step()
        assert seen == [("before", True), ("after", {}), ("after", {})]
        optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: 7), kwargs))
        assert optimizer.step() == 7
        optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
        with pytest.raises(RuntimeError):
            optimizer.step()


@every_optimizer
def test_options_that_only_choose_how_are_taken_and_differentiable_is_not(name):
    for option in ({"foreach": True}, {"fused": True}, {"capturable": True}, {"differentiable": False}):
        taken = with_options(name, **option)
        optimizer = getattr(optim, name)([weight(tinyrnn)], **taken)
        assert all(optimizer.param_groups[0][k] == v for k, v in taken.items())
    with pytest.raises(NotImplementedError, match="differentiable"):
        getattr(optim, name)([weight(tinyrnn)], differentiable=True)


def test_zero_grad_forgets_or_fills():
    w, without = weight(tinyrnn), weight(tinyrnn)
    optimizer = optim.SGD([w, without])
    (w * w).sum().backward(create_graph=True)
    grad = w.grad
    optimizer.zero_grad(set_to_none=False)
    assert w.grad is grad and grad.tolist() == [0, 0] and not grad.requires_grad and without.grad is None
    w.grad = weight(tinyrnn)
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.tolist() == [0, 0] and not w.grad.requires_grad
    optimizer.zero_grad()
    assert w.grad is None


def test_backward_through_a_parameter_that_was_stepped_fails():
    w = weight(tinyrnn)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    optim.SGD([w]).step()
    with pytest.raises(RuntimeError, match=r"changed in place(?s:.)*optimizer.step\(\)"):
        loss.backward()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_an_optimizer_is_copied_with_its_parameters(copied):
    optimizer, params = make(tinyrnn, "Adam", starts(), {"lr": 0.1})
    list(descend(optimizer, params, steps=5))
    twin = copied(optimizer)
    *_, a = descend(optimizer, params, steps=5)
    *_, b = descend(twin, twin.param_groups[0]["params"], steps=5)
    for one, other in zip(a, b):
        np.testing.assert_array_equal(one, other)
