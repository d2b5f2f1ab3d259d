"""What users do wrong, or do unusually: compiled functions refuse it or give what eager mode gives, never another number."""

from __future__ import annotations

import copy
import pickle
import random
import signal
import threading
from collections import deque
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from same import assert_compiles, assert_same

import microgradient as mg
from microgradient import nn, optim
from microgradient.scalar import Value

F = nn.functional


@pytest.mark.parametrize("i", [[-1, 2], [5, 0]])
@pytest.mark.parametrize("dtype", [np.int8, np.int64])
def test_indices_that_eager_mode_refuses_are_refused(i: list[int], dtype: Any) -> None:
    weight, scores = mg.randn(5, 3), mg.randn(2, 5)
    for f in (
        lambda i: F.embedding(i, weight),
        lambda i: F.cross_entropy(scores, i),
        lambda i: F.one_hot(i, 5),
        lambda i: F.nll_loss(scores, i),
    ):
        compiled = mg.compile(f)
        good = mg.tensor(np.array([4, 0], dtype))
        assert_same(compiled(good), f(good))
        with pytest.raises((mg.errors.OutOfRangeError, mg.errors.ArgumentError)):
            f(mg.tensor(np.array(i, dtype)))
        with pytest.raises(mg.errors.OutOfRangeError, match="MG127"):
            compiled(mg.tensor(np.array(i, dtype)))


def test_labels_that_are_not_whole_are_refused() -> None:
    scores = mg.randn(2, 5)
    loss = mg.compile(F.cross_entropy)
    assert_same(loss(scores, mg.tensor([1.0, 2.0])), F.cross_entropy(scores, mg.tensor([1, 2])))
    for wrong in (1.5, np.nan, -1.0):
        with pytest.raises(mg.errors.OutOfRangeError, match="MG127"):
            loss(scores, mg.tensor([1.0, wrong]))


def test_single_arrays_closed_over_are_read_at_every_call() -> None:
    for shape in ((), (1,), (1, 1)):
        a = np.ones(shape, np.float32)

        def f(x: Any, a: Any = a) -> Any:
            return x * a, mg.tensor(a) + 1

        compiled = mg.compile(lambda x, f=f: f(x))
        compiled(mg.ones(3))
        a[...] = 5
        assert_same(compiled(mg.ones(3)), f(mg.ones(3)))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: {x + 1},
        lambda x: SimpleNamespace(value=x + 1),
        lambda x: SimpleNamespace(value=[{"a": x + 1}]),
        lambda x: (x * i for i in range(3)),
        lambda x: map(mg.exp, [x]),
    ],
)
def test_objects_around_traced_tensors_are_refused(f: Any) -> None:
    with pytest.raises(mg.errors.TraceError, match="MG203"):
        mg.compile(f)(mg.ones(2))
    assert mg.compile(lambda x: (x + 1, SimpleNamespace(n=3)))(mg.ones(2))[1].n == 3


@pytest.mark.parametrize("number", [-1, 300, 2**40, -(2**70)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint32])
def test_comparisons_with_numbers_that_the_dtype_cannot_hold(dtype: Any, number: int) -> None:
    x = mg.tensor(np.array([0, 1, 100], dtype))
    assert_compiles(lambda x: (x < number, x >= number, number < x, x == number, x != number), x)
    if abs(number) < 2**64:
        assert_compiles(lambda x: (mg.logical_and(x, number), mg.logical_or(number, x), mg.logical_xor(x, number)), x)


def test_formats_of_numbers_that_are_not_known_yet() -> None:
    for f in (lambda rate: f"{rate:.3f}", lambda rate: f"{mg.exp(mg.asarray(rate)):.3f}"):
        with pytest.raises(mg.errors.TraceError, match="MG200"):
            mg.compile(f)(0.5)


@pytest.mark.parametrize(
    ("f", "advice"),
    [
        (lambda x, n, k: x[:n], r"int\(…\) needs the value"),
        (lambda x, n, k: pickle.dumps(x), "pickling"),
        (lambda x, n, k: x.data.max(), r"Write mg.max\(x\)"),
        (lambda x, n, k: x.data.mean(axis=0), r"Write mg.mean\(x\)"),
        (lambda x, n, k: x if k > 1 else -x, "pass an int"),
        (lambda x, n, k: mg.ones(int(k)), "pass an int"),
    ],
)
def test_values_that_are_not_known_yet_and_what_to_write(f: Any, advice: str) -> None:
    with pytest.raises(mg.errors.TraceError, match=advice) as info:
        mg.compile(f)(mg.ones(4), mg.tensor(2), 0.5)
    assert "test_mistakes.py" in str(info.value)


