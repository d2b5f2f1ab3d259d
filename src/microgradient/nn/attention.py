"""Multi-head attention."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError
from ..tensor import Tensor
from . import init
from .functional.multihead import multi_head
from .linear import Linear, empty_parameter
from .module import Module


class NonDynamicallyQuantizableLinear(Linear):
    """A `Linear`, by the name that PyTorch has for the last one of an attention."""


class MultiheadAttention(Module):
    """Several attentions side by side, each on its own projection of the input; Vaswani et al. 2017.

    `query` (L, N, embed_dim), `key` (S, N, kdim), `value` (S, N, vdim), batch first with `batch_first`, or without
    the batch → (output like query, weights (N, L, S), or None if not `need_weights`). In masks of booleans **true means
    left out**, as in PyTorch (the opposite of `scaled_dot_product_attention`); masks of floats are added to the scores.

    >>> import microgradient as mg
    >>> x = mg.ones((2, 5, 8))
    >>> output, weights = MultiheadAttention(8, num_heads=2, batch_first=True)(x, x, x)
    >>> output.shape, weights.shape
    ((2, 5, 8), (2, 5, 5))
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
        device: object = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise ArgumentError("MG157", f"num_heads={num_heads} must divide embed_dim={embed_dim}.")
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.add_zero_attn = add_zero_attn
        joint = self.kdim == embed_dim == self.vdim
        self.in_proj_weight = empty_parameter((3 * embed_dim, embed_dim), dtype, device) if joint else None
        self.q_proj_weight = None if joint else empty_parameter((embed_dim, embed_dim), dtype, device)
        self.k_proj_weight = None if joint else empty_parameter((embed_dim, self.kdim), dtype, device)
        self.v_proj_weight = None if joint else empty_parameter((embed_dim, self.vdim), dtype, device)
        self.in_proj_bias = empty_parameter((3 * embed_dim,), dtype, device) if bias else None
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self.bias_k = empty_parameter((1, 1, embed_dim), dtype, device) if add_bias_kv else None
        self.bias_v = empty_parameter((1, 1, embed_dim), dtype, device) if add_bias_kv else None
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

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
        """`key_padding_mask` (N, S) leaves out keys, `attn_mask` (L, S) or (N·heads, L, S) pairs of positions.

        `is_causal` without `attn_mask` leaves out all later positions.
        """
        return multi_head(
            self.batch_first,
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
            self.training,
            key_padding_mask,
            need_weights,
            attn_mask,
            self.in_proj_weight is None,
            self.q_proj_weight,
            self.k_proj_weight,
            self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, num_heads={self.num_heads}" + (", batch_first=True" if self.batch_first else "")
