"""Where the nodes of a graph are drawn: layers from left to right, boxes within boxes.

K. Sugiyama, S. Tagawa and M. Toda, "Methods for visual understanding of hierarchical system structures" (1981): longest-path
layers, barycentres to have few crossings; then each layer is moved to where its neighbours are, in least squares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from ..explain.layers import Group
from ..tape import Node

NODE = (132.0, 44.0)
_BETWEEN_LAYERS, _BETWEEN_NODES = 56.0, 16.0
_PADDING, _TITLE = 20.0, 24.0
_LARGEST = (900.0, 500.0)  # of a group within another one: what is in it is drawn smaller, and seen by zooming in
_FUNCTION = (200.0, 62.0)  # the same of a composite, which is as large as a node until it is opened
_SWEEPS = 8


@dataclass(frozen=True)
class Box:
    """The place of a node or group: its upper left corner, width and height. What is in a large group is smaller."""

    x: float
    y: float
    width: float
    height: float


def layout(root: Group) -> dict[Any, Box]:
    """The box of every node and group, the root group at (0, 0)."""
    sizes: dict[Any, tuple[float, float]] = {}
    inside: dict[Group, list[tuple[Any, float, float]]] = {}
    parents = {member: group for group in root.groups() for member in group.members}
    scales: dict[Group, float] = {}
    for group in reversed(list(root.groups())):  # innermost first
        inside[group], (width, height) = _placed(group, parents, sizes)
        width, height = width + 2 * _PADDING, height + 2 * _PADDING + _TITLE
        most = _LARGEST if group.composite is None else _FUNCTION
        scales[group] = 1.0 if group is root else min(1.0, most[0] / width, most[1] / height)
        sizes[group] = width * scales[group], height * scales[group]
    boxes: dict[Any, Box] = {root: Box(0.0, 0.0, *sizes[root])}
    for group in root.groups():
        outer, scale = boxes[group], scales[group]
        for member, x, y in inside[group]:
            width, height = sizes.get(member, NODE)
            place = outer.x + scale * (_PADDING + x), outer.y + scale * (_PADDING + _TITLE + y)
            boxes[member] = Box(*place, scale * width, scale * height)
            if isinstance(member, Group):
                scales[member] *= scale
    return boxes


def _placed(
    group: Group, parents: Mapping[Any, Group], sizes: Mapping[Any, tuple[float, float]]
) -> tuple[list[tuple[Any, float, float]], tuple[float, float]]:
    """(member, x, y) of all in a group, and how large that is."""
    members = group.members
    if not members:
        return [], NODE
    places = {member: k for k, member in enumerate(members)}
    arrows = _arrows(group, places, parents)
    widths, heights = np.array([sizes.get(member, NODE) for member in members]).T
    layers = _layers(len(members), arrows)
    y = middles(layers, arrows, heights)
    columns = np.zeros(layers.max() + 1)
    np.maximum.at(columns, layers, widths)
    left = np.concatenate([[0.0], np.cumsum(columns + _BETWEEN_LAYERS)[:-1]])
    x = left[layers] + (columns[layers] - widths) / 2
    y = y - heights / 2
    y -= y.min()
    return list(zip(members, x.tolist(), y.tolist(), strict=True)), (
        float((x + widths).max()),
        float((y + heights).max()),
    )


def _arrows(group: Group, places: Mapping[Any, int], parents: Mapping[Any, Group]) -> NDArray[np.intp]:
    """(from, to) between the members of a group, as their numbers; each once."""
    found: dict[tuple[int, int], None] = {}
    for k, member in enumerate(group.members):
        nodes = (
            [member]
            if isinstance(member, Node)
            else [n for g in member.groups() for n in g.members if isinstance(n, Node)]
        )
        for node in nodes:
            for parent in node.parents:
                at: Any = parent
                while at is not None and at not in places:
                    at = parents.get(at)
                if at is not None and places[at] != k:
                    found[places[at], k] = None
    return np.array(list(found), np.intp).reshape(-1, 2)


def _layers(count: int, arrows: NDArray[np.intp]) -> NDArray[np.intp]:
    """The layer of each: one after the last of what it was computed from; but what can wait is just before its first use.

    It waits if that makes no more arrows longer than shorter. What it alone is computed from waits with it, as leaves do.
    """
    layers = [0] * count
    for start, end in arrows[np.argsort(arrows[:, 1], kind="stable")].tolist():  # members are in order of evaluation
        layers[end] = max(layers[end], layers[start] + 1)
    users = np.bincount(arrows[:, 0], minlength=count)
    remain = np.bincount(arrows[:, 1], users[arrows[:, 0]] > 1, count)
    waits = ((users > 0) & (users >= remain)).tolist()
    first = [count] * count
    into: list[list[int]] = [[] for _ in range(count)]
    for start, end in arrows.tolist():
        into[end].append(start)
    for k in range(count - 1, -1, -1):
        if waits[k]:
            layers[k] = first[k] - 1
        for start in into[k]:
            first[start] = min(first[start], layers[k])
    return np.array(layers, np.intp)


def middles(layers: NDArray[np.intp], arrows: NDArray[np.intp], heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The middle of each on the y axis: in each layer in an order that has few crossings, near to what it is joined with."""
    ranked = np.argsort(layers, kind="stable")
    order = np.split(ranked, np.flatnonzero(np.diff(layers[ranked])) + 1)
    y = np.zeros(len(layers))
    for column in order:
        y[column] = _stacked(np.zeros(len(column)), heights[column])
    before, after = _neighbours(arrows, 1, len(layers)), _neighbours(arrows, 0, len(layers))
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        starts, joined = before if forward else after
        for column in order if forward else order[::-1]:
            wanted = _means(column, starts, joined, y)
            by_height = np.argsort(wanted, kind="stable")
            y[column[by_height]] = _stacked(wanted[by_height], heights[column[by_height]])
    return y


def _neighbours(arrows: NDArray[np.intp], end: int, count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The other ends of the arrows by their end number `end`, one after another, and where those of each begin."""
    ranked = arrows[np.argsort(arrows[:, end], kind="stable")]
    return np.searchsorted(ranked[:, end], np.arange(count + 1)), ranked[:, 1 - end]


def _means(column: NDArray[np.intp], starts: Any, joined: Any, y: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean height of what each of a column is joined with; its own where that is nothing."""
    counts = starts[column + 1] - starts[column]
    owners = np.repeat(np.arange(len(column)), counts)
    places = np.arange(len(owners)) + np.repeat(starts[column] - np.cumsum(counts) + counts, counts)
    sums = np.bincount(owners, y[joined[places]], len(column))
    return np.where(counts > 0, sums / np.maximum(counts, 1), y[column])


def _stacked(wanted: NDArray[np.float64], heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Middles in this order that do not overlap, as near as can be to the ones wanted, in least squares."""
    gaps = (heights[1:] + heights[:-1]) / 2 + _BETWEEN_NODES
    offsets = np.concatenate([[0.0], np.cumsum(gaps)])
    if len(wanted) == 1:
        return wanted
    return isotonic_regression(wanted - offsets).x + offsets
