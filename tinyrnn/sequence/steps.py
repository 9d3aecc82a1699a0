"""Where the rows of each time step lie in arrays that hold those of all steps, one step after the other."""

from __future__ import annotations

from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from ..backend import Array, as_library_of, buffers, xp_of


class Steps:
    """``sizes[t]`` rows for step t, as many as sequences reach it.

    The sequences lie side by side, longest first: sequence k is row k of its steps, and those of step t are the first
    ``sizes[t]`` of the step before. In a batch of equal lengths each step has all N rows. An array (rows, width) holds
    ``rows = Σ sizes`` of them; one for states has N more in front, the states to begin with.

    Raises:
        RuntimeError: no step, or a step without rows or with more than the one before.
    """

    def __init__(self, sizes: tuple[int, ...]) -> None:
        if not sizes or (sizes[-1] < 1 and sizes[0] > 0) or any(a < b for a, b in pairwise(sizes)):
            raise RuntimeError(f"the sizes of the steps must be positive and never grow (longest sequence first), got {list(sizes)[:20]}")
        self.sizes, self.T, self.N, self.rows = sizes, len(sizes), sizes[0], sum(sizes)
        self.even = sizes[0] == sizes[-1]

    # -- memory --

    def empty(self, like: Array, width: int, blocks: int = 1, ahead: int = 0) -> Array:
        """An array for ``blocks`` times all rows, and ``ahead`` more in front, of the library and dtype of ``like``."""
        count = ahead + blocks * self.rows
        if self.even:
            return buffers.empty(like, (count, width))
        grain = 1 << max(count.bit_length() - 4, 0)  # no two packed batches are of one size: with an eighth to spare, memory serves several
        return buffers.empty(like, (-(-count // grain) * grain, width))[:count]

    def cut(self, array: Array, blocks: int = 1) -> list[Array]:
        """The rows of each step: views (n, width), or (blocks, n, width) of an array with as many blocks for each step."""
        width, several = array.shape[-1], (blocks,) * (blocks > 1)
        if self.even:
            return list(array.reshape(self.T, *several, self.N, width))
        first = [blocks * int(start) for start in self._starts]
        return [array[a : a + blocks * n].reshape(*several, n, width) for a, n in zip(first, self.sizes)]

    def shared(self, array: Array, blocks: int = 1) -> list[Array]:
        """One array of ``blocks * N`` rows, for each step as much of it as the step has rows."""
        width, several = array.shape[-1], (blocks,) * (blocks > 1)
        if self.even:
            return [array.reshape(*several, self.N, width)] * self.T
        views = {n: array[: blocks * n].reshape(*several, n, width) for n in set(self.sizes)}
        return [views[n] for n in self.sizes]

    def states(self, array: Array) -> tuple[list[Array], list[Array]]:
        """Of states with the first ones in front: what each step begins with, and what it makes."""
        after = self.cut(array[self.N :])
        before = after[:-1] if self.even else [one[:n] for one, n in zip(after, self.sizes[1:])]
        return [array[: self.N], *before], after

    # -- rows by number --

    def before(self, states: Array) -> Array:
        """The state that each row began with, (rows, width): for the gradient of the recurrent weights."""
        return states[: self.rows] if self.even else self._take(states, "_before")

    def last(self, states: Array) -> Array:
        """The state that each sequence ended with, (N, width), in memory of its own."""
        if not self.even:
            return self._take(states, "_last")
        last = xp_of(states).empty((self.N, states.shape[1]), states.dtype)
        last[...] = states[self.rows :]  # on a GPU a plain copy of memory, where .copy() would launch a kernel
        return last

    def turned(self, like: Array) -> Array:
        """The numbers of the rows with each sequence back to front, in the library of ``like``."""
        return self._in_library_of(like, "_turned")

    @cached_property
    def lengths(self) -> np.ndarray:
        """How many steps each sequence has, (N,)."""
        return np.searchsorted(-np.asarray(self.sizes), -np.arange(self.N), side="left")

    @cached_property
    def step(self) -> np.ndarray:
        """The step that each row belongs to, (rows,)."""
        return np.repeat(np.arange(self.T), self.sizes)

    @cached_property
    def sequence(self) -> np.ndarray:
        """The sequence that each row belongs to, (rows,)."""
        return np.arange(self.rows) - self._starts[self.step]

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.cumsum((0, *self.sizes[:-1]))

    @cached_property
    def _before(self) -> np.ndarray:
        return np.concatenate([[0], self.N + self._starts[:-1]])[self.step] + self.sequence

    @cached_property
    def _last(self) -> np.ndarray:
        return self.N + self._starts[self.lengths - 1] + np.arange(self.N)

    @cached_property
    def _turned(self) -> np.ndarray:
        return self._starts[self.lengths[self.sequence] - 1 - self.step] + self.sequence

    @cached_property
    def _elsewhere(self) -> dict[tuple, Any]:
        return {}

    def _in_library_of(self, like: Array, name: str) -> Array:
        xp = xp_of(like)
        if xp is np:
            return getattr(self, name)
        key = (name, like.device.id)
        if key not in self._elsewhere:
            self._elsewhere[key] = as_library_of(like, getattr(self, name))
        return self._elsewhere[key]

    def _take(self, states: Array, name: str) -> Array:
        return xp_of(states).take(states, self._in_library_of(states, name), axis=0)


@lru_cache(maxsize=16)
def steps_of(sizes: tuple[int, ...]) -> Steps:
    """The steps of these sizes; layers, directions and both passes over a batch ask for the same ones."""
    return Steps(sizes)
