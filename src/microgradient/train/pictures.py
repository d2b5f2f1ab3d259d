"""Pictures of a finished run, drawn by matplotlib where it is installed (extra `plots`)."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.boxes import Boxes
from .atomic import write_atomically
from .recipe import Recipe


def draw_confusion(figure: Any, truth: NDArray[Any], guesses: NDArray[Any], names: Sequence[str]) -> None:
    """How often each class was taken for each other one, as a table with numbers."""
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (truth, guesses), 1)
    axes = figure.subplots()
    axes.imshow(counts / np.maximum(1, counts.sum(axis=1, keepdims=True)), cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count and len(names) <= 25:
            colour = "white" if count > counts[row].sum() / 2 else "black"
            axes.text(column, row, count, ha="center", va="center", color=colour)
    axes.set_xticks(range(len(names)), names, rotation=90 if len(names) > 12 else 0)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")


def draw_boxes(figure: Any, pictures: NDArray[np.float32], found: Boxes) -> None:
    """Twelve pictures with the boxes found in them that have a score above 0.3, and their classes."""
    for number, axes in enumerate(figure.subplots(3, 4).flat):
        axes.set_axis_off()
        height, width = pictures[number].shape
        axes.imshow(pictures[number], cmap="gray", vmin=0, vmax=1, extent=(0, width, height, 0))
        for k in np.flatnonzero((found.picture == number) & (found.score > 0.3)):
            x0, y0, x1, y1 = found.box[k]
            axes.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color="tab:orange")
            axes.text(x0, y0, f"{found.label[k]}", color="tab:cyan", va="top", fontsize=9)


def save_pictures(recipe: Recipe, folder: Path) -> list[str]:
    """Draw what the recipe has to show into PNG files of the run folder. Gives their names; none without matplotlib."""
    pictures = recipe.pictures()
    if not pictures or importlib.util.find_spec("matplotlib") is None:
        return []
    for name, draw in pictures.items():
        write_atomically(folder / f"{name}.png", drawn(draw, "png"))
    return [f"{name}.png" for name in pictures]


def drawn(draw: Callable[[Any], None], form: str, size: tuple[float, float] = (8, 6)) -> bytes:
    """What `draw` draws into a figure of matplotlib, as the content of a file of the form "png" or "svg".

    >>> drawn(lambda figure: None, "png")[1:4]
    b'PNG'
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")  # without pyplot: no window, no state
    draw(figure)
    content = io.BytesIO()
    metadata = {"Date": None} if form == "svg" else None  # the same file each time
    figure.savefig(content, format=form, dpi=120, metadata=metadata)
    return content.getvalue()
