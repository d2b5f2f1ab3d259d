"""Pieces of words, learnt from texts: what a model reads and writes where whole words are too rare and characters too many."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

CAPITAL = "⇧"  # stands before a word whose first letter alone is a capital one
_WORDS = re.compile(rf"{CAPITAL}| ?[^\W\d_]+| ?[^\w\s]|\d|\s|_")
_LETTERS = re.compile(r"( ?)([^\W\d_])([^\W\d_]*)")
_CAPITALISED = re.compile(rf"{CAPITAL}( ?)(\w?)")

Merge = tuple[str, str]


class Pieces:
    """Texts as the numbers of pieces, and back, by byte-pair encoding: Sennrich, Haddow and Birch, "Neural machine translation
    of rare words with subword units" (2016).

    A word is spelt in characters, and neighbours are joined by `merges` in their order. Pieces stay within words and keep the
    space before them; digits and marks are pieces by themselves, and so is the capital letter that a word begins with.
    `special` pieces come first; characters that are not known become the piece number `unknown`.

    >>> pieces = Pieces.learnt(["Low lower lowest", "new newer newest"], merges=8)
    >>> codes = pieces.encode("Newest low")
    >>> [pieces.vocabulary[code] for code in codes]
    ['⇧', ' ne', 'west', ' lo', 'w']
    >>> pieces.decode(codes)
    'Newest low'
    """

    def __init__(
        self, characters: Sequence[str], merges: Iterable[Sequence[str]], special: Sequence[str] = (), unknown: int = 0
    ) -> None:
        self.characters, self.merges = list(characters), [(a, b) for a, b in merges]
        self.special, self.unknown = list(special), unknown
        joined = (a + b for a, b in self.merges)
        self.vocabulary = list(dict.fromkeys([*self.special, *self.characters, *joined]))
        self.code = {piece: code for code, piece in enumerate(self.vocabulary)}
        self._rank = {pair: rank for rank, pair in enumerate(self.merges)}
        self._known: dict[str, list[int]] = {}  # words met before

    @classmethod
    def learnt(cls, texts: Iterable[str], merges: int, special: Sequence[str] = (), unknown: int = 0) -> Pieces:
        """The characters of the texts, and at most so many merges, each of the pair that is met most, at least twice."""
        words = Counter(word for text in texts for word in _words(text))
        characters = sorted({character for word in words for character in word})
        return cls(characters, _learnt_merges(words, merges), special, unknown)

    def as_dict(self) -> dict[str, Any]:
        """What JSON can hold of it, special pieces aside."""
        return {"characters": self.characters, "merges": self.merges}

    def encode(self, text: str) -> list[int]:
        """The pieces of a text."""
        return [code for word in _words(text) for code in self._encoded(word)]

    def decode(self, codes: Iterable[int]) -> str:
        """The text of these pieces, without the special ones."""
        text = "".join(self.vocabulary[code] for code in codes if code >= len(self.special))
        return _CAPITALISED.sub(lambda found: found[1] + found[2].upper(), text).removeprefix(" ")

    def _encoded(self, word: str) -> list[int]:
        if word not in self._known:
            parts = list(word)
            while known := [pair for pair in pairwise(parts) if pair in self._rank]:
                parts = _joined(parts, min(known, key=self._rank.__getitem__))
            self._known[word] = [self.code.get(part, self.unknown) for part in parts]
        return self._known[word]


def _words(text: str) -> list[str]:
    """Words with the space before them, marks and digits: all of the text, behind a space."""

    def small(found: re.Match[str]) -> str:
        space, first, rest = found.groups()
        if first.isupper() and rest == rest.lower() and first.lower().upper() == first:
            return f"{CAPITAL}{space}{first.lower()}{rest}"
        return found[0]

    return _WORDS.findall(_LETTERS.sub(small, " " + text.replace(CAPITAL, "")))


def _learnt_merges(words: Counter[str], merges: int) -> list[Merge]:
    """The most frequent pair of neighbours, joined everywhere; and again."""
    spelt = {word: list(word) for word in words}
    counts, places = Counter[Merge](), defaultdict[Merge, set[str]](set)
    for word, parts in spelt.items():
        _count(parts, words[word], counts)
        for pair in pairwise(parts):
            places[pair].add(word)
    found: list[Merge] = []
    while len(found) < merges and counts:
        best = max(counts, key=lambda pair: (counts[pair], pair))
        if counts[best] < 2:
            break
        found.append(best)
        for word in places.pop(best):
            _count(spelt[word], -words[word], counts)
            spelt[word] = _joined(spelt[word], best)
            _count(spelt[word], words[word], counts)
            for pair in pairwise(spelt[word]):
                places[pair].add(word)
        counts = +counts
    return found


def _count(parts: Sequence[str], times: int, counts: Counter[Merge]) -> None:
    for pair in pairwise(parts):
        counts[pair] += times


def _joined(parts: Sequence[str], pair: Merge) -> list[str]:
    """The parts with each occurrence of the pair made one."""
    joined: list[str] = []
    for part in parts:
        if joined and (joined[-1], part) == pair:
            joined[-1] += part
        else:
            joined.append(part)
    return joined
