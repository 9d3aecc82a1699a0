"""Matrices taken apart: for initial weights, spectral radii, and least squares. On the host, since these are small."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from .. import dtypes
from ..backend import as_library_of, to_host
from ..engine import modes, primitive, wrap
from .linalg import _matmul, _mT, matmul
from .shape import unsqueeze


def _parts(name: str, fields: str) -> Any:
    """A named tuple that prints as PyTorch's does."""

    def shown(self: Any) -> str:
        return f"{dtypes.module}.return_types.{name}(\n" + ",\n".join(f"{k}={v!r}" for k, v in zip(fields.split(), self)) + ")"

    return type(name, (namedtuple(name, fields),), {"__slots__": (), "__repr__": shown})


_linalg_svd = _parts("linalg_svd", "U S Vh")
_linalg_qr = _parts("linalg_qr", "Q R")
_linalg_eigh = _parts("linalg_eigh", "eigenvalues eigenvectors")
_linalg_lstsq = _parts("linalg_lstsq", "solution residuals rank singular_values")
_svd, _qr = _parts("svd", "U S V"), _parts("qr", "Q R")


def _on_host(name: str, function: Any, *inputs: Any) -> tuple:
    """What NumPy makes of matrices, as tensors where the first is.

    Raises:
        NotImplementedError: one of them requires grad, while recording.
        RuntimeError: not floating point, not matrices, or NumPy finds no answer.
    """
    A = inputs[0]
    if modes.grad_enabled and any(x.requires_grad for x in inputs):
        raise NotImplementedError(f"the derivative of {name} is not here; give it x.detach(), or call it under no_grad()")
    if not A.is_floating_point():
        raise RuntimeError(f"{name}: Expected a floating point tensor as input. Got {A.dtype}")
    if A.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    try:
        made = function(*(to_host(x.array) for x in inputs))
    except np.linalg.LinAlgError as error:
        raise RuntimeError(f"{name}: of shape {tuple(A.shape)}: {error}") from None
    return tuple(wrap(as_library_of(A.array, np.asarray(part))) for part in (made if isinstance(made, tuple) else (made,)))


def svd(A: Any, full_matrices: bool = True) -> Any:
    """``A = U diag(S) Vh``. ``torch.linalg.svd``, without derivatives.

    >>> import tinyrnn
    >>> U, S, Vh = tinyrnn.linalg.svd(tinyrnn.tensor([[0., 2.], [1., 0.]]))
    >>> S
    tensor([2., 1.])
    """
    return _linalg_svd(*_on_host("svd", lambda a: tuple(np.linalg.svd(a, full_matrices)), A))


def old_svd(input: Any, some: bool = True, compute_uv: bool = True) -> Any:
    """``input = U diag(S) V.T``. ``torch.svd``."""
    U, S, Vh = svd(input, not some)
    return _svd(U, S, _mT(Vh)) if compute_uv else _svd(U * 0, S, _mT(Vh) * 0)


def svdvals(A: Any) -> Any:
    """The singular values, largest first. ``torch.linalg.svdvals``, without derivatives."""
    return _on_host("svdvals", lambda a: np.linalg.svd(a, compute_uv=False), A)[0]


def qr(A: Any, mode: Any = "reduced") -> Any:
    """``A = Q R`` with orthonormal columns in Q and R upper triangular. ``torch.linalg.qr``, without derivatives."""
    if mode not in ("reduced", "complete"):
        raise NotImplementedError(f"qr: mode={mode!r} is not here, only 'reduced' and 'complete'")
    return _linalg_qr(*_on_host("qr", lambda a: tuple(np.linalg.qr(a, mode)), A))


def old_qr(input: Any, some: bool = True) -> Any:
    """``torch.qr``: see :func:`qr`."""
    return _qr(*qr(input, "reduced" if some else "complete"))


def eigh(A: Any, UPLO: Any = "L") -> Any:
    """Eigenvalues, smallest first, and eigenvectors of symmetric matrices. ``torch.linalg.eigh``, without derivatives."""
    return _linalg_eigh(*_on_host("eigh", lambda a: tuple(np.linalg.eigh(a, UPLO)), A))


def eigvalsh(A: Any, UPLO: Any = "L") -> Any:
    """The eigenvalues of symmetric matrices, smallest first. ``torch.linalg.eigvalsh``, without derivatives."""
    return _on_host("eigvalsh", lambda a: np.linalg.eigvalsh(a, UPLO), A)[0]


