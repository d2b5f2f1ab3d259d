"""mg.why: the contributions into a gradient add up to it, are what backward computes, and agree with differences."""

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg
from microgradient import nn
from microgradient.errors import ArgumentTypeError, DTypeError, GradientError, OutOfRangeError
from microgradient.explain import Why
from microgradient.nn.functional import cross_entropy
from microgradient.operators import apply
from microgradient.primitives import TABLE
from microgradient.scalar import MLP, Value

SMALL = st.floats(-2, 2).map(lambda x: round(x, 3))
SMOOTH_1 = ["tanh", "exp", "sigmoid", "sin", "cos", "square", "softplus", "negative", "atan", "erf"]
SMOOTH_2 = ["add", "subtract", "multiply", "logaddexp"]


# ---------------------------------------------------------------------------------------------------------------- Values


def calculate(name, *args):
    """One step of a random program of Values."""
    if name == "add":
        return args[0] + args[1]
    if name == "subtract":
        return args[0] - args[1]
    if name == "multiply":
        return args[0] * args[1]
    return -args[0] if name == "negative" else getattr(args[0], name)(*args[1:])


@st.composite
def scalar_programs(draw):
    """Inputs, and steps that each use any earlier numbers, so that everything fans out and meets again."""
    inputs = draw(st.lists(SMALL, min_size=1, max_size=3))
    steps = []
    for k in range(draw(st.integers(1, 8))):
        name = draw(st.sampled_from(SMOOTH_1 + SMOOTH_2))
        places = st.integers(0, len(inputs) + k - 1)
        steps.append((name, [draw(places) for _ in range(2 if name in SMOOTH_2 else 1)]))
    return inputs, steps


@settings(max_examples=80, deadline=None)
@given(scalar_programs())
def test_contributions_into_every_value_add_up_to_its_gradient(program):
    inputs, steps = program
    values = [Value(x) for x in inputs]
    for name, places in steps:
        values.append(calculate(name, *(values[i] for i in places)))
    loss = values[-1]
    if not abs(loss.data) < 1e6:
        return
    loss.backward()
    for v in values:
        found = mg.why(v, top=None)
        assert found.gradient == v.grad
        near = {"rel": 1e-12, "abs": 1e-12 * found.scale}
        assert found.sum == pytest.approx(found.gradient, **near)
        if v is not loss:
            assert sum(e.contribution for e in found.edges) == pytest.approx(found.gradient, **near)
        for e in found.edges:
            assert e.upstream * e.local == pytest.approx(e.contribution, rel=1e-12, abs=1e-300)
        assert found.check.agrees, found


def test_the_example_of_the_specification():
    a, b = Value(-4.0), Value(2.0)
    c, d = a + b, a * b + b**3
    c += c + 1
    d = d * 1
    L = c * 4.0 - d
    L.backward()
    found = mg.why(b)
    assert (found.name, found.of) == ("b", "L")
    assert found.gradient == b.grad
    assert {e.op for e in found.edges} == {"+", "*", "**3"}
    lines = found.text().splitlines()
    assert lines[0].startswith(f"∂L/∂b = {b.grad}")
    assert "b used 3× → 3 paths, added" in lines[0]
    assert lines[-1] == f"  check   (f(b+h)-f(b-h))/2h = {b.grad:.6f} ✓"


def test_a_number_used_twice_by_one_operation_has_two_paths():
    a = Value(3.0)
    b = a + a
    c = b + b
    c.backward()
    assert [(e.via, e.contribution) for e in mg.why(a).edges] == [("b", 2.0), ("b", 2.0)]
    assert "2 paths, added" in repr(mg.why(a))


def test_explaining_adds_to_no_gradient():
    a = Value(3.0)
    b = a * a
    b.backward()
    mg.why(a)
    assert a.grad == 6.0
    assert b.grad == 1.0


def test_the_root_and_what_it_does_not_depend_on():
    a, other = Value(3.0), Value(1.0)
    L = a * 2
    L.backward()
    assert mg.why(L).gradient == 1.0
    assert "where every backward pass starts" in repr(mg.why(L))
    assert mg.why(other).gradient == 0.0
    assert "L does not depend on it" in repr(mg.why(other))


def test_another_root_than_the_last():
    a = Value(3.0)
    first, last = a * 2, a * 5
    last.backward()
    assert mg.why(a).gradient == 5.0
    assert mg.why(a, of=first).gradient == 2.0


