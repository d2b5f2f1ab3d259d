"""A line search for the strong Wolfe conditions: how far to go in a direction.

Nocedal and Wright, "Numerical optimization" (2006), algorithms 3.5 and 3.6, with cubic interpolation. A step t is good
if the loss falls by at least c₁ t times its slope at the start, and the slope there is at most c₂ times that at the
start.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

C1, C2 = 1e-4, 0.9


class Point(NamedTuple):
    """What is known where a step of length `t` leads: the loss, its gradient, and its slope in the direction of the step."""

    t: float
    loss: float
    gradient: Any
    slope: float


def strong_wolfe(
    evaluate: Callable[[float], Point], start: Point, t: float, size: float, tolerance: float, most: int
) -> tuple[Point, int]:
    """A good point, or the best one after `most` iterations, and how many were evaluated.

    `size` is the largest entry of the direction; points that differ by less than `tolerance` in all entries are the
    same.
    """
    previous, new = start, evaluate(t)
    done = 0
    while done < most:
        rising = _too_high(new, start) or (done > 1 and new.loss >= previous.loss)
        if not rising and _is_flat(new, start):
            return new, done + 1
        if rising or new.slope >= 0:
            break
        further = _lowest(previous, new, new.t + 0.01 * (new.t - previous.t), new.t * 10)
        previous, new = new, evaluate(further)
        done += 1
    else:
        previous = start
    return _zoom(evaluate, start, [previous, new], size, tolerance, most, done)


def _zoom(
    evaluate: Callable[[float], Point],
    start: Point,
    ends: list[Point],
    size: float,
    tolerance: float,
    most: int,
    done: int,
) -> tuple[Point, int]:
    """Narrow two ends between which there is a good point, until one end is."""
    low, high = _by_loss(ends)
    stuck = False
    while done < most:
        left, right = sorted((ends[0].t, ends[1].t))
        if (right - left) * size < tolerance:
            break
        t, margin = _lowest(ends[0], ends[1], left, right), 0.1 * (right - left)
        near = min(right - t, t - left) < margin
        if near and (stuck or t >= right or t <= left):
            t, near = (right - margin if abs(t - right) < abs(t - left) else left + margin), False
        stuck = near
        new = evaluate(t)
        done += 1
        if _too_high(new, start) or new.loss >= ends[low].loss:
            ends[high] = new
            low, high = _by_loss(ends)
            continue
        good = _is_flat(new, start)
        if not good and new.slope * (ends[high].t - ends[low].t) >= 0:
            ends[high] = ends[low]
        ends[low] = new
        if good:
            break
    return ends[low], done + 1


def _too_high(new: Point, start: Point) -> bool:
    return new.loss > start.loss + C1 * new.t * start.slope


def _is_flat(new: Point, start: Point) -> bool:
    return abs(new.slope) <= -C2 * start.slope


def _by_loss(ends: list[Point]) -> tuple[int, int]:
    return (0, 1) if ends[0].loss <= ends[1].loss else (1, 0)


def _lowest(a: Point, b: Point, left: float, right: float) -> float:
    """Where the cubic through two points with their slopes is lowest, no further out than `left` and `right`."""
    a, b = (a, b) if a.t <= b.t else (b, a)
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope  # inf where `**` would raise
    if not square >= 0:
        return (left + right) / 2
    d2 = math.sqrt(square)
    if not (width := b.slope - a.slope + 2 * d2):
        return right
    return min(max(b.t - (b.t - a.t) * ((b.slope + d2 - d1) / width), left), right)
