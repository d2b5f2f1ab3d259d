"""Pictures of a finished run, drawn by matplotlib where it is installed (extra `plots`)."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Sequence, Set
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.boxes import Boxes
from ..language import speaking, translate, wide_characters
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
    axes.set_xlabel(translate("predicted class"))
    axes.set_ylabel(translate("true class"))


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

    It speaks the language that is spoken if matplotlib knows a font for it, else English (`font_for`).

    >>> drawn(lambda figure: None, "png")[1:4]
    b'PNG'
    """
    from matplotlib import rc_context, rcParams
    from matplotlib.figure import Figure

    characters = wide_characters()
    font = font_for(characters) if characters else None
    family = [*rcParams["font.family"], *([font] if font else [])]  # what comes first draws what it can
    content = io.BytesIO()
    metadata = {"Date": None} if form == "svg" else None  # the same file each time
    with speaking("" if font else "en"), rc_context({"font.family": family}):
        figure = Figure(figsize=size, layout="constrained")  # without pyplot: no window, no state
        draw(figure)
        figure.savefig(content, format=form, dpi=120, metadata=metadata)
    return content.getvalue()


def font_for(characters: Set[str]) -> str | None:
    """A font among those that matplotlib's font manager lists which has every one of the characters, or None.

    Of several one without serifs, for simplified Chinese, of regular weight, as far as their names and weights tell.
    """
    from matplotlib.font_manager import fontManager

    def plain(font: Any) -> tuple[bool, bool, int]:
        return "Serif" in font.name, not font.name.endswith("SC"), abs(int(font.weight) - 400)

    fonts = [font for font in fontManager.ttflist if _has(font.fname, frozenset(characters))]
    return min(fonts, key=plain).name if fonts else None


@cache
def _has(file: str, characters: frozenset[str]) -> bool:
    from matplotlib.font_manager import get_font

    try:
        font = get_font(file)
    except (OSError, RuntimeError):  # it was removed, or is damaged
        return False
    return all(font.get_char_index(ord(c)) for c in characters)
