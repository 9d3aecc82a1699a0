"""Layers without a memory, losses and helpers on a GPU, against NumPy: values, gradients, and where results live."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tinyrnn
from tinyrnn import nn
from tinyrnn.nn import functional as F
from tinyrnn.nn import init, utils

pytestmark = pytest.mark.gpu
X = np.linspace(-4.1, 4.3, 24).reshape(4, 6)
IDS = np.array([[0, 2], [2, 4], [1, 1]])
PROBABILITIES = np.linspace(0.05, 0.95, 24).reshape(4, 6)

CALLS = {
    "cross_entropy": lambda x, t: F.cross_entropy(x, t([0, 5, -100, 2]), weight=x.detach()[0].abs(), label_smoothing=0.1),
    "mse_loss": lambda x, t: F.mse_loss(x, t(PROBABILITIES), weight=t(PROBABILITIES)),
    "smooth_l1_loss": lambda x, t: F.smooth_l1_loss(x, t(PROBABILITIES), beta=0.5),
    "binary_cross_entropy": lambda x, t: F.binary_cross_entropy(x.sigmoid(), t(PROBABILITIES)),
    "binary_cross_entropy_with_logits": lambda x, t: F.binary_cross_entropy_with_logits(x, t(PROBABILITIES), pos_weight=t(X[0] ** 2)),
    "kl_div": lambda x, t: F.kl_div(x, t(PROBABILITIES), reduction="batchmean"),
    "cosine_embedding_loss": lambda x, t: F.cosine_embedding_loss(x, t(PROBABILITIES), t([1, -1, 1, -1])),
    "margin_ranking_loss": lambda x, t: F.margin_ranking_loss(x, t(PROBABILITIES), t(np.sign(X)), margin=0.5),
    "ctc_loss": lambda x, t: F.ctc_loss(x.reshape(4, 2, 3).log_softmax(2), t([[1, 2], [2, -1]]), (4, 3), t([2, 1])),
    "joined ctc_loss": lambda x, t: F.ctc_loss(x.reshape(4, 2, 3), t([1, 1, 2]), (2, 4), (2, 1), reduction="none", zero_infinity=True),
    "hinges": lambda x, t: F.hinge_embedding_loss(x, t(np.sign(X))) + F.soft_margin_loss(x, t(np.sign(X))),
    "multi_margin_loss": lambda x, t: F.multi_margin_loss(x, t([0, 5, 3, 2]), p=2, weight=t(X[0])),
    "multilabel_soft_margin_loss": lambda x, t: F.multilabel_soft_margin_loss(x, t((X > 0) * 1.0)),
    "triplet_margin_loss": lambda x, t: F.triplet_margin_loss(x, t(PROBABILITIES), t(X[::-1].copy()), margin=5, swap=True),
    "nll of counts": lambda x, t: F.poisson_nll_loss(x, t(np.round(X**2)), full=True),
    "nll of measurements": lambda x, t: F.gaussian_nll_loss(x, t(X[::-1].copy()), t(PROBABILITIES[:, 0]), full=True),
    "activations": lambda x, t: F.celu(F.selu(x)) + F.mish(F.silu(x)) + F.hardswish(x) + F.logsigmoid(x) + F.threshold(x, 0.1, 0.3),
    "shrinks": lambda x, t: F.softshrink(x) + F.hardshrink(x) + F.tanhshrink(x) + F.softsign(x) + F.relu6(x),
    "glu and prelu": lambda x, t: F.prelu(F.glu(x), t([0.1, 0.2, 0.3])),
    "pad": lambda x, t: F.pad(F.pad(x, (1, -2, 0, 2), value=0.5)[None], (1, 2), "reflect"),
    "circular": lambda x, t: F.pad(F.pad(x[None], (2, 1), "circular"), (1, 1), "replicate"),
    "normalize": lambda x, t: F.normalize(x) + F.normalize(x, 3, 0),
    "cosine_similarity": lambda x, t: F.cosine_similarity(x, t(PROBABILITIES)),
    "embedding": lambda x, t: F.embedding(t(IDS), x[:5] if len(x) > 4 else x.repeat(2, 1), padding_idx=1, scale_grad_by_freq=True),
    "max_norm": lambda x, t: F.embedding(t(IDS), (x.repeat(2, 1)), max_norm=1.0) if not x.requires_grad else x.sum(),
    "bags": lambda x, t: F.embedding_bag(t(IDS), x.repeat(2, 1), padding_idx=2),
    "largest of bags": lambda x, t: F.embedding_bag(t([0, 2, 2, 1]), x, t([0, 3]), mode="max"),
    "weighted bags": lambda x, t: F.embedding_bag(t(IDS), x.repeat(2, 1), mode="sum", per_sample_weights=t(np.ones((3, 2)))),
    "dropout1d": lambda x, t: seeded() and F.dropout1d(x[None], 0.5),
    "alpha_dropout": lambda x, t: seeded() and F.alpha_dropout(x, 0.5, True),
    "gumbel_softmax": lambda x, t: seeded() and F.gumbel_softmax(x, hard=True),
}


def seeded():
    tinyrnn.manual_seed(0)
    return True


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CALLS)
def test_functions(name, dtype):
    def tensor(values, device, **options):
        values = np.asarray(values)
        return tinyrnn.tensor(values.astype(dtype) if values.dtype == np.float64 else values, device=device, **options)

    seen, tolerance = [], 1e-11 if dtype is np.float64 else 1e-5
    for device in ("cpu", "cuda"):
        x = tensor(X, device, requires_grad=True)
        y = CALLS[name](x, lambda values, device=device: tensor(values, device))
        y.sum().backward()
        assert y.device == x.device == x.grad.device
        seen.append((y.detach().cpu().numpy(), x.grad.cpu().numpy()))
    for here, there in zip(*seen):
        np.testing.assert_allclose(there, here, rtol=tolerance, atol=tolerance)


def test_modules():
    lazy = nn.Sequential(nn.LazyLinear(3), nn.PReLU(), nn.Flatten()).to("cuda")
    assert lazy(tinyrnn.ones(2, 4, device="cuda")).is_cuda and lazy[0].weight.is_cuda
    assert nn.ParameterDict({"a": tinyrnn.zeros(2)}).cuda()["a"].is_cuda
    table = nn.Embedding(5, 3, max_norm=0.5).cuda()
    rows = table(tinyrnn.tensor([1, 1, 4], device="cuda"))
    assert (rows.norm(dim=1) < 0.5001).all() and rows.is_cuda


def test_adaptive_softmax():
    layer = nn.AdaptiveLogSoftmaxWithLoss(6, 9, [2, 5], div_value=2, dtype=tinyrnn.float64)
    seen = []
    for device in ("cpu", "cuda"):
        layer.to(device).zero_grad()
        output, loss = layer(x := tinyrnn.tensor(X, device=device), tinyrnn.tensor([8, 0, 3, 7], device=device))
        loss.backward()
        assert loss.device == x.device
        results = [output, layer.log_prob(x), layer.predict(x), *(p.grad for p in layer.parameters())]
        seen.append([r.detach().cpu().numpy() for r in results])
    for here, there in zip(*seen):
        np.testing.assert_allclose(there, here, rtol=1e-11, atol=1e-11)


def test_drawing():
    for fill in (init.trunc_normal_, init.orthogonal_, lambda t: init.sparse_(t, 0.5), init.eye_):
        seeded()
        here = fill(tinyrnn.empty(4, 4))
        seeded()
        there = fill(tinyrnn.empty(4, 4, device="cuda"))
        assert there.is_cuda and (there.cpu() == here).all()


def test_helpers():
    layer = nn.Linear(3, 2).cuda()
    v = utils.parameters_to_vector(layer.parameters())
    assert v.is_cuda and v.shape == (8,)
    utils.vector_to_parameters(v.detach() * 2, layer.parameters())
    assert (utils.parameters_to_vector(layer.parameters()) == v * 2).all() and layer.weight.is_cuda
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        utils.weight_norm(layer)
    layer(tinyrnn.ones(1, 3, device="cuda")).sum().backward()
    total = utils.get_total_norm([p.grad for p in layer.parameters()])
    utils.clip_grads_with_norm_(layer.parameters(), 0.5, total)
    assert total.is_cuda and abs(utils.get_total_norm([p.grad for p in layer.parameters()]).item() - min(0.5, total.item())) < 1e-5
