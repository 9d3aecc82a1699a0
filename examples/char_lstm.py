"""A character LSTM of Shakespeare, as in the tutorial "PyTorch is great": Dataset, DataLoader, one-hot input, one row of text.

Time: 2 minutes on one core

    python examples/char_lstm.py             # one pass over tinyshakespeare
    python examples/char_lstm.py --full      # over shakespeare, as in the tutorial: four times as long
    python examples/char_lstm.py --verify    # are the losses those of three other runs?

What it printed here; the tutorial prints a sample every 500 iterations, too, and the loss of one window beside it:

    data has 1115394 characters, 65 unique.
    CharLSTM(
      (lstm): LSTM(65, 250, batch_first=True)
      (linear): Linear(in_features=250, out_features=65, bias=True)
    )
    10039 iterations; a model that knows nothing has a loss of ln 65 = 4.174
    --------------------------------------------------------------------------------
    0: nothing learnt yet; 0% of these words are in the text (0 s)
    cE! nuaiWvn
    q!i;qWGO -ecaLzyfdfM.hVHSsvKYHZIMsBb'olCr$I3QmB$N?'YGe?wK,bvPxTObzwQkTVlNigv-ivx
    qyx3ysoSCmuEVPv!ia h kUv&p&JOxXDCsB.FYWnXFNobxKWZq3Nu!oNo
    K'dEgw.r$LOSylGEqsUJzH;snexvjqD3eh:MuXY?VU'yY
    ...
    --------------------------------------------------------------------------------
    500: 2.355 nats/char; 23% of these words are in the text (6 s)
    or

    athirto
    ier to ladion your hath muth hiner, To et firs Romane,
    shart wissst renseritarut
    guvetsLefst levask
    fariunn gove comble to knowUlh:
    Lo thial
    ...
    --------------------------------------------------------------------------------
    2500: 1.569 nats/char; 64% of these words are in the text (28 s)
     baVly revi:
    Are not both yought the tresing vardurdol.

    HASTINGS:
    You with put the houschow too would, and,
    That thore here do, dinham, pursip!
    Tempraide stat heaving they but would so know lieve
    Would distark if I within at meed,
    Mt may your rent they livener's heard
    ...
    --------------------------------------------------------------------------------
    9000: 1.474 nats/char; 79% of these words are in the text (104 s)
    nab;
    Which 't's the a poorture.

    ISABELLA:
    I thorn; the life been by all you: who,
    Thou'rt, Froths; fits now that thung her chold!
    Great, where it shome show was love us fulity,
    Who conceuriged yourself, live, and a thousand.

    CLAUDIO:
    Do yet, thou shawence spill in a  starstants
    To the name in as to anest,.

    ...
    --------------------------------------------------------------------------------
    second half of the text, while learning from it: 1.4944 nats/char
    held out: 1.6218 nats/char; 1.6736 if the state starts at zero every 100 characters
    verify: ok char_lstm, second half 1.4944 in [1.4800, 1.5100]
    verify: ok char_lstm, held out 1.6218 in [1.5800, 1.6700]
"""

from __future__ import annotations

import argparse
import math
import re
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

import tinyrnn
from tinyrnn import Tensor, devices, lm, nn, optim, text
from tinyrnn.nn import functional as F
from tinyrnn.text import corpora
from tinyrnn.utils.data import DataLoader, Dataset, WeightedRandomSampler

# ---- Settings: those of the program that the tutorial belongs to.

SEQ_LENGTH = 100  # T characters that gradients go back
HIDDEN_DIM = 250
N_LAYERS = 1
LEARNING_RATE = 0.01  # of Adam. Gradients are not clipped; with this rate none of three seeds needed it
SAMPLE_EVERY, TXT_LENGTH = 500, 500  # iterations between samples; characters in one
HELD_OUT = 10  # a tenth at the end of the text is not trained on, but predicted at the end; the tutorial has none
SMOKE_CHARACTERS, SMOKE_EVERY, SMOKE_LENGTH = 30_000, 100, 100

# ---- What to expect of one pass over tinyshakespeare, in nats per character.
# Seeds 1, 2, 3 gave 1.4944, 1.4985, 1.4938 in the second half of the text, while learning from it, and 1.6218, 1.6379, 1.6086
# on the text held out. The same script with PyTorch in place of tinyrnn, from the weights of seed 1: 1.4960 and 1.6104.

BANDS = {"second half": (1.48, 1.51), "held out": (1.58, 1.67)}


