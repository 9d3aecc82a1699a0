"""The tensor as a Python object: protocols, conversions, shape, names."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tinyrnn
from tinyrnn.engine import label


def test_as_a_number_a_truth_and_an_index():
    assert (int(tinyrnn.tensor(2.7)), float(tinyrnn.tensor([[3]])), bool(tinyrnn.tensor([0.0])), bool(tinyrnn.tensor(True))) == (
        2,
        3.0,
        False,
        True,
    )
    assert [10, 20, 30][tinyrnn.tensor(1)] == 20
    assert list(range(tinyrnn.tensor(2))) == [0, 1]
    assert tinyrnn.tensor(2.5).item() == 2.5
    assert float(tinyrnn.tensor(2.5, requires_grad=True)) == 2.5
    with pytest.raises(TypeError):
        [1, 2][tinyrnn.tensor(1.0)]


def test_as_a_sequence():
    x = tinyrnn.tensor([[1, 2], [3, 4]])
    assert len(x) == 2
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    assert [row.tolist() for row in reversed(x)] == [[3, 4], [1, 2]]
    assert reversed(tinyrnn.tensor(1)).item() == 1
    assert 3 in x
    assert tinyrnn.tensor(4) in x
    assert 7 not in x
    _, b = x
    assert b.tolist() == [3, 4]


def test_as_a_key_and_in_comparisons():
    x, y = tinyrnn.ones(2), tinyrnn.ones(2)
    assert len({x, y, x}) == 2
    assert (x == y).tolist() == [True, True]
    assert (x != None) is True  # noqa: E711
    assert (x == "a") is False
    assert [p is x for p in [y, x]].index(True) == 1


def test_format():
    x = tinyrnn.tensor(0.123456, requires_grad=True)
    assert f"{x:.3f}|{tinyrnn.tensor(7):5d}|{x}" == "0.123|    7|0.12345600128173828"
    assert f"{tinyrnn.ones(2)}" == "tensor([1., 1.])"
    with pytest.raises(TypeError):
        format(tinyrnn.ones(2), ".3f")


def test_unary_and_matmul_operators():
    x = tinyrnn.tensor([1.0, -2.0])
    assert (+x).tolist() == x.tolist()
    assert (-x).tolist() == [-1.0, 2.0]
    assert abs(x).tolist() == [1.0, 2.0]
    assert (x @ x).item() == 5.0
    assert (np.ones(2, np.float32) @ x).item() == -1.0
    assert (7 // tinyrnn.tensor([2])).tolist() == [3]
    assert (7 % tinyrnn.tensor([4])).tolist() == [3]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))], ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("make", [lambda a: tinyrnn.tensor(a, requires_grad=True), lambda a: tinyrnn.Parameter(tinyrnn.tensor(a))])
def test_copies_are_leaves_of_their_own(duplicate, make):
    x = make([1.0, 2.0])
    label(x, "weight", "H")
    (x * x).sum().backward()
    y = duplicate(x)
    assert type(y) is type(x)
    assert y.tolist() == x.tolist()
    assert y.requires_grad
    assert y.is_leaf
    assert not np.shares_memory(y.array, x.array)
    assert (y.name, y.axes) == ("weight", "H")
    y.data.mul_(0)
    assert x.tolist() == [1.0, 2.0]
    for change in (copy.deepcopy, pickle.dumps):
        with pytest.raises(RuntimeError):
            change(x * 2)


def test_deepcopy_keeps_the_gradient_and_what_is_shared():
    x = tinyrnn.tensor([1.0], requires_grad=True)
    (x * 3).sum().backward()
    a, b = copy.deepcopy([x, x])
    assert a is b
    assert a.grad.tolist() == [3.0]
    assert a.grad is not x.grad


def test_shape_and_size():
    x = tinyrnn.zeros(2, 3, 4)
    assert x.shape == (2, 3, 4) == tuple(x.size())
    assert repr(x.shape) == "tinyrnn.Size([2, 3, 4])"
    assert isinstance(x.shape[1:], tinyrnn.Size)
    assert (x.shape.numel(), x.numel(), x.nelement(), x.dim(), x.ndim, x.size(-1), x.element_size()) == (24, 24, 24, 3, 3, 4, 4)
    assert x.is_contiguous()
    assert not x.transpose(0, 2).is_contiguous()
    assert x.contiguous() is x
    assert x.transpose(0, 2).contiguous().is_contiguous()
    assert x.mT.shape == (2, 4, 3)
    assert x.view_as(tinyrnn.zeros(24)).shape == (24,)
    assert tinyrnn.zeros(3, 1).expand_as(tinyrnn.zeros(3, 2)).shape == (3, 2)


def test_to_returns_itself_where_nothing_changes():
    x = tinyrnn.ones(2)
    assert x.to(tinyrnn.float32) is x
    assert x.to("cpu") is x
    assert x.float() is x
    assert x.to(x, copy=True) is not x
    assert x.to(np.float64).dtype is tinyrnn.float64
    assert x.to("cpu", tinyrnn.float64).dtype is tinyrnn.float64
    assert x.to(tinyrnn.tensor([1])).dtype is tinyrnn.int64
    y = tinyrnn.ones(2, requires_grad=True)
    y.double().sum().backward()
    assert y.grad.dtype is tinyrnn.float32
    with pytest.raises(RuntimeError, match="bits"):
        x.view(tinyrnn.int32)


def test_constructors_of_the_class():
    assert tinyrnn.Tensor().shape == (0,)
    assert tinyrnn.Tensor(2, 3).shape == (2, 3)
    assert tinyrnn.Tensor([1, 2]).dtype is tinyrnn.float32
    assert tinyrnn.Tensor(tinyrnn.ones(2)).tolist() == [1.0, 1.0]
    assert tinyrnn.Tensor(tinyrnn.Size([2])).shape == (2,)


def test_parameter():
    p = tinyrnn.Parameter(tinyrnn.tensor([1.0]))
    assert p.requires_grad
    assert p.is_leaf
    assert isinstance(p, tinyrnn.Tensor)
    assert repr(p) == "Parameter containing:\ntensor([1.], requires_grad=True)"
    assert not tinyrnn.Parameter(tinyrnn.ones(1), requires_grad=False).requires_grad
    assert tinyrnn.Parameter().shape == (0,)


def test_flags():
    x = tinyrnn.tensor([1.0])
    x.requires_grad = True
    assert x.requires_grad
    assert x.requires_grad_(False) is x
    y = x.requires_grad_() * 2
    assert y.requires_grad_() is y
    assert not y.is_leaf
    assert y.grad_fn is not None
    assert tinyrnn.tensor([1]).is_floating_point() is False
    assert x._version == 0
    x.data = tinyrnn.tensor([5.0])
    assert x.tolist() == [5.0]
    with pytest.raises(TypeError, match="ndarray"):
        x.data = np.array([6.0], np.float32)
    x.grad = tinyrnn.ones(1)
    assert x.grad.tolist() == [1.0]
    x.grad = None
    assert x.grad is None


def test_numpy_of_a_tensor_with_history():
    x = tinyrnn.ones(2, requires_grad=True)
    assert (x * 2).numpy(force=True).tolist() == [2.0, 2.0]
    assert np.shares_memory(x.detach().numpy(), x.array)


def test_dtype_objects():
    assert tinyrnn.float is tinyrnn.float32
    assert pickle.loads(pickle.dumps(tinyrnn.float64)) is tinyrnn.float64
    assert copy.deepcopy(tinyrnn.int64) is tinyrnn.int64
    assert (tinyrnn.float16.is_floating_point, tinyrnn.uint8.is_signed, tinyrnn.int8.is_signed, tinyrnn.bool.is_complex) == (
        True,
        False,
        True,
        False,
    )
    assert repr(tinyrnn.int32) == "tinyrnn.int32"
    with pytest.raises(TypeError, match="cannot hold"):
        tinyrnn.tensor(np.array([1 + 2j]))


def test_bytes_index_as_a_mask():
    x = tinyrnn.tensor([1.0, 2.0, 3.0])
    assert x[tinyrnn.tensor([1, 0, 1], dtype=tinyrnn.uint8)].tolist() == [1.0, 3.0]
