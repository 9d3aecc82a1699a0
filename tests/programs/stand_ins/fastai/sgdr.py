"""Where the callbacks came from."""

from .conv_learner import CosAnneal as CosAnneal
