"""What is written with a model on one device is read on the other."""

from __future__ import annotations

import io

import numpy as np
import pytest

import tinyrnn
from tinyrnn import lm, nn, optim, text
from tinyrnn.serialization import load_tensors, save_tensors

pytestmark = pytest.mark.gpu
DEVICES = ["cpu", "cuda"]
VOCAB = text.CharVocab(list("abcdefg"))


def model_on(device, cell="lstm"):
    tinyrnn.manual_seed(0)
    return lm.LanguageModel(len(VOCAB), 4, 5, cell=cell).to(device)


def equal(a, b):
    return np.array_equal(a.detach().cpu().numpy(), b.detach().cpu().numpy())


@pytest.mark.parametrize("to", [None, "cpu", "cuda", "dict", "function"])
@pytest.mark.parametrize("where", DEVICES)
def test_save_and_load(where, to, tmp_path):
    tied = tinyrnn.arange(6.0).reshape(2, 3).to(where)
    given = {"x": tied, "row": tied[1], "ids": tinyrnn.tensor([1, 2], device=where), "n": [3, {"y": nn.Parameter(tied * 2)}]}
    locations = {"dict": {"cpu": "cuda:0", "cuda:0": "cpu"}, "function": lambda storage, location: storage}
    expected = {None: where, "dict": DEVICES[where == "cpu"], "function": "cpu"}.get(to, to)
    tinyrnn.save(given, tmp_path / "f.pt")
    got = tinyrnn.load(tmp_path / "f.pt", map_location=locations.get(to, to))
    for name in ("x", "row", "ids"):
        assert got[name].device.type == expected and equal(got[name], given[name]) and got[name].dtype is given[name].dtype
    assert got["n"][1]["y"].device.type == expected and got["n"][1]["y"].is_leaf
    got["x"][1] = 9.0
    assert (got["row"] == 9).all().item()  # they still share memory


@pytest.mark.parametrize("where", DEVICES)
def test_safetensors(where, tmp_path):
    path = str(tmp_path / "t.safetensors")
    save_tensors({"a": tinyrnn.ones(2, 3).to(where).T, "n": tinyrnn.tensor(3).to(where)}, path)
    for to in DEVICES:
        got = tinyrnn.load(path, map_location=to)
        assert got["a"].device.type == to and got["a"].shape == (3, 2) and got["n"].item() == 3


@pytest.mark.parametrize("there", DEVICES)
@pytest.mark.parametrize("here", DEVICES)
def test_training_goes_on_where_it_was(here, there):
    """State dicts of model and optimiser, written on one device, go on on the other as if nothing had happened."""
    batches = list(text.SequentialBatches(np.arange(60) % 7, 5, 3))

    def step(model, optimizer, batch):
        optimizer.zero_grad()
        loss, _ = model.loss(*(ids.to(model.encoder.weight.device) for ids in batch[:2]))
        loss.backward()
        optimizer.step()

    model = model_on(here).double()
    adam = optim.Adam(model.parameters(), lr=0.1)
    step(model, adam, batches[0])
    file = io.BytesIO()
    tinyrnn.save({"model": model.state_dict(), "optimizer": adam.state_dict()}, file)
    file.seek(0)
    saved = tinyrnn.load(file, map_location="cpu")
    other = model_on(there).double()
    going_on = optim.Adam(other.parameters(), lr=0.5)
    other.load_state_dict(saved["model"])
    going_on.load_state_dict(saved["optimizer"])
    assert all(
        value.device.type == there for state in going_on.state.values() for value in state.values() if isinstance(value, tinyrnn.Tensor)
    )
    for m, o in ((model, adam), (other, going_on)):
        step(m, o, batches[1])
        step(m, o, batches[2])
    for p, q in zip(model.parameters(), other.parameters()):
        np.testing.assert_allclose(q.detach().cpu().numpy(), p.detach().cpu().numpy(), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("where", DEVICES)
def test_checkpoints_of_language_models(where, tmp_path):
    path, model = tmp_path / "m", model_on(where)
    lm.save_checkpoint(path, model, VOCAB, epoch=3)
    loaded = lm.load_checkpoint(path)
    assert loaded.info == {"epoch": 3} and loaded.model.encoder.weight.device.type == "cpu"
    for to in DEVICES:
        moved = loaded.model.to(to)
        assert all(equal(p, q) for p, q in zip(model.parameters(), moved.parameters()))


def test_the_best_weights_of_any_module(tmp_path):
    model = nn.Linear(3, 2).to("cuda")
    x, y = tinyrnn.ones(4, 3), tinyrnn.tensor([0, 1, 1, 0])
    keep = lm.KeepBest(tmp_path / "best")
    lm.fit(model, [(x, y)], optimizer=optim.SGD(model.parameters(), lr=0.1), criterion=nn.CrossEntropyLoss(), callbacks=[keep])
    other = nn.Linear(3, 2)
    other.load_state_dict(load_tensors(keep.path)[0])
    assert equal(other.weight, model.weight)
