"""How an update is written, in names or in numbers: as text, as LaTeX, and as MathML (W3C, "MathML Core")."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np

from ..render import latex_name, latex_number, number
from .quantity import Quantity, Symbol
from .terms import Group, Product

_SUM, _PRODUCT, _POWER, _ATOM = range(4)  # what binds more tightly is greater
Written = tuple[str, int]  # a formula, and how tightly its outermost operation binds


class Notation(NamedTuple):
    """How a formula is written. What is put in brackets, and where, is decided elsewhere."""

    name: Callable[[Symbol], str]
    number: Callable[[float], str]
    fraction: Callable[[str, str], Written]
    power: Callable[[str, str], str]
    root: Callable[[str], str]
    brackets: Callable[[str], str]
    call: Callable[[str, Sequence[str]], str]
    signs: Callable[[str], str]  # of + - · = ≥ and so on
    bare: bool  # whether what stands above or below a bar, or under a root, needs no brackets


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
        sign = self.to.signs("-") if group.sign < 0 else "" if first else self.to.signs("+")
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
            sign = self.to.signs("-") if product.number < 0 else self.to.signs("+") if k else ""
            text += f"{f' {sign} ' if k else sign}{self._quotient(above, below)[0]}"
        return text, _SUM if len(products) > 1 else _PRODUCT

    def _quotient(self, above: Sequence[Written], below: Sequence[Written]) -> Written:
        if not below:
            return self._product(above)
        under = self._product(below)
        return self.to.fraction(self._in(self._product(above), _SUM if self.to.bare else _PRODUCT),
                                self._in(under, _SUM if self.to.bare else _POWER))  # fmt: skip

    def _product(self, factors: Sequence[Written]) -> Written:
        if not factors:
            return "1", _ATOM
        if len(factors) == 1:
            return factors[0]
        dot = f" {self.to.signs('·')} "
        return dot.join(self._in(factor, _PRODUCT) for factor in factors), _PRODUCT

    def _quantity(self, q: Quantity) -> Written:
        if self.in_numbers and (not q.op or q.symbol is not None):
            return self._number(q.value)
        if q.symbol is not None:
            return self.to.name(q.symbol), _ATOM
        return self._operation(q)

    def _operation(self, q: Quantity) -> Written:
        if not q.op:
            return self._number(q.value)
        args = [self._quantity(a) for a in q.args]
        if q.op == "divide":
            return self._quotient(args[:1], args[1:])
        if q.op == "negative":
            return self.to.signs("-") + self._in(args[0], _PRODUCT), _SUM
        if q.op == "sqrt" or (q.op == "pow" and q.args[1].symbol is None and q.args[1].value == 0.5):
            return self.to.root(self._in(args[0], _SUM if self.to.bare else _ATOM)), _POWER
        if q.op == "pow":
            return self.to.power(self._in(args[0], _ATOM), args[1][0]), _POWER
        if q.op in _SIGNS and len(args) == 2:
            level = _PRODUCT if q.op == "multiply" else _SUM
            left, right = self._in(args[0], level), self._in(args[1], level + (q.op != "add" and q.op != "multiply"))
            return f"{left} {self.to.signs(_SIGNS[q.op])} {right}", level
        return self.to.call(q.op, [text for text, _ in args]), _ATOM

    def _in(self, written: Written, least: int) -> str:
        text, level = written
        return text if level >= least else self.to.brackets(text)

    def _number(self, x: Any) -> Written:
        if np.ndim(x):  # of an update that is not one of entries
            return "…", _ATOM
        text = self.to.number(float(x))
        return text, _SUM if x < 0 else _PRODUCT if self.to.bare and "10" in text and not str(x).startswith(
            "10"
        ) else _ATOM


# --------------------------------------------------------------------------------------------------------- the notations

_LOWERED = str.maketrans("0123456789-t", "₀₁₂₃₄₅₆₇₈₉₋ₜ")
_RAISED = str.maketrans("0123456789-t", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵗ")
_GREEK = dict(
    zip("αβεηθλμρτ", ("alpha", "beta", "varepsilon", "eta", "theta", "lambda", "mu", "rho", "tau"), strict=True)
)


def _text_number(x: float) -> str:
    return f"{x:.6g}"


def _text_power(a: str, b: str) -> str:
    raised = b.translate(_RAISED)
    return a + raised if all(c in "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵗ" for c in raised) else f"{a}^{b if b.isalnum() else f'({b})'}"


TEXT = Notation(
    name=lambda s: s.stem + s.subscript.translate(_LOWERED),
    number=_text_number,
    fraction=lambda a, b: (f"{a} / {b}", _PRODUCT),
    power=_text_power,
    root=lambda a: f"√{a}",
    brackets=lambda a: f"({a})",
    call=lambda f, args: f"{f}({', '.join(args)})",
    signs=lambda sign: sign,
    bare=False,
)


def _latex_symbol(s: Symbol) -> str:
    stem = rf"\{_GREEK[s.stem]}" if s.stem in _GREEK else latex_name(s.stem)
    return f"{stem}_{{{s.subscript}}}" if s.subscript else stem


_LATEX_SIGNS = {"·": r"\cdot", "≥": r"\ge", "≤": r"\le", "≠": r"\ne", "∧": r"\wedge", "∨": r"\vee", "mod": r"\bmod",
                "<": r"\lt", ">": r"\gt"}  # fmt: skip
LATEX = Notation(
    name=_latex_symbol,
    number=lambda x: _trimmed(latex_number(x)).removeprefix(r"1 \cdot "),
    fraction=lambda a, b: (rf"\frac{{{a}}}{{{b}}}", _PRODUCT),
    power=lambda a, b: f"{{{a}}}^{{{b}}}",
    root=lambda a: rf"\sqrt{{{a}}}",
    brackets=lambda a: rf"\left({a}\right)",
    call=lambda f, args: rf"\operatorname{{{f.replace('_', ' ')}}}\left({', '.join(args)}\right)",
    signs=lambda sign: _LATEX_SIGNS.get(sign, sign),
    bare=True,
)


def _trimmed(text: str) -> str:
    return text.removesuffix(".0")


def mathml_name(s: Symbol) -> str:
    """A symbol as MathML."""
    stem = f"<mi>{escape(s.stem)}</mi>"
    if not s.subscript:
        return stem
    index = "<mrow><mi>t</mi><mo>−</mo><mn>1</mn></mrow>" if s.subscript == "t-1" else f"<mi>{escape(s.subscript)}</mi>"
    return f"<msub>{stem}{index}</msub>"


def mathml_number(x: float) -> str:
    """A number as MathML."""
    text = _trimmed(number(x)).replace("inf", "∞").replace("nan", "NaN")
    mantissa, e, exponent = text.partition("e")
    sign = "<mo>−</mo>" if mantissa.startswith("-") else ""
    told = f"{sign}<mn>{mantissa.lstrip('-')}</mn>"
    if e:
        told = "" if told == "<mn>1</mn>" else f"{told}<mo>·</mo>"
        told += f"<msup><mn>10</mn><mn>{str(int(exponent)).replace('-', '−')}</mn></msup>"
    return f"<mrow>{told}</mrow>" if sign or e else told


MATHML = Notation(
    name=mathml_name,
    number=mathml_number,
    fraction=lambda a, b: (f"<mfrac><mrow>{a}</mrow><mrow>{b}</mrow></mfrac>", _PRODUCT),
    power=lambda a, b: f"<msup><mrow>{a}</mrow><mrow>{b if b.startswith('<') else f'<mn>{b}</mn>'}</mrow></msup>",
    root=lambda a: f"<msqrt>{a}</msqrt>",
    brackets=lambda a: f"<mrow><mo>(</mo>{a}<mo>)</mo></mrow>",
    call=lambda f, args: f"<mrow><mi>{escape(f)}</mi><mo>(</mo>{'<mo>,</mo>'.join(args)}<mo>)</mo></mrow>",
    signs=lambda sign: f"<mo>{escape(sign).replace('-', '−')}</mo>",
    bare=True,
)
