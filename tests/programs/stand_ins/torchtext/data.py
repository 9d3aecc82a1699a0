"""Fields say how text becomes numbers; iterators cut a stream into batches."""

from collections import Counter
from types import SimpleNamespace

import torch

from .vocab import Vocab


class Field:
    def __init__(self, lower=False, tokenize=str.split):
        self.lower, self.tokenize = lower, tokenize

    def preprocess(self, text):
        return self.tokenize(text.lower() if self.lower else text)

    def build_vocab(self, *datasets, **options):
        self.vocab = Vocab(Counter(token for dataset in datasets for example in dataset for token in example.text), **options)

    def numericalize(self, arr):
        """A list of token lists (N, T) to ids (T, N)."""
        return torch.tensor([[self.vocab.stoi[token] for token in tokens] for tokens in arr]).t()


def read(text, field):
    """The one example that a language model's data is."""
    return SimpleNamespace(text=field.preprocess(text), field=field)


def batchify(ids, batch_size):
    """A stream (tokens) as columns (tokens // batch_size, batch_size)."""
    steps = len(ids) // batch_size
    return ids[: steps * batch_size].view(batch_size, steps).t().contiguous()


class BPTTIterator:
    def __init__(self, dataset, batch_size, bptt_len, device=None, repeat=False, shuffle=False):
        example = dataset[0]
        ids = torch.tensor([example.field.vocab.stoi[t] for t in example.text]).to(device)
        self.stream, self.bptt_len = batchify(ids, batch_size), bptt_len

    @classmethod
    def splits(cls, datasets, **options):
        return tuple(cls(dataset, **options) for dataset in datasets)

    def __iter__(self):
        for at in range(0, len(self.stream) - 1, self.bptt_len):
            n = min(self.bptt_len, len(self.stream) - 1 - at)
            yield SimpleNamespace(text=self.stream[at : at + n], target=self.stream[at + 1 : at + 1 + n])
