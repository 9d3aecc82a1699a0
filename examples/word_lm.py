"""The PyTorch word language model: an LSTM that predicts the next word of WikiText-2, its training loop written by hand.

    python examples/word_lm.py                        # the original: 40 epochs of 2,984 batches
    python examples/word_lm.py --epochs 6 --tied      # any of its options
    python examples/word_lm.py --dry-run              # one batch of each part: does all work?
    python examples/word_lm.py --verify               # in small: is the perplexity as it should be?
    python examples/generate.py                       # then let it write

Time: 2 min 20 s on one core with --verify; the full run about 20 minutes an epoch.

A text is read in 20 rows side by side, 35 words at a time. The state after these 35 is where the next 35 begin, but
gradients go back no further than the 35: truncated backpropagation through time. Steps are plain stochastic gradient
descent, p = p - lr * gradient, with a learning rate of 20 (!), which works because gradients are scaled down to a norm
of 0.25. When the validation does not improve, the rate is quartered. The model of the best validation is kept and, at
the end, tested. Ctrl-C ends training early and goes on to the test.

``--verify`` takes the first 100,000 words to train on and the first 20,000 each to validate and to test, the 12,271
different words of these, and a smaller tied model. ``--verify --lr 200`` and ``--verify --clip inf`` fail. One core of a
Xeon printed (some lines left out)::

    V = 12,271 words; 100,000 in train, 20,000 in valid, 20,000 in test
    LSTM with 1,400,971 parameters; before training the loss is about ln V = 9.41
    -----------------------------------------------------------------------------------------
    | end of epoch   1 | time: 17.62s | valid loss  6.69 | valid ppl   805.94
    -----------------------------------------------------------------------------------------
    ...
    | epoch   8 |   100/  143 batches | lr 1.25 | ms/batch 101.56 | loss  5.28 | ppl   197.32
    -----------------------------------------------------------------------------------------
    | end of epoch   8 | time: 17.50s | valid loss  5.96 | valid ppl   387.27
    -----------------------------------------------------------------------------------------
    =========================================================================================
    | End of training | test loss  5.93 | test ppl   375.78
    =========================================================================================
    The same with the state forgotten every 35 words: test ppl 387.17

Where it differs from the original, on purpose: the checkpoint is a safetensors file, with the vocabulary, which
generate.py then need not count again. Validation and test count every word once, where the original leaves out the first
of each row. Its first log line of an epoch divides the losses of 201 batches by 200. It lets weights become nan without a
word. ``--cuda``, ``--onnx-export`` and the Transformer are not here.

Source: pytorch/examples, word_language_model. The output layer as embedding: Press and Wolf, 2017.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Sequence

import tinyrnn
from tinyrnn import devices, lm, text
from tinyrnn.nn.utils import clip_grad_norm_
from tinyrnn.text import corpora

PARTS = ("train", "valid", "test")
MODELS = {"RNN_TANH": "rnn", "RNN_RELU": "rnn_relu", "LSTM": "lstm", "GRU": "gru"}  # the original's names, and lm.LanguageModel's
EVAL_ROWS = 10  # N in validation and test
RULE = 89  # characters

# ---- What takes the place of the defaults. Options given beside these still count.

# ``words``: how many of each part are used, None for all. Without ``save`` the best model goes to a temporary folder.
SMOKE = {"emsize": 32, "nhid": 32, "epochs": 2, "log_interval": 10, "words": (14_000, 2_000, 2_000), "save": None}
VERIFY = {"emsize": 100, "nhid": 100, "tied": True, "epochs": 8, "log_interval": 50, "words": (100_000, 20_000, 20_000), "save": None}

# ---- What to expect of --verify. Seeds 1111, 1 and 2 gave 375.8, 373.8 and 392.8; and 0.0299, 0.0286 and 0.0222.

BANDS = {"test ppl": (350.0, 420.0), "nats a word that the carried state saves": (0.018, 0.04)}


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options, by their names in the original."""
    parser = argparse.ArgumentParser(
        description="The PyTorch word language model on tinyrnn.", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data", metavar="FOLDER", help="has train.txt, valid.txt, test.txt; without it WikiText-2 is fetched, once")
    parser.add_argument("--model", default="LSTM", choices=MODELS, help="the recurrent network")
    parser.add_argument("--emsize", type=positive, default=200, help="size of a word's vector")
    parser.add_argument("--nhid", type=positive, default=200, help="hidden units in a layer")
    parser.add_argument("--nlayers", type=positive, default=2, help="recurrent layers")
    parser.add_argument("--lr", type=float, default=20, help="the learning rate to begin with")
    parser.add_argument("--clip", type=float, default=0.25, help="scale gradients whose norm is larger; inf: never")
    parser.add_argument("--epochs", type=positive, default=40, help="times through the training text, at most")
    parser.add_argument("--batch_size", "--batch-size", type=positive, default=20, metavar="N", help="rows side by side")
    parser.add_argument("--bptt", type=positive, default=35, metavar="T", help="steps that gradients go back")
    parser.add_argument("--dropout", type=float, default=0.2, help="after the embedding, between layers, after the recurrence")
    parser.add_argument("--tied", action="store_true", help="one matrix for embedding and output")
    parser.add_argument("--seed", type=int, default=1111, help="equal seeds give equal runs")
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="where to compute: cpu, cuda, cuda:1; auto: a GPU, if one works")
    parser.add_argument("--log-interval", type=positive, default=200, metavar="N", help="batches between log lines")
    parser.add_argument("--save", default="word_lm.safetensors", metavar="FILE", help="where the best model goes")
    parser.add_argument("--plot", metavar="FILE", help="draw losses and learning rate into this image (needs matplotlib)")
    parser.add_argument("--dry-run", action="store_true", help="one batch of each part, to see that everything works")
    parser.add_argument("--smoke", action="store_true", help="a few seconds on a small text that every Python carries")
    parser.add_argument("--verify", action="store_true", help="two minutes and more: is the perplexity as it should be?")
    parser.set_defaults(words=(None, None, None))
    args = parser.parse_args(argv)
    if args.smoke or args.verify:
        parser.set_defaults(**(SMOKE if args.smoke else VERIFY))
        args = parser.parse_args(argv)
    if args.dry_run:
        parser.set_defaults(epochs=1, log_interval=1, save=None)
        args = parser.parse_args(argv)
    if args.tied and args.emsize != args.nhid:
        parser.error(f"--tied needs --emsize and --nhid to be equal, got {args.emsize} and {args.nhid}")
    return args


