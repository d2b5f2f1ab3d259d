"""The symbolic world: the pointwise primitives as sympy expressions, and their partial derivatives read off the rulebook.

sympy is loaded when first needed; without it an error names the extra to install.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from ..errors import ArgumentError, GradientError, MicrogradientError
from ..rules import TABLE, Primitive

Expr = Any  # a sympy expression


class MissingSympyError(MicrogradientError, ImportError):
    """sympy is needed and not installed."""


def expression(name: str, *symbols: Expr, **params: Any) -> Expr:
    """The primitive `name` as a sympy expression in `symbols`, which should be real (as those of :func:`arguments`).

    Functions with kinks are given in pieces that sympy can differentiate away from the kink. Raises ArgumentError for a
    primitive that is not an elementwise function of numbers, and an ImportError if sympy is missing.

    >>> import sympy
    >>> expression("softplus", sympy.Symbol("x", real=True))
    log(exp(x) + 1)
    """
    if name not in _EXPRESSIONS:
        raise ArgumentError("MG114", f"`{name}` has no symbolic form: it is not an elementwise function of numbers.")
    return _EXPRESSIONS[name](load_sympy(), *symbols, **params)


def partial(op: Primitive | str, i: int = 0, *symbols: Expr, **params: Any) -> Expr:
    """∂y/∂(argument i) of a pointwise primitive, by running its map in the rulebook on symbols, with t = 1.

    The arguments are called a, b, c unless `symbols` are given; the result y is replaced by its own expression.
    Raises GradientError where argument i has no derivative, and ArgumentError for a primitive that is not pointwise.

    >>> partial("divide", 1)
    -a/b**2
    >>> partial("tanh")
    1 - tanh(a)**2
    """
    row = TABLE[op] if isinstance(op, str) else op
    if row.kind != "pointwise" or row.name not in _EXPRESSIONS:
        raise ArgumentError(
            "MG114", f"`{row.name}` has no symbolic partial derivatives: only pointwise primitives have."
        )
    rule = row.maps[i]
    if rule is None:
        raise GradientError("MG100", f"`{row.name}` has no derivative with respect to argument {i}.")
    sympy = load_sympy()
    args = symbols or arguments(len(row.maps))
    y = expression(row.name, *args, **params)
    return _tidy(sympy.sympify(rule(SYMBOLIC, sympy.Integer(1), y, *args, **params)))


def arguments(n: int) -> tuple[Expr, ...]:
    """The real symbols a, b, c that stand for the arguments of a primitive."""
    return tuple(load_sympy().symbols("a:z", real=True)[:n])


def away_from_kinks(expr: Expr) -> Expr:
    """`expr` where no two things that it compares happen to be equal: the derivative at almost every point.

    >>> away_from_kinks(partial("pow", 0))
    a**(b - 1)*b
    """
    sympy = load_sympy()
    flat = expr.replace(sympy.DiracDelta, lambda *args: sympy.Integer(0))
    return flat.replace(sympy.Eq, lambda *args: sympy.false).replace(sympy.Ne, lambda *args: sympy.true)


@functools.cache
def load_sympy() -> Any:
    """The module sympy."""
    try:
        import sympy
    except ImportError:
        raise MissingSympyError(
            "MG115",
            "Symbolic derivatives need sympy, which is not installed. Run `pip install 'microgradient[symbolic]'`.",
        ) from None
    return sympy


class SymbolicWorld:
    """The namespace `xp` for sympy expressions: `SYMBOLIC.tanh(x)`."""

    def __getattr__(self, name: str) -> Callable[..., Expr]:
        try:
            function = _EXPRESSIONS[name]
        except KeyError:
            raise AttributeError(f"the symbolic world has no primitive {name!r}") from None
        return lambda *args, **params: function(load_sympy(), *args, **params)


SYMBOLIC = SymbolicWorld()


# ------------------------------------------------------------------------------------------------ the primitives as formulas


def _where(s: Any, condition: Expr, a: Expr, b: Expr) -> Expr:
    return s.Piecewise((a, _truth(s, condition)), (b, True))


def _truth(s: Any, condition: Expr) -> Expr:
    """`condition` as a sympy Boolean: `not_equal` gives the number 1 or 0, because a rule calculates with it."""
    condition = s.sympify(condition)
    if isinstance(condition, s.logic.boolalg.Boolean):
        return condition
    return s.Ne(condition, 0)


def _trunc(s: Any, a: Expr) -> Expr:
    return s.Piecewise((_floor(s, a), a > 0), (-_floor(s, -a), True))


@functools.cache
def _step_function(s: Any) -> Any:
    """⌊a⌋ with derivative 0, which it has everywhere but at the steps; sympy's own has none."""

    class Floor(s.Function):
        is_real = True

        @classmethod
        def eval(cls, a: Expr) -> Expr | None:
            return s.floor(a) if a.is_number else None

        def fdiff(self, argindex: int = 1) -> Expr:
            return s.Integer(0)

        def _eval_evalf(self, precision: int) -> Expr:
            return s.floor(self.args[0]).evalf()

        def _latex(self, printer: Any, exp: str | None = None) -> str:
            text = rf"\left\lfloor{{{printer._print(self.args[0])}}}\right\rfloor"
            return text if exp is None else f"{text}^{{{exp}}}"

    Floor.__name__ = "floor"
    return Floor


