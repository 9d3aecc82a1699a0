"""What PyTorch answers: asked live where it is installed, read from a golden file where it is not.

``pytest --write-golden`` (on one process) writes the answers of the tests that it runs. Where PyTorch is installed, a file that
says something else than PyTorch itself fails the test, so the files cannot go stale.
"""

from __future__ import annotations

import atexit
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

try:
    import torch
except ImportError:
    torch = None  # type: ignore[assignment]

KINDS = (AttributeError, IndexError, TypeError, ValueError, NotImplementedError, RuntimeError)
_write = False  # set by conftest.py


def write_golden() -> None:
    """Answers asked from now on replace the files."""
    global _write
    if torch is None:
        raise pytest.UsageError("--write-golden asks PyTorch, which is not installed: pip install torch==2.13.0")
    _write = True


class Answers:
    """Named answers of PyTorch, kept in one file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.kept: dict[str, Any] = json.loads(gzip.decompress(file.read_bytes())) if file.exists() else {}
        self._new: dict[str, Any] = {}

    def of(self, name: str, ask: Callable[[Any], Any]) -> Any:
        """What ``ask(torch)`` gives, described by :func:`described`, so that a file can hold it."""
        if torch is None:
            assert name in self.kept, f"{self.file.name} has no {name!r}: write it where PyTorch is, pytest --write-golden"
            return self.kept[name]
        answer = json.loads(json.dumps(described(ask(torch))))
        if not _write:
            assert name in self.kept, f"{self.file.name} has no {name!r}: pytest --write-golden"
            differ(answer, self.kept[name], f"{self.file.name} is not what PyTorch says of {name!r} (pytest --write-golden)")
        elif not self._new:
            atexit.register(self._save)
        self._new[name] = answer
        return answer

    def _save(self) -> None:
        answers = {**self.kept, **self._new}
        text = "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(answers[k])}" for k in sorted(answers)) + "\n}\n"
        self.file.write_bytes(gzip.compress(text.encode(), mtime=0))


def described(x: Any) -> Any:
    """A result in words and numbers that are the same for both libraries: tensors by dtype, shape and values, errors by their kind."""
    if isinstance(x, Exception):
        return {"error": next(kind.__name__ for kind in KINDS if isinstance(x, kind))}
    if isinstance(x, dict):
        return {"dict": {k: described(v) for k, v in x.items()}}
    if hasattr(x, "requires_grad"):
        values = x.detach().cpu().numpy()
        return {
            "dtype": str(x.dtype).split(".")[1],
            "shape": list(x.shape),
            "values": values.ravel().tolist(),
            "requires_grad": x.requires_grad,
        }
    if isinstance(x, np.ndarray):
        return {"shape": list(x.shape), "values": x.ravel().tolist()}
    kind = type(x).__name__
    if kind in ("dtype", "device"):
        return {"text": str(x).replace("tinyrnn", "torch")}
    if isinstance(x, (tuple, list)):
        return {"items": [described(one) for one in x], "fields": list(getattr(x, "_fields", ()))}
    return {"type": kind, "value": x if isinstance(x, (bool, int, float, str, type(None))) else repr(x)}


def differ(mine: Any, its: Any, what: str, tolerance: float | None = None, history: bool = True) -> None:
    """Fail, saying where, unless two descriptions agree: floats to ``tolerance`` (by dtype, if ``None``), the rest exactly.

    Without ``history``, tensors may differ in whether they require a gradient.
    """
    if "error" in its:
        assert "error" in mine, f"{what}: PyTorch raises {its['error']}, tinyrnn gives {mine}"
        kinds = {kind.__name__: kind for kind in KINDS}
        assert issubclass(kinds[mine["error"]], kinds[its["error"]]), f"{what}: {mine}, PyTorch {its}"
        return
    assert "error" not in mine, f"{what}: only tinyrnn refuses: {mine}"
    assert mine.keys() == its.keys(), f"{what}: {mine}, PyTorch {its}"
    if "items" in its:
        assert len(mine["items"]) == len(its["items"]), what
        assert mine["fields"] == its["fields"] or not its["fields"], what
        for k, (one, other) in enumerate(zip(mine["items"], its["items"])):
            differ(one, other, f"{what}[{k}]", tolerance, history)
    elif "dict" in its:
        assert mine["dict"].keys() == its["dict"].keys(), what
        for k, other in its["dict"].items():
            differ(mine["dict"][k], other, f"{what} {k}", tolerance, history)
    elif "values" in its:
        for fact in ("dtype", "shape", "requires_grad"):
            if fact != "requires_grad" or history:
                assert mine.get(fact) == its.get(fact), f"{what}: {fact} is {mine.get(fact)}, PyTorch's {its.get(fact)}"
        limit = tolerance if tolerance is not None else {"float32": 1e-6, "float16": 1e-3}.get(its.get("dtype"), 1e-12)
        np.testing.assert_allclose(mine["values"], its["values"], rtol=limit, atol=limit, err_msg=what)
    else:
        assert mine == its, what
