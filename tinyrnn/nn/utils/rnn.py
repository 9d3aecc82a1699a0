"""Batches of sequences of unequal lengths: padded to one tensor, or packed so that no step computes padding.

Sequences ``abc``, ``d`` and ``ef`` are, padded, time first, and packed::

    a d e
    b 0 f    packed: a e d | b f | c    batch_sizes 3, 2, 1    sorted_indices 0, 2, 1
    c 0 0

Packed, the longest sequence comes first, so those that a step still reaches are the first ones of the step before.
Recurrent layers take either; see :class:`tinyrnn.sequence.steps.Steps`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ... import dtypes
from ...backend import as_library_of, to_host, xp_of
from ...creation import as_tensor
from ...engine import need_tensors, wrap
from ...ops.rows import pick, place
from ...ops.shape import cat, reshape, split
from ...sequence.steps import Steps, steps_of
from ...tensor import Tensor


class _Fields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Fields):
    """What :func:`pack_padded_sequence` and :func:`pack_sequence` make. ``torch.nn.utils.rnn.PackedSequence``.

    Args:
        data: the elements of all steps, one step after the other, (Σ batch_sizes, *).
        batch_sizes: how many sequences reach each step, (T,), integers, never on a GPU.
        sorted_indices: which of the original sequences stands where, (N,), if they were sorted.
        unsorted_indices: where each of the original sequences stands; found from ``sorted_indices`` unless given.
    """

    def __new__(cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None) -> PackedSequence:
        if batch_sizes is None:
            if not (isinstance(data, (list, tuple)) and len(data) == 2):
                raise AssertionError("PackedSequence: without batch_sizes, data should be a pair (data, batch_sizes)")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError("batch_sizes should always be on CPU: they direct the loop over time. pack_sequence() leaves them there")
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """``data.to(...)``, and the order beside it; itself if nothing changes."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        order = [None if t is None else t.to(data.device) for t in self[2:]]
        return type(self)(data, self.batch_sizes, *order)

    def cuda(self, device: Any = None, non_blocking: bool = False) -> PackedSequence:
        """To a GPU: the current one, unless another is given."""
        return self.to("cuda" if device is None else device)

    def cpu(self) -> PackedSequence:
        """To the computer's memory."""
        return self.to("cpu")

    def float(self) -> PackedSequence:
        """With data of float32; the other names of dtypes likewise."""
        return self.to(dtypes.float32)

    def double(self) -> PackedSequence:
        return self.to(dtypes.float64)

    def half(self) -> PackedSequence:
        return self.to(dtypes.float16)

    def long(self) -> PackedSequence:
        return self.to(dtypes.int64)

    def int(self) -> PackedSequence:
        return self.to(dtypes.int32)

    def short(self) -> PackedSequence:
        return self.to(dtypes.int16)

    def char(self) -> PackedSequence:
        return self.to(dtypes.int8)

    def byte(self) -> PackedSequence:
        return self.to(dtypes.uint8)

    def pin_memory(self) -> PackedSequence:
        """Itself: memory is never pinned here."""
        return self

    def is_pinned(self) -> bool:
        """False."""
        return False

    @property
    def is_cuda(self) -> bool:
        """Whether ``data`` is on a GPU."""
        return self.data.is_cuda

    @property
    def device(self) -> Any:
        """Where ``data`` is."""
        return self.data.device

    @property
    def steps(self) -> Steps:
        """Which row of ``data`` belongs to which step.

        Raises:
            RuntimeError: batch sizes that grow, or do not add up to the rows of ``data``.
        """
        steps = steps_of(tuple(self.batch_sizes.tolist()))
        if len(self.data) != steps.rows:
            raise RuntimeError(f"PackedSequence: the batch_sizes add up to {steps.rows}, but data has {len(self.data)} rows")
        return steps


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Where each number stands in a permutation of 0 ... N - 1. ``torch.nn.utils.rnn.invert_permutation``."""
    if permutation is None:
        return None
    p = permutation.array
    y = xp_of(p).empty_like(p)
    y[p] = xp_of(p).arange(p.size, dtype=p.dtype)
    return wrap(y)


def pack_padded_sequence(input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True) -> PackedSequence:
    """Pack (T, N, *), or (N, T, *) with ``batch_first``, without what lies behind each sequence's end.

    Args:
        input: the padded sequences.
        lengths: how long each is: a list, tuple, array or tensor (not on a GPU) of N positive integers.
        batch_first: whether ``input`` is (N, T, *).
        enforce_sorted: insist that the longest sequence comes first, and each is at most as long as the one before. With
            ``False`` they are sorted here, and results come back in the original order.

    Raises:
        RuntimeError: lengths that are not sorted, not positive, too large, too many or too few.

    >>> import tinyrnn
    >>> from tinyrnn.nn.utils.rnn import pack_padded_sequence
    >>> x = tinyrnn.tensor([[1, 2, 0], [3, 0, 0], [4, 5, 6]])
    >>> pack_padded_sequence(x, [2, 1, 3], batch_first=True, enforce_sorted=False)
    PackedSequence(data=tensor([4, 1, 3, 5, 2, 6]), batch_sizes=tensor([3, 2, 1]), sorted_indices=tensor([2, 0, 1]),
    unsorted_indices=tensor([1, 2, 0]))
    """
    need_tensors("pack_padded_sequence", input=input)
    if input.ndim < 2:
        raise IndexError(
            f"pack_padded_sequence(): input should be (T, N, *) or (N, T, *), two axes or more; it has shape {tuple(input.shape)}"
        )
    lengths = as_tensor(lengths, dtype=dtypes.int64)
    if lengths.is_cuda or lengths.ndim != 1:
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.ndim}D on {lengths.device}: lengths.cpu()"
        )
    T, N = (input.shape[1], input.shape[0]) if batch_first else tuple(input.shape[:2])
    if input.numel() == 0 or len(lengths) == 0:
        raise RuntimeError(f"Cannot pack empty tensors: input has shape {tuple(input.shape)}, and there are {len(lengths)} lengths.")
    if len(lengths) != N:
        first = "" if batch_first or len(lengths) != T else ". If the input is (N, T, *), pass batch_first=True"
        raise RuntimeError(f"Expected `len(lengths)` to be equal to batch_size, but got {len(lengths)} (batch_size={N}){first}")
    given = lengths.array
    if given.min() < 1:
        raise RuntimeError(
            f"Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0: {given[given < 1][0]} "
            f"at place {int((given < 1).argmax())}. Leave such sequences out of the batch"
        )
    if given.max() > T:
        raise RuntimeError(f"pack_padded_sequence(): a length is {given.max()}, but the input has only T={T} steps")
    if not enforce_sorted:
        order = np.argsort(-given, kind="stable")
        given = given[order]
    elif (given[1:] > given[:-1]).any():
        k = int((given[1:] > given[:-1]).argmax())
        raise RuntimeError(
            f"`lengths` array must be sorted in decreasing order when `enforce_sorted` is True, but {given[k]} is followed by "
            f"{given[k + 1]} (at place {k + 1}). Pass enforce_sorted=False: then the sequences are sorted for the packing, and outputs "
            "and states come back in the order given here"
        )
    sizes = len(given) - np.searchsorted(given[::-1], np.arange(given[0]), side="right")  # how many are longer than t
    steps = steps_of(tuple(sizes.tolist()))
    rows = _rows_of(steps, steps.sequence if enforce_sorted else order[steps.sequence], T, batch_first)
    data = pick(_flat(input), rows=as_library_of(input.array, rows))
    indices = None if enforce_sorted else wrap(as_library_of(input.array, order))
    return PackedSequence(data, wrap(sizes), indices)


def _flat(input: Tensor) -> Tensor:
    """The first two axes made one."""
    return reshape(input, shape=(input.shape[0] * input.shape[1], *input.shape[2:]))


def _rows_of(steps: Steps, sequence: np.ndarray, T: int, batch_first: bool) -> np.ndarray:
    """Where the packed elements are in a padded tensor with its first two axes made one."""
    return sequence * T + steps.step if batch_first else steps.step * steps.N + sequence


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The sequences, in their original order, padded to (T, N, *) or (N, T, *); and their lengths (N,), never on a GPU.

    Raises:
        ValueError: ``total_length``, the T to pad to, is less than the longest sequence.
    """
    if not isinstance(sequence, PackedSequence):
        raise AttributeError(f"pad_packed_sequence(): expected a PackedSequence, got {type(sequence).__name__}: it has no batch_sizes")
    sizes = sequence.batch_sizes
    T = len(sizes) if total_length is None else total_length
    if len(sizes) > T:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {len(sizes)}"
        )
    steps = sequence.steps
    order = np.arange(steps.N) if sequence.sorted_indices is None else to_host(sequence.sorted_indices.array)
    lengths = np.empty_like(steps.lengths)
    lengths[order] = steps.lengths
    rows, data = _rows_of(steps, order[steps.sequence], T, batch_first), sequence.data
    padded = place(data, rows=as_library_of(data.array, rows), size=T * steps.N, fill=padding_value)
    return reshape(padded, shape=(*((steps.N, T) if batch_first else (T, steps.N)), *data.shape[1:])), wrap(lengths)


