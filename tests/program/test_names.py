"""Compiled functions notice what the names in their code stand for: variables, attributes, containers, classes, arrays."""

from __future__ import annotations

import argparse
import functools
import sys
import types
from collections import deque
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn

X = mg.ones((1, 2))


class Settings:
    """What a user keeps settings in."""

    def __init__(self, scale: float) -> None:
        self.scale = scale


class Trainer:
    """An object with a step, as users write it."""

    def __init__(self) -> None:
        self.settings = Settings(1.0)
        self.model = nn.Linear(2, 1)
        self.shift = mg.ones(1)
        self.hooks: list[Any] = []
        self.seen = 0

    @property
    def scale(self) -> float:
        return self.settings.scale

    def step(self, x: mg.Tensor) -> mg.Tensor:
        self.seen += 1
        y = (self.model(x) * self.scale + self.shift).detach()
        for hook in self.hooks:
            y = hook(y)
        return y


def test_attributes_of_a_users_objects() -> None:
    trainer = Trainer()
    f = mg.compile(trainer.step)

    def check(programs: int) -> None:
        np.testing.assert_allclose(f(X).numpy(), trainer.step(X).numpy(), rtol=1e-6)
        assert f.stats()["programs"] == programs

    check(1)
    trainer.unused = 3.0
    check(1)
    trainer.settings.scale = 2.0
    check(2)
    trainer.settings = Settings(5.0)
    check(3)
    trainer.shift = mg.ones(1) * 4
    check(4)
    trainer.hooks.append(mg.tanh)
    check(5)
    trainer.model = nn.Linear(2, 1)
    check(6)
    assert trainer.seen > 6


factor, table, offset = 2.0, [1.0, 2.0], mg.ones(2)


def scaled(x: mg.Tensor) -> mg.Tensor:
    return x * factor + table[0]


def test_variables_of_the_file_and_of_enclosing_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = 1.0
    f = mg.compile(lambda x: scaled(x) * inner + offset)
    here = sys.modules[__name__]

    def check(programs: int) -> None:
        np.testing.assert_allclose(f(X).numpy(), (scaled(X) * inner + offset).numpy())
        assert f.stats()["programs"] == programs

    check(1)
    inner = 3.0
    check(2)
    monkeypatch.setattr(here, "factor", 5.0)
    check(3)
    monkeypatch.setattr(here, "offset", mg.ones(2) * 4)
    check(4)
    monkeypatch.setattr(here, "scaled", lambda x: x * x)
    check(5)
    table[0] = 7.0  # which is not read any more
    check(5)


def test_a_variable_that_keeps_changing_is_named() -> None:
    w = mg.ones(2)
    f = mg.compile(lambda x: x * w)
    for n in range(8):
        w = mg.ones(2) * float(n)
        assert f(X).tolist() == [[n, n]]
    w = w * 2.0
    with pytest.warns(mg.errors.MicrogradientWarning, match="`w`, which is read from outside: pass it as an argument"):
        f(X)


def test_functions_of_values_see_lists_and_settings_change() -> None:
    class Model:
        def __init__(self) -> None:
            self.weights = [mg.Value(2.0), mg.Value(3.0)]
            self.scale = 1.0

        def __call__(self, x: float) -> mg.Value:
            return sum((w * x for w in self.weights), mg.Value(0.0)) * self.scale

    model = Model()
    f = mg.compile(lambda x: model(x))
    assert f(2.0).data == 10.0
    model.scale = 10.0
    assert f(2.0).data == 100.0
    model.weights.append(mg.Value(1.0))
    assert f(2.0).data == 120.0
    model.weights[0].data = 0.0
    assert f(2.0).data == 80.0
    assert f.stats()["programs"] == 3


class Plain:
    """Settings in slots, and one of the class."""

    __slots__ = ("depth",)
    width = 2.0


def test_classes_slots_defaults_and_queues() -> None:
    plain, queue = Plain(), deque([1.0])
    plain.depth = 2.0

    def step(x: mg.Tensor, more: list[float] = [1.0]) -> mg.Tensor:  # noqa: B006 (that is the point)
        return x * plain.depth + Plain.width * queue[0] - more[0]

    f = mg.compile(step)

    def check(programs: int) -> None:
        assert f(X).tolist() == step(X).tolist()
        assert f.stats()["programs"] == programs

    check(1)
    plain.depth = 3.0
    check(2)
    try:
        Plain.width = 5.0
        check(3)
    finally:
        Plain.width = 2.0
    queue[0] = 4.0
    check(4)
    step.__defaults__[0][0] = 9.0
    check(5)


