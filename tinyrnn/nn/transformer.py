"""The transformer of Vaswani et al. (2017): encoders and decoders of attention and feed-forward blocks."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from ..creation import full
from ..engine import is_grad_enabled, wrap
from ..ops.elementwise import where
from ..ops.shape import triu
from ..tensor import Tensor
from . import functional as F
from . import init
from .activations import GELU, ReLU
from .attention import MultiheadAttention
from .containers import ModuleList
from .layers import Dropout, Linear
from .module import Module
from .normalization import LayerNorm

Activation = str | Callable[[Tensor], Tensor]


def _function(activation: Activation) -> Any:
    if not isinstance(activation, str):
        return activation
    if activation not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {activation}")
    return getattr(F, activation)


class _Layer(Module):
    """What a layer of the encoder and one of the decoder share: attention to itself, and the feed-forward block."""

    attentions: tuple[str, ...]

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        made = {"bias": bias, "device": device, "dtype": dtype}
        for name in self.attentions:
            setattr(self, name, MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, **made))
        self.linear1 = Linear(d_model, dim_feedforward, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **made)
        self.norm_first = norm_first
        for k in range(1, len(self.attentions) + 2):
            setattr(self, f"norm{k}", LayerNorm(d_model, eps=layer_norm_eps, **made))
        for k in range(1, len(self.attentions) + 2):
            setattr(self, f"dropout{k}", Dropout(dropout))
        self.activation = _function(activation)
        self._usual_activation = self.activation in (F.relu, F.gelu) or isinstance(self.activation, (ReLU, GELU))

    def _sa_block(self, x: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None, is_causal: bool = False) -> Tensor:
        """Attention to the sequence itself."""
        y, _ = self.self_attn(x, x, x, attn_mask=attn_mask, key_padding_mask=key_padding_mask, is_causal=is_causal, need_weights=False)
        return self.dropout1(y)

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_Layer):
    """Self-attention and a feed-forward block, each added to its input and normalised. ``torch.nn.TransformerEncoderLayer``.

    Args:
        d_model, nhead, dim_feedforward: features, attention heads, and hidden units of the feed-forward block.
        dropout: the probability, of attention weights and after each block.
        activation: of the feed-forward block: ``"relu"``, ``"gelu"`` or a function.
        layer_norm_eps: added to variances.
        batch_first: sequences come as (N, T, d_model) instead of (T, N, d_model).
        norm_first: normalise before each block instead of after adding (Xiong et al., 2020).
        bias: learn biases.

    >>> import tinyrnn
    >>> from tinyrnn import nn
    >>> nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16)(tinyrnn.ones(5, 3, 8)).shape  # (T, N, d_model)
    tinyrnn.Size([5, 3, 8])
    """

    attentions = ("self_attn",)

    def forward(
        self, src: Tensor, src_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None, is_causal: bool = False
    ) -> Tensor:
        """(T, N, d_model) to the same; masks as in :class:`MultiheadAttention`."""
        x = src
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), src_mask, src_key_padding_mask, is_causal)
            return x + self._ff_block(self.norm2(x))
        x = self.norm1(x + self._sa_block(x, src_mask, src_key_padding_mask, is_causal))
        return self.norm2(x + self._ff_block(x))

    def _ff_block(self, x: Tensor) -> Tensor:
        return self.dropout2(self._feed_forward(x))


class TransformerDecoderLayer(_Layer):
    """As the encoder's layer, and between its blocks attention to the encoder's result. ``torch.nn.TransformerDecoderLayer``.

    The arguments are those of :class:`TransformerEncoderLayer`.
    """

    attentions = ("self_attn", "multihead_attn")

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """(T, N, d_model), with the encoder's (S, N, d_model), to (T, N, d_model)."""
        x = tgt
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), tgt_mask, tgt_key_padding_mask, tgt_is_causal)
            x = x + self._mha_block(self.norm2(x), memory, memory_mask, memory_key_padding_mask, memory_is_causal)
            return x + self._ff_block(self.norm3(x))
        x = self.norm1(x + self._sa_block(x, tgt_mask, tgt_key_padding_mask, tgt_is_causal))
        x = self.norm2(x + self._mha_block(x, memory, memory_mask, memory_key_padding_mask, memory_is_causal))
        return self.norm3(x + self._ff_block(x))

    def _mha_block(
        self, x: Tensor, mem: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None, is_causal: bool = False
    ) -> Tensor:
        """Attention to the encoder's result."""
        y, _ = self.multihead_attn(
            x, mem, mem, attn_mask=attn_mask, key_padding_mask=key_padding_mask, is_causal=is_causal, need_weights=False
        )
        return self.dropout2(y)

    def _ff_block(self, x: Tensor) -> Tensor:
        return self.dropout3(self._feed_forward(x))


