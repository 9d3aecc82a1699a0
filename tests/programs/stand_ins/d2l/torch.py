"""The Time Machine by characters, a timer, running sums, a device."""

import re
import time
from collections import Counter

import torch


def try_gpu(i=0):
    return torch.device(f"cuda:{i}" if torch.cuda.device_count() > i else "cpu")


class Timer:
    def __init__(self):
        self.began = time.time()

    def stop(self):
        return time.time() - self.began


class Accumulator:
    def __init__(self, n):
        self.data = [0.0] * n

    def add(self, *args):
        self.data = [a + float(b) for a, b in zip(self.data, args)]

    def __getitem__(self, i):
        return self.data[i]


class Vocab:
    """Characters by frequency, after ``<unk>``."""

    def __init__(self, tokens):
        counter = Counter(tokens)
        self.idx_to_token = ["<unk>", *sorted(counter, key=lambda t: (-counter[t], t))]
        self.token_to_idx = {t: i for i, t in enumerate(self.idx_to_token)}

    def __len__(self):
        return len(self.idx_to_token)

    def __getitem__(self, tokens):
        return [self[t] for t in tokens] if isinstance(tokens, (list, tuple)) else self.token_to_idx.get(tokens, 0)


class SeqDataLoader:
    """Adjacent windows of a stream in rows: X and Y (batch_size, num_steps)."""

    def __init__(self, corpus, batch_size, num_steps):
        steps = (len(corpus) - 1) // batch_size
        self.X = torch.tensor(corpus[: batch_size * steps]).reshape(batch_size, steps)
        self.Y = torch.tensor(corpus[1 : 1 + batch_size * steps]).reshape(batch_size, steps)
        self.num_steps = num_steps

    def __iter__(self):
        for at in range(0, self.X.shape[1] - self.num_steps + 1, self.num_steps):
            yield self.X[:, at : at + self.num_steps], self.Y[:, at : at + self.num_steps]


def load_data_time_machine(batch_size, num_steps, max_tokens=10000):
    """The book in the working directory."""
    text = re.sub("[^a-z]+", " ", open("timemachine.txt").read().lower()).strip()
    vocab = Vocab(text)
    return SeqDataLoader(vocab[list(text[:max_tokens])], batch_size, num_steps), vocab


def sgd(params, lr, batch_size):
    """A step of gradient descent that clears the gradients."""
    with torch.no_grad():
        for param in params:
            param -= lr * param.grad / batch_size
            param.grad.zero_()
