"""`mg.why(…).examples(batch=x)`: of any program of tensors, an example contributes what it gives when it is alone."""

from __future__ import annotations

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn
from microgradient.errors import ArgumentTypeError, GradientError, ShapeError
from microgradient.explain.sweep import sweep_of
from microgradient.page.session import Session

N = 4


def normal(*shape, seed=0):
    return mg.tensor(np.random.default_rng(seed).standard_normal(shape))


def rows(x, w):
    """As many features as examples, twice."""
    return mg.sum(mg.tanh(mg.tanh(x @ w) @ w) ** 2)


def columns(x, w):
    """The examples are columns of what is computed, and rows again behind a second product."""
    return mg.sum(mg.tanh(mg.tanh(w @ x.T).T @ w) ** 2)


def parts(x, w):
    """Views of the batch, which are constants where it needs no gradient."""
    return mg.sum((x[:, 1:3] @ w[:2]) * (x[:, :2] @ w[2:]))


def steps(x, w):
    """A recurrent network by hand: time first, (T, N, features)."""
    h = mg.zeros((N, 4), dtype=mg.float64)
    for t in range(x.shape[0]):
        h = mg.tanh(x[t] + h @ w)
    return mg.sum(h**2)


def signals(x, w):
    """Examples and positions flattened together between: (N, 3, 4) → (3 N, 4)."""
    return mg.sum(mg.reshape(mg.tanh(mg.reshape(x, (-1, 4)) @ w), (-1, 3, 4))[:, -1] ** 2)


PROGRAMS = {
    "rows": (rows, (N, 4), 0),
    "columns": (columns, (N, 4), 0),
    "parts": (parts, (N, 4), 0),
    "time first": (steps, (3, N, 4), 1),
    "square in time": (steps, (N, N, 4), 1),
}  # fmt: skip


@pytest.mark.parametrize("tracked", [False, True])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_contribution_is_the_gradient_of_the_example_alone(name, tracked):
    program, shape, axis = PROGRAMS[name]
    x, w = normal(*shape), normal(4, 4, seed=1)
    x.requires_grad, w.requires_grad = tracked, True
    with mg.trace():
        loss = program(x, w)
        loss.backward()
    gradient = w.grad.numpy().copy()
    along = gradient / np.linalg.norm(gradient)
    found = mg.why(w, (2, 1), of=loss).examples(batch=x, axis=axis)
    whole = mg.why(w, of=loss).examples(batch=x, axis=axis)
    one = w.detach()
    one.requires_grad = True
    for i in range(N):
        one.grad = None
        given = mg.tensor(np.take(x.numpy(), [i], axis))
        # the hidden state of `steps` has a row for each of N examples: of one alone they are all alike
        (program(given, one) / (N if program is steps else 1)).backward()
        alone = one.grad.numpy()
        assert found.contributions[i] == pytest.approx(alone[2, 1], abs=1e-12)
        assert whole.contributions[i] == pytest.approx(np.sum(alone * along), abs=1e-12)
        assert np.array_equal(next(each for each in found if each.number == i).input, np.take(x.numpy(), i, axis))
    assert found.rest == whole.rest == 0
    assert found.along == f"axis {axis} of x, {N} examples"


def test_an_example_has_its_own_card_along_any_axis():
    x, w = normal(3, N, 4), normal(4, 4, seed=1)
    w.requires_grad = True
    with mg.trace():
        loss = steps(x, w)
        loss.backward()
    for each in mg.why(w, (2, 1), of=loss).examples(batch=x, axis=1):
        assert each.why().gradient == each.why().sum == pytest.approx(each.contribution)


def test_what_is_flattened_with_positions_in_between_is_not_mistaken():
    """The rows of (3 N, 4) are no examples; where these come apart again, they are."""
    x, w = normal(N, 3, 4), normal(4, 4, seed=1)
    w.requires_grad = True
    with mg.trace():
        loss = signals(x, w)
        loss.backward()
    found = mg.why(w, (0, 0), of=loss).examples(batch=x)
    assert np.sum(found.contributions) + found.rest == pytest.approx(found.gradient)
    assert found.rest == 0


