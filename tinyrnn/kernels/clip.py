"""The norm of all gradients together, and scaling them by it, on a GPU: three launches, and the host waits for none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..backend import Array, xp_of
from . import ADD_UP, MANY, addresses, cuda, structure

_squares = cuda(f"""
{structure(["g"])}
extern "C" __global__ void sum_of_squares(const Arrays all, T* sums) {{
    __shared__ T partial[256];
    const T* const g = all.g[blockIdx.y];
    const long long step = (long long)gridDim.x * 256;
    T sum = 0;
    for (long long i = (long long)blockIdx.x * 256 + threadIdx.x; i < all.size[blockIdx.y]; i += step) sum += g[i] * g[i];
    partial[threadIdx.x] = sum;
    {ADD_UP}
    if (threadIdx.x == 0) sums[(long long)blockIdx.y * gridDim.x + blockIdx.x] = partial[0];
}}
""")

_factor = cuda(f"""
extern "C" __global__ void norm_and_factor(const T* sums, const int count, const double max_norm, T* result) {{
    __shared__ T partial[256];
    T sum = 0;
    for (int i = threadIdx.x; i < count; i += 256) sum += sums[i];
    partial[threadIdx.x] = sum;
    {ADD_UP}
    if (threadIdx.x == 0) {{
        const T norm = sqrt(partial[0]), factor = (T)max_norm / (norm + (T)1e-6);
        result[0] = norm;
        result[1] = factor > 1 ? (T)1 : factor;  // and nan stays nan
    }}
}}
""")

_scale = cuda(f"""
{structure(["g"])}
extern "C" __global__ void scale_gradients(const Arrays all, const T* result) {{
    T* const g = all.g[blockIdx.y];
    const T factor = result[1];
    if (factor == 1) return;
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < all.size[blockIdx.y]; i += step) g[i] *= factor;
}}
""")


def clip_norm(gradients: Sequence[Array], max_norm: float) -> Array:
    """Scale the gradients, contiguous and of one dtype, so that their norm is at most ``max_norm``; their norm before, 0-d."""
    xp, like = xp_of(gradients[0]), gradients[0]
    blocks = min(256, max(1, -(-max(g.size for g in gradients) // 4096)))
    sums, result = xp.empty((len(gradients), blocks), like.dtype), xp.empty(2, like.dtype)
    tables = [addresses(["g"], [[g] for g in gradients[k : k + MANY]]) for k in range(0, len(gradients), MANY)]
    for k, table in enumerate(tables):
        some = sums[k * MANY : (k + 1) * MANY]
        _squares(like)((blocks, len(some)), (256,), (table, some))
    _factor(like)((1,), (256,), (sums, np.int32(sums.size), np.float64(max_norm), result))
    for k, table in enumerate(tables):
        _scale(like)((4 * blocks, len(gradients[k * MANY : (k + 1) * MANY])), (256,), (table, result))
    return result[0]
