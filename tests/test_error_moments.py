"""Moments in which a program goes wrong: what it is told, where, why, and what to write, in English and in Chinese.

Each mistake is a program as users write it, with its neighbours: the same mistake in other clothes. Beside them, in the same
places, what is right and must not be spoken of.
"""

from __future__ import annotations

import contextlib
import io
import random
import re
import traceback
import warnings
from collections import Counter
from typing import NamedTuple

import pytest

import microgradient as mg
import moments_of_graphs as graphs
import moments_of_layers as layers
from microgradient import tape
from microgradient.language import speaking

HEAD = "import math, numpy as np, microgradient as mg, microgradient.nn.functional as F; from microgradient import nn, optim"
CHINESE = re.compile(r"[一-鿿]")
TO_DO = "Change to|Leave it out|use softmax|move the point|keep float64|should have the shape|Give the model|num_embeddings="
MOMENTS = {
    f"{table.lower().replace('_', ' ')} {number}": moment
    for module in (graphs, layers)
    for table, moments in vars(module).items()
    if isinstance(moments, list)
    for number, moment in enumerate(moments, 1)
}


class Outcome(NamedTuple):
    """The messages of a program with the lines of `train.py` that they are shown at, and what it printed."""

    told: list[tuple[str, int]]
    printed: str


def lines(program):
    """The numbers of the lines that end in a comment of one word, by the word."""
    found = enumerate((HEAD + program).splitlines(), 1)
    return {mark[1]: number for number, line in found if (mark := re.search(r"# (\w+)$", line))}


def run(program, language, folder):
    """Run a program as `train.py`, in a language."""
    path = folder / language / "train.py"
    path.parent.mkdir()
    path.write_text(HEAD + program, encoding="utf-8")
    tape.DEPARTED.clear()
    mg.manual_seed(0)
    random.seed(0)
    told, printed = [], io.StringIO()
    with warnings.catch_warnings(record=True) as caught, speaking(language), contextlib.redirect_stdout(printed):
        warnings.simplefilter("always")
        try:
            exec(compile(HEAD + program, str(path), "exec"), {"__name__": "__main__"})
        except mg.errors.MicrogradientError as error:
            frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
            told.append((str(error), frames[-1].lineno))
    assert all(issubclass(warning.category, mg.errors.MicrogradientWarning) for warning in caught)
    told = [(str(warning.message), warning.lineno) for warning in caught if warning.filename == str(path)] + told
    return Outcome(told, printed.getvalue())


def in_both(program, folder):
    return run(program, "en", folder), run(program, "zh_CN", folder)


def assert_translated(english, chinese):
    """The same code, names, places and numbers, and no English sentence but PyTorch's own words."""
    told = re.sub(r"`[^`]*`|PyTorch：[^）]*|\[MG\d+\]|\([^)]*\)|[\w.]+\.py:\d+", "", chinese)
    assert not re.search(r"[a-z]{3,} [a-z]{2,}", told), told
    assert CHINESE.search(told)
    for kept in (r"`[^`]*`", r"\[MG\d+\]", r"\w+\.py:\d+", r"\d+(?:\.\d+)?(?:e[+-]\d+)?"):
        assert Counter(re.findall(kept, english)) == Counter(re.findall(kept, chinese)), (english, chinese)


@pytest.mark.parametrize("name", MOMENTS)
def test_a_mistake_is_explained(name, tmp_path):
    program, parts = MOMENTS[name]
    english, chinese = in_both(program, tmp_path)
    places = lines(program)
    ((text, line),) = english.told
    for part in parts:
        expected = re.sub(r"@(\w+)", lambda mark: f"train.py:{places[mark[1]]}", part)
        assert expected in text, text
    assert line == places["here"]
    assert re.search(r"\[MG\d{3}\]$", text)
    assert re.search(rf"`[^`]+`|{TO_DO}", text), f"nothing to do instead: {text}"
    ((translated, line),) = chinese.told
    assert line == places["here"]
    assert_translated(text, translated)


