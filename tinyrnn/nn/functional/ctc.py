"""Connectionist temporal classification as a function, as in ``torch.nn.functional``."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np

from ...backend import Array, as_library_of, to_host, xp_of
from ...engine import wrap
from ...ops.ctc import ctc_nll
from ...ops.elementwise import where
from ...ops.reduce import mean
from ...tensor import Tensor
from .checks import need_tensors
from .losses import named_reduction, reduced

__all__ = ["ctc_loss"]


def _lengths(name: str, given: Tensor | Sequence[int], N: int, most: int) -> np.ndarray:
    """One length for each sequence, on the host."""
    if isinstance(given, Tensor):
        if given.array.dtype.kind not in "iu":
            raise RuntimeError(f"{name} must be integral, got {given.dtype}")
        lengths = to_host(given.array).astype(np.int64).reshape(-1)
    elif isinstance(given, (tuple, list)):
        lengths = np.array([operator.index(n) for n in given], np.int64)
    else:
        raise TypeError(f"ctc_loss(): argument '{name}' must be Tensor or tuple of ints, not {type(given).__name__}")
    if len(lengths) != N:
        raise RuntimeError(f"{name} must be of size batch_size: expected {N}, got {len(lengths)}")
    for n in lengths:
        if not 0 <= n <= most:
            bound = "at least 0" if n < 0 else f"at most {most}"
            raise RuntimeError(f"ctc_loss: Expected {name} to have value {bound}, but got value {n}")
    return lengths


def _labels(targets: Array, lengths: np.ndarray, blank: int, C: int) -> Array:
    """Targets, padded (N, S) or one after another, as (N, longest), with ``blank`` beyond their lengths."""
    xp = xp_of(targets)
    S = int(lengths.max())
    inside = np.arange(S) < lengths[:, None]
    if targets.ndim == 1:
        at = (np.cumsum(lengths) - lengths)[:, None] + np.arange(S)
        targets = targets[xp.asarray(np.where(inside, at, 0))]
    labels = xp.where(xp.asarray(inside), targets[:, :S], blank).astype(np.int64)
    if xp is np and labels.size and not 0 <= (worst := max(labels.min(), labels.max(), key=lambda c: abs(2 * c - C + 1))) < C:
        raise IndexError(f"ctc_loss: target {worst} is out of bounds: there are {C} classes, 0 to {C - 1}")
    return labels


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Minus the log-probability that a sequence says its targets, over all ways to align them (Graves et al., 2006).

    At each time step the sequence says a class or ``blank``; what it says, once repetitions are merged and then blanks
    left out, are the targets: with - for blank, ``aa-abb-`` says ``aab``. The recursion is explained in
    :func:`tinyrnn.ops.ctc.ctc_nll`.

    Args:
        log_probs: (T, N, C), or (T, C) for one sequence: logarithms of probabilities, from ``log_softmax``.
        targets: classes other than ``blank``; (N, S), or one after another, (sum of target_lengths,).
        input_lengths: (N,), how many time steps count; at most T.
        target_lengths: (N,), how many targets there are.
        blank: the class that says nothing.
        reduction: ``"mean"`` divides each loss by its target length, then takes the mean; ``"sum"`` or ``"none"``.
        zero_infinity: count sequences that are too short for their targets as 0 instead of ``inf``.

    ``torch.nn.functional.ctc_loss``.

    >>> import tinyrnn
    >>> from tinyrnn.nn import functional as F
    >>> even = tinyrnn.zeros(2, 1, 3).log_softmax(2)          # 9 ways to say something in two steps; aa, a- and -a say a
    >>> F.ctc_loss(even, tinyrnn.tensor([[1]]), (2,), (1,)).exp()
    tensor(3.)

    Raises:
        IndexError: a target outside [0, C) (on a GPU nobody looks).
        NotImplementedError: log-probabilities that are neither ``float32`` nor ``float64``.
        RuntimeError: shapes that do not fit, a length or ``blank`` out of range.
        TypeError: lengths that are neither tensors nor tuples.
    """
    need_tensors("ctc_loss", log_probs=log_probs, targets=targets)
    reduction = named_reduction(None, None, reduction)
    if log_probs.ndim not in (2, 3):
        raise RuntimeError(f"ctc_loss: Expected log_probs (T, N, C) or (T, C), but got shape {tuple(log_probs.shape)}")
    if log_probs.array.dtype not in (np.float32, np.float64):
        raise NotImplementedError(f'"ctc_loss" not implemented for {log_probs.dtype}: use .float()')
    batch = log_probs if log_probs.ndim == 3 else log_probs.unsqueeze(1)
    if not batch.numel():
        raise RuntimeError("log_probs tensor must not be empty")
    T, N, C = batch.shape
    if not 0 <= blank < C:
        raise RuntimeError(f"blank must be in label range: 0 to {C - 1}, got {blank}")
    inputs = _lengths("input_lengths", input_lengths, N, T)
    shape = tuple(targets.shape)
    if len(shape) not in (1, 2) or (len(shape) == 2 and shape[0] != N):
        raise RuntimeError(f"ctc_loss: Expected targets (N={N}, S), or in one row, but got shape {shape}")
    counts = _lengths("target_lengths", target_lengths, N, shape[-1])
    if len(shape) == 1 and counts.sum() != len(targets):
        raise RuntimeError(f"ctc_loss: Expected targets of size {counts.sum()}, the sum of target_lengths, but got size {len(targets)}")
    xp = xp_of(log_probs.array)
    labels = _labels(as_library_of(log_probs.array, targets.array), counts, blank, C)
    losses = ctc_nll(batch, wrap(labels), wrap(xp.asarray(inputs)), wrap(xp.asarray(counts)), blank=blank)
    if zero_infinity:
        losses = where(losses == np.inf, 0.0, losses)
    if reduction == "mean":
        return mean(losses / wrap(xp.asarray(np.maximum(counts, 1), batch.array.dtype)))
    losses = reduced(losses, reduction)
    return losses if reduction == "sum" or log_probs.ndim == 3 else losses[0]
