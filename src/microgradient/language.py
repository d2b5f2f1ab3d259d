"""The language that sentences are shown in: English, in which all are written, or that of a catalogue.

A catalogue, `locale/zh_CN/messages.json`, has the sentences of the program by their English: what a program fills in is a
numbered hole in both, `"{0} has shape {1}."`. A finished sentence is translated where it is shown, by finding the entry that it
was made from. What filled its holes is looked up in `phrases.json`; in backticks it is code and stays. A sentence without an
entry stays English. `tools/messages.py` reads the sentences from the sources, and a test holds the catalogues against them.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from string import Formatter
from typing import NamedTuple

LANGUAGES = {"en": "English", "zh_CN": "简体中文"}
"""The languages by their names."""
_LONGEST = 2000  # characters of a text that is looked up
_BETWEEN = re.compile(r"(?<=[.?]) (?=[A-Z`])")  # two sentences
_chosen: ContextVar[str | None] = ContextVar("language", default=None)
_BETWEEN_CHINESE = re.compile(r"(?<=[一-鿿，。；：）]) (?=[一-鿿（])")  # a space
_SPACE = "\ue000"  # a space of a name, which stays also between Chinese characters
_VAGUE = 20  # characters: what says less and ends with a hole is part of a sentence
_VARIABLES = ("MICROGRADIENT_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


def language() -> str:
    """The language that is spoken: of the first of MICROGRADIENT_LANG, LC_ALL, LC_MESSAGES and LANG that is set, or `speaking`.

    >>> with speaking("zh_CN.UTF-8"):
    ...     language()
    'zh_CN'
    """
    return _chosen.get() or closest(next((found for name in _VARIABLES if (found := os.environ.get(name))), "en"))


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Another language, by the name of a locale, for a `with` block; "" changes nothing.

    >>> with speaking("zh"):
    ...     print(translate("the sign is flipped"))
    符号反了
    """
    before = _chosen.set(closest(name) if name else _chosen.get())
    try:
        yield
    finally:
        _chosen.reset(before)


def closest(name: str) -> str:
    """The language that is meant by a locale's name, `zh`, `zh-Hans` or `zh_CN.UTF-8`: English where there is no other.

    >>> closest("zh-Hans"), closest("en_GB.UTF-8"), closest("C"), closest("fr")
    ('zh_CN', 'en', 'en', 'en')
    """
    spoken = re.split(r"[_.@-]", name.strip().lower())[0]
    return next((known for known in LANGUAGES if known.split("_")[0] == spoken), "en")


def translate(text: str, *names: str) -> str:
    """A sentence in the language that is spoken. Of what fills its holes the `names` stay as they are, also where one is a word.

    >>> with speaking("zh_CN"):
    ...     translate("A file that nobody has translated."), translate("the sign is flipped")
    ...     translate("all of row", "row")
    ('A file that nobody has translated.', '符号反了')
    '即 row 的全部'
    """
    if (to := language()) == "en" or len(text) > _LONGEST:
        return text
    return _BETWEEN_CHINESE.sub("", _translated(text, to, names)).replace(_SPACE, " ")


def listed(parts: Iterable[str]) -> str:
    """Parts of a sentence, each translated, with commas between them.

    >>> with speaking("zh_CN"):
    ...     listed(["healthy", "the sign is flipped"])
    '健康，符号反了'
    """
    return translate(", ").join(map(translate, parts))


def of_page() -> dict[str, str]:
    """The sentences of the page (web/) in the language that is spoken, by their English; none in English."""
    return _kept(language(), "page")


def wide_characters() -> frozenset[str]:
    """What the catalogue of the language that is spoken needs of a font beyond letters and signs: its Chinese characters.

    >>> wide_characters()
    frozenset()
    """
    return _wide(language())


@cache
def _wide(to: str) -> frozenset[str]:
    said = "".join(text for name in ("messages", "phrases") for text in _kept(to, name).values())
    return frozenset(c for c in said if unicodedata.east_asian_width(c) in "WF")


class _Entry(NamedTuple):
    """A sentence with holes: how much it says, what it starts with, the pattern of what was made from it, which holes stay as
    they are (in backticks, or `{0!s}` in the translation), which lie within a sentence, the translation. `vague`: it says
    little and may end anyhow, so it is no whole sentence."""

    size: int
    start: str
    pattern: re.Pattern[str]
    verbatim: frozenset[int]
    within: frozenset[int]
    translation: str
    vague: bool


class _Match(NamedTuple):
    """The entry that a text was made from, and what fills its holes."""

    entry: _Entry
    holes: tuple[str, ...]

    def translation(self, to: str, names: Sequence[str]) -> str:
        """The translation with what filled the holes, also translated, but for what stays as it is and `names`."""
        verbatim = self.entry.verbatim
        filled = (
            hole.replace(" ", _SPACE) if k in verbatim or hole in names else _filling(hole, to)
            for k, hole in enumerate(self.holes)
        )
        return self.entry.translation.format(*filled)


