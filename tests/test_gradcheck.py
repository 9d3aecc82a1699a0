"""The checker itself: it accepts right rules, and rejects each kind of wrong one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyrnn
from tinyrnn.autograd import GradcheckError, gradcheck, gradgradcheck
from tinyrnn.engine import primitive

floats = st.floats(-3, 3).map(lambda x: round(x, 2))


def square_with(rule):
    @primitive
    def square(x):
        return x * x

    square.rule(rule)
    return square


def leaf(*numbers, dtype=np.float64):
    return tinyrnn.tensor(np.array(numbers, dtype), requires_grad=True)


@settings(max_examples=15)
@given(st.lists(floats, min_size=1, max_size=4), st.sampled_from(["tanh", "exp", "relu", "abs", "sin"]))
def test_right_rules_pass_at_both_orders(numbers, name):
    x = leaf(*(n if abs(n) > 0.01 else 0.5 for n in numbers))
    assert gradcheck(lambda x: getattr(tinyrnn, name)(x) * x, x)
    assert gradgradcheck(lambda x: getattr(tinyrnn, name)(x) * x, (x,))


@given(st.integers(0, 5), st.sampled_from([1.001, 0.999]), st.sampled_from([1e-3, 1.0, 1e3]))
def test_one_entry_wrong_by_a_thousandth_is_rejected(at, factor, scale):
    wrong = np.ones(6)
    wrong[at] = factor
    x = leaf(*(scale * np.array([1.0, -2.0, 0.5, 1.5, -0.7, 0.9])))
    with pytest.raises(GradcheckError, match=rf"element \[{at}\]"):
        gradcheck(square_with(lambda g, x: g * 2 * x * wrong), x)


@given(st.integers(0, 2), st.sampled_from([1.001, 0.999]))
def test_a_rule_wrong_only_at_the_second_order_is_rejected_by_gradgradcheck(at, factor):
    wrong = np.ones(3)
    wrong[at] = factor

    @primitive
    def twice(x):
        return 2 * x

    twice.rule(lambda g: g * (2 * wrong))  # reached only through the rule of square
    square = square_with(lambda g, x: g * twice(x))
    x = leaf(1.0, -2.0, 0.5)
    assert gradcheck(square, x)
    with pytest.raises(GradcheckError, match="gradgradcheck"):
        gradgradcheck(square, x)


def test_a_derivative_cut_off_at_the_second_order_is_rejected():
    square = square_with(lambda g, x: g * 2 * (x.detach() if isinstance(x, tinyrnn.Tensor) else x))
    assert gradcheck(square, leaf(1.0, 2.0))
    with pytest.raises(GradcheckError, match="zero"):
        gradgradcheck(square, leaf(1.0, 2.0), leaf(1.0, 1.0).detach())
    assert not gradgradcheck(square, leaf(1.0, 2.0), raise_exception=False)


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        (lambda g, x: g * -2 * x, "a sign error?"),
        (lambda g, x: g * x, "a factor 2 missing?"),
        (lambda g, x: g * 4 * x, "a factor 2 too much?"),
        (lambda g, x: g * 0.5 * x, "multiplying by 4"),
        (lambda g, x: g * 0, "is a rule missing"),
        (lambda g, x: (g * 2 * x).T, "transposed?"),
    ],
)
def test_the_message_guesses_the_usual_mistakes(rule, hint):
    x = tinyrnn.tensor([[1.0, 2.0], [3.0, -1.5]], dtype=tinyrnn.float64, requires_grad=True)
    with pytest.raises(GradcheckError) as error:
        gradcheck(square_with(rule), x)
    assert hint in str(error.value)
    assert not gradcheck(square_with(rule), x, raise_exception=False)


def test_the_message_names_input_element_and_both_values():
    tinyrnn.engine.label(x := leaf(1.0, 3.0), "weight")
    y = leaf(1.0, 1.0)
    with pytest.raises(GradcheckError) as error:
        gradcheck(lambda y, x: square_with(lambda g, x: g * 2 * x * np.array([1.0, 1.1]))(x) * y, (y, x))
    for part in ("input 1 ('weight')", "element [1]", "analytic 6.6", "numeric  6", "1 of 4 entries"):
        assert part in str(error.value)


def test_a_rule_that_forgets_to_undo_broadcasting_does_not_get_as_far_as_the_check():
    @primitive
    def plus(x, y):
        return x + y

    plus.rule(x=lambda g: g, y=lambda g: g)
    with pytest.raises(AssertionError, match="returned shape"):
        gradcheck(plus, (tinyrnn.ones(2, 3, requires_grad=True), tinyrnn.ones(3, requires_grad=True)))


def test_narrow_floats_are_checked_in_double_and_need_not_all_require_grad():
    x, y = leaf(0.5, 1.5, dtype=np.float32), tinyrnn.tensor([2.0, 3.0])
    seen = []
    assert gradcheck(lambda x, y, k: seen.append((x.dtype, y.dtype)) or x.exp() * y * k, (x, y, 3))
    assert set(seen) == {(tinyrnn.float64, tinyrnn.float64)}
    assert x.dtype is tinyrnn.float32
    assert x.grad is None


def test_inputs_come_back_unchanged_even_from_an_error():
    x = leaf(0.1, 0.2, 0.3)
    before = x.array.copy()
    with pytest.raises(ZeroDivisionError):
        gradcheck(lambda x: x * (1 / (0 if x.array[1] > 0.2 else 1)), x)
    np.testing.assert_array_equal(x.array, before)


def test_a_function_that_ignores_its_copy_is_an_error_and_not_a_pass():
    x = leaf(1.0, dtype=np.float32)
    with pytest.raises(GradcheckError, match="does not use its input 0"):
        gradcheck(lambda _: x * 2, x)
    kept = leaf(1.0)
    assert gradcheck(lambda _: kept * 2, kept)


def test_no_input_that_requires_grad_is_a_value_error():
    for check in (gradcheck, gradgradcheck):
        with pytest.raises(ValueError, match="at least one input"):
            check(tinyrnn.exp, tinyrnn.ones(2))


def test_a_backward_that_does_not_repeat_is_an_error():
    square = square_with(lambda g, x: g * 2 * x * (1 + 1e-3 * tinyrnn.rand(1).item()))
    with pytest.raises(GradcheckError, match="not repeatable"):
        gradcheck(square, leaf(1.0))


def test_kinks_nearby_are_left_to_small_steps():
    assert gradcheck(lambda x: (x - 0.9999).relu(), leaf(1.0, 0.5))
    assert gradcheck(lambda x: x.log(), leaf(1e-4, 2.0))
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: (x - 1.0).relu(), leaf(1.0))


def test_several_and_undifferentiable_outputs_empty_inputs_and_given_weights():
    x = leaf(1.0, 2.0)
    assert gradcheck(lambda x: (x.exp(), x.detach() * 0, x > 0, [1]), x)
    assert gradgradcheck(lambda x: (x.exp(), x * x), x, (leaf(1.0, -1.0), leaf(0.5, 2.0)))
    assert gradcheck(lambda x: x * 2, tinyrnn.zeros(0, requires_grad=True, dtype=tinyrnn.float64))
    with pytest.raises(GradcheckError, match="zero"):
        gradcheck(lambda x: x.detach() * 2, x)