RIGHT = {
    "one number, or weights": """
w = mg.tensor([1.0, 2.0], requires_grad=True)
mg.mean(w * w).backward()
(w * w).backward(mg.ones(2))
""",
    "kept while tracing, and on request": """
w = mg.tensor([1.0, 2.0], requires_grad=True)
with mg.trace():
    h = w * 2
    mg.sum(h * h).backward()
assert h.grad.tolist() == [4.0, 8.0]
k = (w * 2).keep_grad()
mg.sum(k * k).backward()
assert k.grad.tolist() == [4.0, 8.0]
""",
    "the same graph twice, on purpose; a state cut off": """
w = mg.tensor([1.0, 2.0], requires_grad=True)
loss = mg.sum(w * w)
loss.backward(retain_graph=True)
loss.backward()
rnn, h = nn.RNN(3, 4), mg.zeros((1, 2, 4))
for t in range(3):
    out, h = rnn(mg.ones((5, 2, 3)), h.detach())
    mg.mean(out ** 2).backward()
""",
    "an edit in place makes a new tensor; data are looked at": """
w = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = mg.sigmoid(w)
z = y * y
y += 1
y[0] = 5.0
print(y.data, w.data.sum())
(mg.sum(z) + mg.sum(y)).backward()
s = 1 / (1 + np.exp(-w.data))
assert np.allclose(w.grad.data, s * (1 - s) * (2 * s + [0, 1, 1]))
""",
    "parameters updated as it is meant": """
w = mg.tensor([1.0, 2.0], requires_grad=True)
for _ in range(3):
    mg.sum(w * w).backward()
    with mg.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
    mg.sum(w * w).backward()
    w.data -= 0.1 * w.grad.data
    w.grad = mg.zeros(2)
p = mg.Value(1.0)
(p * p).backward()
p.data -= 0.1 * p.grad
total = mg.Value(0.0)
total += p * 2
total -= 1
""",
    "columns on purpose": """
net, x, y = nn.Linear(3, 1), mg.ones((100, 3)), mg.ones(100)
loss = mg.mean((net(x) - y[:, None]) ** 2) + F.mse_loss(net(x)[:, 0], y)
differences = net(x)[:, 0][:, None] - net(x)[:, 0]
""",
    "scores, and probabilities where they belong": """
net, y = nn.Linear(3, 4), mg.tensor([0, 3])
scores = net(mg.ones((2, 3)))
F.cross_entropy(scores, y)
F.nll_loss(mg.log_softmax(scores, axis=1), y)
F.nll_loss(mg.log(mg.softmax(scores, axis=1)), y)
F.cross_entropy(mg.log_softmax(scores, axis=1), y)
F.binary_cross_entropy(mg.sigmoid(scores), mg.ones((2, 4)))
""",
    "labels that are whole numbers of any dtype": """
for labels in ([0.0, 1.0, 2.0], np.array([0, 1, 2], np.uint8), [0, 1, -100]):
    F.cross_entropy(mg.zeros((3, 3)), labels)
""",
    "layers in lists and dicts": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(2, 3), nn.Linear(3, 2)]
        self.heads = {"a": nn.Linear(2, 1)}
net = Net()
assert sum(p.size for p in net.parameters()) == 20
optim.SGD(net.parameters(), lr=0.1)
""",
    "gradients accumulated on purpose, by turns, and inside of steps": """
net, other = nn.Linear(2, 1), nn.Linear(2, 1)
first, second = (optim.SGD(n.parameters(), lr=0.1) for n in (net, other))
for turn in range(24):
    for _ in range(4):
        (mg.mean(net(mg.ones((4, 2)))) * other(mg.ones((1, 2)))[0, 0] / 4).backward()
    opt = (first, second)[turn % 2]
    opt.step()
    first.zero_grad()
    second.zero_grad()
@mg.compile
def step(x):
    first.zero_grad()
    loss = mg.mean(net(x) ** 2)
    loss.backward()
    first.step()
    return loss
for _ in range(3):
    step(mg.ones((4, 2)))
""",
    "numbers that are not finite, once": """
w = mg.tensor([0.0, 1.0], requires_grad=True)
assert math.isinf(mg.sum(mg.log(w)).item())
mg.sum(mg.log(w)).backward()
w.grad = None
mg.sum(w * w).backward()
""",
    "whole numbers as Python writes them": """
assert mg.grad(lambda x: x * x)(3).item() == 6.0
assert mg.jvp(lambda x: x * x, (3,), (1,))[1].item() == 6.0
a = mg.Value(2)
(a * 3).backward()
assert a.grad == 3
""",
    "NumPy on tensors": """
w = mg.tensor([1.0, 2.0], requires_grad=True)
np.sum(np.exp(w) * np.float64(2)).backward()
assert np.allclose(w.grad.data, 2 * np.exp([1.0, 2.0]))
assert np.asarray(w).mean() == 1.5
assert np.exp(mg.Value(0.0)).data == 1.0
""",
    "derivatives that are right": """
mg.check_gradients(mg.tanh, mg.tensor([0.5, 1.0]))
""",
    "a deep graph": """
a = x = mg.Value(1.0)
w = y = mg.tensor(1.0, requires_grad=True)
for _ in range(20_000):
    x, y = x + 1.0, y * 1.0
