"""Value: micrograd's interface, right where micrograd is not, and agreement with tensors."""

from __future__ import annotations

import math
import pickle
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg
from microgradient.errors import ArgumentTypeError, GradientError
from microgradient.scalar import MLP, Layer, Module, Neuron, Value


def test_the_readme_expression_of_micrograd():
    # the example of micrograd's README, which gives g, dg/da, dg/db as 24.7041, 138.8338, 645.5773
    a, b = Value(-4.0), Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    assert (round(g.data, 4), round(a.grad, 4), round(b.grad, 4)) == (24.7041, 138.8338, 645.5773)


def test_constructor_attributes_and_print():
    a = Value(2)
    assert (a.data, a.grad, a.label, a._op, a._prev) == (2, 0, "", "", set())
    b = Value(3.0, label="b")
    c = a * b
    c.label = "c"
    assert (c._op, c._prev, c.label) == ("*", {a, b}, "c")
    assert [(a + b)._op, (a**2)._op, a.relu()._op, a.tanh()._op, a.exp()._op] == ["+", "**2", "ReLU", "tanh", "exp"]
    assert repr(Value(2)) == "Value(data=2, grad=0)"
    child = Value(1.0, (a, b), "made", "label")
    assert (child._prev, child._op, child.label) == ({a, b}, "made", "label")
    assert len({a, b, a}) == 2


def test_a_root_of_a_negative_number_and_its_derivative_are_nan():
    for exponent in (0.5, Value(0.5)):
        a = Value(-2.0)
        y = a**exponent
        y.backward()
        assert math.isnan(y.data)
        assert math.isnan(a.grad)


def test_a_second_backward_accumulates():
    a = Value(3.0)
    b = a * a
    c = b + a
    c.backward()
    assert (a.grad, b.grad) == (7.0, 1.0)
    c.backward()
    assert (a.grad, b.grad, c.grad) == (14.0, 2.0, 2.0)


def test_topological_order_where_depth_first_fails():
    # b = a + a; c = b + b: the textbook example of why order matters
    a = Value(1.0)
    b = a + a
    (b + b).backward()
    assert a.grad == 4.0


def test_numpy_numbers_on_either_side():
    v = Value(3.0)
    for number in (np.float64(2), np.float32(2), np.int64(2), 2, 2.0, True):
        for w in (number * v, v * number, number + v, number - v, number / v, number**v, v**number):
            assert isinstance(w, Value)
            assert isinstance(w.data, float | int)
            assert not isinstance(w.data, np.generic)
    assert (np.float64(2) - v).data == -1.0
    products = np.array([1.0, 2.0]) * v
    assert [p.data for p in products] == [3.0, 6.0]
    assert [p.data for p in v - np.array([1.0, 2.0])] == [2.0, 1.0]
    assert np.exp(v).data == math.exp(3.0)
    assert Value(np.float64(1.5)).data == 1.5
    assert repr(Value(np.float64(1.5))) == "Value(data=1.5, grad=0)"


def test_ieee_answers_instead_of_exceptions():
    assert Value(0.0).log().data == -math.inf
    assert math.isnan(Value(-1.0).log().data)
    assert (Value(1.0) / 0.0).data == math.inf
    assert Value(1000.0).exp().data == math.inf
    assert math.isnan((Value(-8.0) ** (1 / 3)).data)
    x = Value(0.0)
    x.sqrt().backward()
    assert x.grad == math.inf


