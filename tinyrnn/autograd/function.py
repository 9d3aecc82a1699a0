"""``Function``: an operation with a backward pass written by hand. ``torch.autograd.function``."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ..engine import Node, is_grad_enabled, modes, no_grad, primitive, wrap
from ..engine.walk import materialized
from ..tensor import Tensor


class FunctionCtx:
    """``ctx``: what the forward pass of a :class:`Function` leaves to its backward pass. Attributes may be set at will."""

    needs_input_grad: tuple[bool, ...]

    def __init__(self) -> None:
        self._to_save: tuple = ()
        self._saved: list[Any] = []  # a tensor, None, or the number of an output
        self._outputs: tuple = ()  # the arrays of saved outputs, during the backward pass
        self._dirty: tuple = ()
        self._not_differentiable: tuple = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs or outputs (or other tensors, or ``None``) for :attr:`saved_tensors`; they must not change until then.

        Raises:
            TypeError: something else, which is to be set as an attribute: ``ctx.size = size``.
        """
        for k, t in enumerate(tensors):
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(f"save_for_backward can only save variables, but argument {k} is of type {type(t).__name__}")
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple:
        """What :meth:`save_for_backward` was given."""
        return tuple(self._outputs[one] if isinstance(one, int) else one for one in self._saved)

    saved_variables = saved_tensors

    def mark_dirty(self, *inputs: Tensor) -> None:
        """Say which inputs the forward pass changes in place; it must return them."""
        self._dirty = inputs

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Say which outputs have no gradient, such as indices; the backward pass gets zeros for them."""
        self._not_differentiable = outputs

    def set_materialize_grads(self, value: bool) -> None:
        """With ``False``, the backward pass gets ``None`` for outputs without a gradient, instead of zeros."""
        self._materialize = value


class _Operation:
    """A :class:`Function` as the engine sees it: what ``engine.walk`` asks of a primitive."""

    joint_needs, variadic, elementwise, takes_none = False, False, True, True
    definition = keep = None
    arguments = ()

    def __init__(self, function: type[Function]) -> None:
        self.function = function
        self.name = function.__name__
        self.backward_name = f"{function.__name__}Backward"
        self.joint = (self.rule, ("ctx", "y", "inputs", "outputs"))

    def rule(self, g: Any, ctx: FunctionCtx, y: tuple, inputs: Sequence, outputs: tuple) -> list:
        """The gradients of the arguments, as arrays if ``g`` is an array."""
        g = _tuple(g)
        raw = not any(isinstance(one, Tensor) for one in g)
        if ctx._materialize:
            g = tuple(None if dtype is None else one for one, (_, dtype) in zip(materialized(g, outputs), outputs))
        ctx._outputs = tuple(one if one is None or isinstance(one, Tensor) else wrap(one) for one in y)
        try:
            grads = self.function._backward()(ctx, *[wrap(one) if raw and one is not None else one for one in g])
        finally:
            ctx._outputs = ()
        checked = self._checked(grads, inputs)
        return [one.array if raw and one is not None else one for one in checked]

    def _checked(self, grads: Any, inputs: Sequence) -> list:
        grads = list(_tuple(grads))
        count = len(inputs)
        if len(grads) < count or any(one is not None for one in grads[count:]):
            raise RuntimeError(
                f"function {self.backward_name} returned an incorrect number of gradients (expected {count}, got {len(grads)}): "
                "backward() has to return one for each argument of forward(), None for those that are not tensors"
            )
        for k, (one, like) in enumerate(zip(grads, inputs)):
            if one is None:
                continue
            if not isinstance(one, Tensor):
                raise RuntimeError(f"expected Variable or None (got {type(one).__name__})")
            if like is None:
                raise RuntimeError(
                    f"function {self.backward_name} returned a gradient different than None at position {k + 1}, but the corresponding "
                    "forward input was not a Variable"
                )
            shape, dtype = like
            if not _stretched(shape, tuple(one.shape)):
                raise RuntimeError(
                    f"Function {self.backward_name} returned an invalid gradient at index {k} - got {list(one.shape)} but expected shape "
                    f"compatible with {list(shape)}"
                )
            grads[k] = one if one.array.dtype == dtype else one.to(dtype)
        return grads[:count]


def _stretched(shape: tuple, grown: tuple) -> bool:
    """Whether broadcasting makes ``grown`` of ``shape``."""
    return len(shape) <= len(grown) and all(n in (1, m) for n, m in zip(shape[::-1], grown[::-1]))


class Function:
    """The base of operations with a backward pass of their own. ``torch.autograd.Function``.

    A subclass defines two static methods, and is used through :meth:`apply`::

        forward(ctx, *args)      # computes on tensors, unrecorded; may call ctx.save_for_backward
        backward(ctx, *grads)    # one gradient for each output; returns one for each argument

    >>> import tinyrnn
    >>> from tinyrnn.autograd import Function, gradcheck
    >>> class Exp(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         y = x.exp()
    ...         ctx.save_for_backward(y)
    ...         return y
    ...     @staticmethod
    ...     def backward(ctx, grad_y):
    ...         y, = ctx.saved_tensors
    ...         return grad_y * y
    >>> x = tinyrnn.tensor([0., 1.], requires_grad=True)
    >>> Exp.apply(x)
    tensor([1.0000, 2.7183], grad_fn=<ExpBackward>)
    >>> gradcheck(Exp.apply, x)
    True

    With ``setup_context(ctx, inputs, output)`` defined as well, ``forward`` takes no ``ctx``. If ``backward`` is made of
    differentiable operations, there are second derivatives; :func:`once_differentiable` says that it is not.

    Raises:
        RuntimeError: ``backward`` returned another number of gradients than ``forward`` has arguments, or one of a wrong shape;
            a saved tensor was changed in place; the function was called as an object, as PyTorch allowed before 1.5.
    """

    _operation: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should invoke them on the "
            "class itself. Instantiating an autograd function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: use :meth:`apply`."""
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function with static "
            f"forward method: {type(self).__name__}.apply(x), where forward(ctx, x) and backward(ctx, grad) are static methods."
        )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._operation = _Operation(cls)

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result; to be defined by the subclass."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> Any:
        """Save what the backward pass needs, in place of doing so in ``forward``."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the arguments from those of the outputs; to be defined by the subclass."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @classmethod
    def _backward(cls) -> Callable:
        return cls.backward if cls.backward is not Function.backward else cls.vjp

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run ``forward`` on these arguments, and record that ``backward`` is its rule."""
        ctx: Any = FunctionCtx()
        apart = cls.setup_context is not Function.setup_context
        if kwargs:
            args = inspect.signature(cls.forward).bind(*([] if apart else [ctx]), *args, **kwargs).args[0 if apart else 1 :]
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        with no_grad():
            if apart:
                out = cls.forward(*args)
                cls.setup_context(ctx, args, out)
            else:
                out = cls.forward(ctx, *args)
        several = type(out) is tuple
        outputs = _tuple(out)
        if not all(_among(t, outputs) for t in ctx._dirty):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs that are modified "
                "inplace must all be outputs of the Function."
            )
        node = cls._record(ctx, args, outputs, several) if modes.grad_enabled and True in ctx.needs_input_grad else None
        results = tuple(_result(t, ctx, args, node, k) for k, t in enumerate(outputs))
        ctx._to_save = ctx._dirty = ctx._not_differentiable = ()  # outputs among them would lead back to the node that has ctx
        return results if several else results[0]

    @classmethod
    def _record(cls, ctx: FunctionCtx, args: tuple, outputs: tuple, several: bool) -> Node:
        kinds = tuple((t.array.shape, t.array.dtype) if isinstance(t, Tensor) else ((), None) for t in outputs)
        node = Node(cls._operation, {}, kinds, several)
        for a, needed in zip(args, ctx.needs_input_grad):
            node.edges.append(_edge(a) if needed else None)
        kept: list[Any] = [None] * len(outputs)
        for t in ctx._to_save:
            number = next((k for k, o in enumerate(outputs) if o is t and t is not None), None)
            if number is not None:
                kept[number] = t.array
                ctx._saved.append(number)
                node.versions.append(("y", None, t.version, t.version[0]))  # type: ignore[arg-type]
            elif t is None:
                ctx._saved.append(None)
            else:
                ctx._saved.append(_as_it_is(t))
                node.versions.append(("ctx", t, t.version, t.version[0]))
        inputs = tuple((a.array.shape, a.array.dtype) if isinstance(a, Tensor) else None for a in args)
        node.values = {"ctx": ctx, "y": tuple(kept), "inputs": inputs, "outputs": kinds}
        return node


