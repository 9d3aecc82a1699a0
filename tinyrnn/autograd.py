"""PyTorch's spellings of the autograd functions: ``tinyrnn.autograd.grad`` and its companions."""

from .engine import enable_grad, no_grad, set_grad_enabled
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .tensor import backward, grad

__all__ = ["GradcheckError", "backward", "enable_grad", "grad", "gradcheck", "gradgradcheck", "no_grad", "set_grad_enabled"]
