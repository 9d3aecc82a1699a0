"""Datasets, samplers and the loader that makes batches of them, as in ``torch.utils.data``.

A dataset knows its samples, a sampler the order to read them in, :func:`default_collate` how to make a batch of them;
a :class:`DataLoader` puts the three together.

>>> import tinyrnn
>>> from tinyrnn.utils.data import DataLoader, TensorDataset
>>> pairs = TensorDataset(tinyrnn.arange(5), tinyrnn.arange(5) ** 2)
>>> for x, y in DataLoader(pairs, batch_size=2):
...     print(x, y)
tensor([0, 1]) tensor([0, 1])
tensor([2, 3]) tensor([4, 9])
tensor([4]) tensor([16])

For a text that goes on from batch to batch, whose hidden state is to be carried, see :mod:`tinyrnn.text`.
"""

from ...names import missing_from
from .collate import default_collate, default_convert
from .dataloader import DataLoader, get_worker_info
from .dataset import ChainDataset, ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset, random_split
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, SubsetRandomSampler, WeightedRandomSampler

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
]

__getattr__ = missing_from(__name__)
