"""What detaching the state changes: truncated backpropagation through time, measured against the whole of it.

Time: 15 s on one core

    python examples/truncation.py

Training cuts a long text into pieces of k steps and carries the state from one piece to the next, without its history:

    loss, state = model.loss(inputs, targets, detach(state))
    loss.backward()

The values stay as they would be without the cut. The gradient loses every path that crosses it. How much is that? Why is it
not the same as starting from zero? What if detach() is forgotten? And what can no longer be learnt?

Read: Williams and Peng, An efficient gradient-based algorithm for on-line training of recurrent network trajectories, 1990.
Sutskever, Training recurrent neural networks, 2013 (on truncation in practice).

What it printed here (13 s on one core of a Xeon, Python 3.11, NumPy 2.4.6):

A character model, gru with 64 units, of the Python language reference: 418,543 characters to train on, 46,505 to validate

1. What detach() leaves as it is (window of 100 steps x 128 rows of validation text, untrained model)
   the loss in 20 pieces of 5 steps, state carried and detached, and in one piece of 100  differ by 0e+00
   the gradients of the output layer in both, since it needs no history                   differ by 9e-16
   the loss in pieces of 5, state carried but not detached, and in one piece              differ by 0e+00
   all gradients in both: it is the detach() that truncates, not the cutting into pieces  differ by 9e-16

2. What it changes: the gradient of that window, truncated to k steps. cosine: to the whole one; norm: over the whole one's
   Untrained:
         state carried and detached                       state reset to zeros
     k  loss       all weights          W_hh              loss       all weights          W_hh
               cosine   norm    cosine   norm                  cosine   norm    cosine   norm
     1  4.6404    0.9733  0.929    0.9603  0.486        4.6370    0.9401  0.828    0.0000  0.000
     2  4.6404    0.9842  0.942    0.9737  0.611        4.6377    0.9647  0.861    0.9214  0.128
     5  4.6404    0.9955  0.967    0.9912  0.795        4.6389    0.9897  0.921    0.9699  0.452
    10  4.6404    0.9989  0.982    0.9978  0.896        4.6397    0.9974  0.958    0.9929  0.705
    20  4.6404    0.9998  0.992    0.9996  0.953        4.6401    0.9995  0.981    0.9990  0.868
    50  4.6404    1.0000  0.998    1.0000  0.987        4.6403    1.0000  0.995    0.9999  0.964
   100  4.6404    1.0000  1.000    1.0000  1.000        4.6404    1.0000  1.000    1.0000  1.000
   Trained (2 epochs in 4.2 s; validation loss 1.7624 nats a character):
         state carried and detached                       state reset to zeros
     k  loss       all weights          W_hh              loss       all weights          W_hh
               cosine   norm    cosine   norm                  cosine   norm    cosine   norm
     1  1.8319    0.8484  0.861    0.6587  0.883        3.7144    0.5027  3.915    0.0000  0.000
     2  1.8319    0.9183  0.871    0.8326  0.828        3.3634    0.5207  3.964    0.1498  1.277
     5  1.8319    0.9632  0.900    0.9247  0.829        2.7785    0.5501  3.855    0.2702  2.508
    10  1.8319    0.9898  0.951    0.9737  0.890        2.3588    0.5533  4.038    0.3565  3.266
    20  1.8319    0.9962  0.982    0.9891  0.937        2.0649    0.6639  2.528    0.5236  2.109
    50  1.8319    0.9995  0.992    0.9983  0.975        1.8899    0.9251  1.219    0.8970  1.037
   100  1.8319    1.0000  1.000    1.0000  1.000        1.8319    1.0000  1.000    1.0000  1.000
   (Reset before every step, W_hh meets nothing but zeros: its gradient is 0.)

3. Averaging takes away noise, not bias: mean gradients over windows of 100 x 32 characters, trained model
   mean over    noise: cosine of the whole gradient    bias: cosine of the gradient truncated
   windows      to that of as much other text          to k = 5 to the whole one, same text
           1                             0.4292                                 0.9777
           4                             0.6932                                 0.9704
          16                             0.9141                                 0.9724

4. detach() forgotten
   At the second batch, backward() comes to the graph of the first, which is gone:

      RuntimeError: backward() reached 'h_n' (shape (L=1, N=8, H=64)) again: its graph was freed by an earlier backward().
      A hidden state carried from the last batch still holds that batch's history. Cut it there: h = h.detach()
      (truncated BPTT; an LSTM's state is a pair, and both h and c must be detached). For two losses on one graph, pass
        retain_graph=True to the first backward().

   With retain_graph=True instead of detach(): the optimiser has changed the weights that the first batch used, so

      RuntimeError: gru_layer needs 'weight_ih_l0' (shape (192, 32)) for its gradient, but that tensor was changed in place
        after use (version 527, saved at version 526).
      Change a copy instead: x = x.clone(), or use the op without the trailing underscore: x = x + 1 for x += 1.

   With retain_graph=True and no step of the optimiser between the batches, nothing is raised. Each one walks back to the first:
   batch  1: backward() through   9 recorded operations in    0.6 ms
   batch  2: backward() through  13 recorded operations in    1.2 ms
   batch  4: backward() through  21 recorded operations in    2.1 ms
   batch  8: backward() through  37 recorded operations in    5.0 ms
   batch 16: backward() through  69 recorded operations in    6.5 ms
   batch 32: backward() through 133 recorded operations in   15.7 ms

5. Out of reach: name the cue that came first, then noise. The cues' embeddings start equal: only a gradient that reaches
   back to the cue can make them differ. Where it does not, theirs is exactly 0, and nothing is ever learnt
   right answers (by chance 0.25)          cue 5 steps ago  cue 10 steps ago  cue 20 steps ago
   k =  5: gradients reach  4 steps back                    0.264             0.241             0.261
   k = 10: gradients reach  9 steps back                    1.000             0.261             0.264
   k = 20: gradients reach 19 steps back                    1.000             1.000             0.253
   k = 40: gradients reach 39 steps back                    1.000             1.000             1.000

6. Carried and detached is not reset: cues that differ from the start leave a trace in the state, gone after ten steps
   or twenty. A gradient that reaches back 4 steps can teach a network to read it, and to keep it, while it is there
   right answers (by chance 0.25)          cue 5 steps ago  cue 10 steps ago  cue 20 steps ago
   k = 5, state carried and detached                   1.000             1.000             0.234
   k = 5, state reset to zeros                         0.268             0.260             0.266
"""

