"""Layers without parameters of their own, as functions. ``torch.nn.functional``.

A file for each kind; the modules of ``tinyrnn.nn`` call these.
"""

from ...names import missing_from
from ...ops.index import one_hot
from ...ops.linalg import linear, matmul
from . import (
    activations,
    attention,
    class_losses,
    convolution,
    ctc,
    distances,
    dropouts,
    embeddings,
    losses,
    margin_losses,
    normalization,
    padding,
)
from .activations import *  # noqa: F403
from .attention import *  # noqa: F403
from .class_losses import *  # noqa: F403
from .convolution import *  # noqa: F403
from .ctc import *  # noqa: F403
from .distances import *  # noqa: F403
from .dropouts import *  # noqa: F403
from .embeddings import *  # noqa: F403
from .losses import *  # noqa: F403
from .margin_losses import *  # noqa: F403
from .normalization import *  # noqa: F403
from .padding import *  # noqa: F403

__all__ = [
    *activations.__all__,
    *attention.__all__,
    *class_losses.__all__,
    *convolution.__all__,
    *ctc.__all__,
    *distances.__all__,
    *dropouts.__all__,
    *embeddings.__all__,
    *losses.__all__,
    *margin_losses.__all__,
    *normalization.__all__,
    *padding.__all__,
    "linear",
    "matmul",
    "one_hot",
]

__getattr__ = missing_from(__name__)
