"""The language-model pipeline: model, training loop, perplexity, checkpoints, generation."""

from .callbacks import EarlyStop, KeepBest, Log, Progress, StopOnInterrupt
from .checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from .fit import Callback, Run, StopTraining, fit
from .generate import choose, generate, generate_ids
from .model import LanguageModel, detach
from .plot import Plot
from .score import Score, evaluate

__all__ = [
    "Callback",
    "Checkpoint",
    "CheckpointError",
    "EarlyStop",
    "KeepBest",
    "LanguageModel",
    "Log",
    "Plot",
    "Progress",
    "Run",
    "Score",
    "StopOnInterrupt",
    "StopTraining",
    "choose",
    "detach",
    "evaluate",
    "fit",
    "generate",
    "generate_ids",
    "load_checkpoint",
    "save_checkpoint",
]
