"""``tinyrnn.linalg`` against ``torch.linalg``: values, and gradients where there are any."""

import math

import numpy as np
import pytest

import tinyrnn

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
TALL, SQUARE, MANY = RNG.standard_normal((4, 3)), RNG.standard_normal((3, 3)), RNG.standard_normal((2, 3, 3))
SYMMETRIC = SQUARE @ SQUARE.T + np.eye(3)

DIFFERENTIABLE = {
    **{
        f"norm {o} {keepdim}": (lambda t, a, o=o, k=keepdim: t.linalg.matrix_norm(a, o, keepdim=k), (MANY,))
        for o in ("fro", 1, -1, math.inf, -math.inf)
        for keepdim in (False, True)
    },
    "norm dim": (lambda t, a: t.linalg.matrix_norm(a, 1, dim=(0, 2)), (MANY,)),
    "solve": (lambda t, a, b: t.linalg.solve(a, b), (SQUARE, TALL.T)),
    "solve vector": (lambda t, a, b: t.linalg.solve(a, b), (SQUARE, TALL[0])),
    "solve many": (lambda t, a, b: t.linalg.solve(a, b), (MANY, TALL.T)),
    "solve right": (lambda t, a, b: t.linalg.solve(a, b, left=False), (SQUARE, TALL)),
    "matrix_exp": (lambda t, a: t.linalg.matrix_exp(a), (3 * MANY,)),
    "matrix_exp of nothing": (lambda t, a: t.linalg.matrix_exp(a * 0), (MANY,)),
    "multi_dot": (lambda t, a, b: t.linalg.multi_dot([a, b, b]), (TALL, SQUARE)),
    "vecdot": (lambda t, a, b: t.linalg.vecdot(a, b, dim=0), (SQUARE, SYMMETRIC)),
    "diagonal": (lambda t, a: t.linalg.diagonal(a, offset=1), (MANY,)),
}  # fmt: skip
OTHERS = {
    **{
        f"norm {o} {keepdim}": (lambda t, a, o=o, k=keepdim: t.linalg.matrix_norm(a, o, keepdim=k), (MANY,))
        for o in ("nuc", 2, -2)
        for keepdim in (False, True)
    },
    "norm of a matrix": (lambda t, a: t.linalg.norm(a, 2), (TALL,)),
    "svdvals": (lambda t, a: t.linalg.svdvals(a), (TALL,)),
    "svd": (lambda t, a: t.linalg.svd(a), (SQUARE,)),
    "svd reduced": (lambda t, a: t.linalg.svd(a, full_matrices=False), (MANY,)),
    "qr": (lambda t, a: t.linalg.qr(a), (TALL,)),
    "qr complete": (lambda t, a: t.linalg.qr(a, "complete"), (TALL,)),
    "eigh": (lambda t, a: t.linalg.eigh(a), (SYMMETRIC,)),
    "eigvalsh": (lambda t, a: t.linalg.eigvalsh(a), (SYMMETRIC,)),
    "spectral radius": (lambda t, a: t.linalg.eigvals(a).abs().max(), (SQUARE,)),
    "cholesky": (lambda t, a: t.linalg.cholesky(a, upper=True), (SYMMETRIC,)),
    "pinv": (lambda t, a: t.linalg.pinv(a), (TALL,)),
    "matrix_rank": (lambda t, a: t.linalg.matrix_rank(a), (TALL,)),
    "lstsq": (lambda t, a, b: t.linalg.lstsq(a, b), (TALL, TALL)),
}


def parts(result):
    """As a tuple; of vectors that are only given up to their sign, the absolute values."""
    if type(result).__name__ in ("linalg_svd", "linalg_eigh"):
        return tuple(part.abs() for part in result)
    return tuple(result) if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("name", [*DIFFERENTIABLE, *OTHERS])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values_and_gradients(name, dtype):
    call, arrays = {**DIFFERENTIABLE, **OTHERS}[name]
    found = []
    for library in (tinyrnn, torch):
        inputs = [library.tensor(a, dtype=getattr(library, dtype), requires_grad=name in DIFFERENTIABLE) for a in arrays]
        outs = parts(result := call(library, *inputs))
        if name in DIFFERENTIABLE:
            weights = library.tensor(np.cos(np.arange(outs[0].numel())).reshape(outs[0].shape), dtype=getattr(library, dtype))
            (outs[0] * weights).sum().backward()
        found.append((getattr(result, "_fields", None), [*outs, *(x.grad for x in inputs if x.grad is not None)]))
    (my_fields, mine), (fields, theirs) = found
    assert my_fields == fields or not hasattr(result, "_fields")
    tolerance = 1e-10 if dtype == "float64" else 1e-3
    for a, b in zip(mine, theirs, strict=True):
        assert str(a.dtype).split(".")[1] == str(b.dtype).split(".")[1] and tuple(a.shape) == tuple(b.shape)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)


def test_what_has_no_derivative_says_so():
    x = tinyrnn.eye(2, requires_grad=True)
    for name in ("svd", "qr", "eigh", "cholesky", "pinv", "eigvals", "svdvals"):
        with pytest.raises(NotImplementedError, match="detach"):
            getattr(tinyrnn.linalg, name)(x)
        with tinyrnn.no_grad():
            getattr(tinyrnn.linalg, name)(x)


@pytest.mark.parametrize("library", [tinyrnn, torch])
@pytest.mark.parametrize("name", ["solve", "cholesky"])
def test_matrices_without_an_answer(library, name):
    zero = library.zeros(2, 2)
    with pytest.raises(RuntimeError):
        getattr(library.linalg, name)(*[zero, zero][: 2 if name == "solve" else 1])
    with pytest.raises(RuntimeError):
        library.linalg.solve(library.ones(2, 3), library.ones(2))
