"""Losses as functions, as in ``torch.nn.functional``; :mod:`tinyrnn.nn.losses` has them as modules."""

from __future__ import annotations

import math
import warnings

import numpy as np

from ...backend import xp_of
from ...creation import full_like
from ...ops.activations import softplus
from ...ops.elementwise import abs, clamp, exp, log, sqrt, square, where
from ...ops.losses import binary_nll
from ...ops.reduce import mean, sum
from ...tensor import Tensor
from .checks import need_tensors

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "margin_ranking_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]


def named_reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that the arguments mean; ``size_average`` and ``reduce`` are what PyTorch had before ``reduction``."""
    if size_average is not None or reduce is not None:
        reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
        warnings.warn(f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.", stacklevel=3)
    if reduction == "elementwise_mean":
        warnings.warn("reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.", stacklevel=3)
        reduction = "mean"
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction; expected 'none', 'mean' or 'sum'")
    return reduction


def reduced(losses: Tensor, reduction: str, weight: Tensor | None = None) -> Tensor:
    """Losses as they are, summed, or averaged; with ``weight``, weighted, and the mean over the weights."""
    if weight is not None:
        losses = losses * weight
    if reduction == "none":
        return losses
    if reduction == "sum":
        return sum(losses)
    return mean(losses) if weight is None else sum(losses) / sum(weight)


def _check_same_size(op: str, input: Tensor, target: Tensor, weight: Tensor | None = None) -> None:
    need_tensors(op, input=input, target=target)
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({tuple(target.shape)}) that is different to the input size ({tuple(input.shape)}) in {op}. "
            "This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )
    if weight is not None and weight.shape != input.shape:
        raise ValueError(f"Weights and input must have the same size, got {tuple(weight.shape)} and {tuple(input.shape)}.")


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The squared difference."""
    _check_same_size("mse_loss", input, target, weight)
    return reduced(square(input - target), named_reduction(size_average, reduce, reduction), weight)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The absolute difference."""
    _check_same_size("l1_loss", input, target, weight)
    return reduced(abs(input - target), named_reduction(size_average, reduce, reduction), weight)


def _huber(input: Tensor, target: Tensor, delta: float) -> Tensor:
    distance = abs(input - target)
    return where(distance < delta, 0.5 * square(distance), delta * (distance - 0.5 * delta))


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """The absolute difference less ``beta / 2``; where it is below ``beta``, half its square over ``beta`` instead."""
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta, got {beta}")
    _check_same_size("smooth_l1_loss", input, target)
    losses = _huber(input, target, beta) / beta if beta else abs(input - target)
    return reduced(losses, named_reduction(size_average, reduce, reduction))


def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None) -> Tensor:
    """Half the squared difference, which beyond ``delta`` goes on straight (Huber, 1964)."""
    if delta <= 0:
        raise RuntimeError(f"huber_loss does not support non-positive values for delta, got {delta}")
    _check_same_size("huber_loss", input, target, weight)
    losses = _huber(input, target, delta)
    return reduced(losses if weight is None else losses * weight, named_reduction(None, None, reduction))  # a plain mean, unlike the others


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The cross-entropy of probabilities ``input`` with probabilities ``target``; a logarithm counts as at least -100.

    Of raw scores take :func:`binary_cross_entropy_with_logits`, which loses no digits.

    Raises:
        RuntimeError: a number outside [0, 1] (on a GPU nobody looks), or two dtypes.
        ValueError: two shapes.
    """
    need_tensors("binary_cross_entropy", input=input, target=target)
    if input.shape != target.shape:
        raise ValueError(
            f"Using a target size ({tuple(target.shape)}) that is different to the input size ({tuple(input.shape)}) is deprecated. "
            "Please ensure they have the same size."
        )
    for name, x in (("input", input), ("target", target)):
        if x.dtype != input.dtype or not x.is_floating_point():
            raise RuntimeError(f"binary_cross_entropy: found dtype {x.dtype} of {name} but expected {input.dtype}; use .float()")
        if xp_of(x.array) is np and not ((x.array >= 0) & (x.array <= 1)).all():
            raise RuntimeError(f"binary_cross_entropy: all elements of {name} should be between 0 and 1")
    losses = binary_nll(input, target)
    return reduced(losses if weight is None else losses * weight, named_reduction(size_average, reduce, reduction))


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """The cross-entropy of ``sigmoid(input)`` with probabilities ``target`` of the same shape, without overflow."""
    need_tensors("binary_cross_entropy_with_logits", input=input, target=target)
    if input.shape != target.shape:
        raise ValueError(f"Target size ({tuple(target.shape)}) must be the same as input size ({tuple(input.shape)})")
    if not target.is_floating_point():
        raise RuntimeError(f"binary_cross_entropy_with_logits: expected floating targets, got {target.dtype}; use .float()")
    positive = 1 if pos_weight is None else 1 + (pos_weight - 1) * target
    # beyond 40, log(1 + exp(-x)) is -x to the last bit, and exp(-x) could overflow
    losses = (1 - target) * input + positive * softplus(-input, threshold=40.0)
    return reduced(losses if weight is None else losses * weight, named_reduction(size_average, reduce, reduction))


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """How far log-probabilities ``input`` are from probabilities ``target``: ``target * (log(target) - input)``.

    The divergence itself is ``reduction="batchmean"``: the sum over the number of rows; ``"mean"`` divides by the number
    of elements. With ``log_target`` the target holds log-probabilities as well.
    """
    need_tensors("kl_div", input=input, target=target)
    if not (input.is_floating_point() and target.is_floating_point()):
        raise RuntimeError(f"kl_div: Integral inputs not supported, got {input.dtype} and {target.dtype}")
    by_rows = reduction == "batchmean" and size_average is reduce is None
    reduction = "sum" if by_rows else named_reduction(size_average, reduce, reduction)
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size. 'batchmean' divides only by the "
            "batch size, and aligns with the KL div math definition.",
            stacklevel=2,
        )
    if log_target:
        losses = exp(target) * (target - input)
    else:
        losses = target * (log(where(target == 0, 1.0, target)) - input)
    total = reduced(losses, reduction)
    return total / input.shape[0] if by_rows and input.ndim else total


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log-probability of counts ``target`` whose mean is ``exp(input)``, less what the target alone decides.

    Args:
        log_input: ``input`` is the logarithm of the mean; else the mean, to which ``eps`` is added before a logarithm.
        full: add Stirling's approximation of ``log(target!)``, for targets above 1.
    """
    need_tensors("poisson_nll_loss", input=input, target=target)
    losses = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        n = where(target > 1, target, 1.0)
        losses = losses + where(target > 1, n * log(n) - n + 0.5 * log(2 * math.pi * n), 0.0)
    return reduced(losses, named_reduction(size_average, reduce, reduction))


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """Minus the log-density of ``target`` under a normal distribution of mean ``input`` and variance ``var``.

    ``var`` is of the shape of ``input``, or lacks its last axis, or has size 1 there, or is a number. It counts as at
    least ``eps``, which gradients do not see. The constant ``log(2 pi) / 2`` is added with ``full``.

    Raises:
        ValueError: a negative variance (of a tensor on a GPU nobody looks), or one of another shape.
    """
    need_tensors("gaussian_nll_loss", input=input, target=target)
    variance = var if isinstance(var, Tensor) else full_like(input, var)
    if variance.shape == input.shape[:-1] and variance.shape != input.shape:
        variance = variance.unsqueeze(-1)
    elif variance.shape not in (input.shape, (*input.shape[:-1], 1)):
        raise ValueError(f"var is of incorrect size: expected {tuple(input.shape)}, perhaps with 1 as last, got {tuple(variance.shape)}")
    if xp_of(variance.array) is np and (variance.array < 0).any():
        raise ValueError("var has negative entry/entries")
    variance = variance + clamp(eps - variance.detach(), min=0)
    losses = 0.5 * (log(variance) + square(input - target) / variance)
    return reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, named_reduction(None, None, reduction))


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``1 - cos`` of the angle between rows where ``target`` is 1; where it is -1, what ``cos`` is above ``margin``.

    Rows (N, D) and targets (N), or (D) and ().
    """
    if target.ndim > 1:
        raise RuntimeError(f"cosine_embedding_loss: 0D or 1D target tensor expected, multi-target not supported, got {target.ndim}D")
    if not input1.ndim == input2.ndim == target.ndim + 1:
        raise RuntimeError(
            f"cosine_embedding_loss: {target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} and {list(input2.shape)}"
        )
    tiny = 1e-12
    lengths = sqrt((sum(square(input1), -1) + tiny) * (sum(square(input2), -1) + tiny))
    cosine = sum(input1 * input2, -1) / lengths
    apart = where(target == -1, clamp(cosine - margin, min=0), 0.0)
    return reduced(where(target == 1, 1 - cosine, apart), named_reduction(size_average, reduce, reduction))


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """What ``input1`` lacks to be above ``input2`` by ``margin``, where ``target`` is 1; the other way where it is -1."""
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            "margin_ranking_loss: All input tensors should have same dimension but got sizes: "
            f"input1: {tuple(input1.shape)}, input2: {tuple(input2.shape)}, target: {tuple(target.shape)}"
        )
    return reduced(clamp(margin - target * (input1 - input2), min=0), named_reduction(size_average, reduce, reduction))
