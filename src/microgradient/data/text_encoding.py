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
_COMMON_CHINESE = 0.7


def decode(content: bytes, path: Path, encoding: str | None = None) -> tuple[str, str]:
    """The text, and a note on how it was read ("" for UTF-8).

    With `encoding` it is read as that. Otherwise, whichever comes first: UTF-16 if it begins with that byte-order mark;
    UTF-8 if it is (with a mark or without); GB18030, which includes GBK and GB2312, if it is and at least 70 % of what is
    not ASCII are among the 3,755 common characters; Windows-1252. Raises `DataError` (MG180) for what is not text.

    >>> decode("是否购买".encode("gbk"), Path("t.csv"))[0], decode("Köln".encode("latin-1"), Path("t.csv"))[0]
    ('是否购买', 'Köln')
    """
    if encoding is not None:
        return _decode_as(content, path, encoding), f"read as {encoding}, as asked"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return content.decode("utf-16"), "read as UTF-16, by its byte-order mark"
        except UnicodeDecodeError as error:
            raise DataError("MG180", f"{path} begins as UTF-16 text but is not: {error.reason}.") from error
    # Text holds tabs and line ends, and no other control characters.
    if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", content[:1_000_000]):
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
    try:
        codec = codecs.lookup(encoding)
        text, _ = codec.decode(content)
    except (LookupError, TypeError) as error:
        close = difflib.get_close_matches(encoding.lower(), encodings.aliases.aliases, 1)
        hint = f"did you mean {close[0]}?" if close else "choose utf-8, gb18030, cp1252, shift_jis, …"
        raise DataError("MG180", f"There is no encoding {encoding!r}: {hint}") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError("MG180", f"{path} is not {encoding}: line {line}, byte 0x{content[error.start]:02x}. "
                                 "Leave --encoding out to have it recognised.") from error  # fmt: skip
    return str(text).removeprefix("\ufeff")
