"""How explanations look: numbers, aligned columns, colour on a terminal (by rich)."""

from __future__ import annotations

import math
import re
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..language import translate

Line = list[tuple[str, str]]  # pieces of text, each with a style of rich ("" for none)


def plain(lines: Sequence[Line]) -> str:
    """The lines as text without colour."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def shown(lines: Sequence[Line]) -> str:
    """The lines for where they are going: coloured if the standard output is a terminal (and NO_COLOR is unset)."""
    if not sys.stdout.isatty():
        return plain(lines)
    from rich.console import Console

    console = Console(highlight=False)
    with console.capture() as capture:
        console.print(rich_text(lines), soft_wrap=True)
    return capture.get().rstrip("\n")


def rich_text(lines: Sequence[Line]) -> Any:
    """The lines as a `rich.text.Text`."""
    from rich.text import Text

    return Text("\n").join(Text.assemble(*line) for line in lines)


class Shown:
    """An explanation that is told in lines, those of `_lines`: as text, coloured on a terminal, as HTML in a notebook."""

    def _lines(self) -> list[Line]:
        raise NotImplementedError

    def text(self) -> str:
        """The explanation as text without colour."""
        return plain(self._lines())

    def __repr__(self) -> str:
        return shown(self._lines())

    def __rich__(self) -> Any:
        return rich_text(self._lines())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from .display import of

        return of(self)


def number(x: Any, sign: bool = False) -> str:
    """A number in at most six digits, recognisable as a float; with `sign` also a plus.

    >>> number(2), number(1 / 3, sign=True), number(1.5e-9)
    ('2.0', '+0.333333', '1.5e-09')
    """
    text = f"{float(x):{'+' if sign else ''}.6g}"
    return text if re.search(r"[.eni]", text) else text + ".0"


def short(value: Any) -> str:
    """A number or an array in a few characters: small arrays whole, others by shape, mean and norm.

    >>> short(np.array([1.0, 2.0])), short(np.ones((8, 2)))
    ('[1.0, 2.0]', '(8, 2) mean 1.0 norm 4.0')
    """
    if isinstance(value, tuple):
        return ", ".join("0.0" if part is None else short(part) for part in value)
    array = np.asarray(value)
    if array.ndim == 0:
        return number(array)
    if array.ndim == 1 and array.size <= 4:
        return f"[{', '.join(map(number, array))}]"
    if not array.size:
        return translate(f"({_lengths(array)}) empty")
    wide = array.astype(np.float64)
    return translate(f"({_lengths(array)}) mean {number(np.mean(wide))} norm {number(norm(wide))}")


def brief(x: Any) -> str:
    """A number, or the shape and the norm of an array; "?" for what is not known.

    >>> brief(2), brief(np.ones((8, 2))), brief(None)
    ('2.0', '(8, 2) norm 4.0', '?')
    """
    if x is None or isinstance(x, tuple):
        return "?" if x is None else ", ".join("0.0" if part is None else brief(part) for part in x)
    if not np.size(x) or np.ndim(x) == 0 or (np.ndim(x) == 1 and np.size(x) <= 4):
        return short(x)
    return translate(f"({_lengths(x)}) norm {number(norm(x))}")


def largest(array: Any, count: int = 4) -> str:
    """The range of an array and its largest entries with their places; of a few, what the others add up to.

    >>> largest(np.array([0.5, -2.0, 0.0, 1.0, 0.25, 0.125]))
    '[1] -2.0, [3] +1.0, [0] +0.5, [4] +0.25, 2 more +0.125; from -2.0 to 1.0'
    """
    flat = np.asarray(array, np.float64).ravel()
    order = np.argsort(-np.nan_to_num(np.abs(flat), nan=np.inf), kind="stable")
    parts = [
        f"[{', '.join(map(str, np.unravel_index(k, np.shape(array))))}] {number(flat[k], sign=True)}"
        for k in order[:count]
    ]
    if len(order) > count:
        left = number(flat[order[count:]].sum(), sign=True)
        parts.append(translate(f"{len(order) - count:,} more {left}"))
    return ", ".join(parts) + translate(f"; from {number(flat.min())} to {number(flat.max())}")


def _lengths(array: Any) -> str:
    return f"{', '.join(map(str, np.shape(array)))}{',' if np.ndim(array) == 1 else ''}"


def norm(value: Any) -> float:
    """The Euclidean norm of all entries; of a tuple of arrays, over all of them."""
    if isinstance(value, tuple):
        return math.hypot(*(norm(part) for part in value if part is not None))
    if isinstance(value, float):
        return abs(value)
    flat = np.asarray(value, np.float64).ravel()
    with np.errstate(all="ignore"):
        squares = float(flat @ flat)
    if 1e-290 < squares < math.inf:
        return math.sqrt(squares)
    most = float(np.max(np.abs(flat), initial=0.0))  # the squares may have no room in a float
    return most * math.sqrt(float((flat / most) @ (flat / most))) if 0 < most < math.inf else most


def mark(contribution: Any) -> str:
    """▲ for what raises the gradient, ▼ for what lowers it; none for arrays, which do both."""
    if isinstance(contribution, tuple) or np.ndim(contribution):
        return ""
    return "▲" if contribution > 0 else "▼" if contribution < 0 else "·"


def sign_style(sign: str) -> str:
    """The style of a mark."""
    return {"▲": "green", "▼": "red"}.get(sign, "dim")


def subject(english: str) -> tuple[str, str]:
    """What a line is about, in the first column."""
    told = translate(english)
    return "  " + told + " " * max(1, 8 - width(told)), "dim"


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[list[str]]:
    """The cells padded so that they align; the columns numbered in `right` to the right."""
    widths = [max(width(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return [[_padded(cell, w, i in right) for i, (cell, w) in enumerate(zip(row, widths, strict=True))] for row in rows]


def _padded(cell: str, w: int, right: bool) -> str:
    space = " " * (w - width(cell))
    return space + cell if right else cell + space


def width(text: str) -> int:
    """How many columns of a terminal `text` takes: two for a Chinese character, none for a combining mark.

    >>> width("loss"), width("损失"), width("e\u0301")
    (4, 4, 1)
    """
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def cropped(line: Line, columns: int) -> Line:
    """A line with at most that many columns of a terminal; … for what is cut off.

    >>> cropped([("损失 = ", ""), ("1.25", "bold")], 8)
    [('损失 = ', ''), ('…', 'bold')]
    """
    if sum(width(text) for text, _ in line) <= columns:
        return line
    found: Line = []
    room = columns - 1
    for text, style in line:
        if width(text) > room:
            kept = next((k for k in range(len(text)) if width(text[: k + 1]) > room), len(text))
            return [*found, (text[:kept] + "…" * (columns > 0), style)]
        found.append((text, style))
        room -= width(text)
    return found


def base(name: str) -> str:
    """A name short enough for a fraction: without its index; of a path the last part, w and b for weights and biases.

    >>> base("model.0.weight[3, 17]"), base("net.bias_hh_l0"), base("hidden"), base("v3[0]"), base("net.layers[0].w[1]")
    ('w', 'b', 'hidden', 'v3', 'w')
    """
    name = re.sub(r"(\[[^\[\]]*\])+$", "", name)
    path, _, last = name.rpartition(".")
    if not path or last[0].isdigit():
        return name
    return "w" if "weight" in last else "b" if "bias" in last else last
