"""Attention: every position looks at all others and takes a weighted mean of what it finds there."""

from __future__ import annotations

import math

import numpy as np

import microgradient as mg

from ...errors import ArgumentError, DTypeError, ShapeError
from ...functions.arguments import as_tensor
from ...operators import wrap
from ...tensor import Tensor
from .attention_blocks import in_blocks, is_long
from .dropout import dropout


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(q kᵀ · scale + mask) v. Vaswani et al. 2017.

    `query` (..., L, E), `key` (..., S, E), `value` (..., S, V) → (..., L, V). `scale` is 1/√E if not given. A mask of
    booleans is true where a position may look, one of floats is added. `is_causal`: position i looks at 0..i only.
    `enable_gqa`: fewer heads (axis -3) in key and value, each shared by several of the query's. A position that may
    look nowhere gives zeros. Of a long sequence the weights are not kept (see attention_blocks.py), unless there is dropout.

    >>> x = mg.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> scaled_dot_product_attention(x, x, x, is_causal=True)[0].tolist()
    [1.0, 0.0]
    """
    if enable_gqa:
        key, value = _shared_heads(key, query), _shared_heads(value, query)
    if is_causal and attn_mask is not None:
        raise ArgumentError("MG157", "Give attn_mask or is_causal=True, not both: combine them as `mask & causal`.")
    return attended(query, key, value, attn_mask, dropout_p, scale, is_causal)


def attended(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    dropout_p: float = 0.0,
    scale: float | None = None,
    is_causal: bool = False,
) -> Tensor:
    """What `scaled_dot_product_attention` returns, after its checks of the masks; `is_causal` is in the place of a mask."""
    _check_shapes(query, key, value)
    if mask is not None:
        mask = checked_mask(mask)
        _check_mask(mask, query, key)
    if dropout_p or not is_long(query, key, mask):
        mask = causal_mask(query.shape[-2], key.shape[-2]) if is_causal else mask
        return attend(query, key, value, mask, dropout_p, scale)[0]

    def block(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        return attend(query, key, value, mask, 0.0, scale)[0]

    return in_blocks(block, query, key, value, mask, is_causal)


def attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout_p: float = 0.0, scale: float | None = None
) -> tuple[Tensor, Tensor]:
    """softmax(q kᵀ · scale + mask) v, and the weights (..., L, S) after dropout."""
    _check_shapes(query, key, value)
    if scale is None:
        scale = 1.0 / math.sqrt(query.shape[-1]) if query.shape[-1] else 1.0
    scores = mg.matmul(query * scale, mg.matrix_transpose(key))
    if mask is None:
        weights = mg.softmax(scores, axis=-1)
    else:
        mask = checked_mask(mask)
        if mask.dtype == np.bool_:
            scores = mg.where(mask, scores, -math.inf)
        else:
            scores = scores + mask
        weights = _softmax_or_zeros(scores)
    weights = dropout(weights, dropout_p)
    return mg.matmul(weights, value), weights


def _check_shapes(query: Tensor, key: Tensor, value: Tensor) -> None:
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ShapeError(
            "MG161",
            f"Attention needs query and key of one width and key and value of one length, "
            f"got query {query.shape}, key {key.shape}, value {value.shape}.",
        )
    if not _broadcast(query.shape[:-2], key.shape[:-2], value.shape[:-2]):
        raise ShapeError(
            "MG161",
            f"The leading axes of query, key and value have to be equal, or 1 in all but one, "
            f"got query {query.shape}, key {key.shape}, value {value.shape}.",
        )


def _check_mask(mask: Tensor, query: Tensor, key: Tensor) -> None:
    batch = np.broadcast_shapes(query.shape[:-2], key.shape[:-2])
    weights = (*batch, query.shape[-2], key.shape[-2])
    short = any(n not in (1, size) for n, size in zip(mask.shape[::-1], weights[:-3:-1], strict=False))
    if short or not _broadcast(mask.shape[:-2], batch):
        raise ShapeError("MG161", f"An attention mask of shape {mask.shape} doesn't fit weights of shape {weights}.")


def _broadcast(*shapes: tuple[int, ...]) -> bool:
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


def checked_mask(mask: Tensor) -> Tensor:
    """A mask of booleans or floats as it is. Raises `DTypeError` for whole numbers, which could mean either."""
    mask = as_tensor(mask)
    if mask.dtype != np.bool_ and mask.dtype.kind != "f":
        raise DTypeError("MG140", f"An attention mask holds booleans or floats, got {mask.dtype}. Write `mask != 0`.")
    return mask


def causal_mask(length: int, source: int) -> Tensor:
    """Booleans (length, source), true on and below the diagonal.

    >>> causal_mask(2, 2).tolist()
    [[True, False], [True, True]]
    """
    return wrap(np.tri(length, source, dtype=np.bool_), None)


def _softmax_or_zeros(scores: Tensor) -> Tensor:
    """softmax over the last axis, and zeros where every score is -∞ (softmax itself would give NaN)."""
    if not scores.shape[-1]:
        return scores
    top = mg.clip(mg.max(wrap(scores.raw, None), axis=-1, keepdims=True), min=-1e30)
    exponentials = mg.exp(scores - top)
    return exponentials / mg.clip(mg.sum(exponentials, axis=-1, keepdims=True), min=1e-30)


def _shared_heads(x: Tensor, query: Tensor) -> Tensor:
    times, rest = divmod(query.shape[-3], x.shape[-3])
    if rest:
        raise ShapeError("MG161", f"{query.shape[-3]} query heads can't share {x.shape[-3]} key heads evenly.")
    return mg.repeat(x, times, axis=-3)
