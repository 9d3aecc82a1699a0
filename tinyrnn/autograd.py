"""PyTorch's spellings of the autograd functions: ``tinyrnn.autograd.grad`` and its companions."""

from .engine import backward, enable_grad, grad, no_grad, set_grad_enabled
from .gradcheck import GradcheckError, gradcheck, gradgradcheck

__all__ = ["GradcheckError", "backward", "enable_grad", "grad", "gradcheck", "gradgradcheck", "no_grad", "set_grad_enabled"]
