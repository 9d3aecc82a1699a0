"""For the day somebody has a GPU: does tinyrnn compute the right numbers there, how fast, and in how much memory?

    pip install -e ".[cuda13,test]"            # and torch, to be compared with
    python -m benchmarks.gpu_checklist         # some minutes; writes gpu_checklist.md and gpu_checklist.json, which please send in

Correctness is against NumPy in float64: every workload of the benchmark made small, and a hundred training steps with
dropout; then ``pytest -m gpu``. Times are of workloads in float32, the batch's copy included: ``queued`` is what the host
needs to tell the GPU what to do, ``step`` what it takes until it is done. If they are equal, launches are the speed.

On the simulated device (see its README) it runs without the times, which would be those of a CPU, and counts launches:

    PYTHONPATH=../shared python -c "import cupysim, sys; cupysim.install()
    from benchmarks.gpu_checklist import main; sys.exit(main(['--no-suite']))"
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import tinyrnn

from . import report
from .variants import Disagreement, Eager, TinyRNN, TinyRNNOnGpu, TorchOnGpu, check, check_equal
from .worker import versions
from .workloads import WORKLOADS, Workload

CELLS = ("rnn", "gru", "lstm")
STEPS, MEMORY_STEPS, WARMUP = 100, 50, 5


def simulator() -> Any:
    """The module ``cupysim``, if CuPy runs on it."""
    found = sys.modules.get("cupysim")
    return found if found is not None and found.lib is not None else None


def environment() -> dict[str, Any]:
    """What the numbers below are of."""
    import cupy

    runtime = cupy.cuda.runtime
    found: dict[str, Any] = {"simulated": simulator() is not None, "gpu": tinyrnn.cuda.get_device_properties()._asdict()}
    found |= {"driver": runtime.driverGetVersion(), "toolkit": runtime.runtimeGetVersion(), "cupy": cupy.__version__}
    if torch_on_gpu():
        import torch

        found |= {"torch": torch.__version__, "cudnn": torch.backends.cudnn.version()}
    return found | versions() | report.machine() | report.commit() | {"tinyrnn": tinyrnn.__version__, "when": report.now()}


def torch_on_gpu() -> bool:
    """Whether there is a PyTorch that can use the GPU, too."""
    if simulator() or importlib.util.find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()


# -- correctness --


def equal_losses(cell: str, dtype: str, tolerance: float) -> str:
    """A hundred training steps with dropout and clipping, here and there; the largest difference of their losses.

    Raises:
        Disagreement: it is over the tolerance.
    """
    workload = Workload("a hundred steps", cell, V=11, E=5, H=6, layers=2, T=4, N=3, dropout=0.3)
    losses = []
    for make in (TinyRNN, TinyRNNOnGpu):
        runner = make(workload, dtype)
        tinyrnn.manual_seed(5)  # of the dropout
        seen = []
        for k in range(STEPS):
            runner.step(k)
            seen.append(runner.last_loss.detach())
        losses.append(np.array([loss.item() for loss in seen]))
    error = check_equal({"losses": losses[0]}, {"losses": losses[1]}, tolerance)
    return f"they differ by {error:.1e} at most"


def agreement(workload: Workload) -> str:
    """Loss, gradients and text of three steps in float64, and of one in float32."""
    return f"they differ by {check(workload.tiny(), {'numpy': TinyRNN, 'gpu': TinyRNNOnGpu})['gpu']:.1e} at most"


def steady_memory() -> str:
    """Whether the memory that CuPy has taken stays what it is after the first steps.

    Raises:
        Disagreement: it grows.
    """
    runner = TinyRNNOnGpu(replace(WORKLOADS["karpathy"].tiny(), dropout=0.2))
    for k in range(WARMUP):
        runner.step(k)
    before = tinyrnn.cuda.memory_reserved()
    for k in range(MEMORY_STEPS):
        runner.step(k)
    after = tinyrnn.cuda.memory_reserved()
    if after > before:
        raise Disagreement(f"{MEMORY_STEPS} steps took {after - before:,} bytes more")
    return f"{after:,} bytes before and after {MEMORY_STEPS} steps"


def suite() -> str:
    """All tests that need a GPU.

    Raises:
        Disagreement: one has failed.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", "tests/gpu"]
    done = subprocess.run(command, cwd=report.ROOT, capture_output=True, text=True, check=False)
    last = (done.stdout.strip().splitlines() or [done.stderr[-300:]])[-1].strip("= ")
    if done.returncode:
        failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        raise Disagreement("; ".join([last, *failed[:20]]))
    return last


def attempt(name: str, what: Callable[[], str]) -> dict[str, Any]:
    """Run a check and print how it went; one that fails does not keep the others from being run."""
    try:
        result = {"check": name, "ok": True, "said": what()}
    except Exception as error:  # whatever a GPU that nobody here has seen may do
        result = {"check": name, "ok": False, "said": f"{type(error).__name__}: {error}"}
    print(f"  {'ok    ' if result['ok'] else 'FAILED'} {name}: {result['said']}", flush=True)
    return result


