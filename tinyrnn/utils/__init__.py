"""What stands beside the models, under PyTorch's name: ``utils.data`` reads data in batches."""

from ..names import missing_from
from . import checkpoint, data

__all__ = ["checkpoint", "data"]

__getattr__ = missing_from(__name__)
