"""``checkpoint``: a part of a model whose values are computed again in the backward pass, rather than kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.function import Function, once_differentiable
from ..engine import enable_grad, grad, is_grad_enabled
from ..engine.walk import leaves_of
from ..random import fork_rng, get_rng_state, set_rng_state
from ..tensor import Tensor


def checkpoint(function: Callable, *args: Any, use_reentrant: bool | None = None, preserve_rng_state: bool = True, **kwargs: Any) -> Any:
    """``function(*args)``, of which only the arguments are kept for the backward pass. ``torch.utils.checkpoint.checkpoint``.

    Saves memory and costs a second forward pass. There is no second derivative.

    Args:
        function: returns a tensor or a tuple of tensors; may use parameters, which get their gradients.
        args: what it is called with.
        use_reentrant: accepted; the results are the same.
        preserve_rng_state: draw the same random numbers, such as dropout masks, the second time.

    >>> import tinyrnn
    >>> from tinyrnn.utils.checkpoint import checkpoint
    >>> x = tinyrnn.tensor([0., 1.], requires_grad=True)
    >>> checkpoint(lambda x: (x.exp() * x).tanh(), x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([1.0000, 0.0939])
    """
    if not is_grad_enabled():
        return function(*args, **kwargs)
    state = get_rng_state() if preserve_rng_state else None

    def run(given: tuple) -> tuple:
        values = iter(given)
        return function(*[next(values) if isinstance(a, Tensor) else a for a in args], **kwargs)

    inputs = tuple(a for a in args if isinstance(a, Tensor))
    copies = _apart(inputs)
    out = run(copies)
    several = isinstance(out, tuple)
    outputs = out if several else (out,)
    leaves = [leaf for leaf in leaves_of(outputs) if not any(leaf is c for c in copies)]
    made = CheckpointFunction.apply(run, state, len(inputs), tuple(o.detach() for o in outputs), *inputs, *leaves)
    return made if several else made[0]


def _apart(tensors: tuple) -> tuple:
    """The same values as leaves of their own."""
    return tuple(t.detach().requires_grad_(t.requires_grad) for t in tensors)


class CheckpointFunction(Function):
    """What :func:`checkpoint` records: a node whose backward pass runs the function again, now to differentiate it."""

    @staticmethod
    def forward(ctx: Any, run: Callable, state: Any, count: int, outputs: tuple, *inputs: Tensor) -> tuple:
        """Give out what was computed, and keep what is needed to compute it again."""
        ctx.run, ctx.state, ctx.count = run, state, count
        ctx.save_for_backward(*inputs)
        ctx.set_materialize_grads(False)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> tuple:
        """Compute it again, and differentiate that."""
        inputs, leaves = _apart(ctx.saved_tensors[: ctx.count]), ctx.saved_tensors[ctx.count :]
        with fork_rng(enabled=ctx.state is not None), enable_grad():
            if ctx.state is not None:
                set_rng_state(ctx.state)
            out = ctx.run(inputs)
        pairs = [(o, g) for o, g in zip(out if isinstance(out, tuple) else (out,), grads) if g is not None]
        wanted = [t for t in (*inputs, *leaves) if t.requires_grad]
        found = iter(grad([o for o, _ in pairs], wanted, [g for _, g in pairs], allow_unused=True))
        return (None, None, None, None, *(next(found) if t.requires_grad else None for t in (*inputs, *leaves)))
