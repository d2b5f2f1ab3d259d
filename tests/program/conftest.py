"""Compiled functions are tested as machine code; transforms and derivatives also on the interpreter, which says what to compute.

MICROGRADIENT_TEST_BACKEND=interpreter runs all of them on the interpreter.
"""

from __future__ import annotations

import os

import pytest

from microgradient.program import compiler
from microgradient.program.interpret import Interpreter

ON_BOTH = {"test_functions", "test_derivatives"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.module.__name__ in ON_BOTH:
        metafunc.parametrize("_backend", ["native", "interpreter"], indirect=True)


@pytest.fixture(autouse=True)
def _backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "interpreter" in (getattr(request, "param", ""), os.environ.get("MICROGRADIENT_TEST_BACKEND", "")):
        monkeypatch.setattr(compiler, "native", Interpreter)
