"""The Transformer: encoder, decoder, and their layers. Vaswani et al., "Attention is all you need", 2017."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

import microgradient as mg

from ..errors import ArgumentError, ShapeError
from ..operators import get_default_dtype, wrap
from ..tensor import Tensor
from . import functional, init
from .attention import MultiheadAttention
from .container import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .norm import LayerNorm

Activation = str | Callable[[Tensor], Tensor]


class _Layer(Module):
    """What the layers share: a feed-forward network, and a norm around each part, before it (`norm_first`) or after it."""

    _parts = 2
    self_attn: MultiheadAttention
    linear1: Linear
    linear2: Linear
    dropout: Dropout

    def _add_network(self, d_model: int, width: int, dropout: float, options: dict[str, Any]) -> None:
        self.linear1 = Linear(d_model, width, **options)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(width, d_model, **options)

    def _add_norms(
        self,
        d_model: int,
        eps: float,
        dropout: float,
        activation: Activation,
        norm_first: bool,
        options: dict[str, Any],
    ) -> None:
        self.norm_first = norm_first
        for i in range(1, self._parts + 1):
            setattr(self, f"norm{i}", LayerNorm(d_model, eps=eps, **options))
        for i in range(1, self._parts + 1):
            setattr(self, f"dropout{i}", Dropout(dropout))
        self.activation = _activation(activation)

    def _network(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))

    def _residual(self, x: Tensor, *parts: Callable[[Tensor], Tensor]) -> Tensor:
        """x + part(norm(x)), or norm(x + part(x)), one part after the other."""
        for i, part in enumerate(parts, 1):
            norm = getattr(self, f"norm{i}")
            x = x + self._dropped(i, part(norm(x))) if self.norm_first else norm(x + self._dropped(i, part(x)))
        return x

    def _dropped(self, i: int, x: Tensor) -> Tensor:
        """Dropout after part i. PyTorch's attention computes with time first, and that is the order in which it draws."""
        dropout = getattr(self, f"dropout{i}")
        if i == self._parts or x.ndim < 3 or not self.self_attn.batch_first:
            return dropout(x)
        return mg.permute_dims(dropout(mg.permute_dims(x, (1, 0, 2))), (1, 0, 2))


class TransformerEncoderLayer(_Layer):
    """Self-attention and a feed-forward network: (L, N, d_model), or (N, L, d_model) with `batch_first`, or (L, d_model).

    `activation` is "relu", "gelu" or a function. Masks are those of `MultiheadAttention`.

    >>> import microgradient as mg
    >>> TransformerEncoderLayer(8, 2, 16)(mg.ones((5, 3, 8))).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = functional.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: object = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        options = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **options)
        self._add_network(d_model, dim_feedforward, dropout, options)
        self._add_norms(d_model, layer_norm_eps, dropout, activation, norm_first, options)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        def attention(x: Tensor) -> Tensor:
            return _attended(self.self_attn, x, x, src_mask, src_key_padding_mask, is_causal)

        return self._residual(src, attention, self._network)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to `memory` (what an encoder gave), and a feed-forward network; shapes as the encoder's.

    >>> import microgradient as mg
    >>> TransformerDecoderLayer(8, 2, 16)(mg.ones((4, 3, 8)), mg.ones((5, 3, 8))).shape
    (4, 3, 8)
    """

    _parts = 3

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = functional.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: object = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        options = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **options)
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **options)
        self._add_network(d_model, dim_feedforward, dropout, options)
        self._add_norms(d_model, layer_norm_eps, dropout, activation, norm_first, options)

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
        def to_itself(x: Tensor) -> Tensor:
            return _attended(self.self_attn, x, x, tgt_mask, tgt_key_padding_mask, tgt_is_causal)

        def to_memory(x: Tensor) -> Tensor:
            attention = self.multihead_attn
            return _attended(attention, x, memory, memory_mask, memory_key_padding_mask, memory_is_causal)

        return self._residual(tgt, to_itself, to_memory, self._network)


