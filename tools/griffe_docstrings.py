"""An extension of griffe: docstrings as they are written here, as Markdown.

An example (`>>> …` up to an empty line) becomes a block of code; a name in backticks that the reference knows becomes a link.
"""

from __future__ import annotations

import re
from typing import Any

import griffe


class Docstrings(griffe.Extension):
    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.is_attribute and "property" not in obj.labels:
            obj.docstring = None  # what inspection finds there is the docstring of its type
        elif obj.docstring:
            obj.docstring.value = markdown(obj.docstring.value)


def markdown(text: str) -> str:
    """A docstring's text with its examples fenced."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith(">>> ") and not inside:
            lines += ["", "```pycon"]
            inside = True
        elif inside and not line.strip():
            lines.append("```")
            inside = False
        lines.append(line if inside else re.sub(r"(:\w+:)?(`+)~?([^`]+)\2", r"`\3`", line))
    return "\n".join(lines + ["```"] * inside)
