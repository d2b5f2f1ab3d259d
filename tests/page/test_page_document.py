"""What the page is told of a graph: everything in its box, every contribution, and sums that are the gradients."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from graphs import of_a_model, of_values

import microgradient as mg
from microgradient.errors import MicrogradientError
from microgradient.explain.mistakes import MISTAKES
from microgradient.explain.sweep import sweep_of
from microgradient.page.session import Session
from microgradient.page.snapshot import snapshot


@pytest.mark.parametrize("make", [of_values, of_a_model])
def test_contributions_add_up_to_the_gradient(make):
    graph = make().graph
    for k, node in enumerate(graph["nodes"]):
        into = [use for use in graph["uses"] if use["from"] == k]
        if into:
            assert into[-1]["total"] == node["gradient"]
        if into and node["shape"] == []:
            assert math.fsum(use["contribution"] for use in into) == pytest.approx(node["gradient"], rel=1e-6)


@pytest.mark.parametrize("make", [of_values, of_a_model])
def test_uses_are_in_the_order_of_the_sweep(make):
    """What arrives at a node is its whole gradient: all its uses came before."""
    graph = make().graph
    for use in graph["uses"]:
        assert use["upstream"] == graph["nodes"][use["to"]]["gradient"]


def test_every_number_on_a_card_is_the_same_as_of_why():
    session = of_a_model()
    rng = np.random.default_rng(0)
    for node, at in enumerate(session.sweep.order):
        if not at.shape:
            continue
        index = ",".join(str(rng.integers(n)) for n in at.shape)
        card = session.why({"node": node, "index": index})
        gradient = session.sweep.adjoints[at][tuple(card["index"])]
        assert card["gradient"] == float(gradient)
        total = math.fsum(edge["contribution"] for edge in card["edges"]) + card["more"]["sum"]
        assert total == pytest.approx(card["gradient"], rel=1e-4, abs=1e-7)
        for edge in card["edges"]:  # each door leads to the number that it shows
            opened = session.why({"node": edge["node"], "index": ",".join(map(str, edge["index"]))})
            assert opened["gradient"] == pytest.approx(edge["upstream"], rel=1e-6)


def test_a_number_that_is_not_finite_is_told_by_name():
    a = mg.Value(0.0, label="a")
    y = mg.Value(1.0) / a
    y.backward()
    graph = Session(sweep_of(y, {})).graph
    assert json.loads(json.dumps(graph, allow_nan=False)) == json.loads(json.dumps(graph))
    assert "inf" in {node["value"] for node in graph["nodes"]}


@pytest.mark.parametrize(
    "words", [{"node": 1000}, {"node": -1}, {"node": 0, "index": "9,9"}, {"node": 0, "index": "1"}], ids=str
)
def test_what_is_not_there_is_said(words):
    with pytest.raises(MicrogradientError):
        of_a_model().why(words)


def test_an_array_is_shown_by_its_largest_entries():
    x = mg.tensor(np.arange(300 * 2, dtype=np.float32).reshape(300, 2), requires_grad=True)
    with mg.trace():
        y = mg.sum(x * x)
        y.backward()
    session = Session(sweep_of(y, {"x": x}))
    picture = session.array({"node": 0})
    assert picture["step"] == [3, 1]
    assert picture["value"] == x.data.reshape(100, 3, 2)[:, 2].tolist()
    assert picture["gradient"] == (2 * x.data).reshape(100, 3, 2)[:, 2].tolist()


def test_a_saved_page_holds_all_and_nothing_that_ends_its_script():
    a = mg.Value(2.0, label="</script><b>a")
    y = a * a
    y.backward()
    text = snapshot(Session(sweep_of(y, {})))
    stored = text.split('type="application/json">')[1].split("</script>")[0]
    data = json.loads(stored)
    assert data["graph"]["nodes"][0]["name"] == "</script><b>a"
    assert data["why"]["0"]["gradient"] == 4.0
    assert "<b>a" not in text
    assert "http" not in text.replace("http://www.w3.org", "").replace("http-equiv", "")


@pytest.mark.slow
def test_a_saved_page_of_many_paths_and_large_arrays_stays_small():
    x = mg.tensor(np.linspace(-1, 1, 256).reshape(16, 16), requires_grad=True)
    weights = [mg.tensor(np.full((16, 16), 0.01), requires_grad=True) for _ in range(12)]
    with mg.trace():
        y = x
        for w in weights:
            y = y + mg.tanh(y @ w)
        loss = mg.sum(y)
    text = snapshot(Session(sweep_of(loss, {"loss": loss})))
    data = json.loads(text.split('type="application/json">')[1].split("</script>")[0])
    assert len(text.encode()) < 5_000_000
    assert data["why"].keys() == {str(k) for k in range(len(data["graph"]["nodes"]))}
    assert all(data[kind] for kind in ("array", "sweep", "paths", "flow"))


def test_another_number_and_back():
    session = of_values()
    before = session.numbers({})
    at = next(k for k, node in enumerate(session.graph["nodes"]) if node["name"] == "a")
    moved = session.change({"node": at, "value": 0.5})
    a, b = mg.Value(0.5), mg.Value(-3.0)
    L = (a * b + a) ** 2 + a * b
    L.backward()
    assert moved["nodes"][at]["gradient"] == session.why({"node": at})["gradient"] == a.grad
    assert session.change({}) == before


@pytest.mark.parametrize(
    "words", [{"node": 2, "value": 1.0}, {"node": 0, "value": "nan"}, {"node": 9999, "value": 1}], ids=str
)
def test_a_change_that_can_not_be_made_is_said(words):
    with pytest.raises(MicrogradientError):
        of_values().change(words)


def test_a_wrong_sweep_marks_what_is_wrong():
    session = of_values()
    for kind in MISTAKES:
        told = session.numbers({"mistake": kind})
        for node, right in zip(told["nodes"], session.graph["nodes"], strict=True):
            assert node["wrong"] == (node["gradient"] != right["gradient"])


def test_paths_and_one_muted():
    session = of_values()
    at = next(k for k, node in enumerate(session.graph["nodes"]) if node["name"] == "a")
    found = session.paths({"node": at})
    assert math.fsum(path["contribution"] for path in found["paths"]) + found["rest"] == pytest.approx(found["total"])
    assert found["total"] == found["gradient"] == session.graph["nodes"][at]["gradient"]
    edge = found["paths"][0]["edges"][-1]
    without = session.paths({"node": at, "muted": str(edge["use"])})
    gone = [path["contribution"] for path in found["paths"] if edge["use"] in [e["use"] for e in path["edges"]]]
    assert without["total"] == pytest.approx(found["total"] - math.fsum(gone))
    assert [each["use"] for each in without["muted"]] == [edge["use"]]


def test_contributions_to_an_array_add_up_along_its_gradient():
    """Norms do not add up; the parts along the gradient do, on cards and among whole paths."""
    session = of_a_model()
    for k, node in enumerate(session.graph["nodes"]):
        card = session.why({"node": k})
        if not node["shape"] or card["along"] is None:
            continue
        folded = {each["through"] for each in card["edges"]} - {None}
        rows = [each["along"] for each in card["edges"] if each["through"] is None]
        rows += [each["along"] for each in card["through"]] + [card["more"]["along"] or 0.0]
        assert sum(rows) == pytest.approx(card["along"], rel=1e-6)
        assert card["along"] == pytest.approx(card["gradient"]["norm"], rel=1e-6)
        for each, number in zip(card["through"], range(99), strict=False):
            inside = [edge["along"] for edge in card["edges"] if edge["through"] == number]
            assert sum(inside) + (each["more"]["along"] or 0.0) == pytest.approx(each["along"], rel=1e-6, abs=1e-12)
        assert folded == set(range(len(card["through"])))
        found = session.paths({"node": k})
        if found["paths"]:
            total = sum(path["along"] for path in found["paths"]) + (found["rest_along"] or 0.0)
            assert total == pytest.approx(card["gradient"]["norm"], rel=1e-5)
