"""Text files as a language model's data."""

import os

import torch
from torchtext.data import batchify, read

__all__ = ["LanguageModelData"]


class LanguageModelLoader:
    """Inputs (about bptt, bs) and targets, flat; here the length is bptt, always."""

    def __init__(self, ids, bs, bptt):
        self.stream, self.bptt = batchify(ids, bs), bptt

    def __len__(self):
        return len(self.stream) // self.bptt - 1

    def __iter__(self):
        for k in range(len(self)):
            at = k * self.bptt
            yield self.stream[at : at + self.bptt], self.stream[at + 1 : at + 1 + self.bptt].contiguous().view(-1)


class LanguageModelData:
    @classmethod
    def from_text_files(cls, path, field, train, validation, test, bs, bptt, min_freq=1):
        data = cls()
        folders = [os.path.join(path, part) for part in (train, validation, test)]
        data.trn_ds, data.val_ds, _ = (
            [read("".join(open(os.path.join(d, f)).read() for f in sorted(os.listdir(d))), field)] for d in folders
        )
        field.build_vocab(data.trn_ds, min_freq=min_freq)
        data.nt = len(field.vocab)
        data.trn_dl, data.val_dl = (
            LanguageModelLoader(torch.tensor([field.vocab.stoi[t] for t in ds[0].text]), bs, bptt) for ds in (data.trn_ds, data.val_ds)
        )
        return data
