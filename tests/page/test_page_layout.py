"""Where things are drawn: nothing overlaps, time goes to the right, boxes hold what is theirs."""

from __future__ import annotations

import itertools

import pytest
from graphs import of_a_model, of_blocks, of_values
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg
from microgradient.explain.sweep import sweep_of
from microgradient.page.document import document


def overlap(a, b):
    return (
        a["x"] < b["x"] + b["w"] - 1e-4
        and b["x"] < a["x"] + a["w"] - 1e-4
        and a["y"] < b["y"] + b["h"] - 1e-4
        and b["y"] < a["y"] + a["h"] - 1e-4
    )


def checked(graph):
    nodes, groups = graph["nodes"], graph["groups"]
    for use in graph["uses"]:
        assert nodes[use["from"]]["x"] < nodes[use["to"]]["x"]
    for box in [*nodes, *groups[1:]]:
        outer = groups[box["group"]]
        assert outer["x"] <= box["x"] + 1e-4
        assert outer["y"] <= box["y"] + 1e-4
        assert box["x"] + box["w"] <= outer["x"] + outer["w"] + 1e-4
        assert box["y"] + box["h"] <= outer["y"] + outer["h"] + 1e-4
    inside = lambda k: [box for box in [*nodes, *groups] if box["group"] == k]
    for k in range(len(groups)):
        assert not any(overlap(a, b) for a, b in itertools.combinations(inside(k), 2))


@pytest.mark.parametrize("make", [of_values, of_a_model])
def test_places(make):
    checked(make().graph)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=40))
def test_places_of_any_graph(pairs):
    known = [mg.Value(0.5), mg.Value(-0.25)]
    for i, j in pairs:
        known.append(known[i % len(known)] * known[j % len(known)])
    known[-1].backward()
    checked(document(sweep_of(known[-1], {})))


def test_a_layer_that_is_called_twice_is_two_boxes():
    from microgradient import nn

    layer = nn.Linear(3, 3)
    with mg.trace():
        loss = mg.sum(mg.tanh(layer(mg.tanh(layer(mg.ones((2, 3)))))))
        loss.backward()
    graph = document(sweep_of(loss, {"layer": layer, "loss": loss}))
    assert [group["path"] for group in graph["groups"]].count("layer") == 2
    checked(graph)


def test_equal_blocks_in_a_row_are_one_box():
    graph = of_blocks(12).graph
    folded = [k for k, group in enumerate(graph["groups"]) if group["kind"] == "Block ×12"]
    assert len(folded) == 1
    assert graph["groups"][folded[0]]["path"] == "model.1 … model.12"
    assert [group["path"] for group in graph["groups"] if group["group"] == folded[0]] == [
        f"model.{k}" for k in range(1, 13)
    ]
    checked(graph)


def test_what_can_wait_is_drawn_beside_its_use():
    """The products of a dot product, and their weights, lie where they are added, not all in one column far from there."""
    x = [mg.Value(0.1 * k) for k in range(12)]
    w = [mg.Value(1.0 - 0.1 * k) for k in range(12)]
    total = mg.Value(0.0)
    for a, b in zip(x, w, strict=True):
        total = total + a * b
    (total * total).backward()
    sweep = sweep_of(total, {})
    graph = document(sweep)
    columns = {x: k for k, x in enumerate(sorted({node["x"] for node in graph["nodes"]}))}
    at = [columns[node["x"]] for node in graph["nodes"]]
    assert all(at[use["to"]] == at[use["from"]] + 1 for use in graph["uses"])
    assert max(at.count(column) for column in columns.values()) <= 4
    checked(graph)
