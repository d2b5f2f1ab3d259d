"""Compiled functions are tested on the interpreter here: it says what machine code has to compute (tests/native compare)."""

from __future__ import annotations

import os

import pytest

from microgradient.program import compiled
from microgradient.program.interpret import Interpreter


@pytest.fixture(autouse=True)
def _on_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.environ.get("MICROGRADIENT_TEST_BACKEND") != "native":
        monkeypatch.setattr(compiled, "native", Interpreter)
