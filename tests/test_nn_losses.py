"""Losses: values by hand, derivatives by finite differences, and the mistakes they catch."""

from __future__ import annotations

import math
import re
import warnings
from typing import Any

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn
from microgradient.errors import ArgumentError, MicrogradientWarning, ShapeError

F = nn.functional


def numbers(*shape: int, seed: int = 0) -> mg.Tensor:
    return mg.tensor(np.random.default_rng([seed, *shape]).standard_normal(shape))


LABELS = mg.tensor([2, 0, 1])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_derivatives_of_cross_entropy(reduction: str) -> None:
    weight = mg.tensor(np.array([0.5, 2.0, 1.0]))
    for options in ({}, {"weight": weight}, {"label_smoothing": 0.2, "weight": weight}, {"ignore_index": 0}):
        mg.check_gradients(
            lambda x, o=options: F.cross_entropy(x, LABELS, reduction=reduction, **o),
            numbers(3, 3),
        )
    target = np.abs(numbers(3, 3, seed=1).numpy())
    mg.check_gradients(lambda x, y: F.cross_entropy(x, y, reduction=reduction), numbers(3, 3), mg.tensor(target))


@pytest.mark.parametrize(
    "loss",
    [
        F.mse_loss,
        F.l1_loss,
        lambda x, y: F.smooth_l1_loss(x, y, beta=0.5),
        lambda x, y: F.huber_loss(x, y, delta=0.5, reduction="none"),
        F.binary_cross_entropy_with_logits,
        lambda x, y: F.binary_cross_entropy_with_logits(x, y, pos_weight=mg.tensor(np.array([2.0, 0.5]))),
        lambda x, y: F.binary_cross_entropy(mg.sigmoid(x), mg.sigmoid(y)),
        lambda x, y: F.kl_div(x, mg.softmax(y), reduction="batchmean"),
        lambda x, y: F.kl_div(x, y, log_target=True),
    ],
)
def test_derivatives_of_distances(loss: Any) -> None:
    mg.check_gradients(loss, numbers(3, 2), numbers(3, 2, seed=1))


def test_cross_entropy_by_hand() -> None:
    x = mg.tensor([[1.0, 2.0], [3.0, 1.0]])
    rows = [math.log(math.e + math.e**2) - 2, math.log(math.e**3 + math.e) - 3]
    np.testing.assert_allclose(F.cross_entropy(x, mg.tensor([1, 0])).item(), sum(rows) / 2, rtol=1e-6)
    np.testing.assert_allclose(F.cross_entropy(x, mg.tensor([1, 0]), reduction="none").numpy(), rows, rtol=1e-6)
    np.testing.assert_allclose(F.cross_entropy(x, mg.tensor([1, -100])).item(), rows[0], rtol=1e-6)
    same = F.cross_entropy(x, F.one_hot(mg.tensor([1, 0])).astype(mg.float32))
    np.testing.assert_allclose(same.item(), sum(rows) / 2, rtol=1e-6)


def test_labels_of_any_dtype_and_whole_floats_are_accepted() -> None:
    x = numbers(3, 4)
    wanted = F.cross_entropy(x, mg.tensor([3, 0, 2])).item()
    for dtype in (np.int8, np.uint8, np.int32, np.int64, np.float32, np.float64):
        assert F.cross_entropy(x, mg.tensor(np.array([3, 0, 2], dtype))).item() == wanted
    assert F.cross_entropy(x, np.array([3, 0, 2])).item() == wanted
    assert F.cross_entropy(x[:, :2], mg.tensor([True, False, True])).shape == ()


def test_large_scores_stay_finite() -> None:
    x = mg.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    loss = F.cross_entropy(x, mg.tensor([1, 1]), reduction="none")
    np.testing.assert_array_equal(loss.numpy(), [2e4, 0.0])
    mg.sum(loss).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[1, -1], [0, 0]])
    y = F.binary_cross_entropy_with_logits(mg.tensor([1e4, -1e4]), mg.tensor([0.0, 1.0]), reduction="none")
    np.testing.assert_array_equal(y.numpy(), [1e4, 1e4])


def test_masked_scores_of_minus_infinity_have_gradient_zero() -> None:
    x = mg.tensor([[0.0, -math.inf, 1.0]], requires_grad=True)
    F.cross_entropy(x, mg.tensor([2])).backward()
    grad = x.grad.numpy()
    assert np.isfinite(grad).all()
    assert grad[0, 1] == 0


def test_empty_batches() -> None:
    x, y = mg.zeros((0, 3)), mg.zeros((0,), dtype=mg.int64)
    assert F.cross_entropy(x, y, reduction="sum").item() == 0
    assert math.isnan(F.cross_entropy(x, y).item())
    assert F.mse_loss(x, x, reduction="sum").item() == 0


# ------------------------------------------------------------------------------------------------ mistakes and messages


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([1, 2, 3], "3 outputs need labels 0–2; row 2 is 3. Labels from 1? `y - 1`."),
        ([0, 1, 3], "3 outputs need labels 0–2; row 2 is 3. Give the model 4 outputs?"),
        ([0, -1, 2], "3 outputs need labels 0–2; row 1 is -1."),
        ([0.0, 1.5, 2.0], "row 1 is 1.5"),
        ([[0], [1], [2]], "mg.squeeze(y, axis=-1)"),
        ([[1, 0, 0]] * 3, "mg.argmax(y, axis=1)"),
        ([0, 1], "need labels of shape (3,), got (2,)"),
    ],
)
def test_wrong_labels_are_explained(labels: Any, text: str) -> None:
    for loss in (F.cross_entropy, F.nll_loss):
        with pytest.raises(ValueError, match=re.escape(text)):
            loss(mg.zeros((3, 3)), mg.tensor(labels))


