"""d2l's character model of The Time Machine: an RNN from bare arrays, then the same with nn.RNN, nn.GRU and nn.LSTM.

Time: 4 min on one core

    python examples/d2l_rnn.py
    python examples/d2l_rnn.py --plot perplexity.png      # with a picture; needs matplotlib
    python examples/d2l_rnn.py --full                     # part 1 with the tutorial's 512 hidden units instead of 256

Part 1 trains on the first 10,000 characters until they are known by heart, with the state carried from batch to batch or
not. Part 2 trains on windows of the text and validates on those behind them, of which the first 32 overlap the last for
training, as in d2l. Of the perplexities there is one of all tokens in an epoch, and not a mean of the batches' own.

Read: Zhang, Lipton, Li and Smola, Dive into Deep Learning (d2l.ai), Recurrent Neural Networks: "from scratch" and "concise",
first edition for part 1; second edition, with the chapters on GRU and LSTM, for part 2.

What it printed here, --seed 1, with some lines left out:

    3,221 lines, 170,580 characters, 28 symbols, the most frequent ['<unk>', ' ', 'e', 't', 'a', 'i', 'n', 'o', 's', 'h']
    one_hot([0, 2]):
    [[1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0]
     [0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0]]

    RNN from scratch, 256 hidden units, 10,000 characters, sequential sampling
      untrained: 'time traveller drrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr'
      epoch  50  perplexity  8.596     76,608 tokens/s  'time traveller and the there there the the the the the '
      epoch 100  perplexity  6.784     78,520 tokens/s  'time traveller a four a dimention in a ment and the tha'
      epoch 200  perplexity  2.150     71,676 tokens/s  'time traveller smiled to i so ilumett ceis in ankad foc'
      epoch 300  perplexity  1.343     63,324 tokens/s  'time traveller a that reas in a suree sam venccour can '
      epoch 500  perplexity  1.271     63,028 tokens/s  'time traveller smiled round at us then this moverethe m'
      on some batch its loss is 1.025255; of nn.RNN with these weights 1.025255

    RNN from scratch, 256 hidden units, 10,000 characters, random sampling
      untrained: 'time traveller drrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr'
      epoch  50  perplexity  8.699     60,771 tokens/s  'time traveller and and and and and and and and and and '
      epoch 100  perplexity  7.049     61,745 tokens/s  'time traveller the thit the thing the thing the thing t'
      epoch 200  perplexity  2.976     66,639 tokens/s  'time traveller smiled a may it rome the reometry of the'
      epoch 300  perplexity  1.860     60,105 tokens/s  'time traveller smiled a wall then atiotand the sadt wer'
      epoch 500  perplexity  1.684     68,292 tokens/s  'time traveller for so it will be convenient to speak of'
      on some batch its loss is 0.485043; of nn.RNN with these weights 0.485043

    nn.RNN, 32 hidden units, 10,000 windows, learning rate 1
      epoch  10  perplexity 15.579  valid 15.474  1,234,011 tokens/s  'time traveller t t t t t t t t t t t t t t t t t t t t '
      ...
      epoch 100  perplexity  6.213  valid  7.470  1,195,482 tokens/s  'time traveller and the the the the the the the the the '

    nn.GRU, 32 hidden units, 10,000 windows, learning rate 4
      epoch   5  perplexity 16.064  valid 14.779    500,584 tokens/s  'time traveller t t t t t t t t t t t t t t t t t t t t '
      ...
      epoch  50  perplexity  5.718  valid  6.730    528,208 tokens/s  'time traveller the the the the the the the the the the '

    nn.LSTM, 32 hidden units, 10,000 windows, learning rate 4
      epoch   5  perplexity 17.125  valid 16.622    498,295 tokens/s  'time traveller                                         '
      ...
      epoch  50  perplexity  6.933  valid  7.592    462,985 tokens/s  'time traveller a mave the the the the the the the the t'
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

import tinyrnn
from tinyrnn import devices, nn, text
from tinyrnn.text import corpora

# ---- Settings. T steps, N rows, H hidden units.

STD = 0.01  # of all weights at the start; biases are 0
CLIP = 1.0  # the most that the norm of a gradient may be
PREFIX, LENGTH = "time traveller ", 40  # of the predictions

# Part 1, from scratch: the tutorial's, with half of its hidden units (--full: all).
CHARACTERS, STEPS, ROWS = 10_000, 35, 32
HIDDEN, FULL_HIDDEN = 256, 512
LEARNING_RATE, EPOCHS = 1.0, 500

# Part 2, with nn.
TRAIN_WINDOWS, VALID_WINDOWS, WINDOW_STEPS, WINDOW_ROWS = 10_000, 5_000, 32, 1024
WINDOW_HIDDEN = 32
LAYERS = {"RNN": (nn.RNN, 1.0, 100), "GRU": (nn.GRU, 4.0, 50), "LSTM": (nn.LSTM, 4.0, 50)}  # learning rate and epochs

# ---- What to expect of the perplexity after the last epoch: training in part 1, validation in part 2.
# Part 2 has wide bands, because a difference in rounding grows with every step: one RNN from one start ended at 7.27 to 7.65 in
# float32, in float64 and with PyTorch, though the losses agree to 12 digits for the first 600 steps in float64.

BANDS = {
    "sequential": (1.15, 1.4),  # seeds 1, 2, 3: 1.271, 1.261, 1.271; the state not carried: 1.55; not clipped: explodes
    "random": (1.4, 1.85),  # 1.684, 1.522, 1.516
    "RNN": (7.1, 7.8),  # 7.470, 7.469, 7.268; PyTorch from equal weights: 7.266, 7.273, 7.157
    "GRU": (6.4, 7.2),  # 6.730, 6.643, 6.626; PyTorch: 6.756, 6.781, 6.624
    "LSTM": (7.3, 8.0),  # 7.592, 7.602, 7.551; PyTorch, seeds 1 and 2: 7.522, 7.618
}

Batches = Iterable[tuple[tinyrnn.Tensor, tinyrnn.Tensor, bool]]  # inputs (T, N), targets (T, N), and do they continue the batch before?


# ---- The text


def clean(piece: str) -> str:
    """Lower-case letters, and a space for all that was between them."""
    return re.sub("[^A-Za-z]+", " ", piece).lower()


def joined_lines(book: str) -> str:
    """The text as the first edition makes it: line after line, nothing between them, so that words grow together there."""
    return "".join(clean(line).strip() for line in book.splitlines())


# ---- Part 1: from scratch. Nothing of nn here, only tensors and autograd.


def one_hot(ids: tinyrnn.Tensor, size: int) -> tinyrnn.Tensor:
    """Ids (...) as vectors (..., V) that are 1 at the place of the id and 0 elsewhere: rows of the identity matrix.

    >>> one_hot(tinyrnn.tensor([0, 2]), 4)
    tensor([[1., 0., 0., 0.],
            [0., 0., 1., 0.]])
    """
    return tinyrnn.eye(size, device=ids.device)[ids]


class RNNFromScratch:
    """A recurrent network of five arrays: ``h = tanh(x W_xh + h W_hh + b_h)`` at each step, and ``h W_hq + b_q`` scores what comes next."""

    def __init__(self, vocab_size: int, hidden: int, device: Any = "cpu") -> None:
        def normal(*shape: int) -> tinyrnn.Tensor:
            return (STD * tinyrnn.randn(*shape, device=device)).requires_grad_()

        def zeros(size: int) -> tinyrnn.Tensor:
            return tinyrnn.zeros(size, device=device, requires_grad=True)

        self.vocab_size, self.hidden = vocab_size, hidden
        self.W_xh, self.W_hh, self.b_h = normal(vocab_size, hidden), normal(hidden, hidden), zeros(hidden)
        self.W_hq, self.b_q = normal(hidden, vocab_size), zeros(vocab_size)

    def parameters(self) -> list[tinyrnn.Tensor]:
        """All that is learnt."""
        return [self.W_xh, self.W_hh, self.b_h, self.W_hq, self.b_q]

    def __call__(self, ids: tinyrnn.Tensor, h: tinyrnn.Tensor | None = None) -> tuple[tinyrnn.Tensor, tinyrnn.Tensor]:
        """Ids (T, N) and the state before them (N, H) to scores (T * N, V) of what follows, and the state after them."""
        if h is None:
            h = tinyrnn.zeros(ids.shape[1], self.hidden, device=ids.device)  # it has read nothing yet
        scores = []
        for x in one_hot(ids, self.vocab_size).unbind(0):  # (N, V) each
            h = tinyrnn.tanh(x @ self.W_xh + h @ self.W_hh + self.b_h)  # (N, H)
            scores.append(h @ self.W_hq + self.b_q)  # (N, V)
        return tinyrnn.cat(scores, 0), h


def device_of(net: Any) -> tinyrnn.device:
    """Where its arrays are: what it reads must be there, too."""
    return next(iter(net.parameters())).device


def predict(net: Any, vocab: text.Vocab, prefix: str, length: int) -> str:
    """The prefix and what the net thinks comes next: always the likeliest character, which it reads in its turn."""
    ids = list(vocab.encode(prefix))
    read, state, device = ids, None, device_of(net)
    with tinyrnn.no_grad():
        for _ in range(length):
            scores, state = net(tinyrnn.tensor(read, device=device).reshape(-1, 1), state)  # (T, 1) to (T, V)
            # First it has read the whole prefix, to warm up: the state knows it now, and what was predicted on the way does not count.
            read = [int(scores[-1].argmax())]
            ids += read
    return vocab.decode(ids)


def cross_entropy(scores: tinyrnn.Tensor, targets: tinyrnn.Tensor) -> tinyrnn.Tensor:
    """The mean nats that the targets (T, N) cost under the softmax of the scores (T * N, V)."""
    return -tinyrnn.log_softmax(scores, 1).gather(1, targets.reshape(-1, 1)).mean()


def clip_gradients(parameters: Iterable[tinyrnn.Tensor], most: float) -> float:
    """Scale all gradients by one factor, so that their common norm is at most ``most``; returns the norm before.

    Raises:
        FloatingPointError: the norm is not finite. d2l asks only ``norm > most``, which nan is not: the step would
            be taken, and every weight be nan.
    """
    gradients = [p.grad for p in parameters]
    norm = math.sqrt(sum(float((g * g).sum()) for g in gradients))
    if not math.isfinite(norm):
        raise FloatingPointError(f"the norm of the gradients is {norm}: the learning rate is too high, or there is no clipping")
    if norm > most:
        for g in gradients:
            g *= most / norm
    return norm


def detach(state: Any) -> Any:
    """The same state, without the steps that led to it: gradients stop here. An LSTM's is a pair."""
    return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()