class CharacterDataset(Dataset):
    """A text in windows of ``seq_length`` characters. Sample k: window k in one-hot rows (T, V), and what follows each (T,).

    The tutorial's sample is one character, and ``DataLoader(batch_size=seq_length)`` puts T of them together: the axis that
    is called batch is time there, which works because the true batch is 1, and for no other. Here a sample has the axis of
    time, and the loader adds that of the batch; one call makes T characters, which is faster than T calls.

    The batch must still be 1: of several windows side by side, none would go on where the one before it in its row ended,
    and no state could be carried. For rows that do, see ``text.SequentialBatches``.
    """

    def __init__(self, data: str, chars: Sequence[str], seq_length: int) -> None:
        self.vocab_size, self.seq_length = len(chars), seq_length
        char_to_idx = {ch: i for i, ch in enumerate(chars)}
        self.ids = np.array([char_to_idx[ch] for ch in data])

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        ids = tinyrnn.tensor(self.ids[index * self.seq_length :][: self.seq_length + 1])  # (T + 1,); the last may be fewer
        # Float, because it is multiplied with the weights; the product picks a column of them, which is all that it is for.
        x = F.one_hot(ids[:-1], num_classes=self.vocab_size).float()  # (T, V)
        return x, ids[1:]  # (T, V), (T,)

    def __len__(self) -> int:
        # The last character has nothing after it, so it is a target only. In the tutorial it is its own target.
        return math.ceil((len(self.ids) - 1) / self.seq_length)


class CharLSTM(nn.Module):
    """An LSTM over one-hot characters, and scores for the next character."""

    def __init__(self, vocab: int, hidden_size: int, n_layers: int = 1) -> None:
        super().__init__()
        self.vocab_size = vocab
        self.lstm = nn.LSTM(vocab, hidden_size, n_layers, batch_first=True)
        self.linear = nn.Linear(hidden_size, vocab)

    def forward(self, input: Tensor, states_0: Any = None) -> tuple[Tensor, Any]:
        """Rows (N, T, V) and the state after those before, to scores (N, T, V) and the state after these."""
        output, states = self.lstm(input, states_0)  # (N, T, H); states: h and c, (layers, N, H) each, None is zeros
        return self.linear(output), states

    @tinyrnn.no_grad()  # without it, the history of all characters would be kept until the last one is written
    def sample(self, x: Tensor, chars: Sequence[str], txt_length: int, generator: tinyrnn.Generator) -> str:
        """What the model writes after the one-hot character ``x`` (V,): each character is drawn, and read as the next input."""
        states, txt, device = None, "", self.linear.weight.device
        x = x.view(1, 1, self.vocab_size).to(device)
        for _ in range(txt_length):
            scores, states = self(x, states)  # two values: the tutorial's sample() expects three of its forward()
            probs = F.softmax(scores, dim=2).view(self.vocab_size).cpu()  # dice are thrown there
            pred = tinyrnn.tensor(list(WeightedRandomSampler(probs, 1, replacement=True, generator=generator)))  # (1,)
            x = F.one_hot(pred, num_classes=self.vocab_size).float().view(1, 1, self.vocab_size).to(device)
            txt += chars[pred.item()]
        return txt


def cut(states: Any) -> Any:
    """The same numbers without their history.

    The next window goes on where this one ended, so the state is carried over. Its history is not, or backward() would go
    back to the beginning of the text, through graphs that are freed by then.
    """
    return tuple(s.detach() for s in states)


def train(model: CharLSTM, loader: DataLoader, report: Report) -> None:
    """Once through the text, in its order: the state of one window is the start of the next, so nothing may be shuffled."""
    loss_fn = nn.CrossEntropyLoss()  # log_softmax of the scores, and the negative of what the target gets
    optimizer = optim.Adam(model.parameters(), lr=LEARNING_RATE)
    states, device = None, model.linear.weight.device
    for i, (inputs, targets) in enumerate(loader):  # (1, T, V), (1, T)
        inputs, targets = inputs.to(device), targets.to(device)
        scores, states = model(inputs, states)  # (1, T, V)
        loss = loss_fn(scores.squeeze(dim=0), targets.squeeze(dim=0))
        if i % report.every == 0:
            report.sample(i, model, inputs[0, 0])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()  # gradients add up until they are zeroed: of use where a batch is done in parts
        states = cut(states)
        report.loss(i + 1, loss.item())


@tinyrnn.no_grad()
def evaluate(model: CharLSTM, loader: DataLoader, carry: bool = True) -> float:
    """Nats per character of a text that was not trained on; without ``carry`` each window is read as if nothing came before."""
    states, nats, count, device = None, 0.0, 0, model.linear.weight.device
    for inputs, targets in loader:
        inputs, targets = inputs.to(device), targets.to(device)
        scores, states = model(inputs, states if carry else None)
        nats += F.cross_entropy(scores.squeeze(dim=0), targets.squeeze(dim=0), reduction="sum").item()
        count += targets.numel()
    return nats / count


