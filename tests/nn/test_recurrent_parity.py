"""RNN, GRU, LSTM and their cells compute what PyTorch computes, and their gradients are PyTorch's."""

import contextlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import nn

from .parity import GRADIENT, VALUE, both, parameter_pairs, raised, same_error, same_run, share_weights, torch

F64 = {"dtype": tinyrnn.float64}, {"dtype": torch.float64}


@pytest.fixture(autouse=True, params=["fused", "definition"])
def tier(request):
    """Every test runs on the fused operations and on the cells' steps that they stand for."""
    with nn.definition() if request.param == "definition" else contextlib.nullcontext():
        yield


@st.composite
def layers(draw):
    """(kind, D, H, options) of a recurrent layer."""
    kind = draw(st.sampled_from(["RNN", "GRU", "LSTM"]))
    D, H = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    options = {
        "num_layers": draw(st.integers(1, 3)),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
    }
    if kind == "RNN":
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    if kind == "LSTM" and H > 1:
        options["proj_size"] = draw(st.integers(0, H - 1))
    return kind, D, H, options


def pair_of(kind, *sizes, **options):
    return getattr(nn, kind)(*sizes, **options, **F64[0]), getattr(torch.nn, kind)(*sizes, **options, **F64[1])


def states_of(kind, H, options, N, rng):
    """A drawn state for each library, and the names under which to compare its gradients."""
    L = options["num_layers"] * (1 + options["bidirectional"])
    rows = () if N is None else (N,)
    h = both(rng.standard_normal((L, *rows, options.get("proj_size") or H)))
    if kind != "LSTM":
        return h, {"h": h}
    c = both(rng.standard_normal((L, *rows, H)))
    return tuple(zip(h, c)), {"h": h, "c": c}


@given(
    layer=layers(),
    T=st.integers(1, 5),
    N=st.none() | st.integers(1, 4),
    given_state=st.booleans(),
    towards=st.sampled_from(["ours", "theirs"]),
    seed=st.integers(0, 999),
)
@example(
    layer=("RNN", 1, 1, {"num_layers": 1, "bias": True, "batch_first": False, "bidirectional": False}),
    T=1,
    N=1,
    given_state=True,
    towards="ours",
    seed=0,
)
@example(
    layer=("GRU", 1, 1, {"num_layers": 1, "bias": True, "batch_first": True, "bidirectional": True}),
    T=1,
    N=1,
    given_state=False,
    towards="ours",
    seed=0,
)
@example(
    layer=("LSTM", 1, 1, {"num_layers": 2, "bias": False, "batch_first": False, "bidirectional": True}),
    T=1,
    N=1,
    given_state=True,
    towards="ours",
    seed=0,
)
@example(
    layer=("LSTM", 3, 4, {"num_layers": 2, "bias": True, "batch_first": False, "bidirectional": True, "proj_size": 2}),
    T=3,
    N=None,
    given_state=True,
    towards="ours",
    seed=0,
)
def test_layers_equal_pytorch(layer, T, N, given_state, towards, seed):
    kind, D, H, options = layer
    rng = np.random.default_rng(seed)
    tinyrnn.manual_seed(seed)
    torch.manual_seed(seed)
    ours, theirs = pair_of(kind, D, H, **options)
    share_weights(ours, theirs, towards)
    shape = (T, D) if N is None else (N, T, D) if options["batch_first"] else (T, N, D)
    x = both(rng.standard_normal(shape))
    states, named = states_of(kind, H, options, N, rng) if given_state else ((None, None), {})
    inputs = {"input": x, **named, **parameter_pairs(ours, theirs)}
    # The LSTM's tanh(a) = 2 σ(2a) - 1 is off by 1e-16, whatever the size of a: of tiny states that is a larger part.
    tolerance = (1e-9, 1e-9) if kind == "LSTM" else (VALUE, GRADIENT)
    same_run(ours(x[0], states[0]), theirs(x[1], states[1]), inputs, rng, tolerance)


