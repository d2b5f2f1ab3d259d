"""The derivation of an explanation: in symbols, in numbers, the result. As LaTeX, and as MathML (W3C, "MathML Core")."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .render import base, fraction, latex_name, latex_number, norm, number

if TYPE_CHECKING:
    from .explanation import Edge, Why


class Notation(NamedTuple):
    """How a formula is written: `number` takes whether a negative one is put in brackets."""

    name: Callable[[str], str]
    number: Callable[[float, bool], str]
    fraction: Callable[[str, str], str]
    transposed: Callable[[str], str]
    norm: Callable[[str], str]
    plus: str
    times: str
    entry_by_entry: str
    dots: str
    zero: str


def rows(why: Why, to: Notation) -> list[tuple[str, str]]:
    r"""What is left and right of each equals sign; where nothing is left, it is what is above.

    >>> import microgradient as mg
    >>> a = mg.Value(2.0, label="a")
    >>> L = a * a
    >>> L.label = "L"
    >>> for row in rows(mg.why(a, of=L), LATEX):
    ...     print(row)
    ('\\frac{\\partial L}{\\partial a}', '\\frac{\\partial L}{\\partial L} \\cdot \\frac{\\partial L}{\\partial a} + ...')
    ('', '1.0 \\cdot 2.0 + 1.0 \\cdot 2.0')
    ('', '4.0')
    """
    of, x = to.name(why.of), to.name(why.name)
    left = to.fraction(of, x)
    if np.ndim(why.value):
        terms = [_pulled_back(of, x, edge, to) for edge in why.edges]
        return [(left, to.plus.join(terms) or to.zero), (to.norm(left), to.number(norm(why.gradient), False))]
    if not why.edges:
        return [(left, to.number(why.gradient, False))]
    dots, rest = ([to.dots], [to.number(why.more[1], True)]) if why.more[0] else ([], [])
    vias = [to.name(edge.via) for edge in why.edges]
    symbols = [f"{to.fraction(of, via)}{to.times}{to.fraction(via, x)}" for via in vias]
    numbers = [_product(edge, to) for edge in why.edges]
    return [
        (left, to.plus.join([*symbols, *dots])),
        ("", to.plus.join([*numbers, *rest])),
        ("", to.number(why.gradient, False)),
    ]


def _product(edge: Edge, to: Notation) -> str:
    if edge.local is None:
        return to.number(edge.contribution, True)
    return f"{to.number(edge.upstream, True)}{to.times}{to.number(edge.local, True)}"


def _pulled_back(of: str, x: str, edge: Edge, to: Notation) -> str:
    via = to.name(edge.via)
    above, local = to.fraction(of, via), to.fraction(via, x)
    return f"{to.transposed(local)}{above}" if edge.local is None else f"{above}{to.entry_by_entry}{local}"


LATEX = Notation(
    latex_name, latex_number, fraction,
    transposed=lambda a: rf"\left({a}\right)^{{\top}} ",
    norm=lambda a: rf"\left\lVert {a} \right\rVert",
    plus=" + ", times=r" \cdot ", entry_by_entry=r" \odot ", dots=r"\cdots", zero="0",
)  # fmt: skip


def latex(why: Why) -> str:
    r"""An `aligned` block."""
    lines = [f"{left} &= {right}".lstrip() for left, right in rows(why, LATEX)]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


# ------------------------------------------------------------------------------------------------------------ as MathML


def mathml(why: Why) -> str:
    """One `math` element, a row of its table a line."""
    return mathml_table(rows(why, MATHML))


def mathml_table(lines: Sequence[tuple[str, str]]) -> str:
    """Lines, of which each has a left and a right side, as one `math` element."""
    table = "".join(f"<mtr><mtd>{left}</mtd><mtd><mo>=</mo>{right}</mtd></mtr>" for left, right in lines)
    return f'<math display="block" xmlns="http://www.w3.org/1998/Math/MathML"><mtable>{table}</mtable></math>'


def _name(name: str) -> str:
    short = base(name)
    match = re.fullmatch(r"([A-Za-z])(\d+)", short)
    return f"<msub><mi>{match[1]}</mi><mn>{match[2]}</mn></msub>" if match else f"<mi>{escape(short)}</mi>"


def _number(x: float, brackets: bool) -> str:
    text = number(x).replace("inf", "∞").replace("nan", "NaN")
    mantissa, e, exponent = text.partition("e")
    told = f"<mn>{mantissa.replace('-', '−')}</mn>"
    if e:
        told += f"<mo>·</mo><msup><mn>10</mn><mn>{str(int(exponent)).replace('-', '−')}</mn></msup>"
    return f"<mo>(</mo>{told}<mo>)</mo>" if brackets and text.startswith("-") else told


MATHML = Notation(
    _name, _number,
    fraction=lambda a, b: f"<mfrac><mrow><mo>∂</mo>{a}</mrow><mrow><mo>∂</mo>{b}</mrow></mfrac>",
    transposed=lambda a: f"<msup><mrow><mo>(</mo>{a}<mo>)</mo></mrow><mo>⊤</mo></msup>",
    norm=lambda a: f"<mo>‖</mo>{a}<mo>‖</mo>",
    plus="<mo>+</mo>", times="<mo>·</mo>", entry_by_entry="<mo>⊙</mo>", dots="<mo>⋯</mo>", zero="<mn>0</mn>",
)  # fmt: skip
