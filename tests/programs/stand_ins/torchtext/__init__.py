"""Stand-in for what two notebooks call of torchtext 0.3: fields, language-model data, BPTT batches."""

from . import data as data
from . import datasets as datasets
from . import vocab as vocab
