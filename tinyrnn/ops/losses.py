"""Softmax and its negative log-likelihood in one, and a linear layer with both, which never holds all its scores."""

from __future__ import annotations

import builtins
import functools
import itertools
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array, buffers, xp_of
from ..engine import modes, primitive
from ..kernels import softmax as kernel
from ..threads import get_num_threads, matmul, parallel, sum_of_rows
from .elementwise import clamp, log, mul
from .index import take_along_dim
from .linalg import linear
from .reduce import log_softmax, sum
from .shape import reshape, unsqueeze


@primitive(saves=True)
def softmax_nll(scores, targets):
    """``-log softmax(scores)[target]`` in nats: (M, C) and integers (M,) in [0, C) to (M,)."""
    return kernel.softmax_nll(scores, targets)


@softmax_nll.joint_rule
def _(g, targets, saved):
    d = xp_of(saved).empty_like(saved)
    kernel.softmax_nll_backward(saved, g, targets, d)
    return d, None


@softmax_nll.defined_by
def _(scores, targets):
    return -reshape(take_along_dim(log_softmax(scores, dim=1), unsqueeze(targets, dim=1), dim=1), shape=(-1,))


@primitive(elementwise=True)
def binary_nll(input, target):
    """``-(t * log(p) + (1 - t) * log(1 - p))`` of probabilities p and t, in nats; each logarithm is at least -100."""
    xp = xp_of(input)
    return -(target * xp.maximum(xp.log(input), -100) + (1 - target) * xp.maximum(xp.log1p(-input), -100))


binary_nll.rule(  # at 0 and 1 that of the input is finite and that of the target is not, as in PyTorch
    input=lambda g, input, target: g * (input - target) / clamp(input * (1 - input), min=1e-12),
    target=lambda g, input: g * (log(1 - input) - log(input)),
)


SHARED_SCORES = 2**20  # from so many in a block on, threads share them


class _Share(NamedTuple):
    """The part of the vocabulary that one thread works on: rows of the weights, and columns of the scores."""

    first: int
    weight: Array
    bias: Array | None
    scores: Array  # (block, its part of V)
    d_weight: Array  # like weight; None if nothing is learned, as are the next two
    d_bias: Array
    product: Array  # like weight: scratch

    def exponentials(self, x: Array, targets: Array) -> tuple:
        """``exp(scores - top)`` of rows x, their ``top`` and sums, and which rows' targets are here, with their scores."""
        xp = xp_of(x)
        z = matmul(x, self.weight.T, out=self.scores[: len(x)])
        if self.bias is not None:
            z += self.bias
        here = xp.flatnonzero((targets >= self.first) & (targets < self.first + len(self.weight)))
        picked = xp.zeros(len(x), x.dtype)
        picked[here] = z[here, targets[here] - self.first]
        top = z.max(axis=1)
        z -= top[:, None]
        xp.exp(z, out=z)
        return z, top, z.sum(axis=1), here, picked

    def gradients(self, x: Array, targets: Array, share: Array, z: Array, factor: Array, here: Array) -> Array:
        """Add to the gradients of weight and bias; returns that of x. ``z * factor`` is the softmax times ``share``."""
        z *= factor[:, None]
        z[here, targets[here] - self.first] -= share[here]
        matmul(z.T, x, out=self.product)
        xp = xp_of(x)
        xp.add(self.d_weight, self.product, out=self.d_weight)
        if self.d_bias is not None:
            xp.add(self.d_bias, sum_of_rows(z), out=self.d_bias)
        return matmul(z, self.weight)


