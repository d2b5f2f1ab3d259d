"""mg.compile as an object: signatures, guards, threads, what goes with it."""

from __future__ import annotations

import copy
import functools
import gc
import itertools
import subprocess
import sys
import threading
import types
import warnings
from typing import Any

import numpy as np
import pytest
from same import assert_same

import microgradient as mg
from microgradient import nn, optim, trace_hooks
from microgradient.errors import MicrogradientWarning
from microgradient.program.trace import HOOK

F = nn.functional


def programs(f: Any) -> int:
    return f.stats()["programs"]


# -------------------------------------------------------------------------------------------------------------- signatures


def test_a_new_signature_is_a_new_program_and_floats_are_not() -> None:
    f = mg.compile(lambda x, n, rate: x * n + rate, dynamic=False)
    for n in (2, 3, 2):
        for rate in (0.5, 1.5):
            assert f(mg.tensor([1.0]), n, rate).tolist() == [n + rate]
    assert programs(f) == 2
    f(mg.tensor([1.0, 2.0]), 2, 0.5)
    f(mg.tensor([1.0], dtype=mg.float64), 2, 0.5)
    assert programs(f) == 4
    f(np.array([1.0], np.float32), 2, 0.5)
    assert programs(f) == 5
    f(mg.tensor([1.0]), n=2, rate=0.5)
    assert programs(f) == 6


def test_float_arguments_are_numbers_that_decide_no_dtype() -> None:
    f = mg.compile(
        lambda x, s: (x * s, s * 2, mg.exp(s), 2**s + x, mg.where(x > 0, x, s), x.astype(mg.float64) + s, s > 1)
    )
    for s in (0.1, 3.0):
        x = mg.tensor([1.0, -1.0])
        wanted = (x * s, s * 2, mg.exp(s), 2**s + x, mg.where(x > 0, x, s), x.astype(mg.float64) + s, s > 1)
        assert_same(f(x, s), wanted)
    assert programs(f) == 1


def test_containers_go_in_and_out() -> None:
    def f(p: Any, *rest: Any, k: Any = None, **more: Any) -> Any:
        return {"sum": p["a"] + rest[0][0], "same": p["a"], "rest": (k, more["z"] * 2, [None, "text", 3])}

    a, b = mg.tensor([1.0, 2.0]), mg.tensor([3.0, 4.0])
    g = mg.compile(f)
    got = g({"a": a}, (b,), k="key", z=2.0)
    assert_same(got["sum"], a + b)
    assert got["same"] is a
    assert got["rest"] == ("key", 4.0, [None, "text", 3])


def test_tensors_from_outside_come_back_themselves() -> None:
    w = mg.tensor([1.0], requires_grad=True)
    f = mg.compile(lambda x: (w, x, x + w))
    x = mg.tensor([2.0])
    for _ in range(2):
        a, b, c = f(x)
        assert a is w
        assert b is x
        assert c.tolist() == [3.0]


def test_methods_decorators_and_names() -> None:
    class Thing:
        def __init__(self) -> None:
            self.w = mg.tensor([2.0])

        @mg.compile
        def double(self, x: Any) -> Any:
            """Twice."""
            return x * self.w

    thing = Thing()
    assert thing.double(mg.tensor([3.0])).tolist() == [6.0]
    assert Thing.double.__name__ == "double"
    assert Thing.double.__doc__ == "Twice."
    assert mg.compile(debug=True)(lambda x: x + 1)(mg.tensor([1.0])).tolist() == [2.0]
    with pytest.raises(TypeError, match="MG205"):
        mg.compile(3)


def test_modules_compile() -> None:
    model = nn.Linear(2, 3)
    f, x = mg.compile(model), mg.ones((4, 2))
    np.testing.assert_allclose(f(x).data, model(x).data, rtol=1e-6)
    assert f(x).requires_grad


def test_compiled_functions_inside_are_part_of_the_program() -> None:
    inner = mg.compile(lambda x: mg.sin(x))
    f = mg.compile(lambda x: inner(x) + 1)
    f(mg.tensor([1.0]))
    assert [i.op for i in f.program.instructions] == ["sin", "add"]


def test_nothing_but_the_program_runs_at_the_second_call() -> None:
    calls = []
    f = mg.compile(lambda x: calls.append(1) or x * 2)
    for _ in range(3):
        f(mg.tensor([1.0]))
    assert calls == [1]


