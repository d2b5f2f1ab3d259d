"""Derivatives of compiled functions, taken from outside."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from same import assert_same

import microgradient as mg
from microgradient import nn
from microgradient.nn import functional


def f(x: Any) -> Any:
    return mg.sum(mg.sin(x) * mg.softmax(x) * 3.0)


@pytest.mark.parametrize("shape", [(3,), (2, 3), ()])
def test_transforms_of_a_compiled_function(shape: tuple[int, ...]) -> None:
    g, x = mg.compile(f), mg.tensor(np.random.default_rng(0).normal(size=shape))
    if not shape:
        g, x = mg.compile(lambda x: mg.sin(x) * x), x
    e = f if shape else (lambda x: mg.sin(x) * x)
    v = mg.ones(shape, dtype=mg.float64)
    assert_same(mg.grad(g)(x), mg.grad(e)(x))
    assert_same(mg.value_and_grad(g)(x), mg.value_and_grad(e)(x))
    assert_same(mg.vjp(g, x)[1](1.0), mg.vjp(e, x)[1](1.0))
    assert_same(mg.jvp(g, (x,), (v,)), mg.jvp(e, (x,), (v,)))
    assert_same(mg.hessian(g)(x), mg.hessian(e)(x))
    assert_same(mg.hvp(g, x, v), mg.hvp(e, x, v))


def test_check_gradients() -> None:
    mg.check_gradients(mg.compile(lambda a, b: mg.exp(a) @ b / 2), np.ones((2, 3)) / 3, np.eye(3))
    mg.check_gradients(
        mg.compile(lambda d: {"y": d["a"] * d["b"], "z": (d["a"] ** 2).sum()}), {"a": np.ones(2), "b": np.ones(2)}
    )


_A, _B = np.random.default_rng(1).normal(size=(2, 4, 5))
_IMAGES, _KERNEL = (
    np.random.default_rng(2).normal(size=(1, 2, 5, 4)),
    np.random.default_rng(3).normal(size=(2, 2, 3, 2)),
)
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "elementwise": (lambda a, b: mg.tanh(a) * mg.sigmoid(b) + mg.exp(a - b) / (1 + a * a), _A, _B),
    "softmax": (lambda a: mg.log_softmax(a * a, 1) * mg.softmax(a, 0), _A),
    "products": (lambda a, b: mg.einsum("ij,kj,il->kl", a, b, mg.sin(a)), _A, _B),
    "reductions": (lambda a: mg.var(a, axis=0) * mg.prod(a, axis=1).sum() + mg.logsumexp(a) + mg.linalg.vector_norm(a), _A),
    "indexing": (lambda a, b: mg.concat([a[[0, 2, 2]], b[1:, ::-1]]) ** 2 * mg.roll(a, 1, axis=1)[0], _A, _B),
    "convolution": (lambda x, w: mg.tanh(nn.functional.conv2d(x, w, padding=1, stride=(2, 1))), _IMAGES, _KERNEL),
    "normalised": (lambda x: nn.functional.layer_norm(x, (4,)) * nn.functional.gelu(x), _IMAGES),
    "attention": (lambda q, k: nn.functional.scaled_dot_product_attention(q, k, q * k, is_causal=True), _A[None], _B[None]),
    "gradient inside": (lambda a: mg.grad(lambda x: mg.sum(mg.sin(x) ** 3))(a) * a, _A),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_first_and_second_derivatives_agree_with_differences(name: str) -> None:
    function, *args = FUNCTIONS[name]
    mg.check_gradients(mg.compile(function), *args, order=2)


def test_a_compiled_loss_may_be_differentiated_outside() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.BatchNorm1d(4), nn.Linear(4, 1))
    x = mg.tensor(np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))

    def loss_of(x: Any, scale: float) -> Any:
        return mg.mean(model(x) ** 2) * scale

    compiled = mg.compile(loss_of)
    for scale in (1.0, 2.0):
        model.load_state_dict(start := {k: v.detach() for k, v in model.state_dict().items()})
        loss_of(x, scale).backward()
        wanted = [p.grad for p in model.parameters()], dict(model.state_dict())
        model.zero_grad()
        model.load_state_dict(start)
        loss = compiled(x, scale)
        assert loss.requires_grad
        compiled(x, 7.0)  # another call does no harm to what the first one keeps
        model.load_state_dict(wanted[1])
        loss.backward()
        assert_same(([p.grad for p in model.parameters()], dict(model.state_dict())), wanted, 1e-5)
        model.zero_grad()
    with pytest.raises(mg.errors.GradientError, match="MG105"):
        loss.backward()


def test_an_array_may_change_between_the_call_and_the_way_back() -> None:
    w = mg.tensor([2.0, 3.0], requires_grad=True)
    g = mg.compile(lambda x: mg.sum(w * x))
    x = np.array([1.0, 5.0], np.float32)
    y = g(x)
    x[:] = 0
    y.backward()
    assert w.grad.tolist() == [1.0, 5.0]
    x = mg.tensor([1.0, 1.0])
    y = g(x)
    w.data = w.data * 10
    w.grad = None
    y.backward()
    assert w.grad.tolist() == [1.0, 1.0]


def test_arguments_with_a_graph() -> None:
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    g = mg.compile(lambda h: (mg.exp(h), h * 2))
    a, b = g(w * 3)
    (mg.sum(a) + mg.sum(b)).backward()
    np.testing.assert_allclose(w.grad.data, 3 * np.exp(3 * w.data) + 6, rtol=1e-6)


def test_parts_that_need_no_gradient() -> None:
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    g = mg.compile(lambda x: (w * x, x * 2, w.detach() * 3))
    a, b, c = g(mg.tensor([1.0, 1.0]))
    assert (a.requires_grad, b.requires_grad, c.requires_grad) == (True, False, False)
    with mg.no_grad():
        assert not g(mg.tensor([1.0, 1.0]))[0].requires_grad


def test_create_graph_through_a_compiled_function() -> None:
    w = mg.tensor([0.5, 2.0], requires_grad=True)
    for h in (mg.compile(lambda x: mg.sum(mg.sin(w * x))), lambda x: mg.sum(mg.sin(w * x))):
        w.grad = None
        h(mg.tensor([1.0, 2.0])).backward(create_graph=True)
        first = w.grad
        w.grad = None
        mg.sum(first**2).backward()
        wanted = getattr(test_create_graph_through_a_compiled_function, "seen", w.grad)
        test_create_graph_through_a_compiled_function.seen = w.grad
        assert_same(w.grad, wanted, 1e-5)


def test_threads_differentiate_results_at_once() -> None:
    """The way back has memory of its own, as the way there: one thread at a time is in it."""
    rng = np.random.default_rng(0)
    w = mg.tensor(rng.normal(size=(96, 96)).astype("f4") * 0.1, requires_grad=True)
    compiled = mg.compile(lambda x: mg.sum(mg.tanh(mg.tanh(x @ w) @ w) ** 2))
    data = [rng.normal(size=(64, 96)).astype("f4") for _ in range(2)]

    def gradient(k: int) -> Any:
        x = mg.tensor(data[k], requires_grad=True)
        compiled(x).backward()
        return np.array(x.grad.data)

    wanted = [gradient(k) for k in range(2)]
    wrong: list[int] = []

    def work(k: int) -> None:
        wrong.extend(k for _ in range(100) if not np.array_equal(gradient(k), wanted[k]))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_second_derivatives_are_those_of_what_the_call_read() -> None:
    """Weights, arrays and random states may have changed since; the function runs again as it ran then."""
    w = mg.tensor([2.0, 3.0], requires_grad=True)
    closed = np.array([1.0, 2.0], np.float32)
    compiled = mg.compile(lambda a, x: mg.sum(functional.dropout(x, 0.4) * w * mg.tensor(closed) * a * x**2))
    found = []
    for create_graph in (False, True):
        mg.manual_seed(5)
        w.data, closed[:] = np.array([2.0, 3.0], np.float32), (1, 2)
        a, x = np.array([1.0, 4.0], np.float32), mg.tensor([0.5, 1.0], requires_grad=True)
        y = compiled(a, x)
        w.data, a[:] = np.array([10.0, 10.0], np.float32), 100
        state = mg.random.get_state()
        y.backward(create_graph=create_graph)
        assert mg.random.get_state() == state
        assert w.data.tolist() == [10, 10]
        found.append(x.grad.tolist())
    assert found[0] == found[1]
    assert any(found[0])


def test_second_derivatives_of_a_function_that_changes_what_it_reads() -> None:
    h = mg.tensor([1.0])

    def f(x: Any) -> Any:
        y = mg.sum(x**2 * h)
        h.data = (h + 1).data
        return y

    for g in (f, mg.compile(f)):
        h.data = np.array([1.0], np.float32)
        x = mg.tensor([3.0], requires_grad=True)
        g(x).backward(create_graph=True)
        assert x.grad.tolist() == [6.0]
        assert h.tolist() == [2.0]


def test_the_way_back_reads_what_the_call_read_though_the_call_changed_it() -> None:
    w, x = mg.tensor([2.0], requires_grad=True), mg.tensor([1.0], requires_grad=True)

    def decay(x: Any) -> Any:
        y = mg.sum(w * x * x)
        with mg.no_grad():
            w.data = w.data * 0.5
        return y

    f = mg.compile(decay)
    for k in range(4):
        x.grad = w.grad = None
        f(x).backward()
        assert (x.grad.item(), w.data.item()) == (4 * 0.5**k, 0.5**k)
    x.grad = w.grad = None
    f.repeat(5, x).backward()
    assert (x.grad.item(), w.data.item()) == (4 * 0.5**8, 0.5**8)


def test_second_derivatives_of_a_function_that_changes_gradients_or_arguments() -> None:
    """It runs again for them, without doing again what it did to others."""
    w = mg.tensor([2.0], requires_grad=True)

    def f(x: Any, a: Any) -> Any:
        mg.sum(w * x.detach()).backward()
        y = mg.sum(x**3 * w * a)
        a[0] = 7.0
        return y

    found = []
    for g in (f, mg.compile(f)):
        w.grad, a = None, mg.tensor([1.0])
        for _ in range(2):
            x = mg.tensor([3.0], requires_grad=True)
            y = g(x, a)
            x.grad = None
            y.backward(create_graph=True)
            mg.sum(x.grad).backward()
            found.append((w.grad.item(), x.grad.item(), a.item()))
    assert found[:2] == found[2:]


@pytest.mark.slow
def test_the_way_back_through_many_operations_that_are_done_again() -> None:
    w = mg.tensor([1.0, 2.0], requires_grad=True)

    def turned(x: Any) -> Any:
        for _ in range(1500):
            x = mg.flip(x)
        return mg.sum(x * w)

    mg.compile(turned)(mg.tensor([3.0, 4.0])).backward()
    assert w.grad.tolist() == [3, 4]
