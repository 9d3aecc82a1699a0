"""Writes ``golden.npz``: what PyTorch computes, for machines on which it is not installed.

Run ``python tests/nn/golden.py`` after changing a configuration. Each case holds its inputs, and the results and
gradients in ``float64`` under the names ``case/role/name``.
"""

from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("golden.npz")
T, N, D, H = 5, 3, 4, 3
LAYERS = {
    "RNN": {},
    "GRU": {},
    "LSTM": {"proj_size": 2},
}
LOSSES = {
    "plain": {},
    "weighted": {"weight": True},
    "smoothed": {"weight": True, "label_smoothing": 0.1},
    "sum": {"reduction": "sum"},
}


def numbers(rng, *shape):
    """Drawn by NumPy, so that a file written anew differs only where PyTorch does."""
    return rng.standard_normal(shape)


def write():
    """Compute everything with PyTorch and save it."""
    import torch

    found = {"torch": np.array(torch.__version__)}
    for k, (kind, options) in enumerate(LAYERS.items()):
        rng = np.random.default_rng(k)
        layer = getattr(torch.nn, kind)(D, H, 2, bidirectional=True, dtype=torch.float64, **options)
        given = {"input": numbers(rng, T, N, D), "h_0": numbers(rng, 4, N, options.get("proj_size", H))}
        if kind == "LSTM":
            given["c_0"] = numbers(rng, 4, N, H)
        leaves = {name: torch.tensor(v, requires_grad=True) for name, v in given.items()}
        for name, p in layer.named_parameters():
            p.data = torch.tensor(numbers(rng, *p.shape))
            leaves[name] = p
        state = (leaves["h_0"], leaves["c_0"]) if kind == "LSTM" else leaves["h_0"]
        output, last = layer(leaves["input"], state)
        results = dict(zip(("output", "h_n", "c_n"), (output, *(last if kind == "LSTM" else (last,)))))
        weights = {name: numbers(rng, *r.shape) for name, r in results.items()}
        sum((r * torch.tensor(weights[name])).sum() for name, r in results.items()).backward()
        for name, leaf in leaves.items():
            found[f"{kind}/given/{name}"], found[f"{kind}/gradient/{name}"] = leaf.detach().numpy(), leaf.grad.numpy()
        for name, r in results.items():
            found[f"{kind}/result/{name}"], found[f"{kind}/weight/{name}"] = r.detach().numpy(), weights[name]
    rng = np.random.default_rng(9)
    scores, weight = numbers(rng, 6, 5) * 3, rng.random(5)
    found["loss/scores"], found["loss/weight"], found["loss/target"] = scores, weight, np.array([0, 4, -100, 2, 2, 1])
    for name, options in LOSSES.items():
        x = torch.tensor(scores, requires_grad=True)
        options = {**options, **({"weight": torch.tensor(weight)} if "weight" in options else {})}
        loss = torch.nn.functional.cross_entropy(x, torch.tensor(found["loss/target"]), **options)
        loss.backward()
        found[f"loss/{name}/value"], found[f"loss/{name}/gradient"] = loss.detach().numpy(), x.grad.numpy()
    np.savez_compressed(PATH, **found)


if __name__ == "__main__":
    write()
