"""What is measured: sizes, and weights and text drawn from a seed, so that every variant computes the same numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

GATES = {"rnn": 1, "gru": 3, "lstm": 4}


@dataclass(frozen=True)
class Workload:
    """A language model and the batches it is trained on.

    ``E == V`` stands for one-hot inputs: there is no embedding then. With ``generates``, a step writes T characters one
    at a time, each the most likely one, instead of training on a batch (T, N). With ``packed``, the rows of a batch are
    sequences of their own, of different lengths, and no state is carried.
    """

    name: str
    cell: str
    V: int
    E: int
    H: int
    layers: int
    T: int
    N: int
    dropout: float = 0.0
    generates: bool = False
    packed: bool = False
    note: str = ""

    @property
    def one_hot(self) -> bool:
        """Whether the inputs are one-hot vectors."""
        return self.E == self.V

    @property
    def lengths(self) -> list[int]:
        """How many steps each row has, the longest first."""
        shortest = max(self.T // 12, 1) if self.packed else self.T
        return np.linspace(self.T, shortest, self.N).astype(int).tolist()

    def tiny(self) -> Workload:
        """The same kind of workload, in a few milliseconds."""
        large = 4100 if self.V > 4096 else 11  # of the large ones too the loss is computed in blocks
        small = {"V": large, "E": 5, "H": 6, "T": min(self.T, 4), "N": min(self.N, 3)}
        return replace(self, **small | ({"E": small["V"]} if self.one_hot else {}))

    def flops(self) -> int:
        """Multiplications and additions of the matrix products in a step; nothing can be faster than these."""
        rows = sum(self.lengths)
        products = [2 * rows * self.H * self.V]  # decoder
        for layer in range(self.layers):
            D = self.H if layer else self.E
            products += [2 * rows * GATES[self.cell] * self.H * size for size in (D, self.H)]
        if self.generates:
            return sum(products)
        # Backward has two products for each, the gradients of both factors; but nobody asks for that of one-hot inputs.
        return 3 * sum(products) - (products[1] if self.one_hot else 0)


WORKLOADS = {
    w.name: w
    for w in (
        Workload("fastai_rnn", "rnn", 56, 42, 256, 1, 8, 64, note="fastai's human numbers"),
        Workload("fastai_gru", "gru", 56, 42, 256, 1, 8, 64),
        Workload("fastai_lstm", "lstm", 56, 42, 512, 2, 8, 64, 0.5),
        Workload("d2l_rnn", "rnn", 28, 28, 512, 1, 35, 32, note="Dive into Deep Learning; one-hot inputs"),
        Workload("text8_lstm", "lstm", 50002, 100, 100, 1, 50, 32, note="words; the loss dominates"),
        Workload("wlm_lstm", "lstm", 33278, 200, 200, 2, 35, 20, 0.2, note="PyTorch's word language model"),
        Workload("karpathy", "lstm", 65, 128, 128, 2, 50, 50, note="char-rnn"),
        Workload("onehot_b1", "lstm", 65, 65, 512, 1, 100, 1, note="min-char-rnn: one row, one-hot inputs"),
        Workload("packed", "lstm", 65, 128, 128, 1, 60, 32, packed=True, note="rows of 60 to 5 steps"),
        Workload("generate", "lstm", 65, 128, 512, 2, 100, 1, generates=True, note="100 characters a step"),
    )
}


def weights(w: Workload, dtype: str = "float32", seed: int = 0) -> dict[str, np.ndarray]:
    """The weights at the start, under PyTorch's names and drawn as its word language model draws them."""
    rng = np.random.default_rng(seed)
    rows, bound = GATES[w.cell] * w.H, w.H**-0.5
    shapes: dict[str, tuple[int, ...]] = {} if w.one_hot else {"encoder.weight": (w.V, w.E)}
    for layer in range(w.layers):
        D = w.H if layer else w.E
        shapes |= {f"rnn.weight_ih_l{layer}": (rows, D), f"rnn.weight_hh_l{layer}": (rows, w.H)}
        shapes |= {f"rnn.bias_ih_l{layer}": (rows,), f"rnn.bias_hh_l{layer}": (rows,)}
    shapes |= {"decoder.weight": (w.V, w.H), "decoder.bias": (w.V,)}
    return {
        name: rng.uniform(-1, 1, shape).astype(dtype) * np.dtype(dtype).type(bound if name.startswith("rnn") else 0.1)
        for name, shape in shapes.items()
    }


def batches(w: Workload, count: int = 8, seed: int = 1) -> list[tuple[np.ndarray, np.ndarray]]:
    """Inputs and targets (T, N), int64, that follow each other in N streams; few tokens are frequent, as in text (Zipf)."""
    rng = np.random.default_rng(seed)
    frequency = np.cumsum(1 / (np.arange(w.V) + 2.7))
    stream = np.searchsorted(frequency / frequency[-1], rng.random((count * w.T + 1, w.N)), side="right")
    stream = np.minimum(stream, w.V - 1).astype(np.int64)
    starts = range(0, count * w.T, w.T)
    return [(stream[k : k + w.T].copy(), stream[k + 1 : k + 1 + w.T].copy()) for k in starts]
