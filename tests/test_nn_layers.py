"""Layers: derivatives against finite differences, and the identities that define them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg
from microgradient import nn
from microgradient.errors import ArgumentError, ShapeError

F = nn.functional


def numbers(*shape: int, seed: int = 0) -> mg.Tensor:
    return mg.tensor(np.random.default_rng([seed, *shape]).standard_normal(shape))


def first(output: Any) -> mg.Tensor:
    while isinstance(output, tuple):
        output = output[0]
    return output


def check(module: nn.Module, *inputs: mg.Tensor, order: int = 1, call: Callable[..., Any] | None = None) -> None:
    """Finite differences in every input and parameter, in float64."""
    module.double()
    names = [name for name, _ in module.named_parameters()]
    # Random scales and shifts too: ones and zeros would hide a wrong one.
    values = [numbers(*parameter.shape, seed=i) * 0.5 for i, parameter in enumerate(module.parameters())]

    def f(xs: list[Any], parameters: list[Any]) -> Any:
        return nn.utils.functional_call(
            _Called(module, call), dict(zip([f"module.{name}" for name in names], parameters, strict=True)), *xs
        )

    mg.check_gradients(f, list(inputs), values, order=order)


class _Called(nn.Module):
    """The first tensor that a module gives."""

    def __init__(self, module: nn.Module, call: Callable[..., Any] | None) -> None:
        super().__init__()
        self.module = module
        self.call = call

    def forward(self, *xs: Any) -> Any:
        return first(self.module(*xs) if self.call is None else self.call(self.module, *xs))


LAYERS: list[tuple[Callable[[], nn.Module], tuple[int, ...]]] = [
    (lambda: nn.Linear(3, 2), (4, 3)),
    (lambda: nn.Linear(3, 2, bias=False), (2, 2, 3)),
    (lambda: nn.Conv1d(2, 2, 2, stride=2, padding=1), (2, 2, 5)),
    (lambda: nn.Conv2d(2, 4, (2, 3), padding="same", groups=2), (1, 2, 3, 3)),
    (lambda: nn.Conv2d(2, 2, 2, dilation=2, padding=1, padding_mode="circular"), (2, 2, 3, 3)),
    (lambda: nn.Conv3d(1, 2, 2), (1, 1, 2, 3, 2)),
    (lambda: nn.MaxPool2d(2, stride=1, padding=1), (1, 2, 3, 4)),
    (lambda: nn.MaxPool1d(3, 2, ceil_mode=True), (2, 1, 6)),
    (lambda: nn.AvgPool2d(2, stride=1, padding=1, count_include_pad=False), (1, 2, 3, 4)),
    (lambda: nn.BatchNorm1d(3), (4, 3)),
    (lambda: nn.BatchNorm2d(2), (2, 2, 2, 3)),
    (lambda: nn.BatchNorm1d(3).eval(), (4, 3)),
    (lambda: nn.LayerNorm((2, 3)), (3, 2, 3)),
    (lambda: nn.GroupNorm(2, 4), (2, 4, 3)),
    (lambda: nn.InstanceNorm1d(2, affine=True), (2, 2, 3)),
    (lambda: nn.InstanceNorm2d(2, affine=True, track_running_stats=True).eval(), (1, 2, 2, 2)),
    (lambda: nn.RMSNorm(3), (2, 3)),
    (lambda: nn.LocalResponseNorm(3, alpha=0.5), (1, 4, 2)),
    (lambda: nn.BatchNorm3d(2), (2, 2, 1, 2, 2)),
    (lambda: nn.ConvTranspose1d(2, 2, 3, stride=2, padding=1, output_padding=1), (1, 2, 3)),
    (lambda: nn.ConvTranspose2d(2, 4, 2, groups=2, dilation=2), (1, 2, 2, 2)),
    (lambda: nn.MaxPool3d(2, 1), (1, 2, 3, 2)),
    (lambda: nn.LPPool1d(2.0, 2), (2, 4)),
    (lambda: nn.AdaptiveAvgPool2d((2, 3)), (1, 1, 3, 4)),
    (lambda: nn.AdaptiveMaxPool1d(2), (2, 5)),
    (lambda: nn.FractionalMaxPool2d(2, 2, _random_samples=mg.full((1, 2, 2), 0.3)), (1, 2, 4, 5)),
    (lambda: nn.ReflectionPad2d((1, 0, 1, 1)), (1, 2, 3)),
    (lambda: nn.CircularPad1d((2, -1)), (1, 4)),
    (lambda: nn.Upsample(scale_factor=(1.5, 2.0), mode="bilinear"), (1, 1, 3, 2)),
    (lambda: nn.Upsample(size=3, mode="bicubic", align_corners=True), (1, 1, 2, 2)),
    (lambda: nn.Upsample(size=5), (1, 1, 2)),
    (lambda: nn.PixelShuffle(2), (1, 4, 1, 2)),
    (lambda: nn.ChannelShuffle(2), (1, 4, 2)),
    (lambda: nn.Unfold(2, padding=1), (1, 2, 2)),
    (lambda: nn.Fold((2, 3), 2), (1, 4, 2)),
    (lambda: nn.CELU(0.7), (3, 2)),
    (lambda: nn.SELU(), (3, 2)),
    (lambda: nn.GLU(), (3, 2)),
    (lambda: nn.Hardswish(), (3, 2)),
    (lambda: nn.Hardsigmoid(), (3, 2)),
    (lambda: nn.Softshrink(0.2), (3, 2)),
    (lambda: nn.RReLU().eval(), (3, 2)),
    (lambda: nn.Softmin(0), (3, 2)),
    (lambda: nn.RNN(2, 3), (4, 2, 2)),
    (lambda: nn.LSTM(2, 2, num_layers=2, bidirectional=True), (3, 2, 2)),
    (lambda: nn.GRU(2, 2, batch_first=True), (2, 3, 2)),
    (lambda: nn.LSTM(2, 3, proj_size=2), (2, 1, 2)),
    (lambda: nn.TransformerEncoderLayer(4, 2, 3, dropout=0.0, activation="gelu"), (3, 1, 4)),
    (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(2, 1, 2, 0.0, norm_first=True), 2), (2, 1, 2)),
    (lambda: nn.PReLU(2), (3, 2)),
    (lambda: nn.GELU(), (3, 2)),
    (lambda: nn.GELU("tanh"), (3, 2)),
    (lambda: nn.SiLU(), (3, 2)),
    (lambda: nn.Mish(), (3, 2)),
    (lambda: nn.ELU(), (3, 2)),
    (lambda: nn.Softplus(2.0), (3, 2)),
    (lambda: nn.Softsign(), (3, 2)),
    (lambda: nn.Softmax(0), (3, 2)),
    (lambda: nn.LogSoftmax(1), (3, 2)),
    (lambda: nn.LeakyReLU(0.1), (3, 2)),
    (lambda: nn.Hardtanh(), (3, 2)),
]


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_first_derivatives(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    check(make(), numbers(*shape))


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: nn.Linear(2, 2), (2, 2)),
        (lambda: nn.Conv2d(1, 2, 2), (1, 1, 2, 3)),
        (lambda: nn.MaxPool2d(2, 1), (1, 1, 2, 3)),
        (lambda: nn.BatchNorm1d(2), (3, 2)),
        (lambda: nn.LayerNorm(3), (2, 3)),
        (lambda: nn.LSTM(1, 1), (2, 1, 1)),
        (lambda: nn.GRU(1, 1), (2, 1, 1)),
        (lambda: nn.GELU(), (3,)),
    ],
)
def test_second_derivatives(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    check(make(), numbers(*shape), order=2)


def test_derivatives_of_attention() -> None:
    check(nn.MultiheadAttention(4, 2, batch_first=True), numbers(2, 3, 4), call=lambda m, x: m(x, x, x))
    check(
        nn.MultiheadAttention(2, 1, kdim=3, vdim=2, add_bias_kv=True),
        numbers(2, 1, 2), numbers(3, 1, 3), numbers(3, 1, 2),
        call=lambda m, q, k, v: m(q, k, v, attn_mask=mg.tensor([[False, True, False], [False, False, True]])),
    )  # fmt: skip
    check(nn.MultiheadAttention(2, 1), numbers(2, 1, 2), order=2, call=lambda m, x: m(x, x, x, is_causal=True))


def test_derivatives_of_an_embedding() -> None:
    check(nn.Embedding(4, 2), call=lambda m: m(mg.tensor([[0, 2], [2, 3]])), order=2)


# ---------------------------------------------------------------------------------------------------------- identities


def test_convolution_is_a_sum_over_windows() -> None:
    x, w, b = numbers(2, 4, 6, 5).numpy(), numbers(6, 2, 3, 2).numpy(), numbers(6).numpy()
    got = F.conv2d(mg.tensor(x), mg.tensor(w), mg.tensor(b), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (0, 0)))
    wanted = np.zeros(got.shape)
    for n, o, i, j in np.ndindex(got.shape):
        channels = slice(0, 2) if o < 3 else slice(2, 4)
        window = padded[n, channels, 2 * i : 2 * i + 3, j : j + 4 : 2]
        wanted[n, o, i, j] = (window * w[o]).sum() + b[o]
    np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-12)


@given(
    size=st.integers(1, 9), kernel=st.integers(1, 4), stride=st.integers(1, 4), padding=st.integers(0, 2),
    ceil_mode=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_pooling_takes_the_largest_and_the_mean_of_each_window(
    size: int, kernel: int, stride: int, padding: int, ceil_mode: bool, seed: int
) -> None:
    if padding > kernel // 2 or size + 2 * padding < kernel:
        return
    x = np.random.default_rng(seed).integers(-3, 4, (1, 2, size)).astype(float)  # with ties
    largest = F.max_pool1d(mg.tensor(x), kernel, stride, padding, ceil_mode=ceil_mode).numpy()
    mean = F.avg_pool1d(mg.tensor(x), kernel, stride, padding, ceil_mode, count_include_pad=False).numpy()
    sums = F.avg_pool1d(mg.tensor(x), kernel, stride, padding, ceil_mode).numpy()
    assert largest.shape == mean.shape == sums.shape
    for i in range(largest.shape[2]):
        start = i * stride - padding
        window = x[0, :, max(start, 0) : start + kernel]
        np.testing.assert_array_equal(largest[0, :, i], window.max(axis=1))
        np.testing.assert_allclose(mean[0, :, i], window.mean(axis=1))
        covered = min(start + kernel, size + padding) - start
        np.testing.assert_allclose(sums[0, :, i], window.sum(axis=1) / covered)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "float32"])
def test_max_pool_of_any_numbers_with_padding(dtype: str) -> None:
    x = np.array([[[1, 9], [7, 3]]], dtype) if dtype == "uint8" else np.array([[[-1, -9], [-7, -3]]], dtype)
    for f in (F.max_pool2d, mg.compile(F.max_pool2d)):
        y = f(mg.tensor(x), 2, 1, 1)
        assert y.dtype == np.dtype(dtype)
        rows = [[-1, -1, -9], [-1, -1, -3], [-7, -3, -3]]
        assert y.tolist() == [[[1, 9, 9], [7, 9, 9], [7, 7, 3]] if dtype == "uint8" else rows]


def test_max_pool_passes_nan_on() -> None:
    for place in range(4):
        x = np.zeros((1, 1, 2, 2))
        x.flat[place] = np.nan
        assert np.isnan(F.max_pool2d(mg.tensor(x), 2).item())


def test_batch_norm_gives_mean_0_and_variance_1_and_learns_the_statistics() -> None:
    layer = nn.BatchNorm2d(3, eps=0.0).double()
    x = numbers(8, 3, 4, 5) * 3 + 2
    y = layer(x).numpy()
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=(0, 2, 3)), 1, rtol=1e-12)
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.1 * x.numpy().mean(axis=(0, 2, 3)))
    wanted = 0.9 + 0.1 * x.numpy().var(axis=(0, 2, 3), ddof=1)
    np.testing.assert_allclose(layer.running_var.numpy(), wanted)
    assert layer.num_batches_tracked.item() == 1
    assert not layer.running_mean.requires_grad
    average = nn.BatchNorm1d(1, momentum=None).double()
    for value in (1.0, 2.0, 6.0):
        average(mg.tensor([[value], [value]], dtype=mg.float64))
    np.testing.assert_allclose(average.running_mean.numpy(), [3.0])
    average.reset_running_stats()
    assert average.num_batches_tracked.item() == 0


def test_layer_norm_gives_mean_0_and_variance_1_to_each_row() -> None:
    y = nn.LayerNorm(64, eps=0.0).double()(numbers(5, 64) * 7 + 3).numpy()
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_a_sequence_is_cell_after_cell(name: str) -> None:
    layer = getattr(nn, name)(3, 4).double()
    cell = getattr(nn, f"{name}Cell")(3, 4).double()
    cell.load_state_dict({key.removesuffix("_l0"): value for key, value in layer.state_dict().items()})
    x = numbers(20, 2, 3)
    outputs, last = layer(x)
    state = None
    for t in range(20):
        state = cell(x[t], state)
        np.testing.assert_allclose(outputs[t].numpy(), first(state).numpy(), rtol=1e-12)
    np.testing.assert_allclose(first(last)[0].numpy(), first(state).numpy(), rtol=1e-12)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_a_sequence_can_be_cut_and_continued(name: str) -> None:
    layer = getattr(nn, name)(3, 4, num_layers=2).double()
    x = numbers(9, 2, 3)
    whole, last = layer(x)
    head, state = layer(x[:4])
    tail, end = layer(x[4:], state)
    np.testing.assert_allclose(np.concatenate([head.numpy(), tail.numpy()]), whole.numpy(), rtol=1e-12)
    np.testing.assert_allclose(first(end).numpy(), first(last).numpy(), rtol=1e-12)


def test_the_reverse_direction_sees_the_sequence_reversed() -> None:
    both = nn.GRU(3, 4, bidirectional=True).double()
    one = nn.GRU(3, 4).double()
    one.load_state_dict({k.removesuffix("_reverse"): v for k, v in both.state_dict().items() if "reverse" in k})
    x = numbers(6, 2, 3)
    backward = one(mg.flip(x, axis=0))[0]
    np.testing.assert_allclose(both(x)[0].numpy()[..., 4:], backward.numpy()[::-1], rtol=1e-12)


def test_dropout_between_recurrent_layers_is_off_in_eval() -> None:
    layer = nn.LSTM(3, 4, num_layers=2, dropout=0.5)
    x = mg.ones((5, 2, 3))
    mg.manual_seed(0)
    assert not np.array_equal(layer(x)[0].numpy(), layer(x)[0].numpy())
    layer.eval()
    np.testing.assert_array_equal(layer(x)[0].numpy(), layer(x)[0].numpy())


def test_attention_does_not_care_for_the_order_of_keys() -> None:
    layer = nn.MultiheadAttention(8, 4, batch_first=True).double()
    x = numbers(2, 5, 8)
    order = np.array([3, 0, 4, 1, 2])
    y, weights = layer(x, x, x)
    permuted, _ = layer(x, x[:, order], x[:, order])
    np.testing.assert_allclose(permuted.numpy(), y.numpy(), rtol=1e-12)
    moved, _ = layer(x[:, order], x[:, order], x[:, order])
    np.testing.assert_allclose(moved.numpy(), y.numpy()[:, order], rtol=1e-12)
    np.testing.assert_allclose(weights.numpy().sum(axis=-1), 1, rtol=1e-12)


def test_causal_attention_does_not_look_ahead() -> None:
    layer = nn.MultiheadAttention(8, 2, batch_first=True).double()
    x = numbers(1, 6, 8).numpy()
    changed = x.copy()
    changed[:, 4:] += 1
    a, b = (layer(t, t, t, is_causal=True)[0].numpy() for t in (mg.tensor(x), mg.tensor(changed)))
    np.testing.assert_array_equal(a[:, :4], b[:, :4])
    assert not np.allclose(a[:, 4:], b[:, 4:])


def test_padded_keys_are_as_good_as_absent() -> None:
    layer = nn.MultiheadAttention(8, 2, batch_first=True).double()
    q, k = numbers(1, 3, 8), numbers(1, 5, 8, seed=1)
    masked, weights = layer(q, k, k, key_padding_mask=mg.tensor([[False, False, False, True, True]]))
    short, _ = layer(q, k[:, :3], k[:, :3])
    np.testing.assert_allclose(masked.numpy(), short.numpy(), rtol=1e-12)
    assert not weights.numpy()[..., 3:].any()


def test_a_query_whose_keys_are_all_padded_gives_finite_numbers_and_gradients() -> None:
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    x = mg.ones((2, 3, 4))
    for options in (
        {"key_padding_mask": mg.tensor([[True, True, True], [False, True, False]])},
        {"attn_mask": mg.tensor(np.full((3, 3), -np.inf, np.float32))},
    ):
        layer.zero_grad()
        y, _ = layer(x, x, x, **options)
        mg.sum(y).backward()
        assert np.isfinite(y.numpy()).all()
        assert all(np.isfinite(p.grad.numpy()).all() for p in layer.parameters() if p.grad is not None)


def test_masks_that_could_mean_something_else_are_refused() -> None:
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    x, whole = mg.ones((2, 3, 4)), mg.tensor(np.triu(np.ones((3, 3), np.int64)))
    with pytest.raises(TypeError, match=r"booleans or floats, got int64.*`mask != 0`"):
        layer(x, x, x, attn_mask=whole)
    with pytest.raises(TypeError, match=r"booleans or floats, got int64"):
        layer(x, x, x, key_padding_mask=whole[:2])
    with pytest.raises(TypeError, match=r"booleans or floats, got int64"):
        F.scaled_dot_product_attention(x, x, x, whole)
    with pytest.raises(ValueError, match=r"key_padding_mask must have shape \(2, 3\), got \(3, 2\)"):
        layer(x, x, x, key_padding_mask=whole[:, :2] != 0)
    assert layer(x[0], x[0], x[0], key_padding_mask=whole[0] == 0)[0].shape == (3, 4)


@pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
def test_cells_refuse_a_state_that_would_be_stretched(name: str) -> None:
    cell = getattr(nn, name)(3, 4)
    hx: Any = mg.zeros((1, 4))
    with pytest.raises(ValueError, match=rf"{name} needs a state of shape \(2, 4\), got \(1, 4\)"):
        cell(mg.ones((2, 3)), (hx, hx) if name == "LSTMCell" else hx)
    hx = mg.zeros((4,))
    assert first(cell(mg.ones((3,)), (hx, hx) if name == "LSTMCell" else hx)).shape == (4,)


def test_sizes_may_be_numpy_integers_and_padding_cuts_where_it_is_negative() -> None:
    assert nn.Conv1d(1, 1, np.int64(3), padding=np.int64(1)).kernel_size == (3,)
    assert nn.LayerNorm(np.int64(3)).normalized_shape == (3,)
    for mode in ("constant", "reflect"):
        x = F.pad(mg.reshape(mg.arange(4.0), (1, 1, 4)), (-1, 1), mode=mode)
        assert x.tolist() == [[[1.0, 2.0, 3.0, 0.0 if mode == "constant" else 2.0]]]
        with pytest.raises(ShapeError, match=r"pad can't cut -3 and -2 off an axis of 4 elements"):
            F.pad(mg.ones((1, 1, 4)), (-3, -2), mode=mode)


def test_softmax_rows_sum_to_1_and_ignore_a_shift() -> None:
    x = numbers(4, 5) * 100
    np.testing.assert_allclose(F.softmax(x).numpy().sum(axis=-1), 1, rtol=1e-12)
    np.testing.assert_allclose(F.softmax(x + 1e4).numpy(), F.softmax(x).numpy(), rtol=1e-9)


def test_dropout_keeps_the_mean_and_does_nothing_in_eval() -> None:
    mg.manual_seed(0)
    layer = nn.Dropout(0.3)
    y = layer(mg.ones((200, 200))).numpy()
    np.testing.assert_allclose((y == 0).mean(), 0.3, atol=0.01)
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7], rtol=1e-6)
    np.testing.assert_allclose(y.mean(), 1.0, atol=0.02)
    x = mg.tensor(np.ones(3), requires_grad=True)
    dropped = layer(x)
    mg.sum(dropped).backward()
    np.testing.assert_array_equal(x.grad.numpy(), dropped.numpy())
    assert layer.eval()(x) is x
    assert nn.Dropout(0.0)(x) is x
    assert not nn.Dropout(1.0)(x).numpy().any()
    mg.manual_seed(3)
    again = nn.Dropout()(mg.ones((50,))).numpy()
    mg.manual_seed(3)
    np.testing.assert_array_equal(nn.Dropout()(mg.ones((50,))).numpy(), again)


def test_embedding_rows_get_the_sum_of_their_gradients_and_padding_none() -> None:
    layer = nn.Embedding(4, 2, padding_idx=1)
    assert not layer.weight.numpy()[1].any()
    mg.sum(layer(mg.tensor([[0, 1, 0], [1, 1, 3]]))).backward()
    np.testing.assert_array_equal(layer.weight.grad.numpy(), [[2, 2], [0, 0], [0, 0], [1, 1]])
    rows = mg.ones((3, 2))
    frozen = nn.Embedding.from_pretrained(rows)
    assert not frozen.weight.requires_grad
    np.testing.assert_array_equal(frozen(mg.tensor(2)).numpy(), [1, 1])


@pytest.mark.parametrize(
    ("make", "shape", "wanted"),
    [
        (lambda: nn.Linear(3, 2), (0, 3), (0, 2)),
        (lambda: nn.Conv2d(1, 2, 3), (0, 1, 5, 5), (0, 2, 3, 3)),
        (lambda: nn.MaxPool2d(2), (0, 1, 4, 4), (0, 1, 2, 2)),
        (lambda: nn.AvgPool2d(2), (0, 1, 4, 4), (0, 1, 2, 2)),
        (lambda: nn.LayerNorm(3), (0, 3), (0, 3)),
        (lambda: nn.BatchNorm1d(3), (0, 3), (0, 3)),
        (lambda: nn.BatchNorm1d(3).eval(), (0, 3), (0, 3)),
        (lambda: nn.LSTM(3, 2), (4, 0, 3), (4, 0, 2)),
        (lambda: nn.GRU(3, 2), (4, 0, 3), (4, 0, 2)),
        (lambda: nn.Flatten(), (0, 3, 4), (0, 12)),
        (lambda: nn.Softmax(1), (0, 3), (0, 3)),
        (lambda: nn.Dropout(), (0, 3), (0, 3)),
    ],
)
def test_empty_batches_go_through_forward_and_backward(make: Any, shape: tuple, wanted: tuple) -> None:
    module = make()
    y = first(module(mg.tensor(np.zeros(shape, np.float32), requires_grad=True)))
    assert y.shape == wanted
    mg.sum(y).backward()
    assert all(not np.any(p.grad.numpy()) for p in module.parameters() if p.grad is not None)


def test_layers_take_inputs_that_are_not_contiguous() -> None:
    x = numbers(6, 8, 4)
    turned = mg.permute_dims(x, (2, 1, 0))
    same = mg.tensor(np.ascontiguousarray(turned.numpy()))
    for layer in (
        nn.Linear(6, 3),
        nn.Conv1d(8, 2, 3),
        nn.MaxPool1d(2),
        nn.LSTM(6, 2),
        nn.BatchNorm1d(8),
        nn.LayerNorm(6),
    ):
        layer.double()
        np.testing.assert_allclose(first(layer(turned)).numpy(), first(layer(same)).numpy(), rtol=1e-12, atol=1e-14)


def test_flatten_and_unflatten_are_inverses() -> None:
    x = numbers(2, 3, 4, 5)
    assert nn.Flatten(1, 2)(x).shape == (2, 12, 5)
    np.testing.assert_array_equal(nn.Unflatten(1, (3, -1))(nn.Flatten(1, 2)(x)).numpy(), x.numpy())


def test_orthogonal_rows() -> None:
    for shape in ((3, 7), (7, 3), (4, 2, 2)):
        w = nn.init.orthogonal_(mg.zeros(shape, dtype=mg.float64), gain=2.0).numpy().reshape(shape[0], -1)
        product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
        np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


def test_orthogonal_matrices_point_in_all_directions() -> None:
    mg.manual_seed(0)
    signs = [nn.init.orthogonal_(mg.zeros((1, 1))).item() for _ in range(40)]
    assert 10 <= signs.count(1.0) <= 30
    assert signs.count(-1.0) == 40 - signs.count(1.0)


def test_initialisation_bounds_and_spread() -> None:
    mg.manual_seed(0)
    w = nn.init.xavier_uniform_(mg.zeros((300, 200))).numpy()
    assert np.abs(w).max() <= (6 / 500) ** 0.5
    np.testing.assert_allclose(w.std(), (2 / 500) ** 0.5, rtol=0.02)
    w = nn.init.kaiming_normal_(mg.zeros((300, 200)), nonlinearity="relu").numpy()
    np.testing.assert_allclose(w.std(), (2 / 200) ** 0.5, rtol=0.02)
    w = nn.init.trunc_normal_(mg.zeros((1000,)), std=2.0, a=-1.0, b=0.5).numpy()
    assert w.min() >= -1
    assert w.max() <= 0.5
    w = nn.Linear(100, 300).weight.numpy()
    assert np.abs(w).max() <= 0.1
    np.testing.assert_allclose(w.std(), 0.1 / 3**0.5, rtol=0.02)
    assert nn.init.eye_(mg.zeros((2, 3))).tolist() == [[1, 0, 0], [0, 1, 0]]
    mg.manual_seed(5)
    a = nn.Linear(3, 3).weight.numpy()
    mg.manual_seed(5)
    np.testing.assert_array_equal(nn.Linear(3, 3).weight.numpy(), a)


def test_softmax_asks_for_an_axis_where_it_is_not_clear() -> None:
    assert F.softmax(numbers(3)).shape == (3,)
    np.testing.assert_array_equal(nn.Softmax()(numbers(2, 3)).numpy(), F.softmax(numbers(2, 3), dim=1).numpy())
    with pytest.raises(ArgumentError, match="Which of the 3 axes"):
        nn.LogSoftmax()(numbers(2, 3, 4))


def test_layers_take_a_dtype_and_only_the_cpu() -> None:
    for make in (
        lambda **o: nn.Linear(2, 2, **o), lambda **o: nn.Conv1d(2, 2, 1, **o), lambda **o: nn.LSTM(2, 2, **o),
        lambda **o: nn.BatchNorm1d(2, **o), lambda **o: nn.LayerNorm(2, **o), lambda **o: nn.Embedding(2, 2, **o),
        lambda **o: nn.MultiheadAttention(2, 1, **o), lambda **o: nn.GRUCell(2, 2, **o), lambda **o: nn.PReLU(**o),
    ):  # fmt: skip
        module = make(dtype=mg.float64, device="cpu")
        assert {str(p.dtype) for p in module.parameters()} == {"float64"}
        with pytest.raises(ArgumentError, match="There is no device 'cuda'"):
            make(device="cuda")
