"""Matrix products."""

from __future__ import annotations

import functools
import math
import string
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes, threads
from ..backend import as_library_of, to_host, xp_of
from ..engine import Traced, need_tensors, primitive, spellings, wrap
from .arrange import diagonal
from .elementwise import add, broadcast_to, cast, mul, sum_to
from .shape import expand, reshape, transpose, unsqueeze


def _mT(x: Any) -> Any:
    return transpose(x, dim0=-2, dim1=-1)


@primitive
def _matmul(input, other):
    return threads.matmul(input, other)


_matmul.rule(
    input=lambda g, other, input_shape: sum_to(_matmul(g, _mT(other)), shape=input_shape),
    other=lambda g, input, other_shape: sum_to(_matmul(_mT(input), g), shape=other_shape),
)


@spellings
def matmul(input: Any, other: Any) -> Any:
    """The matrix product over the last two axes, broadcasting the others; vectors as in NumPy. ``torch.matmul``.

    >>> import tinyrnn
    >>> tinyrnn.matmul(tinyrnn.eye(2), tinyrnn.tensor([3., 4.]))
    tensor([3., 4.])
    """
    a, b = tuple(input.shape), tuple(other.shape)
    if not a or not b:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {len(a)}D and {len(b)}D")
    if input.dtype != other.dtype:
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {input.dtype} != {other.dtype}")
    if a[-1] != b[-2 if len(b) > 1 else 0]:
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({_by(a)} and {_by(b)}): {a[-1]} columns meet {b[-2:][0]} rows")
    if len(a) == 1:
        y = matmul(unsqueeze(input, dim=0), other)
        return y.squeeze(-2 if len(b) > 1 else 0)
    if len(b) == 1:
        return matmul(input, unsqueeze(other, dim=1)).squeeze(-1)
    if len(b) == 2 and len(a) > 2:  # one large GEMM instead of many small ones
        return reshape(_matmul(reshape(input, shape=(-1, a[-1])), other), shape=(*a[:-1], b[1]))
    return _matmul(input, other)


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _exactly(op: str, input: Any, mat2: Any, ndims: tuple[int, int]) -> Any:
    if (input.ndim, mat2.ndim) != ndims:
        raise RuntimeError(f"{op}: expected {ndims[0]}-D and {ndims[1]}-D tensors, got {input.ndim}-D and {mat2.ndim}-D; use matmul")
    return matmul(input, mat2)


@spellings
def mm(input: Any, mat2: Any) -> Any:
    """Matrix times matrix. ``torch.mm``."""
    return _exactly("mm", input, mat2, (2, 2))


@spellings
def mv(input: Any, vec: Any) -> Any:
    """Matrix times vector. ``torch.mv``."""
    return _exactly("mv", input, vec, (2, 1))


@spellings
def bmm(input: Any, mat2: Any) -> Any:
    """Matrix times matrix for each of a batch. ``torch.bmm``."""
    if input.ndim == mat2.ndim == 3 and input.shape[0] != mat2.shape[0]:
        raise RuntimeError(f"bmm: expected equal batch sizes, got {input.shape[0]} and {mat2.shape[0]}")
    return _exactly("bmm", input, mat2, (3, 3))


@spellings
def dot(input: Any, tensor: Any) -> Any:
    """The inner product of two vectors. ``torch.dot``."""
    return _exactly("dot", input, tensor, (1, 1))


@spellings
def outer(input: Any, vec2: Any) -> Any:
    """The outer product of two vectors. ``torch.outer``."""
    if input.ndim != 1 or vec2.ndim != 1:
        raise RuntimeError(f"outer: Expected 1-D tensors, got {input.ndim}-D and {vec2.ndim}-D")
    return mul(unsqueeze(input, dim=1), unsqueeze(vec2, dim=0))


@primitive
def _linear(input, weight, bias=None):
    """``input @ weight.T + bias``: (..., D), (O, D), (O,) to (..., O)."""
    y = threads.matmul(_rows(input), weight.T)
    if bias is not None:
        y += bias
    return y.reshape((*input.shape[:-1], weight.shape[0]))


def _rows(x: Any) -> Any:
    return x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