def train_epoch(net: Any, batches: Batches, lr: float, clip: float = CLIP) -> tuple[float, float]:
    """One pass over the batches; returns the perplexity and how many tokens it read in a second.

    The two rules for the state: if a batch goes on where the one before ended, it begins with the state that was reached
    there, cut off from its past; if not, it begins with none, for that state is of another place in the text.
    """
    parameters = list(net.parameters())
    state, nats, tokens, start, device = None, 0.0, 0, time.perf_counter(), device_of(net)
    for inputs, targets, continues in batches:
        inputs, targets = inputs.to(device), targets.to(device)
        state = detach(state) if continues else None
        scores, state = net(inputs, state)
        loss = cross_entropy(scores, targets)
        for p in parameters:
            p.grad = None
        loss.backward()
        clip_gradients(parameters, clip)
        with tinyrnn.no_grad():
            for p in parameters:
                p -= lr * p.grad
        nats += loss.item() * targets.numel()
        tokens += targets.numel()
    # Of all tokens at once. The mean of the batches' perplexities would be larger, and depend on how the text was cut.
    return math.exp(nats / tokens), tokens / (time.perf_counter() - start)


def windows(ids: np.ndarray, starts: np.ndarray, steps: int, rows: int) -> Iterator[tuple[tinyrnn.Tensor, tinyrnn.Tensor, bool]]:
    """Batches of windows that start at these places. No row continues the one before it."""
    for k in range(0, len(starts), rows):
        piece = tinyrnn.from_numpy(ids[starts[k : k + rows] + np.arange(steps + 1)[:, None]])  # (T + 1, N)
        yield piece[:-1], piece[1:], False


