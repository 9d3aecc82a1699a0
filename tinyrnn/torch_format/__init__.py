"""PyTorch's file format, written and read without PyTorch: the part of it that is tensors, containers and plain values.

A file is a zip archive. ``data.pkl`` holds the object, pickled, with an id wherever a tensor needs memory; ``data/0``,
``data/1``, ... hold that memory, each piece once, however many tensors look into it.

A pickle is a program: it fetches names from modules and calls them, so reading a stranger's pickle is running it. The
``Restricted`` reader fetches nothing but the names of a fixed table, and calls nothing but what it fetched there.

Source: ``torch/serialization.py`` and ``torch/_weights_only_unpickler.py`` of PyTorch 2.13.
"""

from .names import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from .reading import read
from .writing import write

__all__ = ["add_safe_globals", "clear_safe_globals", "get_safe_globals", "read", "safe_globals", "write"]
