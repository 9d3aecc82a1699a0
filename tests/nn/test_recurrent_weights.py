"""What programs do with a layer's weights: drop some of them, tie them, replace them, look at them; and subclassing."""

import contextlib

import numpy as np
import pytest

import tinyrnn
from tinyrnn import nn

from .parity import both, same, same_error, same_run, share_weights, torch

KINDS = ["RNN", "GRU", "LSTM"]
NAME = "weight_hh_l0"


@pytest.fixture(autouse=True, params=["fused", "definition"])
def tier(request):
    with nn.definition() if request.param == "definition" else contextlib.nullcontext():
        yield


def pair_of(kind, **options):
    pair = getattr(nn, kind)(3, 4, **options, dtype=tinyrnn.float64), getattr(torch.nn, kind)(3, 4, **options, dtype=torch.float64)
    share_weights(*pair)
    return pair


def delete_and_set(layer, weight):
    if NAME in layer._parameters:
        del layer._parameters[NAME]
    setattr(layer, NAME, weight)


def delattr_and_set(layer, weight):
    delattr(layer, NAME)
    setattr(layer, NAME, weight)


def write_to_registry(layer, weight):
    layer._parameters[NAME] = weight


@pytest.mark.parametrize("put", [delete_and_set, delattr_and_set, write_to_registry])
@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_dropped_anew_for_each_call(kind, put):
    """As AWD-LSTM does: the raw weight learns, and what the layer uses is made of it before each call."""
    rng, pair = np.random.default_rng(0), pair_of(kind, num_layers=2)
    raws = [library.Parameter(getattr(layer, NAME).detach().clone()) for library, layer in zip((nn, torch.nn), pair)]
    before = None
    for _ in range(3):
        mask, x = both(rng.integers(0, 2, raws[0].shape) * 2.0, False), both(rng.standard_normal((5, 2, 3)))
        results = []
        for layer, raw, m, given in zip(pair, raws, mask, x):
            put(layer, raw * m)
            layer.flatten_parameters()
            results.append(layer(given))
        same_run(*results, {"raw": tuple(raws), "input": x}, rng, (1e-11, 1e-10))
        assert before is None or (results[0][0] != before).any()
        before = results[0][0].detach()
    if put is not write_to_registry:
        assert NAME not in dict(pair[0].named_parameters()) and NAME not in pair[0].state_dict()


@pytest.mark.parametrize("kind", KINDS)
def test_a_parameter_put_in_anothers_place(kind):
    rng, pair = np.random.default_rng(0), pair_of(kind, bidirectional=True)
    fresh = both(rng.standard_normal(pair[0].weight_ih_l0_reverse.shape))
    for layer, library, value in zip(pair, (nn, torch.nn), fresh):
        layer.weight_ih_l0_reverse = library.Parameter(value.detach())
        setattr(layer, NAME, layer.weight_hh_l0_reverse)  # tied
    x = both(rng.standard_normal((5, 2, 3)))
    inputs = {"tied": tuple(layer.weight_hh_l0 for layer in pair), "fresh": tuple(layer.weight_ih_l0_reverse for layer in pair)}
    same_run(*(layer(given) for layer, given in zip(pair, x)), inputs, rng, (1e-11, 1e-10))
    assert [n for n, _ in pair[0].named_parameters()] == [n for n, _ in pair[1].named_parameters()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_that_is_missing_is_an_error(kind):
    layer = getattr(nn, kind)(3, 4)
    del layer.weight_hh_l0
    with pytest.raises(AttributeError, match=NAME):
        layer(tinyrnn.ones(2, 1, 3))


@pytest.mark.parametrize("options", [{}, {"bias": False, "num_layers": 2}, {"bidirectional": True, "num_layers": 2}])
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_layer_says_of_itself(kind, options):
    mine, their = pair_of(kind, **options)
    assert mine.mode == their.mode and isinstance(mine, nn.RNNBase)
    assert mine._flat_weights_names == their._flat_weights_names and mine._all_weights == their._all_weights
    same(tuple(mine._flat_weights), tuple(their._flat_weights))
    for a, b in zip(mine.all_weights, their.all_weights, strict=True):
        same(tuple(a), tuple(b))


def test_relu_has_a_mode_of_its_own():
    for library in (nn, torch.nn):
        layer = library.RNN(3, 4, 1, "relu", False, True)  # by position, as PyTorch takes it
        assert (layer.mode, layer.nonlinearity, layer.bias, layer.batch_first) == ("RNN_RELU", "relu", False, True)
        assert library.RNNCell(3, 4, nonlinearity="relu").nonlinearity == "relu"


class Subclassed:
    """A layer with another start and a call of its own, for either library."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.calls = 0

    def reset_parameters(self):
        for p in self.parameters():
            p.data.fill_(0.25)

    def forward(self, input, hx=None):
        self.calls += 1
        output, state = super().forward(input, hx)
        return output * 2, state


@pytest.mark.parametrize("kind", KINDS)
def test_subclasses(kind):
    rng, results = np.random.default_rng(0), []
    x = both(rng.standard_normal((5, 2, 3)))
    for library, given in zip((nn, torch.nn), x):
        layer = type(f"My{kind}", (Subclassed, getattr(library, kind)), {})(3, 4, num_layers=2, bidirectional=True).double()
        results.append(layer(given))
        assert layer.calls == 1 and repr(layer).startswith(f"My{kind}(3, 4, num_layers=2, bidirectional=True")
    same_run(*results, {"input": x}, rng, (1e-11, 1e-10))


@pytest.mark.parametrize("mode", ["LSTM", "GRU", "RNN_TANH", "RNN_RELU"])
def test_the_bases_take_what_pytorchs_take(mode):
    mine, their = nn.RNNBase(mode, 3, 4, 2), torch.nn.RNNBase(mode, 3, 4, 2)
    assert [(n, p.shape) for n, p in mine.named_parameters()] == [(n, tuple(p.shape)) for n, p in their.named_parameters()]
    mine, their = nn.RNNCellBase(3, 4, True, 2), torch.nn.RNNCellBase(3, 4, True, 2)
    assert [(n, p.shape) for n, p in mine.named_parameters()] == [(n, tuple(p.shape)) for n, p in their.named_parameters()]
    assert same_error(lambda: nn.RNNBase("QRNN", 3, 4), lambda: torch.nn.RNNBase("QRNN", 3, 4))
    assert same_error(lambda: nn.RNNBase(mode, 3, 4)(tinyrnn.ones(2, 1, 3)), lambda: torch.nn.RNNBase(mode, 3, 4)(torch.ones(2, 1, 3)))
