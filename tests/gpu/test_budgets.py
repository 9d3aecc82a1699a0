"""How many launches, copies and synchronisations things take, by the counters of the simulated device."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import tinyrnn
from tinyrnn import lm, nn, optim, text
from tinyrnn.backend import why_no_cuda

pytestmark = pytest.mark.gpu
cupysim = pytest.importorskip("cupysim", reason="launches are counted on the simulated device only")
if why_no_cuda() is None and cupysim.lib is None:
    pytest.skip("launches are counted on the simulated device only", allow_module_level=True)


def launches(counted):
    """Kernels and matrix products."""
    return counted["launches"] + counted["blas"]


LAYERS = {
    "RNN": (nn.RNN, {}, lambda T: 4 * T + 10),
    "relu": (nn.RNN, {"nonlinearity": "relu"}, lambda T: 4 * T + 10),
    "GRU": (nn.GRU, {}, lambda T: 6 * T + 12),
    "GRU reset before": (nn.GRU, {"reset_after": False}, lambda T: 8 * T + 16),  # four products a step, not two
    "LSTM": (nn.LSTM, {}, lambda T: 4 * T + 10),
}


@pytest.mark.parametrize("T", [4, 9])
@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_forward_and_backward(kind, T):
    """All of ``nn.LSTM(x)``, and gradients in the memory of x and of the weights."""
    make, options, budget = LAYERS[kind]
    layer, x = make(4, 5, **options).cuda(), tinyrnn.randn(T, 3, 4).cuda().requires_grad_()
    given = tinyrnn.randn(T, 3, 5).cuda()
    for _ in range(2):
        layer.zero_grad()
        x.grad = None
        with cupysim.count() as counted:
            y, _ = layer(x)
            y.backward(given)
    assert all(p.grad is not None for p in (x, *layer.parameters()))
    assert launches(counted) <= budget(T), counted.log
    assert quiet_on(counted), counted.log


def quiet_on(counted):
    """Nothing crossed between host and device, and the host waited for nothing."""
    return counted["h2d"] == counted["d2h"] == counted["syncs"] == 0


OPTIMISERS = {
    "SGD": partial(optim.SGD, lr=0.1),
    "momentum": partial(optim.SGD, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1, maximize=True),
    "Adam": optim.Adam,
    "amsgrad": partial(optim.AdamW, amsgrad=True),
}


@pytest.mark.parametrize("make", OPTIMISERS.values(), ids=OPTIMISERS)
def test_an_optimiser_step_with_clipping(make):
    parameters = [tinyrnn.randn(3, k + 1).cuda().requires_grad_() for k in range(20)]
    optimizer = make(parameters)
    for _ in range(2):
        for p in parameters:
            p.grad = tinyrnn.randn(*p.shape).cuda()
        with cupysim.count() as counted:
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
    assert launches(counted) <= 4 and quiet_on(counted), counted.log


@pytest.mark.parametrize("norm_type", [1.0, float("inf")])
def test_the_host_does_not_wait_for_any_norm(norm_type):
    p = tinyrnn.ones(3).cuda().requires_grad_()
    p.grad = tinyrnn.ones(3).cuda()
    with cupysim.count() as counted:
        nn.utils.clip_grad_norm_(p, 0.5, norm_type)
    assert quiet_on(counted), counted.log


def test_the_host_does_not_wait_for_the_classes_of_one_hot():
    ids = tinyrnn.tensor([2, 0, 5]).cuda()
    with cupysim.count() as counted:
        y = nn.functional.one_hot(ids, 3)
    assert quiet_on(counted), counted.log
    assert y.tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 0]], "a class that is not there has a row of zeros"


@pytest.mark.parametrize(("vocab_size", "steps"), [(20, 53), (5000, 6)])  # the second takes the loss in blocks of rows
def test_a_training_step(vocab_size, steps):
    tinyrnn.manual_seed(0)
    model = lm.LanguageModel(vocab_size, 6, 7, 2, "lstm", dropout=0.3).to("cuda")
    adam, state, compiled, memory = optim.Adam(model.parameters()), None, 0, 0
    ids = np.random.default_rng(0).integers(vocab_size, size=4 * steps * 3 + 1)
    batches = list(text.SequentialBatches(ids, 4, 3))
    pool = tinyrnn.backend.cupy().get_default_memory_pool()
    assert len(batches) == steps
    for k, (inputs, targets, _) in enumerate(batches):
        with cupysim.count() as counted:
            adam.zero_grad()
            loss, state = model.loss(inputs.to("cuda"), targets.to("cuda"), lm.detach(state))
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            adam.step()
        compiled, memory = (len(cupysim.sources) if k == 0 else compiled), (pool.total_bytes() if k <= 2 else memory)
        assert counted["h2d"] == 2 or k == 0, counted.log  # the batch; the first step also sends what stays there
        assert counted["d2h"] == counted["syncs"] == 0, counted.log
        assert (len(cupysim.sources), pool.total_bytes()) == (compiled, memory), f"step {k}"
    assert np.isfinite(loss.item())
