"""Tensors on a GPU beside tensors in the computer's memory, and what only a device tells: types, places, defaults."""

from __future__ import annotations

import pytest

import tinyrnn

pytestmark = pytest.mark.gpu

MIXED = {
    "add": lambda a, b: a + b,
    "matmul": lambda a, b: a @ b.t(),
    "cat": lambda a, b: tinyrnn.cat([a, b]),
    "where": lambda a, b: tinyrnn.where(a > 0, a, b),
    "einsum": lambda a, b: tinyrnn.einsum("ij,kj->ik", a, b),
    "gather": lambda a, b: a.gather(1, b.long()),
    "linear": lambda a, b: tinyrnn.nn.functional.linear(a, b),
    "eq": lambda a, b: a == b,
}


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("first", ["cpu", "cuda"])
def test_tensors_of_two_devices_do_not_mix(name, first):
    a = tinyrnn.ones(2, 3, device=first)
    b = tinyrnn.ones(2, 3, device="cpu" if first == "cuda" else "cuda")
    a.name = "weight"
    with pytest.raises(RuntimeError, match=r"Expected all tensors to be on the same device, .* cuda:0 and cpu!.*\(shape ") as error:
        MIXED[name](a, b)
    if name in ("add", "linear", "eq"):
        assert f"'weight' (shape (2, 3)) on {'cuda:0' if first == 'cuda' else 'cpu'}" in str(error.value)


def test_a_number_of_the_host_goes_where_the_others_are():
    x = tinyrnn.ones(2, device="cuda", requires_grad=True)
    factor = tinyrnn.tensor(3.0, requires_grad=True)
    y = x * factor + tinyrnn.tensor(1.0)
    y.sum().backward()
    assert y.is_cuda and x.grad.tolist() == [3, 3]
    assert factor.grad.item() == 2 and not factor.grad.is_cuda


def test_types_and_places():
    x = tinyrnn.ones(2, device="cuda")
    assert x.type() == "torch.cuda.FloatTensor" and not isinstance(x, tinyrnn.FloatTensor)
    assert isinstance(x.cpu(), tinyrnn.FloatTensor)
    assert x.type("torch.FloatTensor").device.type == "cpu"
    assert x.type(tinyrnn.int32).is_cuda
    assert (x.get_device(), x.cpu().get_device()) == (0, -1)
    for made in (x.new_zeros(2), x.new([1.0]), x.new(2), x.new_tensor([1]), tinyrnn.ones_like(x), tinyrnn.rand_like(x)):
        assert made.is_cuda
    for filled in (x.normal_(), x.uniform_(), x.random_(3), x.bernoulli_(), x.fill_(2), x.resize_(3)):
        assert filled is x and x.is_cuda
    with pytest.raises(TypeError, match="CPU"):
        x.apply_(abs)


def test_where_new_tensors_go():
    with tinyrnn.device("cuda"):
        assert all(t.is_cuda for t in (tinyrnn.zeros(2), tinyrnn.tensor([1.0]), tinyrnn.rand(2), tinyrnn.arange(3)))
        assert not tinyrnn.zeros(2, device="cpu").is_cuda
    assert not tinyrnn.zeros(2).is_cuda
