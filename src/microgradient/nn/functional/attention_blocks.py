"""Attention of long sequences, a block of queries after the other: memory grows with the length, not with its square.

The weights of each block are computed once more in the backward pass. Rabe and Staats 2021, "Self-attention does not need
O(n²) memory".
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import microgradient as mg

from ...tensor import Tensor

BLOCK = 128
"""Queries at a time."""
LONG, LARGE = 512, 1 << 22
"""From so many queries, and so many weights in all, on."""
SPANS = 4
"""Parts of a causal sequence, which leave out the keys that none of their queries may look at."""

Attend = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]


def is_long(query: Tensor, key: Tensor) -> bool:
    """Whether the weights are so many that they are not kept."""
    length, source = query.shape[-2], key.shape[-2]
    batch = math.prod(max(query.shape[:-2], key.shape[:-2], key=math.prod))
    return length >= LONG and batch * length * source >= LARGE


def in_blocks(attend: Attend, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    """`attend(query, key, value, mask)` for blocks of the queries, joined. `causal`: query i looks at the keys 0..i, and
    there is no other mask."""
    length = query.shape[-2]
    whole = length // BLOCK * BLOCK
    span = -(-length // (SPANS * BLOCK)) * BLOCK if causal else max(whole, BLOCK)
    edges = sorted({*range(0, whole, span), whole, length})
    parts = []
    for start, stop in itertools.pairwise(edges):
        seen = slice(0, stop) if causal else slice(None)
        of_mask = _rows(start, stop, key) if causal else _part(mask, start, stop, length)
        parts.append(_span(attend, query[..., start:stop, :], key[..., seen, :], value[..., seen, :], of_mask, causal))
    return mg.concat(parts, axis=-2)


def _span(attend: Attend, query: Tensor, key: Tensor, value: Tensor, rows: Tensor | None, causal: bool) -> Tensor:
    """The blocks of some queries; `rows` is their part of the mask, or their numbers if it is causal."""
    length = query.shape[-2]
    block = min(BLOCK, length)
    places = mg.arange(key.shape[-2])
    split = rows is not None and rows.ndim > 1 and rows.shape[-2] == length

    @mg.checkpoint
    def step(_: None, block: tuple[Tensor, Tensor | None]) -> tuple[None, Tensor]:
        queries, here = block
        mask = here if split else rows
        if causal:
            assert mask is not None
            mask = places <= mask
        return None, attend(queries, key, value, mask)

    _, found = mg.scan(
        step, None, (_blocks(query, block), _blocks(rows, block) if split and rows is not None else None)
    )
    moved = mg.moveaxis(found, 0, -3)
    return mg.reshape(moved, (*moved.shape[:-3], length, moved.shape[-1]))


def _blocks(x: Tensor, block: int) -> Tensor:
    """(..., L, E) as (L / block, ..., block, E)."""
    return mg.moveaxis(mg.reshape(x, (*x.shape[:-2], -1, block, x.shape[-1])), -3, 0)


def _rows(start: int, stop: int, key: Tensor) -> Tensor:
    """The numbers of some queries, as a column."""
    return mg.reshape(mg.arange(start, stop), (stop - start, 1))


def _part(mask: Tensor | None, start: int, stop: int, length: int) -> Tensor | None:
    """The rows of a mask, unless it has one for all."""
    if mask is None or mask.ndim < 2 or mask.shape[-2] != length:
        return mask
    return mask[..., start:stop, :]