@lru_cache(4096)
def _translated(text: str, to: str, names: tuple[str, ...] = ()) -> str:
    """A whole sentence, or several, one by one: by the entry that says most of it."""
    if text[:1].isspace():
        begins = len(text) - len(text.lstrip())
        return text[:begins] + _translated(text[begins:], to, names)
    if (found := _match(text, to)) is not None:
        return found.translation(to, names)
    first, *rest = _BETWEEN.split(text, maxsplit=1)
    begun = _match(first, to) if rest else None
    loose = _match(text, to, ("messages",), whole=False)
    if begun is not None and (loose is None or begun.entry.size >= loose.entry.size):
        others = _translated(rest[0], to, names)
        if loose is None or begun.entry.size > loose.entry.size or others != rest[0]:
            return begun.translation(to, names) + others
    return text if loose is None or loose.entry.size < _VAGUE else loose.translation(to, names)


def _filling(hole: str, to: str) -> str:
    """What fills a hole: a phrase, or a sentence. A word that is no phrase may be a name and stays."""
    text = hole.strip()
    alike = [_match(part, to) for part in text.split("; ")]
    if len(alike) > 1 and len({found and found.entry for found in alike}) == 1 and alike[0] is not None:
        translated = "；".join(found.translation(to, ()) for found in alike if found is not None)  # a list
    elif " " in text:
        translated = _translated(text, to)
    else:
        found = _match(text, to, ("phrases",))
        translated = text if found is None else found.translation(to, ())
    return hole if translated == text else translated


def _match(
    text: str, to: str, catalogues: tuple[str, ...] = ("messages", "phrases"), whole: bool = True
) -> _Match | None:
    """The entry of the catalogues that says most of a text. `whole`: no hole is filled by the end of a sentence and more."""
    best: _Match | None = None
    for name in catalogues:
        exact, entries = _catalogue(to, name)
        if text in exact:
            return _Match(exact[text], ())
        for entry in entries:
            if best is not None and entry.size <= best.entry.size:
                break
            if entry.vague and text.endswith("."):
                continue
            if text.startswith(entry.start) and (found := entry.pattern.fullmatch(text)):
                ends = {k for k, hole in enumerate(found.groups("")) if _BETWEEN.search(hole)}  # several sentences
                if ends & entry.within or (whole and ends):
                    continue
                best = _Match(entry, found.groups(""))
                break
    return best


@cache
def _kept(to: str, name: str) -> dict[str, str]:
    if to == "en":
        return {}
    path = Path(__file__).parent / "locale" / to / f"{name}.json"
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return kept


@cache
def _catalogue(to: str, name: str) -> tuple[dict[str, _Entry], list[_Entry]]:
    """The sentences without holes, and those with holes, of which the one that says most comes first."""
    exact, entries = {}, []
    for said, translated in _kept(to, name).items():
        english, translation = said.lstrip(), translated.lstrip()
        pieces = [(literal, hole) for literal, hole, *_ in Formatter().parse(english)]
        size = sum(len(literal) for literal, _ in pieces)
        vague = size < _VAGUE and pieces[-1][1] is not None
        entry = _Entry(
            size, pieces[0][0], pattern(english), _verbatim(english, translation), _within(pieces), translation, vague
        )
        if len(pieces) == 1 and "{" not in english.replace("{{", ""):
            exact[pieces[0][0]] = entry
        else:
            entries.append(entry)
    entries.sort(key=lambda entry: -entry.size)
    return exact, entries


def pattern(english: str) -> re.Pattern[str]:
    """What matches the sentences made from one with holes. A hole that comes again, `{0}`, is filled as at first."""
    said, seen = "", set()
    for literal, hole, *_ in Formatter().parse(english):
        said += re.escape(literal)
        if hole is not None:
            said += f"(?P=h{hole})" if hole in seen else f"(?P<h{hole}>.*?)"
            seen.add(hole)
    return re.compile(said, re.DOTALL)


def _within(pieces: Sequence[tuple[str, str | None]]) -> frozenset[int]:
    """The holes in the middle of a sentence, after a word and before more of it or its full stop: no sentence ends in them."""
    found = set()
    for k, (literal, hole) in enumerate(pieces[:-1]):
        if hole is not None and re.search(r"[a-z] $", literal) and pieces[k + 1][0]:
            found.add(int(hole))
    return frozenset(found)


def _verbatim(english: str, translation: str) -> frozenset[int]:
    """The holes that stand in backticks, and those that the translation takes as they are, `{0!s}`: paths and other names."""
    found, open_ = {int(hole) for _, hole, _, kept in Formatter().parse(translation) if hole and kept == "s"}, False
    for literal, hole, *_ in Formatter().parse(english):
        open_ ^= literal.count("`") % 2 == 1
        if hole is not None and open_:
            found.add(int(hole))
    return frozenset(found)
