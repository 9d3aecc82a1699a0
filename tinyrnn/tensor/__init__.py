"""``Tensor`` and ``Parameter``: an array, its gradient, and the operations as operators and methods.

Reading order: ``tensor.py`` (values, gradients, indexing), ``facts.py`` (shape, dtype, device), ``methods.py`` (what gives a
new one), ``inplace.py`` and ``mutation.py`` (what changes it), then the borders: ``arrays.py`` (data into tensors),
``numpy_bridge.py``, ``printing.py``, ``sampling.py``, ``legacy.py``.
"""

from .facts import Size
from .methods import where_and_what
from .tensor import Parameter, RemovableHandle, RowGradient, Tensor

__all__ = ["Parameter", "RemovableHandle", "RowGradient", "Size", "Tensor", "where_and_what"]
