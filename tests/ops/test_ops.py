"""Every operation of the table: value, gradient, second derivative, dtype and memory."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyrnn
from tinyrnn.autograd import gradcheck, gradgradcheck
from tinyrnn.engine import Primitive, primitive

from .golden import FILE, case_of, results
from .table import OPS, Draw, tinyrnn_library

ours = tinyrnn_library()
every_op = pytest.mark.parametrize("name", OPS)


def draw_case(name, data):
    return OPS[name](Draw(lambda low, high: data.draw(st.integers(low, high))))


def outputs(result):
    return result if isinstance(result, (tuple, list)) else (result,)


@every_op
@settings(max_examples=6)
@given(data=st.data())
def test_first_and_second_derivatives_are_right(name, data):
    case = draw_case(name, data)
    inputs = tuple(tinyrnn.tensor(a, requires_grad=True) for a in case.arrays)
    if inputs and case.differentiable:
        assert gradcheck(lambda *xs: case.call(ours, *xs), inputs)
        assert gradgradcheck(lambda *xs: case.call(ours, *xs), inputs)


def strided(array):
    """The same numbers, every second place of a larger block and in another order of axes."""
    wide = np.full((*array.shape[::-1], 2), np.nan, array.dtype)
    wide[..., 0] = array.T
    return wide[..., 0].T


@every_op
@settings(max_examples=8)
@given(data=st.data())
def test_dtype_is_kept_inputs_are_not_touched_and_layout_does_not_matter(name, data):
    case = draw_case(name, data)
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-5)):
        arrays = [a.astype(dtype) for a in case.arrays]
        inputs = [tinyrnn.from_numpy(a.copy()).requires_grad_(case.differentiable) for a in arrays]
        plain = outputs(case.call(ours, *inputs))
        total = sum(o.sum() for o in plain if o.requires_grad)
        if isinstance(total, tinyrnn.Tensor) and name != "cast":
            total.backward()
        for t, a in zip(inputs, arrays):
            np.testing.assert_array_equal(t.array, a)
            assert t.grad is None or (t.grad.array.dtype == dtype and t.grad.shape == t.shape)
        scattered = [strided(a) for a in arrays]
        if name == "reshape":  # a view of such memory is refused, as it should be
            scattered = arrays
        others = outputs(case.call(ours, *map(tinyrnn.from_numpy, scattered)))
        for one, other in zip(plain, others):
            assert other.dtype == one.dtype
            if case.arrays and one.dtype.is_floating_point and name != "cast":
                assert one.array.dtype == dtype
            np.testing.assert_allclose(one.array, other.array, rtol=tolerance, atol=tolerance)


def primitives():
    rooms = [module for name, module in sys.modules.items() if name.startswith(("tinyrnn.ops.", "tinyrnn.tensor."))]
    return [x for room in rooms for x in vars(room).values() if isinstance(x, Primitive)]


def test_the_table_leaves_no_primitive_out(monkeypatch):
    called = set()
    call = Primitive.__call__

    def recording(self, *args, **options):
        called.add(self.name)
        return call(self, *args, **options)

    monkeypatch.setattr(Primitive, "__call__", recording)
    for name, sample in OPS.items():
        for k in range(12):
            case = sample(Draw.seeded(f"{name}{k}"))
            inputs = [tinyrnn.tensor(a, requires_grad=case.differentiable) for a in case.arrays]
            total = sum(o.sum() for o in outputs(case.call(ours, *inputs)) if o.requires_grad)
            if isinstance(total, tinyrnn.Tensor):
                total.backward()
    assert sorted({p.name for p in primitives()} - called) == []


def test_a_source_larger_than_its_index_gets_zeros_where_it_was_not_read():
    x, source = (tinyrnn.tensor(a, requires_grad=True) for a in (np.ones((2, 2)), np.arange(12.0).reshape(3, 4)))
    index = tinyrnn.tensor([[0, 1]])
    for call in (lambda x, s: x.scatter(1, index, s), lambda x, s: x.scatter_add(1, index, s)):
        assert gradcheck(call, (x, source))
        assert gradgradcheck(call, (x, source))


def test_a_rule_that_returns_another_shape_is_named():
    @primitive
    def double(x):
        return x * 2

    double.rule(lambda g: g.sum())
    with pytest.raises(AssertionError, match=r"rule of 'double' for argument 0 returned shape \(\); the argument has shape \(3,\)"):
        double(tinyrnn.ones(3, requires_grad=True)).sum().backward()


def test_a_rule_that_asks_for_an_unknown_name_is_named():
    @primitive
    def double(x):
        return x * 2

    double.rule(lambda g, z: g)
    with pytest.raises(TypeError, match="asks for 'z'"):
        double(tinyrnn.ones(3, requires_grad=True))


@every_op
def test_the_golden_file_agrees(name):
    expected = json.loads(FILE.read_text())[name]
    case = case_of(name)
    for array, held in zip(case.arrays, expected["arrays"], strict=True):
        np.testing.assert_array_equal(array, np.array(held).reshape(array.shape), "the table changed: run python -m tests.ops.golden")
    got = results(case, ours, [tinyrnn.tensor(a, requires_grad=True) for a in case.arrays])
    assert got["dtypes"] == expected["dtypes"]
    for mine, its in zip(got["values"] + got["gradients"], expected["values"] + expected["gradients"], strict=True):
        if mine is None or its is None:
            assert not np.any(mine or its or 0)
        else:
            np.testing.assert_allclose(mine, its, rtol=1e-10, atol=1e-12)
