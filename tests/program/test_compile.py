"""mg.compile as an object: signatures, guards, what it owns, its errors, threads."""

from __future__ import annotations

import copy
import functools
import gc
import subprocess
import sys
import threading
import warnings
from typing import Any

import numpy as np
import pytest
from same import assert_same

import microgradient as mg
from microgradient import nn, optim
from microgradient.errors import MicrogradientWarning, NonFiniteError, TraceError

F = nn.functional


def programs(f: Any) -> int:
    return f.stats()["programs"]


# -------------------------------------------------------------------------------------------------------------- signatures


def test_a_new_signature_is_a_new_program_and_floats_are_not() -> None:
    f = mg.compile(lambda x, n, rate: x * n + rate)
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


# --------------------------------------------------------------------------------------------------------- state and memory


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
    assert programs(f) == 2  # without and with a gradient before


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


# ------------------------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    "use",
    [
        lambda x: 1 if x > 0 else 2, lambda x: not x, float, int, lambda x: x.item(), lambda x: x.tolist(),
        lambda x: np.asarray(x), lambda x: x.numpy(), lambda x: np.zeros(3)[x.astype(mg.int32)],
        lambda x: range(x.astype(mg.int32)),
        lambda x: x in [1.0], lambda x: [x > 0 and x], lambda x: np.sort(x.data),
    ],
)  # fmt: skip
def test_values_that_are_not_known_yet(use: Any) -> None:
    with pytest.raises(TraceError, match=r"test_compile.py:\d+: .*MG200"):
        mg.compile(lambda x: use(x))(mg.tensor(1.0))


def test_what_to_write_instead() -> None:
    def branch(x: Any) -> Any:
        if x > 0:
            return x
        return -x

    with pytest.raises(TraceError, match=r"mg\.where\(condition, a, b\)"):
        mg.compile(branch)(mg.tensor(1.0))
    with pytest.raises(TraceError, match="Python number"):
        mg.compile(lambda r: 1 if r > 0.5 else 2)(0.7)


@pytest.mark.parametrize(
    "use", [lambda x: x[x > 0], mg.nonzero, mg.unique_values, lambda x: mg.repeat(x, mg.astype(x, mg.int32)), F.one_hot],
)  # fmt: skip
def test_shapes_that_depend_on_values(use: Any) -> None:
    x = mg.tensor([1, 2]) if use is F.one_hot else mg.tensor([1.0, 2.0])
    with pytest.raises(TraceError, match="MG201"):
        mg.compile(lambda x: use(x))(x)


def test_what_would_happen_once_is_refused() -> None:
    opt = optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=0.1)
    schedule = optim.lr_scheduler.StepLR(opt, 1)
    for f in (lambda: mg.manual_seed(0), lambda: mg.random.get_state(), schedule.step):
        with pytest.raises(TraceError, match="MG202"):
            mg.compile(lambda f=f: f())()


def test_traced_tensors_that_are_kept() -> None:
    kept: list[Any] = []
    keep = kept.append  # a built-in method, which is not followed
    mg.compile(lambda x: keep(x * 2))(mg.tensor([1.0]))
    with pytest.raises(TraceError, match="MG203"):
        kept[0] + 1
    with pytest.raises(TraceError, match="MG203"):
        mg.compile(lambda x: kept[0] + x)(mg.tensor([1.0]))

    class Keeper(nn.Module):
        def forward(self, x: Any) -> Any:
            self.last = x * 2
            return x

    keeper = Keeper()
    with pytest.raises(TraceError, match=r"Keeper\.last.*MG203"):
        mg.compile(keeper)(mg.tensor([1.0]))


def test_graphs_from_outside_are_not_cut_in_silence() -> None:
    w = mg.tensor([1.0], requires_grad=True)
    h = w * 2
    with pytest.raises(TraceError, match="MG204"):
        mg.compile(lambda x: h * x)(mg.tensor([1.0]))
    buffer = mg.zeros((2,))

    def keeps() -> None:
        buffer[0] = w[0]

    with pytest.raises(TraceError, match="MG204"):
        mg.compile(keeps)()
    assert not buffer.requires_grad
    assert buffer.tolist() == [0.0, 0.0]


def test_an_error_while_tracing_leaves_everything_as_it_was() -> None:
    model = nn.BatchNorm1d(2)
    opt = optim.Adam(model.parameters())

    def step(x: Any) -> None:
        mg.sum(model(x)).backward()
        opt.step()
        raise KeyError("stop")

    before = {k: v.numpy() for k, v in model.state_dict().items()}
    for f in (mg.compile(step), mg.compile(step)):
        with pytest.raises(KeyError):
            f(mg.ones((3, 2)))
    for k, v in model.state_dict().items():
        np.testing.assert_array_equal(v.data, before[k])
    assert model.weight.grad is None
    assert opt.state == {}
    assert isinstance(mg.tensor([1.0]).data, np.ndarray)


def test_errors_of_shapes_come_while_tracing() -> None:
    for f in (lambda x: x + mg.ones(5), lambda x: x @ mg.ones((7, 2)), lambda x: mg.reshape(x, (5,)), lambda x: x[9]):
        with pytest.raises((ValueError, IndexError)):
            mg.compile(f)(mg.ones((2, 3)))


def test_debug_stops_at_the_first_number_that_is_not_finite() -> None:
    def f(x: Any) -> Any:
        y = x - 1
        return mg.log(y) * 0 + mg.where(y > 0, y, -mg.inf)

    g = mg.compile(f, debug=True)
    assert g(mg.tensor([2.0])).tolist() == [1.0]
    with pytest.raises(NonFiniteError, match=r"test_compile.py:\d+: `log` gives an infinity at \[1\].*MG171"):
        g(mg.tensor([2.0, 1.0]))
    with pytest.raises(NonFiniteError, match="an argument"):
        g(mg.tensor([2.0, np.nan]))


def test_numbers_become_tensors() -> None:
    def f(s: Any) -> Any:
        return mg.asarray(s), mg.tensor(s), mg.full((2,), s), mg.full_like(mg.zeros(2, dtype=mg.float64), s)

    for number in (0.1, np.float32(0.1)):
        for have, want in zip(mg.compile(f)(number), f(number), strict=True):
            assert have.dtype == want.dtype
            assert have.tolist() == want.tolist()


# ----------------------------------------------------------------------------------------------------------------- threads


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
