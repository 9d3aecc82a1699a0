r"""A character model of Shakespeare as torch-rnn trains it: two LSTM layers of 128, beside the curve that you should see.

Time: 4 minutes on one core

    python examples/tinyshakespeare.py                # 10 epochs; torch-rnn's default is --epochs 50
    python examples/tinyshakespeare.py --plot run.png
    python examples/tinyshakespeare.py --verify       # does it end where it should?

Without a curve to compare with, nobody can tell whether a model learns as it should: a user of torch-rnn who was stuck
at 1.6 to 1.7 asked why. OURS is the validation loss after each epoch of three seeds; PYTORCH is the same from
PyTorch 2.13 (float32, one thread, the same batches in the same order, weights drawn alike by PyTorch's own seeds 2 and 3).
From the initial weights of our seed 1 PyTorch's first epoch ends with 2.01909, ours with 2.01908; all its 357 training losses
agree to 6e-5, the first 100 to 8e-7.

Different from torch-rnn on purpose: halving the learning rate leaves Adam's moments as they are, where torch-rnn throws them
away; the state starts anew with an epoch only, there with every checkpoint too; every character is validated on.

What ``--seed 2`` printed here (Xeon, one core), without what it says of the expected curve:

    1,115,394 characters, 65 different ones; 357 batches an epoch; 243,969 parameters; the loss begins at about ln 65 = 4.174
        "q3zact.gnx:U'ZvnsM:gUn-D.wQQeKDyUeguflOzCi.nPNMYf vMHpcjCxjzt  -$M?myWrKzE OS\nsYte.XRrkxJke'D:sT.LeLPS:RQMZxWVnWVyED\nWX3"
    epoch  1   22.6 s  train 2.3798  valid 2.0342 nats/char = 2.935 bits
        'hather briine of he the do?\n\nKANG LIOS:\nI be not not the live the speal, preae\nIf all mores! Mry I lisher sand the his t'
    epoch  2   21.0 s  train 1.8488  valid 1.8496 nats/char = 2.668 bits
        'Gomer, haw then do and hiss, sir strepher with men,\nShall and thee your when Rame say, lout!\nAf, one sate am live you lo'
    ...
    epoch  9   22.4 s  train 1.4790  valid 1.6213 nats/char = 2.339 bits
        'HISCARD:\nLet they have not:\nMy trease, what singly true would they may plied.\nI must capests mut peace. What I stand.\n\nC'
    epoch 10   23.5 s  train 1.4607  valid 1.6058 nats/char = 2.317 bits
        'HISN YO:\nYour wife and lovile with thine honour, I have discond.\n\nKING HENRY BOR:\nA struckely, courrel!\n\nDUCHESS OF YORK'
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from typing import Any

import tinyrnn
from tinyrnn import devices, lm, nn, optim, text
from tinyrnn.text import corpora

# ---- Settings: torch-rnn's, which trains for 50 epochs (--epochs 50).

EPOCHS = 10
EMBEDDING, HIDDEN, LAYERS = 64, 128, 2
ROWS, STEPS = 50, 50  # N rows of text side by side, T characters that gradients go back
LEARNING_RATE = 2e-3  # of Adam
HALVE_EVERY = 5  # epochs; torch-rnn counts from 1 and so halves after 4, 9, 14, ...
CLIP = 5.0  # torch-rnn cuts each number of the gradient to -5 ... 5; this is their norm. Neither is ever reached here (below 0.7)
TEMPERATURE, LENGTH = 0.7, 120  # of the samples
SMOKE_EPOCHS, SMOKE_CHARACTERS = 2, 60_000

# ---- What to expect: validation loss in nats per character after each epoch, by seed.

OURS = {
    1: [2.0191, 1.8412, 1.7468, 1.6947, 1.6552, 1.6379, 1.6234, 1.6109, 1.6007, 1.5897],
    2: [2.0342, 1.8495, 1.7701, 1.7095, 1.6752, 1.6584, 1.6437, 1.6319, 1.6213, 1.6055],
    3: [2.0009, 1.8073, 1.7161, 1.6649, 1.6333, 1.6192, 1.6075, 1.5971, 1.5888, 1.5801],
}
PYTORCH = {
    2: [1.9928, 1.8085, 1.7218, 1.675, 1.6347, 1.619, 1.606, 1.5949, 1.5846, 1.5732],
    3: [1.9868, 1.7928, 1.7116, 1.6648, 1.6304, 1.6158, 1.6034, 1.5934, 1.5846, 1.5735],
}
BAND = (1.565, 1.62)  # of the last epoch: what OURS end with, and 0.015 more on either side


def split(corpus: text.Corpus) -> tuple[text.SequentialBatches, text.SequentialBatches]:
    """Batches to train on and to validate on: 80 % of the text and the 10 % after it. torch-rnn keeps the rest for a test."""
    tenth = len(corpus) // 10
    train, valid = corpus.ids[: -2 * tenth], corpus.ids[-2 * tenth : -tenth]
    # exact: every character counts, where torch-rnn leaves out what does not fill a batch
    return text.SequentialBatches(train, STEPS, ROWS), text.SequentialBatches(valid, STEPS, ROWS, exact=True)


def build_model(vocab_size: int) -> lm.LanguageModel:
    """Embedding, two LSTM layers and a linear layer, with torch-rnn's initial weights."""
    model = lm.LanguageModel(vocab_size, EMBEDDING, HIDDEN, LAYERS)
    nn.init.normal_(model.encoder.weight)  # (V, E)
    for name, weights in model.rnn.named_parameters():
        if name.startswith("weight"):  # (4H, D) and (4H, H): both multiply into the same sum over D + H numbers
            inputs = EMBEDDING if name.endswith("l0") else HIDDEN
            nn.init.normal_(weights, std=1 / math.sqrt(inputs + HIDDEN))
        else:
            nn.init.zeros_(weights)
    nn.init.forget_bias_(model.rnn, 1.0)  # so that a new memory keeps what it has
    for weights in (model.decoder.weight, model.decoder.bias):
        nn.init.uniform_(weights, -1 / math.sqrt(HIDDEN), 1 / math.sqrt(HIDDEN))
    return model


