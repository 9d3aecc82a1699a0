"""``Module``: parameters, buffers and submodules under names, as PyTorch has them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from .. import dtypes
from ..engine import Traced, modes, no_grad, primitive, wrap
from ..tensor import Parameter, RemovableHandle, Tensor, where_and_what


class IncompatibleKeys(NamedTuple):
    """What ``load_state_dict`` returns: keys that one side had and the other had not."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


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

    def __init__(self) -> None:
        for name, value in (
            ("training", True),
            ("_parameters", OrderedDict()),
            ("_buffers", OrderedDict()),
            ("_non_persistent", set()),
            ("_modules", OrderedDict()),
            ("_forward_hooks", OrderedDict()),
            ("_forward_pre_hooks", OrderedDict()),
            ("_backward_hooks", OrderedDict()),
        ):
            object.__setattr__(self, name, value)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; written by each subclass."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for hook in list(self._forward_pre_hooks.values()):
            changed = hook(self, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        if self._backward_hooks:
            result = _with_backward_hooks(self, args, kwargs)
        else:
            result = self.forward(*args, **kwargs)
        for hook in list(self._forward_hooks.values()):
            changed = hook(self, args, result)
            if changed is not None:
                result = changed
        return result

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
        self.__dict__.get("_non_persistent", set()).discard(name)
        if name in self.__dict__:
            object.__delattr__(self, name)
            dropped = True
        return dropped

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._parameters, *self._buffers, *self._modules})

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
        (self._non_persistent.discard if persistent else self._non_persistent.add)(name)

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
            found = getattr(module, part, None)
            if not isinstance(found, Module):
                raise AttributeError(f"{type(module).__name__} has no submodule `{part}` (looking for '{target}')")
            module = found
        return module

    # -- modes --

    def train(self, mode: bool = True) -> Any:
        """Switch dropout and the like on (or off) here and below; returns itself."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        for module in self.modules():
            module.training = mode
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

        def convert(t: Tensor) -> Tensor:
            return t.to(device, wanted if t.is_floating_point() else None)

        with no_grad():
            for module in self.modules():
                for p in module._parameters.values():
                    if p is not None:
                        p.data = convert(p.detach())
                        if p._grad is not None:
                            p._grad = convert(p._grad)
                for name, b in module._buffers.items():
                    if b is not None:
                        module._buffers[name] = convert(b)
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

    # -- state --

    def state_dict(self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> OrderedDict:
        """All parameters and persistent buffers by name; they share memory with the module."""
        state = OrderedDict() if destination is None else destination
        for path, module in self.named_modules(remove_duplicate=False):
            at = f"{prefix}{path}." if path else prefix
            members = [*module._parameters.items()]
            members += [(n, b) for n, b in module._buffers.items() if n not in module._non_persistent]
            for name, member in members:
                if member is not None:
                    state[at + name] = member if keep_vars else member.detach()
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> IncompatibleKeys:
        """Copy values from a ``state_dict``; nothing is changed if anything is wrong.

        Raises:
            RuntimeError: keys are missing or unexpected (unless ``strict=False``), or sizes differ.
            TypeError: ``state_dict`` is not a mapping.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        own = self.state_dict(keep_vars=True)
        missing = [key for key in own if key not in state_dict]
        unexpected = [key for key in state_dict if key not in own]
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
                    if assign:
                        mine.data = given
                    else:
                        mine.copy_(given)
        return IncompatibleKeys(missing, unexpected)

    # -- hooks --

    def register_forward_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, args)`` before ``forward``; what it returns, if anything, replaces the arguments."""
        return _register(self._forward_pre_hooks, hook)

    def register_forward_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, args, result)`` after ``forward``; what it returns, if anything, replaces the result."""
        return _register(self._forward_hooks, hook)

    def register_full_backward_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when both are known; a result replaces ``grad_input``.

        Both are tuples: an entry for each positional argument and for each result, ``None`` where no gradient flows.
        If no argument requires grad, the hook is called as soon as ``grad_output`` is known.
        """
        return _register(self._backward_hooks, hook)

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


def _register(hooks: OrderedDict, hook: Callable) -> RemovableHandle:
    key = object()
    hooks[key] = hook
    return RemovableHandle(hooks, key, hook)


@primitive
def _gate(*tensors, on_backward):
    """The same values; their gradients, all together, pass through ``on_backward``."""
    return tuple(t.copy() for t in tensors)  # copies, so that a change in place on one side cannot bypass the gate


@_gate.joint_rule
def _(g, on_backward):
    return on_backward(g)


def _gated(values: tuple, on_backward: Callable) -> tuple[tuple, list[int]]:
    """``values`` with those that need a gradient sent through a gate, and where these stand."""
    places = [k for k, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad] if modes.grad_enabled else []
    through = list(values)
    if places:
        for k, t in zip(places, _gate(*(values[k] for k in places), on_backward=on_backward)):
            through[k] = t
    return tuple(through), places


def _with_backward_hooks(module: Module, args: tuple, kwargs: dict) -> Any:
    """Run ``forward`` between two gates: one learns ``grad_output``, the other calls the hooks with ``grad_input``."""
    arrived: list[tuple] = []

    def spread(g: tuple, places: list[int], count: int) -> tuple:
        full: list[Any] = [None] * count
        for k, one in zip(places, g):
            full[k] = one if isinstance(one, Traced) else wrap(one)
        return tuple(full)

    def at_output(g: tuple) -> tuple:
        arrived[:] = [spread(g, output_places, len(results))]
        if not input_places and call((None,) * len(args)) != (None,) * len(args):
            raise RuntimeError(f"a backward hook of {type(module).__name__} returned a gradient, but no input of the module requires one")
        return g

    def at_input(g: tuple) -> tuple:
        if not arrived:  # the gradient came past the outputs, as in the second of two derivatives
            return g
        given = call(spread(g, input_places, len(args)))
        replaced = tuple(one * 0 if given[k] is None else given[k] for k, one in zip(input_places, g))
        return tuple(r.array if isinstance(r, Traced) and not isinstance(one, Traced) else r for r, one in zip(replaced, g))

    def call(grad_input: tuple) -> tuple:
        grad_output = arrived.pop()
        for hook in list(module._backward_hooks.values()):
            changed = hook(module, grad_input, grad_output)
            if changed is None:
                continue
            changed = changed if isinstance(changed, tuple) else (changed,)
            if len(changed) != len(grad_input):
                raise RuntimeError(
                    f"Backward hook returned an invalid number of grad_input, got {len(changed)}, but expected {len(grad_input)}"
                )
            grad_input = changed
        return grad_input

    args, input_places = _gated(args, at_input)
    result = module.forward(*args, **kwargs)
    results = result if isinstance(result, tuple) else (result,)
    if not any(isinstance(r, Tensor) for r in results):
        raise RuntimeError(
            f"register_full_backward_hook on {type(module).__name__}: forward must return a Tensor or a tuple with Tensors in it, "
            f"got {type(result).__name__}; hook its submodules instead"
        )
    results, output_places = _gated(results, at_output)
    return results if isinstance(result, tuple) else results[0]