from __future__ import annotations

import argparse
import itertools
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

import tinyrnn
from tinyrnn import devices, lm, nn, optim, text
from tinyrnn.nn import functional as F

# A character model of the text that every Python carries: no download, but slightly other numbers with another Python.
CELL, EMBEDDING, HIDDEN = "gru", 32, 64
TRAIN_ROWS, TRAIN_STEPS, EPOCHS = 32, 50, 2  # it is itself trained with truncated BPTT, k = 50
LEARNING_RATE, CLIP = 5e-3, 1.0  # of Adam; largest norm of the gradient

STEPS = 100  # T of the windows that gradients are measured on; "whole" BPTT is BPTT over such a window
TRUNCATIONS = (1, 2, 5, 10, 20, 50, 100)
AVERAGED = 5  # the k that section 3 averages

# The recall task: the first symbol is a cue, noise follows, and after the last symbol the network must name the cue.
CUES, NOISE = 4, 4  # symbols of either kind
CELL_SIZE, SYMBOL_SIZE, RECALL_ROWS, RECALL_RATE = 32, 16, 32, 0.03
SHORT = 5  # the k of section 6

SEED = 1
EXACT = 1e-12  # how far equal numbers may be off in float64


class Sizes(NamedTuple):
    """What ``--smoke`` makes smaller."""

    characters: int  # of the text
    rows: int  # N of the window of section 2
    windows: int  # in section 3; half of them are the other text
    updates: int  # of a recall network
    distances: tuple[int, ...]  # from cue to answer


DOCUMENTED = Sizes(characters=10**9, rows=128, windows=32, updates=160, distances=(5, 10, 20))
SMOKE = Sizes(characters=40_000, rows=16, windows=2, updates=60, distances=(5,))

Gradient = dict[str, np.ndarray]


def placed(batch: text.Batch, device: Any) -> text.Batch:
    """The same batch where the model is."""
    return batch._replace(inputs=batch.inputs.to(device), targets=batch.targets.to(device))


# -- the gradient of a window, cut into pieces --


