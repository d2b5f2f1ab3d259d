"""mg.trace: names, lines, the printed evaluation trace, the exported graph; and that it costs nothing when off."""

import gc
import json
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn
from microgradient.errors import ArgumentTypeError, GradientError, MicrogradientError
from microgradient.explain import Trace
from microgradient.explain.render import width
from microgradient.scalar import Value
from microgradient.tape import TAPE, recording


def leaf(*shape):
    return mg.tensor(np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape), requires_grad=True)


def line_of(marker):
    """The number of the line of this file that ends with a comment of this text."""
    with open(__file__, encoding="utf-8") as file:
        return next(k for k, text in enumerate(file, 1) if text.endswith(f"  # {marker}\n"))


def test_names_and_lines_come_from_the_program():
    x = leaf(3)
    with mg.trace() as t:
        h = mg.tanh(x)  # line of h
        y = h * 2.0 + h
        loss = mg.sum(y)
    exported = json.loads(t.to_json(of=loss))
    named = {node["name"]: node for node in exported["nodes"]}
    assert set(named) == {"x", "h", "v2", "y", "loss"}
    assert named["h"]["line"] == line_of("line of h")
    assert named["h"]["file"] == __file__
    assert named["x"]["file"] is None
    assert named["v2"]["op"] == "multiply"


@pytest.mark.parametrize("folder", ["recipes", "lessons"])
def test_programs_that_come_with_the_library_have_names_and_lines(folder):
    path = Path(mg.__file__).parent / folder / "program.py"
    program = "with mg.trace() as t:\n    h = mg.tanh(x)\n    L = mg.sum(h)\ntext = t.to_json(of=L)"
    variables = {"mg": mg, "x": leaf(3)}
    exec(compile(program, str(path), "exec"), variables)
    named = {node["name"]: node for node in json.loads(variables["text"])["nodes"]}
    assert set(named) == {"x", "h", "L"}
    assert (named["h"]["file"], named["h"]["line"]) == (str(path), 2)


def test_a_variable_bound_again_and_again():
    h = leaf(2)
    with mg.trace() as t:
        for _ in range(3):
            h = mg.tanh(h)
            h = h * 2.0
        L = mg.sum(h)
    names = [node["name"] for node in json.loads(t.to_json(of=L))["nodes"]]
    assert names == ["h(1)", "h(2)", "h(3)", "h(4)", "h(5)", "h(6)", "h(7)", "L"]


def test_names_of_functions_that_have_returned_and_of_containers():
    weights = [leaf(2), leaf(2)]
    table = {"scale": leaf(2)}

    def model(x):
        hidden = x * weights[0]
        return hidden + weights[1]

    x = leaf(2)
    with mg.trace() as t:
        loss = mg.sum(model(x) * table["scale"])
    names = {node["name"] for node in json.loads(t.to_json(of=loss))["nodes"]}
    assert {"hidden", "weights[0]", "weights[1]", "table['scale']", "x", "loss"} <= names


def test_names_given_by_hand_and_by_a_model():
    w, out = leaf(2), nn.Linear(2, 1)
    with mg.trace(inputs=w) as t:
        mg.sum(out(mg.reshape(w, (1, 2)))).backward()
    assert mg.why(w, 0).name == "inputs[0]"
    t.name(other=w)
    assert mg.why(w, 0).name == "other[0]"
    with mg.trace(out):
        mg.sum(out(mg.reshape(w, (1, 2)))).backward()
    assert mg.why(out.weight, (0, 0)).name == "out.weight[0, 0]"


def test_layers_are_named_by_their_path():
    net = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 1)))
    with mg.trace() as t:
        loss = mg.sum(net(leaf(4, 2).astype(mg.float32)))
    layers = [node["layer"] for node in json.loads(t.to_json(of=loss))["nodes"] if node["op"] == "matmul"]
    assert layers == ["net.0", "net.1.0"]


def test_gradients_of_intermediates():
    x = leaf(3)
    with mg.trace() as t:
        h = x * x
        k = mg.sum(h * 3.0)
        loss = k * k
        loss.backward()
    assert t.grad_of(h).tolist() == [2 * k.item() * 3.0] * 3
    assert t.grad_of(loss).item() == 1.0
    assert t.grad_of(x).tolist() == x.grad.tolist()
    assert t.grad_of(leaf(2)).tolist() == [0.0, 0.0]
    assert t.grad_of(h, of=k).tolist() == [3.0] * 3
    assert h.grad.tolist() == t.grad_of(h).tolist()
    loss.backward()  # the graph was kept
    assert h.grad.tolist() == [4 * k.item() * 3.0] * 3
    with pytest.raises(GradientError, match="MG109"):
        t.grad_of(mg.tensor(1.0))


