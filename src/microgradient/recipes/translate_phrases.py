"""What the phrases of texts mean, learnt from texts and their translations; and drafts made of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..data.pieces import Pieces

_MERGES, _LONGEST, _STEPS = 3000, 8, 5  # nearly all words that are met twice; pieces of a phrase; of the alignment
_DIAGONAL, _NOWHERE, _LEAST = 4.0, 0.1, 0.1  # how much places count, what stands for nothing, and what is no link
_SAME, _UNKNOWN = 0.5, 1.5  # counts for what is alike in both languages; the cost of what is not known, beside 1

Phrase = tuple[int, ...]


class PhraseTable:
    """Phrases, what they are in another language, and in which of the texts and translations that are known.

    Pieces are aligned by the first model of Brown et al., "The mathematics of statistical machine translation" (1993), in
    both directions, with a prior for like places: Dyer, Chahuneau and Smith (2013). Phrases are those of Och and Ney, "The
    alignment template approach" (2004): no piece of one is linked with a piece outside of the other.

    >>> known = [("a red car", "une voiture rouge"), ("a car", "une voiture"), ("the red boat", "le bateau rouge")]
    >>> PhraseTable([*known, ("the boat", "le bateau")]).draft("the car", np.ones(4))
    'le voiture'
    """

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.pieces = Pieces.learnt([text for pair in pairs for text in pair], _MERGES, special=["<unknown>"])
        self.ends = len(self.pieces.vocabulary), len(self.pieces.vocabulary) + 1
        texts = [self._codes(text) for text, _ in pairs]
        translations = [self._codes(translation) for _, translation in pairs]
        there, back = _alignment(texts, translations), _alignment(translations, texts)
        self.known: dict[Phrase, dict[Phrase, set[int]]] = defaultdict(lambda: defaultdict(set))
        for number, (text, translation) in enumerate(zip(texts, translations, strict=True)):
            shares = np.sqrt(there[number] * back[number].T)
            for start, end, low, high in _phrases(shares):
                self.known[tuple(text[start:end])][tuple(translation[low:high])].add(number)

    def draft(self, text: str, weights: NDArray[np.floating]) -> str:
        """A text in as few phrases as cover it, each as in the texts and translations of the greatest weight together.

        What no text of a weight above 0 has stays as it is.
        """
        codes = self._codes(text)
        costs = [0.0] + [np.inf] * len(codes)
        drafts: list[Phrase] = [()] * len(costs)  # the best for the first pieces
        for start in range(len(codes)):
            for end in range(start + 1, min(start + _LONGEST, len(codes)) + 1):
                cost, found = self._meaning(tuple(codes[start:end]), weights)
                if costs[start] + cost < costs[end]:
                    costs[end], drafts[end] = costs[start] + cost, drafts[start] + found
        return self.pieces.decode(code for code in drafts[-1] if code not in self.ends)

    def _meaning(self, phrase: Phrase, weights: NDArray[np.floating]) -> tuple[float, Phrase]:
        """What a phrase means, and what it costs: less than the same phrase in two parts."""
        sums = {found: float(weights[list(numbers)].sum()) for found, numbers in self.known.get(phrase, {}).items()}
        if not (total := sum(sums.values())):
            return (_UNKNOWN if len(phrase) == 1 else np.inf), phrase
        best = max(sums, key=lambda found: (sums[found], -len(found), found))
        return 1 - 0.3 * float(np.log(sums[best] / total)), best

    def _codes(self, text: str) -> list[int]:
        return [self.ends[0], *self.pieces.encode(text), self.ends[1]]


def _alignment(sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[NDArray[np.float64]]:
    """How likely each piece of a target stands for each of its source, by expectation and maximisation: (target, source)."""
    if not sources:
        return []
    size = 1 + max(max(map(max, sources)), max(map(max, targets)))
    priors = [_prior(len(target), len(source)) for source, target in zip(sources, targets, strict=True)]
    prior = np.concatenate([each.ravel() for each in priors])
    lengths = np.concatenate([np.full(len(each), each.shape[1]) for each in priors])
    place = np.repeat(np.arange(len(lengths)), lengths)  # the piece of a target
    both = np.concatenate([
        (np.array([size, *source]) * size + np.array(target)[:, None]).ravel()  # `size` stands for nothing
        for source, target in zip(sources, targets, strict=True)
    ])  # fmt: skip
    pairs, number = np.unique(both, return_inverse=True)
    same = pairs // size == pairs % size
    chance = np.where(same, 50.0, 1.0)
    for _ in range(_STEPS):
        shares = chance[number] * prior
        shares /= np.bincount(place, shares)[place]
        counts = np.bincount(number, shares) + _SAME * same + 1e-4
        chance = counts / np.bincount(pairs // size, counts)[pairs // size]
    cuts = np.cumsum([each.size for each in priors])[:-1]
    return [part.reshape(each.shape)[:, 1:] for part, each in zip(np.split(shares, cuts), priors, strict=True)]


def _prior(target: int, source: int) -> NDArray[np.float64]:
    """Nothing, and each place of a source, for each place of a target: more for those as far from the beginning."""
    apart = (np.arange(target)[:, None] + 0.5) / target - (np.arange(source) + 0.5) / source
    near = np.exp(-_DIAGONAL * np.abs(apart))
    near *= (1 - _NOWHERE) / near.sum(axis=1, keepdims=True)
    return np.concatenate([np.full((target, 1), _NOWHERE), near], axis=1)


def _phrases(shares: NDArray[np.float64]) -> Iterator[tuple[int, int, int, int]]:
    """From where to where phrases go in a text and in its translation, also with the pieces around it that stand for none."""
    best, linked = shares.argmax(axis=1), shares.max(axis=1) > _LEAST
    length, others = shares.shape
    for start in range(others):
        for end in range(start + 1, min(start + _LONGEST, others) + 1):
            inside = np.flatnonzero(linked & (best >= start) & (best < end))
            if not len(inside):
                continue
            low, high = int(inside[0]), int(inside[-1]) + 1
            if linked[low:high].sum() > len(inside) or high - low > 3 * (end - start + 1):
                continue
            yield start, end, low, high
            while low and not linked[low - 1]:
                low -= 1
            while high < length and not linked[high]:
                high += 1
            yield start, end, low, high
