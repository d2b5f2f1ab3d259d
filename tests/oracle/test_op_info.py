"""PyTorch's own samples of its operators, replayed: values, gradients and second gradients, eager and compiled."""

import subprocess
import sys
from pathlib import Path

import pytest

from microgradient.errors import MicrogradientError

from .op_info import EXCEPTIONS, REFUSED, replay, replay_compiled, variants

VARIANTS = {name: op for name, op in variants() if name not in EXCEPTIONS}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", VARIANTS)
def test_samples_agree(name):
    problems, count = replay(VARIANTS[name])
    assert problems == []
    assert count


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in VARIANTS if name not in REFUSED])
def test_samples_agree_compiled(name):
    assert replay_compiled(VARIANTS[name]) is None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_can_not_be_compiled_is_refused(name):
    with pytest.raises(MicrogradientError):
        replay_compiled(VARIANTS[name])


def test_exceptions_are_operators_and_few():
    names = {name for name, _ in variants()}
    assert set(EXCEPTIONS) <= names
    assert len(names) - len(EXCEPTIONS) >= 600


def test_the_page_of_differences_says_what_is_true():
    tool = Path(__file__).parents[2] / "tools" / "torch_table.py"
    found = subprocess.run([sys.executable, str(tool), "--check"], capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