class Report(lm.Callback):
    """A line for every epoch, what is expected of it beside it, and what the model writes by then."""

    def __init__(self, vocab: text.Vocab, known: bool, plot: lm.Plot | None) -> None:
        self.vocab, self.known, self.plot = vocab, known, plot

    def before_fit(self, run: lm.Run) -> None:
        """Before it has learnt anything, it writes noise."""
        self.sample(run)

    def after_epoch(self, run: lm.Run) -> None:
        """How it went."""
        print(
            f"epoch {run.epoch:2d}  {run.seconds:5.1f} s  train {run.history[-1]['loss']:.4f}  valid {run.valid.per_token:.4f} nats/char "
            f"= {run.valid.bits:.3f} bits{expected(run.epoch) if self.known else ''}",
            flush=True,
        )
        self.sample(run)

    def sample(self, run: lm.Run) -> None:
        """The same dice every time, so that only the model differs."""
        dice = tinyrnn.Generator().manual_seed(0)
        written = lm.generate(run.model, self.vocab, "\n", LENGTH, temperature=TEMPERATURE, generator=dice)
        print(f"    {written!r}", flush=True)
        if self.plot is not None:
            self.plot.sample(run.step, written)


def expected(epoch: int) -> str:
    """What is stored of this epoch, in words."""
    if epoch > EPOCHS:
        return ""
    ours, pytorch = ([curve[epoch - 1] for curve in curves.values()] for curves in (OURS, PYTORCH))
    return f"  (expected {min(ours):.4f} to {max(ours):.4f}, PyTorch {min(pytorch):.4f} to {max(pytorch):.4f})"


def train(corpus: text.Corpus, seed: int, epochs: int, known: bool = False, plot: lm.Plot | None = None, device: Any = "cpu") -> float:
    """Train a new model; returns the validation loss after the last epoch, in nats per character.

    ``known``: the text is the one that the stored curves are of.
    """
    tinyrnn.manual_seed(seed)
    batches, valid = split(corpus)
    model = build_model(len(corpus.vocab)).to(device)
    adam = optim.Adam(model.parameters(), lr=LEARNING_RATE)
    halving = optim.lr_scheduler.LambdaLR(adam, lambda step: 0.5 ** ((step // len(batches) + 1) // HALVE_EVERY))
    print(
        f"{len(corpus):,} characters, {len(corpus.vocab)} different ones; {len(batches)} batches an epoch; "
        f"{sum(p.numel() for p in model.parameters()):,} parameters; the loss begins at about ln {len(corpus.vocab)} = "
        f"{math.log(len(corpus.vocab)):.3f}"
    )
    callbacks = [Report(corpus.vocab, known, plot), *([plot] if plot else [])]
    run = lm.fit(model, batches, valid, optimizer=adam, epochs=epochs, clip=CLIP, schedule=halving, callbacks=callbacks)
    return run.valid.per_token


def verify(value: float, band: tuple[float, float]) -> int:
    """Say whether the value is in the band; 0 if it is, else 1."""
    low, high = band
    print(f"verify: {'ok' if low <= value <= high else 'FAILED'} tinyshakespeare {value:.4f} in [{low:.4f}, {high:.4f}]")
    return 0 if low <= value <= high else 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="torch-rnn's character model of Shakespeare, with the curve to expect.")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"times through the text (default {EPOCHS}; torch-rnn: 50)")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers (default 1)")
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="where to compute: cpu, cuda, cuda:1; auto: a GPU, if one works")
    parser.add_argument("--plot", metavar="FILE", help="draw curves and samples into this image (needs matplotlib)")
    parser.add_argument("--smoke", action="store_true", help="a few seconds on a small text that every Python carries")
    parser.add_argument("--verify", action="store_true", help=f"{EPOCHS} epochs; does the validation loss end where it should?")
    args = parser.parse_args(argv)
    if args.epochs < 1:
        parser.error(f"--epochs must be at least 1, got {args.epochs}")
    try:
        plot = lm.Plot(args.plot, unit="char") if args.plot else None
    except (ImportError, OSError, ValueError) as error:
        parser.error(f"--plot {error}")
    try:
        device = devices.choose(args.device)
        if args.smoke:
            small = text.Corpus.from_text(text.default_corpus_text()[:SMOKE_CHARACTERS])
            train(small, args.seed, SMOKE_EPOCHS, plot=plot, device=device)
            return 0
        corpus = text.Corpus.from_text(corpora.load("tinyshakespeare"))
        loss = train(corpus, args.seed, EPOCHS if args.verify else args.epochs, known=True, plot=plot, device=device)
        return verify(loss, BAND) if args.verify else 0
    except (corpora.CorpusError, devices.DeviceError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
