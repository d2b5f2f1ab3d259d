"""How an update is written, in names or in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..notation import Notation, joined
from .quantity import Quantity
from .terms import Group, Product

_SUM, _PRODUCT, _POWER, _ATOM = range(4)  # what binds more tightly is greater
Written = tuple[str, int]  # a formula, and how tightly its outermost operation binds


_SIGNS = {"add": "+", "subtract": "-", "multiply": "·", "greater": ">", "greater_equal": "≥", "less": "<",
          "less_equal": "≤", "equal": "=", "not_equal": "≠", "and": "∧", "or": "∨", "remainder": "mod"}  # fmt: skip


class Writer:
    """Writes formulas in one notation, `in_numbers` or in names."""

    def __init__(self, to: Notation, in_numbers: bool = False) -> None:
        self.to, self.in_numbers = to, in_numbers

    def definition(self, q: Quantity) -> str:
        """How `q` was computed, though it has a name."""
        return self._operation(q)[0]

    def group(self, group: Group, first: bool) -> str:
        """A term with its sign, which is left out of the `first` if it is +."""
        rest = [self._rest(group.rest)] if len(group.rest) > 1 or group.rest[0].number != 1 else []
        above = (
            [self._factor(q, n) for q, n in group.common if n > 0] + rest + [self._factor(q, n) for q, n in group.what]
        )
        below = [self._factor(q, -n) for q, n in group.common if n < 0]
        text, _ = self._quotient(above, below)
        sign = self.to.sign("-") if group.sign < 0 else "" if first else self.to.sign("+")
        return f"{sign if first else f' {sign} '}{text}"

    def coefficient(self, group: Group) -> str:
        """A term without what it is a multiple of."""
        return self.group(group._replace(what=()), first=True)

    def _factor(self, q: Quantity, n: int) -> Written:
        written = self._quantity(q)
        return written if n == 1 else (self.to.power(self._in(written, _ATOM), str(n)), _POWER)

    def _rest(self, products: Sequence[Product]) -> Written:
        text = ""
        for k, product in enumerate(products):
            above = [self._factor(q, n) for q, n in product.powers if n > 0]
            below = [self._factor(q, -n) for q, n in product.powers if n < 0]
            size = abs(product.number)
            if size != 1 or not above:
                above.insert(0, self._number(size))
            sign = self.to.sign("-") if product.number < 0 else self.to.sign("+") if k else ""
            text += f"{f' {sign} ' if k else sign}{self._quotient(above, below)[0]}"
        return text, _SUM if len(products) > 1 else _PRODUCT

    def _quotient(self, above: Sequence[Written], below: Sequence[Written]) -> Written:
        if not below:
            return self._product(above)
        under = self._product(below)
        over = self._in(self._product(above), _SUM if self.to.bare else _PRODUCT)
        return self.to.fraction(over, self._in(under, _SUM if self.to.bare else _POWER)), _PRODUCT

    def _product(self, factors: Sequence[Written]) -> Written:
        if not factors:
            return "1", _ATOM
        if len(factors) == 1:
            return factors[0]
        return joined(self.to, "·", [self._in(factor, _PRODUCT) for factor in factors]), _PRODUCT

    def _quantity(self, q: Quantity) -> Written:
        if self.in_numbers and (not q.op or q.symbol is not None):
            return self._number(q.value)
        if q.symbol is not None:
            return self.to.name(*q.symbol), _ATOM
        return self._operation(q)

    def _operation(self, q: Quantity) -> Written:
        if not q.op:
            return self._number(q.value)
        args = [self._quantity(a) for a in q.args]
        if q.op == "divide":
            return self._quotient(args[:1], args[1:])
        if q.op == "negative":
            return self.to.sign("-") + self._in(args[0], _PRODUCT), _SUM
        if q.op == "sqrt" or (q.op == "pow" and q.args[1].symbol is None and q.args[1].value == 0.5):
            return self.to.root(self._in(args[0], _SUM if self.to.bare else _ATOM)), _POWER
        if q.op == "pow":
            return self.to.power(self._in(args[0], _ATOM), args[1][0]), _POWER
        if q.op in _SIGNS and len(args) == 2:
            level = _PRODUCT if q.op == "multiply" else _SUM
            left, right = self._in(args[0], level), self._in(args[1], level + (q.op != "add" and q.op != "multiply"))
            return f"{left} {self.to.sign(_SIGNS[q.op])} {right}", level
        return self.to.call(q.op, [text for text, _ in args]), _ATOM

    def _in(self, written: Written, least: int) -> str:
        text, level = written
        return text if level >= least else self.to.brackets(text)

    def _number(self, x: Any) -> Written:
        if np.ndim(x):  # of an update that is not one of entries
            return "…", _ATOM
        scientific = self.to.bare and "e" in f"{x:.6g}"  # a product with a power of ten
        return self.to.number(float(x)), _SUM if x < 0 else _PRODUCT if scientific else _ATOM
