"""Layers, losses, optimisers and the language model on a GPU, against NumPy with equal weights."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import tinyrnn
from tinyrnn import lm, nn, optim, text
from tinyrnn.nn import functional as F

pytestmark = pytest.mark.gpu
CELLS = {
    "RNN": nn.RNN,
    "relu": partial(nn.RNN, nonlinearity="relu"),
    "GRU": nn.GRU,
    "GRU reset before": partial(nn.GRU, reset_after=False),
    "LSTM": nn.LSTM,
    "LSTM proj": partial(nn.LSTM, proj_size=3),
}


def close(here, there, tolerance=1e-12):
    """Equal to the tolerance, in float32 to 1e-5 of the largest."""
    assert there.is_cuda and there.dtype == here.dtype
    here, there = here.detach().numpy(), there.detach().cpu().numpy()
    if here.dtype == np.float32:
        np.testing.assert_allclose(there, here, rtol=0, atol=1e-5 * np.abs(here).max())
    else:
        np.testing.assert_allclose(there, here, rtol=tolerance, atol=tolerance)


def both(make, dtype=tinyrnn.float64):
    """The same module here and on the GPU."""
    tinyrnn.manual_seed(0)
    here = make().to(dtype)
    there = make().to("cuda", dtype)
    there.load_state_dict(here.state_dict())
    return here, there


@pytest.mark.parametrize("dtype", [tinyrnn.float64, tinyrnn.float32], ids=str)
@pytest.mark.parametrize("tier", ["fused", "definition"])
@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_layers(cell, tier, dtype):
    here, there = both(lambda: CELLS[cell](4, 5, num_layers=2, bidirectional=True), dtype)
    x = tinyrnn.randn(6, 3, 4, dtype=dtype)
    results = []
    for layer, device in ((here, "cpu"), (there, "cuda")):
        layer.fused = tier == "fused"
        given = x.detach().to(device).requires_grad_()
        y, state = layer(given)
        h = state[0] if isinstance(state, tuple) else state
        ((y * y).sum() + h.sum()).backward()
        results.append([y, h, given.grad, *(p.grad for p in layer.parameters())])
    for one, other in zip(*results):
        close(one, other)


OPTIMISERS = {
    "SGD": partial(optim.SGD, weight_decay=0.1),
    "momentum": partial(optim.SGD, momentum=0.9, dampening=0.2),
    "nesterov": partial(optim.SGD, momentum=0.9, nesterov=True, maximize=True),
    "Adam": partial(optim.Adam, weight_decay=0.1),
    "amsgrad": partial(optim.Adam, amsgrad=True, betas=(0.5, 0.5)),
    "AdamW": optim.AdamW,
    "RMSprop": optim.RMSprop,
    "Adagrad": optim.Adagrad,
    "ASGD": optim.ASGD,
}


@pytest.mark.parametrize("make", OPTIMISERS.values(), ids=OPTIMISERS)
def test_optimisers(make):
    here, there = both(lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)))
    x, targets = tinyrnn.randn(5, 3, dtype=tinyrnn.float64), tinyrnn.tensor([0, 1, 1, 0, 1])
    for model, device in ((here, "cpu"), (there, "cuda")):
        optimizer = make(model.parameters(), lr=0.1)
        for _ in range(4):
            optimizer.zero_grad()
            F.cross_entropy(model(x.to(device)), targets.to(device)).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
    for p, q in zip(here.parameters(), there.parameters()):
        close(p, q)


@pytest.mark.parametrize("transposed", [False, True])
def test_more_parameters_than_a_launch_takes(transposed):
    """In groups of other options, some without a gradient; and one whose memory is not in reading order."""
    results = []
    for device in ("cpu", "cuda"):
        tinyrnn.manual_seed(0)
        parameters = [tinyrnn.randn(2, k % 5 + 1, dtype=tinyrnn.float64).to(device).requires_grad_() for k in range(150)]
        if transposed:
            parameters[7] = tinyrnn.randn(3, 2, dtype=tinyrnn.float64).to(device).T.requires_grad_()
        adam = optim.Adam([{"params": parameters[:100]}, {"params": parameters[100:], "lr": 0.5}], lr=0.1)
        for step in range(3):
            for p in parameters[step:]:
                p.grad = (p * p).detach().clone()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            adam.step()
        results.append(parameters)
    for p, q in zip(*results):
        close(p, q)


@pytest.mark.parametrize("vocab_size", [20, 5000])  # the second takes the loss in blocks of rows
def test_language_model_and_checkpoint(vocab_size, tmp_path):
    here, there = both(lambda: lm.LanguageModel(vocab_size, 6, 7, 2, "gru"))
    ids = np.random.default_rng(0).integers(vocab_size, size=60)
    losses = []
    for model, device in ((here, "cpu"), (there, "cuda")):
        adam, state = optim.Adam(model.parameters(), lr=0.01), None
        seen = []
        for inputs, targets, _ in text.SequentialBatches(ids, 5, 3):
            adam.zero_grad()
            loss, state = model.loss(inputs.to(device), targets.to(device), lm.detach(state))
            loss.backward()
            adam.step()
            seen.append(loss.item())
        losses.append(seen)
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-10)
    assert list(lm.generate_ids(there, [1, 2], 5, temperature=0)) == list(lm.generate_ids(here, [1, 2], 5, temperature=0))


def test_errors_name_the_tensors():
    x, w = tinyrnn.ones(2, 3), tinyrnn.ones(3, 4, device="cuda")
    with pytest.raises(RuntimeError, match=r"same device.*'other' \(shape \(3, 4\)\) on cuda:0, 'input' \(shape \(2, 3\)\) on cpu"):
        x @ w
    with pytest.raises(RuntimeError, match="same device"):
        nn.LSTM(3, 4).cuda()(tinyrnn.ones(5, 2, 3))
    with pytest.raises(TypeError, match="cpu"):
        w.numpy()
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        tinyrnn.zeros(2, device="cuda:9")
