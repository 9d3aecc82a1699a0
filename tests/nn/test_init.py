"""Initialisation: PyTorch's distributions, bound by bound, and the functions that draw them."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import nn
from tinyrnn.nn import init


def is_uniform(t, bound, low=None):
    """Within the bounds, nearly up to them, and with the moments of a uniform draw."""
    x, low = t.detach().numpy().ravel(), -bound if low is None else low
    width = bound - low
    assert low <= x.min() and x.max() <= bound, "out of bounds"
    assert max(x.min() - low, bound - x.max()) < 20 * width / x.size, "the ends are not reached"
    assert abs(x.mean() - (low + bound) / 2) < 5 * width / math.sqrt(12 * x.size)
    assert abs(x.std() - width / math.sqrt(12)) < 5 * width / math.sqrt(12 * x.size)


def is_normal(t, mean, std):
    x = t.detach().numpy().ravel()
    assert abs(x.mean() - mean) < 5 * std / math.sqrt(x.size)
    assert abs(x.std() - std) < 5 * std / math.sqrt(2 * x.size)
    inside = (abs(x - mean) < std).mean()
    assert abs(inside - 0.6827) < 5 * 0.47 / math.sqrt(x.size), "not a bell"


LAYERS = [
    (lambda: nn.Linear(400, 300), 1 / math.sqrt(400)),
    (lambda: nn.Bilinear(50, 20, 30), 1 / math.sqrt(50)),
    (lambda: nn.RNN(30, 100, 2, bidirectional=True), 1 / math.sqrt(100)),
    (lambda: nn.GRU(30, 100, 2), 1 / math.sqrt(100)),
    (lambda: nn.LSTM(30, 100, 2, proj_size=20), 1 / math.sqrt(100)),
    (lambda: nn.RNNCell(30, 100), 1 / math.sqrt(100)),
    (lambda: nn.GRUCell(30, 100), 1 / math.sqrt(100)),
    (lambda: nn.LSTMCell(30, 100), 1 / math.sqrt(100)),
]


@pytest.mark.parametrize("k", range(len(LAYERS)))
def test_layers_start_uniform(k):
    make, bound = LAYERS[k]
    for p in (layer := make()).parameters():
        is_uniform(p, bound)
    first = next(layer.parameters())
    before = first.clone()
    layer.reset_parameters()
    assert (first != before).any() and first.is_leaf


@pytest.mark.parametrize("k", range(len(LAYERS)))
def test_layers_start_as_pytorchs(k):
    """The same extremes and spread as PyTorch's own layers, so that the bounds above are not our invention."""
    torch = pytest.importorskip("torch")
    make, _ = LAYERS[k]
    ours = make()
    cls = getattr(torch.nn, type(ours).__name__)
    sizes = {"Linear": (400, 300), "Bilinear": (50, 20, 30)}.get(cls.__name__, (30, 100))
    more = {"RNN": {"num_layers": 2, "bidirectional": True}, "GRU": {"num_layers": 2}, "LSTM": {"num_layers": 2, "proj_size": 20}}
    theirs = cls(*sizes, **more.get(cls.__name__, {}))
    for mine, their in zip(ours.parameters(), theirs.parameters()):
        a, b = mine.detach().numpy(), their.detach().numpy()
        assert a.shape == b.shape
        assert abs(a.max() / b.max() - 1) < 40 / a.size + 1e-6 and abs(a.std() / b.std() - 1) < 8 / math.sqrt(a.size)


def test_embeddings_start_normal_and_padding_at_zero():
    is_normal(nn.Embedding(500, 40).weight, 0, 1)
    padded = nn.Embedding(50, 40, padding_idx=7)
    assert (padded.weight[7] == 0).all() and (padded.weight[6] != 0).all()


def test_layer_norm_starts_as_the_identity():
    layer = nn.LayerNorm(4)
    assert (layer.weight == 1).all() and (layer.bias == 0).all()


def test_a_layer_of_nothing():
    assert (nn.Linear(0, 2).bias == 0).all()