_linear.rule(
    input=lambda g, weight: matmul(g, weight),
    weight=lambda g, input: _matmul(_mT(_rows(g)), _rows(input)),
    bias=lambda g, bias_shape: sum_to(g, shape=bias_shape),
)


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """``input @ weight.T + bias``: (..., D), (O, D) and (O,) to (..., O). ``torch.nn.functional.linear``."""
    if not (isinstance(input, Traced) and isinstance(weight, Traced)):
        need_tensors("linear", input=input, weight=weight)
    if weight.ndim != 2 or (bias is not None and bias.ndim != 1):
        y = matmul(input, transpose(weight, dim0=0, dim1=-1) if weight.ndim > 1 else weight)
        return y if bias is None else y + bias
    D = weight.shape[1]
    if not input.ndim or input.shape[-1] != D:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied: linear expected input of size (..., {D}) "
            f"for its weight ({weight.shape[0]}, {D}), got {tuple(input.shape)}"
        )
    for other in (weight, bias):
        if other is not None and input.dtype != other.dtype:
            raise RuntimeError(f"mat1 and mat2 must have the same dtype, but got {input.dtype} and {other.dtype}; use x.to({other.dtype})")
    return _linear(input, weight, bias)


# -- einsum --


@primitive
def _einsum(*operands, subscripts):
    xp = xp_of(operands[0])
    if any(xp_of(x) is not xp for x in operands):
        raise TypeError("einsum: CuPy would copy the operands of NumPy without a word")
    return xp.asarray(xp.einsum(subscripts, *operands, optimize=True), order="C")


@_einsum.joint_rule
def _(g, operands, subscripts, needs):
    terms, result = subscripts.split("->")
    inputs = terms.split(",")
    return [_einsum_gradient(g, operands, inputs, result, k) if needed else None for k, needed in enumerate(needs)]


def _einsum_gradient(g: Any, operands: Any, inputs: list[str], result: str, k: int) -> Any:
    """The gradient of operand k is itself an einsum: of g and the other operands, over the indices of k.

    An index that stands twice in operand k (a diagonal) is told apart and tied by an identity matrix; one that
    stands nowhere else (it was summed alone) is supplied by ones.
    """
    own, others = inputs[k], [t for j, t in enumerate(inputs) if j != k]
    arrays = [g] + [x for j, x in enumerate(operands) if j != k]
    raw = getattr(g, "array", g)
    xp = xp_of(raw)
    spare = iter(sorted(set(string.ascii_letters) - set("".join(inputs)) - set(result)))
    terms = [result, *others]
    target = ""
    for axis, letter in enumerate(own):
        n = operands[k].shape[axis]
        if letter in target:
            fresh = next(spare)
            terms.append(letter + fresh)
            arrays.append(xp.eye(n, dtype=raw.dtype))
            target += fresh
        else:
            target += letter
            if not any(letter in t for t in terms):
                terms.append(letter)
                arrays.append(xp.ones(n, dtype=np.dtype(raw.dtype)))
    return _einsum(*arrays, subscripts=",".join(terms) + "->" + target)


def einsum(equation: str, *operands: Any) -> Any:
    """Sums of products written by their indices: ``einsum("tnd,hd->tnh", x, w)``. ``torch.einsum``.

    Diagonals, summed and repeated indices, ``...`` and an implicit result work as in NumPy.
    """
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    equation = equation.replace(" ", "")
    terms, arrow, result = equation.partition("->")
    inputs = terms.split(",")
    if len(inputs) != len(operands):
        raise RuntimeError(f"einsum(): '{equation}' names {len(inputs)} operands, got {len(operands)}")
    if "." in equation:
        inputs, result, operands = _without_ellipsis(inputs, result if arrow else None, operands)
    elif not arrow:
        letters = "".join(inputs)
        result = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    sizes: dict[str, int] = {}
    for term, x in zip(inputs, operands):
        if len(term) != x.ndim:
            raise RuntimeError(f"einsum(): subscript '{term}' has {len(term)} indices, its operand has shape {tuple(x.shape)}")
        for letter, n in zip(term, x.shape):
            if sizes.get(letter, 1) == 1:
                sizes[letter] = n
            elif n not in (1, sizes[letter]):
                raise RuntimeError(f"einsum(): index '{letter}' has size {sizes[letter]} in one place and {n} in another")
    for letter in result:
        if letter not in sizes:
            raise RuntimeError(f"einsum(): the result's index '{letter}' is in no operand of '{equation}'")
    target = dtypes.result_type(*(x.array for x in operands))
    operands = tuple(x if x.dtype.numpy == target else cast(x, dtype=target) for x in operands)
    stretched = [tuple(sizes[letter] for letter in term) for term in inputs]
    operands = tuple(x if tuple(x.shape) == shape else broadcast_to(x, shape=shape) for x, shape in zip(operands, stretched))
    return _einsum(*operands, subscripts=",".join(inputs) + "->" + result)


