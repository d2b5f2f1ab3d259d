"""The translations of Django's messages: the same messages in many languages."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

from .installed import installed_path

LANGUAGES = re.findall(
    r"\w+",
    "af ar az be bg ca ckb cs da de dsb el en eo es et eu fa fi fr ga gd gl he hsb hu id it ja ko ky lt lv mn ms nb nl "
    "nn pl pt ro ru sk sq sr sv tr ug uk zh_Hans",
)
"""The fifty languages, regional forms aside, that have the most messages."""

_END = re.compile(r"(?<=[.!?])\s+(?=[^\W\da-z]|[“\"¿¡%])|(?<=[。！？])\s*(?=\S)|\n\s*\n")  # of a sentence
_FIELD = re.compile(r"%\([^)]*\)[a-z]|%[a-z]|\{[^}]*\}|</?\w[^>]*>")
_FIELD_CODES = 0xE000  # private characters, one for each placeholder of a message
_MARKUP = re.compile(r"%\([^)]*\)[a-z]|%[a-z]|\{[^}]*\}|<[^>]*>|&\w+;|https?://\S+")


def load_catalogue(language: str) -> dict[str, str]:
    """Django's English messages and what they are in `language`, by its code; of plural forms the first.

    Django's translators, in its package, under the BSD licence. English is each message itself, French's.

    >>> load_catalogue("fr")["Enter a whole number."]
    'Saisissez un nombre entier.'
    """
    if language == "en":
        return {message: message for message in load_catalogue("fr")}
    found: dict[str, str] = {}
    for path in _files(installed_path("django"), language):
        for messages, texts in _entries(path):
            found.setdefault(messages[0], texts[0])
    return found


def load_sentences(language: str, longest: int) -> dict[str, list[tuple[str, str]]]:
    """All that Django's catalogues have of each message: its meanings in different places, its plural, and of messages of more
    than `longest` characters the sentences, as far as the translation has as many.

    >>> load_sentences("fr", 80)["%(num)d hour"]
    [('%(num)d hour', '%(num)d heure'), ('%(num)d hours', '%(num)d heures')]
    """
    found: dict[str, dict[tuple[str, str], None]] = {}
    root = installed_path("django")
    for path in [*_files(root, language), *_files(root, language, "djangojs")]:
        for messages, texts in _entries(path):
            forms = [(messages[0], texts[0]), (messages[-1], texts[-1])]
            pairs = [pair for form in forms for pair in (_sentences(*form) if len(form[0]) > longest else [form])]
            found.setdefault(messages[0], {}).update(dict.fromkeys(pairs))
    return {message: list(pairs) for message, pairs in found.items()}


def _sentences(message: str, text: str) -> list[tuple[str, str]]:
    first, second = ([part for part in _END.split(each.strip()) if part] for each in (message, text))
    return list(zip(first, second, strict=True)) if len(first) == len(second) else [(message, text)]


def _files(root: Path, language: str, domain: str = "django") -> list[Path]:
    """The catalogue of Django itself, and those of the applications that come with it."""
    folders = [root / "conf", *sorted((root / "contrib").iterdir())]
    files = [folder / "locale" / language / "LC_MESSAGES" / f"{domain}.mo" for folder in folders]
    return [file for file in files if file.is_file()]


def _entries(path: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Each message that is translated, with its plural if it has one, and what they are, from a file of GNU gettext's."""
    content = path.read_bytes()
    count, *tables = struct.unpack_from("<3I", content, 8)
    for number in range(count):
        places = [struct.unpack_from("<2I", content, table + 8 * number) for table in tables]
        message, text = (content[start : start + length].decode() for length, start in places)
        message = message.split("\x04")[-1]  # what stands before it says where it is used
        if message and text.split("\0")[0]:
            yield message.split("\0"), text.split("\0")


def without_markup(text: str) -> str:
    """A message without placeholders, tags and addresses, its spaces single.

    >>> without_markup("Please enter <b>%(count)d</b> values.")
    'Please enter values.'
    """
    return " ".join(_MARKUP.sub(" ", text).split())


def fields(message: str) -> list[str]:
    """The different placeholders and tags of a message.

    >>> fields("%(name)s and %(name)s of <b>{user}</b>")
    ['%(name)s', '<b>', '{user}', '</b>']
    """
    return list(dict.fromkeys(_FIELD.findall(message)))


def without_fields(text: str, fields: list[str]) -> str:
    """A text with a private character for each placeholder that is one of `fields`: what messages that differ in the names of
    their placeholders have in common.

    >>> [hex(ord(character)) for character in without_fields("%s{n}", ["{n}", "%s"])]
    ['0xe001', '0xe000']
    """
    return _FIELD.sub(
        lambda found: chr(_FIELD_CODES + fields.index(found[0])) if found[0] in fields else found[0], text
    )


def with_fields(text: str, fields: list[str]) -> str:
    """The placeholders in their places again; those that there are none for are left out.

    >>> with_fields(without_fields("%s of {n}", ["%s", "{n}"]), ["%d", "{m}"])
    '%d of {m}'
    """
    named = dict(enumerate(fields, _FIELD_CODES))
    return "".join(named.get(ord(c), "") if _FIELD_CODES <= ord(c) < 0xE100 else c for c in text)
