"""Optimisers of complex parameters: their parts move as two real numbers do, or they are refused."""

from __future__ import annotations

import numpy as np
import pytest

import microgradient as mg
from microgradient import optim

OF_PARTS = [
    "SGD",
    "Adam",
    "AdamW",
    "Adadelta",
    "Adagrad",
    "Adamax",
    "ASGD",
    "Lion",
    "NAdam",
    "RAdam",
    "RMSprop",
    "Rprop",
]


@pytest.mark.parametrize("name", OF_PARTS)
def test_complex_parameters_move_as_their_parts_do(name):
    start = np.array([3 + 4j, -1j, 0.5])
    z = mg.tensor(start, requires_grad=True)
    pair = mg.tensor(np.stack([start.real, start.imag], axis=-1), requires_grad=True)
    one, other = getattr(optim, name)([z], lr=0.1), getattr(optim, name)([pair], lr=0.1)

    def step():
        one.zero_grad()
        loss = mg.sum(mg.abs(z - (1 + 2j)) ** 2)
        loss.backward()
        one.step()
        return loss

    compiled = mg.compile(step)
    for k in range(20):
        loss = compiled() if k > 9 else step()
        other.zero_grad()
        mg.sum(mg.abs(mg.view_as_complex(pair) - (1 + 2j)) ** 2).backward()
        other.step()
        np.testing.assert_allclose(z.data, pair.data[:, 0] + 1j * pair.data[:, 1], rtol=1e-9)
    assert loss.dtype == mg.float64


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_sees_complex_parameters_as_their_parts(search):
    start = np.array([[3 + 4j, -1j, 0.5]])
    z = mg.tensor(start.T, requires_grad=True)  # not in C order
    real, imag = (mg.tensor(np.array(x.T), requires_grad=True) for x in (start.real, start.imag))
    one, other = optim.LBFGS([z], lr=0.5, max_iter=3), optim.LBFGS([real, imag], lr=0.5, max_iter=3)

    def loss_of(optimizer, make):
        def closure():
            optimizer.zero_grad()
            z = make()
            loss = mg.sum(mg.abs(z - (1 + 2j)) ** 2 + mg.real(z * z * z) * 0.05)
            loss.backward()
            return loss

        return closure

    for k in range(3):
        if k == 2:
            one.load_state_dict(one.state_dict())
        one.param_groups[0]["line_search_fn"] = other.param_groups[0]["line_search_fn"] = search
        one.step(loss_of(one, lambda: z))
        other.step(loss_of(other, lambda: mg.complex(real, imag)))
        np.testing.assert_allclose(z.data, real.data + 1j * imag.data, rtol=1e-6)
    assert abs(z.data - start.T).min() > 0.5


def test_optimizers_that_look_at_whole_parameters_take_real_ones():
    z = mg.tensor([3 + 4j], requires_grad=True)
    for name in ("LAMB", "Adafactor", "Muon", "Shampoo", "SOAP"):
        with pytest.raises(
            TypeError, match=rf"{name} takes real parameters, not complex64.*mg\.view_as_real\(z\).*MG142"
        ):
            getattr(optim, name)([z])
