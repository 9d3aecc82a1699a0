"""What prints, and what creation functions make, as in PyTorch."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinyrnn

torch = pytest.importorskip("torch")


def sibling(name):
    """The module of that name beside this one (test modules are not a package)."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


creation = sibling("test_creation")


@pytest.mark.parametrize("expression", creation.EXPRESSIONS)
def test_creation_makes_pytorchs(expression):
    expected = eval(expression, {"t": torch, "np": np})
    got = eval(expression, {"t": tinyrnn, "np": np})
    assert str(got.dtype) == str(expected.dtype).replace("torch", "tinyrnn")
    assert tuple(got.shape) == tuple(expected.shape)
    assert got.requires_grad == expected.requires_grad
    np.testing.assert_allclose(got.detach().numpy(), expected.detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize("expression", creation.ERRORS)
def test_creation_errors_have_pytorchs_types(expression):
    with pytest.raises(Exception) as its:
        eval(expression, {"t": torch, "np": np})
    with pytest.raises(Exception) as mine:
        eval(expression, {"t": tinyrnn, "np": np})
    kind = next(k for k in (IndexError, TypeError, ValueError, RuntimeError) if isinstance(its.value, k))
    assert isinstance(mine.value, kind), f"PyTorch: {its.value!r}, tinyrnn: {mine.value!r}"
    assert len(str(mine.value)) > 10


def same_text(array, requires_grad=False):
    t, x = torch.tensor(array), tinyrnn.tensor(array)
    if requires_grad:
        t.requires_grad_(), x.requires_grad_()
    assert repr(x) == repr(t).replace("torch.", "tinyrnn.")


floats = st.one_of(
    st.floats(width=32),
    st.floats(-10, 10, width=32),
    st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e-5, 1e-4, 123456.0, 1e8, 1e9, 1e-30, 3e38, float("nan"), float("inf"), float("-inf")]),
    st.integers(-2000, 2000).map(float),
)
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4)


@settings(max_examples=150)
@given(hnp.arrays(np.float32, shapes, elements=floats), st.booleans())
def test_floats_print_as_pytorchs(array, requires_grad):
    same_text(array, requires_grad)


@settings(max_examples=40)
@given(hnp.arrays(st.sampled_from([np.int64, np.int32, np.uint8, np.bool_, np.float64]), shapes, elements=st.integers(0, 1)))
def test_integers_booleans_and_doubles_print_as_pytorchs(array):
    same_text(array)


@settings(max_examples=40)
@given(hnp.arrays(np.int64, hnp.array_shapes(min_dims=0, max_dims=2, max_side=30), elements=st.integers(-(10**6), 10**6)))
def test_wide_integers_wrap_where_pytorchs_do(array):
    same_text(array)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(0, np.float32),
        np.zeros(0, np.int64),
        np.zeros((2, 0), np.float32),
        np.zeros((0, 3), np.int64),
        np.zeros(0, bool),
        np.zeros(0),
        np.arange(1000),
        np.arange(1001),
        np.arange(2000, dtype=np.float32) / 7,
        np.arange(10000).reshape(100, 100),
        np.arange(6000, dtype=np.float32).reshape(2, 3, 1000),
        np.arange(4000).reshape(4, 10, 100),
        np.arange(1400, dtype=np.float32).reshape(200, 7) * 1e6,
        np.full((3, 500), -0.25, np.float32),
        np.arange(30, dtype=np.float32).reshape(1, 30) / 3,
        np.arange(60, dtype=np.float32).reshape(2, 30) * 1.5,
        np.arange(40) > 10,
        np.array([-0.0, 0.0], np.float32),
        np.array(float("nan"), np.float32),
        np.array([1.5, float("nan"), float("-inf")]),
        np.array([1.0, float("inf")], np.float32),
        np.array([float("nan"), float("inf")], np.float32),
        np.array([1e-3, 1e3], np.float32),
        np.array([1, 1e4, 1.5e4], np.float32),
        np.array([1e10, 1.0], np.float32),
        np.array([0.1] * 3, np.float16),
        np.array(3.14159),
        np.array(7),
        np.array(True),
    ],
    ids=repr,
)
def test_particular_tensors_print_as_pytorchs(array):
    same_text(array)


def test_history_prints_as_pytorchs():
    for expression in ("x * 2", "x.tanh()", "x + x", "x.sum()", "x.exp().log()", "x.view(1, 2)", "x / 2", "-x"):
        texts = [repr(eval(expression, {"x": t.tensor([0.5, 2.0], requires_grad=True)})) for t in (torch, tinyrnn)]
        if "view" in expression:  # ours is a reshape that must not copy
            texts[1] = texts[1].replace("Reshape", "View")
        assert texts[1] == texts[0]


@given(st.integers(0, 12), st.integers(1, 6))
def test_numbers_formatted_in_messages(n, k):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same_text(np.arange(n * k, dtype=np.float32).reshape(n, k) / 3)