x.backward()
y.backward()
assert (a.grad, w.grad.item()) == (1, 1.0)
assert mg.why(a, of=x).gradient == 1
del x, y
""",
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_not_spoken_of(name, tmp_path):
    assert run(RIGHT[name], "en", tmp_path).told == []


# ------------------------------------------------------------------------------------------ what the reports get right


SEEN = {
    "the forward pass's numbers, after an update": (
        """
a = mg.Value(2.0)
L = a * a
L.backward()
a.data = 5.0
print(mg.why(a))
mg.trace(L)
""",
        ["∂L/∂a = 4.0     a = 2.0", "the data have changed since: a is 5 now", "a         = 2.0", "L = a * a = 4.0"],
    ),
    "all parameters of an updated network": (
        """
import random
from microgradient.scalar import MLP
random.seed(1)
net = MLP(3, [4, 4, 1])
loss = net([1.0, -2.0, 0.5])
loss.backward()
before = {p: p.grad for p in net.parameters()}
for p in net.parameters():
    p.data += -0.1 * p.grad
assert all(mg.why(p).gradient == grad for p, grad in before.items())
print(mg.why(net.layers[0].neurons[2].w[1]))
""",
        ["∂loss/∂net.layers[0].neurons[2].w[1] = ", "used 1×", "✓"],
    ),
    "weights by their names": (
        """
from microgradient.scalar import MLP
net = MLP(1, [2, 1])
loss = net([2.0])
loss.backward()
mg.trace(loss)
""",
        [
            "forward ↓",
            "net.layers[0].neurons[1].w[0]",
            "net.layers[1].neurons[0].b",
            "backward ↑",
            "∂loss/∂net.layers[0].neurons[1].b",
        ],
    ),
    "an entry that enters a rule of one's own": (
        """
@mg.custom_rule(vjp=lambda t, y, x: t * 2 * x)
def square(x):
    return x * x
w = mg.tensor([1.0, 2.0], requires_grad=True)
with mg.trace():
    loss = mg.sum(square(w))  # line
    loss.backward()
