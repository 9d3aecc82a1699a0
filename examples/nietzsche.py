"""The fastai lesson on Nietzsche's prose: from three characters to a two-layer LSTM, one class after another.

Time: 18 min on one core

    python -m examples.nietzsche                                   # the whole ladder
    python -m examples.nietzsche --only lstm --cycles 4 --save .   # the LSTM as long as in the lesson
    python -m examples.nietzsche --verify                          # are the losses of three rungs as stored?

The first rungs read windows of eight characters, each from nothing; the others a stream, whose state is carried.
Sizes, learning rates and epochs are the lesson's, but for the LSTM: one of its four cycles. It ends with a table, here of
runs of one rung or a few on one core of a Xeon that had other work too, seed 1:

                                                ours             the lesson's
    rung      model                parameters   train  valid   train  valid    time
    three     Char3Model              102,215   1.860  1.870   1.845  6.523     8 s  lesson's valid: 1 window
    loop      CharLoopModel           102,215   1.713  1.715   1.736  1.751    61 s  valid overlaps train
    concat    CharLoopConcatModel     167,751   1.759  1.768   1.690  1.699    92 s  valid overlaps train
    rnn       CharRnn                 102,215   1.456  1.501   1.465  1.504   155 s  valid overlaps train
    rnn-clean CharRnn                 102,215   1.451  1.515   1.465  1.504   148 s  only the lesson's overlaps
    multi     CharSeqRnn              102,215   1.987  1.994   1.998  2.001    20 s
    identity  CharSeqIdentityRnn      102,215   1.805  1.836   1.813  1.838    32 s
    stateful  CharSeqStatefulRnn       93,544   1.385  1.474   1.408  1.486    46 s
    cell      CharSeqStatefulRnn2      93,544   1.466  1.528   1.487  1.542    25 s
    gru       CharSeqStatefulGRU      247,144   1.204  1.369   1.225  1.370   118 s
    gru-cell  CharSeqStatefulGRU2     247,144   1.658  1.664   1.684  1.678    19 s  lesson's: nn.GRU, 1 epoch
    lstm      CharSeqStatefulLSTM   3,271,016   1.447  1.425   1.480  1.447   353 s
    ...with --cycles 4:
    lstm      CharSeqStatefulLSTM   3,271,016   1.229  1.290   1.282  1.315  2015 s

Where this differs from the lesson, on purpose:

* Its first model is validated on one window, hence 6.523. Its windows of eight overlap, and those for validation are
  drawn from among all: "rnn-clean" holds out whole pieces of text instead.
* Its stateful models keep the state of training when they validate, here that starts from zero; and here every
  character of the validation text counts once.
* Its batches have random lengths, 8.4 characters on average, here all have 8. Its 963 batches are not due to that, as it
  says, but a count: 493,747 // 64 // 8 - 1.
* It writes by reading a window anew for every character. Here the stateful models read each character once.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import tinyrnn
from tinyrnn import Tensor, devices, lm, nn, optim, text
from tinyrnn.nn import functional as F
from tinyrnn.serialization import save_tensors
from tinyrnn.text import corpora
from tinyrnn.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, TensorDataset

N_FAC = 42  # numbers that stand for a character (n_fac in the lesson), half as many as there are characters
N_HIDDEN = 256  # hidden units
WINDOW_ROWS = 512  # windows in a batch
ROWS, BPTT = 64, 8  # the stream of the second half: rows side by side, characters a batch
TRAIN_LINES = 7_999  # of 9,935
CYCLES = 1  # of the LSTM's learning rate; the lesson has 4


# ---- First half: windows. Each starts from nothing. N is 512 windows, H = 256, V = 85 characters with "\0" for padding.


class Char3Model(nn.Module):
    """Three characters in, scores for the fourth out. Every character goes through the same two matrices."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.e = nn.Embedding(vocab_size, N_FAC)
        self.l_in = nn.Linear(N_FAC, N_HIDDEN)  # the lesson's green arrow: from a character to the hidden units
        self.l_hidden = nn.Linear(N_HIDDEN, N_HIDDEN)  # orange: from one step's hidden units to the next's
        self.l_out = nn.Linear(N_HIDDEN, vocab_size)  # blue: from the hidden units to scores

    def forward(self, chars: Tensor) -> Tensor:
        """Windows (N, 3) to log-probabilities (N, V)."""
        c1, c2, c3 = chars.unbind(1)  # (N,) each
        in1 = F.relu(self.l_in(self.e(c1)))  # (N, H)
        in2 = F.relu(self.l_in(self.e(c2)))
        in3 = F.relu(self.l_in(self.e(c3)))

        h = tinyrnn.zeros(len(chars), N_HIDDEN, device=chars.device)  # so that the three lines below are alike
        h = F.tanh(self.l_hidden(h + in1))  # (N, H)
        h = F.tanh(self.l_hidden(h + in2))
        h = F.tanh(self.l_hidden(h + in3))
        return F.log_softmax(self.l_out(h), dim=-1)