def test_wrong_labels_of_images_and_sequences() -> None:
    with pytest.raises(ArgumentError, match=re.escape("the one at (0, 1) is 7")):
        F.cross_entropy(mg.zeros((1, 3, 2)), mg.tensor([[0, 7]]))
    with pytest.raises(ShapeError, match="classes last"):
        F.cross_entropy(mg.zeros((4, 5, 3)), mg.zeros((4, 5), dtype=mg.int64))
    for loss in (F.cross_entropy, F.nll_loss):
        with pytest.raises(ShapeError, match="single number"):
            loss(mg.tensor(1.0), mg.tensor(0))


def test_softmax_before_cross_entropy_warns_once_for_each_place() -> None:
    p = mg.softmax(numbers(5, 3))
    with pytest.warns(MicrogradientWarning, match="rows of `p` already sum to 1") as caught:
        [F.cross_entropy(p, mg.tensor([0, 1, 2, 0, 1])) for _ in range(3)]
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with pytest.warns(MicrogradientWarning):
        F.cross_entropy(p, mg.tensor([0, 1, 2, 0, 1]))
    with pytest.warns(MicrogradientWarning):
        F.cross_entropy(mg.softmax(numbers(2, 3, 4), axis=1), mg.zeros((2, 4), dtype=mg.int64))


def test_scores_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        F.cross_entropy(numbers(5, 3), mg.tensor([0, 1, 2, 0, 1]))
        F.cross_entropy(mg.log_softmax(numbers(5, 3)), mg.tensor([0, 1, 2, 0, 1]))
        F.cross_entropy(mg.zeros((5, 3)), mg.tensor([0, 1, 2, 0, 1]))
        F.cross_entropy(mg.ones((2, 1)), mg.tensor([0, 0]))
        x = numbers(4, 3).numpy()
        x[0] = [0.2, 0.3, 0.5]  # one row alone proves nothing
        F.cross_entropy(mg.tensor(x), mg.tensor([0, 1, 2, 0]))


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_a_column_against_a_row_warns(name: str) -> None:
    loss = getattr(F, name)
    with pytest.warns(
        MicrogradientWarning, match=re.escape("(100, 1) against a target (100,) is computed as (100, 100)")
    ):
        loss(mg.zeros((100, 1)), mg.zeros((100,)))
    with pytest.warns(MicrogradientWarning, match="every prediction against every target"):
        loss(mg.zeros((100,)), mg.zeros((100, 1)))
    with pytest.warns(MicrogradientWarning, match="several times"):
        loss(mg.zeros((4, 2)), mg.zeros((2,)))
    with pytest.raises(ShapeError, match=re.escape("one shape, got (3,) and (4,)")):
        loss(mg.zeros((3,)), mg.zeros((4,)))


def test_binary_cross_entropy_explains_shapes_and_ranges() -> None:
    with pytest.raises(ShapeError, match=re.escape("mg.reshape(y, (4, 1))")):
        F.binary_cross_entropy_with_logits(mg.zeros((4, 1)), mg.zeros((4,)))
    with pytest.raises(ArgumentError, match=re.escape("got numbers from -1 to 2")):
        F.binary_cross_entropy(mg.tensor([-1.0, 2.0]), mg.zeros((2,)))
    whole = F.binary_cross_entropy_with_logits(mg.zeros((2,)), mg.tensor([0, 1]))
    np.testing.assert_allclose(whole.item(), math.log(2), rtol=1e-6)


def test_a_certain_and_wrong_prediction_has_a_large_gradient_in_every_world() -> None:
    p, y = mg.tensor([0.0, 1.0, 0.5]), mg.tensor([1.0, 0.0, 1.0])
    gradient = mg.grad(lambda p: F.binary_cross_entropy(p, y, reduction="sum"))
    for found in (gradient(p), mg.compile(gradient)(p), mg.vmap(gradient)(mg.stack([p, p]))[1]):
        np.testing.assert_allclose(found.numpy(), [-1e12, 1e12, -2], rtol=1e-6)
    second = mg.hessian(lambda p: F.binary_cross_entropy(p, mg.tensor([0.3]), reduction="sum"))(mg.tensor([0.25]))
    np.testing.assert_allclose(second.item(), 0.3 / 0.25**2 + 0.7 / 0.75**2, rtol=1e-6)


def test_unknown_reductions_are_refused() -> None:
    for loss in (F.mse_loss, F.binary_cross_entropy_with_logits, F.kl_div):
        with pytest.raises(ArgumentError, match="reduction='avg' is unknown"):
            loss(mg.zeros((2,)), mg.zeros((2,)), reduction="avg")
    with pytest.raises(ArgumentError, match="label_smoothing"):
        F.cross_entropy(mg.zeros((1, 2)), mg.tensor([0]), label_smoothing=2.0)


@pytest.mark.parametrize("shape", [(2,), (5,), (1,), (3, 1), ()])
@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss, F.multi_margin_loss])
def test_there_is_a_weight_for_each_class(loss: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="one number for each of 3 classes"):
        loss(mg.zeros((2, 3)), mg.tensor([0, 1]), weight=mg.ones(shape))
