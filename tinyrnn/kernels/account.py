"""What training keeps of its steps on a GPU, where to look at each loss would make the host wait for it."""

from __future__ import annotations

import numpy as np

from ..backend import Array, as_library_of, xp_of
from . import cuda

NATS, LOSS, BATCH, BAD_LOSS, BAD_NORM = range(5)  # what is in the account

_note = cuda("""
extern "C" __global__ void note_step(const T* loss, const T* norm, const double count, const double batch, double* account) {
    const T nats = *loss, length = *norm;
    account[1] = nats;
    if (account[2] != 0) return;
    if (nats - nats == 0 && length - length == 0) {  // neither inf nor nan
        account[0] += nats * count;
        return;
    }
    account[2] = batch;
    account[3] = nats;
    account[4] = length;
}
""")


def note_step(loss: Array, norm: Array, count: int, batch: int, account: Array) -> None:
    """Enter the loss of a batch, counted from 1, over so many targets, and the norm of its gradients, into ``float64`` (5,).

    The account holds the sum of nats; the last loss; and the first batch whose loss or norm was not finite (0: none), with
    these two.
    """
    norm = as_library_of(loss, norm).astype(loss.dtype, copy=False)
    _note(loss)((1,), (1,), (loss, norm, np.float64(count), np.float64(batch), account))


def new_account(like: Array) -> Array:
    """An empty one."""
    return xp_of(like).zeros(5, np.float64)
