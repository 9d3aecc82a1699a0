"""Programs that pick a GPU by themselves where there is one: PyTorch's losses there as well."""

import json

import pytest

import tinyrnn

from ..programs.golden import PATH, summary
from ..programs.running import run

pytestmark = pytest.mark.gpu


def test_a_slice_takes_values_of_another_device():
    attention = tinyrnn.zeros(3, 2)
    weights = tinyrnn.rand(2, device="cuda", requires_grad=True)
    attention[1] = weights * 2
    attention.sum().backward()
    assert attention[1].tolist() == (weights * 2).tolist() and weights.grad.tolist() == [2, 2]
    mirror = tinyrnn.zeros(3, 2, device="cuda")
    mirror[:, 0] = attention.detach()[:, 1]
    assert mirror[:, 0].tolist() == attention[:, 1].tolist()


@pytest.mark.parametrize("name", ["seq2seq_attention", "anomaly_autoencoder", "embedding_bag", "word_language_model"])
def test_program(name, tmp_path):
    ours = run(PATH.parent / f"{name}.py", "tinyrnn", tmp_path)
    assert ours.variables["device"].type == "cuda"
    assert summary(ours.variables["losses"]) == pytest.approx(json.loads(PATH.read_text())[name], rel=1e-6, abs=1e-8)
