"""Line charts on logarithmic axes, as SVG: just what the pictures of benchmarks/scaling.py need."""

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


def svg(charts: Sequence[Sequence[Chart]]) -> str:
    """Rows of charts as one picture."""
    width, height = WIDTH * max(map(len, charts)), HEIGHT * len(charts)
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' {FONT}>",
        "<rect width='100%' height='100%' fill='#ffffff'/>",
    ]
    for row, several in enumerate(charts):
        for column, chart in enumerate(several):
            parts += [
                f"<g transform='translate({column * WIDTH} {row * HEIGHT})'>",
                *_chart(chart, f"clip{row}{column}"),
                "</g>",
            ]
    return "\n".join([*parts, "</svg>"]) + "\n"


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
