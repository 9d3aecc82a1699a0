"""``Module``: parameters, buffers and submodules under names, as PyTorch has them."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from .. import dtypes
from ..engine import no_grad
from ..tensor import RemovableHandle, Tensor, where_and_what
from .hooks import call_with_hooks, register
from .parameter import Parameter, UninitializedParameter


class IncompatibleKeys(NamedTuple):
    """What ``load_state_dict`` returns: keys that one side had and the other had not."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Module:
    """Base of all layers and models: assign parameters and submodules as attributes, write ``forward``.

    >>> import tinyrnn
    >>> from tinyrnn import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.out = nn.Linear(3, 2)
    ...     def forward(self, x):
    ...         return self.out(x)
    >>> Net()
    Net(
      (out): Linear(in_features=3, out_features=2, bias=True)
    )
    >>> [name for name, _ in Net().named_parameters()]
    ['out.weight', 'out.bias']
    """

    training: bool
    _parameters: OrderedDict[str, Parameter | None]
    _buffers: OrderedDict[str, Tensor | None]
    _modules: OrderedDict[str, Module | None]
    _non_persistent_buffers_set: set[str]
    _forward_hooks: OrderedDict[int, Callable]
    _forward_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks_always_called: OrderedDict[int, bool]
    _forward_pre_hooks: OrderedDict[int, Callable]
    _forward_pre_hooks_with_kwargs: OrderedDict[int, bool]
    _backward_hooks: OrderedDict[int, Callable]
    _backward_pre_hooks: OrderedDict[int, Callable]

    call_super_init = False  # whether __init__ passes its arguments on, to another base class of a subclass

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init and kwargs:
            raise TypeError(f"{type(self).__name__}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'")
        if not self.call_super_init and args:
            raise TypeError(f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given")
        for name, make in _STATE.items():
            object.__setattr__(self, name, make())
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; written by each subclass."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._forward_hooks or self._forward_pre_hooks or self._backward_hooks or self._backward_pre_hooks:
            return call_with_hooks(self, args, kwargs)
        return self.forward(*args, **kwargs)

    # -- attributes --

    def __setattr__(self, name: str, value: Any) -> None:
        registries = self.__dict__
        if isinstance(value, Parameter):
            self._drop(name, keep="_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            if "_modules" not in registries:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._drop(name, keep="_modules")
            self._modules[name] = value
        elif name in registries.get("_parameters", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{type(value).__name__}' as parameter '{name}' (nn.Parameter or None expected); "
                    "delete it first, or change its values inside no_grad()"
                )
            self._parameters[name] = None
        elif name in registries.get("_modules", ()):
            if value is not None:
                raise TypeError(f"cannot assign '{type(value).__name__}' as child module '{name}' (nn.Module or None expected)")
            self._modules[name] = None
        elif name in registries.get("_buffers", ()):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(f"cannot assign '{type(value).__name__}' object to buffer '{name}' (Tensor or None required)")
            self._buffers[name] = value
        else:
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        for registry in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(registry, {})
            if name in found:
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        if not self._drop(name):
            object.__delattr__(self, name)

    def _drop(self, name: str, keep: str = "") -> bool:
        """Forget the attribute; in the registry ``keep`` it stays, so that what replaces it takes over its place."""
        dropped = False
        for registry in ("_parameters", "_buffers", "_modules"):
            if registry != keep:
                dropped = self.__dict__.get(registry, {}).pop(name, self) is not self or dropped
        self.__dict__.get("_non_persistent_buffers_set", set()).discard(name)
        if name in self.__dict__:
            object.__delattr__(self, name)
            dropped = True
        return dropped

    def __dir__(self) -> list[str]:
        names = {*super().__dir__(), *self._parameters, *self._buffers, *self._modules}
        return sorted(name for name in names if not name[0].isdigit())

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name, make in _STATE.items():  # a file may be older than some of them
            if name not in state:
                object.__setattr__(self, name, make())
        for name, p in self._parameters.items():
            if p is not None:
                p.name = p.name or name

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under a name; ``None`` keeps the name free of one."""
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameters before Module.__init__() call")
        self._check_name(name, self._parameters)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(f"cannot assign '{type(param).__name__}' object to parameter '{name}' (nn.Parameter or None required)")
            param.name = param.name or name
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the state but is not learned; ``persistent=False`` keeps it out of ``state_dict``."""
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name(name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"cannot assign '{type(tensor).__name__}' object to buffer '{name}' (Tensor or None required)")
        self._buffers[name] = tensor
        (self._non_persistent_buffers_set.discard if persistent else self._non_persistent_buffers_set.add)(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a submodule under a name."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        self._check_name(name, self._modules)
        self._modules[name] = module

    register_module = add_module

    def _check_name(self, name: str, registry: Mapping) -> None:
        if not isinstance(name, str):
            raise TypeError(f"a name should be a string, got {type(name).__name__}")
        if "." in name or not name:
            raise KeyError(f'a name can\'t contain "." or be empty, got {name!r}')
        if hasattr(self, name) and name not in registry:
            raise KeyError(f"attribute '{name}' already exists")

    # -- walking --

    def named_modules(self, memo: set | None = None, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """This module under ``prefix`` and every one below it, depth first."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and every one below it."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below, each once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules directly below, each once."""
        return (module for _, module in self.named_children())

    def _named_members(self, registry: str, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator[tuple[str, Any]]:
        seen = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, member in getattr(module, registry).items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def named_parameters(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> Iterator[tuple[str, Parameter]]:
        """Names and parameters, in the order of their registration; a shared one comes once."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, in the order of their registration; a shared one comes once."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> Iterator[tuple[str, Tensor]]:
        """Names and buffers."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path: ``"encoder.rnn"``."""
        module = self
        for part in filter(None, target.split(".")):
            if not hasattr(module, part):
                raise AttributeError(f"{module._get_name()} has no attribute `{part}` (looking for '{target}')")
            found = getattr(module, part)
            if not isinstance(found, Module):
                raise AttributeError(f"`{part}` is not an nn.Module (looking for '{target}')")
            module = found
        return module

    def set_submodule(self, target: str, module: Module) -> None:
        """Put a module at a dotted path, in the place of the one there."""
        path, _, name = target.rpartition(".")
        if not target:
            raise ValueError("Cannot set the submodule without a target name!")
        self.get_submodule(target)
        setattr(self.get_submodule(path), name, module)

    def _get_member(self, target: str, kind: str, registry: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}` (looking for '{target}')")
        if name not in getattr(module, registry):
            raise AttributeError(f"`{name}` is not {kind} (looking for '{target}')")
        return getattr(module, name)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path: ``"encoder.rnn.weight_hh_l0"``."""
        return self._get_member(target, "an nn.Parameter", "_parameters")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path."""
        return self._get_member(target, "a buffer", "_buffers")

    # -- modes --

    def train(self, mode: bool = True) -> Any:
        """Switch dropout and the like on (or off) here and below; returns itself."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Any:
        """``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Learn all parameters, or freeze them; returns itself."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters."""
        for p in self.parameters():
            if set_to_none:
                p.grad = None
            elif p.grad is not None:
                p.grad.detach_().zero_()

    def apply(self, fn: Callable[[Module], Any]) -> Any:
        """Call ``fn`` on every submodule, then on this one; returns itself."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def to(self, *args: Any, device: Any = None, dtype: Any = None, non_blocking: bool = False) -> Any:
        """Move parameters and buffers to a device, and those that are floating to a dtype, in place; returns itself.

        Raises:
            TypeError: not a floating dtype.
        """
        device, dtype = where_and_what(args, device, dtype)
        wanted = None if dtype is None else dtypes.from_numpy_dtype(dtypes.as_numpy_dtype(dtype))
        if wanted is not None and not wanted.is_floating_point:
            raise TypeError(f"nn.Module.to only accepts floating point dtypes, but got desired dtype={wanted}")

        return self._apply(lambda t: t.to(device, wanted if t.is_floating_point() else None))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Replace the memory of all parameters, gradients and buffers by that of ``fn`` of them; returns itself."""
        for module in self.children() if recurse else ():
            module._apply(fn)
        with no_grad():
            for p in self._parameters.values():
                if isinstance(p, UninitializedParameter):
                    p.converted(fn)
                elif p is not None:
                    p.data = fn(p.detach())
                    if p._grad is not None:
                        p._grad = fn(p._grad)
            for name, b in self._buffers.items():
                if b is not None:
                    self._buffers[name] = fn(b)
        return self

    def cuda(self, device: Any = None) -> Any:
        """To a GPU: the current one, unless another is given."""
        return self.to("cuda" if device is None else device)

    def cpu(self) -> Any:
        """To the computer's memory."""
        return self.to("cpu")

    def float(self) -> Any:
        """``to(float32)``."""
        return self.to(dtypes.float32)

    def double(self) -> Any:
        """``to(float64)``."""
        return self.to(dtypes.float64)

    def half(self) -> Any:
        """``to(float16)``."""
        return self.to(dtypes.float16)

    def type(self, dst_type: Any) -> Any:
        """All parameters and buffers as a dtype."""
        return self._apply(lambda t: t.type(dst_type))

    def share_memory(self) -> Any:
        """Itself: one process computes here, and there is nobody to share with."""
        return self

    # -- state --

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """All parameters and persistent buffers by name; they share memory with the module."""
        if args:
            warnings.warn("Positional args are being deprecated, use kwargs instead.", FutureWarning, stacklevel=2)
            given = dict(zip(("destination", "prefix", "keep_vars"), args))
            return self.state_dict(**{"destination": destination, "prefix": prefix, "keep_vars": keep_vars, **given})
        state = OrderedDict() if destination is None else destination
        for name, member in self._own_state():
            state[prefix + name] = member if keep_vars or not isinstance(member, Tensor) else member.detach()
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        return state

    def _own_state(self) -> Iterator[tuple[str, Any]]:
        """Names and members of the state of this module alone."""
        for name, p in self._parameters.items():
            if p is not None:
                yield name, p
        for name, b in self._buffers.items():
            if b is not None and name not in self._non_persistent_buffers_set:
                yield name, b
        if type(self).get_extra_state is not Module.get_extra_state:
            yield "_extra_state", self.get_extra_state()

    def get_extra_state(self) -> Any:
        """What else belongs to the state; written by subclasses that need it, with :meth:`set_extra_state`."""
        raise RuntimeError("Reached a code path in Module.get_extra_state() that should never be called: overwrite it")

    def set_extra_state(self, state: Any) -> None:
        """Take back what :meth:`get_extra_state` gave."""
        raise RuntimeError("Reached a code path in Module.set_extra_state() that should never be called: overwrite it")

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> IncompatibleKeys:
        """Copy values from a ``state_dict``; nothing is changed if anything is wrong.

        Raises:
            RuntimeError: keys are missing or unexpected (unless ``strict=False``), or sizes differ.
            TypeError: ``state_dict`` is not a mapping.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        places = {
            f"{path}.{name}" if path else name: (module, member)
            for path, module in self.named_modules(remove_duplicate=False)
            for name, member in module._own_state()
        }
        own = {key: member for key, (_, member) in places.items() if not key.endswith("_extra_state")}
        missing = [key for key in places if key not in state_dict]
        unexpected = [key for key in state_dict if key not in places]
        problems = []
        if strict and missing:
            problems.append(f"Missing key(s) in state_dict: {', '.join(map(_quoted, missing))}. ")
        if strict and unexpected:
            problems.append(f"Unexpected key(s) in state_dict: {', '.join(map(_quoted, unexpected))}. ")
        for key, mine in own.items():
            if key not in state_dict:
                continue
            if not hasattr(state_dict[key], "shape"):
                problems.append(f"expected a Tensor or an array for {key}, got {type(state_dict[key]).__name__}.")
            elif isinstance(mine, UninitializedParameter):
                tuple(state_dict[key].shape)  # the other one may be uninitialized as well, and says so
            elif tuple(state_dict[key].shape) != tuple(mine.shape):
                problems.append(
                    f"size mismatch for {key}: copying a param with shape {list(state_dict[key].shape)} from checkpoint, "
                    f"the shape in current model is {list(mine.shape)}."
                )
        if problems:
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t" + "\n\t".join(problems))
        with no_grad():
            for key, mine in own.items():
                if key in state_dict:
                    given = state_dict[key]
                    if isinstance(mine, UninitializedParameter):
                        mine.materialize(given.shape)
                    if assign:
                        mine.data = given
                    else:
                        mine.copy_(given)
        for key, (module, _) in places.items():
            if key in state_dict and key not in own:
                module.set_extra_state(state_dict[key])
        return IncompatibleKeys(missing, unexpected)

    # -- hooks --

    def register_forward_pre_hook(self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False) -> RemovableHandle:
        """Call ``hook(module, args)`` before ``forward``; what it returns, if anything, replaces the arguments.

        Args:
            prepend: before the hooks that are there, not after them.
            with_kwargs: ``hook(module, args, kwargs)``, which may return both.
        """
        return register(self._forward_pre_hooks, hook, prepend, kwargs=(self._forward_pre_hooks_with_kwargs, with_kwargs))

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, result)`` after ``forward``; what it returns, if anything, replaces the result.

        Args:
            prepend: before the hooks that are there, not after them.
            with_kwargs: ``hook(module, args, kwargs, result)``.
            always_call: also after an exception, with ``None`` for the result.
        """
        kwargs, always = (self._forward_hooks_with_kwargs, with_kwargs), (self._forward_hooks_always_called, always_call)
        return register(self._forward_hooks, hook, prepend, kwargs=kwargs, always=always)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when both are known; a result replaces ``grad_input``.

        Both are tuples: an entry for each positional argument and for each result, ``None`` where no gradient flows.
        If no argument requires grad, the hook is called as soon as ``grad_output`` is known.
        """
        return register(self._backward_hooks, hook, prepend)

    def register_backward_hook(self, hook: Callable) -> RemovableHandle:
        """Not here: PyTorch's old hook is given other gradients than those of the module's inputs."""
        raise NotImplementedError("register_backward_hook: use register_full_backward_hook, which is given the gradients of the inputs")

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before the gradient goes through the module; a result replaces it."""
        return register(self._backward_pre_hooks, hook, prepend)

    # -- printing --

    def extra_repr(self) -> str:
        """The settings that ``repr`` shows in the brackets."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        children = [f"({name}): " + repr(module).replace("\n", "\n  ") for name, module in self._modules.items()]
        if not children and "\n" not in extra:
            return f"{self._get_name()}({extra})"
        lines = extra.split("\n") if extra else []
        return f"{self._get_name()}(\n  " + "\n  ".join(lines + children) + "\n)"


def _quoted(key: str) -> str:
    return f'"{key}"'


_STATE: dict[str, Callable[[], Any]] = {
    "training": lambda: True,
    "_non_persistent_buffers_set": set,
    **{name: OrderedDict for name in Module.__annotations__ if name not in ("training", "_non_persistent_buffers_set")},
}
"""What a module has from the start."""
