"""Attention is PyTorch's: values, gradients, weights, masks of every kind, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import nn
from tinyrnn.nn import functional as F

from .parity import both, parameter_pairs, same, same_error, same_run, share_weights, torch

F64 = {"dtype": tinyrnn.float64}, {"dtype": torch.float64}
HERE, THERE = (tinyrnn, nn, F), (torch, torch.nn, torch.nn.functional)


def mask_of(rng, kind, shape, keep=0):
    """A mask, as an array, that leaves at least one key (the last, unless ``keep`` says otherwise) to every query."""
    if kind is None:
        return None
    if kind == "float":
        return rng.standard_normal(shape)
    banned = rng.random(shape) < 0.5
    banned[..., keep] = False
    return np.where(banned, -np.inf, 0.0) if kind == "-inf" else banned


def masks(array):
    return (None, None) if array is None else both(array, requires_grad=False)


@given(
    lead=st.sampled_from([(), (2,), (2, 3)]),
    sizes=st.tuples(*[st.integers(1, 4)] * 4),
    mask=st.sampled_from([None, "bool", "float", "-inf", "causal", "dead"]),
    wide=st.booleans(),
    scale=st.sampled_from([None, 0.3]),
    seed=st.integers(0, 99),
)
def test_scaled_dot_product(lead, sizes, mask, wide, scale, seed):
    rng = np.random.default_rng(seed)
    L, S, E, Ev = sizes
    q, k, v = (both(rng.standard_normal((*lead, *shape))) for shape in ((L, E), (S, E), (S, Ev)))
    array = None
    if mask in ("bool", "float", "-inf"):
        array = mask_of(rng, mask, (*lead, L, S) if wide else (L, S))
        array = np.logical_not(array) if mask == "bool" else array  # here, true is where to look
    if mask == "dead":  # a query that may look nowhere
        array = np.zeros((L, S), bool)
        array[1:] = True
    one, other = masks(array)
    options = {"is_causal": mask == "causal", "scale": scale}
    ours = F.scaled_dot_product_attention(q[0], k[0], v[0], one, **options)
    theirs = torch.nn.functional.scaled_dot_product_attention(q[1], k[1], v[1], other, **options)
    # beside the inputs themselves, so that gradients of 0 (of a single key) are not all there is to compare
    same_run((ours, q[0] * 1, k[0] * 1), (theirs, q[1] * 1, k[1] * 1), {"query": q, "key": k, "value": v}, rng)


def test_scaled_dot_product_shares_heads_and_learns_masks():
    rng = np.random.default_rng(0)
    q, k, v = (both(rng.standard_normal((2, heads, 3, 4))) for heads in (6, 2, 3))
    mask = both(rng.standard_normal((3, 3)))
    ours = F.scaled_dot_product_attention(q[0], k[0], v[0], mask[0], enable_gqa=True)
    theirs = torch.nn.functional.scaled_dot_product_attention(q[1], k[1], v[1], mask[1], enable_gqa=True)
    same_run(ours, theirs, {"query": q, "key": k, "value": v, "mask": mask}, rng)


def test_second_derivatives():
    rng = np.random.default_rng(0)
    q, k, v = (both(rng.standard_normal(shape))[0] for shape in ((2, 3), (4, 3), (4, 2)))
    assert tinyrnn.autograd.gradgradcheck(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), (q, k, v))


def test_dropout_zeroes_weights_and_keeps_their_mean():
    tinyrnn.manual_seed(0)
    q, v = tinyrnn.zeros(200, 1), tinyrnn.eye(200)
    weights = F.scaled_dot_product_attention(q, q, v, dropout_p=0.25) * 200
    np.testing.assert_allclose(np.unique(weights.numpy().round(4)), [0, 1.3333], atol=1e-6)
    assert abs((weights == 0).float().mean().item() - 0.25) < 0.01
    assert (F.scaled_dot_product_attention(q, q, v, dropout_p=1.0) == 0).all()
    attention = nn.MultiheadAttention(4, 2, dropout=0.5)
    x = tinyrnn.randn(5, 3, 4)
    assert (attention(x, x, x)[1] == 0).any()
    assert not (attention.eval()(x, x, x)[1] == 0).any()


@given(
    heads=st.sampled_from([1, 2, 4]),
    options=st.fixed_dictionaries({name: st.booleans() for name in ("bias", "add_bias_kv", "add_zero_attn", "batch_first")}),
    dims=st.sampled_from([{}, {"kdim": 3}, {"kdim": 3, "vdim": 5}]),
    call=st.fixed_dictionaries({"need_weights": st.booleans(), "average_attn_weights": st.booleans()}),
    attn=st.sampled_from([None, "bool", "float", "-inf"]),
    padding=st.sampled_from([None, "bool", "float"]),
    each_head=st.booleans(),
    batched=st.booleans(),
    itself=st.booleans(),
    seed=st.integers(0, 99),
)
@pytest.mark.filterwarnings("ignore:Support for mismatched")
def test_multihead(heads, options, dims, call, attn, padding, each_head, batched, itself, seed):
    rng = np.random.default_rng(seed)
    itself = itself and not dims
    ours, theirs = (net.MultiheadAttention(4, heads, **options, **dims, **kind) for net, kind in zip((nn, torch.nn), F64))
    assert repr(ours) == repr(theirs)
    share_weights(ours, theirs)
    N, L, S = (2 if batched else 1), 3, (3 if itself else 5)

    def drawn(T, D):
        shape = (T, D) if not batched else (N, T, D) if options["batch_first"] else (T, N, D)
        return both(rng.standard_normal(shape))

    q = drawn(L, 4)
    k, v = (q, q) if itself else (drawn(S, dims.get("kdim", 4)), drawn(S, dims.get("vdim", 4)))
    attn = masks(mask_of(rng, attn, (N * heads, L, S) if each_head else (L, S)))
    padding = masks(mask_of(rng, padding, (N, S) if batched else (S,)))
    results = [
        layer(q[at], k[at], v[at], key_padding_mask=padding[at], attn_mask=attn[at], **call) for at, layer in enumerate((ours, theirs))
    ]
    if results[1][1] is None:
        assert results[0][1] is None
        results = [r[0] for r in results]
    same_run(*results, {"query": q, "key": k, "value": v, **parameter_pairs(ours, theirs)}, rng)


@pytest.mark.parametrize("need_weights", [True, False])
def test_a_query_that_may_look_nowhere(need_weights):
    ours, theirs = nn.MultiheadAttention(4, 2, **F64[0]), torch.nn.MultiheadAttention(4, 2, **F64[1])
    share_weights(ours, theirs)
    x, mask = both(np.random.default_rng(0).standard_normal((3, 1, 4))), both(np.array([[True, True, True]]))
    y, their_y = (layer(x[k], x[k], x[k], key_padding_mask=mask[k], need_weights=need_weights)[0] for k, layer in enumerate((ours, theirs)))
    same(y, their_y)
    assert y.isnan().all() == need_weights


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"kdim": 3, "add_bias_kv": True}])
def test_initial_weights(options):
    """Glorot's bounds for projections, Linear's for the last one, biases 0; spread as PyTorch's are."""
    torch.manual_seed(0)
    ours, theirs = (net.MultiheadAttention(40, 2, **options) for net in (nn, torch.nn))
    for name, (mine, their) in parameter_pairs(ours, theirs).items():
        assert mine.shape == tuple(their.shape) and mine.requires_grad, name
        a, b = mine.detach().numpy(), their.detach().numpy()
        np.testing.assert_allclose(a.std(), b.std(), rtol=0.3, err_msg=name)
        if name not in ("bias_k", "bias_v"):
            np.testing.assert_allclose(np.abs(a).max(), np.abs(b).max(), rtol=0.05, err_msg=name)