class CharLoopModel(Char3Model):
    """The three equal lines as a loop, for windows of any length: this is an RNN."""

    def forward(self, chars: Tensor) -> Tensor:
        """Windows (N, T) to log-probabilities (N, V) of what follows each."""
        h = tinyrnn.zeros(len(chars), N_HIDDEN, device=chars.device)
        for c in chars.unbind(1):  # (N,)
            inp = F.relu(self.l_in(self.e(c)))  # (N, H)
            h = F.tanh(self.l_hidden(h + inp))
        return F.log_softmax(self.l_out(h), dim=-1)


class CharLoopConcatModel(Char3Model):
    """A character and what was read before are different kinds of things: side by side rather than added."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__(vocab_size)
        self.l_in = nn.Linear(N_FAC + N_HIDDEN, N_HIDDEN)

    def forward(self, chars: Tensor) -> Tensor:
        """Windows (N, T) to log-probabilities (N, V)."""
        h = tinyrnn.zeros(len(chars), N_HIDDEN, device=chars.device)
        for c in chars.unbind(1):
            inp = tinyrnn.cat((h, self.e(c)), 1)  # (N, H + E)
            h = F.tanh(self.l_hidden(F.relu(self.l_in(inp))))  # (N, H)
        return F.log_softmax(self.l_out(h), dim=-1)


class CharRnn(nn.Module):
    """The loop is a layer: ``nn.RNN``."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.e = nn.Embedding(vocab_size, N_FAC)
        self.rnn = nn.RNN(N_FAC, N_HIDDEN)
        self.l_out = nn.Linear(N_HIDDEN, vocab_size)

    def forward(self, chars: Tensor) -> Tensor:
        """Windows (N, T) to log-probabilities (N, V)."""
        outp, _ = self.rnn(self.e(chars.T))  # (T, N, H): the hidden units after every character
        return F.log_softmax(self.l_out(outp[-1]), dim=-1)


class CharSeqRnn(CharRnn):
    """A guess after every character rather than after the last: eight times the lessons from one window."""

    def forward(self, chars: Tensor) -> Tensor:
        """Windows (N, T) to log-probabilities (T, N, V)."""
        outp, _ = self.rnn(self.e(chars.T))
        return F.log_softmax(self.l_out(outp), dim=-1)


class CharSeqIdentityRnn(CharSeqRnn):
    """Begins by keeping what it has read: the matrix from step to step is the identity (Le, Jaitly and Hinton, 2015)."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__(vocab_size)
        with tinyrnn.no_grad():
            self.rnn.weight_hh_l0.copy_(tinyrnn.eye(N_HIDDEN))


def nll_loss_seq(log_p: Tensor, targets: Tensor) -> Tensor:
    """The mean loss of guesses (T, N, V) when the windows (N, T) have the window as their first axis."""
    return F.nll_loss(log_p.reshape(-1, log_p.shape[-1]), targets.T.reshape(-1))


# ---- Second half: a stream in 64 rows. The state of one batch is the beginning of the next. V = 56 lower-case characters.


class CharSeqStatefulRnn(nn.Module):
    """The state goes in and comes out, so that a row is read on where it was left.

    The lesson keeps the state inside the model. Then nothing starts it anew for the validation text, or for another
    number of rows. Here ``lm.fit`` carries it, cuts its history, and starts from zero where the text begins.
    """

    layer: Any = nn.RNN

    def __init__(self, vocab_size: int, n_hidden: int = N_HIDDEN, **options: Any) -> None:
        super().__init__()
        self.e = nn.Embedding(vocab_size, N_FAC)
        self.rnn = self.layer(N_FAC, n_hidden, **options)
        self.l_out = nn.Linear(n_hidden, vocab_size)

    def forward(self, chars: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Characters (T, N) and the state (1, N, H), to log-probabilities (T, N, V) and the next state."""
        outp, state = self.rnn(self.e(chars), state)  # (T, N, H)
        return F.log_softmax(self.l_out(outp), dim=-1), state

    def loss(self, chars: Tensor, targets: Tensor, state: Any = None, reduction: str = "mean") -> tuple[Tensor, Any]:
        """What ``lm.fit`` asks of a language model: the loss, and the state for the next batch."""
        log_p, state = self(chars, state)
        return F.nll_loss(log_p.reshape(-1, log_p.shape[-1]), targets.reshape(-1), reduction=reduction), state


