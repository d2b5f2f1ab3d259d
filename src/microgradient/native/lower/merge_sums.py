"""Sums of many terms: similar contractions become one with many terms, assembled pieces one assembly.

A weight used at every step of a sequence gets its gradient as such a sum, and so does what was sliced step by step. Added
up one by one, each term would read and write the whole gradient.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from ...program.program import Instruction
from .ops import VIEWS


def merge_sums(made: list[Instruction], outputs: list[Instruction]) -> list[Instruction]:
    """The instructions, with similar contractions, and assembled pieces, of a sum merged."""
    uses = Counter(id(a) for i in made for a in i.args if isinstance(a, Instruction))
    uses.update(id(o) for o in outputs)
    terms: dict[int, list[Instruction]] = {}  # of each addition
    inner: set[int] = set()  # additions that are terms themselves
    for i in made:
        if i.op == "add" and all(
            isinstance(a, Instruction) and a.shape == i.shape and a.dtype == i.dtype for a in i.args
        ):
            terms[id(i)] = []
            for a in i.args:
                single = uses[id(a)] == 1
                inner |= {id(a)} if id(a) in terms and single else set()
                terms[id(i)] += terms[id(a)] if id(a) in terms and single else [a]
    out: list[Instruction] = []
    gone: set[int] = set()
    known = {id(i) for i in made}
    for i in made:
        if id(i) in terms and id(i) not in inner and len(terms[id(i)]) > 1:
            merged, absorbed = _merged(terms[id(i)], uses)
            if absorbed:
                gone |= absorbed | _inside(i, terms, inner)
                out += _summed(i, merged, known)
                continue
        out.append(i)
    return _zeros_added(_unnested([i for i in out if id(i) not in gone], outputs))


def _unnested(made: list[Instruction], outputs: list[Instruction]) -> list[Instruction]:
    """Pieces that are assembled themselves, for nobody else, are replaced by their own pieces."""
    uses = Counter(id(a) for i in made for a in i.args if isinstance(a, Instruction))
    uses.update(id(o) for o in outputs)
    gone: set[int] = set()
    for i in made:
        if i.op != "assemble" or "windows" in i.params:
            continue
        pieces: list[Any] = []
        keys: list[Any] = []
        terms: list[bool] = []
        for piece, key, term in zip(i.args, i.params["keys"], _terms(i), strict=True):
            if piece.op == "assemble" and uses[id(piece)] == 1 and "windows" not in piece.params:
                gone.add(id(piece))
                pieces += piece.args
                keys += [tuple(map(_within, key, inner)) for inner in piece.params["keys"]]
                terms += [term or inner for inner in _terms(piece)]
            else:
                pieces.append(piece)
                keys.append(key)
                terms.append(term)
        i.args, i.params = tuple(pieces), {"keys": tuple(keys), "terms": tuple(terms)}
    return [i for i in made if id(i) not in gone]


def _terms(i: Instruction) -> tuple[bool, ...]:
    """For each piece of an assembly whether it was a term of a sum, to which the other terms added zeros."""
    return i.params.get("terms", (False,) * len(i.args))


def _zeros_added(made: list[Instruction]) -> list[Instruction]:
    """Zero is added to the pieces that were terms of sums, which makes +0 of -0 as in the sum. Contractions read the same, as
    their sums begin with +0; so a piece is stored once."""
    sums = _with_zero(made)
    known = {id(i) for i in made}
    out = [total for total in sums.values() if id(total.args[0]) not in known]  # of inputs
    again: dict[int, Instruction] = {}

    def instead(x: Instruction) -> Instruction:
        """The same view of what zero was added to."""
        if id(_below(x)) not in sums:
            return x
        if x.op not in VIEWS:
            return sums[id(x)]
        if id(x) not in again:
            below = instead(x.args[0])
            again[id(x)] = Instruction(x.op, (below, *x.args[1:]), x.params, x.shape, x.dtype, x.weak, x.where)
            out.append(again[id(x)])
        return again[id(x)]

    for i in made:
        if i.op == "assemble" and "terms" in i.params:
            i.args = tuple([instead(a) if term else a for a, term in zip(i.args, i.params["terms"], strict=True)])
            i.params = {"keys": i.params["keys"]}
        elif i.op == "contract":
            i.args = tuple(map(instead, i.args))
        out.append(i)
        if id(i) in sums:
            out.append(sums[id(i)])
    return out


def _with_zero(made: list[Instruction]) -> dict[int, Instruction]:
    """The additions of zero, each by what it is added to: whatever lies below a term and may be -0."""
    sums: dict[int, Instruction] = {}
    never = set()  # what is never -0: results of sums with something that never is, and views of them
    for i in made:
        if i.op == "assemble":
            for a, term in zip(i.args, _terms(i), strict=True):
                x = _below(a)
                if term and x.dtype.kind == "f" and id(x) not in never and id(x) not in sums:
                    sums[id(x)] = Instruction("add", (x, 0), {}, x.shape, x.dtype, where=i.where)
            if all(_terms(i)):
                never.add(id(i))
        elif i.op == "contract" or (i.op in ("add", *VIEWS) and any(id(a) in never for a in i.args)):
            never.add(id(i))
    return sums


def _below(x: Instruction) -> Instruction:
    """What a view is a view of."""
    while x.op in VIEWS:
        x = x.args[0]
    return x


def _within(outer: slice, inner: slice) -> slice:
    """The slice `inner` of what `outer` selects."""
    step, start = outer.step or 1, outer.start + inner.start * (outer.step or 1)
    last = outer.start + (inner.stop - 1) * step
    return slice(start, last + 1, step * (inner.step or 1))


def _inside(root: Instruction, terms: dict[int, list[Instruction]], inner: set[int]) -> set[int]:
    """The additions below a sum."""
    found: set[int] = set()
    stack = [root]
    while stack:
        for a in stack.pop().args:
            if id(a) in inner and id(a) in terms:
                found.add(id(a))
                stack.append(a)
    return found


def _merged(terms: list[Instruction], uses: Counter[int]) -> tuple[list[Instruction], set[int]]:
    """Fewer terms with the same sum, and the instructions that are no longer needed."""
    kinds: dict[Any, list[Instruction]] = {}
    for place, t in enumerate(terms):
        key: Any = place
        if uses[id(t)] == 1 and t.op == "contract":
            n = len(t.args) // 2
            key = ("contract", repr(t.params), repr(_trail(t.args[0])), repr(_trail(t.args[n])))
        elif uses[id(t)] == 1 and t.op == "assemble" and "windows" not in t.params:
            key = "assemble"
        kinds.setdefault(key, []).append(t)
    out, absorbed = [], set()
    for members in kinds.values():
        first = members[0]
        if len(members) == 1:
            out.append(first)
        elif first.op == "contract":
            n = len(first.args) // 2
            args = (*(a for m in members for a in m.args[:n]), *(b for m in members for b in m.args[n:]))
            out.append(Instruction("contract", args, first.params, first.shape, first.dtype, where=first.where))
            absorbed |= {id(m) for m in members}
        else:
            for group in _disjoint(members):
                if len(group) == 1:
                    out.append(group[0])
                    continue
                args = tuple(a for m in group for a in m.args)
                keys = tuple(k for m in group for k in m.params["keys"])
                params = {"keys": keys, "terms": (True,) * len(keys)}
                out.append(Instruction("assemble", args, params, first.shape, first.dtype, where=first.where))
                absorbed |= {id(m) for m in group}
    return out, absorbed


def _disjoint(members: list[Instruction]) -> list[list[Instruction]]:
    """Assemblies in groups whose pieces do not overlap."""
    groups: list[list[Instruction]] = []
    for m in members:
        for group in groups:
            if all(_apart(m.params["keys"], other.params["keys"]) for other in group):
                group.append(m)
                break
        else:
            groups.append([m])
    return groups


def _summed(root: Instruction, merged: list[Instruction], known: set[int]) -> list[Instruction]:
    """The instructions that add up the merged terms, the last of them being `root`."""
    fresh = [m for m in merged if id(m) not in known]
    if len(merged) == 1:
        (only,) = merged
        root.op, root.args, root.params = only.op, only.args, only.params
        return [root]
    total = merged[0]
    for m in merged[1:-1]:
        total = Instruction("add", (total, m), {}, root.shape, root.dtype, where=root.where)
        fresh.append(total)
    root.args = (total, merged[-1])
    return [*fresh, root]


def _trail(x: Instruction) -> list[Any]:
    """The shapes and views that lead to an operand."""
    trail: list[Any] = [x.shape]
    while x.op in VIEWS:
        trail.append((x.op, x.shape, repr(x.params)))
        x = x.args[0]
    if x.op == "index":
        key = x.params["key"]
        trail.append(("index", x.args[0].shape, [(p.step if isinstance(p, slice) else p is None) for p in key]))
    return trail


def _apart(first: Any, second: Any) -> bool:
    """Whether no piece of the first meets one of the second: along some axis their slices are apart."""
    return all(any(map(_disjoint_slices, a, b)) for a in first for b in second)


def _disjoint_slices(p: slice, q: slice) -> bool:
    """Whether two slices are one after the other, or take turns (even and odd places)."""
    steps = math.gcd(p.step or 1, q.step or 1)
    return p.stop <= q.start or q.stop <= p.start or (p.start - q.start) % steps != 0
