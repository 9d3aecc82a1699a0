"""Connectionist temporal classification: how likely a row of labels is when nobody knows which time step says which.

A.Graves, S.Fernández, F.Gomez, J.Schmidhuber: Connectionist Temporal Classification: Labelling Unsegmented Sequence
Data with Recurrent Neural Networks, ICML 2006.
"""

from __future__ import annotations

import numpy as np

from ..backend import Array, xp_of
from ..engine import primitive, wrap
from ..kernels import ctc as kernel
from .elementwise import clamp, exp, where
from .index import getitem, take_along_dim
from .reduce import logsumexp, sum
from .shape import cat, narrow, stack, unbind


def _states(labels: Array, blank: int, dtype: np.dtype) -> tuple[Array, Array]:
    """What each state emits, the labels with a blank before, between and after them, and the barriers before the states.

    (N, S) to (N, L) both, with L = 2S + 1. From two states before, a state is reached at once (0) if the blank between
    may be left out, that is between two different labels; else never (-inf). From the start, two states before the
    first label, that label is reached as well.
    """
    xp = xp_of(labels)
    N, S = labels.shape
    states = xp.full((N, 2 * S + 1), blank, np.int64)
    states[:, 1::2] = labels
    barrier = xp.full(states.shape, -np.inf, dtype)
    barrier[:, 2:] = xp.where(states[:, 2:] != states[:, :-2], 0, -np.inf)
    barrier[:, 1:2] = 0
    return states, barrier


@primitive(saves=True)
def ctc_nll(log_probs, labels, input_lengths, target_lengths, *, blank):
    """Minus the logarithm of the probability of each row of labels, in nats: (T, N, C), (N, S), (N,), (N,) to (N,).

    The states of a row are its labels with blanks around them. A path takes a time step in each state, at every step
    stays, goes on by one, or jumps over a blank between two different labels, and ends in the last label or the blank
    after it. alpha[t, s] is the logarithm of the probability of all paths that are in state s at time t, beta[t, s]
    that of all their continuations:

        alpha[t, s] = log_probs[t, state s] + log(exp alpha[t-1, s] + exp alpha[t-1, s-1] + exp alpha[t-1, s-2])
        beta[t, s]  = log(exp b[s] + exp b[s+1] + exp b[s+2])   with b[s] = beta[t+1, s] + log_probs[t+1, state s]

    with the last term only where the jump is allowed. The loss is minus the logarithm of what alpha ends in. Its
    gradient is minus the share of the paths that emit a class at a time, exp(alpha + beta + loss) summed over the
    states of that class. PyTorch adds exp(log_probs), and so do we: through the log_softmax that log_probs come from,
    it makes no difference.

    Rows beyond their length hold ``blank`` in ``labels``. Kept for backward are alpha, (T+1, N, L+2) with L = 2S + 1,
    and what the states emit, (T, N, L).
    """
    xp = xp_of(log_probs)
    T, N, _ = log_probs.shape
    states, barrier = _states(labels, blank, log_probs.dtype)
    emitted = xp.take_along_axis(log_probs, xp.broadcast_to(states, (T, *states.shape)), axis=2)
    # Two places before the first state, and a time before the first: from [0, :, 1] every path starts.
    alpha = xp.full((T + 1, N, states.shape[1] + 2), -np.inf, log_probs.dtype)
    alpha[0, :, 1] = 0
    for t in range(T):
        before, now = alpha[t], alpha[t + 1, :, 2:]
        kernel.arrive(before[:, 2:], before[:, 1:-1], before[:, :-2], barrier, now)
        now += emitted[t]
    n, last = xp.arange(N), 2 * target_lengths + 2
    ends, nothing = alpha[input_lengths, n], alpha[0, :, 0]
    nats = xp.empty(N, log_probs.dtype)
    kernel.arrive(ends[n, last], ends[n, last - 1], nothing, nothing, nats)
    nats = -nats
    return nats, (alpha, emitted, barrier, nats)


@ctc_nll.joint_rule
def _(g, log_probs, labels, input_lengths, target_lengths, blank, saved):
    alpha, emitted, barrier, nats = saved
    xp = xp_of(emitted)
    T, N, L = emitted.shape
    times, to_the_end = xp.arange(T)[:, None], 2 * target_lengths[:, None] - xp.arange(L)
    end = xp.where((to_the_end == 0) | (to_the_end == 1), 0, -np.inf).astype(emitted.dtype)
    ends = (times == input_lengths - 1)[:, :, None]
    onward = xp.zeros_like(barrier)
    onward[:, : L - 2] = barrier[:, 2:]
    beta, later = xp.empty_like(emitted), xp.full((N, L + 2), -np.inf, emitted.dtype)
    for t in reversed(range(T)):
        kernel.arrive(later[:, :-2], later[:, 1:-1], later[:, 2:], onward, beta[t])
        xp.copyto(beta[t], end, where=ends[t])
        xp.add(beta[t], emitted[t], out=later[:, :-2])
    beta += alpha[1:, :, 2:]
    beta += nats[:, None]
    share = xp.exp(beta, out=beta)
    d = xp.exp(log_probs)
    d[:, :, blank] -= share[:, :, ::2].sum(axis=2)
    one_hot = (labels[:, :, None] == xp.arange(d.shape[2])).astype(d.dtype)  # a product adds in a fixed order
    d -= xp.matmul(share[:, :, 1::2].swapaxes(0, 1), one_hot).swapaxes(0, 1)
    # A loss that does not count has no gradient, even where it is infinite.
    return xp.where(((times < input_lengths) & (g != 0))[:, :, None], d * g[:, None], 0), None, None, None


@ctc_nll.defined_by
def _(log_probs, labels, input_lengths, target_lengths, blank):
    lengths, lowest = input_lengths.array, kernel.LOWEST  # in place of -inf, from which no gradient comes back but nan
    xp = xp_of(lengths)
    T, N, _ = log_probs.shape
    states, barrier = _states(labels.array, blank, log_probs.array.dtype)
    L = states.shape[1]
    emitted = take_along_dim(clamp(log_probs, min=lowest), wrap(xp.broadcast_to(states, (T, N, L))), dim=2)
    start = xp.full((N, L + 2), lowest, barrier.dtype)
    outside = wrap(start[:, :2].copy())
    start[:, 1] = 0
    alpha = [wrap(start)]
    for emission in unbind(emitted):
        stay, step, jump = (narrow(alpha[-1], dim=1, start=k, length=L) for k in (2, 1, 0))
        ways = stack([stay, step, where(wrap(barrier == 0), jump, lowest)])
        alpha.append(cat([outside, logsumexp(ways, dim=0) + emission], 1))
    last = 2 * target_lengths.array[:, None] + xp.array([2, 1])
    ends = take_along_dim(getitem(stack(alpha), (wrap(lengths), wrap(xp.arange(N)))), wrap(last), dim=1)
    nats = -logsumexp(ends, dim=1)
    nats = where(nats < -lowest / 2, nats, np.inf)
    total = sum(where(wrap((xp.arange(T)[:, None] < lengths)[:, :, None]), exp(log_probs), 0.0), (0, 2))
    return nats + (total - total.detach())  # adds nothing but the gradient exp(log_probs)
