"""Calls of functions made of primitives: which operations belong to one, and what comes back through it in closed form."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg
from microgradient import nn
from microgradient.explain.changed import changed
from microgradient.explain.closed_forms import FORMS
from microgradient.explain.layers import Group, grouped
from microgradient.explain.sweep import sweep_of
from microgradient.explain.through import called
from microgradient.explain.why import why_node
from microgradient.nn import functional


def drawn(seed, *shape):
    return mg.tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)


def labels(seed, *shape, below):
    return mg.tensor(np.random.default_rng(seed).integers(0, below, shape))


# by function: of a seed, the arguments by name, and the call
CASES = {
    "cross_entropy": [
        lambda s: ({"input": (x := drawn(s, 4, 3))}, functional.cross_entropy(x, labels(s, 4, below=3))),
        lambda s: ({"input": (x := drawn(s, 3))}, functional.cross_entropy(x, labels(s, below=3), reduction="sum")),
        lambda s: (
            {"input": (x := drawn(s, 2, 3, 5))},
            functional.cross_entropy(x, labels(s, 2, 5, below=3), ignore_index=1),
        ),
        lambda s: (
            {"input": (x := drawn(s, 4, 3))},
            functional.cross_entropy(x, labels(s, 4, below=3), reduction="none"),
        ),
        lambda s: (
            {"input": (x := drawn(s, 4, 3))},
            functional.cross_entropy(x, mg.softmax(drawn(s + 1, 4, 3)).detach()),
        ),
    ],
    "binary_cross_entropy_with_logits": [
        lambda s: (
            {"input": (x := drawn(s, 4))},
            functional.binary_cross_entropy_with_logits(x, labels(s, 4, below=2) * 1.0),
        ),
    ],
    "mse_loss": [
        lambda s: ({"input": (x := drawn(s, 4)), "target": (y := drawn(s + 1, 4))}, functional.mse_loss(x, y)),
        lambda s: (
            {"input": (x := drawn(s, 2, 2))},
            functional.mse_loss(x, drawn(s + 1, 2, 2).detach(), reduction="none"),
        ),
    ],
    "softmax": [
        lambda s: ({"x": (x := drawn(s, 2, 3))}, mg.softmax(x)),
        lambda s: ({"x": (x := drawn(s, 2, 3))}, mg.softmax(x, axis=(0, 1))),
    ],
    "log_softmax": [lambda s: ({"x": (x := drawn(s, 2, 3))}, mg.log_softmax(x, axis=0))],
    "logsumexp": [
        lambda s: ({"x": (x := drawn(s, 2, 3))}, mg.logsumexp(x, axis=1)),
        lambda s: ({"x": (x := drawn(s, 2, 3))}, mg.logsumexp(x)),
    ],
    "mean": [
        lambda s: ({"x": (x := drawn(s, 2, 3))}, mg.mean(x, axis=0)),
        lambda s: ({"x": (x := drawn(s, 2, 3))}, mg.mean(x, axis=(-1,), keepdims=True)),
        lambda s: ({"x": (x := drawn(s, 2, 3))}, mg.mean(x)),
    ],
    "var": [lambda s: ({"x": (x := drawn(s, 2, 3))}, mg.var(x, axis=1, correction=1))],
    "layer_norm": [
        lambda s: ({"input": (x := drawn(s, 2, 5))}, functional.layer_norm(x, (5,), drawn(s + 1, 5), drawn(s + 2, 5))),
        lambda s: ({"input": (x := drawn(s, 2, 3, 2))}, functional.layer_norm(x, (3, 2))),
    ],
    "batch_norm": [
        lambda s: (
            {"input": (x := drawn(s, 4, 3, 2))},
            functional.batch_norm(x, None, None, drawn(s + 1, 3), drawn(s + 2, 3), training=True),
        ),
    ],
    "rms_norm": [lambda s: ({"input": (x := drawn(s, 2, 5))}, functional.rms_norm(x, (5,), drawn(s + 1, 5)))],
    "gelu": [lambda s: ({"input": (x := drawn(s, 4))}, functional.gelu(x))],
    "silu": [lambda s: ({"input": (x := drawn(s, 4))}, functional.silu(x))],
    "scaled_dot_product_attention": [
        lambda s: (
            {
                "query": (q := drawn(s, 2, 3, 4)),
                "key": (k := drawn(s + 1, 2, 5, 4)),
                "value": (v := drawn(s + 2, 2, 5, 2)),
            },
            functional.scaled_dot_product_attention(q, k, v),
        ),
        lambda s: (
            {"query": (q := drawn(s, 3, 4)), "key": (k := drawn(s + 1, 3, 4)), "value": (v := drawn(s + 2, 3, 2))},
            functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.7),
        ),
        lambda s: (
            {"query": (q := drawn(s, 3, 4)), "key": (k := drawn(s + 1, 3, 4)), "value": (v := drawn(s + 2, 3, 2))},
            functional.scaled_dot_product_attention(q, k, v, drawn(s + 3, 3, 3).detach()),
        ),
    ],
}


def test_every_closed_form_has_a_case():
    assert set(CASES) == set(FORMS)
    assert {name: {form.by for form in forms} for name, forms in FORMS.items()} == {
        name: {by for case in cases for by in case(0)[0]} for name, cases in CASES.items()
    }


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_closed_form_is_what_the_contributions_add_up_to(name, seed):
    for case in CASES[name]:
        with mg.trace():
            arguments, y = case(seed)
            loss = mg.sum(y * np.random.default_rng(seed + 7).normal(size=y.shape))
            loss.backward()
        for x in arguments.values():
            place = tuple(np.random.default_rng(seed).integers(0, x.shape).tolist())
            found = mg.why(x, place)
            (through,) = found.through
            assert through.composite.name == name
            assert through.formula is not None
            np.testing.assert_allclose(float(through.formula.value), found.gradient, rtol=1e-9, atol=1e-12)
            assert through.contribution == pytest.approx(found.gradient, rel=1e-12)
            (whole,) = mg.why(x).through
            np.testing.assert_allclose(np.broadcast_to(whole.formula.value, x.shape), x.grad.raw, rtol=1e-9, atol=1e-12)


def test_the_loss_itself_shows_p_minus_y_over_n():
    x, y = mg.tensor([[1.0, 2.0], [0.0, 0.0]], requires_grad=True), mg.tensor([0, 1])
    with mg.trace():
        loss = functional.cross_entropy(x, y)
        loss.backward()
    found = mg.why(x, (1, 1))
    assert "through cross_entropy(x, y): (p - y) / n = (0.5 - 1) / 2 = -0.25" in found.text()
    assert r"<mfrac>" in found.through[0].mathml()


def test_where_the_theorem_does_not_hold_none_is_told():
    x, y = drawn(0, 4, 3), labels(0, 4, below=3)
    for options in ({"label_smoothing": 0.1}, {"weight": mg.tensor([1.0, 2.0, 3.0])}):
        with mg.trace():
            loss = functional.cross_entropy(x, y, **options)
            loss.backward()
        (through,) = mg.why(x, (0, 0)).through
        assert through.formula is None
        x.grad = None
    with mg.trace():
        loss = functional.cross_entropy(
            x, mg.ones((4, 3), dtype=mg.float64)
        )  # no probabilities: p − y is not the derivative
        loss.backward()
    assert mg.why(x, (0, 0)).through[0].formula is None


def test_what_comes_through_a_function_is_apart_from_what_does_not():
    x = drawn(0, 4)
    with mg.trace():
        loss = mg.sum(functional.silu(x) * x)
        loss.backward()
    found = mg.why(x, (2,))
    (through,) = found.through
    inside = [edge.contribution for edge in found.edges if edge.composite is through.composite]
    assert through.contribution == pytest.approx(sum(inside))
    assert 0 < len(inside) < len(found.edges)
    assert through.paths == len(inside)


def boxes(group, depth=0):
    for member in group.members:
        if isinstance(member, Group):
            yield depth, member.path
            yield from boxes(member, depth + 1)


def test_calls_are_boxes_and_calls_of_one_operation_are_none():
    q, k, v = drawn(0, 3, 4), drawn(1, 3, 4), drawn(2, 3, 4)
    with mg.trace():
        loss = mg.mean(mg.square(functional.scaled_dot_product_attention(q, k, v)))
        loss.backward()
    root = grouped(sweep_of(loss, {}))
    assert list(boxes(root)) == [(0, "scaled_dot_product_attention"), (1, "softmax"), (0, "mean")]
    assert {q.node, k.node, v.node} < set(root.members)  # the arguments are beside it


def test_a_layer_that_is_one_call_has_no_box_within():
    net = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    with mg.trace():
        loss = mg.sum(functional.softmax(net(mg.ones((4, 3))), dim=1) ** 2)
        loss.backward()
    assert list(boxes(grouped(sweep_of(loss, {})))) == [
        (0, "net"), (1, "net.0"), (1, "net.1"), (2, "mean"), (2, "mean"), (0, "softmax"),
    ]  # fmt: skip


def test_calls_of_one_function_in_a_row_are_boxes_of_their_own():
    x = drawn(0, 3)
    with mg.trace():
        loss = mg.sum(mg.softmax(mg.softmax(x)) ** 2)
        loss.backward()
    assert list(boxes(grouped(sweep_of(loss, {})))) == [(0, "softmax"), (0, "softmax")]


def test_what_the_user_passes_in_is_not_inside_the_function_that_calls_it():
    x = drawn(0, 3)
    with mg.trace() as t:
        loss = mg.sum(mg.softmax(x))
        mg.grad(lambda y: mg.sum(y * y))(x)
        loss.backward()
    assert {step.composites[-1].name for step in t.steps.values() if step.composites} <= {"softmax", "sum", "multiply"}


def test_a_changed_number_is_in_the_closed_form():
    x, y = mg.tensor([[1.0, 2.0]], requires_grad=True), mg.tensor([0])
    with mg.trace():
        loss = functional.cross_entropy(x, y)
        loss.backward()
    moved = changed(sweep_of(loss, {}), x.node, (0, 0), 3.0)
    found = why_node(moved.order[0], (0, 0), moved, None)
    p = np.exp(3) / (np.exp(3) + np.exp(2))
    assert float(found.through[0].formula.value) == pytest.approx(p - 1)
    assert found.gradient == pytest.approx(p - 1)


@pytest.mark.parametrize("softmax", [lambda x: functional.softmax(x, dim=1), lambda x: nn.LogSoftmax(dim=1)(x)])
def test_pytorchs_spelling_has_the_closed_form_too(softmax):
    x = drawn(0, 2, 3)
    with mg.trace():
        loss = mg.sum(softmax(x) ** 2)
        loss.backward()
    (through,) = mg.why(x, (0, 1)).through
    assert float(through.formula.value) == pytest.approx(x.grad[0, 1].item(), rel=1e-9)


def test_a_loss_of_nothing_has_no_closed_form_and_warns_of_nothing():
    x = drawn(0, 2, 3)
    with mg.trace():
        loss = functional.cross_entropy(x, mg.tensor([-100, -100]))  # a mean of no labels: NaN
        loss.backward()
    assert mg.why(x, (0, 1)).through[0].formula is None


def test_arguments_without_a_name_are_not_taken_for_tuples():
    x = drawn(0, 2, 3)
    with mg.trace():
        loss = functional.cross_entropy(functional.layer_norm(x, [3]), mg.tensor([0, 1]))
        loss.backward()
    assert mg.why(x, (0, 0)).through[0].call == "layer_norm(x, [3])"
    sweep = sweep_of(loss, {})
    assert called(sweep, sweep.steps[loss.node].composites[0]).endswith(", tensor(2,))")


def why_of(make, *tensors):
    with mg.trace():
        loss = make(*tensors)
        loss.backward()
    return [mg.why(x, (0,) * x.ndim if x.size else None) for x in tensors]


@pytest.mark.parametrize(
    "make",
    [
        lambda: why_of(  # the query is broadcast
            lambda q, k: mg.sum(functional.scaled_dot_product_attention(q, k, k) ** 2),
            drawn(0, 3, 4),
            drawn(1, 2, 5, 4),
        ),
        lambda: why_of(lambda x: mg.sum(mg.var(x, axis=[0])), drawn(0, 3, 4)),
        lambda: why_of(lambda x: mg.sum(mg.mean(x, axis=0)), drawn(0, 3, 0)),
        lambda: why_of(lambda x: mg.sum(functional.softmax(x, dim=0)), drawn(0, 0, 3)),
        lambda: why_of(lambda x: mg.sum(mg.var(x, axis=0, correction=3) ** 2), drawn(0, 3, 4)),
    ],
)
def test_an_explanation_never_fails_because_of_a_theorem(make):
    assert all(found.text() for found in make())


def test_a_tensor_that_is_several_arguments_or_a_view_of_one_has_no_closed_form():
    """What comes through a call comes through all of them, and a theorem is about one."""
    x = drawn(0, 4)
    for make in (lambda x: functional.mse_loss(x, mg.flip(x)), lambda x: functional.mse_loss(x, x)):
        (found,) = why_of(make, x)
        assert all(through.formula is None for through in found.through)
        x.grad = None


def test_an_infinite_entry_proves_nothing():
    x = mg.tensor([np.inf, 1.0, 3.0, 7.0], requires_grad=True)
    with mg.trace():
        loss = functional.mse_loss(x, mg.tensor([0.0, 3.0, 1.0, 0.0]))
        loss.backward()
    assert mg.why(x, (1,)).through[0].formula is None


def test_every_symbol_of_a_formula_is_explained():
    for name, cases in CASES.items():
        for case in cases:
            with mg.trace():
                arguments, y = case(3)
                loss = mg.sum(y * np.random.default_rng(7).normal(size=y.shape))
                loss.backward()
            for x in arguments.values():
                (through,) = mg.why(x, (0,) * x.ndim).through
                symbols = {"".join(q.symbol) for q in quantities(through.formula) if q.symbol is not None}
                words = set(re.findall(r"\w+", through.told))
                assert symbols <= words, (name, symbols - words)


def quantities(q):
    return [q, *(each for a in q.args for each in quantities(a))]


def test_a_sum_is_divided_by_nothing():
    x = mg.tensor([[1.0, 1.0]], requires_grad=True)
    with mg.trace():
        functional.cross_entropy(x, mg.tensor([0]), reduction="sum").backward()
    (through,) = mg.why(x, (0, 1)).through
    assert through.written()[0] == "p - y"
    assert "averaged" not in through.told


def test_calls_are_written_with_names_and_not_with_numbers():
    a, b = drawn(0, 3), drawn(1, 3)
    with mg.trace():
        loss = mg.sum(mg.stack((a, b * 2.0)) ** 2)
        grids = mg.meshgrid(a, b)
        loss = loss + mg.sum(grids[0] * grids[1]) + mg.sum(mg.einsum("i,j->ij", a, b))
        loss.backward()
    sweep = sweep_of(loss, {"a": a, "b": b})
    calls = {called(sweep, each) for node in sweep.order for each in sweep.step(node).composites}
    assert any(call.startswith("stack((a, ") for call in calls)
    assert "meshgrid(a, b)" in calls
    assert "einsum('i,j->ij', a, b)" in calls


def test_equal_calls_in_a_row_are_one_box():
    x = drawn(0, 3)
    with mg.trace():
        y = x
        for _ in range(4):
            y = functional.silu(y)
        loss = mg.sum(y)
        loss.backward()
    folded = [g for g in grouped(sweep_of(loss, {})).groups() if "×" in g.kind]
    assert [(g.path, g.kind) for g in folded] == [("silu", "×4")]