def test_copies_while_tracing() -> None:
    assert_compiles(lambda x: (copy.copy(x) * 2, copy.deepcopy(x * 3), copy.deepcopy([x])), mg.ones(2))


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "3", None])
def test_repeat_takes_a_whole_number(n: Any) -> None:
    with pytest.raises(mg.errors.ArgumentTypeError, match="MG205"):
        mg.compile(lambda x: x + 1).repeat(n, mg.ones(2))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_repeat_hears_ctrl_c() -> None:
    x = mg.tensor(np.zeros((), np.int64))

    @mg.compile
    def count() -> None:
        x.data = x.data + 1

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            count.repeat(10**12)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    counted = x.item()
    count()
    assert x.item() == counted + 1


def test_a_compiled_module_has_its_attributes() -> None:
    layer = nn.Linear(3, 2)
    compiled = mg.compile(layer)
    assert compiled.weight is layer.weight
    assert [*compiled.state_dict()] == ["weight", "bias"]
    with pytest.raises(AttributeError, match="nothing"):
        _ = compiled.nothing


def test_indices_out_of_bounds_name_the_line_under_debug_and_vmap() -> None:
    table, bad = mg.ones((3, 2)), mg.tensor([0, 5])
    for f in (lambda i: table[i], lambda i: mg.take(table, mg.reshape(i, (i.size,)), axis=0)):
        for run in (mg.compile(f, debug=True), mg.vmap(f)):
            with pytest.raises(mg.errors.OutOfRangeError, match=r"test_mistakes.py:\d+: index 5 .* size 3.*MG127"):
                run(bad)
    with pytest.raises(mg.errors.OutOfRangeError, match="below 0"):
        mg.vmap(lambda i: F.embedding(i, table))(mg.tensor([0, -1]))


def test_functions_of_numbers_that_meet_values() -> None:
    w = Value(2.0)

    def f(x: float) -> Value:
        return x * w + (w - x) ** 2

    compiled = mg.compile(f)
    for x in (1.0, 3.5):
        assert compiled(x).data == f(x).data


def test_objects_around_traced_values_are_refused() -> None:
    for f in (lambda v: {v + 1}, lambda v: SimpleNamespace(value=v + 1), lambda v: (v * i for i in range(3))):
        with pytest.raises(mg.errors.TraceError, match="MG203"):
            mg.compile(f)(Value(1.0))
    compiled = mg.compile(lambda v: (v + 1, v.data * 2, SimpleNamespace(n=3)))
    assert compiled(Value(1.0))[2].n == 3
    assert compiled.kernels == ""


OWN = SimpleNamespace(
    old=np.random.RandomState(0), new=np.random.default_rng(0), python=random.Random(0), system=random.SystemRandom()
)


@pytest.mark.parametrize(
    "draw",
    [random.random, np.random.rand, lambda: OWN.old.rand(), lambda: OWN.new.normal(), lambda: OWN.python.random()],
)
def test_draws_that_happen_once_are_warned_of(draw: Any) -> None:
    with pytest.warns(mg.errors.MicrogradientWarning, match="MG216"):
        mg.compile(lambda x: x + draw())(mg.ones(2))
    with pytest.warns(mg.errors.MicrogradientWarning, match="MG216"):
        mg.compile(lambda v: v * draw())(Value(1.0))
    mg.compile(lambda x: x + mg.randn(2) + (OWN.system is None))(mg.ones(2))  # without a warning


def test_threads_that_trace_at_once_leave_values_as_they_were() -> None:
    slot = vars(Value)["data"]
    inside, done = threading.Event(), threading.Event()

    def slow(x: Any) -> Any:
        inside.set()
        done.wait(0.3)  # the other thread begins its trace meanwhile
        return x + 1

    first = threading.Thread(target=lambda: mg.compile(slow)(mg.ones(2)))
    second = threading.Thread(target=lambda: mg.compile(lambda x: x + 2)(mg.ones(2)))
    first.start()
    assert inside.wait(10)
    second.start()
    first.join()
    second.join()
    assert vars(Value)["data"] is slot


def test_loading_a_state_again_and_again_traces_once() -> None:
    mg.manual_seed(0)
    layer = nn.Linear(3, 2)
    optimizer = optim.Adam(layer.parameters(), lr=0.1)
    x = mg.randn(4, 3)

    @mg.compile
    def step() -> Any:
        optimizer.zero_grad()
        loss = mg.mean(layer(x) ** 2)
        loss.backward()
        optimizer.step()
        return loss

    step(), step()
    model_state, state = copy.deepcopy(layer.state_dict()), copy.deepcopy(optimizer.state_dict())
    wanted = [step().item() for _ in range(3)]
    before = step.stats()["programs"]
    for _ in range(3):
        layer.load_state_dict(model_state)
        optimizer.load_state_dict(state)
        assert [step().item() for _ in range(3)] == wanted
    assert step.stats()["programs"] == before
    state["param_groups"][0]["betas"] = (0.5, 0.9)
    optimizer.load_state_dict(state)
    step()
    assert step.stats()["programs"] == before + 1