def test_infinity_is_divided_as_in_the_array_world():
    assert (Value(math.inf) // 2).data == mg.floor_divide(math.inf, 2.0).item() == math.inf


def test_roots_of_negative_numbers_are_nan_with_their_derivatives():
    x = Value(-2.0)
    (x**0.5).backward()
    assert math.isnan(x.grad)
    y = Value(2.0)
    (y**0.5 + y**-1 + y**0 + y**2).backward()
    assert math.isclose(y.grad, 0.5 / math.sqrt(2) - 0.25 + 0 + 4)


def test_comparisons_are_by_value_and_equality_by_identity():
    a, b = Value(1.0), Value(2.0)
    assert a < b <= 2.0 < 3
    assert b > a >= 1
    assert a != Value(1.0)
    assert max(a, b) is b


def test_values_made_by_hand_with_their_own_backward():
    # how micrograd's users add an operation
    x = Value(0.5)
    t = math.tanh(x.data)
    out = Value(t, (x,), "tanh")

    def _backward():
        x.grad += (1 - t**2) * out.grad

    out._backward = _backward
    y = out * 3 + x
    y.backward()
    assert math.isclose(x.grad, 3 * (1 - t**2) + 1)
    y.backward()
    assert math.isclose(x.grad, 2 * (3 * (1 - t**2) + 1))
    with pytest.raises(mg.errors.GradientError, match="made by hand"):
        (Value(1.0, (x,)) * 2).backward()


def test_the_backward_pass_by_hand():
    # micrograd's lecture: one operation at a time, then all of them in topological order
    x, w = Value(2.0), Value(-3.0)
    xw = x * w
    o = (xw + x).tanh()
    o.grad = 1.0
    for v in (o, *o._prev, xw):
        v._backward()
    by_hand = x.grad, w.grad
    x.grad = w.grad = 0.0
    o.backward()
    assert by_hand == pytest.approx((x.grad, w.grad))
    x._backward()  # a number of the user's has nothing to pass on
    with pytest.raises(AttributeError, match="no attribute 'tan_h'"):
        x.tan_h()


def test_what_is_not_a_number_is_refused():
    with pytest.raises(TypeError):
        Value(1.0) + "2"
    with pytest.raises(TypeError):
        Value(1.0) * None


def test_networks_have_micrograds_parameters_and_repr():
    random.seed(1337)
    model = MLP(2, [16, 16, 1])
    random.seed(1337)
    draws = [random.uniform(-1, 1) for _ in range(2)]
    assert [w.data for w in model.layers[0].neurons[0].w] == draws
    assert model.layers[0].neurons[0].b.data == 0
    assert len(model.parameters()) == 337
    assert repr(Layer(2, 1)) == "Layer of [ReLUNeuron(2)]"
    assert repr(Neuron(3, nonlin=False)) == "LinearNeuron(3)"
    assert Module().parameters() == []
    score = model([1.0, -2.0])
    score.backward()
    assert any(p.grad for p in model.parameters())
    model.zero_grad()
    assert all(p.grad == 0 for p in model.parameters())


def test_pickle_of_a_leaf():
    v = pickle.loads(pickle.dumps(Value(2.5, label="w")))
    assert (v.data, v.label) == (2.5, "w")


UNARY = ["exp", "tanh", "sigmoid", "sin", "cos", "atan", "softplus", "erf", "relu", "abs", "square"]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_random_programs_agree_with_tensors(data):
    numbers = data.draw(st.lists(st.floats(-1.5, 1.5), min_size=2, max_size=4))
    values = [Value(x) for x in numbers]
    tensors = [mg.tensor(np.float64(x), requires_grad=True) for x in numbers]
    pool = list(zip(values, tensors, strict=True))
    for _ in range(data.draw(st.integers(1, 8))):
        a, b = (pool[data.draw(st.integers(0, len(pool) - 1))] for _ in range(2))
        op = data.draw(st.sampled_from([*UNARY, "+", "-", "*", "/"]))
        if op in UNARY:
            pool.append((getattr(a[0], op)(), getattr(mg, op)(a[1])))
        elif op == "/":
            pool.append((a[0] / (b[0] * b[0] + 1), a[1] / (b[1] * b[1] + 1)))
        else:
            pool.append(tuple({"+": x + y, "-": x - y, "*": x * y}[op] for x, y in zip(a, b, strict=True)))
    v, t = pool[-1]
    v.backward()
    if t.requires_grad:
        t.backward()
    assert math.isclose(v.data, t.item(), rel_tol=1e-10, abs_tol=1e-12)
    for value, tensor in zip(values, tensors, strict=True):
        grad = 0.0 if tensor.grad is None else tensor.grad.item()
        assert math.isclose(value.grad, grad, rel_tol=1e-8, abs_tol=1e-10)


def test_classes_of_the_users_calculate_with_one_another():
    class Named(Value):
        pass

    a, b = Named(2.0), Named(3.0)
    product = a * b
    product.backward()
    assert (product.data, a.grad, b.grad) == (6.0, 3.0, 2.0)


def test_a_value_as_the_data_of_a_value_is_unwrapped_or_refused():
    assert Value(Value(2.0)).data == 2.0
    a = Value(1.0)
    a.data = Value(3.0)
    with pytest.raises(TypeError, match=r"`v\.data = other\.data`.*MG111"):
        (a * 2.0).backward()
    a.data = a.data.data
    (a * 2.0).backward()
    assert a.grad == 2.0


def test_operations_by_hand_follow_ieee_as_the_sweep_does():
    a = Value(0.0)
    y = a.sqrt()
    y.grad = 1.0
    y._backward()
    assert a.grad == math.inf


def test_a_backward_by_hand_that_fails_leaves_the_gradients():
    a = Value(2.0)
    a.grad = 5.0
    y = Value(4.0, (a,), "own")
    with pytest.raises(GradientError, match="MG103"):
        y.backward()
    assert a.grad == 5.0


@pytest.mark.parametrize("data", ["a", None, [1.0], (1.0,), {}, 1j, np.ones(2), np.complex64(1), mg.tensor(1.0), b"1"])
def test_a_value_is_one_real_number(data):
    with pytest.raises(ArgumentTypeError, match="MG111"):
        mg.Value(data)


def test_every_kind_of_real_number_makes_a_value():
    for data in (2, 2.0, True, np.float32(2.0), np.int64(2), np.array(2.0), Fraction(1, 2), mg.Value(2.0)):
        v = mg.Value(data)
        (v * v).backward()
        assert v.grad == 2 * v.data
