"""Training, step by step, beside the same training in PyTorch."""

import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

import tinyrnn
from tinyrnn import lm, optim

HERE = Path(__file__).parent
golden = SimpleNamespace(**runpy.run_path(str(HERE / "golden.py")))
GOLDEN = json.loads((HERE / "golden.json").read_text())


class Losses(lm.Callback):
    def __init__(self):
        self.losses = []

    def after_batch(self, run):
        self.losses.append(run.loss)


def our_losses(case):
    E, H = golden.sizes(case)
    model = golden.give_weights(tinyrnn, lm.LanguageModel(golden.V, E, H, case["layers"], case["cell"], tied=case.get("tied", False)))
    optimizer = getattr(optim, case["optimizer"])(model.parameters(), lr=case["lr"])
    seen = Losses()
    lm.fit(model, golden.batches(case), optimizer=optimizer, epochs=2, clip=golden.CLIP, callbacks=[seen])
    return seen.losses


@pytest.mark.parametrize("name", golden.CASES)
def test_every_loss_is_pytorchs(name):
    case = golden.CASES[name]
    ours = our_losses(case)
    assert len(ours) == case["steps"] and ours[-1] < ours[0] - 0.1  # or it would be a poor test
    # Other processors round sin and tanh otherwise, and training spreads that.
    assert ours == pytest.approx(GOLDEN[name], abs=1e-9, rel=0), "golden.json"
    pytest.importorskip("torch")
    assert ours == pytest.approx(golden.torch_losses(case), abs=1e-10, rel=0), "PyTorch, live"