def _without_ellipsis(inputs: list[str], result: str | None, operands: tuple) -> tuple[list[str], str, tuple]:
    """Spell ``...`` out as letters; operands whose ``...`` is shorter or of size 1 are stretched."""
    letters = sorted(set(string.ascii_letters) - set("".join(inputs)) - set(result or ""))
    leads = []
    for term, x in zip(inputs, operands):
        named = len(term.replace("...", ""))
        at = term.find("...")
        leads.append(tuple(x.shape)[at : at + x.ndim - named] if at >= 0 else ())
    common = np.broadcast_shapes(*leads)
    spelled = "".join(letters[: len(common)])
    new_inputs, new_operands = [], []
    for term, x, lead in zip(inputs, operands, leads):
        at = term.find("...")
        if at >= 0:
            shape = tuple(x.shape)
            x = x.reshape(*shape[:at], *(1,) * (len(common) - len(lead)), *shape[at:])
            shape = tuple(x.shape)
            x = x.expand(*shape[:at], *common, *shape[at + len(common) :])
            term = term.replace("...", spelled)
        new_inputs.append(term)
        new_operands.append(x)
    if result is None:
        named_letters = "".join(inputs).replace(".", "")
        result = spelled + "".join(sorted(c for c in set(named_letters) if named_letters.count(c) == 1))
    return new_inputs, result.replace("...", spelled), tuple(new_operands)


# -- products added to something --


def _plus(input: Any, product: Any, beta: float, alpha: float) -> Any:
    product = product if alpha == 1 else product * alpha
    if beta == 0:  # whatever input holds, nan too, is left out
        return product
    shape = tuple(product.shape)
    stretched = expand(input, shape=shape)
    return add(stretched if beta == 1 else stretched * beta, product)


def _old_order(function: Callable) -> Callable:
    """PyTorch's old order too: ``addmm(beta, input, alpha, mat1, mat2)``, ``input.addmm(beta, alpha, mat1, mat2)``."""

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        factors = [a for a in args if isinstance(a, (int, float))]
        if factors:
            args, options = tuple(a for a in args if not isinstance(a, (int, float))), {**dict(zip(("beta", "alpha"), factors)), **options}
        return function(*args, **options)

    return call


