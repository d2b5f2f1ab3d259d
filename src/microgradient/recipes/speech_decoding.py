"""From the scores of a network trained by CTC to the labels it means, and how many of them are wrong."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Beam = dict[tuple[int, ...], tuple[float, float]]
"""Of each prefix the logarithms of the probabilities that it ends in a blank, and that it does not."""

_RANGE = 12.0  # labels less likely by more than this many nats than a frame's likeliest are not looked at


def beam_search(log_probs: NDArray[np.floating], width: int = 8) -> tuple[tuple[int, ...], float]:
    """The likeliest labels, and the logarithm of the probability of all their alignments, from log_probs (frames, classes), whose
    class 0 is the blank.

    Prefixes are kept apart by whether their last frame was a blank, and the best `width` go on. Graves 2012, "Supervised sequence
    labelling with recurrent neural networks", section 7.5.

    >>> even = np.log([[0.6, 0.4], [0.6, 0.4]])  # the likeliest alignment is two blanks; three alignments mean the label
    >>> labels, log_probability = beam_search(even)
    >>> labels, round(math.exp(log_probability), 2)
    ((1,), 0.64)
    """
    beam: Beam = {(): (0.0, -math.inf)}
    for frame in np.asarray(log_probs, float):
        grown: Beam = {}
        likely = [int(k) for k in np.flatnonzero(frame > frame.max() - _RANGE) if k]
        for prefix, (blank, non_blank) in beam.items():
            both = _sum(blank, non_blank)
            _add(grown, prefix, both + frame[0], non_blank + frame[prefix[-1]] if prefix else -math.inf)
            for label in likely:
                repeated = bool(prefix) and prefix[-1] == label  # a label twice has a blank between
                _add(grown, (*prefix, label), -math.inf, (blank if repeated else both) + frame[label])
        beam = dict(heapq.nlargest(width, grown.items(), key=lambda item: _sum(*item[1])))
    labels, found = max(beam.items(), key=lambda item: _sum(*item[1]))
    return labels, _sum(*found)


def _add(beam: Beam, prefix: tuple[int, ...], blank: float, non_blank: float) -> None:
    before = beam.get(prefix, (-math.inf, -math.inf))
    beam[prefix] = _sum(before[0], blank), _sum(before[1], non_blank)


def _sum(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))


def edit_distance(a: Sequence[object], b: Sequence[object]) -> int:
    """The fewest labels to put in, leave out or replace to make `b` of `a`. Levenshtein 1966.

    >>> edit_distance("kitten", "sitting")
    3
    """
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (left != right))
    return row[-1]


def word_error(said: Sequence[Sequence[object]], right: Sequence[Sequence[object]]) -> float:
    """Edits over all sequences together, for each label that is right.

    >>> word_error(["12", "3"], ["13", "34"])
    0.5
    """
    return sum(map(edit_distance, right, said)) / max(1, sum(map(len, right)))
