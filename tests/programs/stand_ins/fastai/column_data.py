"""Columns of an array as the inputs of a model."""

import numpy as np
from torch.utils.data import DataLoader, Dataset


class ColumnarDataset(Dataset):
    def __init__(self, xs, y):
        self.columns, self.y = list(xs.T), y

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return [*(column[i] for column in self.columns), self.y[i]]


class ColumnarModelData:
    """A loader for training and one for the rows ``val_idxs``; each batch is a list of the columns, then ``y``."""

    @classmethod
    def from_arrays(cls, path, val_idxs, xs, y, bs=64, test_xs=None, shuffle=True):
        held_out = np.zeros(len(xs), dtype=bool)
        held_out[np.array(val_idxs)] = True
        data = cls()
        data.trn_dl = DataLoader(ColumnarDataset(xs[~held_out], y[~held_out]), bs, shuffle=shuffle)
        data.val_dl = DataLoader(ColumnarDataset(xs[held_out], y[held_out]), bs)
        return data
