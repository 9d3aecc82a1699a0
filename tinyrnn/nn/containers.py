"""Modules that hold modules or parameters, as lists and dictionaries do."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from ..tensor import Parameter, Tensor
from .module import Module


def _refuse_no_list(kind: str, members: Any) -> None:
    if not isinstance(members, Iterable) or isinstance(members, Tensor):
        raise TypeError(f"{kind}.extend should be called with an iterable, but got {type(members).__name__}")


def _pairs(kind: str, given: Any) -> list[tuple[str, Any]]:
    """The pairs of a mapping, or of an iterable of them, checked."""
    if not isinstance(given, Iterable):
        raise TypeError(f"{kind}.update should be called with an iterable of key/value pairs, but got {type(given).__name__}")
    if isinstance(given, (Mapping, ModuleDict, ParameterDict)):
        return list(given.items())
    pairs = list(given)
    for k, pair in enumerate(pairs):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{kind} update sequence element #{k} should be Iterable; is {type(pair).__name__}")
        if len(tuple(pair)) != 2:
            raise ValueError(f"{kind} update sequence element #{k} has length {len(tuple(pair))}; 2 is required")
    return pairs


class _Listed(Module):
    """What the list-like containers share: members under the names "0", "1", ..."""

    def _position(self, k: int) -> str:
        n, k = len(self), operator.index(k)
        if not -n <= k < n:
            raise IndexError(f"index {k} is out of range")
        return str(k % n)

    def _replace_all(self, members: Iterable[Any]) -> None:
        self._modules.clear()
        for k, member in enumerate(members):
            self._set(str(k), member)

    def _set(self, name: str, member: Any) -> None:
        self.add_module(name, member)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            made: Any = type(self)
            return made(list(self)[k])
        return self._modules[self._position(k)]

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
        _refuse_no_list(type(self).__name__, members)
        for member in list(members):
            self.append(member)
        return self

    def pop(self, key: int = -1) -> Any:
        """Remove one and return it."""
        member = self[key]
        del self[key]
        return member

    def __iadd__(self, members: Iterable[Any]) -> Any:
        return self.extend(members)


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

    def insert(self, index: int, module: Any) -> Any:
        """Add one before ``index``; returns itself."""
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index}")
        modules = list(self)
        modules.insert(index, module)
        self._replace_all(modules)
        return self

    def __add__(self, other: Sequential) -> Any:
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return type(self)(*self, *other)

    def __mul__(self, times: int) -> Any:
        return type(self)(*self).__imul__(times)

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Any:
        if not isinstance(times, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(times)}")
        if times <= 0:
            raise ValueError(f"Non-positive multiplication factor {times} for {type(self)}")
        return self.extend(list(self) * (times - 1))

    def forward(self, input: Any) -> Any:
        """Each module on the result of the one before."""
        for module in self:
            input = module(input)
        return input


class ModuleList(_Listed):
    """A list whose modules are registered."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def insert(self, index: int, module: Any) -> None:
        """Add one before ``index``."""
        members = list(self)
        members.insert(index, module)
        self._replace_all(members)

    def __add__(self, modules: Iterable[Module]) -> Any:
        return type(self)([*self, *modules])

    def __repr__(self) -> str:
        runs = [(text, [k for k, _ in run]) for text, run in groupby(enumerate(map(repr, self)), key=lambda pair: pair[1])]
        rows = [f"({at[0]}): {text}" if len(at) == 1 else f"({at[0]}-{at[-1]}): {len(at)} x {text}" for text, at in runs]
        body = "\n".join(rows).replace("\n", "\n  ")
        return f"{self._get_name()}(\n  {body}\n)" if rows else f"{self._get_name()}()"


def _as_parameter(value: Any) -> Any:
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _described(value: Any, kind: str) -> str:
    """How the containers of parameters print what they hold."""
    if not isinstance(value, Tensor):
        return f"Object of type: {type(value).__name__}"
    return f"Parameter containing: [{kind} of size {'x'.join(map(str, value.shape))}{f' ({value.device})' if value.is_cuda else ''}]"


