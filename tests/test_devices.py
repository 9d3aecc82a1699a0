"""Devices by name, and what is said where there is no GPU."""

import copy
import pickle
import sys
import types

import pytest

import tinyrnn
from tinyrnn import backend, devices, nn


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


# -- which device a program takes --


def test_auto_takes_the_cpu_where_there_is_no_gpu_and_says_so_in_a_word(without_cupy, capsys):
    assert devices.choose("auto") == devices.choose() == devices.choose("cpu") == tinyrnn.device("cpu")
    assert capsys.readouterr().err == "device: cpu\n" * 2  # nobody needs to be told what they have asked for


def test_auto_says_why_a_gpu_is_passed_over_and_takes_one_that_works(monkeypatch, capsys):
    monkeypatch.setattr(devices, "why_no_cuda", lambda: "its driver is too old")
    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda name: object())
    assert devices.choose("auto").type == "cpu"
    monkeypatch.setattr(devices, "why_no_cuda", lambda: None)
    monkeypatch.setattr(devices, "name_of", lambda where: "GeForce")
    assert devices.choose("auto") == tinyrnn.device("cuda")
    assert capsys.readouterr().err == "device: cpu (its driver is too old)\ndevice: cuda (GeForce)\n"


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "gpu", "cuda:x", ""])
def test_what_cannot_be_chosen_is_an_error(without_cupy, name):
    said = "pip install" if name in ("cuda", "cuda:1") else "Expected one of|Invalid device string"
    with pytest.raises(devices.DeviceError, match=f"--device {name}: .*({said})"):
        devices.choose(name)


# -- torch.cuda --


def test_without_a_gpu_what_needs_one_says_why(without_cupy):
    cuda = tinyrnn.cuda
    assert not cuda.is_initialized() and not cuda.is_bf16_supported()
    assert cuda.memory_reserved() == cuda.max_memory_allocated() == cuda.max_memory_reserved() == 0
    cuda.reset_peak_memory_stats()
    cuda.manual_seed_all(3)
    assert cuda.initial_seed() == 3
    cuda.seed()
    assert cuda.initial_seed() != 3
    needy = (
        cuda.init, cuda.current_device, cuda.synchronize, cuda.get_device_name, cuda.get_device_capability,
        cuda.get_device_properties, cuda.mem_get_info, lambda: cuda.set_device(0), lambda: cuda.device(0).__enter__(),
    )  # fmt: skip
    for ask in needy:
        with pytest.raises(RuntimeError, match="pip install"):
            ask()
    with pytest.raises(AttributeError, match="float32"):
        cuda.amp  # noqa: B018
