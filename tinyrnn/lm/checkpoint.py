"""A language model in one file: its weights, its configuration and its vocabulary, as safetensors."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from ..serialization import load_tensors, save_tensors
from ..tensor import Tensor
from ..text import Vocab
from .model import CELLS, LanguageModel

FORMAT = "tinyrnn language model 1"  # names the one entry beside the tensors: of several, safetensors shuffles the order


class Checkpoint(NamedTuple):
    """A model in evaluation mode, its vocabulary, and what was noted when it was saved."""

    model: LanguageModel
    vocab: Vocab
    info: dict[str, Any]


class CheckpointError(ValueError):
    """A file is not a checkpoint of a language model, or is damaged."""


def save_checkpoint(path: str | os.PathLike[str], model: LanguageModel, vocab: Vocab, **info: Any) -> None:
    """Write model and vocabulary, and ``info`` (anything that JSON holds). A file already there is replaced all at once.

    Raises:
        OSError: it cannot be written.
        ValueError: the vocabulary is not of the model's size.
    """
    if len(vocab) != model.config["vocab_size"]:
        raise ValueError(f"the model has {model.config['vocab_size']} symbols, the vocabulary {len(vocab)}")
    header = {"config": model.config, "vocab": vocab.to_config(), "info": info}
    tensors = {name: p.detach() for name, p in model.named_parameters()}  # a tied weight once
    save_tensors(tensors, path, {FORMAT: json.dumps(header)})


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """What :func:`save_checkpoint` wrote. Nothing in the file is executed.

    Raises:
        OSError: it cannot be read.
        CheckpointError: it is something else, or damaged.
    """
    name = os.fsdecode(path)
    try:
        tensors, metadata = load_tensors(path)
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    if FORMAT not in metadata:
        raise CheckpointError(f"{name} holds tensors, but is no checkpoint of a tinyrnn language model; `tinyrnn train` writes one")
    try:
        return _rebuild(tensors, json.loads(metadata[FORMAT]))
    except (ValueError, TypeError, LookupError, RuntimeError) as error:
        missing = "there is no " if isinstance(error, KeyError) else ""
        reason = " ".join(f"{missing}{error}".split())  # PyTorch's messages take several lines
        raise CheckpointError(f"{name} is a damaged checkpoint: {reason}") from error


def _rebuild(tensors: dict[str, Tensor], header: Any) -> Checkpoint:
    config, vocab, info = header["config"], Vocab.from_config(header["vocab"]), header["info"]
    if len(vocab) != config["vocab_size"]:
        raise ValueError(f"the model has {config['vocab_size']} symbols, the vocabulary {len(vocab)}")
    wrong = next((f"{name} holds {t.dtype}" for name, t in tensors.items() if not t.is_floating_point()), None)
    if wrong is not None:
        raise TypeError(f"{wrong}, not floating-point numbers")
    stored, expected = sum(t.numel() for t in tensors.values()), _count(**config)
    if stored != expected:  # before a damaged size has memory allocated for it
        raise ValueError(f"it has {stored:,} weights, and a model of its configuration {expected:,}")
    model = LanguageModel(**config).to(tensors["encoder.weight"].dtype)
    if model.config["tied"]:
        tensors["decoder.weight"] = tensors["encoder.weight"]
    model.load_state_dict(tensors)
    return Checkpoint(model.eval(), vocab, info)


def _count(vocab_size: int, embedding_dim: int, hidden_size: int, num_layers: int, cell: str, dropout: float, tied: bool) -> int:
    """How many weights a :class:`LanguageModel` has."""
    V, E, H = vocab_size, embedding_dim, hidden_size
    rows = CELLS[cell].gates * H
    first, further = rows * (E + H + 2), rows * (2 * H + 2)
    return V * E + first + (num_layers - 1) * further + V + (0 if tied else V * H)