@primitive(saves=True)
def _linear_nll(input, weight, bias, targets, share, *, learning):
    xp = xp_of(input)
    M, V = input.shape[0], weight.shape[0]
    block = min(M, max(32, 2**23 // V))  # 32 MB of float32 scores: enough rows for a GEMM, few enough for the cache
    if xp is not np:
        return _on_gpu(input, weight, bias, targets, share, block, learning)
    threads = get_num_threads() if block * V >= SHARED_SCORES else 1
    loss, d_input = xp.zeros((), input.dtype), xp.empty_like(input)
    d_weight, d_bias = (xp.zeros_like(p) if learning and p is not None else None for p in (weight, bias))
    parts = []
    for begin, end in itertools.pairwise(V * k // threads for k in range(threads + 1)):
        mine = slice(begin, end)
        rows = [None if a is None else a[mine] for a in (weight, bias, d_weight, d_bias)]
        product = buffers.empty(input, (end - begin, weight.shape[1])) if learning else None
        parts.append(_Share(begin, rows[0], rows[1], buffers.empty(input, (block, end - begin)), rows[2], rows[3], product))
    for begin in range(0, M, block):
        x, t, s = (a[begin : begin + block] for a in (input, targets, share))
        done = parallel([partial(part.exponentials, x, t) for part in parts])
        top = functools.reduce(xp.maximum, (one[1] for one in done))
        rescaled = [xp.exp(one[1] - top) for one in done]
        total = builtins.sum(one[2] * r for one, r in zip(done, rescaled))
        nats = xp.log(total) + top - builtins.sum(one[4] for one in done)
        loss += (nats * s).sum()
        if learning:
            factors = [r * s / total for r in rescaled]
            tasks = [partial(part.gradients, x, t, s, one[0], f, one[3]) for part, one, f in zip(parts, done, factors)]
            d_input[begin : begin + block] = builtins.sum(parallel(tasks))
    return loss, ((d_input, d_weight, d_bias) if learning else None)


def _on_gpu(input: Array, weight: Array, bias: Array | None, targets: Array, share: Array, block: int, learning: bool) -> tuple:
    """The same without threads that share the vocabulary: a GPU has enough to do with all of it."""
    xp = xp_of(input)
    losses, d_input = xp.empty_like(share), xp.empty_like(input)
    d_weight, d_bias = (xp.zeros_like(p) if learning and p is not None else None for p in (weight, bias))
    for begin in range(0, len(input), block):
        mine = slice(begin, begin + block)
        x, t = input[mine], targets[mine]
        scores = matmul(x, weight.T)
        if bias is not None:
            scores += bias
        losses[mine], softmax = kernel.softmax_nll(scores, t)
        if learning:
            kernel.softmax_nll_backward(softmax, share[mine], t, scores)
            matmul(scores, weight, out=d_input[mine])
            d_weight += matmul(scores.T, x)
            if d_bias is not None:
                d_bias += sum_of_rows(scores)
    return (losses * share).sum(), ((d_input, d_weight, d_bias) if learning else None)


@_linear_nll.joint_rule
def _(g, saved):
    # Where the loss is the end of it, g is 1, and the gradients go on as they are: a copy of a large one takes its time.
    whole = xp_of(g) is np and g == 1
    return (*(d if d is None or whole else d * g for d in saved), None, None)


@_linear_nll.defined_by
def _(input, weight, bias, targets, share, learning):
    return sum(mul(softmax_nll(linear(input, weight, bias), targets), share))


def linear_nll(input: Any, weight: Any, bias: Any, targets: Any, share: Any) -> Any:
    """``sum(share * softmax_nll(linear(input, weight, bias), targets))`` without ever holding all the scores.

    (M, H), (V, H), (V,), integers (M,) and factors (M,) to a number. Blocks of rows go through forward and backward
    at once: the gradient of a sum is known up to the factor that will arrive, so the scores of a block can be
    forgotten when its gradients have been added. Kept are the gradients, M·H + V·H + V numbers, instead of M·V. The
    threads share the vocabulary, so that each adds to gradients of its own.
    """
    learning = modes.grad_enabled and any(x is not None and x.requires_grad for x in (input, weight, bias))
    return _linear_nll(input, weight, bias, targets, share, learning=learning)
