"""``nn.utils`` beside clipping: parameters as a vector, weights as length and direction, norms."""

import copy
import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import nn
from tinyrnn.nn import utils

from .parity import both, parameter_pairs, same, same_error, same_run, share_weights, torch

TU = torch.nn.utils
F64 = {"dtype": tinyrnn.float64}, {"dtype": torch.float64}


def test_parameters_as_a_vector_and_back():
    rng = np.random.default_rng(0)
    ours, theirs = nn.GRU(2, 3, **F64[0]), torch.nn.GRU(2, 3, **F64[1])
    share_weights(ours, theirs)
    same_run(
        utils.parameters_to_vector(ours.parameters()), TU.parameters_to_vector(theirs.parameters()), parameter_pairs(ours, theirs), rng
    )
    v = both(rng.standard_normal(sum(p.numel() for p in ours.parameters())), requires_grad=False)
    objects = list(ours.parameters())
    utils.vector_to_parameters(v[0], ours.parameters())
    TU.vector_to_parameters(v[1], theirs.parameters())
    for mine, their in parameter_pairs(ours, theirs).values():
        same(mine, their)
    assert all(a is b and a.requires_grad for a, b in zip(ours.parameters(), objects))
    v[0].mul_(2)
    v[1].mul_(2)
    same(ours.weight_ih_l0, theirs.weight_ih_l0)  # they look into the vector
    assert same_error(
        lambda: utils.vector_to_parameters([1.0], ours.parameters()), lambda: TU.vector_to_parameters([1.0], theirs.parameters())
    )
    assert same_error(
        lambda: utils.vector_to_parameters(v[0][:5], ours.parameters()), lambda: TU.vector_to_parameters(v[1][:5], theirs.parameters())
    )


@pytest.mark.filterwarnings("ignore:.*weight_norm")
@pytest.mark.parametrize(
    ("kind", "sizes", "name", "dim", "shape"),
    [
        ("Linear", (3, 4), "weight", 0, (2, 3)),
        ("Linear", (3, 4), "weight", 1, (2, 3)),
        ("Linear", (3, 4), "weight", None, (2, 3)),
        ("LSTM", (3, 4, 2), "weight_hh_l0", 0, (5, 2, 3)),
        ("Conv1d", (3, 4, 2), "weight", 0, (2, 3, 5)),
        ("Conv1d", (3, 4, 2), "weight", 2, (2, 3, 5)),
    ],
)
def test_weight_norm(kind, sizes, name, dim, shape):
    rng = np.random.default_rng(0)
    ours, theirs = getattr(nn, kind)(*sizes, **F64[0]), getattr(torch.nn, kind)(*sizes, **F64[1])
    share_weights(ours, theirs)
    x = both(rng.standard_normal(shape))
    before = ours(x[0])
    assert utils.weight_norm(ours, name, dim) is ours
    TU.weight_norm(theirs, name, dim)
    same(ours(x[0]), before.detach() if isinstance(before, tinyrnn.Tensor) else before, 1e-10) if kind == "Linear" else None
    for mine, their in parameter_pairs(ours, theirs).values():
        same(mine, their)
        values = rng.standard_normal(tuple(mine.shape))
        mine.data, their.data = tinyrnn.tensor(values), torch.tensor(values)
    results = [layer(given) for layer, given in ((ours, x[0]), (theirs, x[1]))]
    results = [r[0] if kind == "LSTM" else r for r in results]
    same_run(*results, {"input": x, **parameter_pairs(ours, theirs)}, rng, (1e-10, 1e-8))
    assert same_error(lambda: utils.weight_norm(ours, name), lambda: TU.weight_norm(theirs, name))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    utils.remove_weight_norm(ours, name)
    TU.remove_weight_norm(theirs, name)
    assert list(ours.state_dict()) == list(theirs.state_dict()) and not ours._forward_pre_hooks
    same(getattr(ours, name), getattr(theirs, name), 1e-10)
    assert same_error(lambda: utils.remove_weight_norm(ours, name), lambda: TU.remove_weight_norm(theirs, name))
    ours(x[0])


@pytest.mark.parametrize(
    ("kind", "sizes", "name", "shape"), [("Linear", (3, 4), "weight", (2, 3)), ("LSTM", (3, 4), "weight_hh_l0", (5, 2, 3))]
)
def test_weight_norm_by_parametrization(kind, sizes, name, shape):
    rng = np.random.default_rng(0)
    ours, theirs = getattr(nn, kind)(*sizes, **F64[0]), getattr(torch.nn, kind)(*sizes, **F64[1])
    share_weights(ours, theirs)
    x = both(rng.standard_normal(shape))
    assert utils.parametrizations.weight_norm(ours, name) is ours
    TU.parametrizations.weight_norm(theirs, name)
    assert repr(ours) == repr(theirs) and type(ours).__name__ == type(theirs).__name__ and isinstance(ours, getattr(nn, kind))
    for mine, their in parameter_pairs(ours, theirs).values():
        same(mine, their)
        values = rng.standard_normal(tuple(mine.shape))
        mine.data, their.data = tinyrnn.tensor(values), torch.tensor(values)
    results = [layer(given) for layer, given in ((ours, x[0]), (theirs, x[1]))]
    same_run(*(r[0] if kind == "LSTM" else r for r in results), {"input": x, **parameter_pairs(ours, theirs)}, rng, (1e-10, 1e-8))
    assert list(ours.state_dict()) == list(theirs.state_dict()) and utils.parametrize.is_parametrized(ours, name)
    value = both(rng.standard_normal(tuple(getattr(ours, name).shape)), requires_grad=False)
    setattr(ours, name, value[0])
    setattr(theirs, name, value[1])
    same(getattr(ours, name), getattr(theirs, name))
    other = copy.deepcopy(ours) if kind == "Linear" else ours
    same(getattr(other, name), getattr(theirs, name))
    utils.parametrize.remove_parametrizations(ours, name)
    TU.parametrize.remove_parametrizations(theirs, name)
    assert repr(ours) == repr(theirs) and type(ours) is getattr(nn, kind)
    same(getattr(ours, name), getattr(theirs, name))
    assert list(ours.state_dict()) == list(theirs.state_dict()) and isinstance(getattr(ours, name), nn.Parameter)


