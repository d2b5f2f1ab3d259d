"""How a formula is written: as text, as LaTeX, and as MathML (W3C, "MathML Core")."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Any, NamedTuple

from .render import base
from .render import number as float_text

Row = tuple[str, str]  # what is left and what is right of an equals sign


class Notation(NamedTuple):
    """How the parts of a formula are written. What is put in brackets, and where, is decided by who writes one."""

    name: Callable[[str, str], str]  # a stem and its subscript, "" for none
    number: Callable[[Any], str]
    fraction: Callable[[str, str], str]
    power: Callable[[str, str], str]
    root: Callable[[str], str]
    norm: Callable[[str], str]
    brackets: Callable[[str], str]
    call: Callable[[str, Sequence[str]], str]
    term: Callable[[int, str], str]  # one of several that are added up, by its number
    sign: Callable[[str], str]  # of + - · = ≥ ∂ and so on
    bare: bool  # whether what stands above or below a bar, or under a root, needs no brackets


def derivative(to: Notation, of: str, by: str) -> str:
    """A partial derivative.

    >>> derivative(TEXT, "L", "w"), derivative(LATEX, "L", "w")
    ('∂L / ∂w', '\\\\frac{\\\\partial L}{\\\\partial w}')
    """
    return to.fraction(to.sign("∂") + of, to.sign("∂") + by)


def operand(to: Notation, x: Any) -> str:
    """A number as it stands beside + or ·: in brackets, if it is negative."""
    return to.brackets(to.number(x)) if x < 0 else to.number(x)


def joined(to: Notation, sign: str, terms: Sequence[str]) -> str:
    """The terms with a sign between them."""
    return f" {to.sign(sign)} ".join(terms)


def _trimmed(x: Any) -> str:
    """A number of a formula: 2, where a table has 2.0."""
    return float_text(x).removesuffix(".0")


# ------------------------------------------------------------------------------------------------------------- as text

_LOWERED = str.maketrans("0123456789-t", "₀₁₂₃₄₅₆₇₈₉₋ₜ")
_RAISED = str.maketrans("0123456789-t", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵗ")


def _text_power(a: str, b: str) -> str:
    raised = b.translate(_RAISED)
    return a + raised if all(c in "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵗ" for c in raised) else f"{a}^{b if b.isalnum() else f'({b})'}"


TEXT = Notation(
    name=lambda stem, subscript: stem + subscript.translate(_LOWERED),
    number=_trimmed,
    fraction=lambda a, b: f"{a} / {b}",
    power=_text_power,
    root=lambda a: f"√{a}",
    norm=lambda a: f"‖{a}‖",
    brackets=lambda a: f"({a})",
    call=lambda f, args: f"{f}({', '.join(args)})",
    term=lambda k, a: a,
    sign=lambda sign: sign,
    bare=False,
)

# ------------------------------------------------------------------------------------------------------------ as LaTeX

_GREEK = dict(
    zip("αβεηθλμρτ", ("alpha", "beta", "varepsilon", "eta", "theta", "lambda", "mu", "rho", "tau"), strict=True)
)
_LATEX_SIGNS = {"·": r"\cdot", "≥": r"\ge", "≤": r"\le", "≠": r"\ne", "∧": r"\wedge", "∨": r"\vee", "mod": r"\bmod",
                "<": r"\lt", ">": r"\gt", "⊙": r"\odot", "⋯": r"\cdots", "⊤": r"\top", "∂": r"\partial ",
                "Δ": r"\Delta "}  # fmt: skip


def latex_name(stem: str, subscript: str = "") -> str:
    r"""A name in LaTeX: `v3` as v_{3}, `w[3, 17]` as w[3, 17], longer ones upright.

    >>> latex_name("v3"), latex_name("w[3, 17]"), latex_name("my_loss"), latex_name("β", "1")
    ('v_{3}', 'w[3, 17]', '\\mathrm{my\\_loss}', '\\beta_{1}')
    """
    stem, bracket, index = stem.partition("[")
    if not subscript and (match := _numbered(stem)):
        stem, subscript = match
    if stem in _GREEK:
        stem = rf"\{_GREEK[stem]}"
    elif len(stem) > 1:
        stem = rf"\mathrm{{{_escaped(stem)}}}"
    return stem + (f"_{{{subscript}}}" if subscript else "") + bracket + _escaped(index)


def latex_number(x: Any) -> str:
    """A number in LaTeX.

    >>> latex_number(2.0), latex_number(-1.5e-9), latex_number(1e-8)
    ('2', '-1.5 \\\\cdot 10^{-9}', '10^{-8}')
    """
    mantissa, e, exponent = _trimmed(x).partition("e")
    if e:
        factor = mantissa.removesuffix("1") if mantissa in ("1", "-1") else rf"{mantissa} \cdot "
        return f"{factor}10^{{{int(exponent)}}}"
    return mantissa.replace("inf", r"\infty").replace("nan", r"\mathrm{NaN}")


def latex_rows(rows: Sequence[Row]) -> str:
    """Rows as an `aligned` block."""
    lines = [f"{left} &= {right}".lstrip() for left, right in rows]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _escaped(text: str) -> str:
    return re.sub(r"([_%&#${}])", r"\\\1", text)


def _numbered(name: str) -> tuple[str, str] | None:
    """The letter and the number of a name such as `v3`."""
    match = re.fullmatch(r"([A-Za-z])(\d+)", name)
    return (match[1], match[2]) if match else None


LATEX = Notation(
    name=latex_name,
    number=latex_number,
    fraction=lambda a, b: rf"\frac{{{a}}}{{{b}}}",
    power=lambda a, b: f"{{{a}}}^{{{b}}}",
    root=lambda a: rf"\sqrt{{{a}}}",
    norm=lambda a: rf"\left\lVert {a} \right\rVert",
    brackets=lambda a: rf"\left({a}\right)",
    call=lambda f, args: rf"\operatorname{{{f.replace('_', ' ')}}}\left({', '.join(args)}\right)",
    term=lambda k, a: a,
    sign=lambda sign: _LATEX_SIGNS.get(sign, sign),
    bare=True,
)

# ----------------------------------------------------------------------------------------------------------- as MathML


def _mathml_name(stem: str, subscript: str) -> str:
    """A name, of a path its short form."""
    stem = base(stem)
    if not subscript:
        stem, subscript = _numbered(stem) or (stem, "")
    told = f"<mi>{escape(stem)}</mi>"
    return f"<msub>{told}{_subscript(subscript)}</msub>" if subscript else told


def _subscript(text: str) -> str:
    if text == "t-1":
        return "<mrow><mi>t</mi><mo>−</mo><mn>1</mn></mrow>"
    return f"<mn>{text}</mn>" if text.isdigit() else f"<mi>{escape(text)}</mi>"


def _mathml_number(x: Any) -> str:
    text = _trimmed(x).replace("inf", "∞").replace("nan", "NaN")
    sign, text = ("<mo>−</mo>", text[1:]) if text.startswith("-") else ("", text)
    mantissa, e, exponent = text.partition("e")
    told = f"<mn>{mantissa}</mn>"
    if e:
        power = f"<msup><mn>10</mn><mn>{str(int(exponent)).replace('-', '−')}</mn></msup>"
        told = power if mantissa == "1" else f"{told}<mo>·</mo>{power}"
    return f"<mrow>{sign}{told}</mrow>" if sign or e else told


def mathml_rows(rows: Sequence[Row]) -> str:
    """Rows as one `math` element, a row of its table each."""
    table = "".join(f"<mtr><mtd>{left}</mtd><mtd><mo>=</mo>{right}</mtd></mtr>" for left, right in rows)
    return f'<math display="block" xmlns="http://www.w3.org/1998/Math/MathML"><mtable>{table}</mtable></math>'


MATHML = Notation(
    name=_mathml_name,
    number=_mathml_number,
    fraction=lambda a, b: f"<mfrac><mrow>{a}</mrow><mrow>{b}</mrow></mfrac>",
    power=lambda a, b: f"<msup><mrow>{a}</mrow><mrow>{b if b.startswith('<') else f'<mn>{b}</mn>'}</mrow></msup>",
    root=lambda a: f"<msqrt>{a}</msqrt>",
    norm=lambda a: f"<mo>‖</mo>{a}<mo>‖</mo>",
    brackets=lambda a: f"<mrow><mo>(</mo>{a}<mo>)</mo></mrow>",
    call=lambda f, args: f"<mrow><mi>{escape(f)}</mi><mo>(</mo>{'<mo>,</mo>'.join(args)}<mo>)</mo></mrow>",
    term=lambda k, a: f'<mrow data-term="{k}">{a}</mrow>',
    sign=lambda sign: f"<mo>{escape(sign).replace('-', '−')}</mo>",
    bare=True,
)
