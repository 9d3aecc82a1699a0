"""What is said of a PyTorch name that is not here: that it is not, why where there is a reason, and what is nearest."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

_COMPILER = "there is nothing to compile: every operation runs as NumPy or CuPy code. Call the function or the model as it is"
_TORCH_FILE = "save the weights with tinyrnn.save(model.state_dict(), path), load them in PyTorch, and do it there"
_IMAGES = "tinyrnn is for sequences; of convolutions there is nn.Conv1d"
_PRECISION = "train in float32"

REASONS = {
    "Conv2d": _IMAGES,
    "Conv3d": _IMAGES,
    "ConvTranspose2d": _IMAGES,
    "MaxPool2d": _IMAGES,
    "BatchNorm2d": _IMAGES,
    "conv2d": _IMAGES,
    "max_pool2d": _IMAGES,
    "amp": _PRECISION,
    "autocast": _PRECISION,
    "GradScaler": _PRECISION,
    "bfloat16": "neither NumPy nor CuPy has this type. Use float32 or float16",
    "complex64": "tensors are real. Use a pair of them",
    "complex128": "tensors are real. Use a pair of them",
    "compile": _COMPILER,
    "jit": _COMPILER,
    "fx": _COMPILER,
    "onnx": _TORCH_FILE,
    "export": _TORCH_FILE,
    "hub": _TORCH_FILE,
    "quantization": _TORCH_FILE,
    "ao": _TORCH_FILE,
    "distributed": "one process computes on one device",
    "multiprocessing": "one process computes on one device",
    "sparse": "tensors are dense; the gradient of a large nn.Embedding keeps only the rows that were read, by itself",
    "tensorboard": "draw curves with tinyrnn.lm.Plot, or log run.loss from a callback",
    "profiler": "use Python's own: python -m cProfile",
}
"""Why a name is not here and what to do instead, wherever in PyTorch it stands."""


def missing(module: str, name: str) -> Exception:
    """The error for a name that ``module`` lacks: an ``AttributeError``; in ``from module import name`` an ``ImportError``.

    >>> import tinyrnn
    >>> tinyrnn.nn.LSTMcell  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    AttributeError: module 'tinyrnn.nn' has no attribute 'LSTMcell'. The nearest here: tinyrnn.nn.LSTMCell...
    """
    text = f"module {module!r} has no attribute {name!r}"
    if name.startswith("__"):  # Python itself asks for such names, and takes no for an answer
        return AttributeError(text)
    if reason := REASONS.get(name):
        text += f": {reason}"
    elif near := nearest(module, name):
        text += f". The nearest here: {', '.join(near)}"
    else:
        text += ", and nothing like it is here"
    import dis  # here, and difflib below: what only errors need does not slow every import down

    asking = sys._getframe(1)
    while asking.f_globals.get("__name__") in (__name__, module) and asking.f_back is not None:
        asking = asking.f_back
    # Python would put a bare "cannot import name" in place of an AttributeError.
    if dis.opname[asking.f_code.co_code[asking.f_lasti]] == "IMPORT_FROM":
        return ImportError(text, name=module)
    return AttributeError(text)


def nearest(module: str, name: str) -> list[str]:
    """Up to three full names like ``name``: the same one in another room, or one that is spelt like it."""
    import difflib

    root = module.partition(".")[0]
    rooms = {m: vars(sys.modules[m]) for m in sorted(sys.modules) if m == root or m.startswith(f"{root}.")}
    public = {m for m in rooms if not any(part.startswith("_") for part in m.split("."))}
    where: dict[str, str] = {}  # the shortest path to each public name; the module in hand comes first
    for room in sorted(public, key=lambda m: (m != module, m.count("."), len(m))):
        for known, value in rooms[room].items():
            if not known.startswith("_") and (callable(value) or isinstance(value, type)):
                where.setdefault(known, room)
    found = [name] if name in where else []
    lower = {known.lower(): known for known in where}
    if name.lower() in lower:
        found.append(lower[name.lower()])
    own = [known for known, room in where.items() if room == module]
    found += difflib.get_close_matches(name, own, cutoff=0.7) + difflib.get_close_matches(name, where, cutoff=0.8)
    return [f"{where[known]}.{known}" for known in dict.fromkeys(found)][:3]


def missing_from(module: str) -> Callable[[str], NoReturn]:
    """A ``__getattr__`` for a module: what to raise for a name that it lacks."""

    def __getattr__(name: str) -> NoReturn:
        raise missing(module, name)

    return __getattr__
