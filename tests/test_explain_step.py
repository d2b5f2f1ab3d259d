"""mg.step: what is on the screen after each key, and, once, in a terminal."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn
from microgradient.errors import ArgumentTypeError, GradientError
from microgradient.explain.render import cropped, plain, width
from microgradient.explain.step import State, Walk, pressed, screen
from microgradient.explain.sweep import sweep_of
from microgradient.scalar import MLP, Value


@pytest.fixture
def small():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    L = a * b + a
    L.label = "L"
    return Walk(sweep_of(L, {}))


@pytest.fixture(scope="module")
def network():
    model = nn.Sequential(nn.Linear(3, 8), nn.LayerNorm(8), nn.Tanh(), nn.Linear(8, 1))
    with mg.trace():
        loss = mg.mean(mg.square(model(mg.ones((4, 3)))))
        loss.backward()
    return Walk(sweep_of(loss, {"loss": loss, "model": model}))


def shown(walk, state, wide=100, high=24):
    return plain(screen(walk, state, wide, high))


def keys(walk, text, state=None):
    state = state or State()
    for key in text.split():
        state = pressed(walk, state, key)
    return state


def test_each_step_has_its_rule_and_its_numbers(small):
    assert plain(small.card(0)) == "given         a = 2.0, b = -3.0"
    assert plain(small.card(2)) == "evaluation 2  L = v1 + a = (-6.0) + 2.0 = -4.0"
    assert plain(small.card(3)).splitlines() == [
        "sweep 1       ∂L/∂L = 1.0 goes through L = v1 + a",
        "  to v1  1.0 × 1.0 = +1.0  ▲   all of ∂L/∂v1",
        "  to a   1.0 × 1.0 = +1.0  ▲   ∂L/∂a = 1.0 so far, 1 more to come",
        "  rule   + passes what arrives to both inputs",
    ]
    assert "∂L/∂a = -2.0, complete" in plain(small.card(4))


def test_keys_go_forwards_and_back(small):
    assert keys(small, "right right").at == 2
    assert keys(small, "right right left").at == 1
    assert keys(small, "left").at == 0
    assert keys(small, "end").at == small.last == 4
    assert keys(small, "end right").at == 4
    assert keys(small, "end home").at == 0
    assert keys(small, "down").at == 4
    assert keys(small, "x").at == 0
    for key in ("q", "escape", "interrupt"):
        assert pressed(small, State(), key) is None


def test_there_and_back_is_the_same_screen(network):
    seen, state = [], State()
    for _ in range(network.last):
        seen.append(shown(network, state))
        state = pressed(network, state, "right")
    for expected in reversed(seen):
        state = pressed(network, state, "left")
        assert shown(network, state) == expected


def test_g_goes_to_a_number_or_a_name(small):
    assert keys(small, "g 3 enter").at == 3
    assert keys(small, "g 9 9 enter").at == 4
    assert keys(small, "g v 1 enter").at == 1
    assert keys(small, "g 3 enter g a enter").at == 4  # in the sweep: where the last of its gradient arrives
    assert keys(small, "g 3 backspace enter").at == 0
    assert keys(small, "right g 3 escape").at == 1
    assert keys(small, "g up enter").at == 0
    wrong = keys(small, "right g z enter")
    assert (wrong.at, wrong.told) == (1, "Nothing is called z.")
    assert "Nothing is called z." in shown(small, wrong)
    assert "go to (number or name): 1" in shown(small, keys(small, "g 1"))
    assert pressed(small, keys(small, "g"), "interrupt") is None


def test_what_is_not_computed_yet_is_not_0(small):
    before = shown(small, State(1)).splitlines()
    assert next(line for line in before if line.startswith("  L ")).split() == ["L", "=", "v1", "+", "a", "·"]
    sweep = shown(small, State(3)).splitlines()
    assert next(line for line in sweep if line.startswith("← a")).split() == ["←", "a", "2.0", "1.0", "…"]
    assert next(line for line in sweep if line.startswith("  b")).split() == ["b", "-3.0", "·"]


def test_the_end_of_the_sweep_shows_the_gradients():
    model = MLP(2, [3, 1])
    loss = (model([1.0, -2.0]) - 0.5) ** 2
    loss.backward()
    walk = Walk(sweep_of(loss, {"model": model}))
    for p in model.parameters():
        arrived, left = walk.arrived(walk.sweep.node(p), walk.last)
        assert (0.0 if arrived is None else arrived, left) == (pytest.approx(p.grad, abs=1e-15), 0)


def test_sums_grow_to_the_gradient(network):
    for node in network.sweep.order:
        total, left = network.arrived(node, network.last)
        assert left == 0
        assert np.array_equal(total, network.sweep.adjoints[node])
        counts = [network.arrived(node, at)[1] for at in range(network.turn, network.last + 1)]
        assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize("wide", [20, 40, 80, 200])
@pytest.mark.parametrize("high", [2, 5, 8, 24, 60])
def test_it_fits_any_terminal(network, small, wide, high):
    for walk in (network, small):
        for at in range(0, walk.last + 1, 3):
            lines = screen(walk, State(at), wide, high)
            assert len(lines) == high
            assert all(sum(width(text) for text, _ in line) <= wide for line in lines)


def test_chinese_names_take_two_columns():
    甲, 乙 = Value(2.0, label="学习率"), Value(-3.0, label="b")
    L = 甲 * 乙 + 甲
    L.label = "损失"
    walk = Walk(sweep_of(L, {}))
    rows = [
        line for line in shown(walk, State(2)).splitlines() if " 2.0" in line or " -6.0" in line or " -4.0" in line
    ][-3:]
    starts = {width(re.split(r"-?\d\.\d", row)[0]) for row in rows}
    assert len(starts) == 1, rows
    for line in screen(walk, State(3), 30, 12):
        assert sum(width(text) for text, _ in line) <= 30


@pytest.mark.parametrize(
    ("room", "expected"),
    [(9, "损失 = 1."), (8, "损失 = …"), (7, "损失 =…"), (4, "损…"), (3, "损…"), (2, "…"), (1, "…"), (0, "")],
)
def test_lines_are_cropped_by_columns(room, expected):
    assert plain([cropped([("损失 ", "bold"), ("= 1.", "")], room)]) == expected


def test_where_there_is_no_terminal_the_steps_are_printed(capsys):
    a = Value(2.0)
    L = a * a
    mg.step(L)
    assert capsys.readouterr().out.splitlines()[:2] == [
        "given         a = 2.0",
        "evaluation 1  L = a * a = 2.0 * 2.0 = 4.0",
    ]
    x = a
    for _ in range(100):
        x = x * 0.9
    x.backward()
    mg.step()
    out = capsys.readouterr().out
    assert "… 161 more" in out
    assert out.count("evaluation") == 19
    assert out.count("goes through") == 20


def test_a_tensor_needs_a_trace():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    loss = mg.sum(x * x)
    with pytest.raises(GradientError, match=r"with mg.trace.*MG118"):
        mg.step(loss)
    with pytest.raises(ArgumentTypeError, match=r"not str.*MG116"):
        mg.step("loss")


def test_operations_with_several_results():
    x = mg.tensor(np.array([0.0, 1.0, 4.0]), requires_grad=True)
    with mg.trace():
        u, s, _ = mg.linalg.svd(mg.eye(3, dtype=np.float64) * x + 0.1)
        loss = mg.sum(mg.log(x) * 0) + mg.sum(s) + mg.sum(u[0])
        loss.backward()
    walk = Walk(sweep_of(loss, {}))
    told = [shown(walk, State(at)) for at in range(walk.last + 1)]
    assert any(" = svd(" in screen and "goes through" in screen for screen in told)
    assert any("nan" in screen for screen in told)


PROGRAM = """
import microgradient as mg
学习率, b = mg.Value(2.0), mg.Value(-3.0)
L = 学习率 * b + 学习率
mg.step(L)
print("left", flush=True)
"""


def resize(terminal, rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def bare(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def read_until(terminal, pattern, seconds=20.0):
    """What comes out of a terminal until its text matches."""
    found, end = b"", time.monotonic() + seconds
    while not re.search(pattern, bare(found.decode(errors="replace")), flags=re.S):
        assert time.monotonic() < end, found.decode(errors="replace")
        if select.select([terminal], [], [], 0.1)[0]:
            found += os.read(terminal, 65536)
    return found.decode(errors="replace")


@pytest.mark.parametrize("colour", [True, False])
def test_in_a_terminal(colour):
    ours, theirs = pty.openpty()
    resize(ours, 16, 72)
    before = termios.tcgetattr(theirs)
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
    env |= {"TERM": "xterm-256color"} | ({} if colour else {"NO_COLOR": "1"})
    program = subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    try:
        read_until(ours, "step 0 of 4.*q quit")
        os.write(ours, b"\x1b[C\x1b[C")
        read_until(ours, r"step 2 of 4.*L = v1 \+ 学习率 = \(-6.0\) \+ 2.0 = -4.0.*q quit")
        os.write(ours, b"\x1b[F")
        last = read_until(ours, "step 4 of 4.*∂L/∂学习率 = -2.0, complete.*q quit")
        assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]m", last)) == colour
        resize(ours, 10, 40)
        drawn = read_until(ours, "step 4 of 4.*Home End.*…")
        assert all(width(line) <= 40 for line in bare(drawn).split("\r\n"))
        os.write(ours, b"g1\r")
        read_until(ours, "step 1 of 4")
        os.write(ours, b"\x1b[D")
        read_until(ours, "step 0 of 4")
        os.write(ours, b"q")
        assert "\x1b[?25h\x1b[?1049l" in read_until(ours, "left")
        assert program.wait(20) == 0
        assert termios.tcgetattr(theirs) == before
    finally:
        program.kill()
        program.wait()
        os.close(ours)
        os.close(theirs)
