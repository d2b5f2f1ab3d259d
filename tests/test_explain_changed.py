"""A graph with another number in a leaf is what the program computes with that number; mistakes are what they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg
from microgradient import nn
from microgradient.errors import MicrogradientError
from microgradient.explain.changed import changed
from microgradient.explain.mistakes import MISTAKES, Mistake
from microgradient.explain.sweep import sweep_of


def close(a, b):
    return np.allclose(a, b, rtol=1e-5, atol=1e-7, equal_nan=True)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from("+*-")), min_size=1, max_size=12),
    st.floats(-2, 2),
)
def test_values(pairs, new):
    def computed(first):
        known = [mg.Value(first), mg.Value(-0.25)]
        for i, j, sign in pairs:
            a, b = known[i % len(known)], known[j % len(known)]
            known.append(a + b if sign == "+" else a * b if sign == "*" else (a - b).tanh())
        known[-1].backward()
        return known

    old, right = computed(0.5), computed(new)
    sweep = sweep_of(old[-1], {})
    node = sweep.node(old[0])
    if node is None or node not in sweep.order:
        return
    again = changed(sweep, node, (), new)
    assert again.value(again.root) == right[-1].data
    assert again.adjoints.get(again.order[sweep.order.index(node)], 0) == right[0].grad


@pytest.mark.parametrize("index", [(0, 0), (3, 2)])
def test_an_entry_of_a_weight(index):
    def computed(model):
        with mg.trace():
            loss = nn.functional.cross_entropy(model(x), mg.tensor([0, 1, 2]))
            loss.backward()
        return loss

    mg.manual_seed(0)
    x = mg.randn(3, 4)
    model = nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5), nn.GELU(), nn.LSTM(5, 3, batch_first=True), _First())
    sweep = sweep_of(computed(model), {"model": model})
    parameter = model[0].weight
    again = changed(sweep, parameter.node, index, 0.75)
    model.zero_grad()
    data = parameter.data.copy()
    data[index] = 0.75
    parameter.data = data
    loss = computed(model)
    assert close(again.value(again.root), loss.data)
    assert close(again.adjoints[again.order[sweep.order.index(parameter.node)]], parameter.grad.data)
    assert [again.names[node] for node in again.order] == [sweep.names[node] for node in sweep.order]


class _First(nn.Module):
    def forward(self, x):
        return x[0]


def test_what_was_computed_can_not_be_changed():
    a = mg.Value(2.0)
    b = a * a
    c = b + a
    c.backward()
    sweep = sweep_of(c, {})
    with pytest.raises(MicrogradientError, match="was computed"):
        changed(sweep, sweep.node(b), (), 1.0)


def test_mistakes_by_hand():
    """b = a·a, c = b + a at a = 3: 7 is right."""
    a = mg.Value(3.0)
    b = a * a
    c = b + a
    c.backward()
    sweep = sweep_of(c, {"a": a})
    found = {kind: Mistake(sweep, kind).gradients.get(sweep.node(a), 0) for kind in MISTAKES}
    assert found == {"recursion": 7, "leaves first": 1, "no accumulation": 3, "no zeroing": 14}


def test_a_recursion_is_given_up():
    x = mg.Value(1.0)
    for _ in range(40):
        x = x + x
    x.backward()
    assert not Mistake(sweep_of(x, {}), "recursion").complete


def test_without_fan_out_only_the_order_matters():
    x = mg.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    with mg.trace():
        loss = mg.sum(mg.tanh(x * 2.0))
        loss.backward()
    sweep = sweep_of(loss, {"x": x})
    for kind, share in (("recursion", 1), ("no accumulation", 1), ("no zeroing", 2)):
        assert close(Mistake(sweep, kind).gradients[x.node], share * x.grad.data)


def test_another_mistake_is_refused():
    a = mg.Value(1.0)
    b = a * a
    b.backward()
    with pytest.raises(MicrogradientError, match="recursion"):
        Mistake(sweep_of(b, {}), "none")