def test_single_numbers_of_numpy_in_the_place_of_data() -> None:
    """`t.data + 1` of a tensor without axes is no array, and has no address."""
    x, closed, given = mg.tensor([1.0, 2.0]), mg.tensor(1), mg.tensor(2.0)
    closed.data = closed.data + 1
    given.data = given.data * 2
    f = mg.compile(lambda given: x * closed + given)
    for _ in range(2):
        np.testing.assert_array_equal(f(given).numpy(), [6.0, 8.0])


def test_states_that_would_be_set_once() -> None:
    """Names, attributes and entries that the function reads and sets: the program would begin with the old ones every time."""
    start = mg.zeros(2)
    variable: Any = start
    table, entries, space = {"h": start}, [start], SimpleNamespace(h=start)

    def in_variable(x: mg.Tensor) -> mg.Tensor:
        nonlocal variable
        variable = variable + x
        return variable * 1

    def in_pair(x: mg.Tensor) -> None:
        nonlocal variable
        variable = (x * 2, x)

    def in_table(x: mg.Tensor) -> None:
        table["h"] = table["h"] + x

    def in_list(x: mg.Tensor) -> None:
        entries[0] = entries[0] + x

    def in_object(x: mg.Tensor) -> None:
        space.h = space.h + x

    for f in (in_variable, in_pair, in_table, in_list, in_object):
        with pytest.raises(mg.errors.TraceError, match=r"was set to .*MG203"):
            mg.compile(f)(mg.ones(2))
    number = first = Value(0.0)

    def in_number(x: Value) -> Value:
        nonlocal number
        number = number + x
        return number * 1

    with pytest.raises(mg.errors.TraceError, match=r"`number` was set to .*MG203"):
        mg.compile(in_number)(Value(1.0))
    assert number is first
    assert all(x is start for x in (variable, table["h"], entries[0], space.h))


class Remembering(nn.Module):
    """A module whose state begins with its first input."""

    def __init__(self) -> None:
        self.h: Any = None

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        self.h = x if self.h is None else self.h + x
        return self.h * 1


def test_states_that_would_begin_at_every_call() -> None:
    """Entries and attributes that were not there before, and arguments that are kept."""
    entries: list[Any] = []
    table: dict[str, Any] = {"first": entries}
    queue: deque[Any] = deque([mg.zeros(2)], maxlen=2)
    space = SimpleNamespace()

    def in_list(x: Any) -> None:
        entries.append(entries[-1] + x if entries else x)
        entries.append(x * 2)

    def in_table(x: Any) -> None:
        table["h"] = table.get("h", 0.0) + x

    def in_queue(x: Any) -> None:
        queue.append(queue[-1] + x)

    def in_object(x: Any) -> None:
        space.h = space.h + x if hasattr(space, "h") else x

    model = Remembering()
    for f in (in_list, in_table, in_object, in_queue, model):
        with pytest.raises(mg.errors.TraceError, match=r"was set to .*MG203"):
            mg.compile(f)(mg.ones(2))
    with pytest.raises(mg.errors.TraceError, match=r"was set to .*MG203"):
        mg.compile(in_table)(Value(1.0))
    assert (entries, table, vars(space), model.h) == ([], {"first": []}, {}, None)


def test_an_optimiser_with_a_state_made_inside() -> None:
    """Eagerly every call begins with a new state; the program would go on with the one of the trace."""
    w = mg.tensor([1.0, 2.0], requires_grad=True)

    def step(make: Any) -> None:
        optimizer = make([w], lr=0.1)
        optimizer.zero_grad()
        mg.sum(w * w).backward()
        optimizer.step()

    with pytest.raises(mg.errors.TraceError, match=r"Making an optimiser .*MG202"):
        mg.compile(step)(optim.Adam)
    f = mg.compile(step)
    f(optim.SGD)
    f(optim.SGD)
    np.testing.assert_allclose(w.numpy(), [0.64, 1.28], rtol=1e-6)


