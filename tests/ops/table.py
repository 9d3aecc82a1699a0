"""The table of operations: for each name, how to draw a case.

A case is a function of a *library* and tensors, and the arrays to call it on. The function is written once and
runs on ``tinyrnn`` and on ``torch``, whose names are the same; :class:`Library` smooths over the few that are not.
Shapes and options come from a :class:`Draw`, which asks hypothesis, or a seeded generator for the golden files.
"""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


class Library:
    """Attribute access to the first of several modules that has the name."""

    def __init__(self, *rooms: Any, **own: Any) -> None:
        self.rooms, self.own = rooms, own

    def __getattr__(self, name: str) -> Any:
        if name in self.own:
            return self.own[name]
        for room in self.rooms:
            if hasattr(room, name):
                return getattr(room, name)
        raise AttributeError(name)


def tinyrnn_library(device: str = "cpu") -> Library:
    from functools import partial
    from importlib import import_module
    from pkgutil import iter_modules

    import tinyrnn
    from tinyrnn import backend, ops
    from tinyrnn.ops import memory
    from tinyrnn.ops import rows as rows_
    from tinyrnn.tensor import inplace

    rooms = (tinyrnn, *(import_module(f"tinyrnn.ops.{found.name}") for found in iter_modules(ops.__path__)), inplace)
    moved = lambda name: lambda x, rows, **options: getattr(rows_, name)(x, rows=backend.as_library_of(x.array, rows), **options)
    return Library(*rooms, tensor=partial(tinyrnn.tensor, device=device), move=memory.move, pick=moved("pick"), place=moved("place"))


def torch_library() -> Library:
    import torch
    from torch.nn import functional

    return Library(
        torch,
        functional,
        move=lambda x, device, source: x.to(device),
        pick=lambda x, rows, dim: x.index_select(dim, torch.tensor(rows)),
        place=lambda x, rows, dim, size, fill: torch.full(
            [size if k == dim else n for k, n in enumerate(x.shape)], fill, dtype=x.dtype
        ).index_copy(dim, torch.tensor(rows), x),
        cast=lambda x, dtype: x.to(torch.from_numpy(np.empty(0, dtype)).dtype),
        sum_to=lambda x, shape: x.sum_to_size(shape),
        expand=lambda x, shape: x.expand(shape),
        repeat=lambda x, sizes: x.repeat(sizes),
        embedding_rows=lambda weight, ids: functional.embedding(ids, weight),
        expand_as_reduced=lambda x, shape, dim, keepdim: (x if keepdim else x.unsqueeze(dim)).expand(shape),
        binary_nll=lambda p, q: functional.binary_cross_entropy(p, q, reduction="none"),
        ctc_nll=lambda x, labels, lengths, counts, blank: functional.ctc_loss(x, labels, lengths, counts, blank, reduction="none"),
        softmax_nll=lambda scores, targets: functional.cross_entropy(scores, targets, reduction="none"),
        standardize=lambda x, dims, eps: (x - x.mean(dims, True)) / (x.var(dims, correction=0, keepdim=True) + eps).sqrt(),
        windows=lambda x, size, step, dilation, count: x.unfold(-1, dilation * (size - 1) + 1, step)[..., :count, ::dilation],
        convolve=functional.conv1d,
        linear_nll=lambda x, w, b, targets, share: (
            functional.cross_entropy(functional.linear(x, w, b), targets, reduction="none") * share
        ).sum(),
    )


class Draw:
    """Choices; every one goes through ``integers(low, high)``, both included."""

    def __init__(self, integers: Callable[[int, int], int]) -> None:
        self.int = integers

    @classmethod
    def seeded(cls, name: str) -> Draw:
        """Always the same choices for a name (`random.random` is the one call whose sequence Python promises)."""
        source = random.Random(zlib.crc32(name.encode()))
        return cls(lambda low, high: low + int(source.random() * (high - low + 1)))

    def pick(self, options: Sequence) -> Any:
        return options[self.int(0, len(options) - 1)]

    def flag(self) -> bool:
        return bool(self.int(0, 1))

    def shape(self, least: int = 0, most: int = 3, side: int = 3, smallest: int = 1) -> tuple[int, ...]:
        return tuple(self.int(smallest, side) for _ in range(self.int(least, most)))

    def dim(self, shape: Sequence[int]) -> int:
        """An axis, counted from either end."""
        return self.int(-len(shape), len(shape) - 1) if shape else self.pick([0, -1])

    def dims(self, shape: Sequence[int]) -> Any:
        """What reductions take: nothing, an axis or several."""
        if self.flag() or not shape:
            return self.pick([None, self.dim(shape)])
        return tuple(k for k in range(len(shape)) if self.flag()) or None

    def array(self, shape: Sequence[int], low: float = -2.0, high: float = 2.0) -> np.ndarray:
        """Distinct numbers, well apart and off the middle, so that no kink or tie is near any of them."""
        n = math.prod(shape)
        source = random.Random(self.int(0, 2**16))
        keys = [source.random() for _ in range(n)]
        places = np.argsort(np.array(keys), kind="stable").argsort(kind="stable")
        return (low + (high - low) * (places + 0.37) / max(n, 1)).reshape(tuple(shape))

    def ints(self, shape: Sequence[int], low: int, high: int) -> np.ndarray:
        """Integers from ``low`` to ``high``, both included."""
        source = random.Random(self.int(0, 2**16))
        return np.array([low + int(source.random() * (high - low + 1)) for _ in range(math.prod(shape))], np.int64).reshape(tuple(shape))

    def mask(self, shape: Sequence[int]) -> np.ndarray:
        return self.ints(shape, 0, 1) == 1

    def broadcastable(self, count: int) -> list[tuple[int, ...]]:
        """Shapes that broadcast together: axes of a common shape made 1 or left out in front."""
        common = self.shape()
        shapes = []
        for _ in range(count):
            kept = common[self.int(0, len(common)) :] if self.flag() else common
            shapes.append(tuple(1 if self.int(0, 3) == 0 else n for n in kept))
        return shapes


