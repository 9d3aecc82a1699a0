"""What must hold of recurrent layers whatever the numbers: states that carry, truncation, dropout, messages."""

import contextlib
import copy
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import nn
from tinyrnn.gradcheck import gradcheck, gradgradcheck

F64 = {"dtype": tinyrnn.float64}
KINDS = {
    "RNN tanh": (nn.RNN, nn.RNNCell, {}),
    "RNN relu": (nn.RNN, nn.RNNCell, {"nonlinearity": "relu"}),
    "LSTM": (nn.LSTM, nn.LSTMCell, {}),
    "GRU": (nn.GRU, nn.GRUCell, {}),
    "GRU reset before": (nn.GRU, nn.GRUCell, {"reset_after": False}),
}
all_kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True, params=["fused", "definition"])
def tier(request):
    """Every test runs on the fused operations and on the cells' steps that they stand for."""
    with nn.definition() if request.param == "definition" else contextlib.nullcontext():
        yield


def layer_of(kind, *sizes, **options):
    cls, _, own = KINDS[kind]
    return cls(*sizes, **{**F64, **own, **options})


def drawn(*shape, requires_grad=False):
    return tinyrnn.randn(*shape, dtype=tinyrnn.float64, requires_grad=requires_grad)


def close(a, b, tolerance=1e-12):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)


def parts(state):
    """The tensors of a state, one or two."""
    return state if isinstance(state, tuple) else (state,)


def with_state(kind, tensors):
    return tuple(tensors) if kind == "LSTM" else tensors[0]


def state_for(kind, layer, N, requires_grad=False):
    L = layer.num_layers * (1 + layer.bidirectional)
    h = drawn(L, N, layer.proj_size or layer.hidden_size, requires_grad=requires_grad)
    c = drawn(L, N, layer.hidden_size, requires_grad=requires_grad)
    return with_state(kind, (h, c))


# -- the state --


@given(
    kind=st.sampled_from(list(KINDS)),
    lengths=st.lists(st.integers(1, 3), min_size=3, max_size=3),
    N=st.integers(1, 3),
    layers=st.integers(1, 3),
    bias=st.booleans(),
    batch_first=st.booleans(),
    seed=st.integers(0, 999),
)
def test_a_sequence_is_its_chunks_with_the_state_carried(kind, lengths, N, layers, bias, batch_first, seed):
    tinyrnn.manual_seed(seed)
    layer = layer_of(kind, 3, 2, layers, bias=bias, batch_first=batch_first)
    axis, T = int(batch_first), sum(lengths)
    x = drawn(*((N, T, 3) if batch_first else (T, N, 3)), requires_grad=True)
    start = state_for(kind, layer, N, requires_grad=True)
    weights = drawn(*((N, T, 2) if batch_first else (T, N, 2)))
    leaves = [x, *parts(start), *layer.parameters()]

    whole, last = layer(x, start)
    state, outputs = start, []
    for chunk in x.split(lengths, axis):
        y, state = layer(chunk, state)
        outputs.append(y)
    chunked = tinyrnn.cat(outputs, axis)

    close(whole, chunked)
    for a, b in zip(parts(last), parts(state)):
        close(a, b)

    def gradients(output, final):
        loss = (output * weights).sum() + sum((s * s).sum() for s in parts(final))
        return tinyrnn.grad(loss, leaves)

    for a, b in zip(gradients(whole, last), gradients(chunked, state)):
        close(a, b, 1e-10)


@all_kinds
def test_detaching_between_chunks_truncates(kind):
    layer = layer_of(kind, 3, 2)
    first, second = drawn(4, 2, 3, requires_grad=True), drawn(4, 2, 3, requires_grad=True)
    _, state = layer(first)
    output, _ = layer(second, with_state(kind, [s.detach() for s in parts(state)]))
    cut, kept = tinyrnn.grad(output.sum(), [first, second], allow_unused=True)
    assert cut is None and kept.abs().sum() > 0


@given(kind=st.sampled_from(list(KINDS)), unbatched=st.booleans(), bidirectional=st.booleans(), proj_size=st.integers(0, 1))
def test_no_state_means_zeros(kind, unbatched, bidirectional, proj_size):
    options = {"proj_size": proj_size} if kind == "LSTM" else {}
    layer = layer_of(kind, 3, 2, 2, bidirectional=bidirectional, **options)
    x = drawn(4, 3) if unbatched else drawn(4, 5, 3)
    zeros = [s * 0 for s in parts(state_for(kind, layer, 5))]
    given = with_state(kind, [s[:, 0] for s in zeros] if unbatched else zeros)
    (a, last_a), (b, last_b) = layer(x), layer(x, given)
    for one, other in zip((a, *parts(last_a)), (b, *parts(last_b))):
        assert (one == other).all()


