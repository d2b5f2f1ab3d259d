"""Adding a function takes a row, a kernel, a lowering (or none) and a domain in the tests; everything else follows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


@pytest.mark.slow
def test_a_primitive_from_outside_is_in_every_world():
    """In a process of its own, because the table would keep it: its own tests, and those that every row gets."""
    files = [str(TESTS / name) for name in ("added_primitive.py", "test_rules.py", "test_explain_symbolic.py")]
    options = [
        "-q",
        "-x",
        "-p",
        "added_primitive",
        "-p",
        "no:cacheprovider",
        "-k",
        "added or softsign or softdifference",
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files],
        capture_output=True,
        text=True,
        env=environment,
        cwd=TESTS.parent,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_type_checkers_see_the_functions_of_the_table():
    """`functions/pointwise.pyi` is what `tools/pointwise_stub.py` writes."""
    tool = TESTS.parent / "tools" / "pointwise_stub.py"
    code = "import sys; sys.path.insert(0, sys.argv[1]); import pointwise_stub as s; print(s.stub(), end='')"
    done = subprocess.run([sys.executable, "-c", code, str(tool.parent)], capture_output=True, text=True, check=True)
    stub = TESTS.parent / "src" / "microgradient" / "functions" / "pointwise.pyi"
    assert stub.read_text() == done.stdout, "run `python tools/pointwise_stub.py`"