@dataclass
class Case:
    """``call(library, *tensors)``; the tensors are made of ``arrays`` and require grad."""

    call: Callable
    arrays: list[np.ndarray]
    differentiable: bool = True
    approximate: bool = False  # sums in another order than PyTorch's, or another formula for it

    def __repr__(self) -> str:
        return f"Case({[a.shape for a in self.arrays]})"


OPS: dict[str, Callable[[Draw], Case]] = {}


def op(function: Callable[[Draw], Case]) -> Callable:
    OPS[function.__name__.removeprefix("op_")] = function
    return function


# -- one tensor, element by element --


def _unary(name: str, low: float = -2.0, high: float = 2.0, differentiable: bool = True, **options: Callable[[Draw], Any]) -> None:
    def draw_case(d: Draw) -> Case:
        chosen = {key: choose(d) for key, choose in options.items()}
        return Case(lambda t, x: getattr(t, name)(x, **chosen), [d.array(d.shape(), low, high)], differentiable)

    OPS[name] = draw_case


for _name in "neg abs square exp sin cos sinh cosh tanh sigmoid relu erf trunc floor ceil sign".split():  # noqa: SIM905
    _unary(_name)
for _name in "exp2 expm1 asinh atan erfc".split():  # noqa: SIM905
    _unary(_name)
for _name in "log sqrt rsqrt log2 log10 log1p reciprocal".split():  # noqa: SIM905
    _unary(_name, 0.3, 3.0)
for _name in "asin acos atanh tan".split():  # noqa: SIM905
    _unary(_name, -0.9, 0.8)
_unary("acosh", 1.2, 3.0)
for _name in "isnan isinf isfinite logical_not".split():  # noqa: SIM905
    _unary(_name, differentiable=False)
_unary("round", decimals=lambda d: d.int(0, 1))
_unary("leaky_relu", negative_slope=lambda d: d.pick([0.01, 0.3]))
_unary("elu", alpha=lambda d: d.pick([1.0, 0.7]))
_unary("softplus", beta=lambda d: d.pick([1.0, 3.0]), threshold=lambda d: d.pick([20.0, 2.5]))
_unary("gelu", approximate=lambda d: d.pick(["none", "tanh"]))
_unary("clamp", min=lambda d: d.pick([-1.0, -0.4]), max=lambda d: d.pick([None, 0.51]))


@op
def cast(d: Draw) -> Case:
    return Case(lambda t, x: t.cast(x, dtype=np.float64), [d.array(d.shape())])


@op
def clamp_between_tensors(d: Draw) -> Case:
    shape = d.shape()
    low, high = d.array(shape, -1.5, 0.02), d.array(shape[d.int(0, len(shape)) :], 0.1, 1.53)
    return Case(lambda t, x, a, b: t.clamp(x, a, b), [d.array(shape), low, high])


@op
def mixtures(d: Draw) -> Case:
    shape = d.shape()
    name = d.pick(["addcmul", "addcdiv"])
    arrays = [d.array(shape), d.array(shape), d.array(shape, 0.4, 2.0)]
    return Case(lambda t, x, a, b: t.lerp(getattr(t, name)(x, a, b, value=0.7), a, b), arrays)


@op
def clone(d: Draw) -> Case:
    return Case(lambda t, x: x.clone(), [d.array(d.shape())])


@op
def move(d: Draw) -> Case:
    """To where it is already; ``to`` would leave that out."""
    return Case(lambda t, x: t.move(x, device=x.device, source=x.device), [d.array(d.shape())])


# -- two tensors or more, element by element --


def _binary(
    name: str, low: float = -2.0, high: float = 2.0, differentiable: bool = True, number: bool = True, **options: Callable[[Draw], Any]
) -> None:
    def draw_case(d: Draw) -> Case:
        chosen = {key: choose(d) for key, choose in options.items()}
        a, b = d.broadcastable(2)
        x, y = d.array(a, low, high), d.array(b, low + 0.0123, high + 0.0123)
        if number and d.int(0, 3) == 0:
            return Case(lambda t, x: getattr(t, name)(x, 1.5, **chosen), [x], differentiable)
        return Case(lambda t, x, y: getattr(t, name)(x, y, **chosen), [x, y], differentiable)

    OPS[name] = draw_case


for _name in "mul true_divide".split():  # noqa: SIM905
    _binary(_name, 0.4, 2.0)
for _name in "add sub".split():  # noqa: SIM905
    _binary(_name, alpha=lambda d: d.pick([1, 2.5]))
_binary("pow", 0.4, 2.0)
_binary("remainder", 0.61, 4.0)
_binary("fmod", 0.61, 4.0)
_binary("atan2", 0.4, 2.0, number=False)
_binary("logaddexp", number=False)
_binary("floor_divide", 0.61, 4.0, differentiable=False)
for _name in "eq ne lt le gt ge".split():  # noqa: SIM905
    _binary(_name, differentiable=False)