@given(layers())
def test_layers_look_like_pytorchs(layer):
    kind, D, H, options = layer
    ours, theirs = pair_of(kind, D, H, **options)
    assert repr(ours) == repr(theirs)
    shapes = {name: (tuple(a.shape), tuple(b.shape)) for name, (a, b) in parameter_pairs(ours, theirs).items()}
    assert all(a == b for a, b in shapes.values()), shapes
    names = [[id(p) for p in group] for group in ours.all_weights]
    assert names == [[id(dict(ours.named_parameters())[n]) for n in group] for group in theirs._all_weights]


@given(
    kind=st.sampled_from(["RNNCell", "GRUCell", "LSTMCell"]),
    nonlinearity=st.sampled_from(["tanh", "relu"]),
    N=st.none() | st.integers(1, 4),
    D=st.integers(1, 4),
    H=st.integers(1, 4),
    bias=st.booleans(),
    given_state=st.booleans(),
    seed=st.integers(0, 999),
)
@example(kind="LSTMCell", nonlinearity="tanh", N=1, D=1, H=1, bias=True, given_state=True, seed=0)
def test_cells_equal_pytorch(kind, nonlinearity, N, D, H, bias, given_state, seed):
    rng = np.random.default_rng(seed)
    options = {"bias": bias, **({"nonlinearity": nonlinearity} if kind == "RNNCell" else {})}
    ours, theirs = pair_of(kind, D, H, **options)
    assert repr(ours) == repr(theirs)
    share_weights(ours, theirs)
    rows = () if N is None else (N,)
    x = both(rng.standard_normal((*rows, D)))
    h, c = both(rng.standard_normal((*rows, H))), both(rng.standard_normal((*rows, H)))
    inputs = {"input": x, **parameter_pairs(ours, theirs)}
    states = (None, None)
    if given_state:
        inputs["h"] = h
        states = h
        if kind == "LSTMCell":
            inputs["c"] = c
            states = tuple(zip(h, c))
    same_run(ours(x[0], states[0]), theirs(x[1], states[1]), inputs, rng)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_no_rows_at_all(kind):
    ours, theirs = pair_of(kind, 3, 2)
    share_weights(ours, theirs)
    x = both(np.zeros((4, 0, 3)))
    same_run(ours(x[0]), theirs(x[1]), {"input": x, **parameter_pairs(ours, theirs)}, np.random.default_rng(0))


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_float32_stays_float32(kind):
    ours, theirs = getattr(nn, kind)(3, 4, 2, bidirectional=True), getattr(torch.nn, kind)(3, 4, 2, bidirectional=True)
    share_weights(ours, theirs)
    rng = np.random.default_rng(0)
    x = both(rng.standard_normal((6, 2, 3)).astype(np.float32))
    same_run(ours(x[0]), theirs(x[1]), {"input": x, **parameter_pairs(ours, theirs)}, rng, tolerance=(1e-5, 1e-4))


# -- a GRU as published --


def published_gru(x, h, weights):
    """Cho et al. (2014) with biases, on PyTorch tensors: x (T, N, D), h (N, H), the reset gate before the product."""
    W, U, b, d = weights
    W_r, W_z, W_n = W.chunk(3)
    U_r, U_z, U_n = U.chunk(3)
    b_r, b_z, b_n = b.chunk(3)
    d_r, d_z, d_n = d.chunk(3)
    outputs = []
    for x_t in x:
        r = torch.sigmoid(x_t @ W_r.T + b_r + h @ U_r.T + d_r)
        z = torch.sigmoid(x_t @ W_z.T + b_z + h @ U_z.T + d_z)
        n = torch.tanh(x_t @ W_n.T + b_n + (r * h) @ U_n.T + d_n)
        h = (1 - z) * n + z * h
        outputs.append(h)
    return torch.stack(outputs), h


