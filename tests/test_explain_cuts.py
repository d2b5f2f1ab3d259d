"""Where the gradient was dropped: each way of losing it, on the line that did it."""

from __future__ import annotations

import sys

import pytest

import microgradient as mg
from microgradient.explain.cuts import dropped, zeros
from microgradient.explain.sweep import sweep_of
from microgradient.page.document import document


def here():
    """The number of the line that calls."""
    return sys._getframe(1).f_lineno


def found_in(loss, **names):
    sweep = sweep_of(loss, {"loss": loss, **names})
    return sweep, [
        (each.name, None if each.user is None else sweep.formula(each.user), each.cut.what, each.cut.where[1])
        for each in dropped(sweep)
    ]


def leaf():
    return mg.tensor([1.0, -2.0, 3.0], requires_grad=True)


CUTS = {
    "detach": (lambda x: x.detach() * x, ".detach()", "x"),
    "argmax": (lambda x: x * mg.argmax(x), "argmax", "x"),
    "comparison": (lambda x: x * (x > 0), "greater", "x"),
    "where": (lambda x: mg.where(x > 0, x, 0.0), "greater", "x"),
    "carried on": (lambda x: x * (x.detach() * 2 + 1), ".detach()", "x"),
    "floor": (lambda x: mg.floor(x) + x, "floor", "x"),
    "float": (lambda x: x * float(x[0]), "float(…)", "index(x)"),
    "numpy": (lambda x: x * x.numpy()[1], ".numpy()", "x"),
    "a copy": (lambda x: x * mg.tensor(x), "mg.tensor(…)", "x"),
}


@pytest.mark.parametrize("kind", CUTS)
def test_a_cut_is_named_with_its_line(kind):
    lose, what, name = CUTS[kind]
    x = leaf()
    with mg.trace():
        loss = mg.sum(lose(x))
        loss.backward()
    _, found = found_in(loss, x=x)
    assert [(each[0], each[2], each[3]) for each in found] == [(name, what, lose.__code__.co_firstlineno)]
    assert (found[0][1] is None) == (kind in ("float", "numpy"))  # Python's numbers can't be followed


def test_no_grad_is_named_where_it_begins():
    x = leaf()
    with mg.trace():
        with mg.no_grad():
            line = here() - 1
            twice = 2 * x
        loss = mg.sum(twice * x)
        loss.backward()
    _, found = found_in(loss, x=x, twice=twice)
    assert found == [("", "twice * x", "mg.no_grad()", line)]


def test_a_number_whose_only_way_was_cut_is_told_by_what_it_was_computed_from():
    x, w = leaf(), leaf()
    with mg.trace():
        h = mg.tanh(w)
        loss = mg.sum(h.detach() * x) + mg.sum(w)
        loss.backward()
    sweep, found = found_in(loss, x=x, w=w, h=h)
    assert found == [("h", "h * x", ".detach()", here() - 3)]
    assert [sweep.names[each.source] for each in dropped(sweep)] == ["w"]


def test_a_leaf_that_was_cut_off():
    x = leaf()
    with mg.trace():
        h = mg.sum(x * x).detach()
        h.requires_grad = True
        loss = h * 2.0
        loss.backward()
    sweep, found = found_in(loss, h=h)
    assert [(each[2], each[3]) for each in found] == [(".detach()", here() - 5)]
    assert [sweep.names[each.user] for each in dropped(sweep)] == ["h"]


def test_each_place_is_told_once_and_a_logged_loss_is_none():
    x = leaf()
    with mg.trace():
        loss = mg.sum(x)
        for _ in range(3):
            loss = loss + mg.sum(x.detach() * x)
        loss.backward()
        print(float(loss))
    _, found = found_in(loss, x=x)
    assert len(found) == 3  # one for each product
    assert {each[2] for each in found} == {".detach()"}


def test_what_relu_and_clip_let_not_through():
    x = leaf()
    with mg.trace():
        loss = mg.sum(mg.relu(x)) + mg.sum(mg.clip(x, -1.5, 2.0)) + mg.sum(x * 0.0)
        loss.backward()
    sweep = sweep_of(loss, {})
    counted = {use.op.name: zeros(use, sweep.local(use)) for use in sweep.uses if zeros(use, sweep.local(use))}
    assert counted == {"relu": (1, 3), "clip": (2, 3)}
    told = [use["dropped"] for use in document(sweep)["uses"] if use["dropped"]]
    assert sorted(told) == [(1, 3), (2, 3)]


def test_a_neuron_that_is_shut():
    x, w = mg.Value(2.0), mg.Value(-3.0)
    loss = (x * w).relu() * 5.0
    loss.backward()
    assert [use["dropped"] for use in document(sweep_of(loss, {}))["uses"] if use["dropped"]] == [(1, 1)]
    assert (x.grad, w.grad) == (0, 0)


def test_the_page_is_told_each_cut():
    x = leaf()
    with mg.trace():
        loss = mg.sum(x.detach() * x)
        loss.backward()
    graph = document(sweep_of(loss, {"x": x, "loss": loss}))
    (cut,) = graph["cuts"]
    assert (graph["nodes"][cut["from"]]["name"], graph["nodes"][cut["to"]]["op"]) == ("x", "*")
    assert (cut["what"], cut["file"], cut["line"]) == (".detach()", __file__, here() - 5)