def gradient(model: lm.LanguageModel, window: text.Batch, k: int, between: str) -> tuple[float, Gradient]:
    """The mean loss of a window (T, N), read in pieces of k steps, and its gradient by every weight.

    ``between`` pieces the state is ``"detached"`` (truncated BPTT), ``"kept"`` with its history, or ``"reset"`` to zeros.
    """
    model.zero_grad()
    state: Any = None
    total: Any = 0.0
    for begin in range(0, len(window.inputs), k):
        piece = slice(begin, begin + k)
        if between == "detached":
            state = lm.detach(state)
        elif between == "reset":
            state = None
        loss, state = model.loss(window.inputs[piece], window.targets[piece], state, reduction="sum")
        loss = loss / window.targets.numel()
        if between == "kept":
            total = total + loss  # one graph through all pieces
        else:
            loss.backward()  # adds to the gradients of the pieces before
            total += loss.item()
    if between == "kept":
        total.backward()
        total = total.item()
    return total, {name: p.grad.cpu().numpy().copy() for name, p in model.named_parameters()}


def flat(g: Gradient) -> np.ndarray:
    """All gradients as one long vector."""
    return np.concatenate([array.ravel() for array in g.values()])


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """1 where two gradients point the same way, 0 where they have nothing in common."""
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return float((a * b).sum() / lengths) if lengths else 0.0


def off(a: Gradient, b: Gradient) -> float:
    """The largest difference between the entries of two gradients."""
    return float(np.abs(flat(a) - flat(b)).max())


def check(fact: str, difference: float) -> None:
    """Stop if two numbers are not equal that must be.

    Raises:
        AssertionError: they differ by more than EXACT, or are not numbers.
    """
    if not difference <= EXACT:
        raise AssertionError(f"{fact}: expected a difference of at most {EXACT:.0e}, got {difference:.1e}")


# -- the lesson, section by section --


def what_stays(model: lm.LanguageModel, window: text.Batch, k: int) -> None:
    """Facts that hold exactly, in float64."""
    loss, whole = gradient(model, window, STEPS, "detached")
    cut_loss, cut = gradient(model, window, k, "detached")
    kept_loss, kept = gradient(model, window, k, "kept")
    decoder = {name: array for name, array in whole.items() if name.startswith("decoder")}
    facts = {
        f"the loss in {STEPS // k} pieces of {k} steps, state carried and detached, and in one piece of {STEPS}": abs(loss - cut_loss),
        "the gradients of the output layer in both, since it needs no history": off(decoder, {name: cut[name] for name in decoder}),
        f"the loss in pieces of {k}, state carried but not detached, and in one piece": abs(loss - kept_loss),
        "all gradients in both: it is the detach() that truncates, not the cutting into pieces": off(whole, kept),
    }
    for fact, difference in facts.items():
        print(f"   {fact:<86} differ by {difference:.0e}")
        check(fact, difference)


class Bias(NamedTuple):
    """What truncation made of a loss and of the gradient of all weights: its cosine to the whole one, its norm over that one's."""

    loss: float
    cosine: float
    norm: float


def bias(model: lm.LanguageModel, window: text.Batch) -> dict[tuple[int, str], Bias]:
    """Print what truncation does to the gradient, and return it by k and by what happens between pieces."""
    columns = "  loss       all weights          W_hh      "
    numbers = "         cosine   norm    cosine   norm"
    print(f"         {'state carried and detached':<46}   state reset to zeros")
    print(f"     k{columns}      {columns}".rstrip())
    print(f"      {numbers:<44}    {numbers}")
    _, whole = gradient(model, window, STEPS, "detached")
    found = {}
    for k in TRUNCATIONS:
        line = f"   {k:3d}"
        for between in ("detached", "reset"):
            loss, g = gradient(model, window, k, between)
            line += f"  {loss:.4f}"
            pairs = (flat(g), flat(whole)), (g["rnn.weight_hh_l0"], whole["rnn.weight_hh_l0"])
            of_all, of_w_hh = (Bias(loss, cosine(a, b), float(np.linalg.norm(a) / np.linalg.norm(b))) for a, b in pairs)
            line += "".join(f"   {one.cosine:7.4f} {one.norm:6.3f}" for one in (of_all, of_w_hh)) + "      "
            found[k, between] = of_all
        print(line.rstrip())
    check(
        "the loss, state carried and detached, for k = 1 and for all steps", abs(found[1, "detached"].loss - found[STEPS, "detached"].loss)
    )
    return found


