"""Connectionist temporal classification."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

import microgradient as mg

from ...errors import ArgumentError, ShapeError
from ...operators import wrap
from ...tensor import Tensor
from ...trace_hooks import Traced, whole_value
from .loss import reduce

Lengths = Any


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Lengths,
    target_lengths: Lengths,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the probability of all alignments of a target sequence with the input. Graves et al. 2006.

    `log_probs` (T, N, C) or (T, C): logarithms of probabilities; `targets` (N, S), or all of them one after the other; the
    lengths (N,), or numbers without a batch. "mean" divides each loss by its target's length (1 if that is 0), then averages.
    A target that is too long for its input has the loss ∞ (0 with `zero_infinity`) and no derivative. The derivative is that of
    the loss as a function of `log_probs`; PyTorch's differs by exp(log_probs), which the softmax before it cancels. In a compiled
    function the lengths may be arguments, where targets are (N, S); they are not checked then.

    >>> even = mg.log(mg.full((2, 1, 2), 0.5))
    >>> round(ctc_loss(even, mg.tensor([[1]]), [2], [1]).item(), 4)  # three of four paths: -log(3/4)
    0.2877
    """
    batched = log_probs.ndim == 3
    if log_probs.ndim not in (2, 3):
        raise ShapeError("MG163", f"ctc_loss takes log_probs (T, N, C) or (T, C), got shape {log_probs.shape}.")
    x = log_probs if batched else mg.expand_dims(log_probs, axis=1)
    steps, n, classes = x.shape
    inputs, lengths = _lengths(input_lengths, n, "input_lengths"), _lengths(target_lengths, n, "target_lengths")
    _check(steps, classes, blank, inputs.known, lengths.known)
    extended, repeats = _with_blanks(targets, lengths, blank, classes)
    # α (N, 2S+1): log of the probability of all prefixes of alignments that end in each label or the blanks around it
    impossible = wrap(np.array(-math.inf, x.dtype), None)
    emitted = mg.take_along_axis(x, mg.broadcast_to(mg.expand_dims(extended, axis=0), (steps, *extended.shape)), axis=2)
    start = wrap(np.arange(extended.shape[1]) < 2, None)
    alpha = mg.where(start, emitted[0], impossible)

    def step(alpha: Tensor, emitted: Tensor) -> tuple[Tensor, Tensor]:
        moved = [
            mg.pad(alpha[:, : max(alpha.shape[1] - k, 0)], ((0, 0), (min(k, alpha.shape[1]), 0)), value=-math.inf)
            for k in (1, 2)
        ]
        ways = mg.stack([alpha, moved[0], mg.where(repeats, impossible, moved[1])], axis=0)
        alpha = mg.logsumexp(ways, axis=0) + emitted
        return alpha, alpha

    _, later = mg.scan(step, alpha, emitted[1 : max(inputs.longest(steps), 1)])
    history = mg.concat([mg.expand_dims(alpha, axis=0), later], axis=0)
    final = mg.broadcast_to(mg.reshape(mg.maximum(inputs.values - 1, 0), (1, n, 1)), (1, *alpha.shape))
    ends = mg.take_along_axis(history, final, axis=0)[0]
    blanks = 2 * lengths.values  # the last blank, and the label before it
    finals = mg.take_along_axis(ends, mg.stack([blanks, mg.maximum(blanks - 1, 0)], axis=1), axis=1)
    labels = mg.stack([mg.ones(n, dtype=mg.bool), lengths.values > 0], axis=1)
    loss = -mg.logsumexp(mg.where(labels, finals, impossible), axis=1)
    if inputs.known is None or not inputs.known.all():  # nothing was read: certain for an empty target, else impossible
        unread = mg.where(
            lengths.values > 0, wrap(np.array(math.inf, x.dtype), None), wrap(np.zeros((), x.dtype), None)
        )
        loss = mg.where(inputs.values > 0, loss, unread)
    if zero_infinity:
        loss = mg.where(loss == math.inf, 0.0, loss)
    if reduction == "mean":
        return mg.mean(loss / mg.astype(mg.maximum(lengths.values, 1), x.dtype))
    return reduce(loss if batched else mg.squeeze(loss, axis=0), reduction)


