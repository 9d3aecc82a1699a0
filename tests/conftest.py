"""Settings for every test: hypothesis profiles, and PyTorch on one thread where it is installed."""

import os

import pytest
from hypothesis import settings

from .pytorch_says import write_golden

settings.register_profile("dev", max_examples=25, deadline=None)
settings.register_profile("ci", max_examples=60, deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

try:
    import torch
except ImportError:
    pass
else:
    torch.set_num_threads(1)


def pytest_addoption(parser):
    parser.addoption("--write-golden", action="store_true", help="write what PyTorch says into the golden files")


def pytest_configure(config):
    if config.getoption("--write-golden"):
        write_golden()


@pytest.fixture(autouse=True)
def no_leaked_state():
    """A test that leaves recording switched off, or the default dtype changed, fails."""
    import tinyrnn

    tinyrnn.manual_seed(0)
    yield
    assert tinyrnn.is_grad_enabled(), "the test left gradients switched off"
    assert tinyrnn.get_default_dtype() is tinyrnn.float32, "the test left another default dtype"
