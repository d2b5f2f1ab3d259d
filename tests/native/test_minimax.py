"""The constants of the vector mathematics are those that tools/minimax.py makes, and the series of `random` are long enough."""

from __future__ import annotations

import math

import minimax
import mpmath
import numpy as np
import pytest

from microgradient.box_muller import FORMATS
from microgradient.native.codegen.math.gamma import BERNOULLI

SOURCE = minimax.TABLES.read_text(encoding="utf-8")


def _case(declared):
    slow = isinstance(declared, minimax.Table) and max(fit.terms for fit in declared.fits.values()) > 6
    return pytest.param(declared, id=declared.name, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize("declared", [_case(declared) for declared in minimax.DECLARED])
def test_a_table_is_what_the_tool_makes(declared):
    assert f"\n{minimax.written(declared)}" in SOURCE


def test_there_is_no_other_table():
    lines = SOURCE.removeprefix(minimax.HEADER).splitlines()
    assert [line.split(" = ")[0] for line in lines if " = " in line and line[0] not in "# "] == [
        declared.name for declared in minimax.DECLARED
    ]


def test_the_fit_is_the_best_one():
    """The cubic nearest to x⁴ on [-1, 1] is x² - 1/8, by Chebyshev's polynomial; the error is 1/8."""
    table = minimax.Table("", "", lambda t: t**4, lambda t: mpmath.mpf(1), {"f8": minimax.Fit(-1, 1, 4)})
    found, error = minimax.fitted(table, "f8")
    assert found == pytest.approx([-1 / 8, 0, 1, 0], abs=0.002)  # on a grid
    assert float(error) == pytest.approx(1 / 8, rel=0.002)


def test_bernoulli_numbers():
    assert [float(mpmath.bernoulli(2 * k)) for k in range(1, len(BERNOULLI) + 1)] == list(BERNOULLI)


@pytest.mark.parametrize("form", FORMATS.values(), ids=lambda form: str(form.real))
def test_series_of_random_normals_are_long_enough(form):
    with mpmath.workprec(120):
        x = [mpmath.mpf(k) / 500 for k in range(1, 501)]
        s, a = [(3 - mpmath.sqrt(8)) * t for t in x], [mpmath.pi / 4 * t for t in x]
        functions = (
            (s, lambda t: mpmath.log((1 + t) / (1 - t)) / t),
            (a, mpmath.cos),
            (a, lambda t: mpmath.sin(t) / t),
        )
        for k, (points, f) in enumerate(functions):
            series = [float(c[k, 0]) for c in form.series]
            wrong = max(abs(mpmath.polyval(series, t * t) / f(t) - 1) for t in points)
            assert wrong < float(np.finfo(form.real).eps) * 0.6, (k, math.log2(wrong))