print(mg.why(w, 1))
""",
        ["∂loss/∂w[1] = 4.0", "@line", "through square = +4.0", "`square` has its own rule", "can't be computed again"],
    ),
    "three backward passes": (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
with mg.trace():
    for _ in range(3):
        loss = mg.sum(w * w)
        loss.backward()
print(mg.why(w, 1))
""",
        ["∂loss/∂w[1] = 4.0", "w[1].grad = 12.0 is the sum of 3 backward passes", "this opens the last"],
    ),
    "a kink": (
        """
a = mg.Value(0.0)
L = a.relu()
L.backward()
print(mg.why(a))
""",
        ["0.500000 ✗ the rules give 0.000000: a kink (relu, input = 0: the slope is 0 on one side and 1 on the other)"],
    ),
    "a tie of three": (
        """
x = mg.tensor([1.0, 1.0, 1.0], requires_grad=True)
with mg.trace():
    L = mg.max(x)
    L.backward()
print(mg.why(x, 0))
""",
        ["∂L/∂x[0] = 0.333333", "a kink (max, 3 entries tie: the slope is 0 on one side and 1 on the other)"],
    ),
    "digits that float32 has lost": (
        """
x = mg.tensor([9.2], requires_grad=True)
with mg.trace():
    L = mg.sum(mg.tanh(x))
    L.backward()
print(mg.why(x))
""",
        ["∂L/∂x[0] = 1.19209e-07", "float32 has lost the digits: in 64 bits 4.08359e-08"],
    ),
    "0 × ∞, and its cure": (
        """
z = mg.tensor([0.0, 1.0], requires_grad=True)
with mg.trace():
    L = mg.sum(mg.where(z > 0, mg.log(z), 0.0))  # line
    L.backward()
print(mg.why(z, 0))
""",
        [
            "∂L/∂z[0] = nan",
            "0 × ∞ in v1 = log(z) @line",
            "mg.where(ok, z, 1.)",
            "greater at @line: nothing comes back",
            "not taken",
        ],
    ),
    "the first NaN, its victims and a cure": (
        """
x = mg.tensor(np.linspace(-1, 3, 256), requires_grad=True)
with mg.trace():
    h = mg.softplus(x) - 1
    loss = -mg.mean(mg.log(h))  # line
    loss.backward()
print(mg.why(x, 0))
""",
        [
            "the first comes from v3 = log(h) @line, 99 of 256 entries; its inputs: -0.686738 … 2.04859",
            "later results that are NaN because of it: 3",
            "`mg.log(mg.clip(x, 1e-7))`",
        ],
    ),
    "many paths, by example and axis": (
        """
net = nn.Conv2d(1, 4, 3)
with mg.trace():
    L = mg.mean(net(mg.randn((8, 1, 12, 12))) ** 2)
    L.backward()
found = mg.why(net.weight, (0, 0, 1, 1))
print(found)
assert abs(sum(e.contribution for e in found.edges) + found.more[1] - found.gradient) < 1e-6
assert all(abs(sum(sums) - found.gradient) < 1e-6 for _, sums in found.groups)
""",
        ["net.weight[0, 0, 1, 1]", "800 paths", "and 792 more: ", "example, axis 0 of v1: [", "axis 3 of v1: [", "✓"],
    ),
    "a recurrent layer, by use and example": (
        """
lstm = nn.LSTM(3, 4)
with mg.trace():
    out, _ = lstm(mg.randn((6, 2, 3)))
    L = mg.mean(out ** 2)
    L.backward()
print(mg.why(lstm.weight_hh_l0, (0, 1)))
print(mg.why(lstm.weight_hh_l0))
""",
        [
            "lstm.weight_hh_l0[0, 1]",
            "and 2 more: ",
            "axis 0 of v13 and 5 more like it: [",
            "w used 6× → 6 paths, added",
            "entries [",
            "✓",
        ],
    ),
    "a hop further, and what was cut": (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
with mg.trace():
    h = mg.tanh(w)
    loss = mg.sum(h * h * h.detach())  # cut
    loss.backward()
print(mg.why(w, 0).edges[0].why())
""",
        ["∂loss/∂h[0] = ", "as argument 1", "as argument 2", ".detach() at @cut: nothing comes back from there"],
    ),
    "before backward": (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
with mg.trace():
    old = mg.sum(w * 3)
    old.backward()
    loss = mg.sum(w * w)
    print(mg.why(w, 0))
""",
        ["∂old/∂w[0] = 3.0", "this explains the last `backward()`; `loss` was computed from it since"],
    ),
    "names where the model is given, and in a class that calls self s": (
        """
class Net(nn.Module):
    def __init__(s):
        super().__init__()
        s.a, s.b = nn.Linear(2, 3), nn.Linear(3, 1)
    def forward(s, x):
        return s.b(mg.tanh(s.a(x)))
net = Net()
with mg.trace(net):
    loss = mg.mean(net(mg.ones((4, 2))) ** 2)
    loss.backward()
print(mg.why(net.a.weight, (0, 1)))
""",
        ["∂loss/∂net.a.weight[0, 1] = ", "4 paths, added     net.a     train.py:", "x @ net.a.weight.T"],
    ),
}


@pytest.mark.parametrize("name", SEEN)
def test_a_report_says_what_it_should(name, tmp_path):
    program, parts = SEEN[name]
    english, chinese = in_both(program, tmp_path)
    places = lines(program)
    assert english.told == chinese.told == []
    for part in parts:
        assert re.sub(r"@(\w+)", lambda mark: f"train.py:{places[mark[1]]}", part) in english.printed, english.printed
    assert_translated(english.printed, chinese.printed)


ASKED = {
    "after a compiled step": (
        """
net = nn.Linear(2, 1)
@mg.compile
def step(x):
    net.zero_grad()
    mg.mean(net(x) ** 2).backward()
step(mg.ones((3, 2)))
mg.why(net.weight, (0, 1))  # here
""",
        ["A compiled step leaves no graph", "`with mg.trace():`", "MG117"],
    ),
    "after a backward pass that released the graph": (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
loss = mg.sum(w * w)
loss.backward()  # released
mg.why(w, 0)  # here
""",
        ["released by the backward pass at @released", "`loss.backward(retain_graph=True)`", "MG118"],
    ),
    "of a tensor that was cut off": (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
h = (w * 2).detach()  # cut
mg.why(h, 0)  # here
""",
        ["shape (2,) needs no gradient", ".detach() at @cut cut it off", "`requires_grad=True`", "MG109"],
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_a_report_that_can_not_be_made_says_why(name, tmp_path):
    program, parts = ASKED[name]
    english, chinese = in_both(program, tmp_path)
    places = lines(program)
    ((text, line),) = english.told
    assert line == places["here"]
    for part in parts:
        assert re.sub(r"@(\w+)", lambda mark: f"train.py:{places[mark[1]]}", part) in text, text
    assert_translated(text, chinese.told[0][0])


def test_values_have_a_graph_as_json():
    a = mg.Value(2.0, label="a")
    loss = a * a
    loss.backward()
    assert '"name": "a"' in mg.trace().to_json(loss)