for _name in "logical_and logical_or logical_xor".split():  # noqa: SIM905
    _binary(_name, differentiable=False, number=False)


@op
def div(d: Draw) -> Case:
    a, b = d.broadcastable(2)
    mode = d.pick([None, "trunc", "floor"])
    return Case(lambda t, x, y: t.div(x, y, rounding_mode=mode), [d.array(a, -4, 4), d.array(b, 0.61, 2.2)], differentiable=mode is None)


@op
def number_on_the_left(d: Draw) -> Case:
    name = d.pick(["__radd__", "__rsub__", "__rmul__", "__rtruediv__", "__rpow__"])
    return Case(lambda t, x: getattr(x, name)(2.5), [d.array(d.shape(), 0.4, 2.0)])


for _name in ("maximum", "minimum"):
    _binary(_name, number=False)


@op
def bitwise(d: Draw) -> Case:
    a, b = d.broadcastable(2)
    name = d.pick(["bitwise_and", "bitwise_or", "bitwise_xor"])
    x, y = (d.ints(a, -8, 8), d.ints(b, -8, 8)) if d.flag() else (d.mask(a), d.mask(b))
    return Case(lambda t: getattr(t, name)(t.tensor(x), t.bitwise_not(t.tensor(y))), [], differentiable=False)


@op
def bitwise_shift(d: Draw) -> Case:
    a, b = d.broadcastable(2)
    x, y = d.ints(a, -8, 8), d.ints(b, 0, 4)
    name = d.pick(["bitwise_left_shift", "bitwise_right_shift"])
    return Case(lambda t: getattr(t, name)(t.tensor(x), t.tensor(y)), [], differentiable=False)


@op
def where(d: Draw) -> Case:
    c, a, b = d.broadcastable(3)
    mask, kind = d.mask(c), d.int(0, 2)
    if kind == 0:
        return Case(lambda t, x: t.where(t.tensor(mask), x, 2.5), [d.array(a)])
    if kind == 1:
        return Case(lambda t, x: t.where(t.tensor(mask), 2.5, x), [d.array(a)])
    return Case(lambda t, x, y: t.where(t.tensor(mask), x, y), [d.array(a), d.array(b)])


@op
def masked_fill(d: Draw) -> Case:
    shape = d.shape()
    mask = d.mask(shape[d.int(0, len(shape)) :])
    if d.flag():
        return Case(lambda t, x: x.masked_fill(t.tensor(mask), -1.5), [d.array(shape)])
    return Case(lambda t, x, v: t.masked_fill(x, t.tensor(mask), v), [d.array(shape), d.array(())])


# -- reductions --


def _reduction(name: str, differentiable: bool = True, low: float = -2.0, high: float = 2.0, least: int = 0) -> None:
    def draw_case(d: Draw) -> Case:
        shape = d.shape(least, side=4)
        dim, keepdim = d.dims(shape), d.flag()
        options = {} if dim is None else {"dim": dim, "keepdim": keepdim}
        return Case(lambda t, x: getattr(t, name)(x, **options), [d.array(shape, low, high)], differentiable)

    OPS[name] = draw_case


for _name in "sum mean amax amin".split():  # noqa: SIM905
    _reduction(_name)
for _name in "any all".split():  # noqa: SIM905
    _reduction(_name, differentiable=False)


@op
def logsumexp(d: Draw) -> Case:
    shape = d.shape()
    dim, keepdim = d.dims(shape), d.flag()
    dim = 0 if dim is None else dim
    return Case(lambda t, x: t.logsumexp(x, dim, keepdim), [d.array(shape)])


def _spread(name: str) -> None:
    def draw_case(d: Draw) -> Case:
        shape = (*d.shape(most=2), d.int(2, 4))
        dim, keepdim, how = d.pick([None, -1, (-1,), len(shape) - 1]), d.flag(), d.int(0, 3)
        if how == 0:
            return Case(lambda t, x: getattr(t, name)(x), [d.array(shape)])
        if how == 1:
            return Case(lambda t, x: getattr(t, name)(x, False), [d.array(shape)])
        if how == 2:
            return Case(lambda t, x: getattr(t, name)(x, dim=-1, unbiased=False, keepdim=keepdim), [d.array(shape)])
        return Case(lambda t, x: getattr(t, name)(x, dim=dim, keepdim=keepdim, correction=0.5), [d.array(shape)])

    OPS[name] = draw_case


_spread("var")
_spread("std")


def _extreme(name: str) -> None:
    def draw_case(d: Draw) -> Case:
        shape = d.shape()
        dim, keepdim, how = d.dim(shape), d.flag(), d.int(0, 2)
        if how == 0:
            return Case(lambda t, x: getattr(t, name)(x), [d.array(shape)])
        if how == 1:
            return Case(lambda t, x: tuple(getattr(t, name)(x, dim, keepdim)), [d.array(shape)])
        return Case(lambda t, x, y: getattr(t, name)(x, y), [d.array(shape), d.array(shape, -1.6, 2.4)])

    OPS[name] = draw_case


_extreme("max")
_extreme("min")


