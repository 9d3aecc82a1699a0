"""Programs written as PyTorch's tutorials are, each run with PyTorch and with tinyrnn: equal losses at every step."""

import json
import re
from pathlib import Path

import pytest

from .golden import PATH, summary
from .running import run, same

HERE = Path(__file__).parent
HARNESS = {"conftest", "golden", "notebooks", "running", "same_draws"}
PROGRAMS = sorted(p.stem for p in HERE.glob("*.py") if p.stem not in HARNESS and not p.stem.startswith("test_"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name, tmp_path):
    program = HERE / f"{name}.py"
    ours = run(program, "tinyrnn", tmp_path)
    assert summary(ours.variables["losses"]) == pytest.approx(json.loads(PATH.read_text())[name], rel=1e-6, abs=1e-8)
    pytest.importorskip("torch")
    same(ours, run(program, "torch", tmp_path))


def test_one_line_changed(tmp_path):
    """The other way: the program's own imports name tinyrnn."""
    source = (HERE / "names_packed.py").read_text()
    source = re.sub(r"^import torch$", "import tinyrnn as torch", source, flags=re.MULTILINE)
    source = re.sub(r"^(import|from) torch\.", r"\1 tinyrnn.", source, flags=re.MULTILINE)
    (tmp_path / "program.py").write_text(source)
    ours = run(tmp_path / "program.py", None, tmp_path)
    assert ours.variables["losses"] == run(HERE / "names_packed.py", "tinyrnn", tmp_path).variables["losses"]


def test_a_difference_is_found(tmp_path):
    """The comparison is worth something: another learning rate, a missing detail of printing."""
    pytest.importorskip("torch")
    source = (HERE / "custom_function.py").read_text()
    theirs = run(HERE / "custom_function.py", "torch", tmp_path)
    for old, new in (("lr=0.3", "lr=0.3000001"), ('print("gradcheck:"', 'print("gradcheck"'), ("losses = []", "losses = [0.0]")):
        (tmp_path / "program.py").write_text(source.replace(old, new))
        with pytest.raises(AssertionError):
            same(run(tmp_path / "program.py", "tinyrnn", tmp_path), theirs)