@given(T=st.integers(1, 4), N=st.integers(1, 3), D=st.integers(1, 3), H=st.integers(1, 3), bias=st.booleans(), seed=st.integers(0, 999))
def test_gru_with_reset_before_is_the_published_one(T, N, D, H, bias, seed):
    rng = np.random.default_rng(seed)
    ours = nn.GRU(D, H, bias=bias, reset_after=False, **F64[0])
    theirs = [torch.tensor(p.detach().numpy(), requires_grad=True) for p in ours.parameters()]
    inputs = {name: (p, w) for (name, p), w in zip(ours.named_parameters(), theirs)}
    weights = theirs if bias else [*theirs, torch.zeros(3 * H, dtype=torch.float64), torch.zeros(3 * H, dtype=torch.float64)]
    x, h = both(rng.standard_normal((T, N, D))), both(rng.standard_normal((N, H)))
    output, h_n = ours(x[0], h[0].unsqueeze(0))
    same_run((output, h_n[0]), published_gru(x[1], h[1], weights), {"x": x, "h": h, **inputs}, rng)


# -- what is refused --

CONSTRUCTORS = [
    *[(kind, args, options) for kind in ("RNN", "GRU", "LSTM") for args, options in [
        ((3, 0), {}),
        ((3, -1), {}),
        ((3, 2, 0), {}),
        ((3, 2), {"dropout": 1.5}),
        ((3, 2), {"dropout": -0.1}),
        ((3, 2), {"dropout": True}),
        ((3, 2.0), {}),
        ((0, 2), {}),
        ((3, 2), {"bias": 1}),
        ((3, 2), {"batch_first": None}),
        ((3, 2), {"nonlinear": "tanh"}),
        ((3,), {}),
    ]],
    *[(kind, (3, 2), {"proj_size": 1}) for kind in ("RNN", "GRU")],
    *[(kind, (3, 2), options) for kind in ("RNNCell", "GRUCell", "LSTMCell") for options in ({"num_layers": 1}, {"device": "nowhere"})],
    ("RNN", (3, 2), {"nonlinearity": "sigmoid"}),
    ("LSTM", (3, 2), {"proj_size": 2}),
    ("LSTM", (3, 2), {"proj_size": -1}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "args", "options"), CONSTRUCTORS)
def test_wrong_settings(kind, args, options):
    assert same_error(lambda: getattr(nn, kind)(*args, **options), lambda: getattr(torch.nn, kind)(*args, **options))


# (kind, options, shape of the input, shapes of the state, what the message must name)
LAYER_CALLS = [
    *[(kind, {}, (5, 2, 4), None, ["(T, N, D)", "Expected 3, got 4"]) for kind in ("RNN", "GRU", "LSTM")],
    ("RNN", {"batch_first": True}, (5, 2, 4), None, ["(N, T, D)"]),
    ("LSTM", {}, (5, 4), None, ["(T, D)"]),
    *[(kind, {}, (3,), None, ["1D"]) for kind in ("RNN", "GRU", "LSTM")],
    *[(kind, {}, (1, 5, 2, 3), None, ["4D"]) for kind in ("RNN", "GRU", "LSTM")],
    *[(kind, {}, (0, 2, 3), None, ["sequence length"]) for kind in ("RNN", "GRU", "LSTM")],
    ("GRU", {}, (5, 2, 3), (1, 2, 5), ["(layers * directions, N, H)", "[1, 2, 2]", "[1, 2, 5]"]),
    ("RNN", {}, (5, 2, 3), (2, 2, 2), ["(layers * directions, N, H)"]),
    ("GRU", {"bidirectional": True}, (5, 2, 3), (1, 2, 2), ["[2, 2, 2]"]),
    *[(kind, {}, (5, 2, 3), (1, 3, 2), ["N=3", "N=2", "drop it", "batch_first"]) for kind in ("RNN", "GRU")],
    ("LSTM", {}, (5, 2, 3), [(1, 3, 2), (1, 3, 2)], ["hidden", "N=3", "N=2"]),
    ("LSTM", {}, (5, 2, 3), [(1, 2, 2), (1, 3, 2)], ["cell", "N=3", "N=2"]),
    ("LSTM", {"proj_size": 1}, (5, 2, 3), [(1, 2, 2), (1, 2, 2)], ["hidden", "[1, 2, 1]"]),
    ("LSTM", {"proj_size": 1}, (5, 2, 3), [(1, 2, 1), (1, 2, 1)], ["cell", "[1, 2, 2]"]),
    ("RNN", {}, (5, 2, 3), (2, 2), ["batched 3-D", "[1, 2, 2]"]),
    ("LSTM", {}, (5, 2, 3), [(2, 2), (2, 2)], ["batched 3-D"]),
    ("GRU", {}, (5, 3), (1, 2, 2), ["unbatched 2-D", "[1, 2]"]),
    ("LSTM", {}, (5, 3), [(1, 2, 2), (1, 2, 2)], ["unbatched 2-D"]),
    ("GRU", {}, (5, 3), (2, 2), ["[1, 2]", "[2, 2]"]),
]