def eigvals(A: Any) -> Any:
    """The eigenvalues of square matrices. ``torch.linalg.eigvals``, without derivatives.

    They are complex, and nothing else here is: take ``.abs()``.

    >>> import tinyrnn
    >>> W = tinyrnn.tensor([[0., 3.], [-3., 0.]])
    >>> tinyrnn.linalg.eigvals(W).abs().max()  # the spectral radius
    tensor(3.)
    """
    return _on_host("eigvals", lambda a: np.linalg.eigvals(a).astype(np.result_type(a, np.complex64)), A)[0]


def cholesky(A: Any, *, upper: bool = False) -> Any:
    """L, lower triangular, with ``A = L L.T``. ``torch.linalg.cholesky``, without derivatives."""
    L = _on_host("cholesky", np.linalg.cholesky, A)[0]
    return _mT(L) if upper else L


def pinv(A: Any) -> Any:
    """The pseudo-inverse. ``torch.linalg.pinv``, without derivatives."""
    return _on_host("pinv", np.linalg.pinv, A)[0]


def matrix_rank(A: Any) -> Any:
    """How many singular values are not about zero. ``torch.linalg.matrix_rank``."""
    return _on_host("matrix_rank", lambda a: np.asarray(np.linalg.matrix_rank(a), np.int64), A.detach())[0]


def lstsq(A: Any, B: Any) -> Any:
    """The X with the least ``||A X - B||``, of matrices (m, n) and (m, k). ``torch.linalg.lstsq``, without derivatives."""
    if A.ndim != 2 or B.ndim != 2:
        raise NotImplementedError(f"lstsq: only of two matrices, got shapes {tuple(A.shape)} and {tuple(B.shape)}")
    solution, _, rank, _ = _on_host("lstsq", lambda a, b: tuple(np.linalg.lstsq(a, b, rcond=None)), A, B)
    empty = solution.new_zeros(0)
    return _linalg_lstsq(solution, empty, rank.long(), empty)


@primitive
def _solve(input, other):
    try:
        return as_library_of(input, np.linalg.solve(to_host(input), to_host(other)))
    except np.linalg.LinAlgError as error:
        raise RuntimeError(f"solve: of shape {input.shape}: {error}") from None


_solve.rule(
    input=lambda g, input, y: -_matmul(_solve(_mT(input), g), _mT(y)),
    other=lambda g, input: _solve(_mT(input), g),
)


def solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """The X with ``A X = B``, for square A (..., n, n) and B (..., n, k) or (..., n). ``torch.linalg.solve``.

    >>> import tinyrnn
    >>> tinyrnn.linalg.solve(tinyrnn.tensor([[2., 0.], [0., 4.]]), tinyrnn.tensor([2., 2.]))
    tensor([1.0000, 0.5000])

    Raises:
        RuntimeError: a matrix that is not square, or has no inverse.
    """
    if not left:
        return _mT(solve(_mT(A), _mT(B)))
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError(f"linalg.solve: A must be batches of square matrices, but they are of shape {tuple(A.shape)}")
    vectors = tuple(B.shape) == tuple(A.shape[:-1])
    lead = np.broadcast_shapes(tuple(A.shape[:-2]), tuple(B.shape[: -1 if vectors else -2]))
    if vectors:
        B = unsqueeze(B, dim=-1)
    X = _solve(A.expand(*lead, *A.shape[-2:]), B.expand(*lead, *B.shape[-2:]))
    return X.squeeze(-1) if vectors else X


def matrix_exp(A: Any) -> Any:
    """``1 + A + A²/2 + A³/6 + ...``; of a skew-symmetric matrix it is orthogonal. ``torch.linalg.matrix_exp``."""
    norm = float(np.abs(to_host(A.array)).sum(-2).max()) if A.numel() else 0.0
    halvings = max(0, int(np.ceil(np.log2(norm))) + 1) if norm > 0 else 0
    small = A / 2**halvings
    term = y = wrap(as_library_of(A.array, np.broadcast_to(np.eye(A.shape[-1], dtype=to_host(A.array).dtype), tuple(A.shape)).copy()))
    for k in range(1, 19):  # beyond, 0.5**k / k! is below what a float64 holds
        term = matmul(term, small) / k
        y = y + term
    for _ in range(halvings):
        y = matmul(y, y)
    return y
