"""Compiled functions notice what of modules, optimisers and arguments has changed since they were traced."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from same import assert_same

import microgradient as mg
from microgradient import nn, optim
from microgradient.tree import flatten


class Blocks(nn.Module):
    """Layers in a list, and settings of its own."""

    def __init__(self, *layers: Any) -> None:
        self.layers = [*layers]
        self.scale = 1.0
        self.calls = 0
        self.history: list[float] = []

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        self.calls += 1
        return self.encode(x) * self.scale

    def encode(self, x: mg.Tensor) -> mg.Tensor:
        for layer in self.layers:
            x = layer(x)
        return mg.where(self.training, x, -x)


X = mg.ones((1, 2))


def agrees(f: Any, model: Any) -> bool:
    """Whether a compiled module gives what the module gives."""
    with mg.no_grad():
        compiled, eager = f(X).numpy(), model(X).numpy()
        return compiled.shape == eager.shape and np.allclose(compiled, eager)


def test_settings_of_a_users_module() -> None:
    model = Blocks(nn.Linear(2, 2))
    f = mg.compile(model)
    assert agrees(f, model)
    model.scale = 3.0
    assert agrees(f, model)
    assert f.stats()["programs"] == 2


def test_a_setting_of_minus_zero_is_not_zero() -> None:
    model = Blocks()
    f = mg.compile(model)
    for scale in (0.0, -0.0):
        model.scale = scale
        assert np.array_equal(np.signbit(f(X).numpy()), np.signbit(model(X).numpy()))


def test_what_a_function_does_not_read_or_changes_itself_needs_no_new_program() -> None:
    model = Blocks(nn.Linear(2, 2))
    f = mg.compile(model)
    for n in range(5):
        assert agrees(f, model)
        model.history.append(float(n))
        model.epoch = n
    assert f.stats()["programs"] == 1


def test_a_method_sees_train_and_eval() -> None:
    model = Blocks(mg.tanh)
    f = mg.compile(model.encode)
    seen = []
    for training in (True, False, True):
        model.train(training)
        seen.append(np.allclose(f(X).numpy(), model.encode(X).numpy()))
    assert seen == [True] * 3
    assert f.stats()["programs"] == 2


def test_lists_of_modules_and_functions_that_grow() -> None:
    model = Blocks(nn.Linear(2, 2))
    f = mg.compile(model)
    assert agrees(f, model)
    for layer in (nn.Linear(2, 3), mg.exp):
        model.layers.append(layer)
        assert agrees(f, model)
    model.layers[1] = nn.Linear(2, 5)
    assert agrees(f, model)
    assert f.stats()["programs"] == 4


def test_module_lists_that_change() -> None:
    model = Blocks()
    model.layers = nn.ModuleList([nn.Linear(2, 2)])
    f = mg.compile(model)
    assert agrees(f, model)
    model.layers.append(nn.Linear(2, 3))
    assert agrees(f, model)
    model.layers[1] = nn.Linear(2, 4)
    assert agrees(f, model)
    assert f(X).shape == (1, 4)


def test_an_optimiser_with_another_parameter() -> None:
    a, b = nn.Parameter(mg.ones(2)), nn.Parameter(mg.ones(2))
    optimizer = optim.SGD([a], lr=0.5)

    @mg.compile
    def step() -> None:
        optimizer.zero_grad()
        mg.sum(a * a + b * b).backward()
        optimizer.step()

    step()
    optimizer.param_groups[0]["params"][0] = b
    step()
    assert a.tolist() == [0.0, 0.0]
    assert b.tolist() == [0.0, 0.0]


def _a_group(opt: Any) -> Iterator[None]:
    group = opt.param_groups[0]
    yield
    group["weight_decay"] = 0.5


def _the_parameters(opt: Any) -> Iterator[None]:
    params = opt.param_groups[0]["params"]
    yield
    params.pop()


def _an_entry(opt: Any) -> Iterator[None]:
    (p, *_), states = opt.param_groups[0]["params"], opt.state
    yield
    states[p]["exp_avg"] = np.full(2, 3.0)


def _what_one_parameter_has(opt: Any) -> Iterator[None]:
    state = next(iter(opt.state.values()))
    kept = state["exp_avg"]
    yield
    state["exp_avg"] = kept * 2


def _an_array(opt: Any) -> Iterator[None]:
    kept = next(iter(opt.state.values()))["exp_avg_sq"]
    before = kept.copy()
    yield
    assert (kept == before).all()


def _the_whole_state(opt: Any) -> Iterator[None]:
    kept = {p: dict(state) for p, state in opt.state.items()}
    yield
    opt.state = kept


@pytest.mark.parametrize(
    "meddler", [_a_group, _the_parameters, _an_entry, _what_one_parameter_has, _an_array, _the_whole_state]
)
@pytest.mark.parametrize("calls", [1, 3])
def test_what_somebody_took_from_an_optimiser_and_changes_later(meddler: Any, calls: int) -> None:
    """The steps in between see that it is in other hands; those after, what was changed, though it is in none any more."""

    def trained(compiled: bool) -> list[Any]:
        w, v = (mg.tensor([1.0, x], dtype=mg.float64, requires_grad=True) for x in (2.0, -3.0))
        opt = optim.Adam([w, v], lr=0.1)

        def step() -> mg.Tensor:
            opt.zero_grad()
            loss = mg.sum(w * w * v)
            loss.backward()
            opt.step()
            return loss

        f = mg.compile(step) if compiled else step
        for _ in range(calls):
            f()
        meddling = meddler(opt)
        for going in (meddling, meddling, iter(())):
            next(going, None)
            losses = [f().item() for _ in range(calls)]
        return [losses, w.data, v.data]

    assert_same(trained(True), trained(False), rtol=1e-12)


def test_learning_rates_in_arrays_and_set_by_the_function() -> None:
    p = nn.Parameter(mg.tensor([1.0]))
    optimizer = optim.SGD([p], lr=1.0)
    rate = np.array(0.5)
    optimizer.param_groups[0]["lr"] = rate

    def step(factor: float) -> None:
        optimizer.zero_grad()
        mg.sum(p).backward()
        optimizer.step()
        if factor != 1:
            optimizer.param_groups[0]["lr"] *= factor

    f = mg.compile(functools.partial(step, 1))
    f()
    rate[...] = 0.25
    f()
    assert p.tolist() == [0.25]
    with pytest.raises(mg.errors.TraceError, match="Setting a learning rate"):
        mg.compile(functools.partial(step, 0))()


def test_signatures_tell_signs_of_zero_and_types_of_keys() -> None:
    f = mg.compile(lambda z: mg.imag(mg.sqrt(mg.asarray(z))))
    assert [f(complex(-1, s)).item() for s in (0.0, -0.0, 0.0)] == [1, -1, 1]
    g = mg.compile(lambda d: mg.ones(1) * (2 if True is next(iter(d)) else 3))
    assert [g({k: 1}).item() for k in (1, True, 1)] == [3, 2, 3]


def test_an_argument_that_the_function_closes_over_as_well() -> None:
    w, v = mg.tensor([2.0, 3.0]), mg.tensor([10.0, 10.0])
    f = mg.compile(lambda x: x * w + 1)
    assert [f(x).tolist() for x in (w, v, w, v)] == [[5, 10], [21, 31], [5, 10], [21, 31]]

    def change(x: mg.Tensor) -> mg.Tensor:
        x[0] = 9.0
        return mg.sum(w)

    g = mg.compile(change)
    assert [g(v).item(), g(v).item(), g(w).item(), g(v).item()] == [5, 5, 12, 12]
    assert (w.tolist(), v.tolist()) == ([9, 3], [9, 10])


def test_a_leaf_that_is_an_argument_and_closed_over_gets_both_gradients() -> None:
    w, v = mg.tensor([2.0], requires_grad=True), mg.tensor([5.0], requires_grad=True)

    def descend(x: mg.Tensor) -> None:
        w.grad = x.grad = None
        mg.sum(x * w).backward()

    f = mg.compile(descend)
    found = []
    for x in (v, w, v, w):
        f(x)
        found.append((w.grad.item(), x.grad.item()))
    assert found == [(5, 2), (4, 4), (5, 2), (4, 4)]


def test_an_attribute_of_a_module_that_is_deleted() -> None:
    model = Blocks()
    Blocks.bias = 1.0
    model.bias = 5.0
    model.encode = lambda x: x + model.bias
    f = mg.compile(model)
    assert f(X).tolist() == [[6, 6]]
    del model.bias
    assert f(X).tolist() == [[2, 2]]
    del Blocks.bias


def test_a_failing_trace_leaves_modules_as_they_were() -> None:
    class Memory(nn.Module):
        def __init__(self) -> None:
            self.seen = 0
            self.last = None
            self.state = mg.zeros(1)

        def forward(self, x: mg.Tensor) -> mg.Tensor:
            self.seen += 1
            self.last = self.state = self.new = x * 2
            if self.fails and x.sum() > 0:
                return x
            return self.last

    for fails in (False, True):
        model = Memory()
        state = model.state
        model.fails = fails
        with pytest.raises(
            mg.errors.TraceError, match=r"MG200" if fails else r"`Memory.last` was set to a tensor computed"
        ):
            mg.compile(model)(X)
        assert (model.seen, model.last, model.state is state, hasattr(model, "new")) == (0, None, True, False)


@pytest.mark.parametrize(
    ("keep", "told"),
    [
        (lambda m, y: m.entries.append(y), r"Memory\.entries\[0\]"),
        (lambda m, y: m.table.update(k=y), r"Memory\.table\['k'\]"),
        (lambda m, y: m.nested["all"].append(y), r"Memory\.nested\[…\]\[0\]"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_what_is_traced_stays_in_no_list_of_a_module(keep: Any, told: str, inside: bool) -> None:
    class Memory(nn.Module):
        def __init__(self) -> None:
            self.entries, self.table, self.nested = [], {}, {"all": []}

        def forward(self, x: mg.Tensor) -> mg.Tensor:
            keep(self, x * 2)
            return x

    memory = Memory()
    model = nn.Sequential(nn.Identity(), memory) if inside else memory
    with pytest.raises(mg.errors.TraceError, match=rf"{told}` was set to a tensor.*MG203"):
        mg.compile(lambda x: model(x))(X)
    assert (memory.entries, memory.table, memory.nested) == ([], {}, {"all": []})


def test_one_part_of_a_module_compiles_without_the_others() -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            self.encoder, self.decoder = nn.Linear(3, 2), nn.Linear(2, 3)

    model = Pair()
    for part, x in ((lambda x: model.encoder(x), mg.ones((1, 3))), (lambda x: model.decoder(x), mg.ones((1, 2)))):
        f = mg.compile(part)
        assert_same(f(x), part(x))
        model.encoder, model.decoder = nn.Linear(3, 2), nn.Linear(2, 3)
        assert_same(f(x), part(x))


def test_what_a_compiled_method_says_about_itself() -> None:
    class Counter:
        def __init__(self) -> None:
            self.total = mg.zeros(1)

        @mg.compile
        def add(self, x: mg.Tensor, times: float = 1.0) -> mg.Tensor:
            self.total.data = (self.total + x * times).data
            return self.total * 1

    counter = Counter()
    assert counter.add(mg.ones(1)).tolist() == [1]
    assert counter.add.repeat(4, mg.ones(1), times=2.0).tolist() == [9]
    assert counter.add.stats()["programs"] == 2
    assert "multiply" in str(counter.add.program)
    assert counter.add.__name__ == "add"
    assert counter.add.kernels == Counter.add.kernels


def test_a_leaf_that_was_frozen_for_a_while_is_noticed_where_only_its_gradient_is_read() -> None:
    def run(wrap: Any) -> list[Any]:
        w, v = nn.Parameter([1.0, 2.0]), nn.Parameter([3.0])
        optimizer = optim.SGD([w, v], lr=0.1, momentum=0.9)

        def update() -> mg.Tensor:
            norm = nn.utils.clip_grad_norm_([w, v], 1.0)
            optimizer.step()
            optimizer.zero_grad()
            return norm

        update, zero = wrap(update), wrap(lambda: optimizer.zero_grad())
        asks = wrap(lambda x: x * 2 if w.requires_grad and w.is_leaf else x)
        seen: list[Any] = []
        for trained in (True, False, True, True):
            w.requires_grad = trained
            for empty in (zero, update):
                mg.sum(w * v).backward()
                seen += [asks(mg.ones(1)), w.detach(), v.detach()]
                seen += [empty(), w.grad, v.grad]
        return seen

    assert_same(run(mg.compile), run(lambda f: f))


class Averaging(nn.Module):
    """Buffers that are replaced by new tensors."""

    def __init__(self) -> None:
        self.register_buffer("seen", mg.tensor(0))
        self.register_buffer("mean", mg.zeros(2))
        self.last = mg.zeros(2)

    def forward(self, x: mg.Tensor) -> Any:
        before = self.mean
        self.seen += x.shape[0]
        self.mean = self.mean + (mg.mean(x, axis=0) - self.mean) * (x.shape[0] / self.seen)
        self.last = x[-1]
        return self.mean, before, self.seen * 2


def test_buffers_that_are_replaced() -> None:
    def run(wrap: Any) -> list[Any]:
        mg.manual_seed(0)
        model = Averaging()
        f = wrap(model)
        seen: list[Any] = []
        for n in (3, 3, 5, 3):
            mean, before, twice = f(mg.randn(n, 2))
            seen += [mean, before * 1, twice, model.mean.detach(), model.seen * 1, model.last * 1]
            if n == 5:
                model.seen = mg.tensor(100)  # another object: traced anew
        return seen

    assert_same(run(mg.compile), run(lambda f: f))
    f = mg.compile(Averaging())
    for _ in range(4):
        f(mg.ones((3, 2)))
    assert f.stats()["programs"] == 1
    assert f.stats()["calls"] == 3


def test_buffers_that_keep_a_graph_or_grow_are_refused() -> None:
    class Keeping(nn.Module):
        def __init__(self, change: Any) -> None:
            self.w, self.kept, self.change = nn.Parameter([1.0, 2.0]), mg.zeros(2), change

        def forward(self, x: mg.Tensor) -> mg.Tensor:
            self.kept = self.change(self)
            return x * 1

    for change in (
        lambda m: m.kept + m.w,
        lambda m: mg.concat([m.kept, m.kept]),
        lambda m: mg.astype(m.kept + 1, mg.float64),
    ):
        with pytest.raises(mg.errors.TraceError, match=r"Keeping.kept` was set to a tensor computed.*MG203"):
            mg.compile(Keeping(change))(X)


class Pair(NamedTuple):
    a: Any
    b: Any


NESTINGS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    (({"a": 1.0, "b": 2.0},), {}),
    (({"b": 2.0, "a": 1.0},), {}),
    (({"a": 1.0, "c": 2.0},), {}),
    (({"a": [1.0], "b": 2.0},), {}),
    (({"a": 1.0, "b": None},), {}),
    (({True: 1.0, 2: 2.0},), {}),
    (({1: 1.0, 2: 2.0},), {}),
    (([1.0, 2.0],), {}),
    (((1.0, 2.0),), {}),
    ((Pair(1.0, 2.0),), {}),
    ((Pair(1.0, {"a": 2.0}),), {}),
    (([1.0, [2.0, None]],), {}),
    (([1.0, [2.0, 3.0]],), {}),
    ((), {"given": [1.0, 2.0]}),
    ((1.0,), {"scale": 2.0}),
    ((), {"scale": 2.0, "given": 1.0}),
    ((), {"given": 1.0, "scale": 2.0}),
    ((OrderedDict(a=1.0, b=2.0),), {}),
]


@pytest.mark.filterwarnings("ignore:`f` has met")
def test_every_nesting_of_arguments_has_its_own_program() -> None:
    """Each after each other one, twice: what was quick for one is no look at another."""

    def f(given: Any = None, scale: Any = 1.0) -> Any:
        leaves, rebuild = flatten(given)
        names = [] if not isinstance(given, dict) else [k if isinstance(k, str) else f"{k!r}" for k in given]
        return rebuild([leaf * (n + 2) * scale for n, leaf in enumerate(leaves)]), names, type(given).__name__

    compiled = mg.compile(f, dynamic=False)
    for first in NESTINGS:
        for second in NESTINGS:
            for args, options in (first, first, second, second):
                made = _tensors((args, options))
                found, wanted = compiled(*made[0], **made[1]), f(*made[0], **made[1])
                assert repr(found) == repr(wanted)
                assert type(found[0]) is type(wanted[0])


def _tensors(tree: Any) -> Any:
    """The same with tensors in the place of numbers."""
    leaves, rebuild = flatten(tree)
    return rebuild([mg.tensor(x) for x in leaves])


def test_one_tensor_twice_among_containers_is_seen() -> None:
    def f(pair: Any) -> Any:
        pair[0].data = pair[0].data * 2
        return pair[0] + pair[1]

    compiled = mg.compile(f)
    for _ in range(3):
        assert compiled([mg.tensor(1.0), mg.tensor(1.0)]).item() == 3.0
        x = mg.tensor(1.0)
        assert compiled([x, x]).item() == 4.0
