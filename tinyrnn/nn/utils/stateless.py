"""A module called with other tensors than its own. ``torch.nn.utils.stateless``, ``torch.func``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..module import Module


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """``module(*args, **kwargs)`` with these tensors in place of the parameters and buffers of these names.

    Args:
        module: what is called; it has its own tensors again afterwards.
        parameter_and_buffer_dicts: by the names of ``named_parameters()`` and ``named_buffers()``; or several such dicts.
        args: a tuple of arguments, or the only one.
        kwargs: arguments by name.
        tie_weights: a parameter with several names is replaced under all of them.
        strict: every parameter and buffer must be given, and nothing else; otherwise, other names are passed over.

    >>> import tinyrnn
    >>> from tinyrnn import nn
    >>> layer = nn.Linear(1, 1)
    >>> weights = {"weight": tinyrnn.full((1, 1), 2.), "bias": tinyrnn.zeros(1)}
    >>> nn.utils.stateless.functional_call(layer, weights, tinyrnn.ones(1, 1))
    tensor([[2.]])

    Raises:
        RuntimeError: ``strict``, and names are missing or unknown.
    """
    dicts = [parameter_and_buffer_dicts] if isinstance(parameter_and_buffer_dicts, Mapping) else parameter_and_buffer_dicts
    given = {name: tensor for one in dicts for name, tensor in one.items()}
    own = {**dict(module.named_parameters(remove_duplicate=False)), **dict(module.named_buffers(remove_duplicate=False))}
    if strict and own.keys() != given.keys():
        missing, unexpected = sorted(own.keys() - given), sorted(given.keys() - own)
        raise RuntimeError(f"Error(s) in loading state_dict: Missing key(s): {missing}. Unexpected key(s): {unexpected}.")
    if tie_weights:
        by_tensor = {id(own[name]): tensor for name, tensor in given.items() if name in own}
        given = {**{name: by_tensor[id(t)] for name, t in own.items() if id(t) in by_tensor}, **given}
    before = []
    try:
        for path in own.keys() & given:
            parent, _, name = path.rpartition(".")
            owner = module.get_submodule(parent)
            place: Any = owner._parameters if name in owner._parameters else owner._buffers
            before.append((place, name, place[name]))
            place[name] = given[path]
        return module(*(() if args is None else args if isinstance(args, tuple) else (args,)), **(kwargs or {}))
    finally:
        for place, name, tensor in reversed(before):
            place[name] = tensor