def test_a_rest_and_labels():
    x, y, w = normal(N, 4), mg.tensor([2, 0, 1, 1]), normal(4, 3, seed=1)
    w.requires_grad = True
    with mg.trace():
        loss = nn.functional.cross_entropy(x @ w, y) + 0.5 * mg.sum(w**2)
        loss.backward()
    found = mg.why(w, (1, 2), of=loss).examples(batch=(x, y))
    assert found.rest == pytest.approx(w.numpy()[1, 2])
    assert [each.label for each in found] == [y.numpy()[each.number] for each in found]


def test_examples_that_act_on_each_other_have_no_axis():
    x, w = normal(N, 4), normal(N, N, seed=1)
    x.requires_grad = w.requires_grad = True
    with mg.trace():
        loss = mg.sum((x @ x.T * w) ** 2)
        loss.backward()
    with pytest.raises(GradientError, match="No result that w enters is known to have a row for each example"):
        mg.why(w, (0, 1), of=loss).examples(batch=x)


def test_a_mean_over_examples_is_not_taken_for_rows():
    """As many features as examples: the mean has the length of the batch, and no examples."""
    x, v = normal(N, N), normal(N, seed=1)
    x.requires_grad = v.requires_grad = True
    with mg.trace():
        loss = mg.sum((mg.mean(x, axis=0) * v) ** 2)
        loss.backward()
    with pytest.raises(GradientError, match="No result that v enters is known to have a row for each example"):
        mg.why(v, 0, of=loss).examples(batch=x)


def test_what_was_computed_before_the_trace_can_be_named_itself():
    raw, w = normal(N, 4), normal(4, 4, seed=1)
    w.requires_grad = True
    x = (raw - mg.mean(raw, axis=0)) / 2.0  # not recorded: nothing there needs a gradient
    with mg.trace():
        loss = rows(x, w)
        loss.backward()
    with pytest.raises(GradientError, match="Nothing in this graph reads"):
        mg.why(w, (0, 0), of=loss).examples(batch=raw)
    assert mg.why(w, (0, 0), of=loss).examples(batch=x).rest == 0


def test_models_that_are_time_first():
    mg.manual_seed(0)
    lstm, x = nn.LSTM(2, 4).to(mg.float64), normal(3, 5, 2)
    with mg.trace():
        loss = mg.sum(lstm(x)[0] ** 2)
        loss.backward()
    found = mg.why(lstm.weight_ih_l0, (1, 1), of=loss).examples(batch=x, axis=1)
    gradients = []
    for i in range(5):
        lstm.weight_ih_l0.grad = None
        mg.sum(lstm(mg.tensor(x.numpy()[:, i : i + 1]))[0] ** 2).backward()
        gradients.append(lstm.weight_ih_l0.grad.numpy()[1, 1])
    assert np.allclose(found.contributions, gradients)


@pytest.mark.parametrize(
    ("batch", "axis", "error"),
    [
        ("x", 0, ArgumentTypeError),
        (([1.0, 2.0],), 0, ArgumentTypeError),
        (normal(4, 4), 2, ShapeError),
        (normal(1, 4), 0, ShapeError),
        ((normal(4, 4), normal(3, 4)), 0, ShapeError),
        (mg.tensor(1.0), 0, ShapeError),
    ],
)
def test_what_is_no_batch(batch, axis, error):
    w = normal(4, 4)
    w.requires_grad = True
    with mg.trace():
        loss = mg.sum(w**2)
        loss.backward()
    with pytest.raises(error):
        mg.why(w, (0, 0), of=loss).examples(batch=batch, axis=axis)


