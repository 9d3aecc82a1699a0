"""How well a model predicts: nats and tokens counted together, so that no average can go wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..backend import quiet
from ..engine import no_grad
from ..text.batches import IGNORE
from .model import LanguageModel


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


def evaluate(model: LanguageModel, batches: Any) -> Score:
    """The score of a model on a stream of batches, with the state carried wherever the text goes on.

    Dropout is off and nothing is recorded; the model is left in the mode it was in. With
    ``SequentialBatches(..., exact=True)`` every token counts once.

    Raises:
        ValueError: the stream has no tokens to predict.
    """
    was_training = model.training
    model.eval()
    score, state = Score(0.0, 0), None
    try:
        with no_grad(), quiet():
            for inputs, targets, continues in batches:
                loss, state = model.loss(inputs, targets, state if continues else None, reduction="sum")
                score += Score(loss.item(), int((targets != IGNORE).sum()))
    finally:
        model.train(was_training)
    if score.tokens == 0:
        raise ValueError("evaluate: the batches hold no tokens to predict")
    return score
