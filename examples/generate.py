"""Let a model that word_lm.py has trained write: twenty words a line, after a first word drawn at random.

    python examples/generate.py                                        # 1,000 words into generated.txt
    python examples/generate.py --prefix "The game was" --words 40
    python examples/generate.py --smoke                                # an untrained model: two lines of noise

Time: a second or two for 1,000 words

A word is drawn in proportion to exp(score / temperature), read by the model, the next is drawn, and so on; the state
remembers all words before. The first word, or the prefix, is read and not written, as in the original. Unlike there, the
vocabulary comes with the checkpoint, so there is no --data.

Source: pytorch/examples, word_language_model/generate.py.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
from collections.abc import Sequence

import tinyrnn
from tinyrnn import devices, lm, text

WORDS_A_LINE = 20
SMOKE_WORDS = 40


def positive(option: str) -> int:
    """A whole number above 0."""
    if not option.isdecimal() or int(option) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {option}")
    return int(option)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options, by their names in the original."""
    parser = argparse.ArgumentParser(description="Let a word language model write.", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--checkpoint", default="word_lm.safetensors", metavar="FILE", help="a model that word_lm.py has saved")
    parser.add_argument("--outf", default="generated.txt", metavar="FILE", help="where the text goes")
    parser.add_argument("--words", type=positive, default=1000, metavar="N", help="how many to write")
    parser.add_argument("--prefix", default="", metavar="TEXT", help="words to go on from, instead of one drawn at random")
    parser.add_argument("--temperature", type=float, default=1.0, help="below 1 bolder, above more varied; 0: always the likeliest word")
    parser.add_argument("--seed", type=int, default=1111, help="equal seeds write equal texts")
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="where to compute: cpu, cuda, cuda:1; auto: a GPU, if one works")
    parser.add_argument("--log-interval", type=positive, default=100, metavar="N", help="words between log lines")
    parser.add_argument("--smoke", action="store_true", help="two lines of an untrained model, to see that everything works")
    args = parser.parse_args(argv)
    if not 0 <= args.temperature < math.inf:
        parser.error(f"--temperature must be 0 or more, got {args.temperature}")
    return args


def write(model: lm.LanguageModel, vocab: text.Vocab, prefix: str, words: int, temperature: float, path: str, log_interval: int) -> None:
    """Write ``words`` words into a file, each one read before the next is drawn."""
    ids = vocab.encode(prefix + "\n")[:-1]  # without the last <eos>: this line is to go on
    read = tinyrnn.from_numpy(ids[:, None]) if len(ids) else tinyrnn.randint(len(vocab), (1, 1))  # (T, 1)
    device = model.decoder.weight.device
    model.eval()  # dropout is off
    state = None  # zeros; then what the model remembers of all words before
    with open(path, "w", encoding="utf-8") as file, tinyrnn.no_grad():  # no history is kept
        for k in range(words):
            scores, state = model(read.to(device), state)  # (T, 1, V)
            # In proportion to exp(score / temperature). The original takes this exp as it stands, which overflows for
            # small temperatures; choose() subtracts the largest score first.
            word = lm.choose(scores[-1, 0].cpu().numpy(), temperature=temperature)
            file.write(vocab.itos[word] + ("\n" if k % WORDS_A_LINE == WORDS_A_LINE - 1 else " "))
            read = tinyrnn.tensor([[word]])  # (1, 1)
            if k % log_interval == 0:
                print(f"| Generated {k}/{words} words", flush=True)


def untrained(seed: int) -> tuple[lm.LanguageModel, text.Vocab]:
    """A small model that knows nothing, for ``--smoke``."""
    vocab = text.WordVocab.build(text.default_corpus_text())
    tinyrnn.manual_seed(seed)
    return lm.LanguageModel(len(vocab), 16, 16), vocab


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code: 0 done, 1 an error, 130 interrupted."""
    args = parse(argv)
    try:
        device = devices.choose(args.device)
        if args.smoke:
            model, vocab = untrained(args.seed)
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "generated.txt")
                write(model.to(device), vocab, args.prefix, SMOKE_WORDS, args.temperature, path, args.log_interval)
                print(text.read_text(path), end="")
            return 0
        model, vocab, _ = lm.load_checkpoint(args.checkpoint)
        if vocab.level != "word":
            raise ValueError(f"{args.checkpoint} is a model of {vocab.level}s, not of words; python -m tinyrnn generate writes with it")
        tinyrnn.manual_seed(args.seed)
        write(model.to(device), vocab, args.prefix, args.words, args.temperature, args.outf, args.log_interval)
        return 0
    except (OSError, ValueError, devices.DeviceError) as error:
        print(f"generate: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
