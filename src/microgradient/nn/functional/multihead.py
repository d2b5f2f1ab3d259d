"""Multi-head attention as a function of its weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import microgradient as mg

from ...errors import ArgumentError, ShapeError
from ...tensor import Tensor
from .arguments import in_dimensions
from .attention import attend, attended, causal_mask, checked_mask
from .linear import linear
from .padding import pad


def multi_head(
    batch_first: bool,
    /,
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
    e, batched = embed_dim_to_check, query.ndim == 3
    joint = in_proj_weight is not None and not use_separate_proj_weight
    weights: list[Any] = [q_proj_weight, k_proj_weight, v_proj_weight]
    widths = [e] * 3 if joint else [0 if w is None else w.shape[-1] for w in weights]
    _check(batch_first, e, num_heads, (query, key, value), widths)
    if joint and query is key and key is value:  # one matrix product
        together = _batch_first(linear(query, in_proj_weight, in_proj_bias), batch_first)  # type: ignore[arg-type]
        q, k, v = (together[..., i * e : (i + 1) * e] for i in range(3))
    else:
        rows = [slice(i * e, (i + 1) * e) for i in range(3)]
        if joint:
            weights = [in_proj_weight[part] for part in rows]  # type: ignore[index]
        biases = [None if in_proj_bias is None else in_proj_bias[part] for part in rows]
        given = zip((query, key, value), weights, biases, strict=True)
        q, k, v = (_batch_first(linear(x, w, b), batch_first) for x, w, b in given)
    length, n = q.shape[1], q.shape[0]
    source = k.shape[1] if static_k is None else static_k.shape[1]
    is_causal = is_causal and attn_mask is None
    longer = bias_k is not None or add_zero_attn
    if is_causal and (need_weights or longer or key_padding_mask is not None):
        attn_mask, is_causal = ~causal_mask(length, source), False
    masks = _masks(key_padding_mask, attn_mask, (n, num_heads, length, source), batched)
    k, v = (_split(x, num_heads) if given is None else mg.reshape(given, (n, num_heads, *given.shape[1:]))
            for x, given in ((k, static_k), (v, static_v)))  # fmt: skip
    if (bias_k is None) != (bias_v is None):
        raise ArgumentError("MG157", "bias_k and bias_v come together.")
    extra = [(bias_k, bias_v)] if bias_k is not None else []
    for of_k, of_v in [*extra, *([(None, None)] if add_zero_attn else [])]:
        k, v = _longer(k, of_k), _longer(v, of_v)
        masks = [pad(mask, (0, 1)) for mask in masks]  # what is added may always be looked at
    q, mask, dropout_p = _split(q, num_heads), _joined(masks, q.dtype), dropout_p if training else 0.0
    if need_weights:
        output, shown = attend(q, k, v, mask, dropout_p)
    else:
        output = attended(q, k, v, mask, dropout_p, is_causal=is_causal)
    output = mg.reshape(mg.permute_dims(output, (0, 2, 1, 3)), (n, length, e))
    output = linear(output, out_proj_weight, out_proj_bias)
    if not batched:
        output = mg.squeeze(output, axis=0)
    elif not batch_first:
        output = mg.permute_dims(output, (1, 0, 2))
    if not need_weights:
        return output, None
    shown = mg.mean(shown, axis=1) if average_attn_weights else shown
    return output, shown if batched else mg.squeeze(shown, axis=0)


@in_dimensions(False, multi_head)
def multi_head_attention_forward() -> None:
    """What `MultiheadAttention` computes, of its weights: `query` (L, N, E), `key` and `value` (S, N, ...), or without N.

    → (output like query, weights (N, L, S), or None if not `need_weights`). `static_k` and `static_v` (N·heads, S, E/heads)
    take the place of what is projected. Vaswani et al. 2017.

    >>> x, w = mg.ones((5, 2, 4)), mg.ones((12, 4))
    >>> output, weights = multi_head_attention_forward(
    ...     x, x, x, 4, 2, w, None, None, None, False, 0.0, mg.ones((4, 4)), None
    ... )
    >>> output.shape, weights.shape
    ((5, 2, 4), (2, 5, 5))
    """


def _check(batch_first: bool, e: int, num_heads: int, inputs: tuple[Tensor, Tensor, Tensor], widths: list[int]) -> None:
    query, key, value = inputs
    if num_heads < 1 or e % num_heads:
        raise ArgumentError("MG157", f"num_heads={num_heads} must divide embed_dim={e}.")
    for name, x, width in zip(("query", "key", "value"), inputs, widths, strict=True):
        if x.ndim not in (2, 3) or x.ndim != query.ndim or x.shape[-1] != width:
            raise ShapeError(
                "MG161",
                f"MultiheadAttention({e}, {num_heads}) needs a {name} with {width} features and two "
                f"or three axes, got shape {x.shape} (query {query.shape}).",
            )
    axis = 0 if batch_first else 1
    if key.shape[:-1] != value.shape[:-1] or (query.ndim == 3 and query.shape[axis] != key.shape[axis]):
        raise ShapeError(
            "MG161",
            f"MultiheadAttention needs one batch size, and key and value of one length, got query {query.shape}, "
            f"key {key.shape}, value {value.shape} (batch_first={batch_first}).",
        )


def _masks(
    key_padding_mask: Tensor | None, attn_mask: Tensor | None, shape: tuple[int, ...], batched: bool
) -> list[Tensor]:
    """The masks that are given, so that they broadcast to (N, heads, L, S)."""
    n, heads, length, source = shape
    for_keys: dict[Any, Any] = {(n, source) if batched else (source,): (n, 1, 1, source)}
    for_pairs: dict[Any, Any] = {(length, source): (length, source), (n * heads, length, source): shape}
    masks = []
    for name, mask, forms in (("key_padding_mask", key_padding_mask, for_keys), ("attn_mask", attn_mask, for_pairs)):
        if mask is not None:
            mask = checked_mask(mask)
            if mask.shape not in forms:
                wanted = " or ".join(map(str, forms))
                raise ShapeError("MG161", f"{name} must have shape {wanted}, got {mask.shape}.")
            masks.append(mg.reshape(mask, forms[mask.shape]))
    return masks


def _batch_first(x: Tensor, batch_first: bool) -> Tensor:
    if x.ndim == 2:
        return mg.expand_dims(x, axis=0)
    return x if batch_first else mg.permute_dims(x, (1, 0, 2))


def _split(x: Tensor, heads: int) -> Tensor:
    """(N, L, E) → (N, heads, L, E/heads)."""
    return mg.permute_dims(mg.reshape(x, (*x.shape[:2], heads, x.shape[2] // heads)), (0, 2, 1, 3))


def _longer(x: Tensor, row: Tensor | None) -> Tensor:
    """Keys or values (N, heads, S, E/heads) with one more, `row` (1, 1, E) or zeros, at the end."""
    n, heads, _, width = x.shape
    last = mg.zeros((1, heads, 1, width), dtype=x.dtype) if row is None else mg.reshape(row, (1, heads, 1, width))
    return mg.concat([x, mg.broadcast_to(last, (n, heads, 1, width))], axis=2)


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
