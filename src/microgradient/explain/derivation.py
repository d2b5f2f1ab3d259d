"""The derivation of an explanation: in symbols, in numbers, the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .notation import LATEX, MATHML, Notation, Row, derivative, joined, latex_rows, mathml_rows, operand
from .render import norm

if TYPE_CHECKING:
    from .explanation import Edge, Why


def rows(why: Why, to: Notation) -> list[Row]:
    r"""What is left and right of each equals sign; where nothing is left, it is what is above.

    >>> import microgradient as mg
    >>> a = mg.Value(2.0, label="a")
    >>> L = a * a
    >>> L.label = "L"
    >>> for row in rows(mg.why(a, of=L), LATEX):
    ...     print(row)
    ('\\frac{\\partial L}{\\partial a}', '\\frac{\\partial L}{\\partial L} \\cdot \\frac{\\partial L}{\\partial a} + ...')
    ('', '1 \\cdot 2 + 1 \\cdot 2')
    ('', '4')
    """
    of, x = to.name(why.of, ""), to.name(why.name, "")
    left = derivative(to, of, x)
    if np.ndim(why.value):
        terms = [to.term(k, _pulled_back(of, x, edge, to)) for k, edge in enumerate(why.edges)]
        return [(left, joined(to, "+", terms) or to.number(0)), (to.norm(left), to.number(norm(why.gradient)))]
    if not why.edges:
        return [(left, to.number(why.gradient))]
    dots, rest = ([to.sign("⋯")], [operand(to, why.more[1])]) if why.more[0] else ([], [])
    vias = [to.name(edge.via, "") for edge in why.edges]
    products = [joined(to, "·", [derivative(to, of, via), derivative(to, via, x)]) for via in vias]
    symbols = [to.term(k, product) for k, product in enumerate(products)]
    numbers = [to.term(k, _product(edge, to)) for k, edge in enumerate(why.edges)]
    return [
        (left, joined(to, "+", [*symbols, *dots])),
        ("", joined(to, "+", [*numbers, *rest])),
        ("", to.number(why.gradient)),
    ]


def _product(edge: Edge, to: Notation) -> str:
    if edge.local is None:
        return operand(to, edge.contribution)
    return joined(to, "·", [operand(to, edge.upstream), operand(to, edge.local)])


def _pulled_back(of: str, x: str, edge: Edge, to: Notation) -> str:
    via = to.name(edge.via, "")
    above, local = derivative(to, of, via), derivative(to, via, x)
    if edge.local is None:
        return f"{to.power(to.brackets(local), to.sign('⊤'))} {above}"
    return joined(to, "⊙", [above, local])


def latex(why: Why) -> str:
    """An `aligned` block."""
    return latex_rows(rows(why, LATEX))


def mathml(why: Why) -> str:
    """One `math` element, a row of its table a line."""
    return mathml_rows(rows(why, MATHML))
