"""``tinyrnn.autograd`` against PyTorch: Function, Variable, hooks, anomaly detection, whole derivatives."""

from __future__ import annotations

import gc
import importlib
import inspect
import warnings
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn.autograd import Function, Variable, gradcheck, gradgradcheck
from tinyrnn.autograd.function import once_differentiable


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def leaf(lib, *numbers):
    return lib.tensor(numbers, dtype=lib.float64, requires_grad=True)


def arrays(values):
    return [None if v is None else v.detach().numpy() for v in values]


def functions(lib):
    """Operations as programs write them, by name."""

    class Exp(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            (y,) = ctx.saved_tensors
            return g * y

    class Scale(lib.autograd.Function):
        """A number among the arguments, kept as an attribute; not all gradients are needed."""

        @staticmethod
        def forward(ctx, x, factor, w):
            ctx.factor = factor
            ctx.save_for_backward(x, w)
            return x * factor * w

        @staticmethod
        def backward(ctx, g):
            x, w = ctx.saved_tensors
            gx = g * ctx.factor * w if ctx.needs_input_grad[0] else None
            return gx, None, g * ctx.factor * x

    class Both(lib.autograd.Function):
        """Two outputs, by setup_context; gradients may be missing."""

        @staticmethod
        def forward(x, y):
            return x * y, x + 2 * y

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.set_materialize_grads(False)

        @staticmethod
        def backward(ctx, g, h):
            x, y = ctx.saved_tensors
            gx = gy = None
            if g is not None:
                gx, gy = g * y, g * x
            if h is not None:
                gx = h if gx is None else gx + h
                gy = 2 * h if gy is None else gy + 2 * h
            return gx, gy

    class Top(lib.autograd.Function):
        """An index among the outputs."""

        @staticmethod
        def forward(ctx, x):
            k = x.argmax()
            ctx.mark_non_differentiable(k)
            ctx.save_for_backward(k)
            ctx.size = x.shape[0]
            return x.max(), k

        @staticmethod
        def backward(ctx, g, no_gradient):
            (k,) = ctx.saved_tensors
            return g * lib.nn.functional.one_hot(k, ctx.size).to(g.dtype)

    class Reverse(lib.autograd.Function):
        """The gradient reversal layer: the input itself comes out."""

        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, g):
            return g.neg() * 0.5

    class Widen(lib.autograd.Function):
        """A gradient that broadcasts, and of another dtype."""

        @staticmethod
        def forward(ctx, x):
            return x.sum()

        @staticmethod
        def backward(ctx, g):
            return g.float().expand(2, 3)

    return {f.__name__: f for f in (Exp, Scale, Both, Top, Reverse, Widen)}


USES = {
    "Exp": lambda f, x, y: f.apply(x).sum() + (f.apply(y) * x).sum(),
    "Scale": lambda f, x, y: f.apply(x, 3.0, y).sum() + f.apply(x.detach(), 2.0, y).prod(),
    "Both": lambda f, x, y: (f.apply(x, y)[0] * 2 + f.apply(x, y)[1]).sum(),
    "Both, first": lambda f, x, y: f.apply(x, y)[0].sum(),
    "Both, second": lambda f, x, y: f.apply(y, x)[1].prod() + f.apply(x, x)[1].sum() * 0.1,
    "Top": lambda f, x, y: f.apply(x)[0] ** 2 * y[f.apply(y)[1]],
    "Reverse": lambda f, x, y: (f.apply(x) * y).sum() + (f.apply(x * y) ** 2).sum(),
    "Widen": lambda f, x, y: f.apply(x) * y.sum(),
}


@pytest.mark.parametrize("use", USES)
@given(numbers=st.lists(st.floats(-2, 2).map(lambda v: round(v, 3)), min_size=6, max_size=6, unique=True))
def test_functions_have_pytorchs_values_and_gradients(torch, use, numbers):
    found = []
    for lib in (tinyrnn, torch):
        x, y = leaf(lib, *numbers[:3]), leaf(lib, *numbers[3:])
        loss = USES[use](functions(lib)[use.partition(",")[0]], x, y)
        loss.backward()
        found.append(arrays([loss, x.grad, y.grad]))
    for a, b in zip(*found):
        np.testing.assert_allclose(a, b, rtol=1e-12)
        assert a.dtype == b.dtype