def test_values_of_a_network_and_many_paths():
    model = MLP(3, [4, 1])
    x = [Value(v) for v in (1.0, -2.0, 0.5)]
    loss = model(x)
    loss.backward()
    for v in (*x, *model.parameters()):
        found = mg.why(v)
        assert found.sum == pytest.approx(v.grad, abs=1e-15)
        assert found.check.agrees
    shared = Value(0.5)
    total = sum((shared * k for k in range(1, 21)), Value(0.0))
    found = mg.why(shared, of=total)
    assert len(found.edges) == 8
    assert [e.contribution for e in found.edges] == sorted(range(13, 21), reverse=True)
    assert found.more == (12, sum(range(1, 13)))
    assert "and 12 more: +78.0" in repr(found)
    assert "used 20× → 20 paths" in repr(found)


def test_a_value_made_by_hand():
    a = Value(2.0)
    out = Value(a.data**3, (a,), "cube")

    def own():
        a.grad += 3 * a.data**2 * out.grad

    out._backward = own
    L = out * 2
    L.backward()
    found = mg.why(a)
    assert [(e.upstream, e.local, e.contribution) for e in found.edges] == [(2.0, 12.0, 24.0)]
    assert a.grad == 24.0
    assert "can't be computed again" in repr(found)


def test_where_python_raises_the_numbers_follow_ieee():
    a = Value(0.0)
    L = a.sqrt()
    L.backward()
    found = mg.why(a)
    assert found.gradient == math.inf
    assert found.edges[0].local == math.inf


def test_at_a_kink_the_check_says_so():
    a = Value(0.0)
    L = a.relu()
    L.backward()
    found = mg.why(a)
    assert found.gradient == 0.0
    assert found.check.numeric == pytest.approx(0.5)
    assert not found.check.agrees
    assert "✗ the rules give 0.000000: a kink" in repr(found)


def test_beside_the_edge_of_a_domain_no_difference_is_taken():
    a = Value(1e-9)
    L = a.log()
    L.backward()
    x = mg.tensor(np.array([1e-9]), requires_grad=True)
    with mg.trace():
        mg.sum(mg.log(x)).backward()
    for found in (mg.why(a, of=L), mg.why(x, 0), mg.why(x)):
        assert found.check.numeric is None
        assert "check   can't be taken: the function is not finite within h of this point" in found.text()


def test_data_changed_since():
    a = Value(1.0)
    L = (a * 2).exp()
    L.backward()
    a.data = 5.0
    assert "the data have changed" in repr(mg.why(a))


@pytest.mark.slow
def test_a_long_chain_needs_no_recursion():
    a = Value(1.0)
    x = a
    for _ in range(50_000):
        x = x + 1.0
    assert mg.why(a, of=x).gradient == 1.0


# --------------------------------------------------------------------------------------------------------------- Tensors


@st.composite
def tensor_programs(draw):
    """As for Values, on arrays of shapes that broadcast; sums and products of matrices among the steps."""
    shapes = [draw(st.sampled_from([(), (3,), (2, 3), (2, 1), (1, 3)])) for _ in range(draw(st.integers(1, 3)))]
    seed = draw(st.integers(0, 2**16))
    steps = []
    for k in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from([*SMOOTH_1, *SMOOTH_2, "matmul", "sum", "reshape", "index", "max", "softmax"]))
        places = st.integers(0, len(shapes) + k - 1)
        steps.append((name, draw(places), draw(places)))
    return shapes, seed, steps


def step(name, a, b):
    if name in SMOOTH_2:
        return apply(TABLE[name], a, b)
    if name == "matmul":
        return mg.matmul(mg.reshape(a, (-1, 1)), mg.reshape(b, (1, -1)))[:2, :3]
    if name == "sum":
        return mg.sum(a, axis=0) if a.ndim else a * 2
    if name == "reshape":
        return mg.tanh(mg.reshape(a, (-1,)))[:1] + mg.sum(a)
    if name == "index":
        return a[..., 0] if a.ndim else a * a
    if name == "max":
        return mg.max(a) * a
    if name == "softmax":
        return mg.softmax(mg.reshape(a, (-1,)))[0] * 3.0
    return getattr(mg, name)(a)


