"""What every test needs."""

from __future__ import annotations

import pytest

from microgradient import errors


@pytest.fixture(autouse=True)
def _warn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warnings come once for each place in a program; every test sees its own."""
    monkeypatch.setattr(errors, "_warned", set())
