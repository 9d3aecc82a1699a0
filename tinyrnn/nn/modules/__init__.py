"""The layers under the paths that PyTorch keeps them at: ``nn.modules.rnn.LSTM``, ``nn.modules.module.Module``."""

from __future__ import annotations

import sys
from types import ModuleType

from ...names import missing_from
from .. import (
    activations,
    adaptive,
    attention,
    cells,
    containers,
    convolution,
    embeddings,
    layers,
    losses,
    module,
    normalization,
    padding,
    rnn,
    transformer,
)
from ..module import Module

PATHS: dict[str, list[ModuleType]] = {
    "activation": [activations, attention],
    "adaptive": [adaptive],
    "batchnorm": [normalization],
    "container": [containers],
    "conv": [convolution],
    "distance": [layers],
    "dropout": [layers],
    "flatten": [layers],
    "instancenorm": [normalization],
    "linear": [layers],
    "loss": [losses],
    "module": [module],
    "normalization": [normalization],
    "padding": [padding],
    "pooling": [convolution],
    "rnn": [rnn, cells],
    "sparse": [embeddings],
    "transformer": [transformer],
}
"""PyTorch's file of a kind of layer, and ours that has them."""


def _layers(sources: list[ModuleType]) -> dict[str, type]:
    return {name: kind for source in sources for name, kind in vars(source).items() if isinstance(kind, type) and issubclass(kind, Module)}


for _path, _sources in PATHS.items():
    _made = ModuleType(f"{__name__}.{_path}", f"The layers of PyTorch's ``nn.modules.{_path}``.")
    vars(_made).update(_layers(_sources), __getattr__=missing_from(_made.__name__))
    sys.modules[_made.__name__] = globals()[_path] = _made
    globals().update({name: kind for name, kind in _layers(_sources).items() if not name.startswith("_")})

__getattr__ = missing_from(__name__)