@settings(max_examples=60, deadline=None)
@given(tensor_programs(), st.data())
def test_contributions_into_every_tensor_add_up_to_its_gradient(program, data):
    shapes, seed, steps = program
    draw = np.random.default_rng(seed)
    made = [mg.tensor(draw.uniform(-1.5, 1.5, shape), requires_grad=True) for shape in shapes]
    leaves = list(made)
    with mg.trace() as t:
        for name, i, j in steps:
            try:
                made.append(step(name, made[i], made[j]))
            except ValueError:  # shapes that do not broadcast
                made.append(made[i] * 2)
        loss = mg.sum(made[-1]) * 1.0
        loss.backward()
    if not abs(loss.item()) < 1e4:
        return
    for x in made:
        gradient = t.grad_of(x).numpy()
        whole = mg.why(x)
        np.testing.assert_allclose(
            np.asarray(whole.gradient), gradient.reshape(np.shape(whole.gradient)), rtol=1e-9, atol=1e-12
        )
        np.testing.assert_allclose(
            np.asarray(whole.sum), np.asarray(whole.gradient), rtol=1e-9, atol=1e-12 * whole.scale
        )
        assert whole.check.verdict != "differs", whole  # ties of max are kinks
        index = tuple(data.draw(st.integers(0, n - 1)) for n in x.shape)
        found = mg.why(x, index, top=3)
        assert found.gradient == gradient[index]
        near = {"rel": 1e-9, "abs": 1e-12 * found.scale}
        assert found.sum == pytest.approx(found.gradient, **near)
        if x is not loss:
            shown = sum(e.contribution for e in found.edges)
            assert shown + found.more[1] == pytest.approx(found.gradient, **near)
        assert len(found.edges) <= 3
        assert found.check.verdict != "differs", found
    for leaf in leaves:
        if leaf.grad is not None:
            np.testing.assert_array_equal(leaf.grad.numpy(), t.grad_of(leaf).numpy())


def explained(f, *arrays):
    """The explanations of the first entry and of the whole of each argument of f, checked."""
    args = [mg.tensor(a, requires_grad=True) for a in arrays]
    with mg.trace():
        loss = f(*args)
        loss.backward()
    found = []
    for x in args:
        whole, entry = mg.why(x), mg.why(x, (0,) * x.ndim, top=None)
        np.testing.assert_allclose(whole.sum, x.grad.numpy(), rtol=1e-9, atol=1e-12)
        assert entry.sum == pytest.approx(x.grad.numpy()[(0,) * x.ndim], rel=1e-9, abs=1e-12)
        assert whole.check.numeric is not None
        assert whole.check.agrees, whole
        assert entry.check.agrees, entry
        found.append((whole, entry))
    return found


RNG = np.random.default_rng(1)
MATRIX, OTHER = RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3))
CASES = {
    "matmul": (lambda a, b: mg.sum(mg.tanh(a @ b)), MATRIX, OTHER),
    "einsum": (lambda a, b: mg.sum(mg.einsum("ij,kj->ik", a, b) ** 2), MATRIX, OTHER),
    "conv": (
        lambda x, w: mg.sum(mg.tanh(mg.conv(x, w, padding=1))),
        RNG.normal(size=(2, 2, 5)),
        RNG.normal(size=(3, 2, 3)),
    ),
    "concat": (lambda a, b: mg.sum(mg.concat([a, b]) ** 3), MATRIX, OTHER),
    "svd": (lambda a: mg.sum(mg.linalg.svdvals(a) ** 3), MATRIX),
    "eigh": (lambda a: mg.sum(mg.linalg.eigh(a + a.T)[1][:, 0] ** 4), MATRIX),
    "solve": (lambda a, b: mg.sum(mg.linalg.solve(a, b) ** 2), MATRIX + 3 * np.eye(3), OTHER),
    "prod": (lambda a: mg.prod(a), MATRIX),
    "cumulative": (lambda a: mg.sum(mg.cumulative_prod(a, axis=1) * mg.cumulative_sum(a, axis=0)), MATRIX),
    "sort": (lambda a: mg.sum(mg.sort(a, axis=0) * np.arange(9.0).reshape(3, 3)), MATRIX),
    "fancy": (lambda a: mg.sum(a[np.array([0, 0, 2])] ** 2), MATRIX),
    "pad": (lambda a: mg.sum(mg.cumulative_sum(mg.pad(a, ((1, 0), (0, 2))), axis=1) ** 2), MATRIX),
    "clip": (lambda a: mg.sum(mg.clip(a, -0.5, 0.5) * a), MATRIX),
    "where": (lambda a: mg.sum(mg.where(a > 0, a**2, mg.exp(a))), MATRIX),
    "set": (lambda a, b: mg.sum(replaced(a, b) ** 2), MATRIX, OTHER),
    "same twice": (lambda a: mg.sum(a @ a) + mg.sum(a * a), MATRIX),
    "through views": (lambda a: mg.sum(mg.exp(mg.reshape(mg.flip(a.T, axis=0), (9,)))) + mg.sum(a.T**2), MATRIX),
    "only views": (lambda a: mg.reshape(a, (1, 1))[0, 0], np.array([2.0])),
    "a tuple of parts": (lambda a: mg.sum(mg.linalg.qr(a)[0] ** 3) + mg.sum(mg.linalg.qr(a)[1]), MATRIX),
}


