"""Gradients of some tensors with respect to others: returned, or added up in ``.grad``."""

from __future__ import annotations

from typing import Any

from ..backend import Array, xp_of
from ..rows import Rows
from .graph import Traced, wrap
from .walk import backpropagate, key_of, own


def _as_list(x: Any) -> list:
    return [x] if isinstance(x, Traced) else list(x)


def _first_gradients(outputs: list, given: Any) -> list[Array]:
    given = [None] * len(outputs) if given is None else _as_list(given)
    if len(given) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(given)} gradients")
    first = []
    for k, (output, g) in enumerate(zip(outputs, given)):
        if not output.requires_grad:
            raise RuntimeError(
                f"element {k} of tensors does not require grad and does not have a grad_fn: no parameter took part in "
                "making it, it was made under no_grad(), or .detach(), .item() or argmax() cut its history off"
            )
        if g is None:
            if output.array.size != 1:
                raise RuntimeError(
                    f"grad can be implicitly created only for scalar outputs, got shape {tuple(output.shape)}; "
                    "reduce it with .mean() or .sum(), or pass the gradient"
                )
            g = wrap(xp_of(output.array).ones(output.array.shape, output.array.dtype))
        elif not isinstance(g, Traced):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
        if g.shape != output.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{k}] has a shape of {tuple(g.shape)} and output[{k}] has a shape of {tuple(output.shape)}."
            )
        first.append(g)
    return first


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add up the gradients of ``tensors`` in ``.grad`` of their leaves. ``torch.autograd.backward``."""
    outputs = _as_list(tensors)
    first = _first_gradients(outputs, grad_tensors)
    targets = None if inputs is None else _as_list(inputs)
    keep = create_graph if retain_graph is None else retain_graph
    found = backpropagate(
        outputs,
        first if create_graph else [g.array for g in first],
        targets,
        create_graph=create_graph,
        retain_graph=keep,
    )
    named = {} if targets is None else {key_of(t): t for t in targets}
    while found:
        key, one = found.popitem()
        leaf = one.leaf if one.leaf is not None else named[key]
        if create_graph:
            leaf._grad = one.value.clone() if leaf._grad is None else leaf._grad + one.value
        elif leaf._grad is None:
            leaf._grad = wrap(own(one))
        else:
            value = one.value.dense() if isinstance(one.value, Rows) else one.value
            leaf._grad.array += value
            leaf._grad.version[0] += 1
        for hook in list(leaf._after_hooks or ()):
            hook(leaf)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple:
    """The gradients of ``outputs`` (their sum, weighted by ``grad_outputs``) with respect to ``inputs``.

    Nothing is stored in ``.grad``. With ``create_graph=True`` the results can be differentiated again.
    ``torch.autograd.grad``.

    >>> import tinyrnn
    >>> x = tinyrnn.tensor(3., requires_grad=True)
    >>> slope, = tinyrnn.grad(x ** 3, x, create_graph=True)
    >>> slope, tinyrnn.grad(slope, x)
    (tensor(27., grad_fn=<MulBackward0>), (tensor(18.),))

    Raises:
        RuntimeError: an input was not used to make the outputs (``allow_unused=True`` gives ``None`` for it).
    """
    if is_grads_batched or not only_inputs:
        raise NotImplementedError("grad(): is_grads_batched and only_inputs=False are not here; call grad once for each")
    outs, ins = _as_list(outputs), _as_list(inputs)
    first = _first_gradients(outs, grad_outputs)
    for t in ins:
        if not t.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    found = backpropagate(
        outs,
        first if create_graph else [g.array for g in first],
        ins,
        create_graph=create_graph,
        retain_graph=create_graph if retain_graph is None else retain_graph,
    )
    results = []
    for t in ins:
        one = found.get(key_of(t))
        if one is not None:
            results.append(one.value if create_graph else wrap(own(one)))
        elif materialize_grads:
            results.append(wrap(xp_of(t.array).zeros_like(t.array)))
        elif allow_unused:
            results.append(None)
        else:
            raise RuntimeError(
                "One of the differentiated Tensors appears to not have been used in the graph. "
                "Set allow_unused=True if this is the desired behavior."
            )
    return tuple(results)
