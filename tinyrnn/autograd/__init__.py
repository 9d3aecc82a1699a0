"""PyTorch's spellings of the autograd functions: ``tinyrnn.autograd.grad`` and its companions."""

from ..engine import (
    backward,
    detect_anomaly,
    enable_grad,
    grad,
    inference_mode,
    no_grad,
    set_detect_anomaly,
    set_grad_enabled,
)
from ..gradcheck import GradcheckError, gradcheck, gradgradcheck
from ..names import missing_from
from . import function, functional, variable
from .function import Function
from .variable import Variable

__all__ = [
    "Function",
    "GradcheckError",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "function",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "variable",
]

__getattr__ = missing_from(__name__)
