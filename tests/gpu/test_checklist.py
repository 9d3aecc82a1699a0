"""``benchmarks.gpu_checklist`` runs, on the simulated device without times, and notices what is wrong."""

from __future__ import annotations

import json

import pytest

from benchmarks import gpu_checklist
from benchmarks.variants import TinyRNNOnGpu

pytestmark = pytest.mark.gpu


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setattr(gpu_checklist, "STEPS", 3)
    monkeypatch.setattr(gpu_checklist, "MEMORY_STEPS", 3)

    def call():
        name = tmp_path / "found"
        code = gpu_checklist.main(["--no-suite", "--steps", "1", "--workloads", "karpathy", "generate", "--out", str(name)])
        return code, json.loads(name.with_suffix(".json").read_text()), name.with_suffix(".md").read_text()

    return call


def test_a_report(run):
    code, found, text = run()
    assert code == 0 and all(one["ok"] for one in found["checks"]) and len(found["checks"]) == 2 + 6 + 1
    assert text.count("* ok ") == 9 and found["environment"]["gpu"]["name"] in text and "| karpathy |" in text
    training, _ = found["steps"]
    if found["environment"]["simulated"]:
        assert training["h2d"] == 2 and training["d2h"] == training["syncs"] == 0 < training["launches"]
        assert not any(name.endswith("_ms") for name in training)


def test_what_is_wrong_is_noticed(run, monkeypatch):
    train = TinyRNNOnGpu.train

    def faster(self, k):
        self.adam.param_groups[0]["lr"] = 1.1e-3
        return train(self, k)

    monkeypatch.setattr(TinyRNNOnGpu, "train", faster)
    code, found, text = run()
    assert code == 1
    # float32 losses of three steps are too close, and the text is written without training
    assert [one["check"].split(", ")[-1] for one in found["checks"] if not one["ok"]] == ["karpathy", "float64", "float64", "float64"]
    assert text.count("**FAILED**") == 4 and "Disagreement" in text
