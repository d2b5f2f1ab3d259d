"""nn.functional given lists, arrays and numbers in the place of tensors, and what is none of these."""

import contextlib
import inspect
import math

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn
from microgradient.errors import ArgumentTypeError, MicrogradientError
from microgradient.nn import functional as F  # noqa: N812

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(2, 3)), RNG.normal(size=(4, 3))
SPACE = {n: RNG.normal(size=(1, 2, *[5] * n)) for n in (1, 2, 3)}
KERNEL = {n: RNG.normal(size=(2, 2, *[3] * n)) for n in (1, 2, 3)}
P, Q = RNG.uniform(0.1, 0.9, (2, 3)), RNG.uniform(0.1, 0.9, (2, 3))
SEQUENCE = RNG.normal(size=(2, 4, 3))
POOLS = ("avg", "max", "lp", "adaptive_avg", "adaptive_max")
TENSORS = {  # the tensors of each function that takes other ones than one of any shape
    **{f"conv{n}d": (SPACE[n], KERNEL[n], np.ones(2)) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": (SPACE[n], KERNEL[n], np.ones(2)) for n in (1, 2, 3)},
    **{f"{kind}_pool{n}d": (SPACE[n],) for n in (1, 2, 3) for kind in POOLS},
    **{f"fractional_max_pool{n}d": (SPACE[n], np.full((1, 2, n), 0.5)) for n in (2, 3)},
    **{f"max_unpool{n}d": (SPACE[n], np.arange(2 * 5**n).reshape(SPACE[n].shape) % 5**n) for n in (1, 2, 3)},
    **{f"dropout{n}d": (SPACE[n],) for n in (1, 2, 3)},
    **dict.fromkeys(("upsample", "upsample_bilinear", "upsample_nearest", "interpolate"), (SPACE[2],)),
    **dict.fromkeys(("unfold", "instance_norm", "local_response_norm", "channel_shuffle"), (SPACE[2],)),
    "pixel_shuffle": (RNG.normal(size=(4, 3, 3)),),
    "pixel_unshuffle": (RNG.normal(size=(1, 6, 6)),),
    "fold": (RNG.normal(size=(1, 4, 4)),),
    "grid_sample": (SPACE[2], RNG.uniform(-1.2, 1.2, (1, 3, 3, 2))),
    "affine_grid": (RNG.normal(size=(1, 2, 3)),),
    "glu": (W[:, :2],),
    "group_norm": (X, np.ones(3), np.zeros(3)),
    "rms_norm": (X, np.ones(3)),
    "multi_head_attention_forward": (
        X,
        X,
        X,
        np.ones((9, 3)),
        np.ones(9),
        np.ones((1, 1, 3)),
        np.ones((1, 1, 3)),
        W[:3],
        X[0],
    ),
    "bilinear": (X, X[:, :2], RNG.normal(size=(4, 3, 2)), np.ones(4)),
    "embedding_bag": (np.array([0, 3, 1]), W, np.array([0, 1]), np.ones(3)),
    **dict.fromkeys(("cosine_similarity", "pairwise_distance"), (X, P)),
    **dict.fromkeys(("triplet_margin_loss", "triplet_margin_with_distance_loss"), (X, P, Q)),
    "margin_ranking_loss": (P, Q, np.sign(X)),
    "cosine_embedding_loss": (X, P, np.array([1, -1])),
    **dict.fromkeys(("hinge_embedding_loss", "soft_margin_loss"), (X, np.sign(X))),
    "multilabel_soft_margin_loss": (X, Q, np.ones(3)),
    "multi_margin_loss": (X, np.array([0, 2]), np.ones(3)),
    "multilabel_margin_loss": (X, np.array([[0, 2, -1], [1, -1, 0]])),
    "gaussian_nll_loss": (X, P, Q),
    "poisson_nll_loss": (X, Q),
    "linear_cross_entropy": (X, W, np.array([0, 2]), np.zeros(4), np.ones(4)),
    "ctc_loss": (np.log(np.full((4, 2, 3), 1 / 3)), np.array([[1, 2], [2, 2]])),
    "batch_norm": (X, np.zeros(3), np.ones(3), np.ones(3), np.zeros(3)),
    "binary_cross_entropy": (P, Q, np.ones(3)),
    "binary_cross_entropy_with_logits": (X, Q, np.ones(3), np.ones(3)),
    "cross_entropy": (X, np.array([0, 2]), np.ones(3)),
    "nll_loss": (X, np.array([0, 2]), np.ones(3)),
    **dict.fromkeys(("huber_loss", "kl_div", "l1_loss", "mse_loss", "smooth_l1_loss"), (P, Q)),
    "embedding": (np.array([0, 3]), W),
    "one_hot": (np.array([0, 2]),),
    "linear": (X, W, np.zeros(4)),
    "prelu": (X, np.array([0.25])),
    "scaled_dot_product_attention": (SEQUENCE, SEQUENCE, SEQUENCE, np.ones((4, 4), bool)),
}
REST = {
    **{f"{kind}_pool{n}d": {"kernel_size": 2} for n in (1, 2, 3) for kind in ("avg", "max")},
    **{f"lp_pool{n}d": {"norm_type": 2.0, "kernel_size": 2} for n in (1, 2, 3)},
    **{f"adaptive_{kind}_pool{n}d": {"output_size": 3} for n in (1, 2, 3) for kind in ("avg", "max")},
    **{f"fractional_max_pool{n}d": {"kernel_size": 2, "output_size": 3} for n in (2, 3)},
    **{f"max_unpool{n}d": {"kernel_size": 2} for n in (1, 2, 3)},
    **{f"dropout{n}d": {"training": False} for n in (1, 2, 3)},
    **{name: {"scale_factor": 1.6} for name in ("upsample", "upsample_bilinear", "upsample_nearest", "interpolate")},
    "unfold": {"kernel_size": 2},
    "fold": {"output_size": 3, "kernel_size": 2},
    "local_response_norm": {"size": 2},
    "channel_shuffle": {"groups": 2},
    "pixel_shuffle": {"upscale_factor": 2},
    "pixel_unshuffle": {"downscale_factor": 2},
    "affine_grid": {"size": (1, 1, 2, 3)},
    "group_norm": {"num_groups": 1},
    "rms_norm": {"normalized_shape": (3,)},
    "multi_head_attention_forward": {
        "embed_dim_to_check": 3,
        "num_heads": 1,
        "add_zero_attn": False,
        "dropout_p": 0.0,
        "need_weights": False,
    },
    "threshold": {"threshold": 0.1, "value": 2.0},
    "embedding_bag": {"mode": "sum"},
    "gumbel_softmax": {"tau": math.inf},
    "ctc_loss": {"input_lengths": [4, 3], "target_lengths": [2, 1]},
    "softmin": {"dim": 1},
    "softmax": {"dim": 1},
    "log_softmax": {"dim": 1},
    "layer_norm": {"normalized_shape": (3,)},
    "pad": {"pad": (1, 1)},
    "dropout": {"training": False},
}


@pytest.fixture(params=F.__all__)
def case(request):
    """A function, its tensors by name, and its other arguments."""
    function = getattr(F, request.param)
    names = [n for n, p in inspect.signature(function).parameters.items() if str(p.annotation).startswith("Tensor")]
    arrays = TENSORS.get(request.param, (X,))
    return function, dict(zip(names, arrays, strict=False)), REST.get(request.param, {})


@pytest.mark.parametrize("convert", [np.asarray, np.ndarray.tolist, lambda x: [mg.tensor(row) for row in x]])
def test_arrays_and_lists_are_taken_for_tensors(case, convert):
    function, arrays, rest = case
    before = mg.get_default_dtype()
    mg.set_default_dtype(mg.float64)
    try:
        expected = function(**{name: mg.tensor(x) for name, x in arrays.items()}, **rest)
        given = {name: convert(x) for name, x in arrays.items()}
        first, *others = given
        by_place = function(given[first], **{name: given[name] for name in others}, **rest)
        for found in (function(**given, **rest), by_place):
            if isinstance(found, tuple):
                found, expected = found[0], expected[0] if isinstance(expected, tuple) else expected
            assert isinstance(found, mg.Tensor)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found.data, expected.data)
    finally:
        mg.set_default_dtype(before)


