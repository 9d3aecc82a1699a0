"""``python -m benchmarks``: assert that all variants compute the same, then time them, alternating, a process each."""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from . import report
from .variants import DEFAULT, VARIANTS
from .workloads import WORKLOADS, Workload

RESULTS = report.ROOT / "benchmarks" / "results.json"


class Failed(Exception):
    """A worker did not answer."""


def say(text: str) -> None:
    """Progress, out of the way of the results."""
    print(text, file=sys.stderr, flush=True)


def worker(blas_threads: int, timeout: float, **request: Any) -> dict[str, Any]:
    """The answer of a fresh process that may use so many threads.

    Raises:
        Failed: it crashed, or took too long.
    """
    settings = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(blas_threads))
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps(request)]
    try:
        done = subprocess.run(command, cwd=report.ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Failed(f"no answer within {timeout:.0f} s (--timeout)") from None
    if done.returncode:
        # Killed for its memory, a process says nothing.
        raise Failed(f"exit code {done.returncode}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def check_all(workloads: Sequence[Workload], variants: Sequence[str], timeout: float) -> bool:
    """Whether all variants agree on all workloads; says so."""
    for w in workloads:
        try:
            answer = worker(report.cores(), timeout, task="check", workload=asdict(w), variants=list(variants))
        except Failed as error:
            say(f"error: {w.name}: the comparison of {', '.join(variants)} failed: {error}")
            return False
        if "disagreement" in answer:
            say(f"error: {answer['disagreement']}")
            return False
        what = "the text" if w.generates else "loss, all gradients and the next step's"
        differences = ", ".join(f"{name} {error:.0e}" for name, error in answer.items())
        say(f"{w.name}: {what} equal to {variants[0]}'s (largest relative difference in float64: {differences})")
    return True


def measure(
    workloads: Sequence[Workload], variants: Sequence[str], threads: Sequence[int], options: argparse.Namespace
) -> tuple[list[dict], list[dict], dict[str, str], list[str]]:
    """Rows for the table, every run, versions, and what failed."""
    rows, raw, versions, failures = [], [], {}, []
    for w in workloads:
        runs: dict[tuple[str, int], list[dict]] = {}
        rates: dict[int, float] = {}
        for round_number in range(options.rounds):
            for n in threads:
                # Again for every workload: how fast the machine is, beside it.
                rates[n] = max(rates.get(n, 0.0), worker(n, options.timeout, task="gemm")["flops"])
            # Alternating, so that a machine that slows down does so for all.
            for name, n in ((name, n) for n in threads for name in variants):
                say(f"{w.name}: round {round_number + 1} of {options.rounds}, {name}, {n} thread{'s' if n > 1 else ''}")
                request = {"workload": asdict(w), "variant": name, "threads": n, "steps": options.steps, "seconds": options.seconds}
                try:
                    run = worker(n, options.timeout, task="time", **request)
                except Failed as error:
                    failures.append(f"{w.name}, {name}, {n} threads: {error}")
                    say(f"error: {failures[-1]}")
                    continue
                versions |= run.pop("versions")
                runs.setdefault((name, n), []).append(run)
                raw.append({"workload": w.name, "variant": name, "round": round_number + 1, **run})
        combined: dict[str, dict[int, dict]] = {name: {} for name in variants}
        for (name, n), some in runs.items():
            combined[name][n] = report.combine(some)
        rows.append(report.summarise(w, combined, rates) | {"all": combined})
    return rows, raw, versions, failures


GROWTH = Workload("growth", "lstm", V=256, E=128, H=128, layers=1, T=32, N=32)


def growth(base: Workload, variants: Sequence[str], options: argparse.Namespace) -> list[dict[str, Any]]:
    """How a step's time grows when T, N, H or V double, twice: the exponents, 1 where time is linear. One thread."""
    sizes = {(letter, factor): replace(base, **{letter: getattr(base, letter) * factor}) for letter in "TNHV" for factor in (1, 2, 4)}
    results = []
    for name in variants:
        times: dict[tuple[str, int], float] = {}
        for _ in range(options.rounds):
            for key, w in sizes.items():
                say(f"growth of {key[0]} to {getattr(w, key[0])}: {name}")
                request = {"workload": asdict(w), "variant": name, "threads": 1, "steps": options.steps, "seconds": options.seconds}
                run = worker(1, options.timeout, task="time", **request)
                times[key] = min(times.get(key, math.inf), run["median_ms"]["total"])
        for letter in "TNHV":
            ms = [times[letter, factor] for factor in (1, 2, 4)]
            exponents = [math.log2(b / a) for a, b in itertools.pairwise(ms)]
            results.append({"variant": name, "letter": letter, "from": getattr(base, letter), "ms": ms, "exponents": exponents})
    return results


def print_growth(base: Workload, results: Sequence[dict[str, Any]]) -> None:
    """A line for each letter."""
    print(f"\nGrowth, from {base.cell} V={base.V} E={base.E} H={base.H} T={base.T} N={base.N} at one thread (exponent 1 is linear):")
    for r in results:
        sizes = " -> ".join(str(r["from"] * factor) for factor in (1, 2, 4))
        ms = " -> ".join(report.number(x) for x in r["ms"])
        print(f"{r['variant']:12} {r['letter']}: {sizes:20} {ms:24} ms, exponents {r['exponents'][0]:.2f}, {r['exponents'][1]:.2f}")


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, metavar="NAME", help=f"workloads: {', '.join(WORKLOADS)}")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, metavar="NAME", help=f"of {', '.join(VARIANTS)}")
    parser.add_argument("--steps", type=int, default=50, help="timed in each process, at most (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=6.0, help="after which a process stops, with 3 steps at least (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="processes of each variant and number of threads (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds a process may take (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: to see that it works, not how fast it is")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help=f"where results go (default: {RESULTS.name} here, if all workloads are run)"
    )
    parser.add_argument("--no-check", action="store_true", help="do not compare the variants' numbers first")
    parser.add_argument("--growth", action="store_true", help="instead, how time grows with T, N, H and V")
    options = parser.parse_args(argv)
    if options.steps < 1 or options.rounds < 1:
        parser.error("--steps and --rounds must be at least 1")
    if options.json and not options.json.absolute().parent.is_dir():
        parser.error(f"--json: there is no folder {options.json.parent}")  # now, not after an hour
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """0, or 1 if variants disagree or a process failed."""
    options = arguments(argv)
    workloads = [WORKLOADS[name] for name in options.only or WORKLOADS]
    if options.quick:
        workloads = [w.tiny() for w in workloads]
    wanted = options.variants or (("tinyrnn", "torch") if options.growth else DEFAULT)
    variants = [name for name in wanted if VARIANTS[name].available]
    for name in (name for name in wanted if name not in variants):
        say(f"note: {name} is left out, for {VARIANTS[name].needs} is not installed")
    if not variants:
        say("error: no variant is left")
        return 1
    content: dict[str, Any] = {"date": report.now(), **report.commit(), "machine": report.machine()}
    content["options"] = {key: value for key, value in vars(options).items() if key != "json"}
    failures: list[str] = []
    if options.growth:
        base = GROWTH.tiny() if options.quick else GROWTH
        content["growth"] = growth(base, variants, options)
        print_growth(base, content["growth"])
    else:
        if len(variants) > 1 and not options.no_check and not check_all(workloads, variants, options.timeout):
            return 1
        threads = sorted({1, report.cores()})
        rows, raw, versions, failures = measure(workloads, variants, threads, options)
        mean = report.geometric_mean(row["ratio"] for row in rows)
        content |= {"versions": versions, "geometric_mean": mean, "rows": rows, "failures": failures, "runs": raw}
        print(report.table(rows))
        if mean is not None:
            print(f"\ngeometric mean of tinyrnn / torch: {mean:.3f}")
        for failure in failures:
            print(f"failed: {failure}")
    path = options.json or (None if options.quick or options.only or options.growth or options.variants else RESULTS)
    if path:
        report.write_json(path, content)
        say(f"written: {path}")
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, KeyboardInterrupt) as error:
        say(f"error: {error or 'interrupted'}")
        sys.exit(1)
