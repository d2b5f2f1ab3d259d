"""A file of `trace.to_json()` on the page: its graph is that of the trace itself, with statistics in the place of arrays."""

from __future__ import annotations

import json

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn
from microgradient.errors import DataError, MicrogradientError, OutOfRangeError
from microgradient.explain.sweep import sweep_of
from microgradient.page.document import document
from microgradient.page.exported import Exported
from microgradient.page.session import Session


@pytest.fixture
def written(tmp_path):
    mg.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Sequential(nn.Linear(8, 8), nn.ReLU()), nn.Linear(8, 3))
    with mg.trace() as trace:
        loss = nn.functional.cross_entropy(model(mg.randn(5, 4)), mg.tensor([0, 1, 2, 0, 1]))
        loss.backward()
    path = tmp_path / "trace.json"
    path.write_text(trace.to_json(of=loss))
    return path, document(sweep_of(loss, {"model": model, "loss": loss}))


def test_the_graph_is_that_of_the_trace(written):
    path, graph = written
    found = Exported(path).graph
    assert [found["root"], found["of"], len(found["nodes"])] == [graph["root"], graph["of"], len(graph["nodes"])]
    for ours, theirs in zip(found["nodes"], graph["nodes"], strict=True):
        assert [ours[name] for name in ("name", "shape", "line")] == [
            theirs[name] for name in ("name", "shape", "line")
        ]
        for name in ("value", "gradient"):
            a, b = (told["norm"] if isinstance(told, dict) else abs(told) for told in (ours[name], theirs[name]))
            np.testing.assert_allclose(a, b, rtol=1e-6)
    assert [(use["from"], use["to"]) for use in found["uses"]] == [(use["from"], use["to"]) for use in graph["uses"]]


def test_boxes_hold_what_they_hold_in_the_trace(written):
    path, graph = written
    found = Exported(path).graph
    paths = [{data["groups"][node["group"]]["path"] for node in data["nodes"]} for data in (found, graph)]
    assert paths[0] == paths[1]
    assert all(node["w"] > 0 for node in found["nodes"])


def test_the_flow_is_that_of_the_trace(written, tmp_path):
    mg.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    with mg.trace() as trace:
        loss = nn.functional.cross_entropy(model(mg.randn(5, 4)), mg.tensor([0, 1, 2, 0, 1]))
        loss.backward()
    path = tmp_path / "flow.json"
    path.write_text(trace.to_json(of=loss))
    page, theirs = Exported(path), Session(sweep_of(loss, {"model": model, "loss": loss}))
    for words in ({}, {"open": ""}, {"open": "1"}):
        found, expected = page.answers["flow"](words), theirs.answers["flow"](words)
        for each in expected["stations"] + expected["open"]:
            each["kind"] = ""  # classes are not in the file
        for each in found["stations"] + found["open"]:
            each["kind"] = ""
        assert found == expected
    assert found["bands"]
    with pytest.raises(MicrogradientError, match="MG118"):
        page.answers["flow"]({"node": 0})
    older = json.loads(path.read_text())
    del older["flow"]
    path.write_text(json.dumps(older))
    with pytest.raises(MicrogradientError, match="MG118"):  # of an older version
        Exported(path).answers["flow"]({})


def test_a_card_of_every_node(written):
    page = Exported(written[0])
    a = mg.Value(2.0)
    y = a * a
    y.backward()
    theirs = Session(sweep_of(y, {})).answers["why"]({"node": 0})
    for k, node in enumerate(page.graph["nodes"]):
        card = page.answers["why"]({"node": k})
        assert card["name"] == node["name"]
        assert len(card["edges"]) == card["paths"]
        assert card.keys() == theirs.keys()
    with pytest.raises(OutOfRangeError):
        page.answers["why"]({"node": 999})
    for name in ("array", "change", "sweep", "paths"):
        with pytest.raises(MicrogradientError, match="MG118"):
            page.answers[name]({"node": 0})


def test_values_keep_their_numbers(tmp_path):
    a, b = mg.Value(2.0, label="a"), mg.Value(-3.0, label="b")
    loss = a * b + a
    loss.backward()
    with mg.trace() as trace:
        pass
    (tmp_path / "values.json").write_text(trace.to_json(of=loss))
    page = Exported(tmp_path / "values.json")
    k = next(k for k, node in enumerate(page.graph["nodes"]) if node["name"] == "a")
    card = page.answers["why"]({"node": k})
    assert sum(edge["contribution"] for edge in card["edges"]) == card["gradient"] == -2.0


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"version": 1}', '{"nodes": 3', "\x00"])
def test_another_file_is_refused_in_a_sentence(tmp_path, content, run):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(DataError, match="MG181"):
        Exported(path)
    code, _, said = run("view", str(path), "--no-browser")
    assert (code, "Traceback" in said, "MG181" in said) == (1, False, True)


def test_another_version_is_named(written):
    path, _ = written
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 99}))
    with pytest.raises(DataError, match="version 99"):
        Exported(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data["edges"].append({**data["edges"][0], "from": 9999}),
        lambda data: data["nodes"][0].pop("name"),
        lambda data: data["nodes"][-1].update(shape="x"),
        lambda data: data.update(root=-5000),
        lambda data: data.update(nodes=[]),
        lambda data: data.update(edges=[1, 2]),
        lambda data: data["edges"][0].update(argument=10**9),
        lambda data: data["edges"][0].update({"from": data["edges"][0]["to"]}),
        lambda data: data["edges"][0].update({"from": -1}),
        lambda data: data["nodes"][0]["value"].update(mean=float("nan")),
    ],
)
def test_a_damaged_graph_is_refused_in_a_sentence(written, damage):
    path, _ = written
    data = json.loads(path.read_text())
    damage(data)
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match="MG181"):
        Exported(path)


def test_functions_are_boxes_as_they_were_called_and_may_be_missing_in_older_files(written, tmp_path):
    path, graph = written
    calls = [group["call"] for group in graph["groups"] if group["call"]]
    assert [group["call"] for group in Exported(path).graph["groups"] if group["call"]] == calls
    assert any("cross_entropy(" in call for call in calls)
    data = json.loads(path.read_text())
    del data["composites"]
    for node in data["nodes"]:
        del node["composites"]
    (tmp_path / "old.json").write_text(json.dumps(data))
    assert not any(group["call"] for group in Exported(tmp_path / "old.json").graph["groups"])


def test_a_bare_nan_is_named(written, tmp_path):
    path, _ = written
    (tmp_path / "nan.json").write_text(path.read_text().replace('"root": ', '"root": NaN, "was": ', 1))
    with pytest.raises(DataError, match="holds NaN, which JSON has not"):
        Exported(tmp_path / "nan.json")
