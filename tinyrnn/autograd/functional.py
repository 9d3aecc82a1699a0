"""Whole derivatives of functions: ``jacobian``, ``hessian``, and products with them. ``torch.autograd.functional``.

Each takes a function of tensors and the tensor, or tuple of tensors, to differentiate it at. Results have the structure of the
inputs: a tensor for a tensor, a tuple for a tuple.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backend import xp_of
from ..engine import enable_grad, grad, wrap
from ..ops.shape import stack
from ..tensor import Tensor


def jacobian(
    func: Callable, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False, strategy: str = "reverse-mode"
) -> Any:
    """All first derivatives: for each output and each input a tensor of the shape of the output, then of the input.

    ``torch.autograd.functional.jacobian``; see the module for ``inputs``.

    Args:
        create_graph: let the result be differentiated in turn.
        strict: an output that does not depend on an input is an error, not a zero.
        vectorize: accepted; the results are the same.
        strategy: ``"reverse-mode"``; the other one is not here.

    >>> import tinyrnn
    >>> from tinyrnn.autograd.functional import jacobian
    >>> jacobian(lambda x: x ** 2, tinyrnn.tensor([1., 2.]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy != "reverse-mode":
        raise NotImplementedError(f"jacobian(strategy={strategy!r}): only 'reverse-mode' is here, and gives the same result")
    with enable_grad():
        xs, outputs, several = _run(func, inputs, "jacobian", create_graph, strict)
        rows = [_rows(y, xs, create_graph, strict) for y in outputs]
    by_output = tuple(_like(inputs, row) for row in rows)
    return by_output if several else by_output[0]


def _rows(y: Any, xs: list, create_graph: bool, strict: bool) -> list:
    by_element = []
    for k in range(y.numel()):
        one = xp_of(y.array).zeros(y.shape, y.array.dtype)
        one.reshape(-1)[k] = 1
        by_element.append(_grads([y], xs, [wrap(one)], create_graph, strict))
    return [stack(list(column)).reshape(tuple(y.shape) + tuple(x.shape)) for x, column in zip(xs, zip(*by_element))]


def hessian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """All second derivatives of a function with one number as its result. ``torch.autograd.functional.hessian``.

    Arguments as :func:`jacobian`; the result has its structure twice.

    >>> import tinyrnn
    >>> from tinyrnn.autograd.functional import hessian
    >>> hessian(lambda x: (x ** 3).sum(), tinyrnn.tensor([1., 2.]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """

    def slope(*xs: Any) -> Any:
        return jacobian(_single(func, "hessian"), _like(inputs, xs), create_graph=True, strict=strict)

    return jacobian(slope, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def vjp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """The outputs, and ``v`` times the Jacobian; ``v`` is 1 for a single number. ``torch.autograd.functional.vjp``."""
    with enable_grad():
        xs, outputs, several = _run(func, inputs, "vjp", create_graph, strict)
        grads = _grads(outputs, xs, _weights(v, outputs, "the user-provided function returns"), create_graph, strict)
    return _ends(outputs, create_graph, several), _like(inputs, grads)


def jvp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """The outputs, and the Jacobian times ``v``. ``torch.autograd.functional.jvp``."""
    with enable_grad():
        xs, outputs, several = _run(func, inputs, "jvp", create_graph, strict)
        dummies = [wrap(xp_of(y.array).zeros_like(y.array)).requires_grad_() for y in outputs]
        # The gradient is linear in what it is weighed by, and what it is to be differentiated by, that is the Jacobian.
        slopes = _grads(outputs, xs, dummies, True, strict)
        products = _grads(slopes, dummies, _weights(v, xs, "the input to the user-provided function is"), create_graph, strict)
    return _ends(outputs, create_graph, several), (tuple(products) if several else products[0])


def vhp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """The output, and ``v`` times the Hessian. ``torch.autograd.functional.vhp``."""
    with enable_grad():
        xs, outputs, several = _run(_single(func, "vhp"), inputs, "vhp", True, strict)
        slopes = _grads(outputs, xs, None, True, strict)
        products = _grads(slopes, xs, _weights(v, xs, "the input to the user-provided function is"), create_graph, strict)
    return _ends(outputs, create_graph, several), _like(inputs, products)


hvp = vhp  # second derivatives do not depend on their order


def _run(func: Callable, inputs: Any, name: str, create_graph: bool, strict: bool) -> tuple[list, list, bool]:
    """The inputs to differentiate by, the outputs, and whether those came as a tuple."""
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    if not all(isinstance(x, Tensor) for x in given):
        raise TypeError(f"The inputs given to {name} must be either a Tensor or a tuple of Tensors but got {type(inputs)}.")
    xs = [x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_() for x in given]
    out = func(*xs)
    outputs = list(out) if isinstance(out, tuple) else [out]
    for k, y in enumerate(outputs):
        if not isinstance(y, Tensor):
            raise TypeError(
                f"The outputs of the user-provided function given to {name} must be either a Tensor or a tuple of Tensors but the given "
                f"outputs of the user-provided function has type {type(y)}."
            )
        if strict and not y.requires_grad:
            raise RuntimeError(
                f"Output {k} of the user-provided function does not require gradients. The outputs must be computed in a differentiable "
                "manner from the input when running in strict mode."
            )
    return xs, outputs, isinstance(out, tuple)


def _grads(outputs: list, xs: list, weights: list | None, create_graph: bool, strict: bool) -> list:
    weights = [None] * len(outputs) if weights is None else weights
    pairs = [(y, v) for y, v in zip(outputs, weights) if y.requires_grad]
    grads: Any = [None] * len(xs)
    if pairs:
        made, by = zip(*pairs)
        grads = grad(list(made), xs, list(by), create_graph=create_graph, retain_graph=True, allow_unused=True)
    if strict and any(g is None for g in grads):
        raise RuntimeError("The output of the user-provided function is independent of an input. This is not allowed in strict mode.")
    return [wrap(xp_of(x.array).zeros_like(x.array)) if g is None else g for x, g in zip(xs, grads)]


def _weights(v: Any, tensors: list, whose: str) -> list:
    if v is None:
        if len(tensors) != 1 or tensors[0].numel() != 1:
            raise RuntimeError(f"The vector v can only be None if {whose} a single Tensor with a single element.")
        return [wrap(xp_of(tensors[0].array).ones_like(tensors[0].array))]
    given = list(v) if isinstance(v, tuple) else [v]
    if len(given) != len(tensors):
        raise RuntimeError(f"v is a tuple of invalid length: should be {len(tensors)} but got {len(given)}.")
    for one, t in zip(given, tensors):
        if one.shape != t.shape:
            raise RuntimeError(f"v has invalid size: should be {t.shape} but got {one.shape}.")
    return given


def _single(func: Callable, name: str) -> Callable:
    def checked(*xs: Any) -> Any:
        y = func(*xs)
        if not isinstance(y, Tensor):
            raise RuntimeError(f"The function given to {name} should return a single Tensor")
        if y.numel() != 1:
            raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")
        return y.reshape(())

    return checked


def _like(inputs: Any, values: Any) -> Any:
    return tuple(values) if isinstance(inputs, tuple) else next(iter(values))


def _ends(outputs: list, create_graph: bool, several: bool) -> Any:
    ends = tuple(outputs if create_graph else [y.detach() for y in outputs])
    return ends if several else ends[0]
