"""Shapes that change from call to call: what runs eagerly does all that a compiled call does, and what pays is compiled.

Functions here can't have one program for all lengths, since they turn an axis around.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn, optim
from microgradient.program.amortization import AT_ONCE

LENGTHS = [5, 3, 4, 7, 4, 5, 2, 4, 6, 3]


@pytest.fixture(autouse=True)
def _unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADIENT_CHECK", "0")  # which would let nothing run eagerly


class Training:
    """A step that changes all that a step can: parameters, gradients, moments, running statistics, a generator's state."""

    def __init__(self) -> None:
        mg.manual_seed(0)
        # no bias: a batch norm takes it out, so its gradient is rounding alone, which Adam divides by its own size
        self.model = nn.Sequential(nn.Linear(3, 4, bias=False), nn.BatchNorm1d(4), nn.Dropout(0.25), nn.Linear(4, 2))
        self.optimizer = optim.Adam(self.model.parameters(), lr=0.05)
        self.seen = mg.zeros(())

    def __call__(self, x: Any) -> Any:
        self.optimizer.zero_grad()
        loss = mg.mean(self.model(mg.flip(x, axis=0)) ** 2)
        loss.backward()
        self.optimizer.step()
        self.seen.data = (self.seen + x.shape[0]).data
        return loss

    def state(self) -> list[Any]:
        tensors = [*self.model.parameters(), *self.model.buffers(), self.seen]
        moments = [np.asarray(v) for s in self.optimizer.state.values() for _, v in sorted(s.items())]
        return [
            *(np.array(t.data) for t in tensors),
            *(np.array(p.grad.data) for p in self.model.parameters()),
            *moments,
        ]


def batches() -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, 3)).astype(np.float32) for n in LENGTHS]


def test_training_on_changing_batches_is_eager_training() -> None:
    eager, traced = Training(), Training()
    mg.manual_seed(1)
    wanted = [eager(mg.tensor(x)).item() for x in batches()]
    state = mg.random.get_state()
    compiled = mg.compile(traced)
    mg.manual_seed(1)
    np.testing.assert_allclose([compiled(x).item() for x in batches()], wanted, rtol=1e-5)
    assert mg.random.get_state() == state
    for a, b in zip(traced.state(), eager.state(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    counts = compiled.stats()["eager_calls"]
    assert counts == {"`x` shape (4, 3)": 3, "`x` shape (7, 3)": 1, "`x` shape (2, 3)": 1, "`x` shape (6, 3)": 1}


def test_calls_are_the_same_bits_in_every_run() -> None:
    runs = []
    for _ in range(2):
        step = mg.compile(Training())
        runs.append([step(x).item() for x in batches() * 3])
    assert runs[0] == runs[1]


def test_a_shape_that_comes_often_is_compiled() -> None:
    f = mg.compile(lambda x: mg.sum(mg.exp(mg.flip(x))))
    price = None
    for n in range(1, AT_ONCE + 1):
        f(mg.ones(n))
    for call in range(5000):
        f(mg.ones(9))
        if f.stats()["programs"] > AT_ONCE:
            price = call
            break
    assert f.stats()["eager_calls"] == {"`x` shape (9,)": price}
    assert price is not None
    assert price > 10
    assert f.repeat(4, mg.ones(10)).item() == pytest.approx(10 * np.e, rel=1e-6)
    assert f.stats()["eager_calls"]["`x` shape (10,)"] == 4


def test_integers_are_lengths_but_dtypes_and_modes_are_not() -> None:
    f = mg.compile(lambda x, n, mode: x * n if mode == "times" else x + n)
    for n in range(4):
        assert f(mg.tensor([2.0]), n, "times").tolist() == [2.0 * n]
    assert f.stats()["programs"] == AT_ONCE
    for n, dtype in enumerate((mg.float64, mg.int32, mg.int64)):
        assert f(mg.ones(1, dtype=dtype), 1, "plus").dtype == dtype
        assert f.stats()["programs"] == AT_ONCE + 1 + n
    assert f(mg.tensor([2.0]), True, "plus").tolist() == [3.0]
    assert f.stats()["programs"] == AT_ONCE + 4  # True is no integer here


def test_who_wants_a_program_has_one() -> None:
    for options in ({"dynamic": False}, {"debug": True}):
        f = mg.compile(lambda x: mg.sin(x), **options)
        for n in range(1, 5):
            f(mg.ones(n))
        assert (f.stats()["programs"], f.stats()["eager_calls"]) == (4, {})
    g = mg.compile(lambda x: mg.sin(x))
    for n in range(1, 5):
        g.profile(mg.ones(n))
    assert g.stats()["programs"] == 4
    h = mg.compile(lambda x: mg.flip(x), check=2)
    for n in range(1, 5):
        h(mg.ones(n))
    assert (h.stats()["programs"], h.stats()["eager_calls"]) == (4, {})


def test_results_of_eager_calls_are_their_own() -> None:
    """Arrays that are passed in may change afterwards; results may be differentiated; tensors that came in come out."""
    w = mg.tensor(2.0, requires_grad=True)
    f = mg.compile(lambda x, t: (x, x * w, t))
    for n in range(1, 4):
        x, t = np.ones(n, np.float32), mg.ones(n)
        same, scaled, given = f(x, t)
        x[:] = 7
        assert same.tolist() == [1.0] * n
        assert given is t
        w.grad = None
        mg.sum(scaled).backward()
        assert w.grad.item() == n
    assert sum(f.stats()["eager_calls"].values()) == 1


def test_compiled_functions_inside_run_compiled() -> None:
    inner = mg.compile(lambda x: mg.sin(x))
    outer = mg.compile(lambda x: inner(mg.reshape(x, (-1,))[:2]) + 1)
    for n in range(2, 8):
        np.testing.assert_allclose(outer(mg.ones(n)).data, np.sin(np.ones(2)) + 1, rtol=1e-6)
    assert inner.stats()["programs"] == 1  # (2,), when `outer` ran eagerly


def test_an_error_in_an_eager_call_leaves_the_function_usable() -> None:
    f = mg.compile(lambda x: mg.reshape(x, (2, -1)))
    for n in (2, 4):
        f(mg.ones(n))
    for _ in range(2):
        with pytest.raises(mg.errors.MicrogradientError):
            f(mg.ones(5))
    assert f(mg.ones(4)).shape == (2, 2)
    assert f(mg.ones(6)).shape == (2, 3)


def test_threads_with_lengths_of_their_own() -> None:
    f = mg.compile(lambda x: mg.sum(x * x))
    found: dict[int, list[float]] = {}

    def work(n: int) -> None:
        found[n] = [f(mg.ones(n + k % 3)).item() - k % 3 for k in range(30)]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 7, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: [float(n)] * 30 for n in range(1, 7, 3)}


def test_programs_share_the_kernels_that_are_the_same() -> None:
    """A program for another shape compiles only what differs: here not the optimiser's formula."""
    training = Training()
    step = mg.compile(training, dynamic=False)
    kernels = []
    for n in (5, 7):
        step(mg.ones((n, 3)))
        assert step._latest is not None
        kernels.append(step._latest.executable._kernels)
    common = kernels[0].keys() & kernels[1].keys()
    assert any("FlatKernel" in text for text in common)
    assert all(kernels[0][text] is kernels[1][text] for text in common)
    assert len(common) < len(kernels[1])
