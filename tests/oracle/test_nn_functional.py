"""The functions of nn.functional, nn.init and nn.utils against PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn

torch = pytest.importorskip("torch")
F = nn.functional
TF = torch.nn.functional


def numbers(*shape: int, seed: int = 0, dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def compare(
    ours: Callable[..., Any], theirs: Callable[..., Any], *arrays: np.ndarray, leaves: int = 1, **options: Any
) -> None:
    """Values and the gradients of the first `leaves` arrays, in float64 and float32."""
    for dtype, tolerance in (("float64", 1e-10), ("float32", 1e-4)):
        cast = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]
        mine = [mg.tensor(a, requires_grad=i < leaves) for i, a in enumerate(cast)]
        other = [torch.tensor(a, requires_grad=i < leaves) for i, a in enumerate(cast)]
        converted = [
            {k: make(v.astype(dtype) if v.dtype.kind == "f" else v) if isinstance(v, np.ndarray) else v
             for k, v in options.items()}
            for make in (mg.tensor, torch.tensor)
        ]  # fmt: skip
        got, wanted = ours(*mine, **converted[0]), theirs(*other, **converted[1])
        assert got.shape == tuple(wanted.shape)
        assert str(got.dtype) == dtype
        np.testing.assert_allclose(got.numpy(), wanted.detach().numpy(), rtol=tolerance, atol=tolerance)
        weights = numbers(*got.shape, seed=50, dtype=dtype)
        mg.sum(got * mg.tensor(weights)).backward()
        (wanted * torch.tensor(weights)).sum().backward()
        for a, b in zip(mine[:leaves], other[:leaves], strict=True):
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("zero_infinity", [False, True])
def test_ctc_loss_of_a_log_softmax(reduction: str, zero_infinity: bool) -> None:
    scores, targets = numbers(6, 3, 4), np.array([[1, 1, 3], [2, 3, 0], [3, 1, 2]])
    lengths = {"input_lengths": np.array([6, 4, 5 if zero_infinity else 6]), "target_lengths": np.array([3, 0, 2])}
    if zero_infinity:
        lengths["input_lengths"][0] = 3  # 1, 1, 3 needs a blank between

    def loss(library: Any, softmax: Any) -> Callable[..., Any]:
        return lambda x, **rest: library.ctc_loss(
            softmax(x, -1), **rest, blank=0, reduction=reduction, zero_infinity=zero_infinity
        )

    compare(loss(F, F.log_softmax), loss(TF, TF.log_softmax), scores, targets=targets, **lengths)
    packed = np.array([1, 1, 3, 3, 1])
    compare(loss(F, F.log_softmax), loss(TF, TF.log_softmax), scores, targets=packed, **lengths)


LABELS = np.array([0, 2, 1, 2])
WEIGHTS = np.array([0.5, 2.0, 1.0])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weight", [None, WEIGHTS])
@pytest.mark.parametrize("ignore_index", [-100, 2])
def test_cross_entropy_of_labels(reduction: str, label_smoothing: float, weight: Any, ignore_index: int) -> None:
    options = {
        "reduction": reduction, "label_smoothing": label_smoothing, "weight": weight, "ignore_index": ignore_index,
    }  # fmt: skip
    compare(F.cross_entropy, TF.cross_entropy, numbers(4, 3), LABELS, **options)
    compare(F.cross_entropy, TF.cross_entropy, numbers(3), np.array(1), **options)
    images = np.arange(24).reshape(2, 3, 4) % 3
    compare(F.cross_entropy, TF.cross_entropy, numbers(2, 3, 3, 4), images, **options)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weight", [None, WEIGHTS])
def test_cross_entropy_of_probabilities(reduction: str, label_smoothing: float, weight: Any) -> None:
    options = {"reduction": reduction, "label_smoothing": label_smoothing, "weight": weight}
    for shape in ((4, 3), (3,), (2, 3, 5)):
        target = np.abs(numbers(*shape, seed=3))
        compare(F.cross_entropy, TF.cross_entropy, numbers(*shape), target, leaves=2, **options)


def test_cross_entropy_of_extreme_scores() -> None:
    scores = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [0.0, 1e4, 1e4]])
    compare(F.cross_entropy, TF.cross_entropy, scores, np.array([0, 1, 2]), reduction="none")


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("options", [{}, {"weight": WEIGHTS}, {"ignore_index": 2}])
def test_nll_loss(reduction: str, options: dict) -> None:
    compare(F.nll_loss, TF.nll_loss, numbers(4, 3), LABELS, reduction=reduction, **options)
    compare(F.nll_loss, TF.nll_loss, numbers(3), np.array(1), reduction=reduction, **options)
    compare(F.nll_loss, TF.nll_loss, numbers(2, 3, 4), np.arange(8).reshape(2, 4) % 3, reduction=reduction, **options)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(5,), (4, 3), (2, 1, 3), ()])
def test_distances(reduction: str, shape: tuple) -> None:
    x, y = numbers(*shape), numbers(*shape, seed=1)
    for name, options in (
        ("mse_loss", {}), ("l1_loss", {}), ("smooth_l1_loss", {"beta": 0.4}), ("smooth_l1_loss", {"beta": 0.0}),
        ("huber_loss", {"delta": 0.6}),
    ):  # fmt: skip
        compare(getattr(F, name), getattr(TF, name), x, y, leaves=2, reduction=reduction, **options)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, WEIGHTS])
def test_binary_cross_entropy(reduction: str, weight: Any) -> None:
    p, y = 1 / (1 + np.exp(-numbers(4, 3))), np.abs(numbers(4, 3, seed=1)) % 1
    compare(F.binary_cross_entropy, TF.binary_cross_entropy, p, y, weight=weight, reduction=reduction)
    compare(
        F.binary_cross_entropy_with_logits, TF.binary_cross_entropy_with_logits, numbers(4, 3) * 3, y,
        weight=weight, reduction=reduction, leaves=2,
    )  # fmt: skip
    compare(
        F.binary_cross_entropy_with_logits, TF.binary_cross_entropy_with_logits, numbers(4, 3) * 3, y,
        weight=weight, reduction=reduction, pos_weight=WEIGHTS * 2,
    )  # fmt: skip


def test_binary_cross_entropy_of_certain_predictions() -> None:
    p, y = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])
    wanted = TF.binary_cross_entropy(torch.tensor(p), torch.tensor(y), reduction="none").numpy()
    loss = F.binary_cross_entropy(mg.tensor(p), mg.tensor(y), reduction="none")
    np.testing.assert_array_equal(loss.numpy(), wanted)
    probabilities, targets = np.meshgrid([0.0, 1.0, 0.5, 1e-13, 1e-30], [0.0, 1.0, 0.5])
    leaf, theirs = (make(probabilities, requires_grad=True) for make in (mg.tensor, torch.tensor))
    F.binary_cross_entropy(leaf, mg.tensor(targets)).backward()
    TF.binary_cross_entropy(theirs, torch.tensor(targets)).backward()
    np.testing.assert_allclose(leaf.grad.numpy(), theirs.grad.numpy(), rtol=1e-7)  # its 1e-12 is a float32
    logits = np.array([1000.0, -1000.0, 1000.0, -1000.0])
    compare(F.binary_cross_entropy_with_logits, TF.binary_cross_entropy_with_logits, logits, y, reduction="none")


@pytest.mark.parametrize("reduction", ["sum", "none", "batchmean"])
def test_kl_div(reduction: str) -> None:
    x, y = numbers(4, 3), np.abs(numbers(4, 3, seed=1))
    compare(F.kl_div, TF.kl_div, x, y, leaves=2, reduction=reduction)
    compare(F.kl_div, TF.kl_div, x, numbers(4, 3, seed=1), leaves=2, reduction=reduction, log_target=True)
    y[0, 0] = 0.0
    compare(F.kl_div, TF.kl_div, x, y, reduction=reduction)
    y[0, 1] = -0.1
    compare(F.kl_div, TF.kl_div, x, y, reduction=reduction)
    compare(F.kl_div, TF.kl_div, x[0, 0], y[1, 1], reduction=reduction)


ACTIVATIONS = [
    ("relu", {}), ("leaky_relu", {"negative_slope": 0.3}), ("elu", {"alpha": 0.5}), ("gelu", {}),
    ("gelu", {"approximate": "tanh"}), ("silu", {}), ("mish", {}), ("logsigmoid", {}), ("softplus", {"beta": 3.0}),
    ("softsign", {}), ("hardtanh", {}), ("relu6", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), ACTIVATIONS)
def test_activations_at_kinks_and_far_out(name: str, options: dict) -> None:
    x = np.array([-1000.0, -100.0, -20.0, -1.0, -0.0, 0.0, 1.0, 6.0, 7.0, 20.0, 100.0, 1000.0])
    compare(getattr(F, name), getattr(TF, name), x, **options)


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [{}, {"stride": 2}, {"stride": 2, "padding": 1, "output_padding": 1}, {"dilation": 2, "groups": 2, "padding": 1}],
)
def test_conv_transpose(ndim: int, options: dict) -> None:
    name = f"conv_transpose{ndim}d"
    out = 3 if options.get("groups") != 2 else 2
    arrays = (
        numbers(2, 4, *(4, 3, 5)[:ndim]),
        numbers(4, out, *(3, 2, 3)[:ndim]),
        numbers(out * options.get("groups", 1)),
    )
    compare(getattr(F, name), getattr(TF, name), *arrays, leaves=3, **options)
    compare(getattr(F, name), getattr(TF, name), arrays[0][0], *arrays[1:], leaves=3, **options)


@pytest.mark.parametrize("padding", [0, 1, 2])
def test_conv_transpose_with_output_padding_beyond_the_stride(padding: int) -> None:
    x, w, b = numbers(2, 2, 4, 3), numbers(2, 3, 3, 2), numbers(3)
    options = {"stride": (1, 2), "padding": padding, "output_padding": (2, 2), "dilation": 3}
    compare(F.conv_transpose2d, TF.conv_transpose2d, x, w, b, leaves=3, **options)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_pad(mode: str) -> None:
    compare(F.pad, TF.pad, numbers(2, 3, 5, 4), pad=(1, 2, 3, 0), mode=mode)
    if mode == "constant":
        compare(F.pad, TF.pad, numbers(2, 3), pad=(1, 0, 0, 2), value=3.5)


def test_max_pool_gives_the_gradient_to_the_first_of_equals() -> None:
    x = np.maximum(numbers(2, 3, 6, 8), 0) * (np.arange(8) % 3 > 0)
    compare(F.max_pool2d, TF.max_pool2d, x, kernel_size=2)
    compare(F.max_pool2d, TF.max_pool2d, x, kernel_size=3, stride=2, padding=1)


def test_functions_accept_arrays_that_are_not_contiguous() -> None:
    x = numbers(8, 6, 5, 4).transpose(0, 3, 2, 1)[::2]
    w, b = numbers(3, 3, 5, 4).transpose(3, 2, 1, 0)[..., ::-1, :2], numbers(8)[::2]
    mine = [mg.tensor(a) for a in (x, w, b)]
    for tensor, array in zip(mine, (x, w, b), strict=True):
        tensor.data = array
    w_full = np.ascontiguousarray(w)[:, :4]
    mine[1].data = np.broadcast_to(w_full[:, :1], w_full.shape)
    got = F.conv2d(mine[0], mine[1], mine[2])
    wanted = TF.conv2d(*(torch.tensor(np.ascontiguousarray(t.data)) for t in mine))
    np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-10)


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"scale": 0.3}, {"attn_mask": numbers(2, 1, 4, 6)},
                                     {"attn_mask": np.arange(24).reshape(4, 6) % 3 > 0}])  # fmt: skip
def test_scaled_dot_product_attention(options: dict) -> None:
    arrays = numbers(2, 3, 4, 5), numbers(2, 3, 6, 5, seed=1), numbers(2, 3, 6, 7, seed=2)
    compare(F.scaled_dot_product_attention, TF.scaled_dot_product_attention, *arrays, leaves=3, **options)


def test_attention_of_a_position_that_may_look_nowhere_is_zero() -> None:
    mask = np.array([[True, False], [False, False]])
    arrays = numbers(2, 3), numbers(2, 3, seed=1), numbers(2, 3, seed=2)
    compare(F.scaled_dot_product_attention, TF.scaled_dot_product_attention, *arrays, leaves=3, attn_mask=mask)


def test_attention_with_fewer_key_heads() -> None:
    arrays = numbers(2, 4, 3, 5), numbers(2, 2, 6, 5, seed=1), numbers(2, 2, 6, 5, seed=2)
    compare(
        F.scaled_dot_product_attention, TF.scaled_dot_product_attention, *arrays, leaves=3, enable_gqa=True
    )  # fmt: skip


@pytest.mark.parametrize("of_input", [(), (3,), (4, 3), (2, 3, 4)])
@pytest.mark.parametrize("of_weight", [(1,), (), (3,)])
def test_prelu(of_input: tuple[int, ...], of_weight: tuple[int, ...]) -> None:
    if of_weight != (3,) or len(of_input) > 1:
        compare(F.prelu, TF.prelu, numbers(*of_input), numbers(*of_weight), leaves=2)


def test_one_hot() -> None:
    labels = np.array([[0, 3], [1, 1]])
    for options in ({}, {"num_classes": 6}):
        got, wanted = F.one_hot(mg.tensor(labels), **options), TF.one_hot(torch.tensor(labels), **options)
        np.testing.assert_array_equal(got.numpy(), wanted.numpy())
        assert got.dtype == np.int64


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, float("inf")])
@pytest.mark.parametrize("max_norm", [0.5, 1000.0])
def test_clip_grad_norm(norm_type: float, max_norm: float) -> None:
    arrays = [numbers(3, 4), numbers(5), numbers(2, 2)]
    mine = [mg.tensor(a, requires_grad=True) for a in arrays]
    other = [torch.tensor(a, requires_grad=True) for a in arrays]
    for p, q in zip(mine[:2], other[:2], strict=True):  # the third gets no gradient
        (p * p * 0.5).sum().backward()
        (q * q * 0.5).sum().backward()
    norm = nn.utils.clip_grad_norm_(mine, max_norm, norm_type)
    wanted = torch.nn.utils.clip_grad_norm_(other, max_norm, norm_type)
    np.testing.assert_allclose(norm.item(), wanted.item(), rtol=1e-12)
    for p, q in zip(mine[:2], other[:2], strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12)
    assert mine[2].grad is None


@pytest.mark.parametrize("size", [1e38, 1e20, 1e-30, np.inf, np.nan])
def test_clip_grad_norm_of_the_very_large_and_small(size: float) -> None:
    for norm_type in (2.0, 3.0, float("inf")):
        mine, other = mg.tensor([0.0] * 3, requires_grad=True), torch.zeros(3, requires_grad=True)
        grad = np.array([size, 2 * size, 1.0], np.float32)
        if np.isfinite(size):  # in float64, PyTorch's squares do not overflow
            other = other.detach().double().requires_grad_()
        mine.grad, other.grad = mg.tensor(grad), torch.tensor(grad.astype(str(other.dtype)[6:]))
        norm = nn.utils.clip_grad_norm_([mine], 0.5, norm_type)
        wanted = torch.nn.utils.clip_grad_norm_([other], 0.5, norm_type)
        np.testing.assert_allclose(norm.item(), wanted.item(), rtol=1e-6)
        np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), rtol=1e-5, atol=1e-40)


@pytest.mark.parametrize("nonlinearity", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
def test_calculate_gain(nonlinearity: str) -> None:
    assert nn.init.calculate_gain(nonlinearity) == torch.nn.init.calculate_gain(nonlinearity)
    assert nn.init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu", 0.3)


INITS = [
    ("xavier_uniform_", {"gain": 1.7}),
    ("xavier_normal_", {"gain": 1.7}),
    ("kaiming_uniform_", {"a": 0.3}),
    ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal_", {"nonlinearity": "tanh"}),
    ("uniform_", {"a": -1.0, "b": 3.0}),
    ("normal_", {"mean": 1.0, "std": 2.0}),
    ("trunc_normal_", {"mean": 0.5, "std": 2.0, "a": -1.0, "b": 4.0}),
    ("orthogonal_", {"gain": 2.0}),
]


@pytest.mark.parametrize(("name", "options"), INITS)
@pytest.mark.parametrize("shape", [(80, 50), (40, 10, 3, 3)])
def test_init_distributions(name: str, options: dict, shape: tuple) -> None:
    mg.manual_seed(1)
    torch.manual_seed(1)
    a = getattr(nn.init, name)(mg.zeros(shape), **options).numpy().astype(float)
    b = getattr(torch.nn.init, name)(torch.zeros(shape), **options).numpy().astype(float)
    np.testing.assert_allclose(a.mean(), b.mean(), atol=6 * b.std() / np.sqrt(a.size))
    np.testing.assert_allclose(a.std(), b.std(), rtol=0.06)
    quantiles = [0.05, 0.25, 0.5, 0.75, 0.95]
    np.testing.assert_allclose(np.quantile(a, quantiles), np.quantile(b, quantiles), atol=0.15 * b.std())


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align_corners", [True, False])
def test_grid_sample(mode: str, padding_mode: str, align_corners: bool) -> None:
    options = {"mode": mode, "padding_mode": padding_mode, "align_corners": align_corners}
    grid = numbers(2, 4, 3, 2) * 0.9
    leaves = 1 if mode == "nearest" else 2  # whose derivative in the grid PyTorch gives as zeros
    compare(F.grid_sample, TF.grid_sample, numbers(2, 3, 5, 4), grid, leaves=leaves, **options)
    if mode != "bicubic":
        compare(F.grid_sample, TF.grid_sample, numbers(1, 2, 3, 4, 2), numbers(1, 2, 3, 2, 3), leaves=leaves, **options)
        compare(F.grid_sample, TF.grid_sample, numbers(1, 1, 1, 1), numbers(1, 2, 2, 2), leaves=leaves, **options)


@pytest.mark.filterwarnings("ignore:Since version 1.3.0, affine_grid:UserWarning")
@pytest.mark.parametrize("align_corners", [True, False])
def test_affine_grid(align_corners: bool) -> None:
    for shape, size in (((2, 2, 3), (2, 1, 4, 1)), ((1, 3, 4), (1, 2, 3, 1, 2))):
        compare(F.affine_grid, TF.affine_grid, numbers(*shape), size=size, align_corners=align_corners)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("options", [{"size": (3, 9)}, {"scale_factor": 0.4}, {"size": (2, 5), "align_corners": True}])
def test_interpolate_with_antialias(mode: str, options: dict) -> None:
    compare(F.interpolate, TF.interpolate, numbers(2, 2, 7, 6), mode=mode, antialias=True, **options)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize(
    "options",
    [
        {"offsets": np.array([0, 2, 2, 5])}, {"offsets": np.array([0, 2, 2, 5, 6]), "include_last_offset": True},
        {"padding_idx": 1, "offsets": np.array([0, 3])}, {"max_norm": 1.0, "offsets": np.array([0])},
    ],
)  # fmt: skip
def test_embedding_bag(mode: str, options: dict) -> None:
    indices = np.array([1, 4, 4, 0, 1, 2])

    def bag(library: Any, tensor: Any) -> Callable[..., Any]:
        return lambda w, **rest: library.embedding_bag(tensor(indices), w * 1.0, mode=mode, **rest)

    compare(bag(F, mg.tensor), bag(TF, torch.tensor), numbers(5, 3), **options)


def test_embedding_bag_with_weights_and_embedding_by_frequency() -> None:
    indices = np.array([[1, 4, 4], [0, 1, 2]])

    def bag(library: Any, tensor: Any) -> Callable[..., Any]:
        return lambda w, p: library.embedding_bag(tensor(indices), w, mode="sum", per_sample_weights=p)

    def rows(library: Any, tensor: Any) -> Callable[..., Any]:
        return lambda w: library.embedding(
            tensor(indices), w * 1.0, max_norm=1.5, norm_type=1.0, scale_grad_by_freq=True
        )

    compare(bag(F, mg.tensor), bag(TF, torch.tensor), numbers(5, 3), numbers(2, 3), leaves=2)
    compare(rows(F, mg.tensor), rows(TF, torch.tensor), numbers(5, 3))


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, np.inf])
def test_distances_of_rows(p: float) -> None:
    compare(F.pdist, TF.pdist, numbers(5, 3), p=p)
    compare(F.normalize, TF.normalize, numbers(5, 3), p=p, dim=0)
    compare(F.pairwise_distance, TF.pairwise_distance, numbers(5, 3), numbers(3), leaves=2, p=p, keepdim=True)
    compare(F.cosine_similarity, TF.cosine_similarity, numbers(5, 3), numbers(1, 3), leaves=2)


def test_unpooling_puts_values_back() -> None:
    for n, size in ((1, (9,)), (2, (7, 8)), (3, (5, 4, 6))):

        def unpooled(library: Any, n: int = n, size: tuple = size) -> Callable[..., Any]:
            pool, back = getattr(library, f"max_pool{n}d"), getattr(library, f"max_unpool{n}d")
            return lambda x: back(*pool(x, 2, 3, 1, return_indices=True), 2, 3, 1, output_size=size)

        compare(unpooled(F), unpooled(TF), numbers(2, 3, *size))


def test_multi_head_attention_of_its_weights() -> None:
    e, heads = 6, 2
    shapes = [(4, 3, e), (5, 3, e), (5, 3, e), (3 * e, e), (3 * e,), (1, 1, e), (1, 1, e), (e, e), (e,)]
    arrays = [numbers(*shape, seed=i) for i, shape in enumerate(shapes)]

    def function(library: Any) -> Callable[..., Any]:
        def call(q: Any, k: Any, v: Any, w: Any, b: Any, bk: Any, bv: Any, o: Any, ob: Any, **more: Any) -> Any:
            found = library.multi_head_attention_forward(q, k, v, e, heads, w, b, bk, bv, True, 0.0, o, ob, **more)
            return found[0] if more.get("need_weights") is False else found[1] + found[0].sum()

        return call

    for options in ({}, {"need_weights": False, "attn_mask": numbers(4, 5)}, {"key_padding_mask": numbers(3, 5) > 0.5}):
        compare(function(F), function(TF), *arrays, leaves=9, **options)
