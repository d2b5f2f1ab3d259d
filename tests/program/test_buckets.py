"""Arguments in which the length of an axis varies share a program: it gives what the function gives, at every length."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradient as mg
import microgradient.nn.functional as F  # noqa: N812
from microgradient import nn, optim
from microgradient.program.buckets import capacities
from microgradient.tree import flatten

LENGTHS = [5, 9, 12, 13, 9, 16, 11, 3, 2, 1, 0, 40]
RNG = np.random.default_rng(0)
W = mg.tensor(RNG.normal(size=(4, 4)), dtype=mg.float64)
TABLE = mg.tensor(RNG.normal(size=(45, 4)), dtype=mg.float64)
BEGIN = mg.ones(4, dtype=mg.float64)
ROWS = mg.tensor(RNG.normal(size=(7, 3)), dtype=mg.float64)


def numbers(*shape: int) -> Callable[[int], Any]:
    return lambda n: RNG.normal(size=(n, *shape))


def whole(most: int, *shape: int) -> Callable[[int], Any]:
    return lambda n: RNG.integers(-most, most, (n, *shape))


def slope(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: mg.grad(f)(mg.tensor(x, requires_grad=True))


def at_most_20(x: Any) -> Any:
    assert len(x) <= 20, "too long"
    return x.sum()


X = numbers(4)
SHARED: dict[str, tuple[Callable[..., Any], list[Callable[[int], Any]]]] = {
    "sum": (lambda x: x.sum(), [X]),
    "mean and variance": (lambda x: (mg.mean(x, axis=0), mg.var(x, axis=0), mg.std(x, axis=1)), [X]),
    "extremes": (lambda x: (mg.max(-abs(x) - 1, axis=0), mg.min(abs(x) + 1, axis=0), mg.max(x, axis=1)), [X]),
    "extremes of integers": (lambda x: (mg.max(x, axis=0), mg.min(x, axis=0), mg.prod(x, axis=0)), [whole(9, 3)]),
    "their places": (lambda x: (mg.argmax(-abs(x), axis=0), mg.argmin(x, axis=1)), [X]),
    "truth": (lambda x: (mg.any(x > 2, axis=0), mg.all(x > -2, axis=0), mg.count_nonzero(x > 0)), [X]),
    "softmax": (lambda x: (mg.softmax(x, axis=0), mg.softmax(x, axis=1), mg.logsumexp(x, axis=0)), [X]),
    "products": (lambda x: (mg.tanh(x @ W), x.T @ mg.exp(x), mg.einsum("nk,nl->kl", x, x)), [X]),
    "what is infinite in the padding": (lambda x: ((1 / x).sum(axis=0), mg.log(abs(x)).T @ (1 / x)), [X]),
    "running sums": (lambda x: (mg.cumulative_sum(x, axis=0), mg.cumulative_sum(x, axis=1)), [X]),
    "powers of integers": (lambda x, k: (x ** (abs(k) - 1)).sum(), [whole(4), lambda n: RNG.integers(1, 5, n)]),
    "rows by number": (lambda i: ROWS[i], [whole(7)]),
    "a variance of few": (lambda x: 1 / (1 + mg.var(x, axis=0, correction=3)), [X]),
    "entries of rows": (lambda x, i: (mg.take_along_axis(x, i[:, None], axis=1), x[:, 1], x[:, ::-1]), [X, whole(4)]),
    "what is added at places": (lambda i, x: mg.index_add(ROWS, i % 7, x), [whole(7), numbers(3)]),
    "other shapes": (lambda x: (mg.reshape(x, (-1, 2)).sum(axis=1), mg.reshape(x, (-1,)).mean(), x.T), [X]),
    "axes in another order": (lambda x: mg.permute_dims(x, (1, 0, 2)).sum(axis=2), [numbers(3, 4)]),
    "side by side": (lambda x, y: mg.concat([x, y], axis=1), [X, numbers(2)]),
    "rows sorted": (lambda x: mg.sort(x, axis=1), [X]),
    "a length that is read": (lambda x: x.sum() / len(x) + x.shape[0] * x[:, 0].sum() / (x.size + 1), [X]),
    "shapes of a length that is read": (lambda x: mg.reshape(x, (x.shape[0], 2, 2)).sum(axis=1), [X]),
    "a gradient": (slope(lambda v: mg.mean(mg.tanh(v @ W) ** 2)), [X]),
    "that of an extreme": (slope(lambda v: mg.max(v) + mg.min(v)), [X]),
    "that of a deviation": (slope(lambda v: mg.std(v, axis=0, correction=1).sum()), [X]),
    "columns": (lambda x: (mg.softmax(x, axis=1), x @ mg.exp(x.T), mg.max(x, axis=1), x * 2), [lambda n: X(n).T]),
    "rows and columns": (lambda x, y: mg.tanh(x) @ y, [lambda n: X(n).T, X]),
    "a loop": (lambda x: mg.scan(lambda c, row: (c * 0.5 + mg.sin(row), c * row), BEGIN, x), [X]),
    "a loop from the end": (
        slope(lambda x: mg.sum(mg.scan(lambda c, row: (mg.tanh(c + row), c), BEGIN, 1 / x, reverse=True)[0])), [X]),
    "each row": (lambda x: mg.vmap(lambda row: mg.tanh(row @ W).sum())(x), [X]),
}  # fmt: skip
BECAME = "[12] operations became [12]"
FIXED: dict[str, tuple[Callable[..., Any], str]] = {
    "the last row": (lambda x: x[-1], "`index` at .* reads along the axis that varies"),
    "all rows but one": (lambda x: x[1:], "`index` at .* differs by more than a length"),
    "backwards": (lambda x: mg.flip(x, axis=0), "`flip` at .* reads along the axis that varies"),
    "rows behind rows": (lambda x: mg.concat([x, x], axis=0), "`concat` at .* reads along the axis that varies"),
    "two axes": (lambda x: x @ x.T, "`matmul` at .* differs by more than a length"),
    "a permutation": (lambda x: x[mg.random.permutation(len(x))] * 0, "`host` at .* differs by more"),
    "a loop that reads by number": (
        lambda x: mg.map(lambda row: ROWS[mg.argmax(row)].sum(), x),
        "`scan_loop` at .* reads",
    ),
    "row by row": (lambda x: sum(row.sum() * k for k, row in enumerate(x)), "operations became"),
    "something else for long ones": (lambda x: x.sum() if len(x) > 14 else x.sum() + 1, BECAME),
    "something else for some": (lambda x: x.sum() * (len(x) % 3), BECAME),
    "something else for NumPy's lengths": (lambda x: x.sum() * (np.shape(x)[0] % 2 + 1), BECAME),
    "something else for sizes": (lambda x: x.sum() * (np.size(x, 0) % 2 + 1), BECAME),
    "something else for numbers of rows": (lambda x: x.sum() * (len(mg.unstack(x)) % 2 + 1), BECAME),
    "a length that is returned": (lambda x: (x.sum(), len(x)), "what it returns beside tensors differs"),
    "a length that is a key": (lambda x: {len(x): x.sum()}, "what it returns beside tensors differs"),
    "text of a length": (
        lambda x: (x.sum(), mg.tensor(0.0), f"{x.shape[0]}"),
        "what it returns beside tensors differs",
    ),
    "as many rows as there are": (lambda x: x + TABLE[: len(x)], "`index` at .* differs by more"),
}
TOO_SHORT = {"columns": 0, "extremes": 0, "extremes of integers": 0, "their places": 0, "softmax": 0, "mean and variance": 0,
             "that of an extreme": 0, "a length that is read": 0, "other shapes": 0, "shapes of a length that is read": 0,
             "that of a deviation": 1}  # fmt: skip
"""Lengths up to which a function has no value, or NaN with a warning."""


def assert_same(found: Any, wanted: Any) -> None:
    assert type(found) is type(wanted)
    assert not isinstance(found, dict) or found.keys() == wanted.keys()
    for a, b in zip(flatten(found)[0], flatten(wanted)[0], strict=True):
        if not isinstance(b, mg.Tensor):
            assert a == b
            continue
        assert a.shape == b.shape
        np.testing.assert_allclose(a.data, b.data, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", SHARED)
def test_a_program_for_all_lengths(name: str) -> None:
    function, given = SHARED[name]
    f = mg.compile(function)
    for n in LENGTHS * 2:
        if n > TOO_SHORT.get(name, -1):
            arguments = [make(n) for make in given]
            assert_same(f(*arguments), function(*map(mg.tensor, arguments)))
    stats = f.stats()
    assert stats["fixed_lengths"] == []
    assert stats["programs"] <= 6  # two lengths, two buckets; the lengths 0 and 1 share none


@pytest.mark.filterwarnings("ignore:.*MG206")
@pytest.mark.parametrize("name", FIXED)
def test_what_depends_on_a_length_in_another_way_has_programs_of_its_own(name: str) -> None:
    function, reason = FIXED[name]
    f = mg.compile(function)
    for n in [*LENGTHS[:9], *[14, 15] * 20, *[17, 18] * 20]:
        x = X(n)
        assert_same(f(x), function(mg.tensor(x)))
    assert len(f.stats()["fixed_lengths"]) == 1
    assert re.search(reason, f.stats()["fixed_lengths"][0])


class Training:
    """Steps of an optimiser, of which the last batch may be of any length."""

    def __init__(self, model: nn.Module, loss: Callable[..., Any]) -> None:
        self.model, self.loss = model, loss
        self.optimizer = optim.AdamW(model.parameters(), lr=0.01)
        self.state = lambda: [*model.parameters(), *model.buffers(), *flatten(self.optimizer.state_dict())[0]]

    def __call__(self, x: Any, *targets: Any) -> Any:
        self.optimizer.zero_grad()
        output = self.model(x)
        loss = self.loss(output, *targets)
        loss.backward()
        self.optimizer.step()
        return loss, output.detach()


def policy_loss(logits: Any, actions: Any, returns: Any) -> Any:
    chosen = mg.take_along_axis(F.log_softmax(logits, -1), actions[:, None], axis=1)[:, 0]
    return -(chosen * (returns - returns.mean()) / (mg.std(returns) + 1e-8)).sum()


def labels(most: int) -> Callable[[int], Any]:
    return lambda n: RNG.integers(0, most, n)


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 3))


def convolutions() -> nn.Module:
    layers = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(16, 3))


class Recurrent(nn.Module):
    """The outputs of a recurrent network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Any) -> Any:
        return self.network(x)[0]


