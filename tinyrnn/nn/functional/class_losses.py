"""The cross-entropy of classes as functions, as in ``torch.nn.functional``; :mod:`tinyrnn.nn.losses` has modules."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...backend import quiet, xp_of
from ...engine import wrap
from ...ops.elementwise import where
from ...ops.index import gather
from ...ops.linalg import linear
from ...ops.losses import linear_nll, softmax_nll
from ...ops.reduce import log_softmax, sum
from ...ops.shape import permute
from ...tensor import Tensor
from .checks import need_floats, need_tensors
from .losses import named_reduction, reduced

__all__ = ["cross_entropy", "linear_cross_entropy", "nll_loss"]


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


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log-probability ``input`` (N, C, ...) of the class ``target`` (N, ...), weighted by class.

    The mean is over the weights of the targets that count: those that are not ``ignore_index``.

    Raises:
        IndexError: a target outside [0, C).
    """
    return _nll("nll_loss", input, target, weight, ignore_index, named_reduction(size_average, reduce, reduction), 0.0, scores=False)


def _counted(op: str, target: Tensor, C: int, ignore_index: int) -> tuple[Tensor, Tensor]:
    """Targets as one row, checked, with 0 for those to be ignored; and which of them count."""
    if target.array.dtype not in (np.int64, np.uint8):
        raise RuntimeError(f"{op}: expected target dtype to be Long or Byte, but got {target.dtype}; use .long()")
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
    need_floats(op, input)
    if weight is not None and weight.dtype != input.dtype:
        raise RuntimeError(f"{op}: expected weights of {input.dtype}, like the input, but found {weight.dtype}; use weight.to(x.dtype)")
    if scores and smoothing:
        input, scores = log_softmax(input, dim=0 if input.ndim == 1 else 1), False
    need_tensors(op, target=target)
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
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Minus the log of the probability that ``softmax(input)`` gives to the target, in nats.

    Args:
        input: raw scores (C), (N, C) or (N, C, ...); *not* probabilities.
        target: classes (), (N), (N, ...) as integers, or probabilities of the shape of ``input``.
        weight: (C), a factor for each class.
        ignore_index: targets of this value count for nothing.
        size_average, reduce: deprecated, as PyTorch has them; give ``reduction``.
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
    reduction = named_reduction(size_average, reduce, reduction)
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    need_tensors("cross_entropy", input=input, target=target)
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
    terms = -(log_softmax(input, dim=axis) * target)
    if weight is not None:
        shape = [1] * input.ndim
        shape[axis] = C
        terms = terms * weight.reshape(shape)
    losses = sum(terms, axis)
    if reduction == "mean":
        return sum(losses) / losses.numel()
    return reduced(losses, reduction)


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """``cross_entropy(linear(input, linear_weight, linear_bias), target)`` without ever holding all the scores.

    For large vocabularies: input (..., H), linear_weight (V, H), linear_bias (V,) and targets (...) of the same leading
    shape. Scores are made, used and forgotten in blocks of rows, so memory is that of the gradients, not of (..., V) scores.
    What is done only with all scores at hand (``weight``, ``label_smoothing``, ``reduction="none"``, probabilities as
    targets) takes the long way. ``torch.nn.functional.linear_cross_entropy``.

    Raises:
        IndexError: a target outside [0, V).
        RuntimeError: shapes that do not fit.
    """
    ignored = -100 if ignore_index is None else ignore_index
    reduction = named_reduction(None, None, reduction)
    if weight is not None or label_smoothing or reduction == "none" or target.is_floating_point():
        scores = linear(input, linear_weight, linear_bias)
        if not target.is_floating_point() and scores.ndim > 2:
            scores, shape = scores.reshape(-1, scores.shape[-1]), target.shape
            loss = cross_entropy(scores, target.reshape(-1), weight, None, ignored, None, reduction, label_smoothing)
            return loss.reshape(shape) if reduction == "none" else loss
        return cross_entropy(scores, target, weight, None, ignored, None, reduction, label_smoothing)
    if input.shape[:-1] != target.shape or linear_weight.shape[1:] != input.shape[-1:]:
        raise RuntimeError(
            f"linear_cross_entropy: expected input (..., H), linear_weight (V, H) and target (...), got {tuple(input.shape)}, "
            f"{tuple(linear_weight.shape)} and {tuple(target.shape)}"
        )
    safe, counts = _counted("linear_cross_entropy", target, linear_weight.shape[0], ignored)
    share = counts.array.astype(input.array.dtype)
    if reduction == "mean":
        with quiet():  # a mean over nothing is nan
            share /= share.sum()
    return linear_nll(input.reshape(-1, input.shape[-1]), linear_weight, linear_bias, safe, wrap(share))
