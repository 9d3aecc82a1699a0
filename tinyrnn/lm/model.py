"""A recurrent language model: embedding, recurrent layers, and scores for the next token."""

from __future__ import annotations

from typing import Any

from .. import nn
from ..nn import functional as F
from ..ops.index import check_ids
from ..tensor import Tensor
from ..text.batches import IGNORE

LARGE_VOCABULARY = 4096  # from here on the scores of a whole batch would be the largest thing in memory
CELLS: dict[str, Any] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN, "rnn_relu": nn.RNN}


class LanguageModel(nn.Module):
    """Reads tokens and scores, after each, what may come next.

    Args:
        vocab_size: V, how many symbols there are.
        embedding_dim: E, the size of a symbol's vector.
        hidden_size: H, units in a recurrent layer.
        num_layers: recurrent layers on top of one another.
        cell: ``"lstm"``, ``"gru"``, ``"rnn"`` (tanh) or ``"rnn_relu"``.
        dropout: probability, after the embedding, between layers and after the recurrence.
        tied: let the output layer use the embedding's weights (Press and Wolf, 2017); needs E = H.

    The parts are named and initialised as in PyTorch's word language model: ``encoder``, ``rnn``, ``decoder``.

    >>> import tinyrnn
    >>> model = LanguageModel(vocab_size=10, embedding_dim=4, hidden_size=8)
    >>> scores, state = model(tinyrnn.zeros(5, 2, dtype=tinyrnn.long))  # (T, N)
    >>> scores.shape
    tinyrnn.Size([5, 2, 10])

    Raises:
        ValueError: an unknown cell, or sizes that cannot be tied.
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_dim: int = 128,
        hidden_size: int = 128,
        num_layers: int = 1,
        cell: str = "lstm",
        dropout: float = 0.0,
        tied: bool = False,
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}, got {cell!r}")
        if tied and embedding_dim != hidden_size:
            raise ValueError(f"tied weights need embedding_dim equal to hidden_size, got {embedding_dim} and {hidden_size}")
        self.config: dict[str, Any] = {
            "vocab_size": int(vocab_size),  # often ids.max() + 1, which JSON does not take
            "embedding_dim": embedding_dim,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "cell": cell,
            "dropout": dropout,
            "tied": tied,
        }
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(vocab_size, embedding_dim)
        options = {"nonlinearity": "relu"} if cell == "rnn_relu" else {}
        self.rnn = CELLS[cell](embedding_dim, hidden_size, num_layers, dropout=dropout if num_layers > 1 else 0.0, **options)
        self.decoder = nn.Linear(hidden_size, vocab_size)
        if tied:
            self.decoder.weight = self.encoder.weight
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Small weights at both ends, so that the first guess is nearly uniform and the first loss about ln V."""
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Tokens (T, N) and the state after those before, to scores (T, N, V) and the state after these."""
        x, state = self._read(tokens, state)
        return self.decoder(x), state

    def _read(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        x = self.drop(self.encoder(tokens))  # (T, N, E)
        x, state = self.rnn(x, state)
        return self.drop(x), state  # (T, N, H)

    def loss(self, tokens: Tensor, targets: Tensor, state: Any = None, reduction: str = "mean") -> tuple[Tensor, Any]:
        """The cross-entropy, in nats, of targets (T, N) that follow the tokens (T, N); and the state.

        Targets of -100 do not count. On a GPU an id that is no symbol's makes the loss nan, see :meth:`check_ids`.
        """
        x, state = self._read(tokens, state)
        if self.config["vocab_size"] >= LARGE_VOCABULARY:
            return F.linear_cross_entropy(x, self.decoder.weight, targets, linear_bias=self.decoder.bias, reduction=reduction), state
        scores = self.decoder(x)
        return F.cross_entropy(scores.reshape(-1, scores.shape[-1]), targets.reshape(-1), reduction=reduction), state

    def check_ids(self, tokens: Tensor, targets: Tensor) -> None:
        """Refuse ids that are no symbol's, if they are in the computer's memory: before they are copied to a GPU.

        Raises:
            IndexError: an id, or a target that is not -100, is negative or not below V.
        """
        V = self.config["vocab_size"]
        if not tokens.is_cuda:
            check_ids(tokens.array, V, "embedding")
        if not targets.is_cuda:
            check_ids(targets.array[targets.array != IGNORE], V, "output layer")


def detach(state: Any) -> Any:
    """The same state without its history: backpropagation through time stops here. PyTorch's ``repackage_hidden``.

    >>> import tinyrnn
    >>> h = tinyrnn.ones(1, requires_grad=True) * 2
    >>> detach((h, None))[0].requires_grad
    False
    """
    if isinstance(state, Tensor):
        return state.detach()
    return None if state is None else tuple(detach(part) for part in state)
