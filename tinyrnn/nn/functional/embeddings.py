"""Rows of a table, read by their numbers, and sums of them; :mod:`tinyrnn.nn.embeddings` has the modules."""

from __future__ import annotations

import math

import numpy as np

from ...backend import as_library_of, to_host, xp_of
from ...engine import no_grad, wrap
from ...ops.elementwise import clamp, where
from ...ops.index import embedding_rows, index_add
from ...ops.reduce import max, norm
from ...tensor import Tensor
from .checks import need_tensors

__all__ = ["embedding", "embedding_bag"]


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