@pytest.mark.parametrize("tracked", [False, True])
def test_the_page_knows_a_batch_that_is_named(tracked):
    x, w = normal(N, 4), normal(4, 4, seed=1)
    x.requires_grad, w.requires_grad = tracked, True
    with mg.trace():
        loss = rows(x, w)
        loss.backward()
    session = Session(sweep_of(loss, {"x": x, "w": w, "loss": loss}).of_batch(x, 0))
    number = next(k for k, node in enumerate(session.graph["nodes"]) if node["name"] == "w")
    before = session.examples({"node": number, "index": "2,1"})
    assert before["along"] == f"axis 0 of x, {N} examples"
    assert sum(each["contribution"] for each in before["examples"]) == pytest.approx(before["gradient"])
    first = before["examples"][0]
    card = session.why({"node": number, "index": "2,1", "example": first["number"]})
    assert card["sum"] == pytest.approx(first["contribution"])
    session.change({"node": number, "index": "2,1", "value": 3.0})
    after = session.examples({"node": number, "index": "2,1"})
    assert after["gradient"] != before["gradient"]
    assert sum(each["contribution"] for each in after["examples"]) == pytest.approx(after["gradient"])


def test_view_takes_it():
    x, w = normal(N, 4), normal(4, 4, seed=1)
    w.requires_grad = True
    with mg.trace():
        loss = rows(x, w)
        loss.backward()
    page = mg.view(loss, batch=x, open_browser=False)
    assert page.session.sweep.batch.count == N
    page.close()
    assert sweep_of(loss, {}).named is None  # it holds for this page alone


@pytest.mark.parametrize("axis", [1.0, "0", (0,), True])
def test_the_axis_is_an_integer(axis):
    x, w = normal(N, 3), mg.tensor(np.ones((3, 1)), requires_grad=True)
    with mg.trace():
        loss = mg.sum((x @ w) ** 2)
    with pytest.raises(ArgumentTypeError, match="`axis` is an integer, not"):
        mg.why(w, (0, 0), of=loss).examples(batch=x, axis=axis)


def test_a_view_of_what_entered_is_not_it():
    x, w = normal(N, 3), mg.tensor(np.ones((3, 1)), requires_grad=True)
    with mg.trace():
        loss = mg.sum((x @ w) ** 2)
    with pytest.raises(GradientError, match="name the very tensors"):
        mg.why(w, (0, 0), of=loss).examples(batch=x[:2])


def test_an_entry_that_is_finite_beside_one_that_is_not():
    w = mg.tensor([1.0, 1.0], requires_grad=True)
    x = mg.tensor([[np.inf, 1.0], [1.0, 2.0]])
    with mg.trace():
        loss = mg.sum(x * w)
    found = mg.why(w, 1, of=loss).examples(batch=x)
    assert (found.gradient, found.rest) == (3.0, 0.0)
    assert found.contributions.tolist() == [1.0, 2.0]


def test_an_axis_alone_and_a_batch_of_nothing_are_refused():
    w = mg.tensor([1.0, 1.0], requires_grad=True)
    with mg.trace():
        loss = mg.sum(normal(N, 2) * w)
    why = mg.why(w, 1, of=loss)
    with pytest.raises(ArgumentTypeError, match="name the batch, too"):
        why.examples(axis=1)
    with pytest.raises(ArgumentTypeError, match="names no tensor"):
        why.examples(batch=())


@pytest.mark.parametrize(
    ("program", "batch", "axis", "told"),
    [
        (lambda x, w: x @ w, "x", 7, r"There is no axis 7 in `batch`, which has shape \(6, 2\)"),
        (lambda x, w: (x[:3] * x[3:]) @ w, "x", 0, r"as in `x\[:3\] \* x\[3:\]`.*where it meets w"),
        (lambda x, w: x @ w, "w", 0, "w is itself named as `batch`"),
    ],
)
def test_what_can_not_be_told_by_example_has_a_cause_and_a_cure(program, batch, axis, told):
    x, w = mg.ones((6, 2)), mg.tensor([[1.0], [2.0]], requires_grad=True)
    with mg.trace():
        loss = mg.sum(program(x, w))
        loss.backward()
    with pytest.raises((GradientError, ShapeError), match=told):
        mg.why(w, of=loss).examples(batch={"x": x, "w": w}[batch], axis=axis)
