"""The built page: what `make page` writes into static/."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

CONTENT_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}
_ASSETS = ("index.html", "page.css", "page.js")


@cache
def asset(name: str) -> bytes | None:
    """A file of the page; None if it has no such file."""
    return files(__package__).joinpath("static", name).read_bytes() if name in _ASSETS else None
