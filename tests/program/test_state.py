"""What a program reads and changes: parameters, gradients, arrays and optimiser states, and who else holds them."""

from __future__ import annotations

import copy
import weakref
from typing import Any

import numpy as np

import microgradient as mg
from microgradient import nn, optim

F = nn.functional


def counter() -> tuple[Any, Any]:
    w = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)

    def step() -> None:
        with mg.no_grad():
            w.data = (w + 1).data

    return w, mg.compile(step)


def test_what_a_user_holds_never_changes() -> None:
    w, step = counter()
    step()
    held = [w.data, w.data[1:], w.detach(), w.numpy(), memoryview(w.data), np.asarray(w), copy.deepcopy(w)]
    seen = [np.array(h.data if isinstance(h, mg.Tensor) else h) for h in held]
    for _ in range(3):
        step()
    for h, s in zip(held, seen, strict=True):
        np.testing.assert_array_equal(np.array(h.data if isinstance(h, mg.Tensor) else h), s)
    assert w.tolist() == [5.0, 6.0, 7.0]


def test_in_place_where_nobody_looks() -> None:
    w, step = counter()
    step()
    step()
    address = w.data.ctypes.data
    step()
    assert w.data.ctypes.data == address
    view = w.data[:1]
    step()
    assert w.data.ctypes.data != address
    assert view.tolist() == [4.0]


def test_gradients_that_are_held_stay() -> None:
    w = mg.tensor([1.0, 2.0], requires_grad=True)

    def step(x: Any) -> None:
        w.grad = None
        mg.sum(w * x).backward()

    f = mg.compile(step)
    f(mg.tensor([1.0, 1.0]))
    first, array = w.grad, w.grad.data
    f(mg.tensor([2.0, 2.0]))
    second = w.grad.data
    f(mg.tensor([3.0, 3.0]))
    assert (first.tolist(), array.tolist(), second.tolist(), w.grad.tolist()) == ([1, 1], [1, 1], [2, 2], [3, 3])


def test_a_gradient_held_by_a_weak_reference_alone_stays() -> None:
    w = mg.tensor([1.0, 2.0], requires_grad=True)

    def step(x: Any) -> None:
        w.grad = None
        mg.sum(w * x).backward()

    f = mg.compile(step)
    for k in range(4):
        f(mg.tensor([k, 1.0]))
    for get in (lambda: w.grad, lambda: w.grad.data):
        seen = weakref.ref(get())
        f(mg.tensor([5.0, 1.0]))
        held = seen()  # nobody was asked for it again
        before = None if held is None else held.tolist()
        f(mg.tensor([6.0, 1.0]))
        assert held is None or held.tolist() == before
        del held
    address = w.grad.data.ctypes.data
    f(mg.tensor([9.0, 1.0]))
    assert (w.grad.data.ctypes.data, w.grad.tolist()) == (address, [9.0, 1.0])


def test_tied_arrays_part_when_one_changes() -> None:
    a = mg.tensor([1.0])
    b = mg.tensor([0.0])
    b.data = a.data

    def step() -> None:
        a.data = (a + 1).data
        b.data = (b + 10).data

    f = mg.compile(step)
    for _ in range(2):
        f()
    assert (a.tolist(), b.tolist()) == ([3.0], [21.0])


def test_results_are_fresh() -> None:
    f = mg.compile(lambda x: (x + 1, x + 1))
    x = mg.tensor([1.0])
    (a, b), (c, _) = f(x), f(x)
    assert not np.shares_memory(a.data, b.data)
    assert not np.shares_memory(a.data, c.data)


def test_new_values_of_parameters_are_read() -> None:
    w, step = counter()
    step()
    w.data = np.array([10.0, 20.0, 30.0], np.float32)
    step()
    assert w.tolist() == [11.0, 21.0, 31.0]
    w.data = np.array([10.0, 20.0, 30.0, 40.0], np.float32)
    step()
    assert w.tolist() == [11.0, 21.0, 31.0, 41.0]


def test_arrays_closed_over_are_read_at_every_call() -> None:
    array, index = np.array([1.0, 2.0], np.float32), np.array([0, 1])
    f = mg.compile(lambda x: (x * array)[index] + mg.tensor(array))
    assert f(mg.ones(2)).tolist() == [2.0, 4.0]
    array[:] = 5
    index[:] = 0
    assert f(mg.ones(2)).tolist() == [10.0, 10.0]


def test_numbers_with_their_bytes_the_other_way_round() -> None:
    other = np.arange(5).astype(np.dtype(np.float32).newbyteorder())
    f = mg.compile(lambda x, y: x * other + y)
    for n in (2.0, 3.0):
        y = np.full(5, n).astype(other.dtype)
        assert f(mg.tensor([n]), y).tolist() == [n * k + n for k in range(5)]
    held = mg.tensor(np.ones(3))
    held.data = held.data.astype(held.dtype.newbyteorder())

    @mg.compile
    def double() -> Any:
        held.data = (held * 2).data
        return mg.sum(held)

    assert [double().item() for _ in range(3)] == [6, 12, 24]


def test_an_argument_may_be_changed() -> None:
    def f(x: Any) -> None:
        x[0] = 7.0

    for g in (f, mg.compile(f), mg.compile(f)):
        x = mg.tensor([1.0, 2.0])
        g(x)
        assert x.tolist() == [7.0, 2.0]


def test_leaf_arguments_get_their_gradient() -> None:
    f = mg.compile(lambda w, x: mg.sum(w * x).backward())
    for k in (1.0, 2.0):
        w = mg.tensor([1.0, 2.0], requires_grad=True)
        f(w, mg.tensor([k, k]))
        f(w, mg.tensor([k, k]))
        assert w.grad.tolist() == [2 * k, 2 * k]
    assert f.stats()["programs"] == 2  # without and with a gradient before


def test_optimizer_state_goes_out_and_in() -> None:
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    opt = optim.Adam([w], lr=0.1)

    def step() -> None:
        opt.zero_grad()
        mg.sum(w * w).backward()
        opt.step()

    f = mg.compile(step)
    f()
    saved, data = opt.state_dict(), w.data.copy()
    assert saved["state"][0]["step"].dtype == mg.float32
    f()
    after = w.data.copy()
    assert saved["state"][0]["step"].item() == 1.0
    opt.load_state_dict(saved)
    w.data = data
    f()
    np.testing.assert_array_equal(w.data, after)


def test_repeat() -> None:
    for n in (1, 2, 3, 10):
        w, step = counter()
        step.repeat(n)
        assert w.tolist() == [1.0 + n, 2.0 + n, 3.0 + n]

        def doubled(x: Any) -> Any:
            x[0] = x[0] * 2
            return x

        assert mg.compile(doubled).repeat(n, mg.tensor([1.0, 1.0])).tolist() == [2.0**n, 1.0]
