"""The verdict on a derivative: agreement, kinks, wrong rules, lost digits, steepness; and NaN, told with its cause."""

import math
import re

import numpy as np
import pytest

import microgradient as mg
from microgradient.explain.differences import compare
from microgradient.scalar import Value


def traced(f, *arrays):
    """The explanations of each argument of f; the arrays keep their dtype."""
    args = [mg.tensor(np.asarray(a), requires_grad=True) for a in arrays]
    with mg.trace():
        loss = f(*args)
        loss.backward()
    return [mg.why(x) if x.size == 1 else mg.why(x, 0) for x in args]


# ------------------------------------------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize("slope", [1.0, -2.5e-4, 3e5])
@pytest.mark.parametrize("f", [math.sin, math.exp, math.atan, lambda x: x**3 + x])
def test_the_derivative_agrees_and_another_number_differs(f, slope):
    def g(x):
        return f(slope * x)

    assert compare(g, slope, 0.0, abs(slope), 1e-6).verdict == "agrees"
    for wrong in (0.0, -slope, 1.001 * slope, 2 * slope):
        found = compare(g, wrong, 0.0, abs(wrong), 1e-6)
        assert found.verdict == "differs"
        assert not found.agrees
        assert found.numeric == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("size", [1e4, 1e7, 1e9, 1e12, 1e30])
def test_what_is_too_steep_for_differences_is_never_contradicted(size):
    """sin(s·x): at 1e4 a smaller step helps, at 1e30 no step can."""
    found = compare(lambda x: math.sin(size * (x + 1.0)), size * math.cos(size), 1.0, 0.0, 1e-6)
    assert found.agrees
    assert found.verdict == "agrees" if size <= 1e7 else True
    found = compare(lambda x: math.sin(size * (x + 1.0)), 0.5 * size * math.cos(size), 1.0, 0.0, 1e-6)
    assert found.verdict == ("differs" if size <= 1e7 else "undecided")
    if size > 1e7:
        assert "can't be decided by differences" in found.note
        assert "between h and h/4" in found.note


def test_a_steep_program_of_values():
    x = Value(1.2)
    y = x.exp().exp().exp() * 40.0
    L = y.sin()
    L.backward()
    assert mg.why(x).check.agrees, mg.why(x)


@pytest.mark.parametrize(
    ("f", "x", "told"),
    [
        (lambda a: a.relu(), 0.0, r"relu, input = 0: the slope is 0 on one side and 1 on the other"),
        (lambda a: a.maximum(2.0).maximum(2.0) * 3.0, 2.0, "maximum, both inputs = 2: the slope is 0 .* and 3"),
        (lambda a: a.abs() + a.relu(), 0.0, "abs, input = 0: the slope is -1 .* and 2"),
    ],
)
def test_a_kink_is_named_with_its_input(f, x, told):
    a = Value(x)
    L = f(a)
    L.backward()
    found = mg.why(a)
    assert found.check.verdict == "kink"
    assert not found.check.agrees
    assert_line(found, told)


def assert_line(found, told):
    assert re.search(told, found.text()), found.text()


def test_kinks_of_tensors():
    (found,) = traced(lambda x: mg.sum(mg.relu(x)), np.array([0.0, 1.0]))
    assert_line(found, r"✗ the rules give 0\.000000: a kink \(relu, input = 0")
    (found,) = traced(lambda x: mg.max(x), np.ones(3))
    assert_line(found, r"✗ the rules give 0\.333333: a kink \(max, 3 entries tie")
    (found,) = traced(lambda x: mg.min(mg.reshape(x, (2, 3)), axis=1)[0], np.ones(6))
    assert_line(found, r"a kink \(min, 3 entries tie")
    (found,) = traced(lambda x: mg.sum(mg.clip(x, 0.0, 1.0)), np.array([1.0, 0.5]))
    assert_line(found, r"a kink \(clip, input at a bound")
    (found,) = traced(lambda x: mg.sum(mg.relu(x)), np.array([1e-7, 1.0]))  # beside the kink a smaller step decides
    assert found.check.verdict == "agrees"


def test_digits_that_float32_has_lost():
    (found,) = traced(mg.tanh, np.float32(8.0))
    assert found.check.verdict == "rounding"
    assert found.check.agrees
    assert_line(found, r"~ the rules give .*float32 has lost the digits: in 64 bits 4\.50\d*e-07")
    (found,) = traced(mg.tanh, np.float64(8.0))
    assert found.check.verdict == "agrees"


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_a_derivative_that_is_lost_because_the_result_rounds_to_1(name):
    told = rf"~ the rules give 0\.000000: {name}, input = 60, rounds to 1: its derivative, below 1e-15, is lost"
    a = Value(30.0)
    L = getattr(a * 2.0, name)() * 3.0
    L.backward()
    assert_line(mg.why(a), told)
    f = getattr(mg, name)
    (found,) = traced(lambda x: mg.sum(f(2.0 * x)), np.array([30.0, 1.0]))
    assert_line(found, told)
    (found,) = traced(lambda x: mg.sum(f(2.0 * x)), np.array([1.0, 30.0]))  # the other entry is not this one's fault
    assert found.check.verdict == "agrees"
    b = Value(3.0)
    L = b * 0.0 + Value(60.0).tanh()
    L.backward()
    assert mg.why(b).check.verdict == "agrees"


