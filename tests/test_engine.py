"""Recording and walking back: switches, grad() and backward(), hooks, freed graphs, versions, threads, depth."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import enable_grad, grad, is_grad_enabled, no_grad, set_grad_enabled
from tinyrnn.autograd import backward
from tinyrnn.engine import label, primitive


def leaf(*numbers):
    return tinyrnn.tensor(numbers if len(numbers) != 1 else numbers[0], dtype=tinyrnn.float64, requires_grad=True)


def numbers(t):
    return t.tolist()


# -- switches --


@given(st.lists(st.sampled_from(["no", "enable", "set on", "set off"]), max_size=6))
def test_switches_nest_and_restore(names):
    def enter(rest, expected):
        assert is_grad_enabled() is expected
        assert (leaf(1.0) * 2).requires_grad is expected
        if rest:
            name = rest[0]
            switch = {"no": no_grad, "enable": enable_grad}.get(name, lambda: set_grad_enabled(name == "set on"))()
            with switch:
                enter(rest[1:], name in ("enable", "set on"))
            assert is_grad_enabled() is expected

    enter(names, True)


def test_switches_restore_after_an_exception_and_the_same_object_can_be_entered_twice():
    switch = no_grad()
    with pytest.raises(KeyError), switch, switch:
        raise KeyError
    assert is_grad_enabled()


@pytest.mark.parametrize("decorate", [no_grad, lambda f: no_grad()(f), lambda f: set_grad_enabled(False)(f)], ids=["bare", "called", "set"])
def test_switches_decorate_functions(decorate):
    @decorate
    def inner(x):
        """Its text."""
        with enable_grad():
            assert is_grad_enabled()
        return is_grad_enabled(), (x * 2).requires_grad

    assert inner.__doc__ == "Its text."
    for _ in range(2):
        assert inner(leaf(1.0)) == (False, False)
        assert is_grad_enabled()


def test_set_grad_enabled_works_as_a_call():
    set_grad_enabled(False)
    assert not is_grad_enabled()
    set_grad_enabled(True)
    assert is_grad_enabled()


def test_decorated_generators_switch_only_while_they_run():
    events = []

    @no_grad()
    def counting():
        try:
            got = yield is_grad_enabled()
            events.append((got, is_grad_enabled()))
            try:
                yield 2
            except KeyError:
                events.append(("thrown", is_grad_enabled()))
                yield 3
        finally:
            events.append(("closed", is_grad_enabled()))
        return 4

    it = counting()
    assert next(it) is False
    assert is_grad_enabled()
    assert it.send("sent") == 2
    assert it.throw(KeyError()) == 3
    it.close()
    assert events == [("sent", False), ("thrown", False), ("closed", False)]
    assert is_grad_enabled()

    @no_grad
    def short():
        yield 1
        return 5

    def outer():
        return (yield from short())

    it = outer()
    next(it)
    with pytest.raises(StopIteration) as stop:
        next(it)
    assert stop.value.value == 5


def test_each_thread_has_its_own_switch():
    seen = []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append(is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


# -- grad() --


def test_grad_returns_and_stores_nothing():
    x, y = leaf(2.0), leaf(3.0)
    assert [g.item() for g in grad(x * x * y, [x, y])] == [12.0, 4.0]
    assert x.grad is None
    assert grad(x, x)[0].item() == 1.0


def test_grad_of_interior_tensors_and_of_several_outputs():
    x = leaf(2.0)
    y = x * x
    z = y * 3
    gy, gx = grad([z, y], [y, x], grad_outputs=[None, tinyrnn.tensor(10.0, dtype=tinyrnn.float64)])
    assert (gy.item(), gx.item()) == (13.0, 52.0)


def test_grad_of_an_input_below_another_input():
    x = leaf(2.0)
    y = x * x
    z = y.exp()
    (gy,) = grad(z, y, retain_graph=True)
    gx, gy2 = grad(z, (x, y))
    assert gy.item() == gy2.item() == pytest.approx(np.exp(4))
    assert gx.item() == pytest.approx(4 * np.exp(4))


def test_unused_inputs():
    x, y = leaf(2.0), leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="not have been used"):
        grad(x * x, y)
    assert grad(x * x, [x, y], allow_unused=True)[1] is None
    assert numbers(grad(x * x, [x, y], materialize_grads=True)[1]) == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="does not require grad"):
        grad(x * x, [tinyrnn.ones(1)])
    for refused in ({"is_grads_batched": True}, {"only_inputs": False}):
        with pytest.raises(NotImplementedError):
            grad(x * x, x, **refused)


def test_grad_outputs_are_checked():
    x = leaf(1.0, 2.0)
    y = x * 2
    assert numbers(grad(y, x, tinyrnn.tensor([1.0, 10.0], dtype=tinyrnn.float64))[0]) == [2.0, 20.0]
    for wrong, kind in (
        (None, RuntimeError),
        (tinyrnn.ones(3), RuntimeError),
        ([1.0, 2.0], TypeError),
        ([tinyrnn.ones(2)] * 2, RuntimeError),
    ):
        with pytest.raises(kind):
            grad([x * 2], x, wrong if not isinstance(wrong, list) or isinstance(wrong[0], tinyrnn.Tensor) else [wrong])


def test_higher_derivatives():
    x = leaf(3.0)
    first = grad(x**4, x, create_graph=True)[0]
    second = grad(first, x, create_graph=True)[0]
    third = grad(second, x, create_graph=True)[0]
    assert [first.item(), second.item(), third.item()] == pytest.approx([108.0, 108.0, 72.0])
    assert grad(third, x)[0].item() == pytest.approx(24.0)
    y = x.sin()
    for _ in range(4):
        (y,) = grad(y, x, create_graph=True)
    assert y.item() == pytest.approx(np.sin(3.0))


def test_backward_with_create_graph_gives_differentiable_grads_that_are_not_shared():
    x, y = leaf(3.0), leaf(2.0)
    z = x + y
    (z * 1).backward(create_graph=True)
    assert x.grad is not y.grad
    x.grad.detach().mul_(10)
    assert y.grad.item() == 1.0
    x.grad = None
    (x**3).backward(create_graph=True)
    (g,) = grad(x.grad, x)
    assert g.item() == 18.0
    x.grad = None
    (x**3).backward(create_graph=True)
    (x**3).backward(create_graph=True)
    assert x.grad.item() == 54.0


# -- backward() --


def test_gradients_add_up_and_are_never_shared():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    seed = tinyrnn.tensor([1.0, 1.0], dtype=tinyrnn.float64)
    z = x + y
    z.backward(seed)
    x.grad.mul_(100.0)
    assert numbers(y.grad) == [1.0, 1.0] == numbers(seed)
    (x + y).backward(seed)
    assert numbers(x.grad) == [101.0, 101.0]
    assert numbers(y.grad) == [2.0, 2.0]
    y.grad = None
    y.reshape(1, 2).sum().backward()
    tinyrnn.cat([y, x]).backward(tinyrnn.ones(4, dtype=tinyrnn.float64))
    assert not np.shares_memory(x.grad.array, y.grad.array)
    x.grad = None
    x.backward(seed)
    x.grad.mul_(5.0)
    assert numbers(seed) == [1.0, 1.0]


def test_grad_results_are_not_shared_either():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    a, b = grad((x + y).sum(), [x, y])
    assert not np.shares_memory(a.array, b.array)
    assert a.array.flags.writeable
    z = x + y
    a, b, c = grad(z.sum(), [x, y, z])
    c.mul_(3.0)
    assert numbers(a) == numbers(b) == [1.0, 1.0]


def test_a_gradient_that_is_a_view_is_taken_over_only_if_nobody_else_has_the_memory():
    x, kept = leaf(1.0, 2.0), []
    (x.reshape(2, 1) * 3.0).sum().backward()  # the product's gradient, reshaped, is nobody else's
    assert x.grad.array.base is not None, "copied, though it need not be"
    x.grad = None
    y = x.reshape(2, 1)
    y.register_hook(lambda g: kept.append(g))
    (y * 3.0).sum().backward()
    x.grad.mul_(100.0)
    assert numbers(kept[0]) == [[3.0], [3.0]]


def test_a_saved_value_never_becomes_a_gradient():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = x * w
    y.sum().backward(retain_graph=True)
    x.grad.mul_(100.0)
    assert numbers(w) == [3.0, 4.0]


def test_backward_into_chosen_inputs_and_of_several_tensors():
    x, y = leaf(2.0), leaf(3.0)
    z = x * y
    z.backward(inputs=[x])
    assert (x.grad.item(), y.grad) == (3.0, None)
    x.grad = None
    backward([x * 2, x * y], inputs=x)
    assert x.grad.item() == 5.0
    with pytest.raises(RuntimeError, match="2 tensors and 1 gradients"):
        backward([x * 2, x * y], [None])


def test_a_diamond_and_a_branch_that_is_not_used():
    x = leaf(2.0)
    y = x * x
    unused = y.exp()
    z = y * y + y
    z.backward()
    assert x.grad.item() == pytest.approx(4 * 8 + 4)
    assert unused.requires_grad


def test_outputs_of_which_only_some_are_used():
    x = leaf(1.0, 2.0, 3.0)
    x.unbind()[1].backward()
    assert numbers(x.grad) == [0.0, 1.0, 0.0]
    values, indices = x.max(0)
    assert (values.requires_grad, indices.requires_grad) == (True, False)
    first, _ = x.split([1, 2])
    (g,) = grad(first.sum(), x, create_graph=True)
    assert numbers(g) == [1.0, 0.0, 0.0]


def test_nothing_is_recorded_of_integers_or_without_need():
    assert (tinyrnn.ones(2) * 2).grad_fn is None
    assert (leaf(1.0, 2.0) > 1).grad_fn is None
    assert leaf(1.0, 2.0).argmax().grad_fn is None
    node = (leaf(1.0) * leaf(2.0)).grad_fn
    assert node.name() == "MulBackward0"
    assert repr(node).startswith("<MulBackward0 object at 0x")
    (parent, _), *_ = ((leaf(1.0) * 2).exp()).grad_fn.next_functions
    assert parent.name() == "MulBackward0"


# -- retained gradients and hooks --


def test_retain_grad():
    x = leaf(2.0, 1.0)
    y = x * 3
    assert not y.retains_grad
    y.retain_grad()
    y.retain_grad()
    x.retain_grad()
    z = y + 1
    z.retain_grad()
    (z * 1).sum().backward(retain_graph=True)
    assert y.retains_grad
    assert numbers(y.grad) == numbers(z.grad) == [1.0, 1.0]
    y.grad.mul_(7)
    assert numbers(z.grad) == [1.0, 1.0]
    z.sum().backward()
    assert numbers(y.grad) == [8.0, 8.0]
    with pytest.warns(UserWarning, match="not a leaf"):
        assert (x * 2).grad is None


def test_hooks_see_replace_and_come_off():
    x = leaf(1.0, 2.0)
    seen = []
    y = x * 2
    handle = y.register_hook(lambda g: seen.append(numbers(g)))
    y.register_hook(lambda g: g * 10)
    on_leaf = x.register_hook(lambda g: g + 1)
    (y * y).sum().backward(retain_graph=True)
    assert seen == [[4.0, 8.0]]
    assert numbers(x.grad) == [81.0, 161.0]
    handle.remove()
    handle.remove()
    x.grad = None
    with on_leaf:
        pass
    (y * y).sum().backward(retain_graph=True)
    assert len(seen) == 1
    assert numbers(x.grad) == [80.0, 160.0]
    assert numbers(grad((y * y).sum(), x, create_graph=True)[0]) == [80.0, 160.0]


def test_the_same_hook_twice_is_two_hooks():
    x = leaf(1.0)

    def double(g):
        return g * 2

    first = x.register_hook(double)
    x.register_hook(double)
    first.remove()
    first.remove()
    (x * 1).backward()
    assert x.grad.item() == 2.0


def test_a_hook_runs_once_on_the_whole_gradient():
    x = leaf(1.0)
    calls = []
    y = x * 2
    y.register_hook(lambda g: calls.append(g.item()))
    x.register_hook(lambda g: calls.append(g.item()))
    (y + y * y + x).backward()
    assert calls == [5.0, 11.0]


# -- freed graphs --


def test_the_graph_is_freed_after_backward_but_for_retain_graph():
    x = leaf(1.0, 2.0)
    y = x.exp()
    z = (y * y).sum()
    saved = weakref.ref(y.grad_fn.values["y"])
    del y
    z.backward(retain_graph=True)
    assert saved() is not None
    z.backward()
    assert saved() is None


def test_dropping_the_result_frees_the_graph_at_once_without_the_collector():
    while gc.collect():  # what other tests left, and what its finalisers leave
        pass
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        y = x.exp()
        saved = weakref.ref(y.grad_fn.values["y"])
        y = y.tanh()
        y += 1  # views and in-place changes make no cycles either
        y[0].mul_(2)
        z = (y[0] * y.sum()).exp()
        del y
        assert saved() is not None
        del z
        assert saved() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_carried_state_is_named_and_detach_is_advised():
    w, h = leaf(0.5), leaf(1.0)
    h = label((h * w).tanh(), "h", "")
    (h * h).backward()
    h2 = (h * w).tanh()
    with pytest.raises(RuntimeError) as error:
        h2.backward()
    text = str(error.value)
    assert "'h'" in text
    assert "hidden state carried" in text
    assert text.index("detach()") < text.index("retain_graph")
    h2 = (h.detach() * w).tanh()
    h2.backward()


def test_an_unnamed_carried_state_is_described():
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.sum().backward()
    with pytest.raises(RuntimeError, match=r"the output of exp \(shape \(2,\)\)"):
        y.sum().backward()


def test_linear_graphs_hold_nothing_and_can_be_walked_again():
    x = leaf(1.0, 2.0)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    assert numbers(x.grad) == [2.0, 2.0]


@pytest.mark.parametrize("n", [100_000, 300_000])
def test_long_chains_need_no_recursion(n):
    x = leaf(1.0)
    y = x
    for _ in range(n):
        y = y + x if n == 100_000 else y * 1.0
    y.backward()
    assert x.grad.item() == (n + 1 if n == 100_000 else 1.0)
    del y


def test_long_chains_of_second_derivatives_and_views_need_no_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(3000):
        y = y * 1.0
    (g,) = grad(y * y, x, create_graph=True)
    assert grad(g, x)[0].item() == 2.0
    v = x * 1
    for _ in range(3000):
        v = v.view(1).view(())
    v.backward()
    del v


# -- changed in place --


def test_a_stale_value_is_named():
    x = leaf(1.0, 2.0)
    h = label(x * 2, "h", "N")
    y = h * h
    h += 1
    with pytest.raises(RuntimeError) as error:
        y.sum().backward()
    text = str(error.value)
    assert "mul needs 'h' (shape (N=2,))" in text
    assert "changed in place" in text
    assert "clone()" in text


@pytest.mark.parametrize("change", ["add_", "view", "detached", "no_grad", "setitem"])
def test_every_way_to_change_a_saved_value_is_noticed(change):
    x = leaf(1.0, 2.0)
    y = (x * 1).exp()
    z = y.sum()
    if change == "add_":
        y.add_(1)
    elif change == "view":
        y[0].zero_()
    elif change == "detached":
        y.detach().zero_()
    elif change == "no_grad":
        with no_grad():
            y.mul_(2)
    else:
        y[0] = 5.0
    with pytest.raises(RuntimeError, match=r"exp needs a tensor of shape .*, its output,.* changed in place"):
        z.backward()


def test_a_parameter_stepped_between_forward_and_backward_is_noticed_and_data_is_not():
    w = label(leaf(1.0, 2.0), "weight")
    y = w * w
    with no_grad():
        w -= 0.1
    with pytest.raises(RuntimeError, match="'weight'"):
        y.sum().backward()
    y = w * w
    w.data.mul_(2.0)
    y.sum().backward()


def test_changes_of_what_no_rule_needs_are_harmless():
    x = leaf(1.0, 2.0)
    y = x * 3
    z = y + 1
    y.mul_(10)
    (z.sum() + y.sum()).backward()
    assert numbers(x.grad) == [33.0, 33.0]


def test_leaves_refuse_in_place_changes_while_recording():
    x = label(leaf(1.0, 2.0), "w")
    for change in (lambda: x.add_(1), lambda: x[0].zero_(), lambda: x.__setitem__(0, 1.0), lambda: x.view(2, 1).mul_(2)):
        with pytest.raises(RuntimeError, match=r"leaf.*in-place") as error:
            change()
        assert "'w'" in str(error.value) or "view" in str(error.value)
    with no_grad():
        x.add_(1)
    assert numbers(x) == [2.0, 3.0]
    assert x.is_leaf


def test_a_whole_overwritten_tensor_passes_no_gradient():
    x, v = leaf(1.0, 2.0), leaf(5.0)
    y = x * 2
    y.copy_(v)
    assert y.requires_grad
    y.sum().backward()
    assert (numbers(x.grad), v.grad.item()) == ([0.0, 0.0], 2.0)
    z = x * 2
    z.fill_(3.0).sum().backward()
    assert numbers(x.grad) == [0.0, 0.0]


def test_in_place_dtype_and_shape_rules():
    x = tinyrnn.ones(2)
    x.add_(tinyrnn.ones(2, dtype=tinyrnn.float64))
    x += tinyrnn.ones(2).long()
    assert x.dtype is tinyrnn.float32
    w = leaf(1.0, 2.0)
    y = x * 1
    y.mul_(w)
    y.sum().backward()
    assert w.grad.dtype is tinyrnn.float64
    k = tinyrnn.tensor([5, 6])
    k //= 2
    k %= 2
    k |= 4
    k ^= 1
    k &= 7
    assert numbers(k) == [5, 4]


def test_detach_shares_memory_and_cuts():
    x = leaf(1.0, 2.0)
    y = x * 2
    d = y.detach()
    assert (d.requires_grad, d.is_leaf) == (False, True)
    assert np.shares_memory(d.array, y.array)
    assert y.detach_() is y
    assert not y.requires_grad
    with pytest.raises(RuntimeError, match="views"):
        (x * 2)[0].detach_()


def test_a_view_taken_without_recording_follows_later_changes():
    x = leaf(1.0, 2.0)
    y = x * 2
    with no_grad():
        v = y[0]
    assert not v.requires_grad
    y.mul_(3)
    assert v.requires_grad
    v.backward()
    assert numbers(x.grad) == [6.0, 0.0]


# -- numpy --


def test_numpy_functions_fail_loudly_where_they_would_cut_the_graph():
    x = leaf(1.0, 2.0)
    for call, name in (
        (lambda: np.exp(x), "tinyrnn.exp"),
        (lambda: np.tanh(x), "tinyrnn.tanh"),
        (lambda: np.sum(x), "tinyrnn.sum"),
        (lambda: np.concatenate([x, x]), "tinyrnn"),
        (lambda: np.add.reduce(x), "tinyrnn"),
        (lambda: np.add(x, x, out=np.zeros(2)), "tinyrnn"),
    ):
        with pytest.raises(RuntimeError, match=f"silently break the graph.*{name}"):
            call()
    with no_grad():
        assert isinstance(np.exp(x), tinyrnn.Tensor)
    with pytest.raises(RuntimeError, match="detach"):
        np.asarray(x)


def test_numpy_on_either_side_of_an_operator():
    x, a = leaf(1.0, 2.0), np.array([3.0, 4.0])
    y = a * x + a - (a @ x) / a
    assert isinstance(y, tinyrnn.Tensor)
    assert y.requires_grad
    assert numbers(np.float64(2) * x) == [2.0, 4.0]
    assert numbers(np.maximum(a, x)) == [3.0, 4.0]
    assert numbers(a == x) == [False, False]


def test_numpy_functions_on_plain_tensors():
    t = tinyrnn.tensor([1.0, 4.0])
    assert isinstance(np.sqrt(t), tinyrnn.Tensor)
    assert numbers(np.sqrt(t)) == [1.0, 2.0]
    assert np.sum(t) == 5.0
    assert np.concatenate([t, t]).shape == (4,)
    assert np.asarray(t).dtype == np.float32
    assert np.asarray(t) is not None
    assert np.shares_memory(np.asarray(t), t.array)
    assert not np.shares_memory(np.array(t), t.array)
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    out = np.zeros(2, np.float32)
    out += t
    assert out.tolist() == [1.0, 4.0]
    np.add(t, t, out=t)
    assert numbers(t) == [2.0, 8.0]
    a = np.zeros(2)
    tinyrnn.from_numpy(a).add_(1)
    assert a.tolist() == [1.0, 1.0]


def test_writing_through_one_of_several_outputs():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    first, _, last = y.unbind()
    first.mul_(last.clone())  # PyTorch refuses this one; the history is clear enough
    y.sum().backward()
    assert numbers(x.grad) == [3.0, 1.0, 2.0]
    assert first.item() == 3.0


def test_arguments_by_name_and_by_position():
    x = tinyrnn.ones(2)
    assert numbers(tinyrnn.mul(x, other=x)) == [1.0, 1.0]
    assert tinyrnn.sum(x, 0, True).shape == (1,)
    with pytest.raises(TypeError, match="missing the argument 'other'"):
        tinyrnn.mul(x)
    with pytest.raises(TypeError, match="argument 'other' must be a Tensor or a number, not str"):
        tinyrnn.mul(x, "a")
    with pytest.raises(TypeError, match="complex"):
        x.long() * 1j
    assert repr(tinyrnn.mul) == "<primitive mul>"
    assert (x.double() * np.float32(2)).dtype is tinyrnn.float64
    assert (x * np.array([2.0, 3.0])).dtype is tinyrnn.float64


def test_a_definition_finds_all_arguments_though_the_rule_asks_for_none():
    @primitive(saves=True)
    def product(input, other):
        return input * other, (input, other)

    @product.joint_rule
    def _(g, saved):
        return g * saved[1], g * saved[0]

    @product.defined_by
    def _(input, other):
        return tinyrnn.mul(input, other)

    x, w = leaf(3.0), leaf(5.0)
    (dx,) = grad(product(x, w) * x, x, create_graph=True)
    assert [g.item() for g in grad(dx, (x, w))] == [10.0, 6.0]


def test_a_retained_gradient_can_be_replaced():
    y = leaf(1.0) * 2
    y.retain_grad()
    y.grad = tinyrnn.ones((), dtype=tinyrnn.float64)
    (y * 3).backward()
    assert y.grad.item() == 4.0


def test_in_place_odds_and_ends():
    x = tinyrnn.zeros(2)
    x.add_(2.0, tinyrnn.ones(2))  # alpha first, as in old PyTorch code
    x[np.int64(0)] = tinyrnn.tensor(7)
    assert numbers(x) == [7.0, 2.0]
    assert ([1.0, 1.0] @ x.double()).item() == 9.0
    with pytest.raises(ValueError, match="expected p"):
        x.norm("nuc")
