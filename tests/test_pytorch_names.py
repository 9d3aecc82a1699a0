"""The README's table of PyTorch's names says what is so."""

import pytest

from tests import pytorch_names

torch = pytest.importorskip("torch", reason="compares with PyTorch's names: pip install torch==2.13.0")


def test_the_readme_has_the_table_as_the_code_is():
    if not torch.__version__.startswith("2.13."):
        pytest.skip(f"the table is of PyTorch 2.13, here is {torch.__version__}")
    text = pytorch_names.README.read_text(encoding="utf-8")
    written = text.partition(pytorch_names.BEGIN)[2].partition(pytorch_names.END)[0].strip()
    assert written == pytorch_names.table(), "python -m tests.pytorch_names --write"


def test_an_argument_that_is_not_taken_makes_a_name_partial():
    def theirs(a, b=1, *, foreach=None): ...

    def ours(a): ...

    def anything(a, **kwargs): ...

    assert pytorch_names.fewer_arguments(theirs, ours) == ["b"]
    assert pytorch_names.fewer_arguments(theirs, anything) == pytorch_names.fewer_arguments(theirs, theirs) == []
