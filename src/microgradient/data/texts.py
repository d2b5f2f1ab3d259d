"""Texts as the command line names them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ..errors import DataError
from .datasets import load_text

_FILE_NAME = re.compile(r"(\.{0,2}|~)/\S+|\S+\.(txt|text|md|rst|csv|tsv)", re.IGNORECASE)


def read_texts(names: Sequence[str], by_line: bool = False) -> list[str]:
    """Each word as a text, or, where a file of this name is there, its content, or each line of it.

    Raises `DataError` (MG180) for a file that is empty or not UTF-8 text, and for a word that can only be the name of a file,
    such as `new/notes.txt`, where there is none.

    >>> read_texts(["To be", ""])
    ['To be', '']
    """
    texts: list[str] = []
    for name in names:
        if name and len(name) < 256 and Path(name).is_file():
            content = load_text(name)
            texts += content.splitlines() if by_line else [content]
        elif _FILE_NAME.fullmatch(name):
            raise DataError("MG180", f"There is no file {name}.")
        else:
            texts.append(name)
    return texts


def normalized(text: str) -> str:
    """A text but for case, the width of its spaces and the marks at its ends. Two that differ in nothing else may not be in two
    parts of a split.

    >>> normalized(" Log  out:") == normalized("log out")
    True
    """
    return " ".join(text.lower().split()).strip(" .,:;…!?。：！？")


def unknown_characters(texts: Iterable[str], known: Callable[[str], bool], done: str) -> list[str]:
    """A note that names the characters of texts that are not known and says what was done with them; no note if all are.

    >>> unknown_characters(["Zoë", "Anna"], str.isascii, "left out")
    ["left out, as nothing that was learnt from has them: 'ë'"]
    """
    found = sorted({character for text in texts for character in text if not known(character)})
    some = ", ".join(map(repr, found[:10])) + (", …" if len(found) > 10 else "")
    return [f"{done}, as nothing that was learnt from has them: {some}"] if found else []
