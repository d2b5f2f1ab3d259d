"""A gradient's flow between layers as data for the page: a Sankey diagram, from the loss at the right to the leaves at the left.

M. Schmidt, "The Sankey diagram in energy and material flow management" (2008). Widths are the sums of the sizes of contributions.
A band that passes other columns has a lane there, which no station stands in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..explain.flow import Part
from ..explain.gradient_flow import Balance, Band, GradientFlow, flow_to
from ..explain.stations import Station, opened, stations
from ..explain.sweep import Sweep
from ..tape import Node
from .card import told
from .layout import middles

_HIGH = 260.0  # pixels: how wide all is that flows where most does
_LABEL, _LEAST = 36.0, 10.0  # above a station; how high one is at least
_MOST_DOORS = 5


def river(
    sweep: Sweep,
    ids: Mapping[Node, int],
    node: Node | None,
    place: tuple[int, ...] | None,
    numbers: Sequence[int] | None,
) -> dict[str, Any]:
    """The flow to an entry of `node`, to all of it, or to all leaves, with what a page needs to draw and to list it.

    `numbers` are the stations to look inside of; None: as many as can be looked at at once.
    """
    root = stations(sweep)
    shown = opened(root, numbers)
    return drawn(
        flow_to(sweep, node, place, shown), root, shown, Graph(sweep.root, sweep.names, ids, sweep.adjoints.keys())
    )


class Graph(NamedTuple):
    """What is told of the graph: its root, the names and numbers of its nodes, and those that have a gradient."""

    root: Node
    names: Mapping[Node, str]
    ids: Mapping[Node, int]
    explained: Collection[Node]


def drawn(found: GradientFlow, root: Station, shown: Sequence[Station], graph: Graph) -> dict[str, Any]:
    """A flow between the stations that are `shown`, of all in `root`, as a page draws it."""
    placed = _Placed(found)
    open_ones = [each for each in root.all() if each is not root and each not in shown and _any_of(shown, each)]
    return {
        "symbol": found.symbol,
        "total": told(found.total),
        "height": placed.height,
        "columns": max(placed.columns.values()) + 1,
        "stations": [_station(each, placed, graph) for each in found.balances],
        "bands": [_band(band, placed, graph) for band in placed.bands],
        "open": [{"number": each.number, "name": each.name, "kind": each.kind} for each in open_ones],
    }


def _any_of(shown: Iterable[Station], outer: Station) -> bool:
    """Whether some of the stations that are shown are within another one."""
    within = set(outer.all())
    return any(each in within for each in shown)


class _Placed:
    """Where everything is drawn: the column of each station, and heights in pixels; `scale` is how many the flow of 1 has."""

    def __init__(self, flow: GradientFlow) -> None:
        self.bands = flow.bands
        self.columns = _columns(flow.balances, flow.bands)
        thick = {each.station: _thickness(each) for each in flow.balances}
        totals: dict[int, float] = {}
        for station, gross in thick.items():
            totals[self.columns[station]] = totals.get(self.columns[station], 0.0) + gross
        self.scale = _HIGH / (max(totals.values()) or 1.0)
        self.high = {station: max(_LEAST, gross * self.scale) for station, gross in thick.items()}
        self.middle: dict[Station, float] = {}
        self.lanes: dict[Band, list[float]] = {}
        self.height = self._place([each.station for each in flow.balances])
        self.ports = {band: [0.0, 0.0] for band in flow.bands}
        self.kept: dict[Station, float] = {}
        for balance in flow.balances:
            self._dock(balance)

    def _place(self, order: list[Station]) -> float:
        """The middles of stations, and of the bands in the columns that they pass."""
        layers, heights, arrows = (
            [self.columns[each] for each in order],
            [self.high[each] + _LABEL for each in order],
            [],
        )
        at = {station: k for k, station in enumerate(order)}
        passed: dict[Band, list[int]] = {}
        for band in self.bands:
            before = at[band.start]
            passed[band] = []
            for column in range(self.columns[band.start] - 1, self.columns[band.end], -1):
                passed[band].append(len(layers))
                arrows.append((len(layers), before))
                before = len(layers)
                layers.append(column)
                heights.append(self.wide(band.part) + _LABEL / 2)
            arrows.append((at[band.end], before))
        pairs = np.array(sorted(set(arrows)), np.intp).reshape(-1, 2)
        y = middles(np.array(layers, np.intp), pairs, np.array(heights))
        y -= (y - np.array(heights) / 2).min()
        self.middle = {station: float(y[k]) + _LABEL / 2 for station, k in at.items()}
        self.lanes = {band: [float(y[k]) for k in lanes] for band, lanes in passed.items()}
        return float((y + np.array(heights) / 2).max())

    def wide(self, part: Part) -> float:
        """How wide a band is."""
        return part.gross * self.scale if np.isfinite(part.gross) else 0.0

    def _dock(self, balance: Balance) -> None:
        """Where bands come to a station, one below the other, in the order of where they come from, and where they leave it."""
        station = balance.station
        incoming = [band for band in self.bands if band.end is station]
        leaving = [band for band in self.bands if band.start is station]
        y = self.middle[station] - sum(self.wide(band.part) for band in incoming) / 2
        for band in sorted(incoming, key=lambda band: [self.middle[band.start], *self.lanes[band]][-1]):
            self.ports[band][1] = y + self.wide(band.part) / 2
            y += self.wide(band.part)
        y = self.middle[station] - sum(map(self.wide, [balance.kept, *(band.part for band in leaving)])) / 2
        for band in sorted(leaving, key=lambda band: [*self.lanes[band], self.middle[band.end]][0]):
            self.ports[band][0] = y + self.wide(band.part) / 2
            y += self.wide(band.part)
        self.kept[station] = y + self.wide(balance.kept) / 2


def _thickness(balance: Balance) -> float:
    sides = balance.inflow.plus(balance.source).gross, balance.outflow.plus(balance.kept).gross
    return max((side for side in sides if np.isfinite(side)), default=0.0)


def _columns(balances: Sequence[Balance], bands: Sequence[Band]) -> dict[Station, int]:
    """One after all that a station sends to; what sends to none is just before the first that sends to it."""
    columns: dict[Station, int] = {}
    for balance in balances:  # in order of evaluation
        station = balance.station
        columns[station] = max((columns[band.end] + 1 for band in bands if band.start is station), default=0)
    for station in [each.station for each in balances]:
        users = [columns[band.start] for band in bands if band.end is station]
        if users and not any(band.start is station for band in bands):
            columns[station] = min(users) - 1
    first = min(columns.values())
    return {station: column - first for station, column in columns.items()}


def _station(balance: Balance, placed: _Placed, graph: Graph) -> dict[str, Any]:
    station = balance.station
    ends = sorted(balance.ends.items(), key=lambda each: -each[1].gross)
    return {
        "number": station.number,
        "name": station.name,
        "kind": station.kind,
        "count": len(station.nodes),
        "inside": bool(station.inside),
        "node": next((graph.ids[node] for node in reversed(station.nodes) if node in graph.explained), None),
        "column": placed.columns[station],
        "y": placed.middle[station] - placed.high[station] / 2,
        "high": placed.high[station],
        "inflow": _part(balance.inflow),
        "source": _part(balance.source) if graph.root in station.nodes else None,
        "outflow": _part(balance.outflow),
        "kept": _part(balance.kept),
        "keptAt": placed.kept[station],
        "keptWide": placed.wide(balance.kept),
        "ends": [{"node": graph.ids[node], "name": graph.names[node], "part": _part(part)} for node, part in ends],
    }


def _band(band: Band, placed: _Placed, graph: Graph) -> dict[str, Any]:
    return {
        "start": band.start.number,
        "end": band.end.number,
        "part": _part(band.part),
        "wide": placed.wide(band.part),
        "y": [placed.ports[band][0], *placed.lanes[band], placed.ports[band][1]],
        "count": len(band.uses),
        "edges": [
            {
                "node": graph.ids[use.parent],
                "from": graph.names[use.node],
                "to": graph.names[use.parent],
                "part": _part(part),
            }
            for use, part in band.uses[:_MOST_DOORS]
        ],
    }


def _part(part: Part) -> dict[str, Any]:
    return {"up": told(part.up), "down": told(part.down), "net": told(part.net)}
