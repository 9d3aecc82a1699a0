"""``python -m examples``: what it says of a script stands in the script's docstring."""

import importlib
import re
import subprocess
import sys

import pytest

from examples.__main__ import Example, examples

from ..real_data import ROOT

SCRIPTS = {
    "full.py": '"""What it shows.\n\nTime: 45 s on one core\n\n    Time: not this one\n"""\nraise SystemExit("was run")\n',
    "no_time.py": '"""What it shows."""\n',
    "no_docstring.py": "x = 1\n",
    "_helper.py": '"""Not an example."""\n',
    "__init__.py": '"""Not an example."""\n',
}


def test_takes_line_and_time_from_the_docstring(tmp_path):
    for name, source in SCRIPTS.items():
        (tmp_path / name).write_text(source)
    assert examples(tmp_path) == [
        Example("full", "What it shows.", "45 s on one core"),
        Example("no_docstring", "-", "-"),
        Example("no_time", "What it shows.", "-"),
    ]


def test_lists_every_script():
    done = subprocess.run([sys.executable, "-m", "examples"], cwd=ROOT, capture_output=True, text=True, check=True)
    named = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")]
    assert named == sorted(path.stem for path in (ROOT / "examples").glob("[!_]*.py"))


@pytest.mark.parametrize("name", [e.name for e in examples()])
def test_a_device_that_is_not_there_is_an_error_in_a_line(name, capsys):
    main = importlib.import_module(f"examples.{name}").main
    for device, said in (("cuda:99", ".+"), ("gpu", "Expected one of cpu, cuda .*")):
        assert main(["--smoke", "--device", device]) == 1
        assert re.fullmatch(rf"({name}: error: )?--device {device}: {said}\n", capsys.readouterr().err)


@pytest.mark.parametrize("name", ["bptt_by_hand", "truncation", "gradient_flow"])
def test_the_lessons_say_how_long_they_take(name):
    (example,) = [e for e in examples() if e.name == name]
    assert example.time.endswith("on one core") and len(example.line) > 20


def test_runs_as_a_script_and_as_a_module(tmp_path):
    script = [str(ROOT / "examples" / "bptt_by_hand.py")]
    outputs = {
        subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for command in (script, ["-m", "examples.bptt_by_hand"])
    }
    assert len(outputs) == 1 and "all 74 entries" in outputs.pop()
