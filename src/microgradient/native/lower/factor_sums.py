"""g·a + g·b becomes g·(a + b) where a and b were known long before g: one array waits for g, and not two.

So the derivative of GELU or SiLU is formed where its factors are, in the forward pass, and the backward pass reads it. The sum is
rounded once more or once less than as written.
"""

from __future__ import annotations

from typing import Any

from ...program.program import Instruction

_FLOATS = ("f4", "f8")


def factor_sums(made: list[Instruction], outputs: list[Instruction]) -> list[Instruction]:
    """The same instructions, with such sums rewritten; what they were is needed by nobody."""
    return _Factoring(made, outputs).result()


class _Factoring:
    """Where each instruction stands and who reads it; its level, the most products of matrices that it is computed through; and
    what was written in addition, by the place after which it comes."""

    def __init__(self, made: list[Instruction], outputs: list[Instruction]) -> None:
        self.made = made
        self.place = {id(i): k for k, i in enumerate(made)}
        self.readers: dict[int, list[Instruction]] = {}
        self.level: dict[int, int] = {}
        for i in made:
            given = [a for a in i.args if isinstance(a, Instruction)]
            self.level[id(i)] = max((self.level.get(id(a), 0) for a in given), default=0) + (i.op == "contract")
            for a in given:
                self.readers.setdefault(id(a), []).append(i)
        self.outputs = {id(o) for o in outputs}
        self.added: dict[int, list[Instruction]] = {}

    def result(self) -> list[Instruction]:
        """All instructions, in order."""
        for i in self.made:
            if i.op == "add" and i.dtype is not None and i.dtype.str[1:] in _FLOATS and not i.weak:
                self._rewrite(i)
        return [each for k, i in enumerate(self.made) for each in (i, *self.added.get(k, ()))]

    def _rewrite(self, i: Instruction) -> None:
        inner = {id(i)}
        terms = [self._factors(x, i, inner) for x in i.args]
        common = [f for f in terms[0] if isinstance(f, Instruction) and any(f is other for other in terms[1])]
        g = max(common, key=lambda f: self.level.get(id(f), 0), default=None)
        if g is None or g.shape != i.shape:
            return
        rests = [_without(term, g) for term in terms]
        known = {id(f): f for rest in rests for f in rest if isinstance(f, Instruction)}
        if not all(map(_has_array, rests)) or any(self._level(f) >= self._level(g) for f in known.values()):
            return
        waiting = [f for f in known.values() if f.shape == i.shape and self._waits(f, g, inner)]
        if len(waiting) < 2:
            return
        new: list[Instruction] = []
        products = tuple(_product(rest, i, new) for rest in rests)
        new.append(Instruction("add", products, {}, i.shape, i.dtype, where=i.where))
        last = max(self.place.get(id(f), -1) for f in known.values())
        self.added.setdefault(last, []).extend(new)
        for each in new:
            self.place[id(each)], self.level[id(each)] = last, max(map(self._level, known.values()))
        self._forget(i, inner)
        i.op, i.args, i.params = "multiply", (g, new[-1]), {}
        for reader in (*new, i):
            for a in reader.args:
                if isinstance(a, Instruction):
                    self.readers.setdefault(id(a), []).append(reader)

    def _factors(self, x: Any, i: Instruction, inner: set[int]) -> list[Any]:
        """What x, a term of the sum i, is a product of: instructions and numbers. Products that nobody else reads are `inner`."""
        alone = isinstance(x, Instruction) and len(self.readers[id(x)]) == 1 and id(x) not in self.outputs
        if not alone or x.op not in ("multiply", "negative") or x.shape != i.shape or x.dtype != i.dtype:
            return [x]
        inner.add(id(x))
        factors = [factor for a in x.args for factor in self._factors(a, i, inner)]
        return factors if x.op == "multiply" else [*factors, -1.0]

    def _forget(self, x: Any, inner: set[int]) -> None:
        """The sum, and the products in it, read nothing any more."""
        for a in x.args if isinstance(x, Instruction) and id(x) in inner else ():
            if isinstance(a, Instruction):
                self._forget(a, inner)
                self.readers[id(a)] = [r for r in self.readers[id(a)] if r is not x]

    def _level(self, x: Instruction) -> int:
        return self.level.get(id(x), 0)

    def _waits(self, f: Instruction, g: Instruction, inner: set[int]) -> bool:
        """Whether f is computed, and of those who read it where g is known, only the sum does."""
        later = (r for r in self.readers[id(f)] if self._level(r) >= self._level(g))
        return id(f) in self.place and id(f) not in self.outputs and all(id(r) in inner for r in later)


def _without(factors: list[Any], g: Instruction) -> list[Any]:
    """The factors without one g."""
    at = next(k for k, f in enumerate(factors) if f is g)
    return factors[:at] + factors[at + 1 :]


def _has_array(factors: list[Any]) -> bool:
    return any(isinstance(f, Instruction) for f in factors)


def _product(factors: list[Any], i: Instruction, new: list[Instruction]) -> Any:
    """The product of some factors, written into `new`; numbers come last."""
    ordered = sorted(factors, key=lambda f: not isinstance(f, Instruction))
    total = ordered[0]
    for factor in ordered[1:]:
        total = Instruction("multiply", (total, factor), {}, i.shape, i.dtype, where=i.where)
        new.append(total)
    return total
