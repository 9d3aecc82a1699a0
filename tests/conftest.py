"""Settings for every test: hypothesis profiles, and PyTorch on one thread where it is installed."""

import os

import pytest
from hypothesis import settings

settings.register_profile("dev", max_examples=25, deadline=None)
settings.register_profile("ci", max_examples=60, deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

try:
    import torch
except ImportError:
    pass
else:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def no_leaked_state():
    """A test that leaves recording switched off, or the default dtype changed, fails."""
    import tinyrnn

    tinyrnn.manual_seed(0)
    yield
    assert tinyrnn.is_grad_enabled(), "the test left gradients switched off"
    assert tinyrnn.get_default_dtype() is tinyrnn.float32, "the test left another default dtype"