def _position(name: str) -> None:
    def draw_case(d: Draw) -> Case:
        shape = d.shape()
        dim, keepdim = d.pick([None, d.dim(shape)]), d.flag()
        return Case(lambda t, x: getattr(t, name)(x, dim=dim, keepdim=keepdim), [d.array(shape)], differentiable=False)

    OPS[name] = draw_case


_position("argmax")
_position("argmin")


@op
def cumsum(d: Draw) -> Case:
    shape = d.shape()
    dim = d.dim(shape)
    return Case(lambda t, x: t.cumsum(x, dim=dim), [d.array(shape)])


@op
def cumprod(d: Draw) -> Case:
    shape = d.shape()
    x = d.array(shape)
    if x.size and d.flag():
        x.reshape(-1)[d.int(0, x.size - 1)] = 0
    dim = d.dim(shape)
    return Case(lambda t, x: t.cumprod(x, dim), [x])


@op
def prod(d: Draw) -> Case:
    shape = d.shape()
    x = d.array(shape)
    for k in range(d.int(0, 2)):  # zeros among the factors
        if k < x.size:
            x.reshape(-1)[d.int(0, x.size - 1)] = 0
    if d.flag():
        return Case(lambda t, x: t.prod(x), [x])
    dim, keepdim = d.dim(shape), d.flag()
    return Case(lambda t, x: t.prod(x, dim, keepdim), [x])


@op
def norm(d: Draw) -> Case:
    shape = d.shape(1)
    p = d.pick(["fro", 2, 1, 3, 2.5, math.inf, -math.inf, 0])
    dim, keepdim = d.pick([None, d.dim(shape)]), d.flag()
    options = {} if dim is None else {"dim": dim, "keepdim": keepdim}
    return Case(lambda t, x: t.norm(x, p, **options), [d.array(shape, -1.9, 2.1)], approximate=True)


for _name in ("softmax", "log_softmax"):
    OPS[_name] = lambda d, name=_name: (
        lambda shape: (lambda dim: Case(lambda t, x: getattr(t, name)(x, dim), [d.array(shape, -4, 4)]))(d.dim(shape))
    )(d.shape())


@op
def sort(d: Draw) -> Case:
    shape = d.shape(side=5)
    dim, descending = d.dim(shape), d.flag()
    return Case(lambda t, x: tuple(t.sort(x, dim=dim, descending=descending)), [d.array(shape)])


@op
def argsort(d: Draw) -> Case:
    shape = d.shape(side=5)
    dim, descending = d.dim(shape), d.flag()
    x = d.ints(shape, 0, 2)  # with ties, which a stable sort keeps in order
    return Case(lambda t: t.argsort(t.tensor(x), dim=dim, descending=descending, stable=True), [], differentiable=False)


@op
def topk(d: Draw) -> Case:
    shape = d.shape(1, side=5)
    dim, largest = d.dim(shape), d.flag()
    k = d.int(0, shape[dim])
    return Case(lambda t, x: tuple(t.topk(x, k, dim=dim, largest=largest)), [d.array(shape)])


# -- moving elements about --


@op
def reshape(d: Draw) -> Case:
    shape = d.shape(1)
    target = d.pick([(-1,), (1, *shape), (*shape[:-1], 1, -1), shape[::-1]])
    name = d.pick(["reshape", "view"])
    return Case(lambda t, x: getattr(x, name)(*target), [d.array(shape)])


@op
def permute(d: Draw) -> Case:
    shape = d.shape(1)
    order = [int(k) for k in np.argsort(d.array((len(shape),)))]
    order = [k - len(shape) if d.flag() else k for k in order]
    return Case(lambda t, x: x.permute(*order), [d.array(shape)])


@op
def transpose(d: Draw) -> Case:
    shape = d.shape()
    dim0, dim1 = d.dim(shape), d.dim(shape)
    return Case(lambda t, x: t.transpose(x, dim0, dim1), [d.array(shape)])


@op
def transposes(d: Draw) -> Case:
    shape = d.shape(2, 2)
    name = d.pick(["T", "mT"])
    return Case(lambda t, x: getattr(x, name) * x.t(), [d.array(shape)])


@op
def squeeze(d: Draw) -> Case:
    shape = d.shape(side=2)
    dim = d.pick([None, d.dim(shape), tuple(k for k in range(len(shape)) if d.flag())])
    return Case(lambda t, x: t.squeeze(x) if dim is None else t.squeeze(x, dim), [d.array(shape)])


@op
def unsqueeze(d: Draw) -> Case:
    shape = d.shape()
    dim = d.int(-len(shape) - 1, len(shape))
    return Case(lambda t, x: t.unsqueeze(x, dim), [d.array(shape)])


@op
def expand(d: Draw) -> Case:
    shape = d.shape(side=2)
    target = (*d.shape(most=1), *((3 if n == 1 and d.flag() else d.pick([-1, n])) for n in shape))
    return Case(lambda t, x: t.expand(x, shape=target), [d.array(shape)])


@op
def broadcast_to(d: Draw) -> Case:
    shape = d.shape(side=2)
    target = (*d.shape(most=1), *(3 if n == 1 and d.flag() else n for n in shape))
    return Case(lambda t, x: t.broadcast_to(x, target), [d.array(shape)])


@op
def sum_to(d: Draw) -> Case:
    shape = d.shape()
    kept = shape[d.int(0, len(shape)) :]
    target = tuple(1 if d.flag() else n for n in kept)
    return Case(lambda t, x: t.sum_to(x, shape=target), [d.array(shape)])


