"""Multi-head attention as a module."""

from __future__ import annotations

from typing import Any

from ..creation import empty
from ..ops.shape import transpose
from ..tensor import Parameter, Tensor
from . import init
from .functional.attention import each_once, multi_head_attention_forward
from .layers import Linear
from .module import Module


class NonDynamicallyQuantizableLinear(Linear):
    """:class:`Linear`, under the name by which PyTorch prints the last layer of an attention."""


class MultiheadAttention(Module):
    """Several attentions side by side, each over ``embed_dim / num_heads`` features. ``torch.nn.MultiheadAttention``.

    Args:
        embed_dim, num_heads: features of the queries and of the result, and how many heads share them.
        dropout: the probability that a weight is zeroed while training.
        bias: learn biases.
        add_bias_kv: append a learned key and value to each sequence.
        add_zero_attn: append a key and value of zeros.
        kdim, vdim: features of keys and values, ``embed_dim`` unless given.
        batch_first: sequences come as (N, T, E) instead of (T, N, E).

    >>> import tinyrnn
    >>> from tinyrnn import nn
    >>> x = tinyrnn.ones(5, 2, 8)  # (T, N, E)
    >>> y, weights = nn.MultiheadAttention(8, num_heads=2)(x, x, x)
    >>> y.shape, weights.shape
    (tinyrnn.Size([5, 2, 8]), tinyrnn.Size([2, 5, 5]))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} instead")
        if embed_dim % num_heads:
            raise AssertionError(f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}")
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn

        together = self._qkv_same_embed_dim
        shapes: dict[str, tuple | None] = {
            "q_proj_weight": None if together else (embed_dim, embed_dim),
            "k_proj_weight": None if together else (embed_dim, self.kdim),
            "v_proj_weight": None if together else (embed_dim, self.vdim),
            "in_proj_weight": (3 * embed_dim, embed_dim) if together else None,
            "in_proj_bias": (3 * embed_dim,) if bias else None,
            "bias_k": (1, 1, embed_dim) if add_bias_kv else None,
            "bias_v": (1, 1, embed_dim) if add_bias_kv else None,
        }
        for name, shape in shapes.items():
            self.register_parameter(name, None if shape is None else Parameter(empty(shape, device=device, dtype=dtype)))
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw the weights anew: Glorot's for the projections, biases 0."""
        for weight in (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight, self.in_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """What the queries read, and how.

        Args:
            query, key, value: (L, N, E), (S, N, kdim) and (S, N, vdim), or without N; N comes first with ``batch_first``.
            key_padding_mask: (N, S). Where a boolean one is true the key is ignored; a floating one is added to the scores.
            need_weights: return the weights too. Without, a query that may look nowhere reads 0 instead of nan.
            attn_mask: (L, S) or (N * num_heads, L, S). Where a boolean one is true the query may *not* look.
            average_attn_weights: return the mean over the heads.
            is_causal: a promise that ``attn_mask`` is the causal one, which has to be given.

        Returns:
            (L, N, E) and weights (N, L, S), or (N, num_heads, L, S) for each head, or ``None``.

        Raises:
            AssertionError, RuntimeError: shapes or dtypes that do not fit.
        """
        swapped = self.batch_first and query.ndim == 3
        if swapped:
            query, key, value = each_once(lambda x: transpose(x, dim0=0, dim1=1), query, key, value)
        y, weights = multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return transpose(y, dim0=0, dim1=1) if swapped else y, weights
