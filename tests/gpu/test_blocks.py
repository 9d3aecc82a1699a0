"""Attention, transformers, convolution, pooling and normalisation on a GPU, against NumPy with equal weights."""

from __future__ import annotations

import numpy as np
import pytest

import tinyrnn
from tinyrnn import nn
from tinyrnn.nn import functional as F

from .test_layers import both, close

pytestmark = pytest.mark.gpu


def same_run(make, inputs, call=lambda module, *tensors: module(*tensors)):
    """Results, buffers, and gradients of inputs and weights."""
    results = []
    for module, device in zip(both(make), ("cpu", "cuda")):
        given = [x.detach().to(device) for x in inputs]
        for x in given:
            x.requires_grad_(x.is_floating_point())
        y = call(module, *given)
        ys = [t for t in (y if isinstance(y, tuple) else (y,)) if t.is_floating_point()]
        sum((t * t * t).sum() for t in ys).backward()
        results.append([*ys, *module.buffers(), *(x.grad for x in given if x.requires_grad), *(p.grad for p in module.parameters())])
    for one, other in zip(*results):
        close(one, other, 1e-10)


def randn(*shape):
    return tinyrnn.randn(*shape, dtype=tinyrnn.float64)


def padding(*lengths):
    return tinyrnn.tensor(np.arange(max(lengths)) >= np.array(lengths)[:, None])


def test_attention():
    def call(attention, x, memory, banned, bias):
        return attention(x, memory, memory, key_padding_mask=banned, attn_mask=bias)

    inputs = randn(3, 2, 4), randn(5, 2, 4), padding(5, 3), randn(3, 5)
    same_run(lambda: nn.MultiheadAttention(4, 2, add_bias_kv=True, add_zero_attn=True), inputs, call)


def test_attention_that_may_look_nowhere():
    mask = padding(5, 3, 0)  # a row for each query
    same_run(nn.Identity, (randn(3, 4), randn(5, 4), mask), lambda _, q, k, banned: F.scaled_dot_product_attention(q, k, k, ~banned))
    same_run(nn.Identity, (randn(3, 4),), lambda _, x: F.scaled_dot_product_attention(x, x, x, is_causal=True))


@pytest.mark.parametrize("options", [{}, {"norm_first": True, "activation": "gelu", "batch_first": True}])
def test_transformer(options):
    def call(model, x, y):
        length = y.shape[1 if "batch_first" in options else 0]
        return model(x, y, tgt_mask=model.generate_square_subsequent_mask(length, device=x.device, dtype=x.dtype))

    same_run(lambda: nn.Transformer(4, 2, 1, 1, 6, dropout=0.0, **options), (randn(3, 3, 4), randn(3, 3, 4)), call)


def test_padding_left_out():
    def call(layer, x, banned):
        with tinyrnn.no_grad():
            y = nn.TransformerEncoder(layer, 1).eval()(x, src_key_padding_mask=banned)
        return y * layer(x)

    same_run(lambda: nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, batch_first=True), (randn(2, 3, 4), padding(3, 1)), call)


BLOCKS = {
    "convolution": lambda: nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2),
    "convolution, circular": lambda: nn.Conv1d(4, 2, 3, padding="same", padding_mode="circular"),
    "largest": lambda: nn.MaxPool1d(3, 2, 1, ceil_mode=True, return_indices=True),
    "mean": lambda: nn.AvgPool1d(3, 2, 1, ceil_mode=True, count_include_pad=False),
    "largest of parts": lambda: nn.AdaptiveMaxPool1d(3),
    "mean of parts": lambda: nn.AdaptiveAvgPool1d(3),
    "batch": lambda: nn.BatchNorm1d(4),
    "mean of batches": lambda: nn.BatchNorm1d(4, momentum=None),
    "batch, evaluated": lambda: nn.BatchNorm1d(4).eval(),
    "instances": lambda: nn.InstanceNorm1d(4, affine=True, track_running_stats=True),
    "groups": lambda: nn.GroupNorm(2, 4),
    "layer": lambda: nn.LayerNorm((4, 8)),
    "rms": lambda: nn.RMSNorm(8),
}


@pytest.mark.parametrize("make", BLOCKS.values(), ids=BLOCKS)
def test_blocks(make):
    same_run(make, (randn(2, 4, 8),))


def test_second_derivatives():
    results = []
    x, w = randn(2, 2, 6), randn(2, 2, 3)
    for device in ("cpu", "cuda"):
        given = [t.detach().to(device).requires_grad_() for t in (x, w)]
        y = F.layer_norm(F.conv1d(*given, padding=1), 6)
        slopes = tinyrnn.grad((y**3).sum(), given, create_graph=True)
        results.append(tinyrnn.grad(sum((s * s).sum() for s in slopes), given))
    for one, other in zip(*results):
        close(one, other, 1e-9)