@spellings
@_old_order
def addmm(input: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """``beta * input + alpha * mat1 @ mat2``. ``torch.addmm``."""
    return _plus(input, mm(mat1, mat2), beta, alpha)


@spellings
@_old_order
def addmv(input: Any, mat: Any, vec: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """``beta * input + alpha * mat @ vec``. ``torch.addmv``."""
    return _plus(input, mv(mat, vec), beta, alpha)


@spellings
@_old_order
def addr(input: Any, vec1: Any, vec2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """``beta * input + alpha * outer(vec1, vec2)``. ``torch.addr``."""
    return _plus(input, outer(vec1, vec2), beta, alpha)


@spellings
@_old_order
def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """``beta * input + alpha * bmm(batch1, batch2)``. ``torch.baddbmm``."""
    return _plus(input, bmm(batch1, batch2), beta, alpha)


@spellings
@_old_order
def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """``beta * input + alpha * bmm(batch1, batch2).sum(0)``. ``torch.addbmm``."""
    return _plus(input, bmm(batch1, batch2).sum(0), beta, alpha)


# -- other products --


@spellings
def inner(input: Any, other: Any) -> Any:
    """Products over the last axis of both. ``torch.inner``."""
    if not input.ndim or not other.ndim:
        return mul(input, other)
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(f"inner() the last dimension must match on both input tensors but got shapes {input.shape} and {other.shape}")
    return tensordot(input, other, ([-1], [-1]))


@spellings
def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    """Products over several axes: the last ``dims`` of one and the first of the other, or two lists. ``torch.tensordot``."""
    if isinstance(dims, int):
        dims = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    mine, its = ([d % x.ndim for d in axes] for x, axes in zip((a, b), dims))
    letters = iter(string.ascii_letters)
    left, right = ([next(letters) for _ in range(x.ndim)] for x in (a, b))
    for d, e in zip(mine, its):
        if a.shape[d] != b.shape[e]:
            raise RuntimeError(f"contracted dimensions need to match, but first has size {a.shape[d]} in dim {d} and second {b.shape[e]}")
        right[e] = left[d]
    result = [x for d, x in enumerate(left) if d not in mine] + [x for e, x in enumerate(right) if e not in its]
    return _einsum(a, b, subscripts=f"{''.join(left)},{''.join(right)}->{''.join(result)}")


@spellings
def kron(input: Any, other: Any) -> Any:
    """Every product of an element of each, in blocks. ``torch.kron``."""
    ndim = max(input.ndim, other.ndim)
    one, two = ((1,) * (ndim - x.ndim) + tuple(x.shape) for x in (input, other))
    spread = reshape(input, shape=tuple(n for size in one for n in (size, 1)))
    block = reshape(other, shape=tuple(n for size in two for n in (1, size)))
    return reshape(mul(spread, block), shape=tuple(a * b for a, b in zip(one, two)))


@spellings
def cross(input: Any, other: Any, dim: int | None = None) -> Any:
    """The vector product along an axis of size 3, the first such unless given. ``torch.cross``."""
    d = next((k for k, n in enumerate(input.shape) if n == 3), None) if dim is None else dim
    if d is None or input.shape[d] != 3 or other.shape[d] != 3:
        raise RuntimeError(f"cross: inputs must have an axis of size 3, got shapes {tuple(input.shape)} and {tuple(other.shape)}")
    ahead, behind = ((x.roll(-1, d), x.roll(-2, d)) for x in (input, other))
    return ahead[0] * behind[1] - ahead[1] * behind[0]


def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary") -> Any:
    """The ``p``-norm distance of each row of one to each of the other: (..., P, M), (..., R, M) to (..., P, R). ``torch.cdist``."""
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(f"cdist: expected (..., P, M) and (..., R, M), got shapes {tuple(x1.shape)} and {tuple(x2.shape)}")
    return (unsqueeze(x1, dim=-2) - unsqueeze(x2, dim=-3)).norm(p, -1)


def trace(input: Any) -> Any:
    """The sum of a matrix's diagonal. ``torch.trace``."""
    if input.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    return diagonal(input).sum()


@spellings
def matrix_power(input: Any, n: int) -> Any:
    """A matrix times itself ``n`` times; for negative ``n``, of its inverse. ``torch.matrix_power``."""
    if n < 0:
        return matrix_power(inverse(input), -n)
    if n == 0:
        xp = xp_of(input.array)
        return broadcast_to(wrap(xp.eye(input.shape[-1], dtype=input.array.dtype)), shape=tuple(input.shape)).clone()
    half = matrix_power(input, n // 2) if n > 1 else None
    squared = None if half is None else matmul(half, half)
    return input if squared is None else matmul(squared, input) if n % 2 else squared


@primitive
def inverse(input):
    """The inverse of square matrices. ``torch.inverse``."""
    try:  # on the host: a GPU needs a library for it that is not always there, and these are small
        return as_library_of(input, np.linalg.inv(to_host(input)))
    except np.linalg.LinAlgError as error:
        raise RuntimeError(f"inverse: of shape {input.shape}: {error}") from None


inverse.rule(lambda g, y: -_matmul(_matmul(_mT(y), g), _mT(y)))


@primitive
def det(input):
    """The determinant of square matrices. ``torch.det``."""
    try:
        return as_library_of(input, np.asarray(np.linalg.det(to_host(input))))
    except np.linalg.LinAlgError as error:
        raise RuntimeError(f"det: of shape {input.shape}: {error}") from None


@det.rule
def _(g, input, y):
    return unsqueeze(unsqueeze(g * y, dim=-1), dim=-1) * _mT(inverse(input))
