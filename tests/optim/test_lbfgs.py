"""L-BFGS against PyTorch, step by step, and what only it has: a closure, one state for all parameters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import optim
from tinyrnn.optim.lbfgs import Trial, cubic_minimum


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def valley(params):
    """Rosenbrock's, in two pieces, with a quartic bowl around it."""
    x, y = params
    return ((1 - x) ** 2).sum() + 10 * ((y - x**2) ** 2).sum() + 0.1 * (x**4).sum() + 0.01 * y.sum()


def wave(params):
    """Many minima, and directions of negative curvature."""
    return sum((w * w / 4 + (2 * w).sin()).sum() for w in params)


LOSSES = {"valley": valley, "wave": wave}


def make(lib, arrays, options):
    params = [lib.tensor(a, requires_grad=True) for a in arrays]
    return lib.optim.LBFGS(params, **options), params


def run(optimizer, params, loss, steps):
    """The losses that each step saw, and the parameters after it."""
    for _ in range(steps):
        seen = []

        def closure(seen=seen):
            optimizer.zero_grad()
            value = loss(params)
            value.backward()
            seen.append(value.item())
            return value

        first = optimizer.step(closure)
        assert first.item() == seen[0]
        yield seen, [p.detach().numpy().copy() for p in params]


def starts(seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(2, 3)) * 2, rng.normal(size=(2, 3))]


OPTIONS = st.fixed_dictionaries(
    {"lr": st.sampled_from([1, 0.5, 0.05])},
    optional={
        "max_iter": st.integers(1, 12),
        "max_eval": st.integers(1, 12),
        "history_size": st.integers(1, 6),
        "tolerance_grad": st.sampled_from([1e-7, 1e-2]),
        "tolerance_change": st.sampled_from([1e-9, 1e-3]),
        "line_search_fn": st.sampled_from([None, "strong_wolfe"]),
    },
)


@pytest.mark.parametrize("name", LOSSES)
@given(options=OPTIONS, seed=st.integers(0, 10**6))
def test_every_evaluation_is_pytorchs(torch, name, options, seed):
    pair = [run(*make(lib, starts(seed), options), LOSSES[name], 4) for lib in (tinyrnn, torch)]
    near = 1e-13
    for (ours, our_params), (theirs, their_params) in zip(*pair):
        # Without a line search, steps leap over valleys, and rounding grows from each evaluation to the next.
        for one, other in zip(ours, theirs):
            near *= 5
            if near > 1e-6 or abs(other) > 1e6:
                return
            assert one == pytest.approx(other, rel=near, abs=near)
        assert len(ours) == len(theirs)
        for a, b in zip(our_params, their_params):
            np.testing.assert_allclose(a, b, rtol=1e3 * near, atol=1e3 * near)


def test_twenty_steps_of_a_sine_fit_are_pytorchs(torch):
    """The use that tutorials make of it: a small network on all of the data."""
    x = np.linspace(-3, 3, 40).reshape(-1, 1)

    def network(params):
        lib = tinyrnn if isinstance(params[0], tinyrnn.Tensor) else torch
        hidden = lib.tanh(lib.tensor(x) @ params[0] + params[1])
        return ((hidden @ params[2] - lib.tensor(np.sin(x))) ** 2).mean()

    rng = np.random.default_rng(3)
    arrays = [rng.normal(size=shape) for shape in ((1, 5), (5,), (5, 1))]
    losses = []
    for lib in (tinyrnn, torch):
        losses.append([seen[0] for seen, _ in run(*make(lib, arrays, {"lr": 0.8, "max_iter": 4}), network, 20)])
    np.testing.assert_allclose(*losses, rtol=1e-8, atol=1e-9)
    assert losses[0][-1] < 0.05 * losses[0][0]


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_state_goes_to_pytorch_and_back(torch, search):
    options = {"lr": 0.5, "max_iter": 3, "line_search_fn": search}
    for source, target in ((torch, tinyrnn), (tinyrnn, torch)):

        def moved(value, target=target):
            if isinstance(value, dict):
                return {k: moved(v) for k, v in value.items()}
            if isinstance(value, list):
                return [moved(v) for v in value]
            return target.tensor(value.numpy().copy()) if hasattr(value, "numpy") else value

        optimizer, params = make(source, starts(5), options)
        *_, (_, there) = run(optimizer, params, wave, 2)
        other, other_params = make(target, there, options)
        other.load_state_dict(moved(optimizer.state_dict()))
        for (one, a), (two, b) in zip(run(optimizer, params, wave, 3), run(other, other_params, wave, 3)):
            np.testing.assert_allclose(one, two, rtol=1e-9)
            np.testing.assert_allclose(a, b, rtol=1e-9)


def test_a_parameter_without_gradient_stays_and_stale_values_are_noticed():
    used, unused = tinyrnn.tensor([1.0, 2.0], requires_grad=True), tinyrnn.tensor([3.0], requires_grad=True)
    optimizer = optim.LBFGS([used, unused])
    early = (used * used).sum()

    def closure():
        optimizer.zero_grad()
        loss = (used * used).sum()
        loss.backward()
        return loss

    with tinyrnn.no_grad():
        assert optimizer.step(closure).item() == 5
    assert unused.tolist() == [3.0] and unused.grad is None and abs(used).max() < 1e-3
    assert list(optimizer.state) == [used]
    with pytest.raises(RuntimeError, match=r"optimizer.step\(\)"):
        early.backward()


@settings(max_examples=200)
@given(*[st.floats(-3, 3) for _ in range(4)], st.floats(-2, 2), st.floats(-2, 2))
def test_a_cubic_has_its_minimum_where_it_is_said(a, b, c, d, left, right):
    if abs(left - right) < 1e-3 or abs(a) < 1e-3:
        return
    f, slope = np.poly1d([a, b, c, d]), np.poly1d([3 * a, 2 * b, c])
    ends = [Trial(t, f(t), None, slope(t)) for t in (left, right)]
    low, high = sorted((left, right))
    found = cubic_minimum(*ends, (low, high))
    roots = [r.real for r in slope.roots if abs(r.imag) < 1e-9 and slope.deriv()(r.real) > 1e-3]
    if roots:
        assert found == pytest.approx(min(max(roots[0], low), high), abs=1e-4)
    else:
        assert low <= found <= high
