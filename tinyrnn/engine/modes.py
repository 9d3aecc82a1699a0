"""Whether operations are recorded: ``no_grad`` and its companions."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any


class _Modes(threading.local):
    grad_enabled = True


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


def is_grad_enabled() -> bool:
    """Whether operations are being recorded."""
    return modes.grad_enabled


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
