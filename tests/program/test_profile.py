"""`step.profile`: which launches a call consists of, what they cost, and where in the user's code they come from."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn, optim
from microgradient.errors import ArgumentTypeError
from microgradient.program.profile import Profile

ROWS, INPUTS, HIDDEN = 32, 48, 24


class Net(nn.Module):
    """Two layers, of which the first is one of several, and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(INPUTS, HIDDEN, bias=False)])
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(HIDDEN, 3)

    def forward(self, x: Any) -> Any:
        return self.out(self.drop(mg.tanh(self.layers[0](x))))  # the line of the model


def training() -> tuple[Net, Callable[..., Any], tuple[Any, Any]]:
    mg.manual_seed(3)
    net = Net()
    optimizer = optim.Adam(net.parameters())
    random = np.random.default_rng(0)

    @mg.compile
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
        return loss, mg.sort(x[0])

    x, y = (random.normal(size=(ROWS, n)).astype(np.float32) for n in (INPUTS, 3))
    return net, step, (mg.tensor(x), mg.tensor(y))


def line_of(function: Any, text: str) -> str:
    """`test_profile.py:12` of the line with this text."""
    lines, first = inspect.getsourcelines(function)
    return f"test_profile.py:{first + next(k for k, line in enumerate(lines) if text in line)}"


def titled(profile: Profile, *parts: str) -> list[Any]:
    return [row for row in profile.rows if all(part in row.title for part in parts)]


def test_costs_lines_and_modules() -> None:
    _, step, batch = training()
    profile = step.profile(*batch)  # type: ignore[attr-defined]
    line = line_of(Net, "the line of the model")
    (forward,) = titled(profile, f"contraction, rows {ROWS}, columns {HIDDEN}, depth {INPUTS}")
    (backward,) = (
        row
        for row in titled(profile, "contraction", f"depth {ROWS}")
        if str(INPUTS) in row.title and str(HIDDEN) in row.title
    )
    assert (forward.lines[0], forward.modules[0]) == (line, "layers.0")
    assert (backward.lines[0], backward.modules[0]) == ("∂ " + line, "layers.0")
    assert backward.flops == 2 * ROWS * INPUTS * HIDDEN
    assert backward.bytes_moved == 4 * (ROWS * INPUTS + ROWS * HIDDEN + INPUTS * HIDDEN)
    assert "tanh" not in forward.title
    assert forward.flops >= 2 * ROWS * INPUTS * HIDDEN
    (draw,) = titled(profile, "random")
    assert draw.modules == ("drop",)
    (call,) = titled(profile, "NumPy's")
    assert call.lines == (line_of(training, "mg.sort"),)
    update = line_of(training, "optimizer.step()")
    assert any(row.lines[0] == update and not row.modules for row in titled(profile, "elementwise"))
    assert len(profile.rows) == step.stats()["launches"]  # type: ignore[attr-defined]
    assert sum(row.flops for row in profile.rows) == step.stats()["flops"]  # type: ignore[attr-defined]


def test_a_profiled_call_is_an_ordinary_one() -> None:
    """Its results, the state of the optimiser and that of the generator, be it the first call or a later one."""
    (plain, step, batch), (net, timed, _) = training(), training()
    mg.manual_seed(4)
    expected = [step(*batch) for _ in range(3)]
    mg.manual_seed(4)
    found = [timed.profile(*batch).result, timed(*batch), timed.profile(*batch).result]  # type: ignore[attr-defined]
    for pair, other in zip(expected, found, strict=True):
        for a, b in zip(pair, other, strict=True):
            assert a.numpy().tobytes() == b.numpy().tobytes()
    for p, q in zip(plain.parameters(), net.parameters(), strict=True):
        assert p.numpy().tobytes() == q.numpy().tobytes()
    assert timed.stats()["programs"] == step.stats()["programs"]  # type: ignore[attr-defined]


def test_times_fit_into_the_call_and_the_table_is_sorted() -> None:
    _, step, batch = training()
    step(*batch)
    started = time.perf_counter()
    profile = step.profile(*batch)  # type: ignore[attr-defined]
    whole = time.perf_counter() - started
    seconds = [row.seconds for row in profile.rows]
    assert min(seconds) > 0
    assert sum(seconds) == pytest.approx(profile.seconds)
    assert profile.seconds <= whole
    assert seconds == sorted(seconds, reverse=True)
    heading, *lines, total = str(profile).splitlines()
    assert heading.split() == ["ms", "share", "GFLOP/s", "GB/s", "line", "module", "launch"]
    assert [line.rsplit("  ", 1)[1] for line in lines] == [f"{row.launch}: {row.title}" for row in profile.rows]
    assert total.endswith(f"all {len(lines)} launches")


def test_modules_are_not_read_for_their_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for the path while tracing would make the program depend on all that the model holds."""
    monkeypatch.setenv("MICROGRADIENT_CHECK", "0")  # checks read all of it
    net, step, batch = training()
    step(*batch)
    net.extra = nn.Linear(2, 2)
    step(*batch)
    assert step.stats()["programs"] == 1  # type: ignore[attr-defined]


def test_on_numpy_every_instruction_is_timed() -> None:
    step = mg.compile(lambda x: mg.exp(x).sum(), debug=True)
    profile = step.profile(mg.tensor([0.0, 1.0]))
    assert {row.title for row in profile.rows} == {"NumPy's exp", "NumPy's sum"}
    assert profile.result.item() == pytest.approx(1 + np.e)


def test_functions_of_values_have_no_launches() -> None:
    step = mg.compile(lambda x: x * x)
    with pytest.raises(ArgumentTypeError, match="no launches"):
        step.profile(mg.Value(2.0))