def test_many_programs_are_warned_of_with_the_argument_that_changes() -> None:
    f = mg.compile(lambda x, y: x * 2)
    for n in range(8):
        f(mg.ones(1), mg.ones(n))
    with pytest.warns(MicrogradientWarning, match=r"`y`.*shape \(8,\).*MG206"):
        f(mg.ones(1), mg.ones(8))
    f(mg.ones(1), mg.ones(9))
    g = mg.compile(lambda x: x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in range(80):
            g(mg.ones(n))
    assert g.stats()["cached"] == 64


def test_the_program_prints() -> None:
    f = mg.compile(lambda x: x * 2 + 1)
    with pytest.raises(TypeError, match="MG205"):
        _ = f.program
    f(mg.tensor([1.0, 2.0]))
    assert str(f.program).splitlines() == [
        "%0 = input : float32 (2,)", "%1 = multiply %0 2 : float32 (2,)", "%2 = add %1 1 : float32 (2,)", "return %2",
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------------------------ guards


def test_train_and_eval_are_different_programs() -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 4))
    f, x = mg.compile(lambda x: model(x).detach()), mg.ones((2, 4))
    mg.manual_seed(0)
    trained = f(x)
    model.eval()
    assert_same(f(x), model(x).detach())
    model.train()
    mg.manual_seed(0)
    assert_same(f(x), trained)
    assert programs(f) == 2


def test_a_module_with_another_parameter_is_traced_again() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    f, x = mg.compile(lambda x: model(x).detach()), mg.ones((1, 2))
    f(x)
    model[0].weight = nn.Parameter(np.zeros((2, 2), np.float32))
    assert_same(f(x), model(x).detach())
    model[0].bias.data = np.array([7.0, 8.0], np.float32)
    assert_same(f(x), model(x).detach())
    assert programs(f) == 2


def test_frozen_parameters_and_changed_settings() -> None:
    model = nn.Linear(2, 1)
    opt = optim.AdamW(model.parameters(), lr=0.1)

    def step(x: Any) -> None:
        opt.zero_grad()
        mg.sum(model(x) ** 2).backward()
        opt.step()

    f, x = mg.compile(step), mg.ones((3, 2))
    f(x)
    f(x)
    assert programs(f) == 1
    opt.param_groups[0]["weight_decay"] = 0.5
    f(x)
    assert programs(f) == 2
    before = model.weight.data.copy()
    model.weight.requires_grad = False
    f(x)
    assert programs(f) == 3
    np.testing.assert_array_equal(model.weight.data, before)


def test_default_dtype_and_no_grad_belong_to_the_signature() -> None:
    f = mg.compile(lambda x: mg.tensor([0.5]) + x)
    assert f(1.0).dtype == mg.float32
    mg.set_default_dtype(mg.float64)
    try:
        assert f(1.0).dtype == mg.float64
    finally:
        mg.set_default_dtype(mg.float32)


# ----------------------------------------------------------------------------------------------------------------- threads


@pytest.mark.parametrize("first", [True, False])
def test_another_thread_may_begin_or_end_a_trace_at_any_time(monkeypatch: pytest.MonkeyPatch, first: bool) -> None:
    """Whoever asks for the hook looks once whether it is there: the next time it may be gone."""
    hooks = itertools.cycle([HOOK, None] if first else [None, HOOK])
    module = type("Flickering", (types.ModuleType,), {"hook": property(lambda self: next(hooks))})
    monkeypatch.setattr(trace_hooks, "__class__", module)
    for _ in range(2):  # so that each look meets both
        x = mg.tensor([1.0, -2.0], requires_grad=True)
        y = mg.sum(mg.exp(x) * x + 2.0)
        next(hooks)
        y.backward()
        x.data = x.data * np.float32(2)
        assert (x.shape, x.dtype, x.ndim, x.size, x.tolist()) == ((2,), np.float32, 1, 2, [2.0, -4.0])
        assert x.grad is not None
        x.grad = x.grad * 2
        assert (mg.tensor([0, 2]) ** 2).tolist() == [0, 4]


def test_threads_call_trace_and_compute_at_once() -> None:
    w = mg.tensor(np.zeros(50), requires_grad=True)

    def step(x: Any) -> Any:
        with mg.no_grad():
            w.data = (w + x).data
        return mg.sum(x)

    f, wrong = mg.compile(step), []
    barrier = threading.Barrier(4)

    def work(k: int) -> None:
        barrier.wait()
        for i in range(25):
            if k == 3:  # traces anew, while the others run and while this one computes eagerly
                g = mg.compile(functools.partial(lambda i, x: x * x * i, i))
                x = mg.tensor([1.5])
                got, wanted = g(x), x * x * i
                if got.tolist() != wanted.tolist():
                    wrong.append((got, wanted))
            elif f(mg.ones(50, dtype=mg.float64)).item() != 50.0:
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []
    assert set(w.tolist()) == {75.0}


