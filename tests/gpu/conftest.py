"""These tests need a GPU, or CuPy on a simulated one: ``pytest -p cupysim.pytest_plugin -m gpu``."""

import pytest

from tinyrnn.backend import why_no_cuda


def pytest_collection_modifyitems(items):
    reason = why_no_cuda()
    for item in items:
        # The simulated device leaves files to the garbage collector.
        item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"))
        if reason is not None and item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason=reason))