TRAINING: dict[str, Any] = {
    "regression": (lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)), F.mse_loss, [X, numbers(1)]),
    "classification": (network, F.cross_entropy, [X, labels(3)]),
    "pictures": (convolutions, lambda y, t: F.cross_entropy(y, t, label_smoothing=0.1), [numbers(1, 4, 4), labels(3)]),
    "text": (lambda: nn.Sequential(nn.Embedding(9, 5), nn.Flatten(), nn.Linear(15, 3)),
             lambda y, t: F.nll_loss(F.log_softmax(y, 1), t), [lambda n: RNG.integers(0, 9, (n, 3)), labels(3)]),
    "attention": (lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True),
                  lambda y: y.square().mean(), [numbers(5, 8)]),
    "sequences": (lambda: Recurrent(nn.LSTM(4, 3)), lambda y: y.square().mean(), [numbers(2, 4)]),
    "sequences of a batch": (lambda: Recurrent(nn.GRU(4, 3, 2, bidirectional=True, batch_first=True)),
                             lambda y: y.square().mean(), [lambda n: RNG.normal(size=(2, n, 4))]),
    "characters": (lambda: nn.Sequential(nn.Embedding(9, 5), Recurrent(nn.RNN(5, 6)), nn.Linear(6, 9)), F.cross_entropy,
                   [lambda n: RNG.integers(0, 9, n), labels(9)]),
    "episodes": (lambda: nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)), policy_loss, [X, labels(3), numbers()]),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAINING)
