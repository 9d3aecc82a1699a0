"""Carrying a state without its history."""

import torch

__all__ = ["repackage_var"]


def repackage_var(h):
    return h.detach() if torch.is_tensor(h) else tuple(repackage_var(v) for v in h)
