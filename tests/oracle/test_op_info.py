"""PyTorch's own samples of its operators, replayed: values, gradients and second gradients, eager and compiled."""

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
