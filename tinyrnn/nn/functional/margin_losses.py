"""Losses that want a score beyond a margin, as functions, as in ``torch.nn.functional``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...backend import xp_of
from ...ops.elementwise import clamp, exp, minimum, pow, where
from ...ops.index import gather, one_hot
from ...ops.maths import log1p
from ...ops.reduce import mean
from ...tensor import Tensor
from .activations import logsigmoid
from .checks import need_tensors
from .distances import pairwise_distance
from .losses import named_reduction, reduced

__all__ = [
    "hinge_embedding_loss",
    "multi_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """A distance ``input`` where ``target`` is 1; where it is -1, what the distance lacks to be ``margin``."""
    need_tensors("hinge_embedding_loss", input=input, target=target)
    losses = where(target == -1, 0.0, input) + where(target == 1, 0.0, clamp(margin - input, min=0))
    return reduced(losses, named_reduction(size_average, reduce, reduction))


def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Tensor:
    """``log(1 + exp(-target * input))``, of targets 1 and -1."""
    need_tensors("soft_margin_loss", input=input, target=target)
    return reduced(log1p(exp(-target * input)), named_reduction(size_average, reduce, reduction))


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """What the score of the target lacks to be above each other score by ``margin``, to the power ``p``; the sum over C.

    Scores (N, C) and classes (N), or (C) and (); ``weight`` (C) counts by target.

    Raises:
        RuntimeError: a target outside [0, C) (on a GPU nobody looks), shapes or dtypes that do not fit.
    """
    need_tensors("multi_margin_loss", input=input, target=target)
    if p not in (1, 2):
        raise ValueError(f"only p == 1 and p == 2 supported, got {p}")
    rows = input if input.ndim > 1 else input.reshape(1, -1)
    N, C = rows.shape if rows.ndim == 2 else (0, 0)
    if not C:
        raise RuntimeError(f"multi_margin_loss: Expected non-empty scores (N, C) or (C), but got shape {tuple(input.shape)}")
    if target.ndim > 1 or target.numel() != N:
        raise RuntimeError(
            f"multi_margin_loss: Expected target size [{N}], but got {list(target.shape)}. Input has shape {list(input.shape)}."
        )
    if target.array.dtype != np.int64:
        raise RuntimeError(f"multi_margin_loss: expected targets of type Long but found {target.dtype}; use .long()")
    if xp_of(target.array) is np and not ((target.array >= 0) & (target.array < C)).all():
        raise RuntimeError(f"multi_margin_loss: target out of range, there are {C} classes, 0 to {C - 1}")
    classes = target.reshape(-1, 1)
    lacking = pow(clamp(margin - gather(rows, 1, classes) + rows, min=0), p)
    if weight is not None:
        if tuple(weight.shape) != (C,) or weight.dtype != input.dtype:
            raise RuntimeError(
                f"inconsistent weight: expected shape ({C},) of {input.dtype} but got {tuple(weight.shape)} of {weight.dtype}"
            )
        lacking = lacking * weight[classes]
    losses = mean(where(one_hot(classes[:, 0], C) == 1, 0.0, lacking), 1)
    losses = reduced(losses, named_reduction(size_average, reduce, reduction))
    return losses if losses.ndim == 0 or target.ndim else losses[0]


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The cross-entropy of ``sigmoid(input)`` with ``target``, zeros and ones, both (..., C): the mean over C."""
    need_tensors("multilabel_soft_margin_loss", input=input, target=target)
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    return reduced(mean(losses if weight is None else losses * weight, -1), named_reduction(size_average, reduce, reduction))


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """What the distance of ``negative`` lacks to be that of ``positive`` and ``margin`` more; all (N, D).

    Distances to ``anchor`` are :func:`pairwise_distance` (p, eps). With ``swap`` the negative's is to the nearer of
    ``anchor`` and ``positive``.
    """
    return triplet_margin_with_distance_loss(
        anchor,
        positive,
        negative,
        distance_function=lambda x, y: pairwise_distance(x, y, p, eps),
        margin=margin,
        swap=swap,
        reduction=named_reduction(size_average, reduce, reduction),
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """:func:`triplet_margin_loss` of any distance; the default is :func:`pairwise_distance`."""
    need_tensors("triplet_margin_loss", anchor=anchor, positive=positive, negative=negative)
    reduction = named_reduction(None, None, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced(clamp(margin + near - far, min=0), reduction)
