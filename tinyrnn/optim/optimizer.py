"""``Optimizer``: what every optimiser shares, so that each of them is little more than its equations.

An optimiser holds *groups* of parameters with their options, and for each parameter a *state*: the running
averages that its equations need. A subclass writes one method, :meth:`Optimizer.update`, for one parameter.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import partial, wraps
from itertools import chain
from typing import Any

import numpy as np

from ..backend import Array, as_library_of, quiet, xp_of
from ..engine import enable_grad, wrap
from ..kernels import one_launch
from ..tensor import RemovableHandle, Tensor
from ..threads import get_num_threads, parallel
from .equations import Group, Prepared, State, blocks

# Parameters that together have as many elements are shared among threads, whole ones to each.
SHARED_SIZE = 2**20

# State that is one number for a parameter. It stays a Python number, exact in any dtype of the parameter.
NUMBERS = ("step", "eta", "mu", "mu_product")


def _shares(due: list[tuple[Tensor, State, Group]]) -> list[list[tuple[Tensor, State, Group]]]:
    """What each thread is to update: all in one, unless there are large parameters enough to share."""
    sizes = [p.array.size for p, _, _ in due]
    threads = get_num_threads() if sum(sizes) >= SHARED_SIZE and len(set(map(id, (p for p, _, _ in due)))) == len(due) else 1
    shares: list[list[tuple[Tensor, State, Group]]] = [[] for _ in range(threads)]
    loads = [0] * threads
    for size, one in sorted(zip(sizes, due), key=lambda pair: -pair[0]):
        k = loads.index(min(loads))
        shares[k].append(one)
        loads[k] += size
    return [share for share in shares if share] or [[]]


def _by_address(due: list[tuple[Tensor, State, Group]]) -> tuple[list, list]:
    """Those that a kernel on a GPU can take as they lie in memory, parameter, gradient and state; and the others."""
    together: list = []
    apart: list = []
    taken: set[int] = set()
    for one in due:
        p, state, _ = one
        if xp_of(p.array) is np:
            apart.append(one)
            continue
        arrays = [p.array, p.grad.array, *(s.array for s in state.values() if isinstance(s, Tensor))]
        places = {a.data.ptr for a in arrays}
        fit = one_launch(arrays) and taken.isdisjoint(places)
        (together if fit else apart).append(one)
        if fit:
            taken |= places
    return together, apart


def _counted(step: Callable) -> Callable:
    """``step`` with the hooks around it, and a note that it was called."""

    @wraps(step)
    def with_hooks(*args: Any, **kwargs: Any) -> Any:
        self = args[0]
        for hook in list(self._before_step.values()):
            replaced = hook(self, args, kwargs)
            if replaced is not None:
                if not isinstance(replaced, tuple) or len(replaced) != 2:
                    raise RuntimeError(f"{hook} must return None or a tuple of (new_args, new_kwargs), but got {replaced}.")
                args, kwargs = replaced
        self._opt_called = True
        result = step(*args, **kwargs)
        for hook in list(self._after_step.values()):
            hook(self, args, kwargs)
        return result

    return with_hooks


def _hooked(hooks: dict[int, Callable], hook: Callable) -> RemovableHandle:
    key = max(hooks, default=0) + 1
    hooks[key] = hook
    return RemovableHandle(hooks, key, hook)


class Optimizer:
    """The base of all optimisers. ``torch.optim.Optimizer``.

    Args:
        params: tensors; or ``(name, tensor)`` pairs; or dicts, each a *group*: ``{"params": tensors, "lr": 0.1}``
            with options of its own.
        defaults: the options of groups that do not set them.

    ``param_groups`` is the list of groups; to edit an option there, such as ``lr``, takes effect at the next
    step. ``state`` maps a parameter to its state. PyTorch's options ``foreach``, ``fused`` and ``capturable`` choose
    between ways to compute the same numbers: they are kept in the groups, and have no effect.

    A subclass defines :meth:`update`, or :meth:`step` as in PyTorch. Descent by the sign of the gradient:

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> class SignSGD(optim.Optimizer):
    ...     def update(self, p, state, group):
    ...         p.array -= group["lr"] * p.grad.sign().array
    >>> w = tinyrnn.tensor([3., -3.], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> SignSGD([w], {"lr": 0.5}).step()
    >>> w
    tensor([ 2.5000, -2.5000], requires_grad=True)

    Raises:
        TypeError: a bare tensor instead of a list, a parameter that is not a tensor, or a set, which has no order.
        ValueError: no parameters, one that is not a leaf or is in two groups, names for some of them only.
        NotImplementedError: ``differentiable=True``, an update that is itself to be differentiated.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls):
            cls.step = _counted(cls.step)  # type: ignore[method-assign]

    def __init__(self, params: Iterable, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError("params argument given to the optimizer should be an iterable of Tensors or dicts, but got a Tensor: use [w]")
        if not isinstance(params, Iterable):
            got = type(params).__name__
            raise TypeError(f"params argument given to the optimizer should be an iterable, but got {got}: pass model.parameters()")
        self.defaults = defaults
        self.state: defaultdict[Tensor, State] = defaultdict(dict)
        self.param_groups: list[Group] = []
        self._opt_called = False  # a scheduler asks
        self._before_step: dict[int, Callable] = {}
        self._after_step: dict[int, Callable] = {}
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for k, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {k}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])

    def add_param_group(self, param_group: Group) -> None:
        """Add a group: a dict with ``"params"`` and any options that differ from the defaults. Errors as the class."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        entries = [params] if isinstance(params, Tensor) else list(params)
        named = [entry for entry in entries if isinstance(entry, tuple)]
        group = param_group  # the dict itself, as in PyTorch: who made it sees its options
        group["params"] = [e[1] if isinstance(e, tuple) else e for e in entries]
        for name, default in self.defaults.items():
            group.setdefault(name, default)
        if named:
            group["param_names"] = [name for name, _ in named]
        self._validate(group, partly_named=0 < len(named) < len(entries))
        if group.get("differentiable"):
            raise NotImplementedError("differentiable=True: updates are not recorded. Write the step as operations on tensors")
        self.param_groups.append(group)

    def _validate(self, group: Group, partly_named: bool) -> None:
        params = group["params"]
        if partly_named or any(("param_names" in group) != ("param_names" in other) for other in self.param_groups):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
            if not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor: it was computed from others, optimise those")
        if len(params) != len(set(params)):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters: they are updated twice a step",
                UserWarning,
                stacklevel=5,
            )
        if not set(params).isdisjoint(chain.from_iterable(other["params"] for other in self.param_groups)):
            raise ValueError("some parameters appear in more than one parameter group")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters: ``None``, or zeros in the same memory for ``set_to_none=False``."""
        for p in chain.from_iterable(group["params"] for group in self.param_groups):
            if set_to_none:
                p.grad = None
            elif p.grad is not None:
                p.grad.detach_().zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient, in place; the gradients stay as they are.

        Args:
            closure: computes the loss (and gradients) anew before the update.

        Returns:
            What ``closure`` returned, else ``None``.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        due = [(p, self.state.get(p, {}), group) for group in self.param_groups for p in group["params"] if p.grad is not None]
        with quiet():
            parallel([partial(self._update_all, some) for some in _shares(due)])
        for p, state, _ in due:
            p.version[0] += 1  # so that a backward pass through the old value fails, and says why
            if state:
                self.state[p] = state
        return loss

    step = _counted(step)

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each :meth:`step`; it may return other ``(args, kwargs)``.

        ``args`` begin with the optimiser.
        """
        return _hooked(self._before_step, hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each :meth:`step`."""
        return _hooked(self._after_step, hook)

    def _update_all(self, due: list[tuple[Tensor, State, Group]]) -> None:
        if self.kernel is not None:
            together, due = _by_address(due)
            self._update_together(together)
        if due and self.found_inf is not None and self.found_inf != 0:  # here the host waits for a GPU
            return
        for p, state, group in due:
            self.update(p, state, group)

    def _update_together(self, due: list[tuple[Tensor, State, Group]]) -> None:
        """One launch for all parameters whose equations have the same numbers."""
        alike: dict[tuple, list[tuple]] = defaultdict(list)
        for p, state, group in due:
            buffers, numbers, decay = self.prepare(p, state, group)
            options = (-1 if group["maximize"] else 1, decay, *numbers)
            alike[p.array.dtype, options].append((p.array, p.grad.array, *buffers))
        for (_, options), rows in alike.items():
            self.kernel.together(rows, *options, unless=self.found_inf)

    # A number, float64 () on the parameters' GPU: if it is not 0, step() changes no parameter. PyTorch's name.
    found_inf: Array | None = None

    # The equations of an optimiser that has them in tinyrnn.kernels, where a GPU takes all parameters in one launch.
    kernel: Any = None

    def prepare(self, p: Tensor, state: State, group: Group) -> Prepared:
        """What ``kernel`` needs for a step of ``p`` beside parameter and gradient."""
        raise NotImplementedError(f"{type(self).__name__} must define update(p, state, group), or a step() of its own")

    def update(self, p: Tensor, state: State, group: Group) -> None:
        """Change ``p.array`` in place by ``p.grad.array``, which is there: one step of the optimiser's equations."""
        buffers, numbers, decay = self.prepare(p, state, group)
        for arrays in blocks(p, group, *buffers, decay=decay != 0):
            self.kernel(*arrays, *numbers)

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def state_dict(self) -> dict[str, Any]:
        """The state by the number of the parameter, and the groups with such numbers, in PyTorch's layout.

        The tensors are not copies: copy or save them before the next step.
        """
        numbers: dict[Tensor, int] = {}
        groups = []
        for group in self.param_groups:
            packed = {name: value for name, value in group.items() if name != "params"}
            groups.append({**packed, "params": [numbers.setdefault(p, len(numbers)) for p in group["params"]]})
        return {"state": {numbers[p]: state for p, state in self.state.items()}, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`, of this library or PyTorch's (with its tensors converted).

        Tensors are copied, and cast to the dtype of their parameter. Options that the groups of ``state_dict``
        lack become the defaults.

        Raises:
            ValueError: the groups differ in number or in size from those of this optimiser.
        """
        saved = state_dict["param_groups"]
        if len(saved) != len(self.param_groups):
            raise ValueError(
                f"loaded state dict has a different number of parameter groups: {len(saved)}, here are {len(self.param_groups)}"
            )
        for k, (old, group) in enumerate(zip(saved, self.param_groups)):
            if len(old["params"]) != len(group["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"group {k} has {len(old['params'])} parameters, here {len(group['params'])}"
                )
        by_number = {number: p for old, group in zip(saved, self.param_groups) for number, p in zip(old["params"], group["params"])}
        state = {
            by_number[number]: {name: _loaded(by_number[number], name, value) for name, value in values.items()}
            for number, values in state_dict["state"].items()
        }
        kept = ("params", "param_names")
        groups = [
            {**self.defaults, **{name: group[name] for name in kept if name in group}, **_without_params(old)}
            for old, group in zip(saved, self.param_groups)
        ]
        self.state = defaultdict(dict, state)
        self.param_groups = groups


def _without_params(group: Group) -> Group:
    return deepcopy({name: value for name, value in group.items() if name != "params"})


def _loaded(p: Tensor, name: str, value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(_loaded(p, name, one) for one in value)
    if not isinstance(value, Tensor):
        return deepcopy(value)
    if name in NUMBERS:
        return value.item()
    return wrap(as_library_of(p.array, value.array).astype(p.array.dtype))
