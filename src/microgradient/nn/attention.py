"""Multi-head attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import microgradient as mg

from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor
from . import functional, init
from .functional.attention import attend, causal_mask, checked_mask
from .linear import Linear, empty_parameter
from .module import Module


class MultiheadAttention(Module):
    """Several attentions side by side, each on its own projection of the input; Vaswani et al. 2017.

    `query` (L, N, embed_dim), `key` (S, N, kdim), `value` (S, N, vdim), batch first with `batch_first`, or without
    the batch → (output like query, weights (N, L, S), or None if not `need_weights`). In masks of booleans **true means
    left out**, as in PyTorch (the opposite of `scaled_dot_product_attention`); masks of floats are added to the scores.

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
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
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
        self._check(query, key, value)
        batched = query.ndim == 3
        q, k, v = self._projected(query, key, value)
        length, source, n = q.shape[1], k.shape[1], q.shape[0]
        if is_causal and attn_mask is None:
            attn_mask = ~causal_mask(length, source)
        for_keys: dict[Any, Any] = {(n, source) if batched else (source,): (n, 1, 1, source)}
        heads = (n, self.num_heads, length, source)
        for_pairs: dict[Any, Any] = {(length, source): (length, source), (n * self.num_heads, length, source): heads}
        masks = []
        for name, mask, forms in (
            ("key_padding_mask", key_padding_mask, for_keys),
            ("attn_mask", attn_mask, for_pairs),
        ):
            if mask is not None:
                mask = checked_mask(mask)
                if mask.shape not in forms:
                    wanted = " or ".join(map(str, forms))
                    raise ShapeError("MG161", f"{name} must have shape {wanted}, got {mask.shape}.")
                masks.append(mg.reshape(mask, forms[mask.shape]))
        k, v, masks = self._extended(k, v, masks)
        dropout = self.dropout if self.training else 0.0
        q, k, v, joined = self._heads(q), self._heads(k), self._heads(v), _joined(masks, q.dtype)
        output, weights = attend(q, k, v, joined, dropout)
        output = self.out_proj(mg.reshape(mg.permute_dims(output, (0, 2, 1, 3)), (n, length, self.embed_dim)))
        if not batched:
            output = mg.squeeze(output, axis=0)
        elif not self.batch_first:
            output = mg.permute_dims(output, (1, 0, 2))
        if not need_weights:
            return output, None
        shown = mg.mean(weights, axis=1) if average_attn_weights else weights
        return output, shown if batched else mg.squeeze(shown, axis=0)

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        for name, x, width in (
            ("query", query, self.embed_dim),
            ("key", key, self.kdim),
            ("value", value, self.vdim),
        ):
            if x.ndim not in (2, 3) or x.ndim != query.ndim or x.shape[-1] != width:
                raise ShapeError(
                    "MG161",
                    f"MultiheadAttention({self.embed_dim}, {self.num_heads}) needs a {name} with {width} features and two "
                    f"or three axes, got shape {x.shape} (query {query.shape}).",
                )
        axis = 0 if self.batch_first else 1
        if key.shape[:-1] != value.shape[:-1] or (query.ndim == 3 and query.shape[axis] != key.shape[axis]):
            raise ShapeError(
                "MG161",
                f"MultiheadAttention needs one batch size, and key and value of one length, got query {query.shape}, "
                f"key {key.shape}, value {value.shape} (batch_first={self.batch_first}).",
            )

    def _projected(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """q, k and v, batch first: one matrix product where query, key and value are the same tensor."""
        e = self.embed_dim
        if self.in_proj_weight is not None and query is key and key is value:
            joint = self._batch_first(functional.linear(query, self.in_proj_weight, self.in_proj_bias))
            return [joint[..., i * e : (i + 1) * e] for i in range(3)]
        weights: list[Any] = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        if self.in_proj_weight is not None:
            weights = [self.in_proj_weight[i * e : (i + 1) * e] for i in range(3)]
        bias = self.in_proj_bias
        biases = [None if bias is None else bias[i * e : (i + 1) * e] for i in range(3)]
        inputs = (query, key, value)
        return [self._batch_first(functional.linear(x, w, b)) for x, w, b in zip(inputs, weights, biases, strict=True)]

    def _batch_first(self, x: Tensor) -> Tensor:
        if x.ndim == 2:
            return mg.expand_dims(x, axis=0)
        return x if self.batch_first else mg.permute_dims(x, (1, 0, 2))

    def _extended(self, k: Tensor, v: Tensor, masks: list[Tensor]) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Keys and values with the trained one and the zero one at the end, if wanted; both may always be looked at."""
        shape = (k.shape[0], 1, self.embed_dim)
        if self.bias_k is not None and self.bias_v is not None:
            k = mg.concat([k, mg.broadcast_to(self.bias_k, shape)], axis=1)
            v = mg.concat([v, mg.broadcast_to(self.bias_v, shape)], axis=1)
            masks = [_wider(mask) for mask in masks]
        if self.add_zero_attn:
            zeros = mg.zeros(shape, dtype=k.dtype)
            k, v = mg.concat([k, zeros], axis=1), mg.concat([v, zeros], axis=1)
            masks = [_wider(mask) for mask in masks]
        return k, v, masks

    def _heads(self, x: Tensor) -> Tensor:
        """(N, L, embed) → (N, heads, L, head)."""
        return mg.permute_dims(mg.reshape(x, (*x.shape[:2], self.num_heads, self.head_dim)), (0, 2, 1, 3))

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, num_heads={self.num_heads}" + (", batch_first=True" if self.batch_first else "")


def _wider(mask: Tensor) -> Tensor:
    """The mask with one more column that leaves nothing out."""
    return functional.pad(mask, (0, 1))


def _joined(masks: list[Tensor], dtype: Any) -> Tensor | None:
    """One mask for `attend` (true: may look; floats: added) from masks in which true means left out."""
    if not masks:
        return None
    if all(mask.dtype == np.bool_ for mask in masks):
        blocked = masks[0] if len(masks) == 1 else masks[0] | masks[1]
        return ~blocked
    zero = mg.zeros((), dtype=dtype)
    added = [mg.where(mask, -math.inf, zero) if mask.dtype == np.bool_ else mask for mask in masks]
    return added[0] if len(added) == 1 else added[0] + added[1]
