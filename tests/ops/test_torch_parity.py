"""The same calls on tinyrnn and on PyTorch: values, gradients, dtypes, shapes and errors."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn

from .table import OPS, Draw, tinyrnn_library, torch_library

torch = pytest.importorskip("torch")
ours = tinyrnn_library()
theirs = torch_library()


def as_tuple(result):
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def weights(outputs):
    """Fixed weights of the outputs, so that the gradient of a scalar says something about every element."""
    return [np.cos(np.arange(o.size, dtype=np.float64) + k).reshape(o.shape) for k, o in enumerate(outputs)]


def run(case, library, tensors):
    """Values and gradients as NumPy arrays."""
    outs = as_tuple(case.call(library, *tensors))
    values = [o.detach().numpy() for o in outs]
    total = None
    for o, w in zip(outs, weights(values)):
        if o.requires_grad:
            term = (o * library.tensor(w)).sum()
            total = term if total is None else total + term
    if total is not None and case.differentiable:
        total.backward()
    return values, [None if x.grad is None else x.grad.numpy() for x in tensors]


@pytest.mark.parametrize("name", OPS)
@given(data=st.data())
def test_value_gradient_dtype_and_shape_are_pytorchs(name, data):
    case = OPS[name](Draw(lambda low, high: data.draw(st.integers(low, high))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # PyTorch's own deprecations
        expected = run(case, theirs, [torch.tensor(a, requires_grad=True) for a in case.arrays])
    got = run(case, ours, [tinyrnn.tensor(a, requires_grad=True) for a in case.arrays])
    for mine, its in zip(got[0], expected[0], strict=True):
        assert mine.shape == its.shape
        assert mine.dtype == its.dtype
        np.testing.assert_allclose(mine, its, rtol=1e-12, atol=1e-12)
    for mine, its in zip(got[1], expected[1], strict=True):
        if its is None:
            assert mine is None or not mine.any()
        elif mine is None:
            assert not its.any()
        else:
            assert mine.dtype == its.dtype
            np.testing.assert_allclose(mine, its, rtol=1e-10, atol=1e-12)


def values_of(expression, library, arrays):
    """What an expression, in which ``t`` is the library, gives for tensors ``x``, ``y``, ..., and their gradients."""
    tensors = [library.tensor(a) for a in arrays]
    for t in tensors:
        if t.is_floating_point():
            t.requires_grad_()
    out = eval(expression, {"t": library, "inf": float("inf"), "nan": float("nan"), **dict(zip("xyz", tensors))})
    outs = as_tuple(out)
    total = sum(o.sum() for o in outs if o.requires_grad)
    if not isinstance(total, int):
        total.backward()
    return [o.detach().numpy() for o in outs], [None if t.grad is None else t.grad.numpy() for t in tensors]


inf, nan = float("inf"), float("nan")
KINKS = [
    ("t.relu(x)", [-1.0, 0.0, -0.0, nan, inf]),
    ("t.leaky_relu(x, 0.1)", [-1.0, 0.0, nan, -inf]),
    ("t.elu(x)", [-1.0, 0.0, nan, -inf, inf]),
    ("t.softplus(x)", [-800.0, 0.0, 20.0, 800.0, nan]),
    ("t.gelu(x)", [-40.0, 0.0, 40.0, nan]),
    ("t.sigmoid(x)", [-800.0, 0.0, 800.0, -inf, inf, nan]),
    ("t.tanh(x)", [-800.0, 0.0, 800.0, -inf, nan]),
    ("t.abs(x)", [-1.0, 0.0, nan]),
    ("t.sign(x)", [-1.0, 0.0, inf]),
    ("t.nan_to_num(x.round() / x.round())", [0.3, 1.5]),
    ("t.sqrt(x)", [0.0, -1.0, inf]),
    ("t.rsqrt(x)", [0.0, -1.0, inf]),
    ("t.log(x)", [0.0, -1.0, inf]),
    ("t.exp(x)", [800.0, -800.0, inf, -inf, nan]),
    ("t.clamp(x, -1, 1)", [-1.0, 1.0, 2.0, nan]),
    ("t.clamp(x, min=0.5)", [0.5, -inf, nan]),
    ("x / y", [1.0, 0.0, -1.0, inf], [0.0, 0.0, 0.0, inf]),
    ("1 / x", [0.0, -0.0, inf]),
    ("x % y", [5.5, -5.5, 5.5, -5.5, 1.0], [2.0, 2.0, -2.0, -2.0, 0.0]),
    ("(x // y).detach()", [5.5, -5.5, 5.5, -5.5], [2.0, 2.0, -2.0, -2.0]),
    ("t.div(x, y, rounding_mode='trunc')", [5.5, -5.5, 5.5], [2.0, 2.0, -2.0]),
    ("x ** 0", [0.0, 1.0, -2.0]),
    ("x ** 1", [0.0, 1.0, -2.0]),
    ("x ** 2", [0.0, 1.0, -2.0]),
    ("x ** 0.5", [0.0, 1.0, -2.0]),
    ("x ** -1", [0.0, 1.0, -2.0]),
    ("x ** y", [0.0, 0.0, 2.0, 0.0, -2.0], [0.0, 2.0, 0.0, 1.0, 2.0]),
    ("0 ** x", [0.0, 1.0, 2.0]),
    ("2.5 ** x", [0.0, 1.0, -2.0]),
    ("t.maximum(x, y)", [1.0, 2.0, 3.0], [1.0, 3.0, 1.0]),
    ("t.minimum(x, y)", [1.0, 2.0, 3.0], [1.0, 3.0, 1.0]),
    ("t.maximum(x, y).detach() + t.minimum(x, y).detach()", [nan, 3.0], [1.0, nan]),
    ("x.max()", [1.0, 3.0, 3.0, 2.0]),
    ("x.min()", [1.0, 3.0, 1.0]),
    ("x.max(0)", [1.0, 3.0, 3.0]),
    ("t.amax(x, 0)", [[1.0, 3.0], [1.0, 2.0]]),
    ("t.amin(x, (0, 1))", [[1.0, 3.0], [1.0, 1.0]]),
    ("t.amax(x)", [[1.0, 3.0], [1.0, 2.0]]),
    ("t.amax(x, ())", [[1.0, 3.0], [1.0, 2.0]]),
    ("t.argmax(x)", [1.0, nan, 3.0]),
    ("t.argmin(x, 0)", [1.0, 0.5, 0.5]),
    ("x.max(0)", [1.0, nan, 3.0]),
    ("t.sort(x)", [2.0, nan, 1.0, inf, -inf]),
    ("t.sort(x, descending=True)", [2.0, nan, 1.0, inf, -inf]),
    ("x.norm()", [0.0, 0.0]),
    ("x.norm(1)", [0.0, -1.0]),
    ("x.norm(3)", [0.0, 0.0]),
    ("x.norm(inf)", [2.0, -2.0, 1.0]),
    ("t.norm(x, 2.5, 0)", [[0.0, 1.0], [0.0, -1.0]]),
    ("x.std()", [2.0, 2.0, 2.0]),
    ("x.var()", [2.0, 2.0, 2.0]),
    ("x.prod()", [0.0, 2.0, 3.0]),
    ("x.prod()", [0.0, 0.0, 3.0]),
    ("t.softmax(x, 0)", [-inf, 0.0, 1.0]),
    ("t.softmax(x, 0)", [800.0, -800.0, 0.0]),
    ("t.softmax(x, 0)", [-inf, -inf]),
    ("t.log_softmax(x, 0)", [800.0, -800.0, 0.0]),
    ("t.log_softmax(x, 0)", [-inf, 0.0, 1.0]),
    ("t.logsumexp(x, 0)", [-inf, -inf]),
    ("t.logsumexp(x, 0)", [-inf, 1.0, 2.0]),
    ("t.logsumexp(x, 0)", [inf, 1.0]),
    ("t.logsumexp(x, (0, 1))", [[800.0, 801.0], [-800.0, 0.0]]),
    ("x.mean()", np.zeros(0)),
    ("x.mean(1)", np.zeros((2, 0))),
    ("x.sum()", np.zeros(0)),
    ("x.prod()", np.zeros(0)),
    ("t.cat([x, y])", np.zeros(0), np.ones(2)),
    ("t.logsumexp(x, 1)", np.zeros((0, 2))),
    ("t.softmax(x, 1)", np.zeros((0, 2))),
    ("x @ y", np.zeros((2, 0)), np.zeros((0, 3))),
    ("t.where(x > 0, t.log(x), 0.0)", [1.0, 2.0]),
    ("x.masked_fill(x > 1, -inf)", [1.0, 2.0]),
    ("x[x > 1]", [1.0, 2.0]),
    ("x[0, :, t.tensor([1, 2])]", np.ones((2, 2, 3))),
    ("x[t.tensor([1, 0]), :, 0]", np.ones((2, 2, 3))),
    ("x[:, 0, :, t.tensor([1, 2])] * 2", np.arange(24.0).reshape(1, 2, 4, 3)),
    ("x[[0, 0, 1]]", [1.0, 2.0]),
    ("x[None, ..., 0]", [[1.0, 2.0]]),
    ("x.sum(dtype=t.float64), x.mean(dtype=t.float64), x.prod(dtype=t.float64)", [1.0, 2.0]),
    ("t.einsum('i,i', [x, y])", [1.0, 2.0], [3.0, 4.0]),
    ("t.index_select(x, 0, t.tensor([0])) * 2", 3.0),
    ("x[-1] + x[t.tensor(0)]", [1.0, 2.0]),
    ("t.take_along_dim(x, t.tensor([[0, 1]]), 1)", [[1.0, 2.0], [3.0, 4.0]]),
    ("t.add(x, y, alpha=2)", [1.0], [2.0]),
    ("x.T @ y", [[1.0, 2.0]], [[1.0, 2.0]]),
    ("t.isnan(x), t.isinf(x), t.isfinite(x)", [nan, inf, -inf, 0.0]),
    ("t.any(x), t.all(x), t.any(x, 0), t.all(x, dim=0)", [[0.0, 1.0], [0.0, 0.0]]),
    ("t.any(x), t.all(x)", np.zeros(0)),
    ("t.round(x)", [0.5, 1.5, -0.5, 2.5]),
    ("t.where(x > 0, 1.0, 0.0), t.where(x > 0, 1, 0)", [1.0, -1.0]),
]


@pytest.mark.parametrize(("expression", "arrays"), [(case[0], case[1:]) for case in KINKS], ids=[case[0] for case in KINKS])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_kinks_overflow_and_emptiness_are_pytorchs(expression, arrays, dtype):
    arrays = [np.array(a, dtype) for a in arrays]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        expected = values_of(expression, theirs, arrays)
    got = values_of(expression, ours, arrays)
    for k, a in enumerate(arrays):  # what the gradient of a nan is, is of no interest, unless it spreads
        for gradient in (got[1][k], expected[1][k]):
            if gradient is not None:
                gradient[np.isnan(a)] = 0
    for mine, its in zip((*got[0], *got[1]), (*expected[0], *expected[1]), strict=True):
        if its is None or mine is None:
            assert mine is None or not mine.any()
            assert its is None or not its.any()
        else:
            assert (mine.dtype, mine.shape) == (its.dtype, its.shape)
            np.testing.assert_allclose(mine, its, rtol=1e-12 if dtype == "float64" else 1e-5, atol=1e-300)


# -- dtypes --

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
OPERANDS = [f"t.{kind}({shape}, dtype=t.{d})" for d in DTYPES for kind, shape in (("ones", "2"), ("ones", "()"))] + ["True", "2", "2.5"]


@pytest.mark.parametrize("left", OPERANDS)
def test_mixing_dtypes_gives_pytorchs(left):
    for right in OPERANDS:
        for expression in (
            f"{left} + {right}",
            f"{left} * {right}",
            f"{left} / {right}",
            f"{left} < {right}",
            f"t.maximum({left}, {right})",
        ):
            numbers = sum("t." not in x for x in (left, right))
            if numbers == 0 or (numbers == 1 and "maximum" not in expression):
                same_outcome(expression)


def same_outcome(expression):
    """The same dtype and values, or the same kind of error."""
    outcomes = []
    for library in (theirs, ours):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                out = eval(expression, {"t": library, "np": np})
            outcomes.append(out)
        except Exception as error:
            outcomes.append(error)
    its, mine = outcomes
    if isinstance(its, Exception):
        assert isinstance(mine, Exception), f"{expression}: PyTorch raises {its!r}, tinyrnn gives {mine!r}"
        assert isinstance(mine, type(its)) or isinstance(its, type(mine)), f"{expression}: {its!r} and {mine!r}"
        return
    if isinstance(mine, Exception):
        raise AssertionError(f"{expression}: PyTorch gives {its!r}") from mine
    for one, other in zip(as_tuple(mine), as_tuple(its), strict=True):
        if isinstance(other, torch.Tensor):
            assert str(one.dtype).split(".")[1] == str(other.dtype).split(".")[1], expression
            assert tuple(one.shape) == tuple(other.shape), expression
            np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-3 if other.dtype == torch.float16 else 1e-6, err_msg=expression)
        else:
            assert one == other, expression


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtype_of_a_result_is_pytorchs(dtype):
    whole = dtype not in ("float16", "float32", "float64")
    for call in [
        "x.sum()",
        "x.sum(0)",
        "x.sum(dtype=t.float64)",
        "x.prod()",
        "x.cumsum(0)",
        "x.mean()",
        "x.max()",
        "x.argmax()",
        "x.max(0)",
        "x.any()",
        "x.all(0)",
        "x.abs()",
        "-x",
        "x ** 2",
        "x // 2",
        "x % 2",
        "x / 2",
        "x + 1",
        "x + 1.5",
        "x == 1",
        "x.exp()",
        "x.sqrt()",
        "x.sort()",
        "x.topk(1)",
        "t.cat([x, t.ones(2)])",
        "t.stack([x, t.ones(2, dtype=t.int64)])",
        "x.where(x > 0, 1.5)",
        "t.where(x > 0, x, 1)",
        "x.masked_fill(x > 0, 1)",
        "x.float()",
        "x.double()",
        "x.half()",
        "x.long()",
        "x.int()",
        "x.bool()",
        "x.to(t.float64)",
        "x.type_as(t.ones(1))",
        "x.new_zeros(2)",
        "x.new_ones((2,), dtype=t.float64)",
        "x.new_full((2,), 1)",
        "x.new_tensor([1, 2])",
        "t.zeros_like(x)",
        "t.ones_like(x)",
        "t.full_like(x, 1)",
        "t.rand_like(x.float())*0",
        "x.clamp(0, 1)",
        "x & x",
        "x | x",
        "x ^ x",
        "~x",
        "x - x",
        "x @ x",
        "x.floor()",
        "x.trunc()",
        "x.round()",
        "x.sign()",
        "x.square()",
        "x.relu()",
        "t.tanh(x)",
        "x.norm()",
        "t.logical_and(x, x)",
        "t.erf(x)",
        "x.std()",
        "x.softmax(0)",
        "x.clone().add_(1)",
        "x.clone().add_(1.5)",
        "x.clone().mul_(t.ones(2))",
        "x.clone().fill_(1)",
    ]:
        if (
            (whole and call in ("x.round()", "x.norm()"))
            or (not whole and call == "~x")
            or (dtype == "uint8" and call in ("x.any()", "x.all(0)"))
        ):
            continue  # refused by PyTorch, or with another error, or the mask of the old days
        if dtype == "bool" and call in (
            "x.abs()",
            "x.topk(1)",
            "x.relu()",
            "x.sign()",
            "x.clamp(0, 1)",
            "x ** 2",
            "x.argmax()",
            "x @ x",
            "x.floor()",
            "x.trunc()",
            "x.round()",
            "x.square()",
        ):
            continue  # nobody needs these of masks
        same_outcome(f"(lambda x: {call})(t.tensor([1, 1], dtype=t.{dtype}))")


# -- errors --

ERRORS = [
    "t.ones(2) + t.ones(3)",
    "t.ones(2, 3) @ t.ones(2, 3)",
    "t.ones(2) @ t.ones(3)",
    "t.ones(()) @ t.ones(2)",
    "t.ones(2, 2).long() @ t.ones(2, 2)",
    "t.mm(t.ones(2), t.ones(2))",
    "t.ones(2, 2, 3) @ t.ones(3, 3, 2)",
    "t.nn.functional.linear(t.ones(2, 3), t.ones(2, 3).double())",
    "t.nn.functional.embedding(t.tensor([3]), t.ones(2, 2))",
    "t.nn.functional.embedding(t.tensor([-1]), t.ones(2, 2))",
    "t.cat(t.ones(2))",
    "t.bmm(t.ones(2, 2, 2), t.ones(3, 2, 2))",
    "t.mv(t.ones(2, 2), t.ones(2, 2))",
    "t.dot(t.ones(2, 2), t.ones(2))",
    "t.ones(2).sum(1)",
    "t.ones(2).sum(-2)",
    "t.ones(2, 2).sum((0, 0))",
    "t.ones(2).mean(3)",
    "t.ones(2).long().mean()",
    "t.ones(2).argmax(1)",
    "t.ones(2).max(1)",
    "t.ones(0).max()",
    "t.ones(0).argmax()",
    "t.zeros(0, 3).amax(0)",
    "t.ones(2).softmax(1)",
    "t.ones(2).log_softmax(-2)",
    "t.logsumexp(t.ones(2), 1)",
    "t.ones(2).cumsum(1)",
    "t.ones(2).prod(1)",
    "t.ones(2).sort(1)",
    "t.ones(2).topk(3)",
    "t.ones(2).topk(1, 1)",
    "t.ones(2, 3).reshape(4)",
    "t.ones(2, 3).reshape(-1, -1)",
    "t.ones(2, 3).reshape(-1, 4)",
    "t.ones(2, 3).t().view(6)",
    "t.ones(2, 3).permute(0)",
    "t.ones(2, 3).permute(0, 0)",
    "t.ones(2, 3).permute(0, 2)",
    "t.ones(2, 3).transpose(0, 2)",
    "t.ones(2).unsqueeze(2)",
    "t.ones(2).squeeze(1)",
    "t.ones(2).expand(3)",
    "t.ones(2, 2).expand(2)",
    "t.ones(2, 2).repeat(2)",
    "t.ones(2, 2).flatten(1, 0)",
    "t.ones(2).flip(1)",
    "t.ones(2).roll(1, 2)",
    "t.ones(2, 2, 2).t()",
    "t.cat([])",
    "t.cat([t.ones(2), t.ones(2, 2)])",
    "t.cat([t.ones(2, 2), t.ones(3, 3)])",
    "t.cat([t.ones(2)], 1)",
    "t.cat([t.ones(()), t.ones(())])",
    "t.cat(3)",
    "t.stack([])",
    "t.stack([t.ones(2), t.ones(3)])",
    "t.stack([t.ones(2)], 2)",
    "t.ones(3).split(-1)",
    "t.ones(3).split([1, 1])",
    "t.ones(3).chunk(0)",
    "t.ones(3).split(1, 1)",
    "t.ones(()).unbind()",
    "t.ones(2).unbind(1)",
    "t.ones(3).narrow(0, 2, 2)",
    "t.ones(3).narrow(1, 0, 1)",
    "t.ones(3).narrow(0, 0, -1)",
    "t.ones(3)[3]",
    "t.ones(3)[0, 0]",
    "t.ones(3)[1.5]",
    "t.ones(3)[t.ones(3)]",
    "t.ones(3)[t.tensor([True, False])]",
    "t.ones(3)[t.tensor([5])]",
    "t.ones(())[0]",
    "t.ones(3).__setitem__(5, 1.0)",
    "t.ones(3).__setitem__(slice(0, 2), t.ones(3))",
    "t.ones(2, 2).__setitem__(0, t.ones(3, 2))",
    "t.gather(t.ones(2, 2), 0, t.tensor([[5]]))",
    "t.gather(t.ones(2, 2), 0, t.tensor([0]))",
    "t.gather(t.ones(2), 0, t.ones(1))",
    "t.gather(t.ones(2), 1, t.tensor([0]))",
    "t.gather(t.ones(2, 2), 0, t.tensor([[0, 0, 0]]))",
    "t.ones(2).scatter(0, t.tensor([2]), t.ones(1))",
    "t.ones(2).scatter_add(0, t.tensor([-1]), t.ones(1))",
    "t.index_select(t.ones(2), 0, t.tensor([2]))",
    "t.index_select(t.ones(2), 1, t.tensor([0]))",
    "t.index_select(t.ones(2), 0, t.tensor([[0]]))",
    "t.take_along_dim(t.ones(2, 2), t.tensor([0]), 0)",
    "t.take_along_dim(t.ones(2, 3), t.tensor([[0, 0]]), 0)",
    "t.masked_select(t.ones(3), t.tensor([True, False]))",
    "t.masked_fill(t.ones(3), t.ones(3), 0.0)",
    "t.where(t.ones(2), 1.0, t.ones(2))",
    "t.ones(2).masked_fill(t.tensor([True, False, True]), 0.0)",
    "t.clamp(t.ones(2))",
    "t.einsum('ij,jk->ik', t.ones(2, 3))",
    "t.einsum('ij->ik', t.ones(2, 3))",
    "t.einsum('ij', t.ones(2))",
    "t.einsum('ij,jk', t.ones(2, 3), t.ones(2, 3))",
    "t.norm(t.ones(2), dim=1)",
    "t.tensor([True]) - t.tensor([True])",
    "-t.tensor([True])",
    "t.tensor([2]) ** -1",
    "t.tensor([1]) // 0",
    "t.tensor([1]) % 0",
    "t.ones(2) & t.ones(2)",
    "t.ones(2) + 'a'",
    "t.add(t.ones(2), 'a')",
    "t.exp('a')",
    "t.exp(1.0)",
    "t.softmax(t.ones(2))",
    "t.sum(t.ones(2), wrong=1)",
    "t.sum(t.ones(2), 0, False, 1, 2, 3)",
    "t.tensor([1]).softmax(0)",
    "t.div(t.ones(2), 2, rounding_mode='up')",
    "t.nn.functional.gelu(t.ones(2), approximate='x')",
    "t.ones(2, requires_grad=True).add_(1)",
    "t.ones(2, requires_grad=True)[0].zero_()",
    "t.ones(2).add_(t.ones(3))",
    "t.ones(1).add_(t.ones(3))",
    "t.tensor([1]).add_(1.5)",
    "t.ones(1).expand(3).add_(1)",
    "t.ones(2).long().exp_()",
    "t.ones(2).fill_('a')",
    "t.ones(2).copy_(t.ones(3))",
    "t.ones(2).item()",
    "bool(t.ones(2))",
    "bool(t.ones(0))",
    "float(t.ones(2))",
    "int(t.ones(2))",
    "len(t.ones(()))",
    "list(t.ones(()))",
    "[1, 2][t.ones(1)]",
    "t.ones(2).long().requires_grad_()",
    "(t.ones(2, requires_grad=True) * 2).requires_grad_(False)",
    "t.ones(2).backward()",
    "t.ones(2, requires_grad=True).backward()",
    "t.ones(2, requires_grad=True).sum().backward(t.ones(2))",
    "t.ones(2, requires_grad=True).numpy()",
    "np.asarray(t.ones(2, requires_grad=True))",
    "t.ones(2).retain_grad()",
    "t.ones(2).register_hook(print)",
    "setattr(t.ones(2), 'grad', t.ones(3))",
    "setattr(t.ones(2), 'grad', 3)",
    "t.autograd.grad(t.ones(()), t.ones(2))",
    "t.autograd.grad(t.ones((), requires_grad=True) * 2, t.ones(2, requires_grad=True))",
    "t.nn.functional.one_hot(t.tensor([3]), 2)",
    "t.nn.functional.one_hot(t.tensor([-1]))",
    "t.nn.functional.one_hot(t.ones(2))",
    "t.nn.functional.one_hot(t.ones(0).long())",
    "t.nn.functional.linear(t.ones(2, 3), t.ones(2, 2))",
    "t.ones(3).index_add_(0, t.tensor([5]), t.ones(1))",
    "t.ones(3).tril()",
    "t.outer(t.ones(2, 2), t.ones(2))",
    "t.ones(2).to('nowhere')",
    "t.ones(2, 3).size(2)",
    "t.ones(2).var(1)",
    "t.zeros(2, 3).index_put((t.tensor([5]),), t.ones(()))",
]


@pytest.mark.parametrize("expression", ERRORS)
def test_errors_have_pytorchs_types(expression):
    with pytest.raises(Exception) as its:
        eval(expression, {"t": torch, "np": np})
    with pytest.raises(Exception) as mine:
        eval(expression, {"t": tinyrnn, "np": np})
    kind = next(k for k in (IndexError, TypeError, ValueError, RuntimeError) if isinstance(its.value, k))
    assert isinstance(mine.value, kind), f"PyTorch: {its.value!r}"
    assert not isinstance(mine.value, AssertionError) and len(str(mine.value)) > 10
