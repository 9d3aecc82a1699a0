"""Layers and losses as functions, as in ``torch.nn.functional``."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..backend import Generator, default_generator, quiet, xp_of
from ..engine import wrap
from ..kernels.dropout import keep
from ..ops.elementwise import (
    elu,
    gelu,
    leaky_relu,
    mul,
    relu,
    sigmoid,
    softplus,
    sqrt,
    square,
    tanh,
    where,
)
from ..ops.index import embedding_rows, gather, one_hot
from ..ops.linalg import einsum, linear, matmul
from ..ops.losses import linear_nll, softmax_nll
from ..ops.reduce import log_softmax as _log_softmax
from ..ops.reduce import mean, sum
from ..ops.reduce import softmax as _softmax
from ..ops.shape import permute
from ..tensor import Tensor

__all__ = [
    "bilinear",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "gelu",
    "layer_norm",
    "leaky_relu",
    "linear",
    "linear_cross_entropy",
    "log_softmax",
    "matmul",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "tanh",
]


def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """``exp(input) / sum(exp(input))`` along ``dim``."""
    return _softmax(input if dtype is None else input.to(dtype), dim=dim)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """``log(softmax(input))`` along ``dim``."""
    return _log_softmax(input if dtype is None else input.to(dtype), dim=dim)


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """The row of ``weight`` (V, E) for each id in ``input`` (...): (..., E). The padding row gets no gradient.

    Raises:
        IndexError: an id outside [0, V); NumPy would silently take -1 for the last row.
        RuntimeError: ids that are not integers.
    """
    if input.array.dtype.kind not in "iu":
        raise RuntimeError(f"embedding: expected integer ids (Long or Int), got {input.dtype}; use x.long()")
    if padding_idx is None:
        return embedding_rows(weight, input)
    V = weight.shape[0]
    if not -V <= padding_idx < V:
        raise AssertionError("Padding_idx must be within num_embeddings")
    rows = embedding_rows(weight, input)
    padding = input.array == padding_idx % V
    if not padding.any():
        return rows
    return where(wrap(padding[..., None]), rows.detach(), rows)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, *, generator: Generator | None = None) -> Tensor:
    """Zero each element with probability ``p`` and scale the others by ``1 / (1 - p)``; itself unless training.

    Srivastava et al., 2014; scaled while training, so that evaluation needs no change. From equally seeded generators
    come the same zeros on every device and in every dtype.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0:
        return input
    if p == 1:
        return input * 0
    mask = xp_of(input.array).empty(input.shape, input.array.dtype)
    keep(mask, *(generator or default_generator).next_mask(), min(round(p * 2**32), 2**32 - 1), 1 / (1 - p))
    return mul(input, wrap(mask))


def layer_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """Shift and scale to mean 0 and variance 1 over the last axes, then by ``weight`` and ``bias`` (Ba et al., 2016)."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if tuple(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], "
            f"but got input of size {list(input.shape)}"
        )
    dims = tuple(range(-len(shape), 0))
    centred = input - mean(input, dims, keepdim=True)
    y = centred / sqrt(mean(square(centred), dims, keepdim=True) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``y_o = x1ᵀ W_o x2 + b_o``: (..., D1), (..., D2), (O, D1, D2), (O,) to (..., O)."""
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(f"bilinear: batch dimensions do not match, got {tuple(input1.shape)} and {tuple(input2.shape)}")
    y = einsum("...i,oij,...j->...o", input1, weight, input2)
    return y if bias is None else y + bias


# -- losses --


