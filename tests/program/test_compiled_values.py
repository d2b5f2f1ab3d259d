"""Compiled functions of Values give what eager Values give, bit for bit, and keep the same books."""

from __future__ import annotations

import math
import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg
from domains import SPECIAL as OF_TENSORS
from microgradient.data.datasets import make_moons
from microgradient.errors import (
    ArgumentError,
    ArgumentTypeError,
)
from microgradient.native.runtime import engine
from microgradient.primitives import TABLE
from microgradient.scalar import MLP, Value
from microgradient.scalar_jit import machine as scalar_machine
from microgradient.scalar_jit.program import TRACED
from microgradient.scalar_world import SCALAR

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1e-320, 1e308, -1e308, math.inf, -math.inf, math.nan, 3.0, 1e-8]


def bits(x):
    """A float as its bits, all NaNs alike."""
    return "nan" if x != x else struct.pack("d", x)


def same(xs, ys):
    return [bits(float(x)) for x in xs] == [bits(float(y)) for y in ys]


UNARY = [
    "abs", "sign", "floor", "ceil", "trunc", "square", "sqrt", "reciprocal", "exp", "exp2", "expm1", "log", "log2", "log10",
    "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid",
    "softplus", "erf", "erfc", "erfinv", "lgamma", "digamma", "relu", "__neg__", "__pos__", "__abs__",
]  # fmt: skip
BINARY = [
    "__add__", "__sub__", "__mul__", "__truediv__", "__mod__", "__floordiv__", "__pow__", "__radd__", "__rsub__", "__rmul__",
    "__rtruediv__", "__rpow__", "__rmod__", "__rfloordiv__", "atan2", "hypot", "logaddexp", "maximum", "minimum",
]  # fmt: skip


def both(fn, *numbers):
    """What fn of Values and their gradients come to, eager and compiled."""
    found = []
    for run in (fn, mg.compile(fn)):
        leaves = [Value(x) for x in numbers]
        y = run(*leaves)
        found.append([y.data, *(v.grad for v in leaves)])
    return found


def backward_of(fn):
    def with_backward(*values):
        y = fn(*values)
        y.backward()
        return y

    return with_backward


@pytest.mark.parametrize("name", UNARY)
def test_every_function_of_one_number(name):
    fn = mg.compile(backward_of(lambda v: getattr(v, name)()))
    for x in [*SPECIAL, 0.3, -0.7, 2.5, 7.25, 1e3, -1e3]:
        eager, compiled = Value(x), Value(x)
        y, z = backward_of(lambda v: getattr(v, name)())(eager), fn(compiled)
        assert same([y.data, eager.grad], [z.data, compiled.grad]), x


@pytest.mark.parametrize("name", BINARY)
def test_every_function_of_two_numbers(name):
    fn = mg.compile(backward_of(lambda a, b: getattr(a, name)(b)))
    for x in SPECIAL:
        for y in [0.0, -0.0, 1.0, -1.5, 2.0, 0.5, 1e-320, 1e308, math.inf, -math.inf, math.nan]:
            a, b, c, d = Value(x), Value(y), Value(x), Value(y)
            eager, compiled = backward_of(lambda a, b: getattr(a, name)(b))(a, b), fn(c, d)
            assert bits(float(eager.data)) == bits(compiled.data), (x, y)
            for one, other in ((a.grad, c.grad), (b.grad, d.grad)):
                assert math.isclose(one, other, rel_tol=1e-15) or same([one], [other]), (x, y)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, -2, 0.5, -0.5, 1 / 3, 2.0, np.float64(2), 10])
def test_powers_with_a_constant_exponent(exponent):
    fn = mg.compile(backward_of(lambda v: v**exponent))
    for x in SPECIAL:
        eager, compiled = Value(x), Value(x)
        y, z = backward_of(lambda v: v**exponent)(eager), fn(compiled)
        assert same([y.data, eager.grad], [z.data, compiled.grad]), x


@pytest.mark.parametrize("name", sorted({n for n, row in TABLE.items() if row.kind == "pointwise"} - set(OF_TENSORS)))
def test_the_traced_world_has_every_function_of_the_scalar_world(name):
    assert hasattr(SCALAR, name)
    assert hasattr(TRACED, name)


KINDS = ["+", "-", "*", "+c", "c-", "*c", "tanh", "exp", "sigmoid", "max", "-x"]


@st.composite
def expressions(draw, kinds):
    """A straight-line program: (operation, operand, operand or constant) lines over three leaves."""
    lines = []
    for i in range(draw(st.integers(1, 25))):
        operand = st.integers(0, i + 2)
        kind = draw(st.sampled_from(kinds))
        constant = draw(st.sampled_from([0, 1, -1, 0.0, -0.0, 0.5, 2, -1.25, True]))
        lines.append((kind, draw(operand), draw(operand), constant))
    return lines