@all_kinds
def test_an_unbatched_sequence_is_a_batch_of_one(kind):
    layer = layer_of(kind, 3, 2, 2, bidirectional=True, batch_first=True)
    x, state = drawn(4, 3), state_for(kind, layer, 1)
    alone, last = layer(x, with_state(kind, [s[:, 0] for s in parts(state)]))
    batched, last_batched = layer(x.unsqueeze(0), state)
    close(alone, batched[0])
    for a, b in zip(parts(last), parts(last_batched)):
        close(a, b[:, 0])


@all_kinds
def test_the_state_is_the_last_output_of_each_direction(kind):
    H = 2
    output, last = layer_of(kind, 3, H, 2, bidirectional=True)(drawn(5, 4, 3))
    h_n = parts(last)[0]
    assert (h_n[2] == output[-1, :, :H]).all() and (h_n[3] == output[0, :, H:]).all()


@all_kinds
def test_the_reverse_direction_reads_the_sequence_backwards(kind):
    both_ways, forward = layer_of(kind, 3, 2, bidirectional=True), layer_of(kind, 3, 2)
    forward.load_state_dict({k: both_ways.state_dict()[f"{k}_reverse"] for k in forward.state_dict()})
    x = drawn(5, 4, 3)
    close(both_ways(x)[0][:, :, 2:], forward(x.flip(0))[0].flip(0))


@all_kinds
@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_is_its_cell_step_by_step(kind, bias):
    _, cell_class, options = KINDS[kind]
    layer, cell = layer_of(kind, 3, 2, bias=bias), cell_class(3, 2, bias=bias, **options, **F64)
    cell.load_state_dict({k: layer.state_dict()[f"{k}_l0"] for k in cell.state_dict()})
    x, state = drawn(4, 5, 3), state_for(kind, layer, 5)
    output, last = layer(x, state)
    carried = with_state(kind, [s[0] for s in parts(state)])
    for t in range(4):
        carried = cell(x[t], carried)
        close(parts(carried)[0], output[t])
    for a, b in zip(parts(carried), parts(last)):
        close(a, b[0])


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_step_count_does_not_grow_the_stack(kind):
    """A thousand steps: no recursion anywhere."""
    layer = layer_of(kind, 1, 1)
    x = drawn(1000, 1, 1, requires_grad=True)
    layer(x)[0].sum().backward()
    assert x.grad.isfinite().all()


# -- derivatives --


@all_kinds
@pytest.mark.parametrize("bidirectional", [False, True])
def test_first_and_second_derivatives(kind, bidirectional):
    layer = layer_of(kind, 2, 2, bidirectional=bidirectional)
    x, state = drawn(3, 1, 2, requires_grad=True), state_for(kind, layer, 1, requires_grad=True)
    inputs = (x, *parts(state), *layer.parameters())

    def run(x, *rest):
        output, last = layer(x, with_state(kind, rest[: len(parts(state))]))
        return (output, *parts(last))

    assert gradcheck(run, inputs)
    assert gradgradcheck(run, inputs[: 1 + len(parts(state))])


@pytest.mark.parametrize("kind", ["LSTM"])
def test_derivatives_with_a_projection(kind):
    layer = layer_of(kind, 2, 3, proj_size=2)
    assert gradcheck(lambda x, *_: layer(x)[0], (drawn(2, 1, 2, requires_grad=True), *layer.parameters()))


@all_kinds
def test_derivatives_of_cells(kind):
    _, cell_class, options = KINDS[kind]
    cell = cell_class(2, 2, **options, **F64)
    inputs = (drawn(2, 2, requires_grad=True), *(drawn(2, 2, requires_grad=True) for _ in range(1 + (kind == "LSTM"))), *cell.parameters())

    def run(x, h, c=None, *_):
        return cell(x, (h, c) if kind == "LSTM" else h)

    assert gradcheck(run, inputs) and gradgradcheck(run, inputs)


# -- dropout between layers --


@all_kinds
def test_dropout_is_between_layers_only_and_only_in_training(kind):
    layer = layer_of(kind, 3, 50, 2, dropout=0.5)
    x = drawn(2, 4, 3)
    without = copy.deepcopy(layer)
    without.dropout = 0.0
    dropped, (h, *_) = layer(x)[0], parts(layer(x)[1])
    exact, (exact_h, *_) = without(x)[0], parts(without(x)[1])
    assert (dropped != exact).any()
    assert (h[0] == exact_h[0]).all(), "the first layer itself must not be touched"
    assert (dropped != 0).float().mean() > (0.9 if kind != "RNN relu" else 0.2), "nothing is dropped after the last layer"
    layer.eval()
    assert (layer(x)[0] == exact).all()


@all_kinds
def test_everything_dropped_leaves_the_biases(kind):
    layer = layer_of(kind, 3, 2, 2, dropout=1.0)
    a, b = layer(drawn(4, 1, 3))[0], layer(drawn(4, 1, 3))[0]
    assert (a == b).all()


def test_dropout_follows_the_seed():
    layer = nn.LSTM(3, 4, 3, dropout=0.3)
    x = tinyrnn.ones(5, 2, 3)

    def run(seed):
        tinyrnn.manual_seed(seed)
        return layer(x)[0]

    assert (run(1) == run(1)).all() and (run(1) != run(2)).any()


