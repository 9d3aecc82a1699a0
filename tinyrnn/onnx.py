"""There is no ONNX exporter: it is refused, with the way round."""

from typing import Any, NoReturn

from .names import REASONS, missing_from

__getattr__ = missing_from(__name__)


def export(model: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """``torch.onnx.export``: refused.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(f"torch.onnx.export is not here: {REASONS['onnx']}")
