"""Keeping gradients from exploding."""

from __future__ import annotations

import math
import warnings
from collections.abc import Generator, Iterable
from typing import Any

import numpy as np

from ...backend import quiet, xp_of
from ...creation import tensor
from ...engine import wrap
from ...kernels import one_launch
from ...kernels.clip import clip_norm
from ...tensor import RowGradient, Tensor


def _gradients(parameters: Iterable[Tensor] | Tensor) -> list[Tensor]:
    each = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not each and isinstance(parameters, Generator):
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3)
    return [p.grad for p in each if p.grad is not None]


def clip_grad_norm_(
    parameters: Iterable[Tensor] | Tensor,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """Scale all gradients by one factor so that their common norm is at most ``max_norm``; returns the norm before.

    Pascanu, Mikolov and Bengio, 2013. ``torch.nn.utils.clip_grad_norm_``.

    >>> import tinyrnn
    >>> w = tinyrnn.tensor([3., 4.], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> tinyrnn.nn.utils.clip_grad_norm_(w, 1.0), w.grad
    (tensor(10.), tensor([0.6000, 0.8000]))

    Args:
        parameters: those without a gradient are passed over.
        norm_type: the order of the norm; ``inf`` is the largest element.
        foreach: accepted; it chooses among PyTorch's ways to compute the same.

    Raises:
        RuntimeError: the norm is not finite and ``error_if_nonfinite`` is set. Otherwise the factor is nan after a nan,
            which spoils every gradient, and 0 after an inf, as in PyTorch.
    """
    gradients = _gradients(parameters)
    if not gradients:
        return tensor(0.0)
    norm_type = float(norm_type)
    arrays = [_stored(g) for g in gradients]
    if xp_of(arrays[0]) is not np and norm_type == 2 and not error_if_nonfinite and one_launch(arrays):
        for g in gradients:
            g.version[0] += 1
        return wrap(clip_norm(arrays, max_norm))
    total = _total_norm(arrays, norm_type, error_if_nonfinite)
    _scale(gradients, arrays, max_norm, total)
    return wrap(total)


def _total_norm(arrays: list[Any], norm_type: float, error_if_nonfinite: bool) -> Any:
    xp = xp_of(arrays[0])
    with quiet():
        total = xp.asarray(_norm(xp, xp.stack([_norm(xp, array, norm_type) for array in arrays]), norm_type))
    if error_if_nonfinite and not math.isfinite(float(total)):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be clipped. "
            "To disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


def _scale(gradients: list[Tensor], arrays: list[Any], max_norm: float, total: Any) -> None:
    xp = xp_of(arrays[0])
    with quiet():
        scale = xp.minimum(max_norm / (total + 1e-6), 1.0)
        if xp is np and scale >= 1:  # nan spoils all, as in PyTorch; to look at what is on a GPU would make the host wait
            return
        for g, array in zip(gradients, arrays):
            array *= scale.astype(array.dtype)
            g.version[0] += 1


def get_total_norm(
    tensors: Iterable[Tensor] | Tensor, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of all elements of ``tensors`` together. ``torch.nn.utils.get_total_norm``."""
    each = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    return wrap(_total_norm([_stored(t) for t in each], float(norm_type), error_if_nonfinite)) if each else tensor(0.0)


def clip_grads_with_norm_(parameters: Iterable[Tensor] | Tensor, max_norm: float, total_norm: Tensor, foreach: bool | None = None) -> None:
    """Scale all gradients by the factor that takes ``total_norm`` down to ``max_norm``. ``torch.nn.utils.clip_grads_with_norm_``."""
    gradients = _gradients(parameters)
    if gradients:
        _scale(gradients, [_stored(g) for g in gradients], float(max_norm), total_norm.array)


def clip_grad_norm(
    parameters: Iterable[Tensor] | Tensor,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The old name of :func:`clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.", FutureWarning, stacklevel=2
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def _stored(g: Tensor) -> Any:
    """The numbers of a gradient; of one that is zero but in some rows, only those."""
    return g.rows.values if isinstance(g, RowGradient) and g.rows is not None else g.array


def _norm(xp: Any, x: Any, p: float) -> Any:
    if p == 2:
        return xp.sqrt(xp.vdot(x, x))
    size = xp.abs(x)
    if math.isinf(p):
        return size.max() if p > 0 else size.min()
    if p == 0:
        return (size > 0).sum().astype(x.dtype)
    return (size**p).sum() ** (1 / p)


def clip_grad_value_(parameters: Iterable[Tensor] | Tensor, clip_value: float, foreach: bool | None = None) -> None:
    """Limit every element of every gradient to ±``clip_value``. ``torch.nn.utils.clip_grad_value_``."""
    clip_value = float(clip_value)
    for g in _gradients(parameters):
        xp_of(g.array).clip(g.array, -clip_value, clip_value, out=g.array)
        g.version[0] += 1