def _reduce(losses: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return losses
    return mean(losses) if _checked(reduction) == "mean" else sum(losses)


def _checked(reduction: str) -> str:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction; expected 'none', 'mean' or 'sum'")
    return reduction


def _class_last(op: str, input: Tensor, target: Tensor) -> Tensor:
    """(C), (N, C) or (N, C, d...) with targets () , (N), (N, d...) to (M, C) rows."""
    shape, wanted = tuple(input.shape), tuple(target.shape)
    if not shape:
        raise RuntimeError(f"{op}: expected scores with a class axis, got a 0-d tensor")
    if len(shape) == 1:
        if wanted not in ((), (1,)):
            raise ValueError(f"Expected a 0-d target for scores of shape {shape}, got {wanted}")
        return input.reshape(1, -1)
    if shape[:1] + shape[2:] != wanted:
        hint = ""
        if shape[:-1] == wanted:
            hint = " The class axis must be the second: use .reshape(-1, C) on scores and .reshape(-1) on targets."
        if len(shape) == 2 and len(wanted) == 1:
            raise ValueError(f"Expected input batch_size ({shape[0]}) to match target batch_size ({wanted[0]}).")
        raise RuntimeError(f"Expected target size {[shape[0], *shape[2:]]} for scores of shape {list(shape)}, got {list(wanted)}.{hint}")
    if len(shape) == 2:
        return input
    return permute(input, dims=(0, *range(2, len(shape)), 1)).reshape(-1, shape[1])


def nll_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean") -> Tensor:
    """Minus the log-probability ``input`` (N, C, ...) of the class ``target`` (N, ...), weighted by class.

    The mean is over the weights of the targets that count: those that are not ``ignore_index``.

    Raises:
        IndexError: a target outside [0, C).
    """
    return _nll("nll_loss", input, target, weight, ignore_index, _checked(reduction), 0.0, scores=False)


def _counted(op: str, target: Tensor, C: int, ignore_index: int) -> tuple[Tensor, Tensor]:
    """Targets as one row, checked, with 0 for those to be ignored; and which of them count."""
    if target.array.dtype.kind not in "iu":
        raise RuntimeError(f"{op}: expected integer targets (Long), got {target.dtype}; use .long()")
    ids = target.array.reshape(-1)
    counts = ids != ignore_index
    if xp_of(ids) is np:  # on a GPU it would make the host wait: there the loss of such a target is nan
        bad = ids[counts & ((ids < 0) | (ids >= C))]
        if bad.size:
            raise IndexError(f"Target {bad[0]} is out of bounds: there are {C} classes, 0 to {C - 1}, and ignore_index={ignore_index}")
    return wrap(xp_of(ids).where(counts, ids, 0).astype(np.int64)), wrap(counts)


def _nll(
    op: str, input: Tensor, target: Tensor, weight: Any, ignore_index: int, reduction: str, smoothing: float, *, scores: bool
) -> Tensor:
    """The loss of log-probabilities or, with ``scores``, of raw scores, which softmax and loss take in one step."""
    if scores and smoothing:
        input, scores = _log_softmax(input, dim=0 if input.ndim == 1 else 1), False
    rows = _class_last(op, input, target)
    C = rows.shape[1]
    safe, counts = _counted(op, target, C, ignore_index)
    if weight is not None and tuple(weight.shape) != (C,):
        raise RuntimeError(
            f"{op}: weight tensor should be defined either for all {C} classes or no classes, got shape {tuple(weight.shape)}"
        )
    share = counts.array.astype(rows.array.dtype)
    if weight is not None:
        share = share * weight.array[safe.array]
    losses = softmax_nll(rows, safe) if scores else -gather(rows, 1, safe.reshape(-1, 1)).reshape(-1)
    losses = losses * wrap(share)
    if smoothing:
        weighted = rows if weight is None else rows * weight
        losses = losses * (1 - smoothing) - sum(weighted, 1) * (smoothing / C)
    # `where` comes last: neither an ignored -inf nor the 0/0 of a mean over nothing may reach a gradient as 0 * inf
    losses = where(counts, losses, 0.0)
    if reduction == "none":
        return losses.reshape(target.shape if input.ndim > 1 else ())
    total = sum(losses)
    return total if reduction == "sum" else total / wrap(xp_of(share).asarray(share.sum()))


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Minus the log of the probability that ``softmax(input)`` gives to the target, in nats.

    Args:
        input: raw scores (C), (N, C) or (N, C, ...); *not* probabilities.
        target: classes (), (N), (N, ...) as integers, or probabilities of the shape of ``input``.
        weight: (C), a factor for each class.
        ignore_index: targets of this value count for nothing.
        reduction: ``"mean"`` over what counts, ``"sum"`` or ``"none"``.
        label_smoothing: this share of the target's probability is spread over all classes.

    ``torch.nn.functional.cross_entropy``.

    >>> import tinyrnn
    >>> from tinyrnn.nn import functional as F
    >>> F.cross_entropy(tinyrnn.zeros(2, 4), tinyrnn.tensor([0, 3]))  # ln 4
    tensor(1.3863)

    Raises:
        IndexError: a target outside [0, C).
        ValueError, RuntimeError: shapes that do not fit, targets of the wrong kind.
    """
    _checked(reduction)
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    axis = 0 if input.ndim == 1 else 1
    if not target.is_floating_point():
        return _nll("cross_entropy", input, target, weight, ignore_index, reduction, label_smoothing, scores=True)
    if target.shape != input.shape:
        raise RuntimeError(
            f"cross_entropy: class probabilities must have the shape of the scores {list(input.shape)}, got {list(target.shape)}; "
            "class numbers must be integers"
        )
    C = input.shape[axis]
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / C
    terms = -(log_softmax(input, axis) * target)
    if weight is not None:
        shape = [1] * input.ndim
        shape[axis] = C
        terms = terms * weight.reshape(shape)
    losses = sum(terms, axis)
    if reduction == "mean":
        return sum(losses) / losses.numel()
    return _reduce(losses, reduction)


def linear_cross_entropy(
    input: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """``cross_entropy(linear(input, weight, bias), target)`` without ever holding all the scores.

    For large vocabularies: input (..., H), weight (V, H), bias (V,) and targets (...) of the same leading shape. Scores
    are made, used and forgotten in blocks of rows, so memory is that of the gradients, not of (..., V) scores.

    Raises:
        IndexError: a target outside [0, V).
        RuntimeError: shapes that do not fit.
        ValueError: ``reduction`` is not "mean" or "sum".
    """
    if _checked(reduction) == "none":
        raise ValueError("linear_cross_entropy adds up as it goes: reduction must be 'mean' or 'sum'")
    if input.shape[:-1] != target.shape or weight.shape[1:] != input.shape[-1:]:
        raise RuntimeError(
            f"linear_cross_entropy: expected input (..., H), weight (V, H) and target (...), got {tuple(input.shape)}, "
            f"{tuple(weight.shape)} and {tuple(target.shape)}"
        )
    safe, counts = _counted("linear_cross_entropy", target, weight.shape[0], ignore_index)
    share = counts.array.astype(input.array.dtype)
    if reduction == "mean":
        with quiet():  # a mean over nothing is nan
            share /= share.sum()
    return linear_nll(input.reshape(-1, input.shape[-1]), weight, bias, safe, wrap(share))


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """The squared difference."""
    _check_same_size("mse_loss", input, target)
    return _reduce(square(input - target), reduction)


def _check_same_size(op: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({tuple(target.shape)}) that is different to the input size ({tuple(input.shape)}) in {op}. "
            "This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean", pos_weight: Tensor | None = None
) -> Tensor:
    """The cross-entropy of ``sigmoid(input)`` with probabilities ``target`` of the same shape, without overflow."""
    if input.shape != target.shape:
        raise ValueError(f"Target size ({tuple(target.shape)}) must be the same as input size ({tuple(input.shape)})")
    positive = 1 if pos_weight is None else 1 + (pos_weight - 1) * target
    # beyond 40, log(1 + exp(-x)) is -x to the last bit, and exp(-x) could overflow
    losses = (1 - target) * input + positive * softplus(-input, threshold=40.0)
    return _reduce(losses if weight is None else losses * weight, reduction)