def _floor(s: Any, a: Expr) -> Expr:
    return _step_function(s)(a)


_EXPRESSIONS: dict[str, Callable[..., Expr]] = {
    "positive": lambda s, a: a,
    "negative": lambda s, a: -a,
    "add": lambda s, a, b: a + b,
    "subtract": lambda s, a, b: a - b,
    "multiply": lambda s, a, b: a * b,
    "divide": lambda s, a, b: a / b,
    "pow": lambda s, a, b: a**b,
    "power": lambda s, a, n=1: a**n,
    "floor_divide": lambda s, a, b: _floor(s, a / b),
    "remainder": lambda s, a, b: a - b * _floor(s, a / b),
    "square": lambda s, a: a**2,
    "sqrt": lambda s, a: s.sqrt(a),
    "reciprocal": lambda s, a: 1 / a,
    "abs": lambda s, a: s.Abs(a),
    "sign": lambda s, a: s.sign(a),
    "floor": _floor,
    "ceil": lambda s, a: -_floor(s, -a),
    "round": lambda s, a: _floor(s, a + s.Rational(1, 2)),  # but for ties, which are among the steps
    "trunc": _trunc,
    "copysign": lambda s, a, b: s.Piecewise((s.Abs(a), b >= 0), (-s.Abs(a), True)),
    "hypot": lambda s, a, b: s.sqrt(a**2 + b**2),
    "exp": lambda s, a: s.exp(a),
    "exp2": lambda s, a: 2**a,
    "expm1": lambda s, a: s.exp(a) - 1,
    "log": lambda s, a: s.log(a),
    "log2": lambda s, a: s.log(a) / s.log(2),
    "log10": lambda s, a: s.log(a) / s.log(10),
    "log1p": lambda s, a: s.log(a + 1),
    "logaddexp": lambda s, a, b: s.log(s.exp(a) + s.exp(b)),
    "sigmoid": lambda s, a: 1 / (1 + s.exp(-a)),
    "softplus": lambda s, a: s.log(1 + s.exp(a)),
    **{name: lambda s, a, name=name: getattr(s, name)(a) for name in (
        "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
        "erf", "erfc", "erfinv", "digamma",
    )},
    "atan2": lambda s, a, b: s.atan2(a, b),
    "lgamma": lambda s, a: s.loggamma(a),
    "polygamma": lambda s, a, n=0: s.polygamma(n, a),
    "relu": lambda s, a: s.Piecewise((a, a > 0), (0, True)),
    "maximum": lambda s, a, b: s.Piecewise((a, a > b), (b, True)),
    "minimum": lambda s, a, b: s.Piecewise((a, a < b), (b, True)),
    "clip": lambda s, a, lo, hi: s.Piecewise((hi, (a > hi) | (lo > hi)), (lo, a < lo), (a, True)),
    "where": _where,
    "equal": lambda s, a, b: s.Eq(a, b),
    "not_equal": lambda s, a, b: s.Piecewise((0, s.Eq(a, b)), (1, True)),
    "less": lambda s, a, b: s.Lt(a, b),
    "less_equal": lambda s, a, b: s.Le(a, b),
    "greater": lambda s, a, b: s.Gt(a, b),
    "greater_equal": lambda s, a, b: s.Ge(a, b),
    "logical_and": lambda s, a, b: s.And(_truth(s, a), _truth(s, b)),
    "logical_or": lambda s, a, b: s.Or(_truth(s, a), _truth(s, b)),
    "logical_xor": lambda s, a, b: s.Xor(_truth(s, a), _truth(s, b)),
    "logical_not": lambda s, a: s.Not(_truth(s, a)),
    "zeros_like": lambda s, a: s.Integer(0),
}  # fmt: skip


def _tidy(expr: Expr) -> Expr:
    """The rulebook's floating constants as what they are (1.128… is 2/√π), and conditions in their shortest form."""
    s = load_sympy()
    known = {
        0.5: s.Rational(1, 2), math.log(2): s.log(2), 1 / math.log(2): 1 / s.log(2), math.log(10): s.log(10),
        1 / math.log(10): 1 / s.log(10), 2 / math.sqrt(math.pi): 2 / s.sqrt(s.pi),
        math.sqrt(math.pi) / 2: s.sqrt(s.pi) / 2,
    }  # fmt: skip
    exact = {}
    for number in expr.atoms(s.Float):
        for value, meaning in known.items():
            if math.isclose(abs(float(number)), value, rel_tol=1e-14):
                exact[number] = s.sign(number) * meaning
    return expr.xreplace(exact).replace(s.ITE, lambda *parts: s.simplify_logic(s.ITE(*parts)))