def test_an_array_that_shrinks() -> None:
    a = np.ones(1000, np.float32)
    f = mg.compile(lambda x: mg.sum(x * mg.tensor(a)))
    x = mg.ones(1000)
    assert f(x).item() == 1000
    a.resize((1,), refcheck=False)
    assert f(x).item() == 1000
    a[0] = 2
    assert f(x).item() == 2000


class Holder:
    """An object of a user's, with a default in its class."""

    rate = 1.0

    def __init__(self, inner: Any = None) -> None:
        self.scale = 2.0
        self.inner = inner
        self.table = {"a": {"b": {"c": 3.0}}}

    def __getitem__(self, key: int) -> float:
        return self.scale * key

    def __len__(self) -> int:
        return int(self.scale)


class Configured(nn.Module):
    """A module with its settings in an object."""

    def __init__(self) -> None:
        self.settings = Holder(Holder())

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return x * self.settings.scale * self.settings.inner.scale * self.settings.table["a"]["b"]["c"]


def follows(function: Any, *changes: Any) -> None:
    """Assert that a compiled function sees every change, and makes no program without one."""
    compiled = mg.compile(function)
    np.testing.assert_array_equal(compiled(X).numpy(), function(X).numpy())
    for n, change in enumerate(changes):
        change()
        for _ in range(2):
            np.testing.assert_array_equal(compiled(X).numpy(), function(X).numpy())
        assert compiled.stats()["programs"] == n + 2


def test_containers_inside_of_containers() -> None:
    table: dict[str, Any] = {"a": {"b": {"c": [1.0]}}}
    follows(
        lambda x: x * table["a"]["b"]["c"][0],
        lambda: table["a"]["b"]["c"].__setitem__(0, 5.0),
        lambda: table["a"]["b"].__setitem__("c", [7.0]),
    )
    default = {"a": {"b": 1.0}}

    def function(x: mg.Tensor, table: Any = default) -> mg.Tensor:
        return x * table["a"]["b"]

    pair: Any = ([[0.0]], {3})
    follows(
        lambda x: x + pair[0][0][0] + len(pair[1]),
        lambda: pair[0][0].__setitem__(0, 1.0),
        lambda: pair[1].add(4),
        lambda: pair[0].append(pair),
    )
    follows(function, lambda: default["a"].__setitem__("b", 2.0))
    follows(functools.partial(function, table=default), lambda: default["a"].__setitem__("b", 3.0))


def test_a_container_inside_of_another_that_keeps_changing_is_named() -> None:
    table = {"inner": {"rate": 0.0}}
    f = mg.compile(lambda x: x * table["inner"]["rate"])
    for n in range(9):
        table["inner"]["rate"] = float(n)
        with pytest.warns(mg.errors.MicrogradientWarning, match="`table`, which is") if n == 8 else nullcontext():
            f(X)


def test_settings_in_objects_that_a_module_holds() -> None:
    model = Configured()
    follows(
        model,
        lambda: setattr(model.settings, "scale", 5.0),
        lambda: setattr(model.settings.inner, "scale", 7.0),
        lambda: model.settings.table["a"]["b"].__setitem__("c", 9.0),
    )


def test_namespaces_operators_and_defaults_of_classes() -> None:
    space = SimpleNamespace(inner=argparse.Namespace(rate=1.0))
    follows(lambda x: x * space.inner.rate, lambda: setattr(space.inner, "rate", 3.0))
    follows(lambda x: x * getattr(space, "more", 2), lambda: setattr(space, "more", 1))
    f = mg.compile(lambda space, x: x * space.inner.rate)
    for rate in (3.0, 5.0):
        space.inner.rate = rate
        assert f(space, X).tolist() == [[rate, rate]]
    settings = Holder()
    follows(lambda x: x * settings[3] * len(settings), lambda: setattr(settings, "scale", 4.0))
    follows(lambda x: x * settings.rate, lambda: setattr(settings, "rate", 4.0))
    follows(lambda x: x * getattr(settings, "scale"), lambda: setattr(settings, "scale", 6.0))  # noqa: B009
    follows(lambda x: x * (2 if hasattr(settings, "more") else 1), lambda: setattr(settings, "more", 1))


