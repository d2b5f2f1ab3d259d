"""mg.gradient_flow: what flows into a layer flows out or ends there; each edge carries the paths that lead over it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg
from microgradient import nn
from microgradient.errors import ArgumentTypeError
from microgradient.explain.flow import Part, flows
from microgradient.explain.gradient_flow import flow_to
from microgradient.explain.stations import opened, stations
from microgradient.explain.sweep import sweep_of, tangent
from microgradient.scalar import Value


def checked(flow, rel=1e-12, inner=0.0):
    """The account of every station is balanced; nothing is lost or made on the way from the loss to the ends.

    Rounding is of the size of the largest flow; `inner` is that within the stations.
    """
    parts = [band.part for band in flow.bands] + [b.kept for b in flow.balances]
    scale = max([abs(flow.total), inner, *(part.gross for part in parts)])
    for b in flow.balances:
        assert abs(b.inflow.net + b.source.net - b.outflow.net - b.kept.net) <= rel * scale
        assert b.inflow.up >= 0 >= b.inflow.down
    assert abs(sum(b.kept.net for b in flow.balances) - flow.total) <= rel * scale
    assert sum(b.source.net for b in flow.balances) == flow.total
    assert {band.start for band in flow.bands} | {band.end for band in flow.bands} <= {b.station for b in flow.balances}


# ------------------------------------------------------------------------------------------------------- programs at random

LAYERS = {
    "linear": lambda: nn.Linear(4, 4),
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "softmax": lambda: nn.Softmax(-1),
    "norm": lambda: nn.LayerNorm(4),
    "batch norm": lambda: nn.BatchNorm1d(4),
    "block": lambda: nn.Sequential(nn.Linear(4, 4), nn.GELU()),
}


class Program(nn.Module):
    """Layers called in an order, some again, with operations of all kinds between them."""

    def __init__(self, names, between):
        super().__init__()
        self.layers = nn.ModuleList([LAYERS[name]() for name in names])
        self.between = between

    def forward(self, x):
        seen = [x]
        for (k, how), layer in zip(self.between, self.layers, strict=True):
            h, other = layer(seen[-1]), seen[k % len(seen)]
            seen.append(
                h if how == "on" else h + other if how == "residual" else h * mg.sigmoid(other) if how == "gate"
                else mg.concat([h[:, :2], other[:, 2:]], axis=1) if how == "concat" else layer(h) + 0.5 * h.T.T
            )  # fmt: skip
        return seen[-1]


@st.composite
def programs(draw):
    names = draw(st.lists(st.sampled_from(sorted(LAYERS)), min_size=1, max_size=6))
    how = st.sampled_from(["on", "residual", "gate", "concat", "twice"])
    between = draw(st.lists(st.tuples(st.integers(0, 9), how), min_size=len(names), max_size=len(names)))
    mg.manual_seed(draw(st.integers(0, 99)))
    model = Program(names, between).double()
    x = mg.randn(3, 4, dtype=np.float64)
    x = mg.Tensor(x.data, requires_grad=True) if draw(st.booleans()) else x
    with mg.trace():
        loss = mg.mean(mg.square(model(x) - 0.3))
        if loss.requires_grad:
            loss.backward()
    return model, x, loss


@settings(max_examples=40, deadline=None)
@given(programs(), st.data())
def test_inflow_and_source_are_outflow_and_what_is_kept(program, data):
    model, x, loss = program
    if not loss.requires_grad:
        return
    sweep = sweep_of(loss, {"model": model, "x": x})
    leaves = [node for node in sweep.order if node.op is None]
    node = data.draw(st.sampled_from([None, *leaves, *sweep.order[-8:]]))
    place = None if node is None else tuple(data.draw(st.integers(0, n - 1)) for n in node.shape)
    some, root = data.draw(st.sets(st.integers(0, 40))), stations(sweep)
    for at in {None, place}:
        finest = flow_to(sweep, node, at, opened(root, range(10**4)))
        inner = max((band.part.gross for band in finest.bands), default=0.0)
        checked(finest)
        for numbers in (None, some):
            checked(flow_to(sweep, node, at, opened(root, numbers)), inner=inner)
    everything = flow_to(sweep)
    norms = [np.sum(np.square(sweep.adjoints[leaf])) for leaf in leaves]
    assert everything.total == pytest.approx(math.sqrt(sum(norms)), rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(programs(), st.sets(st.integers(0, 40)))
def test_every_node_is_in_one_station(program, numbers):
    model, x, loss = program
    if not loss.requires_grad:
        return
    sweep = sweep_of(loss, {"model": model, "x": x})
    for some in (None, numbers, range(10**4), ()):
        shown = opened(stations(sweep), some)
        nodes = [node for station in shown for node in station.nodes]
        assert len(nodes) == len(set(nodes)) == len(sweep.order)
        at = {node: k for k, station in enumerate(shown) for node in station.nodes}
        assert all(at[use.parent] <= at[use.node] for use in sweep.uses)  # no circles


# -------------------------------------------------------------------------------------------------------- against all paths


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from("+-*t")), min_size=1, max_size=8))
def test_an_edge_carries_the_paths_that_lead_over_it(steps):
    x, y = Value(0.7), Value(-1.3)
    known = [x, y]
    for i, j, op in steps:
        a, b = known[-1 - i % min(3, len(known))], known[-1 - j % len(known)]
        known.append(a + b if op == "+" else a - b if op == "-" else a * b if op == "*" else a.tanh())
    loss = known[-1]
    loss.backward()
    sweep = sweep_of(loss, {})
    uses = {}
    for use in sweep.uses:
        uses.setdefault(use.node, []).append(use)
    for target in sweep.order[:2]:
        expected, todo = {}, [(sweep.root, 1.0, ())]
        while todo:  # every path, one by one
            node, product, path = todo.pop()
            if node is target:
                for use in path:
                    expected.setdefault(id(use), []).append(product)
                continue
            for use in uses.get(node, ()):
                todo.append((use.parent, product * float(tangent(node, use.argument, np.float64(1))), (*path, use)))
        found = {id(use): part for use, part in flows(sweep, {target: np.float64(1)})}
        scale = max((sum(map(abs, each)) for each in expected.values()), default=0.0)
        for key in expected.keys() | found.keys():
            carried = found[key].net if key in found else 0.0
            assert abs(carried - math.fsum(expected.get(key, [0.0]))) <= 1e-12 * scale


def test_contributions_are_those_of_why():
    """What ends in an entry of a weight is its gradient as +… and −…: the contributions that `why` lists."""
    mg.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, 2)).double(), mg.randn(40, 5, dtype=np.float64)
    with mg.trace():
        loss = mg.mean(mg.square(model(x)))
        loss.backward()
    weight = model[0].weight
    for index in [(0, 0), (2, 4), (1, 3)]:
        edges = [edge.contribution for edge in mg.why(weight, index, top=None).edges]
        flow = mg.gradient_flow(weight, index)
        (kept,) = [b.kept for b in flow.balances if b.ends]
        assert kept.up == pytest.approx(math.fsum(c for c in edges if c > 0), rel=1e-12)
        assert kept.down == pytest.approx(math.fsum(c for c in edges if c < 0), rel=1e-12)
        assert flow.total == float(weight.grad[index])
        checked(flow)


# ------------------------------------------------------------------------------------------------------------ special cases


def test_a_rule_without_a_jvp_keeps_the_balance():
    @mg.custom_rule(vjp=lambda t, y, x: t.clip(-0.01, 0.01))
    def held(x):
        return x

    x = mg.tensor(np.array([1.0, -2.0, 3.0]), requires_grad=True)
    with mg.trace():
        h = held(mg.sin(x))
        loss = mg.sum(h * h) + mg.sum(mg.exp(h))
        loss.backward()
    flow = mg.gradient_flow(x)
    checked(flow)
    assert flow.total == pytest.approx(float(np.linalg.norm(x.grad.data)), rel=1e-12)
    assert flow.total > 0


def test_results_of_several_arrays_and_checkpoints():
    mg.manual_seed(1)
    a = mg.tensor(np.diag([1.0, 2.0, 3.0]) + 0.1, requires_grad=True)
    w = mg.tensor(np.full((3, 3), 0.2), requires_grad=True)
    with mg.trace():
        q, r = mg.linalg.qr(a)
        h = mg.checkpoint(lambda x: mg.tanh(x @ w))(q)
        loss = mg.sum(h * r) + mg.sum(q[0])
        loss.backward()
    for x in (None, a, w, q):
        checked(mg.gradient_flow(x))
    checked(mg.gradient_flow(w, (1, 2)))


def test_a_layer_called_twice_is_two_stations():
    layer = nn.Linear(3, 3)
    with mg.trace():
        loss = mg.sum(layer(mg.tanh(layer(mg.ones((2, 3))))))
        loss.backward()
    flow = mg.gradient_flow(layer.weight)
    assert [b.station.name for b in flow.balances].count("layer") == 2
    checked(flow, 1e-6)


def test_a_long_graph_without_layers_is_split():
    x = Value(1.0, label="x")
    y = x
    for _ in range(3000):
        y = y * 1.0001 + 0.001
    y.backward()
    flow = mg.gradient_flow(x, of=y)
    assert 1 < len(flow.balances) <= 24
    checked(flow)


def test_what_nothing_arrives_at():
    x, z = Value(1.0, label="x"), Value(2.0, label="z")
    y = x * x
    y.backward()
    flow = mg.gradient_flow(y, of=y)
    assert flow.total == 1.0
    assert not flow.bands
    checked(flow)
    assert mg.gradient_flow(z, of=y).total == 0.0
    assert not mg.gradient_flow(z, of=y).bands


def test_nan_is_said():
    x = mg.tensor([0.0], requires_grad=True)
    with mg.trace():
        loss = mg.sum(mg.log(x) * 0.0)
        loss.backward()
    assert "nan" in str(mg.gradient_flow(x))


def test_it_prints_what_cancels():
    w, a, b = Value(1.0, label="w"), Value(1000.0, label="a"), Value(998.0, label="b")
    loss = w * a - w * b
    loss.label = "L"
    told = str(mg.gradient_flow(w, of=loss)).splitlines()
    assert told[0] == "∂L/∂w = 2.0"
    assert told[-1].split() == ["w", "keeps", "it", "+1000.0", "-998.0", "=", "+2.0", "▲"]


def test_minus_infinity_is_among_what_lowers():
    assert Part.of(-math.inf).gross == Part.of(math.inf).gross == math.inf
    x = mg.tensor([0.0, 1.0], requires_grad=True)
    flow = mg.gradient_flow(x, 0, of=-mg.sum(mg.sqrt(x)))
    assert flow.total == -math.inf
    assert all(band.part == Part(0.0, -math.inf) for band in flow.bands if not band.start.name.startswith("x"))


def test_an_index_needs_a_tensor():
    x = mg.tensor([0.0, 1.0], requires_grad=True)
    with pytest.raises(ArgumentTypeError, match="none is given"):
        mg.gradient_flow(index=0, of=mg.sum(x))


def test_an_entry_that_is_finite_flows_beside_one_that_is_not():
    x = mg.tensor([1.0, 0.0, 4.0], requires_grad=True)
    flow = mg.gradient_flow(x, 0, of=mg.sum(mg.sqrt(x)))
    assert flow.total == 0.5
    assert all(band.part == Part(0.5, 0.0) for band in flow.bands)


@pytest.mark.parametrize("of", ["y", 3.0, nn.Linear(2, 2)])
def test_of_is_a_number_of_ours(of):
    with pytest.raises(ArgumentTypeError, match="`of` is a Value or a Tensor, not"):
        mg.gradient_flow(mg.tensor([1.0], requires_grad=True), of=of)
