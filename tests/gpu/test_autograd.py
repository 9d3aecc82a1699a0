"""Functions written by hand, anomaly detection and distributions on a GPU."""

from __future__ import annotations

import numpy as np
import pytest

import tinyrnn
from tinyrnn import distributions
from tinyrnn.autograd import Function, functional, set_detect_anomaly

pytestmark = pytest.mark.gpu


class Both(Function):
    """Two outputs, of which one may be left unused."""

    @staticmethod
    def forward(ctx, x, y):
        z = x * y
        ctx.save_for_backward(x, y, z)
        return z, x + y

    @staticmethod
    def backward(ctx, g, h):
        x, y, z = ctx.saved_tensors
        return g * y + h + 0 * z, g * x + h


def test_functions_and_whole_derivatives_are_those_of_numpy():
    results = []
    for device in ("cpu", "cuda"):
        x, y = (tinyrnn.tensor(v, dtype=tinyrnn.float64).to(device).requires_grad_() for v in ([1.0, 2.0], [3.0, -1.0]))
        (slope,) = tinyrnn.grad((Both.apply(x, y)[0] ** 2).sum(), x, create_graph=True)
        slope.sum().backward()
        hessian = functional.hessian(lambda x: (Both.apply(x, x)[0] * x).sum(), x.detach())
        results.append([t.detach().cpu().numpy() for t in (slope, x.grad, y.grad, hessian)])
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_anomalies_are_found():
    x = tinyrnn.tensor([-1.0]).cuda().requires_grad_()
    with (
        set_detect_anomaly(True),
        pytest.warns(UserWarning, match="Error detected in SqrtBackward0"),
        pytest.raises(RuntimeError, match="SqrtBackward0"),
    ):
        (x.sqrt() * 0).sum().backward()


def test_distributions_stay_where_their_parameters_are():
    logits = tinyrnn.tensor([[0.0, 1.0, 2.0]]).cuda().requires_grad_()
    for made in (
        distributions.Categorical(logits=logits),
        distributions.Normal(logits, 1.0),
        distributions.Bernoulli(logits=logits),
        distributions.Uniform(logits, 3.0),
        distributions.Exponential(logits + 1),
        distributions.Gumbel(logits, 1.0),
        distributions.OneHotCategorical(logits=logits),
        distributions.Independent(distributions.Normal(logits, 1.0), 1),
        distributions.MixtureSameFamily(distributions.Categorical(logits=logits), distributions.Normal(logits, 1.0)),
    ):
        drawn = made.sample((5,))
        chance = made.log_prob(drawn)
        assert drawn.is_cuda and chance.is_cuda and made.mean.is_cuda
        chance.sum().backward()
    assert bool(logits.grad.isfinite().all())