def test_arrays_that_python_reads() -> None:
    a = np.array([1.0, 2.0])
    for function in (
        lambda x: x * a[0],
        lambda x: x * float(a[0]),
        lambda x: x * (a * 2),
        lambda x: x if a[0] > 3 else -x,
    ):
        follows(function, functools.partial(a.__setitem__, 0, a[0] + 4))
    f = mg.compile(lambda x: x * a + a[::-1])
    for n in range(3):  # no new program for what the program reads itself
        a[0] = n
        np.testing.assert_array_equal(f(X).numpy(), X.numpy() * a + a[::-1])
    assert f.stats()["programs"] == 1


class Scaled:
    """A method of the base class is called by `super()`, and its name stands nowhere else."""

    factor = 2.0

    def inherited_only(self, x: mg.Tensor) -> mg.Tensor:
        return x * self.factor


class Twice(Scaled):
    """See there."""

    def __call__(self, x: mg.Tensor) -> mg.Tensor:
        return super().inherited_only(x)


def test_a_method_that_only_super_mentions(monkeypatch: pytest.MonkeyPatch) -> None:
    f = mg.compile(Twice())
    assert f(X).tolist() == [[2, 2]]
    monkeypatch.setattr(Scaled, "factor", 3.0)
    assert f(X).tolist() == [[3, 3]]


def test_of_installed_libraries_only_settings_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    from microgradient.program import globals_guard

    for folder in ("site-packages", "dist-packages"):
        library = types.ModuleType(f"library_in_{folder[:4]}")
        library.__file__ = f"/usr/lib/python3/{folder}/library/__init__.py"
        monkeypatch.setitem(sys.modules, library.__name__, library)
        assert globals_guard._is_library(library.__name__)
        library.scale, library.twice = 2.0, lambda x: x * 2
        f = mg.compile(lambda x, library=library: library.twice(x) * library.scale)
        assert f(X).tolist() == [[4, 4]]
        library.twice = lambda x: x * 3
        assert f(X).tolist() == [[4, 4]]
        library.scale = 3.0
        assert f(X).tolist() == [[9, 9]]


def test_variables_of_a_module_that_the_function_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = types.ModuleType("settings_of_the_test")
    settings.scale, settings.shift = 2.0, 0.0
    monkeypatch.setitem(sys.modules, settings.__name__, settings)

    def scaled(x: mg.Tensor) -> mg.Tensor:
        import settings_of_the_test
        from settings_of_the_test import shift

        return x * settings_of_the_test.scale + shift

    f = mg.compile(scaled)
    assert f(X).tolist() == [[2, 2]]
    settings.scale = 3.0
    assert f(X).tolist() == [[3, 3]]
    settings.shift = 1.0
    assert f(X).tolist() == [[4, 4]]


FACTOR = 2.0


class Factors:
    """Methods that read a variable of the file."""

    @staticmethod
    def by_static(x: mg.Tensor) -> mg.Tensor:
        return x * FACTOR

    @classmethod
    def by_class(cls, x: mg.Tensor) -> mg.Tensor:
        return x * FACTOR

    def __getitem__(self, i: int) -> float:
        return FACTOR

    def __rmatmul__(self, x: mg.Tensor) -> mg.Tensor:
        return x * FACTOR


def test_variables_that_methods_of_classes_and_operators_read(monkeypatch: pytest.MonkeyPatch) -> None:
    factors = Factors()
    compiled = [
        mg.compile(f)
        for f in (Factors.by_static, Factors.by_class, lambda x: Factors.by_static(x), lambda x: Factors.by_class(x))
    ]
    compiled += [mg.compile(lambda x: x * factors[0]), mg.compile(factors.__rmatmul__)]
    assert [f(mg.ones(1)).item() for f in compiled] == [2] * 6
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 3.0)
    assert [f(mg.ones(1)).item() for f in compiled] == [3] * 6
