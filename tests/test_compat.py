"""``import torch`` inside ``as_torch()``, names that are not here, and what PyTorch's programs ask of the machine."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import pytest

import tinyrnn
from tinyrnn.compat import as_torch


def test_torch_is_tinyrnn_and_its_modules_are_the_same_objects():
    import tinyrnn.nn.functional
    import tinyrnn.optim.adam

    with as_torch() as torch:
        import torch as imported
        import torch.nn as nn
        import torch.nn.functional as F
        import torch.optim.adam
        from torch import Tensor
        from torch.utils.data import DataLoader

        assert imported is torch is tinyrnn
        assert nn is tinyrnn.nn and F is tinyrnn.nn.functional and Tensor is tinyrnn.Tensor
        assert torch.optim.adam is sys.modules["torch.optim.adam"] is sys.modules["tinyrnn.optim.adam"]
        assert DataLoader is tinyrnn.utils.data.DataLoader
        for name, module in list(sys.modules.items()):
            if name.startswith("torch.") and module.__spec__ is not None:
                assert module.__spec__.name == "tinyrnn" + name[len("torch") :], "its own spec, for pickle and reload"
        with pytest.raises(ModuleNotFoundError, match=r"tinyrnn has no 'tinyrnn[.]nowhere'") as caught:
            importlib.import_module("torch.nowhere")
        assert caught.value.name == "torch.nowhere"


def test_types_print_by_pytorchs_name_inside():
    outside = f"{tinyrnn.ones(2).shape} {tinyrnn.float32}"
    with as_torch() as torch:
        assert f"{torch.ones(2).shape} {torch.float32}" == "torch.Size([2]) torch.float32"
        assert repr(torch.ones(1, dtype=torch.float64)) == "tensor([1.], dtype=torch.float64)"
        assert str(type(torch.ones(1))) == "<class 'torch.Tensor'>" and str(torch.Size) == "<class 'torch.Size'>"
        assert str(type(torch.nn.Linear(1, 1).weight)) == "<class 'torch.nn.parameter.Parameter'>"
    assert f"{tinyrnn.ones(2).shape} {tinyrnn.float32}" == outside == "tinyrnn.Size([2]) tinyrnn.float32"


@pytest.mark.parametrize("failing", [False, True])
def test_what_was_imported_before_comes_back(failing, monkeypatch):
    package, module = ModuleType("torch"), ModuleType("torch.nn")
    for name in [name for name in sys.modules if name == "torch" or name.startswith("torch.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", package)
    monkeypatch.setitem(sys.modules, "torch.nn", module)
    finders = list(sys.meta_path)
    try:
        with as_torch():
            import torch.nn.init

            assert torch.nn.init is tinyrnn.nn.init
            if failing:
                raise KeyError
    except KeyError:
        assert failing
    assert {name: m for name, m in sys.modules.items() if name == "torch" or name.startswith("torch.")} == {
        "torch": package,
        "torch.nn": module,
    }
    assert sys.meta_path == finders


def test_one_inside_the_other():
    before = sys.modules.get("torch")
    with as_torch():
        with as_torch():
            pass
        import torch

        assert torch is tinyrnn and repr(torch.int64) == "torch.int64"
    assert sys.modules.get("torch") is before


NEAREST = {
    "tinyrnn.nn.LSTMcell": "tinyrnn.nn.LSTMCell",
    "tinyrnn.LSTM": "tinyrnn.nn.LSTM",
    "tinyrnn.nn.Adam": "tinyrnn.optim.Adam",
    "tinyrnn.nn.functional.crossentropy": "tinyrnn.nn.functional.cross_entropy",
    "tinyrnn.optim.lr_scheduler.StepLr": "tinyrnn.optim.lr_scheduler.StepLR",
    "tinyrnn.utils.data.Dataloader": "tinyrnn.utils.data.DataLoader",
    "tinyrnn.nn.utils.clip_grad_norms": "tinyrnn.nn.utils.clip_grad_norm_",
    "tinyrnn.bfloat16": "float32",
    "tinyrnn.nn.Conv2d": "nn.Conv1d",
    "tinyrnn.compile": "Call the function",
    "tinyrnn.cuda.amp": "float32",
    "tinyrnn.zorg": "nothing like it is here",
}


@pytest.mark.parametrize("path", NEAREST)
def test_a_name_that_is_not_here(path):
    module, _, name = path.rpartition(".")
    room = importlib.import_module(module)
    with pytest.raises(AttributeError) as caught:
        getattr(room, name)
    assert str(caught.value).startswith(f"module {module!r} has no attribute {name!r}") and NEAREST[path] in str(caught.value)
    assert not hasattr(room, name)
    with pytest.raises(ImportError) as caught:
        exec(f"from {module} import {name}")
    assert NEAREST[path] in str(caught.value), "python's own text would be 'cannot import name'"


@pytest.mark.parametrize("path", ["jit.script", "jit.trace", "onnx.export"])
def test_what_is_refused_says_why(path):
    room, _, name = path.partition(".")
    with pytest.raises(NotImplementedError, match=rf"torch\.{path} is not here: .{{20}}"):
        getattr(getattr(tinyrnn, room), name)(tinyrnn.nn.Linear(2, 2), None)


def test_backends_and_accelerator_answer_truly():
    backends, accelerator = tinyrnn.backends, tinyrnn.accelerator
    assert not backends.cudnn.is_available() and backends.cudnn.version() is None
    assert not backends.mps.is_available() and not backends.mps.is_built()
    assert backends.mkl.is_available() in (True, False)
    assert backends.cuda.is_built() == tinyrnn.cuda.is_available() == accelerator.is_available()
    assert accelerator.device_count() == tinyrnn.cuda.device_count()
    expected = tinyrnn.device("cuda") if accelerator.is_available() else None
    assert accelerator.current_accelerator() == expected
