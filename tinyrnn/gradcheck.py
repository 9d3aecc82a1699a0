"""Gradient checks: derivatives by the rules against derivatives by differences, entry by entry.

Everything is computed in ``float64``. In ``float32`` a difference of two nearby values keeps two or three
correct digits, so a check in it either fails right rules or passes wrong ones; ``float32`` inputs are therefore
replaced by ``float64`` copies.

**How close is close enough.** PyTorch accepts ``|analytic - numeric| <= atol + rtol * |numeric|``, and its
defaults let a rule pass that is wrong by 0.1 %. Here each numeric entry comes with an estimate of its own error
(Richardson extrapolation at two step sizes; the difference of the two is the estimate). The tolerance is a
thousandth of PyTorch's plus ten times that estimate, and never more than PyTorch's. So smooth functions are
held to six digits, and the full ``atol`` and ``rtol`` are granted only where differences cannot tell: beside a
kink, or under heavy cancellation.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .backend import quiet, to_host, xp_of
from .creation import randn
from .engine import Traced, enable_grad, grad, wrap

_COARSE = 1e-3  # extrapolated from this step, h**4 truncation and the rounding of h meet at about 1e-12


class GradcheckError(RuntimeError):
    """The analytic and the numeric derivative disagree; the message says where and by how much."""


def gradcheck(
    func: Callable,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the derivatives of ``func`` are right at ``inputs``. ``torch.autograd.gradcheck``.

    Args:
        func: a function of the inputs that returns a tensor or several.
        inputs: a tensor or a tuple; those that require grad are checked, each element of each.
        eps: the step of the fallback near kinks; smooth entries are extrapolated from larger steps.
        atol, rtol: granted in full only where the numeric derivative is uncertain (see the module's text).
        raise_exception: raise instead of returning ``False``.
        nondet_tol: how much two backward passes over the same inputs may differ.

    PyTorch's ``fast_mode`` is accepted: every entry is checked nevertheless. So are ``masked``, ``check_undefined_grad`` and
    ``check_grad_dtypes``, which test what the engine sees to for every operation.

    >>> import tinyrnn
    >>> x = tinyrnn.tensor([0.5, -1.0], requires_grad=True)
    >>> tinyrnn.autograd.gradcheck(lambda x: x.tanh() * x, x)
    True

    Raises:
        ValueError: no input requires grad.
        GradcheckError: a derivative is wrong; input, element and both values are named.
    """
    if check_batched_grad or check_batched_forward_grad or check_forward_ad or not check_backward_ad:
        raise NotImplementedError("gradcheck(): there is no forward-mode differentiation and no vmap here to be checked")
    tensors = _in_double(inputs)
    try:
        _check_that_copies_are_used(func, tensors)
        _check(func, tensors, eps, atol, rtol, nondet_tol, "gradcheck")
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether the second derivatives of ``func`` are right: :func:`gradcheck` of its gradients.

    ``grad_outputs`` weigh the outputs and are differentiated too; random ones are drawn if none are given.
    The other arguments are those of :func:`gradcheck`. ``torch.autograd.gradgradcheck``.
    """
    if check_batched_grad or check_fwd_over_rev or not check_rev_over_rev:
        raise NotImplementedError("gradgradcheck(): there is no forward-mode differentiation and no vmap here to be checked")
    tensors = _in_double(inputs)
    count = len(tensors)
    with enable_grad():
        outputs = [o for o in _outputs(func, tensors) if o.requires_grad]
    if grad_outputs is None:
        weights = [randn(tuple(o.shape), dtype=np.float64, requires_grad=True) for o in outputs]
        weights = [wrap(xp_of(o.array).asarray(w.array)).requires_grad_() for o, w in zip(outputs, weights)]
    else:
        weights = list(_in_double(grad_outputs, differentiable=False))

    def first_derivative(*args: Any) -> tuple:
        made = [o for o in _outputs(func, args[:count]) if o.requires_grad]
        wanted = [a for a in args[:count] if isinstance(a, Traced) and a.requires_grad]
        grads = grad(made, wanted, list(args[count:]), create_graph=True, allow_unused=True)
        return tuple(g for g in grads if g is not None)

    try:
        _check_that_copies_are_used(func, tensors)
        _check(first_derivative, (*tensors, *weights), eps, atol, rtol, nondet_tol, "gradgradcheck")
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _in_double(inputs: Any, differentiable: bool = True) -> tuple:
    """The inputs as a tuple, with ``float64`` copies in place of narrower floats."""
    inputs = (inputs,) if isinstance(inputs, Traced) else tuple(inputs)
    if differentiable and not any(isinstance(x, Traced) and x.requires_grad for x in inputs):
        raise ValueError("gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True.")

    def double(x: Any) -> Any:
        if not isinstance(x, Traced) or x.array.dtype.kind != "f":
            return x
        # A float64 leaf stays itself, for a func that reaches it by another way than its arguments.
        if x.array.dtype == np.float64 and x.node is None and x.base is None and x.array.flags.writeable:
            return x
        copy: Any = wrap(x.array.astype(np.float64))
        copy.name, copy._requires_grad, copy.promoted = x.name, x.requires_grad, x.array.dtype
        return copy

    return tuple(map(double, inputs))


def _outputs(func: Callable, args: tuple) -> list:
    out = func(*args)
    return [o for o in (out if isinstance(out, (tuple, list)) else (out,)) if isinstance(o, Traced) and o.array.dtype.kind == "f"]


def _check_that_copies_are_used(func: Callable, inputs: tuple) -> None:
    """A func that ignores its arguments, such as ``lambda w: layer(x)``, never sees the copy: nothing would be checked."""
    with enable_grad(), quiet():
        made = [o.sum() for o in _outputs(func, inputs) if o.requires_grad]
    for k, x in enumerate(inputs):
        if made and getattr(x, "promoted", False) and x.requires_grad:
            (g,) = grad(made, x, retain_graph=True, allow_unused=True)
            if g is None:
                raise GradcheckError(
                    f"gradcheck: the function does not use its input {k}. It was given a float64 copy of a {x.promoted} tensor, "
                    "so it must compute from its arguments, not from a tensor that it finds elsewhere."
                )


def _check(func: Callable, inputs: tuple, eps: float, atol: float, rtol: float, nondet_tol: float, what: str) -> None:
    checked = [k for k, x in enumerate(inputs) if isinstance(x, Traced) and x.requires_grad]
    with enable_grad(), quiet():
        analytic = _analytic(func, inputs, checked)
        again = _analytic(func, inputs, checked)
        for pair in zip(analytic, again):
            for first, second in zip(*pair):
                if not np.allclose(first, second, rtol=0, atol=nondet_tol, equal_nan=True):
                    raise GradcheckError(
                        f"{what}: the backward pass is not repeatable: twice the same inputs gave gradients that differ by "
                        f"{np.abs(first - second).max():.3g} (is there dropout, or a state that is carried along?)"
                    )
        for k, by_output in zip(checked, analytic):
            numeric, uncertain = _numeric(func, inputs, k, eps, atol, rtol)
            for j, (a, n, doubt) in enumerate(zip(by_output, numeric, uncertain)):
                _compare(a, n, doubt, inputs[k], k, j, atol, rtol, what)


def _analytic(func: Callable, inputs: tuple, checked: list[int]) -> list[list[np.ndarray]]:
    """For each checked input and each output: the Jacobian, (output elements, input elements)."""
    targets = [inputs[k] for k in checked]
    result: list[list[np.ndarray]] = [[] for _ in checked]
    for out in _outputs(func, inputs):
        jacobians = [np.zeros((out.numel(), t.numel())) for t in targets]
        if out.requires_grad:
            for row in range(out.numel()):
                one = xp_of(out.array).zeros(out.array.shape, out.array.dtype)
                one.reshape(-1)[row] = 1
                grads = grad(out, targets, wrap(one), retain_graph=True, allow_unused=True)
                for jacobian, g in zip(jacobians, grads):
                    if g is not None:
                        jacobian[row] = to_host(g.array).reshape(-1)
        for of_input, jacobian in zip(result, jacobians):
            of_input.append(jacobian)
    return result


def _numeric(func: Callable, inputs: tuple, k: int, eps: float, atol: float, rtol: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """For each output the numeric Jacobian with respect to input ``k``, and an estimate of its error."""
    columns = [_column(func, inputs, k, at, eps, atol, rtol) for at in np.ndindex(*inputs[k].shape)]
    if not columns:
        outs = _outputs(func, inputs)
        return [np.zeros((o.numel(), 0)) for o in outs], [np.zeros((o.numel(), 0)) for o in outs]
    by_output = list(zip(*columns))
    return [np.stack([c[0] for c in one], 1) for one in by_output], [np.stack([c[1] for c in one], 1) for one in by_output]


def _column(func: Callable, inputs: tuple, k: int, at: tuple, eps: float, atol: float, rtol: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each output its derivative by one input element, and the error: extrapolated, or by ``eps`` beside a kink."""
    array = inputs[k].array
    held = array[at].copy()

    def slopes(h: float) -> list[np.ndarray]:
        sides = []
        for step in (h, -h):
            array[at] = held + step
            sides.append((float(array[at]), [to_host(o.array).astype(np.float64).reshape(-1) for o in _outputs(func, inputs)]))
        array[at] = held
        (right, up), (left, down) = sides
        return [(u - d) / (right - left) for u, d in zip(up, down)]

    def extrapolated(h: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for whole, half, quarter in zip(slopes(h), slopes(h / 2), slopes(h / 4)):
            first, second = (4 * half - whole) / 3, (4 * quarter - half) / 3
            doubt = np.abs(second - first)
            yield second, np.where(np.isfinite(doubt), doubt, np.inf)

    try:
        coarse = list(extrapolated(_COARSE))
        if all((doubt <= 1e-3 * (atol + rtol * np.abs(n))).all() for n, doubt in coarse):
            return coarse
        fine = []
        for n, nearby in zip(slopes(eps), slopes(2 * eps)):
            doubt = np.abs(nearby - n)
            fine.append((n, np.where(np.isfinite(doubt), doubt, np.inf)))
    finally:
        array[at] = held
    return [(np.where(c_doubt <= f_doubt, c, f), np.minimum(c_doubt, f_doubt)) for (c, c_doubt), (f, f_doubt) in zip(coarse, fine)]


def _compare(
    analytic: np.ndarray, numeric: np.ndarray, doubt: np.ndarray, tensor: Any, k: int, j: int, atol: float, rtol: float, what: str
) -> None:
    granted = atol + rtol * np.abs(numeric)
    tolerance = np.minimum(granted, 1e-3 * granted + 10 * doubt)
    difference = np.abs(analytic - numeric)
    wrong = ~(difference <= tolerance)  # not `>`: nan is wrong
    if not wrong.any():
        return
    excess = np.where(wrong, np.nan_to_num(difference / tolerance, nan=np.inf), 0)
    row, column = np.unravel_index(np.argmax(excess), excess.shape)
    element = [int(i) for i in np.unravel_index(column, tensor.shape)] if tensor.ndim else []
    a, n = analytic[row, column], numeric[row, column]
    name = f" ('{tensor.name}')" if tensor.name else ""
    raise GradcheckError(
        f"{what}: the derivative of output {j}, element {int(row)}, with respect to input {k}{name}, element {element}, "
        f"is wrong:\n  analytic {a:.10g}\n  numeric  {n:.10g}\n"
        f"(difference {difference[row, column]:.3g}, tolerance {tolerance[row, column]:.3g}; "
        f"{int(wrong.sum())} of {wrong.size} entries are wrong).{_hint(analytic, numeric, tensor.shape)}"
    )


def _hint(analytic: np.ndarray, numeric: np.ndarray, shape: tuple[int, ...]) -> str:
    """What usual mistake, if any, would explain all the entries together."""

    def close(x: np.ndarray) -> bool:
        return bool(np.allclose(x, numeric, rtol=1e-5, atol=1e-7))

    if not analytic.any():
        return " All of the analytic gradient is zero: is a rule missing, or the history cut by detach() or .data?"
    for factor, guess in ((-1, "a sign error?"), (0.5, "a factor 2 too much?"), (2, "a factor 2 missing?")):
        if close(factor * analytic):
            return f" Every entry is right after multiplying by {factor}: {guess}"
    for one, other in itertools.combinations(range(len(shape)), 2):
        if shape[one] == shape[other] and close(analytic.reshape(-1, *shape).swapaxes(1 + one, 1 + other).reshape(analytic.shape)):
            return f" Every entry is right after swapping axes {one} and {other} of the input: is the gradient transposed?"
    parts = np.vdot(analytic, numeric) / np.vdot(analytic, analytic)
    if close(parts * analytic):
        return f" Every entry is right after multiplying by {parts:.6g}: a constant or a mean's count?"
    return ""
