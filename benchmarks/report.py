"""What came out, as a table and as JSON, and on which machine."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MISSING = "-"


def machine() -> dict[str, Any]:
    """The processor, and how busy it was."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration), open("/proc/cpuinfo") as file:
        model = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"cpu": model, "cores": cores(), "system": platform.platform(), "load_average": load}


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def commit() -> dict[str, Any]:
    """The commit in hand, and whether files differ from it."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=20).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "modified": bool(git("status", "--porcelain", "--", "tinyrnn", "benchmarks"))}
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "modified": None}


def now() -> str:
    """The date and time, in UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def write_json(path: Path, content: Any) -> None:
    """All of the file or nothing: whoever reads meanwhile finds the old one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(content, indent=1) + "\n")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


# -- the table --


def ratio(a: float | None, b: float | None) -> float | None:
    """``a / b``, if both were measured."""
    return None if a is None or not b else a / b


def summarise(workload: Any, runs: dict[str, dict[int, dict]], rates: dict[int, float]) -> dict[str, Any]:
    """A row: each variant at its faster number of threads, what it is compared with, and the floor."""
    best = {name: min(by_threads.values(), key=lambda run: run["ms"]["total"]) for name, by_threads in runs.items() if by_threads}

    def of(name: str, key: str) -> float | None:
        run = best.get(name)
        return None if run is None else run["ms"]["total"] if key == "ms" else run[key]

    floors = {threads: 1000 * workload.flops() / rate for threads, rate in rates.items()}
    return {
        "workload": workload.name,
        "best": best,
        "ratio": ratio(of("tinyrnn", "ms"), of("torch", "ms")),
        "ratio_jax": ratio(of("tinyrnn", "ms"), of("jax", "ms")),
        "definition_ratio": ratio(of("definition", "ms"), of("tinyrnn", "ms")),
        "memory_ratio": ratio(of("tinyrnn", "peak_mb"), of("torch", "peak_mb")),
        "added_memory_ratio": ratio(of("tinyrnn", "added_mb"), of("torch", "added_mb")),
        "floor_ms": floors,
        "floor_ratio": ratio(of("tinyrnn", "ms"), floors.get(best["tinyrnn"]["threads"])) if "tinyrnn" in best else None,
    }


def combine(runs: Sequence[dict]) -> dict[str, Any]:
    """The rounds of one variant at one number of threads: the median of each number."""
    phases = {name: statistics.median(run["median_ms"][name] for run in runs) for name in runs[0]["median_ms"]}
    memory = {key: statistics.median(run[key] for run in runs) for key in ("peak_mb", "added_mb")}
    return {"ms": phases, "min_ms": min(run["min_ms"] for run in runs), **memory, "threads": runs[0]["threads"]}


def geometric_mean(values: Iterable[float | None]) -> float | None:
    """Of those that were measured."""
    known = [v for v in values if v is not None]
    return statistics.geometric_mean(known) if known else None


def number(x: float | None) -> str:
    """Three digits that mean something."""
    if x is None:
        return MISSING
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}" if x >= 0.1 else f"{x:.1g}"


def table(rows: Sequence[dict[str, Any]]) -> str:
    """All rows, aligned; milliseconds a step and megabytes."""
    titles = ["workload", "tinyrnn ms (fwd+bwd+opt, threads)", "torch ms (fwd+bwd+opt, threads)", "/torch", "def/fused"]
    titles += ["jax ms (threads)", "/jax", "peak MB, torch", "/torch", "added MB, torch", "floor ms", "x floor"]
    others = [name for name in dict.fromkeys(name for row in rows for name in row["best"]) if name not in ASIDE]
    titles += [f"{name} ms" for name in others]
    lines = [titles]
    for row in rows:
        best, memory = row["best"], {}
        for key in ("peak_mb", "added_mb"):
            memory[key] = ", ".join(number(best[name][key]) if name in best else MISSING for name in ("tinyrnn", "torch"))
        cells = [row["workload"], _time(best.get("tinyrnn")), _time(best.get("torch")), number(row["ratio"])]
        cells += [number(row["definition_ratio"]), _time(best.get("jax")), number(row["ratio_jax"])]
        cells += [memory["peak_mb"], number(row["memory_ratio"]), memory["added_mb"]]
        cells += [", ".join(f"{number(ms)} ({threads}t)" for threads, ms in row["floor_ms"].items()), number(row["floor_ratio"])]
        lines.append(cells + [_time(best.get(name)) for name in others])
    widths = [max(len(line[k]) for line in lines) for k in range(len(titles))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


ASIDE = ("tinyrnn", "definition", "torch", "jax")  # these have columns of their own


def _time(run: dict | None) -> str:
    if run is None:
        return MISSING
    ms = run["ms"]
    parts = "+".join(number(ms[name]) for name in ("forward", "backward", "optimiser") if name in ms)
    return f"{number(ms['total'])} ({parts}{', ' if parts else ''}{run['threads']}t)"
