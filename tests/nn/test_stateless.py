"""``functional_call`` against PyTorch's."""

import numpy as np
import pytest

import tinyrnn
import tinyrnn.func

torch = pytest.importorskip("torch")


def model(library):
    net = library.nn.Sequential(library.nn.LSTM(2, 3, batch_first=True))
    net.register_buffer("scale", library.ones(1, dtype=library.float64))
    net = net.double()
    for k, p in enumerate(net.parameters()):
        p.data.copy_(library.tensor(np.cos(np.arange(p.numel()) + k).reshape(tuple(p.shape))))
    return net


def test_a_step_of_learning_to_learn_has_second_derivatives():
    found = []
    for library in (tinyrnn, torch):
        net, x = model(library), library.tensor(np.sin(np.arange(8.0)).reshape(2, 2, 2))
        own = dict(net.named_parameters())
        loss = library.func.functional_call(net, own, (x,))[0].pow(2).sum()
        slopes = library.autograd.grad(loss, list(own.values()), create_graph=True)
        stepped = {name: p - 0.1 * g for (name, p), g in zip(own.items(), slopes)}
        library.func.functional_call(net, (stepped, {"scale": library.zeros(1)}), x)[0].sum().backward()
        assert dict(net.named_parameters()).keys() == own.keys() and all(p is own[n] for n, p in net.named_parameters())
        assert net.scale.item() == 1
        found.append([p.grad.numpy() for p in own.values()])
    for mine, its in zip(*found):
        np.testing.assert_allclose(mine, its, rtol=1e-10, atol=1e-12)


def test_tied_weights_and_errors():
    for library in (tinyrnn, torch):
        nn, call = library.nn, library.func.functional_call
        pair = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
        pair[1].weight = pair[0].weight
        one, zero = library.ones(1, 2), {"0.weight": library.zeros(2, 2)}
        assert call(pair, zero, one).abs().sum() == 0 and pair(one).abs().sum() > 0
        assert call(pair, {"0.weight": library.eye(2)}, one, tie_weights=False).shape == (1, 2)
        assert (call(pair, {"0.nothing": library.ones(1)}, one) == pair(one)).all()
        with pytest.raises(RuntimeError):
            call(pair, {**zero, "other": library.ones(1)}, one, strict=True)
        assert pair[0].weight is pair[1].weight