@pytest.mark.parametrize("use", [u for u in USES if u != "Widen"])
def test_functions_have_second_derivatives(torch, use):
    found = []
    for lib in (tinyrnn, torch):
        x, y = leaf(lib, 0.3, -0.7, 1.1), leaf(lib, -0.2, 0.9, 0.5)
        loss = USES[use](functions(lib)[use.partition(",")[0]], x, y)
        slopes = lib.autograd.grad(loss, (x, y), create_graph=True, allow_unused=True)
        weighed = sum((s * (k + 1.5)).sum() for k, s in enumerate(slopes))
        found.append(arrays(lib.autograd.grad(weighed, (x, y), allow_unused=True)) if weighed.requires_grad else [])
    for a, b in zip(*found, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-12)


def test_functions_pass_the_gradient_check():
    made = functions(tinyrnn)
    x, y = leaf(tinyrnn, 0.3, -0.7), leaf(tinyrnn, -0.2, 0.9)
    assert gradcheck(made["Exp"].apply, x) and gradgradcheck(made["Exp"].apply, x)
    assert gradcheck(made["Both"].apply, (x, y)) and gradgradcheck(made["Both"].apply, (x, y))
    with pytest.raises(RuntimeError, match="multiplying by -2"):
        gradcheck(made["Reverse"].apply, x)


def test_a_function_knows_what_is_needed_and_is_shown_by_name(torch):
    for lib in (tinyrnn, torch):
        seen = []

        class Look(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x, n, w, seen=seen, lib=lib):
                seen.append((ctx.needs_input_grad, x.requires_grad, lib.is_grad_enabled()))
                return x * 1, "text", w * 1 > 0

            @staticmethod
            def backward(ctx, g, text, h):
                return g, None, None

        x = leaf(lib, 1.0)
        y, text, mask = Look.apply(x, 2, x.detach())
        assert seen == [((True, False, False), True, False)]
        assert text == "text" and not mask.requires_grad and mask.dtype is lib.bool
        assert y.grad_fn.name() == "LookBackward" and "grad_fn=<LookBackward>" in repr(y)
        y.backward(lib.ones_like(y))
        assert x.grad.item() == 1
        with lib.no_grad():
            assert Look.apply(x, 2, x)[0].grad_fn is None


def test_inputs_changed_in_place_are_marked(torch):
    for lib in (tinyrnn, torch):

        class Double(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                x.mul_(2)
                ctx.mark_dirty(x)
                return x

            @staticmethod
            def backward(ctx, g):
                return g * 2

        x = leaf(lib, 1.0, 2.0)
        y = x * x
        z = Double.apply(y)
        assert z is y
        y.sum().backward()
        assert x.grad.tolist() == [4, 8]
        with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
            Double.apply(leaf(lib, 1.0))


def _broken(lib, backward, forward=lambda ctx, x, k=None: x * 2):
    made = type("Broken", (lib.autograd.Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)})
    x = leaf(lib, 1.0, 2.0)
    return made.apply, x


BROKEN = {
    "too many": lambda ctx, g: (g, g),
    "none at all": lambda ctx, g: (),
    "one more none": lambda ctx, g: (g, None),
    "none": lambda ctx, g: None,
    "a number": lambda ctx, g: 2.0,
    "a list": lambda ctx, g: [g],
    "a scalar": lambda ctx, g: g.sum(),
    "one element": lambda ctx, g: g[:1],
    "another size": lambda ctx, g: g.repeat(2),
    "another rank": lambda ctx, g: g.view(1, 2),
    "integers": lambda ctx, g: g.long(),
}


