"""PyTorch's own samples of its operators, replayed: values, gradients and second gradients, eager and compiled."""

import subprocess
import sys
from pathlib import Path

import pytest

from .op_info import EXCEPTIONS, replay, variants

VARIANTS = {name: op for name, op in variants() if name not in EXCEPTIONS}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", VARIANTS)
def test_samples_agree(name):
    problems, count = replay(VARIANTS[name])
    assert problems == []
    assert count


def test_exceptions_are_operators_and_few():
    names = {name for name, _ in variants()}
    assert set(EXCEPTIONS) <= names
    assert len(names) - len(EXCEPTIONS) >= 600


def test_the_page_of_differences_says_what_is_true():
    tool = Path(__file__).parents[2] / "tools" / "torch_table.py"
    found = subprocess.run([sys.executable, str(tool), "--check"], capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