def replaced(a, b):
    c = a * 1.0
    c[0] = b[0] * 2.0
    return c


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_primitive_can_be_opened(name):
    f, *arrays = CASES[name]
    explained(f, *arrays)


def test_one_weight_of_a_network_is_opened_example_by_example():
    mg.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 4))
    x, y = mg.randn((64, 20)), mg.randint(0, 4, (64,))
    with mg.trace():
        loss = cross_entropy(model(x), y)
        loss.backward()
    w = model[0].weight
    found = mg.why(w, (3, 17))
    assert found.name == "model.0.weight[3, 17]"
    assert found.of == "loss"
    assert len(found.edges) == 8
    assert found.more[0] == 56
    assert found.value == w.data[3, 17]
    assert found.gradient == w.grad.data[3, 17]
    assert found.sum == pytest.approx(found.gradient, rel=1e-4)
    assert found.check.agrees
    assert {e.layer for e in found.edges} == {"model.0"}
    assert {e.op for e in found.edges} == {"matmul"}
    for e in found.edges:  # the local derivative of the product by the weight is the pixel of that example
        example = int(e.via.partition("[")[2].partition(",")[0])
        assert e.local == pytest.approx(x.data[example, 17])
    text = found.text()
    assert text.startswith("∂loss/∂model.0.weight[3, 17] = ")
    assert "w used 64× → 64 paths, added" in text
    assert "test_explain_why.py:" in text
    w.data = w.data + 1.0  # an optimiser's step does not change what is explained
    assert mg.why(w, (3, 17)).check.agrees
    assert mg.why(w, (3, 17)).value == found.value


@pytest.mark.parametrize("traced", [True, False])
def test_an_entry_that_is_picked_for_the_question_is_the_entry_of_the_tensor(traced):
    w = mg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    with mg.trace() if traced else contextlib.nullcontext():
        L = mg.sum(mg.tanh(w * w))
        L.backward(retain_graph=True)
    expected = mg.why(w, (0, 1))
    picks = [w[0, 1], w[0][1], w.T[1, 0], w[0, 1:], mg.reshape(w, (4,))[mg.tensor([1])], mg.flip(w)[-1, 0]]
    for pick, index in [*((x, None) for x in picks), (w[0], 1), (w[:, 1], (0,))]:
        found = mg.why(pick, index)
        assert (found.name, found.gradient, found.value) == (expected.name, expected.gradient, 2.0)
        assert [e.contribution for e in found.edges] == [e.contribution for e in expected.edges]
    assert "it was computed after L" in mg.why(w[:, 1]).text()
    assert "it was computed after L" in mg.why(w * 2).text()


def test_a_whole_tensor_shows_shapes_and_norms():
    w = mg.tensor(np.ones((3, 2)), requires_grad=True)
    with mg.trace():
        h = w * 2.0
        L = mg.sum(h @ np.ones((2, 4)))
        L.backward()
    found = mg.why(w)
    (edge,) = found.edges
    np.testing.assert_array_equal(edge.local, np.full((3, 2), 2.0))
    np.testing.assert_array_equal(edge.upstream, np.full((3, 2), 4.0))
    assert "∂L/∂w = (3, 2) mean 8.0 norm" in repr(found)
    assert "along a random direction d" in repr(found)
    assert "through matmul" in repr(mg.why(h))


def test_relus_that_are_off_are_paths_that_contribute_nothing():
    x = mg.tensor([-1.0, 2.0], requires_grad=True)
    with mg.trace():
        L = mg.sum(mg.relu(x))
        L.backward()
    (edge,) = mg.why(x, 0).edges
    assert (edge.local, edge.contribution) == (0.0, 0.0)
    assert "·" in repr(mg.why(x, 0))


def test_without_a_trace():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    L = mg.sum(x * x)
    found = mg.why(x, 1, of=L)
    assert found.gradient == 4.0
    assert found.check.numeric is None
    assert "with mg.trace():" in repr(found)
    L.backward()
    with pytest.raises(GradientError, match=r"released .* at test_explain_why.py:\d+.*mg.trace.*retain_graph.*MG118"):
        mg.why(x, 1)
    L = mg.sum(x * x)
    L.backward(retain_graph=True)
    assert mg.why(x, (1,)).gradient == 4.0