@pytest.mark.parametrize("wrong", ["text", {1: 2}, {1, 2}, object(), b"12"])
def test_what_is_no_tensor_is_refused_by_the_name_of_its_argument(case, wrong):
    function, arrays, rest = case
    tensors = {name: mg.tensor(x) for name, x in arrays.items()}
    for name in tensors:
        with pytest.raises(
            ArgumentTypeError, match=rf"{function.__name__}: `{name}` is a tensor, .*, not \w+\. .*MG125"
        ):
            function(**{**tensors, name: wrong}, **rest)


def test_none_is_refused_where_a_tensor_is_needed(case):
    function, arrays, rest = case
    tensors = {name: mg.tensor(x) for name, x in arrays.items()}
    for name, parameter in inspect.signature(function).parameters.items():
        if str(parameter.annotation) == "Tensor":
            with pytest.raises(ArgumentTypeError, match=f"`{name}` .* not NoneType"):
                function(**{**tensors, name: None}, **rest)


@pytest.mark.parametrize("wrong", [["a"], [[1.0], [1.0, 2.0]], np.array(["a"]), np.array([None])])
def test_lists_and_arrays_of_something_else_get_an_error_of_ours(case, wrong):
    function, arrays, rest = case
    tensors = {name: mg.tensor(x) for name, x in arrays.items()}
    with pytest.raises(MicrogradientError):
        function(**{**tensors, next(iter(tensors)): wrong}, **rest)