def test_training_is_eager_training(name: str) -> None:
    make, loss, given = TRAINING[name]
    eager, traced = Training(make().to(mg.float64), loss), Training(make().to(mg.float64), loss)
    traced.model.load_state_dict(eager.model.state_dict())
    step = mg.compile(traced)
    for n in [9, 12, 10, 3, 16, 13, 2, 40, 11]:
        arguments = [f(n) for f in given]
        wanted = eager(*map(mg.tensor, arguments))
        for a, b in zip(step(*arguments), wanted, strict=True):
            np.testing.assert_allclose(a.data, b.data, rtol=1e-6, atol=1e-8)
    for a, b in zip(traced.state(), eager.state(), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-6, atol=1e-8)
    stats = step.stats()
    assert stats["fixed_lengths"] == []
    assert stats["programs"] + sum(stats["eager_calls"].values()) == 4  # the length 40 begins a bucket of its own


def test_results_are_the_same_bits_in_every_run_and_are_kept() -> None:
    batches = [X(n) for n in [9, 12, 10, 3, 16, 13, 10]]
    runs = []
    for _ in range(2):
        f = mg.compile(lambda x: (mg.tanh(x), mg.sum(x * x, axis=0)))
        runs.append([f(x) for x in batches])
    for (a, b), (c, d), x in zip(*runs, batches, strict=True):
        assert a.data.tobytes() == c.data.tobytes()
        assert b.data.tobytes() == d.data.tobytes()
        np.testing.assert_allclose(a.data, np.tanh(x))  # nothing of a later call
        assert a.data.base is None  # no padding in memory


