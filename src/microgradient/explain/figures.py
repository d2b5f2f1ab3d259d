"""Figures of arrays in a notebook: a table of numbers where they are few, a heatmap where they are many, and statistics."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from ..data.png import png
from ..language import listed, translate
from . import markup
from .render import norm, short

_CELLS = 96  # rows and columns of a heatmap
_NUMBERS = 64  # entries of a table of numbers


def array(a: Any, title: str) -> str:
    """A figure of an array: numbers in cells if they are few, else a heatmap, and statistics."""
    a = np.asarray(a)
    if a.dtype.kind not in "biufc":
        return markup.line(f"{title}: {markup.text(short(a) if a.dtype.kind != 'O' else str(a.dtype))}")
    told = [title]
    if a.dtype.kind == "c":
        a, told = np.abs(a), [translate(f"{title}, absolute values")]
    if not a.size:
        return markup.line(translate(f"{told[0]}: no entries"))
    values = a.astype(np.float64)
    if not a.ndim:
        return markup.line(f"{told[0]}: {markup.number(values)}")
    grid = values.reshape(-1, values.shape[-1])
    few = grid.size <= _NUMBERS and grid.shape[1] <= 12
    if values.ndim > 2 and few:
        told.append(translate(f"rows are axes {', '.join(map(str, range(values.ndim - 1)))}"))
    elif values.ndim > 2:
        grid = _tiles(values, told)
    picture = _numbers(grid) if few else _heatmap(grid, told)
    caption = f"{'; '.join(told)}<br>{_statistics(values)}" + ("" if few else f"<br>{_legend()}")
    return markup.element(
        "figure", picture + markup.element("figcaption", caption, markup.DIM), "margin:4px 0;max-width:min(100%,440px)"
    )


def _legend() -> str:
    positive, negative = (f"<span style='color:rgb{colour}'>■</span>" for colour in (markup.ORANGE, markup.VIOLET))
    return translate(f"{positive} positive {negative} negative, stronger by a symmetric logarithm", positive, negative)


def _statistics(values: Any) -> str:
    finite = values[np.isfinite(values)]
    told = [f"{np.sum(np.isnan(values)):,} NaN"] if np.any(np.isnan(values)) else []
    told += [translate(f"{np.sum(np.isinf(values)):,} infinite")] if np.any(np.isinf(values)) else []
    if not finite.size:
        return listed(told)
    with np.errstate(over="ignore"):
        low, high, mean, size = map(markup.number, (finite.min(), finite.max(), np.mean(finite), norm(finite)))
    return listed([translate(f"{low} to {high}, mean {mean}, norm {size}"), *told])


def _numbers(grid: Any) -> str:
    weights = _weights(grid)
    rows = []
    for row, strength in zip(grid, weights, strict=True):
        cells = []
        for x, t in zip(row, strength, strict=True):
            ground = markup.hatched() if not np.isfinite(x) else f"background:{markup.rgba(x, 0.35 * t)}"
            cells.append(
                markup.element("td", markup.number(x), f"{markup.CELL};text-align:right;{ground}", title=repr(float(x)))
            )
        rows.append(markup.element("tr", "".join(cells), "background:none"))
    return markup.element("table", "".join(rows), markup.TABLE)


def _tiles(values: Any, told: list[str]) -> Any:
    """The matrices of the last two axes as one, side by side with a gap, about as high as wide."""
    matrices = values.reshape(-1, *values.shape[-2:])
    count, high, wide = matrices.shape
    across = min(count, max(1, round(math.sqrt(count * high / wide))))
    down = -(-count // across)
    sheet = np.zeros((down * across, high + 1, wide + 1))
    sheet[:count, :high, :wide] = matrices
    if count > 1:
        told.append(translate(f"{count:,} matrices of the last two axes, {across} in a row"))
    joined = (
        sheet.reshape(down, across, high + 1, wide + 1).swapaxes(1, 2).reshape(down * (high + 1), across * (wide + 1))
    )
    return joined[:-1, :-1]


def _heatmap(grid: Any, told: list[str]) -> str:
    """The picture of a matrix; what was done to it is added to what is told."""
    told_of_all = _statistics(grid)
    rows, columns = (math.ceil(n / _CELLS) for n in grid.shape)
    if rows > 1 or columns > 1:
        before, grid = grid.shape, largest_of_blocks(grid, rows, columns)
        told.append(
            translate(
                f"{before[0]:,} × {before[1]:,} drawn as {grid.shape[0]} × {grid.shape[1]}: of each {rows} × {columns} the "
                "entry of the largest magnitude"
            )
        )
    if not np.all(np.isfinite(grid)):
        told.append(translate("hatched: not finite"))
    size = max(1, min(12, 288 // max(grid.shape)))
    height, width = (max(n * size, 12) for n in grid.shape)
    alt = translate(f"heatmap of {grid.shape[0]} rows and {grid.shape[1]} columns, {told_of_all}")
    source = "data:image/png;base64," + base64.b64encode(png(_pixels(grid))).decode()
    style = f"width:{width}px;height:{height}px;image-rendering:pixelated;outline:1px solid rgba(128,128,128,.4);max-width:none"
    return f'<img src="{source}" alt="{markup.text(alt)}" style="{style}">'


def largest_of_blocks(grid: Any, rows: int, columns: int) -> Any:
    """A matrix with one entry for each block of so many rows and columns: that of the largest magnitude, or NaN."""
    high, wide = (math.ceil(n / k) for n, k in zip(grid.shape, (rows, columns), strict=True))
    padded = np.zeros((high * rows, wide * columns))
    padded[: grid.shape[0], : grid.shape[1]] = grid
    blocks = padded.reshape(high, rows, wide, columns).swapaxes(1, 2).reshape(high, wide, -1)
    rank = np.where(np.isnan(blocks), np.inf, np.abs(blocks))
    return np.take_along_axis(blocks, np.argmax(rank, axis=2)[..., None], axis=2)[..., 0]


def _weights(grid: Any) -> Any:
    """How strong each entry is drawn, from 0 to 1: by a symmetric logarithm, linear below the median."""
    size = np.where(np.isfinite(grid), np.abs(grid), 0.0)
    most = size.max()
    if most == 0:
        return size
    linear = np.median(size[size > 0]) / most  # so that nothing overflows
    return np.arcsinh(size / most / linear) / np.arcsinh(1 / linear)


def _pixels(grid: Any) -> Any:
    """A pixel for each entry; more of them, with diagonals, where some are not finite."""
    finite = np.isfinite(grid)
    pixels = np.zeros((*grid.shape, 4), np.uint8)
    pixels[..., :3] = np.where((grid < 0)[..., None], markup.VIOLET, markup.ORANGE)
    pixels[..., 3] = np.round(255 * _weights(grid))
    if finite.all():
        return pixels
    pixels = pixels.repeat(4, axis=0).repeat(4, axis=1)
    bad = (~finite).repeat(4, axis=0).repeat(4, axis=1)
    y, x = np.indices(bad.shape)
    pixels[bad] = 0
    pixels[bad & ((x + y) % 4 < 2)] = (128, 128, 128, 255)
    return pixels
