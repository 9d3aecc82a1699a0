"""Modules by themselves: what is kept, what is copied, what dropout does, what the messages say."""

import copy
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import tinyrnn
from tinyrnn import nn
from tinyrnn.gradcheck import gradcheck, gradgradcheck
from tinyrnn.nn import functional as F

F64 = {"dtype": tinyrnn.float64}


def small():
    return nn.Sequential(OrderedDict(embed=nn.Embedding(5, 3), drop=nn.Dropout(0.5), out=nn.Linear(3, 2)))


# -- parameters and state --


def test_a_parameter_replaced_keeps_its_place():
    layer = nn.Linear(2, 3)
    layer.weight = new = nn.Parameter(tinyrnn.zeros(3, 2))
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    assert next(layer.parameters()) is new
    members = nn.ModuleList([nn.Tanh(), nn.ReLU()])
    members[0] = nn.GELU()
    assert [type(m) for m in members] == [nn.GELU, nn.ReLU]


def test_a_tied_parameter_is_one():
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 5, bias=False))
    model[1].weight = model[0].weight
    assert [name for name, _ in model.named_parameters()] == ["0.weight"]
    assert list(model.state_dict()) == ["0.weight", "1.weight"]
    model.double()
    assert model[1].weight is model[0].weight and model[0].weight.dtype is tinyrnn.float64
    model(tinyrnn.tensor([1, 2])).sum().backward()
    assert model[1].weight.grad is model[0].weight.grad is not None
    other = copy.deepcopy(model)
    assert other[1].weight is other[0].weight is not model[0].weight


def test_a_deleted_parameter_can_become_a_plain_tensor():
    layer = nn.Linear(2, 2, bias=False)
    weight = layer.weight
    del layer.weight
    layer.weight = weight * 2  # computed, so gradients reach the original
    layer(tinyrnn.ones(1, 2)).sum().backward()
    assert list(layer.parameters()) == [] and (weight.grad == 2).all()


def test_state_dict_shares_memory_and_has_no_history():
    layer = nn.Linear(2, 2)
    state = layer.state_dict()
    assert not any(t.requires_grad for t in state.values())
    with tinyrnn.no_grad():
        layer.weight += 1
    assert (state["weight"] == layer.weight).all()
    assert layer.state_dict(keep_vars=True)["weight"] is layer.weight
    into = OrderedDict(first=1)
    assert layer.state_dict(destination=into) is into and list(into) == ["first", "weight", "bias"]


def test_loading_copies_and_converts():
    layer = nn.Linear(2, 2)
    weight, state = layer.weight, {"weight": np.full((2, 2), 7.0), "bias": tinyrnn.zeros(2, dtype=tinyrnn.float64)}
    layer.load_state_dict(state)
    assert layer.weight is weight and weight.dtype is tinyrnn.float32 and weight.requires_grad and (weight == 7).all()
    state["weight"][:] = 0
    assert (weight == 7).all()


def test_loading_by_assignment_takes_the_tensors_over():
    layer = nn.Linear(2, 2)
    state = {"weight": tinyrnn.ones(2, 2, dtype=tinyrnn.float64), "bias": tinyrnn.zeros(2)}
    layer.load_state_dict(state, assign=True)
    assert layer.weight.dtype is tinyrnn.float64 and layer.weight.array is state["weight"].array
    assert isinstance(layer.weight, nn.Parameter) and layer.weight.requires_grad


@pytest.mark.parametrize("change", ["missing", "unexpected", "size", "kind"])
def test_nothing_is_loaded_if_anything_is_wrong(change):
    model, other = small(), small()
    state = other.state_dict()
    if change == "missing":
        del state["out.bias"]
    elif change == "unexpected":
        state["more"] = tinyrnn.zeros(1)
    elif change == "size":
        state["out.bias"] = tinyrnn.zeros(3)
    else:
        state["out.bias"] = [0.0, 0.0]
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(RuntimeError, match=r"Error\(s\) in loading state_dict for Sequential"):
        model.load_state_dict(state)
    assert all((v == before[k]).all() for k, v in model.state_dict().items())