@op
def expand_as_reduced(d: Draw) -> Case:
    shape = d.shape(1)
    dim, keepdim = d.dim(shape), d.flag()
    reduced = list(shape)
    reduced[dim] = 1
    if not keepdim:
        del reduced[dim]
    return Case(lambda t, x: t.expand_as_reduced(x, shape, dim, keepdim), [d.array(reduced)])


@op
def repeat(d: Draw) -> Case:
    shape = d.shape(most=2)
    sizes = (*d.shape(most=1), *(d.int(0, 3) for _ in shape))
    return Case(lambda t, x: x.repeat(*sizes) if sizes else x.clone(), [d.array(shape)])


@op
def flatten(d: Draw) -> Case:
    shape = d.shape()
    start = d.int(0, max(len(shape) - 1, 0))
    end = d.int(start, max(len(shape) - 1, 0)) - (len(shape) if shape and d.flag() else 0)
    return Case(lambda t, x: t.flatten(x, start, end), [d.array(shape)])


@op
def flip(d: Draw) -> Case:
    shape = d.shape()
    dims = tuple(k - (len(shape) if d.flag() else 0) for k in range(len(shape)) if d.flag())
    return Case(lambda t, x: t.flip(x, dims), [d.array(shape)])


@op
def roll(d: Draw) -> Case:
    shape = d.shape(1)
    if d.flag():
        shifts = d.int(-4, 4)
        dims = d.pick([None, d.dim(shape)])
        return Case(lambda t, x: t.roll(x, shifts) if dims is None else t.roll(x, shifts, dims), [d.array(shape)])
    shifts, dims = (d.int(-4, 4), d.int(-4, 4)), (0, len(shape) - 1)
    return Case(lambda t, x: t.roll(x, shifts, dims), [d.array(shape)])


@op
def pick(d: Draw) -> Case:
    shape = d.shape(1)
    dim = d.int(0, len(shape) - 1)
    rows = d.array((shape[dim],)).argsort()[: d.int(0, shape[dim])]
    return Case(lambda t, x: t.pick(x, rows=rows, dim=dim), [d.array(shape)])


@op
def place(d: Draw) -> Case:
    shape = d.shape(1)
    dim = d.int(0, len(shape) - 1)
    size = shape[dim] + d.int(0, 2)
    rows = d.array((size,)).argsort()[: shape[dim]]
    return Case(lambda t, x: t.place(x, rows=rows, dim=dim, size=size, fill=0.5), [d.array(shape)])


for _name in ("tril", "triu"):
    OPS[_name] = lambda d, name=_name: (lambda k: Case(lambda t, x: getattr(t, name)(x, diagonal=k), [d.array(d.shape(2))]))(d.int(-3, 3))


@op
def cat(d: Draw) -> Case:
    shape = d.shape(1)
    dim = d.dim(shape)
    shapes = []
    for _ in range(d.int(1, 3)):
        one = list(shape)
        one[dim] = d.int(0, 3)
        shapes.append(one)
    return Case(lambda t, *xs: t.cat(xs, dim), [d.array(s) for s in shapes])


@op
def stack(d: Draw) -> Case:
    shape = d.shape(most=2)
    dim = d.int(-len(shape) - 1, len(shape))
    return Case(lambda t, *xs: t.stack(xs, dim), [d.array(shape) for _ in range(d.int(1, 3))])


@op
def unbind(d: Draw) -> Case:
    shape = d.shape(1)
    dim = d.dim(shape)
    return Case(lambda t, x: t.unbind(x, dim), [d.array(shape)])


@op
def unbind_partly_used(d: Draw) -> Case:
    shape = (3, *d.shape(most=2))
    return Case(lambda t, x: x.unbind(0)[1].sin(), [d.array(shape)])


@op
def split(d: Draw) -> Case:
    shape = (*d.shape(most=1), d.int(1, 5))
    if d.flag():
        size = d.int(1, 6)
        return Case(lambda t, x: t.split(x, size, -1), [d.array(shape)])
    first = d.int(0, shape[-1])
    return Case(lambda t, x: x.split([first, shape[-1] - first], dim=-1), [d.array(shape)])


@op
def chunk(d: Draw) -> Case:
    shape = (d.int(1, 7), *d.shape(most=1))
    chunks = d.int(1, 8)
    return Case(lambda t, x: t.chunk(x, chunks), [d.array(shape)])


@op
def narrow(d: Draw) -> Case:
    shape = d.shape(1, side=4)
    dim = d.dim(shape)
    start = d.int(0, shape[dim] - 1)
    length = d.int(0, shape[dim] - start)
    start -= shape[dim] if d.flag() else 0
    return Case(lambda t, x: t.narrow(x, dim, start, length), [d.array(shape)])


@op
def diagonal(d: Draw) -> Case:
    shape = d.shape(2, side=4)
    dim1 = d.int(0, len(shape) - 1)
    dim2 = (dim1 + d.int(1, len(shape) - 1)) % len(shape) - (len(shape) if d.flag() else 0)
    offset = d.int(-2, 2)
    return Case(lambda t, x: t.diagonal(x, offset=offset, dim1=dim1, dim2=dim2), [d.array(shape)])


@op
def diag_embed(d: Draw) -> Case:
    offset = d.int(-2, 2)
    return Case(lambda t, x: t.diag_embed(x, offset) * 2, [d.array(d.shape(1))])


