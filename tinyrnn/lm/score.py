"""How well a model predicts: nats and tokens counted together, so that no average can go wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import quiet
from ..devices import CPU, device
from ..engine import no_grad
from ..tensor import Tensor
from ..text.batches import IGNORE


@dataclass(frozen=True)
class Score:
    """Nats summed over tokens. Two scores add up to the score of both texts together.

    >>> Score(nats=20 * math.log(2), tokens=10)
    Score(1.3863 nats/token over 10 tokens = ppl 4.00 = 2.000 bits/token)
    >>> (Score(3.0, 1) + Score(1.0, 3)).per_token
    1.0

    Raises:
        ValueError: a property of a score over no tokens.
    """

    nats: float
    tokens: int

    def __add__(self, other: Score) -> Score:
        return Score(self.nats + other.nats, self.tokens + other.tokens)

    @property
    def per_token(self) -> float:
        """The cross-entropy in nats per token."""
        if self.tokens == 0:
            raise ValueError("a score over no tokens has no mean")
        return self.nats / self.tokens

    @property
    def perplexity(self) -> float:
        """``exp`` of the nats per token: among how many equally likely tokens the model is in doubt."""
        return math.exp(self.per_token) if self.per_token < 700 else math.inf

    @property
    def bits(self) -> float:
        """The cross-entropy in bits per token; per character, if these are the tokens."""
        return self.per_token / math.log(2)

    def __repr__(self) -> str:
        return (
            f"Score({self.per_token:.4f} nats/token over {self.tokens:,} tokens = ppl {self.perplexity:.2f} = {self.bits:.3f} bits/token)"
        )


def evaluate(model: Any, batches: Any, criterion: Callable[..., Tensor] | None = None) -> Score:
    """The score of a model on a stream of batches, with the state carried wherever the text goes on.

    Dropout is off and nothing is recorded; the model is left in the mode it was in. With
    ``SequentialBatches(..., exact=True)`` every token counts once.

    ``model`` and ``batches`` are a language model and its batches, or, with a ``criterion``, any module and batches
    ``(inputs, targets)``, as in :func:`tinyrnn.lm.fit`. The score is then the criterion's mean times the targets, in
    nats if the criterion is a cross-entropy.

    Raises:
        TypeError: the model has no method ``loss`` and there is no criterion, or a batch is not what they need.
        ValueError: the stream has no tokens to predict.
    """
    check_model(model, criterion)
    was_training = model.training
    model.eval()
    nats, tokens, state = Sum(), 0, None
    try:
        with no_grad(), quiet():
            for batch in batches:
                inputs, targets, continues = members(batch, criterion)
                count = targets_that_count(targets, criterion)
                inputs, targets = placed(model, inputs, targets, criterion)
                if criterion is None:
                    loss, state = model.loss(inputs, targets, state if continues else None, reduction="sum")
                    nats.add(loss)
                elif count:  # or the mean would be nan
                    nats.add(criterion(predict(model, inputs), targets), count)
                tokens += count
    finally:
        model.train(was_training)
    if tokens == 0:
        raise ValueError("evaluate: the batches hold no tokens to predict")
    return Score(nats.item(), tokens)


class Sum:
    """A sum of losses in float64, where they are: the host waits for a GPU only to read it."""

    def __init__(self) -> None:
        self.total: Any = 0.0

    def add(self, loss: Tensor, times: int = 1) -> None:
        """Add a loss as often as it stands for."""
        self.total = self.total + (loss.detach().double() if loss.is_cuda else loss.item()) * times

    def item(self) -> float:
        """As a Python number."""
        return float(self.total)


def device_of_model(model: Any) -> device:
    """Where its parameters are; those of a model without any, nowhere but in the computer's memory."""
    first = next(iter(model.parameters()), None)
    return CPU if first is None else first.device


def placed(model: Any, inputs: Any, targets: Tensor, criterion: Any) -> tuple[Any, Tensor]:
    """A batch where the model is. A language model looks at ids before they go to a GPU, which would not say what is wrong."""
    where = device_of_model(model)
    if where == CPU:
        return inputs, targets
    if criterion is None and hasattr(model, "check_ids"):
        model.check_ids(inputs, targets)
    return _moved(inputs, where), targets.to(where)


def _moved(inputs: Any, where: device) -> Any:
    if hasattr(inputs, "to"):
        return inputs.to(where)
    return [_moved(part, where) for part in inputs] if isinstance(inputs, (tuple, list)) else inputs


def check_model(model: Any, criterion: Any) -> None:
    """Refuse what can be neither trained nor evaluated."""
    if criterion is not None and not callable(criterion):
        raise TypeError(f"criterion must be called as criterion(model(inputs), targets), and a {type(criterion).__name__} cannot be called")
    if criterion is None and not hasattr(model, "loss"):
        raise TypeError(
            f"without a criterion the model gives the loss itself, but {type(model).__name__} has no method loss(inputs, targets, state) "
            "as lm.LanguageModel has it. Pass criterion=, such as nn.CrossEntropyLoss()"
        )


def members(batch: Any, criterion: Any) -> tuple[Any, Any, bool]:
    """Inputs, targets, and whether a state may be carried.

    Models under a criterion are not told the last of these, so their batches need not have it.
    """
    sequence = isinstance(batch, (tuple, list))
    parts = list(batch) if sequence else []
    if criterion is not None and len(parts) == 2:
        parts.append(False)
    if len(parts) == 3 and isinstance(parts[1], Tensor) and isinstance(parts[2], (bool, np.bool_)):
        return parts[0], parts[1], bool(parts[2])
    came = f"({', '.join(type(part).__name__ for part in batch)})" if sequence else type(batch).__name__
    if criterion is None:
        raise TypeError(
            f"a batch for a language model is (inputs, targets, continues): two tensors of ids (T, N), and whether the text goes on from "
            f"the batch before, as text.SequentialBatches gives them; got {came}. For batches (inputs, targets), pass criterion="
        )
    raise TypeError(
        f"with a criterion a batch is (inputs, targets), where targets is a tensor; got {came}. Several inputs go into one tuple: "
        "((x1, x2), targets) calls model(x1, x2)"
    )


def predict(model: Any, inputs: Any) -> Any:
    """What the model makes of the inputs; several are spread."""
    return model(*inputs) if isinstance(inputs, (tuple, list)) else model(inputs)


def targets_that_count(targets: Tensor, criterion: Any) -> int:
    """Over how many targets a mean loss is taken: classes that are not ignored, or the rows of a batch of real numbers."""
    if targets.is_floating_point():
        return len(targets)
    return int((targets != getattr(criterion, "ignore_index", IGNORE)).sum())
