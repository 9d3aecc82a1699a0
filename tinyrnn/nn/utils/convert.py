"""All parameters as one vector, and back: for optimisers and checks that see a model as one point."""

from __future__ import annotations

from collections.abc import Iterable

from ...ops.shape import cat
from ...tensor import Tensor


def _check_device(p: Tensor, first: Tensor) -> None:
    if p.device != first.device:
        raise TypeError(f"Found two parameters on different devices, this is currently not supported: {first.device} and {p.device}.")


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters, one after the other. ``torch.nn.utils.parameters_to_vector``.

    >>> import tinyrnn
    >>> tinyrnn.nn.utils.parameters_to_vector([tinyrnn.ones(2, 1), tinyrnn.zeros(1)])
    tensor([1., 1., 0.])
    """
    each = list(parameters)
    for p in each:
        _check_device(p, each[0])
    return cat([p.reshape(-1) for p in each])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Let each parameter look into its part of ``vec``, whose memory they share then. ``torch.nn.utils.vector_to_parameters``.

    Raises:
        TypeError: ``vec`` is not a tensor, or parameters are on two devices.
        RuntimeError: ``vec`` is too short.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    begin, each = 0, list(parameters)
    for p in each:
        _check_device(p, each[0])
        p.data = vec[begin : begin + p.numel()].view(p.shape).data
        begin += p.numel()
