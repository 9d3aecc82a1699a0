"""The same checks against PyTorch's numbers from a file, where PyTorch itself is not installed."""

import contextlib

import numpy as np
import pytest

import tinyrnn
from tinyrnn import nn
from tinyrnn.nn import functional as F

from .golden import LAYERS, LOSSES, PATH, D, H


@pytest.fixture(scope="module")
def golden():
    with np.load(PATH) as file:
        return dict(file)


def part(golden, prefix):
    return {key.removeprefix(prefix): value for key, value in golden.items() if key.startswith(prefix)}


def close(ours, wanted, tolerance, what):
    assert ours.dtype is tinyrnn.float64 and tuple(ours.shape) == wanted.shape, what
    np.testing.assert_allclose(ours.detach().numpy(), wanted, rtol=tolerance, atol=tolerance * abs(wanted).max(), err_msg=what)


@pytest.mark.parametrize("tier", [contextlib.nullcontext, nn.definition])
@pytest.mark.parametrize("kind", LAYERS)
def test_recurrent_layers(golden, kind, tier):
    layer = getattr(nn, kind)(D, H, 2, bidirectional=True, dtype=tinyrnn.float64, **LAYERS[kind])
    given, gradients = part(golden, f"{kind}/given/"), part(golden, f"{kind}/gradient/")
    leaves = {name: tinyrnn.tensor(given.pop(name), requires_grad=True) for name in ("input", "h_0", "c_0") if name in given}
    layer.load_state_dict(given)
    assert list(given) == list(layer.state_dict())
    with tier():
        output, last = layer(leaves["input"], (leaves["h_0"], leaves["c_0"]) if kind == "LSTM" else leaves["h_0"])
    results = dict(zip(("output", "h_n", "c_n"), (output, *(last if kind == "LSTM" else (last,)))))
    weights = part(golden, f"{kind}/weight/")
    for name, wanted in part(golden, f"{kind}/result/").items():
        close(results[name], wanted, 1e-12, name)
    sum((r * tinyrnn.tensor(weights[name])).sum() for name, r in results.items()).backward()
    leaves.update(layer.named_parameters())
    assert set(leaves) == set(gradients)
    for name, wanted in gradients.items():
        close(leaves[name].grad, wanted, 1e-10, f"gradient of {name}")


@pytest.mark.parametrize("name", LOSSES)
def test_cross_entropy(golden, name):
    x, target = tinyrnn.tensor(golden["loss/scores"], requires_grad=True), tinyrnn.tensor(golden["loss/target"])
    options = {**LOSSES[name], **({"weight": tinyrnn.tensor(golden["loss/weight"])} if "weight" in LOSSES[name] else {})}
    loss = F.cross_entropy(x, target, **options)
    loss.backward()
    close(loss, golden[f"loss/{name}/value"], 1e-12, "value")
    close(x.grad, golden[f"loss/{name}/gradient"], 1e-10, "gradient")
