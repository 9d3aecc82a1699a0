"""A program written for PyTorch, run as it is with PyTorch and with tinyrnn, and everything that it leaves compared."""

import contextlib
import io
import re
import runpy
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import tinyrnn
from tinyrnn.compat import as_torch

from .same_draws import same_draws

HERE = Path(__file__).parent


class Run(NamedTuple):
    """What a program left: its variables, and what it printed."""

    variables: dict
    printed: str


def run(program, library, folder):
    """The program, a path, run in ``folder`` with ``"torch"`` or ``"tinyrnn"`` as what ``import torch`` gives; ``None`` leaves it."""
    context = {"torch": same_draws, "tinyrnn": as_torch, None: lambda: contextlib.nullcontext(tinyrnn)}[library]
    with contextlib.ExitStack() as stack:
        torch = stack.enter_context(context())
        tinyrnn.manual_seed(0)
        before = torch.get_default_dtype()
        stack.callback(torch.set_default_dtype, before)
        modules = set(sys.modules)
        stack.callback(lambda: [sys.modules.pop(name) for name in set(sys.modules) - modules if _stands_in(sys.modules[name])])
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        printed = stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.chdir(folder)
        patch.syspath_prepend(str(HERE / "stand_ins"))
        patch.setattr(sys, "argv", [str(program)])
        variables = runpy.run_path(str(program), run_name="__main__")
        return Run(variables, printed.getvalue())


def _stands_in(module):
    file = vars(module).get("__file__")
    return file is not None and Path(file).resolve().is_relative_to(HERE / "stand_ins")


def numbers(value):
    """What can be compared of a variable, as (where, array) pairs: numbers, tensors, the state of modules, and lists of them."""
    if isinstance(value, type):
        return
    if isinstance(value, (bool, int, float, np.ndarray, np.generic)):
        if np.asarray(value).dtype.kind in "biuf":
            yield "", np.asarray(value)
    elif hasattr(value, "state_dict") and hasattr(value, "named_parameters"):
        for name, tensor in value.state_dict().items():
            yield f".{name}", tensor.detach().cpu().numpy()
        for name, p in value.named_parameters():
            if p.grad is not None:
                yield f".{name}.grad", p.grad.detach().cpu().numpy()
    elif hasattr(value, "detach") and hasattr(value, "numpy"):
        yield "", value.detach().cpu().numpy()
    elif isinstance(value, dict):
        for key, element in value.items():
            for where, array in numbers(element):
                yield f"[{key!r}]{where}", array
    elif isinstance(value, (list, tuple)):
        for key, element in enumerate(value):
            for where, array in numbers(element):
                yield f"[{key}]{where}", array


def same(ours, theirs, tolerance=1e-8):
    """The two runs printed the same, and each variable holds equal numbers; ``losses`` first, since they tell the step.

    Optimisers count their steps in tensors in PyTorch, in numbers here.
    """
    order = sorted(theirs.variables, key=lambda name: (name != "losses", name))
    for name in order:
        if name.startswith("__"):
            continue
        mine, their = ({w: a for w, a in numbers(run.variables[name]) if not w.endswith("['step']")} for run in (ours, theirs))
        assert mine.keys() == their.keys(), f"{name}: only in tinyrnn {mine.keys() - their}, only in PyTorch {their.keys() - mine}"
        for where, array in their.items():
            assert mine[where].dtype == array.dtype, f"{name}{where}: {mine[where].dtype}, PyTorch {array.dtype}"
            np.testing.assert_allclose(mine[where], array, rtol=tolerance, atol=tolerance, err_msg=name + where)
    assert comparable(ours.printed) == comparable(theirs.printed)


def comparable(text):
    """Without the names of operations (``grad_fn=<...>``), which are each library's own, and without last digits."""
    text = re.sub(r"grad_fn=<\w+>", "grad_fn=<...>", text)
    return re.sub(r"\d+\.\d{9,}(e-?\d+)?", lambda digits: f"{float(digits[0]):.6g}", text)