def sequential_sampling(ids: np.ndarray, rng: np.random.Generator) -> Batches:
    """The text in rows, read on from batch to batch. It starts at a different place in each epoch, so that the cuts differ."""
    return text.SequentialBatches(ids[rng.integers(STEPS) :], STEPS, ROWS)


def random_sampling(ids: np.ndarray, rng: np.random.Generator) -> Batches:
    """The text in windows one after another, shuffled; the cuts differ, too."""
    starts = np.arange(rng.integers(STEPS), len(ids) - STEPS, STEPS)
    return windows(ids, rng.permutation(starts), STEPS, ROWS)


SAMPLINGS = {"sequential": sequential_sampling, "random": random_sampling}


# ---- Part 2: the same with layers of nn.


class RNNModel(nn.Module):
    """One of the three layers, and a linear one that scores what comes next."""

    def __init__(self, layer: Callable[[int, int], nn.Module], vocab_size: int, hidden: int) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        self.rnn = layer(vocab_size, hidden)
        self.linear = nn.Linear(hidden, vocab_size)
        for p in self.parameters():
            if p.ndim == 2:
                nn.init.normal_(p, std=STD)
            else:
                nn.init.zeros_(p)

    def forward(self, ids: tinyrnn.Tensor, state: Any = None) -> tuple[tinyrnn.Tensor, Any]:
        """Ids (T, N) and the state before them to scores (T * N, V) of what follows, and the state after them."""
        output, state = self.rnn(one_hot(ids, self.vocab_size), state)  # (T, N, H)
        return self.linear(output).reshape(-1, self.vocab_size), state


