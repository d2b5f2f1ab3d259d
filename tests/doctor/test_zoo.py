"""The zoo: no false alarm, and every disease named by its cause."""

import pytest
from examination import examine, verdict
from zoo import ZOO

QUICK = ("small mlp", "loss times ten thousand", "zero last layer", "softmax before cross entropy", "relu with low biases",
         "sigmoid mlp of ten layers", "column against row", "labels from one", "a head replaced later")  # fmt: skip
CASES = [(name, middle) for name, p in ZOO.items() for middle in ((False, True) if p.middle else (False,))]


@pytest.mark.parametrize("name", QUICK)
def test_some_at_the_start(name):
    assert verdict(ZOO[name], examine(ZOO[name])) == ""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "middle"), CASES)
def test_all(name, middle):
    assert verdict(ZOO[name], examine(ZOO[name], middle)) == ""