@pytest.mark.filterwarnings("ignore::microgradient.errors.MicrogradientWarning")
@pytest.mark.parametrize(
    "wrong",
    [None, 3.0, 2, [1.0, 2.0], [[[1.0]]], [], "a", object(), mg.tensor(1), np.ones((1,) * 5)],
    ids=lambda x: type(x).__name__,
)
def test_nothing_that_is_given_raises_a_bare_error(case, wrong):
    function, arrays, rest = case
    given = {name: mg.tensor(x) for name, x in arrays.items()} | rest
    for name in inspect.signature(function).parameters:
        with contextlib.suppress(MicrogradientError):
            function(**{**given, name: wrong})


def test_derivatives_go_through_a_list_of_tensors():
    x = mg.tensor([1.0, -2.0], requires_grad=True)
    F.leaky_relu([x, x], 0.5).sum().backward()
    assert x.grad.tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    "layer", [nn.Linear(3, 2), nn.ReLU(), nn.GELU(), nn.Dropout(0.0), nn.LayerNorm(3), nn.Softmax(1)]
)
def test_layers_take_lists_and_arrays_too(layer):
    expected = layer(mg.tensor(X.astype(np.float32)))
    for given in (X.astype(np.float32), X.tolist()):
        np.testing.assert_allclose(layer(given).data, expected.data, rtol=1e-6)
    with pytest.raises(ArgumentTypeError, match="`input` is a tensor"):
        layer("text")


@pytest.mark.parametrize(
    "name", ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]
)
def test_a_weight_of_another_number_of_dimensions_is_refused(name):
    ndim = int(name[-2])
    for other in {1, 2, 3} - {ndim}:
        x = mg.ones((1, 1, *(3,) * other))
        with pytest.raises(MicrogradientError, match=f"{name} takes a weight of {ndim + 2} axes.*MG160"):
            getattr(F, name)(x, x)


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose1d", "max_pool1d", "avg_pool2d"])
def test_an_argument_that_is_missing_is_asked_for_by_a_public_name(name):
    with pytest.raises(ArgumentTypeError, match=rf"^F\.{name}: missing a required argument: '(weight|kernel_size)'"):
        getattr(F, name)(mg.ones((1, 1, 4)))


def test_one_number_for_a_shape_is_told_how_to_write_it():
    with pytest.raises(ArgumentTypeError, match=r"not 2\. Write `\(2,\)`"):
        F.layer_norm(mg.ones((2, 2)), 2)