class _Lengths(NamedTuple):
    """Of sequences: as a tensor, and as an array unless they are an argument of a function that is being compiled."""

    values: Tensor
    known: np.ndarray | None

    def longest(self, most: int) -> int:
        return most if self.known is None else int(self.known.max(initial=0))


def _lengths(given: Lengths, n: int, name: str) -> _Lengths:
    raw = getattr(given, "raw", given)
    if isinstance(raw, Traced) and getattr(raw, "value", None) is None:
        _check_lengths(raw, n, name)
        return _Lengths(mg.astype(given, mg.int64), None)
    known = np.atleast_1d(np.asarray(whole_value(raw, f"ctc_loss ({name})")))
    _check_lengths(known, n, name)
    return _Lengths(wrap(known.astype(np.int64), None), known.astype(np.int64))


def _check_lengths(lengths: np.ndarray | Traced, n: int, name: str) -> None:
    if lengths.shape != (n,) or lengths.dtype.kind not in "iu":
        raise ShapeError(
            "MG163", f"ctc_loss: {name} are {n} whole numbers, got {lengths.dtype} of shape {lengths.shape}."
        )


def _check(steps: int, classes: int, blank: int, inputs: np.ndarray | None, lengths: np.ndarray | None) -> None:
    if not 0 <= blank < classes:
        raise ArgumentError("MG157", f"ctc_loss: blank={blank} is none of {classes} classes.")
    inputs, lengths = (np.zeros(0, np.int64) if known is None else known for known in (inputs, lengths))
    if inputs.min(initial=0) < 0 or inputs.max(initial=0) > steps or lengths.min(initial=0) < 0:
        raise ArgumentError(
            "MG157", f"ctc_loss: input_lengths lie between 0 and {steps}, target_lengths are at least 0."
        )


def _with_blanks(targets: Tensor, lengths: _Lengths, blank: int, classes: int) -> tuple[Tensor, Tensor]:
    """(N, 2S+1): the labels with a blank before, between and after; and where the label two places before may not be left out."""
    n = lengths.values.shape[0]
    longest = lengths.longest(targets.shape[-1])
    total = 0 if lengths.known is None else int(lengths.known.sum())
    if targets.ndim == 2 and targets.shape[0] == n and targets.shape[1] >= longest:
        labels = targets[:, :longest]
    elif targets.ndim == 1 and targets.shape[0] >= total and lengths.known is not None:
        begins = np.cumsum(lengths.known) - lengths.known
        places = np.minimum(begins[:, None] + np.arange(longest), max(targets.shape[0] - 1, 0))
        labels = (
            mg.reshape(mg.take(targets, wrap(places.ravel(), None), axis=0), places.shape)
            if total
            else mg.zeros((n, longest), dtype=mg.int64)
        )
    else:
        raise ShapeError(
            "MG163",
            f"ctc_loss takes targets (N, S) with S ≥ {longest}, or {total} in a row; got shape {targets.shape} for N = {n}.",
        )
    inside = wrap(np.arange(longest), None) < mg.expand_dims(lengths.values, axis=1)
    data, there = labels.raw, inside.raw
    if isinstance(data, np.ndarray) and isinstance(there, np.ndarray):
        wrong = data[there][(data[there] < 0) | (data[there] >= classes)]
        if len(wrong):
            raise ArgumentError("MG164", f"ctc_loss: {classes} classes need labels 0–{classes - 1}, got {wrong[0]}.")
    labels = mg.astype(mg.where(inside, labels, blank), mg.int64)
    blanks = mg.full((n, longest), blank, dtype=mg.int64)
    pairs = mg.reshape(mg.stack([blanks, labels], axis=2), (n, 2 * longest))
    extended = mg.concat([pairs, mg.full((n, 1), blank, dtype=mg.int64)], axis=1)
    before = mg.pad(extended[:, :-2], ((0, 0), (2, 0)), value=blank) if longest else extended
    return extended, (extended == blank) | (extended == before)