class Report:
    """Prints how the losses went since the last sample, and a sample; keeps them for the picture."""

    def __init__(self, data: str, chars: Sequence[str], every: int, length: int, plot: lm.Plot | None) -> None:
        self.chars, self.every, self.length, self.plot = chars, every, length, plot
        self.words = set(words_of(data))
        self.losses: list[float] = []
        self.start = time.perf_counter()

    def loss(self, step: int, nats: float) -> None:
        """Note the loss of one window. Alone it says little: some hundred characters are harder than others."""
        self.losses.append(nats)
        if self.plot is not None:
            self.plot.loss(step, nats)

    def sample(self, step: int, model: CharLSTM, x: Tensor) -> None:
        """Print what the model writes by now."""
        # Dice of their own: what is drawn for a sample leaves the training what it would be without.
        txt = model.sample(x, self.chars, self.length, tinyrnn.Generator().manual_seed(0))
        nats = f"{np.mean(self.losses[-self.every :]):.3f} nats/char" if self.losses else "nothing learnt yet"
        known = np.mean([word in self.words for word in words_of(txt)] or [0])
        print("-" * 80)
        print(f"{step}: {nats}; {known:.0%} of these words are in the text ({time.perf_counter() - self.start:.0f} s)")
        print(txt, flush=True)
        if self.plot is not None:
            self.plot.sample(step, txt)


def words_of(txt: str) -> list[str]:
    """The words of three letters and more, in small letters: of one or two nearly everything is a word."""
    return re.findall("[a-z]{3,}", txt.lower())


def run(data: str, seed: int, every: int, length: int, plot: lm.Plot | None = None, device: Any = "cpu") -> dict[str, float]:
    """The tutorial from its text to the last sample. Returns the nats per character that ``BANDS`` is about."""
    tinyrnn.manual_seed(seed)
    chars = sorted(set(data))
    held_out = len(data) // HELD_OUT
    print(f"data has {len(data)} characters, {len(chars)} unique.")
    train_loader, valid_loader = (
        DataLoader(CharacterDataset(part, chars, SEQ_LENGTH), batch_size=1, shuffle=False) for part in (data[:-held_out], data[-held_out:])
    )
    model = CharLSTM(len(chars), HIDDEN_DIM, N_LAYERS).to(device)
    print(f"{model}\n{len(train_loader)} iterations; a model that knows nothing has a loss of ln {len(chars)} = {math.log(len(chars)):.3f}")

    report = Report(data, chars, every, length, plot)
    train(model, train_loader, report)
    report.sample(len(train_loader), model, valid_loader.dataset[0][0][0])
    # One pass predicts every character before it learns from it, so the losses are honest, if of a model in the making.
    learning = float(np.mean(report.losses[len(report.losses) // 2 :]))
    # This is of the finished one:
    nats, forgetful = (evaluate(model, valid_loader, carry) for carry in (True, False))
    print("-" * 80)
    print(f"second half of the text, while learning from it: {learning:.4f} nats/char")
    print(f"held out: {nats:.4f} nats/char; {forgetful:.4f} if the state starts at zero every {SEQ_LENGTH} characters")
    if plot is not None:
        plot.valid(len(train_loader), nats)
        plot.save()
    return {"second half": learning, "held out": nats}


def verify(values: dict[str, float], bands: dict[str, tuple[float, float]]) -> int:
    """Say of each value whether it is in its band; 0 if all are, else 1."""
    failed = 0
    for name, (low, high) in bands.items():
        ok = low <= values[name] <= high
        failed += not ok
        print(f"verify: {'ok' if ok else 'FAILED'} char_lstm, {name} {values[name]:.4f} in [{low:.4f}, {high:.4f}]")
    return 1 if failed else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="The tutorial's character LSTM of Shakespeare.")
    parser.add_argument("--full", action="store_true", help="four times the text, shakespeare in place of tinyshakespeare: as the tutorial")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers (default 1)")
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="where to compute: cpu, cuda, cuda:1; auto: a GPU, if one works")
    parser.add_argument("--plot", metavar="FILE", help="draw the losses and the samples into this image (needs matplotlib)")
    parser.add_argument("--smoke", action="store_true", help="a few seconds on a small text that every Python carries")
    parser.add_argument("--verify", action="store_true", help="do the losses come out as they should?")
    args = parser.parse_args(argv)
    if args.full and args.verify:
        parser.error("--verify is about tinyshakespeare: leave out --full")
    try:
        plot = lm.Plot(args.plot, unit="char") if args.plot else None
    except (ImportError, OSError, ValueError) as error:
        parser.error(f"--plot {error}")
    try:
        device = devices.choose(args.device)
        if args.smoke:
            run(text.default_corpus_text()[:SMOKE_CHARACTERS], args.seed, SMOKE_EVERY, SMOKE_LENGTH, plot, device)
            return 0
        data = corpora.load("shakespeare" if args.full else "tinyshakespeare")
        values = run(data, args.seed, SAMPLE_EVERY, TXT_LENGTH, plot, device)
        return verify(values, BANDS) if args.verify else 0
    except (corpora.CorpusError, devices.DeviceError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
