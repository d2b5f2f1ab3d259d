"""Columns of numbers as people write them: 1,234.5 and 1.234,5, with $ and %, with a unit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
ENOUGH = 0.98
"""The share of a column's cells that must be numbers (or dates) for the others to be taken as missing."""

_INFINITE = {"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"}
_ENGLISH = re.compile(r"([0-9]{1,3}([, '][0-9]{3})+|[0-9]+)?(\.[0-9]*)?")
_CONTINENTAL = re.compile(r"([0-9]{1,3}([. '][0-9]{3})+|[0-9]+)(,[0-9]+)?")
_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+")
_WITH_COMMA = re.compile(r"[+-]?([0-9]{1,3}(\.[0-9]{3})+|[0-9]+),[0-9]{1,2}")
_CURRENCY = r"(?:[A-Z]{2})?[$€£¥₹₩₽₺]|USD|EUR|GBP|CHF|CNY|JPY|Rs\.?|RMB|kr\.?"
_PARTS = re.compile(
    rf"(?P<open>\()?(?P<sign>[+-]?) ?(?P<before>{_CURRENCY})? ?(?P<inner>[+-]?)"
    r"(?P<digits>[0-9.,](?:[0-9.,]|[ '](?=[0-9]{3}))*(?:[eE][+-]?[0-9]+)?)"
    r" ?(?P<after>[^0-9.,()\s+-][^0-9()]{0,11})?(?P<close>\))?"
)


@dataclass(frozen=True)
class NumberFormat:
    """How a column writes its numbers: `unit` is what stands around the digits ("$", "%", "kg"), or "".

    >>> NumberFormat(",", "€").parse("4.321,50 €"), NumberFormat(".", "$").parse("($1,200)")
    (4321.5, -1200.0)
    """

    decimal: str = "."
    unit: str = ""
    grouped: bool = True

    def parse(self, cell: str) -> float | None:
        """The number that a cell holds, or None if it is not written in this way."""
        if not self.unit and self.decimal == "." and (NUMBER.fullmatch(cell) or cell.lower() in _INFINITE):
            return float(cell)
        if not self.grouped:
            return None
        parts = _split(cell)
        if parts is None or parts[1] != self.unit:
            return None
        return _value(*parts, self.decimal)

    @property
    def note(self) -> str:
        """What a reader should know about it."""
        said = ["decimal commas, points between thousands"] if self.decimal == "," else []
        said += [f"numbers written with {self.unit!r}"] if self.unit else []
        return ", ".join(said) or ("thousands separators" if self.grouped else "")


PLAIN = NumberFormat(grouped=False)


def find_number_format(counts: Mapping[str, int], decimal: str = ".") -> NumberFormat | None:
    """The format in which (nearly) all these cells are numbers, or None. `counts` has each text and how often it occurs.

    Nearly all: at least 98 % of the cells, or all but one of at least 20. `1,234` and `1.234` alone have two readings each:
    `decimal` is the mark that the file writes before decimals, the other one groups thousands.

    >>> find_number_format({"$100,000": 3, "$2,500.50": 1})
    NumberFormat(decimal='.', unit='$', grouped=True)
    """
    total = sum(counts.values())
    allowed = max(int((1 - ENOUGH) * total), 1 if total >= 20 else 0)

    def wrong(form: NumberFormat) -> int:
        return sum(count for cell, count in counts.items() if form.parse(cell) is None)

    if not counts or (wrong(PLAIN) <= allowed and not _is_grouped(counts, decimal)):
        return PLAIN if counts else None
    units = Counter[str]()
    for cell, count in counts.items():
        if parts := _split(cell):
            units[parts[1]] += count
    if not units:
        return None
    unit = units.most_common(1)[0][0]
    order = (",", ".") if decimal == "," else (".", ",")
    forms = [NumberFormat(decimal, unit) for decimal in order]
    misses = {form: wrong(form) for form in forms}
    best = min(forms, key=misses.__getitem__)
    return best if misses[best] <= allowed else None


def decimal_mark(cells: Iterable[str]) -> str:
    """What the numbers among the cells of a file separated by semicolons have before their decimals: a comma, unless some can
    only be read with a point, and none with a comma.

    >>> decimal_mark(["1.234", "0,5"]), decimal_mark(["1.234", "0.5"]), decimal_mark(["1.234"])
    (',', '.', ',')
    """
    points = False
    for cell in cells:
        if _WITH_COMMA.fullmatch(cell):
            return ","
        points = points or bool(NUMBER.fullmatch(cell) and "." in cell and not _GROUPED.fullmatch(cell))
    return "." if points else ","


def _is_grouped(counts: Mapping[str, int], decimal: str) -> bool:
    """Whether the cells that are no plain numbers are ones with commas, or, where commas stand before decimals, points group
    thousands in all cells that have them: then the plain ones follow their rule.
    """
    if any("," in cell and _split(cell) is not None for cell in counts if not NUMBER.fullmatch(cell)):
        return True
    with_points = [cell for cell in counts if "." in cell]
    return decimal == "," and bool(with_points) and all(_GROUPED.fullmatch(cell) for cell in with_points)


def _split(cell: str) -> tuple[str, str] | None:
    """A cell as digits (with their sign) and what stands around them, or None if it does not look like one number."""
    text = cell.replace("\u00a0", " ").replace("\u202f", " ").replace("\u2212", "-").replace("’", "'")
    found = _PARTS.fullmatch(text)
    if found is None or bool(found["open"]) != bool(found["close"]) or (found["open"] and found["sign"]):
        return None
    negative = found["open"] or "-" in (found["sign"], found["inner"])
    unit = " ".join(part.strip() for part in (found["before"], found["after"]) if part)
    return ("-" if negative else "") + found["digits"], unit


def _value(digits: str, unit: str, decimal: str) -> float | None:
    sign, digits = (-1.0, digits[1:]) if digits.startswith("-") else (1.0, digits)
    mantissa, _, exponent = digits.lower().partition("e")
    pattern = _CONTINENTAL if decimal == "," else _ENGLISH
    if not pattern.fullmatch(mantissa) or not re.search("[0-9]", mantissa):
        return None
    for separator in " '" + (",." if decimal == "." else ".,")[0]:
        mantissa = mantissa.replace(separator, "")
    return sign * float(mantissa.replace(decimal, ".") + (f"e{exponent}" if exponent else ""))
