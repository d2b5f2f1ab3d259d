"""Compiled functions of Values: arguments, results, refusals, threads."""

from __future__ import annotations

import copy
import gc
import math
import random
import threading
import weakref
from typing import Any

import numpy as np
import pytest
from test_compiled_values import backward_of, both, demo, same, twins

import microgradient as mg
from microgradient import scalar
from microgradient.data.datasets import make_moons
from microgradient.errors import (
    ArgumentTypeError,
    GradientError,
    MicrogradientWarning,
    NonFiniteError,
    TraceError,
)
from microgradient.scalar import MLP, Value
from microgradient.scalar_world import SCALAR


def test_gradients_accumulate_where_they_are_not_zeroed():
    v = Value(3.0)
    step = mg.compile(backward_of(lambda: v * v))
    step()
    step()
    assert v.grad == 12.0
    v.grad = 1
    v.data = 5
    assert step().data == 25.0
    assert v.grad == 11.0


def test_arguments_are_fresh_numbers_and_their_gradients_are_theirs():
    w = Value(2.0)
    step = mg.compile(backward_of(lambda x, scale: w * x["a"][0] * scale))
    a, b = Value(3.0), Value(4.0)
    assert step({"a": [a]}, 0.5).data == 3.0
    assert step({"a": [b]}, 1.5).data == 12.0
    assert (a.grad, b.grad, w.grad) == (1.0, 3.0, 1.5 + 6.0)
    assert step.stats()["programs"] == 1


def test_arrays_are_numbers_one_by_one():
    def mean_square(x, y):
        return sum((Value(a) - b) ** 2 for row in x for a, b in zip(row, y, strict=True)) / x.size

    fn = mg.compile(mean_square)
    rng = np.random.default_rng(0)
    for dtype in (np.float64, np.float32):
        x, y = rng.normal(size=(3, 4)).astype(dtype), rng.normal(size=4)
        for times in (1, 2):
            assert same([fn(times * x, y).data], [mean_square(times * x.astype(float), y).data])
    assert fn.stats()["programs"] == 2  # one for each dtype
    fn(x[:2], y)
    assert fn.stats()["programs"] == 3


@pytest.mark.parametrize("fn", [lambda v, x: v * x[0] + x[1], lambda v, x: (x[0] - v) / x[1], lambda v, x: sum(x * v)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.bool_])
def test_an_array_that_the_first_value_meets(fn, dtype):
    x = np.array([1.1, 2.2]).astype(dtype)
    assert same([mg.compile(fn)(Value(0.3), x).data], [fn(Value(0.3), x).data])


def test_numpy_functions_and_numbers_work_while_tracing():
    fn = lambda v: np.exp(v) * np.float64(2) + np.float32(0.5) + (np.array([1.0, 2.0]) * v).sum() + np.tanh(v.data)
    assert same([fn(Value(0.7)).data], [mg.compile(fn)(Value(0.7)).data])
    get = mg.compile(lambda v: np.array([v.data, v.data * 2, 1.0]) * np.float64(3))
    assert get(Value(2.0)).tolist() == [6.0, 12.0, 3.0]
    assert get(Value(2.0)).dtype == np.float64


def test_the_same_value_twice_is_another_signature():
    fn = mg.compile(backward_of(lambda a, b: a * b))
    a, b = Value(3.0), Value(5.0)
    fn(a, b)
    assert (a.grad, b.grad) == (5.0, 3.0)
    c = Value(3.0)
    fn(c, c)
    assert c.grad == 6.0
    assert fn.stats()["programs"] == 2


def test_an_argument_that_is_closed_over_as_well():
    w = Value(2.0)
    fn = mg.compile(backward_of(lambda x: x * w))
    fn(w)
    assert w.grad == 4.0
    x = Value(7.0)
    fn(x)
    assert (x.grad, w.grad) == (2.0, 11.0)
    w.grad = 0
    fn(w)
    assert w.grad == 4.0
    model = MLP(2, [1])

    def step(parameters):
        model.zero_grad()
        model([1.0, 2.0]).backward()
        for p in parameters:
            p.data -= 0.5 * p.grad

    before = [p.data for p in model.parameters()]
    mg.compile(step)(model.parameters())
    assert [p.data for p in model.parameters()] == [b - 0.5 * g for b, g in zip(before, [1.0, 2.0, 1.0], strict=True)]


