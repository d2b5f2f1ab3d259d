"""The symbolic world says the same as sympy's own derivative and as the numbers of the scalar world."""

import math
import subprocess
import sys

import pytest

import microgradient.rules_linalg  # noqa: F401 (completes the table)
from domains import SPECIAL
from microgradient.errors import ArgumentError, GradientError
from microgradient.explain.symbolic_world import SYMBOLIC, arguments, away_from_kinks, expression, partial
from microgradient.primitives import TABLE
from microgradient.scalar_world import SCALAR

sympy = pytest.importorskip("sympy")

DIFFERENTIABLE = [
    (name, i)
    for name, op in TABLE.items()
    if op.kind == "pointwise"
    for i, rule in enumerate(op.maps)
    if rule is not None and name != "where" and name not in SPECIAL
]
# Points away from kinks, inside every domain once shifted: rational, so that sympy works exactly.
POINTS = [(3, 7, 11), (-3, 7, 11), (3, -7, 11), (-3, -7, 2), (9, 2, 5), (4, 9, 2)]
PARAMS = {"polygamma": {"n": 2}, "power": {"n": 3}}
DOMAIN = {
    "log": "positive", "log2": "positive", "log10": "positive", "log1p": "positive", "sqrt": "positive", "pow": "positive",
    "lgamma": "positive", "digamma": "positive", "polygamma": "positive", "acosh": "above one", "asin": "within one",
    "acos": "within one", "atanh": "within one", "erfinv": "within one",
}  # fmt: skip


def points(name, n):
    """Rational arguments for a primitive of `n` arguments."""
    domain = DOMAIN.get(name, "all")
    for point in POINTS:
        exact = [sympy.Rational(v, 10) for v in point[:n]]
        if domain != "all":
            exact[0] = abs(exact[0])
        if domain == "above one":
            exact[0] += 1
        yield exact


def number(expr, symbols, values):
    return complex(expr.subs(dict(zip(symbols, values, strict=True))).evalf(30))


@pytest.mark.parametrize(("name", "i"), DIFFERENTIABLE)
def test_partial_is_sympys_derivative(name, i):
    op = TABLE[name]
    params = PARAMS.get(name, {})
    symbols = arguments(len(op.maps))
    from_rule = partial(name, i, **params)
    from_sympy = away_from_kinks(sympy.diff(expression(name, *symbols, **params), symbols[i]))
    for values in points(name, len(symbols)):
        expected = number(from_sympy, symbols, values)
        assert number(from_rule, symbols, values) == pytest.approx(expected, rel=1e-14, abs=1e-14)
        assert number(away_from_kinks(from_rule), symbols, values) == pytest.approx(expected, rel=1e-14, abs=1e-14)


@pytest.mark.parametrize("name", sorted({name for name, _ in DIFFERENTIABLE}))
def test_expression_is_the_function_of_the_scalar_world(name):
    symbols = arguments(len(TABLE[name].maps))
    params = PARAMS.get(name, {})
    for values in points(name, len(symbols)):
        ours = getattr(SCALAR, name)(*map(float, values), **params)
        assert number(expression(name, *symbols, **params), symbols, values) == pytest.approx(
            ours, rel=1e-12, abs=1e-13
        )


def test_where_takes_its_branches():
    a, b, c = arguments(3)
    assert expression("where", a > b, b, c).subs({a: 1, b: 0}) == 0
    assert partial("where", 1, a > b, b, c) == sympy.Piecewise((1, a > b), (0, True))


def test_floating_constants_become_exact():
    (a,) = arguments(1)
    assert sympy.simplify(partial("erf") - 2 * sympy.exp(-(a**2)) / sympy.sqrt(sympy.pi)) == 0
    assert partial("log10") == 1 / (a * sympy.log(10))
    assert not any(partial(name, i).atoms(sympy.Float) for name, i in DIFFERENTIABLE)


def test_kinks_follow_the_rulebook():
    a, b = arguments(2)
    assert partial("relu").subs(a, 0) == 0
    assert partial("abs").subs(a, 0) == 0
    assert partial("maximum", 0).subs({a: 2, b: 2}) == sympy.Rational(1, 2)
    assert partial("hypot", 0).subs({a: 0, b: 0}) == 0
    assert partial("pow", 0).subs({a: 0, b: 0}) == 0


def test_step_functions_print_and_evaluate():
    (a,) = arguments(1)
    assert expression("floor", sympy.Rational(-5, 2)) == -3
    assert expression("trunc", sympy.Rational(-5, 2)) == -2
    assert sympy.latex(expression("floor", a)) == r"\left\lfloor{a}\right\rfloor"
    assert sympy.latex(expression("floor", a) ** 2) == r"\left\lfloor{a}\right\rfloor^{2}"


def test_what_has_no_symbolic_form():
    with pytest.raises(ArgumentError, match=r"matmul.*MG114"):
        partial("matmul")
    with pytest.raises(ArgumentError, match="MG114"):
        expression("matmul", *arguments(2))
    with pytest.raises(GradientError, match=r"equal.*argument 1"):
        partial("equal", 1)
    with pytest.raises(AttributeError):
        SYMBOLIC.matmul  # noqa: B018


def test_without_sympy_an_error_names_the_extra():
    code = (
        "import sys; sys.modules['sympy'] = None\n"
        "from microgradient.explain.symbolic_world import partial\n"
        "try: partial('tanh')\n"
        "except ImportError as e: print(e)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'microgradient[symbolic]'" in done.stdout


def test_second_derivative_by_the_same_rule():
    x = sympy.Symbol("x", real=True)
    y = SYMBOLIC.tanh(x)
    row = TABLE["tanh"].maps[0]
    second = sympy.diff(row(SYMBOLIC, 1, y, x), x)
    assert float(second.subs(x, 0.3)) == pytest.approx(-2 * math.tanh(0.3) * (1 - math.tanh(0.3) ** 2))
