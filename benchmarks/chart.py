"""Charts on logarithmic axes, as SVG: lines for benchmarks/scaling.py, and rows of dots for benchmarks/performance.py."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 470, 356  # of a chart
LEFT, RIGHT, TOP, BOTTOM = 74, 24, 92, 52  # around its plotting area; the lines' names stand above it
FONT = "font-family='system-ui, Helvetica, Arial, sans-serif'"


class Line(NamedTuple):
    """Points with a name and a colour; `dashed` lines have no dots and do not stretch the axes."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


class Chart(NamedTuple):
    """Lines with a title and axes; `ticks` are those of y with their names."""

    title: str
    x: str
    y: str
    lines: Sequence[Line]
    ticks: Sequence[tuple[float, str]]


class Dot(NamedTuple):
    """A value on a row, with what it is of."""

    name: str
    colour: str
    value: float


class Row(NamedTuple):
    """Values of one thing beside each other, and below what they can't be."""

    name: str
    dots: Sequence[Dot]
    floor: float | None = None


def svg(charts: Sequence[Sequence[Chart]]) -> str:
    """Rows of charts as one picture."""
    parts = []
    for row, several in enumerate(charts):
        for column, chart in enumerate(several):
            parts += [
                f"<g transform='translate({column * WIDTH} {row * HEIGHT})'>",
                *_chart(chart, f"clip{row}{column}"),
                "</g>",
            ]
    return _picture(WIDTH * max(map(len, charts)), HEIGHT * len(charts), parts)


def dots(title: str, rows: Sequence[Row], ticks: Sequence[tuple[float, str]], floor: str) -> str:
    """A line for each row, with dots and a stroke for what is called the `floor`; `ticks` are those of the axis."""
    values = [dot.value for row in rows for dot in row.dots] + [row.floor for row in rows if row.floor]
    lowest, highest = min(values) / 1.5, max(values) * 1.5
    width, left, top, step = 860, 120, 84, 26
    right, bottom = width - RIGHT, top + step * len(rows)

    def place(value: float) -> float:
        return round(left + math.log(value / lowest) / math.log(highest / lowest) * (right - left), 1)

    parts = [_text(left, 22, title, size=14, weight=600)]
    for value, name in ticks:
        if lowest <= value <= highest:
            parts += [_rule(place(value), top, place(value), bottom)]
            parts += [_text(place(value), bottom + 18, name, anchor="middle")]
    for number, row in enumerate(rows):
        y = top + step * number + step / 2
        parts += [_rule(left, y, right, y), _text(left - 10, y + 4, row.name, anchor="end")]
        if row.floor:
            parts.append(f"<path d='M{place(row.floor)} {y - 8}v16' stroke='#1f2328' stroke-width='2'/>")
        for dot in reversed(row.dots):  # the first one is on top
            shown = html.escape(f"{row.name}, {dot.name}: {dot.value:.3g} s")
            circle = f"<circle cx='{place(dot.value)}' cy='{y}' r='5' fill='{dot.colour}'>"
            parts.append(f"{circle}<title>{shown}</title></circle>")
    colours = {dot.name: dot.colour for row in rows for dot in row.dots}
    for number, (name, colour) in enumerate(colours.items()):
        x = left + 104 * number
        parts += [f"<circle cx='{x}' cy='46' r='5' fill='{colour}'/>", _text(x + 10, 50, name)]
    parts += [f"<path d='M{left} 60v14' stroke='#1f2328' stroke-width='2'/>", _text(left + 10, 71, floor)]
    return _picture(width, bottom + 34, parts)


def _picture(width: float, height: float, parts: Sequence[str]) -> str:
    """On white."""
    size = f"viewBox='0 0 {width} {height}' width='{width}' height='{height}'"
    head = [
        f"<svg xmlns='http://www.w3.org/2000/svg' {size} {FONT}>",
        "<rect width='100%' height='100%' fill='#ffffff'/>",
    ]
    return "\n".join([*head, *parts, "</svg>"]) + "\n"


def _chart(chart: Chart, clip: str) -> list[str]:
    drawn = [point for line in chart.lines if not line.dashed for point in line.points]
    xs = sorted({x for x, _ in drawn})
    lowest, highest = min(y for _, y in drawn) / 1.5, max(y for _, y in drawn) * 1.5
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        across = math.log(x / xs[0]) / math.log(xs[-1] / xs[0])
        up = math.log(y / lowest) / math.log(highest / lowest)
        return round(LEFT + across * (right - LEFT), 1), round(bottom - up * (bottom - TOP), 1)

    parts = [
        f"<clipPath id='{clip}'><rect x='{LEFT - 5}' y='{TOP - 5}' width='{right - LEFT + 10}' height='{bottom - TOP + 10}'/>"
        "</clipPath>",
        _text(LEFT, 20, chart.title, size=14, weight=600),
        _text((LEFT + right) / 2, HEIGHT - 12, chart.x, anchor="middle"),
        f"<g transform='rotate(-90 16 {(TOP + bottom) / 2})'>{_text(16, (TOP + bottom) / 2, chart.y, anchor='middle')}</g>",
    ]
    for x in xs:
        at, _ = place(x, lowest)
        parts += [_rule(at, TOP, at, bottom), _text(at, bottom + 17, f"{x:g}", anchor="middle")]
    for y, name in chart.ticks:
        if lowest <= y <= highest:
            _, at = place(xs[0], y)
            parts += [_rule(LEFT, at, right, at), _text(LEFT - 8, at + 4, name, anchor="end")]
    parts.append(
        f"<rect x='{LEFT}' y='{TOP}' width='{right - LEFT}' height='{bottom - TOP}' fill='none' stroke='#6e7781'/>"
    )
    for number, line in enumerate(chart.lines):
        parts += _line(line, [place(*point) for point in line.points], clip)
        top = 44 + 17 * number
        style = "stroke-dasharray='5 4'" if line.dashed else ""
        parts.append(f"<path d='M{LEFT} {top - 4}h22' stroke='{line.colour}' stroke-width='2' {style}/>")
        parts.append(_text(LEFT + 30, top, line.name))
    return parts


def _line(line: Line, places: list[tuple[float, float]], clip: str) -> list[str]:
    path = "M" + "L".join(f"{x} {y}" for x, y in places)
    style = "stroke-width='1.5' stroke-dasharray='5 4'" if line.dashed else "stroke-width='2'"
    parts = [f"<path d='{path}' fill='none' stroke='{line.colour}' {style} clip-path='url(#{clip})'/>"]
    if not line.dashed:
        parts += [f"<circle cx='{x}' cy='{y}' r='3.5' fill='{line.colour}'/>" for x, y in places]
    return parts


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f"<path d='M{x1} {y1}L{x2} {y2}' stroke='#d8dee4'/>"


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 12, weight: int = 400) -> str:
    style = f"font-size='{size}' font-weight='{weight}' text-anchor='{anchor}' fill='#1f2328'"
    return f"<text x='{x}' y='{y}' {style}>{html.escape(text)}</text>"
