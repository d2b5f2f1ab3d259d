"""The examples of a gradient where parts of the batch enter the loss, and where what enters it was computed from the batch."""

from __future__ import annotations

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn
from microgradient.errors import ArgumentTypeError, GradientError
from microgradient.explain.sweep import sweep_of
from microgradient.page.session import Session

N = 6
ORDER = [3, 0, 5, 1, 4, 2]
MASK = np.array([True, False, True, True, False, True])


def normal(*shape, seed=0):
    return mg.tensor(np.random.default_rng(seed).standard_normal(shape))


def one(x, w):
    """The loss of each row."""
    return mg.sum(mg.tanh(x @ w) ** 2, axis=-1)


def softly(x, w):
    """The same by an operation of all rows together, which treats them alike."""
    return mg.sum(mg.softmax(mg.tanh(x @ w) @ w, axis=-1)[..., 0])


def minibatches(x, w):
    loss = 0.0
    for start in range(0, N, 3):
        chosen = mg.tensor(ORDER[start : start + 3])
        loss = loss + mg.mean(one(x[chosen], w))
    return loss


def by_index(x, w):
    loss = 0.0
    for i in range(N):
        loss = loss + (i + 1) * one(x[i], w)
    return loss


def by_row(x, w):
    return mg.sum(mg.concat([mg.tanh(x[i : i + 1] @ w) @ w for i in range(N)]) ** 2)


def stacked(x, w):
    return mg.sum(mg.tanh(mg.stack([mg.tanh(row @ w) for row in x]) @ w))


def of_rows(rows):
    """A loss of some rows of the batch, and the same of one example, as often as it is among them."""
    times = np.bincount(np.arange(N)[rows], minlength=N)
    return lambda x, w: softly(x[rows], w), lambda x, w, i: times[i] * softly(x[i : i + 1], w)


PARTS = {
    "a slice": of_rows(slice(2)),
    "every other": of_rows(slice(None, None, 2)),
    "a mask": of_rows(MASK),
    "a permutation": of_rows(ORDER),
    "an example twice": of_rows([1, 4, 1]),
    "shuffled minibatches": (minibatches, lambda x, w, i: one(x[i], w) / 3),
    "one by one": (by_index, lambda x, w, i: (i + 1) * one(x[i], w)),
    "one row each": (by_row, lambda x, w, i: mg.sum((mg.tanh(x[i] @ w) @ w) ** 2)),
    "stacked": (stacked, lambda x, w, i: mg.sum(mg.tanh(mg.tanh(x[i] @ w) @ w))),
    "parts of features": (lambda x, w: mg.sum(one(x[ORDER, :2], w[:2])), lambda x, w, i: one(x[i, :2], w[:2])),
    "parts of what was computed": (
        lambda x, w: softly(mg.tanh(x * 2.0)[1:4] / 3.0, w),
        lambda x, w, i: (1 <= i < 4) * softly(mg.tanh(x[i : i + 1] * 2.0) / 3.0, w),
    ),
}


@pytest.mark.parametrize("tracked", [False, True])
@pytest.mark.parametrize("name", PARTS)
def test_what_came_through_a_part_is_of_the_examples_in_it(name, tracked):
    """A contribution is the gradient of the example alone."""
    program, alone = PARTS[name]
    x, w = normal(N, 3), normal(3, 3, seed=1)
    x.requires_grad, w.requires_grad = tracked, True
    with mg.trace():
        loss = program(x, w)
        loss.backward()
    found = mg.why(w, (1, 1), of=loss).examples(batch=x)
    assert found.rest == 0
    assert np.sum(found.contributions) == pytest.approx(found.gradient)
    for each in found:
        gradient = mg.grad(lambda w, i=each.number: alone(x.detach(), w, i))(w.detach()).numpy()
        assert each.contribution == pytest.approx(gradient[1, 1], abs=1e-12)
        assert each.why().gradient == pytest.approx(each.contribution)


