"""``python -m examples``: every example with its first line and the time it takes.

An example's docstring begins with one line that says what it shows, and has a line like ``Time: 45 s on one core``.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import NamedTuple


class Example(NamedTuple):
    """A script, what it shows, and the time it takes, as its docstring says."""

    name: str
    line: str
    time: str


def examples(folder: Path = Path(__file__).parent) -> list[Example]:
    """All scripts of a folder, by name; ``-`` where a docstring does not say. None of them is run."""
    found = []
    for path in sorted(folder.glob("[!_]*.py")):
        doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        time = re.search(r"^Time: (.+)$", doc, re.MULTILINE)
        found.append(Example(path.stem, doc.partition("\n")[0] or "-", time[1] if time else "-"))
    return found


def main() -> int:
    """Print the list; returns the exit code."""
    listed = examples()
    name, time = (max(len(getattr(e, column)) for e in listed) for column in ("name", "time"))
    print("python examples/NAME.py runs one, --help shows its options, --smoke a few seconds of it.\n")
    for e in listed:
        print(f"  {e.name:<{name}}  {e.time:<{time}}  {e.line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
