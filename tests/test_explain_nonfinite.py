"""Where the first NaN or ∞ of a graph comes from: sick programs, each with the operation and the entries that did it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn
from microgradient.explain.nonfinite import first_nonfinite
from microgradient.explain.sweep import sweep_of
from microgradient.page.document import document

INF = float("inf")


def x_of(*numbers):
    return mg.tensor(list(map(float, numbers)), requires_grad=True)


# name: (the leaf, the program, what, backward, the primitive, the operand's entries that did it, how the first came about)
FORWARD = {
    "log of a negative number": (x_of(1, -0.5), lambda x: mg.log(x), "NaN", "log", [(1,)], "log(-0.5) = nan"),
    "root of a negative number": (
        x_of(-4, 1, -9),
        lambda x: mg.sqrt(x) * x,
        "NaN",
        "sqrt",
        [(0,), (2,)],
        "sqrt(-4.0) = nan",
    ),
    "0 / 0": (x_of(0, 3), lambda x: x / (x * 1.0), "NaN", "divide", [(0,)], "0.0 / 0.0 = nan"),
    "root of a negative number by **": (x_of(-8), lambda x: x**0.5, "NaN", "power", [(0,)], "(-8.0)**0.5 = nan"),
    "outside of arcsin": (x_of(0, 2), lambda x: mg.asin(x), "NaN", "asin", [(1,)], "asin(2.0) = nan"),
    "outside of artanh": (x_of(0.5, -3), lambda x: mg.atanh(x), "NaN", "atanh", [(1,)], "atanh(-3.0) = nan"),
    "log1p below -1": (x_of(-2, 0), lambda x: mg.log1p(x), "NaN", "log1p", [(0,)], "log1p(-2.0) = nan"),
    "∞ - ∞": (x_of(1000, 1), lambda x: mg.exp(x) - mg.exp(x), "NaN", "subtract", [(0,)], "inf - inf = nan"),
    "0 × ∞": (x_of(1000, 1), lambda x: mg.exp(x) * (x - x), "NaN", "multiply", [(0,)], "inf * 0.0 = nan"),
    "softmax by hand": (
        x_of(1, 1000),
        lambda x: mg.exp(x) / mg.sum(mg.exp(x)),
        "NaN",
        "divide",
        [()],
        "inf / inf = nan",
    ),
    "overflow": (x_of(3, 1000), lambda x: mg.exp(x), "∞", "exp", [(1,)], "exp(1000.0) = inf"),
    "log of 0": (x_of(0, 1), lambda x: mg.log(x), "∞", "log", [(0,)], "log(0.0) = -inf"),
    "1 / 0": (x_of(2, 0), lambda x: 1.0 / x, "∞", "divide", [(1,)], "1.0 / 0.0 = inf"),
    "overflow of a product": (x_of(1e30, 1), lambda x: x * x, "∞", "multiply", [(0,)], "1e+30 * 1e+30 = inf"),
}
BACKWARD = {
    "the trap of where": (x_of(0, 1), lambda x: mg.where(x > 0, mg.log(x), 0.0), "NaN", "log", [(0,)], "0 × ∞ in"),
    "a root that is not used": (
        x_of(0, 4),
        lambda x: mg.where(x > 1, mg.sqrt(x), x),
        "NaN",
        "sqrt",
        [(0,)],
        "0 × ∞ in",
    ),
    "the length of 0": (x_of(0, 2), lambda x: mg.sqrt(x * x), "NaN", "multiply", [(0,)], "∞ × 0 in"),
    "root at 0": (x_of(4, 0), lambda x: mg.sqrt(x), "∞", "sqrt", [(1,)], "has an infinite derivative there"),
    "a power below 1 at 0": (x_of(4, 0), lambda x: x**0.5, "∞", "power", [(1,)], "has an infinite derivative there"),
}


def found_in(x, program):
    x.grad = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with mg.trace():
            loss = mg.sum(program(x))
            loss.backward()
    sweep = sweep_of(loss, {"x": x, "loss": loss})
    return sweep, first_nonfinite(sweep)


@pytest.mark.parametrize("name", FORWARD)
def test_the_producer_forward(name):
    x, program, what, op, entries, first = FORWARD[name]
    sweep, found = found_in(x, program)
    assert (found.what, found.backward, found.node.op.name) == (what, False, op)
    assert sweep.step(found.node).location == (__file__, program.__code__.co_firstlineno)
    assert [each.place for each in found.culprits] == entries
    assert found.culprits[0].text == first
    assert found.count == len(entries)
    assert sweep.root in found.victims


@pytest.mark.parametrize("name", BACKWARD)
def test_the_producer_backward(name):
    x, program, what, op, entries, told = BACKWARD[name]
    sweep, found = found_in(x, program)
    assert (found.what, found.backward, found.node.op.name) == (what, True, op)
    assert sweep.step(found.node).location == (__file__, program.__code__.co_firstlineno)
    assert [each.place for each in found.culprits] == entries
    assert told in found.text
    node, place = found.shown
    assert not np.isfinite(sweep.adjoints[node][place])
    assert node in found.victims
    assert sweep.root not in found.victims


def test_nan_that_was_made_of_infinity_has_a_cause():
    _, found = found_in(x_of(1, 1000), lambda x: mg.exp(x) / mg.sum(mg.exp(x)))
    assert found.cause.node.op.name == "exp"
    assert [each.text for each in found.cause.culprits] == ["exp(1000.0) = inf"]
    _, found = found_in(x_of(0, 2), lambda x: mg.sqrt(x * x))
    assert (found.cause.what, found.cause.node.op.name) == ("∞", "sqrt")
    assert found.cause.culprits[0].text.endswith("= 0.0: 1.0 × inf = inf")


def test_what_was_given_is_the_origin():
    sweep, found = found_in(x_of(1, float("nan")), lambda x: x * 2.0 + 1.0)
    assert (sweep.names[found.node], found.shown[1]) == ("x", (1,))
    assert "is NaN already" in found.text
    _, found = found_in(x_of(1, 2), lambda x: x * mg.tensor([1.0, INF]))
    assert (found.what, found.node.op.name) == ("∞", "multiply")
    assert "is ∞ already" in found.text


def test_operands_are_found_through_broadcasting():
    sweep, found = found_in(x_of(2, 0, 1), lambda x: mg.tensor([[1.0], [0.0]]) / x)
    assert (found.what, found.count) == ("NaN", 1)
    assert found.culprits[0][1:] == (next(n for n in sweep.order if sweep.names[n] == "x"), (1,))


def test_infinity_that_does_no_harm_is_none():
    for program in (lambda x: x * x, lambda x: mg.softmax(mg.where(x > 1, x, -INF), axis=0) ** 2):
        assert found_in(x_of(1, 2, 3), program)[1] is None


def test_of_a_network_with_one_sick_weight():
    mg.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    model[2].weight.data[1, 2] = float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with mg.trace():
            loss = nn.functional.cross_entropy(model(mg.randn(5, 3)), mg.tensor([0, 1, 0, 1, 0]))
            loss.backward()
    sweep = sweep_of(loss, {"model": model, "loss": loss})
    found = first_nonfinite(sweep)
    assert (sweep.names[found.node], found.shown[1]) == ("model.2.weight", (1, 2))
    healthy = {node for node in sweep.order if node not in found.victims and node is not found.node}
    for node in healthy:
        assert np.all(np.isfinite(sweep.value(node)))
        assert np.all(np.isfinite(sweep.adjoints[node]))


def test_of_single_numbers():
    a, b = mg.Value(1e200, label="a"), mg.Value(1e200, label="b")
    loss = a * b - a * b
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loss.backward()
    graph = document(sweep_of(loss, {}))
    found = graph["nonfinite"]
    assert (found["what"], found["culprits"][0]["text"]) == ("NaN", "inf - inf = nan")
    assert graph["nodes"][found["cause"]["node"]]["formula"] == "a * b"
