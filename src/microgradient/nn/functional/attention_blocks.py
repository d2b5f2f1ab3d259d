"""Attention of long sequences, a block of queries after the other: memory grows with the length, not with its square.

The weights of each block are computed once more in the backward pass. Rabe and Staats 2021, "Self-attention does not need
O(n²) memory".
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np

import microgradient as mg

from ...tensor import Tensor

BLOCK = 128
"""Queries at a time."""
LONG, LARGE = 512, 1 << 22
"""From so many queries, and so many weights in all, on."""
SPANS = 4
"""Parts of a causal sequence, which leave out the keys that none of their queries may look at."""

Attend = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]


def is_long(query: Tensor, key: Tensor, mask: Tensor | None) -> bool:
    """Whether the weights are so many that they are not kept."""
    length, source = query.shape[-2], key.shape[-2]
    batch = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], () if mask is None else mask.shape[:-2])
    return length >= LONG and math.prod(batch) * length * source >= LARGE


def in_blocks(attend: Attend, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    """`attend(query, key, value, mask)` for blocks of the queries, joined. `causal`: query i looks at the keys 0..i, and
    there is no other mask."""
    length = query.shape[-2]
    whole = length // BLOCK * BLOCK
    span = -(-length // (SPANS * BLOCK)) * BLOCK if causal else max(whole, BLOCK)
    parts = []
    for start, stop in itertools.pairwise(sorted({*range(0, whole, span), whole, length})):
        queries = query[..., start:stop, :]
        if causal:
            parts.append(_causal_span(attend, queries, key[..., :stop, :], value[..., :stop, :], start))
        elif mask is not None and mask.ndim > 1 and mask.shape[-2] == length:
            parts.append(_mapped(lambda rows, mask: attend(rows, key, value, mask), queries, mask[..., start:stop, :]))
        else:
            parts.append(_mapped(lambda rows: attend(rows, key, value, mask), queries))
    return mg.concat(parts, axis=-2)


def _causal_span(attend: Attend, query: Tensor, key: Tensor, value: Tensor, first: int) -> Tensor:
    """Of queries of which the first has the number `first`."""
    numbers = mg.reshape(mg.arange(first, first + query.shape[-2]), (-1, 1))
    places = mg.arange(key.shape[-2])
    return _mapped(lambda rows, numbers: attend(rows, key, value, places <= numbers), query, numbers)


def _mapped(f: Callable[..., Tensor], *arrays: Tensor) -> Tensor:
    """f of blocks of the arrays' rows, one after the other, joined; what it computes on the way is not kept."""
    length = arrays[0].shape[-2]
    size = min(BLOCK, length)
    step = mg.checkpoint(lambda _, blocks: (None, f(*blocks)))
    _, found = mg.scan(step, None, [_blocks(x, size) for x in arrays])
    moved = mg.moveaxis(found, 0, -3)
    return mg.reshape(moved, (*moved.shape[:-3], length, moved.shape[-1]))


def _blocks(x: Tensor, size: int) -> Tensor:
    """(..., L, E) as (L / size, ..., size, E)."""
    return mg.moveaxis(mg.reshape(x, (*x.shape[:-2], x.shape[-2] // size, size, x.shape[-1])), -3, 0)
