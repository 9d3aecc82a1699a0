"""The benchmark measures equals: its variants agree, its check can fail, and the command runs. Nothing here is timed."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import report, variants
from benchmarks.variants import DEFAULT, VARIANTS, Definition, Disagreement, Jax, TinyRNN, check, check_equal
from benchmarks.workloads import GATES, WORKLOADS, Workload, batches, weights

from .real_data import ROOT

# XLA takes seconds to compile each of them; the benchmark itself checks all before it times any.
MAKERS = {name: entry.make for name, entry in VARIANTS.items() if entry.available and entry.needs != "jax"}


@pytest.mark.parametrize("name", WORKLOADS)
def test_variants_agree(name):
    errors = check(WORKLOADS[name].tiny(), MAKERS)
    assert errors.keys() == MAKERS.keys() - {"tinyrnn"}
    assert max(errors.values()) < 1e-8


@pytest.mark.parametrize("cell", GATES)
def test_jax_agrees(cell):
    pytest.importorskip("jax")
    check(Workload("tiny", cell, V=7, E=5, H=6, layers=2, T=4, N=3), {"tinyrnn": TinyRNN, "jax": Jax})


@pytest.mark.parametrize("parameter", weights(WORKLOADS["karpathy"].tiny()))
def test_the_check_rejects_a_gradient_that_is_one_percent_off(parameter):
    class Wrong(Definition):
        def gradients(self, k):
            loss, gradients = super().gradients(k)
            return loss, gradients | {parameter: gradients[parameter] * 1.01}

    with pytest.raises(Disagreement, match=f"karpathy: tinyrnn and wrong disagree in float64.*gradient of {parameter}"):
        check(WORKLOADS["karpathy"].tiny(), {"tinyrnn": TinyRNN, "wrong": Wrong})


class Forgets(Definition):
    def train(self, k):
        super().train(k)
        self.state = None


class Hastens(Definition):
    def train(self, k):
        self.adam.param_groups[0]["lr"] = 1.01e-3
        super().train(k)


class NeverClips(Definition):
    def train(self, k):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(variants, "CLIP", 1e9)
            super().train(k)


@pytest.mark.parametrize(("wrong", "where"), [(Forgets, "batch 1"), (Hastens, "batch 1"), (NeverClips, "batch [12]")])
def test_the_check_rejects_a_wrong_step(wrong, where):
    with pytest.raises(Disagreement, match=where):
        check(WORKLOADS["fastai_gru"].tiny(), {"tinyrnn": TinyRNN, "wrong": wrong})


@pytest.mark.parametrize("other", [{"a": np.array([1.0, np.nan])}, {"a": np.ones(3)}, {"b": np.ones(2)}, {"a": np.array([1.0, 1 + 1e-7])}])
def test_results_that_are_not_equal(other):
    with pytest.raises(Disagreement):
        check_equal({"a": np.ones(2)}, other)


def test_the_same_numbers_are_drawn_for_everybody():
    w = WORKLOADS["fastai_lstm"].tiny()
    assert all((a == b).all() for a, b in zip(weights(w).values(), weights(w).values()))
    assert {a.dtype for a in weights(w).values()} == {np.dtype("float32")}
    (x, y), (following, _) = batches(w)[:2]
    assert x.shape == (w.T, w.N) and x.dtype == np.int64 and x.min() >= 0 and x.max() < w.V
    assert (y[:-1] == x[1:]).all() and (y[-1] == following[0]).all()


def test_the_floor_counts_the_matrix_products():
    w = Workload("", "gru", V=11, E=5, H=7, layers=1, T=3, N=2)
    assert w.flops() == 3 * 2 * 6 * (3 * 7 * 5 + 3 * 7 * 7 + 7 * 11)
    one_hot = Workload("", "rnn", V=5, E=5, H=7, layers=1, T=3, N=2)
    assert one_hot.flops() == 2 * 6 * (2 * 5 * 7 + 3 * 7 * 7 + 3 * 7 * 5)


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, **options
    )


def test_the_command(tmp_path):
    file = tmp_path / "results.json"
    done = run("--quick", "--only", "fastai_rnn", "--steps", "2", "--rounds", "1", "--json", str(file))
    assert done.returncode == 0, done.stderr
    content = json.loads(file.read_text())
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    assert content["machine"]["cores"] == report.cores() and content["versions"]["numpy"] == np.__version__
    (row,) = content["rows"]
    available = {name for name in DEFAULT if VARIANTS[name].available}
    assert row["workload"] == "fastai_rnn" and row["best"].keys() == available
    assert all(run["ms"]["total"] > 0 and run["peak_mb"] >= run["added_mb"] >= 0 for run in row["best"].values())
    assert len(content["runs"]) == len(available) * len({1, report.cores()})
    assert all(len(run["totals_ms"]) == 2 for run in content["runs"])
    assert "fastai_rnn" in done.stdout
    assert "all gradients" in done.stderr
    assert all(f"{name} is left out" in done.stderr for name in DEFAULT if not VARIANTS[name].available)


def test_growth_and_a_process_that_takes_too_long():
    common = ("--quick", "--variants", "tinyrnn", "--steps", "1", "--rounds", "1")
    done = run(*common, "--growth")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("exponents ") == 4
    done = run(*common, "--only", "fastai_rnn", "--timeout", "0.01")
    assert done.returncode == 1 and "no answer within" in done.stderr


def test_a_row_in_which_something_is_missing():
    w = WORKLOADS["karpathy"]
    only = report.combine([{"median_ms": {"total": ms}, "min_ms": 1.0, "peak_mb": 9.0, "added_mb": 1.0, "threads": 1} for ms in (1, 2, 9)])
    row = report.summarise(w, {"tinyrnn": {1: only}, "torch": {}}, {1: 1e12})
    assert row["ratio"] is None and row["best"]["tinyrnn"]["ms"]["total"] == 2
    assert math.isclose(row["floor_ratio"], 2 / (1000 * w.flops() / 1e12))
    assert report.geometric_mean([None]) is None and math.isclose(report.geometric_mean([None, 1, 4]), 2)
    assert "karpathy" in report.table([row])


def test_the_gpu_checklist_says_why_it_cannot_run(monkeypatch, capsys):
    from benchmarks import gpu_checklist

    with pytest.raises(SystemExit) as ended:
        gpu_checklist.main(["--help"])
    assert ended.value.code == 0 and "--no-suite" in capsys.readouterr().out

    def init():
        raise RuntimeError("no GPU here: buy one")

    monkeypatch.setattr(gpu_checklist.tinyrnn.cuda, "init", init)
    assert gpu_checklist.main([]) == 1
    assert capsys.readouterr().err == "no GPU here: buy one\n"