def test_buffers():
    class Counter(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("count", tinyrnn.zeros(1))
            self.register_buffer("ids", tinyrnn.tensor([1, 2]))
            self.register_buffer("scratch", tinyrnn.zeros(1), persistent=False)

    counter = Counter()
    counter.count = counter.count + 1
    assert next(counter.buffers()) is counter.count and list(counter.state_dict()) == ["count", "ids"]
    counter.double()
    assert counter.count.dtype is tinyrnn.float64 and counter.ids.dtype is tinyrnn.int64
    assert {"count", "ids", "scratch", "training"} <= set(dir(counter))


def test_conversions_carry_gradients_along():
    layer = nn.Linear(2, 2)
    layer(tinyrnn.ones(1, 2)).sum().backward()
    weight = layer.weight
    assert layer.double() is layer and layer.weight is weight
    assert weight.dtype is weight.grad.dtype is tinyrnn.float64
    assert layer.float().bias.dtype is tinyrnn.float32 and layer.to(dtype=tinyrnn.float64).bias.dtype is tinyrnn.float64
    assert layer.to("cpu").bias.dtype is tinyrnn.float64


def test_freezing_and_forgetting():
    layer = nn.Linear(2, 2)
    layer(tinyrnn.ones(1, 2)).sum().backward()
    grad = layer.weight.grad
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad is grad and (grad == 0).all()
    layer.zero_grad()
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad is None
    assert layer.requires_grad_(False) is layer and not layer(tinyrnn.ones(1, 2)).requires_grad


def test_paths():
    model = nn.Sequential(nn.ModuleDict({"rnn": nn.GRU(1, 1)}))
    assert model.get_submodule("0.rnn") is model[0]["rnn"] and model.get_submodule("") is model


# -- copies --


def test_a_deep_copy_is_independent():
    model = small()
    model.embed.weight.grad = tinyrnn.ones(5, 3)
    calls = []
    model.out.register_forward_hook(lambda m, args, y: calls.append(m))
    other = copy.deepcopy(model).eval()
    x = tinyrnn.tensor([1, 2])
    assert model.training and (other(x) == copy.deepcopy(model).eval()(x)).all() and len(calls) == 2
    with tinyrnn.no_grad():
        for p in other.parameters():
            p.add_(1)
    assert all((a != b).all() for a, b in zip(model.parameters(), other.parameters()))
    assert other.embed.weight.grad is None  # gradients are not copied, as in PyTorch
    other(x).sum().backward()
    assert model.out.weight.grad is None and repr(other) == repr(model)
    assert isinstance(other.out.weight, nn.Parameter) and other.out.weight.requires_grad


def test_a_module_survives_pickling():
    model = nn.LSTM(2, 3, 2, bidirectional=True)
    other = pickle.loads(pickle.dumps(model))
    x = tinyrnn.ones(4, 1, 2)
    assert repr(other) == repr(model) and (other(x)[0] == model(x)[0]).all()


# -- layers --


def test_embedding_from_pretrained():
    rows = tinyrnn.tensor([[1.0, 2.0], [3.0, 4.0]])
    tinyrnn.manual_seed(1)
    frozen = nn.Embedding.from_pretrained(rows)
    following = tinyrnn.rand(1)
    tinyrnn.manual_seed(1)
    assert following == tinyrnn.rand(1), "no random numbers are spent on rows that are given"
    assert not frozen.weight.requires_grad and (frozen(tinyrnn.tensor([1])) == rows[1]).all()
    assert frozen.num_embeddings == frozen.embedding_dim == 2
    learned = nn.Embedding.from_pretrained(rows, freeze=False, padding_idx=0)
    assert learned.weight.requires_grad and learned.padding_idx == 0 and (learned.weight == rows).all()


def test_a_bad_id_is_named_with_its_place():
    embed = nn.Embedding(3, 2)
    with pytest.raises(IndexError, match=r"id 3 at \[1, 1\] but the embedding has 3 rows, 0 to 2"):
        embed(tinyrnn.tensor([[0, 1], [2, 3]]))
    with pytest.raises(IndexError, match=r"id -1 at \[0\]"):
        embed(tinyrnn.tensor([-1, 1]))


def test_small_integers_are_ids_too():
    embed = nn.Embedding(3, 2)
    for dtype in (tinyrnn.int32, tinyrnn.uint8):
        assert (embed(tinyrnn.tensor([0, 2], dtype=dtype)) == embed.weight[tinyrnn.tensor([0, 2])]).all()


def test_dropout_statistics():
    x = tinyrnn.ones(200, 500, dtype=tinyrnn.float64)
    for p in (0.1, 0.5, 0.9):
        y = F.dropout(x, p)
        zeros = (y == 0).double().mean().item()
        assert abs(zeros - p) < 5 * (p * (1 - p) / y.numel()) ** 0.5
        np.testing.assert_allclose(y[y != 0].numpy(), 1 / (1 - p), rtol=1e-12)
        rows, columns = (y == 0).double().mean(1).numpy(), (y == 0).double().mean(0).numpy()
        assert abs(rows - p).max() < 6 * (p * (1 - p) / 500) ** 0.5 and abs(columns - p).max() < 6 * (p * (1 - p) / 200) ** 0.5


def test_dropout_seeds_and_gradients():
    x = tinyrnn.randn(4, 5, dtype=tinyrnn.float64, requires_grad=True)
    g = tinyrnn.Generator().manual_seed(3)
    a, b = F.dropout(x, generator=g), F.dropout(x, generator=g.manual_seed(3))
    assert (a == b).all() and (F.dropout(x, generator=g) != b).any()
    tinyrnn.manual_seed(7)
    c = F.dropout(x)
    tinyrnn.manual_seed(7)
    assert (F.dropout(x) == c).all()
    (slope,) = tinyrnn.grad(a.sum(), x)
    assert ((slope == 2) == (a != 0)).all() and ((slope == 0) == (a == 0)).all()


def test_dropout_at_the_ends():
    x = tinyrnn.ones(10)
    assert F.dropout(x, 0.5, training=False) is x and F.dropout(x, 0.0) is x
    assert (F.dropout(x, 1.0) == 0).all()
    assert nn.Dropout(0.5).eval()(x) is x


def test_dropout_in_place():
    x = tinyrnn.ones(100)
    y = nn.Dropout(0.5, inplace=True)(x)
    assert y is x and 0 < (x == 0).sum() < 100 and ((x == 0) | (x == 2)).all()


def test_identity_ignores_its_settings():
    x = tinyrnn.ones(2)
    assert nn.Identity(54, unused=True)(x) is x


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(3, 2, **F64),
        nn.LayerNorm(3, **F64),
        nn.Tanh(),
        nn.Sigmoid(),
        nn.ELU(),
        nn.Softplus(),
        nn.GELU(),
        nn.Softmax(-1),
        nn.LogSoftmax(-1),
    ],
    ids=repr,
)
def test_derivatives(layer):
    x = tinyrnn.randn(2, 3, dtype=tinyrnn.float64, requires_grad=True)
    inputs = (x, *layer.parameters())
    assert gradcheck(lambda x, *_: layer(x), inputs) and gradgradcheck(lambda x, *_: layer(x), inputs)


