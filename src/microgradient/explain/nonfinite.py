"""Where NaN and ∞ come from: the operation that gave the first one forward, or the edge of the sweep where 0 met ∞."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..tape import Node, topological
from .render import number
from .sentences import expression
from .sweep import Sweep, Use

Test = Callable[[Any], Any]
_SHOWN = 6  # entries


class Culprit(NamedTuple):
    """An entry that is NaN or infinite: how it came about in numbers, such as `log(-0.5) = nan`, and the entry to look at."""

    text: str
    node: Node | None  # whose entry did it; None of a constant
    place: tuple[int, ...]


@dataclass(frozen=True)
class Origin:
    """Where the first NaN or ∞ of a graph comes from.

    `node` is the operation that gave it, or in the sweep (`backward`) the one through which it went, or a leaf that held it.
    `text` says so, `culprits` are the first of its `count` entries, `victims` what came after it. `shown` is the node, and the
    entry of it, whose explanation shows it. `cause` is where the ∞ comes from that became NaN.
    """

    node: Node
    what: str  # NaN or ∞
    backward: bool
    text: str
    shown: tuple[Node, tuple[int, ...] | None]
    culprits: list[Culprit] = field(default_factory=list)
    count: int = 0
    victims: list[Node] = field(default_factory=list)
    cause: Origin | None = None


def first_nonfinite(sweep: Sweep) -> Origin | None:
    """Where what is not finite in the graph comes from; None where nothing is, or nothing but infinite numbers that did no harm.

    NaN before ∞, which may be meant, as in a mask; and forward before backward, if it got to the root.
    """
    root, gradients = sweep.value(sweep.root), [g for g in map(sweep.adjoints.get, sweep.order) if g is not None]
    for test in (_nan, _infinite):
        if test(root) and (found := _forward(sweep, test)) is not None:
            return found
        if any(map(test, gradients)) and (found := _backward(sweep, test)) is not None:
            return found
    return _forward(sweep, _nan)


# ---------------------------------------------------------------------------------------------------------- as sentences


def first_nan(sweep: Sweep) -> str:
    """The first operation, in order of evaluation, that gave NaN, or that was given one. "" if there is none."""
    found = _forward(sweep, _nan)
    if found is None or found.node.op is None:
        return "" if found is None else found.text
    later = sum(map(_nan, map(sweep.value, found.victims)))
    told = f"{found.text}; later results that are NaN because of it: {later}."
    if found.cause is None:
        return told + _cure(found.node, sweep)
    cause = found.cause.node
    if not _given(cause, sweep):
        return told + f" The infinity that it was given comes from {_told(cause, sweep)}." + _cure(cause, sweep)
    name = sweep.names[cause]
    if cause.op is not None:
        return told + f" The infinity that it was given is a constant that enters {name}."
    return (
        told + f" The infinity that it was given is in {name} already: a parameter after an earlier step, or the data."
    )


def _given(node: Node, sweep: Sweep) -> bool:
    """Whether its numbers were infinite before any operation: it is a leaf, or was given an infinite constant."""
    return node.op is None or any(map(_infinite, sweep.step(node).args))


def _cure(node: Node, sweep: Sweep) -> str:
    """What to write instead: no help where what the operation was given was not finite."""
    finite = node.op is not None and all(map(_finite, sweep.step(node).args))
    return CURES.get(node.op.name, "") if finite and node.op is not None else ""


CURES = {
    "log": " Write `mg.log(mg.clip(x, 1e-7))`, or add a small number.",
    "sqrt": " Write `mg.sqrt(mg.clip(x, 1e-12))`.",
    "divide": " Write `a / (b + 1e-8)`.",
    "exp": " Subtract the largest before, as `mg.softmax` does, or scale the input down.",
}
"""What to write instead of an operation that gave NaN or infinity, by its name."""


def zero_times_infinity(sweep: Sweep) -> str:
    """The first edge of the sweep where a number arrived and NaN was sent on, and what to write. "" if there is none.

    Nor where the result itself is NaN: `first_nan` has told what to mend.
    """
    use = None if _nan(sweep.value(sweep.root)) else _first_use(sweep, _nan)
    return "" if use is None else _told_of_use(use, sweep)


def _told_of(node: Node, sweep: Sweep, test: Test) -> str:
    args, y = sweep.step(node).args, sweep.value(node)
    given = [np.asarray(a, np.float64) for a in args if np.asarray(a).dtype.kind in "fiu"]
    if any(test(a) for a in given):
        return f"an input of {_told(node, sweep)} is {_WORDS[test]} already: a parameter after an earlier step, or the data"
    count = f"{np.sum(_entries(y, test)):,} of {np.size(y):,} entries"
    return f"the first comes from {_told(node, sweep)}, {count}; its inputs: {ranges(given)}"


def ranges(arrays: Iterable[Any]) -> str:
    """The least and the largest entry of each array."""
    return ", ".join(f"{a.min():.6g} … {a.max():.6g}" if a.size > 1 else f"{a.item():.6g}" for a in arrays if a.size)


def _told_of_use(use: Use, sweep: Sweep) -> str:
    formula = _told(use.node, sweep)
    if np.any(_infinite_zeros(use)):
        return f"∞ × 0 in {formula}: ∞ arrives where its own derivative is 0"
    if np.all(use.upstream):
        return f"{formula} has the derivative NaN"
    met = f"0 × ∞ in {formula}: 0 arrives where its own derivative is infinite or NaN."
    if _infinite(sweep.value(sweep.root)) and (found := _forward(sweep, _infinite)) is not None:
        return met + f" The ∞ is there on the way forward: {found.text}"
    x, ok = _to_replace(use, sweep)
    return met + (
        f" Where the result is not used, let a harmless number take the place of {x}: mg.where(ok, {x}, 1.), with ok such "
        f"as {ok}"
    )


def _to_replace(use: Use, sweep: Sweep) -> tuple[str, str]:
    """What has an infinite derivative where it is not used, and a condition under which it has none."""
    divisor = use.node.parents[1] if use.op.name == "divide" else None
    node = divisor or use.parent
    x = sweep.names.get(node, sweep.names[use.parent])
    if not _finite(sweep.value(node)):
        return x, f"mg.isfinite({x})"
    return x, x + _HARMLESS.get(use.op.name, " > 0")


_HARMLESS = {"divide": " != 0", "reciprocal": " != 0", "exp": " < 80"}


def _infinite_zeros(use: Use) -> Any:
    """Where ∞ arrives, in a pointwise use, and NaN is sent on."""
    alike = use.op.kind == "pointwise" and np.shape(use.upstream) == np.shape(use.contribution)
    return np.isinf(use.upstream) & np.isnan(use.contribution) if alike else False


def _told(node: Node, sweep: Sweep) -> str:
    return f"{sweep.names[node]} = {sweep.formula(node)} {sweep.step(node).where}".rstrip()


# -------------------------------------------------------------------------------------------------------------- forward


def _producer(sweep: Sweep, nodes: Iterable[Node], test: Test) -> Node | None:
    """The first operation that gave what `test` finds, or that was given it: what it was given comes first."""
    for node in nodes:
        args = sweep.step(node).args
        if args and (any(map(test, args)) or test(sweep.value(node))):
            return node
    return None


def _forward(sweep: Sweep, test: Test) -> Origin | None:
    return _first(sweep, sweep.order, test)


def _first(sweep: Sweep, nodes: Iterable[Node], test: Test) -> Origin | None:
    node = _producer(sweep, nodes, test)
    if node is None:
        return None
    text = _told_of(node, sweep, test)
    given = next(
        (p for p, a in zip(node.parents, sweep.step(node).args, strict=False) if p is not None and test(a)), None
    )
    where = given or node  # of an operation that was given it, the leaf that held it
    places = np.argwhere(_entries(sweep.value(where), test))
    victims = _after(where, sweep, test)
    entry = tuple(places[0].tolist()) if len(places) else None
    if given is not None or any(map(test, sweep.step(node).args)):
        found = (
            [Culprit(f"{sweep.names[where]}{_place(i)}", where, i) for i in _tuples(places[:_SHOWN])] if given else []
        )
        return Origin(where, _WORDS[test], False, text, (where, entry), found, len(places) if given else 0, victims)
    culprits = [_culprit(node, index, sweep) for index in _tuples(places[:_SHOWN])]
    return Origin(
        node, _WORDS[test], False, text, (node, entry), culprits, len(places), victims, _cause(node, sweep, test)
    )


def _culprit(node: Node, index: tuple[int, ...], sweep: Sweep) -> Culprit:
    """The numbers from which one entry of the result was computed, if that is pointwise; else the entry alone."""
    assert node.op is not None
    y = np.asarray(sweep.value(node))
    result = f" = {number(y[index])}"
    if node.op.kind != "pointwise":
        return Culprit(f"{sweep.names[node]}{_place(index)}{result}", node, index)
    args = [np.asarray(a) for a in sweep.step(node).args]
    entries = [_broadcast(index, a.shape) for a in args]
    numbers = [number(a[at]) if a.dtype.kind == "f" else f"{a[at]}" for a, at in zip(args, entries, strict=True)]
    if node.op.symbol or node.op.name == "power":  # not so in a call
        numbers = [f"({told})" if told.startswith("-") else told for told in numbers]
    of = [(p, at) for p, at in zip(node.parents, entries, strict=True) if p is not None]
    parent, at = of[-1]  # a denominator or an exponent rather than what is before it
    return Culprit(expression(node.op, numbers, node.params) + result, parent, at)


def _cause(node: Node, sweep: Sweep, test: Test) -> Origin | None:
    """Of NaN that was made of ∞: where that comes from."""
    if test is not _nan or not any(map(_infinite, sweep.step(node).args)):
        return None
    before = set(topological([node]))
    return _first(sweep, (n for n in sweep.order if n in before), _infinite)


# ------------------------------------------------------------------------------------------------------------- backward


def _first_use(sweep: Sweep, test: Test) -> Use | None:
    """The first edge of the sweep where something else arrived, and what `test` finds was sent on."""
    for use in sweep.uses:
        if isinstance(use.upstream, tuple) or isinstance(use.contribution, tuple):
            continue
        if not test(use.upstream) and test(use.contribution):
            return use
    return None


def _backward(sweep: Sweep, test: Test) -> Origin | None:
    use = _first_use(sweep, test)
    if use is None:
        return None
    parent, x = use.parent, sweep.value(use.parent)
    places = _tuples(np.argwhere(_entries(use.contribution, test)))
    local, up = sweep.local(use), np.asarray(use.upstream)
    culprits = []
    for index in places[:_SHOWN]:
        told = f"{sweep.names[parent]}{_place(index)}" + ("" if x is None else f" = {number(np.asarray(x)[index])}")
        if local is not None and np.shape(local) == up.shape == tuple(parent.shape or ()):
            told += f": {number(up[index])} × {number(np.asarray(local)[index])} = {number(np.asarray(use.contribution)[index])}"
        culprits.append(Culprit(told, parent, index))
    text = _told_of_use(use, sweep) if test is _nan else f"{_told(use.node, sweep)} has an infinite derivative there"
    victims = [n for n in sweep.order if test(sweep.adjoints.get(n))]
    cause = _backward(sweep, _infinite) if test is _nan and np.any(_infinite_zeros(use)) else None
    return Origin(use.node, _WORDS[test], True, text, (parent, places[0]), culprits, len(places), victims, cause)


# ----------------------------------------------------------------------------------------------------------- the entries


def _after(node: Node, sweep: Sweep, test: Test) -> list[Node]:
    """What was computed from `node` and is not finite either, and every gradient that is not."""
    reached = {node}
    found = []
    for n in sweep.order:
        if any(p in reached for p in n.parents) and not _finite(sweep.value(n)):
            reached.add(n)
        if n is not node and (n in reached or test(sweep.adjoints.get(n))):
            found.append(n)
    return found


def _entries(x: Any, test: Test) -> Any:
    a = np.asarray(x)
    return np.isnan(a) if test is _nan else np.isinf(a)


def _any(x: Any, found: Callable[[Any], Any]) -> bool:
    if isinstance(x, tuple):
        return any(_any(part, found) for part in x)
    return x is not None and np.asarray(x).dtype.kind == "f" and bool(np.any(found(x)))


def _nan(x: Any) -> bool:
    return _any(x, np.isnan)


def _infinite(x: Any) -> bool:
    return _any(x, np.isinf)


def _finite(x: Any) -> bool:
    return not _nan(x) and not _infinite(x)


_WORDS: dict[Test, str] = {_nan: "NaN", _infinite: "∞"}


def _tuples(places: Any) -> list[tuple[int, ...]]:
    return list(map(tuple, places.tolist()))


def _broadcast(index: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Which entry of an operand of this shape went into the entry `index` of the result."""
    last = index[len(index) - len(shape) :]
    return tuple(0 if n == 1 else i for i, n in zip(last, shape, strict=True))


def _place(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]" if index else ""
