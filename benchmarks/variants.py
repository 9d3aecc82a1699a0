"""Who is measured: one training step, and one text, in tinyrnn (fused, and by definition), PyTorch and JAX.

A step: detach the state, forward, loss, zero_grad, backward, clip the gradients to a norm of 0.25, Adam. tinyrnn and
PyTorch share names, and so the code below. Libraries are imported when a variant is made, never with this module.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .workloads import Workload, batches, weights

CLIP, LR = 0.25, 1e-3


class Variant:
    """One workload in one library: ``step(k)`` is timed, ``results()`` compared."""

    def __init__(self, workload: Workload, dtype: str = "float32") -> None:
        self.workload, self.dtype, self.state = workload, dtype, None
        self.batches = batches(workload)

    def step(self, k: int) -> dict[str, float]:
        """Seconds in all (``total``) and, if they can be told apart, in ``forward``, ``backward`` and ``optimiser``."""
        if self.workload.generates:
            start = time.perf_counter()
            self.generate(self.workload.T)
            return {"total": time.perf_counter() - start}
        return self.train(k % len(self.batches))

    def train(self, k: int) -> dict[str, float]:
        """A step on batch k, that goes on from the state of the last one."""
        raise NotImplementedError

    def generate(self, length: int) -> list[int]:
        """The most likely tokens after token 0."""
        raise NotImplementedError

    def gradients(self, k: int) -> tuple[float, dict[str, np.ndarray]]:
        """The loss of batch k, from the state as it stands, and all its gradients."""
        raise NotImplementedError

    def results(self, steps: int = 3) -> dict[str, np.ndarray]:
        """The numbers that all variants must agree on: the text; or loss and gradients before each of some steps.

        The second ones show that a step updates the weights and carries the state. Only the third ones that it clips:
        Adam's first update is the same for gradients of any length.
        """
        if self.workload.generates:
            return {"tokens": np.array(self.generate(self.workload.T), float)}
        found = {}
        for k in range(steps):
            loss, gradients = self.gradients(k)
            found |= {f"batch {k}: loss": np.array(loss)} | {f"batch {k}: gradient of {name}": g for name, g in gradients.items()}
            if k < steps - 1:
                self.train(k)
        return found


# -- tinyrnn and PyTorch --


def language_model(lib: Any, w: Workload) -> Any:
    """Embedding (none for one-hot inputs), recurrent layers, decoder, and dropout between; ``lib`` is torch or tinyrnn."""
    nn, F = lib.nn, lib.nn.functional

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            if not w.one_hot:
                self.encoder = nn.Embedding(w.V, w.E)
            layers = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[w.cell]
            self.rnn = layers(w.E, w.H, w.layers, dropout=w.dropout if w.layers > 1 else 0.0)
            self.decoder = nn.Linear(w.H, w.V)
            self.drop = nn.Dropout(w.dropout)

        def read(self, tokens: Any) -> Any:
            """(T, N, E)."""
            if w.one_hot:
                return F.one_hot(tokens, w.V).to(self.decoder.weight.dtype)
            return self.drop(self.encoder(tokens))

        def forward(self, tokens: Any, state: Any = None) -> tuple[Any, Any]:
            x, state = self.rnn(self.read(tokens), state)
            return self.decoder(self.drop(x)), state

        def loss(self, tokens: Any, targets: Any, state: Any = None) -> tuple[Any, Any]:
            if not w.packed:
                return plain_loss(lib, self, tokens, targets, state)
            pack = nn.utils.rnn.pack_padded_sequence
            outputs, _ = self.rnn(pack(self.read(tokens), w.lengths))
            return F.cross_entropy(self.decoder(self.drop(outputs.data)), pack(targets, w.lengths).data), None

    return Model()


def plain_loss(lib: Any, model: Any, tokens: Any, targets: Any, state: Any) -> tuple[Any, Any]:
    """The cross-entropy of all the scores at once."""
    scores, state = model(tokens, state)
    return lib.nn.functional.cross_entropy(scores.reshape(-1, scores.shape[-1]), targets.reshape(-1)), state


def detach(state: Any) -> Any:
    """The state without its history."""
    if isinstance(state, tuple):
        return tuple(part.detach() for part in state)
    return None if state is None else state.detach()


class Eager(Variant):
    """Common to tinyrnn and PyTorch: ``lib``, ``model`` and how ``loss`` is computed differ."""

    lib: Any
    device = "cpu"

    def __init__(self, workload: Workload, dtype: str = "float32", **adam: Any) -> None:
        super().__init__(workload, dtype)
        lib = self.lib
        lib.manual_seed(0)
        self.model = self.make_model().to(self.device)
        if dtype == "float64":
            self.model.double()
        self.model.load_state_dict({name: lib.from_numpy(a) for name, a in weights(workload, dtype).items()})
        self.parameters = list(self.model.parameters())
        self.adam = lib.optim.Adam(self.parameters, lr=LR, **adam)
        self.tensors = [(lib.from_numpy(x), lib.from_numpy(y)) for x, y in self.batches]

    def make_model(self) -> Any:
        """The model, with whatever weights."""
        return language_model(self.lib, self.workload)

    def loss(self, tokens: Any, targets: Any, state: Any) -> tuple[Any, Any]:
        """The mean loss and the state after it."""
        return self.model.loss(tokens, targets, state)

    def mode(self) -> contextlib.AbstractContextManager:
        """What forward and backward run in."""
        return contextlib.nullcontext()

    def train(self, k: int) -> dict[str, float]:
        """One step."""
        with self.mode():
            t0 = time.perf_counter()
            tokens, targets = (ids.to(self.device) for ids in self.tensors[k])
            loss, self.state = self.loss(tokens, targets, detach(self.state))
            t1 = time.perf_counter()
            self.adam.zero_grad()
            t2 = time.perf_counter()
            loss.backward()
            t3 = time.perf_counter()
        self.lib.nn.utils.clip_grad_norm_(self.parameters, CLIP)
        self.adam.step()
        t4 = time.perf_counter()
        self.last_loss = loss
        return {"forward": t1 - t0, "backward": t3 - t2, "optimiser": t4 - t3 + t2 - t1, "total": t4 - t0}

    def gradients(self, k: int) -> tuple[float, dict[str, np.ndarray]]:
        """Loss and gradients; the state stays."""
        self.adam.zero_grad()
        with self.mode():
            loss, _ = self.loss(*(ids.to(self.device) for ids in self.tensors[k]), detach(self.state))
            loss.backward()
        # Copies: PyTorch shares the memory, and the next step would write into it.
        return loss.item(), {name: np.array(p.grad.cpu().numpy()) for name, p in self.model.named_parameters()}

    def generate(self, length: int) -> list[int]:
        """A plain loop around the model."""
        lib, state, written = self.lib, None, [0]
        self.model.eval()
        with lib.no_grad(), self.mode():
            while len(written) <= length:
                scores, state = self.model(lib.tensor([[written[-1]]], device=self.device), state)
                written.append(int(scores[-1, 0].argmax()))
        return written[1:]


class TinyRNN(Eager):
    """tinyrnn as a user gets it: fused, and for large V the loss in blocks of rows."""

    def __init__(self, workload: Workload, dtype: str = "float32") -> None:
        self.lib = importlib.import_module("tinyrnn")
        for room in ("nn", "optim", "lm"):
            importlib.import_module(f"tinyrnn.{room}")
        super().__init__(workload, dtype)

    def make_model(self) -> Any:
        """The library's own language model; it has no one-hot inputs and no rows of different lengths."""
        w = self.workload
        if w.one_hot or w.packed:
            return super().make_model()
        return self.lib.lm.LanguageModel(w.V, w.E, w.H, w.layers, w.cell, w.dropout)

    def generate(self, length: int) -> list[int]:
        """The library's own generator."""
        return list(self.lib.lm.generate_ids(self.model, [0], length, temperature=0))


