"""What is installed, and what an import costs."""

import configparser
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import tinyrnn

SETUP = Path(__file__).parents[1] / "setup.cfg"


def test_import_loads_numpy_and_the_standard_library_only():
    """Beyond numpy this takes well under 0.2 s, as long as nothing heavy slips in."""
    code = (
        "import sys, numpy.random; before = set(sys.modules); import tinyrnn; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    result = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["tinyrnn"]


@pytest.mark.parametrize(
    "heavy", ["pydoc_data.topics", "argparse", "unittest", "asyncio", "multiprocessing", "numpy.testing", "tinyrnn.lm", "tinyrnn.text"]
)
def test_import_leaves_out(heavy):
    code = f"import numpy, sys; before = set(sys.modules); import tinyrnn; sys.exit({heavy!r} in set(sys.modules) - before)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_room_is_in_the_list_for_contributors():
    root = Path(__file__).parents[1]
    rooms = {f.name + "/" * f.is_dir() for f in (root / "tinyrnn").iterdir() if f.suffix == ".py" or (f / "__init__.py").exists()}
    listed = re.findall(r"`([^`]+)`", (root / "CONTRIBUTING.md").read_text().partition("Everything hot")[0])
    assert sorted(rooms - {"__init__.py", *listed}) == []


def test_the_version_is_in_one_place():
    config = configparser.ConfigParser()
    config.read(SETUP)
    assert config["metadata"]["version"] == "attr: tinyrnn.__version__"
    assert re.fullmatch(r"\d+\.\d+\.\d+", tinyrnn.__version__)
    assert metadata.version("tinyrnn") == tinyrnn.__version__


def test_three_runtime_requirements():
    config = configparser.ConfigParser()
    config.read(SETUP)
    names = [re.match(r"[\w-]+", line)[0] for line in config["options"]["install_requires"].split()]
    assert sorted(names) == ["numpy", "safetensors", "tqdm"]


def test_the_console_script_is_main():
    from tinyrnn.__main__ import main

    (script,) = metadata.entry_points(group="console_scripts", name="tinyrnn")
    assert script.load() is main
