"""`check=k`: whatever is stale is found, with its cause; and the check leaves no trace."""

from __future__ import annotations

import copy
import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from same import assert_same

import microgradient as mg
from microgradient import nn, optim

X = mg.ones((2,))
FAR = 2.0


def far(x: mg.Tensor) -> mg.Tensor:
    return x * FAR


def near(x: mg.Tensor) -> mg.Tensor:
    return far(x)


def stale(function: Any, change: Any, cause: str, *args: Any) -> None:
    """Assert that a change is found that isn't looked at."""
    compiled = mg.compile(function, check=1)
    for _ in range(2):
        compiled(*(args or (X,)))
    change()
    with pytest.raises(mg.errors.CompileError, match=cause):
        compiled(*(args or (X,)))


def test_what_is_stale_is_named_with_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    config, table, box = SimpleNamespace(scale=2.0), {"scale": 2.0, 3: [1.0]}, [SimpleNamespace(x=1.0)]
    told = r"the result is 1.0 at \[0\], not 4.0, the largest of 2 differences.*something outside the names.*MG221"
    stale(
        lambda x: near(x),
        lambda: monkeypatch.setattr(f"{__name__}.FAR", 3.0),
        "the global `FAR` was 2.0 .* and is 3.0 now",
    )
    stale(
        lambda x: x * config.scale, lambda: vars(config).update(scale=3.0), "`SimpleNamespace.scale` was 2.0 .* is 3.0"
    )
    stale(
        lambda x: x * table["scale"], lambda: table.update(scale=3.0), "the entry `scale` of a dict was 2.0 .* is 3.0"
    )
    stale(lambda x: x * table[3][0], lambda: table[3].__setitem__(0, 5.0), "something outside the names")
    stale(
        lambda x: x * box[0].x, lambda: vars(box[0]).update(x=4.0), told.replace("3.0", "1.0").replace("2.0", "4.0", 1)
    )


def test_a_weight_that_is_no_longer_trained() -> None:
    """Effects are compared as well: gradients, parameters, and what the optimiser remembers."""
    model, other, config = nn.Linear(2, 1), nn.Linear(2, 1), SimpleNamespace(frozen=False)
    optimizer = optim.Adam([*model.parameters(), *other.parameters()], lr=0.1)

    def step(x: mg.Tensor) -> mg.Tensor:
        optimizer.zero_grad()
        y = model(x) + (other(x).detach() if config.frozen else other(x))
        loss = mg.sum(y * y)
        loss.backward()
        optimizer.step()
        return loss

    stale(
        step,
        lambda: vars(config).update(frozen=True),
        "the gradient of `other.weight` is an array, not None",
        mg.ones((3, 2)),
    )


def trained(check: int) -> Any:
    """Everything that a few steps leave behind."""
    mg.manual_seed(3)
    random.seed(1)
    np.random.seed(1)
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 1))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    seen: list[int] = []
    table, counted = np.arange(3.0, dtype=np.float32), 0

    def step(x: mg.Tensor, y: Any) -> Any:
        seen.append(1)
        optimizer.zero_grad()
        loss = mg.mean((model(x * table) - y) ** 2) + mg.mean(mg.randn(2)) * 0
        loss.backward()
        optimizer.step()
        return {"loss": loss, "x": x, "y": y, "n": 3, "shape": x.shape}

    compiled = mg.compile(step, check=check)
    x, y = mg.randn(16, 3), mg.randn(16, 1)
    held = model[0].weight.data
    kept = held.copy()
    results = [compiled(x, y) for _ in range(5)]
    assert all(r["x"] is x and r["y"] is y for r in results)
    np.testing.assert_array_equal(held, kept)
    state = copy.deepcopy(optimizer.state_dict())
    grads = [p.grad for p in model.parameters()]
    return (
        results,
        model.state_dict(),
        state,
        grads,
        len(seen),
        mg.random.get_state(),
        random.random(),
        np.random.rand(),
        counted,
    )


def test_a_check_leaves_no_trace() -> None:
    assert_same(trained(1), trained(0), rtol=0)
    assert_same(trained(2), trained(0), rtol=0)


def test_arguments_of_all_kinds() -> None:
    w = mg.tensor([1.0, 2.0], requires_grad=True)

    def f(x: Any, leaf: Any, made: Any, number: float, array: Any) -> Any:
        x[0] = number
        mg.sum(leaf * leaf * w).backward()
        return x, made * w + array, number * 2

    for check in (0, 1):
        compiled = mg.compile(f, check=check)
        leaf, x = mg.tensor([3.0, 4.0], requires_grad=True), mg.zeros(2)
        w.grad = None
        for n in (1.0, 2.0):
            _, y, double = compiled(x, leaf, leaf * 2, n, np.ones(2, np.float32))
            mg.sum(y).backward()
            assert (x.tolist(), double) == ([n, 0], 2 * n)
        assert (leaf.grad.tolist(), w.grad.tolist()) == ([16, 40], [30, 48])


def test_rounding_that_adam_makes_much_of_is_no_difference() -> None:
    """The bias before a batch norm has the gradient 0, up to rounding, of which Adam makes a whole step."""
    mg.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 30), nn.BatchNorm1d(30), nn.Linear(30, 1))
    optimizer = optim.Adam(model.parameters(), lr=0.1)

    @mg.compile(check=1)
    def step(x: mg.Tensor) -> mg.Tensor:
        optimizer.zero_grad()
        loss = mg.mean(model(x) ** 2)
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(5):
        step(mg.randn(64, 20))


def test_numbers_that_are_nan_are_equal_and_every_kth_call_is_checked() -> None:
    config = SimpleNamespace(scale=np.nan)
    f = mg.compile(lambda x: x * config.scale, check=3)
    for _ in range(6):
        f(X)
    config.scale = 1.0
    f(X), f(X)
    with pytest.raises(mg.errors.CompileError, match=r"the result is nan at \[0\], not 1.0"):
        f(X)


def test_the_variable_turns_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADIENT_CHECK", "2")
    assert mg.compile(far)._check == 2
    assert mg.compile(far, check=0)._check == 0
    for wrong in ("yes", "-1", "1.5"):
        monkeypatch.setenv("MICROGRADIENT_CHECK", wrong)
        with pytest.raises(mg.errors.ArgumentError, match="every k-th call"):
            mg.compile(far)
