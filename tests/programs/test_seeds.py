"""The five tutorials that this project began with, run from their own text, line for line where they are complete.

They lie beside the checkout in this project's workplace only. Their slips, and what is changed to make them quick, are in
``PATCHES``; what they call of other libraries is in ``stand_ins``.
"""

import re

import numpy as np
import pytest

from ..real_data import DATA, ROOT
from .notebooks import cells, fenced
from .running import run, same

SEEDS = ROOT.parent / "shared" / "seeds"

pytestmark = pytest.mark.skipif(not SEEDS.is_dir(), reason="the tutorials are in ../shared, which is not here")

NO_GPU = (".cuda()", "")
PATCHES = {
    # seed: (old, new), each of which must occur
    "000": [
        ("def run_train():", "def run_train(train_iter):"),  # it is called with the data ...
        ("for i, batch in enumerate(train_iter):", "for i, data in enumerate(train_iter):"),  # ... and reads them by another name
        ("range(1000)", "range(200)"),
    ],
    "001": [
        ("scheduler.step()lo", "scheduler.step()"),  # a slip of the finger
    ],
    "002": [
        ("match.exp", "math.exp"),
        ("timer.stop", "times.stop"),
        ("num_hiddens = 512", "num_hiddens = 64"),
    ],
    "003": [
        NO_GPU,
        ("In [36]:\n", "In [36]:\ncs = 8\n"),  # said in the text only
        ("\nnietzsche.txt\n", "\n"),  # what a shell command showed
        ("o = self.h\n", "o = self.h[0]\n"),  # a cell's state has two axes; PyTorch 0.3 did not look
        ("repackage_var(o)", "repackage_var(o[None])"),
        ("2**4-1", "2**3-1"),
        ("2**6-1", "2**2-1"),
        ("n_hidden = 256", "n_hidden = 64"),
        ("n_hidden=256", "n_hidden=64"),
        ("n_hidden=512", "n_hidden=96"),
        ("'for thos', 400", "'for thos', 60"),
    ],
    "004": [
        ("scores, h, c = self.forward(x, h, c)", "scores, (h, c) = self.forward(x, (h, c))"),  # as forward takes and returns them
    ],
}


def text_of(seed):
    (path,) = SEEDS.glob(f"{seed}_*.txt")
    text = path.read_text()
    for old, new in PATCHES[seed]:
        assert old in text, f"the seed has no {old!r}"
        text = text.replace(old, new)
    return text


def seed_000():
    """The framework of training and evaluation, and the generator, around a model of our own."""
    ours = """
import torch
from torch import nn
from types import SimpleNamespace

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
device = torch.device("cpu")
words = "the quick brown fox jumps over the lazy dog and runs".split()


class Words:
    def __len__(self):
        return len(words)


vocab = Words()
vocab.itos = words
field = SimpleNamespace(vocab=vocab)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.rnn, self.decoder = nn.Embedding(len(words), 8), nn.GRU(8, 8), nn.Linear(8, len(words))

    def init_hidden(self, bsz=3):
        return next(self.parameters()).new_zeros(1, bsz, 8)

    initHidden = init_hidden

    def forward(self, input, hidden):
        output, hidden = self.rnn(self.embedding(input), hidden)
        return self.decoder(output), hidden


model = Model()
losses = []
"""
    then = """
n = 2
train = torch.randint(len(words), (4, 5, 3))
eval = test = train[:1]


def run_eval(data):
    with torch.no_grad():
        losses.append(model(data[0], model.init_hidden())[0].logsumexp(-1).mean().item())


def calc(loss):
    assert loss


loss = losses
"""
    _, train, framework, *generator = fenced(text_of("000"))
    return [ours, unindented(train), then, unindented(framework), *generator]


def unindented(block):
    return re.sub(r"^   ", "", block.expandtabs(4), flags=re.MULTILINE)


def seed_001():
    return ["import torch\ntorch.set_default_dtype(torch.float64)\n", *cells(text_of("001")), "losses = val_losses\n"]


def seed_002():
    train = """
losses = []
loss = nn.CrossEntropyLoss()
updater = lambda batch_size: d2l.sgd(net.params, 1.0, batch_size)
for random_iter in (False, True):
    losses.append(train_epoch_ch8(net, train_iter, loss, updater, d2l.try_gpu(), random_iter)[0])
updater = torch.optim.SGD(net.params, lr=1.0)
losses.append(train_epoch_ch8(net, train_iter, loss, updater, d2l.try_gpu(), False)[0])
print(predict_ch8('time traveller ', 10, net, vocab, d2l.try_gpu()))
"""
    return ["import torch\ntorch.manual_seed(0)\n", *cells(text_of("002")), train]


def seed_003():
    """``fit`` is recorded: what it prints is all that the notebook shows of losses."""
    record = """
losses = []


def fit(*args, fit=fit, **options):
    losses.extend(fit(*args, **options))


"""
    start, *rest = cells(text_of("003"))
    return ["import torch\ntorch.manual_seed(0)\ntorch.set_default_dtype(torch.float64)\n", start, record, *rest]


def seed_004():
    ours = """
import torch
import torch.nn.functional as F
from torch.optim import Adam
from torch.utils.data import WeightedRandomSampler

torch.manual_seed(0)
device = torch.device("cpu")
hidden_dim, n_layers, seq_length, lr = 24, 2, 25, 0.002
losses = []
"""
    model_class, model, dataset, loader, loss, optimizer, loop, sample, _ = fenced(text_of("004"))
    loop = loop.replace("loss.backward()", "losses.append(loss.item()); loss.backward()")
    end = "print(model.sample(inputs[0], txt_length=40))\n"
    names = "vocab_size, char_to_idx, idx_to_char = train_data.params()\n"
    return [ours, model_class, sample, dataset, loader, names, model, loss, optimizer, loop, end]


def part_of(corpus, length):
    """The beginning of a corpus, without the very first lines, which are titles."""
    path = DATA / corpus
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    return path.read_text()[1000 : 1000 + length]


@pytest.fixture
def folder(tmp_path):
    """A folder with the files that the tutorials open, short."""
    nietzsche = part_of("nietzsche/nietzsche.txt", 3000)
    text8 = part_of("text8/text8.first3010294.txt", 100_000)
    files = {
        "timemachine.txt": part_of("timemachine/timemachine.txt", 12_000),
        "shakespeare.txt": part_of("tinyshakespeare/input.txt", 1500),
        "text8/text8.train.txt": text8[:60_000],
        "text8/text8.dev.txt": text8[60_000:75_000],
        "text8/text8.test.txt": text8[75_000:],
        "data/nietzsche/nietzsche.txt": nietzsche,
        "data/nietzsche/trn/nietzsche.txt": nietzsche[:2400],
        "data/nietzsche/val/nietzsche.txt": nietzsche[1800:],
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("seed", "tolerance"),
    [(seed_000, 1e-8), (seed_001, 1e-8), (seed_002, 1e-3), (seed_003, 1e-8), (seed_004, 1e-3)],  # two say float32
)
def test_seed(seed, tolerance, folder):
    program = folder / f"{seed.__name__}.py"
    program.write_text("".join(seed()))
    ours = run(program, "tinyrnn", folder)
    losses = ours.variables["losses"]
    assert len(losses) > 1 and np.isfinite(losses).all()
    pytest.importorskip("torch")
    same(ours, run(program, "torch", folder), tolerance)
