"""Transformers are PyTorch's: weights under the same names, values, gradients, masks, and what is printed and refused."""

import copy
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import nn
from tinyrnn.nn import functional as F

from .parity import both, parameter_pairs, same, same_error, same_run, share_weights, torch

F64 = {"dtype": tinyrnn.float64}, {"dtype": torch.float64}
# about layouts that PyTorch could compute faster, and masks of two kinds
pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor", "ignore:Support for mismatched", "ignore:The PyTorch API of nested")
ACTIVATIONS = {
    "relu": ("relu", "relu"),
    "gelu": ("gelu", "gelu"),
    "function": (F.softplus, torch.nn.functional.softplus),
    "module": (nn.GELU(), torch.nn.GELU()),
}
settings = st.fixed_dictionaries({name: st.booleans() for name in ("batch_first", "norm_first", "bias")})
activations = st.sampled_from(list(ACTIVATIONS))


def pair_of(kind, *args, activation="relu", **options):
    """A module of each library with equal weights; what is printed and what weights are called agree."""
    made = [getattr(net, kind)(*args, activation=ACTIVATIONS[activation][k], **options, **F64[k]) for k, net in enumerate((nn, torch.nn))]
    assert repr(made[0]) == repr(made[1])
    share_weights(*made)
    return made[0], mended(made[1])


def mended(theirs):
    """PyTorch's copies of a decoder layer print an activation that is a module, and use relu instead."""
    for module in theirs.modules():
        if "activation" in module._modules:
            module.__dict__.pop("activation", None)
    return theirs


def masks(array):
    return (None, None) if array is None else both(array, requires_grad=False)


def padding_of(rng, kind, N, T):
    """Lengths of at least 1, as a mask (N, T) that bans what is behind."""
    if kind is None:
        return None, None
    banned = np.arange(T) >= rng.integers(1, T + 1, N)[:, None]
    return masks(banned if kind == "bool" else np.where(banned, -np.inf, 0.0))


def drawn(rng, T, N, batch_first):
    return both(rng.standard_normal((N, T, 4) if batch_first else (T, N, 4)))


causal = st.sampled_from([None, "bool", "float"])


def causal_of(kind, T):
    if kind is None:
        return None, None
    banned = np.triu(np.ones((T, T), bool), 1)
    return masks(banned if kind == "bool" else np.where(banned, -np.inf, 0.0))


@given(
    options=settings, activation=activations, mask=causal, padding=causal, train=st.booleans(), norm=st.booleans(), seed=st.integers(0, 99)
)
def test_encoder(options, activation, mask, padding, train, norm, seed):
    rng = np.random.default_rng(seed)
    layers = pair_of("TransformerEncoderLayer", 4, 2, 6, dropout=0.0, activation=activation, **options)
    ours, theirs = (
        net.TransformerEncoder(layer, 2, norm=net.LayerNorm(4, **kind) if norm else None)
        for net, layer, kind in zip((nn, torch.nn), layers, F64)
    )
    assert repr(ours) == repr(theirs)
    x = drawn(rng, 3, 2, options["batch_first"])
    mask, padding = causal_of(mask, 3), padding_of(rng, padding, 2, 3)
    results = [
        net.train(train)(x[k], mask=mask[k], src_key_padding_mask=padding[k], is_causal=mask[k] is not None or None)
        for k, net in enumerate((ours, theirs))
    ]
    same_run(*results, {"input": x, **parameter_pairs(ours, theirs)}, rng)


@given(
    options=settings, activation=activations, tgt=causal, memory=st.booleans(), padding=causal, norm=st.booleans(), seed=st.integers(0, 99)
)
def test_decoder(options, activation, tgt, memory, padding, norm, seed):
    rng = np.random.default_rng(seed)
    layers = pair_of("TransformerDecoderLayer", 4, 2, 6, dropout=0.0, activation=activation, **options)
    ours, theirs = (
        net.TransformerDecoder(layer, 2, norm=net.LayerNorm(4, **kind) if norm else None)
        for net, layer, kind in zip((nn, torch.nn), layers, F64)
    )
    assert repr(ours) == repr(theirs)
    mended(theirs)
    x, m = drawn(rng, 3, 2, options["batch_first"]), drawn(rng, 5, 2, options["batch_first"])
    tgt, tgt_padding, memory_padding = causal_of(tgt, 3), padding_of(rng, padding, 2, 3), padding_of(rng, padding, 2, 5)
    memory = masks(rng.standard_normal((3, 5)) if memory else None)
    results = [
        net(
            x[k],
            m[k],
            tgt_mask=tgt[k],
            memory_mask=memory[k],
            tgt_key_padding_mask=tgt_padding[k],
            memory_key_padding_mask=memory_padding[k],
        )
        for k, net in enumerate((ours, theirs))
    ]
    same_run(*results, {"tgt": x, "memory": m, **parameter_pairs(ours, theirs)}, rng)


@given(options=settings, activation=activations, batched=st.booleans(), seed=st.integers(0, 99))
def test_transformer(options, activation, batched, seed):
    rng = np.random.default_rng(seed)
    ours, theirs = pair_of("Transformer", 4, 2, 2, 1, 6, dropout=0.0, activation=activation, **options)
    x, y = drawn(rng, 5, 2, options["batch_first"]), drawn(rng, 3, 2, options["batch_first"])
    if not batched:
        x, y = both(rng.standard_normal((5, 4))), both(rng.standard_normal((3, 4)))
    mask = [net.Transformer.generate_square_subsequent_mask(3, **kind) for net, kind in zip((nn, torch.nn), F64)]
    same(*mask)
    results = [net(x[k], y[k], tgt_mask=mask[k]) for k, net in enumerate((ours, theirs))]
    same_run(*results, {"src": x, "tgt": y, **parameter_pairs(ours, theirs)}, rng)


