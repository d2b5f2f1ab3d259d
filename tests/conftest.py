"""What every test needs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from microgradient import errors
from microgradient.native.runtime.executable import Executable

# run by tests of their own: test_added_primitive.py, pytorch/test_running.py, test_numpy_programs.py
collect_ignore = ["added_primitive.py", "programs", "numpy_programs"]

Outcome = tuple[int, str, str]

# How fast the machine is decides no test; nor does chance, in the gate
settings.register_profile(
    "any_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("any_machine")


@pytest.fixture(scope="session", autouse=True)
def _own_machine_code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's cache folder is not ours to fill. The processes of one run share one: each program is compiled once."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # then the folder is the worker's own, in that of the run
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MICROGRADIENT_CACHE", str(folder / "machine_code"))
        patch.setenv("MICROGRADIENT_LANG", "en")
        yield


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command in an empty folder; gives its exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MICROGRADIENT_LANG", "en")  # and as it was before, if a command sets it

    def call(*words: object) -> Outcome:
        from microgradient.cli import main

        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture(autouse=True)
def _warn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warnings come once for each place in a program; every test sees its own."""
    monkeypatch.setattr(errors, "_warned", set())


@pytest.fixture(autouse=True)
def _dirty_arenas(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a program's kernels read from its arena, they must have written in the same run: before, it is full of rubbish."""
    plain = Executable.run

    def run(self: Executable, *args: Any, **options: Any) -> None:
        for free in _gaps(self):
            self._arena[free] = 0xF5  # a huge negative number, whole or real
        plain(self, *args, **options)

    monkeypatch.setattr(Executable, "run", run)


def _gaps(executable: Executable) -> list[slice]:
    """The parts of an arena between those that hold zeros for good."""
    if not hasattr(executable, "gaps"):
        used = {id(b): b for launch in executable._plan.launches for b in launch.buffers}
        kept = sorted((b.offset, b.offset + b.size * b.dtype.itemsize) for b in used.values() if b.kept)
        edges = [0, *(edge for pair in kept for edge in pair), executable._arena.size]
        vars(executable)["gaps"] = [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    found: list[slice] = vars(executable)["gaps"]
    return found