def evaluate(lines, *leaves):
    values = list(leaves)
    for kind, i, j, c in lines:
        a, b = values[i], values[j]
        values.append({
            "+": lambda a=a, b=b: a + b, "-": lambda a=a, b=b: a - b, "*": lambda a=a, b=b: a * b, "/": lambda a=a, b=b: a / b,
            "+c": lambda a=a, c=c: a + c, "c-": lambda a=a, c=c: c - a, "*c": lambda a=a, c=c: c * a, "**": lambda a=a, c=c: a**c,
            "relu": lambda a=a: a.relu(), "tanh": lambda a=a: a.tanh(), "exp": lambda a=a: a.exp(),
            "sigmoid": lambda a=a: a.sigmoid(), "max": lambda a=a, b=b: a.maximum(b), "-x": lambda a=a: -a,
        }[kind]())  # fmt: skip
    return values


NUMBERS = st.lists(st.floats() | st.sampled_from(SPECIAL), min_size=3, max_size=3)


def eager_and_compiled(lines, numbers):
    """All numbers and gradients of a straight-line program."""

    def fn(*leaves):
        values = evaluate(lines, *leaves)
        values[-1].backward()
        return [v.data for v in values[3:]] + [v.grad for v in values]

    eager, compiled = ([Value(x) for x in numbers] for _ in range(2))
    found = fn(*eager), mg.compile(fn)(*compiled)
    assert same(
        [v.grad for v in compiled], found[1][len(lines) : len(lines) + 3]
    )  # what was returned is also written back
    return found


@settings(max_examples=150, deadline=None)
@given(expressions([*KINDS, "/", "**"]), NUMBERS)
def test_random_expressions_and_their_gradients_agree_bit_for_bit(lines, numbers):
    eager, compiled = eager_and_compiled(lines, numbers)
    assert same(eager, compiled)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(expressions([*KINDS, "relu"]), NUMBERS)
def test_random_expressions_with_relu_agree_but_for_the_sign_of_zero(lines, numbers):
    # eager relu gives the int 0, which has no sign: -0 is 0 there, and -0.0 compiled
    eager, compiled = eager_and_compiled(lines, numbers)
    assert same([x + 0.0 for x in eager], [x + 0.0 for x in compiled])


def demo(model, X, y):
    """micrograd's demo, as its users write it."""

    def step(rate):
        inputs = [list(map(Value, row)) for row in X]
        scores = list(map(model, inputs))
        losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(y, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        reg_loss = 1e-4 * sum(p * p for p in model.parameters())
        total_loss = data_loss + reg_loss
        accuracy = [(yi > 0) == (scorei.data > 0) for yi, scorei in zip(y, scores, strict=True)]
        model.zero_grad()
        total_loss.backward()
        for p in model.parameters():
            p.data -= rate * p.grad
        return total_loss, sum(accuracy) / len(accuracy)

    return step


def twins(*sizes):
    models = []
    for _ in range(2):
        random.seed(3)
        models.append(MLP(2, list(sizes)))
    return models


def test_the_demo_of_micrograd_takes_the_same_steps():
    X, y = make_moons(20, 0.1, 0)[:2]
    y = 2 * y - 1
    eager, compiled = twins(8, 8, 1)
    plain, fast = demo(eager, X, y), mg.compile(demo(compiled, X, y))
    for k in range(5):
        rate = 1.0 - 0.15 * k
        loss, accuracy = plain(rate)
        fast_loss, fast_accuracy = fast(rate)
        assert same([loss.data, accuracy], [fast_loss.data, fast_accuracy])
        assert same([p.data for p in eager.parameters()], [p.data for p in compiled.parameters()])
        assert same([p.grad for p in eager.parameters()], [p.grad for p in compiled.parameters()])
    assert fast.stats()["programs"] == 1
    assert all(type(p.data) is type(p.grad) is float for p in compiled.parameters())


def test_repeat_is_as_many_calls():
    X, y = make_moons(10, 0.1, 0)[:2]
    eager, compiled = twins(4, 1)
    plain, fast = demo(eager, X, 2 * y - 1), mg.compile(demo(compiled, X, 2 * y - 1))
    for _ in range(7):
        loss, _ = plain(0.1)
    last, _ = fast.repeat(7, 0.1)
    assert same([loss.data], [last.data])
    assert same([p.data for p in eager.parameters()], [p.data for p in compiled.parameters()])
    with pytest.raises(ArgumentTypeError, match="it got 0"):
        fast.repeat(0, 0.1)


def test_repeat_exchanges_what_is_exchanged():
    a, b = Value(1.0), Value(2.0)

    def swap():
        a.data, b.data = b.data, a.data

    mg.compile(swap).repeat(3)
    assert (a.data, b.data) == (2.0, 1.0)


@pytest.mark.parametrize("target", ["sse", "avx2", "avx512"])
def test_narrower_processors_take_the_same_steps(target, monkeypatch):
    with engine.forced(target):
        try:
            engine.host()
        except ArgumentError:
            return  # wider than this machine
        machine = {name: scalar_machine._compiled.__wrapped__(name) for name in scalar_machine._MACHINE}
    monkeypatch.setattr(scalar_machine, "_compiled", machine.__getitem__)
    test_the_demo_of_micrograd_takes_the_same_steps()


def test_without_llvm_the_function_runs_itself(monkeypatch):
    monkeypatch.setattr(engine, "available", lambda: False)
    monkeypatch.setattr(engine, "warn_of_numpy", lambda: None)
    test_repeat_is_as_many_calls()
    test_repeat_exchanges_what_is_exchanged()
