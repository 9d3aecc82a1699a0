"""Parameters that are computed from others each time somebody reads them. ``torch.nn.utils.parametrize``."""

from __future__ import annotations

import copy
from typing import Any

from ...engine import no_grad
from ...tensor import Parameter, Tensor
from ..containers import ModuleDict, ModuleList
from ..module import Module


class ParametrizationList(ModuleList):
    """The functions that lead from what is learned, ``original`` or ``original0`` and so on, to a parameter.

    Calling it gives the parameter.
    """

    def __init__(self, parametrization: Module, value: Tensor) -> None:
        super().__init__([parametrization])
        with no_grad():
            made = parametrization.right_inverse(value) if hasattr(parametrization, "right_inverse") else value
        self.several = isinstance(made, (tuple, list))
        for name, t in zip(self.names(len(made) if self.several else 1), made if self.several else (made,)):
            self.register_parameter(name, Parameter(t.detach(), requires_grad=value.requires_grad))

    def names(self, count: int) -> list[str]:
        """How the originals are called."""
        return [f"original{k}" for k in range(count)] if self.several else ["original"]

    def originals(self) -> list[Tensor]:
        """What is learned in the place of the parameter."""
        return [getattr(self, name) for name in self.names(len(self._parameters))]

    def take(self, value: Tensor) -> None:
        """Let the originals be those that give ``value``."""
        with no_grad():
            for function in reversed(list(self)):
                if not hasattr(function, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(function).__name__} does not implement right_inverse: nothing can be assigned"
                    )
                value = function.right_inverse(value)
            for original, new in zip(self.originals(), value if self.several else (value,)):
                original.copy_(new)

    def forward(self) -> Tensor:
        """The parameter."""
        first, *rest = self
        value = first(*self.originals())
        for function in rest:
            value = function(value)
        return value


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the parameter of this name, or any, is computed from others."""
    lists = module._modules.get("parametrizations")
    return isinstance(lists, ModuleDict) and (len(lists) > 0 if tensor_name is None else tensor_name in lists)


def register_parametrization(module: Any, tensor_name: str, parametrization: Module, *, unsafe: bool = False) -> Any:
    """Let ``module`` read its parameter as ``parametrization(original)``, and learn the original; returns the module.

    A ``parametrization`` with ``right_inverse`` says what the original shall be for the value that is there now; it may be
    several tensors, which ``forward`` then takes. A second one is applied to the result of the first.

    Raises:
        ValueError: ``module`` has no such parameter; or, unless ``unsafe``, the result has another shape or dtype.
    """
    if is_parametrized(module, tensor_name):
        module.parametrizations[tensor_name].append(parametrization)
        return module
    value = module._parameters.get(tensor_name)
    if value is None:
        raise ValueError(f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{tensor_name}'")
    computed = ParametrizationList(parametrization, value)
    with no_grad():
        result = computed()
    if not unsafe and (result.shape != value.shape or result.dtype != value.dtype):
        raise ValueError(
            f"Registering a parametrization may not change the shape or dtype of the tensor, unless the `unsafe` flag is enabled: "
            f"{tuple(value.shape)} {value.dtype} became {tuple(result.shape)} {result.dtype}"
        )
    if not is_parametrized(module):
        kind = type(module)
        module.__class__ = type(
            f"Parametrized{kind.__name__}", (kind,), {"__module__": __name__, "__getstate__": _refuse_files, "__deepcopy__": _copied}
        )
        module.parametrizations = ModuleDict()
    delattr(module, tensor_name)
    module.parametrizations[tensor_name] = computed
    setattr(
        type(module),
        tensor_name,
        property(lambda self: self.parametrizations[tensor_name](), lambda self, given: self.parametrizations[tensor_name].take(given)),
    )
    return module


def _refuse_files(module: Any) -> Any:
    raise RuntimeError("Serialization of parametrized modules is only supported through state_dict()")


def _copied(module: Any, memo: dict) -> Any:
    kind: Any = type(module)
    twin = memo[id(module)] = kind.__new__(kind)
    twin.__setstate__(copy.deepcopy(module.__dict__, memo))
    return twin


def remove_parametrizations(module: Any, tensor_name: str, leave_parametrized: bool = True) -> Any:
    """Make a parameter of ``tensor_name`` again, of its value now or, without ``leave_parametrized``, of its original.

    Raises:
        ValueError: it is not parametrized; or it has several originals and one of them should be left.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    computed = module.parametrizations[tensor_name]
    originals = computed.originals()
    if not leave_parametrized and len(originals) > 1:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of several tensors."
        )
    with no_grad():
        value = computed() if leave_parametrized else originals[0]
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if not len(module.parametrizations):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    module.register_parameter(tensor_name, Parameter(value.detach(), requires_grad=any(t.requires_grad for t in originals)))
    return module