def _among(t: Any, tensors: Sequence) -> bool:
    return any(t is one for one in tensors)


def _edge(t: Tensor) -> tuple:
    return (t, -1) if t.node is None else (t.node, t.index)


def _as_it_is(t: Tensor) -> Tensor:
    """A tensor that keeps its history when ``t`` is changed in place."""
    if t.grad_fn is None:
        return t
    held = wrap(t.array, t.node, t.index)
    held.version = t.version
    return held


def _result(t: Any, ctx: FunctionCtx, args: tuple, node: Node | None, k: int) -> Any:
    """Output ``k`` of a function as its caller gets it, made by ``node``."""
    if not isinstance(t, Tensor):
        return t
    if _among(t, ctx._not_differentiable) or t.array.dtype.kind not in "fc":
        node = None
    if _among(t, ctx._dirty):
        if node is not None:
            if t.node is None and t._requires_grad:
                raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
            if t.base is not None:
                raise NotImplementedError("mark_dirty() of a view is not here: clone() it before")
            t.node, t.index = node, k
        return t
    if node is None and not t.requires_grad:
        return t
    if any(isinstance(a, Tensor) and (t is a or (t.base is not None and _among(t.base, (a, a.base)))) for a in args):
        return wrap(t.array.copy(), node, k)  # PyTorch gives the input's own memory, and refuses to change it in place
    fresh = t if t.base is None and not t.requires_grad else wrap(t.array)
    fresh.node, fresh.index, fresh.version = node, k, t.version
    return fresh


@primitive
def _first_only(input):
    return input


def _refuse(g, input_shape):
    raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


_first_only.rule(_refuse)


def once_differentiable(backward: Callable) -> Callable:
    """Decorator for a ``backward`` of which no derivative can be taken: to ask for one is then an error, not a wrong number."""

    @functools.wraps(backward)
    def wrapper(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            made = backward(ctx, *grads)
        if not is_grad_enabled() or not any(isinstance(g, Tensor) and g.requires_grad for g in grads):
            return made
        refusing = tuple(one if one is None else _first_only(one.detach().requires_grad_()) for one in _tuple(made))
        return refusing if type(made) is tuple else refusing[0]

    return wrapper


def _tuple(made: Any) -> tuple:
    return made if type(made) is tuple else (made,)