def averages(model: lm.LanguageModel, windows: Sequence[text.Batch]) -> dict[int, tuple[float, float]]:
    """Print how noise and bias fare when the gradients of windows are averaged; returns both cosines by their number."""
    half = len(windows) // 2
    whole = [flat(gradient(model, window, STEPS, "detached")[1]) for window in windows]
    cut = [flat(gradient(model, window, AVERAGED, "detached")[1]) for window in windows[:half]]
    print("   mean over    noise: cosine of the whole gradient    bias: cosine of the gradient truncated")
    print(f"   windows      to that of as much other text          to k = {AVERAGED} to the whole one, same text")
    found = {}
    for count in (1, 4, 16):
        if count <= half:
            mine, others, truncated = np.sum(whole[:count], 0), np.sum(whole[half : half + count], 0), np.sum(cut[:count], 0)
            found[count] = cosine(mine, others), cosine(truncated, mine)
            print(f"   {count:>9}{found[count][0]:35.4f}{found[count][1]:39.4f}")
    return found


def forgotten(model: lm.LanguageModel, batches: Sequence[text.Batch]) -> None:
    """A training loop without detach(): the error; then what retain_graph=True makes of it."""

    def loop(retain_graph: bool, step: bool) -> Iterator[tuple[int, float]]:
        sgd, state = optim.SGD(model.parameters(), lr=0.01), None
        for inputs, targets, _ in batches:
            loss, state = model.loss(inputs, targets, state)  # here detach(state) is missing
            start = time.perf_counter()
            loss.backward(retain_graph=retain_graph)
            seconds = time.perf_counter() - start
            yield operations(loss), seconds
            if step:
                sgd.step()

    print("   At the second batch, backward() comes to the graph of the first, which is gone:\n")
    print_error(lambda: list(loop(retain_graph=False, step=True)))
    print("\n   With retain_graph=True instead of detach(): the optimiser has changed the weights that the first batch used, so\n")
    print_error(lambda: list(loop(retain_graph=True, step=True)))
    print(
        "\n   With retain_graph=True and no step of the optimiser between the batches, nothing is raised. Each one walks back to the first:"
    )
    for batch, (nodes, seconds) in enumerate(loop(retain_graph=True, step=False), start=1):
        if batch in (1, 2, 4, 8, 16, 32):
            print(f"   batch {batch:2d}: backward() through {nodes:3d} recorded operations in {1000 * seconds:6.1f} ms")


def operations(loss: tinyrnn.Tensor) -> int:
    """How many recorded operations a backward() from here walks through."""
    seen, stack = set(), [loss.grad_fn]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack += [parent for parent, _ in node.next_functions if parent is not None and not hasattr(parent, "variable")]  # a weight
    return len(seen)


def print_error(attempt: Any) -> None:
    """Do what must go wrong, and show how tinyrnn says so."""
    try:
        attempt()
    except RuntimeError as error:
        for line in f"RuntimeError: {error}".splitlines():
            print(textwrap.fill(line, 125, initial_indent="      ", subsequent_indent="        "))
    else:
        raise AssertionError("a state carried with its history must be an error")


class Recall(nn.Module):
    """Reads a cue, then noise, and names the cue after the last symbol."""

    def __init__(self, equal_cues: bool) -> None:
        super().__init__()
        self.encoder = nn.Embedding(CUES + NOISE, SYMBOL_SIZE)
        self.rnn = nn.GRU(SYMBOL_SIZE, CELL_SIZE)
        self.decoder = nn.Linear(CELL_SIZE, CUES)
        if equal_cues:
            with tinyrnn.no_grad():
                self.encoder.weight[:CUES] = 0.0

    def forward(self, symbols: tinyrnn.Tensor, k: int, between: str) -> tinyrnn.Tensor:
        """Scores (N, CUES) after symbols (T, N); gradients reach back over the last k of the T steps.

        What was read before is ``"detached"``, a state without history, or ``"reset"``: forgotten.
        """
        first, last = symbols[: max(0, len(symbols) - k)], symbols[-k:]
        state = None
        if len(first) and between == "detached":
            _, state = self.rnn(self.encoder(first))
            state = state.detach()
        outputs, _ = self.rnn(self.encoder(last), state)  # (k, N, H)
        return self.decoder(outputs[-1])