def test_equal_seeds_make_equal_models():
    def make(seed):
        tinyrnn.manual_seed(seed)
        return [p.clone() for m in (nn.LSTM(3, 4), nn.Embedding(3, 2), nn.Linear(2, 2)) for p in m.parameters()]

    assert all((a == b).all() for a, b in zip(make(3), make(3)))
    assert all((a != b).any() for a, b in zip(make(3), make(4)))


# -- functions --


def test_distributions():
    is_uniform(init.uniform_(tinyrnn.empty(300, 200), 1.0, 3.0), 3.0, low=1.0)
    is_uniform(init.uniform_(tinyrnn.empty(300, 200)), 1.0, low=0.0)
    is_normal(init.normal_(tinyrnn.empty(300, 200), 2.0, 0.5), 2.0, 0.5)
    is_uniform(init.xavier_uniform_(tinyrnn.empty(300, 200), gain=2.0), 2 * math.sqrt(6 / 500))
    is_normal(init.xavier_normal_(tinyrnn.empty(300, 200), gain=2.0), 0, 2 * math.sqrt(2 / 500))
    is_uniform(init.kaiming_uniform_(tinyrnn.empty(300, 200), a=math.sqrt(5)), 1 / math.sqrt(200))
    is_normal(init.kaiming_normal_(tinyrnn.empty(300, 200), mode="fan_out", nonlinearity="relu"), 0, math.sqrt(2 / 300))
    is_normal(init.kaiming_normal_(tinyrnn.empty(30, 20, 5, 4)), 0, math.sqrt(2) / math.sqrt(20 * 20))


def test_constants():
    t = tinyrnn.empty(2, 3)
    assert (init.constant_(t, 2.5) == 2.5).all() and (init.zeros_(t) == 0).all() and (init.ones_(t) == 1).all()
    np.testing.assert_array_equal(init.eye_(t).numpy(), np.eye(2, 3))
    np.testing.assert_array_equal(init.eye_(tinyrnn.empty(3, 2)).numpy(), np.eye(3, 2))


@given(
    shape=st.sampled_from([(5, 3), (3, 5), (4, 4), (1, 6), (6, 1), (4, 2, 3, 2), (2, 4, 3)]),
    gain=st.sampled_from([1, 2.5]),
    seed=st.integers(0, 99),
)
def test_orthogonal(shape, gain, seed):
    t = init.orthogonal_(tinyrnn.empty(*shape, dtype=tinyrnn.float64), gain, tinyrnn.Generator().manual_seed(seed))
    m = t.numpy().reshape(shape[0], -1) / gain
    small = m @ m.T if m.shape[0] <= m.shape[1] else m.T @ m
    np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-12)


def test_orthogonal_is_uniform_over_signs():
    """Without the sign correction the diagonal of QR's R would make most draws lean one way."""
    first = [init.orthogonal_(tinyrnn.empty(1, 1)).item() for _ in range(200)]
    assert 60 < first.count(1.0) < 140 and first.count(1.0) + first.count(-1.0) == 200
    corners = np.array([init.orthogonal_(tinyrnn.empty(3, 3))[0, 0].item() for _ in range(400)])
    assert abs(corners.mean()) < 0.15


def test_functions_change_their_argument_in_place_unrecorded():
    w = nn.Parameter(tinyrnn.zeros(4, 4))
    for function in (init.uniform_, init.normal_, init.ones_, init.eye_, init.xavier_uniform_, init.kaiming_normal_, init.orthogonal_):
        memory, version = w.array, w._version
        assert function(w) is w and w.array is memory and w._version > version and w.is_leaf and w.requires_grad


