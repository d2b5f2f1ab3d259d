"""Programs written for HIPS autograd give the same numbers once their imports are renamed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("autograd")
PROGRAMS = sorted((Path(__file__).parent.parent / "numpy_programs").glob("*.py"))


def result(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(source, names)
    found: dict[str, Any] = names["result"]
    return found


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_programs_give_the_numbers_of_autograd(program: Path):
    source = program.read_text()
    theirs, ours = result(source), result(source.replace("autograd", "microgradient"))
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        np.testing.assert_allclose(np.asarray(ours[name]), expected, rtol=1e-8, atol=1e-10, err_msg=name)
