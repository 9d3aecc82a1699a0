"""Random numbers in the shape of a tensor: drawn by its values, or to be put in their place."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import to_host
from ..devices import device_of, place
from ..engine import wrap
from ..ops.memory import overwritten
from ..random import Generator, default_generator, draw
from .inplace import change


def rng_of(generator: Generator | None) -> np.random.Generator:
    """NumPy's generator inside ours, or inside the one that is used where none is given."""
    return (generator or default_generator).numpy


def _filled(target: Any, drawn: Any) -> Any:
    """``target`` with the numbers in it, in its dtype and where it lives."""
    array = place(drawn.astype(target.array.dtype, copy=False), device_of(target.array))
    return change(target, overwritten, wrap(array))


def _refuse_integers(name: str, target: Any, kind: type[Exception] = NotImplementedError) -> None:
    if not target.dtype.is_floating_point:
        raise kind(f"{name}: draws floating numbers, and is not implemented for {target.dtype}; use x.float()")


def normal_(self: Any, mean: float = 0, std: float = 1, *, generator: Generator | None = None) -> Any:
    """Fill with normal numbers. ``torch.Tensor.normal_``."""
    _refuse_integers("normal_", self)
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    return _filled(self, draw("normal", self.shape, self.array.dtype, generator) * std + mean)


def uniform_(self: Any, *bounds: float, generator: Generator | None = None, **named: float) -> Any:
    """Fill with uniform numbers: ``uniform_(from=0, to=1)``. ``torch.Tensor.uniform_``."""
    _refuse_integers("uniform_", self)
    low, high = _bounds("uniform_", bounds, named, (0.0, 1.0))
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    return _filled(self, draw("uniform", self.shape, self.array.dtype, generator) * (high - low) + low)


def _bounds(name: str, bounds: tuple, named: dict[str, Any], usual: tuple) -> tuple:
    """``from`` and ``to``, by position or by name: the first is a word of Python's, so no parameter can be called that."""
    if len(bounds) > 2 or named.keys() - {"from", "to"}:
        raise TypeError(f"{name}() takes 'from' and 'to', got {bounds} and {named}")
    low, high = (*bounds, *usual[len(bounds) :])
    return named.get("from", low), named.get("to", high)


def random_(self: Any, *bounds: Any, generator: Generator | None = None, **named: Any) -> Any:
    """Fill with integers: ``random_()``, ``random_(to)`` or ``random_(from, to)``, without ``to``. ``torch.Tensor.random_``."""
    d = self.array.dtype
    if len(bounds) == 1 and not named:
        bounds = (0, *bounds)
    most = 2 if d.kind == "b" else 2 ** (np.finfo(d).nmant + 1) + 1 if d.kind == "f" else np.iinfo(d).max
    low, high = _bounds("random_", bounds, named, (0, None))
    high = most if high is None else high
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    return _filled(self, np.asarray(rng_of(generator).integers(low, high, tuple(self.shape))))


def bernoulli_(self: Any, p: Any = 0.5, *, generator: Generator | None = None) -> Any:
    """Fill with 1 of probability ``p``, a number or a tensor that broadcasts, and 0. ``torch.Tensor.bernoulli_``."""
    p = to_host(p.array) if hasattr(p, "array") else np.asarray(p)
    if not ((p >= 0) & (p <= 1)).all():
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    return _filled(self, np.asarray(draw("uniform", self.shape, np.dtype(np.float64), generator) < p))


def exponential_(self: Any, lambd: float = 1, *, generator: Generator | None = None) -> Any:
    """Fill with exponential numbers of rate ``lambd``. ``torch.Tensor.exponential_``."""
    _refuse_integers("exponential_", self, RuntimeError)
    if lambd <= 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    return _filled(self, np.asarray(rng_of(generator).standard_exponential(tuple(self.shape)) / lambd))


def log_normal_(self: Any, mean: float = 1, std: float = 2, *, generator: Generator | None = None) -> Any:
    """Fill with numbers whose logarithm is normal. ``torch.Tensor.log_normal_``."""
    _refuse_integers("log_normal_", self)
    return _filled(self, np.exp(draw("normal", self.shape, np.dtype(np.float64), generator) * std + mean))


def cauchy_(self: Any, median: float = 0, sigma: float = 1, *, generator: Generator | None = None) -> Any:
    """Fill with numbers of the Cauchy distribution. ``torch.Tensor.cauchy_``."""
    _refuse_integers("cauchy_", self, RuntimeError)
    return _filled(self, np.asarray(median + sigma * rng_of(generator).standard_cauchy(tuple(self.shape))))


def geometric_(self: Any, p: float, *, generator: Generator | None = None) -> Any:
    """Fill with how many trials of probability ``p`` it takes to succeed. ``torch.Tensor.geometric_``."""
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    return _filled(self, np.asarray(rng_of(generator).geometric(p, tuple(self.shape))))


def bernoulli(input: Any, p: float | None = None, *, generator: Generator | None = None) -> Any:
    """1 with the probability that ``input`` gives (or ``p``, if that is given), else 0. ``torch.bernoulli``."""
    if p is not None:
        return bernoulli_(input.detach().clone(), p, generator=generator)
    _refuse_integers("bernoulli", input)
    return bernoulli_(input.detach().clone(), input, generator=generator)


def multinomial(input: Any, num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> Any:
    """Draw classes with probability proportional to ``input``, (V,) or (N, V): ``int64`` (S,) or (N, S).

    ``torch.multinomial``.

    >>> import tinyrnn
    >>> tinyrnn.multinomial(tinyrnn.tensor([0., 3., 0.]), 2, replacement=True)
    tensor([1, 1])

    Raises:
        RuntimeError: not floats; weights that are negative, not finite or all zero; more samples than there are non-zero
            weights to draw without replacement.
    """
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {input.dtype}")
    w = to_host(input.array).astype(np.float64)
    if w.ndim not in (1, 2) or w.shape[-1] == 0:
        raise RuntimeError(f"prob_dist must be 1 or 2 dim and not empty, got shape {w.shape}")
    if num_samples < 1:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not np.isfinite(w).all() or (w < 0).any():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0: of scores take softmax(scores, -1) first")
    rows = np.atleast_2d(w)
    if (rows.sum(-1) <= 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    rng = rng_of(generator)
    if replacement or num_samples == 1:
        edges = rows.cumsum(-1)
        points = rng.random((rows.shape[0], num_samples)) * edges[:, -1:]
        drawn = np.stack([np.searchsorted(e, p, side="right") for e, p in zip(edges, points)])
    else:
        if ((rows > 0).sum(-1) < num_samples).any():
            raise RuntimeError(
                f"cannot draw {num_samples} samples without replacement: a row has fewer non-zero weights; pass replacement=True"
            )
        # The first to ring of exponential clocks with these rates is a draw; so are the next (Efraimidis, 2006).
        with np.errstate(divide="ignore"):
            rings = rng.standard_exponential(rows.shape) / rows
        drawn = np.argsort(rings, axis=-1)[:, :num_samples]
    return wrap(place(drawn.reshape((*w.shape[:-1], num_samples)).astype(np.int64), input.device))
