"""The fused tier against its specification, the cells' steps: equal outputs, gradients and second derivatives."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import nn

KINDS = {
    "RNN tanh": (nn.RNN, {}),
    "RNN relu": (nn.RNN, {"nonlinearity": "relu"}),
    "LSTM": (nn.LSTM, {}),
    "LSTM projected": (nn.LSTM, {"proj_size": 2}),
    "GRU": (nn.GRU, {}),
    "GRU reset before": (nn.GRU, {"reset_after": False}),
}
all_kinds = pytest.mark.parametrize("kind", KINDS)


def layer_of(kind, D=3, H=4, **options):
    cls, own = KINDS[kind]
    return cls(D, H, **{"dtype": tinyrnn.float64, **own, **options})


def inputs_of(layer, T, N):
    L = layer.num_layers * (1 + layer.bidirectional)
    sizes = [layer.proj_size or layer.hidden_size, layer.hidden_size][: layer.states]
    draw = lambda *shape: tinyrnn.randn(*shape, dtype=tinyrnn.float64, requires_grad=True)
    return draw(T, N, layer.input_size), tuple(draw(L, N, size) for size in sizes)


def weighted_sum(layer, x, states):
    """A number that depends on every output and every last state, differently."""
    y, last = layer(x, states if layer.states == 2 else states[0])
    last = last if layer.states == 2 else (last,)
    total = 0
    for t in (y, *last):
        total = total + (t * tinyrnn.arange(1, t.numel() + 1).reshape(t.shape).sin()).sum()
    return total


def close(ours, theirs, tolerance, what, names=None):
    for name, a, b in zip(names or range(len(ours)), ours, theirs, strict=True):
        a, b = a.detach().numpy(), b.detach().numpy()
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(np.abs(b).max(), 1), err_msg=f"{what}: {name}")


@all_kinds
@given(
    T=st.integers(1, 20),
    N=st.integers(1, 4),
    num_layers=st.integers(1, 2),
    bidirectional=st.booleans(),
    bias=st.booleans(),
    given_state=st.booleans(),
)
def test_equal_to_the_definition(kind, T, N, num_layers, bidirectional, bias, given_state):
    layer = layer_of(kind, num_layers=num_layers, bidirectional=bidirectional, bias=bias)
    x, states = inputs_of(layer, T, N)
    wanted = [x, *layer.parameters(), *(states if given_state else ())]
    names = ["x", *(name for name, _ in layer.named_parameters()), *(("h_0", "c_0")[: layer.states] if given_state else ())]

    def run():
        out = weighted_sum(layer, x, states) if given_state else layer(x)[0].square().sum()
        return [out, *tinyrnn.grad(out, wanted)]

    fused = run()
    with nn.definition():
        close(fused, run(), 1e-11, kind, ["the loss", *(f"gradient of {name}" for name in names)])


@all_kinds
def test_second_derivatives_come_from_the_definition(kind):
    layer = layer_of(kind, num_layers=2, bidirectional=True)
    x, states = inputs_of(layer, 4, 2)
    wanted = [x, *states, *layer.parameters()]

    def hessian_vector_product():
        slopes = tinyrnn.grad(weighted_sum(layer, x, states), wanted, create_graph=True)
        product = sum((s * tinyrnn.arange(s.numel()).reshape(s.shape).cos()).sum() for s in slopes)
        return [*slopes, *tinyrnn.grad(product, wanted)]

    fused = hessian_vector_product()
    with nn.definition():
        close(fused, hessian_vector_product(), 1e-10, kind)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "LSTM projected"])  # its two states differ in size
def test_one_tensor_given_twice_gets_both_gradients(kind):
    layer = layer_of(kind, H=3)
    x, _ = inputs_of(layer, 3, 1)
    shared = x[:1]
    for create_graph in (False, True):
        options = {"create_graph": create_graph}
        fused = tinyrnn.grad(weighted_sum(layer, x, (shared,) * layer.states), [x], **options)
        with nn.definition():
            close(fused, tinyrnn.grad(weighted_sum(layer, x, (shared,) * layer.states), [x], **options), 1e-12, kind)


@all_kinds
def test_float32_stays_float32(kind):
    layer = layer_of(kind, dtype=tinyrnn.float32)
    x = tinyrnn.randn(3, 2, 3, requires_grad=True)
    y, _ = layer(x)
    y.sum().backward()
    assert {t.dtype for t in (y, x.grad, *(p.grad for p in layer.parameters()))} == {tinyrnn.float32}


@all_kinds
def test_extreme_inputs_saturate_without_a_warning(kind):
    layer = layer_of(kind, dtype=tinyrnn.float32)
    x = tinyrnn.tensor([-1e4, 0.0, 1e4]).reshape(3, 1, 1).expand(3, 2, 3).clone().requires_grad_()
    y, _ = layer(x)
    y.sum().backward()
    assert y.isfinite().all()
    assert x.grad.isfinite().all()


@all_kinds
def test_an_output_changed_in_place_is_noticed(kind):
    layer = layer_of(kind)
    y, _ = layer(inputs_of(layer, 3, 2)[0])
    y.detach().mul_(2)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()


@all_kinds
def test_the_last_state_is_not_a_view_of_the_outputs(kind):
    layer = layer_of(kind)
    with tinyrnn.no_grad():
        y, last = layer(inputs_of(layer, 3, 2)[0])
        before = y.clone()
        for s in last if layer.states == 2 else (last,):
            s.zero_()
    assert (y == before).all()


def test_tiers_are_chosen_by_attribute_and_by_context():
    layer, x = nn.LSTM(2, 3), tinyrnn.ones(2, 1, 2)
    made_by = lambda: layer(x)[0].grad_fn.name()
    assert made_by() == "LstmLayerBackward0"
    with nn.definition():
        assert made_by() == "StackBackward0"
    layer.fused = False
    assert made_by() == "StackBackward0"


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "make",
    [nn.RNN, partial(nn.RNN, nonlinearity="relu"), nn.LSTM, partial(nn.LSTM, proj_size=2), nn.GRU, partial(nn.GRU, reset_after=False)],
    ids=["RNN", "RNN relu", "LSTM", "LSTM proj", "GRU", "GRU reset before"],
)
@pytest.mark.parametrize("N", [1, 3])
def test_steps_one_at_a_time_are_the_whole_sequence(make, bias, N):
    tinyrnn.manual_seed(0)
    layer = make(4, 5, num_layers=2, bias=bias, dtype=tinyrnn.float64)
    x = tinyrnn.randn(7, N, 4, dtype=tinyrnn.float64)
    with tinyrnn.no_grad():
        whole, _ = layer(x)
        _, state = layer(x[:3])
        first, second = layer.steppers(state)
        for t in range(3, 7):
            assert np.abs(second(first(x.numpy()[t])) - whole[t].numpy()).max() < 1e-14
        again, _ = layer(x[:4])
        assert np.array_equal(again, whole[:4]), "the state given to steppers() was written to"


def test_a_bidirectional_layer_takes_no_steps():
    layer = nn.GRU(4, 5, bidirectional=True)
    with pytest.raises(ValueError, match="reads the future"):
        layer.steppers(tinyrnn.zeros(2, 1, 5))
