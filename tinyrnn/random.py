"""The generator that is used where no other is given: its seed and its state. ``torch.random``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .backend import default_generator, manual_seed, to_host
from .engine import wrap

__all__ = ["default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]


def seed() -> int:
    """Take a seed from the operating system and return it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed last set."""
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """All that is needed to go on from here, as a tensor of bytes."""
    return wrap(np.frombuffer(json.dumps(default_generator.get_state()).encode(), np.uint8).copy())


def set_rng_state(new_state: Any) -> None:
    """Go on from where :func:`get_rng_state` was called.

    >>> import tinyrnn
    >>> state = tinyrnn.get_rng_state()
    >>> a = tinyrnn.rand(2); tinyrnn.set_rng_state(state)
    >>> bool((a == tinyrnn.rand(2)).all())
    True

    Raises:
        TypeError: no tensor of bytes.
        RuntimeError: bytes that are no state of this library's.
    """
    if str(getattr(getattr(new_state, "array", None), "dtype", None)) != "uint8":
        raise TypeError("RNG state must be a torch.ByteTensor, of get_rng_state()")
    try:
        state = json.loads(to_host(new_state.array).tobytes())
    except ValueError:
        raise RuntimeError("set_rng_state: these bytes are no state of tinyrnn's generator") from None
    default_generator.set_state(state)


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, **others: Any) -> Iterator[None]:
    """Inside it numbers are drawn as ever; afterwards the generator goes on from where it was before."""
    state = default_generator.get_state()
    try:
        yield
    finally:
        if enabled:
            default_generator.set_state(state)