def test_ints_and_strings_are_static_and_floats_are_not():
    def fn(x, n, kind="plus"):
        for _ in range(n):
            x = x + 1 if kind == "plus" else x * 2
        return x

    compiled = mg.compile(fn)
    assert [compiled(1.5, 2), compiled(2.5, 2), compiled(1.5, 3)] == [3.5, 4.5, 4.5]
    assert compiled(1.5, 2, kind="times") == 6.0
    assert compiled.stats()["programs"] == 3


def test_many_signatures_warn_once_and_name_the_argument():
    compiled = mg.compile(lambda x, n: x * n)
    for n in range(8):
        compiled(Value(float(n)), n)
    with pytest.warns(MicrogradientWarning, match=r"What keeps changing: `n` \(6, 7, 8\)\. .*MG206"):
        compiled(Value(1.0), 8)
    compiled(Value(1.0), 9)


def test_results_keep_their_shape_and_kind():
    a, w = Value(2.0, label="a"), Value(1.0)

    def fn(x):
        y = (x * w).tanh()
        y.label = "y"
        truths = [x > 1, (x > 1) & (w > 5)]
        return {"y": y, "again": (y, x, w), "number": x.data + 1, "truths": truths, "none": None, "n": 3}

    found = mg.compile(fn)(a)
    assert found["y"] is found["again"][0]
    assert found["again"][1] is a
    assert found["again"][2] is w
    assert (found["number"], found["none"], found["n"]) == (3.0, None, 3)
    assert found["truths"][0] is True
    assert found["truths"][1] is False
    assert found["y"].label == "y"
    assert found["y"].data == math.tanh(2.0)


def test_backward_goes_on_from_a_result_to_what_it_was_computed_from():
    def losses(eager):
        w, x, c = Value(2.0), Value(3.0), Value(0.5)
        fn = lambda x, k: ((w * x).tanh() * k, {"second": (w + x) ** 2})
        run = fn if eager else mg.compile(fn)
        found = []
        for _ in range(2):
            first, rest = run(x * c, 0.7)
            (first * 3 + rest["second"] * first).backward()
            found += [first.grad, rest["second"].grad, w.grad, x.grad, c.grad]
        return found

    assert same(losses(True), losses(False))
    model = MLP(2, [3, 1])
    mg.compile(lambda: model([1.0, 2.0]))().backward()
    grads = [p.grad for p in model.parameters()]
    model.zero_grad()
    model([1.0, 2.0]).backward()
    assert same(grads, [p.grad for p in model.parameters()])


def test_backward_from_a_result_of_a_step_is_refused():
    w = Value(2.0)

    def step(x):
        y = w * x
        w.data = w.data - 1
        return y

    y = mg.compile(step)(3.0)
    with pytest.raises(GradientError, match=r"inside the compiled function.*MG210"):
        (y * 2).backward()
    numbers = mg.compile(lambda x: Value(x) * 2)(3.0)
    numbers.backward()
    assert numbers.grad == 1


def test_an_argument_with_a_graph():
    forward = mg.compile(lambda x: x * 2)
    assert forward(Value(3.0) + 1).data == 8.0
    step = mg.compile(backward_of(lambda x: x * 2))
    with pytest.raises(GradientError, match="MG215"):
        step(Value(3.0) + 1)
    x = Value(3.0)
    step(x)
    assert x.grad == 2.0


def test_a_graph_from_before_the_trace_is_followed():
    x = Value(3.0)
    y = x * x
    step = mg.compile(backward_of(lambda: y * 2))
    step()
    step()
    eager = Value(3.0)
    for _ in range(2):
        square = eager * eager
        (square * 2).backward()
    assert x.grad == eager.grad == 24.0
    assert y.grad == 4.0


@pytest.mark.parametrize("fn", [
    lambda v: 1 if v > 0 else 2,
    lambda v: 1 if v.data else 2,
    lambda v: max(v, Value(1.0)),
    lambda v: v > 0 and v < 1,
    lambda v: not v > 0,
])  # fmt: skip
def test_branches_are_refused_with_line_and_advice(fn):
    with pytest.raises(
        TraceError, match=r"test_compiled_values_calls.py:\d+: Python would branch.*decide outside.*MG211"
    ):
        mg.compile(fn)(Value(0.5))


