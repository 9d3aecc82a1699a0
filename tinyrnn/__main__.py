"""The command line: ``python -m tinyrnn train``, ``generate`` and ``data``, also installed as ``tinyrnn``."""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import os
import sys
from collections.abc import Sequence
from typing import Any

import tinyrnn
from tinyrnn.devices import DeviceError, choose
from tinyrnn.serialization import replacing

INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C ended


class UserError(Exception):
    """Something that the person at the keyboard can mend; its text is all they need to see."""


def _positive(kind: type, *, zero: bool = False) -> Any:
    def parse(text: str) -> Any:
        value = kind(text)
        if not (value >= 0 if zero else value > 0) or value == math.inf:
            raise argparse.ArgumentTypeError(f"must be a finite number, {'0 or more' if zero else 'above 0'}; got {text}")
        return value

    parse.__name__ = "whole number" if kind is int else "number"
    return parse


def _fraction(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"must be from 0 up to, not including, 1, got {text}")
    return value


_fraction.__name__ = "number"


def _corpus_name(text: str) -> str:
    from tinyrnn.text import corpora

    if text not in corpora.NAMES:
        raise argparse.ArgumentTypeError(f"unknown corpus {text!r}: there are {', '.join(corpora.NAMES)}")
    return text


def build_parser() -> argparse.ArgumentParser:
    """The options of all commands."""
    parser = argparse.ArgumentParser(prog="tinyrnn", description="Recurrent language models from scratch, on NumPy.")
    parser.add_argument("--version", action="version", version=f"tinyrnn {tinyrnn.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    defaults = argparse.ArgumentDefaultsHelpFormatter

    train = commands.add_parser(
        "train",
        formatter_class=defaults,
        help="train a language model on a text",
        description="Train a recurrent language model on a text, keep the best checkpoint, and show a sample. Without FILE the text "
        "is the Python language reference that every Python carries (pydoc_data.topics).",
    )
    train.add_argument("file", nargs="?", metavar="FILE", help="a UTF-8 text; - reads standard input")
    train.add_argument("--level", choices=("char", "word"), default="char", help="what a token is")
    train.add_argument("--max-vocab", type=_positive(int), metavar="N", help="keep the N commonest symbols; the others become <unk>")
    train.add_argument("--min-freq", type=_positive(int), default=1, metavar="N", help="symbols seen less often become <unk>")
    train.add_argument("--valid", type=_fraction, default=0.1, metavar="SHARE", help="the last share of the text, for validation")
    train.add_argument("--cell", choices=("lstm", "gru", "rnn"), default="lstm", help="the recurrent cell")
    train.add_argument("--emsize", type=_positive(int), default=64, metavar="E", help="size of a symbol's vector")
    train.add_argument("--nhid", type=_positive(int), default=200, metavar="H", help="hidden units in a layer")
    train.add_argument("--nlayers", type=_positive(int), default=1, metavar="L", help="recurrent layers")
    train.add_argument(
        "--dropout", type=_fraction, default=0.0, metavar="P", help="after the embedding, between layers, after the recurrence"
    )
    train.add_argument("--tied", action="store_true", help="share the weights of embedding and output (needs --emsize equal to --nhid)")
    train.add_argument("--epochs", type=_positive(int), default=4, help="times through the training text")
    train.add_argument("--batch-size", type=_positive(int), default=20, metavar="N", help="rows side by side")
    train.add_argument("--bptt", type=_positive(int), default=50, metavar="T", help="steps that gradients go back")
    train.add_argument("--lr", type=_positive(float), default=0.008, help="highest learning rate of Adam")
    train.add_argument(
        "--schedule", choices=("onecycle", "plateau", "constant"), default="onecycle",
        help="the learning rate rises and falls, or is quartered when validation does not improve, or stays",
    )  # fmt: skip
    train.add_argument("--clip", type=_positive(float), default=1.0, metavar="NORM", help="scale gradients whose norm is larger")
    _add_device(train)
    train.add_argument("--seed", type=int, default=1, help="equal seeds give equal runs")
    train.add_argument("--log-interval", type=_positive(int), default=100, metavar="N", help="batches between log lines")
    train.add_argument("--save", default="tinyrnn-lm.safetensors", metavar="CHECKPOINT", help="where the best model goes")
    train.add_argument("--sample", type=_positive(int, zero=True), default=300, metavar="LENGTH", help="tokens to show at the end")
    train.set_defaults(run=run_train)

    generate = commands.add_parser(
        "generate",
        formatter_class=defaults,
        help="let a trained model write",
        description="Let a trained model write: the prefix, and how it goes on, to standard output.",
    )
    generate.add_argument("checkpoint", metavar="CHECKPOINT", help="a file that train has saved")
    generate.add_argument("--prefix", default="", help="text to go on from")
    generate.add_argument("--length", type=_positive(int, zero=True), default=500, help="tokens to write")
    generate.add_argument("--temperature", type=_positive(float, zero=True), default=0.8, help="0: always the best token; 1: as learnt")
    generate.add_argument("--top-k", type=_positive(int), metavar="K", help="choose among the K best")
    generate.add_argument("--top-p", type=_positive(float), metavar="P", help="choose among the best that together reach probability P")
    _add_device(generate)
    generate.add_argument("--seed", type=int, default=None, help="equal seeds write equal texts (default: a new one each time)")
    generate.set_defaults(run=run_generate)

    data = commands.add_parser(
        "data",
        help="list and download corpora",
        description="Corpora by name, kept in the folder that TINYRNN_DATA names, else in the user's cache.",
    )
    actions = data.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the corpora: name, size, licence, and where they are if they are here")
    listing.set_defaults(run=run_data_list)
    get = actions.add_parser("get", help="download corpora that are not here yet, and say where they are")
    get.add_argument("names", nargs="+", type=_corpus_name, metavar="NAME", help="a name that list shows")
    get.set_defaults(run=run_data_get)
    return parser


def _add_device(command: argparse.ArgumentParser) -> None:
    words = "cpu, cuda, or cuda:1 and so on; auto takes a GPU if one works"
    command.add_argument("--device", default="auto", metavar="DEVICE", help=words)


def _read_corpus(args: argparse.Namespace) -> Any:
    from tinyrnn import text

    if args.file is None:
        print("Reading pydoc_data.topics, the Python language reference. Give a FILE to read another text.")
        words = text.default_corpus_text()
    else:
        if args.file == "-" and sys.stdin is None:
            raise UserError("standard input is closed; give a FILE, or pipe a text in")
        words = text.read_text(args.file)
    reduced = args.max_vocab is not None or args.min_freq > 1
    unk = "<unk>" if args.level == "word" or reduced else None
    return text.Corpus.from_text(words, args.level, unk=unk, max_size=args.max_vocab, min_freq=args.min_freq)


class _OnlyTrying(Exception):
    """Ends an attempt to write before anything is replaced."""


def _check_writable(path: str) -> None:
    """Better now than after the first epoch."""
    try:
        with contextlib.suppress(_OnlyTrying), replacing(path):
            raise _OnlyTrying
    except OSError as error:
        raise UserError(f"--save {path}: cannot write there: {error.strerror}. Give the name of a file in an existing folder") from error


def run_train(args: argparse.Namespace) -> int:
    """Train, keep the best, report, show a sample."""
    from tinyrnn import lm, optim, text

    _check_writable(args.save)
    if args.schedule == "plateau" and not args.valid:
        raise UserError("--schedule plateau needs a validation text to look at; give --valid a share above 0")
    if args.tied and args.emsize != args.nhid:
        raise UserError(f"--tied needs equal sizes, got --emsize {args.emsize} and --nhid {args.nhid}")
    corpus = _read_corpus(args)
    V, share = len(corpus.vocab), 1 - args.valid
    tokens, needed = int(share * len(corpus)), args.batch_size * args.bptt + 1
    if tokens < needed:
        raise UserError(
            f"the text is too short: {tokens:,} {args.level}s to train on, but one batch needs {needed:,} "
            f"(--batch-size {args.batch_size} times --bptt {args.bptt}, and one). Reduce these, or take a longer text"
        )
    if args.valid and len(corpus) - tokens < 2:
        raise UserError(f"--valid {args.valid} of {len(corpus):,} {args.level}s leaves nothing to predict; give a larger share, or 0")
    train, valid = corpus.split(share) if args.valid else (corpus, None)
    batches = text.SequentialBatches(train.ids, args.bptt, args.batch_size)
    validation = None
    if valid is not None:
        rows = min(10, max(1, (len(valid) - 1) // args.bptt))
        validation = text.SequentialBatches(valid.ids, args.bptt, rows, exact=True)

    device = choose(args.device)
    tinyrnn.manual_seed(args.seed)
    model = lm.LanguageModel(V, args.emsize, args.nhid, args.nlayers, args.cell, args.dropout, args.tied).to(device)
    optimizer = optim.Adam(model.parameters(), lr=args.lr)
    schedule = plateau = None
    if args.schedule == "onecycle":
        steps = args.epochs * len(batches)
        schedule = optim.lr_scheduler.OneCycleLR(optimizer, args.lr, total_steps=steps, pct_start=0.1, cycle_momentum=False)
    elif args.schedule == "plateau":
        plateau = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.25, patience=0)
    print(
        f"{len(train):,} {args.level}s to train on, {0 if valid is None else len(valid):,} to validate, V = {V:,}; "
        f"{args.cell} with {sum(p.numel() for p in model.parameters()):,} parameters; "
        f"before training the loss is about ln V = {math.log(V):.2f}"
    )
    keep = lm.KeepBest(args.save, corpus.vocab)
    stop = lm.StopOnInterrupt()
    try:
        run = lm.fit(
            model, batches, validation, optimizer=optimizer, epochs=args.epochs, clip=args.clip, schedule=schedule, plateau=plateau,
            callbacks=[lm.Progress(), lm.Log(args.log_interval, args.level), keep, stop],
        )  # fmt: skip
    except FloatingPointError as error:
        raise UserError(f"{error} {_kept(keep)}") from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_kept(keep)) from None
    if stop.interrupted:
        if keep.saved:
            print(f"\nInterrupted. {_kept(keep)}")
        elif os.path.exists(args.save):  # perhaps the best of a long run; this one has hardly begun
            print(f"\nInterrupted before there was a best checkpoint. {args.save} is the one that was there before")
        else:
            keep.save(run)
            print(f"\nInterrupted before there was a best checkpoint. The model as it is now: {args.save}")
        return INTERRUPTED
    if not keep.saved:
        raise UserError(f"the validation loss was never finite, so nothing was saved. Try a lower learning rate than --lr {args.lr}")
    _report(args, run, train, valid)
    if args.sample:
        best = lm.load_checkpoint(args.save)
        prompt = "" if valid is None else best.vocab.decode(valid.ids[: 30 if args.level == "char" else 6])
        print("-" * 100)
        print(prompt + " " * (args.level == "word") + lm.generate(best.model.to(device), best.vocab, prompt, args.sample, temperature=0.6))
    return 0


def _kept(keep: Any) -> str:
    return f"The best checkpoint so far: {keep.path}" if keep.saved else "Nothing was saved."


def _report(args: argparse.Namespace, run: Any, train: Any, valid: Any) -> None:
    from tinyrnn import text

    if run.best is not None:
        V, unit = len(train.vocab), args.level
        bigram = text.bigram_nats(train.ids, valid.ids, V)
        best = run.best
        print(
            f"valid: {best.per_token:.4f} nats/{unit} over {best.tokens:,} {unit}s = ppl {best.perplexity:.2f} = "
            f"{best.bits:.3f} bits/{unit} (state carried, every token counted)\n"
            f"       counting pairs of {unit}s (the bigram model) reaches {bigram / math.log(2):.3f} bits/{unit} on the same split"
        )
    print(f"saved: {args.save}\nwrite: python -m tinyrnn generate {args.save} --length 500")


def run_generate(args: argparse.Namespace) -> int:
    """Write text."""
    from tinyrnn import lm

    if args.top_p is not None and args.top_p > 1:
        raise UserError(f"--top-p is a probability, at most 1, got {args.top_p}")
    model, vocab, _ = lm.load_checkpoint(args.checkpoint)
    model.to(choose(args.device))
    generator = tinyrnn.Generator()
    generator.seed() if args.seed is None else generator.manual_seed(args.seed)
    written = lm.generate(
        model, vocab, args.prefix, args.length,
        temperature=args.temperature, top_k=args.top_k, top_p=args.top_p, generator=generator,
    )  # fmt: skip
    apart = vocab.level == "word" and args.prefix and not args.prefix[-1].isspace() and not written.startswith("\n")
    print(args.prefix + (" " if apart else "") + written)
    return 0


def run_data_list(args: argparse.Namespace) -> int:
    """One line for every corpus."""
    from tinyrnn.text import corpora

    folder = corpora.folder()
    for name, source in corpora.SOURCES.items():
        try:
            path = source.find(folder)
            part = path is not None and path.is_file() and path.stat().st_size < source.size
            place = "not here" if path is None else f"{path}{' (only the first part)' * part}"
        except OSError as error:
            place = str(error)
        print(f"{name:<15} {source.size / 1e6:6.1f} MB  {source.licence:<21} {place}")
    print(f"The folder is {folder}. Get one: python -m tinyrnn data get NAME")
    return 0


def run_data_get(args: argparse.Namespace) -> int:
    """Download what is not here."""
    from tinyrnn.text import corpora

    for name in args.names:
        try:
            print(f"{name}: {corpora.fetch(name)}")
        except corpora.CorpusError as error:
            raise UserError(str(error)) from error
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 1 an error, 2 wrong usage, 130 interrupted."""
    args = build_parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A symbol that the terminal cannot show must not end a training, and through a pipe, too, lines come as they are written.
        sys.stdout.reconfigure(errors="replace", line_buffering=True)
    try:
        code = args.run(args)
        print(end="", flush=True)
        return code
    except KeyboardInterrupt as error:
        message, code = f"interrupted. {error}".strip(), INTERRUPTED
    except BrokenPipeError:
        message, code = "", 1  # who reads no further needs no explanation
    except OSError as error:
        message, code = f"{error.filename or 'standard output'}: {error.strerror or error}", 1
    except MemoryError as error:
        message, code = f"not enough memory; reduce the sizes. {error}", 1
    except (UserError, ValueError, DeviceError) as error:
        message, code = str(error), 1
    if message:
        print(f"tinyrnn: error: {message}", file=sys.stderr)
    _give_up_stdout()
    return code


def _give_up_stdout() -> None:
    """Where standard output cannot take what is still in its buffer, let that go, or Python complains once more at exit."""
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
