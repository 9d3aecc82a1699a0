"""From samples to a batch: numbers and arrays become tensors, containers keep their form."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ... import dtypes
from ...creation import as_tensor, tensor
from ...ops.shape import stack
from ...tensor import Tensor

PAD = "pass the DataLoader a collate_fn that pads them, for instance with nn.utils.rnn.pad_sequence, or take batch_size=1"


def default_collate(batch: Sequence) -> Any:
    """One batch of N samples, of whose kind the first decides.

    ================================  ==============================================
    each sample                       the batch
    ================================  ==============================================
    tensor or array of shape S        tensor (N, \\*S) of the same dtype
    ``int`` or ``bool``, ``float``    tensor (N,) ``int64`` or ``bool``, ``float64``
    ``str``, ``bytes``                the samples as they came
    mapping                           mapping of batches, by the first sample's keys
    named tuple; tuple; list          named tuple; list; list, of batches
    ================================  ==============================================

    >>> default_collate([(1, {"name": "a"}), (2, {"name": "b"})])
    [tensor([1, 2]), {'name': ['a', 'b']}]

    Raises:
        RuntimeError: tensors of different shapes, or sequences of different lengths.
        TypeError: samples of another kind.
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return _stack(batch)
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "SUO":
            raise _not_possible(first.dtype)
        return _stack([as_tensor(b) for b in batch])
    if isinstance(first, (np.bool_, np.number)):  # before float, which numpy.float64 is too
        return as_tensor(batch)
    if isinstance(first, float):
        return tensor(batch, dtype=dtypes.float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _mapping_like(first, {key: default_collate([sample[key] for sample in batch]) for key in first})
    if isinstance(first, Sequence):
        _check_lengths(batch)
        return _sequence_like(first, [default_collate(parts) for parts in zip(*batch)])
    raise _not_possible(type(first))


def default_convert(data: Any) -> Any:
    """One sample, its arrays made tensors that share their memory; numbers and strings stay as they are.

    What a :class:`DataLoader` does to samples that it does not batch.

    >>> import numpy as np
    >>> default_convert({"ids": np.arange(3), "name": "a"})
    {'ids': tensor([0, 1, 2]), 'name': 'a'}
    """
    if isinstance(data, (Tensor, str, bytes)):
        return data
    if isinstance(data, np.ndarray) and data.dtype.kind in "SUO":
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return as_tensor(data)
    if isinstance(data, Mapping):
        return _mapping_like(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, Sequence):
        return _sequence_like(data, [default_convert(part) for part in data])
    return data


def _stack(tensors: Sequence[Any]) -> Tensor:
    shape = tensors[0].shape
    for k, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(f"default_collate: sample 0 of the batch is a Tensor, but sample {k} is {type(t).__name__}")
        if t.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but sample 0 of the batch has shape {tuple(shape)} and sample {k} "
                f"{tuple(t.shape)}: {PAD}"
            )
    return stack(tensors)


def _check_lengths(batch: Sequence[Any]) -> None:
    for k, sample in enumerate(batch):
        if len(sample) != len(batch[0]):
            raise RuntimeError(
                f"each element in list of batch should be of equal size, but sample 0 has {len(batch[0])} elements and sample {k} "
                f"{len(sample)}. If they are sequences of numbers, make tensors of them and {PAD}"
            )


def _not_possible(found: Any) -> TypeError:
    return TypeError(f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {found}")


def _mapping_like(example: Mapping, parts: dict) -> Any:
    """``parts`` in a mapping of the example's class, with whatever else the example carries."""
    try:
        if isinstance(example, MutableMapping):
            filled = copy.copy(example)
            filled.update(parts)
            return filled
        return type(example)(parts)  # type: ignore[call-arg]
    except TypeError:  # a class that is not made from a dict
        return parts


def _sequence_like(example: Sequence, parts: list) -> Any:
    """``parts`` in a sequence of the example's class; a list for a tuple without names."""
    if isinstance(example, tuple):
        return type(example)(*parts) if hasattr(example, "_fields") else parts
    try:
        if isinstance(example, MutableSequence):
            filled = copy.copy(example)
            for k, part in enumerate(parts):
                filled[k] = part
            return filled
        return type(example)(parts)  # type: ignore[call-arg]
    except TypeError:  # such as range
        return parts