def called(*shapes, embed_dim=4, heads=2, options=None, **more):
    """A call of multi-head attention on zeros, for each library."""

    def call(lib, net, f):
        given = {name: make(lib) if callable(make) else make for name, make in more.items()}
        return net.MultiheadAttention(embed_dim, heads, **(options or {}))(*(lib.zeros(*shape) for shape in shapes), **given)

    return call


BATCH = ((3, 2, 4),) * 3
WRONG = {
    "heads": lambda lib, net, f: net.MultiheadAttention(5, 2),
    "no heads": lambda lib, net, f: net.MultiheadAttention(4, 0),
    "no features": lambda lib, net, f: net.MultiheadAttention(0, 2),
    "causal without a mask": called(*BATCH, is_causal=True),
    "padding shape": called(*BATCH, key_padding_mask=lambda lib: lib.zeros(3, 2).bool()),
    "padding axes": called(*BATCH, key_padding_mask=lambda lib: lib.zeros(3).bool()),
    "padding of integers": called(*BATCH, key_padding_mask=lambda lib: lib.zeros(2, 3).long()),
    "mask of integers": called(*BATCH, attn_mask=lambda lib: lib.zeros(3, 3).long()),
    "mask of bytes": called(*BATCH, attn_mask=lambda lib: lib.zeros(3, 3, dtype=lib.uint8)),
    "mask shape": called(*BATCH, attn_mask=lambda lib: lib.zeros(2, 3)),
    "mask shape for heads": called(*BATCH, attn_mask=lambda lib: lib.zeros(2, 3, 3)),
    "mask axes": called(*BATCH, attn_mask=lambda lib: lib.zeros(2, 2, 3, 3)),
    "one axis": called((4,), (4,), (4,)),
    "four axes": called(*((1, 3, 2, 4),) * 3),
    "query batched alone": called((3, 2, 4), (3, 4), (3, 4)),
    "keys batched alone": called((3, 4), (3, 2, 4), (3, 2, 4)),
    "features of the query": called(*((3, 2, 6),) * 3),
    "features of the keys": called((3, 2, 4), (3, 2, 6), (3, 2, 6)),
    "keys and values": called((3, 2, 4), (5, 2, 4), (6, 2, 4)),
    "rows": called((3, 2, 4), (3, 5, 4), (3, 5, 4)),
    "dtype": lambda lib, net, f: net.MultiheadAttention(4, 2)(*[lib.zeros(3, 2, 4, dtype=lib.float64)] * 3),
    "function: one axis": lambda lib, net, f: f.scaled_dot_product_attention(*[lib.zeros(4)] * 3),
    "function: dtype": lambda lib, net, f: f.scaled_dot_product_attention(*[lib.zeros(2, 4), lib.zeros(2, 4).double()] * 2),
    "function: integers": lambda lib, net, f: f.scaled_dot_product_attention(*[lib.zeros(2, 4).long()] * 3),
    "function: features": lambda lib, net, f: f.scaled_dot_product_attention(lib.zeros(2, 4), lib.zeros(2, 3), lib.zeros(2, 4)),
    "function: keys and values": lambda lib, net, f: f.scaled_dot_product_attention(lib.zeros(2, 4), lib.zeros(2, 4), lib.zeros(3, 4)),
    "function: mask and causal": lambda lib, net, f: f.scaled_dot_product_attention(*[lib.zeros(2, 4)] * 3, lib.zeros(2, 2), 0.0, True),
    "function: mask of integers": lambda lib, net, f: f.scaled_dot_product_attention(*[lib.zeros(2, 4)] * 3, lib.zeros(2, 2).long()),
    "function: mask dtype": lambda lib, net, f: f.scaled_dot_product_attention(*[lib.zeros(2, 4)] * 3, lib.zeros(2, 2).double()),
    "function: mask shape": lambda lib, net, f: f.scaled_dot_product_attention(*[lib.zeros(2, 4)] * 3, lib.zeros(3, 2)),
    "function: mask axes": lambda lib, net, f: f.scaled_dot_product_attention(*[lib.zeros(2, 4)] * 3, lib.zeros(5, 2, 2)),
    "function: dropout": lambda lib, net, f: f.scaled_dot_product_attention(*[lib.zeros(2, 4)] * 3, dropout_p=1.5),
    "function: heads": lambda lib, net, f: f.scaled_dot_product_attention(lib.zeros(4, 2, 4), *[lib.zeros(3, 2, 4)] * 2, enable_gqa=True),
    "function: scale by position": lambda lib, net, f: f.scaled_dot_product_attention(*[lib.zeros(2, 4)] * 3, None, 0.0, False, 0.5),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_wrong_arguments_raise_what_pytorch_raises(call):
    assert same_error(lambda: call(*HERE), lambda: call(*THERE))


def test_static_keys_are_refused():
    attention = nn.MultiheadAttention(4, 2)
    x = tinyrnn.zeros(3, 1, 4)
    arguments = (x, x, x, 4, 2, attention.in_proj_weight, None, None, None, False, 0.0, attention.out_proj.weight, None)
    assert F.multi_head_attention_forward(*arguments)[0].shape == (3, 1, 4)
    with pytest.raises(NotImplementedError):
        F.multi_head_attention_forward(*arguments, static_k=x)