@op
def unfold(d: Draw) -> Case:
    shape = d.shape(1, side=5)
    dim = d.dim(shape)
    size, step = d.int(1, shape[dim]), d.int(1, 3)
    return Case(lambda t, x: x.unfold(dim, size, step), [d.array(shape)])


@op
def movedim(d: Draw) -> Case:
    shape = d.shape(1)
    source, destination = d.dim(shape), d.dim(shape)
    return Case(lambda t, x: t.movedim(x, source, destination), [d.array(shape)])


# -- picking and putting --


@op
def nonzero(d: Draw) -> Case:
    x = d.ints(d.shape(), 0, 2)
    return Case(lambda t: t.nonzero(t.tensor(x)), [], differentiable=False)


def _index(d: Draw, shape: Sequence[int], distinct: bool = False) -> Any:
    """An index of any kind for a tensor of ``shape``, ``distinct`` if it may name no place twice; arrays in it are NumPy's."""
    rest, parts, arrays = list(shape), [], d.shape(most=2)
    while rest and d.int(0, 4):
        n, kind = rest[0], d.int(0, 6)
        if kind == 0:
            parts.append(d.int(-n, n - 1))
        elif kind in (1, 2):
            parts.append(slice(d.pick([None, d.int(-n, n)]), d.pick([None, d.int(-n, n)]), d.pick([None, 1, 2])))
        elif kind == 3:
            parts.append(None)
            continue
        elif kind in (4, 5):
            if distinct:
                parts.append(d.array((n,)).argsort()[: 1 if any(isinstance(p, np.ndarray) for p in parts) else n])
            else:
                parts.append(d.ints(arrays if d.flag() else arrays[-1:], -n, n - 1))
        elif not any(isinstance(p, np.ndarray) for p in parts) and len(rest) >= (wide := d.int(1, 2)):
            parts.append(d.mask(rest[:wide]))
            rest = rest[wide:]
            return (*parts, ...) if d.flag() else tuple(parts)
        else:
            parts.append(slice(None))
        rest = rest[1:]
    if d.flag():
        parts.insert(len(parts) if rest else d.int(0, len(parts)), ...)
    return parts[0] if len(parts) == 1 else tuple(parts)


def _of(t: Any, index: Any) -> Any:
    """The index with arrays as tensors of the library."""
    if isinstance(index, tuple):
        return tuple(_of(t, i) for i in index)
    return t.tensor(index) if isinstance(index, np.ndarray) else index


@op
def getitem(d: Draw) -> Case:
    shape = d.shape(1, side=4)
    index = _index(d, shape)
    return Case(lambda t, x: x[_of(t, index)], [d.array(shape)])


@op
def setitem(d: Draw) -> Case:
    shape = d.shape(1, side=4)
    index = _index(d, shape, distinct=True)
    one_number = isinstance(index, tuple) and any(isinstance(i, np.ndarray) for i in index)  # PyTorch orders the axes in its own way
    wanted = () if one_number else np.empty(shape)[index].shape
    wanted = wanted[d.int(0, len(wanted)) :]

    def call(t: Any, x: Any, value: Any) -> Any:
        y = x * 2
        y[_of(t, index)] = value
        return y * y

    return Case(call, [d.array(shape), d.array(wanted)])


@op
def index_put(d: Draw) -> Case:
    shape = d.shape(1)
    rows = d.ints(d.shape(1, 2), 0, shape[0] - 1)
    if d.flag():
        value = (*rows.shape, *shape[1:])
        return Case(lambda t, x, v: t.index_put(x, (t.tensor(rows),), v, accumulate=True), [d.array(shape), d.array(value)])
    rows = np.unique(rows)  # which of repeated indices wins is nobody's promise
    return Case(lambda t, x, v: x.index_put((t.tensor(rows),), v), [d.array(shape), d.array(())])


@op
def index_add_(d: Draw) -> Case:
    shape = d.shape(1)
    dim = d.dim(shape)
    index = d.ints((d.int(1, 4),), 0, shape[dim] - 1)
    source = list(shape)
    source[dim] = len(index)
    alpha = d.pick([1, 2.5])
    return Case(lambda t, x, s: x.clone().index_add_(dim, t.tensor(index), s, alpha=alpha), [d.array(shape), d.array(source)])


@op
def index_fill_(d: Draw) -> Case:
    shape = d.shape(1)
    dim = d.dim(shape)
    index = d.ints((d.int(1, 4),), 0, shape[dim] - 1)
    return Case(lambda t, x: x.clone().index_fill_(dim, t.tensor(index), 1.5), [d.array(shape)])


def _along(d: Draw) -> tuple[tuple[int, ...], int, tuple[int, ...]]:
    """A shape, an axis, and the shape of an index that is no larger on the other axes."""
    shape = d.shape(1)
    dim = d.dim(shape)
    smaller = [d.int(1, n) for n in shape]
    smaller[dim] = d.int(1, 4)
    return shape, dim, tuple(smaller)


@op
def gather(d: Draw) -> Case:
    shape, dim, smaller = _along(d)
    index = d.ints(smaller, 0, shape[dim] - 1)
    return Case(lambda t, x: t.gather(x, dim, t.tensor(index)), [d.array(shape)])


@op
def scatter_add(d: Draw) -> Case:
    shape, dim, smaller = _along(d)
    index = d.ints(smaller, 0, shape[dim] - 1)
    return Case(lambda t, x, s: t.scatter_add(x, dim, t.tensor(index), s), [d.array(shape), d.array(smaller)])