def test_the_exported_graph_is_consistent():
    x, w = leaf(2, 3), leaf(3, 2)
    with mg.trace() as t:
        h = mg.tanh(x @ w)
        loss = mg.sum(h * h)
        loss.backward()
    text = t.to_json()
    assert "NaN" not in text
    graph = json.loads(text)
    assert graph["version"] == 1
    ids = [node["id"] for node in graph["nodes"]]
    assert ids == list(range(len(ids))) == graph["forward"]
    assert graph["backward"] == ids[::-1]
    assert graph["nodes"][graph["root"]]["name"] == "loss"
    assert graph["nodes"][graph["root"]]["gradient"]["mean"] == 1.0
    for edge in graph["edges"]:
        assert edge["from"] < edge["to"]
    for node in graph["nodes"]:
        into = [edge["contribution"] for edge in graph["edges"] if edge["from"] == node["id"]]
        if into:
            total = sum(part["mean"] for part in into)
            assert total == pytest.approx(node["gradient"]["mean"])
    by_name = {node["name"]: node for node in graph["nodes"]}
    assert by_name["w"]["shape"] == [3, 2]
    assert by_name["w"]["gradient"]["norm"] == pytest.approx(np.linalg.norm(w.grad.data))
    locals_ = {graph["nodes"][edge["to"]]["op"]: edge["local"] for edge in graph["edges"]}
    assert locals_["matmul"] is None
    assert locals_["tanh"]["max"] <= 1.0


def test_numbers_that_are_not_finite_are_counted():
    x = mg.tensor([0.0, 1.0], requires_grad=True)
    with mg.trace() as t:
        loss = mg.sum(mg.log(x))
        loss.backward()
    graph = json.loads(t.to_json())
    log = next(node for node in graph["nodes"] if node["op"] == "log")
    assert log["value"] == {"mean": 0.0, "norm": 0.0, "min": 0.0, "max": 0.0, "nonfinite": 1}
    assert graph["nodes"][graph["root"]]["value"]["mean"] is None


def test_parts_of_a_decomposition():
    a = mg.tensor(np.diag([3.0, 1.0]) + 0.5, requires_grad=True)
    with mg.trace() as t:
        u, s, vh = mg.linalg.svd(a)
        loss = mg.sum(s)
        loss.backward()
    graph = json.loads(t.to_json())
    assert [node["op"] for node in graph["nodes"]] == [None, "svd", "pick", "sum"]
    assert isinstance(graph["nodes"][1]["gradient"], list)
    assert t.grad_of(a).shape == (2, 2)
    assert u.shape == vh.shape


# ------------------------------------------------------------------------------------------------- the evaluation trace


def test_the_evaluation_trace_of_a_value(capsys):
    x, y = Value(2.0), Value(5.0)
    f = x.log() + x * y - y.sin()  # worked by hand: ∂f/∂x = 1/x + y, ∂f/∂y = x - cos y
    mg.trace(f)
    out = capsys.readouterr().out
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "forward ↓",
        "x = 2.0",
        "y = 5.0",
        "v1 = log(x) = 0.693147",
        "v2 = x * y = 10.0",
        "v3 = v1 + v2 = 10.6931",
        "v4 = sin(y) = -0.958924",
        "f = v3 - v4 = 11.6521",
        "backward ↑",
        "∂f/∂f = 1.0",
        "∂f/∂v4 = f: 1.0 × -1.0 = -1.0",
        "∂f/∂v3 = f: 1.0 × 1.0 = 1.0",
        "∂f/∂v2 = v3: 1.0 × 1.0 = 1.0",
        "∂f/∂v1 = v3: 1.0 × 1.0 = 1.0",
        "∂f/∂y = v4: -1.0 × 0.283662 + v2: 1.0 × 2.0 = 1.71634",
        "∂f/∂x = v2: 1.0 × 5.0 + v1: 1.0 × 0.5 = 5.5",
    ]
    forward = out.splitlines()[1:8]
    assert len({line.rindex("=") for line in forward}) == 1  # the values stand in a column
    assert len({len(line) for line in forward}) == 1


def test_the_evaluation_trace_shows_powers_constants_and_own_operations(capsys):
    a = Value(2.0)
    own = Value(8.0, (a,), "cube")
    own._backward = lambda: setattr(a, "grad", a.grad + 12.0 * own.grad)
    mg.trace(3.0 * a**2 - own)
    out = capsys.readouterr().out
    assert "v2  = a**2" in out
    assert "v3  = 3 * v2" in out
    assert "own = cube(a)" in out
    assert "v2: 3.0 × 4.0 + own: -1.0 × 12.0" in out


