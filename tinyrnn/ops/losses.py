"""Softmax and its negative log-likelihood in one, and a linear layer with both, which never holds all its scores."""

from __future__ import annotations

from typing import Any

from ..backend import Array, matmul, xp_of
from ..engine import modes, primitive
from .elementwise import mul
from .index import take_along_dim
from .linalg import linear
from .reduce import log_softmax, sum
from .shape import reshape, unsqueeze


def _losses_and_weights(scores: Array, targets: Array) -> tuple[Array, Array]:
    """``-log softmax(scores)[target]`` of each row, and the softmax, which takes the memory of ``scores`` (M, C)."""
    xp = xp_of(scores)
    rows = xp.arange(len(targets))
    scores -= scores.max(axis=1, keepdims=True)
    picked = scores[rows, targets]
    xp.exp(scores, out=scores)
    total = scores.sum(axis=1)
    scores /= total[:, None]
    return xp.log(total) - picked, scores


@primitive(saves=True)
def softmax_nll(scores, targets):
    """``-log softmax(scores)[target]`` in nats: (M, C) and integers (M,) in [0, C) to (M,)."""
    return _losses_and_weights(scores.copy(), targets)


@softmax_nll.joint_rule
def _(g, scores, targets, saved):
    # d loss / d scores = softmax - one_hot
    d = saved * g[:, None]
    d[xp_of(d).arange(len(targets)), targets] -= g
    return d, None


@softmax_nll.defined_by
def _(scores, targets):
    return -reshape(take_along_dim(log_softmax(scores, dim=1), unsqueeze(targets, dim=1), dim=1), shape=(-1,))


@primitive(saves=True)
def _linear_nll(input, weight, bias, targets, share, *, learning):
    xp = xp_of(input)
    M, V = input.shape[0], weight.shape[0]
    block = min(M, max(32, 2**23 // V))  # 32 MB of float32 scores: enough rows for a GEMM, few enough for the cache
    scores = xp.empty((block, V), input.dtype)
    loss = xp.zeros((), input.dtype)
    if learning:
        d_input, d_weight, part = xp.empty_like(input), xp.zeros_like(weight), xp.empty_like(weight)
        d_bias = None if bias is None else xp.zeros_like(bias)
    for begin in range(0, M, block):
        here = slice(begin, begin + block)
        x, t, s = input[here], targets[here], share[here]
        z = matmul(x, weight.T, out=scores[: len(t)])
        if bias is not None:
            z += bias
        nats, z = _losses_and_weights(z, t)
        loss += (nats * s).sum()
        if learning:
            z *= s[:, None]
            z[xp.arange(len(t)), t] -= s
            matmul(z, weight, out=d_input[here])
            matmul(z.T, x, out=part)
            d_weight += part
            if d_bias is not None:
                d_bias += z.sum(axis=0)
    return loss, ((d_input, d_weight, d_bias) if learning else None)


@_linear_nll.joint_rule
def _(g, input, weight, bias, targets, share, learning, saved):
    return (*(None if d is None else d * g for d in saved), None, None)


@_linear_nll.defined_by
def _(input, weight, bias, targets, share, learning):
    return sum(mul(softmax_nll(linear(input, weight, bias), targets), share))


def linear_nll(input: Any, weight: Any, bias: Any, targets: Any, share: Any) -> Any:
    """``sum(share * softmax_nll(linear(input, weight, bias), targets))`` without ever holding all the scores.

    (M, H), (V, H), (V,), integers (M,) and factors (M,) to a number. Blocks of rows go through forward and backward
    at once: the gradient of a sum is known up to the factor that will arrive, so the scores of a block can be
    forgotten when its gradients have been added. Kept are the gradients, M·H + V·H + V numbers, instead of M·V.
    """
    learning = modes.grad_enabled and any(x is not None and x.requires_grad for x in (input, weight, bias))
    return _linear_nll(input, weight, bias, targets, share, learning=learning)
