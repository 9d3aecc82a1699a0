"""There is no compiler: what ``torch.jit`` offers is refused, with the reason."""

from typing import Any, NoReturn

from .names import REASONS, missing_from

__getattr__ = missing_from(__name__)


def script(obj: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """``torch.jit.script``: refused.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(f"torch.jit.script is not here: {REASONS['jit']}")


def trace(func: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """``torch.jit.trace``: refused.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(f"torch.jit.trace is not here: {REASONS['jit']}")
