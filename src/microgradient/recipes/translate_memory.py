"""The nearest of the texts that are known: a translation memory, and what it can be told by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..data.pieces import Pieces


class Memory:
    """Texts, and which of them is most like another one: of all pieces in either, how many are in both, rare pieces counting
    more (Jaccard's index, weighted by log((1 + texts) / (1 + texts with the piece)) + 1).

    >>> texts = ["a red car", "a blue car", "two boats"]
    >>> Memory(texts, Pieces.learnt(texts * 2, 50)).nearest(["a blue boat"], 3).tolist()
    [[1, 0, 2]]
    """

    def __init__(self, texts: Sequence[str], pieces: Pieces) -> None:
        self.pieces = pieces
        known = self._found(texts)
        self.weights = np.log((1 + len(texts)) / (1 + known.sum(axis=0))) + 1
        self.known = known * self.weights

    def nearest(self, texts: Sequence[str], count: int = 1) -> NDArray[np.int64]:
        """The numbers of so many known texts, the nearest first: (texts, count)."""
        found = [self._nearest(texts[start : start + 100], count) for start in range(0, len(texts), 100)]
        return np.concatenate(found) if found else np.empty((0, count), np.int64)

    def _nearest(self, texts: Sequence[str], count: int) -> NDArray[np.int64]:
        return np.argsort(-self.likeness(texts), axis=1, kind="stable")[:, :count]

    def likeness(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The index of each text and each known one, from 0 to 1: (texts, known)."""
        found = self._found(texts)
        both = found @ self.known.T
        either = (found @ self.weights)[:, None] + self.known.sum(axis=1) - both
        return both / np.maximum(either, 1e-12)

    def _found(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """1 where a piece is in a text, case aside: (texts, pieces)."""
        found = np.zeros((len(texts), len(self.pieces.vocabulary)))
        for row, text in zip(found, texts, strict=True):
            row[self.pieces.encode(text.lower())] = 1
        return found