def test_the_evaluation_trace_of_a_tensor(capsys):
    x, w = leaf(2, 3), leaf(3, 2)
    labels = mg.tensor([[1.0, 0.0], [0.0, 1.0]])
    with mg.trace():
        h = x @ w
        loss = mg.sum((h - labels) ** 2.0)
    mg.trace(loss)
    out = capsys.readouterr().out
    assert "h    = x @ w" in out
    assert "v2   = h - labels" in out
    assert "v3   = v2**2 " in out.replace("v2 ** 2", "v2**2 ")
    assert "loss = sum(v3, axis=(0, 1)) = 7595.0" in out
    assert "(2, 3) mean 3.5 norm" in out
    assert "∂loss/∂h    = via v2 (-)" in out
    assert out.index("∂loss/∂loss") < out.index("∂loss/∂h") < out.index("∂loss/∂x")


def test_a_tensor_without_a_trace_is_told_what_to_do():
    loss = mg.sum(leaf(2) * 2)
    with pytest.raises(GradientError, match=r"with mg.trace\(\):.*MG118"):
        mg.trace(loss)
    with pytest.raises(ArgumentTypeError, match=r"not str.*MG116"):
        mg.trace("loss")


def test_long_traces_are_shortened(capsys):
    x = Value(1.0)
    for _ in range(1000):
        x = x * 1.5
    mg.trace(x)
    out = capsys.readouterr().out
    assert "… 800 more" in out
    assert out.count("\n") < 410


def test_a_graph_of_values_is_exported_in_the_same_structure():
    a, b = Value(2.0, label="a"), Value(-3.0)
    L = (a * b + a) ** 2 * 3.0
    L.backward()
    with mg.trace() as t:
        x = leaf(2)
        loss = mg.sum(x * x)
    graph, tensors = json.loads(t.to_json(of=L)), json.loads(t.to_json(of=loss))
    assert graph.keys() == tensors.keys()
    assert graph["nodes"][0].keys() == tensors["nodes"][0].keys()
    assert graph["edges"][0].keys() == tensors["edges"][0].keys()
    assert graph["version"] == 1
    named = {node["name"]: node for node in graph["nodes"]}
    assert named["a"]["gradient"]["mean"] == a.grad
    assert named["b"]["gradient"]["mean"] == b.grad
    assert named["L"]["op"] == "multiply"
    assert (named["L"]["shape"], named["L"]["dtype"]) == ([], "float64")
    for node in graph["nodes"]:
        into = [edge["contribution"]["mean"] for edge in graph["edges"] if edge["from"] == node["id"]]
        assert not into or sum(into) == pytest.approx(node["gradient"]["mean"])
    assert json.loads(t.to_json())["nodes"][-1]["name"] == "L"  # what was differentiated last


class Renamed(nn.Module):
    """A module whose methods call their first argument otherwise."""

    def __init__(s):  # noqa: N805
        super().__init__()
        s.fc = nn.Linear(2, 3)

    def forward(s, x):  # noqa: N805
        return mg.tanh(s.fc(x)) * 2.0


def test_layers_are_found_whatever_self_is_called():
    net = Renamed()
    with mg.trace() as t:
        loss = mg.sum(net(leaf(4, 2).astype(mg.float32)))
    layers = {node["op"]: node["layer"] for node in json.loads(t.to_json(of=loss))["nodes"]}
    assert (layers["matmul"], layers["tanh"], layers["multiply"], layers["sum"]) == ("net.fc", "net", "net", None)


def test_a_wide_trace_fits_the_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "90")
    shared = leaf(3)
    with mg.trace():
        loss = mg.sum(sum((mg.sin(shared * float(k)) for k in range(40)), shared))
    mg.trace(loss)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 90
    assert "…" in out


def test_chinese_names_keep_tables_aligned(capsys):
    权重, b = Value(2.0, label="权重"), Value(3.0, label="b")
    损失 = 权重 * b
    损失.label = "损失"
    mg.trace(损失)
    lines = capsys.readouterr().out.splitlines()[1:4]
    assert len({width(line[: line.rindex("=")]) for line in lines}) == 1
    损失.backward()
    assert mg.why(b).text().startswith("∂损失/∂b = 2.0")


# ------------------------------------------------------------------------------------------------------ when it is on, off


def test_off_nothing_is_observed():
    assert recording.get() is TAPE
    with mg.trace() as t:
        assert recording.get() is t
    assert recording.get() is TAPE
    leaf(2) * 2
    assert not t.steps


def test_a_trace_under_no_grad_records_nothing():
    x = leaf(2)
    with mg.no_grad(), mg.trace() as t:
        assert (x * 2).node is None
    with mg.trace() as t, mg.no_grad():
        assert (x * 2).node is None
    assert not t.steps
    assert recording.get() is TAPE