@pytest.mark.parametrize(("kind", "options", "shape", "state", "named"), LAYER_CALLS)
def test_wrong_inputs_of_layers(kind, options, shape, state, named):
    ours, theirs = getattr(nn, kind)(3, 2, **options), getattr(torch.nn, kind)(3, 2, **options)

    def call(layer, library):
        hx = None if state is None else tuple(map(library.zeros, state)) if isinstance(state, list) else library.zeros(state)
        return lambda: layer(library.zeros(shape), hx)

    message = same_error(call(ours, tinyrnn), call(theirs, torch))
    assert all(part in message for part in named), message


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_wrong_dtypes_of_layers(kind):
    ours, theirs = getattr(nn, kind)(3, 2), getattr(torch.nn, kind)(3, 2)
    message = same_error(
        lambda: ours(tinyrnn.zeros(5, 2, 3, dtype=tinyrnn.float64)), lambda: theirs(torch.zeros(5, 2, 3, dtype=torch.float64))
    )
    assert "float64" in message and "float32" in message
    assert raised(lambda: ours(tinyrnn.zeros(5, 2, 3, dtype=tinyrnn.int64))) is not None


CELL_CALLS = [
    *[(kind, (2, 4), None, ["input_size", "got 4", "expected 3"]) for kind in ("RNNCell", "GRUCell", "LSTMCell")],
    *[(kind, (5, 2, 3), None, ["(N, D=3)", "3D"]) for kind in ("RNNCell", "GRUCell", "LSTMCell")],
    ("RNNCell", (2, 3), (2, 5), ["(2, 5)", "(2, 2)"]),
    ("GRUCell", (2, 3), (3, 2), ["(3, 2)", "(2, 2)"]),
    ("GRUCell", (2, 3), (1, 2, 2), ["3D"]),
    ("LSTMCell", (2, 3), [(3, 2), (3, 2)], ["(3, 2)"]),
    ("LSTMCell", (2, 3), [(2, 2), (2, 3)], ["(2, 3)"]),
    ("LSTMCell", (2, 3), [(1, 2, 2), (2, 2)], ["3D"]),
    ("LSTMCell", (2, 3), [(2, 2), (1, 2, 2)], ["3D"]),
]


@pytest.mark.parametrize(("kind", "shape", "state", "named"), CELL_CALLS)
def test_wrong_inputs_of_cells(kind, shape, state, named):
    ours, theirs = getattr(nn, kind)(3, 2), getattr(torch.nn, kind)(3, 2)

    def call(cell, library):
        hx = None if state is None else tuple(map(library.zeros, state)) if isinstance(state, list) else library.zeros(state)
        return lambda: cell(library.zeros(shape), hx)

    message = same_error(call(ours, tinyrnn), call(theirs, torch))
    assert all(part in message for part in named), message
