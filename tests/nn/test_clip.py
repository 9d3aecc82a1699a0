"""Clipping equals PyTorch's."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn.nn.utils import clip_grad_norm_, clip_grad_value_

from .parity import raised, same, torch

theirs_norm_, theirs_value_ = torch.nn.utils.clip_grad_norm_, torch.nn.utils.clip_grad_value_


def with_gradients(*gradients):
    """Parameters of both libraries with these gradients; ``None`` is a parameter without one."""
    ours, theirs = [], []
    for g in gradients:
        like = np.zeros(1) if g is None else np.asarray(g)
        ours.append(tinyrnn.tensor(like, requires_grad=True))
        theirs.append(torch.tensor(like, requires_grad=True))
        if g is not None:
            ours[-1].grad, theirs[-1].grad = tinyrnn.tensor(like), torch.tensor(like)
    return ours, theirs


def same_gradients(ours, theirs, tolerance=1e-12):
    for mine, their in zip(ours, theirs):
        same(mine.grad, their.grad, tolerance, "gradient")


@given(
    shapes=st.lists(st.sampled_from([None, (), (1,), (3,), (2, 3)]), min_size=1, max_size=4),
    norm_type=st.sampled_from([2, 2.0, 1, 3, 0.5, 0, math.inf, -math.inf, "inf"]),
    max_norm=st.sampled_from([0.0, 0.1, 1.0, 1e3]),
    scale=st.sampled_from([0.0, 1.0, 100.0]),
    seed=st.integers(0, 999),
)
def test_norm(shapes, norm_type, max_norm, scale, seed):
    rng = np.random.default_rng(seed)
    ours, theirs = with_gradients(*(None if s is None else rng.standard_normal(s) * scale for s in shapes))
    same(clip_grad_norm_(ours, max_norm, norm_type), theirs_norm_(theirs, max_norm, norm_type), what="norm")
    same_gradients(ours, theirs)


@given(
    values=st.lists(st.sampled_from([0.0, 1.5, -3.0, math.inf, -math.inf, math.nan]), min_size=1, max_size=4),
    p=st.sampled_from([1, 2, math.inf]),
)
def test_what_is_not_finite(values, p):
    ours, theirs = with_gradients(values, [1.0, -2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if not np.isfinite(values).all():
            errors = (
                raised(lambda: clip_grad_norm_(ours, 1.0, p, error_if_nonfinite=True)),
                raised(lambda: theirs_norm_(theirs, 1.0, p, error_if_nonfinite=True)),
            )
            assert [str(e) for e in errors] == [str(errors[1])] * 2 and type(errors[0]) is type(errors[1]) is RuntimeError
            same_gradients(ours, theirs)
        same(clip_grad_norm_(ours, 1.0, p), theirs_norm_(theirs, 1.0, p), what="norm")
        same_gradients(ours, theirs)


def test_float32_gradients_stay_float32():
    gradient = np.random.default_rng(0).standard_normal((50, 40)).astype(np.float32)
    ours, theirs = with_gradients(gradient, gradient[0])
    same(clip_grad_norm_(ours, 1.0), theirs_norm_(theirs, 1.0), 1e-6)
    same_gradients(ours, theirs, 1e-6)


def test_one_tensor_a_generator_and_nothing():
    (mine,), (their,) = with_gradients([3.0, 4.0])
    same(clip_grad_norm_(mine, 1.0), theirs_norm_(their, 1.0))
    same_gradients([mine], [their])
    ours, theirs = with_gradients([3.0], None, [4.0])
    same(clip_grad_norm_(iter(ours), 1.0), theirs_norm_(iter(theirs), 1.0))
    same(clip_grad_norm_((p for p in ours), 0.5), theirs_norm_((p for p in theirs), 0.5))
    same_gradients(ours, theirs)
    same(clip_grad_norm_([], 1.0), theirs_norm_([], 1.0))
    ours, theirs = with_gradients(None, None)
    same(clip_grad_norm_(ours, 1.0), theirs_norm_(theirs, 1.0))


def test_an_empty_generator_warns():
    for clip in (clip_grad_norm_, theirs_norm_):
        with pytest.warns(UserWarning, match="`parameters` is an empty generator, no gradient clipping will occur"):
            assert clip((p for p in []), 1.0) == 0
    with pytest.warns(UserWarning, match="empty generator") as caught:
        clip_grad_value_((p for p in []), 1.0)
    assert caught[0].filename == __file__


@given(
    values=st.lists(st.sampled_from([0.0, 0.5, -3.0, 2.0, math.inf, -math.inf, math.nan]), min_size=1, max_size=4),
    limit=st.sampled_from([0.0, 0.5, 10.0]),
)
def test_value(values, limit):
    ours, theirs = with_gradients(values, None, [[1.0], [-20.0]])
    assert clip_grad_value_(ours, limit) is None
    theirs_value_(theirs, limit)
    same_gradients(ours, theirs)
    (mine,), (their,) = with_gradients(values)
    clip_grad_value_(mine, limit)
    theirs_value_(their, limit)
    same_gradients([mine], [their])


def test_gradients_are_clipped_where_they_are():
    (p, _), _ = with_gradients([3.0, 4.0], [0.0])
    grad, version = p.grad, p.grad._version
    clip_grad_norm_([p], 1.0)
    assert p.grad is grad and grad._version > version
    clip_grad_value_([p], 0.1)
    assert p.grad is grad and grad.abs().max() == 0.1


def test_no_other_gradient_is_scaled_with_it():
    """Two parameters may receive one and the same array as gradient; each owns its own."""
    a, b = (tinyrnn.ones(3, requires_grad=True) for _ in range(2))
    ((a + b) * tinyrnn.tensor([3.0, 4.0, 0.0])).sum().backward()
    clip_grad_norm_([a], 1.0)
    assert (b.grad == tinyrnn.tensor([3.0, 4.0, 0.0])).all()
