"""What ``from fastai.conv_learner import *`` brings into a notebook: the usual modules, and helpers around tensors."""

import math
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.autograd import Variable

__all__ = [
    "VV",
    "CosAnneal",
    "F",
    "LayerOptimizer",
    "T",
    "V",
    "Variable",
    "fit",
    "get_cv_idxs",
    "math",
    "nn",
    "np",
    "optim",
    "os",
    "save_model",
    "set_lrs",
    "to_np",
    "torch",
]  # fmt: skip


def T(a):
    """An array as a tensor."""
    return a if torch.is_tensor(a) else torch.from_numpy(np.ascontiguousarray(a))


def V(x):
    """A variable of an array, or a list of them."""
    return [V(o) for o in x] if isinstance(x, list) else Variable(T(x))


def VV(x):
    """The same for evaluation. An element of a vector had one axis then, so that it must get one now."""
    x = V(x)
    return x.unsqueeze(1) if x.dim() == 1 else x


def to_np(v):
    return v.data.cpu().numpy()


def get_cv_idxs(n, cv_idx=0, val_pct=0.2, seed=42):
    """A random fifth of the rows, for validation."""
    np.random.seed(seed)
    n_val = int(val_pct * n)
    return np.random.permutation(n)[cv_idx * n_val : (cv_idx + 1) * n_val]


def set_lrs(opt, lr):
    for group in opt.param_groups:
        group["lr"] = lr


def save_model(m, path):
    torch.save(m.state_dict(), path)


def fit(model, data, epochs, opt, crit, callbacks=()):
    """Train, and print and return the smoothed training loss and the loss on the validation set of each epoch."""
    history = []
    for callback in callbacks:
        callback.on_train_begin()
    for epoch in range(epochs):
        model.train()
        average, steps = 0.0, 0
        for *x, y in data.trn_dl:
            loss = crit(model(*V(x)), V(y))
            opt.zero_grad()
            loss.backward()
            opt.step()
            steps += 1
            average = average * 0.98 + loss.item() * 0.02
            for callback in callbacks:
                callback.on_batch_end(loss.item())
        model.eval()
        with torch.no_grad():
            losses = [crit(model(*V(x)), V(y)).item() for *x, y in data.val_dl]
        history += [average / (1 - 0.98**steps), float(np.mean(losses))]
        print([epoch, *history[-2:]])
    return history


class LayerOptimizer:
    """An optimiser and the settings that callbacks change."""

    def __init__(self, opt_fn, layer_groups, lrs, wds=None):
        self.lrs = [lrs]
        self.opt = opt_fn(layer_groups.parameters(), lr=lrs, weight_decay=wds or 0)

    def set_lrs(self, lr):
        set_lrs(self.opt, lr)


class CosAnneal:
    """The rate falls along a half cosine, starts again, and each cycle is ``cycle_mult`` times as long."""

    def __init__(self, layer_opt, nb, on_cycle_end=None, cycle_mult=1):
        self.layer_opt, self.nb, self.on_cycle_end, self.cycle_mult = layer_opt, nb, on_cycle_end, cycle_mult

    def on_train_begin(self):
        self.cycle, self.at = 0, 0

    def on_batch_end(self, loss):
        self.at += 1
        if self.at == self.nb:
            self.at, self.nb = 0, self.nb * self.cycle_mult
            if self.on_cycle_end:
                self.on_cycle_end(self, self.cycle)
            self.cycle += 1
        self.layer_opt.set_lrs(self.layer_opt.lrs[0] / 2 * (math.cos(math.pi * self.at / self.nb) + 1))