class _OfParameters(Module):
    """What the containers of parameters share: members are attributes, tensors become parameters."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"{type(self).__name__} should not be called.")

    def _rows(self) -> Iterator[str]:
        raise NotImplementedError

    def extra_repr(self) -> str:
        return "\n".join(f"  {row}" for row in self._rows())


class ParameterList(_OfParameters):
    """A list whose parameters are registered; tensors become parameters, other objects are kept as they are."""

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def _name(self, k: int) -> str:
        k = operator.index(k)
        if not -self._size <= k < self._size:
            raise IndexError(f"index {k} is out of range")
        return str(k % self._size)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(self._size))

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            made: Any = type(self)
            return made(list(self)[k])
        return getattr(self, self._name(k))

    def __setitem__(self, k: int, value: Any) -> None:
        setattr(self, self._name(k), _as_parameter(value))

    def append(self, value: Any) -> ParameterList:
        """Add one at the end; returns itself."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Add several at the end; returns itself."""
        _refuse_no_list("ParameterList", values)
        for value in values:
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Any]) -> ParameterList:
        return self.extend(values)

    def _rows(self) -> Iterator[str]:
        return (f"({k}): {_described(value, str(getattr(value, 'dtype', '')))}" for k, value in enumerate(self))


class ParameterDict(_OfParameters):
    """A dictionary whose parameters are registered; tensors become parameters, other objects are kept as they are."""

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        return getattr(self, self._text(key))

    def __setitem__(self, key: str, value: Any) -> None:
        self._keys[self._text(key)] = None
        setattr(self, key, _as_parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, self._text(key))

    def _text(self, key: str) -> str:
        if not isinstance(key, str):
            raise TypeError(f"Index given to ParameterDict cannot be used as a key as it is not a string (type is '{type(key).__name__}').")
        return key

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def __or__(self, other: Any) -> ParameterDict:
        made = self.copy()
        made.update(other)
        return made

    def __ror__(self, other: Any) -> Any:
        made = other.copy()
        made.update(self.items())
        return made

    def __ior__(self, other: Any) -> ParameterDict:
        self.update(other)
        return self

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._keys.keys()

    def values(self) -> Iterator[Any]:
        """The parameters."""
        return (self[key] for key in self._keys)

    def items(self) -> Iterator[tuple[str, Any]]:
        """Names and parameters."""
        return ((key, self[key]) for key in self._keys)

    def get(self, key: str, default: Any = None) -> Any:
        """The parameter of a name, or ``default``."""
        return self[key] if key in self._keys else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The parameter of a name, which becomes ``default`` if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Any:
        """Remove a parameter and return it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the last name with its parameter and return both."""
        key, _ = self._keys.popitem()
        value = self[key]
        delattr(self, key)
        return key, value

    def clear(self) -> None:
        """Remove all."""
        for key in list(self._keys):
            del self[key]

    def copy(self) -> ParameterDict:
        """Another dictionary of the same parameters."""
        return type(self)(OrderedDict(self.items()))

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A dictionary with these names, all for ``default``."""
        return type(self)([(key, default) for key in keys])

    def update(self, parameters: Any) -> None:
        """Add or replace parameters from pairs or a mapping; of a plain ``dict`` in the order of its names."""
        pairs = _pairs("ParameterDict", parameters)
        plain = isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict)
        for key, value in sorted(pairs) if plain else pairs:
            self[key] = value

    def _rows(self) -> Iterator[str]:
        return (f"({key}): {_described(value, value.type() if isinstance(value, Tensor) else '')}" for key, value in self.items())


class ModuleDict(Module):
    """A dictionary whose modules are registered."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def __getitem__(self, key: str) -> Any:
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

    def values(self) -> Iterable[Any]:
        """The modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and modules."""
        return self._modules.items()

    def update(self, modules: Any) -> None:
        """Add or replace modules from a mapping or from pairs."""
        for key, module in _pairs("ModuleDict", modules):
            self[key] = module

    def pop(self, key: str) -> Module:
        """Remove a module and return it."""
        module = self[key]
        del self[key]
        return module

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()
