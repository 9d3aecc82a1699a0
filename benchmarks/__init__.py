"""tinyrnn against PyTorch (and JAX) on the same CPU: ``python -m benchmarks``. Agreement first, then time."""