def recall(
    distance: int, k: int, updates: int, seed: int, *, equal_cues: bool, between: str = "detached", device: Any = "cpu"
) -> tuple[float, float]:
    """Train on the task; returns the share of right answers, and the largest gradient that an embedding of a cue ever got."""
    generator = tinyrnn.manual_seed(seed).numpy
    model = Recall(equal_cues).to(device)
    adam = optim.Adam(model.parameters(), lr=RECALL_RATE)

    def draw(rows: int) -> tuple[tinyrnn.Tensor, tinyrnn.Tensor]:
        symbols = generator.integers(CUES, CUES + NOISE, size=(distance + 1, rows))  # (T, N)
        symbols[0] = generator.integers(CUES, size=rows)
        return tinyrnn.tensor(symbols, device=device), tinyrnn.tensor(symbols[0], device=device)

    reached = 0.0
    for _ in range(updates):
        symbols, cues = draw(RECALL_ROWS)
        adam.zero_grad()
        F.cross_entropy(model(symbols, k, between), cues).backward()
        reached = max(reached, model.encoder.weight.grad[:CUES].abs().max().item())
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        adam.step()
    with tinyrnn.no_grad():
        symbols, cues = draw(1000)
        right = (model(symbols, k, between).argmax(dim=1) == cues).float().mean().item()
    return right, reached


def out_of_reach(sizes: Sizes, seed: int, device: Any = "cpu") -> dict[tuple[int, int], float]:
    """Print which truncation learns to bridge which distance; returns the shares of right answers by (k, distance)."""
    print_distances(sizes)
    found = {}
    for k in (*sizes.distances, 2 * sizes.distances[-1]):
        for distance in sizes.distances:
            reach = min(k, distance + 1)  # there is nothing before the cue
            if (reach, distance) not in found:
                found[reach, distance], reached = recall(distance, reach, sizes.updates, seed, equal_cues=True, device=device)
                if reach <= distance:
                    check(f"k = {k}: the largest gradient of the cues' embeddings, {distance} steps before the loss", reached)
            found[k, distance] = found[reach, distance]
        print(f"   k = {k:2d}: gradients reach {k - 1:2d} steps back{'':7}" + "".join(f"{found[k, d]:18.3f}" for d in sizes.distances))
    return found


def traces(sizes: Sizes, seed: int, device: Any = "cpu") -> dict[tuple[str, int], float]:
    """Print what a carried state is worth where no gradient reaches; returns the shares of right answers by (state, distance)."""
    print_distances(sizes)
    found = {}
    for between, name in (("detached", "carried and detached"), ("reset", "reset to zeros")):
        for d in sizes.distances:
            found[between, d], _ = recall(d, SHORT, sizes.updates, seed, equal_cues=False, between=between, device=device)
        print(f"   k = {SHORT}, state {name:<26}" + "".join(f"{found[between, d]:18.3f}" for d in sizes.distances))
    return found


def print_distances(sizes: Sizes) -> None:
    """The heading of both tables."""
    print("   right answers (by chance 0.25)       " + "".join(f"{f'cue {d} steps ago':>18}" for d in sizes.distances))


def fit(model: lm.LanguageModel, train: text.Corpus, valid: text.Corpus) -> float:
    """Train in float32, with truncated BPTT itself; returns the validation loss."""
    batches, held_out = (text.SequentialBatches(part.ids, TRAIN_STEPS, TRAIN_ROWS) for part in (train, valid))
    model.to(tinyrnn.float32)
    adam = optim.Adam(model.parameters(), lr=LEARNING_RATE)
    run = lm.fit(model, batches, held_out, optimizer=adam, epochs=EPOCHS, clip=CLIP)
    model.to(tinyrnn.float64)
    return run.history[-1]["valid"]


