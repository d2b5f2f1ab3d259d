"""What a run looks like: its curves, the gradient that reaches each parameter, how the weights are spread.

`charts` gathers the numbers; `in_terminal` and `draw` show the same ones, as text and with matplotlib.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from .. import random
from ..errors import DataError
from ..explain.render import cropped, plain, width
from ..language import translate
from ..native.runtime import blas
from ..tensor import Tensor
from ..train.options import is_finite
from ..train.run_folder import PLACE, RunFolder
from .use import NO_MODEL, blocks, trained, trained_recipe

Curve = tuple[list[int], list[float]]  # epochs, numbers
_MARKERS = ("hd", "•", "×", "+", "○", "*")  # told apart without colour, too
_BINS = 32
_ROWS = 40  # of a list in the terminal
_HISTOGRAMS = 12  # in a picture
_MOST = 1e300  # of which the difference is finite
_BAR = 30  # characters
_HEIGHT, _WIDEST = 16, 100  # lines and columns of a curve


@dataclass(frozen=True)
class Charts:
    """The numbers: `panels` of curves by name, the root mean square of each parameter's gradient, the weights.

    `note` says why there are no gradients, if there are none, or what they are of.
    """

    name: str
    panels: dict[str, dict[str, Curve]]
    gradients: list[tuple[str, float]]
    note: str
    weights: dict[str, NDArray[Any]] = field(repr=False)


def charts(run: str | os.PathLike[str]) -> Charts:
    """The charts of the run in a folder. Raises `DataError` (MG180, MG185) as `microgradient.load` does."""
    folder = trained(run)
    gradients, note = _gradients(folder)
    weights = {_clean(name): a for name, a in folder.weights().items() if a.dtype.kind == "f" and a.size > 1}
    return Charts(
        _clean(f"{folder.run.recipe}: {folder.path.name}"), _panels(folder.metrics()), gradients, note, weights
    )


def in_terminal(found: Charts, columns: int, colour: bool) -> Iterator[str]:
    """Lines of at most `columns` characters. Raises `DataError` (MG184) if plotext is not installed."""

    def shown(rows: list[str]) -> Iterator[str]:
        yield from (plain([cropped([(row, "")], columns)]) for row in rows)

    yield from shown([found.name])
    for title, curves in found.panels.items():
        yield ""
        yield from _curves_in_text(title, curves, columns, colour)
    yield ""
    yield from _wrapped(translate(f"gradient flow: {translate(found.note)}"), columns)
    yield from shown([*_cut([*_bars(found.gradients)])])
    yield ""
    head = translate("weights: how often each size occurs, from the least to the greatest")
    yield from shown([head, *_cut([*_histograms(found.weights)])])


def draw(figure: Any, found: Charts) -> None:
    """The charts as a figure of matplotlib."""
    shown = sorted(found.weights, key=lambda name: -found.weights[name].size)[:_HISTOGRAMS]
    shown = [name for name in found.weights if name in shown]
    heights = [3.0, max(2.0, 0.25 * len(found.gradients))] if found.gradients else [3.0]
    down = -(-len(shown) // 4)
    parts = figure.subfigures(
        len(heights) + (down > 0), 1, height_ratios=[*heights, *[2.0 * down] * (down > 0)], squeeze=False
    )
    figure.suptitle(_plain(found.name))
    rows = iter(parts[:, 0])
    _draw_curves(next(rows), found.panels)
    if found.gradients:
        _draw_gradients(next(rows), found)
    if down:
        _draw_histograms(next(rows), {name: found.weights[name] for name in shown}, len(found.weights))


def size(found: Charts) -> tuple[float, float]:
    """The size of the figure in inches."""
    down = -(-min(len(found.weights), _HISTOGRAMS) // 4)
    return 12.0, 3.6 + (max(2.0, 0.25 * len(found.gradients)) if found.gradients else 0.0) + 2.0 * down


# ---------------------------------------------------------------------------------------------------------- the numbers


def _panels(metrics: Sequence[dict[str, Any]]) -> dict[str, dict[str, Curve]]:
    """The curves, those that are alike together: losses, shares between 0 and 1, else by their last word."""
    found: dict[str, dict[str, Curve]] = {}
    names = dict.fromkeys(name for line in metrics for name in line if name not in PLACE)
    for name in names:
        rows = [
            (line["epoch"], float(np.clip(line[name], -_MOST, _MOST))) for line in metrics if is_finite(line.get(name))
        ]
        if not rows:
            continue
        epochs, values = [epoch for epoch, _ in rows], [value for _, value in rows]
        told = _clean(name.replace("_", " "))
        panel = "loss" if "loss" in name else "share" if 0 <= min(values) <= max(values) <= 1 else told.split(" ")[-1]
        found.setdefault(panel, {})[told] = epochs, values
    return found


def _gradients(folder: RunFolder) -> tuple[list[tuple[str, float]], str]:
    """The root mean square of the gradient of each parameter, and of what: the loss of the first batch, as trained."""
    try:
        recipe = trained_recipe(folder)
        examples = recipe.batches(0)[0]
        with blas.one_thread(), random.drawing_from(random.Generator(recipe.options.seed)):
            recipe.model.train()
            recipe.loss(examples).backward()
    except NotImplementedError:
        return [], f"{folder.run.recipe} has no loss of a batch by itself"
    except NO_MODEL as error:
        return [], _clean(f"can't be computed: {error}")
    squares: dict[str, list[NDArray[Any]]] = {}
    for name, parameter in recipe.model.named_parameters():
        g = parameter.grad.raw if isinstance(parameter.grad, Tensor) else parameter.grad or 0.0  # of a Value, or none
        squares.setdefault(_clean(name.partition("[")[0]), []).append(np.square(g, dtype=np.float64).ravel())
    sizes = {name: np.concatenate(parts) for name, parts in squares.items()}
    found = [(name, float(np.sqrt(np.mean(size))) if size.size else 0.0) for name, size in sizes.items()]
    return found, f"root mean square of each gradient, for the trained model and the loss of {len(examples):,} examples"


def _wrapped(text: str, columns: int) -> list[str]:
    """Lines of at most so many columns, of which a Chinese character takes two."""
    return [line.plain.rstrip() for line in Text(text).wrap(Console(), columns)]


def _clean(text: str) -> str:
    """Text from a file, which may be anyone's, without what a terminal obeys."""
    return "".join(c for c in text if c.isprintable())


