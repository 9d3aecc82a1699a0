"""Modules that hold modules or parameters: ``Sequential``, ``ModuleList``, ``ModuleDict``, ``ParameterList``."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from ..tensor import Parameter, Tensor
from .module import Module


class _Listed(Module):
    """What the list-like containers share: members under the names "0", "1", ..."""

    def _members(self) -> dict[str, Any]:
        return self._modules

    def _position(self, k: int) -> str:
        n = len(self)
        if not -n <= k < n:
            raise IndexError(f"index {k} is out of range")
        return str(k % n)

    def _replace_all(self, members: Iterable[Any]) -> None:
        self._members().clear()
        for k, member in enumerate(members):
            self._set(str(k), member)

    def _set(self, name: str, member: Any) -> None:
        if not isinstance(member, Module):
            raise TypeError(f"{type(member).__name__} is not a Module subclass")
        setattr(self, name, member)

    def __len__(self) -> int:
        return len(self._members())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._members().values())

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            made: Any = type(self)
            return made(list(self)[k])
        return self._members()[self._position(k)]

    def __setitem__(self, k: int, member: Any) -> None:
        self._set(self._position(k), member)

    def __delitem__(self, k: Any) -> None:
        kept = list(self)
        del kept[k]
        self._replace_all(kept)

    def __contains__(self, member: Any) -> bool:
        return any(member is m for m in self)

    def append(self, member: Any) -> Any:
        """Add one at the end; returns itself."""
        self._set(str(len(self)), member)
        return self

    def extend(self, members: Iterable[Any]) -> Any:
        """Add several at the end; returns itself."""
        for member in members:
            self.append(member)
        return self

    def insert(self, index: int, member: Any) -> Any:
        """Add one before ``index``; returns itself."""
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index}")
        members = list(self)
        members.insert(index, member)
        self._replace_all(members)
        return self

    def pop(self, key: int = -1) -> Any:
        """Remove one and return it."""
        member = self[key]
        del self[key]
        return member

    def __iadd__(self, members: Iterable[Any]) -> Any:
        return self.extend(members)

    def __add__(self, members: Iterable[Any]) -> Any:
        return type(self)().extend([*self, *members])


class Sequential(_Listed):
    """Modules applied one after the other; from modules or from one ``OrderedDict`` of them.

    >>> import tinyrnn
    >>> from tinyrnn import nn
    >>> nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))(tinyrnn.ones(2, 3)).shape
    tinyrnn.Size([2, 1])
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], OrderedDict) else ((str(k), m) for k, m in enumerate(args))
        for name, module in named:
            self.add_module(name, module)

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            return type(self)(OrderedDict(list(self._modules.items())[k]))
        return list(self._modules.values())[int(self._position(k))]

    def __setitem__(self, k: int, module: Module) -> None:
        setattr(self, list(self._modules)[int(self._position(k))], module)

    def forward(self, input: Any) -> Any:
        """Each module on the result of the one before."""
        for module in self:
            input = module(input)
        return input


class ModuleList(_Listed):
    """A list whose modules are registered."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def __repr__(self) -> str:
        runs = [(text, [k for k, _ in run]) for text, run in groupby(enumerate(map(repr, self)), key=lambda pair: pair[1])]
        rows = [f"({at[0]}): {text}" if len(at) == 1 else f"({at[0]}-{at[-1]}): {len(at)} x {text}" for text, at in runs]
        body = "\n".join(rows).replace("\n", "\n  ")
        return f"{self._get_name()}(\n  {body}\n)" if rows else f"{self._get_name()}()"


class ParameterList(_Listed):
    """A list whose parameters are registered; tensors become parameters."""

    def __init__(self, values: Iterable[Tensor] | None = None) -> None:
        super().__init__()
        self.extend(values or ())

    def _members(self) -> dict[str, Any]:
        return self._parameters

    def _set(self, name: str, member: Any) -> None:
        if not isinstance(member, Tensor):
            raise TypeError(f"ParameterList holds Parameters and Tensors, got {type(member).__name__}")
        setattr(self, name, member if isinstance(member, Parameter) else Parameter(member))

    def __repr__(self) -> str:
        rows = [f"  ({k}): Parameter containing: [{p.dtype} of size {'x'.join(map(str, p.shape))}]" for k, p in enumerate(self)]
        return "\n".join([f"{self._get_name()}(", *rows, ")"]) if rows else f"{self._get_name()}()"


class ModuleDict(Module):
    """A dictionary whose modules are registered."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """Names and modules."""
        return self._modules.items()

    def update(self, modules: Any) -> None:
        """Add or replace modules from a mapping or from pairs."""
        for key, module in modules.items() if isinstance(modules, (Mapping, ModuleDict)) else modules:
            self[key] = module

    def pop(self, key: str) -> Module:
        """Remove a module and return it."""
        return self._modules.pop(key)

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()
