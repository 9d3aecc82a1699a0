"""The ready-made callbacks that end training or keep the best; those that watch batches are in test_fit.py."""

import math
import sys

import numpy as np
import pytest

import tinyrnn
from tinyrnn import lm, nn, optim
from tinyrnn.serialization import load_tensors

X = tinyrnn.tensor(np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32))
Y = tinyrnn.tensor([0, 1, 1, 0])


def fit(nats, *callbacks, model=None, valid=True):
    """As many epochs as there are validation losses."""
    left = iter(nats)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["tinyrnn.lm.fit"], "evaluate", lambda *_: lm.Score(next(left), 1))
        model = model or nn.Linear(3, 2)
        sgd = optim.SGD(model.parameters(), lr=0.1)
        return lm.fit(
            model, [(X, Y)], [(X, Y)] if valid else None,
            optimizer=sgd, epochs=len(nats), criterion=nn.CrossEntropyLoss(), callbacks=callbacks,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("patience", "min_delta", "nats", "epochs"),
    [
        (1, 0.0, [3, 2, 1], 3),
        (1, 0.0, [3, 2, 2, 1], 3),
        (1, 0.0, [3, 4, 1], 2),
        (2, 0.0, [3, 4, 3.5, 1], 3),
        (2, 0.0, [3, 4, 2, 4, 2, 1], 5),  # an improvement gives patience back
        (2, 0.0, [3, 4, 2.9, 2.95, 2.8, 2.9, 2.8], 7),
        (1, 0.5, [3, 2.4, 2.0, 1], 3),
        (2, 0.5, [3, 2.6, 2.4, 2.1, 2.0, 1], 5),  # less than min_delta twice: from the best that counted, not the last
        (1, 0.0, [math.nan, 1], 1),
        (2, 0.0, [math.nan, 2, math.inf, math.nan, 1], 4),
    ],
)
def test_early_stop(patience, min_delta, nats, epochs):
    stop = lm.EarlyStop(patience, min_delta)
    for _ in range(2):  # the second run begins anew
        run = fit(nats, stop)
        assert run.epoch == len(run.history) == epochs


def test_early_stop_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="patience must be at least 1 epoch, got 0"):
        lm.EarlyStop(0)
    with pytest.raises(ValueError, match=r"there is none: pass fit\(model, train, valid"):
        fit([1, 1], lm.EarlyStop(), valid=False)


def test_the_best_weights_of_any_module_are_kept(tmp_path):
    tinyrnn.manual_seed(4)
    model = nn.Linear(3, 2)
    keep, weights = lm.KeepBest(tmp_path / "best"), []

    class Note(lm.Callback):
        def after_epoch(self, run):
            weights.append(model.weight.detach().numpy().copy())

    fit([3, 2, 2.5], keep, Note(), model=model)
    assert keep.saved
    other = nn.Linear(3, 2)
    other.load_state_dict(load_tensors(keep.path)[0])
    assert np.array_equal(other.weight.detach().numpy(), weights[1]) and not np.array_equal(weights[1], weights[2])
