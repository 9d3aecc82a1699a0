"""The losses that PyTorch gave, for where it is not installed: ``python -m tests.programs.golden`` writes them."""

import json
import tempfile
from pathlib import Path

PATH = Path(__file__).with_name("golden.json")


def summary(losses):
    """How many losses, the first, the middle and the last."""
    return [len(losses), losses[0], losses[len(losses) // 2], losses[-1]]


def main():
    from .running import run
    from .test_programs import HERE, PROGRAMS

    with tempfile.TemporaryDirectory() as folder:
        losses = {name: run(HERE / f"{name}.py", "torch", Path(folder)).variables["losses"] for name in PROGRAMS}
    lines = [f'"{name}": {json.dumps(summary(values))}' for name, values in losses.items()]
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