def test_parametrizations_of_ones_own():
    def run(lib, net, p):
        class Symmetric(net.Module):
            def forward(self, x):
                return x.triu() + x.triu(1).transpose(0, 1)

        class Doubled(net.Module):
            def forward(self, x):
                return x * 2

            def right_inverse(self, y):
                return y / 2

        layer = net.Linear(2, 2, bias=False, dtype=lib.float64)
        layer.weight.data = lib.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=lib.float64)
        p.register_parametrization(layer, "weight", Symmetric())
        p.register_parametrization(layer, "weight", Doubled())
        layer(lib.ones(1, 2, dtype=lib.float64)).sum().backward()
        values = [layer.weight.tolist(), layer.parametrizations.weight.original.grad.tolist(), list(layer.state_dict()), repr(layer)]
        p.remove_parametrizations(layer, "weight", leave_parametrized=False)
        return [*values, layer.weight.tolist(), p.is_parametrized(layer)]

    assert run(tinyrnn, nn, utils.parametrize) == run(torch, torch.nn, TU.parametrize)
    for call in (
        lambda lib, net, p: p.register_parametrization(net.Linear(1, 1), "nope", net.Tanh()),
        lambda lib, net, p: p.remove_parametrizations(net.Linear(1, 1), "weight"),
        lambda lib, net, p: p.register_parametrization(net.Linear(1, 1), "weight", net.Flatten(0)),
    ):
        assert same_error(partial(call, tinyrnn, nn, utils.parametrize), partial(call, torch, torch.nn, TU.parametrize))


def test_weight_norm_warns_and_learns():
    layer = nn.Linear(2, 1, **F64[0])
    with pytest.warns(FutureWarning, match="weight_norm` is deprecated in favor of"):
        utils.weight_norm(layer)
    optimizer = tinyrnn.optim.SGD(layer.parameters(), lr=0.1)
    x, losses = tinyrnn.tensor([[1.0, 2.0], [0.5, -1.0]], dtype=tinyrnn.float64), []
    for _ in range(30):
        optimizer.zero_grad()
        loss = ((layer(x) - 1) ** 2).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 10
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        state = layer.state_dict()
        other = nn.Linear(2, 1, **F64[0])
        with pytest.warns(FutureWarning):
            utils.weight_norm(other).load_state_dict(state)
    assert (other(x) == layer(x)).all()
    with tinyrnn.no_grad():
        layer(x)
        assert (copy.deepcopy(layer)(x) == layer(x)).all()


@given(
    p=st.sampled_from([0.5, 1, 2, 3.0, "inf", np.inf]),
    shapes=st.lists(st.sampled_from([(), (3,), (2, 2), (1, 4)]), max_size=3),
    maximum=st.sampled_from([0.1, 100]),
    seed=st.integers(0, 99),
)
def test_norms_of_several_tensors(p, shapes, maximum, seed):
    rng = np.random.default_rng(seed)
    pairs = [both(rng.standard_normal(s)) for s in shapes]
    ours = utils.get_total_norm((a.detach() for a, _ in pairs), p, foreach=False)
    theirs = TU.get_total_norm([b.detach() for _, b in pairs], p)
    same(ours, theirs, 1e-10)
    for a, b in pairs:
        gradient = rng.standard_normal(tuple(a.shape))
        a.grad, b.grad = tinyrnn.tensor(gradient), torch.tensor(gradient)
    total = utils.get_total_norm([a.grad for a, _ in pairs], p)
    utils.clip_grads_with_norm_([a for a, _ in pairs], maximum, total)
    TU.clip_grad_norm_([b for _, b in pairs], maximum, p)
    for a, b in pairs:
        same(a.grad, b.grad, 1e-10)


def test_old_name_of_clipping():
    w = tinyrnn.tensor([3.0, 4.0], requires_grad=True)
    (w * w).sum().backward()
    with pytest.warns(FutureWarning, match="clip_grad_norm` is now deprecated in favor of"):
        assert utils.clip_grad_norm(w, 1.0, "inf") == 8
    assert abs(w.grad.max().item() - 1) < 1e-6
    with pytest.raises(RuntimeError, match="non-finite"):
        utils.get_total_norm(tinyrnn.tensor([np.inf]), error_if_nonfinite=True)
