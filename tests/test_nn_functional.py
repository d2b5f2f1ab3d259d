"""Functions of nn.functional that no layer of `test_nn_layers.py` stands for: derivatives, and compiled as eagerly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn
from microgradient.errors import ArgumentError, MicrogradientError, ShapeError

F = nn.functional


def numbers(*shape: int, seed: int = 0) -> mg.Tensor:
    return mg.tensor(np.random.default_rng([seed, *shape]).standard_normal(shape))


def signs(*shape: int) -> mg.Tensor:
    return mg.sign(numbers(*shape, seed=5))


GRID = mg.tensor(np.random.default_rng(0).uniform(-1.4, 1.4, (1, 2, 2, 2)))
Case = tuple[Callable[..., Any], tuple[mg.Tensor, ...]]
CASES: dict[str, Case] = {
    **{
        f"grid_sample {mode} {padding}": (
            lambda x, g, m=mode, p=padding: F.grid_sample(x, g, m, p),
            (numbers(1, 1, 3, 4), GRID),
        )
        for mode, padding in (("bilinear", "zeros"), ("bilinear", "border"), ("bicubic", "reflection"))
    },
    "grid_sample nearest": (lambda x: F.grid_sample(x, GRID, "nearest"), (numbers(1, 1, 3, 4),)),
    "grid_sample of volumes": (F.grid_sample, (numbers(1, 1, 2, 3, 2), numbers(1, 1, 2, 1, 3) * 0.5)),
    "affine_grid": (lambda theta: F.affine_grid(theta, (1, 1, 2, 3), align_corners=True), (numbers(1, 2, 3),)),
    "antialias": (lambda x: F.interpolate(x, (2, 3), mode="bicubic", antialias=True), (numbers(1, 1, 5, 4),)),
    "area": (lambda x: F.interpolate(x, 2, mode="area"), (numbers(1, 1, 5),)),
    "max_unpool2d": (lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2), (numbers(1, 1, 4, 4),)),
    "embedding_bag": (
        lambda w, p: F.embedding_bag(mg.tensor([[1, 2], [3, 3]]), w, mode="sum", per_sample_weights=p, padding_idx=2),
        (numbers(4, 2), numbers(2, 2)),
    ),
    "embedding_bag with offsets": (
        lambda w: F.embedding_bag(mg.tensor([1, 2, 3, 0]), w, mg.tensor([0, 1, 1]), mode="max"),
        (numbers(4, 2),),
    ),
    "pdist": (F.pdist, (numbers(4, 2),)),
    "cosine_similarity": (F.cosine_similarity, (numbers(3, 2), numbers(3, 2, seed=1))),
    "pairwise_distance": (lambda a, b: F.pairwise_distance(a, b, 3.0), (numbers(3, 2), numbers(3, 2, seed=1))),
    "normalize": (lambda x: F.normalize(x, p=3.0), (numbers(3, 2),)),
    "bilinear": (F.bilinear, (numbers(2, 2), numbers(2, 3), numbers(2, 2, 3), numbers(2))),
    "pad that cuts": (lambda x: F.pad(x, (2, -1, -1, 0), mode="circular"), (numbers(1, 1, 3, 3),)),
    "ctc_loss": (
        lambda x: F.ctc_loss(mg.log_softmax(x), mg.tensor([[1, 1], [2, 0]]), [4, 3], [2, 1]),
        (numbers(4, 2, 3),),
    ),
    "ctc_loss itself": (
        lambda x: F.ctc_loss(x, mg.tensor([1, 1, 2]), [4, 4], [2, 1], reduction="none"),
        (numbers(4, 2, 3),),
    ),
    "margin_ranking_loss": (lambda a, b: F.margin_ranking_loss(a, b, signs(4)), (numbers(4), numbers(4, seed=1))),
    "hinge_embedding_loss": (lambda x: F.hinge_embedding_loss(x, signs(4)), (numbers(4),)),
    "cosine_embedding_loss": (
        lambda a, b: F.cosine_embedding_loss(a, b, mg.tensor([1, -1, -1]), margin=-0.9),
        (numbers(3, 2), numbers(3, 2, seed=1)),
    ),
    "soft_margin_loss": (lambda x: F.soft_margin_loss(x, signs(3, 2)), (numbers(3, 2),)),
    "multilabel_soft_margin_loss": (lambda x: F.multilabel_soft_margin_loss(x, mg.relu(signs(3, 2))), (numbers(3, 2),)),
    "multi_margin_loss": (lambda x: F.multi_margin_loss(x, mg.tensor([0, 2]), p=2), (numbers(2, 3),)),
    "multilabel_margin_loss": (
        lambda x: F.multilabel_margin_loss(x, mg.tensor([[2, 0, -1], [1, -1, 0]])),
        (numbers(2, 3),),
    ),
    "triplet_margin_loss": (
        lambda a, p, n: F.triplet_margin_loss(a, p, n, swap=True),
        (numbers(3, 2), numbers(3, 2, seed=1), numbers(3, 2, seed=2)),
    ),
    "gaussian_nll_loss": (
        lambda x, v: F.gaussian_nll_loss(x, numbers(2, 3, seed=3), mg.exp(v), full=True),
        (numbers(2, 3), numbers(2, 1)),
    ),
    "poisson_nll_loss": (lambda x: F.poisson_nll_loss(x, mg.tensor([0.0, 3.0]), full=True), (numbers(2),)),
    "linear_cross_entropy": (
        lambda x, w: F.linear_cross_entropy(x, w, mg.tensor([1, 0])),
        (numbers(2, 3), numbers(2, 3, seed=1)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_derivatives(name: str) -> None:
    function, arguments = CASES[name]
    mg.check_gradients(lambda *xs: mg.sum(mg.sin(function(*xs))), *arguments)


@pytest.mark.parametrize("name", CASES)
def test_compiled_steps_run_in_machine_code_alone(name: str) -> None:
    function, arguments = CASES[name]
    leaves = [mg.tensor(x.numpy(), requires_grad=True) for x in arguments]

    def step(*xs: mg.Tensor) -> list[mg.Tensor]:
        for x in xs:
            x.grad = None
        y = function(*xs)
        mg.sum(mg.sin(y)).backward()
        return [y, *(x.grad for x in xs)]

    compiled = mg.compile(step)
    for got, wanted in zip(compiled(*leaves), step(*leaves), strict=True):
        np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-9, atol=1e-12)
    assert compiled.stats()["host_calls"] == {}


def test_losses_take_pytorchs_former_arguments() -> None:
    x, y = numbers(3, 2), numbers(3, 2, seed=1)
    for former, reduction in (
        ({"size_average": False}, "sum"),
        ({"reduce": False}, "none"),
        ({"size_average": True, "reduce": True}, "mean"),
        ({"size_average": False, "reduce": False}, "none"),
    ):
        wanted = F.mse_loss(x, y, reduction=reduction).tolist()
        assert F.mse_loss(x, y, **former).tolist() == nn.MSELoss(**former)(x, y).tolist() == wanted


@pytest.mark.parametrize("dropout", [F.alpha_dropout, F.feature_alpha_dropout])
def test_alpha_dropout_keeps_mean_and_variance(dropout: Callable[..., mg.Tensor]) -> None:
    mg.manual_seed(0)
    y = dropout(mg.tensor(np.random.default_rng(0).standard_normal((300, 300))), 0.3, training=True).numpy()
    np.testing.assert_allclose([y.mean(), y.var()], [0.0, 1.0], atol=0.05)


def test_dropout_of_channels_takes_all_of_a_channel() -> None:
    mg.manual_seed(0)
    for dropout, shape in ((F.dropout1d, (20, 30, 4)), (F.dropout2d, (20, 30, 2, 3)), (F.dropout3d, (600, 2, 1, 3))):
        y = dropout(mg.ones(shape), 0.25).numpy()
        channels = y.reshape(*shape[:2], -1) if len(shape) > 3 or dropout is F.dropout1d else y
        assert (channels == channels[..., :1]).all()
        np.testing.assert_allclose((channels[..., 0] == 0).mean(), 0.25, atol=0.05)


def test_gumbel_softmax_draws_from_the_softmax() -> None:
    mg.manual_seed(0)
    logits = mg.log(mg.tensor([0.6, 0.3, 0.1], dtype=mg.float64))
    drawn = F.gumbel_softmax(mg.broadcast_to(logits, (4000, 3)), hard=True).numpy()
    assert set(np.unique(drawn)) == {0.0, 1.0}
    np.testing.assert_allclose(drawn.mean(axis=0), [0.6, 0.3, 0.1], atol=0.03)


def test_an_embedding_limits_the_rows_that_it_reads_alone() -> None:
    w = mg.tensor([[3.0, 4.0], [3.0, 4.0], [0.3, 0.4]])
    F.embedding(mg.tensor([0, 2]), w, max_norm=1.0)
    np.testing.assert_allclose(w.numpy(), [[0.6, 0.8], [3.0, 4.0], [0.3, 0.4]], rtol=1e-6)


def test_pools_report_where_the_largest_is_though_there_are_ties_padding_and_nan() -> None:
    x = mg.tensor([[[1.0, 1.0, -np.inf, -np.inf, np.nan, 2.0]]])
    values, places = F.max_pool1d(x, 2, padding=1, return_indices=True)
    assert places.tolist() == [[[0, 1, 4, 5]]]
    np.testing.assert_array_equal(values.numpy(), [[[1.0, 1.0, np.nan, 2.0]]])


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: F.glu(mg.ones((3,))), ShapeError, "must have an even length"),
        (lambda: F.group_norm(mg.ones((1, 3)), 2), ShapeError, "into 2 groups"),
        (lambda: F.instance_norm(mg.ones((1, 3, 1))), ShapeError, "more than one element"),
        (lambda: F.interpolate(mg.ones((1, 1, 2)), 3, 2.0), ArgumentError, "size or scale_factor"),
        (lambda: F.interpolate(mg.ones((1, 1, 2)), 3, mode="bilinear"), ShapeError, "takes 2 spatial axes"),
        (lambda: F.grid_sample(mg.ones((1, 1, 2, 2)), mg.ones((1, 2, 2, 3))), ShapeError, "a grid"),
        (lambda: F.adaptive_avg_pool2d(mg.ones((1, 4, 4)), (1, 2, 3)), ArgumentError, "one number or 2 of them"),
        (lambda: F.fractional_max_pool2d(mg.ones((1, 4, 4)), 2), ArgumentError, "one of them"),
        (lambda: F.fold(mg.ones((1, 4, 3)), 2, 2), ShapeError, "fold to"),
        (lambda: F.pixel_shuffle(mg.ones((3, 1, 1)), 2), ShapeError, "pixel_shuffle takes"),
        (lambda: F.ctc_loss(mg.ones((2, 1, 3)), mg.tensor([[7]]), [2], [1]), ArgumentError, "need labels 0–2, got 7"),
        (lambda: F.ctc_loss(mg.ones((2, 1, 3)), mg.tensor([[1]]), [3], [1]), ArgumentError, "between 0 and 2"),
        (lambda: F.multi_margin_loss(mg.ones((1, 2)), mg.tensor([2])), ArgumentError, "need labels 0–1"),
        (lambda: F.gaussian_nll_loss(mg.ones(2), mg.ones(2), mg.tensor([1.0, -1.0])), ArgumentError, "negative"),
        (lambda: F.embedding_bag(mg.tensor([1]), mg.ones((2, 2))), ShapeError, "with offsets"),
        (lambda: nn.LSTM(2, 3, proj_size=3), ArgumentError, "proj_size=3"),
        (lambda: nn.GRU(2, 3, proj_size=1), ArgumentError, "is for an LSTM"),
        (lambda: nn.ConvTranspose1d(1, 1, 2, 2)(mg.ones((1, 1, 2)), output_size=(9,)), ArgumentError, "not possible"),
        (lambda: nn.ReflectionPad1d(3)(mg.ones((1, 3))), ShapeError, "reflect padding of 3"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 5, [3, 3]), ArgumentError, "cutoffs increase"),
        (lambda: nn.Transformer(4, 2, 1, 1, 4)(mg.ones((2, 1, 4)), mg.ones((2, 2, 4))), ShapeError, "one batch size"),
        (lambda: nn.utils.rnn.pack_padded_sequence(mg.ones((2, 2)), [1, 2]), ArgumentError, "longest first"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(call: Callable[[], Any], error: type[MicrogradientError], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_ctc_loss_of_lengths_that_a_compiled_function_is_given():
    """One program for all lengths, targets that are empty and inputs that are; eager calls check them, which it does not."""
    draw = np.random.default_rng(0)
    scores, targets = mg.tensor(draw.normal(size=(7, 4, 3))), mg.tensor(draw.integers(1, 3, (4, 3)))

    def loss(scores, targets, inputs, lengths):
        return F.ctc_loss(mg.log_softmax(scores, axis=2), targets, inputs, lengths, zero_infinity=True)

    compiled = mg.compile(mg.value_and_grad(loss), dynamic=False)
    for inputs, lengths in (([7, 6, 7, 5], [3, 2, 1, 1]), ([7, 0, 0, 6], [0, 0, 2, 3]), ([2, 7, 7, 7], [2, 3, 3, 0])):
        given = scores, targets, mg.tensor(inputs), mg.tensor(lengths)
        for ours, eager in zip(compiled(*given), mg.value_and_grad(loss)(*given), strict=True):
            np.testing.assert_allclose(ours.data, eager.data, rtol=1e-9, atol=1e-12)
    assert compiled.stats()["programs"] == 1
    assert not compiled.stats()["host_calls"]
    with pytest.raises(ShapeError, match="target_lengths are 4 whole numbers"):
        compiled(scores, targets, mg.tensor([7] * 4), mg.tensor([1] * 3))