@op
def scatter(d: Draw) -> Case:
    shape, dim, smaller = _along(d)
    smaller = list(smaller)
    smaller[dim] = d.int(1, shape[dim])
    index = d.array(smaller).argsort(dim).argsort(dim)  # each place at most once
    if d.flag():
        return Case(lambda t, x: t.scatter(x, dim, t.tensor(index), 1.5), [d.array(shape)])
    return Case(lambda t, x, s: t.scatter(x, dim, t.tensor(index), s), [d.array(shape), d.array(smaller)])


@op
def take_along_dim(d: Draw) -> Case:
    shape = d.shape(1)
    if d.flag():
        index = d.ints(d.shape(1), 0, math.prod(shape) - 1)
        return Case(lambda t, x: t.take_along_dim(x, t.tensor(index)), [d.array(shape)])
    dim = d.dim(shape)
    other = [d.pick([1, n]) for n in shape]
    stretched = [n if o == n or n > 1 else d.int(1, 2) for n, o in zip(shape, other)]
    index_shape = [o if o == 1 else n for o, n in zip(other, stretched)]
    index_shape[dim] = d.int(1, 4)
    index = d.ints(index_shape, 0, shape[dim] - 1)
    return Case(lambda t, x: t.take_along_dim(x, t.tensor(index), dim), [d.array(shape)])


@op
def index_select(d: Draw) -> Case:
    shape = d.shape(1)
    dim = d.dim(shape)
    index = d.ints((d.int(0, 4),), 0, shape[dim] - 1)
    return Case(lambda t, x: t.index_select(x, dim, t.tensor(index)), [d.array(shape)])


@op
def masked_select(d: Draw) -> Case:
    shape, mask_shape = d.broadcastable(2)
    mask = d.mask(mask_shape)
    return Case(lambda t, x: t.masked_select(x, t.tensor(mask)), [d.array(shape)])


@op
def embedding_rows(d: Draw) -> Case:
    ids = d.ints(d.shape(), 0, 4)
    return Case(lambda t, w: t.embedding_rows(w, t.tensor(ids)), [d.array((5, 2))])


@op
def one_hot(d: Draw) -> Case:
    ids = d.ints(d.shape(1), 0, 4)
    classes = d.pick([-1, 5, 7])
    return Case(lambda t: t.one_hot(t.tensor(ids), classes), [], differentiable=False)


# -- matrix products --


@op
def matmul(d: Draw) -> Case:
    n, k, m = d.int(1, 3), d.int(1, 3), d.int(1, 3)
    kind = d.int(0, 5)
    lead = d.shape(most=2, side=2)
    if kind == 0:
        shapes = (k,), (k,)
    elif kind == 1:
        shapes = (*lead, n, k), (k,)
    elif kind == 2:
        shapes = (k,), (*lead, k, m)
    elif kind == 3:
        shapes = (*lead, n, k), (k, m)
    else:
        a, b = d.broadcastable(2)
        shapes = (*a[-2:], n, k), (*b[-2:], k, m)
    return Case(lambda t, x, y: t.matmul(x, y) if kind % 2 else x @ y, [d.array(s) for s in shapes], approximate=True)


for _name, _shapes in {
    "mm": ((2, 3), (3, 2)),
    "mv": ((2, 3), (3,)),
    "bmm": ((2, 2, 3), (2, 3, 1)),
    "dot": ((3,), (3,)),
    "outer": ((3,), (2,)),
}.items():
    OPS[_name] = lambda d, name=_name, shapes=_shapes: Case(
        lambda t, x, y: getattr(t, name)(x, y), [d.array(s) for s in shapes], approximate=True
    )


for _name in ("inverse", "det"):
    OPS[_name] = lambda d, name=_name: Case(
        lambda t, x: getattr(t, name)(x), [d.array((*d.shape(most=1), 3, 3)) + 2 * np.eye(3)], approximate=True
    )


@op
def solve(d: Draw) -> Case:
    A = d.array((3, 3)) + 2 * np.eye(3)
    return Case(lambda t, A, B: t.linalg.solve(A, B), [A, d.array(d.pick([(3, 2), (3,)]))], approximate=True)


@op
def baddbmm(d: Draw) -> Case:
    shapes = d.pick([(2, 2, 1), (2, 1), (1,)]), (2, 2, 3), (2, 3, 1)
    beta, alpha = d.pick([1, 0.5]), d.pick([1, 2])
    return Case(lambda t, x, a, b: t.baddbmm(x, a, b, beta=beta, alpha=alpha), [d.array(s) for s in shapes], approximate=True)


@op
def linear(d: Draw) -> Case:
    lead, wide, out = d.shape(most=2), d.int(1, 3), d.int(1, 3)
    arrays = [d.array((*lead, wide)), d.array((out, wide)), d.array((out,))]
    kind = d.int(0, 2)
    if kind == 2 and not lead:
        return Case(lambda t, x, w: t.linear(x, w[0]), arrays[:2], approximate=True)
    return Case(lambda t, *xs: t.linear(*xs), arrays[: 3 if kind else 2], approximate=True)


