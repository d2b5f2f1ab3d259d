"""The river as the page gets it: numbers that balance, nothing drawn over anything else, stations that open and close."""

from __future__ import annotations

import itertools

import pytest
from graphs import of_a_model, of_blocks, of_values

import microgradient as mg
from microgradient.explain.sweep import sweep_of
from microgradient.page.session import Session


def checked(found):
    """Inflow and source are outflow and what is kept; in a column nothing lies on anything; bands go to the left."""
    at = {station["number"]: station for station in found["stations"]}
    scale = max([abs(found["total"]), *(band["part"]["up"] - band["part"]["down"] for band in found["bands"])])
    for station in at.values():
        inflow, outflow, kept = (station[side]["net"] for side in ("inflow", "outflow", "kept"))
        source = station["source"]["net"] if station["source"] else 0.0
        assert inflow + source == pytest.approx(outflow + kept, rel=0, abs=1e-5 * scale)
        assert station["keptWide"] <= station["high"] + 1e-6
    taken = {
        k: [(s["y"], s["y"] + s["high"]) for s in at.values() if s["column"] == k] for k in range(found["columns"])
    }
    for band in found["bands"]:
        start, end = at[band["start"]], at[band["end"]]
        assert start["column"] > end["column"]
        assert len(band["y"]) == start["column"] - end["column"] + 1
        for k, y in enumerate(band["y"][1:-1], 1):
            taken[start["column"] - k].append((y - band["wide"] / 2, y + band["wide"] / 2))
        for y, station in ((band["y"][0], start), (band["y"][-1], end)):
            assert station["y"] - 1e-6 <= y - band["wide"] / 2
            assert y + band["wide"] / 2 <= station["y"] + station["high"] + 1e-6
    for places in taken.values():
        assert all(high <= low for (_, high), (low, _) in itertools.pairwise(sorted(places)))
        assert all(0 <= low <= high <= found["height"] + 1e-6 for low, high in places)


@pytest.mark.parametrize("make", [of_values, of_a_model, lambda: of_blocks(3)])
def test_every_river_balances_and_is_drawn_apart(make):
    session = make()
    checked(session.flow({}))
    for k, node in enumerate(session.sweep.order):
        if node.shape is not None:
            checked(session.flow({"node": k}))
            checked(session.flow({"node": k, "index": ",".join("0" for _ in node.shape)}))


def test_layers_open_and_close():
    session = of_blocks(15)
    first = session.flow({})
    (blocks,) = [each for each in first["stations"] if each["kind"] == "Block ×15"]
    opened = [each["number"] for each in first["open"]]
    inside = session.flow({"open": ",".join(map(str, [*opened, blocks["number"]]))})
    assert [each["name"] for each in inside["stations"]][1:16] == [f"model.{k}" for k in range(1, 16)]
    checked(inside)
    closed = session.flow({"open": ""})
    assert [(each["name"], each["kind"]) for each in closed["stations"]][::2] == [("model", "Sequential"), ("mean", "")]
    assert len(closed["stations"]) == 3
    checked(closed)
    assert session.flow({"open": ",".join(map(str, opened))}) == first


def test_it_is_what_python_says():
    session = of_a_model()
    node = next(k for k, each in enumerate(session.graph["nodes"]) if each["name"] == "model.0.weight")
    found = session.flow({"node": node, "index": "1,2"})
    assert found["total"] == session.why({"node": node, "index": "1,2"})["gradient"]
    edges = [e["contribution"] for e in session.why({"node": node, "index": "1,2", "top": 99})["edges"]]
    (kept,) = [each["kept"] for each in found["stations"] if each["ends"]]
    assert kept["up"] == pytest.approx(sum(c for c in edges if c > 0), rel=1e-5, abs=1e-9)
    assert kept["down"] == pytest.approx(sum(c for c in edges if c < 0), rel=1e-5, abs=1e-9)


def test_nan_is_told_and_drawn_without_width():
    x = mg.tensor([0.0, 1.0], requires_grad=True)
    with mg.trace():
        loss = mg.sum(mg.log(x) * 0.0)
        loss.backward()
    found = Session(sweep_of(loss, {"x": x})).flow({})
    assert "nan" in {band["part"]["net"] for band in found["bands"]} | {found["total"]}
    assert all(band["wide"] == 0 for band in found["bands"] if band["part"]["net"] == "nan")