@pytest.mark.parametrize("fn", [
    lambda v: float(v), lambda v: int(v.data), lambda v: math.exp(v.data), lambda v: [1, 2, 3][v.data],
    lambda v: round(v.data), lambda v: math.floor(v.data), lambda v: np.asarray(v.data, float),
])  # fmt: skip
def test_uses_of_a_value_in_python_are_refused_with_line_and_advice(fn):
    with pytest.raises(TraceError, match=r"test_compiled_values_calls.py:\d+: .*MG212"):
        mg.compile(fn)(Value(0.5))


def test_what_stays_behind_can_not_be_used():
    kept = []
    keep = kept.append  # a built-in method, which is not followed
    mg.compile(lambda v: keep(v * 2))(Value(1.0))
    with pytest.raises(TraceError, match="left behind"):
        kept[0] + 1


def test_tensors_do_not_mix_with_values():
    t, v = mg.tensor([1.0, 2.0]), Value(2.0)
    with pytest.raises(TraceError, match=r"test_compiled_values_calls.py:\d+: .*both Values and tensors.*MG214"):
        mg.compile(lambda: (v * 2, mg.sum(t * 2)))()
    assert mg.sum(t * 2).item() == 6.0


def test_a_failed_trace_changes_nothing():
    v = Value(2.0)

    def fn():
        v.data = v.data * 3
        v.grad = 7
        raise KeyError("stop")

    with pytest.raises(KeyError):
        mg.compile(fn)()
    assert (v.data, v.grad) == (2.0, 0)
    assert (v * 2).data == 4.0
    assert isinstance(vars(Value)["data"], type(vars(Value)["seq"]))
    assert scalar.SCALAR is SCALAR


def test_random_draws_while_tracing_warn():
    with pytest.warns(MicrogradientWarning, match="MG216"):
        mg.compile(lambda v: v * random.random())(Value(1.0))
    with pytest.warns(MicrogradientWarning, match="MG216"):
        mg.compile(lambda v: v * np.random.rand())(Value(1.0))


def test_debug_names_the_line_of_the_first_infinity():
    def fn(x):
        y = x * 2
        z = y.log()  # this one
        return z + 1

    compiled = mg.compile(fn, debug=True)
    assert compiled(Value(1.0)).data == math.log(2) + 1
    line = fn.__code__.co_firstlineno + 2
    with pytest.raises(NonFiniteError, match=rf"test_compiled_values_calls.py:{line}: .*log.*-inf"):
        compiled(Value(0.0))


def test_compiled_functions_inside_compiled_functions():
    double = mg.compile(lambda v: v * 2)
    outer = mg.compile(backward_of(lambda v: double(v) + double(v * v)))
    v = Value(3.0)
    assert outer(v).data == 24.0
    assert v.grad == 14.0


def test_values_made_by_hand_with_their_own_backward():
    def cube(x):
        out = Value(x.data * x.data * x.data, (x,), "cube")

        def backward():
            x.grad += 3 * x.data * x.data * out.grad

        out._backward = backward
        return out

    eager, compiled = both(backward_of(lambda x: cube(x) * 2 + x), 1.5)
    assert eager == compiled


def test_copies_of_leaves_inside_are_their_own():
    v = Value(2.0)

    def fn():
        w = copy.deepcopy(v)
        y = w * w + v
        y.backward()
        return w.grad, y

    grad, y = mg.compile(fn)()
    assert (grad, y.data, v.grad) == (4.0, 6.0, 1.0)


def chain(n):
    def fn(x):
        for _ in range(n):
            x = x * 0.999 + 0.5
        x.backward()
        return x

    return fn


@pytest.mark.slow
def test_long_chains():
    fn = chain(20_000)
    a, b = Value(1.0), Value(1.0)
    assert mg.compile(fn)(a).data == fn(b).data
    assert a.grad == b.grad


def test_other_threads_keep_their_values_while_one_traces():
    inside, go = threading.Event(), threading.Event()
    v = Value(2.0)
    seen = []

    def fn():
        y = v * 3
        v.data = y.data
        inside.set()
        go.wait(10)
        return y

    thread = threading.Thread(target=lambda: seen.append(mg.compile(fn)().data))
    thread.start()
    assert inside.wait(10)
    w = v * v + Value(1.0).tanh()
    w.backward()
    assert (v.data, w.data, v.grad) == (2.0, 4.0 + math.tanh(1.0), 4.0)
    v.grad = 0
    go.set()
    thread.join(10)
    assert seen == [6.0]
    assert v.data == 6.0