def test_leaves_made_inside_come_with_their_gradient() -> None:
    def f(x: mg.Tensor) -> Any:
        w = mg.tensor([1.0, 2.0], requires_grad=True)
        mg.sum(w * w * x).backward()
        return w, mg.tensor([1.0], requires_grad=True)

    compiled = mg.compile(f)
    first, without = compiled(mg.tensor([3.0, 4.0]))
    second, _ = compiled(mg.tensor([5.0, 6.0]))
    np.testing.assert_array_equal(first.grad.numpy(), [6.0, 16.0])
    np.testing.assert_array_equal(second.grad.numpy(), [10.0, 24.0])
    assert without.requires_grad
    assert without.grad is None


def test_a_caught_refusal_is_a_warning() -> None:
    def f(x: Any) -> Any:
        try:
            if x[0] > 0:
                return x
        except Exception:
            pass
        return x * 0

    with pytest.warns(mg.errors.MicrogradientWarning, match=r"needs? the value.*caught this error.*MG200"):
        mg.compile(f, check=0)(mg.ones(3))  # what it does eagerly is something else
    with pytest.warns(mg.errors.MicrogradientWarning, match=r"needs? the value.*caught this error.*MG200"):
        mg.vmap(f)(mg.ones((2, 3)))


@pytest.mark.parametrize("transform", [mg.compile, mg.vmap])
def test_layers_are_made_outside(transform: Any) -> None:
    with pytest.raises(mg.errors.TraceError, match="Make the layer outside of the function"):
        transform(lambda x: nn.Linear(3, 2)(x))(mg.ones((4, 3)))


def test_generators_and_coroutines_are_refused() -> None:
    def one_by_one(x: Any) -> Any:
        yield x * 2

    async def later(x: Any) -> Any:
        yield x * 2

    for function in (one_by_one, later):
        with pytest.raises(mg.errors.TraceError, match="generator, whose numbers would have no value"):
            mg.compile(function)(mg.ones(2))


def test_a_method_of_arrays_that_traced_data_lacks() -> None:
    with pytest.raises(mg.errors.TraceError, match=r"test_mistakes.py:\d+: `.mean` of `.data` can't be had.*mg.mean"):
        mg.compile(lambda x: x.data.mean())(mg.ones(2))
    assert mg.compile(lambda x: x * (2 if hasattr(x.data, "mean") else 3), check=0)(mg.ones(1)).tolist() == [3]


def test_round_of_a_number_that_is_an_argument() -> None:
    with pytest.raises(mg.errors.TraceError, match=r"test_mistakes.py:\d+: round\(…\) needs the value"):
        mg.compile(lambda x, s: x * round(s))(mg.ones(2), 2.0)


def test_the_state_of_an_optimiser_after_its_step() -> None:
    w = nn.Parameter([1.0, 2.0])
    optimizer = optim.SGD([w], lr=0.1, momentum=0.9)

    def step() -> Any:
        optimizer.zero_grad()
        mg.sum(w * w).backward()
        optimizer.step()
        return mg.asarray(optimizer.state[w]["momentum_buffer"])

    with pytest.raises(
        mg.errors.TraceError, match=r"Reading the state of an optimiser after its step.*Read it outside"
    ):
        mg.compile(step)()


def test_a_text_of_something_traced_is_no_result() -> None:
    with pytest.raises(mg.errors.TraceError, match="returned a str, whose numbers would have no value"):
        mg.compile(lambda x: f"loss {mg.mean(x)}")(mg.ones(2))
    with pytest.raises(mg.errors.TraceError, match="returned a str"):
        mg.compile(lambda v: (v, f"{v.data}"))(Value(2.0))


class Schedule:
    """Counts its calls."""

    def __init__(self) -> None:
        self.n, self.calls, self.width = 0, 0, 0

    def by_count(self, x: Any) -> Any:
        self.n += 1
        return x * self.n

    def only_counted(self, x: Any) -> Any:
        self.calls += 1
        self.width = x.shape[0]
        return x * self.width + self.width


class Annealed(nn.Module):
    """Counts its calls."""

    def __init__(self) -> None:
        self.n = 0

    def forward(self, x: Any) -> Any:
        self.n += 1
        return x * self.n


def counting() -> Any:
    n = 0

    def function(x: Any) -> Any:
        nonlocal n
        n += 1
        return x * n

    return function


@pytest.mark.parametrize("make", [counting, Annealed, lambda: Schedule().by_count])
def test_a_counter_that_is_read_is_a_warning(make: Any) -> None:
    with pytest.warns(
        mg.errors.MicrogradientWarning, match="changed `n` from 0 to 1 while it was traced, and reads it"
    ):
        mg.compile(make())(mg.ones(2))


def test_a_counter_that_is_not_read_is_none() -> None:
    assert mg.compile(Schedule().only_counted)(mg.ones(2)).tolist() == [4, 4]
