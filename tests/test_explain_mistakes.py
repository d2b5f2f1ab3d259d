"""The silent mistakes that the engine can see: stretched shapes, cut graphs, sums of gradients, probabilities for scores."""

import math
import warnings

import numpy as np
import pytest

import microgradient as mg
from microgradient.errors import GradientError, MicrogradientWarning
from microgradient.nn.functional import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    mse_loss,
    nll_loss,
)


def predictions(*shape):
    return mg.tensor(np.linspace(0.0, 1.0, int(np.prod(shape))).reshape(shape), requires_grad=True) * 1.0


@pytest.mark.parametrize(("a", "b"), [((100, 1), (100,)), ((100,), (100, 1))])
def test_a_column_minus_a_row_warns(a, b):
    target = mg.zeros(b, dtype=mg.float64)
    told = r"\(100, 100\): every prediction against every target.*y\[:, None\].*MG166"
    with pytest.warns(MicrogradientWarning, match=told):
        loss = mg.mean((predictions(*a) - target) ** 2)
    assert loss.shape == ()
    with pytest.warns(MicrogradientWarning, match=told):
        target - predictions(*a)
    with pytest.warns(MicrogradientWarning, match=told):
        predictions(*a) - target.numpy()


def test_it_warns_once_for_a_place():
    x, y = predictions(4, 1), np.zeros(4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            x - y
            mse_loss(x, mg.tensor(y))  # which warns itself, with more to say
    assert len(caught) == 2
    assert {w.filename for w in caught} == {__file__}


def test_what_is_meant_does_not_warn():
    x = predictions(5)
    x[:, None] - x  # all differences of one thing with itself
    x[:, None] - np.zeros(5), np.zeros(5) - mg.expand_dims(x, axis=1)  # a column on purpose
    np.zeros((5, 1)) - weights(1.0, 2.0, 3.0, 4.0, 5.0)  # a parameter is no prediction: centres, means
    predictions(1, 1) - np.zeros(1)
    predictions(5, 1) - np.zeros((5, 1))
    predictions(5, 1) - np.zeros((1, 5))
    predictions(5, 1) - np.zeros(3)
    predictions(5, 3) - np.zeros(3)
    predictions(5, 1) - 1.0
    predictions(5, 1) + np.zeros(5)
    mg.zeros((5, 1)) - mg.zeros((5,))  # no gradient: no loss
    with mg.no_grad():
        predictions(5, 1) - np.zeros(5)


# ------------------------------------------------------------------------------------- where a graph was cut


def weights(*values):
    return mg.tensor(np.array(values), requires_grad=True)


def copied(w):
    return mg.mean(mg.tensor(w * 2))


def in_no_grad(w):
    with mg.no_grad():
        return mg.mean(w * w) * 3.0


CUTS = {
    "detach": (lambda w: mg.mean((w * w).detach() * 2.0), r"\.detach\(\) at .*leave it out"),
    "no_grad": (in_no_grad, r"mg\.no_grad\(\) at .*outside"),
    "argmax": (lambda w: mg.mean(mg.argmax(w[None], axis=1).astype(mg.float32)), "argmax at .*flat.*cross_entropy"),
    "a comparison": (lambda w: mg.mean(mg.where(w > 1.5, 1.0, 0.0)), "greater at .*flat"),
    "a copy": (copied, r"mg\.tensor\(…\) at .*copies"),
    "astype": (lambda w: mg.mean(w.astype(mg.int64) * 1.0), r"astype\(int64\) at "),
    "argsort": (lambda w: mg.sum(mg.argsort(w) * 0.5), "argsort at .*flat"),
}


@pytest.mark.parametrize("name", CUTS)
def test_the_trail_belongs_to_the_tensor(name):
    f, told = CUTS[name]
    w = weights(1.0, 2.0)
    float(mg.sum(w)), w.numpy(), (w * 2.0).detach()  # logged in the same turn: they have no part in it
    loss = f(w)
    (w * 3.0).detach()
    with pytest.raises(GradientError, match=f"not connected.*{told}.*MG102") as caught:
        loss.backward()
    assert "float" not in str(caught.value)
    assert "numpy" not in str(caught.value)
    assert "test_explain_mistakes.py:" in str(caught.value)
    loss.requires_grad = True
    with pytest.raises(GradientError, match=f"{told}.*would not help"):
        loss.backward()


def test_what_was_detached_can_be_a_leaf():
    w = weights(1.0, 2.0)
    x = (w * 2.0).detach().requires_grad_()
    mg.sum(x * x).backward()
    assert x.grad.tolist() == [4.0, 8.0]
    with mg.no_grad():
        copy = w * 0.5
    copy.requires_grad = True
    mg.sum(copy * copy).backward()
    assert copy.grad.tolist() == [1.0, 2.0]


def filled(w, v):
    a = np.zeros(2)
    a[0] = w
    return mg.sum(mg.tensor(a) * v)


@pytest.mark.parametrize(
    ("f", "told"),
    [
        (lambda w, v: v * float(w), r"float\(…\)"),
        (lambda w, v: v * math.exp(w * 2.0), r"float\(…\).*mg\.exp\(x\) for math\.exp"),
        (filled, "became a number"),
        (lambda w, v: mg.sum(mg.tensor(np.array([w, w])) * v), "became a number"),
        (lambda w, v: mg.sum(mg.tensor([w, w]) * v), r"mg\.tensor\(\[…\]\)"),
        (lambda w, v: mg.sum((mg.round(w * 3.0) - 1.0) ** 2) + v, "round at .*flat"),
    ],
)
def test_a_number_taken_out_of_a_loss_is_spoken_of(f, told):
    w, v = mg.tensor(1.0, requires_grad=True), mg.tensor(2.0, requires_grad=True)

    def missing_gradient():
        f(w, v).backward()
        return w.grad

    with pytest.warns(MicrogradientWarning, match=rf"{told}.*MG102"):
        missing_gradient()


@pytest.mark.parametrize("transform", [mg.grad, mg.value_and_grad, mg.jacobian, mg.hessian])
def test_an_item_in_a_transformed_function_is_spoken_of(transform):
    with pytest.warns(MicrogradientWarning, match=r"not connected.*\.item\(\) at test_explain_mistakes.*MG102"):
        transform(lambda x: mg.sum(x).item() ** 2)(mg.ones(2))


def test_rounding_in_a_loop_is_spoken_of():
    w = weights(1.0, 2.0)
    mg.sum(mg.floor(weights(1.5))).backward()  # the derivative of floor, on purpose

    def loop():
        for _ in range(2):
            mg.mean((mg.round(w * 3.0) - 1.0) ** 2).backward()
            w.grad = None

    with pytest.warns(MicrogradientWarning, match=r"round at .*shape \(2,\) is 0, since round is flat.*MG102"):
        loop()


def test_numbers_that_are_looked_at_do_not_warn():
    w, v = weights(1.0, 2.0), weights(3.0, 4.0)
    for _ in range(2):
        first, second = mg.sum(w * w), mg.sum(v * v)
        float(first), float(second), np.asarray(v), f"{float(second):.3f}"  # logging
        first.backward()
        v.grad  # noqa: B018 (its turn comes later)
        second.backward()
        loss = mg.sum(w * (v * 2.0).detach()) * second.item()
        fraction = mg.sum(w - mg.floor(w)) + loss
        (fraction + mg.sum(w + (mg.round(w) - w).detach())).backward()  # a straight-through estimator


# ---------------------------------------------------------------------------------------------------- gradients that add up


def descend(zero, turns=3, backwards=1):
    w = mg.nn.Parameter(np.ones(3))
    opt = mg.optim.SGD([w], lr=0.1)
    for _ in range(turns):
        for _ in range(backwards):
            mg.sum(w * w).backward()
        opt.step()
        zero(opt, w)


@pytest.mark.parametrize(
    ("backwards", "told"), [(1, "include 2 backward passes, and 1 of"), (3, "include 6 .*, and 3 of")]
)
def test_gradients_that_were_not_zeroed_are_spoken_of(backwards, told):
    with pytest.warns(MicrogradientWarning, match=rf"{told} .* earlier step.*zero_grad.*MG168"):
        descend(lambda opt, w: None, turns=2, backwards=backwards)


@pytest.mark.parametrize(
    "zero",
    [
        lambda opt, w: opt.zero_grad(),
        lambda opt, w: opt.zero_grad(set_to_none=False),
        lambda opt, w: setattr(w, "grad", None),
        lambda opt, w: setattr(w, "grad", mg.zeros((3,), dtype=w.dtype)),
        lambda opt, w: w.grad.data.fill(0.0),
    ],
)
def test_zeroed_gradients_and_deliberate_sums_do_not_warn(zero):
    descend(zero)
    descend(zero, backwards=4)


# ------------------------------------------------------------------------------------------------ what a loss applies itself


def test_probabilities_where_a_loss_takes_something_else():
    scores = mg.tensor(np.array([[0.2, -1.0], [1.5, 0.3]]), requires_grad=True)
    labels = mg.tensor([0, 1])
    with pytest.warns(MicrogradientWarning, match="nll_loss takes their logarithms.*log_softmax.*MG165"):
        nll_loss(mg.softmax(scores, axis=1), labels)
    with pytest.warns(MicrogradientWarning, match=r"through a sigmoid.*binary_cross_entropy\(p, y\).*MG165"):
        binary_cross_entropy_with_logits(mg.reshape(mg.sigmoid(scores), (4,)), mg.zeros(4))
    nll_loss(mg.log_softmax(scores, axis=1), labels)
    binary_cross_entropy_with_logits(scores, mg.zeros((2, 2)))
    binary_cross_entropy_with_logits(mg.sigmoid(scores) * 4.0 - 2.0, mg.zeros((2, 2)))
    binary_cross_entropy(mg.sigmoid(scores), mg.zeros((2, 2)))


def test_complex_numbers_are_not_explained():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.trace():
        mg.sum(mg.abs(x * (1 + 2j))).backward()
    with pytest.raises(mg.errors.GradientError, match=r"complex.*view_as_real.*MG116"):
        mg.why(x)
