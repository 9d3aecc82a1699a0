"""A weight as a length and a direction, each learned by itself (Salimans and Kingma, 2016)."""

from __future__ import annotations

import warnings
from typing import Any

from ...ops.reduce import norm
from ...tensor import Parameter, Tensor
from ..module import Module


def norm_except_dim(v: Tensor, pow: int = 2, dim: int | None = 0) -> Tensor:
    """The ``pow``-norm over all axes but ``dim``, which stay with size 1; over all of them where it is ``None`` or -1."""
    if dim is None or dim == -1:
        return norm(v, pow)
    others = tuple(k for k in range(v.ndim) if k != dim)
    return norm(v, pow, others, keepdim=True) if others else v.abs()


class WeightNorm:
    """The hook that computes the weight before each ``forward``."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, dim

    def compute_weight(self, module: Module) -> Tensor:
        """``g * v / norm(v)``."""
        g, v = getattr(module, f"{self.name}_g"), getattr(module, f"{self.name}_v")
        return v * (g / norm_except_dim(v, 2, self.dim))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Let ``module`` learn the lengths ``name_g`` and directions ``name_v`` of its parameter ``name``; returns the module.

    A length for each place along ``dim``, one for all if it is ``None``. The weight is computed anew before each forward.
    ``torch.nn.utils.weight_norm``.

    >>> import tinyrnn
    >>> layer = tinyrnn.nn.LSTM(3, 4)
    >>> import warnings; warnings.simplefilter("ignore")
    >>> [n for n, _ in tinyrnn.nn.utils.weight_norm(layer, "weight_hh_l0").named_parameters() if "hh" in n]
    ['bias_hh_l0', 'weight_hh_l0_g', 'weight_hh_l0_v']

    Raises:
        RuntimeError: it has been done to this parameter before.
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.", FutureWarning, stacklevel=2
    )
    if any(isinstance(hook, WeightNorm) and hook.name == name for hook in module._forward_pre_hooks.values()):
        raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    weight = getattr(module, name)
    if not isinstance(weight, Parameter):
        raise ValueError(f"weight_norm: {name} of {type(module).__name__} is no Parameter")
    hook = WeightNorm(name, dim)
    delattr(module, name)
    module.register_parameter(f"{name}_g", Parameter(norm_except_dim(weight, 2, dim).detach()))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    hook(module, None)
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Any, name: str = "weight") -> Any:
    """Make ``name`` a parameter again, of the value that it has now; returns the module.

    Raises:
        ValueError: there is no weight norm on this parameter.
    """
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm) and hook.name == name:
            weight = hook.compute_weight(module)
            for gone in (name, f"{name}_g", f"{name}_v"):
                delattr(module, gone)
            setattr(module, name, Parameter(weight.detach()))
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"weight_norm of '{name}' not found in {module}")
