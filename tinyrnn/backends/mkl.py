"""Which library multiplies matrices is NumPy's choice. ``torch.backends.mkl``."""

import numpy as np


def is_available() -> bool:
    """Whether NumPy was built with MKL."""
    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    return "mkl" in blas.get("name", "")
