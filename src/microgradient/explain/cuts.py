"""Where the gradient was dropped: by `.detach()`, `no_grad`, `argmax`, `float(…)`, comparisons, the zeros of relu and clip."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..operators import FLAT
from ..tape import Cut, Node
from .sentences import expression
from .sweep import Sweep, Use


class Dropped(NamedTuple):
    """A number that became a constant, or something computed from it did: `source`; and what the constant went into, `user`.

    Each is None where it is no part of the graph. `name` says what became a constant, "" where that is not known.
    """

    source: Node | None
    user: Node | None
    name: str
    cut: Cut


def dropped(sweep: Sweep) -> list[Dropped]:
    """Every place where the graph of `sweep` lost a gradient, in order of evaluation, each once.

    That the root became a number is none: whatever a loss is logged by takes nothing from it.
    """
    known, recording = set(sweep.order), sweep.recording
    sources = {id(cut): node for node, cuts in recording.cuts.items() for cut in cuts}
    found: dict[Any, Dropped] = {}

    def add(source: Node | None, user: Node | None, cut: Cut) -> None:
        name = "" if source is None else _described(source, sweep)
        new = Dropped(_within(source, known), user, name, cut)
        found.setdefault((new.source, user, name, cut.what, cut.where), new)

    used = set()
    for user, cuts in recording.constants.items():
        for cut in cuts if user in known else ():
            used.add(id(cut))
            add(sources.get(id(cut)), user, cut)
    for source, cuts in recording.cuts.items():
        for cut in cuts if _within(source, known) not in (None, sweep.root) else ():
            if id(cut) not in used:
                add(source, _flat_user(source, cut, sweep), cut)
    places = {node: k for k, node in enumerate(sweep.order)}
    return sorted(found.values(), key=lambda each: max(places.get(n, -1) for n in (each.source, each.user) if n))


def zeros(use: Use, local: Any) -> tuple[int, int] | None:
    """Of relu and clip, how many entries let nothing through of what arrives, and how many there are; None of all others."""
    if use.op.name not in ("relu", "clip") or local is None or use.argument:
        return None
    stopped = (np.asarray(local) == 0) & (np.asarray(use.upstream) != 0)
    return int(np.sum(stopped)), stopped.size


def _flat_user(source: Node, cut: Cut, sweep: Sweep) -> Node | None:
    """The node of `floor(x)` and its like, which are nodes though their derivative is 0."""
    users: Iterator[Node] = (use.node for use in sweep.uses if use.parent is source and use.op.name == cut.what)
    return next(users, None) if cut.what in FLAT else None


def _within(node: Node | None, known: set[Node]) -> Node | None:
    """The node, or the latest one that is known of those it was computed from."""
    todo, seen, found = [node], {node}, []
    while todo:
        at = todo.pop()
        if at is None or at in known:
            found.append(at)
            continue
        new = [p for p in at.parents if p not in seen]
        seen.update(new)
        todo += new
    return max((n for n in found if n is not None), key=lambda n: n.seq, default=None)


def _described(node: Node, sweep: Sweep) -> str:
    def name(of: Node | None) -> str:
        return "…" if of is None else sweep.names.get(of) or sweep.recording.names.get(of) or ""

    if name(node) or node.op is None:
        return name(node)
    return expression(node.op, [name(parent) or "…" for parent in node.parents], node.params)