class TinyRNNOnGpu(TinyRNN):
    """The same on CuPy; a step begins with the copy of its batch."""

    device = "cuda"


class Definition(TinyRNN):
    """tinyrnn's definitions: the cell's step under autograd, and the loss from all the scores at once."""

    generate = Eager.generate

    def mode(self) -> contextlib.AbstractContextManager:
        """No fused layers."""
        return self.lib.nn.definition()

    def loss(self, tokens: Any, targets: Any, state: Any) -> tuple[Any, Any]:
        """Never in blocks."""
        if self.workload.packed:
            return super().loss(tokens, targets, state)
        return plain_loss(self.lib, self.model, tokens, targets, state)


class Torch(Eager):
    """PyTorch as its users write it."""

    def __init__(self, workload: Workload, dtype: str = "float32", **adam: Any) -> None:
        self.lib = importlib.import_module("torch")
        super().__init__(workload, dtype, **adam)


class TorchOnGpu(Torch):
    """PyTorch's own CUDA, with cuDNN."""

    device = "cuda"


class TorchFusedAdam(Torch):
    """PyTorch with the one option that makes its Adam faster on a CPU; not the default of either."""

    def __init__(self, workload: Workload, dtype: str = "float32") -> None:
        super().__init__(workload, dtype, fused=True)