# ------------------------------------------------------------------------------------------------------------- as text


def _curves_in_text(title: str, curves: dict[str, Curve], columns: int, colour: bool) -> Iterator[str]:
    if importlib.util.find_spec("plotext") is None:
        raise DataError(
            "MG184", "Curves in the terminal need plotext, which is missing: pip install 'microgradient[plots]'."
        )
    import plotext

    figure = plotext.figure
    figure.clear()
    figure.theme("clear")
    figure.plot_size(min(columns, _WIDEST), _HEIGHT)
    figure.title(translate(f"{title} by epoch"))
    for (name, (epochs, values)), marker in zip(curves.items(), _MARKERS * len(curves), strict=False):
        signal = figure.signal(epochs, values, marker=marker)
        signal.label(translate(name))
        figure.draw(signal.lines() if len(epochs) > 1 else signal)
    first, last = (values for _, values in curves.values()), max(epochs[-1] for epochs, _ in curves.values())
    numbers = [value for _, values in curves.values() for value in values]
    falls = (
        sum(values[-1] - values[0] for values in first) <= 0
    )  # then the upper right corner is free, else the lower one
    if last > 1 and min(numbers) < max(numbers):
        place = (max(numbers), "top") if falls else (min(numbers), "bottom")
        figure.legend(x=last, y=place[0], ha="right", va=place[1], relative=True)
    figure.ruler("x").ticks(sorted({round(epoch) for epoch in np.linspace(1, last, min(last, 8))}))
    text = str(figure.build())
    yield from (text if colour else plotext.uncolorize(text)).rstrip("\n").split("\n")