@pytest.mark.parametrize(
    "name", ["uniform_", "normal_", "xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "orthogonal_"]
)
@pytest.mark.parametrize("dtype", [tinyrnn.float32, tinyrnn.float64])
def test_generators(name, dtype):
    function = getattr(init, name)

    def draw(seed):
        return function(tinyrnn.empty(3, 4, dtype=dtype), generator=tinyrnn.Generator().manual_seed(seed))

    before = tinyrnn.default_generator.get_state()
    assert (draw(1) == draw(1)).all() and (draw(1) != draw(2)).any() and draw(1).dtype is dtype
    assert tinyrnn.default_generator.get_state().equal(before)


def test_gains_are_pytorchs():
    torch = pytest.importorskip("torch")
    for name in ("linear", "sigmoid", "tanh", "relu", "selu", "leaky_relu"):
        assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    for slope in (0, 0.2, math.sqrt(5)):
        assert init.calculate_gain("leaky_relu", slope) == torch.nn.init.calculate_gain("leaky_relu", slope)


WRONG = [
    lambda lib, init: init.calculate_gain("sine"),
    lambda lib, init: init.calculate_gain("leaky_relu", True),
    lambda lib, init: init.calculate_gain("leaky_relu", "x"),
    lambda lib, init: init.xavier_uniform_(lib.zeros(3)),
    lambda lib, init: init.kaiming_normal_(lib.zeros(3)),
    lambda lib, init: init.kaiming_uniform_(lib.zeros(3, 3), mode="fan"),
    lambda lib, init: init.kaiming_uniform_(lib.zeros(3, 3), nonlinearity="sine"),
    lambda lib, init: init.orthogonal_(lib.zeros(3)),
    lambda lib, init: init.eye_(lib.zeros(3)),
]


@pytest.mark.parametrize("k", range(len(WRONG)))
def test_wrong_arguments(k):
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as theirs:
        WRONG[k](torch, torch.nn.init)
    with pytest.raises(theirs.type):
        WRONG[k](tinyrnn, init)


def test_nothing_to_fill():
    assert init.orthogonal_(tinyrnn.empty(0, 3)).shape == (0, 3)
    assert init.uniform_(tinyrnn.empty(0)).shape == (0,)


# -- the forget gate --


@pytest.mark.parametrize("make", [lambda: nn.LSTMCell(3, 2), lambda: nn.LSTM(3, 2, 2, bidirectional=True)])
def test_forget_bias(make):
    module = make()
    before = {name: p.clone() for name, p in module.named_parameters()}
    assert init.forget_bias_(module, 1.5) is module
    for name, p in module.named_parameters():
        changed = (p != before[name]).numpy()
        if name.startswith("bias"):
            assert changed[2:4].all() and not changed[:2].any() and not changed[4:].any(), name
            assert (p[2:4] == (1.5 if name.startswith("bias_ih") else 0)).all()
        else:
            assert not changed.any()


def test_forget_bias_where_there_is_none():
    with pytest.raises(ValueError, match="no biases"):
        init.forget_bias_(nn.LSTM(3, 2, bias=False))
    with pytest.raises(ValueError, match=r"expected an LSTM with biases of shape \(8,\), got bias_ih \(6,\)"):
        init.forget_bias_(nn.GRUCell(3, 2))


# -- the rest of PyTorch's names --


@pytest.mark.parametrize("a", [-2.0, 0.5, 3.0, -np.inf])
@pytest.mark.parametrize("width", [0.5, 4.0])
@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
def test_truncated_normals(a, width):
    """As many in each tenth of the interval as the density says."""
    mean, std = 0.3, 0.7
    b = a + width if math.isfinite(a) else mean + width / 4
    x = init.trunc_normal_(tinyrnn.empty(100, 200, dtype=tinyrnn.float64), mean, std, a, b).numpy().ravel()
    assert x.min() >= a and x.max() <= b

    def below(t):
        return 0.5 * math.erfc((mean - t) / std / math.sqrt(2))

    edges = np.linspace(max(a, mean - 3 * std), min(b, mean + 6 * std), 11)
    for low, high in itertools.pairwise(edges):
        p = (below(high) - below(low)) / (below(b) - (below(a) if math.isfinite(a) else 0))
        assert abs(((low <= x) & (x < high)).mean() - p) < 5 * math.sqrt(p * (1 - p) / x.size) + 1e-9


def test_truncation_far_from_the_mean_warns():
    with pytest.warns(UserWarning, match="mean is more than 2 std from"):
        x = init.trunc_normal_(tinyrnn.empty(50), 0.0, 1.0, 20.0, 21.0)
    assert x.min().item() >= 20 and x.max().item() < 20.5


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 1.0])
def test_sparse(sparsity):
    x = init.sparse_(tinyrnn.empty(20, 300), sparsity, std=0.5).numpy()
    assert ((x == 0).sum(0) == math.ceil(sparsity * 20)).all()
    if sparsity < 1:
        assert abs(x[x != 0].std() - 0.5) < 0.05
        rows = (x == 0).mean(1)
        assert abs(rows - sparsity).max() < 0.2, "zeros are anywhere in a column"