def run(seed: int, sizes: Sizes, device: Any = "cpu") -> dict[str, float]:
    """Everything, printed; returns the numbers that ``--verify`` looks at.

    Raises:
        AssertionError: two numbers are not equal that must be.
    """
    corpus = text.Corpus.from_text(text.default_corpus_text()[: sizes.characters])
    train, valid = corpus.split(0.9)
    tinyrnn.manual_seed(seed)
    model = lm.LanguageModel(len(corpus.vocab), EMBEDDING, HIDDEN, cell=CELL).to(device, tinyrnn.float64)
    window = placed(next(iter(text.SequentialBatches(valid.ids, STEPS, sizes.rows))), device)  # (T, N)
    print(f"A character model, {CELL} with {HIDDEN} units, of the Python language reference: ", end="")
    print(f"{len(train):,} characters to train on, {len(valid):,} to validate")

    print(f"\n1. What detach() leaves as it is (window of {STEPS} steps x {sizes.rows} rows of validation text, untrained model)")
    what_stays(model, window, AVERAGED)

    print("\n2. What it changes: the gradient of that window, truncated to k steps. cosine: to the whole one; norm: over the whole one's")
    print("   Untrained:")
    untrained = bias(model, window)
    start = time.perf_counter()
    loss = fit(model, train, valid)
    print(f"   Trained ({EPOCHS} epochs in {time.perf_counter() - start:.1f} s; validation loss {loss:.4f} nats a character):")
    trained = bias(model, window)
    print("   (Reset before every step, W_hh meets nothing but zeros: its gradient is 0.)")

    print(f"\n3. Averaging takes away noise, not bias: mean gradients over windows of {STEPS} x {TRAIN_ROWS} characters, trained model")
    windows = itertools.islice(text.SequentialBatches(train.ids, STEPS, TRAIN_ROWS), sizes.windows)
    mean = averages(model, [placed(one, device) for one in windows])

    print("\n4. detach() forgotten")
    forgotten(model, [placed(batch, device) for batch in itertools.islice(text.SequentialBatches(train.ids, 10, 8), 32)])

    print("\n5. Out of reach: name the cue that came first, then noise. The cues' embeddings start equal: only a gradient that reaches")
    print("   back to the cue can make them differ. Where it does not, theirs is exactly 0, and nothing is ever learnt")
    reach = out_of_reach(sizes, seed, device)

    print("\n6. Carried and detached is not reset: cues that differ from the start leave a trace in the state, gone after ten steps")
    print(f"   or twenty. A gradient that reaches back {SHORT - 1} steps can teach a network to read it, and to keep it, while it is there")
    trace = traces(sizes, seed, device)

    inside = [share for (k, distance), share in reach.items() if k > distance]
    outside = [share for (k, distance), share in reach.items() if k <= distance]
    return {
        "validation loss": loss,
        "untrained, k = 5: cosine": untrained[5, "detached"].cosine,
        "trained, reset every 5 steps: loss over carried": trained[5, "reset"].loss / trained[5, "detached"].loss,
        "most windows: noise": mean[max(mean)][0],
        "most windows: bias": mean[max(mean)][1],
        "cue within reach: least share right": min(inside),
        "cue out of reach: greatest share right": max(outside),
        "trace of 5 steps ago, carried: share right": trace["detached", 5],
        "trace, reset: greatest share right": max(share for (between, _), share in trace.items() if between == "reset"),
    }


# -- the command --

# What seeds 1, 2 and 3 gave stands beside; seeds 4 and 5 are inside, too. The validation loss rejects a learning rate ten times
# as high (1.896) and a state that is not carried in training (1.842). Clipping matters little here.
BANDS = {
    "validation loss": (1.6, 1.82),  # 1.7624, 1.6791, 1.7685
    "untrained, k = 5: cosine": (0.99, 0.998),  # 0.9955, 0.9957, 0.9941
    "trained, reset every 5 steps: loss over carried": (1.25, 1.75),  # 1.5167, 1.5518, 1.3763; 1.1 if never carried in training
    "most windows: noise": (0.85, 0.98),  # 0.9141, 0.9233, 0.9454
    "most windows: bias": (0.9, 0.998),  # 0.9724, 0.9749, 0.9835
    "cue within reach: least share right": (0.95, 1.0),  # 1.000, 1.000, 1.000
    "cue out of reach: greatest share right": (0.2, 0.32),  # 0.264, 0.265, 0.272
    "trace of 5 steps ago, carried: share right": (0.9, 1.0),  # 1.000, 1.000, 1.000
    "trace, reset: greatest share right": (0.2, 0.32),  # 0.268, 0.272, 0.250
}


def verify(facts: dict[str, float]) -> bool:
    """Compare with the bands; says so."""
    ok = True
    for name, (low, high) in BANDS.items():
        inside = low <= facts[name] <= high
        ok = ok and inside
        print(f"verify: {'ok' if inside else 'FAILED'} {name} {facts[name]:.4f} in [{low}, {high}]")
    return ok


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code: 0 done, 1 a fact does not hold, 130 interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="where to compute: cpu, cuda, cuda:1; auto: a GPU, if one works")
    parser.add_argument("--seed", type=int, default=SEED, help="of weights and data")
    parser.add_argument("--smoke", action="store_true", help="a small piece of the text and short trainings: seconds")
    parser.add_argument("--verify", action="store_true", help="compare with stored bands; exit code 1 outside of them")
    args = parser.parse_args(argv)
    if args.smoke and args.verify:
        parser.error("--verify checks the documented sizes, --smoke runs smaller ones")
    try:
        facts = run(args.seed, SMOKE if args.smoke else DOCUMENTED, devices.choose(args.device))
        return 0 if not args.verify or verify(facts) else 1
    except (AssertionError, devices.DeviceError) as error:
        print(f"truncation: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
