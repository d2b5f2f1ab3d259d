"""What a recipe offers to be looked at while it trains, besides pictures: texts that the model writes, and films."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Texts(NamedTuple):
    """A table of texts, such as a few inputs and what the model writes for each."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


class Stroke(NamedTuple):
    """A line through points in units of what is drawn, with round ends; one of a single point is a disc."""

    points: Sequence[tuple[float, float]]
    width: float
    colour: tuple[int, int, int]


class Film(NamedTuple):
    """Moments after one another, each drawn by strokes in the plane between (left, bottom) and (right, top). Between two of them
    are `every` steps; `told` is a sentence about all.
    """

    left: float
    right: float
    bottom: float
    top: float
    frames: Sequence[Sequence[Stroke]]
    every: int
    per_second: int
    told: str