def test_generators_repeat():
    g = tinyrnn.Generator()
    for draw in (
        lambda t: init.uniform_(t, generator=g),
        lambda t: init.normal_(t, generator=g),
        lambda t: init.trunc_normal_(t, generator=g),
        lambda t: init.sparse_(t, 0.5, generator=g),
        lambda t: init.orthogonal_(t, generator=g),
        lambda t: init.xavier_normal_(t, generator=g),
        lambda t: init.kaiming_uniform_(t, generator=g),
    ):
        g.manual_seed(1)
        first = draw(tinyrnn.empty(4, 4))
        g.manual_seed(1)
        assert (draw(tinyrnn.empty(4, 4)) == first).all() and (draw(tinyrnn.empty(4, 4)) != first).any()


OLD_NAMES = ["uniform", "normal", "constant", "eye", "xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal", "orthogonal"]
NONLINEARITIES = ["linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose3d", "selu"]


@pytest.mark.parametrize("name", OLD_NAMES)
def test_old_names_warn_and_work(name):
    t = tinyrnn.empty(3, 3)
    with pytest.warns(FutureWarning, match=rf"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`"):
        assert getattr(init, name)(t, *([0.5] if name == "constant" else [])) is t
    assert getattr(init, name).__name__ == name


SAME_VALUES = {
    "gains": lambda lib, i: [i.calculate_gain(k) for k in NONLINEARITIES],
    "dirac": lambda lib, i: i.dirac_(lib.empty(4, 2, 3), 2).tolist(),
    "dirac of a plane": lambda lib, i: i.dirac_(lib.empty(2, 3, 4, 5)).tolist(),
    "eye": lambda lib, i: i.eye_(lib.empty(2, 3)).tolist(),
}
WRONG_CALLS = {
    "gain of an unknown": lambda lib, i: i.calculate_gain("gelu"),
    "slope of a word": lambda lib, i: i.calculate_gain("leaky_relu", "a"),
    "sparse in three axes": lambda lib, i: i.sparse_(lib.empty(2, 2, 2), 0.1),
    "dirac of a matrix": lambda lib, i: i.dirac_(lib.empty(2, 2)),
    "dirac in groups": lambda lib, i: i.dirac_(lib.empty(4, 2, 3), 3),
    "eye of a vector": lambda lib, i: i.eye_(lib.empty(2)),
    "orthogonal vector": lambda lib, i: i.orthogonal_(lib.empty(2)),
    "fans of a vector": lambda lib, i: i.xavier_normal_(lib.empty(2)),
    "kaiming mode": lambda lib, i: i.kaiming_normal_(lib.empty(2, 2), mode="fan"),
    "uniform upside down": lambda lib, i: i.uniform_(lib.empty(2), 1, 0),
    "negative spread": lambda lib, i: i.normal_(lib.empty(2), 0, -1),
    "uniform integers": lambda lib, i: i.uniform_(lib.empty(2, dtype=lib.int64)),
    "normal integers": lambda lib, i: i.normal_(lib.empty(2, dtype=lib.int64)),
}


@pytest.mark.parametrize("case", [*SAME_VALUES, *WRONG_CALLS])
def test_as_pytorch(case):
    torch = pytest.importorskip("torch")
    from .parity import same_error

    if case in SAME_VALUES:
        assert SAME_VALUES[case](tinyrnn, init) == SAME_VALUES[case](torch, torch.nn.init)
    else:
        assert same_error(lambda: WRONG_CALLS[case](tinyrnn, init), lambda: WRONG_CALLS[case](torch, torch.nn.init))


def test_nothing_to_draw():
    for fill in (init.kaiming_uniform_, init.kaiming_normal_):
        with pytest.warns(UserWarning, match="zero-element tensors is a no-op"):
            assert fill(tinyrnn.empty(0, 3)).shape == (0, 3)