# ------------------------------------------------------------------------------------------------------------------ NaN


def overwritten(z):
    r = mg.sqrt(z)
    r[0] = 1.0
    return mg.sum(r)


TRAPS = {
    "log": (lambda z: mg.sum(mg.where(z > 0, mg.log(z), 0.0)), [0.0, 1.0], r"v1 = log\(x\)|log\("),
    "p log p": (lambda z: mg.sum(mg.where(z > 0, z * mg.log(z), 0.0)), [0.0, 1.0], r"z \* v1"),
    "sqrt overwritten": (overwritten, [0.0, 1.0], r"sqrt\("),
    "isnan": (lambda z: mg.sum(mg.where(mg.isnan(z), 0.0, z**2.0)), [np.nan, 1.0], r"\*\*2"),
}


@pytest.mark.parametrize("name", TRAPS)
def test_the_trap_of_zero_times_infinity_is_named_with_its_cure(name):
    f, x, op = TRAPS[name]
    (found,) = traced(f, np.array(x))
    assert math.isnan(found.gradient)
    assert_line(
        found,
        rf"NaN +0 × ∞ in .*({op}).* test_explain_checks\.py:\d+: .*harmless number.* mg\.where\(ok, \w+, 1\.\)",
    )
    assert "✓" not in found.text()
    assert "not taken: the gradient is not a finite number" in found.text()


def test_the_first_nan_forward_is_named():
    x = mg.tensor(np.array([0.5, 3.0]), requires_grad=True)
    with mg.trace():
        h = x - 1.0
        loss = mg.sum(mg.log(h) * h)  # NaN
        loss.backward()
    for found in (mg.why(loss), mg.why(x, 0)):
        assert_line(
            found,
            r"the first comes from v\d = log\(h\) test_explain_checks\.py:\d+, 1 of 2 entries; its inputs: -0\.5 … 2",
        )
    a = Value(-1.0)
    L = a.log() * 2.0
    L.backward()
    assert_line(mg.why(a), r"the first comes from v1 = log\(a\), 1 of 1 entries; its inputs: -1")
    a = Value(math.nan)
    L = a * 2.0
    L.backward()
    assert_line(mg.why(L), r"an input of L = a \* 2 is NaN already")


def test_nan_made_of_an_infinity_is_told_by_where_that_comes_from():
    x = mg.tensor(np.array([1.0, math.inf, 2.0]), requires_grad=True)
    with mg.trace():
        loss = mg.sum(mg.nn.functional.softmax(x, 0) ** 2)
        loss.backward()
    found = mg.why(x, of=loss).text()
    assert "The infinity that it was given is in x already" in found
    assert "1e-8" not in found
    x = mg.tensor(np.array([[1.0, 2.0, 3.0]]), requires_grad=True)
    with mg.trace(), np.errstate(all="ignore"):
        big = x * 1e200 * 1e200
        loss = mg.nn.functional.cross_entropy(big, mg.tensor([0]))
        loss.backward()
    found = mg.why(x, of=loss).text()
    assert "The infinity that it was given comes from big = v1 * 1e+200" in found
    assert "mg.where" not in found
    x = mg.tensor(np.array([1.0, 2.0]), requires_grad=True)
    with mg.trace():
        masked = mg.where(mg.tensor([False, False]), x, -math.inf)
        loss = mg.sum(masked - masked)
        loss.backward()
    assert "is a constant that enters masked." in mg.why(x, of=loss).text()


def test_where_a_result_is_not_used_the_condition_fits_the_operation():
    for f, x, condition in (
        (lambda z: mg.sum(mg.where(z > 0, 1 / z, 0.0)), [0.0, 1.0], "z != 0"),
        (lambda z: mg.sum(mg.where(z > 0, mg.log(z), 0.0)), [0.0, 1.0], "z > 0"),
        (lambda z: mg.sum(mg.where(mg.isnan(z), 0.0, z**2.0)), [math.nan, 1.0], "mg.isfinite(z)"),
        (lambda z: mg.sum(mg.where(z < 80, mg.exp(z), 0.0)), [1000.0, 1.0], "z < 80"),
    ):
        (found,) = traced(f, np.array(x))
        assert f"with ok such as {condition}" in found.text()


def descend(w):
    w.data = w.data - 0.1 * w.grad.data
    w.grad = None


def descend_value(w):
    w.data -= 0.1 * w.grad
    w.grad = 0


@pytest.mark.parametrize(
    ("w", "f", "step"),
    [
        (
            lambda: mg.tensor([0.0, 1.0], requires_grad=True),
            lambda w: mg.sum(mg.where(w > 0, mg.log(w), 0.0) * w),
            descend,
        ),
        (lambda: Value(-1.0), lambda w: w.log() * w, descend_value),
    ],
)
def test_a_loop_that_goes_on_with_nan_is_spoken_of(w, f, step):
    w = w()

    def loop():
        for _ in range(3):
            f(w).backward()
            step(w)

    with pytest.warns(mg.errors.MicrogradientWarning, match=r"is NaN, again.*mg\.trace.*MG172"):
        loop()
