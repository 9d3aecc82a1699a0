"""Whether operations are recorded: ``no_grad`` and its companions."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any


class _Modes(threading.local):
    grad_enabled = True
    inference = False


modes = _Modes()


class set_grad_enabled:
    """Record or do not record what follows, as a call, a context manager or a decorator.

    >>> import tinyrnn
    >>> with tinyrnn.set_grad_enabled(False):
    ...     tinyrnn.is_grad_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)
        self.previous = modes.grad_enabled
        modes.grad_enabled = self.mode

    def __enter__(self) -> None:
        modes.grad_enabled = self.mode

    def __exit__(self, *exc: Any) -> None:
        modes.grad_enabled = self.previous

    def __call__(self, function: Callable) -> Callable:
        """Decorate a function."""
        modes.grad_enabled = self.previous  # as a decorator it takes effect inside the function only
        return _inside(lambda: set_grad_enabled(self.mode), function)


class _Switch:
    mode: bool

    def __init__(self) -> None:
        self.previous: list[bool] = []

    def __new__(cls, function: Callable | None = None) -> Any:
        switch = super().__new__(cls)
        if function is None:
            return switch
        switch.__init__()  # type: ignore[misc]
        return switch(function)

    def __enter__(self) -> None:
        self.previous.append(modes.grad_enabled)
        modes.grad_enabled = self.mode

    def __exit__(self, *exc: Any) -> None:
        modes.grad_enabled = self.previous.pop()

    def __call__(self, function: Callable) -> Callable:
        return _inside(type(self), function)


class no_grad(_Switch):
    """Do not record: results have no history. A context manager, or a decorator with or without brackets.

    >>> import tinyrnn
    >>> w = tinyrnn.ones(2, requires_grad=True)
    >>> with tinyrnn.no_grad():
    ...     print((w * 2).requires_grad)
    False
    """

    mode = False


class enable_grad(_Switch):
    """Record again, inside a :class:`no_grad`."""

    mode = True


class inference_mode:
    """As :class:`no_grad`, for programs that only use a model. ``inference_mode(False)`` records again.

    PyTorch saves the version counter of tensors made in here and later refuses to train with them; here they are ordinary
    tensors without history. ``torch.inference_mode``.

    >>> import tinyrnn
    >>> with tinyrnn.inference_mode():
    ...     tinyrnn.is_inference_mode_enabled(), tinyrnn.is_grad_enabled()
    (True, False)
    """

    def __new__(cls, mode: Any = True) -> Any:
        """The mode, or the decorated function where this is a decorator without brackets."""
        if callable(mode):
            return _inside(cls, mode)
        return super().__new__(cls)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode
        self.previous: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self.previous.append((modes.grad_enabled, modes.inference))
        modes.grad_enabled, modes.inference = not self.mode, self.mode

    def __exit__(self, *exc: Any) -> None:
        modes.grad_enabled, modes.inference = self.previous.pop()

    def __call__(self, function: Callable) -> Callable:
        """Decorate a function."""
        return _inside(lambda: inference_mode(self.mode), function)


def is_grad_enabled() -> bool:
    """Whether operations are being recorded."""
    return modes.grad_enabled


def is_inference_mode_enabled() -> bool:
    """Whether an :class:`inference_mode` is in force."""
    return modes.inference


def _inside(context: Callable, function: Callable) -> Callable:
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Any:
            it = function(*args, **kwargs)
            step: Callable = it.__next__
            try:
                while True:
                    with context():
                        try:
                            value = step()
                        except StopIteration as stop:
                            return stop.value
                    try:
                        sent = yield value
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        step = functools.partial(it.throw, error)
                    else:
                        step = functools.partial(it.send, sent)
            finally:
                with context():
                    it.close()

        return generator

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with context():
            return function(*args, **kwargs)

    return wrapper