class TransformerEncoder(Module):
    """`num_layers` copies of an encoder layer, one after the other, and a last `norm` if given.

    `enable_nested_tensor` and `mask_check` are accepted and ignored.

    >>> import microgradient as mg
    >>> TransformerEncoder(TransformerEncoderLayer(8, 2, 16), 3)(mg.ones((5, 3, 8))).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        encoder_layer: TransformerEncoderLayer,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = ModuleList([copy.deepcopy(encoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        for layer in self.layers:
            src = layer(src, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=bool(is_causal))
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """`num_layers` copies of a decoder layer, one after the other, and a last `norm` if given.

    >>> import microgradient as mg
    >>> TransformerDecoder(TransformerDecoderLayer(8, 2, 16), 3)(mg.ones((4, 3, 8)), mg.ones((5, 3, 8))).shape
    (4, 3, 8)
    """

    def __init__(self, decoder_layer: TransformerDecoderLayer, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = ModuleList([copy.deepcopy(decoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm

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
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=bool(tgt_is_causal),
                memory_is_causal=memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder reads `src` (S, N, d_model), a decoder turns `tgt` (T, N, d_model) into (T, N, d_model), seeing what was read.

    >>> import microgradient as mg
    >>> model = Transformer(8, 2, 1, 1, 16, batch_first=True)
    >>> model(mg.ones((3, 5, 8)), mg.ones((3, 4, 8)), tgt_is_causal=True).shape
    (3, 4, 8)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = functional.relu,
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: object = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        layer = (
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            layer_norm_eps,
            batch_first,
            norm_first,
            bias,
            device,
            dtype,
        )
        norm = {"eps": layer_norm_eps, "bias": bias, "device": device, "dtype": dtype}
        if custom_encoder is not None:
            self.encoder = custom_encoder
        else:
            self.encoder = TransformerEncoder(
                TransformerEncoderLayer(*layer), num_encoder_layers, LayerNorm(d_model, **norm)
            )
        if custom_decoder is not None:
            self.decoder = custom_decoder
        else:
            self.decoder = TransformerDecoder(
                TransformerDecoderLayer(*layer), num_decoder_layers, LayerNorm(d_model, **norm)
            )
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

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
        axis = 0 if self.batch_first else 1
        if (
            src.ndim != tgt.ndim
            or src.shape[-1] != self.d_model
            or tgt.shape[-1] != self.d_model
            or (src.ndim == 3 and src.shape[axis] != tgt.shape[axis])
        ):
            raise ShapeError(
                "MG161", f"Transformer takes src and tgt with {self.d_model} features and one batch size, got {src.shape} and "
                f"{tgt.shape} (batch_first={self.batch_first}).",
            )  # fmt: skip
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
    def generate_square_subsequent_mask(sz: int, device: object = None, dtype: Any = None) -> Tensor:
        """(sz, sz): 0 on and below the diagonal, -∞ above it: position i looks at 0..i only.

        >>> Transformer.generate_square_subsequent_mask(2).tolist()
        [[0.0, -inf], [0.0, 0.0]]
        """
        return wrap(np.triu(np.full((sz, sz), -math.inf, get_default_dtype() if dtype is None else dtype), 1), None)


def _attended(
    attention: MultiheadAttention, x: Tensor, to: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool
) -> Tensor:
    output: Tensor = attention(
        x, to, to, attn_mask=mask, key_padding_mask=padding, need_weights=False, is_causal=is_causal
    )[0]
    return output


def _activation(activation: Activation) -> Callable[[Tensor], Tensor]:
    if activation in ("relu", "gelu"):
        return functional.relu if activation == "relu" else functional.gelu
    if not callable(activation):
        raise ArgumentError("MG157", f"activation={activation!r} is unknown: use 'relu', 'gelu' or a function.")
    return activation
