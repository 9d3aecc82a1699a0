"""What PyTorch computes, for machines without it. ``python tests/lm/golden.py`` rewrites ``golden.json``.

The weights and the text come from formulas, so that a machine without PyTorch begins from the same.
"""

import json
from pathlib import Path

import numpy as np

from tinyrnn import text

V = 11
CLIP = 0.25

CASES = {
    "lstm": {"cell": "lstm", "layers": 2, "optimizer": "Adam", "lr": 0.01, "steps": 100},
    "lstm, tied": {"cell": "lstm", "layers": 1, "tied": True, "optimizer": "Adam", "lr": 0.01, "steps": 30},
    "lstm, SGD": {"cell": "lstm", "layers": 1, "optimizer": "SGD", "lr": 4.0, "steps": 30},
    "gru": {"cell": "gru", "layers": 2, "optimizer": "Adam", "lr": 0.01, "steps": 30},
    "rnn": {"cell": "rnn", "layers": 2, "optimizer": "Adam", "lr": 0.01, "steps": 30},
    "rnn, tied, SGD": {"cell": "rnn", "layers": 1, "tied": True, "optimizer": "SGD", "lr": 1.0, "steps": 30},
}


def sizes(case):
    """E and H; different ones, where they may differ."""
    return (16, 16) if case.get("tied") else (12, 16)


def give_weights(lib, model):
    """Fill the model's parameters with float64 numbers in ±0.3 that follow no simple pattern; returns it."""
    for k, (_, p) in enumerate(sorted(model.named_parameters())):
        shape = tuple(p.shape)
        p.data = lib.tensor(0.3 * np.sin(np.arange(np.prod(shape)) ** 2 + 0.7 * k).reshape(shape))
    return model


def batches(case):
    """Batches for half of the steps, so that an epoch ends and the state starts anew in the middle."""
    T, N = 7, 4
    ids = np.abs(np.sin(np.arange(case["steps"] // 2 * T * N + 1) ** 2)) * V
    return text.SequentialBatches(ids.astype(np.int64), T, N)


def torch_model(case):
    """PyTorch's word language model, without dropout."""
    import torch

    E, H = sizes(case)
    cell = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[case["cell"]]
    parts = {"encoder": torch.nn.Embedding(V, E), "rnn": cell(E, H, case["layers"]), "decoder": torch.nn.Linear(H, V)}
    if case.get("tied"):
        parts["decoder"].weight = parts["encoder"].weight
    return torch.nn.ModuleDict(parts)


def torch_losses(case):
    """The loss of every step, as a PyTorch user would write the loop."""
    import torch

    model = give_weights(torch, torch_model(case))
    optimizer = getattr(torch.optim, case["optimizer"])(model.parameters(), lr=case["lr"])
    losses = []
    while len(losses) < case["steps"]:
        state = None
        for batch in batches(case):
            inputs, targets = (torch.tensor(ids.numpy()) for ids in batch[:2])
            if state is not None:
                state = tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
            optimizer.zero_grad()
            x, state = model["rnn"](model["encoder"](inputs), state)
            loss = torch.nn.functional.cross_entropy(model["decoder"](x).reshape(-1, V), targets.reshape(-1))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            losses.append(loss.item())
    return losses


if __name__ == "__main__":
    losses = {name: torch_losses(case) for name, case in CASES.items()}
    Path(__file__).with_name("golden.json").write_text(json.dumps(losses, indent=0) + "\n")
