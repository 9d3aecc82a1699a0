"""Whole trainings on a GPU, with dropout: against NumPy, with threads in reverse order, through the real compiler."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinyrnn
from tinyrnn import lm, nn, optim, text
from tinyrnn.nn import functional as F

pytestmark = pytest.mark.gpu


def losses_of(device, cell="lstm", dtype=tinyrnn.float64, steps=100, reset_after=True, vocab_size=11):
    """Train a small language model with dropout and clipping from a fixed seed; the loss of every step."""
    tinyrnn.manual_seed(5)
    model = lm.LanguageModel(vocab_size, 5, 6, 2, cell, dropout=0.3).to(dtype)
    if cell == "gru":
        model.rnn.reset_after = reset_after
    model = model.to(device)
    adam, state, seen = optim.Adam(model.parameters(), lr=0.01), None, []
    ids = np.arange(steps * 4 * 3 + 1) ** 2 % vocab_size
    for inputs, targets, _ in text.SequentialBatches(ids, 4, 3):
        adam.zero_grad()
        loss, state = model.loss(inputs.to(device), targets.to(device), lm.detach(state))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        adam.step()
        seen.append(loss.detach())
    return [loss.item() for loss in seen]


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_a_hundred_steps_with_dropout_give_the_same_losses(cell):
    here, there = losses_of("cpu", cell), losses_of("cuda", cell)
    assert len(here) == 100 and here[-1] < here[0]
    np.testing.assert_allclose(there, here, rtol=0, atol=1e-9)


@pytest.mark.parametrize("p", [0.2, 0.5])
@pytest.mark.parametrize("dtype", [tinyrnn.float32, tinyrnn.float64])
def test_equal_seeds_drop_the_same_elements(dtype, p):
    x, g = tinyrnn.ones(5, 40_000, dtype=dtype), tinyrnn.Generator()
    for seed in (0, 3):
        masks = [F.dropout(x.to(device), p, generator=g.manual_seed(seed)).cpu() for device in ("cpu", "cuda")]
        assert (masks[0] == masks[1]).all()


@pytest.mark.parametrize("vocab_size", [20, 5000])
@pytest.mark.parametrize("bad", [-1, 20, 5000])
@pytest.mark.parametrize("what", ["inputs", "targets"])
def test_an_id_out_of_range_makes_the_loss_nan(what, bad, vocab_size):
    if 0 <= bad < vocab_size:
        return
    model = lm.LanguageModel(vocab_size, 3, 4).cuda()
    ids = {name: tinyrnn.tensor([[3], [1]]) for name in ("inputs", "targets")}
    ids[what][1, 0] = bad
    loss, _ = model.loss(ids["inputs"].cuda(), ids["targets"].cuda())
    assert np.isnan(loss.item())
    loss.backward()  # and nothing is written outside


def test_repeated_ids_add_up_in_order():
    ids = np.random.default_rng(0).integers(7, size=(30,))
    grads = []
    for device in ("cpu", "cuda"):
        tinyrnn.manual_seed(0)
        w = tinyrnn.randn(7, 3, dtype=tinyrnn.float64).to(device).requires_grad_()
        (F.embedding(tinyrnn.tensor(ids).to(device), w) * tinyrnn.randn(30, 3, dtype=tinyrnn.float64).to(device)).sum().backward()
        grads.append(w.grad.cpu().numpy())
    np.testing.assert_allclose(grads[1], grads[0], rtol=1e-13)


PROGRAM = """
import json, sys
import cupysim; cupysim.install()
import tinyrnn
from tests.gpu.test_training import losses_of
from tinyrnn import optim
from tinyrnn.kernels.account import new_account, note_step
report = []
if sys.argv[1] == "nvrtc":
    cupysim.enable_nvrtc(("sm_80", "sm_90"))
    compile_it = cupysim.nvrtc_check
    ours = ("rnn_", "gru_", "lstm_", "dropout_", "softmax_", "rows_", "add_rows", "sum_of_", "norm_", "scale_", "adam", "sgd", "note_step")

    def check(source, *rest):
        if any(f"void {name}" in source for name in ours):
            cupysim.nvrtc_report.clear()
            compile_it(source, *rest)
            report.extend([name, arch, seen["spill"]] for (name, arch), seen in cupysim.nvrtc_report.items())

    cupysim.nvrtc_check = check
losses = {}
for dtype in (tinyrnn.float32, tinyrnn.float64):
    for cell, reset_after in (("rnn", True), ("lstm", True), ("gru", True), ("gru", False)):
        losses[f"{cell} {reset_after} {dtype}"] = losses_of("cuda", cell, dtype, 4, reset_after)
    p = tinyrnn.ones(3, dtype=dtype).cuda().requires_grad_()
    p.grad = p.detach().clone()
    optim.SGD([p], lr=0.1).step()
    note_step(p.grad[0].array, p.grad[1].array, 3, 1, new_account(p.array))
print(json.dumps([losses, report]))
"""


def run_on_simulator(mode, **environment):
    """What a new process finds: the order of threads and the compiler are settled when a kernel is first used."""
    cupysim = pytest.importorskip("cupysim", reason="needs the simulated device")
    folders = [Path(cupysim.__file__).parents[1], Path(__file__).parents[2]]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders)), **environment}
    done = subprocess.run([sys.executable, "-c", PROGRAM, mode], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_order_of_threads_does_not_matter():
    assert run_on_simulator("order")[0] == run_on_simulator("order", SIMCUDA_ORDER="rev")[0]


def test_the_real_compiler_takes_every_kernel_without_spills():
    pytest.importorskip("nvidia", reason="needs nvidia-cuda-nvrtc")
    _, report = run_on_simulator("nvrtc")
    names = [name for name, *_ in report]
    assert {"lstm_forward", "gru_after_backward", "softmax_nll", "adam", "sgd", "note_step", "add_rows"} <= set(names)
    assert all(names.count(name) >= 4 for name in names)  # two dtypes, two kinds of GPU
    assert [one for one in report if one[2]] == []


def test_ids_are_checked_on_the_host_before_they_are_copied():
    w = tinyrnn.tensor([[1.0, 2.0], [3.0, 4.0]]).cuda().requires_grad_()
    with pytest.raises(IndexError, match="id 2 at"):
        F.embedding(tinyrnn.tensor([0, 2]), w)
    F.embedding(tinyrnn.tensor([1, 1]), w).sum().backward()
    assert w.grad.tolist() == [[0, 0], [2, 2]]
