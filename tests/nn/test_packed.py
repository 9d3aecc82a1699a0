"""Packed sequences: what PyTorch makes of them, here, on both tiers, with first and second derivatives."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import nn
from tinyrnn.gradcheck import gradcheck, gradgradcheck
from tinyrnn.nn.utils import rnn as ours
from tinyrnn.nn.utils.rnn import pack_padded_sequence, pack_sequence, pad_packed_sequence, pad_sequence, unpack_sequence, unpad_sequence

from .parity import both, parameter_pairs, raised, same, same_error, same_run, share_weights, torch
from .test_fused import close

theirs = pytest.importorskip("torch.nn.utils.rnn")
F64 = {"dtype": tinyrnn.float64}
KINDS = {
    "RNN": ("RNN", {}),
    "RNN relu": ("RNN", {"nonlinearity": "relu"}),
    "LSTM": ("LSTM", {}),
    "LSTM projected": ("LSTM", {"proj_size": 2}),
    "GRU": ("GRU", {}),
}
kinds = st.sampled_from(list(KINDS))
lengths = st.lists(st.integers(1, 7), min_size=1, max_size=5)


def drawn(rng, *shape):
    return both(rng.standard_normal(shape))


def same_packed(mine, their, what="packed"):
    assert type(mine).__name__ == type(their).__name__ == "PackedSequence" and mine._fields == their._fields
    for name, a, b in zip(mine._fields, mine, their):
        same(a, b, what=f"{what}.{name}")


def flat(results):
    """The tensors of results in which a packed sequence stands for its data."""
    return tuple(
        t for r in results for t in ((r.data,) if hasattr(r, "data") and isinstance(r, tuple) else r if isinstance(r, tuple) else (r,))
    )


# -- packing and padding --


@given(lengths=lengths, batch_first=st.booleans(), sort=st.booleans(), extra=st.integers(0, 2), more=st.sampled_from([(), (2,), (2, 3)]))
def test_packing_and_padding(lengths, batch_first, sort, extra, more):
    rng, T, N = np.random.default_rng(0), max(lengths) + extra, len(lengths)
    if sort:
        lengths = sorted(lengths, reverse=True)
    x = drawn(rng, *((N, T) if batch_first else (T, N)), *more)
    packed = [library.pack_padded_sequence(t, lengths, batch_first, enforce_sorted=sort) for library, t in zip((ours, theirs), x)]
    same_packed(*packed)
    padded = [
        library.pad_packed_sequence(p, not batch_first, padding_value=-1.5, total_length=T + 1)
        for library, p in zip((ours, theirs), packed)
    ]
    same(padded[0][1], padded[1][1])
    assert padded[0][1].tolist() == lengths
    same_run((packed[0].data, padded[0][0]), (packed[1].data, padded[1][0]), {"input": x}, rng)


@given(lengths=lengths, batch_first=st.booleans(), left=st.booleans(), more=st.sampled_from([(), (2,)]))
def test_padding_lists(lengths, batch_first, left, more):
    rng = np.random.default_rng(0)
    x = [drawn(rng, n, *more) for n in lengths]
    inputs = {f"input {k}": pair for k, pair in enumerate(x)}
    options = {"batch_first": batch_first, "padding_value": 0.5, "padding_side": "left" if left else "right"}
    mine, their = ([pair[k] for pair in x] for k in (0, 1))
    padded = ours.pad_sequence(mine, **options), theirs.pad_sequence(their, **options)
    same_run(*padded, inputs, rng)
    same_packed(ours.pack_sequence(mine, enforce_sorted=False), theirs.pack_sequence(their, enforce_sorted=False))
    again = unpack_sequence(pack_sequence(mine, enforce_sorted=False))
    same_run(again, theirs.unpack_sequence(theirs.pack_sequence(their, enforce_sorted=False)), inputs, rng)
    assert all((a == b).all() for a, b in zip(again, mine, strict=True))
    if not left:
        padded = ours.pad_sequence(mine, **options), theirs.pad_sequence(their, **options)
        shape = padded[0].shape
        cut = unpad_sequence(padded[0], tinyrnn.tensor(lengths), batch_first)
        same_run(cut, theirs.unpad_sequence(padded[1].clone(), torch.tensor(lengths), batch_first), inputs, rng)
        assert padded[0].shape == shape, "the argument stays as it was"


def test_derivatives_of_moving_rows():
    x = tinyrnn.randn(4, 3, 2, **F64, requires_grad=True)
    pack = lambda x: pack_padded_sequence(x, [2, 4, 1], enforce_sorted=False)
    for f in (lambda x: pack(x).data, lambda x: pad_packed_sequence(pack(x * x))[0], lambda x: pad_sequence([x[:3, 0], x[:2, 1] ** 2])):
        assert gradcheck(f, (x,)) and gradgradcheck(f, (x,))


def test_dtypes_and_sources_of_lengths():
    x = tinyrnn.arange(12).reshape(4, 3)
    expected = pack_padded_sequence(x, [4, 3, 1])
    assert expected.data.dtype == tinyrnn.int64
    for spelled in ((4, 3, 1), np.array([4, 3, 1]), tinyrnn.tensor([4, 3, 1]), tinyrnn.tensor([4, 3, 1], dtype=tinyrnn.int32)):
        assert (pack_padded_sequence(x, spelled).data == expected.data).all()
    whole = [tinyrnn.tensor([1, 2]), tinyrnn.tensor([3.5])]
    same(pad_sequence(whole), theirs.pad_sequence([torch.tensor([1, 2]), torch.tensor([3.5])]))  # the first one's dtype
    assert pad_sequence(x).shape == (3, 4), "a tensor is a list of its rows"


@pytest.mark.parametrize("name", ["double", "float", "half", "long", "int", "short", "char", "byte"])
def test_conversions(name):
    mine, their = (
        library.pack_padded_sequence(t, [1, 3], enforce_sorted=False) for library, t in zip((ours, theirs), both(np.ones((3, 2))))
    )
    same_packed(getattr(mine, name)(), getattr(their, name)())


def test_a_packed_sequence_is_a_named_tuple():
    x = tinyrnn.ones(3, 2)
    packed = pack_padded_sequence(x, [1, 3], enforce_sorted=False)
    assert isinstance(packed, tuple) and len(packed) == 4 and not packed.is_cuda and not packed.is_pinned()
    assert packed.to("cpu") is packed and packed.cpu() is packed and packed.pin_memory() is packed and packed.device == x.device
    assert (packed._replace(data=packed.data * 2).data == 2).all()
    built = ours.PackedSequence(packed.data, packed.batch_sizes, packed.sorted_indices)
    assert (built.unsorted_indices == packed.unsorted_indices).all()
    assert ours.PackedSequence((packed.data, packed.batch_sizes)).sorted_indices is None
    assert ours.invert_permutation(tinyrnn.tensor([2, 0, 1])).tolist() == [1, 2, 0]


X = np.arange(12.0).reshape(4, 3)
WRONG = {
    "unsorted": lambda t, u: u.pack_padded_sequence(t.tensor(X), [4, 1, 2]),
    "unsorted list": lambda t, u: u.pack_sequence([t.ones(1), t.ones(2)]),
    "too few lengths": lambda t, u: u.pack_padded_sequence(t.tensor(X), [4, 3]),
    "no lengths": lambda t, u: u.pack_padded_sequence(t.tensor(X), [], enforce_sorted=False),
    "length of 0": lambda t, u: u.pack_padded_sequence(t.tensor(X), [4, 3, 0]),
    "lengths of two axes": lambda t, u: u.pack_padded_sequence(t.tensor(X), t.tensor([[4, 3, 1]])),
    "a number": lambda t, u: u.pack_padded_sequence(t.tensor(X), 3),
    "words": lambda t, u: u.pack_padded_sequence(t.tensor(X), ["a"]),
    "one axis": lambda t, u: u.pack_padded_sequence(t.ones(3), [3]),
    "no elements": lambda t, u: u.pack_padded_sequence(t.ones(0, 3), [1, 1, 1]),
    "no tensor": lambda t, u: u.pack_padded_sequence(X.tolist(), [4, 3, 1]),
    "nothing to pack": lambda t, u: u.pack_sequence([]),
    "nothing to pad": lambda t, u: u.pad_sequence([]),
    "sizes differ": lambda t, u: u.pad_sequence([t.ones(2, 2), t.ones(3, 3)]),
    "axes differ": lambda t, u: u.pad_sequence([t.ones(2, 2), t.ones(3)]),
    "no axes": lambda t, u: u.pad_sequence([t.tensor(1.0), t.ones(1)]),
    "no tensors": lambda t, u: u.pad_sequence([[1, 2], [3]]),
    "no list": lambda t, u: u.pad_sequence(5),
    "no such side": lambda t, u: u.pad_sequence([t.ones(2)], padding_side="middle"),
    "total_length": lambda t, u: u.pad_packed_sequence(u.pack_padded_sequence(t.tensor(X), [4, 3, 1]), total_length=3),
    "nothing packed": lambda t, u: u.pad_packed_sequence(t.tensor(X)),
    "lengths to unpad": lambda t, u: u.unpad_sequence(t.tensor(X), t.tensor([4, 2])),
    "no batch_sizes": lambda t, u: u.PackedSequence(t.tensor(X)),
    "batch_sizes a list": lambda t, u: u.PackedSequence(t.tensor(X), [2, 2]),
    "input of the wrong size": lambda t, u: t.nn.GRU(5, 2)(u.pack_padded_sequence(t.ones(4, 3, 2), [4, 3, 1])),
    "input of one axis": lambda t, u: t.nn.LSTM(3, 2)(u.pack_padded_sequence(t.ones(4, 3), [4, 3, 1])),
    "input of three axes": lambda t, u: t.nn.RNN(3, 2)(u.pack_padded_sequence(t.ones(4, 3, 2, 3), [4, 3, 1])),
    "input of another dtype": lambda t, u: t.nn.GRU(2, 2)(u.pack_padded_sequence(t.ones(4, 3, 2, dtype=t.float64), [4, 3, 1])),
    "state of the wrong size": lambda t, u: t.nn.GRU(2, 2)(u.pack_padded_sequence(t.ones(4, 3, 2), [4, 3, 1]), t.zeros(1, 4, 2)),
    "sizes that grow": lambda t, u: t.nn.GRU(2, 2)(u.PackedSequence(t.ones(8, 2), t.tensor([2, 3, 3]))),
    "a packed sequence for a cell": lambda t, u: t.nn.LSTMCell(2, 2)(u.pack_padded_sequence(t.ones(4, 3, 2), [4, 3, 1])),
    "a list for a layer": lambda t, u: t.nn.LSTM(1, 2)([[[1.0]]]),
}
SAID = {
    "unsorted": r"1 is followed by 2 \(at place 2\)\. Pass enforce_sorted=False",
    "length of 0": "at place 2",
    "no axes": r"shape \(\)",
    "total_length": "total_length=3",
    "input of the wrong size": "Expected 5, got 2",
}


@pytest.mark.parametrize("name", WRONG)
def test_errors(name):
    message = same_error(lambda: WRONG[name](tinyrnn, ours), lambda: WRONG[name](torch, theirs))
    if name in SAID:
        with pytest.raises(Exception, match=SAID[name]):
            WRONG[name](tinyrnn, ours)
    assert message


def test_what_pytorch_lets_pass_and_computes_nonsense_from():
    for wrong in (
        lambda: pack_padded_sequence(tinyrnn.ones(4, 3), [5, 3, 1]),
        lambda: pack_padded_sequence(tinyrnn.ones(4, 3), [4, 3], enforce_sorted=False),
        lambda: nn.GRU(2, 2)(ours.PackedSequence(tinyrnn.ones(8, 2), tinyrnn.tensor([3, 2]))),
    ):
        assert type(raised(wrong)) is RuntimeError


# -- recurrent layers --


@pytest.mark.parametrize("tier", ["fused", "definition"])
@given(
    kind=kinds,
    lengths=lengths,
    options=st.fixed_dictionaries({"num_layers": st.integers(1, 3), "bidirectional": st.booleans(), "bias": st.booleans()}),
    sort=st.booleans(),
    given_state=st.booleans(),
    seed=st.integers(0, 99),
)
def test_layers_equal_pytorch(tier, kind, lengths, options, sort, given_state, seed):
    torch.manual_seed(seed)
    rng, N, (cls, own) = np.random.default_rng(seed), len(lengths), KINDS[kind]
    if sort:
        lengths = sorted(lengths, reverse=True)
    pair = [
        getattr(library, cls)(3, 4, **own, **options, dtype=dtype) for library, dtype in ((nn, tinyrnn.float64), (torch.nn, torch.float64))
    ]
    share_weights(*pair, "ours")
    x = drawn(rng, max(lengths), N, 3)
    inputs, states = {"input": x, **parameter_pairs(*pair)}, (None, None)
    if given_state:
        L = options["num_layers"] * (1 + options["bidirectional"])
        drawn_states = [drawn(rng, L, N, size) for size in (own.get("proj_size", 4), 4)[: 1 + (cls == "LSTM")]]
        inputs |= {f"state {k}": s for k, s in enumerate(drawn_states)}
        states = tuple(one if cls == "LSTM" else one[0] for one in zip(*drawn_states))
    results = []
    for layer, library, t, state in zip(pair, (ours, theirs), x, states):
        packed = library.pack_padded_sequence(t, lengths, enforce_sorted=sort)
        with nn.definition() if tier == "definition" else contextlib.nullcontext():
            results.append(layer(packed, state))
    same_packed(results[0][0]._replace(data=None), results[1][0]._replace(data=None))
    mine, their = (flat((library.pad_packed_sequence(y)[0], last)) for library, (y, last) in zip((ours, theirs), results))
    same_run(mine, their, inputs, rng, (1e-9, 1e-9) if cls == "LSTM" else (1e-11, 1e-10))


def layer_of(kind, **options):
    cls, own = KINDS.get(kind, ("GRU", {"reset_after": False}))
    return getattr(nn, cls)(3, 4, **F64, **own, **options)


@given(kind=st.sampled_from([*KINDS, "GRU reset before"]), lengths=lengths, bidirectional=st.booleans())
def test_equal_to_each_sequence_alone(kind, lengths, bidirectional):
    layer = layer_of(kind, num_layers=2, bidirectional=bidirectional)
    x = [tinyrnn.randn(n, 3, **F64, requires_grad=True) for n in lengths]
    leaves = [*x, *layer.parameters()]

    def outcome(outputs, states):
        total = sum((t * tinyrnn.arange(1, t.numel() + 1).reshape(t.shape).sin()).sum() for t in (*outputs, *states))
        return [*outputs, *states, *tinyrnn.grad(total, leaves)]

    y, last = layer(pack_sequence(x, enforce_sorted=False))
    alone = [layer(one) for one in x]
    parts = lambda last: last if isinstance(last, tuple) else (last,)
    apart = [tinyrnn.stack(states, 1) for states in zip(*(parts(last) for _, last in alone))]
    close(outcome(unpack_sequence(y), parts(last)), outcome([y for y, _ in alone], apart), 1e-10, kind)


@pytest.mark.parametrize("kind", [*KINDS, "GRU reset before"])
def test_fused_is_the_definition_and_so_are_second_derivatives(kind):
    layer = layer_of(kind, num_layers=2, bidirectional=True)
    x = tinyrnn.randn(5, 4, 3, **F64, requires_grad=True)
    sizes = [layer.proj_size or 4, 4][: layer.states]
    states = [tinyrnn.randn(4, 4, size, **F64, requires_grad=True) for size in sizes]
    wanted = [x, *states, *layer.parameters()]

    def hessian_vector_product():
        packed = pack_padded_sequence(x, [2, 5, 1, 5], enforce_sorted=False)
        y, last = layer(packed, tuple(states) if layer.states == 2 else states[0])
        total = sum((t * tinyrnn.arange(1, t.numel() + 1).reshape(t.shape).sin()).sum() for t in flat((y, last)))
        slopes = tinyrnn.grad(total, wanted, create_graph=True)
        product = sum((s * tinyrnn.arange(s.numel()).reshape(s.shape).cos()).sum() for s in slopes)
        return [*flat((y, last)), *tinyrnn.grad(total, wanted, retain_graph=True), *slopes, *tinyrnn.grad(product, wanted)]

    fused = hessian_vector_product()
    with nn.definition():
        close(fused, hessian_vector_product(), 1e-10, kind)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_equal_lengths_are_a_dense_batch(kind):
    layer, x = layer_of(kind, num_layers=2, bidirectional=True), tinyrnn.randn(5, 4, 3, **F64)
    (y, last), (dense, dense_last) = layer(pack_padded_sequence(x, [5] * 4)), layer(x)
    assert (pad_packed_sequence(y)[0] == dense).all()
    assert all((a == b).all() for a, b in zip(flat((last,)), flat((dense_last,))))


def test_every_length_of_many():
    """Two hundred steps, each with one row fewer."""
    layer, x = layer_of("LSTM"), tinyrnn.randn(200, 200, 3, **F64, requires_grad=True)
    y, (h, _) = layer(pack_padded_sequence(x, range(200, 0, -1)))
    (pad_packed_sequence(y)[0].sum() + h.sum()).backward()
    alone, _ = layer(x[:, 100:101].detach())
    close([y.data[y.batch_sizes[:50].sum() + 100]], [alone[50, 0]], 1e-12, "row")
    assert (x.grad[30, 170:] == 0).all() and (x.grad[30, 169] != 0).any()


def test_dropout_is_between_layers():
    tinyrnn.manual_seed(0)
    layer = nn.LSTM(3, 50, 2, dropout=0.5)
    packed = pack_sequence([tinyrnn.randn(3, 3), tinyrnn.randn(2, 3)])
    (a, _), (b, _) = layer(packed), layer(packed)
    assert (a.data != b.data).any()
    layer.eval()
    assert (layer(packed)[0].data == layer(packed)[0].data).all()


def test_the_output_packs_again():
    """An embedding and dropout on the data, as programs do it."""
    ids = pack_sequence([tinyrnn.tensor([1, 2, 3]), tinyrnn.tensor([4])])
    embedded = ours.PackedSequence(nn.Dropout(0.0)(nn.Embedding(5, 3)(ids.data)), ids.batch_sizes)
    first, state = nn.GRU(3, 4)(embedded)
    second, _ = nn.GRU(4, 4)(first, state)
    assert [one.shape for one in unpack_sequence(second)] == [(3, 4), (1, 4)]
