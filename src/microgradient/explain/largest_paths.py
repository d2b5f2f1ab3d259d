"""`mg.paths`: the largest whole paths from a loss to what it was computed from, and exactly what all the others add."""

from __future__ import annotations

import functools
import itertools
import operator
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, GradientError, OutOfRangeError, as_given
from ..language import translate
from ..scalar import Value
from ..tape import Node
from ..tensor import Tensor
from .entry import Index
from .explanation import Edge
from .notation import LATEX, Notation, Row, derivative, joined, latex_rows, operand
from .path_search import Search, adjoints, at, is_number, sent
from .render import (
    Line,
    Shown,
    columns,
    mark,
    norm,
    number,
    short,
    sign_style,
    subject,
)
from .sweep import Sweep, Use
from .why import edge_of, question

_WIDTH = 80  # columns for the names of a path
_FACTORS = 6  # of a product that are written out
Muted = tuple[str, str] | Edge


@dataclass(frozen=True)
class Path:
    """One chain of operations from the loss to x, and what it contributes to ∂loss/∂x: the product of its derivatives.

    `names` are those of its nodes, `labels` the same with the nodes of a layer as one. `edges` has its steps, with the numbers
    of this path alone: what arrives, the local derivative, and what is sent on.

    >>> import microgradient as mg
    >>> a = mg.Value(2.0)
    >>> b = a * a
    >>> L = b * a
    >>> path = mg.paths(a, of=L).paths[0]
    >>> path.names, [edge.local for edge in path.edges], path.contribution
    (('L', 'a'), [4.0], 4.0)
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    contribution: Any
    uses: Sequence[Use] = field(repr=False, compare=False)
    sweep: Sweep = field(repr=False, compare=False)
    index: Any = field(repr=False, compare=False)  # of the entry of x; None: all of it

    @functools.cached_property
    def edges(self) -> tuple[Edge, ...]:
        """The steps of the path, from the loss on."""
        return tuple(_edges(self.uses, self.index, self.sweep))

    def __str__(self) -> str:
        return " → ".join(self.labels)


class Paths(Shown):
    """What `mg.paths` returns. Printing it shows it; `latex()` gives the sum in LaTeX.

    `paths` are the largest ones found, largest first, `rest` is what all others add, and `total` the sum of all: the gradient, or
    what it would be without the edges that are `muted`. `count` is how many paths there are. If `exact`, no other is larger.

    >>> import microgradient as mg
    >>> a = mg.Value(2.0)
    >>> L = a * a * a
    >>> found = mg.paths(a, of=L, top=2)
    >>> found.count, [path.contribution for path in found.paths], found.rest, found.total
    (3, [4.0, 4.0], 4.0, 12.0)
    """

    def __init__(self, name: str, of: str, paths: Sequence[Path], count: int, total: Any) -> None:
        self.name, self.of = name, of
        self.paths = tuple(paths)
        self.count = count
        self.total = total
        self.rest = total - sum(path.contribution for path in self.paths)
        self.exact = True
        self.muted: tuple[str, ...] = ()
        self.gradient = total

    def latex(self) -> str:
        """The sum over the paths as a LaTeX `aligned` block: in symbols, in numbers, the result."""
        return latex_rows(_rows(self, LATEX))

    def in_lines(self) -> list[str]:
        """Each path in a line; of long ones what is not on all of them, and of that the beginning and the end."""
        labels = [path.labels for path in self.paths]
        common = set.intersection(*map(set, labels)) if len(labels) > 1 else set()
        return [_shortened(path.labels, common) for path in self.paths]

    def _lines(self) -> list[Line]:
        return _lines(self)


def paths(
    x: Value | Tensor, index: Index | None = None, *, of: Value | Tensor | None = None, top: int = 8,
    without: Iterable[Muted] | Muted = (),
) -> Paths:  # fmt: skip
    """Along which paths does the gradient of `x` come: ∂of/∂x = Σ over all paths of the product of the derivatives on it.

    A path is a chain of operations from the loss to x. Between numbers, its contribution is the product of the local derivatives.
    Between tensors it is what a backward sweep along this chain alone brings to x: for an entry (with `index`) a number, for the
    whole tensor an array; these are ranked by their norm. The `top` largest are given, the others as one exact sum, and
    counted; there may be more than could ever be listed. Where there are arrays on the way, others than those that are
    found may be larger (see `Paths.exact`).

    `without` are edges to mute: pairs of names as `names` of a path has them, or of layers, or an `Edge` of a path or of
    `mg.why`. What is told is then the gradient as it would be if nothing came back along these edges.

    Raises GradientError as `mg.why` does, OutOfRangeError for `top` < 1, and GradientError (MG118) if there is no such edge.

    >>> import microgradient as mg
    >>> a, b = mg.Value(2.0, label="a"), mg.Value(-3.0, label="b")
    >>> L = a * b + a
    >>> L.label = "L"
    >>> mg.paths(a, of=L)
    ∂L/∂a = -2.0     2 paths from L to a, added
      L → v1 → a  1.0 × -3.0 = -3.0  ▼
      L → a              1.0 = +1.0  ▲
    >>> mg.paths(a, of=L, without=[("L", "v1")]).total
    1.0
    """
    try:
        top = operator.index(top)
    except TypeError:
        raise ArgumentTypeError("MG116", f"`top` is how many paths to give, not {as_given(top)}.") from None
    if top < 1:
        raise OutOfRangeError("MG127", f"`top` is how many paths to give, at least 1, not {top}.")
    sweep, node, place, _, _, _ = question(x, index, of)
    name = _name(sweep, node, place)
    return paths_to(sweep, node, place, top, _muted(without, sweep, {name: sweep.names.get(node)}))


def paths_to(sweep: Sweep, node: Node, place: tuple[int, ...] | None, top: int, muted: Mapping[int, Use]) -> Paths:
    """`paths` to the entry `place` of `node`, or to all of it (None), without the uses in `muted`, by their id."""
    name = _name(sweep, node, place)
    uses = [use for use in sweep.uses if id(use) not in muted] if muted else sweep.uses
    with np.errstate(all="ignore"):
        reached = adjoints(sweep, uses) if muted else sweep.adjoints
        search = Search(sweep, uses, node, place, top)
        ends, exact = search.largest()
    told = _labels([chain for chain, _ in ends], sweep)
    given = [
        Path(
            (*(sweep.names[use.node] for use in chain), name),
            (*labels, name),
            contribution,
            chain,
            sweep,
            place,
        )
        for (chain, contribution), labels in zip(ends, told, strict=True)
    ]
    found = Paths(name, sweep.names[sweep.root], given, search.count, at(reached.get(node), node, place))
    found.exact, found.gradient = exact, at(sweep.adjoints.get(node), node, place)
    found.muted = tuple(f"{sweep.names[use.node]} → {sweep.names[use.parent]}" for use in muted.values())
    return found


def _name(sweep: Sweep, node: Node, place: tuple[int, ...] | None) -> str:
    return sweep.names.get(node, "x") + (f"[{', '.join(map(str, place))}]" if place else "")


def _edges(chain: Sequence[Use], place: Any, sweep: Sweep) -> Iterable[Edge]:
    t: Any = np.ones(sweep.root.shape, sweep.root.dtype)
    for use in chain:
        with np.errstate(all="ignore"):
            g = sent(sweep, use.node, t)[use.argument]
        if use is chain[-1]:
            g = at(g, use.parent, place)
        node = use.node
        entry = (0,) * node.ndim if is_number(node) else None
        yield edge_of(use, "", (_plain(t), _plain(sweep.local(use)), _plain(g)), sweep, entry)
        t = g


def _muted(without: Iterable[Muted] | Muted, sweep: Sweep, entry: Mapping[str, str | None]) -> dict[int, Use]:
    """The uses that are meant by pairs of names, or by edges. `entry`: the name of an entry means its tensor."""
    found: dict[int, Use] = {}
    values = sweep.recording.values
    given: list[Any] = [without] if isinstance(without, Edge) else list(without)
    if len(given) == 2 and all(isinstance(name, str) for name in given):
        given = [given]
    called = {node: {sweep.names[node], sweep.recording.layer_path(node)} - {""} for node in sweep.order if given}
    for one in given:
        if isinstance(one, Edge):
            uses = [u for u in sweep.uses if (values.get(u.node, u.node), u.argument) == (one.node, one.argument)]
            told = f"`{one.via}`, as it is in another graph"
        elif isinstance(one, tuple | list) and len(one) == 2:
            a, b = (entry.get(name, name) for name in one)
            uses = [
                use for use in sweep.uses
                if (a in called[use.node] and b in called[use.parent]) or (b in called[use.node] and a in called[use.parent])
            ]  # fmt: skip
            told = f"`{one[0]}` and `{one[1]}`"
        else:
            raise ArgumentTypeError("MG116", f"`without` takes pairs of names and edges, not {as_given(one)}.")
        if not uses:
            raise GradientError(
                "MG118",
                f"There is no edge to mute between {told}. Names are those of `mg.paths(x).paths[0].names`, and layers.",
            )
        found.update((id(use), use) for use in uses)
    return found


def _plain(a: Any) -> Any:
    return float(a) if a is not None and not isinstance(a, tuple) and not np.ndim(a) else a


# -------------------------------------------------------------------------------------------------------------- as text


def _labels(chains: Sequence[Sequence[Use]], sweep: Sweep) -> list[list[str]]:
    """The nodes of each chain by name, those of a layer as one; there, what tells apart chains that would look the same."""
    runs = [_runs(chain, sweep) for chain in chains]
    keys = [tuple(layer or names[0] for layer, names in run) for run in runs]
    alike = {key: [run for run, other in zip(runs, keys, strict=True) if other == key] for key in keys}
    return [
        [_label(layer, names, [other[i][1] for other in same]) for i, (layer, names) in enumerate(run)]
        for run, same in zip(runs, [alike[key] for key in keys], strict=True)
    ]


def _runs(chain: Sequence[Use], sweep: Sweep) -> list[tuple[str, list[str]]]:
    """(layer, names of the nodes) for each stretch of a chain within one layer; a node outside of layers stands alone."""
    found: list[tuple[str, list[str]]] = []
    for use in chain:
        layer, name = sweep.recording.layer_path(use.node), sweep.names[use.node]
        if use.node.parents.count(use.parent) > 1:
            name += translate(f", argument {use.argument + 1}")
        if layer and found and found[-1][0] == layer:
            found[-1][1].append(name)
        else:
            found.append((layer, [name]))
    return found


def _label(layer: str, names: list[str], alike: list[list[str]]) -> str:
    """A layer, with those of its nodes that are not on all the paths which lead through the same layers."""
    often = Counter(name for other in alike for name in other)
    own = sorted((name for name in names if often[name] < len(alike)), key=often.__getitem__)[
        :3
    ]  # the rarest tell most
    if not layer or not own:
        return layer or names[0]
    return f"{layer}({', '.join(name for name in names if name in own)})"


def _shortened(labels: Sequence[str], common: Set[str]) -> str:
    """A path in one line; of a long one what is not on all paths, and of that the beginning and the end."""
    if sum(map(len, labels)) < _WIDTH:
        return " → ".join(labels)
    kept = [i for i, label in enumerate(labels) if label not in common or i in (0, len(labels) - 1)]
    while len(kept) > 4 and sum(len(labels[i]) + 8 for i in (kept if len(kept) < _WIDTH else kept[:_WIDTH])) > _WIDTH:
        at = len(kept) // 2
        kept = [*kept[:at], *kept[at + 1 :]] if len(kept) < _WIDTH else [*kept[: _WIDTH // 4], *kept[-_WIDTH // 4 :]]
    told = [labels[0]]
    for before, i in itertools.pairwise(kept):
        told += [f"… {i - before - 1} …"] * (i > before + 1) + [labels[i]]
    return " → ".join(told)


def counted(n: int) -> str:
    """A number of paths, which may be larger than anything."""
    return f"{n:,}" if n < 10**15 else f"about {float(n):.3g}" if n < 10**300 else "more than 1e+300"


def _lines(found: Paths) -> list[Line]:
    left = found.count - len(found.paths)
    of, x = found.of, found.name
    if not found.count:
        told = translate(f"no path leads from {of} to {x}", of, x)
    elif found.count == 1:
        told = translate(f"1 path from {of} to {x}", of, x)
    else:
        told = translate(f"{counted(found.count)} paths from {of} to {x}, added", of, x)
    lines: list[Line] = [[(f"∂{of}/∂{x} = ", "bold"), (short(found.total), "bold yellow"), (f"     {told}", "")]]
    names = found.in_lines()
    rows = [
        [name, _product(p), " = ", _signed(p.contribution), mark(p.contribution)]
        for name, p in zip(names, found.paths, strict=True)
    ]
    for cells in columns(rows, right=(1,)):
        name, product, equals, contribution, sign = cells
        line: Line = [("  ", ""), (name, "bold"), ("  ", ""), (product, "cyan"), (equals, "dim"), (contribution, "")]
        lines.append([*line, (f"  {sign}", sign_style(sign))])
    if left:
        lines.append([("  " + translate(f"and {counted(left)} more: "), ""), (_signed(found.rest), "bold")])
    for edge in found.muted:
        lines.append([subject("muted"), (edge, "")])
    if found.muted:
        lines.append([subject("with it"), (f"∂{of}/∂{x} = {short(found.gradient)}", "")])
    if not found.exact and left:
        told = translate("larger ones may be among the others: arrays were on the way")
        lines.append([subject("beam"), (told, "dim")])
    return lines


def _product(path: Path) -> str:
    """The local derivatives written out, where they are few numbers."""
    if np.ndim(path.contribution) or len(path.names) > _FACTORS + 1:
        return ""
    locals_ = [edge.local for edge in path.edges]
    return "" if any(x is None or np.ndim(x) for x in locals_) else " × ".join(map(number, locals_))


def _signed(contribution: Any) -> str:
    return short(contribution) if np.ndim(contribution) else number(contribution, sign=True)


def _rows(found: Paths, to: Notation) -> list[Row]:
    """What is left and right of each equals sign of the derivation."""
    left = derivative(to, to.name(found.of, ""), to.name(found.name, ""))
    dots = [to.sign("⋯")] if found.count > len(found.paths) else []
    chains = [_chain(path.names, to) for path in found.paths]
    rows = [(left, joined(to, "+", [*chains, *dots]) or to.number(0))]
    if np.ndim(found.total):
        return [*rows, (to.norm(left), to.number(norm(found.total)))]
    numbers = [path.contribution for path in found.paths] + ([found.rest] if dots else [])
    if len(numbers) > 1:
        rows.append(("", joined(to, "+", [operand(to, x) for x in numbers])))
    return [*rows, ("", to.number(found.total))]


def _chain(names: Sequence[str], to: Notation) -> str:
    """The product of the derivatives along a path; of many, the first and the last."""
    steps = [derivative(to, to.name(a, ""), to.name(b, "")) for a, b in itertools.pairwise(names)]
    return joined(to, "·", steps if len(steps) <= _FACTORS else [*steps[:2], to.sign("⋯"), *steps[-2:]])
