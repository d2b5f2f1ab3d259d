"""Pictures of a finished run, drawn by matplotlib where it is installed (extra `plots`)."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


def save_pictures(recipe: Recipe, folder: Path) -> list[str]:
    """Draw what the recipe has to show into PNG files of the run folder. Gives their names; none without matplotlib."""
    pictures = recipe.pictures()
    if not pictures or importlib.util.find_spec("matplotlib") is None:
        return []
    from matplotlib.figure import Figure

    for name, draw in pictures.items():
        figure = Figure(figsize=(8, 6), layout="constrained")  # without pyplot: no window, no state
        draw(figure)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=120)
        write_atomically(folder / f"{name}.png", content.getvalue())
    return [f"{name}.png" for name in pictures]
