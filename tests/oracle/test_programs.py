"""Unchanged PyTorch programs print what they print with PyTorch: words exactly, numbers to the digits that rounding leaves."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = sorted((Path(__file__).parent.parent / "programs").glob("*.py"))
NUMBER = re.compile(r"-?(?:\d+\.\d*|\d+)(?:[eE][-+]?\d+)?")


def printed(program, folder, *before):
    found = subprocess.run(
        [sys.executable, *before, str(program)], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def same_number(ours, theirs):
    """Within two units of the last digit printed, or a part in a thousand of small differences that training makes larger."""
    digits = len(theirs.partition(".")[2].partition("e")[0]) if "." in theirs and "e" not in theirs else 0
    x, y = float(ours), float(theirs)
    return ours == theirs or abs(x - y) <= max(2.1 * 10.0**-digits if digits else 0, 2e-3 * abs(y))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_programs_print_what_they_print_with_pytorch(program, tmp_path):
    ours = printed(program, tmp_path, "-m", "microgradient", "run").splitlines()
    theirs = printed(program, tmp_path).splitlines()
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        a, b = (re.sub(r", inplace=True| object at 0x\w+", "", line) for line in (a, b))
        assert NUMBER.sub("#", a) == NUMBER.sub("#", b)
        assert all(map(same_number, NUMBER.findall(a), NUMBER.findall(b))), f"{a!r} is not {b!r}"