_EQUATIONS = [
    ("i,i->", (3,), (3,)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("ij->i", (2, 3)),
    ("ii->i", (3, 3)),
    ("ii->", (3, 3)),
    ("iij->ij", (2, 2, 3)),
    ("iii->i", (2, 2, 2)),
    ("ij,jk->ik", (2, 3), (3, 2)),
    ("ij,jk", (2, 3), (3, 2)),
    ("ba", (2, 3)),
    ("tnd,hd->tnh", (2, 2, 3), (2, 3)),
    ("bij,bjk->bik", (2, 1, 3), (2, 3, 2)),
    ("ij,ij,ij->j", (2, 3), (2, 3), (2, 3)),
    ("i,j,k->kij", (2,), (3,), (2,)),
    ("ij,kl->ik", (2, 3), (2, 2)),
    ("ii,ij->j", (3, 3), (3, 2)),
    ("...ij,...jk->...ik", (2, 2, 3), (3, 2)),
    ("...i,i->...", (2, 2, 3), (3,)),
    ("...i,...i", (2, 3), (1, 3)),
    ("i...->...", (2, 3)),
    ("b...,b...->b", (2, 3), (2, 3)),
]


@op
def einsum(d: Draw) -> Case:
    equation, *shapes = d.pick(_EQUATIONS)
    return Case(lambda t, *xs: t.einsum(equation, *xs), [d.array(s) for s in shapes], approximate=True)


# -- windows and norms --


@op
def windows(d: Draw) -> Case:
    size, step, dilation, count = d.int(1, 3), d.int(1, 2), d.int(1, 2), d.int(1, 3)
    shape = (*d.shape(0, 2), (count - 1) * step + dilation * (size - 1) + 1 + d.int(0, 1))
    return Case(lambda t, x: t.windows(x, size=size, step=step, dilation=dilation, count=count), [d.array(shape)])


@op
def convolve(d: Draw) -> Case:
    groups, K = d.int(1, 2), d.int(1, 3)
    how = {"stride": d.int(1, 2), "dilation": d.int(1, 2), "groups": groups}
    C, O, L = groups * d.int(1, 2), groups * d.int(1, 2), how["dilation"] * (K - 1) + d.int(1, 3)
    shapes = (d.int(1, 2), C, L), (O, C // groups, K)
    return Case(lambda t, x, w: t.convolve(x, w, **how), [d.array(s) for s in shapes], approximate=True)


@op
def standardize(d: Draw) -> Case:
    shape, dims = (d.int(2, 3), d.int(2, 3)), d.pick([(0,), (-1,), (0, 1)])
    return Case(lambda t, x: t.standardize(x, dims=dims, eps=0.01), [d.array(shape)], approximate=True)


# -- losses --


@op
def softmax_nll(d: Draw) -> Case:
    rows, classes = d.int(1, 3), d.int(1, 4)
    targets = d.ints((rows,), 0, classes - 1)
    return Case(lambda t, scores: t.softmax_nll(scores, t.tensor(targets)), [d.array((rows, classes))])


@op
def ctc_nll(d: Draw) -> Case:
    N, S, C = d.int(1, 2), d.int(1, 2), d.int(2, 3)
    counts = d.ints((N,), 0, S)
    labels = d.ints((N, S), 1, C - 1) * (np.arange(S) < counts[:, None])
    T, lengths = 2 * S + 1, 2 * S + d.ints((N,), 0, 1)  # long enough to say them

    def call(t: Any, x: Any) -> Any:  # the gradient is that of log-probabilities that come from scores
        return t.ctc_nll(t.log_softmax(x, 2), *map(t.tensor, (labels, lengths, counts)), blank=0)

    return Case(call, [d.array((T, N, C))])


@op
def binary_nll(d: Draw) -> Case:
    shapes = [d.shape()] * 2
    return Case(lambda t, p, q: t.binary_nll(p, q), [d.array(s, 0.1, 0.9) for s in shapes], approximate=True)


@op
def linear_nll(d: Draw) -> Case:
    rows, wide, classes = d.int(1, 3), d.int(1, 3), d.int(1, 4)
    targets, share, bias = d.ints((rows,), 0, classes - 1), d.array((rows,), 0.1, 1.0), d.flag()

    def call(t: Any, x: Any, w: Any, *b: Any) -> Any:
        return t.linear_nll(x, w, b[0] if b else None, t.tensor(targets), t.tensor(share).to(x.dtype))

    shapes = [(rows, wide), (classes, wide), (classes,)][: 3 if bias else 2]
    return Case(call, [d.array(s) for s in shapes])


# -- what writes into memory: more of these, in random programs, is in tests/test_engine.py --


@op
def write_view(d: Draw) -> Case:
    """Through a view, and a view of that view, into the base."""
    shape = (d.int(2, 3), d.int(2, 3))

    def call(t: Any, x: Any, v: Any) -> Any:
        y = x * 1.5
        row = y[1]
        row.narrow(0, 0, 2).mul_(v)
        return y, row * y[0]

    return Case(call, [d.array(shape), d.array(())])


@op
def overwrite(d: Draw) -> Case:
    shape = d.shape(1)
    name = d.pick(["zero_", "fill_", "copy_"])

    def call(t: Any, x: Any, v: Any) -> Any:
        y = x * 1.5
        args = {"zero_": (), "fill_": (2.5,), "copy_": (v,)}[name]
        getattr(y[0], name)(*args)
        z = x * 2
        getattr(z, name)(*args)
        return y * y, z + (0 if name == "copy_" else v)

    return Case(call, [d.array(shape), d.array(shape[1:][d.int(0, 1) :])])
