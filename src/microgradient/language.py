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
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from importlib.resources import files
from string import Formatter
from typing import NamedTuple

LANGUAGES = {"en": "English", "zh_CN": "简体中文"}
"""The languages by their names."""
_BETWEEN = re.compile(r"(?<=[.?]) (?=[A-Z`])")  # two sentences
_chosen: ContextVar[str | None] = ContextVar("language", default=None)
_VARIABLES = ("MICROGRADIENT_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


def language() -> str:
    """The language that is spoken: of the first of MICROGRADIENT_LANG, LC_ALL, LC_MESSAGES and LANG that is set, or `speaking`.

    >>> os.environ["MICROGRADIENT_LANG"] = "zh_CN.UTF-8"
    >>> language()
    'zh_CN'
    >>> os.environ["MICROGRADIENT_LANG"] = "en"
    >>> language()
    'en'
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
    spoken = re.split(r"[_.@-]", name.lower())[0]
    return next((known for known in LANGUAGES if known.split("_")[0] == spoken), "en")


def translate(text: str) -> str:
    """A sentence in the language that is spoken.

    >>> with speaking("zh_CN"):
    ...     translate("A file that nobody has translated."), translate("the sign is flipped")
    ('A file that nobody has translated.', '符号反了')
    """
    return text if (to := language()) == "en" else _translated(text, to)


def of_page() -> dict[str, str]:
    """The sentences of the page (web/) in the language that is spoken, by their English; none in English."""
    return _kept(language(), "page")


class _Entry(NamedTuple):
    """A sentence with holes: what it starts with, the pattern of what was made from it, which holes are code, the translation."""

    start: str
    pattern: re.Pattern[str]
    code: frozenset[int]
    translation: str


@lru_cache(4096)
def _translated(text: str, to: str) -> str:
    """A whole sentence: those of `messages.json` count before those that may also be part of another. Or several, one by one."""
    if text[:1].isspace():
        begins = len(text) - len(text.lstrip())
        return text[:begins] + _translated(text[begins:], to)
    found = _found(text, to, "messages") or _found(text, to, "phrases")
    if found is not None:
        return found
    first, *rest = _BETWEEN.split(text, maxsplit=1)
    if rest and (begun := _translated(first, to)) != first:
        return begun + _translated(rest[0], to)
    return _found(text, to, "messages", whole=False) or text


def _filling(hole: str, to: str) -> str:
    """What fills a hole: a phrase, or a sentence. A word that is no phrase may be a name and stays."""
    return _found(hole, to, "phrases") or (_translated(hole, to) if " " in hole else hole)


def _found(text: str, to: str, name: str, whole: bool = True) -> str | None:
    """The translation by a catalogue. `whole`: no hole is filled by the end of a sentence and another one."""
    exact, entries = _catalogue(to, name)
    if text in exact:
        return exact[text]
    for entry in entries:
        if text.startswith(entry.start) and (found := entry.pattern.fullmatch(text)):
            if whole and any(map(_BETWEEN.search, found.groups(""))):
                continue
            holes = enumerate(found.groups(""))
            return entry.translation.format(*(hole if k in entry.code else _filling(hole, to) for k, hole in holes))
    return None


@cache
def _kept(to: str, name: str) -> dict[str, str]:
    if to == "en":
        return {}
    path = files(__package__).joinpath("locale", to, f"{name}.json")
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return kept


@cache
def _catalogue(to: str, name: str) -> tuple[dict[str, str], list[_Entry]]:
    """The sentences without holes, and those with holes, of which the one that says most comes first."""
    exact, entries = {}, []
    for said, translated in _kept(to, name).items():
        english, translation = said.lstrip(), translated.lstrip()
        pieces = [literal for literal, *_ in Formatter().parse(english)]
        if len(pieces) == 1 and "{" not in english.replace("{{", ""):
            exact[pieces[0]] = translation.format()
        else:
            entries.append((sum(map(len, pieces)), _Entry(pieces[0], pattern(english), _code(english), translation)))
    entries.sort(key=lambda item: -item[0])
    return exact, [entry for _, entry in entries]


def pattern(english: str) -> re.Pattern[str]:
    """What matches the sentences made from one with holes. A hole that comes again, `{0}`, is filled as at first."""
    said, seen = "", set()
    for literal, hole, *_ in Formatter().parse(english):
        said += re.escape(literal)
        if hole is not None:
            said += f"(?P=h{hole})" if hole in seen else f"(?P<h{hole}>.*?)"
            seen.add(hole)
    return re.compile(said, re.DOTALL)


def _code(english: str) -> frozenset[int]:
    """The holes that stand in backticks."""
    found, open_ = set(), False
    for literal, hole, *_ in Formatter().parse(english):
        open_ ^= literal.count("`") % 2 == 1
        if hole is not None and open_:
            found.add(int(hole))
    return frozenset(found)
