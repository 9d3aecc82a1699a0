"""Random numbers: the generator, and the one that is used where no other is given. ``torch.random``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .backend import to_host
from .engine import wrap

__all__ = ["default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]


class Generator:
    """A seeded source of random numbers, of PyTorch's interface.

    Nothing in tinyrnn draws from anywhere else, so equal seeds repeat a run exactly. The numbers are
    NumPy's (PCG64), not PyTorch's; dropout has its own, see :meth:`next_mask`.

    >>> import tinyrnn
    >>> g = tinyrnn.Generator().manual_seed(3)
    >>> a = tinyrnn.rand(2, generator=g); b = tinyrnn.rand(2, generator=g.manual_seed(3))
    >>> bool((a == b).all())
    True
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.device = device
        self.manual_seed(67280421310721)

    def manual_seed(self, seed: int) -> Generator:
        """Start the sequence that belongs to ``seed``, any integer; returns the generator."""
        self._seed = int(seed)
        self._masks = 0
        self.numpy = np.random.Generator(np.random.PCG64(self._seed % 2**64))
        return self

    def next_mask(self) -> tuple[int, int]:
        """Two 32-bit keys for the next dropout mask: the next number of splitmix64 (Steele et al., 2014), in halves.

        They depend on the seed and on how many masks there were, and on nothing else that was drawn.
        """
        self._masks += 1
        z = (self._seed + self._masks * 0x9E3779B97F4A7C15) % 2**64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return divmod(z ^ z >> 31, 2**32)

    def seed(self) -> int:
        """Take a seed from the operating system and return it."""
        drawn = int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
        self.manual_seed(drawn)
        return drawn

    def initial_seed(self) -> int:
        """The seed last set."""
        return self._seed

    def get_state(self) -> Any:
        """All that is needed to go on from here, as a tensor of bytes."""
        state = {"seed": self._seed, "masks": self._masks, "bits": self.numpy.bit_generator.state}
        return wrap(np.frombuffer(json.dumps(state).encode(), np.uint8).copy())

    def set_state(self, new_state: Any) -> Generator:
        """Go on from where :meth:`get_state` was called; returns the generator.

        Raises:
            TypeError: no tensor of bytes.
            RuntimeError: bytes that are no state of this library's.
        """
        if str(getattr(getattr(new_state, "array", None), "dtype", None)) != "uint8":
            raise TypeError(f"expected a torch.ByteTensor, of get_state(), but got {type(new_state).__name__}")
        try:
            state = json.loads(to_host(new_state.array).tobytes())
        except ValueError:
            raise RuntimeError("set_state: these bytes are no state of tinyrnn's generator") from None
        self._seed, self._masks = state["seed"], state["masks"]
        self.numpy.bit_generator.state = state["bits"]
        return self


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the generator that is used where no other is given; returns it. ``torch.manual_seed``."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Take a seed from the operating system and return it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed last set."""
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """All that is needed to go on from here, as a tensor of bytes."""
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Go on from where :func:`get_rng_state` was called.

    >>> import tinyrnn
    >>> state = tinyrnn.get_rng_state()
    >>> a = tinyrnn.rand(2); tinyrnn.set_rng_state(state)
    >>> bool((a == tinyrnn.rand(2)).all())
    True

    Raises:
        TypeError, RuntimeError: as :meth:`Generator.set_state`.
    """
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, **others: Any) -> Iterator[None]:
    """Inside it numbers are drawn as ever; afterwards the generator goes on from where it was before."""
    state = default_generator.get_state()
    try:
        yield
    finally:
        if enabled:
            default_generator.set_state(state)


def draw(kind: str, shape: Sequence[int], dtype: np.dtype, generator: Generator | None = None) -> np.ndarray:
    """An array of ``"uniform"`` [0, 1) or standard ``"normal"`` numbers, drawn on the host."""
    rng = (generator or default_generator).numpy
    method = rng.random if kind == "uniform" else rng.standard_normal
    if dtype in (np.float32, np.float64):
        return np.asarray(method(tuple(shape), dtype=dtype))
    return np.asarray(method(tuple(shape), dtype=np.float32)).astype(dtype)
