"""One measurement in a process of its own: ``python -m benchmarks.worker '{"task": "time", ...}'`` prints a line of JSON.

The parent sets the number of threads in the environment, for BLAS reads it when NumPy is imported.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import platform
import resource
import statistics
import sys
import time
from typing import Any

import numpy as np

from .variants import VARIANTS, Disagreement, check
from .workloads import Workload


def peak_mb() -> float:
    """The largest resident memory of this process so far."""
    # getrusage's maximum outlives exec: in a small child it would be that of a large parent. /proc knows better.
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def set_threads(variant: str, threads: int) -> None:
    """What the environment cannot say. Imports the library."""
    if variant == "jax":
        if hasattr(os, "sched_setaffinity"):  # XLA has no switch: its pool is as large as the processors it may use
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        return
    lib = importlib.import_module(VARIANTS[variant].needs)
    if hasattr(lib, "set_num_threads"):
        lib.set_num_threads(threads)


def time_steps(workload: dict, variant: str, threads: int, steps: int, seconds: float, warmup: int = 3) -> dict[str, Any]:
    """Milliseconds of ``steps`` steps after the warm-up, or of fewer (three at least) once ``seconds`` have passed."""
    set_threads(variant, threads)
    runner = VARIANTS[variant].make(Workload(**workload))
    built = peak_mb()
    first = time.perf_counter()
    for k in range(warmup):
        runner.step(k)
        if time.perf_counter() - first > seconds:
            break
    phases, start = [], time.perf_counter()
    for k in range(steps):
        phases.append(runner.step(k + warmup))
        if k >= 2 and time.perf_counter() - start > seconds:
            break
    ms = {name: [1000 * p[name] for p in phases] for name in phases[0]}
    return {
        "median_ms": {name: statistics.median(values) for name, values in ms.items()},
        "min_ms": min(ms["total"]),
        "totals_ms": ms["total"],
        "peak_mb": peak_mb(),
        "added_mb": peak_mb() - built,  # by training, on top of the libraries and the model
        "threads": threads,
        "versions": versions(VARIANTS[variant].needs),
    }


def versions(*libraries: str) -> dict[str, str]:
    """Of Python, NumPy, its BLAS, and these libraries."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    found = {"python": platform.python_version(), "numpy": np.__version__, "blas": f"{blas['name']} {blas['version']}"}
    return found | {name: importlib.import_module(name).__version__ for name in libraries}


def gemm_rate(n: int = 1024, repeats: int = 12) -> dict[str, float]:
    """Multiplications and additions a second in a large float32 matrix product: the best that the floor can hope for."""
    a, b = np.random.default_rng(0).random((2, n, n), np.float32)
    out, best = np.empty_like(a), float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        np.matmul(a, b, out=out)
        best = min(best, time.perf_counter() - start)
    return {"flops": 2 * n**3 / best}


def agree(workload: dict, variants: list[str]) -> dict[str, float]:
    """See :func:`benchmarks.variants.check`."""
    return check(Workload(**workload), {name: VARIANTS[name].make for name in variants})


TASKS = {"time": time_steps, "gemm": gemm_rate, "check": agree}


def main(request: str) -> None:
    """Do what the request says, and print the answer."""
    arguments = json.loads(request)
    task = TASKS[arguments.pop("task")]
    try:
        answer = task(**arguments)
    except Disagreement as error:
        answer = {"disagreement": str(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])
