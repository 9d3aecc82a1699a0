"""What stands beside the models, under PyTorch's name: ``utils.data`` reads data in batches."""

from . import data

__all__ = ["data"]
