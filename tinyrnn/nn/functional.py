"""Layers as functions, as in ``torch.nn.functional``; with those of activations and losses, from their own files."""

from __future__ import annotations

import builtins
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Generator, as_library_of, default_generator, to_host, xp_of
from ..engine import no_grad, wrap
from ..kernels.dropout import keep
from ..names import missing_from
from ..ops.elementwise import clamp, mul, where
from ..ops.index import embedding_rows, index_add, index_select, one_hot
from ..ops.linalg import einsum, linear, matmul
from ..ops.reduce import max, norm, sum
from ..ops.shape import cat, narrow
from ..tensor import Tensor
from ..tensor.inplace import change
from . import (
    activation_functions,
    attention_functions,
    class_loss_functions,
    convolution_functions,
    loss_functions,
    normalization_functions,
)
from .activation_functions import *  # noqa: F403
from .attention_functions import *  # noqa: F403
from .checks import need_tensors
from .class_loss_functions import *  # noqa: F403
from .convolution_functions import *  # noqa: F403
from .loss_functions import *  # noqa: F403
from .normalization_functions import *  # noqa: F403

__all__ = [
    *activation_functions.__all__,
    *attention_functions.__all__,
    *class_loss_functions.__all__,
    *convolution_functions.__all__,
    *loss_functions.__all__,
    *normalization_functions.__all__,
    "alpha_dropout",
    "bilinear",
    "cosine_similarity",
    "dropout",
    "dropout1d",
    "dropout2d",
    "embedding",
    "embedding_bag",
    "linear",
    "matmul",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
]