def test_dropout_with_a_single_layer_warns_where_it_was_asked_for():
    with pytest.warns(UserWarning, match=r"num_layers greater than 1.*dropout=0\.5 and num_layers=1") as caught:
        nn.LSTM(3, 4, dropout=0.5)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="num_layers") as caught:
        nn.GRU(3, 4, dropout=0.5)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.LSTM(3, 4, 2, dropout=0.5)


# -- messages --


@all_kinds
def test_a_state_carried_without_detach_is_named(kind):
    layer = layer_of(kind, 3, 2)
    _, state = layer(drawn(4, 5, 3))
    sum(s.sum() for s in parts(state)).backward()
    output, _ = layer(drawn(4, 5, 3), state)
    with pytest.raises(RuntimeError) as error:
        output.sum().backward()
    text = str(error.value)
    assert "'h_n'" in text and "L=1, N=5, H=2" in text
    assert ("'c_n'" in text) == (kind == "LSTM")
    assert 0 < text.index("detach()") < text.index("retain_graph")


@pytest.mark.parametrize("kind", ["RNN tanh", "LSTM"])
def test_a_cells_state_carried_without_detach_is_named(kind):
    cell = KINDS[kind][1](3, 2)
    state = cell(tinyrnn.ones(5, 3))
    sum(s.sum() for s in parts(state)).backward()
    with pytest.raises(RuntimeError, match=r"'h' \(shape \(N=5, H=2\)\)") as error:
        sum(s.sum() for s in parts(cell(tinyrnn.ones(5, 3), state))).backward()
    assert ("'c' (shape (N=5, H=2))" in str(error.value)) == (kind == "LSTM")


def test_an_unbatched_state_names_its_axes():
    _, h_n = (layer := nn.GRU(3, 2))(tinyrnn.ones(4, 3))
    h_n.sum().backward()
    with pytest.raises(RuntimeError, match=r"'h_n' \(shape \(L=1, H=2\)\)"):
        layer(tinyrnn.ones(4, 3), h_n)[0].sum().backward()


@all_kinds
def test_a_smaller_last_batch(kind):
    layer = layer_of(kind, 3, 2)
    _, state = layer(drawn(4, 5, 3))
    with pytest.raises(RuntimeError, match=r"N=5 rows but this batch has N=3.*drop it, take state\[:, :3\]"):
        layer(drawn(4, 3, 3), state)
    layer(drawn(4, 3, 3), with_state(kind, [s[:, :3] for s in parts(state)]))


def test_the_wrong_kind_of_state():
    h = tinyrnn.zeros(1, 5, 2)
    x = tinyrnn.ones(4, 5, 3)
    for state in (h, (h,), (h, h, h), (h, None)):
        with pytest.raises(RuntimeError, match=r"LSTM: expected the state as a pair \(h, c\)"):
            nn.LSTM(3, 2)(x, state)
    with pytest.raises(RuntimeError, match="GRU: expected the state as one tensor h"):
        nn.GRU(3, 2)(x, (h, h))
    with pytest.raises(RuntimeError, match=r"hidden state has dtype tinyrnn\.float64, the input tinyrnn\.float32"):
        nn.RNN(3, 2)(x, h.double())
    cell = nn.LSTMCell(3, 2)
    for state in (h[0], (h[0],), (h[0], None)):
        with pytest.raises(RuntimeError, match=r"LSTMCell: expected the state as a pair \(h, c\)"):
            cell(x[0], state)
    with pytest.raises(RuntimeError, match="GRUCell: expected the state as one tensor h"):
        nn.GRUCell(3, 2)(x[0], (h[0], h[0]))
    with pytest.raises(RuntimeError, match="dtype"):
        nn.GRUCell(3, 2)(x[0], h[0].double())


def test_an_unknown_nonlinearity():
    for cls in (nn.RNN, nn.RNNCell):
        with pytest.raises(ValueError, match=r"Unknown nonlinearity 'sin'\. Select from 'tanh' or 'relu'"):
            cls(3, 2, nonlinearity="sin")


@pytest.mark.parametrize("cls", [nn.RNNCell, nn.GRUCell, nn.LSTMCell])
def test_a_cell_without_units(cls):
    with pytest.raises(ValueError, match="hidden_size must be greater than zero"):
        cls(3, 0)


def test_what_the_two_grus_look_like():
    assert repr(nn.GRU(3, 2, reset_after=False)) == "GRU(3, 2, reset_after=False)"
    assert repr(nn.GRUCell(3, 2, reset_after=False)) == "GRUCell(3, 2, reset_after=False)"


def test_flatten_parameters_is_there_to_be_called():
    layer = nn.LSTM(3, 2)
    before = list(layer.parameters())
    assert layer.flatten_parameters() is None
    assert all(a is b for a, b in zip(before, layer.parameters()))