def rnn_cell(x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> Tensor:
    """One step, (N, E) and (N, H) to (N, H)."""
    return F.tanh(F.linear(x, w_ih, b_ih) + F.linear(h, w_hh, b_hh))


class CharSeqStatefulRnn2(CharSeqStatefulRnn):
    """The same without the layer: it only holds the four parameters, the loop and the cell are ours."""

    cell = staticmethod(rnn_cell)

    def forward(self, chars: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Characters (T, N) and the state (1, N, H), to log-probabilities (T, N, V) and the next state."""
        weights = self.rnn.all_weights[0]
        h = tinyrnn.zeros(chars.shape[1], N_HIDDEN, device=chars.device) if state is None else state[0]
        outp = []
        for x in self.e(chars).unbind():  # (N, E)
            h = self.cell(x, h, *weights)
            outp.append(h)
        return F.log_softmax(self.l_out(tinyrnn.stack(outp)), dim=-1), h.unsqueeze(0)


class CharSeqStatefulGRU(CharSeqStatefulRnn):
    """One word is another: the layer."""

    layer = nn.GRU


def gru_cell(x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> Tensor:
    """One step of PyTorch's GRU: two gates of sigmoids decide how much of the past to use and how much to keep."""
    i_r, i_z, i_n = F.linear(x, w_ih, b_ih).chunk(3, 1)  # (N, H) each
    h_r, h_z, h_n = F.linear(h, w_hh, b_hh).chunk(3, 1)
    reset = F.sigmoid(i_r + h_r)
    update = F.sigmoid(i_z + h_z)  # the lesson calls it inputgate, but at 1 it keeps the old state
    new = F.tanh(i_n + reset * h_n)
    return new + update * (h - new)


class CharSeqStatefulGRU2(CharSeqStatefulRnn2):
    """The loop again, with the GRU's cell."""

    layer = nn.GRU
    cell = staticmethod(gru_cell)


class CharSeqStatefulLSTM(CharSeqStatefulRnn):
    """Two layers of 512, half of what goes from the first to the second dropped."""

    layer = nn.LSTM

    def __init__(self, vocab_size: int) -> None:
        super().__init__(vocab_size, 2 * N_HIDDEN, num_layers=2, dropout=0.5)


# ---- The ladder


class Rung(NamedTuple):
    """A model, how the lesson trains it, and the training and validation loss that the lesson printed."""

    model: Any
    data: str  # "three", "eight", "clean" or "sequence" of windows, or the "stream"
    phases: tuple[tuple[float, int], ...]  # learning rate and epochs, one after another
    lesson: tuple[float, float]
    note: str = ""
    criterion: Any = None  # None: the model has a method loss
    after_cycles: tuple[tuple[float, float], ...] = ()  # losses after 1, 2, ... cycles of cosine annealing, if there are any
    weight_decay: float = 0.0


LEAKS = "valid overlaps train"
LSTM_CYCLES = ((1.480, 1.447), (1.412, 1.399), (1.345, 1.358), (1.282, 1.315))  # 1, 2, 4 and 8 epochs long
LADDER = {
    "three": Rung(Char3Model, "three", ((1e-2, 1), (1e-3, 1)), (1.845, 6.523), "lesson's valid: 1 window", F.nll_loss),
    "loop": Rung(CharLoopModel, "eight", ((1e-2, 1), (1e-3, 1)), (1.736, 1.751), LEAKS, F.nll_loss),
    "concat": Rung(CharLoopConcatModel, "eight", ((1e-3, 1), (1e-4, 1)), (1.690, 1.699), LEAKS, F.nll_loss),
    "rnn": Rung(CharRnn, "eight", ((1e-3, 4), (1e-4, 2)), (1.465, 1.504), LEAKS, F.nll_loss),
    "rnn-clean": Rung(CharRnn, "clean", ((1e-3, 4), (1e-4, 2)), (1.465, 1.504), "only the lesson's overlaps", F.nll_loss),
    "multi": Rung(CharSeqRnn, "sequence", ((1e-3, 4), (1e-4, 1)), (1.998, 2.001), "", nll_loss_seq),
    "identity": Rung(CharSeqIdentityRnn, "sequence", ((1e-2, 4), (1e-3, 4)), (1.813, 1.838), "", nll_loss_seq),
    "stateful": Rung(CharSeqStatefulRnn, "stream", ((1e-3, 4), (1e-4, 4)), (1.408, 1.486)),
    "cell": Rung(CharSeqStatefulRnn2, "stream", ((1e-3, 4),), (1.487, 1.542)),
    "gru": Rung(CharSeqStatefulGRU, "stream", ((1e-3, 6), (1e-4, 3)), (1.225, 1.370)),
    "gru-cell": Rung(CharSeqStatefulGRU2, "stream", ((1e-3, 1),), (1.684, 1.678), "lesson's: nn.GRU, 1 epoch"),
    "lstm": Rung(CharSeqStatefulLSTM, "stream", ((1e-2, 2),), (1.629, 1.582), after_cycles=LSTM_CYCLES, weight_decay=1e-5),
}

# Validation losses of seeds 1, 2, 3. With a learning rate ten times as large the GRU ends at 1.933.
BANDS = {
    "stateful": (1.46, 1.486),  # 1.474, 1.473, 1.471
    "cell": (1.51, 1.542),  # 1.528, 1.525, 1.525
    "gru": (1.35, 1.38),  # 1.369, 1.367, 1.361
}


# ---- Data


class Data(NamedTuple):
    """Batches to train on and to validate on, and the vocabulary."""

    train: Any
    valid: Any
    vocab: text.CharVocab


def read_corpus(smoke: bool) -> str:
    """The text."""
    if smoke:
        return text.default_corpus_text()[:6_000]
    corpus = corpora.load("nietzsche")
    assert len(corpus) == 600_893 and len(set(corpus)) == 84  # as in the lesson
    return corpus


def make_windows(corpus: str, kind: str) -> Data:
    """Windows of the text, and what follows each of them, or each of their characters.

    The lesson draws a fifth of all windows for validation. Where one starts at every character, those drawn share all
    their characters with others that are trained on. "clean" holds out every fifth thousand characters instead, and
    trains on no window that touches them: as many windows of equally difficult text, so what differs is the leak.
    """
    vocab = text.CharVocab(["\0", *sorted(set(corpus))])
    size, step = {"three": (3, 3), "eight": (8, 1), "clean": (8, 1), "sequence": (8, 8)}[kind]
    ids = vocab.encode(corpus)
    starts = np.arange(0, len(ids) - size, step)
    pieces = tinyrnn.from_numpy(ids[starts[:, None] + np.arange(size + 1)])  # (M, size + 1)
    inputs, targets = pieces[:, :-1], pieces[:, 1:] if kind == "sequence" else pieces[:, -1]  # (M, size), and (M, size) or (M,)
    if kind == "clean":
        first, last = (position // 1000 % 5 == 4 for position in (starts, starts + size))
        train, valid = np.flatnonzero(~first & ~last), np.flatnonzero(first & last)
    else:
        valid, train = np.split(np.random.default_rng(42).permutation(len(starts)), [len(starts) // 5])

    def load(which: np.ndarray, shuffle: bool) -> DataLoader:
        dataset = TensorDataset(inputs[which], targets[which])
        order = RandomSampler(dataset) if shuffle else SequentialSampler(dataset)
        # The sampler gives the indices of a whole batch, which is read at once: faster than window by window.
        return DataLoader(dataset, batch_size=None, sampler=BatchSampler(order, WINDOW_ROWS, drop_last=False))

    return Data(load(train, True), load(valid, False), vocab)


def make_stream(corpus: str) -> Data:
    """Lower-case characters in rows side by side; those met fewer than three times are ``<unk>``. The last lines validate."""
    lines = corpus.lower().splitlines(keepends=True)
    cut = TRAIN_LINES if len(lines) > TRAIN_LINES else len(lines) * 4 // 5
    early, late = "".join(lines[:cut]), "".join(lines[cut:])
    vocab = text.CharVocab.build(early, min_freq=3, unk="<unk>", pad="<pad>")
    train = text.SequentialBatches(vocab.encode(early), BPTT, ROWS)
    return Data(train, text.SequentialBatches(vocab.encode(late), BPTT, ROWS, exact=True), vocab)


# ---- Training


class Report(lm.Callback):
    """The lesson's line after every epoch. Its training loss is a moving average over some 50 batches, as here."""

    def __init__(self) -> None:
        self.total = self.weight = self.train = self.valid = 0.0

    def after_batch(self, run: lm.Run) -> None:
        """Older batches count less and less."""
        self.total = 0.98 * self.total + 0.02 * run.loss
        self.weight = 0.98 * self.weight + 0.02
        self.train = self.total / self.weight

    def after_epoch(self, run: lm.Run) -> None:
        """Training and validation loss, in nats a character."""
        assert run.valid is not None
        self.valid = run.valid.per_token
        print(f"[{run.epoch - 1:2d}.  {self.train:.5f}  {self.valid:.5f}]  {run.seconds:4.0f} s", flush=True)


class SaveCycles(lm.Callback):
    """A checkpoint at the end of every cycle, where the learning rate is lowest."""

    def __init__(self, schedule: Any, folder: str) -> None:
        self.schedule, self.folder, self.cycle = schedule, folder, 0

    def after_epoch(self, run: lm.Run) -> None:
        """Save, if the next cycle is about to start."""
        if self.schedule.T_cur == 0:
            save_tensors(run.model.state_dict(), os.path.join(self.folder, f"cyc_{self.cycle}.safetensors"))
            self.cycle += 1


def write(model: Any, vocab: text.CharVocab, rung: Rung, seed: int) -> str:
    """What the model makes of ``for thos``."""
    start = "for thos"
    if rung.criterion is None:  # drawn by their probabilities; each is read once, since the state remembers
        return start + lm.generate(model, vocab, start, 200, generator=tinyrnn.Generator().manual_seed(seed))
    size, device = 3 if rung.data == "three" else 8, model.l_out.weight.device
    for _ in range(40):  # always the likeliest; the window moves on by one, and all of it is read again
        window = tinyrnn.from_numpy(vocab.encode(start[-size:]))[None]  # (1, size)
        with tinyrnn.no_grad():
            log_p = model(window.to(device)).reshape(-1, len(vocab))[-1]  # (V,), those of the last character
        start += vocab.itos[log_p.argmax().item()]
    return start


class Result(NamedTuple):
    """A row of the table; losses in nats a character."""

    parameters: int
    train: float
    valid: float
    lesson: tuple[float, float]
    seconds: float


def climb(rung: Rung, data: Data, args: argparse.Namespace, watchers: Sequence[lm.Callback] = (), device: Any = "cpu") -> Result:
    """Train one model as the lesson does, and let it write."""
    tinyrnn.manual_seed(args.seed)  # for each rung anew, so that none depends on which others are run
    model = rung.model(len(data.vocab)).to(device)
    adam = optim.Adam(model.parameters(), weight_decay=rung.weight_decay)
    report, start = Report(), time.perf_counter()

    for lr, epochs in rung.phases:
        for group in adam.param_groups:  # the lesson's set_lrs
            group["lr"] = lr
        epochs = 1 if args.smoke else epochs
        lm.fit(model, data.train, data.valid, optimizer=adam, epochs=epochs, criterion=rung.criterion, callbacks=[report, *watchers])

    lesson = rung.lesson
    if rung.after_cycles and args.cycles:
        lesson = rung.after_cycles[args.cycles - 1]
        # The learning rate falls along a cosine to 0 within an epoch, starts again, and takes twice as long each time.
        waves = optim.lr_scheduler.CosineAnnealingWarmRestarts(adam, T_0=len(data.train), T_mult=2)  # cycle_mult in the lesson
        callbacks = [report, *watchers, *([SaveCycles(waves, args.save)] if args.save else [])]
        lm.fit(model, data.train, data.valid, optimizer=adam, epochs=2**args.cycles - 1, schedule=waves, callbacks=callbacks)

    seconds = time.perf_counter() - start
    print(repr(write(model, data.vocab, rung, args.seed)))
    return Result(sum(p.numel() for p in model.parameters()), report.train, report.valid, lesson, seconds)


def table(results: dict[str, Result]) -> str:
    """What came of it beside what the lesson printed."""
    lines = [f"{'':44}ours   {'':10}the lesson's", f"{'rung':9} {'model':20} parameters   train  valid   train  valid    time"]
    for name, r in results.items():
        numbers = f"{r.parameters:>10,}   {r.train:.3f}  {r.valid:.3f}   {r.lesson[0]:.3f}  {r.lesson[1]:.3f}  {r.seconds:4.0f} s"
        lines.append(f"{name:9} {LADDER[name].model.__name__:20} {numbers}  {LADDER[name].note}".rstrip())
    return "\n".join(lines)


def check(name: str, value: float, band: tuple[float, float]) -> bool:
    """Print whether the value is where it was in the runs that the band comes from."""
    ok = band[0] <= value <= band[1]
    print(f"verify: {'ok' if ok else 'FAILED'} {name} {value:.4f} {'in' if ok else 'not in'} {list(band)}")
    return ok


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description="The fastai lesson on Nietzsche, rung by rung.")
    parser.add_argument("--only", nargs="+", choices=LADDER, metavar="NAME", help=f"run these: {', '.join(LADDER)}")
    parser.add_argument("--cycles", type=int, default=CYCLES, choices=range(5), help="of the LSTM's learning rate; the lesson has 4")
    parser.add_argument("--seed", type=int, default=1, help="of weights, order and dropout")
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="where to compute: cpu, cuda, cuda:1; auto: a GPU, if one works")
    parser.add_argument("--save", metavar="FOLDER", help="keep the LSTM as it is at the end of every cycle")
    parser.add_argument("--plot", metavar="FILE", help="draw the training of the last rung")
    parser.add_argument("--smoke", action="store_true", help="seconds: an epoch each, on a text that every Python carries")
    parser.add_argument("--verify", action="store_true", help=f"are the losses of {', '.join(BANDS)} as stored? --only picks some")
    args = parser.parse_args(argv)
    if args.smoke:
        args.cycles = 1
    if args.only is None:
        args.only = list(BANDS if args.verify else LADDER)
    unknown = [name for name in args.only if name not in BANDS]
    if args.verify and unknown:
        parser.error(f"--verify: nothing is stored for {', '.join(unknown)}, only for {', '.join(BANDS)}")
    return args


def run_rungs(args: argparse.Namespace) -> dict[str, Result]:
    """The rungs asked for, from the lowest to the highest."""
    results: dict[str, Result] = {}
    device = devices.choose(args.device)
    names = [name for name in LADDER if name in args.only]
    plot = lm.Plot(args.plot, unit="char") if args.plot else None
    if args.save:
        os.makedirs(args.save, exist_ok=True)
    corpus = read_corpus(args.smoke)
    for before, name in zip([None, *names], names):
        rung = LADDER[name]
        if before is None or LADDER[before].data != rung.data:
            data = make_stream(corpus) if rung.data == "stream" else make_windows(corpus, rung.data)
            print(f"==== {rung.data}: {len(data.train):,} batches, {len(data.vocab)} characters")
        print(f"-- {name}: {rung.model.__name__}")
        results[name] = climb(rung, data, args, [plot] if plot and name == names[-1] else [], device)
    return results


def main(argv: Sequence[str] | None = None) -> int:
    """Run the rungs, print the table; 1 if a verification fails."""
    args = parse(argv)
    try:
        results = run_rungs(args)
    except (OSError, ImportError, devices.DeviceError) as error:  # no corpus, no folder to write to, no matplotlib, no GPU
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(table(results))
    ok = [check(name, r.valid, BANDS[name]) for name, r in results.items()] if args.verify else []
    return 0 if all(ok) else 1


if __name__ == "__main__":
    sys.exit(main())