def positive(option: str) -> int:
    """A whole number above 0."""
    if not option.isdecimal() or int(option) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {option}")
    return int(option)


def read_texts(folder: str | None, smoke: bool) -> list[str]:
    """The texts to train on, to validate on and to test on."""
    if folder is not None:
        return [text.read_text(os.path.join(folder, f"{part}.txt")) for part in PARTS]
    if smoke:
        words = text.default_corpus_text()
        return [words[:200_000], words[200_000:250_000], words[250_000:300_000]]
    return [corpora.load("wikitext2", part) for part in PARTS]


def build_corpora(texts: list[str], words: Sequence[int | None]) -> list[text.Corpus]:
    """The texts, or so many words of each, as streams of ids with one vocabulary: all their words in order of appearance.

    The end of a line is the word ``<eos>``. Words of valid.txt and test.txt are in the vocabulary, too, as in the
    original: none is unknown, and the model gives probability also to words that training never shows.
    """
    parts = [text.WordVocab.tokenize(one)[:count] for one, count in zip(texts, words)]
    known = dict.fromkeys(word for part in parts for word in part)
    vocab = text.WordVocab(list(known), unk="<unk>" if "<unk>" in known else None)  # WikiText writes rare words as <unk>
    return [text.Corpus([vocab.stoi[word] for word in part], vocab) for part in parts]


def train(
    model: lm.LanguageModel, batches: text.SequentialBatches, lr: float, epoch: int, args: argparse.Namespace, plot: lm.Plot | None
) -> None:
    """Once through the text, by truncated backpropagation through time."""
    model.train()  # dropout is on
    parameters = list(model.parameters())
    since, start, state = lm.Score(0.0, 0), time.perf_counter(), None
    device = parameters[0].device
    for batch, (inputs, targets, continues) in enumerate(batches, start=1):  # (T, N) and (T, N)
        # Every row of a batch goes on where it ended in the batch before, so the state is carried. Its history is not:
        # with it, backward() would go back to the beginning of the text.
        state = lm.detach(state) if continues else None  # h and c of all layers, (L, N, H) each; None is zeros

        model.zero_grad()
        loss, state = model.loss(inputs.to(device), targets.to(device), state)  # in nats, the mean over T * N words
        loss.backward()
        norm = clip_grad_norm_(parameters, args.clip)  # of all gradients together, before
        if not math.isfinite(loss.item() + norm.item()):
            raise FloatingPointError(
                f"epoch {epoch}, batch {batch}: the loss is {loss.item():.4g} and the norm of its gradients {norm.item():.4g}. "
                f"Usual causes: --lr too high (it is {lr:g}), or no clipping (--clip)"
            )
        with tinyrnn.no_grad():
            for p in parameters:
                p.add_(p.grad, alpha=-lr)  # stochastic gradient descent: p = p - lr * gradient

        if plot is not None:
            step = (epoch - 1) * len(batches) + batch
            plot.loss(step, loss.item())
            plot.lr(step, lr)
        since += lm.Score(loss.item() * targets.numel(), targets.numel())
        if batch % args.log_interval == 0:
            ms = (time.perf_counter() - start) * 1000 / args.log_interval
            print(
                f"| epoch {epoch:3d} | {batch:5d}/{len(batches):5d} batches | lr {lr:02.2f} | ms/batch {ms:5.2f} | "
                f"loss {since.per_token:5.2f} | ppl {since.perplexity:8.2f}",
                flush=True,
            )
            since, start = lm.Score(0.0, 0), time.perf_counter()


