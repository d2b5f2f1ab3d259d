"""Text from files, which may be anyone's, as a terminal shows it and does not obey it."""

from __future__ import annotations

import unicodedata


def printable(text: str) -> str:
    r"""`text` with control characters, line ends and marks that turn the direction of writing as escapes.

    >>> print(printable("five × 5\x1b[2J\nresult 100 %"))
    five × 5\x1b[2J\nresult 100 %
    """
    return "".join(
        c if c.isprintable() or unicodedata.category(c) == "Zs" else c.encode("unicode_escape").decode() for c in text
    )