def test_labels_that_are_taken_apart_with_the_examples():
    x, y, w = normal(N, 3), mg.tensor([0, 1, 2, 1, 0, 2]), normal(3, 3, seed=1)
    w.requires_grad = True
    with mg.trace():
        loss = 0.0
        for start in range(0, N, 2):
            chosen = mg.tensor(ORDER[start : start + 2])
            loss = loss + nn.functional.cross_entropy(x[chosen] @ w, y[chosen])
        loss.backward()
    found = mg.why(w, (0, 0), of=loss).examples(batch=(x, y))
    assert found.rest == 0
    assert [each.label for each in found] == [y.numpy()[each.number] for each in found]
    assert np.all(found.contributions != 0)


@pytest.mark.parametrize(
    "pairs",
    [
        lambda x, w: mg.sum(((x[[0, 1, 2]] * x[[3, 4, 5]]) @ w) ** 2),
        lambda x, w: mg.sum(((x[1:] - x[:-1]) @ w) ** 2),
        lambda x, w: mg.sum(((x - x[0]) @ w) ** 2),
        lambda x, w: mg.sum(((x * mg.roll(x, 1, axis=0)) @ w) ** 2),
        lambda x, w: mg.sum((mg.einsum("nf,nf->nf", x[:2], x[2:4]) @ w) ** 2),
    ],
)
def test_where_several_examples_meet_none_is_named(pairs):
    x, w = normal(N, 3), normal(3, 2, seed=1)
    w.requires_grad = True
    with mg.trace():
        loss = pairs(x, w)
        loss.backward()
    with pytest.raises(GradientError, match="No result that w enters is known to have a row for each example"):
        mg.why(w, (0, 0), of=loss).examples(batch=x)


def test_an_empty_batch_has_no_examples_and_is_called_so():
    model = nn.Linear(2, 1)
    with mg.trace(model):
        mg.sum(model(mg.zeros((0, 2)))).backward()
    with pytest.raises(GradientError, match="The batch is empty: there are no examples"):
        mg.why(model.weight, (0, 0)).examples()


def test_what_is_random_or_masked_keeps_the_rows():
    """A constant that is not of the batch has an entry for each example, as dropout's mask has."""
    x, w, v = normal(N, 3), normal(3, 3, seed=1), normal(3, seed=2)
    w.requires_grad = v.requires_grad = True
    with mg.trace():
        loss = mg.sum(nn.functional.dropout(mg.tanh(x @ w), 0.5) @ v)
        loss.backward()
    assert mg.why(v, 1, of=loss).examples(batch=x).rest == 0


NORMS = {
    "layer norm": (nn.LayerNorm(4), (N, 4)),
    "batch norm": (nn.BatchNorm1d(4), (N, 4)),
    "batch norm of as many features": (nn.BatchNorm1d(N), (N, N)),
    "group norm": (nn.GroupNorm(2, 4), (N, 4, 3)),
    "instance norm": (nn.InstanceNorm1d(4, affine=True), (N, 4, 3)),
    "rms norm": (nn.RMSNorm(4), (N, 4)),
}


@pytest.mark.parametrize("name", NORMS)
def test_a_norm_may_be_the_first_layer(name):
    """Its weight takes what arrives at each entry times the entry, normalised."""
    norm, shape = NORMS[name]
    model = nn.Sequential(norm, nn.Flatten(), nn.Linear(int(np.prod(shape[1:])), 2)).to(mg.float64)
    x = normal(*shape)
    norm.weight.data = np.ones(shape[1])
    with mg.trace() as trace:
        normalised = norm(x)
        mg.sum(model[2](model[1](normalised)) ** 2).backward()
    products = np.moveaxis(trace.grad_of(normalised).numpy() * normalised.detach().numpy(), 1, -1)[..., 0]
    with mg.trace():
        loss = mg.sum(model(x) ** 2)
        loss.backward()
    found = mg.why(norm.weight, 0, of=loss).examples()
    assert found.contributions == pytest.approx(products.reshape(N, -1).sum(axis=1))
    assert np.array_equal(found[0].input, x.numpy()[found[0].number])
    for parameter in model.parameters():
        assert mg.why(parameter, of=loss).examples().rest == 0
    assert mg.why(norm.weight, 0, of=loss).examples(batch=x).contributions == pytest.approx(found.contributions)


