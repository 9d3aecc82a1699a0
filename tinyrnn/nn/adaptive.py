"""A softmax for large vocabularies, in which rare words cost little."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..backend import xp_of
from ..ops.elementwise import where
from ..ops.index import gather, index_add
from ..ops.reduce import log_softmax
from ..ops.shape import cat
from ..ops.statistics import nonzero
from ..tensor import Tensor
from .containers import ModuleList, Sequential
from .layers import Linear
from .module import Module


class _ASMoutput(NamedTuple):
    """What :class:`AdaptiveLogSoftmaxWithLoss` returns."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """The log-probabilities of classes that are numbered by falling frequency, and their loss (Grave et al., 2017).

    The classes are cut at ``cutoffs`` into a short list and clusters. A softmax, the head, chooses one of the short
    list or a cluster, another one a class of the cluster; the tail of cluster k sees ``in_features / div_value**k``
    features, k from 1. A batch pays only for the clusters that its targets are in.

    Args:
        in_features: H of the inputs (N, H), or (H).
        n_classes: how many classes there are.
        cutoffs: the first class of each cluster, rising.
        div_value: by how much each cluster has fewer features than the one before.
        head_bias: whether the head has a bias.

    Returns a pair: ``output`` (N), the log-probability of each target, and ``loss``, minus their mean.
    ``torch.nn.AdaptiveLogSoftmaxWithLoss``.

    >>> import tinyrnn
    >>> from tinyrnn import nn
    >>> words = nn.AdaptiveLogSoftmaxWithLoss(64, 10_000, [100, 1000])
    >>> output, loss = words(tinyrnn.randn(3, 64), tinyrnn.tensor([5, 700, 9999]))
    >>> output.shape, words.log_prob(tinyrnn.randn(3, 64)).shape
    (tinyrnn.Size([3]), tinyrnn.Size([3, 10000]))

    Raises:
        ValueError: cutoffs that do not rise, or are not in [1, n_classes).
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        edges = [0, *cutoffs, n_classes]
        if any(int(c) != c for c in cutoffs) or any(low >= high for low, high in pairwise(edges)):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, "
                f"where each value is between 1 and n_classes-1, got {cutoffs} of {n_classes} classes"
            )
        self.in_features, self.n_classes = in_features, n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size, self.n_clusters = cutoffs[0], len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        where_to = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, head_bias, **where_to)
        self.tail = ModuleList()
        for k, (low, high) in enumerate(pairwise(self.cutoffs)):
            narrow = int(in_features // div_value ** (k + 1))
            self.tail.append(Sequential(Linear(in_features, narrow, False, **where_to), Linear(narrow, high - low, False, **where_to)))

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        for layer in (self.head, *(layer for pair in self.tail for layer in pair)):
            layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """Inputs (N, H) and targets (N), or (H) and (), to the log-probabilities of the targets and their loss.

        Raises:
            RuntimeError: shapes that do not fit, a target outside [0, n_classes) (on a GPU nobody looks).
        """
        if target_.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if target_.ndim and input_.shape[0] != target_.shape[0]:
            raise RuntimeError("Input and target should have the same size in the batch dimension.")
        if input_.ndim != target_.ndim + 1:
            raise RuntimeError(
                f"{target_.ndim}D target tensor expects {target_.ndim + 1}D input tensors, but found inputs with size {input_.shape}"
            )
        ids = target_.array
        if ids.dtype.kind not in "iu":
            raise RuntimeError(f"AdaptiveLogSoftmaxWithLoss: expected integer targets, got {target_.dtype}; use .long()")
        if xp_of(ids) is np and ids.size and not (ids.min() >= 0 and ids.max() < self.n_classes):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range [{ids.min()}, {ids.max()}] were found."
            )
        input, target = input_.reshape(-1, input_.shape[-1]), target_.reshape(-1).long()
        of_head, parts = target, []
        for k, (low, high) in enumerate(pairwise(self.cutoffs)):
            inside = (target >= low) & (target < high)
            of_head = where(inside, self.shortlist_size + k, of_head)
            rows = nonzero(inside)[:, 0]
            if len(rows):
                within = log_softmax(self.tail[k](input.index_select(0, rows)), dim=1)
                parts.append((rows, gather(within, 1, (target[rows] - low).unsqueeze(1))[:, 0]))
        output = gather(log_softmax(self.head(input), dim=1), 1, of_head.unsqueeze(1))[:, 0]
        for rows, part in parts:
            output = index_add(output, 0, rows, part)
        return _ASMoutput(output.reshape(target_.shape), (-output).mean())

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes: (N, H) to (N, n_classes)."""
        head = log_softmax(self.head(input), dim=1)
        parts = [head[:, : self.shortlist_size]]
        for k, tail in enumerate(self.tail):
            parts.append(log_softmax(tail(input), dim=1) + head[:, self.shortlist_size + k, None])
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The likeliest class of each row: (N, H) to (N). Tails are computed for rows whose head chose a cluster."""
        choice = self.head(input).argmax(1)
        rows = nonzero(choice >= self.shortlist_size)[:, 0]
        return choice.index_copy(0, rows, self.log_prob(input.index_select(0, rows)).argmax(1)) if len(rows) else choice