# -- embedding --


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The row of ``weight`` (V, E) for each id in ``input`` (...): (..., E). The padding row gets no gradient.

    Args:
        max_norm: rows that are read and whose ``norm_type``-norm is larger are first scaled down to it, in place.
        scale_grad_by_freq: the gradient of a row is divided by how often it was read.
        sparse: accepted; the gradient of a large table is kept by rows with or without it, and reads as a dense tensor.

    Raises:
        IndexError: an id outside [0, V); NumPy would silently take -1 for the last row.
        RuntimeError: ids that are not integers.
    """
    need_tensors("embedding", input=input, weight=weight)
    if weight.ndim != 2:
        raise RuntimeError(f"embedding: 'weight' must be 2-D, got shape {tuple(weight.shape)}")
    if input.array.dtype.kind not in "iu":
        raise RuntimeError(f"embedding: expected integer ids (Long or Int), got {input.dtype}; use x.long()")
    V = weight.shape[0]
    if padding_idx is not None and not -V <= padding_idx < V:
        raise AssertionError("Padding_idx must be within num_embeddings")
    if max_norm is not None:
        _renormalize(weight, input, max_norm, norm_type)
    rows = embedding_rows(weight, input)
    if scale_grad_by_freq:
        ids = as_library_of(weight.array, input.array)
        xp = xp_of(ids)
        often = xp.bincount(ids.reshape(-1), minlength=V)[ids].astype(weight.array.dtype)
        rows = rows.detach() + (rows - rows.detach()) / wrap(often[..., None])
    if padding_idx is None:
        return rows
    padding = input.array == padding_idx % V
    if xp_of(padding) is np and not padding.any():
        return rows
    return where(wrap(as_library_of(weight.array, padding[..., None])), rows.detach(), rows)


def _renormalize(weight: Tensor, ids: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that will be read down to norm ``max_norm``."""
    with no_grad():
        flat = ids.reshape(-1)
        rows = embedding_rows(weight, flat)
        length = norm(rows, norm_type, -1, keepdim=True)
        weight[flat] = where(length > max_norm, rows * (max_norm / (length + 1e-7)), rows)  # a repeated id writes the same again


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum of each bag's rows of ``weight`` (V, E): (B, E). A bag without ids gives zeros.

    Args:
        input: ids (B, n), a bag a row; or (n), bag after bag.
        offsets: with ids (n), where each bag begins.
        mode: ``"sum"``, ``"mean"`` or ``"max"``.
        sparse: accepted; see :func:`embedding`.
        per_sample_weights: a factor for each id; only with ``"sum"``.
        include_last_offset: ``offsets`` has one number more, the end of the last bag.
        padding_idx: an id that counts for nothing.

    Raises:
        ValueError: shapes that do not fit, or offsets that do not start at 0 or run beyond the ids.
        NotImplementedError: ``per_sample_weights`` with another mode.
    """
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"mode has to be one of sum, mean or max, got {mode!r}")
    if per_sample_weights is not None:
        if mode != "sum":
            raise NotImplementedError(f"embedding_bag: per_sample_weights was not None. It is only supported for mode='sum', got {mode!r}")
        if per_sample_weights.shape != input.shape:
            raise ValueError(
                f"embedding_bag: per_sample_weights {tuple(per_sample_weights.shape)} must have the shape of input {tuple(input.shape)}"
            )
    need_tensors("embedding_bag", input=input, weight=weight)
    if input.ndim not in (1, 2):
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}")
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError("if input is 2D, then offsets has to be None, as input is treated as a mini-batch of fixed length sequences.")
        starts = np.arange(input.shape[0]) * input.shape[1]
    else:
        starts = _starts(offsets, input.shape[0], include_last_offset)
    rows = embedding(input.reshape(-1), weight, padding_idx, max_norm, norm_type, scale_grad_by_freq)  # (n, E)
    n, B = input.numel(), len(starts)
    sizes = np.diff(starts, append=n)
    bags = np.repeat(np.arange(B), sizes)  # the bag of each id
    counts = wrap(xp_of(weight.array).ones((n, 1), weight.array.dtype))
    if padding_idx is not None:
        counts = counts * wrap(as_library_of(weight.array, input.array).reshape(-1, 1) != padding_idx % weight.shape[0])
    if mode == "max":
        places = np.arange(n) - starts[bags]
        at = wrap(as_library_of(weight.array, bags * sizes.max(initial=1) + places))
        blank = weight.new_full((B * int(sizes.max(initial=1)), weight.shape[1]), -math.inf)
        filled = blank.index_put((at,), where(counts == 0, -math.inf, rows)).reshape(B, -1, weight.shape[1])
        largest = max(filled, 1).values
        return where(largest == -math.inf, 0.0, largest)
    factors = counts if per_sample_weights is None else counts * per_sample_weights.reshape(-1, 1)
    index = wrap(as_library_of(weight.array, bags))
    total = index_add(weight.new_zeros(B, weight.shape[1]), 0, index, rows * factors)
    return total if mode == "sum" else total / clamp(index_add(weight.new_zeros(B, 1), 0, index, counts), min=1)


def _starts(offsets: Tensor | None, n: int, include_last_offset: bool) -> np.ndarray:
    """Where each bag begins, checked."""
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    given = to_host(offsets.array)
    if include_last_offset and not given.size:
        raise RuntimeError("include_last_offset: number of offset should be at least 1")
    if given.size and given[0] != 0:
        raise RuntimeError(f"offsets[0] has to be 0, since the first sequence begins at the first id. However, got {given[0]}")
    if given.size and given[-1] > n:
        raise RuntimeError(f"offsets[-1] can not be greater than input's length: got {given[-1]} for {n} ids")
    return given[:-1] if include_last_offset else given


# -- dropout --


def _mask(like: Tensor, shape: Sequence[int], p: float, generator: Generator | None = None, scale: float | None = None) -> Tensor:
    """0 with probability ``p``, else ``scale``, by default ``1 / (1 - p)``."""
    mask = xp_of(like.array).empty(tuple(shape), like.array.dtype)
    scale = 1 / (1 - p) if scale is None else scale
    keep(mask, *(generator or default_generator).next_mask(), min(round(p * 2**32), 2**32 - 1), scale)
    return wrap(mask)


def _check_probability(p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *, generator: Generator | None = None) -> Tensor:
    """Zero each element with probability ``p`` and scale the others by ``1 / (1 - p)``; itself unless training.

    Srivastava et al., 2014; scaled while training, so that evaluation needs no change. From equally seeded generators
    come the same zeros on every device and in every dtype.
    """
    need_tensors("dropout", input=input)
    return _dropped(input, input.shape, p, training, inplace, generator)


def _dropped(input: Tensor, shape: Sequence[int], p: float, training: bool, inplace: bool, generator: Generator | None = None) -> Tensor:
    _check_probability(p)
    if not training or p == 0:
        return input
    if not input.is_floating_point():
        raise RuntimeError(f"dropout: result type Float can't be cast to the desired output type {input.dtype}; use x.float()")
    factor: Any = 0 if p == 1 else _mask(input, shape, p, generator)
    return change(input, mul, factor) if inplace else mul(input, factor)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero whole channels of (N, C, L) or (C, L) with probability ``p`` and scale the others by ``1 / (1 - p)``."""
    if input.ndim not in (2, 3):
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, (C, L) or (N, C, L), but received a {input.ndim}D input; see dropout")
    return _dropped(input, (*input.shape[:-1], 1), p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero whole channels of (N, C, ...) with probability ``p`` and scale the others by ``1 / (1 - p)``."""
    if input.ndim not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {input.ndim}-D input to dropout2d, which is deprecated; take dropout1d or dropout",
            stacklevel=2,
        )
    return _dropped(input, (*input.shape[:2], *[1] * (input.ndim - 2)), p, training, inplace)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout after :func:`selu`: to its lower limit instead of 0, and mean and variance stay (Klambauer et al., 2017)."""
    _check_probability(p)
    if not training or p == 0:
        return input
    if p == 1:
        return change(input, mul, 0) if inplace else input * 0
    low = -1.7580993408473766
    a = ((1 - p) * (1 + p * low * low)) ** -0.5
    kept = _mask(input, input.shape, p, scale=a)

    def spread(x: Tensor) -> Tensor:
        return x * kept + (low * (a - kept) - a * low * p)

    return change(input, spread) if inplace else spread(input)


# -- distances and norms --


def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """``input`` over its ``p``-norm along ``dim``, which counts as at least ``eps``."""
    y = input / clamp(norm(input, p, dim, keepdim=True), min=eps)
    return y if out is None else out.copy_(y)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between ``x1`` and ``x2`` (which broadcast) along ``dim``; lengths count as at least ``eps``."""

    def direction(x: Tensor) -> Tensor:
        length = norm(x, 2, dim, keepdim=True)
        return x / (length + clamp(eps - length.detach(), min=0))

    if not (x1.is_floating_point() and x2.is_floating_point()):
        raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {(x1 * 0 + x2 * 0).dtype}")
    try:
        shape = np.broadcast_shapes(tuple(x1.shape), tuple(x2.shape))
    except ValueError:
        raise RuntimeError(f"cosine_similarity: shapes {tuple(x1.shape)} and {tuple(x2.shape)} do not broadcast") from None
    return sum(direction(x1.expand(shape)) * direction(x2.expand(shape)), dim)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The ``p``-norm of ``x1 - x2 + eps`` along the last axis: (N, D) and (N, D) to (N)."""
    return norm(x1 - x2 + eps, p, -1, keepdim=keepdim)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``y_o = x1ᵀ W_o x2 + b_o``: (..., D1), (..., D2), (O, D1, D2), (O,) to (..., O)."""
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(f"bilinear: batch dimensions do not match, got {tuple(input1.shape)} and {tuple(input2.shape)}")
    y = einsum("...i,oij,...j->...o", input1, weight, input2)
    return y if bias is None else y + bias


# -- padding --


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """More elements at the ends of the last axes; a negative number takes some away.

    Args:
        pad: how many before and after, for the last axis, the one before it, and so on.
        mode: ``"constant"``, all of them ``value`` (0); ``"reflect"``, the neighbours mirrored at the end; ``"replicate"``,
            the end itself; ``"circular"``, from the other end. All but the first need one or two axes in front.

    Raises:
        RuntimeError: more or fewer numbers than fit the axes; ``"reflect"`` or ``"circular"`` by more than is there.
        NotImplementedError: an unknown mode, or axes that PyTorch does not pad so.
    """
    sizes = tuple(int(n) for n in pad)
    if len(sizes) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2, got {len(sizes)}")
    if len(sizes) > 2 * input.ndim:
        raise RuntimeError(
            f"Padding length should be less than or equal to two times the input dimension, {2 * input.ndim}, but got {len(sizes)}"
        )
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}; known: constant, reflect, replicate, circular")
    if mode != "constant":
        if value not in (None, 0):
            raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument, got {value}')
        if len(sizes) not in (2, 4, 6) or input.ndim - len(sizes) // 2 not in (1, 2):
            raise NotImplementedError(
                f"{mode} padding takes 1 to 3 axes after one or two others; got {len(sizes)} numbers for {input.ndim} axes"
            )
    y = input
    for k in range(len(sizes) // 2):
        before, after, dim = sizes[2 * k], sizes[2 * k + 1], input.ndim - 1 - k
        if before or after:
            y = (
                _padded(y, dim, before, after, 0 if value is None else value)
                if mode == "constant"
                else index_select(y, dim, _source(mode, y.shape[dim], before, after, dim))
            )
    return y if y is not input else input.clone()


def _padded(input: Tensor, dim: int, before: int, after: int, value: float) -> Tensor:
    n = input.shape[dim] + before + after
    if n < 0:
        raise RuntimeError(
            f"The input size {input.shape[dim]}, plus negative padding {before} and {after}, is a negative size at dimension {dim}"
        )
    start = builtins.max(-before, 0)
    kept = narrow(input, dim, start, input.shape[dim] - start - builtins.max(-after, 0))

    def block(size: int) -> list[Tensor]:
        shape = (*input.shape[:dim], size, *input.shape[dim + 1 :])
        return [input.new_full(shape, value)] if size > 0 else []

    return cat([*block(before), kept, *block(after)], dim)


def _source(mode: str, n: int, before: int, after: int, dim: int) -> Tensor:
    """The places along an axis of size ``n`` that the padded axis shows."""
    if mode == "circular":  # what is taken away is not there to go round
        first, n = builtins.max(-before, 0), n + builtins.min(before, 0) + builtins.min(after, 0)
        before, after = builtins.max(before, 0), builtins.max(after, 0)
    places = np.arange(-before, n + after)
    most = {"reflect": n - 1, "circular": n, "replicate": math.inf}[mode]
    if builtins.max(before, after) > most:
        raise RuntimeError(f"{mode} padding ({before}, {after}) at dimension {dim} should be at most {most}, for a size of {n}")
    if not places.size or not n:
        raise RuntimeError(f"{mode} padding ({before}, {after}) at dimension {dim} of size {n} leaves or finds nothing")
    if mode == "circular":
        return wrap(first + places % n)
    if mode == "replicate":
        return wrap(places.clip(0, n - 1))
    return wrap((n - 1) - np.abs((n - 1) - np.abs(places)))


__getattr__ = missing_from(__name__)