def test_a_trace_in_a_trace_tells_both():
    x = leaf(2)
    with mg.trace() as outer:
        a = x * 2
        with mg.trace() as inner:
            L = mg.sum(a * a)
            L.backward()
        assert mg.why(x, 0).check.agrees
    assert len(outer.steps) == 3
    assert len(inner.steps) == 2


def test_after_an_error_the_trace_has_ended():
    with pytest.raises(ZeroDivisionError), mg.trace():
        raise ZeroDivisionError
    assert recording.get() is TAPE


def test_the_last_trace_gives_its_memory_back_when_the_next_begins():
    def traced():
        x = leaf(4)
        with mg.trace() as t:
            mg.sum(x * x)
        return weakref.ref(t)

    first = traced()
    traced()
    gc.collect()
    assert first() is None


def test_transforms_inside_a_trace():
    with mg.trace() as t:
        g = mg.grad(lambda x: mg.sum(x**3))(mg.tensor([1.0, 2.0]))
        h = mg.hessian(lambda x: mg.sum(x**3))(mg.tensor([1.0, 2.0]))
        kept = mg.grad(mg.checkpoint(lambda x: mg.sin(x) * x))(0.5)
    assert g.tolist() == [3.0, 12.0]
    assert h.tolist() == [[6.0, 0.0], [0.0, 12.0]]
    assert kept.item() == pytest.approx(np.sin(0.5) + 0.5 * np.cos(0.5))
    assert t.steps
    assert isinstance(t, Trace)
    assert "operations at" in repr(t)


def test_import_is_light():
    code = (
        "import sys, microgradient as mg; assert 'microgradient.explain' not in sys.modules; mg.why; mg.trace\n"
        "from microgradient.scalar import Value\n"
        "a = Value(1.0); L = a * 2; L.backward(); print(mg.why(a)); mg.trace(L)\n"
        "assert not {'rich', 'sympy', 'scipy', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


class Awkward:
    """An object that a search for names must neither call nor print."""

    def __init__(self):
        self.big = {leaf(3): 1, (1, 2): leaf(2), 3: leaf(1)}
        self.loop = self

    def __getattr__(self, name):
        raise RuntimeError(name)

    def __repr__(self):
        raise RuntimeError("printed")


def test_the_search_for_names_is_not_led_astray():
    rows = [[float(k)] * 3 for k in range(30_000)]
    many = [[object()] * 2 for _ in range(3000)]
    awkward = Awkward()
    model = {"layers": [{"w": Value(2.0)}]}
    a = model["layers"][0]["w"]
    L = a * 3.0
    L.backward()
    assert mg.why(model["layers"][0]["w"]).name == "a"
    b = mg.sum(awkward.big[3] * 2.0)
    assert mg.why(awkward.big[3], 0, of=b).name == "awkward.big[3][0]"
    assert len(rows) + len(many) == 33_000


def test_a_trace_exports_its_own_graph_and_no_other():
    with mg.trace() as first:
        a = leaf(2)
        loss = mg.sum(a * a)
        loss.backward()
    with mg.trace() as second:
        b = leaf(3)
        other = mg.sum(b * b * b)
        other.backward()
    assert {node["name"] for node in json.loads(second.to_json())["nodes"]} >= {"b", "other"}
    assert {node["name"] for node in json.loads(first.to_json(of=loss))["nodes"]} >= {"a", "loss"}
    with mg.trace() as empty:
        pass
    for trace, of in ((first, None), (empty, None), (second, loss)):
        with pytest.raises(GradientError, match="not computed under this trace"):
            trace.to_json(of=of)


@pytest.fixture
def recorded():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.trace() as t:
        mg.sum(x * x).backward()
    return t


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "is no name of a file"),
        ("a\0b", "is no name of a file"),
        (".", "is a folder: name a file"),
        ("none/page.html", "there is no folder none"),
        ("file/page.html", "Not a directory"),
        (None, "named by a text or a Path"),
        (3, "named by a text or a Path"),
    ],
)
def test_a_page_that_cannot_be_written_is_told(recorded, tmp_path, monkeypatch, name, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(MicrogradientError, match=said) as refused:
        recorded.save_html(name)
    assert refused.value.code == "MG186"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_path_given_to_json_is_told_what_to_write(recorded):
    with pytest.raises(ArgumentTypeError, match="write_text"):
        recorded.to_json("trace.json")


@pytest.mark.parametrize("show", [mg.trace, mg.view])
def test_a_tensor_without_a_graph_is_called_as_the_user_calls_it(show):
    lonely = mg.tensor(1.0)
    with pytest.raises(GradientError, match="`lonely` is not connected to any tensor that requires a gradient"):
        show(lonely)
