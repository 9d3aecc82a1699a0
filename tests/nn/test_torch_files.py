"""Models trained in one library give the same outputs in the other, after a file and ``load_state_dict(strict=True)``."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

import tinyrnn

from .parity import torch

V, N, T = 20, 3, 12  # tokens, rows, steps


def models(lib, ids):
    """Name -> (a model, what it is called with), written once for both libraries. ``ids`` is (N, T)."""
    nn, F = lib.nn, lib.nn.functional

    class LanguageModel(nn.Module):
        """LSTM, tied weights."""

        def __init__(self):
            super().__init__()
            self.encoder = nn.Embedding(V, 8)
            self.rnn = nn.LSTM(8, 8, num_layers=2, dropout=0.2)
            self.decoder = nn.Linear(8, V)
            self.decoder.weight = self.encoder.weight

        def forward(self, ids):
            y, _ = self.rnn(self.encoder(ids.t()))
            return self.decoder(y).reshape(-1, V)

    class Reader(nn.Module):
        """A bidirectional GRU whose states are summed up by attention."""

        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(V, 6, padding_idx=0)
            self.gru = nn.GRU(6, 4, bidirectional=True, batch_first=True)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True, add_bias_kv=True)
            self.norm = nn.LayerNorm(8)
            self.out = nn.Linear(8, 2)

        def forward(self, ids):
            states, _ = self.gru(self.embedding(ids))
            read, _ = self.attention(states, states, states, key_padding_mask=ids == 0)
            return self.out(self.norm(states + read).mean(1))

    class PositionalEncoding(nn.Module):
        def __init__(self, d_model, dropout=0.1, max_len=50):
            super().__init__()
            self.dropout = nn.Dropout(p=dropout)
            pe = lib.zeros(max_len, d_model)
            position = lib.arange(0, max_len, dtype=lib.float).unsqueeze(1)
            div_term = lib.exp(lib.arange(0, d_model, 2).float() * (-math.log(10000.0) / d_model))
            pe[:, 0::2] = lib.sin(position * div_term)
            pe[:, 1::2] = lib.cos(position * div_term)
            self.register_buffer("pe", pe.unsqueeze(0).transpose(0, 1))

        def forward(self, x):
            return self.dropout(x + self.pe[: x.size(0), :])

    class TransformerModel(nn.Module):
        """As tutorials of language modelling build it."""

        def __init__(self):
            super().__init__()
            self.pos_encoder = PositionalEncoding(8)
            layer = nn.TransformerEncoderLayer(8, 2, 16, 0.1)
            self.transformer_encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.embedding = nn.Embedding(V, 8)
            self.linear = nn.Linear(8, V)

        def forward(self, ids):
            x = self.pos_encoder(self.embedding(ids.t()) * math.sqrt(8))
            mask = nn.Transformer.generate_square_subsequent_mask(len(x)).to(x.device)
            return self.linear(self.transformer_encoder(x, mask)).view(-1, V)

    class WordTransformer(nn.Transformer):
        """As PyTorch's word language model builds it: on the whole transformer, with another decoder in its place."""

        def __init__(self):
            super().__init__(d_model=8, nhead=2, dim_feedforward=16, num_encoder_layers=2)
            self.model_type = "Transformer"
            self.src_mask = None
            self.pos_encoder = PositionalEncoding(8, 0.5)
            self.input_emb = nn.Embedding(V, 8)
            self.decoder = nn.Linear(8, V)
            nn.init.uniform_(self.input_emb.weight, -0.1, 0.1)
            nn.init.zeros_(self.decoder.bias)
            nn.init.uniform_(self.decoder.weight, -0.1, 0.1)

        def forward(self, ids):
            src = ids.t()
            if self.src_mask is None or self.src_mask.size(0) != len(src):
                self.src_mask = lib.log(lib.tril(lib.ones(len(src), len(src)))).to(src.device)
            src = self.pos_encoder(self.input_emb(src) * math.sqrt(8))
            output = self.encoder(src, mask=self.src_mask)
            return F.log_softmax(self.decoder(output), dim=-1).view(-1, V)

    characters = nn.Sequential(
        nn.Conv1d(V, 8, 3, padding=1),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(8, 8, 3, dilation=2, groups=2, padding="same"),
        nn.BatchNorm1d(8, momentum=None),
        nn.GELU(),
        nn.AdaptiveMaxPool1d(1),
        nn.Flatten(),
        nn.Linear(8, 2),
    )

    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.bag = nn.EmbeddingBag(V, 6, mode="mean")
            self.fc = nn.Linear(6, 2)

        def forward(self, ids, offsets):
            return self.fc(self.bag(ids, offsets))

    one_hot = F.one_hot(ids, V).float().transpose(1, 2)
    return {
        "LSTM language model": (LanguageModel(), (ids,)),
        "GRU with attention": (Reader(), (ids,)),
        "transformer": (TransformerModel(), (ids,)),
        "word transformer": (WordTransformer(), (ids,)),
        "character CNN": (characters, (one_hot,)),
        "bag of words": (Bag(), (ids.reshape(-1), lib.arange(0, N * T, T))),
    }


def train(lib, model, arguments):
    optimizer = lib.optim.Adam(model.parameters(), lr=0.01)
    model.train()
    for _ in range(5):
        optimizer.zero_grad()
        scores = model(*arguments)
        targets = lib.tensor(np.arange(len(scores)) % scores.shape[1])
        lib.nn.functional.cross_entropy(scores, targets).backward()
        optimizer.step()


NAMES = "LSTM language model", "GRU with attention", "transformer", "word transformer", "character CNN", "bag of words"
SAFE = {tinyrnn: {}, torch: {"weights_only": True}}


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("source", [tinyrnn, torch], ids=["from tinyrnn", "from torch"])
@pytest.mark.parametrize("name", NAMES)
def test_models_travel(name, source, tmp_path):
    target = torch if source is tinyrnn else tinyrnn
    array = np.random.default_rng(0).integers(1, V, (N, T))
    array[:, -2:] = 0
    sides = {}
    for lib in (source, target):
        lib.manual_seed(0)
        model, arguments = models(lib, lib.tensor(array))[name]
        sides[lib] = SimpleNamespace(model=model, arguments=arguments)
    train(source, sides[source].model, sides[source].arguments)

    source.save(sides[source].model.state_dict(), tmp_path / "model.pt")
    state = target.load(tmp_path / "model.pt", **SAFE[target])
    assert list(state) == list(sides[target].model.state_dict())
    sides[target].model.load_state_dict(state, strict=True)

    y, same = (sides[lib].model.eval()(*sides[lib].arguments).detach().numpy() for lib in (source, target))
    np.testing.assert_allclose(same, y, rtol=1e-6, atol=1e-6)
    assert np.abs(y - y.mean(0)).max() > 1e-3, "a model that says the same of everything proves nothing"
