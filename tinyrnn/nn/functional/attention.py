"""Attention (Vaswani et al., 2017): each query reads a mean of the values, weighted by how well their keys fit it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...backend import xp_of
from ...ops.elementwise import masked_fill, where
from ...ops.linalg import linear, matmul
from ...ops.reduce import all, mean, softmax
from ...ops.shape import cat, chunk, permute, transpose, tril
from ...tensor import Tensor
from .dropouts import dropout

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """``softmax(query keyᵀ scale + mask) value``. ``torch.nn.functional.scaled_dot_product_attention``.

    Args:
        query, key, value: (..., L, E), (..., S, E) and (..., S, Ev).
        attn_mask: broadcasts to (..., L, S). Where a boolean one is true the query may look; a floating one is added.
        dropout_p: the probability that a weight is zeroed, whatever the mode: pass 0 when not training.
        is_causal: let query ``l`` look at the keys up to ``l`` only; takes the place of a mask.
        scale: ``1 / sqrt(E)`` unless given.
        enable_gqa: let groups of heads, (..., heads, L, E), share a key and value head.

    Returns:
        (..., L, Ev), with zeros where a query may look nowhere.

    >>> import tinyrnn
    >>> from tinyrnn.nn import functional as F
    >>> x = tinyrnn.tensor([[1., 0.], [0., 1.]])
    >>> F.scaled_dot_product_attention(x, x, x, is_causal=True)
    tensor([[1.0000, 0.0000],
            [0.3302, 0.6698]])

    Raises:
        RuntimeError: shapes or dtypes that do not fit, a mask beside ``is_causal``.
    """
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError(f"scaled_dot_product_attention: expected (..., L, E), got shapes {_shapes(query, key, value)}")
    if not 0 <= dropout_p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    if is_causal:
        if attn_mask is not None:
            raise RuntimeError("scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
        attn_mask = tril(query.new_ones(query.shape[-2], key.shape[-2]).bool())
    if enable_gqa:
        key, value = _shared_heads(query, key), _shared_heads(query, value)
    dead = None
    if attn_mask is not None and not is_causal:
        attn_mask, dead = _without_dead_rows(attn_mask)
    y, _ = _attend(query, key, value, attn_mask, dropout_p, scale)
    return y if dead is None else where(dead, 0.0, y)


def _without_dead_rows(mask: Tensor) -> tuple[Tensor, Tensor | None]:
    """A mask in which every query may look somewhere, and where (..., L, 1) that was changed; ``None`` if nowhere."""
    boolean = mask.array.dtype.kind == "b"
    dead = all(mask.logical_not() if boolean else mask == -math.inf, dim=-1, keepdim=True)
    if xp_of(dead.array) is np and not dead.array.any():  # on a GPU the host would have to wait for the answer
        return mask, None
    return masked_fill(mask, dead, 1 if boolean else 0), dead


def _shapes(*tensors: Tensor) -> str:
    return " and ".join(str(tuple(t.shape)) for t in tensors)


def _shared_heads(query: Tensor, shared: Tensor) -> Tensor:
    """Key or value heads (..., G, S, E), each repeated for the query heads (..., H, L, E) that share it."""
    H, G = query.shape[-3], shared.shape[-3]
    if G == 0 or H % G:
        raise RuntimeError(f"Number of heads in key and value must divide the number of heads in query, got {G} and {H}")
    lead, last = shared.shape[:-3], shared.shape[-2:]
    return shared.unsqueeze(-3).expand(*lead, G, H // G, *last).reshape(*lead, H, *last)


def _attend(query: Tensor, key: Tensor, value: Tensor, mask: Any, dropout_p: float, scale: float | None = None) -> tuple[Tensor, Tensor]:
    """What is read, (..., L, Ev), and the weights (..., L, S)."""
    E = query.shape[-1]
    if scale is None:
        scale = 1 / math.sqrt(E) if E else 1.0
    if not query.is_floating_point():
        raise RuntimeError(f"attention: expected floating queries, got {query.dtype}")
    scores = matmul(query * scale, transpose(key, dim0=-2, dim1=-1))
    if mask is not None:
        shape = scores.shape
        if mask.array.dtype.kind == "b":
            scores = masked_fill(scores, mask.logical_not(), -math.inf)
        elif mask.dtype == query.dtype:
            scores = scores + mask
        else:
            raise RuntimeError(f"Expected attn_mask dtype to be bool or float or to match query dtype, but got {mask.dtype}, {query.dtype}")
        if scores.shape != shape:
            raise RuntimeError(f"attention: a mask of shape {tuple(mask.shape)} does not fit scores of shape {tuple(shape)}")
    weights = dropout(softmax(scores, dim=-1), dropout_p)
    return matmul(weights, value), weights


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What :class:`MultiheadAttention` computes, from its weights; sequences first: query (L, N, E) or (L, E)."""
    if static_k is not None or static_v is not None:
        raise NotImplementedError("multi_head_attention_forward: static_k and static_v are not supported")
    batched = _check(query, key, value, embed_dim_to_check, num_heads, key_padding_mask, attn_mask)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if not batched:
        query, key, value = each_once(lambda x: x.unsqueeze(1), query, key, value)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    N, E = query.shape[1], embed_dim_to_check

    if key is query and value is query and not use_separate_proj_weight:
        q, k, v = chunk(linear(query, in_proj_weight, in_proj_bias), 3, -1)  # (L, N, E) each
    else:
        weights = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else chunk(in_proj_weight, 3)
        biases = (None,) * 3 if in_proj_bias is None else chunk(in_proj_bias, 3)
        q, k, v = (linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases))
    if bias_k is not None and bias_v is not None:
        k, v = cat([k, bias_k.expand(1, N, E)]), cat([v, bias_v.expand(1, N, E)])

    def heads(x: Tensor) -> Tensor:  # (S, N, E) to (N, heads, S, E / heads)
        return permute(x.reshape(-1, N, num_heads, E // num_heads), dims=(1, 2, 0, 3))

    q, k, v = heads(q), heads(k), heads(v)
    if add_zero_attn:
        nothing = k.new_zeros(N, num_heads, 1, E // num_heads)
        k, v = cat([k, nothing], 2), cat([v, nothing], 2)
    mask = _merged(query, attn_mask, key_padding_mask, num_heads, added=k.shape[2] - key.shape[0])
    p = dropout_p if training else 0.0
    if need_weights:
        y, weights = _attend(q, k, v, mask, p)
        if average_attn_weights:
            weights = mean(weights, dim=1)
        weights = weights if batched else weights.squeeze(0)
    else:
        y, weights = scaled_dot_product_attention(q, k, v, mask, p), None
    y = linear(permute(y, dims=(2, 0, 1, 3)).reshape(-1, N, E), out_proj_weight, out_proj_bias)
    return y if batched else y.squeeze(1), weights


def _check(query: Tensor, key: Tensor, value: Tensor, E: int, heads: int, key_padding_mask: Any, attn_mask: Any) -> bool:
    """Refuse what does not fit; whether there is a batch."""
    ndim = query.ndim
    if ndim not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {ndim}-D query tensor")
    what = "batched (3-D)" if ndim == 3 else "unbatched (2-D)"
    if key.ndim != ndim or value.ndim != ndim:
        raise AssertionError(
            f"For {what} `query`, expected `key` and `value` to be {ndim}-D but found {key.ndim}-D and {value.ndim}-D tensors respectively"
        )
    for name, mask, sizes in (("key_padding_mask", key_padding_mask, (ndim - 1,)), ("attn_mask", attn_mask, (2, 3))):
        if mask is not None and mask.ndim not in sizes:
            raise AssertionError(
                f"For {what} `query`, expected `{name}` to be `None` or {' or '.join(f'{n}-D' for n in sizes)} but found {mask.ndim}-D"
            )
        if mask is not None and mask.array.dtype.kind not in "bf":
            raise AssertionError(f"only bool and floating types of {name} are supported, got {mask.dtype}; use mask.bool()")
    if query.shape[-1] != E:
        raise AssertionError(f"was expecting embedding dimension of {E}, but got {query.shape[-1]}")
    if key.shape[:-1] != value.shape[:-1]:
        raise AssertionError(f"key shape {tuple(key.shape)} does not match value shape {tuple(value.shape)}")
    L, S, N = query.shape[0], key.shape[0], query.shape[1] if ndim == 3 else 1
    if ndim == 3 and key.shape[1] != N:
        raise RuntimeError(f"attention: the query has N={N} rows, key and value have {key.shape[1]}")
    if key_padding_mask is not None and tuple(key_padding_mask.shape) != ((N, S) if ndim == 3 else (S,)):
        raise AssertionError(f"Expected key_padding_mask of shape (N={N}, S={S}), got {tuple(key_padding_mask.shape)}")
    if attn_mask is not None and tuple(attn_mask.shape) != (wanted := ((L, S) if attn_mask.ndim == 2 else (N * heads, L, S))):
        raise RuntimeError(f"The shape of the {attn_mask.ndim}D attn_mask is {tuple(attn_mask.shape)}, but should be {wanted}.")
    return ndim == 3


def _merged(query: Tensor, attn_mask: Any, key_padding_mask: Any, heads: int, added: int) -> Any:
    """Both masks as one to be added to scores (N, heads, L, S + added); ``None`` if there are none."""
    masks = []
    for mask in (attn_mask, key_padding_mask):
        if mask is None:
            continue
        several = mask.ndim == 3
        if mask.array.dtype.kind == "b":
            mask = masked_fill(query.new_zeros(mask.shape), mask, -math.inf)
        if added:
            mask = cat([mask, mask.new_zeros(*mask.shape[:-1], added)], -1)
        if several:
            mask = mask.reshape(-1, heads, *mask.shape[1:])
        masks.append(mask)
    if key_padding_mask is not None:
        masks[-1] = masks[-1].reshape(-1, 1, 1, masks[-1].shape[-1])
    return masks[0] if len(masks) == 1 else masks[0] + masks[1] if masks else None


def each_once(function: Callable[[Tensor], Tensor], *tensors: Tensor) -> list[Tensor]:
    """``function`` of each; one result for what is given several times, so that attention to itself stays known as such."""
    made = {k: function(t) for k, t in {id(t): t for t in tensors}.items()}
    return [made[id(t)] for t in tensors]