def _copies(layer: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


class TransformerEncoder(Module):
    """``num_layers`` copies of a layer, one after the other, and a norm. ``torch.nn.TransformerEncoder``.

    All copies start with the same weights, those of ``encoder_layer``. ``enable_nested_tensor`` and ``mask_check`` only
    say when positions that are padding come out as zeros, as they do in PyTorch: see :meth:`forward`.
    """

    def __init__(
        self,
        encoder_layer: Any,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm
        self.enable_nested_tensor, self.mask_check = enable_nested_tensor, mask_check

    def forward(
        self, src: Tensor, mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None, is_causal: bool | None = None
    ) -> Tensor:
        """(T, N, d_model) to the same.

        Without gradients, in evaluation mode and with ``batch_first``, PyTorch leaves padding at the end of sequences out
        of the computation, and returns zeros in its place; so does this.
        """
        y = src
        for layer in self.layers:
            y = layer(y, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=bool(is_causal))
        if src_key_padding_mask is not None and mask is None and self._leaves_padding_out(src):
            y = self._without_padding(y, src_key_padding_mask)
        return y if self.norm is None else self.norm(y)

    def _leaves_padding_out(self, src: Tensor) -> bool:
        first: Any = self.layers[0]
        return (
            self.enable_nested_tensor
            and isinstance(first, TransformerEncoderLayer)
            and first._usual_activation
            and first.self_attn.batch_first
            and first.self_attn.in_proj_bias is not None
            and first.self_attn.num_heads % 2 == 0
            and not (first.norm_first or first.training or src.ndim != 3)
            and not (is_grad_enabled() and (src.requires_grad or any(p.requires_grad for p in first.parameters())))
        )

    def _without_padding(self, y: Tensor, key_padding_mask: Tensor) -> Tensor:
        """(N, T, d_model) with zeros where the mask (N, T) bans, if what it bans stands at the ends only."""
        array = key_padding_mask.array
        banned = array if array.dtype.kind == "b" else array != 0
        if self.mask_check:
            banned = banned & (banned[:, 1:] >= banned[:, :-1]).all()
        return where(wrap(banned[..., None]), 0.0, y)


class TransformerDecoder(Module):
    """``num_layers`` copies of a layer, one after the other, and a norm. ``torch.nn.TransformerDecoder``.

    All copies start with the same weights, those of ``decoder_layer``, and keep its activation. (PyTorch's forget one
    that is a module, such as ``nn.GELU()``, and use relu.)
    """

    def __init__(self, decoder_layer: Any, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """(T, N, d_model), with the encoder's (S, N, d_model), to (T, N, d_model)."""
        y = tgt
        for layer in self.layers:
            y = layer(
                y,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=bool(tgt_is_causal),
                memory_is_causal=memory_is_causal,
            )
        return y if self.norm is None else self.norm(y)


class Transformer(Module):
    """An encoder, and a decoder that reads its result. ``torch.nn.Transformer``.

    The arguments are those of :class:`TransformerEncoderLayer`; ``custom_encoder`` and ``custom_decoder`` take the place
    of the standard ones.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        made = {"bias": bias, "device": device, "dtype": dtype}
        layer = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first)

        def norm() -> LayerNorm:
            return LayerNorm(d_model, eps=layer_norm_eps, **made)

        self.encoder = custom_encoder or TransformerEncoder(TransformerEncoderLayer(*layer, **made), num_encoder_layers, norm())
        self.decoder = custom_decoder or TransformerDecoder(TransformerDecoderLayer(*layer, **made), num_decoder_layers, norm())
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def _reset_parameters(self) -> None:
        """Draw all matrices anew, from Glorot's distribution."""
        for p in self.parameters():
            if p.dim() > 1:
                init.xavier_uniform_(p)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """(S, N, d_model) and (T, N, d_model) to (T, N, d_model); without N, or with N first, as the layers."""
        rows = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[rows] != tgt.shape[rows]:
            raise RuntimeError(f"the batch number of src and tgt must be equal, got {src.shape[rows]} and {tgt.shape[rows]}")
        if not src.shape[-1] == tgt.shape[-1] == self.d_model:
            raise RuntimeError(
                f"the feature number of src and tgt must be equal to d_model={self.d_model}, got {src.shape[-1]} and {tgt.shape[-1]}"
            )
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """(sz, sz): 0 up to the diagonal, ``-inf`` above it, to be added to scores, so that no position looks ahead."""
        return triu(full((sz, sz), -math.inf, device=device, dtype=dtype), diagonal=1)