def _bars(gradients: Sequence[tuple[str, float]]) -> Iterator[str]:
    """A bar for each, by the logarithm: the whole width is the largest, nothing a millionth of it."""
    most = max((g for _, g in gradients if np.isfinite(g)), default=0.0)
    wide = max((len(name) for name, _ in gradients), default=0)
    for name, g in gradients:
        share = 1 + np.log10(g / most) / 6 if 0 < g <= most else 0.0
        bar = "█" * max(round(_BAR * share), int(g > 0)) if np.isfinite(g) else translate("not finite")
        yield f"  {name:<{wide}}  {bar}{' ' * (_BAR - width(bar))}  {g:.3g}"


def _histograms(weights: dict[str, NDArray[Any]]) -> Iterator[str]:
    wide = max(map(len, weights), default=0)
    for name, a in weights.items():
        counts, low, high, bad = _histogram(a)
        told = [translate(f"{bad:,} not finite")] if bad else []
        if len(counts):
            spread = np.std(a[np.isfinite(a)], dtype=np.float64)
            told = [f"{low:.3g} … {high:.3g}", f"σ {spread:.3g}", *told]
        yield f"  {name:<{wide}}  {blocks(counts) if len(counts) else '':<{_BINS}}  {', '.join(told)}"


def _histogram(a: NDArray[Any]) -> tuple[NDArray[Any], float, float, int]:
    """Counts in equal steps, the least and the greatest entry, how many are not finite."""
    finite = np.asarray(a[np.isfinite(a)], np.float64)
    bad = int(a.size - finite.size)
    if not finite.size:
        return np.zeros(0), 0.0, 0.0, bad
    low, high = float(finite.min()), float(finite.max())
    return np.histogram(finite, _BINS, (low, high) if high > low else (low - 1, low + 1))[0], low, high, bad


def _cut(rows: list[str]) -> list[str]:
    """The first and the last of many rows."""
    if len(rows) <= _ROWS:
        return rows
    return [*rows[: _ROWS // 2], translate(f"  … {len(rows) - _ROWS:,} more"), *rows[-_ROWS // 2 :]]


# ------------------------------------------------------------------------------------------------------- by matplotlib


def _draw_curves(figure: Any, panels: dict[str, dict[str, Curve]]) -> None:
    from matplotlib.ticker import MaxNLocator

    for axes, (title, curves) in zip(
        figure.subplots(1, max(len(panels), 1), squeeze=False)[0], panels.items(), strict=False
    ):
        for name, (epochs, values) in curves.items():
            axes.plot(
                epochs, values, label=_plain(translate(name)), marker="o" if len(epochs) < 30 else None, markersize=3
            )
        axes.set_title(_plain(translate(f"{title} by epoch")))
        axes.set_xlabel(translate("epoch"))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()


def _draw_gradients(figure: Any, found: Charts) -> None:
    axes = figure.subplots()
    names, sizes = [_plain(name) for name, _ in found.gradients], [g for _, g in found.gradients]
    axes.barh(range(len(names)), sizes, color="tab:orange")
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    if max(sizes) > 0:
        axes.set_xscale("log")
    axes.set_title(_plain(translate(f"gradient flow: {translate(found.note)}")), fontsize=10)
    axes.grid(axis="x", alpha=0.3)


def _draw_histograms(figure: Any, weights: dict[str, NDArray[Any]], count: int) -> None:
    few = translate(f"weights, the largest {len(weights)} of {count}")
    figure.suptitle(few if count > len(weights) else translate("weights"), fontsize=10)
    grid = figure.subplots(-(-len(weights) // 4), 4, squeeze=False)
    for axes in grid.flat[len(weights) :]:
        axes.set_axis_off()
    for axes, (name, a) in zip(grid.flat, weights.items(), strict=False):
        counts, low, high, _ = _histogram(a)
        axes.set_title(_plain(name), fontsize=8)
        axes.tick_params(labelsize=7)
        if len(counts):
            edges = (
                np.linspace(low, high, len(counts) + 1)
                if high > low
                else np.linspace(low - 1, low + 1, len(counts) + 1)
            )
            axes.stairs(counts, edges, fill=True, color="tab:purple")


def _plain(text: str) -> str:
    """Text that is not read as a formula."""
    return text.replace("$", r"\$")