def test_padded_programs_are_checked_when_others_are() -> None:
    settings = {"scale": 1.0}
    f = mg.compile(lambda x: mg.sum(x) * settings["scale"], check=2)
    for n in range(2, 8):
        assert f(mg.ones(n)).item() == n
    settings["scale"] = 2.0
    f(mg.ones(8))
    with pytest.raises(mg.errors.CompileError, match="the result"):
        f(mg.ones(5))


@pytest.mark.parametrize("kind", ["mg", "torch"])
def test_random_numbers_are_those_of_eager_calls(kind: str) -> None:
    torch = pytest.importorskip("microgradient.torch")
    if kind == "mg":
        seed, state, layers = mg.manual_seed, mg.random.get_state, nn
    else:
        seed, state, layers = torch.manual_seed, torch.get_rng_state, torch.nn
    model = layers.Sequential(layers.Linear(4, 3), layers.Dropout(0.3), layers.Dropout1d(0.5), layers.Linear(3, 2))

    def function(x: Any) -> Any:
        noise = mg.random.normal(x.shape) if kind == "mg" else torch.randn_like(x)
        return model(x + noise * 0.1).detach()

    f = mg.compile(function)
    for n in [*LENGTHS[:9], *[14] * 20, 15]:
        x = mg.ones((n, 4)) if kind == "mg" else torch.ones(n, 4)
        seed(n)
        wanted = np.asarray(function(x)), state()
        seed(n)
        np.testing.assert_allclose(f(x), wanted[0], rtol=1e-5, atol=1e-6)
        assert np.array_equal(state(), wanted[1])
    assert f.stats()["fixed_lengths"] == []


def test_a_leaf_has_the_length_of_its_gradient() -> None:
    def function(x: Any) -> Any:
        y = (x * 2).detach()
        y.requires_grad = True
        mg.sum(y**2).backward()
        return y

    f = mg.compile(function)
    for n in (3, 4, 7, 6):
        y = f(mg.ones(n))
        assert y.grad.tolist() == [4.0] * n
        mg.sum(y).backward()
        assert y.grad.tolist() == [5.0] * n
    assert f.stats()["fixed_lengths"] == []


def test_a_tensor_that_is_given_twice_stays_one() -> None:
    f = mg.compile(lambda x, y: x.sum() + (1 if x is y else 2))
    for n in (3, 4, 7, 6):
        x = mg.ones(n)
        assert f(x, x).item() == n + 1
        assert f(x, mg.ones(n)).item() == n + 2


def test_nothing_of_a_longer_call_is_left() -> None:
    f = mg.compile(lambda x: mg.prod(x, axis=0))
    for n in (3, 4, 8, 2):
        x = np.full((n, 2), np.nan) if n == 8 else np.full((n, 2), 2.0)
        result = f(x)
    assert result.tolist() == [4.0, 4.0]


