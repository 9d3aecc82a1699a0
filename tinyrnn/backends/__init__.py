"""What programs ask of PyTorch's backends, answered truly. ``torch.backends``.

Flags such as ``cudnn.deterministic`` and ``cudnn.benchmark`` can be set and do nothing: the same seeds give the same
numbers in any case.
"""

from . import cuda, cudnn, mkl, mps

__all__ = ["cuda", "cudnn", "mkl", "mps"]
