"""A language model in one file: its weights, its configuration and its vocabulary, as safetensors."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from ..serialization import load_tensors, save_tensors
from ..text import Vocab
from .model import LanguageModel

FORMAT = "tinyrnn language model 1"


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
    save_tensors(tensors, path, {"format": FORMAT, "tinyrnn": json.dumps(header)})


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """What :func:`save_checkpoint` wrote. Nothing in the file is executed.

    Raises:
        OSError: it cannot be read.
        CheckpointError: it is something else, or damaged.
    """
    try:
        tensors, metadata = load_tensors(path)
        if metadata.get("format") != FORMAT:
            raise ValueError(f"{os.fspath(path)} holds tensors, but is no checkpoint of a tinyrnn language model")
        header = json.loads(metadata["tinyrnn"])
        model = LanguageModel(**header["config"])
        vocab = Vocab.from_config(header["vocab"])
        if model.config["tied"]:
            tensors["decoder.weight"] = tensors["encoder.weight"]
        model.load_state_dict(tensors)
        if len(vocab) != model.config["vocab_size"]:
            raise ValueError(f"the model has {model.config['vocab_size']} symbols, the vocabulary {len(vocab)}")
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        what = str(error) if os.fspath(path) in str(error) else f"{os.fspath(path)} is damaged: {error}"
        raise CheckpointError(what) from error
    return Checkpoint(model.eval(), vocab, header["info"])