def test_threads_may_call_one_function():
    fn = mg.compile(lambda x: sum((Value(x) * k).tanh() for k in range(50)))
    wanted = {x: fn(x).data for x in (0.1, 0.2, 0.3, 0.4)}
    wrong = []

    def work(x):
        wrong.extend(1 for _ in range(200) if fn(x).data != wanted[x])

    threads = [threading.Thread(target=work, args=(x,)) for x in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_program_can_be_read():
    fn = mg.compile(lambda v: (v * 2 + 1).relu())
    with pytest.raises(ArgumentTypeError, match="no program yet"):
        _ = fn.program
    fn(Value(1.0))
    assert str(fn.program).splitlines()[:3] == ["%0 = input 0", "%1 = constant 2.0", "%2 = multiply %0 %1"]
    assert fn.stats()["steps"] == 3  # product and sum in one, comparison, choice
    assert mg.compile(lambda v: v.lgamma()) is not None


def test_python_calls_are_counted():
    fn = mg.compile(lambda v: v.lgamma() + v.exp())
    fn(Value(2.5))
    assert fn.stats()["host_calls"] == {"lgamma": 1}


def test_mg_compile_finds_out_that_a_function_works_with_values():
    X, y = make_moons(10, 0.1, 0)[:2]
    eager, compiled = twins(4, 1)
    plain, fast = demo(eager, X, 2 * y - 1), mg.compile(demo(compiled, X, 2 * y - 1))
    for _ in range(4):
        loss, _ = plain(0.1)
    fast(0.1)
    last, _ = fast.repeat(3, 0.1)
    assert same([loss.data], [last.data])
    assert same([p.data for p in eager.parameters()], [p.data for p in compiled.parameters()])
    assert fast.stats()["steps"] > 100
    assert "multiply" in str(fast.program)
    assert mg.compile(lambda v: v.exp())(Value(1.0)).data == math.e
    assert mg.compile(lambda x: sum(Value(x) * k for k in range(4)))(0.5).data == 3.0


@pytest.mark.parametrize("fn", [lambda t, v: (t * 2, v * 2), lambda t, v: (v * 2, t * 2)])
def test_mg_compile_refuses_to_mix_values_and_tensors(fn):
    t, v = mg.tensor([1.0, 2.0]), Value(2.0)
    with pytest.raises(TraceError, match="MG214"):
        mg.compile(lambda: fn(t, v))()
    with pytest.raises(TraceError, match="MG214"):
        mg.compile(fn)(t, v)
    assert mg.compile(lambda: t * 2)().tolist() == [2.0, 4.0]
    assert (v.data, v * 2 > 3) == (2.0, True)


def test_attributes_of_an_argument_with_a_static_key() -> None:
    class Line:
        def __init__(self) -> None:
            self.w, self.scale = Value(2.0), 3.0

    def f(lines: Any, x: float) -> Value:
        return lines[0].w * x * lines[0].scale

    line = Line()
    compiled = mg.compile(f, static=lambda: (line.scale, id(line.w)))
    assert compiled([line], 1.0).data == 6
    line.w.data = 4.0
    assert compiled([line], 1.0).data == 12
    line.scale = 5.0
    assert compiled([line], 1.0).data == 20
    line.w = Value(7.0)
    assert compiled([line], 1.0).data == 35


def test_a_gradient_that_the_function_touches_first_is_changed_once() -> None:
    w = Value(2.0)

    def f(x: float) -> Value:
        w.grad += 1.0
        return w * x

    compiled = mg.compile(f)
    for n in (1, 2, 3):
        assert (compiled(3.0).data, w.grad) == (6.0, n)


def test_values_that_are_no_longer_closed_over_are_let_go() -> None:
    w = Value(0.0)
    compiled, seen = mg.compile(lambda x: w * x), []
    for k in range(8):
        w = Value(float(k))
        seen.append(weakref.ref(w))
        assert compiled(2.0).data == 2 * k
    gc.collect()
    assert [r() is None for r in seen] == [True] * 4 + [False] * 4  # the last four programs are kept


def test_arrays_beside_values_may_have_any_length() -> None:
    w = Value(2.0)
    compiled = mg.compile(lambda x, k: w * k + len(x))
    for n in (3, 4, 5, 6, 5):
        assert compiled(np.ones(n), 2.0).data == 4 + n
    assert compiled.stats()["fixed_lengths"] == ["it is a function of Values"]
