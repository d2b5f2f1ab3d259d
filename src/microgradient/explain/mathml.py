"""The derivation of an explanation as MathML (W3C, "MathML Core"): in symbols, in numbers, the result."""

from __future__ import annotations

import re
from html import escape

import numpy as np

from .explanation import Edge, Why
from .render import base, norm, number


def derivation(why: Why) -> str:
    """One `math` element, a row a line."""
    rows = "".join(f"<mtr><mtd>{left}</mtd><mtd>{right}</mtd></mtr>" for left, right in _rows(why))
    return f'<math display="block" xmlns="http://www.w3.org/1998/Math/MathML"><mtable>{rows}</mtable></math>'


def _rows(why: Why) -> list[tuple[str, str]]:
    of, x = base(why.of), base(why.name)
    left = _fraction(of, x)
    if np.ndim(why.value):
        terms = [_pulled_back(of, x, edge) for edge in why.edges]
        size = f"<mo>‖</mo>{left}<mo>‖</mo><mo>=</mo>{_number(norm(why.gradient))}"
        return [(left, f"<mo>=</mo>{_sum(terms) or '<mn>0</mn>'}"), ("", size)]
    if not why.edges:
        return [(left, f"<mo>=</mo>{_number(why.gradient)}")]
    dots = ["<mo>⋯</mo>"] if why.more[0] else []
    symbols = [f"{_fraction(of, base(e.via))}<mo>·</mo>{_fraction(base(e.via), x)}" for e in why.edges]
    numbers = [
        _number(e.contribution, True)
        if e.local is None
        else f"{_number(e.upstream, True)}<mo>·</mo>{_number(e.local, True)}"
        for e in why.edges
    ]
    rest = [_number(why.more[1], True)] if why.more[0] else []
    return [
        (left, f"<mo>=</mo>{_sum(symbols + dots)}"),
        ("", f"<mo>=</mo>{_sum(numbers + rest)}"),
        ("", f"<mo>=</mo>{_number(why.gradient)}"),
    ]


def _pulled_back(of: str, x: str, edge: Edge) -> str:
    via = base(edge.via)
    if edge.local is not None:
        return f"{_fraction(of, via)}<mo>⊙</mo>{_fraction(via, x)}"
    return f"<msup><mrow><mo>(</mo>{_fraction(via, x)}<mo>)</mo></mrow><mo>⊤</mo></msup>{_fraction(of, via)}"


def _sum(terms: list[str]) -> str:
    return "<mo>+</mo>".join(terms)


def _fraction(above: str, below: str) -> str:
    return f"<mfrac><mrow><mo>∂</mo>{_name(above)}</mrow><mrow><mo>∂</mo>{_name(below)}</mrow></mfrac>"


def _name(name: str) -> str:
    match = re.fullmatch(r"([A-Za-z])(\d+)", name)
    if match:
        return f"<msub><mi>{match[1]}</mi><mn>{match[2]}</mn></msub>"
    return f"<mi>{escape(name)}</mi>"


def _number(x: float, brackets: bool = False) -> str:
    text = number(x).replace("inf", "∞").replace("nan", "NaN")
    mantissa, e, exponent = text.partition("e")
    told = f"<mn>{mantissa.replace('-', '−')}</mn>"
    if e:
        told += f"<mo>·</mo><msup><mn>10</mn><mn>{str(int(exponent)).replace('-', '−')}</mn></msup>"
    return f"<mo>(</mo>{told}<mo>)</mo>" if brackets and text.startswith("-") else told
