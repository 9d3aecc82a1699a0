"""GPUs are CuPy's. ``torch.backends.cuda``."""

from types import SimpleNamespace

from ..cuda import is_available as is_built

__all__ = ["is_built", "matmul"]

matmul = SimpleNamespace(allow_tf32=False)