def with_nn(net: RNNFromScratch) -> RNNModel:
    """The same network with nn.RNN, which keeps matrices the other way round, and has a second bias."""
    model = RNNModel(nn.RNN, net.vocab_size, net.hidden).to(device_of(net))
    with tinyrnn.no_grad():
        model.rnn.weight_ih_l0.copy_(net.W_xh.T)
        model.rnn.weight_hh_l0.copy_(net.W_hh.T)
        model.rnn.bias_ih_l0.copy_(net.b_h)
        model.linear.weight.copy_(net.W_hq.T)
        model.linear.bias.copy_(net.b_q)
    return model


def evaluate(net: Any, batches: Batches) -> float:
    """The perplexity, without learning."""
    state, nats, tokens, device = None, 0.0, 0, device_of(net)
    with tinyrnn.no_grad():
        for inputs, targets, continues in batches:
            inputs, targets = inputs.to(device), targets.to(device)
            scores, state = net(inputs, state if continues else None)
            nats += cross_entropy(scores, targets).item() * targets.numel()
            tokens += targets.numel()
    return math.exp(nats / tokens)


# ---- The tutorial


def train(
    net: Any,
    vocab: text.Vocab,
    epochs: int,
    batches: Callable[[], Batches],
    valid: Callable[[], Batches] | None = None,
    *,
    lr: float,
    clip: float = CLIP,
) -> list[float]:
    """Train, with a line ten times on the way; returns the perplexity of each epoch, of validation if there is one."""
    curve = []
    for epoch in range(1, epochs + 1):
        perplexity, speed = train_epoch(net, batches(), lr, clip)
        curve.append(evaluate(net, valid()) if valid else perplexity)
        if epoch % math.ceil(epochs / 10) == 0 or epoch == epochs:
            validation = f"  valid {curve[-1]:6.3f}" if valid else ""
            written = predict(net, vocab, PREFIX, LENGTH)
            print(f"  epoch {epoch:3d}  perplexity {perplexity:6.3f}{validation}  {speed:9,.0f} tokens/s  {written!r}", flush=True)
    return curve


def from_scratch(
    ids: np.ndarray,
    vocab: text.Vocab,
    seed: int,
    sampling: str,
    hidden: int = HIDDEN,
    epochs: int = EPOCHS,
    *,
    lr: float = LEARNING_RATE,
    clip: float = CLIP,
    device: Any = "cpu",
) -> list[float]:
    """Part 1 with one of the samplings; returns the training perplexities of the epochs."""
    rng = tinyrnn.manual_seed(seed).numpy
    net = RNNFromScratch(len(vocab), hidden, device)
    print(f"\nRNN from scratch, {hidden} hidden units, {len(ids):,} characters, {sampling} sampling")
    print(f"  untrained: {predict(net, vocab, PREFIX, LENGTH)!r}")
    curve = train(net, vocab, epochs, lambda: SAMPLINGS[sampling](ids, rng), lr=lr, clip=clip)
    inputs, targets, _ = next(iter(random_sampling(ids, rng)))
    losses = [cross_entropy(model(inputs.to(device))[0], targets.to(device)).item() for model in (net, with_nn(net))]
    print(f"  on some batch its loss is {losses[0]:.6f}; of nn.RNN with these weights {losses[1]:.6f}")
    return curve


def concise(
    ids: np.ndarray, vocab: text.Vocab, seed: int, name: str, share: float = 1.0, faster: float = 1.0, device: Any = "cpu"
) -> list[float]:
    """Part 2 for one of the layers; returns the validation perplexities of the epochs.

    ``share``: of the windows and epochs. ``faster``: a factor of the learning rate.
    """
    layer, lr, epochs = LAYERS[name]
    rng = tinyrnn.manual_seed(seed).numpy
    net = RNNModel(layer, len(vocab), WINDOW_HIDDEN).to(device)
    cut, end = round(share * TRAIN_WINDOWS), round(share * (TRAIN_WINDOWS + VALID_WINDOWS))
    print(f"\nnn.{name}, {WINDOW_HIDDEN} hidden units, {cut:,} windows, learning rate {faster * lr:g}")

    def shuffled() -> Batches:
        return windows(ids, rng.permutation(cut), WINDOW_STEPS, WINDOW_ROWS)

    def others() -> Batches:
        return windows(ids, np.arange(cut, end), WINDOW_STEPS, WINDOW_ROWS)

    return train(net, vocab, math.ceil(share * epochs), shuffled, others, lr=faster * lr)