# -- speed --


def time_steps(make: Callable[[Workload], Eager], workload: Workload, steps: int) -> dict[str, float]:
    """Milliseconds a step, and megabytes; what compiles does so before."""
    runner = make(workload)
    wait, cuda = runner.lib.cuda.synchronize, runner.lib.cuda
    for k in range(WARMUP):
        runner.step(k)
    wait()
    start = time.perf_counter()
    for k in range(steps):
        runner.step(k)
    queued = time.perf_counter() - start
    wait()
    total = time.perf_counter() - start
    found = {"queued_ms": 1000 * queued / steps, "step_ms": 1000 * total / steps, "memory_mb": cuda.max_memory_allocated() / 1e6}
    del runner
    cuda.empty_cache()
    return found


def count_launches(workload: Workload) -> dict[str, int]:
    """On the simulated device: what a step asks of the driver."""
    runner = TinyRNNOnGpu(workload)
    for k in range(2):
        runner.step(k)
    with simulator().count() as counted:
        runner.step(2)
    return {"launches": counted["launches"], "products": counted["blas"]} | {kind: counted[kind] for kind in ("h2d", "d2h", "syncs")}


def measure(workload: Workload, steps: int) -> dict[str, Any]:
    """One row of the table."""
    row: dict[str, Any] = {"workload": workload.name}
    if simulator():
        return row | count_launches(workload.tiny())
    row |= {f"tinyrnn_{name}": value for name, value in time_steps(TinyRNNOnGpu, workload, steps).items()}
    if torch_on_gpu():
        row |= {f"torch_{name}": value for name, value in time_steps(TorchOnGpu, workload, steps).items()}
    return row


# -- the report --


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """As Markdown; the columns are those of the first row."""
    if not rows:
        return []
    columns = list(rows[0])
    lines = [f"| {' | '.join(columns)} |", "|" + " --- |" * len(columns)]
    for row in rows:
        cells = [
            f"{value:.2f}" if isinstance(value, float) else str(value) for value in (row.get(name, report.MISSING) for name in columns)
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def as_text(found: dict[str, Any]) -> str:
    """The report for people."""
    lines = ["# tinyrnn on a GPU", ""]
    lines += [f"* {name}: {value}" for name, value in found["environment"].items()]
    lines += ["", "## Correct?", ""]
    lines += [f"* {'ok' if one['ok'] else '**FAILED**'} {one['check']}: {one['said']}" for one in found["checks"]]
    what = "Launches (simulated device, small sizes)" if found["environment"]["simulated"] else "Milliseconds a step, float32"
    lines += ["", f"## {what}", "", *table(found["steps"]), ""]
    return "\n".join(lines)


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_checklist", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--out", default="gpu_checklist", metavar="NAME", help="writes NAME.md and NAME.json (default %(default)s)")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS), metavar="NAME", help=", ".join(WORKLOADS))
    parser.add_argument("--steps", type=int, default=50, metavar="N", help="steps to time (default %(default)s)")
    parser.add_argument("--no-suite", dest="suite", action="store_false", help="leave out pytest -m gpu")
    args = parser.parse_args(argv)
    if args.steps < 1:
        parser.error(f"--steps must be at least 1, got {args.steps}")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; 0 if all checks are good, 1 if one is not, or there is no GPU."""
    args = arguments(argv)
    try:
        tinyrnn.cuda.init()
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    found: dict[str, Any] = {"environment": environment(), "checks": [], "steps": []}
    print(f"{found['environment']['gpu']['name']}{', simulated: no times' * found['environment']['simulated']}\n\nCorrect?")
    checks: dict[str, Callable[[], str]] = {name: partial(agreement, WORKLOADS[name]) for name in args.workloads}
    for cell in CELLS:
        for dtype, tolerance in (("float64", 1e-9), ("float32", 1e-3)):
            checks[f"{STEPS} steps with dropout, {cell}, {dtype}"] = partial(equal_losses, cell, dtype, tolerance)
    checks["memory"] = steady_memory
    if args.suite:
        checks["pytest -m gpu"] = suite
    for name, what in checks.items():
        found["checks"].append(attempt(name, what))
    print("\nSteps")
    for name in args.workloads:
        found["steps"].append(measure(WORKLOADS[name], args.steps))
        print("  " + "  ".join(f"{k} {v:.2f}" if isinstance(v, float) else f"{k} {v}" for k, v in found["steps"][-1].items()), flush=True)
    report.write_json(Path(f"{args.out}.json"), found)
    Path(f"{args.out}.md").write_text(as_text(found))
    print(f"\nwritten: {args.out}.md and {args.out}.json")
    return 0 if all(one["ok"] for one in found["checks"]) else 1


if __name__ == "__main__":
    sys.exit(main())
