"""The autograd engine: it records which primitive made which tensor, and walks that record backwards.

A *primitive* is a function of raw arrays together with one rule for each argument that says how the
gradient arriving at its output, ``g``, becomes the gradient of that argument::

    @primitive(elementwise=True)
    def mul(input, other):
        return input * other

    mul.rule(input=lambda g, other: g * other, other=lambda g, input: g * input)

A rule asks by name for what it needs: an argument, an option, the output ``y``, or only the shape of an
argument (``input_shape``). Just these are kept for the backward pass, and nothing else is. Rules are written
with operators and primitives only, so the same rule runs on raw arrays (the fast way, no overhead) and,
under ``create_graph=True``, on tensors, where it is recorded in turn: higher derivatives need no more code.

Reading order: :class:`Node` in ``graph.py``, :class:`Primitive` in ``record.py``, ``backpropagate`` and ``pull`` in ``walk.py``.
"""

from .anomaly import detect_anomaly, is_anomaly_check_nan_enabled, is_anomaly_enabled, set_detect_anomaly
from .gradients import backward, grad
from .graph import Node, Traced, describe, label, register_row_class, register_tensor_class, wrap
from .modes import enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, modes, no_grad, set_grad_enabled
from .record import Primitive, primitive, provides
from .spelling import need_tensors, spellings

__all__ = [
    "Node",
    "Primitive",
    "Traced",
    "backward",
    "describe",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "inference_mode",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "label",
    "modes",
    "need_tensors",
    "no_grad",
    "primitive",
    "provides",
    "register_row_class",
    "register_tensor_class",
    "set_detect_anomaly",
    "set_grad_enabled",
    "spellings",
    "wrap",
]