class Scaled(nn.Module):
    """What many models begin with: numbers that need no gradient, made of the pictures."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, pictures):
        grey = mg.reshape(pictures, (-1, 4)) / 255.0
        return self.linear(grey)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_what_a_model_computes_of_its_input_first(dtype):
    model, x = Scaled().to(mg.float64), mg.tensor(np.random.default_rng(0).integers(0, 256, (N, 2, 2)).astype(dtype))
    with mg.trace():
        loss = mg.sum(model(x) ** 2)
        loss.backward()
    found = mg.why(model.linear.weight, (0, 0), of=loss).examples()
    assert found.rest == 0
    assert np.sum(found.contributions) == pytest.approx(found.gradient)
    assert np.array_equal(found[0].input, x.numpy()[found[0].number])


def test_a_tensor_that_takes_no_part_is_no_label():
    x, y, w = normal(N, 3), normal(N, seed=2), normal(3, 2, seed=1)
    w.requires_grad = True
    with mg.trace():
        loss = mg.sum((x @ w) ** 2)
        loss.backward()
    why = mg.why(w, (0, 0), of=loss)
    with pytest.raises(GradientError, match=r"reads y \(6,\), named as `batch`.*Leave out what takes no part"):
        why.examples(batch=(x, y))
    assert len(why.examples(batch=x)) == N


def test_after_a_later_trace_it_is_said_what_has_taken_its_place():
    x, model = normal(N, 3), nn.Linear(3, 2).to(mg.float64)

    def step():
        with mg.trace():
            loss = mg.sum(model(x) ** 2)
            loss.backward()
        return loss

    first = step()
    assert len(mg.why(model.weight, (0, 0), of=first).examples()) == N
    second = step()
    why = mg.why(model.weight, (0, 0), of=first)
    assert "a later one has taken its place" in why.told_check()
    for batch in (None, x):
        with pytest.raises(GradientError, match="A later trace has taken the place of the one that recorded this"):
            why.examples(batch=batch)
    assert len(mg.why(model.weight, (0, 0), of=second).examples()) == N


def test_what_no_trace_recorded_is_told_as_such():
    x, model = normal(N, 3), nn.Linear(3, 2).to(mg.float64)
    loss = mg.sum(model(x) ** 2)
    loss.backward(retain_graph=True)
    with pytest.raises(GradientError, match="Module was called with them"):
        mg.why(model.weight, (0, 0), of=loss).examples()


# ------------------------------------------------------------------------------------------------------ what isn't finite


PRODUCTS = {
    "matmul": lambda x, w: x @ w,
    "turned": lambda x, w: (w.T @ x.T).T,
    "einsum": lambda x, w: mg.einsum("nf,fo->no", x, w),
    "einsum of three": lambda x, w: mg.einsum("nf,fo,o->no", x, w, mg.ones(2, dtype=mg.float64)),
}


@pytest.mark.parametrize("infinite", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_with_an_infinite_number_beside_what_moves(name, infinite):
    """w[1, 0] meets no infinite number: its flow and its examples are those of the product without that column."""
    data = np.random.default_rng(0).standard_normal((N, 3))
    data[2, 0] = infinite
    x, w = mg.tensor(data), normal(3, 2, seed=1)
    w.requires_grad = True
    with mg.trace():
        y = PRODUCTS[name](x, w)
        loss = mg.sum(y * mg.tensor(np.arange(12.0).reshape(6, 2) - 3))
        loss.backward()
    found = mg.why(w, (1, 0), of=loss).examples(batch=x)
    expected = data[:, 1] * (2 * np.arange(6.0) - 3)
    if name != "einsum of three":  # of several other factors only entries are told apart through which nothing moves
        assert found.contributions == pytest.approx(expected)
        assert found.gradient == pytest.approx(np.sum(expected))
        flow = mg.gradient_flow(w, (1, 0), of=loss)
        assert all(np.isfinite(band.part.gross) for band in flow.bands)
        assert sum(balance.kept.net for balance in flow.balances) == pytest.approx(flow.total)
    else:
        assert found.contributions[[0, 1, 3, 4, 5]] == pytest.approx(expected[[0, 1, 3, 4, 5]])
    whole = mg.why(w, (0, 0), of=loss).examples(batch=x)
    assert np.array_equal(np.isfinite(whole.contributions), np.isfinite(data[:, 0]))


def test_a_convolution_with_an_infinite_number_beside_what_moves():
    data = np.random.default_rng(0).standard_normal((2, 2, 5))
    data[1, 0, 3] = np.inf
    x, w = mg.tensor(data), normal(1, 2, 3, seed=1)
    w.requires_grad = True
    with mg.trace():
        loss = mg.sum(nn.functional.conv1d(x, w))
        loss.backward()
    found = mg.why(w, (0, 1, 0), of=loss).examples(batch=x)
    assert found.contributions == pytest.approx(data[:, 1, :3].sum(axis=1))


def test_an_infinite_gradient_that_arrives_where_nothing_moves():
    w = mg.tensor([1.0, 0.0], requires_grad=True)
    x = mg.tensor([[1.0, 0.0], [0.0, 1.0]])
    with mg.trace():
        loss = mg.sum(mg.sqrt(x @ w))
        loss.backward()
    found = mg.why(w, 0, of=loss).examples(batch=x)
    assert found.contributions.tolist() == [0.5, 0.0]
    assert mg.gradient_flow(w, 0, of=loss).balances[0].kept.net == 0.5


# ---------------------------------------------------------------------------------------------------------- on the page


@pytest.mark.parametrize("notebook", [False, True])
def test_the_page_takes_what_examples_takes(notebook):
    if notebook:
        pytest.importorskip("anywidget")
    x, w = normal(3, N, 4), normal(4, 4, seed=1)
    w.requires_grad = True
    with mg.trace():
        loss = mg.sum(mg.tanh(x[-1] @ w) ** 2)
        loss.backward()
    page = mg.view(loss, batch=x, axis=1, open_browser=False, notebook=notebook)
    node = next(k for k, each in enumerate(page.session.graph["nodes"]) if each["name"] == "w")
    found = page.session.examples({"node": node, "index": "0,0"})
    assert found["along"] == f"axis 1 of x, {N} examples"
    assert found["count"] == N
    if not notebook:
        page.close()


@pytest.mark.parametrize("notebook", [False, True])
def test_the_page_refuses_what_takes_no_part(notebook):
    if notebook:
        pytest.importorskip("anywidget")
    x, other, w = normal(N, 4), normal(N, 2, seed=2), normal(4, 4, seed=1)
    w.requires_grad = True
    with mg.trace():
        loss = mg.sum(mg.tanh(x @ w) ** 2)
        loss.backward()
    for batch, name in ((other, r"other \(6, 2\)"), ((x, other), r"other \(6, 2\)"), (normal(N, 4), r"batch \(6, 4\)")):
        with pytest.raises(GradientError, match=f"Nothing in this graph reads {name}"):
            mg.view(loss, batch=batch, open_browser=False, notebook=notebook)
    with pytest.raises(ArgumentTypeError, match="name the batch, too"):
        mg.view(loss, axis=1, open_browser=False, notebook=notebook)


def test_an_input_that_is_changed_on_the_page_stays_the_batch():
    x, model = normal(N, 3), nn.Sequential(nn.LayerNorm(3), nn.Linear(3, 2)).to(mg.float64)
    x.requires_grad = True
    with mg.trace():
        loss = mg.sum(model(x) ** 2)
        loss.backward()
    session = Session(sweep_of(loss, {"x": x, "model": model, "loss": loss}))
    names = [each["name"] for each in session.graph["nodes"]]
    asked = {"node": names.index("model.1.weight"), "index": "0,0"}
    before = session.examples(asked)
    session.change({"node": names.index("x"), "index": "2,1", "value": 5.0})
    after = session.examples(asked)
    assert after["rest"] == before["rest"] == 0
    assert after["count"] == N
    old, new = ({e["number"]: e["contribution"] for e in each["examples"]} for each in (before, after))
    assert [k for k in old if old[k] != pytest.approx(new[k])] == [2]
    assert next(e for e in after["examples"] if e["number"] == 2)["numbers"].split(", ")[1] == "5"
