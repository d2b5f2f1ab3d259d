"""Compiled functions look at what the names in their code stand for in each call; the rest is for `static`."""

from __future__ import annotations

import functools
import importlib
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn

X = mg.ones((1, 2))
HERE = sys.modules[__name__]
FACTOR, TABLE = 2.0, np.array([1.0, 2.0])


def follows(function: Any, *changes: Any, compile: Any = mg.compile) -> None:
    """Assert that a compiled function sees every change, and makes no program without one."""
    compiled = compile(function)
    np.testing.assert_allclose(compiled(X).numpy(), function(X).numpy(), rtol=1e-6)
    for n, change in enumerate(changes):
        change()
        for _ in range(2):
            np.testing.assert_allclose(compiled(X).numpy(), function(X).numpy(), rtol=1e-6)
        assert compiled.stats()["programs"] == n + 2


def scaled(x: mg.Tensor) -> mg.Tensor:
    return x * FACTOR


def with_default(x: mg.Tensor, a: Any = 1.0, *, b: Any = 3.0) -> mg.Tensor:
    return x * a + b


def decorated(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(x: mg.Tensor) -> mg.Tensor:
        return function(x) + 0

    return wrapper


class Thing:
    """Methods that read a variable of the file."""

    def method(self, x: mg.Tensor) -> mg.Tensor:
        return x * FACTOR

    @staticmethod
    def static(x: mg.Tensor) -> mg.Tensor:
        return x * FACTOR

    @classmethod
    def of_class(cls, x: mg.Tensor) -> mg.Tensor:
        return x * FACTOR

    def by_method(self, x: mg.Tensor) -> mg.Tensor:
        return self.method(x)

    __call__ = method


class Net(nn.Module):
    """A module that reads a variable of the file."""

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return x * FACTOR


thing, net = Thing(), Net()


@pytest.mark.parametrize(
    "function",
    [
        scaled,
        lambda x: x * FACTOR,
        lambda x: scaled(x),
        lambda x: (lambda y: y * FACTOR)(x),
        lambda x: HERE.scaled(x),
        lambda x: x * HERE.FACTOR,
        lambda x: functools.reduce(lambda a, b: a * FACTOR, [0], x),
        decorated(scaled),
        decorated(decorated(lambda x: scaled(x))),
        functools.partial(scaled),
        mg.compile(scaled),
        thing,
        thing.method,
        thing.by_method,
        Thing.static,
        Thing.of_class,
        lambda x: thing(x),
        lambda x: thing.method(x),
        lambda x: Thing.static(x),
        net,
        lambda x: net(x),
        mg.vmap(scaled),
    ],
)
def test_a_variable_of_the_file(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = (2.5, math.nextafter(2.5, 2), -0.0, 0.0, True, 1, np.float32(2))
    follows(function, *(lambda value=value: monkeypatch.setattr(HERE, "FACTOR", value) for value in changes))


def test_the_same_number_again_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    f = mg.compile(scaled)
    for value in (math.nan, float("nan"), np.nan):
        monkeypatch.setattr(HERE, "FACTOR", value)
        assert np.isnan(f(X).numpy()).all()
    assert f.stats()["programs"] == 1
    scale = 1000.0
    g = mg.compile(lambda x: x * scale)
    for _ in range(3):
        scale = float("1000")
        assert g(X).tolist() == [[1000, 1000]]
    assert g.stats()["programs"] == 1


def test_variables_of_enclosing_functions_and_what_they_stand_for() -> None:
    number, tensor, array, shape, call = 1.0, mg.ones(2), np.ones(2), (1, 2), mg.tanh

    def function(x: mg.Tensor) -> mg.Tensor:
        return mg.reshape(call(x) * number + tensor + array, shape)

    def put(**values: Any) -> Any:
        def change() -> None:
            nonlocal number, tensor, array, shape, call
            number, tensor = values.get("number", number), values.get("tensor", tensor)
            array, shape, call = values.get("array", array), values.get("shape", shape), values.get("call", call)

        return change

    changes = {"number": 3.0, "tensor": mg.ones(2) * 4, "array": np.zeros(2), "shape": (2, 1), "call": mg.exp}
    follows(function, *(put(**{name: value}) for name, value in changes.items()))
    compiled = mg.compile(function)
    for n in range(4):  # what tensors and arrays hold are inputs
        tensor.data = np.full(2, n, np.float32)
        array[:] = -n
        np.testing.assert_allclose(compiled(X).numpy(), function(X).numpy(), rtol=1e-6)
    assert compiled.stats()["programs"] == 1
    shape = (*[2], 1)
    compiled(X)
    assert compiled.stats()["programs"] == 1


def test_defaults() -> None:
    def put(**values: Any) -> Any:
        return lambda: [setattr(with_default, name, value) for name, value in values.items()]

    before = with_default.__defaults__, with_default.__kwdefaults__
    try:
        follows(with_default, put(__defaults__=(5.0,)), lambda: with_default.__kwdefaults__.update(b=7.0))
        follows(lambda x: with_default(x), put(__defaults__=(6.0,)), put(__kwdefaults__={"b": 9.0}))
    finally:
        with_default.__defaults__, with_default.__kwdefaults__ = before


def test_arrays_that_python_reads() -> None:
    a = np.array([1.0, 2.0])
    given = functools.partial(with_default, a=a)
    for function in (
        lambda x: x * a[0],
        lambda x: x * float(a[0]),
        lambda x: x * (a * 2),
        lambda x: x if a[0] > 3 else -x,
        functools.partial(lambda a, x: x * a[0], a),
        lambda x, a=a: x * a[0],
    ):
        follows(function, functools.partial(a.__setitem__, 0, a[0] + 4))
    compiled = mg.compile(given)
    for n in range(3):  # no new program for what the program reads itself
        a[0] = n
        np.testing.assert_array_equal(compiled(X).numpy(), given(X).numpy())
    assert compiled.stats()["programs"] == 1


def test_an_array_that_shrinks() -> None:
    a = np.ones(1000, np.float32)
    f = mg.compile(lambda x: mg.sum(x * mg.tensor(a)))
    x = mg.ones(1000)
    assert f(x).item() == 1000
    a.resize((1,), refcheck=False)
    assert f(x).item() == 1000
    a[0] = 2
    assert f(x).item() == 2000


def test_a_tensor_of_which_only_the_shape_is_read() -> None:
    w = mg.ones(3)
    f = mg.compile(lambda x: x * w.shape[0])
    assert f(X).tolist() == [[3, 3]]
    w.data = np.ones(5, np.float32)
    assert f(X).tolist() == [[5, 5]]


def test_a_name_that_begins_to_hide_one_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    f = mg.compile(lambda x: x * max(1, 2))
    assert f(X).tolist() == [[2, 2]]
    monkeypatch.setattr(HERE, "max", min, raising=False)
    assert f(X).tolist() == [[1, 1]]


def test_a_variable_that_is_deleted() -> None:
    scale = 2.0
    f = mg.compile(lambda x: x * scale)  # noqa: F821 (that is the point)
    f(X)
    del scale
    with pytest.raises(NameError):
        f(X)


def test_a_variable_that_keeps_changing_is_named() -> None:
    w = mg.ones(2)
    f = mg.compile(lambda x: x * w)
    for n in range(8):
        w = mg.ones(2) * float(n)
        assert f(X).tolist() == [[n, n]]
    w = w * 2.0
    with pytest.warns(mg.errors.MicrogradientWarning, match="`w`, which is read from outside: pass it as an argument"):
        f(X)


@pytest.mark.parametrize("folder", ["src", "site-packages", "dist-packages"])
def test_a_package_wherever_it_is_installed(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / folder / f"package_in_{folder[:4]}"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "settings.py").write_text("SCALE = 2.0\n")
    (package / "helpers.py").write_text("SHIFT = 0.0\ndef shift(x):\n    return x + SHIFT\n")
    code = "from . import helpers, settings\nfrom .helpers import shift\nGAIN = 1.0\n"
    code += "def step(x):\n    return shift(x * GAIN) * settings.SCALE + helpers.shift(x)\n"
    (package / "training.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path / folder)
    training = importlib.import_module(f"{package.name}.training")
    follows(
        training.step,
        lambda: setattr(training, "GAIN", 3.0),
        lambda: setattr(training.helpers, "SHIFT", 5.0),
        lambda: setattr(training.settings, "SCALE", 7.0),
        lambda: setattr(training, "shift", lambda x: x),
    )


class Settings:
    """What a user keeps settings in."""

    scale = 2.0


def test_static_is_for_the_rest() -> None:
    settings, table = Settings(), {"shift": [1.0]}
    follows(
        lambda x: x * settings.scale + table["shift"][0],
        lambda: setattr(settings, "scale", 3.0),
        lambda: table["shift"].__setitem__(0, 5.0),
        compile=functools.partial(mg.compile, static=lambda: (settings.scale, table["shift"][0])),
    )


def test_static_keys_are_remembered_and_told_apart() -> None:
    key: Any = 1
    f = mg.compile(lambda x: x * (3 if key is True else 2), static=lambda: key)
    for key in (1, True, 1, True, "1"):
        assert f(X).tolist() == [[3, 3] if key is True else [2, 2]]
    assert f.stats()["programs"] == 3
    with pytest.raises(mg.errors.ArgumentTypeError, match="gave a list, which is not hashable"):
        mg.compile(scaled, static=lambda: [])(X)
    with pytest.raises(mg.errors.ArgumentTypeError, match="`static` is a function of no arguments, not an int"):
        mg.compile(scaled, static=3)