# ---------------------------------------------------------------------------------------------- other ways to write a step


def test_functional_training() -> None:
    x, y = mg.tensor(np.ones((4, 3), np.float32)), mg.tensor(np.arange(4, dtype=np.float32))

    def loss(p: Any) -> Any:
        return mg.mean((x @ p["w"] + p["b"] - y) ** 2)

    def step(p: Any, rate: float) -> Any:
        value, g = mg.value_and_grad(loss)(p)
        return value, {k: p[k] - rate * g[k] for k in p}

    compiled = mg.compile(step)
    p = q = {"w": mg.ones(3), "b": mg.zeros(())}
    for i in range(4):
        u, p = step(p, 0.1 / (i + 1))
        v, q = compiled(q, 0.1 / (i + 1))
        assert_same((u, p), (v, q), 1e-5)
    assert programs(compiled) == 1


def test_functional_calls_closures_and_updates_by_hand() -> None:
    def build() -> Any:
        mg.manual_seed(0)
        model = nn.Linear(2, 1)
        opt = optim.SGD(model.parameters(), lr=0.1)
        w = mg.tensor([1.0, -1.0], requires_grad=True)

        def step(x: Any) -> Any:
            def closure() -> Any:
                opt.zero_grad()
                w.grad = None
                loss = mg.mean(model(x * w) ** 2)
                loss.backward()
                return loss

            loss = opt.step(closure)
            with mg.no_grad():
                nonlocal_w = w
                nonlocal_w -= 0.1 * w.grad
            doubled = {"weight": model.weight.detach() * 2}
            return (
                loss,
                nn.utils.functional_call(model, doubled, x).detach(),
                nn.utils.parameters_to_vector(model.parameters()).detach(),
            )

        return step, lambda: (dict(model.state_dict()), w.detach())

    (eager, seen), (traced, seen_too) = build(), build()
    compiled = mg.compile(traced)
    for i in range(3):
        x = mg.ones((3, 2)) * (i + 1.0)
        assert_same(eager(x), compiled(x), 1e-5)
        assert_same(seen(), seen_too(), 1e-5)
    assert programs(compiled) == 1


def test_copies_compile_for_themselves() -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.f = mg.compile(mg.sin)

    holder = copy.deepcopy(Holder())
    assert holder.f(mg.tensor([0.0])).tolist() == [0.0]


def test_explanations_see_through_a_compiled_function() -> None:
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    f = mg.compile(lambda x: mg.sum(w * x))
    f(mg.ones(2))
    with mg.trace() as seen:
        f(mg.ones(2)).backward()
    assert "2 operations" in str(seen)


def test_objects_are_known_by_identity() -> None:
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    f = mg.compile(lambda m, x: m(x).detach())
    for m in (a, b, a):
        assert_same(f(m, mg.ones((1, 2))), m(mg.ones((1, 2))).detach())
    assert programs(f) == 2


def test_a_first_call_leaves_the_collector_of_garbage_as_it_was() -> None:
    assert gc.isenabled()
    frozen = gc.get_freeze_count()  # Python 3.12 begins with some
    mg.compile(lambda x: x + 1)(mg.ones(2))
    assert gc.isenabled()
    assert gc.get_freeze_count() == frozen
    gc.freeze()
    try:
        mg.compile(lambda x: x + 2)(mg.ones(2))
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
    gc.disable()
    try:
        mg.compile(lambda x: x + 3)(mg.ones(2))
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_fault_in_the_scalar_wing_does_not_break_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is loaded when a function turns out to be one of Values, and not before."""
    code = "import sys, microgradient as mg; mg.compile(lambda x: x * 2)(mg.ones(2)); "
    code += "print([m for m in sys.modules if 'scalar_jit' in m])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
    for name in [m for m in sys.modules if m.startswith("microgradient.scalar_jit")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "microgradient.scalar_jit", None)
    w = mg.Value(2.0)
    f = mg.compile(lambda x: x * w)
    with pytest.raises(ImportError):
        f(mg.Value(1.0))
    assert mg.compile(lambda x: x * 2)(mg.ones(2)).tolist() == [2, 2]
    assert (w * 2).data == 4
