"""An update multiplied out: a sum of products, of which each has one thing that moves the parameter.

What is no sum, product, quotient or negative, such as a root or a sign, is a factor by itself, with the value that it had. So
is the divisor of a quotient, if it is a sum. What is left is exact algebra: the terms add up to the update but for its roundings.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from .quantity import Quantity, is_array

_MOST = 200  # products: a formula with more stays closed where they would arise


class Product(NamedTuple):
    """`number` times factors, each to a power of 1 or -1 (or more, where it comes several times)."""

    number: float
    powers: tuple[tuple[Quantity, int], ...]


class Group(NamedTuple):
    """sign · common · (Σ rest) · what: the products with the same thing that moves the parameter, added."""

    sign: float
    common: tuple[tuple[Quantity, int], ...]
    rest: tuple[Product, ...]
    what: tuple[tuple[Quantity, int], ...]

    @property
    def source(self) -> str:
        """The kind of what moves the parameter, "" for several or none."""
        kinds = {q.source for q, _ in self.what}
        return kinds.pop() if len(kinds) == 1 else ""

    def coefficient(self) -> Any:
        """What `what` is multiplied by."""
        return self.sign * _value(self.common) * sum(product.number * _value(product.powers) for product in self.rest)

    def moved(self) -> Any:
        """The value of `what`."""
        return _value(self.what)


def change(new: Quantity, p: Quantity) -> list[Group]:
    """`new` - `p`, multiplied out; what comes from the gradient first, then from the state, then from the parameter."""
    products = _collected([*expanded(new), Product(-1.0, ((p, 1),))])
    by_what: dict[tuple[tuple[Quantity, int], ...], list[Product]] = {}
    for product in products:
        by_what.setdefault(_what(product), []).append(product)
    order = ("gradient", "state", "parameter", "")
    return sorted(
        (_grouped(what, found) for what, found in by_what.items()), key=lambda group: order.index(group.source)
    )


def expanded(q: Quantity) -> list[Product]:
    """`q` as a sum of products."""
    if not q.op:
        if is_array(q):
            return [Product(1.0, ((q, 1),))]
        powers = () if q.symbol is None else ((q, 1),)
        return [Product(1.0 if powers else float(q.value), powers)] if q.value else []
    if q.op == "where":
        return _chosen(*q.args)
    if q.op not in ("add", "subtract", "negative", "multiply", "divide"):
        return [Product(1.0, ((q, 1),))]
    parts = [expanded(a) for a in q.args]
    if q.op in ("add", "subtract", "negative"):
        sign = 1.0 if q.op == "add" else -1.0
        first = [] if q.op == "negative" else parts[0]
        found = [*first, *(Product(sign * number, powers) for number, powers in parts[-1])]
    elif q.op == "divide" and len(parts[1]) > 1:
        found = [Product(number, _times(powers, ((q.args[1], -1),))) for number, powers in parts[0]]
    elif q.op == "divide" and (not parts[1] or not parts[1][0].number):
        return [Product(1.0, ((q, 1),))]
    else:
        sign = 1 if q.op == "multiply" else -1
        found = [
            Product(a * b**sign, _times(left, tuple((x, sign * n) for x, n in right)))
            for a, left in parts[0]
            for b, right in parts[1]
        ]
    found = _collected(found)
    return found if len(found) <= _MOST else [Product(1.0, ((q, 1),))]


def _chosen(condition: Quantity, yes: Quantity, no: Quantity) -> list[Product]:
    """The branch that all entries take; or of both, that of no and condition · (yes - no)."""
    if np.all(condition.value) or not np.any(condition.value):
        return expanded(yes if np.any(condition.value) else no)
    difference = [*expanded(yes), *(Product(-number, powers) for number, powers in expanded(no))]
    chosen = [Product(number, _times(powers, ((condition, 1),))) for number, powers in _collected(difference)]
    return _collected([*expanded(no), *chosen])


def _times(
    left: tuple[tuple[Quantity, int], ...], right: tuple[tuple[Quantity, int], ...]
) -> tuple[tuple[Quantity, int], ...]:
    powers = dict(left)
    for q, n in right:
        powers[q] = powers.get(q, 0) + n
    return tuple((q, n) for q, n in powers.items() if n)


def _collected(products: list[Product]) -> list[Product]:
    """The products without those that cancel, and those with the same factors as one."""
    numbers: dict[frozenset[tuple[int, int]], list[Product]] = {}
    for product in products:
        numbers.setdefault(frozenset((id(q), n) for q, n in product.powers), []).append(product)
    found = [Product(sum(product.number for product in same), same[0].powers) for same in numbers.values()]
    return [product for product in found if product.number]


def _what(product: Product) -> tuple[tuple[Quantity, int], ...]:
    """What moves the parameter in a product: what the update began with, or else what has no closed form, or all of it."""
    above = tuple((q, n) for q, n in product.powers if n > 0)
    arrays = tuple((q, n) for q, n in above if q.source)
    return arrays or tuple((q, n) for q, n in above if q.op and is_array(q)) or above


def _grouped(what: tuple[tuple[Quantity, int], ...], products: list[Product]) -> Group:
    taken = {id(q) for q, _ in what}
    left = [{q: n for q, n in product.powers if id(q) not in taken} for product in products]
    counts = Counter((id(q), n) for powers in left for q, n in powers.items())
    common = tuple((q, n) for q, n in left[0].items() if counts[id(q), n] == len(left))
    shared = {id(q) for q, _ in common}
    sign = -1.0 if products[0].number < 0 else 1.0
    rest = tuple(
        Product(sign * product.number, tuple((q, n) for q, n in powers.items() if id(q) not in shared))
        for product, powers in zip(products, left, strict=True)
    )
    return Group(sign, common, rest, what)


def _value(powers: tuple[tuple[Quantity, int], ...]) -> Any:
    found: Any = np.float64(1.0)
    with np.errstate(all="ignore"):
        for q, n in powers:
            value = np.asarray(q.value, np.float64)
            found = found * value**n if n > 0 else found / value**-n
    return found
