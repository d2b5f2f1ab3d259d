"""The symbolic world: the pointwise primitives as sympy expressions, and their partial derivatives read off the rulebook.

sympy is loaded when first needed; without it an error names the extra to install.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from ..errors import ArgumentError, GradientError, MicrogradientError
from ..primitives import TABLE, Primitive
from ..scalar_world import SCALAR

Expr = Any  # a sympy expression


class MissingSympyError(MicrogradientError, ImportError):
    """sympy is needed and not installed."""


def expression(name: str, *symbols: Expr, **params: Any) -> Expr:
    """The primitive `name` as a sympy expression in `symbols`, which should be real (as those of `arguments`).

    Functions with kinks are given in pieces that sympy can differentiate away from the kink. Raises ArgumentError for a
    primitive that is not an elementwise function of numbers, and an ImportError if sympy is missing.

    >>> import sympy
    >>> expression("softplus", sympy.Symbol("x", real=True))
    log(exp(x) + 1)
    """
    row = TABLE.get(name)
    formula = _formula(row) if row is not None and row.kind == "pointwise" else None
    if row is None or formula is None:
        raise ArgumentError("MG114", f"`{name}` has no symbolic form: it is not an elementwise function of numbers.")
    return formula(*symbols, **{**row.params, **params})


def partial(op: Primitive | str, i: int = 0, /, *symbols: Expr, **params: Any) -> Expr:
    """∂y/∂(argument i) of a pointwise primitive, by running its map in the rulebook on symbols, with t = 1.

    The arguments are called a, b, c unless `symbols` are given; the result y is replaced by its own expression.
    Raises GradientError where argument i has no derivative, and ArgumentError for a primitive that is not pointwise.

    >>> partial("divide", 1)
    -a/b**2
    >>> partial("tanh")
    1 - tanh(a)**2
    """
    row = TABLE[op] if isinstance(op, str) else op
    if row.kind != "pointwise":
        raise ArgumentError(
            "MG114", f"`{row.name}` has no symbolic partial derivatives: only pointwise primitives have."
        )
    rule = row.maps[i]
    if rule is None:
        raise GradientError("MG100", f"`{row.name}` has no derivative with respect to argument {i}.")
    sympy = load_sympy()
    args = symbols or arguments(len(row.maps))
    params = {**row.params, **params}
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
        if name not in TABLE or TABLE[name].kind != "pointwise":
            raise AttributeError(f"the symbolic world has no primitive {name!r}")
        return functools.partial(expression, name)

    def zeros_like(self, a: Expr) -> Expr:
        """The number 0."""
        return load_sympy().Integer(0)


SYMBOLIC = SymbolicWorld()


# ------------------------------------------------------------------------------------------------ the primitives as formulas


@functools.cache
def _formula(row: Primitive) -> Callable[..., Expr] | None:
    """A pointwise primitive as a function of sympy's expressions, and of its parameters by name."""
    s = load_sympy()
    n = len(row.maps)
    text = row.formula or (f"a {row.symbol} b" if row.symbol and n == 2 else row.symbol and f"{row.symbol}a")
    if text:
        code = compile(text, f"<formula of {row.name}>", "eval")
        names = {**vars(s), "floor": _undefined(TABLE["floor"]), "truth": _truth}
        return lambda *args, **params: eval(code, {**names, **dict(zip("abc", args, strict=False)), **params})
    known: Any = getattr(s, row.name, None)
    fits = isinstance(known, type(s.sin)) and not row.params and n in known.nargs
    if (fits and row.name != "floor") or row.name == "sqrt":
        return lambda *args, **params: known(*args)
    if not row.varies:
        return None
    return lambda *args, **params: _undefined(row, tuple(params.items()))(*args)


def _truth(condition: Expr) -> Expr:
    """`condition` as a sympy Boolean: `not_equal` gives the number 1 or 0, because a rule calculates with it."""
    s = load_sympy()
    condition = s.sympify(condition)
    if isinstance(condition, s.logic.boolalg.Boolean):
        return condition
    return s.Ne(condition, 0)


@functools.cache
def _undefined(row: Primitive, params: tuple[tuple[str, Any], ...] = ()) -> Any:
    """A function that sympy has not, or (floor) without a derivative: it has the row's, and the scalar world's numbers."""
    s: Any = load_sympy()

    class Undefined(s.Function):
        is_real = True

        @classmethod
        def eval(cls, *args: Expr) -> Expr | None:
            return s.floor(*args) if row.name == "floor" and args[0].is_number else None

        def fdiff(self, argindex: int = 1) -> Expr:
            return partial(row, argindex - 1, *self.args, **dict(params))

        def _eval_evalf(self, precision: int) -> Expr:
            numbers = [a.evalf() for a in self.args]
            return (
                s.Float(getattr(SCALAR, row.name)(*map(float, numbers), **dict(params)))
                if all(a.is_Float for a in numbers)
                else None
            )

        def _latex(self, printer: Any, exp: str | None = None) -> str:
            inside = ", ".join(map(printer._print, self.args))
            text = (
                rf"\left\lfloor{{{inside}}}\right\rfloor"
                if row.name == "floor"
                else rf"\mathrm{{{row.name}}}({inside})"
            )
            return text if exp is None else f"{text}^{{{exp}}}"

    Undefined.__name__ = row.name
    return Undefined


def _tidy(expr: Expr) -> Expr:
    """The rulebook's floating constants as what they are (1.128… is 2/√π), and conditions in their shortest form."""
    s = load_sympy()
    known = {
        0.5: s.Rational(1, 2), math.log(2): s.log(2), 1 / math.log(2): 1 / s.log(2), math.log(10): s.log(10),
        math.pi: s.pi, 1 / math.log(10): 1 / s.log(10), 2 / math.sqrt(math.pi): 2 / s.sqrt(s.pi),
        math.sqrt(math.pi) / 2: s.sqrt(s.pi) / 2, 1 / math.sqrt(2 * math.pi): 1 / s.sqrt(2 * s.pi),
    }  # fmt: skip
    exact = {}
    for number in expr.atoms(s.Float):
        for value, meaning in known.items():
            if math.isclose(abs(float(number)), value, rel_tol=1e-14):
                exact[number] = s.sign(number) * meaning
    return expr.xreplace(exact).replace(s.ITE, lambda *parts: s.simplify_logic(s.ITE(*parts)))
