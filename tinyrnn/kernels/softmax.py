"""Softmax and its negative log-likelihood, forward and backward."""

from __future__ import annotations

import numpy as np

from ..backend import Array, xp_of
from . import ADD_UP, cuda, pointwise

THREADS = 256

_softmax_nll = cuda(
    """
extern "C" __global__ void softmax_nll(const T* scores, const long long* targets, T* softmax, T* nats, const int C) {
    // A block for each row: its threads take every 256th column, then halve the number of partial results.
    __shared__ T partial[256];
    const int me = threadIdx.x;
    const long long row = (long long)blockIdx.x * C, target = targets[blockIdx.x];
    const bool known = 0 <= target && target < C;
    const T picked = scores[row + (known ? target : 0)];

    T top = scores[row];
    for (int j = me; j < C; j += 256) top = scores[row + j] > top ? scores[row + j] : top;
    partial[me] = top;
    for (int half = 128; half > 0; half /= 2) {
        __syncthreads();
        if (me < half && partial[me + half] > partial[me]) partial[me] = partial[me + half];
    }
    __syncthreads();
    top = partial[0];
    __syncthreads();

    T sum = 0;
    for (int j = me; j < C; j += 256) {
        const T e = exp(scores[row + j] - top);
        softmax[row + j] = e;
        sum += e;
    }
    partial[me] = sum;
"""
    + ADD_UP
    + """
    __syncthreads();
    sum = partial[0];
    for (int j = me; j < C; j += 256) softmax[row + j] /= sum;
    if (me == 0) nats[blockIdx.x] = known ? log(sum) - (picked - top) : nan("");
}
"""
)


def softmax_nll(scores: Array, targets: Array) -> tuple[Array, Array]:
    """``-log softmax(scores)[target]`` of each row, in nats, and the softmax: (M, C) and (M,) to (M,) and (M, C).

    A target outside [0, C), which callers look for where NumPy has them, gives nan on a GPU.
    """
    xp = xp_of(scores)
    if xp is not np:
        nats, softmax = xp.empty(len(scores), scores.dtype), xp.empty(scores.shape, scores.dtype)
        kernel, arrays = _softmax_nll(scores), (xp.ascontiguousarray(scores), xp.ascontiguousarray(targets, np.int64))
        if scores.size:
            kernel((len(scores),), (THREADS,), (*arrays, softmax, nats, np.int32(scores.shape[1])))
        return nats, softmax
    softmax = scores - scores.max(axis=1, keepdims=True)
    picked = softmax[np.arange(len(targets)), targets]
    np.exp(softmax, out=softmax)
    total = softmax.sum(axis=1)
    softmax /= total[:, None]
    return np.log(total) - picked, softmax


@pointwise(
    "raw T softmax, raw T g, raw int64 targets",
    "T d",
    """
    const int C = softmax.shape()[1], row = i / C;
    d = g[row] * (softmax[i] - (targets[row] == i % C));
    """,
)
def softmax_nll_backward(softmax: Array, g: Array, targets: Array, d: Array) -> None:
    """Fill ``d`` (M, C), the gradient of the scores: ``softmax - one_hot(target)`` times ``g`` (M,)."""
    np.multiply(softmax, g[:, None], out=d)
    d[np.arange(len(targets)), targets] -= g