def test_derivatives_of_bilinear_and_embedding():
    bilinear = nn.Bilinear(2, 3, 2, **F64)
    inputs = (*(tinyrnn.randn(2, n, dtype=tinyrnn.float64, requires_grad=True) for n in (2, 3)), *bilinear.parameters())
    assert gradcheck(lambda x, z, *_: bilinear(x, z), inputs)
    assert gradcheck(lambda w: F.embedding(tinyrnn.tensor([[0, 2], [2, 1]]), w), tinyrnn.randn(3, 2, requires_grad=True))


def test_layer_norm_says_which_axes():
    with pytest.raises(
        RuntimeError, match=r"normalized_shape=\[2, 3\], expected input with shape \[\*, 2, 3\], but got input of size \[3, 2\]"
    ):
        nn.LayerNorm((2, 3))(tinyrnn.zeros(3, 2))


# -- hooks --


def test_backward_hooks_cost_nothing_where_nothing_is_recorded():
    layer, calls = nn.Linear(2, 2), []
    layer.register_full_backward_hook(lambda *a: calls.append(a))
    with tinyrnn.no_grad():
        assert not layer(tinyrnn.ones(1, 2)).requires_grad
    assert calls == []


def test_backward_hooks_do_not_change_gradients_or_let_changes_in_place_pass():
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(2, 2))
    model[0].register_full_backward_hook(lambda *a: None)
    x = tinyrnn.tensor([[1.0, -1.0]], requires_grad=True)
    mid = x * 1
    model(mid).sum().backward()
    assert (mid == x).all(), "the hook's copy was changed, not the input"
    assert (x.grad[0, 0] == model[1].weight.sum(0)[0]) and x.grad[0, 1] == 0


def test_backward_hooks_under_create_graph():
    layer, seen = nn.Linear(2, 1, bias=False, **F64), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append(gi[0]))
    x = tinyrnn.ones(1, 2, dtype=tinyrnn.float64, requires_grad=True)
    (first,) = tinyrnn.grad((layer(x) ** 2).sum(), x, create_graph=True)
    assert seen[0].requires_grad and (seen[0] == first).all()
    (second,) = tinyrnn.grad(first.sum(), x)
    assert (second == 2 * layer.weight.sum() * layer.weight).all()


def test_backward_hooks_can_stop_or_scale_a_gradient():
    layer = nn.Linear(2, 2)
    handle = layer.register_full_backward_hook(lambda m, gi, go: (None,))
    x = tinyrnn.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    assert (x.grad == 0).all()
    handle.remove()
    layer.register_full_backward_hook(lambda m, gi, go: gi[0] * 2)
    x.grad = None
    layer(x).sum().backward()
    assert (x.grad == 2 * layer.weight.sum(0)).all()


def test_backward_hooks_need_a_tensor_in_the_result():
    class Text(nn.Module):
        def forward(self, x):
            return "text"

    module = Text()
    module.register_full_backward_hook(lambda *a: None)
    with pytest.raises(RuntimeError, match=r"Text: forward must return a Tensor or a tuple with Tensors in it, got str"):
        module(tinyrnn.ones(1))


def test_hooks_used_as_contexts():
    layer, calls = nn.Linear(2, 2), []
    with layer.register_forward_hook(lambda *a: calls.append(1)):
        layer(tinyrnn.ones(1, 2))
    layer(tinyrnn.ones(1, 2))
    assert calls == [1]
