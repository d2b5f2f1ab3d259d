"""Sequences of different lengths in one tensor: padded, (steps, batch, ...), or packed, without the padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import microgradient as mg

from ...errors import ArgumentError, ShapeError
from ...operators import wrap
from ...tensor import Tensor
from ...trace_hooks import whole_value


class PackedSequence(NamedTuple):
    """Sequences of different lengths without padding: the first step of all of them, then the second of those that have one, ...

    `data` (all steps, ...), `batch_sizes` (longest,): how many sequences reach each step, the longest coming first;
    `sorted_indices` and `unsorted_indices`: that order, and its inverse (None: they were in order). Made by
    `pack_padded_sequence` and `pack_sequence`; RNN, LSTM and GRU take and give it.

    >>> import microgradient as mg
    >>> packed = pack_sequence([mg.tensor([1.0, 2.0]), mg.tensor([3.0])])
    >>> packed.data.tolist(), packed.batch_sizes.tolist()
    ([1.0, 3.0, 2.0], [2, 1])
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack (steps, batch, ...), or (batch, steps, ...) with `batch_first`, of which the first `lengths` steps are real.

    With `enforce_sorted` the lengths must not increase; without, they are sorted here. Raises `ArgumentError` for a length
    below 1 or above the number of steps.

    >>> import microgradient as mg
    >>> pack_padded_sequence(mg.tensor([[1.0, 3.0], [2.0, 0.0]]), [2, 1]).data.tolist()
    [1.0, 3.0, 2.0]
    """
    x = mg.moveaxis(input, 0, 1) if batch_first else input
    sizes = _lengths(lengths, x.shape[1])
    if sizes.size and (sizes.min() < 1 or sizes.max() > x.shape[0]):
        raise ArgumentError(
            "MG157", f"The lengths of {x.shape[0]} padded steps lie between 1 and that, got {sizes.tolist()}."
        )
    order = None
    if not enforce_sorted:
        order = np.argsort(-sizes, kind="stable")
        sizes = sizes[order]
    elif np.any(np.diff(sizes) > 0):
        raise ArgumentError(
            "MG157",
            f"pack_padded_sequence needs the longest first, got lengths {sizes.tolist()}. Write `enforce_sorted=False`.",
        )
    steps, rows = np.nonzero(np.arange(x.shape[0])[:, None] < sizes)
    columns = rows if order is None else order[rows]
    flat = mg.reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:]))
    data = mg.take(flat, wrap(steps * x.shape[1] + columns, None), axis=0)
    batch_sizes = wrap(np.bincount(steps).astype(np.int64), None)
    if order is None:
        return PackedSequence(data, batch_sizes)
    return PackedSequence(data, batch_sizes, wrap(order, None), invert_permutation(wrap(order, None)))


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The inverse of `pack_padded_sequence`: (padded, lengths), padded to the longest or to `total_length` steps.

    >>> import microgradient as mg
    >>> x, lengths = pad_packed_sequence(pack_sequence([mg.tensor([1.0, 2.0]), mg.tensor([3.0])]))
    >>> x.tolist(), lengths.tolist()
    ([[1.0, 3.0], [2.0, 0.0]], [2, 1])
    """
    sizes = _batch_sizes(sequence)
    steps = len(sizes) if total_length is None else total_length
    if steps < len(sizes):
        raise ArgumentError("MG157", f"total_length={total_length} is less than the longest sequence, {len(sizes)}.")
    batch = int(sizes[0])
    inside = np.zeros((steps, batch), bool)
    inside[: len(sizes)] = np.arange(batch) < sizes[:, None]
    places = np.zeros((steps, batch), np.int64)
    places[inside] = np.arange(int(sizes.sum()))
    lengths = inside.sum(axis=0)
    if sequence.unsorted_indices is not None:
        back = np.asarray(whole_value(sequence.unsorted_indices.raw, "pad_packed_sequence"))
        inside, places, lengths = inside[:, back], places[:, back], lengths[back]
    rest = sequence.data.shape[1:]
    x = mg.reshape(mg.take(sequence.data, wrap(places.ravel(), None), axis=0), (steps, batch, *rest))
    x = mg.where(wrap(inside.reshape(inside.shape + (1,) * len(rest)), None), x, padding_value)
    return mg.moveaxis(x, 0, 1) if batch_first else x, wrap(lengths.astype(np.int64), None)


def pad_sequence(
    sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Sequences (steps_i, ...) as one tensor (longest, batch, ...), or (batch, longest, ...) with `batch_first`.

    >>> import microgradient as mg
    >>> pad_sequence([mg.tensor([1.0, 2.0]), mg.tensor([3.0])], batch_first=True).tolist()
    [[1.0, 2.0], [3.0, 0.0]]
    """
    if padding_side not in ("left", "right") or not len(sequences):
        raise ArgumentError(
            "MG157", f"pad_sequence takes sequences and padding_side 'left' or 'right', got {padding_side!r}."
        )
    longest = max(x.shape[0] for x in sequences)
    padded = []
    for x in sequences:
        width = longest - x.shape[0]
        widths = [(0, width) if padding_side == "right" else (width, 0), *((0, 0),) * (x.ndim - 1)]
        padded.append(mg.pad(x, widths, value=padding_value))
    return mg.stack(padded, axis=0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Any, batch_first: bool = False) -> list[Tensor]:
    """The inverse of `pad_sequence`, given the lengths.

    >>> import microgradient as mg
    >>> [x.tolist() for x in unpad_sequence(mg.tensor([[1.0, 3.0], [2.0, 0.0]]), [2, 1])]
    [[1.0, 2.0], [3.0]]
    """
    x = padded_sequences if batch_first else mg.moveaxis(padded_sequences, 0, 1)
    return [x[i, :n] for i, n in enumerate(_lengths(lengths, x.shape[0]).tolist())]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (steps_i, ...), the longest first, or in any order without `enforce_sorted`.

    >>> import microgradient as mg
    >>> pack_sequence([mg.tensor([3.0]), mg.tensor([1.0, 2.0])], enforce_sorted=False).data.tolist()
    [1.0, 3.0, 2.0]
    """
    return pack_padded_sequence(pad_sequence(sequences), [x.shape[0] for x in sequences], False, enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The inverse of `pack_sequence`.

    >>> import microgradient as mg
    >>> [x.tolist() for x in unpack_sequence(pack_sequence([mg.tensor([1.0, 2.0]), mg.tensor([3.0])]))]
    [[1.0, 2.0], [3.0]]
    """
    return unpad_sequence(*pad_packed_sequence(packed_sequences, batch_first=True), batch_first=True)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes one: numbers in an order, or None.

    >>> import microgradient as mg
    >>> invert_permutation(mg.tensor([2, 0, 1])).tolist()
    [1, 2, 0]
    """
    return None if permutation is None else mg.argsort(permutation)


def _lengths(lengths: Any, batch: int) -> np.ndarray:
    values = whole_value(lengths.raw, "the lengths of sequences") if isinstance(lengths, Tensor) else lengths
    sizes = np.asarray(values, dtype=np.int64)
    if sizes.shape != (batch,):
        raise ShapeError("MG160", f"A batch of {batch} sequences has as many lengths, got {sizes.shape}.")
    return sizes


def _batch_sizes(sequence: PackedSequence) -> np.ndarray:
    return np.asarray(whole_value(sequence.batch_sizes.raw, "a packed sequence"))
