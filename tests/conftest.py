"""What every test needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from microgradient import errors


@pytest.fixture(scope="session", autouse=True)
def _own_machine_code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's cache folder is not ours to fill."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MICROGRADIENT_CACHE", str(tmp_path_factory.mktemp("machine_code")))
        yield


@pytest.fixture(autouse=True)
def _warn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warnings come once for each place in a program; every test sees its own."""
    monkeypatch.setattr(errors, "_warned", set())
