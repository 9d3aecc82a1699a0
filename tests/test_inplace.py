"""Random programs of views and in-place operations, run here and in PyTorch: values and gradients must agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyrnn

torch = pytest.importorskip("torch")

VIEWS = {
    "row": lambda t, k: t[k % t.shape[0]] if t.ndim > 1 else t[...],
    "element": lambda t, k: t[..., k % t.shape[-1]] if t.ndim else t.view(()),
    "tail": lambda t, k: t[k % t.shape[0] :] if t.ndim else t.view(1),
    "every second": lambda t, k: t[..., ::2] if t.ndim else t.view(1, 1),
    "transposed": lambda t, k: t.transpose(0, -1) if t.ndim else t.view(1),
    "narrow": lambda t, k: t.narrow(-1, k % t.shape[-1], 1) if t.ndim else t.view(1),
    "unsqueeze": lambda t, k: t.unsqueeze(k % (t.ndim + 1)) if t.ndim < 4 else t[0],
    "reshape": lambda t, k: t.view(-1) if t.is_contiguous() else t[...],
    "squeeze": lambda t, k: t.squeeze(),
}
CHANGES = {
    "mul": lambda t, w, k: t.mul_(1.5),
    "mul w": lambda t, w, k: t.mul_(w),
    "mul itself": lambda t, w, k: t.mul_(t),
    "mul a part of itself": lambda t, w, k: t.mul_((t[..., :1] if t.ndim else t).clone()),
    "add w": lambda t, w, k: t.add_(w, alpha=2.0),
    "iadd": lambda t, w, k: t.__iadd__(w * 0.5),
    "sin": lambda t, w, k: t.sin_(),
    "tanh": lambda t, w, k: t.tanh_(),
    "fill": lambda t, w, k: t.fill_(0.5),
    "zero": lambda t, w, k: t.zero_(),
    "copy": lambda t, w, k: t.copy_(w),
    "set": lambda t, w, k: t.__setitem__(k % t.shape[0] if t.ndim else ..., w),
    "set by mask": lambda t, w, k: t.__setitem__(t > 0.3, 0.25),
    "set all": lambda t, w, k: t.__setitem__(Ellipsis, w * w),
    "masked_fill": lambda t, w, k: t.masked_fill_(t > 0.5, 0.125),
    "clamp": lambda t, w, k: t.clamp_(-0.9, 0.9),
}
steps = st.lists(
    st.tuples(
        st.sampled_from(["view", "change", "use", "untracked"]),
        st.integers(0, 5),
        st.sampled_from(sorted(VIEWS)),
        st.sampled_from(sorted(CHANGES)),
    ),
    min_size=1,
    max_size=8,
)


def run(library, program, shape):
    n = int(np.prod(shape))
    x = library.tensor(np.linspace(-1, 1, n).reshape(shape), requires_grad=True)
    w = library.tensor(np.array(0.7), requires_grad=True)
    tensors = [x * 1.0]
    used = []
    for kind, k, view, change in program:
        t = tensors[k % len(tensors)]
        if kind == "view":
            tensors.append(VIEWS[view](t, k))
        elif kind == "change":
            CHANGES[change](t, w, k)
        elif kind == "untracked":
            with library.no_grad():
                t.mul_(0.5)
        else:
            used.append((t + w).sum())
    total = sum((t * (k + 1)).sum() for k, t in enumerate(tensors)) + sum(used)
    total.backward()
    values = [t.detach().numpy() for t in tensors]
    return values, [x.grad.numpy(), np.zeros(()) if w.grad is None else w.grad.numpy()], [t.requires_grad for t in tensors]


@settings(max_examples=400)
@given(steps, st.sampled_from([(), (3,), (2, 3), (1, 2), (2, 3, 2)]))
def test_random_programs_of_views_and_changes(program, shape):
    try:
        expected = run(torch, program, shape)
    except RuntimeError:  # a saved value was changed; PyTorch and we may save different ones, so only successes are compared
        return
    got = run(tinyrnn, program, shape)
    for mine, its in zip((*got[0], *got[1]), (*expected[0], *expected[1]), strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-12, atol=1e-12)
    assert got[2] == expected[2]


def recurrent(kind):
    def run(library, x):
        layer = getattr(library.nn, kind)(2, 2, dtype=library.float64)
        for p in layer.parameters():
            p.data.fill_(0.25)
        return layer(x)

    return run


KEPT = {  # operations whose output a program may change: none of PyTorch's need it for backward
    "div": lambda library, x: (x / (x + 3.0),),
    "layer_norm": lambda library, x: (library.nn.functional.layer_norm(x, (2,)),),
    "batch_norm": lambda library, x: (library.nn.functional.batch_norm(x.transpose(0, 1), None, None, training=True),),
    "RNN": recurrent("RNN"),
    "GRU": recurrent("GRU"),
    "LSTM": lambda library, x: (lambda y, state: (y, *state))(*recurrent("LSTM")(library, x)),
}


@pytest.mark.parametrize("change", ["mul", "set", "set by mask", "untracked", "twice", "only the last"])
@pytest.mark.parametrize("op", KEPT)
def test_outputs_that_may_be_changed(op, change):
    """``scores = q / scale; scores[mask] = -inf``, ``output *= mask`` after a layer."""

    def run(library):
        x = library.tensor(np.random.default_rng(0).standard_normal((4, 3, 2)), requires_grad=True)
        results = KEPT[op](library, x)
        for y in results[-1:] if change == "only the last" else results:
            if change == "untracked":
                with library.no_grad():
                    y.mul_(0.5)
            else:
                CHANGES.get(change, CHANGES["mul"])(y, 0.5, 1)
                if change == "twice":
                    y[0].zero_()
        sum((y * 1.5).sum() for y in results).backward()
        return x.grad.numpy()

    np.testing.assert_allclose(run(tinyrnn), run(torch), rtol=1e-10, atol=1e-12)


def test_a_tensor_of_nothing_times_itself():
    x = tinyrnn.zeros(0, 2, requires_grad=True)
    y = x * 1
    y *= y
    y.sum().backward()
    assert x.grad.shape == (0, 2)
