"""Packed sequences on a GPU, against NumPy, and how many launches they take."""

from __future__ import annotations

import pytest

import tinyrnn
from tinyrnn import nn
from tinyrnn.backend import why_no_cuda
from tinyrnn.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, unpack_sequence

from .test_layers import CELLS, both, close

pytestmark = pytest.mark.gpu
LENGTHS = [2, 5, 1, 5]


@pytest.mark.parametrize("tier", ["fused", "definition"])
@pytest.mark.parametrize("cell", CELLS)
def test_packed(cell, tier):
    here, there = both(lambda: CELLS[cell](4, 5, num_layers=2, bidirectional=True))
    x = tinyrnn.randn(4, 6, 4, dtype=tinyrnn.float64)
    results = []
    for layer, device in ((here, "cpu"), (there, "cuda")):
        layer.fused = tier == "fused"
        given = x.detach().to(device).requires_grad_()
        packed = pack_padded_sequence(given, tinyrnn.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
        assert packed.is_cuda == (device == "cuda") and not packed.batch_sizes.is_cuda
        y, state = layer(packed, None)
        (h, *_) = state if isinstance(state, tuple) else (state,)
        padded, lengths = pad_packed_sequence(y, padding_value=-1.0)
        assert lengths.tolist() == LENGTHS and not lengths.is_cuda
        ((padded * padded).sum() + h.sum()).backward()
        results.append([padded, h, *unpack_sequence(y), given.grad, *(p.grad for p in layer.parameters())])
    for one, other in zip(*results):
        close(one, other)


def test_a_packed_sequence_moves():
    packed = pack_padded_sequence(tinyrnn.ones(5, 4), LENGTHS, enforce_sorted=False)
    there = packed.cuda()
    assert there.data.is_cuda and there.sorted_indices.is_cuda and there.unsorted_indices.is_cuda and not there.batch_sizes.is_cuda
    assert there.cuda() is there and not there.cpu().is_cuda
    with pytest.raises(RuntimeError, match="CPU"):
        pack_padded_sequence(tinyrnn.ones(5, 4).cuda(), tinyrnn.tensor(LENGTHS).cuda())
    with pytest.raises(ValueError, match="CPU"):
        nn.utils.rnn.PackedSequence(there.data, packed.batch_sizes.cuda())
    with pytest.raises(RuntimeError, match="same device"):
        nn.GRU(1, 2).cuda()(pack_padded_sequence(tinyrnn.ones(5, 4, 1).cuda(), LENGTHS, enforce_sorted=False), tinyrnn.ones(1, 4, 2))


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_launches(kind):
    """As for a batch of equal lengths, and five more: the sequences' last states, and what W_hh's gradient needs."""
    cupysim = pytest.importorskip("cupysim", reason="launches are counted on the simulated device only")
    if why_no_cuda() is None and cupysim.lib is None:
        pytest.skip("launches are counted on the simulated device only")
    layer, budget = getattr(nn, kind)(4, 5).cuda(), {"RNN": (4, 15), "GRU": (6, 17), "LSTM": (4, 15)}[kind]
    for T in (4, 9):
        packed = pack_padded_sequence(tinyrnn.randn(T, 3, 4).cuda(), [T, T - 1, 2])
        given = tinyrnn.ones(2 * T + 1, 5).cuda()
        for _ in range(2):
            layer.zero_grad()
            with cupysim.count() as counted:
                layer(packed)[0].data.backward(given)
        assert counted["launches"] + counted["blas"] <= budget[0] * T + budget[1], counted.log
        assert counted["h2d"] == counted["d2h"] == counted["syncs"] == 0, counted.log  # which rows are which is there already
