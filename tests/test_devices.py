"""Devices by name, and what is said where there is no GPU."""

import copy
import pickle
import sys
import types

import pytest

import tinyrnn
from tinyrnn import backend, nn


@pytest.mark.parametrize(
    ("given", "kind", "index", "text"),
    [
        (("cpu",), "cpu", None, "cpu"),
        (("cuda",), "cuda", None, "cuda"),
        (("cuda:1",), "cuda", 1, "cuda:1"),
        (("cuda", 0), "cuda", 0, "cuda:0"),
        ((1,), "cuda", 1, "cuda:1"),
        ((tinyrnn.device("cuda:2"),), "cuda", 2, "cuda:2"),
    ],
)
def test_names_of_devices(given, kind, index, text):
    d = tinyrnn.device(*given)
    assert (d.type, d.index, str(d)) == (kind, index, text)
    assert eval(repr(d), {"device": tinyrnn.device}) == d == copy.deepcopy(d) == pickle.loads(pickle.dumps(d))
    assert hash(d) == hash(tinyrnn.device(*given)) and d != tinyrnn.device("cuda:7")
    torch = pytest.importorskip("torch")
    theirs = torch.device(text)
    assert (repr(d), str(d), d.type, d.index) == (repr(theirs), str(theirs), theirs.type, theirs.index)


@pytest.mark.parametrize("wrong", ["gpu", "cuda:x", "cuda:-1", "", "CPU"])
def test_names_that_are_none(wrong):
    with pytest.raises(RuntimeError):
        tinyrnn.device(wrong)
    with pytest.raises(RuntimeError):
        tinyrnn.zeros(2, device=wrong)


def test_everything_is_on_the_cpu_unless_told():
    x = tinyrnn.ones(2, requires_grad=True)
    assert x.device == tinyrnn.device("cpu") and not x.is_cuda
    assert x.to("cpu") is x is x.cpu() is x.to(tinyrnn.device("cpu"), tinyrnn.float32) is x.to(x)
    assert x.to("cpu", tinyrnn.float64).dtype is tinyrnn.float64 is x.to(device="cpu", dtype=tinyrnn.float64).dtype
    assert x.to("cpu", copy=True) is not x
    layer = nn.LSTM(2, 3, device="cpu")
    assert layer.to("cpu") is layer is layer.cpu() and layer.to(tinyrnn.double).weight_hh_l0.dtype is tinyrnn.float64
    with pytest.raises(TypeError, match="floating point"):
        layer.to(tinyrnn.long)


@pytest.fixture
def without_cupy(monkeypatch):
    monkeypatch.setattr(backend, "_probe", backend._probe.__wrapped__)
    monkeypatch.setitem(sys.modules, "cupy", None)


def test_a_gpu_that_is_not_there_is_asked_for(without_cupy):
    assert not tinyrnn.cuda.is_available() and tinyrnn.cuda.device_count() == 0 == tinyrnn.cuda.memory_allocated()
    tinyrnn.cuda.empty_cache()
    for ask in (lambda: tinyrnn.zeros(2, device="cuda"), lambda: tinyrnn.ones(2).cuda(), lambda: nn.GRU(2, 3).to("cuda:0")):
        with pytest.raises(RuntimeError, match="cuda was asked for, but cannot be used: CuPy"):
            ask()


class CUDARuntimeError(RuntimeError):
    pass


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (lambda: 0, "no GPU in this machine"),
        (CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected"), "NVIDIA GPU, and its driver"),
        (CUDARuntimeError("cudaErrorInsufficientDriver: driver version is insufficient"), "update the NVIDIA driver"),
        (lambda: 1, "cannot run a kernel .*toolkit"),
    ],
)
def test_why_a_gpu_cannot_be_used(monkeypatch, count, said):
    def get_device_count():
        if isinstance(count, Exception):
            raise count
        return count()

    runtime = types.SimpleNamespace(getDeviceCount=get_device_count, CUDARuntimeError=CUDARuntimeError)
    fake = types.SimpleNamespace(cuda=types.SimpleNamespace(runtime=runtime), ndarray=type("ndarray", (), {}))
    monkeypatch.setattr(backend, "_probe", backend._probe.__wrapped__)
    monkeypatch.setitem(sys.modules, "cupy", fake)
    with pytest.raises(RuntimeError, match=said):
        tinyrnn.ones(2).cuda()
