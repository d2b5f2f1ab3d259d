"""`mg.gradient_flow`: how a gradient flows from the loss through the layers of a model, and how much of it cancels on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError
from ..language import translate
from ..scalar import Value
from ..tape import Node
from ..tensor import Tensor
from .entry import Index
from .flow import Part, added_up, flows
from .names import user_variables
from .render import Line, Shown, columns, mark, norm, number, sign_style
from .stations import Station, opened, stations
from .sweep import Sweep, Use, sweep_of
from .why import question


@dataclass(frozen=True, eq=False)
class Band:
    """What flows from one station to another, all edges between them together.

    `uses` has each with its part, the largest first.

    >>> import microgradient as mg
    >>> a = mg.Value(2.0, label="a")
    >>> L = a * a
    >>> [(band.start.name, band.end.name, band.part.net) for band in mg.gradient_flow(a, of=L).bands]
    [('L', 'a', 4.0)]
    """

    start: Station
    end: Station
    part: Part
    uses: Sequence[tuple[Use, Part]]


@dataclass(frozen=True, eq=False)
class Balance:
    """What flows into a station, what begins in it (at the loss), what flows out of it, and what ends in it.

    `ends` has the nodes where it ends. Inflow and source are together what flows out and what is kept, up to rounding; in
    their sizes they differ by what cancels in between.

    >>> import microgradient as mg
    >>> a = mg.Value(2.0, label="a")
    >>> L = a * a
    >>> a_, L_ = mg.gradient_flow(a, of=L).balances
    >>> L_.source.net, L_.outflow.net, a_.inflow.net, a_.kept.net
    (4.0, 4.0, 4.0, 4.0)
    """

    station: Station
    inflow: Part
    source: Part
    outflow: Part
    kept: Part
    ends: Mapping[Node, Part]


class GradientFlow(Shown):
    """What `mg.gradient_flow` returns. Printing it shows what flows between the layers, from the loss on.

    `symbol` and `total` are the derivative, or the norm of several (`of_norm`), `bands` what flows between two stations each, and
    `balances` has the account of each station: a layer, or operations between layers.

    >>> import microgradient as mg
    >>> a = mg.Value(2.0, label="a")
    >>> L = a * a - a
    >>> flow = mg.gradient_flow(a, of=L)
    >>> flow.symbol, flow.total, flow.balances[0].kept
    ('∂L/∂a', 3.0, Part(up=4.0, down=-1.0))
    """

    def __init__(
        self, symbol: str, total: float, balances: Sequence[Balance], bands: Sequence[Band], of_norm: bool = False
    ) -> None:
        self.symbol, self.total, self.of_norm = symbol, total, of_norm
        self.balances, self.bands = tuple(balances), tuple(bands)

    def told(self) -> list[tuple[str, Part]]:
        """What is listed, by name: the bands, and then what each station keeps."""
        kept = [balance for balance in reversed(self.balances) if balance.ends]
        return [
            *((f"{band.start.name} → {band.end.name}", band.part) for band in self.bands),
            *((translate(f"{each.station.name} keeps it", each.station.name), each.kept) for each in kept),
        ]

    def _lines(self) -> list[Line]:
        return _lines(self)


def gradient_flow(
    x: Value | Tensor | None = None, index: Index | None = None, *, of: Value | Tensor | None = None
) -> GradientFlow:
    """How does the gradient of `x` flow from the loss through the layers, and how much of it cancels?

    Between two layers flow the contributions of all edges that lead from one to the other: those of `mg.why`, upstream × local,
    each times how x moves what is behind it. Those that raise the gradient and those that lower it are added up apart: 2.0 may
    be +1000 - 998. Their sum is preserved: what flows into a layer flows out of it or ends in it. Operations outside of
    any layer are stations of their own, between the layers.

    `x` is a Value, a Tensor, or with `index` one entry of a Tensor; of a whole tensor the parts along its gradient flow, which
    add up to its norm. Without `x` it is all leaves together: what each layer keeps is then its share of ‖∇loss‖. A `custom_rule`
    whose jvp is not what its vjp says carries the right sum, spread along what arrives.

    Raises GradientError as `mg.why` does.

    >>> import microgradient as mg
    >>> a, b = mg.Value(1000.0, label="a"), mg.Value(998.0, label="b")
    >>> w = mg.Value(1.0, label="w")
    >>> L = w * a - w * b
    >>> L.label = "L"
    >>> mg.gradient_flow(w, of=L)
    ∂L/∂w = 2.0
      L → v1      +1000.0      0.0 = +1000.0  ▲
      L → v2          0.0   -998.0 =  -998.0  ▼
      v2 → w          0.0   -998.0 =  -998.0  ▼
      v1 → w      +1000.0      0.0 = +1000.0  ▲
      w keeps it  +1000.0   -998.0 =    +2.0  ▲
    """
    if x is None:
        if index is not None:
            raise ArgumentTypeError(
                "MG116", "`index` chooses an entry of a Tensor, and none is given: `mg.gradient_flow(w, (0, 1))`."
            )
        return flow_to(sweep_of(of, user_variables()))
    asked = question(x, index, of)
    return flow_to(asked.sweep, asked.node, asked.place)


def flow_to(
    sweep: Sweep,
    node: Node | None = None,
    place: tuple[int, ...] | None = None,
    among: Sequence[Station] | None = None,
) -> GradientFlow:
    """`gradient_flow` to the entry `place` of `node`, to all of it (None), or to all leaves, between the stations `among`."""
    symbol, total, direction = _direction(sweep, node, place)
    among = opened(stations(sweep)) if among is None else among
    found = balanced(flows(sweep, direction), total, sweep.root, set(direction), among)
    return GradientFlow(symbol, total, *found, of_norm=node is None or place is None)


def flow_to_leaves(sweep: Sweep) -> tuple[str, float, set[Node], list[tuple[Use, Part]]]:
    """The flow to all leaves, edge by edge: its symbol, how much flows, where it ends, and what each edge carries."""
    symbol, total, direction = _direction(sweep, None, None)
    return symbol, total, set(direction), flows(sweep, direction)


def balanced(
    carried: Sequence[tuple[Use, Part]], total: float, root: Node, targets: set[Node], among: Sequence[Station]
) -> tuple[list[Balance], list[Band]]:
    """The accounts of the stations, and the bands between them, from what each edge carries; `targets` are where it ends."""
    at = {member: station for station in among for member in station.nodes}
    source = Part.of(total)
    inflow: dict[Station, Part] = {}
    outflow: dict[Station, Part] = {}
    ends: dict[Node, Part] = {root: source} if root in targets else {}
    between: dict[tuple[Station, Station], list[tuple[Use, Part]]] = {}
    used = {at[root]}
    for use, part in carried:
        start, end = at[use.node], at[use.parent]
        used |= {start, end}
        if use.parent in targets:
            ends[use.parent] = ends.get(use.parent, Part()).plus(part)
        if start is not end:
            between.setdefault((start, end), []).append((use, part))
            outflow[start] = outflow.get(start, Part()).plus(part)
            inflow[end] = inflow.get(end, Part()).plus(part)
    balances = []
    for station in (station for station in among if station in used):
        own = {target: part for target, part in ends.items() if at[target] is station}
        begins = source if at[root] is station else Part()
        parts = inflow.get(station, Part()), begins, outflow.get(station, Part()), added_up(own.values())
        balances.append(Balance(station, *parts, own))
    bands = [
        Band(start, end, added_up(part for _, part in uses), sorted(uses, key=lambda each: -each[1].gross))
        for (start, end), uses in between.items()
    ]
    return balances, bands


def _direction(sweep: Sweep, node: Node | None, place: tuple[int, ...] | None) -> tuple[str, float, dict[Node, Any]]:
    """What is asked for as a symbol, the number that flows, and how the nodes move that it flows to."""
    of = sweep.names[sweep.root]
    if node is not None and place is not None:
        one_hot = np.zeros(node.shape, node.dtype)
        one_hot[place] = 1
        g = sweep.adjoints.get(node)
        entry = f"[{', '.join(map(str, place))}]" if place else ""
        total = 0.0 if g is None else float(np.asarray(g)[place])
        return f"∂{of}/∂{sweep.names.get(node, 'x')}{entry}", total, {node: one_hot}
    if node is not None:
        targets, symbol = [node], f"‖∂{of}/∂{sweep.names.get(node, 'x')}‖"
    else:
        leaves = [leaf for leaf in sweep.order if leaf.op is None]
        targets = [leaf for leaf in leaves if not sweep.is_literal(leaf)] or leaves
        symbol = f"‖∇{of}‖"
    gradients = {target: sweep.adjoints[target] for target in targets if target in sweep.adjoints}
    length = norm(tuple(gradients.values()))
    with np.errstate(all="ignore"):
        return symbol, length, {target: np.asarray(g) / (length or 1.0) for target, g in gradients.items()}


def _lines(found: GradientFlow) -> list[Line]:
    lines: list[Line] = [[(f"{found.symbol} = ", "bold"), (number(found.total), "bold yellow")]]
    if found.of_norm:
        lines[0].append((f"     {translate('parts along the gradient: they add up to its norm')}", "dim"))
    rows = [
        [name, _signed(part.up), _signed(part.down), _signed(part.net), mark(part.net)] for name, part in found.told()
    ]
    for name, up, down, net, sign in columns(rows, right=(1, 2, 3)):
        cells: Line = [
            ("  ", ""),
            (name, "bold"),
            ("  ", ""),
            (up, sign_style("▲")),
            ("  ", ""),
            (down, sign_style("▼")),
        ]
        lines.append([*cells, (" = ", "dim"), (net, ""), (f"  {sign}", sign_style(sign))])
    return lines


def _signed(x: float) -> str:
    return number(x, sign=bool(x))
