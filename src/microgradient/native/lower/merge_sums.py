"""Sums of assembled pieces become one assembly, and so do pieces that are assembled themselves.

What was sliced step by step gets its gradient as such a sum. Added up one by one, each term would read and write it all.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from ...program.program import Instruction
from .ops import VIEWS


def merge_assemblies(made: list[Instruction], outputs: list[Instruction]) -> list[Instruction]:
    """The instructions, with assemblies that meet in a sum or in another assembly, and that nothing else reads, merged."""
    uses = Counter(id(a) for i in made for a in i.args if isinstance(a, Instruction))
    uses.update(id(o) for o in outputs)
    gone: set[int] = set()
    out: list[Instruction] = []

    def alone(x: Any, op: str = "assemble") -> bool:
        return isinstance(x, Instruction) and x.op == op and uses[id(x)] == 1 and "windows" not in x.params

    def sum_of(a: Any, b: Any) -> Instruction | None:
        """One assembly of the pieces of two that do not meet."""
        if not (alone(a) and alone(b) and a.shape == b.shape and a.dtype == b.dtype and _apart(a, b)):
            return None
        gone.update((id(a), id(b)))
        pieces = [_plus_zero(x, out) for x in (*a.args, *b.args)]
        both = Instruction("assemble", tuple(pieces), {"keys": a.params["keys"] + b.params["keys"]}, a.shape, a.dtype)
        both.where = b.where
        uses[id(both)] = 1
        return both

    for i in made:
        if i.op == "add":
            _add(i, alone, sum_of, gone, out)
        elif i.op == "assemble" and "windows" not in i.params:
            _unnest(i, alone, gone)
        out.append(i)
    return [i for i in out if id(i) not in gone]


def _add(i: Instruction, alone: Any, sum_of: Any, gone: set[int], out: list[Instruction]) -> None:
    """Merge the terms of an addition, or one with a term of the addition before it."""
    a, b = i.args
    if (both := sum_of(a, b)) is not None:
        i.op, i.args, i.params = both.op, both.args, both.params
        return
    for before, term in ((a, b), (b, a)):
        if alone(before, "add"):
            for rest, other in (before.args, before.args[::-1]):
                if (both := sum_of(other, term)) is not None:
                    gone.add(id(before))
                    out.append(both)
                    i.args = (rest, both)
                    return


def _unnest(i: Instruction, alone: Any, gone: set[int]) -> None:
    """Replace pieces that are assembled for nobody else by their own pieces."""
    pieces: list[tuple[Any, Any]] = []
    for piece, key in zip(i.args, i.params["keys"], strict=True):
        if alone(piece):
            gone.add(id(piece))
            inner = zip(piece.args, piece.params["keys"], strict=True)
            pieces += [(x, tuple(map(_within, key, own))) for x, own in inner]
        else:
            pieces.append((piece, key))
    i.args, i.params = tuple(x for x, _ in pieces), {"keys": tuple(key for _, key in pieces)}


def _plus_zero(x: Instruction, out: list[Instruction]) -> Instruction:
    """x, with +0 where it is -0, as the other terms of the sum made it. Contractions begin with +0, and so do such sums."""
    below = x
    while below.op in VIEWS:
        below = below.args[0]
    if x.dtype.kind != "f" or below.op == "contract" or (below.op == "add" and below.args[1:] == (0,)):
        return x
    out.append(Instruction("add", (x, 0), {}, x.shape, x.dtype, where=x.where))
    return out[-1]


def _within(outer: slice, inner: slice) -> slice:
    """The slice `inner` of what `outer` selects."""
    step, start = outer.step or 1, outer.start + inner.start * (outer.step or 1)
    last = outer.start + (inner.stop - 1) * step
    return slice(start, last + 1, step * (inner.step or 1))


def _apart(first: Instruction, second: Instruction) -> bool:
    """Whether no piece of the first meets one of the second: along some axis their slices are apart."""
    return all(any(map(_disjoint_slices, a, b)) for a in first.params["keys"] for b in second.params["keys"])


def _disjoint_slices(p: slice, q: slice) -> bool:
    """Whether two slices are one after the other, or take turns (even and odd places)."""
    steps = math.gcd(p.step or 1, q.step or 1)
    return p.stop <= q.start or q.stop <= p.start or (p.start - q.start) % steps != 0
