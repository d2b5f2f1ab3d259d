"""Sums of assembled pieces become one assembly, and so do pieces that are assembled themselves.

What was sliced step by step gets its gradient as such a sum. Added up one by one, each term would read and write it all.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from ...program.program import Instruction
from .ops import VIEWS


def merge_assemblies(made: list[Instruction], outputs: list[Instruction]) -> None:
    """Merge assemblies that meet in a sum or in another assembly, and that nothing else reads. What they were stays in `made`,
    needed by nobody."""
    uses = Counter(id(a) for i in made for a in i.args if isinstance(a, Instruction))
    uses.update(id(o) for o in outputs)
    found, made[:] = list(made), []

    def alone(x: Any, op: str = "assemble") -> bool:
        return isinstance(x, Instruction) and x.op == op and uses[id(x)] == 1 and "windows" not in x.params

    def merged(a: Any, b: Any) -> Instruction | None:
        """One assembly of the pieces of two that do not meet."""
        if not (alone(a) and alone(b) and a.shape == b.shape and a.dtype == b.dtype and _apart(a, b)):
            return None
        pieces = tuple([_plus_zero(x, made) for x in (*a.args, *b.args)])
        keys = a.params["keys"] + b.params["keys"]
        both = Instruction("assemble", pieces, {"keys": keys}, a.shape, a.dtype, where=b.where)
        uses[id(both)] = 1
        return both

    for i in found:
        if i.op == "add" and (both := merged(*i.args)):
            i.op, i.args, i.params = both.op, both.args, both.params
        elif i.op == "add":
            a, b = i.args
            for before, term in ((a, b), (b, a)):  # or one term with one of the addition before
                for rest, other in (before.args, before.args[::-1]) if alone(before, "add") else ():
                    if term in i.args and (both := merged(other, term)):
                        made.append(both)
                        i.args = (rest, both)
        elif i.op == "assemble" and "windows" not in i.params:
            pieces: list[tuple[Any, Any]] = []
            for piece, key in zip(i.args, i.params["keys"], strict=True):
                inner = zip(piece.args, piece.params["keys"], strict=True) if alone(piece) else ()
                pieces += [(x, tuple(map(_within, key, own))) for x, own in inner] or [(piece, key)]
            i.args, i.params = tuple([x for x, _ in pieces]), {"keys": tuple([key for _, key in pieces])}
        made.append(i)


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
