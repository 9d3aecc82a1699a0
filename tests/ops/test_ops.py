"""Every operation of the table: value, gradient, second derivative, dtype and memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import inplace
from tinyrnn.autograd import gradcheck, gradgradcheck
from tinyrnn.engine import Primitive
from tinyrnn.ops import elementwise, index, linalg, reduce, shape

from .table import OPS, Draw, tinyrnn_library

ours = tinyrnn_library()
cases = st.integers(0, 2**32)
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
        inputs = [tinyrnn.from_numpy(a.copy()) for a in arrays]
        plain = outputs(case.call(ours, *inputs))
        for t, a in zip(inputs, arrays):
            np.testing.assert_array_equal(t.array, a)
        try:
            others = outputs(case.call(ours, *(tinyrnn.from_numpy(strided(a)) for a in arrays)))
        except RuntimeError as error:
            assert "view size is not compatible" in str(error)
            continue
        for one, other in zip(plain, others):
            assert other.dtype == one.dtype
            if case.arrays and one.dtype.is_floating_point and name != "cast":
                assert one.array.dtype == dtype
            np.testing.assert_allclose(one.array, other.array, rtol=tolerance, atol=tolerance)


def primitives():
    found = {}
    for room in (elementwise, index, linalg, reduce, shape, inplace, __import__("tinyrnn.tensor").tensor):
        found.update({id(x): x for x in vars(__import__("sys").modules[room.__name__]).values() if isinstance(x, Primitive)})
    return list(found.values())


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
            total = sum(o.sum() for o in outputs(case.call(ours, *inputs)) if o.dtype.is_floating_point)
            if inputs and case.differentiable:
                total.backward()
    assert not sorted({p.name for p in primitives()} - called)
