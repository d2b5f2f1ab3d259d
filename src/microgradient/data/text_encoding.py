"""From the bytes of a text file to its text: which encoding they are in, by a rule that is said."""

from __future__ import annotations

import codecs
import difflib
import encodings.aliases
import re
from pathlib import Path

from ..errors import DataError

_BINARY = {
    b"PK\x03\x04": "a spreadsheet or another zip archive", b"\xd0\xcf\x11\xe0": "a spreadsheet of the old kind (.xls)",
    b"\x1f\x8b": "compressed by gzip", b"PAR1": "a Parquet file", b"\x89PNG": "a picture",
}  # fmt: skip
_MARKS = {  # a mark of UTF-32 begins as one of UTF-16
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE), "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # text holds tabs and line ends, and no others
_COMMON_CHINESE = 0.7


def decode(content: bytes, path: Path, encoding: str | None = None) -> tuple[str, str]:
    """The text, and a note on how it was read ("" for UTF-8).

    With `encoding` it is read as that. Otherwise, whichever comes first: UTF-32 or UTF-16 if it begins with that byte-order
    mark, or has zero bytes and is text with lines when it is read so; UTF-8 if it is (with a mark or without); GB18030,
    which includes GBK and GB2312, if it is and at least 70 % of what is not ASCII are among the 3,755 common characters;
    Windows-1252. Ctrl-Z at the end, which ends a file in DOS, is left out.
    Raises `DataError` (MG180) for what is not text, and for an encoding that there is not.

    >>> decode("是否购买".encode("gbk"), Path("t.csv"))[0], decode("Köln".encode("latin-1"), Path("t.csv"))[0]
    ('是否购买', 'Köln')
    """
    if encoding is not None:
        text, note = _decode_as(content, path, encoding), f"read as {encoding}, as asked"
    else:
        text, note = as_marked(content, path) or _as_wide(content) or _as_bytes(content.rstrip(b"\x1a"), path)
    return text.rstrip("\x1a"), note


def as_marked(content: bytes, path: Path) -> tuple[str, str] | None:
    """The text if it begins with the byte-order mark of UTF-32 or UTF-16."""
    for name, marks in _MARKS.items():
        if content.startswith(marks):
            try:
                return content.decode(name), f"read as {name.upper()}, by its byte-order mark"
            except UnicodeDecodeError as error:
                raise DataError("MG180", f"{path} begins as {name.upper()} text but is not: {error.reason}.") from error
    return None


def _as_wide(content: bytes) -> tuple[str, str] | None:
    """The text if it is UTF-32 or UTF-16 without a byte-order mark, in the order of bytes that has more of ASCII."""
    if b"\0" not in content[:1_000_000]:
        return None
    found = {}
    for name in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"):
        try:
            text = content.decode(name).rstrip("\x1a")
        except UnicodeDecodeError:
            continue
        if re.search("[\n\r]", text) and not _CONTROL.search(text[:1_000_000]):
            found[name] = text
    if not found:
        return None
    name = max(found, key=lambda name: sum(map(str.isascii, found[name][:200_000])))
    return found[name], f"zero bytes and no byte-order mark: read as {name.upper()} (if that is wrong, say --encoding)"


def _as_bytes(content: bytes, path: Path) -> tuple[str, str]:
    """The text of UTF-8, GB18030 or Windows-1252."""
    if _CONTROL.search(content[:1_000_000].decode("latin-1")):
        kind = next(
            (kind for start, kind in _BINARY.items() if content.startswith(start)), "something with control bytes"
        )
        raise DataError(
            "MG180", f"{path} is not text but {kind}. Save the table as CSV where it was made, and name that file."
        )
    try:
        return content.decode("utf-8-sig"), ""
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        why = f"not UTF-8 (byte 0x{content[error.start]:02x} in line {line})"
    if (text := _as_chinese(content)) is not None:
        return text, f"{why}: read as GB18030 (if that is wrong, say --encoding)"
    return content.decode("cp1252", errors="replace"), f"{why}: read as Windows-1252 (if that is wrong, say --encoding)"


def _as_chinese(content: bytes) -> str | None:
    """The text if the bytes are GB18030 and mostly common characters, which GB2312 has in its rows 16 to 55."""
    try:
        text = content.decode("gb18030")
    except UnicodeDecodeError:
        return None
    foreign = [character for character in text[:200_000] if not character.isascii()]
    codes = "".join(foreign).encode("gb18030")
    pairs = len(re.findall(rb"[\xb0-\xd7][\xa1-\xfe]|[\xa1\xa3][\xa1-\xfe]", codes))
    return text if pairs >= _COMMON_CHINESE * len(foreign) else None


def _decode_as(content: bytes, path: Path, encoding: str) -> str:
    if (codec := _text_codec(encoding)) is None:
        known = [name for name in encodings.aliases.aliases if _text_codec(name)]
        close = difflib.get_close_matches(encoding.lower(), known, 1)
        hint = f"did you mean {close[0]}?" if close else "choose utf-8, gb18030, cp1252, shift_jis, …"
        raise DataError("MG180", f"There is no encoding of text {encoding!r}: {hint}")
    try:
        text, _ = codec.decode(content)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        where = f"line {line}, byte 0x{error.object[error.start]:02x}" if error.object == content else error.reason
        raise DataError(
            "MG180", f"{path} is not {encoding}: {where}. Leave --encoding out to have it recognised."
        ) from error
    except ValueError as error:  # those of `punycode`, `idna` and `undefined` have no place
        raise DataError(
            "MG180", f"{path} is not {encoding}: {error}. Leave --encoding out to have it recognised."
        ) from error
    return str(text).removeprefix("\ufeff")


def _text_codec(encoding: str) -> codecs.CodecInfo | None:
    """The codec of this name, if it is one between bytes and text, as `rot13` and `hex` are not."""
    try:
        codec = codecs.lookup(encoding)
    except (LookupError, ValueError):
        return None
    return codec if getattr(codec, "_is_text_encoding", True) else None