def read_book(smoke: bool) -> tuple[np.ndarray, np.ndarray, text.Vocab]:
    """The ids of both editions' texts, and the vocabulary.

    Raises:
        CorpusError: the book is not at hand and cannot be had.
    """
    book = text.default_corpus_text()[:20_000] if smoke else corpora.load("time_machine")
    lines, first, second = book.splitlines(), joined_lines(book), clean(book)
    vocab = text.CharVocab.build(first, unk="<unk>")
    if not smoke:  # what d2l prints
        assert (len(lines), len(first), len(second), len(vocab)) == (3_221, 170_580, 173_428, 28)
    print(f"{len(lines):,} lines, {len(first):,} characters, {len(vocab)} symbols, the most frequent {vocab.itos[:10]}")
    print(f"one_hot([0, 2]):\n{one_hot(tinyrnn.tensor([0, 2]), len(vocab)).numpy().astype(int)}")
    return vocab.encode(first), vocab.encode(second), vocab


def run(seed: int, *, smoke: bool = False, full: bool = False, device: Any = "cpu") -> dict[str, list[float]]:
    """Both parts; returns the perplexity of every epoch of every model.

    Raises:
        CorpusError: the book is not at hand and cannot be had.
        FloatingPointError, OverflowError: a model has exploded.
    """
    first, second, vocab = read_book(smoke)
    if smoke:
        first, hidden, epochs, share = first[:2_000], 32, 3, 0.05
    else:
        first, hidden, epochs, share = first[:CHARACTERS], FULL_HIDDEN if full else HIDDEN, EPOCHS, 1.0
    curves = {sampling: from_scratch(first, vocab, seed, sampling, hidden, epochs, device=device) for sampling in SAMPLINGS}
    return curves | {name: concise(second, vocab, seed, name, share, device=device) for name in LAYERS}


def verify(curves: dict[str, list[float]]) -> bool:
    """Say for every model whether its last perplexity is where it should be; whether all are."""
    good = True
    for name, (low, high) in BANDS.items():
        value = curves[name][-1]
        good &= low <= value <= high
        print(f"verify: {'ok' if low <= value <= high else 'FAILED'} {name} {value:.3f} in [{low}, {high}]")
    return good


def save_plot(path: str, curves: dict[str, list[float]]) -> None:
    """Draw the perplexities by epoch: part 1, part 2."""
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(11, 4.5), layout="constrained")
    scratch, layers = figure.subplots(1, 2)
    for name, curve in curves.items():
        (layers if name in LAYERS else scratch).plot(range(1, len(curve) + 1), curve, label=name)
    for axes, title in ((scratch, "From scratch: training"), (layers, "With nn: validation")):
        axes.set(title=title, xlabel="epoch", ylabel="perplexity", yscale="log")
        axes.legend()
        axes.grid(alpha=0.3, which="both")
    figure.savefig(path, dpi=120)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="where to compute: cpu, cuda, cuda:1; auto: a GPU, if one works")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers (default 1)")
    parser.add_argument("--plot", metavar="FILE", help="draw the perplexities into this image (needs matplotlib)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--full", action="store_true", help=f"{FULL_HIDDEN} hidden units in part 1, as in the tutorial, instead of {HIDDEN}")
    how.add_argument("--smoke", action="store_true", help="a few seconds on a small text that every Python carries")
    how.add_argument("--verify", action="store_true", help="does every model end where it should? The exit code tells")
    args = parser.parse_args(argv)
    if args.plot and importlib.util.find_spec("matplotlib") is None:
        parser.error("--plot needs matplotlib: pip install tinyrnn[plot]")
    try:
        curves = run(args.seed, smoke=args.smoke, full=args.full, device=devices.choose(args.device))
        if args.plot:
            save_plot(args.plot, curves)
        return 0 if not args.verify or verify(curves) else 1
    except (ArithmeticError, OSError, devices.DeviceError) as error:  # exploded; no book, or the picture cannot be written; no GPU
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