@pytest.mark.parametrize("case", BROKEN)
def test_wrong_gradients_are_pytorchs_errors(torch, case):
    results = []
    for lib in (tinyrnn, torch):
        apply, x = _broken(lib, BROKEN[case])
        try:
            results.append(arrays(lib.autograd.grad(apply(x).sum(), x, allow_unused=True))[0])
        except RuntimeError as error:
            results.append(str(error))
    ours, theirs = results
    if isinstance(theirs, str):
        assert isinstance(ours, str) and theirs.split(" (")[0] in ours
    else:
        np.testing.assert_array_equal(ours, theirs)


def _unfinished(lib, **methods):
    return type("F", (lib.autograd.Function,), methods)


ERRORS = {
    "gradient of a number": lambda lib, x: lib.autograd.grad(_broken(lib, lambda c, g: (g, g))[0](x, 3).sum(), x),
    "gradients forgotten": lambda lib, x: lib.autograd.grad(_broken(lib, lambda c, g: g)[0](x, 3).sum(), x),
    "saved a number": lambda lib, x: _broken(lib, None, lambda ctx, x: ctx.save_for_backward(3))[0](x),
    "no backward": lambda lib, x: _unfinished(lib, forward=staticmethod(lambda c, x: x * 1)).apply(x).sum().backward(),
    "no forward": lambda lib, x: _unfinished(lib).apply(x),
    "too few arguments": lambda lib, x: functions(lib)["Exp"].apply(),
    "dirty and not returned": lambda lib, x: _broken(lib, None, lambda ctx, x: ctx.mark_dirty(x) or x * 1)[0](x * 1),
    "backward twice": lambda lib, x: [y.backward(x.detach()) for y in [functions(lib)["Exp"].apply(x)] * 2],
    "changed in place": lambda lib, x: [(y.sum(), y.zero_())[0].backward() for y in [functions(lib)["Exp"].apply(x)]],
    "input changed": lambda lib, x: [
        (functions(lib)["Scale"].apply(h, 2.0, x).sum(), h.zero_())[0].backward() for h in [x * 1]
    ],
    "hook that returns a number": lambda lib, x: (x.register_hook(lambda g: 3.0), x.sum().backward()),
    "hook that changes the size": lambda lib, x: (x.register_hook(lambda g: lib.ones(5)), x.sum().backward()),
    "hook without grad": lambda lib, x: x.detach().register_hook(print),
    "hook after, non-leaf": lambda lib, x: (x * 2).register_post_accumulate_grad_hook(print),
    "hook after, without grad": lambda lib, x: x.detach().register_post_accumulate_grad_hook(print),
    "variable of a list": lambda lib, x: lib.autograd.Variable([1.0]),
    "variable of integers": lambda lib, x: lib.autograd.Variable(lib.tensor([1]), requires_grad=True),
    "volatile": lambda lib, x: lib.autograd.Variable(x, requires_grad=True, volatile=True),
    "jacobian of a number": lambda lib, x: lib.autograd.functional.jacobian(lambda x: 3, x),
    "strict": lambda lib, x: lib.autograd.functional.jacobian(lambda x: lib.ones(2), x, strict=True),
    "hessian of a vector": lambda lib, x: lib.autograd.functional.hessian(lambda x: x * 1, x),
    "vjp without v": lambda lib, x: lib.autograd.functional.vjp(lambda x: x * 1, x),
    "vjp of a wrong size": lambda lib, x: lib.autograd.functional.vjp(lambda x: x * 1, x, lib.ones(3)),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_of_pytorchs_type(torch, case):
    with pytest.raises(Exception) as theirs:
        ERRORS[case](torch, leaf(torch, 1.0, 2.0))
    with pytest.raises(theirs.type) as ours:
        ERRORS[case](tinyrnn, leaf(tinyrnn, 1.0, 2.0))
    assert ours.type is theirs.type


def test_functions_as_objects_are_refused(torch):
    for lib in (tinyrnn, torch):
        with pytest.warns(DeprecationWarning, match="should not be instantiated"):
            old = functions(lib)["Exp"]()
        with pytest.raises(RuntimeError, match="non-static forward method is deprecated"):
            old(leaf(lib, 1.0))


def test_once_differentiable_means_once(torch):
    for lib in (tinyrnn, torch):
        once = importlib.import_module(f"{lib.__name__}.autograd.function").once_differentiable
        apply, x = _broken(lib, once(lambda ctx, g: g * 2))
        apply(x).sum().backward()
        assert x.grad.tolist() == [2, 2]
        y = (apply(x) ** 2).sum()
        (slope,) = lib.autograd.grad(y, x, create_graph=True)
        with pytest.raises(RuntimeError):
            (slope * x).sum().backward()
    apply, x = _broken(tinyrnn, once_differentiable(lambda ctx, g: g * 2))
    (slope,) = tinyrnn.grad((apply(x) ** 2).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


def test_a_graph_with_functions_is_freed_without_the_collector():
    gc.disable()
    try:
        made = functions(tinyrnn)
        x = leaf(tinyrnn, 1.0, 2.0)
        y = made["Both"].apply(made["Exp"].apply(x), x)[0].sum()
        kept = weakref.ref(y.grad_fn.next_functions[0][0].values["ctx"])
        y.backward()
        assert kept() is None  # what was saved is gone with the backward pass
        z = made["Exp"].apply(x)
        kept = weakref.ref(z.grad_fn.values["ctx"])
        del z
        assert kept() is None
    finally:
        gc.enable()


# -- Variable --


def test_variable_is_a_tensor_without_history(torch):
    for lib in (tinyrnn, torch):
        V, x = lib.autograd.Variable, leaf(lib, 1.0, 2.0)
        for made, grad in ((V(x), False), (V(x * 1), False), (V(x, True), True), (V(data=x, requires_grad=True), True), (V(), False)):
            assert type(made) is lib.Tensor and made.requires_grad is grad and made.is_leaf
        assert V(lib.nn.Parameter(x.detach())).__class__ is lib.Tensor
        shared = V(x)
        shared[0] = 5.0
        assert x[0].item() == 5
        with pytest.warns(UserWarning, match="volatile was removed"):
            assert not V(x, volatile=True).requires_grad
        assert isinstance(x, V) and isinstance(lib.nn.Parameter(x.detach()), V) and not isinstance(3, V)
    assert inspect.signature(Variable).parameters.keys() == {"data", "requires_grad", "volatile"}


# -- hooks, and the graph as programs look at it --


def test_the_hook_after_accumulation_sees_the_whole_gradient(torch):
    for lib in (tinyrnn, torch):
        p, seen = lib.nn.Parameter(lib.ones(2)), []
        handle = p.register_post_accumulate_grad_hook(lambda q, seen=seen, p=p: seen.append((q is p, q.grad.tolist())))
        for _ in range(2):
            (p * 2).sum().backward()
        handle.remove()
        (p * 2).sum().backward()
        assert seen == [(True, [2, 2]), (True, [4, 4])]


def test_the_graph_is_walked_by_next_functions(torch):
    for lib in (tinyrnn, torch):
        x = leaf(lib, 1.0, 2.0)
        loss = (x * 2 + 1).sum()
        names, node = [], loss.grad_fn
        while node is not None:
            names.append(node.name().rpartition("::")[2])
            leaf_node, node = node, node.next_functions[0][0] if node.next_functions else None
        assert names == ["SumBackward0", "AddBackward0", "MulBackward0", "AccumulateGrad"]
        assert leaf_node.variable is x and leaf_node.next_functions == ()
        assert loss.grad_fn.next_functions[0][0].next_functions[1] == (None, 0)
        assert repr(loss.grad_fn).startswith("<SumBackward0 object at 0x")
        assert (x / 3).grad_fn.name() == "DivBackward0"


# -- modes --


def test_inference_mode_nests_and_decorates(torch):
    for lib in (tinyrnn, torch):
        x = leaf(lib, 1.0)

        @lib.inference_mode
        def bare(x=x, lib=lib):
            return lib.is_inference_mode_enabled(), lib.is_grad_enabled(), (x * 2).requires_grad

        @lib.inference_mode()
        def called(x=x, lib=lib):
            return lib.is_inference_mode_enabled(), lib.is_grad_enabled(), (x * 2).requires_grad

        assert bare() == called() == (True, False, False)
        with lib.inference_mode():
            with lib.inference_mode(False):
                assert (lib.is_inference_mode_enabled(), lib.is_grad_enabled()) == (False, True)
            assert lib.is_inference_mode_enabled()
        assert (lib.is_inference_mode_enabled(), lib.is_grad_enabled()) == (False, True)
        with lib.no_grad(), lib.inference_mode(mode=False):
            assert lib.is_grad_enabled()


# -- anomalies --


def nan_at_the_root(lib):
    x = leaf(lib, -1.0, 1.0)
    y = x.sqrt() * 0  # the line to be found
    return y.sum()


def test_anomaly_detection_names_the_operation_and_shows_its_line(torch):
    for lib in (tinyrnn, torch):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            with lib.autograd.detect_anomaly():
                assert lib.is_anomaly_enabled() and lib.is_anomaly_check_nan_enabled()
                with pytest.raises(RuntimeError, match="'SqrtBackward0' returned nan values in its 0th output"):
                    nan_at_the_root(lib).backward()
        assert not lib.is_anomaly_enabled()
        assert "Anomaly Detection has been enabled" in str(told[0].message)
        if lib is tinyrnn:  # PyTorch writes it to stderr, from C++
            (text,) = [str(w.message) for w in told[1:]]
            assert "Error detected in SqrtBackward0" in text and "# the line to be found" in text and "engine" not in text.splitlines()[-2]


def test_anomaly_detection_explains_errors_and_may_leave_nan_alone(torch):
    for lib in (tinyrnn, torch):
        with lib.autograd.set_detect_anomaly(True, check_nan=False):
            nan_at_the_root(lib).backward()
        lib.autograd.set_detect_anomaly(True)
        assert lib.is_anomaly_enabled()
        lib.autograd.set_detect_anomaly(False)
    with tinyrnn.autograd.set_detect_anomaly(True):
        apply, x = _broken(tinyrnn, lambda ctx, g: 1 / 0)
        y = apply(x)
        with pytest.warns(UserWarning, match=r"(?s)Error detected in BrokenBackward.*y = apply\(x\)"), pytest.raises(ZeroDivisionError):
            y.sum().backward()
    loss = nan_at_the_root(tinyrnn)
    with (
        tinyrnn.autograd.set_detect_anomaly(True),
        pytest.warns(UserWarning, match="made before"),
        pytest.raises(RuntimeError, match="SqrtBackward0"),
    ):
        loss.backward()


def test_a_step_before_backward_is_told_from_a_change_in_place():
    w = tinyrnn.nn.Parameter(tinyrnn.ones(2))
    sgd = tinyrnn.optim.SGD([w], lr=0.1)
    h = tinyrnn.zeros(2)
    h = h * w + w.tanh() * w
    h.sum().backward(retain_graph=True)
    sgd.step()
    h = h * w + w.tanh() * w
    with pytest.raises(RuntimeError) as error:
        h.sum().backward()
    assert "optimizer.step()" in str(error.value) and "h = h.detach()" in str(error.value) and "clone()" not in str(error.value)
    assert "modified by an inplace operation" in str(error.value)


# -- whole derivatives --


def cubic(x):
    return (x**3).sum()


def mixed(x, y):
    return (x * y.sum()).sin(), (x.exp() * y[:1]).sum()


def bilinear(x, y):
    return (x * y.sum()).sin().sum() + (y**2).prod()


WHOLE = {
    "jacobian": lambda F, x, y: F.jacobian(lambda x: x.exp() * 2, x),
    "jacobian of two by two": lambda F, x, y: F.jacobian(mixed, (x, y)),
    "jacobian of what does not depend": lambda F, x, y: F.jacobian(lambda x, y: x * 2, (x, y)),
    "hessian": lambda F, x, y: F.hessian(cubic, x),
    "hessian of two": lambda F, x, y: F.hessian(bilinear, (x, y)),
    "vjp": lambda F, x, y: F.vjp(lambda x: x.sin(), x, y[:2]),
    "vjp of a number": lambda F, x, y: F.vjp(bilinear, (x, y)),
    "jvp": lambda F, x, y: F.jvp(lambda x: x.sin() * x.sum(), x, y[:2]),
    "jvp of two": lambda F, x, y: F.jvp(mixed, (x, y), (y[1:], y)),
    "vhp": lambda F, x, y: F.vhp(cubic, x, y[:2]),
    "hvp of two": lambda F, x, y: F.hvp(bilinear, (x, y), (y[1:], y)),
}


def flat(value):
    if isinstance(value, tuple):
        return [leaf for part in value for leaf in flat(part)]
    return [value]


def structure(value):
    return tuple(map(structure, value)) if isinstance(value, tuple) else tuple(value.shape)


@pytest.mark.parametrize("case", WHOLE)
@pytest.mark.parametrize("requires_grad", [False, True])
def test_whole_derivatives_are_pytorchs(torch, case, requires_grad):
    found = []
    for lib in (tinyrnn, torch):
        x, y = (lib.tensor(v, dtype=lib.float64, requires_grad=requires_grad) for v in ([0.3, -0.8], [0.7, 0.2, -1.1]))
        found.append(WHOLE[case](lib.autograd.functional, x, y))
    assert structure(found[0]) == structure(found[1])
    for a, b in zip(flat(found[0]), flat(found[1])):
        assert not a.requires_grad
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-14)


def test_a_jacobian_can_be_differentiated(torch):
    found = []
    for lib in (tinyrnn, torch):
        x = leaf(lib, 0.3, -0.8)
        made = lib.autograd.functional.jacobian(lambda x: x.exp() * x.sum(), x, create_graph=True)
        found.append(lib.autograd.grad((made**2).sum(), x)[0].numpy())
    np.testing.assert_allclose(*found, rtol=1e-12)


SIGNATURES = ["gradcheck", "gradgradcheck", "grad", "functional.jacobian", "functional.hessian", "functional.vjp", "functional.jvp"]


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_pytorchs(torch, name):
    def signature(lib):
        found = lib.autograd
        for part in name.split("."):
            found = getattr(found, part)
        return [(n, p.default, p.kind) for n, p in inspect.signature(found).parameters.items()]

    assert signature(tinyrnn) == signature(torch)


def test_what_cannot_be_checked_is_refused():
    x = leaf(tinyrnn, 1.0)
    for option in ({"check_forward_ad": True}, {"check_batched_grad": True}, {"check_backward_ad": False}):
        with pytest.raises(NotImplementedError):
            gradcheck(lambda x: x * 2, x, **option)
    with pytest.raises(NotImplementedError):
        gradgradcheck(lambda x: x * x, x, check_fwd_over_rev=True)
    with pytest.raises(NotImplementedError):
        tinyrnn.autograd.functional.jacobian(lambda x: x, x, strategy="forward-mode")
    assert gradcheck(lambda x: x * 2, x, fast_mode=True, check_undefined_grad=False)


def test_a_function_may_be_used_in_a_training_with_clipping():
    """Straight-through estimator: rounds forward, passes the gradient through."""

    class Round(Function):
        @staticmethod
        def forward(ctx, x):
            return x.round()

        @staticmethod
        def backward(ctx, g):
            return g

    w = tinyrnn.tensor([0.2, 1.7, -3.4], requires_grad=True)
    sgd = tinyrnn.optim.SGD([w], lr=0.1)
    for _ in range(60):
        sgd.zero_grad()
        ((Round.apply(w) - tinyrnn.tensor([2.0, 2.0, 2.0])) ** 2).sum().backward()
        tinyrnn.nn.utils.clip_grad_norm_([w], 5.0)
        sgd.step()
    assert w.round().tolist() == [2, 2, 2]
