"""PyTorch's programs, unchanged: ``import torch`` gives tinyrnn."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import tinyrnn

from . import dtypes


@contextmanager
def as_torch() -> Iterator[ModuleType]:
    """Inside it, ``import torch`` and imports from its submodules give tinyrnn's, and what was imported before comes back at the end.

    Types print with PyTorch's name, so that outputs can be compared: ``torch.Size([2])``.

    >>> from tinyrnn.compat import as_torch
    >>> with as_torch():
    ...     import torch
    ...     from torch import nn
    ...     nn.Linear(2, 3)(torch.ones(4, 2)).shape
    torch.Size([4, 3])

    Raises:
        ModuleNotFoundError: inside it, for a submodule of PyTorch that tinyrnn does not have.
    """
    before = _take_torch_out()
    finder = _Finder()
    printed, dtypes.module = dtypes.module, "torch"
    sys.modules["torch"] = tinyrnn
    sys.meta_path.insert(0, finder)
    try:
        yield tinyrnn
    finally:
        sys.meta_path.remove(finder)
        dtypes.module = printed
        _take_torch_out()
        sys.modules.update(before)


def _take_torch_out() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name == "torch" or name.startswith("torch.")]
    return {name: sys.modules.pop(name) for name in names}


class _Finder:
    """Finds ``torch.x`` as the module ``tinyrnn.x`` itself: Python alone would run its file again, as a second module."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if not name.startswith("torch."):
            return None
        ours = "tinyrnn" + name[len("torch") :]
        try:
            return ModuleSpec(name, _Existing(importlib.import_module(ours)))
        except ModuleNotFoundError as error:
            if error.name != ours:
                raise
            raise ModuleNotFoundError(f"No module named {name!r}: tinyrnn has no {ours!r}", name=name) from None


class _Existing(Loader):
    def __init__(self, module: ModuleType) -> None:
        self.module, self.spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # the import system has just put its own there
