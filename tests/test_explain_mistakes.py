"""The silent mistake that the engine can see: a prediction (n, 1) minus a target (n,)."""

import warnings

import numpy as np
import pytest

import microgradient as mg
from microgradient.errors import MicrogradientWarning
from microgradient.nn.functional import mse_loss


def predictions(*shape):
    return mg.tensor(np.linspace(0.0, 1.0, int(np.prod(shape))).reshape(shape), requires_grad=True)


@pytest.mark.parametrize(("a", "b"), [((100, 1), (100,)), ((100,), (100, 1))])
def test_a_column_minus_a_row_warns(a, b):
    target = mg.zeros(b, dtype=mg.float64)
    told = r"\(100, 100\): every prediction against every target.*y\[:, None\].*MG166"
    with pytest.warns(MicrogradientWarning, match=told):
        loss = mg.mean((predictions(*a) - target) ** 2)
    assert loss.shape == ()
    with pytest.warns(MicrogradientWarning, match=told):
        target - predictions(*a)
    with pytest.warns(MicrogradientWarning, match=told):
        predictions(*a) - target.numpy()


def test_it_warns_once_for_a_place():
    x, y = predictions(4, 1), np.zeros(4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            x - y
            mse_loss(x, mg.tensor(y))  # which warns itself, with more to say
    assert len(caught) == 2
    assert {w.filename for w in caught} == {__file__}


def test_what_is_meant_does_not_warn():
    x = predictions(5)
    x[:, None] - x  # all differences of one thing with itself
    predictions(1, 1) - np.zeros(1)
    predictions(5, 1) - np.zeros((5, 1))
    predictions(5, 1) - np.zeros((1, 5))
    predictions(5, 1) - np.zeros(3)
    predictions(5, 3) - np.zeros(3)
    predictions(5, 1) - 1.0
    predictions(5, 1) + np.zeros(5)
    mg.zeros((5, 1)) - mg.zeros((5,))  # no gradient: no loss
    with mg.no_grad():
        predictions(5, 1) - np.zeros(5)