def test_lengths_that_are_read_are_traced_before_they_are_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that reads a length runs eagerly as often as a trace takes, for each length; then it shares the program."""
    monkeypatch.setenv("MICROGRADIENT_CHECK", "0")
    traces = []

    def function(x: Any) -> Any:
        traces.append(len(x))
        return x.sum() / len(x)

    f = mg.compile(function)
    for n in (3, 4, 7, *[6] * 40):
        assert f(X(n) * 0 + n).item() == pytest.approx(4 * n)
    assert f.stats()["programs"] == 3
    (eager,) = f.stats()["eager_calls"].values()
    assert traces.count(6) == eager  # traces leave nothing behind


def test_tensors_of_pytorchs_kind_and_views() -> None:
    torch = pytest.importorskip("microgradient.torch")
    layer = torch.nn.Linear(4, 2)

    def function(x: Any) -> Any:
        return torch.relu(layer(x)).view(x.size(0), -1), x.mean(0), (x > 0).float().sum()

    f = mg.compile(function)
    for n in [9, 12, 10, *[3] * 20, 16, 13]:
        x = torch.randn(4, n).t()
        with torch.no_grad():
            found, wanted = f(x), function(x)
        for a, b in zip(found, wanted, strict=True):
            assert type(a) is type(b)
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-6)
    assert f.stats()["fixed_lengths"] == []


def test_what_changes_outside_has_lengths_of_its_own() -> None:
    kept = mg.zeros(2)

    def function(x: Any) -> Any:
        kept.data = (x * 2).data
        return x.sum()

    f = mg.compile(function)
    for n in (3, 4, 7, 6):
        f(mg.ones(n))
        assert kept.tolist() == [2.0] * n
    assert f.stats()["fixed_lengths"] == ["what it changes outside has the length that varies"]


def test_a_table_may_be_shorter_than_a_capacity() -> None:
    table = TABLE[:13]

    def function(x: Any) -> Any:
        numbers = mg.arange(len(x))
        picked = mg.grad(lambda t: (t[numbers] * x).sum())(table)
        return x + table[numbers], picked, (x[:, :1] + table[:, 0])[numbers, numbers], x[numbers] @ W

    f = mg.compile(function)
    for n in (5, 9, 12, 13, 2, 10) * 2:
        x = X(n)
        assert_same(f(x), function(mg.tensor(x)))
    assert f.stats()["fixed_lengths"] == []


def test_other_lengths_leave_nothing_in_python() -> None:
    seen: list[int] = []

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = 0

        def forward(self, x: Any) -> Any:
            self.last = len(x)
            seen.append(len(x))
            return x.sum(axis=0)

    layer = Layer()
    f = mg.compile(layer)
    for n in (3, 4, 7):
        f(X(n))
        assert layer.last in (3, 4)
    assert seen == [3, 4]
    assert f.stats()["programs"] == 3


def test_an_error_at_another_length_leaves_nothing_in_python() -> None:
    seen: list[int] = []

    def function(x: Any) -> Any:
        seen.append(len(x))
        return at_most_20(x)

    f = mg.compile(function)
    for n in (17, 18, 19):
        f(X(n))
    assert seen == [17, 18, 19]  # which ran eagerly
    with pytest.raises(AssertionError, match="too long"):
        f(X(21))


@pytest.mark.filterwarnings("ignore:.*MG206")
def test_what_pytorchs_functions_tell_of_lengths() -> None:
    torch = pytest.importorskip("microgradient.torch")
    told = {
        "numel": lambda x: x.numel(), "size": lambda x: x.size(0), "split": lambda x: len(x.split(2)),
        "chunk": lambda x: len(torch.chunk(x, 1000)), "unbind": lambda x: len(torch.unbind(x)),
        "nbytes": lambda x: x.nbytes, "storage": lambda x: x.untyped_storage().nbytes(),
        "equal": lambda x: torch.equal(x, x[:1]) + 1, "same size": lambda x: 4 * x.is_same_size(torch.ones(23, 4)),
    }  # fmt: skip
    for name, length in told.items():
        f = mg.compile(lambda x, length=length: x.sum() * (length(x) // 4 % 2 + 1))
        for n in (8, 16, 24, 20, 12, 44, 28, 22, 23, 25, 26, 27):
            x = torch.ones(n, 4)
            assert f(x).item() == n * 4 * (length(x) // 4 % 2 + 1), (name, n)


def test_a_length_that_the_function_does_not_take() -> None:
    f = mg.compile(at_most_20)
    for n in (17, 18, 19):
        x = X(n)
        assert f(x).item() == pytest.approx(x.sum())
    assert f.stats()["fixed_lengths"] == ["for the length 32 it raises an AssertionError: too long"]


def test_a_table_of_positions_may_be_as_long_as_the_capacity() -> None:
    positions = mg.tensor(RNG.normal(size=(16, 4)))
    f = mg.compile(lambda x: mg.sum(mg.tanh(x + positions[mg.arange(x.shape[0])]), axis=0))
    for n in (16, 9, *[12] * 20, *[10] * 20):
        x = X(n)
        np.testing.assert_allclose(f(x), np.tanh(x + positions.data[:n]).sum(0), rtol=1e-9)
    assert f.stats()["fixed_lengths"] == []


def test_capacities_are_powers_of_two_or_lie_between_them() -> None:
    for n in range(2, 300):
        greatest, power, quarter = capacities(n, most=200)
        assert n <= quarter <= power <= greatest
        assert quarter <= max(8, 1.25 * n)
        assert power & (power - 1) == 0