def pad_sequence(sequences: Iterable[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right") -> Tensor:
    """Sequences (T_k, *) side by side, (T, N, *) or (N, T, *), the shorter ones filled up. ``torch.nn.utils.rnn.pad_sequence``.

    >>> import tinyrnn
    >>> from tinyrnn.nn.utils.rnn import pad_sequence
    >>> pad_sequence([tinyrnn.tensor([1, 2, 3]), tinyrnn.tensor([4])], batch_first=True)
    tensor([[1, 2, 3],
            [4, 0, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}")
    sequences = tuple(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    for k, one in enumerate(sequences):
        if not isinstance(one, Tensor):
            raise TypeError(f"expected Tensor as element {k} in argument 0, but got {type(one).__name__}")
        if one.ndim == 0 or one.shape[1:] != sequences[0].shape[1:]:
            raise RuntimeError(
                f"pad_sequence: all sequences should be (T, *) with the same sizes behind T, but that at place {k} has shape "
                f"{tuple(one.shape)}, the first one {tuple(sequences[0].shape)}"
            )
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    lengths = np.array([len(one) for one in sequences])
    T, N = int(lengths.max()), len(lengths)
    step = _counts(lengths) + np.repeat(T - lengths if padding_side == "left" else 0 * lengths, lengths)
    sequence = np.repeat(np.arange(N), lengths)
    joined = cat([one.to(sequences[0].dtype) for one in sequences])
    rows = as_library_of(joined.array, sequence * T + step if batch_first else step * N + sequence)
    padded = place(joined, rows=rows, size=T * N, fill=padding_value)
    return reshape(padded, shape=(*((N, T) if batch_first else (T, N)), *joined.shape[1:]))


def _counts(lengths: np.ndarray) -> np.ndarray:
    """0, 1, ... up to each length, one after the other."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def unpad_sequence(padded_sequences: Tensor, lengths: Any, batch_first: bool = False) -> list[Tensor]:
    """The sequences (T_k, *) of which :func:`pad_sequence` made (T, N, *), or (N, T, *). ``torch.nn.utils.rnn.unpad_sequence``.

    PyTorch's leaves its argument transposed unless ``batch_first``; this one does not.
    """
    T, N = (padded_sequences.shape[1], padded_sequences.shape[0]) if batch_first else tuple(padded_sequences.shape[:2])
    wanted = np.clip(to_host(as_tensor(lengths, dtype=dtypes.int64).array), 0, T)
    if wanted.shape != (N,):
        raise ValueError(f"unpad_sequence: expected a length for each of the {N} sequences, got lengths of shape {wanted.shape}")
    step, sequence = _counts(wanted), np.repeat(np.arange(N), wanted)
    rows = as_library_of(padded_sequences.array, sequence * T + step if batch_first else step * N + sequence)
    return list(split(pick(_flat(padded_sequences), rows=rows), wanted.tolist()))


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of sequences (T_k, *); see :func:`pack_padded_sequence`. ``torch.nn.utils.rnn.pack_sequence``."""
    sequences = list(sequences)
    return pack_padded_sequence(pad_sequence(sequences), [len(one) for one in sequences], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that :func:`pack_sequence` packed, in their original order. ``torch.nn.utils.rnn.unpack_sequence``."""
    return unpad_sequence(*pad_packed_sequence(packed_sequences, batch_first=True), batch_first=True)
