"""`mg.check_answer`: right answers pass, and wrong ones are known by what was done wrong."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgradient as mg
from microgradient.errors import ArgumentTypeError, GradientError


def loss_of(a, b):
    y = a * b + a**2
    y.label = "y"
    y.backward()
    return y


@pytest.fixture
def ab():
    a, b = mg.Value(2.0, label="a"), mg.Value(-3.5, label="b")
    y = loss_of(a, b)
    return a, b, y  # what was differentiated lives as long as it is kept


@pytest.mark.parametrize("answer", [0.5, np.float32(0.5), [0.5], mg.tensor(0.5), mg.Value(0.5), 0.5012])
def test_a_right_answer_is_right_in_every_form(ab, answer, capsys):
    grade = mg.check_answer(ab[0], answer)
    assert (bool(grade), grade.score, grade.mistake) == (True, 1.0, "")
    assert capsys.readouterr().out == "right: ∂y/∂a = 0.5\n"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (-0.5, "the sign is flipped"),
        (-3.5, "path via v2 is missing; it adds 4.0"),
        (4.0, "path via v1 is missing; it adds -3.5"),
        (6.0, "inputs are exchanged"),
        (0.25, "a factor of 2 is missing"),
    ],
)
def test_the_usual_mistakes_have_names(ab, answer, said):
    grade = mg.check_answer(ab[0], answer)
    assert (bool(grade), grade.score) == (False, 0.0)
    assert said in grade.mistake
    assert said in grade.message


def test_input_and_output_of_a_function_are_told_apart():
    t = mg.Value(0.7, label="t")
    y = t.tanh() * 3
    y.backward()
    assert mg.check_answer(t, 3 * (1 - math.tanh(0.7) ** 2))
    assert "input in place of the output" in mg.check_answer(t, 3 * (1 - 0.7**2)).mistake
    assert "local derivative alone; what arrives, 3.0" in mg.check_answer(t, 1 - math.tanh(0.7) ** 2).mistake
    assert "what arrives; the local" in mg.check_answer(t, 3).mistake
    x = mg.Value(0.7, label="x")
    z = x.sin() * 3
    z.backward()
    assert "output in place of the input" in mg.check_answer(x, 3 * math.cos(math.sin(0.7))).mistake


def test_the_n_of_a_mean_and_the_pass_before():
    w = mg.tensor([[0.5], [-0.5]], requires_grad=True)
    x = mg.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    with mg.trace():
        mg.mean((x @ w - 1) ** 2).backward()
    first = w.grad.numpy().copy()
    assert mg.check_answer(w, first)
    assert mg.check_answer(w, first[1, 0], index=(1, 0))
    assert "the factor / 3 is missing" in mg.check_answer(w, 3 * first).mistake
    half = mg.check_answer(w, first * [[1], [5]])
    assert (half.score, half.message.endswith("1 of 2 numbers is right")) == (0.5, True)
    with mg.trace():
        mg.mean((x @ w - 1) ** 2).backward()
    assert mg.check_answer(w, 2 * first)
    assert "last backward pass alone" in mg.check_answer(w, first).mistake


@pytest.mark.parametrize("answer", [None, ..., "0.5", "half", {}, True, 1j, [[0.5, 1.0], [2.0]]])
def test_what_is_no_number_is_no_answer(ab, answer):
    grade = mg.check_answer(ab[0], answer)
    assert (bool(grade), grade.score) == (False, 0.0)
    assert "is none" in grade.message


def test_numbers_are_their_own_answer():
    assert mg.check_answer(3.0, 3.001)
    assert not mg.check_answer(3.0, 3.1)
    assert mg.check_answer(np.array([1.0, np.nan, np.inf]), [1, math.nan, math.inf])
    assert mg.check_answer(np.array([1.0, 2.0]), [1.0, 3.0]).score == 0.5
    assert "(2,)" in mg.check_answer(np.zeros(3), [0.0, 0.0]).message
    assert mg.check_answer(0.0, 0)
    assert not mg.check_answer(0.0, 1e-9)
    assert not mg.check_answer(1.0, math.nan)


def test_without_a_gradient_there_is_nothing_to_check(ab):
    with pytest.raises(GradientError, match="MG109"):
        mg.check_answer(mg.tensor(1.0), 1.0, of=mg.tensor(2.0, requires_grad=True) ** 2)
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    mg.sum(w * w).backward()
    with pytest.raises(IndexError):
        mg.check_answer(w, 1.0, index=5)
    assert mg.check_answer(w, [2.0, 4.0])  # the graph is gone, the gradient is not


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_no_answer_that_is_right_is_called_wrong(x, y):
    a, b = mg.Value(x, label="a"), mg.Value(y, label="b")
    y = a * b + a.tanh() * b - a
    y.backward()
    assert mg.check_answer(a, a.grad)
    assert mg.check_answer(b, float(f"{b.grad:.4g}"))
    if abs(a.grad) > 1e-300:
        assert not mg.check_answer(a, a.grad * 1.02)


def test_factors_beside_the_way_are_not_missed():
    a, b = mg.Value(3.0, label="a"), mg.Value(8.0, label="b")
    y = a * a + b / 4
    y.backward()
    assert "/ 4" not in mg.check_answer(a, 24.0).mistake
    assert "/ 4 is missing" in mg.check_answer(b, 1.0).mistake


def test_zeroed_gradients_are_not_a_pass_before():
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    loss = mg.sum(w * w)
    loss.backward()
    w.grad = mg.zeros(2)
    assert "last backward" not in mg.check_answer(w, [2.0, 4.0]).mistake
    assert loss.shape == ()


def test_what_two_mistakes_would_give_is_told_as_two():
    a, b = mg.Value(2.0, label="a"), mg.Value(-3.0, label="b")
    c, d = a * b, a + b
    y = c * d
    y.backward()
    assert mg.check_answer(a, 3.0).mistake == "the sign is flipped; or the path via d is missing; it adds -6.0"


def test_nothing_but_rounding_is_zero():
    a = mg.Value(1.0, label="a")
    y = 0.1 * a + 0.2 * a - 0.3 * a
    y.backward()
    assert a.grad != 0
    assert mg.check_answer(a, 0)


@pytest.mark.parametrize("answer", [pytest.param(10**400, id="huge"), b"1", object(), lambda: 1, [1, [2]]])
def test_other_objects_are_no_answers(ab, answer):
    assert not mg.check_answer(ab[0], answer)


@pytest.mark.parametrize("x", [print, 1j, "text", None, pytest.param(10**400, id="huge")])
def test_other_objects_have_no_answer(x):
    with pytest.raises(ArgumentTypeError, match="MG116"):
        mg.check_answer(x, 1.0)