def test_backward_after_the_trace_has_ended():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.trace():
        L = mg.sum(mg.linalg.svdvals(mg.reshape(x * x, (1, 2))))
    L.backward()
    found = mg.why(x, 0)
    assert found.sum == pytest.approx(found.gradient)
    assert found.check.agrees


def test_custom_rules_and_checkpoints_are_opened_but_not_computed_again():
    double = mg.custom_rule(lambda x: x * 2.0, vjp=lambda t, y, x: t * 2.0, jvp=lambda t, y, x: t[0] * 2.0)
    kept = mg.checkpoint(lambda x: mg.sin(x) * x)
    for f, name in ((double, "<lambda>"), (kept, "checkpoint")):
        x = mg.tensor([1.0, 2.0], requires_grad=True)
        with mg.trace():
            L = mg.sum(f(x))
            L.backward()
        found = mg.why(x, 0)
        assert found.sum == pytest.approx(x.grad.data[0])
        assert f"`{name}` can't be computed again" in repr(found)
        np.testing.assert_allclose(mg.why(x).sum, x.grad.data)


def test_a_rule_that_is_not_the_derivative_is_found_out():
    row = TABLE["tanh"]
    right, row.maps = row.maps, (lambda xp, t, y, a: t * (1 - y),)
    try:
        x = mg.tensor([0.5], dtype=np.float64, requires_grad=True)
        with mg.trace():
            L = mg.sum(mg.tanh(x))
        found = mg.why(x, of=L)
        assert not found.check.agrees
        assert "✗" in repr(found)
    finally:
        row.maps = right


# ------------------------------------------------------------------------------------------------------ what it refuses


def test_what_can_not_be_explained():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    L = mg.sum(x * 2)
    with pytest.raises(ArgumentTypeError, match=r"not str.*MG116"):
        mg.why("x")
    with pytest.raises(GradientError, match=r"needs no gradient.*MG109"):
        mg.why(mg.tensor([1.0]), of=L)
    with pytest.raises(GradientError, match=r"shape \(2,\).*MG101"):
        mg.why(x, of=x * 2)
    with pytest.raises(GradientError, match="MG102"):
        mg.why(x, of=mg.tensor(1.0))
    with pytest.raises(OutOfRangeError, match=r"\(5,\) lies outside.*\(2,\).*MG127"):
        mg.why(x, (5,), of=L)
    with pytest.raises(OutOfRangeError, match=r"an integer for each axis"):
        mg.why(x, (0, 0), of=L)
    with pytest.raises(ArgumentTypeError, match="MG128"):
        mg.why(x, 0.5, of=L)
    with pytest.raises(ArgumentTypeError, match="one number"):
        mg.why(Value(1.0), 0)
    assert mg.why(x, -1, of=L).name == "x[1]"


def test_nothing_was_differentiated_or_it_is_gone():
    def gone():
        x = mg.tensor(1.0, requires_grad=True)
        (x * 2).backward()
        v = Value(1.0)
        (v * 2).backward()
        return x, v

    x, v = gone()
    with pytest.raises(GradientError, match=r"pass `of=loss`.*MG117"):
        mg.why(x)
    with pytest.raises(GradientError, match=r"pass `of=loss`.*MG117"):
        mg.why(v)


def test_why_is_an_object_too():
    a = Value(2.0)
    L = a * 3
    found = mg.why(a, of=L)
    assert isinstance(found, Why)
    assert str(found) == repr(found) == found.text()


@pytest.mark.parametrize("ask", [mg.why, mg.gradient_flow, mg.paths])
def test_an_entry_that_is_none_and_integers_are_told_as_such(ask):
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    loss = mg.sum(w * w)
    with pytest.raises(ArgumentTypeError, match=r"shape \(2,\) is named by an integer for each axis, not by '0'"):
        ask(w, "0", of=loss)
    with pytest.raises(OutOfRangeError, match=r"an integer for each axis, not by \(0, 1\)"):
        ask(w, (0, 1), of=loss)
    with pytest.raises(OutOfRangeError, match="is one number"):
        ask(loss, (0,), of=loss)
    for x in (mg.tensor([1, 2]), mg.tensor([True, False])):
        with pytest.raises(DTypeError, match="integers are counted, not differentiated"):
            ask(x, of=loss)
    with pytest.raises(DTypeError, match="integers are counted, not differentiated"):
        ask(w, of=mg.sum(mg.tensor([1, 2])))
