"""Every operation of the table on a GPU: the values, dtypes and gradients that NumPy gives."""

from __future__ import annotations

import numpy as np
import pytest

import tinyrnn

from ..ops.golden import case_of
from ..ops.table import OPS, tinyrnn_library

pytestmark = pytest.mark.gpu


def run(case, device, dtype):
    """Outputs, and the gradients of the sum of their squares."""
    arrays = [a.astype(dtype) if a.dtype == np.float64 else a for a in case.arrays]
    tensors = [tinyrnn.tensor(a, requires_grad=case.differentiable, device=device) for a in arrays]
    out = case.call(tinyrnn_library(device), *tensors)
    outs = out if isinstance(out, (tuple, list)) else (out,)
    total = sum((o * o).sum() for o in outs if o.requires_grad)
    if case.differentiable and not isinstance(total, int):
        total.backward()
    return [*outs, *(x.grad for x in tensors)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", OPS)
def test_operations_give_what_numpy_gives(name, dtype):
    case, tolerance = case_of(name), 1e-12 if dtype is np.float64 else 1e-5
    for one, other in zip(run(case, "cpu", dtype), run(case, "cuda", dtype)):
        if one is None:
            assert other is None
            continue
        assert other.is_cuda
        assert other.dtype == one.dtype and other.shape == one.shape
        np.testing.assert_allclose(other.detach().cpu().numpy(), one.detach().numpy(), rtol=tolerance, atol=tolerance)
