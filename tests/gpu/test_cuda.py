"""``tinyrnn.cuda`` and the choice of a device where a GPU can be used."""

from __future__ import annotations

import numpy as np
import pytest

import tinyrnn
from tinyrnn import cuda, devices

pytestmark = pytest.mark.gpu


def test_what_there_is():
    assert cuda.is_available() and cuda.is_initialized() and cuda.device_count() >= 1
    cuda.init()
    cuda.synchronize()
    assert cuda.current_device() == 0
    found = cuda.get_device_properties()
    assert (found.name, (found.major, found.minor)) == (cuda.get_device_name(0), cuda.get_device_capability("cuda:0"))
    assert found.total_memory == cuda.mem_get_info()[1] > 2**28 and found.multi_processor_count > 0


def test_the_current_device():
    cuda.set_device(0)
    for same in (0, "cuda", "cuda:0", tinyrnn.device("cuda"), None, -1):
        with cuda.device(same):
            assert cuda.current_device() == 0
        assert cuda.get_device_name(same) == cuda.get_device_name()
    for ask in (lambda: cuda.set_device(99), lambda: cuda.device(99).__enter__(), lambda: cuda.get_device_name("cuda:99")):
        with pytest.raises(RuntimeError, match="invalid device ordinal"):
            ask()
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        cuda.get_device_name("cpu")


def test_memory_is_counted():
    cuda.empty_cache()
    before = cuda.memory_allocated()
    x = tinyrnn.zeros(256, 1024, device="cuda")
    assert cuda.memory_allocated() - before == 2**20
    del x
    assert cuda.memory_allocated() == before and cuda.memory_reserved() >= before + 2**20
    assert cuda.max_memory_allocated() >= before + 2**20 and cuda.max_memory_reserved() == cuda.memory_reserved()
    cuda.reset_peak_memory_stats()
    assert cuda.max_memory_allocated() < before + 2**20


def test_seeds_serve_both_devices():
    drawn = []
    for seed, device in ((cuda.manual_seed, "cuda"), (cuda.manual_seed_all, "cuda"), (tinyrnn.manual_seed, "cpu")):
        seed(3)
        drawn.append(tinyrnn.randn(5, device=device).cpu().numpy())
    assert np.array_equal(drawn[0], drawn[1]) and np.array_equal(drawn[0], drawn[2])


def test_auto_takes_the_gpu_and_names_it(capsys):
    assert devices.choose("auto") == devices.choose("cuda") == tinyrnn.device("cuda")
    assert devices.choose("cuda:0").index == 0 and devices.choose("cpu").type == "cpu"
    assert capsys.readouterr().err == f"device: cuda ({cuda.get_device_name()})\n"
    with pytest.raises(devices.DeviceError, match="--device cuda:99: CUDA error: invalid device ordinal"):
        devices.choose("cuda:99")
