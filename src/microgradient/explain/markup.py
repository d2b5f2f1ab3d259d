"""The parts that HTML in a notebook is made of: elements, tables, numbers with the colour of their sign."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..language import translate
from .notation import latex_number
from .render import brief as brief_text
from .render import norm, short
from .render import number as number_text

ORANGE, VIOLET = (217, 95, 2), (117, 80, 200)
DIM = "opacity:.75"
CELL = "padding:1px 8px;border:0;text-align:left;vertical-align:top;white-space:nowrap"
TABLE = "border-collapse:collapse;border:0;margin:4px 0;width:auto;color:inherit"
_FONT = "font-family:ui-monospace,Menlo,Consolas,'Noto Sans Mono','Noto Sans CJK SC',monospace;font-size:13px;line-height:1.5"
_NAME = 160  # characters of a name or formula
Bundle = dict[str, str]


class Html(str):
    """Finished HTML; what is no Html is text, whatever it begins with."""

    __slots__ = ()


def bundle(text: str, lines: Sequence[str], latex: str = "") -> Bundle:
    style = f"{_FONT};color:inherit;max-width:100%;overflow-x:auto"
    found = {"text/plain": text, "text/html": element("div", "".join(lines), style)}
    return found | ({"text/latex": f"$\\displaystyle {latex}$"} if latex else {})


def element(tag: str, content: str, style: str = "", **attributes: str) -> Html:
    told = "".join(f' {key}="{text(value)}"' for key, value in attributes.items())
    return Html(f"<{tag}{told}{f' style={_quoted(style)}' if style else ''}>{content}</{tag}>")


def _quoted(style: str) -> str:
    return '"' + style.replace('"', "'") + '"'


def text(content: str) -> str:
    """Text as HTML; very long text without its middle."""
    if len(content) > _NAME:
        content = f"{content[: _NAME // 2]} … {content[-_NAME // 2 :]}"
    return html.escape(content)


def line(content: str, style: str = "") -> str:
    return element("div", content, style)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are text or Html."""

    def cell(content: str) -> str:
        return content if isinstance(content, Html) else text(content)

    top = "".join(element("th", text(name), f"{CELL};{DIM};font-weight:normal", scope="col") for name in head)
    body = "".join(
        element("tr", "".join(element("td", cell(content), CELL) for content in row), "background:none") for row in rows
    )
    return element(
        "table", element("thead", element("tr", top, "background:none;border:0")) + element("tbody", body), TABLE
    )


def headline(of: str, name: str, gradient: Any, told: str) -> str:
    result = colored(gradient) if not np.ndim(gradient) else text(plain(gradient))
    return line(
        f"<b>∂{text(of)}/∂{text(name)}</b> = {result} <span style='{DIM};padding-left:24px'>{text(told)}</span>"
    )


def contribution(c: Any) -> str:
    return text(brief(c)) if isinstance(c, tuple) or np.ndim(c) else colored(c)


def colored(x: Any) -> str:
    """A number with a mark of its sign."""
    try:
        x = float(x)
    except (TypeError, ValueError):
        return text(str(x))
    if not math.isfinite(x):
        return element("b", number(x), hatched())
    mark, ground = ("▲", ORANGE) if x > 0 else ("▼", VIOLET) if x < 0 else ("", None)
    sign = f" <span style='color:rgb{ground}' aria-hidden='true'>{mark}</span>" if ground else ""
    return Html(element("b", number(x), title=repr(x)) + sign)


def bar(c: Any, most: float) -> str:
    """A bar from the middle: to the right for what is positive, to the left for what is negative; grey for arrays."""
    size = norm(c)
    share = size / most if most and math.isfinite(size) else 0.0
    wide = min(round(60 * share), 60)
    array = isinstance(c, tuple) or np.ndim(c) > 0
    ground = "rgba(128,128,128,.7)" if array else rgba(c, 1.0)
    left = 60 - wide if not array and c < 0 else 60
    bar = f"display:inline-block;height:9px;width:{wide}px;margin-left:{left}px;background:{ground}"
    return Html(f"<span aria-hidden='true' style='display:inline-block;width:121px'><span style='{bar}'></span></span>")


def rgba(x: Any, alpha: float) -> str:
    return f"rgba{(*(VIOLET if x < 0 else ORANGE), round(float(alpha), 3))}"


def hatched() -> str:
    return "background:repeating-linear-gradient(45deg,rgba(128,128,128,.3) 0 2px,transparent 2px 6px)"


def number(x: Any) -> str:
    try:
        return number_text(x).replace("-", "−")
    except (TypeError, ValueError):
        return text(str(x))


def latex(x: Any) -> str:
    try:
        return latex_number(x)
    except (TypeError, ValueError):
        return rf"\text{{{type(x).__name__}}}"


def plain(x: Any) -> str:
    return "?" if x is None else short(x).replace("-", "−")


def brief(x: Any) -> str:
    return brief_text(x).replace("-", "−")


def shape(shape: Sequence[int]) -> str:
    return " × ".join(f"{n:,}" for n in shape) if shape else translate("scalar")


def counted(n: int) -> str:
    return f"{n:,}" if n < 10**15 else translate("more than 10¹⁵")
