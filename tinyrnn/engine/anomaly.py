"""Where did the ``nan`` come from: while this is switched on, every operation remembers the line that called it."""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Sequence
from typing import Any

from ..backend import xp_of
from ..rows import Rows

_HERE = os.path.dirname(__file__)


class _Anomaly:
    """Whether to remember, and whether to look for ``nan`` besides. One for all threads."""

    enabled = False
    check_nan = True


anomaly = _Anomaly()


class detect_anomaly:
    """Inside it, a backward pass that makes ``nan`` stops, and a warning shows the line of the forward pass it belongs to.

    The line is shown for any other error of a backward pass as well. Recording then costs some ten times as much.
    ``torch.autograd.detect_anomaly``.

    Args:
        check_nan: look for ``nan``; otherwise errors are explained, and nothing else.

    >>> import tinyrnn, warnings
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     with tinyrnn.autograd.detect_anomaly():
    ...         x = tinyrnn.tensor(-1., requires_grad=True)
    ...         loss = x.sqrt() * 0
    ...         loss.backward()
    Traceback (most recent call last):
    RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output.
    >>> "x.sqrt()" in str(told[-1].message)
    True
    """

    def __init__(self, check_nan: bool = True) -> None:
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging.",
            UserWarning,
            stacklevel=2,
        )
        self.check_nan = check_nan

    def __enter__(self) -> None:
        self.switch = set_detect_anomaly(True, self.check_nan)

    def __exit__(self, *exc: Any) -> None:
        self.switch.__exit__()


class set_detect_anomaly:
    """Switch :class:`detect_anomaly` on or off, as a call or a context manager. ``torch.autograd.set_detect_anomaly``."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.previous = (anomaly.enabled, anomaly.check_nan)
        anomaly.enabled, anomaly.check_nan = bool(mode), check_nan

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: Any) -> None:
        anomaly.enabled, anomaly.check_nan = self.previous


def is_anomaly_enabled() -> bool:
    """Whether :class:`detect_anomaly` is in force."""
    return anomaly.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether it looks for ``nan``."""
    return anomaly.check_nan


def calling_lines() -> list[str]:
    """The lines of the program that led here, without those of the engine."""
    frames = traceback.extract_stack()
    while frames and os.path.dirname(frames[-1].filename) == _HERE:
        frames.pop()
    return traceback.format_list(frames)


def explain(node: Any) -> None:
    """Warn of an error in the backward pass of ``node``, and say where its forward was called."""
    lines = "".join(node.made_at or ["  (it was made before the detection was switched on)\n"])
    text = f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n{lines}"
    warnings.warn(text, UserWarning, stacklevel=2)


def refuse_nan(node: Any, grads: Sequence[Any]) -> None:
    """Raise if one of the gradients of a node's arguments has a ``nan``."""
    for k, g in enumerate(grads):
        array = g.values if isinstance(g, Rows) else getattr(g, "array", g)
        if array is not None and bool(xp_of(array).isnan(array).any()):
            raise RuntimeError(f"Function '{node.name()}' returned nan values in its {k}th output.")
