"""What learners do wrong: the error is of PyTorch's type, and says what was expected, what came, and a way out."""

from __future__ import annotations

import pytest

import tinyrnn
from tests.nn.parity import same_error

torch = pytest.importorskip("torch")

# what is done with the library t -> words of the message
MISTAKES = {
    "the pair of a recurrent layer given to a Linear": (
        lambda t: t.nn.Sequential(t.nn.LSTM(2, 3), t.nn.Linear(3, 1))(t.ones(1, 1, 2)),
        ["linear()", "not tuple", "output, state = layer(x)"],
    ),
    "and to a loss": (lambda t: t.nn.CrossEntropyLoss()(t.nn.RNN(2, 3)(t.ones(1, 1, 2)), t.zeros(1).long()), ["'input'", "output, state"]),
    "packed sequences given to a Linear": (
        lambda t: t.nn.Linear(3, 2)(t.nn.utils.rnn.pack_padded_sequence(t.ones(5, 2, 3), [5, 2])),
        ["PackedSequence", "x.data", "pad_packed_sequence"],
    ),
    "a tensor unpacked": (lambda t: t.nn.utils.rnn.pad_packed_sequence(t.ones(5, 2, 3)), ["expected a PackedSequence, got Tensor"]),
    "a list given to a layer": (lambda t: t.nn.RNN(3, 4)([[1.0, 2.0, 3.0]]), ["RNN", "got list", "tinyrnn.tensor"]),
    "ids given to a layer": (lambda t: t.nn.LSTM(3, 4)(t.ones(2, 1, 3).long()), ["int64", "float32", "nn.Embedding"]),
    "another dtype": (lambda t: t.nn.LSTM(3, 4)(t.ones(2, 1, 3).double()), ["x.to(tinyrnn.float32)", "model.to(tinyrnn.float64)"]),
    "a model given to an optimizer": (lambda t: t.optim.Adam(t.nn.Linear(2, 2)), ["Linear", "model.parameters()"]),
    "softmax of integers": (lambda t: t.softmax(t.tensor([1, 2]), 0), ["softmax()", "int64", "x.float()"]),
    "a number of several elements": (lambda t: t.ones(2).item(), ["2 elements", ".mean()"]),
    "a truth of several elements": (lambda t: bool(t.ones(2) > 0), [".any()", ".all()"]),
    "scores given to multinomial": (lambda t: t.multinomial(t.tensor([-1.0, 2.0]), 1), ["softmax"]),
    "backward from a choice": (lambda t: t.ones(3, requires_grad=True).argmax().float().backward(), ["argmax"]),
    "a scalar cut in pieces": (lambda t: t.tensor(1.0).split(1), ["split()", "0-dim"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_message_helps(mistake):
    run, words = MISTAKES[mistake]
    message = same_error(lambda: run(tinyrnn), lambda: run(torch))
    assert [word for word in words if word not in message] == []