LAYERS = [
    {},
    {"batch_first": False},
    {"bias": False},
    {"norm_first": True},
    {"activation": "function"},
    {"activation": "module"},
    {"nhead": 1},
]


@pytest.mark.parametrize("layer", LAYERS)
@example(encoder={}, side="ends", kind="bool", mask=False, recorded="no")
@given(
    encoder=st.sampled_from([{}, {"enable_nested_tensor": False}]),
    side=st.sampled_from(["ends", "beginnings"]),
    kind=st.sampled_from(["bool", "float"]),
    mask=st.booleans(),
    recorded=st.sampled_from(["no", "yes", "yes, of nothing"]),
)
def test_padding_is_zero_where_pytorch_leaves_it_out(layer, encoder, side, kind, mask, recorded):
    options = {"batch_first": True, "nhead": 2, **layer}
    layers = pair_of("TransformerEncoderLayer", d_model=4, dim_feedforward=6, **options)
    ours, theirs = (net.TransformerEncoder(layer, 2, **encoder).eval() for net, layer in zip((nn, torch.nn), layers))
    if recorded == "yes, of nothing":
        ours.requires_grad_(False), theirs.requires_grad_(False)
    rng = np.random.default_rng(0)
    x = drawn(rng, 4, 3, options["batch_first"])
    padding = np.arange(4) >= np.array([4, 2, 1])[:, None]
    padding = masks(padding if side == "ends" else padding[:, ::-1].copy())
    if kind == "float":
        padding = [p.to(x[0].dtype if k == 0 else torch.float64).masked_fill(p, -math.inf) for k, p in enumerate(padding)]
    attn = causal_of("float" if mask and side == "ends" else None, 4)  # no row may be without a key: PyTorch has nan there
    with tinyrnn.set_grad_enabled(recorded != "no"), torch.set_grad_enabled(recorded != "no"):
        results = [net(x[k].detach(), mask=attn[k], src_key_padding_mask=padding[k]) for k, net in enumerate((ours, theirs))]
    same(*results)


def test_copies_begin_equal_and_are_apart():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6), 2)
    first, second = encoder.layers
    for p, q in zip(first.parameters(), second.parameters()):
        assert p is not q and (p == q).all()
    assert first.activation is second.activation is copy.deepcopy(encoder).layers[0].activation


def test_initial_weights():
    torch.manual_seed(0)
    ours, theirs = nn.Transformer(16, 2, 1, 1, 64), torch.nn.Transformer(16, 2, 1, 1, 64)
    for name, (mine, their) in parameter_pairs(ours, theirs).items():
        a, b = mine.detach().numpy(), their.detach().numpy()
        assert a.shape == b.shape
        np.testing.assert_allclose(np.abs(a).max(), np.abs(b).max(), rtol=0.3, err_msg=name)


def test_custom_encoder_and_decoder():
    class Add(nn.Module):
        def forward(self, x, memory=None, **masks):
            return x + 1 if memory is None else x + memory

    model = nn.Transformer(4, 2, custom_encoder=Add(), custom_decoder=Add())
    assert (model(tinyrnn.zeros(3, 1, 4), tinyrnn.ones(3, 1, 4)) == 2).all() and not list(model.parameters())


def test_blocks_can_be_overridden():
    """Programs get at the weights of attention by writing this method anew."""

    class Layer(nn.TransformerEncoderLayer):
        def _sa_block(self, x, attn_mask, key_padding_mask, is_causal=False):
            y, self.seen = self.self_attn(x, x, x, attn_mask=attn_mask, key_padding_mask=key_padding_mask)
            return self.dropout1(y)

    layer = Layer(4, 2, 6)
    layer(tinyrnn.zeros(3, 2, 4))
    assert layer.seen.shape == (2, 3, 3)


def layer_on(*shape, **more):
    return lambda lib, net: net.TransformerEncoderLayer(4, 2, 6)(lib.zeros(*shape), **{k: make(lib) for k, make in more.items()})


WRONG = {
    "activation": lambda lib, net: net.TransformerEncoderLayer(4, 2, activation="tanh"),
    "heads": lambda lib, net: net.TransformerDecoderLayer(5, 2),
    "rows": lambda lib, net: net.Transformer(4, 2, 1, 1, 6)(lib.zeros(3, 2, 4), lib.zeros(3, 5, 4)),
    "rows, N first": lambda lib, net: net.Transformer(4, 2, 1, 1, 6, batch_first=True)(lib.zeros(3, 2, 4), lib.zeros(2, 2, 4)),
    "features": lambda lib, net: net.Transformer(4, 2, 1, 1, 6)(lib.zeros(3, 2, 5), lib.zeros(3, 2, 5)),
    "axes": layer_on(1, 3, 2, 4),
    "causal without a mask": layer_on(3, 2, 4, is_causal=lambda lib: True),
    "mask of integers": layer_on(3, 2, 4, src_mask=lambda lib: lib.zeros(3, 3).long()),
    "padding of integers": layer_on(3, 2, 4, src_key_padding_mask=lambda lib: lib.zeros(2, 3).long()),
    "dtype": lambda lib, net: net.TransformerEncoderLayer(4, 2, 6)(lib.zeros(3, 2, 4, dtype=lib.float64)),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_wrong_arguments_raise_what_pytorch_raises(call):
    assert same_error(lambda: call(tinyrnn, nn), lambda: call(torch, torch.nn))