# -- JAX --


class Jax(Variant):
    """The whole step as one compiled function: its phases cannot be told apart."""

    def __init__(self, workload: Workload, dtype: str = "float32") -> None:
        super().__init__(workload, dtype)
        self.jax = jax = importlib.import_module("jax")
        self.jnp = jnp = importlib.import_module("jax.numpy")
        if dtype == "float64":
            jax.config.update("jax_enable_x64", True)
        w = workload
        self.p = {name: jnp.array(a) for name, a in weights(w, dtype).items()}  # copies
        self.m, self.v = ({name: jnp.zeros_like(a) for name, a in self.p.items()} for _ in range(2))
        zeros = jnp.zeros((w.layers, w.N, w.H), dtype)
        self.state = (zeros, zeros) if w.cell == "lstm" else (zeros,)
        self.tensors = [(jnp.asarray(x), jnp.asarray(y)) for x, y in self.batches]
        self.keys = jax.random.split(jax.random.key(0), len(self.batches))
        self.t = 0
        self.value_and_grad = jax.value_and_grad(self._loss, has_aux=True)
        self.compiled_gradients = jax.jit(self.value_and_grad)
        self.compiled_step = jax.jit(self._step, donate_argnums=(0, 1, 2))  # old weights and averages are overwritten
        self.compiled_next = jax.jit(self._next)

    def _drop(self, x: Any, key: Any) -> Any:
        p = self.workload.dropout
        if p == 0 or key is None:
            return x
        return self.jnp.where(self.jax.random.bernoulli(key, 1 - p, x.shape), x / (1 - p), 0)

    def _cell(self, a: Any, state: tuple, w_hh: Any, b_hh: Any) -> tuple:
        """One step, from ``a``, the input's share; PyTorch's equations."""
        jnp, sigmoid, h = self.jnp, self.jax.nn.sigmoid, state[0]
        b = h @ w_hh.T + b_hh
        if self.workload.cell == "rnn":
            return (jnp.tanh(a + b),)
        if self.workload.cell == "gru":
            (ar, az, an), (br, bz, bn) = jnp.split(a, 3, -1), jnp.split(b, 3, -1)
            z, n = sigmoid(az + bz), jnp.tanh(an + sigmoid(ar + br) * bn)
            return ((1 - z) * n + z * h,)
        i, f, g, o = jnp.split(a + b, 4, -1)
        c = sigmoid(f) * state[1] + sigmoid(i) * jnp.tanh(g)
        return sigmoid(o) * jnp.tanh(c), c

    def _scores(self, p: dict, tokens: Any, state: tuple, key: Any) -> tuple[Any, tuple]:
        w, jax, finals = self.workload, self.jax, []
        keys = [None] * (w.layers + 1) if key is None else list(jax.random.split(key, w.layers + 1))
        x = jax.nn.one_hot(tokens, w.V, dtype=self.dtype) if w.one_hot else self._drop(p["encoder.weight"][tokens], keys[-1])
        for layer in range(w.layers):
            w_ih, w_hh, b_ih, b_hh = (p[f"rnn.{name}_l{layer}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))

            def body(s: tuple, a: Any, w_hh: Any = w_hh, b_hh: Any = b_hh) -> tuple:
                s = self._cell(a, s, w_hh, b_hh)
                return s, s[0]

            last, x = jax.lax.scan(body, tuple(part[layer] for part in state), x @ w_ih.T + b_ih)
            x = self._drop(x, keys[layer])
            finals.append(last)
        state = tuple(self.jnp.stack(parts) for parts in zip(*finals))
        return x @ p["decoder.weight"].T + p["decoder.bias"], state

    def _loss(self, p: dict, tokens: Any, targets: Any, state: tuple, key: Any) -> tuple[Any, tuple]:
        w, jnp = self.workload, self.jnp
        scores, after = self._scores(p, tokens, state, key)
        losses = self.jax.nn.logsumexp(scores, axis=-1) - jnp.take_along_axis(scores, targets[..., None], -1)[..., 0]
        if w.packed:  # computed to the end and left out of the mean: compiled code wants one shape
            there = jnp.arange(w.T)[:, None] < jnp.asarray(w.lengths)
            return jnp.where(there, losses, 0).sum() / sum(w.lengths), state
        return losses.mean(), after

    def _step(self, p: dict, m: dict, v: dict, t: Any, tokens: Any, targets: Any, state: tuple, key: Any) -> tuple:
        jnp, each = self.jnp, self.jax.tree.map
        (loss, state), g = self.value_and_grad(p, tokens, targets, state, key)
        norm = jnp.sqrt(sum((x * x).sum() for x in g.values()))
        g = each(lambda x: x * jnp.minimum(1, CLIP / (norm + 1e-6)), g)
        m = each(lambda m, g: m + 0.1 * (g - m), m, g)
        v = each(lambda v, g: v + 0.001 * (g * g - v), v, g)
        lr, root = LR / (1 - 0.9**t), jnp.sqrt(1 - 0.999**t)
        p = each(lambda p, m, v: p - lr * m / (jnp.sqrt(v) / root + 1e-8), p, m, v)
        return p, m, v, loss, state

    def _next(self, p: dict, token: Any, state: tuple) -> tuple[Any, tuple]:
        scores, state = self._scores(p, token, state, None)
        return scores.argmax(-1), state

    def train(self, k: int) -> dict[str, float]:
        """One step, until its results are there."""
        start = time.perf_counter()
        self.t += 1
        arguments = (self.p, self.m, self.v, float(self.t), *self.tensors[k], self.state, self.keys[k])
        self.p, self.m, self.v, _, self.state = self.jax.block_until_ready(self.compiled_step(*arguments))
        return {"total": time.perf_counter() - start}

    def gradients(self, k: int) -> tuple[float, dict[str, np.ndarray]]:
        """Loss and gradients; the state stays."""
        (loss, _), g = self.compiled_gradients(self.p, *self.tensors[k], self.state, self.keys[k])
        return float(loss), {name: np.array(x) for name, x in g.items()}

    def generate(self, length: int) -> list[int]:
        """A loop around one compiled step: each character is delivered before the next."""
        state, token, written = self.state, self.jnp.zeros((1, 1), int), []
        for _ in range(length):
            token, state = self.compiled_next(self.p, token, state)
            written.append(int(token[0, 0]))
        return written


@dataclass(frozen=True)
class Entry:
    """How to make a variant, and the library that must be there for it."""

    make: Callable[..., Variant]
    needs: str

    @property
    def available(self) -> bool:
        """Whether that library is installed."""
        return importlib.util.find_spec(self.needs) is not None


VARIANTS = {
    "tinyrnn": Entry(TinyRNN, "tinyrnn"),
    "definition": Entry(Definition, "tinyrnn"),
    "torch": Entry(Torch, "torch"),
    "torch_fused_adam": Entry(TorchFusedAdam, "torch"),
    "jax": Entry(Jax, "jax"),
}
DEFAULT = ("tinyrnn", "definition", "torch", "jax")  # only these are run unless others are asked for


# -- agreement --


class Disagreement(Exception):
    """Two variants do not compute the same."""


def check_equal(reference: dict[str, np.ndarray], other: dict[str, np.ndarray], tolerance: float = 1e-8) -> float:
    """The largest difference of two :meth:`Variant.results`, relative to the largest element of each.

    Raises:
        Disagreement: it is over the tolerance, or nan, or something is missing; the message says where.
    """
    if reference.keys() != other.keys():
        raise Disagreement(f"only one of them has {sorted(reference.keys() ^ other.keys())}")
    worst = 0.0
    for name, a in reference.items():
        b = other[name]
        if a.shape != b.shape:
            raise Disagreement(f"{name}: shapes {a.shape} and {b.shape}")
        error = float(np.abs(a - b).max() / (np.abs(a).max() or 1.0))
        if not error <= tolerance:  # so that nan fails
            raise Disagreement(f"{name}: they differ by {error:.1e} of its largest element; {tolerance:.0e} is allowed")
        worst = max(worst, error)
    return worst


def check(workload: Workload, makers: dict[str, Callable[..., Variant]]) -> dict[str, float]:
    """The largest relative difference of each variant from the first, in float64 and without dropout.

    In float32, which is what is timed, loss and gradients of the first batch are compared too, as far as rounding lets.

    Raises:
        Disagreement: they do not compute the same.
    """
    workload, errors = replace(workload, dropout=0.0), {}
    (first, make), *others = makers.items()
    # Generated characters are compared in float64 only: in float32, rounding may decide between two equally likely ones.
    for dtype, steps, tolerance in (("float64", 3, 1e-8), ("float32", 1, 2e-3))[: 1 if workload.generates else 2]:
        reference = make(workload, dtype).results(steps)
        for name, make_other in others:
            try:
                error = check_equal(reference, make_other(workload, dtype).results(steps), tolerance)
            except Disagreement as problem:
                raise Disagreement(f"{workload.name}: {first} and {name} disagree in {dtype}. {problem}") from None
            errors.setdefault(name, error)
    return errors