def fit(
    model: lm.LanguageModel,
    vocab: text.Vocab,
    batches: text.SequentialBatches,
    valid: text.SequentialBatches,
    args: argparse.Namespace,
    path: str,
    plot: lm.Plot | None,
) -> bool:
    """All epochs, of which the best model is saved. Ctrl-C ends them early. Returns whether there is a best model."""
    lr, best = args.lr, math.inf
    try:
        for epoch in range(1, args.epochs + 1):
            start = time.perf_counter()
            train(model, batches, lr, epoch, args, plot)
            score = lm.evaluate(model, valid)  # dropout is off; the state is carried and every word counts once
            seconds = time.perf_counter() - start
            print("-" * RULE)
            print(
                f"| end of epoch {epoch:3d} | time: {seconds:5.2f}s | valid loss {score.per_token:5.2f} | valid ppl {score.perplexity:8.2f}"
            )
            print("-" * RULE, flush=True)
            if plot is not None:
                plot.valid(epoch * len(batches), score.per_token)
                plot.save()
            if score.per_token < best:
                best = score.per_token
                lm.save_checkpoint(path, model, vocab, epoch=epoch, valid_nats=best)
            else:
                lr /= 4  # steps of this size overshoot by now
    except KeyboardInterrupt:
        print("-" * RULE)
        print("Exiting from training early")
    else:
        if best == math.inf:
            raise FloatingPointError(f"the validation loss was never finite, so nothing was saved. Try a lower --lr than {args.lr:g}")
    return best < math.inf


def run(args: argparse.Namespace, path: str, plot: lm.Plot | None) -> dict[str, float]:
    """Train, keep the best model at ``path``, test it; returns what ``--verify`` looks at, nothing if there is no best model."""
    parts = build_corpora(read_texts(args.data, args.smoke), args.words)
    vocab = parts[0].vocab
    print(f"V = {len(vocab):,} words; " + ", ".join(f"{len(corpus):,} in {part}" for part, corpus in zip(PARTS, parts)))
    ids = [corpus.ids for corpus in parts]
    if args.dry_run:
        ids = [one[: rows * args.bptt + 1] for one, rows in zip(ids, (args.batch_size, EVAL_ROWS, EVAL_ROWS))]
    batches = text.SequentialBatches(ids[0], args.bptt, args.batch_size)
    valid, test = (text.SequentialBatches(one, args.bptt, EVAL_ROWS, exact=True) for one in ids[1:])

    device = devices.choose(args.device)
    tinyrnn.manual_seed(args.seed)
    model = lm.LanguageModel(len(vocab), args.emsize, args.nhid, args.nlayers, MODELS[args.model], args.dropout, args.tied).to(device)
    weights = sum(p.numel() for p in model.parameters())
    print(f"{args.model} with {weights:,} parameters; before training the loss is about ln V = {math.log(len(vocab)):.2f}")
    if not fit(model, vocab, batches, valid, args, path, plot):
        return {}

    model = lm.load_checkpoint(path).model.to(device)
    score = lm.evaluate(model, test)
    print("=" * RULE)
    print(f"| End of training | test loss {score.per_token:5.2f} | test ppl {score.perplexity:8.2f}")
    print("=" * RULE)
    forgetful = lm.evaluate(model, [(inputs, targets, False) for inputs, targets, _ in test])
    print(f"The same with the state forgotten every {args.bptt} words: test ppl {forgetful.perplexity:.2f}")
    return dict(zip(BANDS, (score.perplexity, forgetful.per_token - score.per_token)))


def verify(facts: dict[str, float]) -> bool:
    """Say of each fact whether it is in its band; returns whether all are."""
    for name, (low, high) in BANDS.items():
        print(f"verify: {'ok' if low <= facts[name] <= high else 'FAILED'} word_lm {name} {facts[name]:.4g} in [{low}, {high}]")
    print("The full run, without --verify: 40 epochs of 2,984 batches, V = 33,278; about 20 minutes an epoch on one core of a Xeon.")
    return all(low <= facts[name] <= high for name, (low, high) in BANDS.items())


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code: 0 done, 1 an error or a failed verification, 130 interrupted."""
    args = parse(argv)
    try:
        plot = lm.Plot(args.plot, unit="word") if args.plot else None
        with tempfile.TemporaryDirectory() as folder:
            facts = run(args, args.save or os.path.join(folder, "best.safetensors"), plot)
    except (ImportError, OSError, ValueError, FloatingPointError, devices.DeviceError) as error:
        print(f"word_lm: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    if not facts:
        print("No epoch was finished: there is no model to test, and nothing was saved.", file=sys.stderr)
        return 130
    return 0 if not args.verify or verify(facts) else 1


if __name__ == "__main__":
    sys.exit(main())
