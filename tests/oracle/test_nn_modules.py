"""Every layer against PyTorch's: state_dict, outputs, and the gradients of inputs and parameters."""

from __future__ import annotations

import copy
import inspect
import operator
from typing import Any

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn

torch = pytest.importorskip("torch")

TOLERANCE = {"float32": {"rtol": 2e-4, "atol": 2e-5}, "float64": {"rtol": 1e-10, "atol": 1e-10}}


def numbers(*shape: int, dtype: str, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def first(output: Any) -> Any:
    """The tensors in an output, flat, without None."""
    if isinstance(output, tuple | list):
        return [tensor for part in output for tensor in first(part)]
    return [] if output is None else [output]


def build(name: str, args: tuple, options: dict, dtype: str) -> tuple[nn.Module, Any]:
    """The layer and PyTorch's, with equal weights (moved from PyTorch, biases and scales made irregular)."""
    theirs = getattr(torch.nn, name)(*args, **options).to(getattr(torch, dtype))
    for i, (key, value) in enumerate(theirs.state_dict().items()):
        if key == "num_batches_tracked":
            continue
        noise = numbers(*value.shape, dtype=dtype, seed=i)
        value.copy_(torch.from_numpy(np.abs(noise) + 0.5 if key == "running_var" else noise * 0.4))
    ours = getattr(nn, name)(*args, **options).to(dtype)
    assert [(k, tuple(v.shape)) for k, v in ours.state_dict().items()] == [
        (k, tuple(v.shape)) for k, v in theirs.state_dict().items()
    ]
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def compare(ours: Any, theirs: Any, arrays: list[np.ndarray], dtype: str, **options: Any) -> None:
    """Run both, with the arrays that are floating as leaves, and compare everything that comes out and comes back."""
    mine = [mg.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    other = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    theirs_options = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    ours_options = {k: mg.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    got, wanted = first(ours(*mine, **ours_options)), first(theirs(*other, **theirs_options))
    assert [tuple(t.shape) for t in got] == [tuple(t.shape) for t in wanted]
    loss, their_loss = 0.0, 0.0
    for i, (a, b) in enumerate(zip(got, wanted, strict=True)):
        if a.dtype.kind == "i":
            np.testing.assert_array_equal(a.numpy(), b.numpy())
            continue
        assert str(a.dtype) == dtype
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), **TOLERANCE[dtype])
        weights = numbers(*a.shape, dtype=dtype, seed=100 + i)
        loss = loss + mg.sum(a * mg.tensor(weights))
        their_loss = their_loss + (b * torch.tensor(weights)).sum()
    if loss.requires_grad:
        loss.backward()
        their_loss.backward()
    for a, b in zip(mine, other, strict=True):
        if b.grad is not None:
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), **TOLERANCE[dtype])
    their_parameters = dict(theirs.named_parameters())
    assert list(their_parameters) == [name for name, _ in ours.named_parameters()]
    for name, parameter in ours.named_parameters():
        grad = their_parameters[name].grad
        assert (parameter.grad is None) == (grad is None), name
        if grad is not None:
            np.testing.assert_allclose(parameter.grad.numpy(), grad.numpy(), err_msg=name, **TOLERANCE[dtype])
    for name, buffer in ours.named_buffers():
        np.testing.assert_allclose(
            buffer.numpy(), dict(theirs.named_buffers())[name].numpy(), err_msg=name, **TOLERANCE[dtype]
        )


LAYERS = [
    ("Linear", (5, 3), {}, [(4, 5)]),
    ("Linear", (5, 3), {"bias": False}, [(4, 5)]),
    ("Linear", (5, 3), {}, [(5,)]),
    ("Linear", (5, 3), {}, [(2, 4, 5)]),
    ("Linear", (5, 3), {}, [(0, 5)]),
    ("Linear", (5, 3), {}, [(2, 0, 5)]),
    ("Linear", (1, 1), {}, [(1, 1)]),
    ("Conv1d", (4, 6, 3), {}, [(2, 4, 9)]),
    ("Conv1d", (4, 6, 3), {"stride": 2, "padding": 2, "dilation": 2, "groups": 2, "bias": False}, [(2, 4, 9)]),
    ("Conv1d", (4, 4, 4), {"padding": "same", "groups": 4}, [(2, 4, 9)]),
    ("Conv1d", (2, 3, 3), {"padding": 4}, [(1, 2, 1)]),
    ("Conv1d", (2, 3, 3), {}, [(2, 7)]),
    ("Conv2d", (3, 4, 3), {}, [(2, 3, 7, 5)]),
    ("Conv2d", (3, 4, (3, 2)), {"stride": (2, 1), "padding": (1, 2)}, [(2, 3, 7, 5)]),
    ("Conv2d", (4, 8, 3), {"groups": 4, "padding": 1}, [(2, 4, 5, 5)]),
    ("Conv2d", (3, 4, (4, 3)), {"padding": "same", "dilation": (1, 2)}, [(1, 3, 6, 7)]),
    ("Conv2d", (3, 4, 3), {"padding": "valid", "stride": 3}, [(2, 3, 8, 8)]),
    ("Conv2d", (3, 4, 3), {"padding": 1, "padding_mode": "reflect"}, [(2, 3, 4, 5)]),
    ("Conv2d", (3, 4, 3), {"padding": (2, 1), "padding_mode": "replicate"}, [(2, 3, 4, 5)]),
    ("Conv2d", (3, 4, 3), {"padding": (2, 1), "padding_mode": "circular"}, [(2, 3, 4, 5)]),
    ("Conv2d", (3, 4, (2, 3)), {"padding": "same", "padding_mode": "circular"}, [(2, 3, 4, 5)]),
    ("Conv2d", (3, 4, 1), {}, [(3, 6, 6)]),
    ("Conv2d", (3, 4, 3), {}, [(0, 3, 6, 6)]),
    ("Conv3d", (2, 3, 2), {"stride": (1, 2, 1), "padding": (0, 1, 1)}, [(2, 2, 4, 5, 3)]),
    ("MaxPool1d", (3,), {}, [(2, 3, 10)]),
    ("MaxPool1d", (3,), {"stride": 2, "padding": 1, "dilation": 2}, [(2, 3, 10)]),
    ("MaxPool2d", (2,), {}, [(2, 3, 7, 6)]),
    ("MaxPool2d", ((3, 2),), {"stride": 1, "padding": 1}, [(2, 3, 5, 6)]),
    ("MaxPool2d", (3,), {"stride": 2, "ceil_mode": True}, [(2, 3, 8, 7)]),
    ("MaxPool2d", (2,), {"stride": 3, "padding": 1, "ceil_mode": True}, [(2, 3, 8, 7)]),
    ("MaxPool2d", (2,), {"dilation": 2, "stride": 1}, [(3, 6, 6)]),
    ("AvgPool1d", (3,), {"stride": 2, "padding": 1}, [(2, 3, 9)]),
    ("AvgPool1d", (3,), {"stride": 2, "ceil_mode": True, "count_include_pad": False, "padding": 1}, [(2, 3, 8)]),
    ("AvgPool2d", (2,), {}, [(2, 3, 7, 6)]),
    ("AvgPool2d", ((3, 2),), {"stride": (2, 1), "padding": 1}, [(2, 3, 7, 6)]),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1, "count_include_pad": False}, [(2, 3, 7, 6)]),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}, [(2, 3, 8, 6)]),
    ("AvgPool2d", (3,), {"stride": 2, "ceil_mode": True}, [(2, 3, 8, 6)]),
    ("AvgPool2d", (2,), {"stride": 3, "padding": 1, "ceil_mode": True, "count_include_pad": False}, [(2, 3, 8, 7)]),
    ("AvgPool2d", (2,), {"divisor_override": 3}, [(3, 6, 6)]),
    ("BatchNorm1d", (3,), {}, [(5, 3)]),
    ("BatchNorm1d", (3,), {"momentum": None}, [(5, 3, 4)]),
    ("BatchNorm1d", (3,), {"affine": False, "momentum": 0.7, "eps": 0.1}, [(1, 3, 4)]),
    ("BatchNorm1d", (3,), {"track_running_stats": False}, [(5, 3)]),
    ("BatchNorm2d", (3,), {}, [(2, 3, 4, 5)]),
    ("BatchNorm2d", (3,), {"affine": False, "track_running_stats": False}, [(2, 3, 4, 5)]),
    ("LayerNorm", (6,), {}, [(4, 6)]),
    ("LayerNorm", ((4, 6),), {"eps": 0.1}, [(3, 4, 6)]),
    ("LayerNorm", (6,), {"elementwise_affine": False}, [(6,)]),
    ("LayerNorm", (6,), {"bias": False}, [(2, 3, 6)]),
    ("LayerNorm", (6,), {}, [(0, 6)]),
    ("ReLU", (), {}, [(3, 4)]),
    ("ReLU6", (), {}, [(3, 4)]),
    ("LeakyReLU", (0.2,), {}, [(3, 4)]),
    ("PReLU", (), {}, [(3, 4)]),
    ("PReLU", (4,), {}, [(3, 4, 2)]),
    ("ELU", (0.7,), {}, [(3, 4)]),
    ("GELU", (), {}, [(3, 4)]),
    ("GELU", (), {"approximate": "tanh"}, [(3, 4)]),
    ("SiLU", (), {}, [(3, 4)]),
    ("Mish", (), {}, [(3, 4)]),
    ("Sigmoid", (), {}, [(3, 4)]),
    ("LogSigmoid", (), {}, [(3, 4)]),
    ("Tanh", (), {}, [(3, 4)]),
    ("Softplus", (), {}, [(3, 4)]),
    ("Softplus", (2.0, 0.5), {}, [(3, 4)]),
    ("Softsign", (), {}, [(3, 4)]),
    ("Hardtanh", (-0.5, 0.7), {}, [(3, 4)]),
    ("Softmax", (1,), {}, [(3, 4, 2)]),
    ("LogSoftmax", (-1,), {}, [(3, 4, 2)]),
    ("Flatten", (), {}, [(3, 4, 2)]),
    ("Flatten", (0, 1), {}, [(3, 4, 2)]),
    ("Unflatten", (1, (2, -1)), {}, [(3, 4, 2)]),
    ("Identity", (), {}, [(3, 4)]),
    ("InstanceNorm2d", (3,), {"affine": True, "track_running_stats": True}, [(2, 3, 4, 5)]),
    ("InstanceNorm1d", (3,), {}, [(3, 4)]),
    ("GroupNorm", (3, 6), {"affine": False, "eps": 0.1}, [(0, 6)]),
    ("ConvTranspose2d", (4, 6, (3, 2)), {"stride": 3, "output_padding": (1, 2), "groups": 2}, [(2, 4, 3, 4)]),
    ("MaxPool2d", (3,), {"stride": 2, "padding": 1, "return_indices": True}, [(2, 3, 6, 5)]),
    ("MaxPool3d", ((2, 3, 1),), {"dilation": 2, "return_indices": True}, [(3, 5, 6, 4)]),
    ("AdaptiveMaxPool2d", ((3, None),), {"return_indices": True}, [(2, 3, 7, 5)]),
    ("AdaptiveAvgPool3d", ((3, 2, 4),), {}, [(2, 7, 2, 3)]),
    ("ReflectionPad1d", ((3, -1),), {}, [(2, 5)]),
    ("CircularPad2d", ((1, -1, 2, 0),), {}, [(2, 3, 4, 5)]),
    ("ConstantPad1d", ((-1, 2), 1.5), {}, [(2, 5)]),
    ("Upsample", (), {"scale_factor": 2}, [(2, 3, 4)]),
    ("Upsample", (), {"scale_factor": 1.7}, [(2, 3, 4, 3)]),
    ("Upsample", ((3, 2, 5),), {"mode": "nearest-exact"}, [(1, 2, 4, 5, 3)]),
    ("Upsample", (7,), {"mode": "linear", "align_corners": True}, [(2, 3, 4)]),
    ("Upsample", (), {"mode": "bilinear", "scale_factor": (1.3, 0.6)}, [(2, 3, 4, 5)]),
    ("Upsample", (), {"mode": "bicubic", "scale_factor": 1.3, "recompute_scale_factor": True}, [(2, 3, 4, 5)]),
    ("Upsample", ((9, 2),), {"mode": "bicubic", "align_corners": True}, [(2, 3, 4, 5)]),
    ("Upsample", ((3, 4, 2),), {"mode": "trilinear"}, [(2, 3, 4, 2, 3)]),
    ("Upsample", ((3, 2),), {"mode": "area"}, [(2, 3, 7, 5)]),
    ("UpsamplingNearest2d", (), {"scale_factor": 2}, [(2, 3, 4, 5)]),
    ("UpsamplingBilinear2d", (), {"scale_factor": 2}, [(2, 3, 4, 5)]),
    ("PixelShuffle", (2,), {}, [(2, 8, 3, 4)]),
    ("PixelUnshuffle", (3,), {}, [(2, 3, 6)]),
    ("ChannelShuffle", (3,), {}, [(2, 6, 2, 2)]),
    ("Unfold", ((2, 3),), {"padding": 1, "stride": 2, "dilation": (2, 1)}, [(2, 3, 5, 6)]),
    ("Fold", ((5, 6), (2, 3)), {"padding": 1, "stride": 2, "dilation": (2, 1)}, [(2, 12, 9)]),
    ("CosineSimilarity", (-1,), {}, [(3, 4), (3, 4)]),
    ("PairwiseDistance", (3.0,), {"keepdim": True}, [(3, 4), (3, 4)]),
    ("RReLU", (0.1, 0.1), {}, [(3, 4)]),
    ("TripletMarginLoss", (), {"p": 3.0, "swap": True}, [(3, 4), (3, 4), (3, 4)]),
    ("TripletMarginWithDistanceLoss", (), {"reduction": "sum"}, [(3, 4), (3, 4), (3, 4)]),
]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")  # PyTorch's own copy
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "args", "options", "shapes"), LAYERS)
def test_layer(name: str, args: tuple, options: dict, shapes: list, dtype: str) -> None:
    ours, theirs = build(name, args, options, dtype)
    arrays = [numbers(*shape, dtype=dtype, seed=7) for shape in shapes]
    compare(ours, theirs, arrays, dtype)


@pytest.mark.parametrize("name", ["BatchNorm1d", "BatchNorm2d"])
@pytest.mark.parametrize("options", [{}, {"affine": False}, {"momentum": None}, {"track_running_stats": False}])
def test_batch_norm_in_training_and_then_in_evaluation(name: str, options: dict) -> None:
    ours, theirs = build(name, (3,), options, "float64")
    shape = (4, 3) if name == "BatchNorm1d" else (4, 3, 2, 5)
    for seed in range(3):
        compare(ours, theirs, [numbers(*shape, dtype="float64", seed=seed) * 2 + 1], "float64")
    ours.eval()
    theirs.eval()
    compare(ours, theirs, [numbers(*shape, dtype="float64", seed=9)], "float64")


@pytest.mark.parametrize("padding_idx", [None, 2, -1])
def test_embedding(padding_idx: int | None) -> None:
    ours, theirs = build("Embedding", (5, 3), {"padding_idx": padding_idx}, "float64")
    compare(ours, theirs, [np.array([[0, 2, 2], [4, 1, 2]])], "float64")
    ours, theirs = build("Embedding", (5, 3), {"padding_idx": padding_idx}, "float64")
    compare(ours, theirs, [np.array([4, 0])], "float64")


RECURRENT = [
    {},
    {"bias": False},
    {"num_layers": 2},
    {"bidirectional": True},
    {"num_layers": 3, "bidirectional": True, "batch_first": True},
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("given_state", [False, True])
@pytest.mark.parametrize("options", RECURRENT)
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_recurrent(name: str, options: dict, given_state: bool, dtype: str) -> None:
    ours, theirs = build(name, (3, 4), options, dtype)
    arrays = [numbers(2, 5, 3, dtype=dtype)]
    count = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    batch = 2 if options.get("batch_first") else 5
    if given_state:
        arrays += [numbers(count, batch, 4, dtype=dtype, seed=i) for i in range(2 if name == "LSTM" else 1)]
    compare(_with_states(ours, name), _with_states(theirs, name), arrays, dtype)


class _with_states:  # noqa: N801 (reads as a function)
    """An LSTM whose states are separate arguments."""

    def __init__(self, module: Any, name: str) -> None:
        self.module, self.name = module, name
        self.named_parameters, self.named_buffers = module.named_parameters, module.named_buffers

    def __call__(self, x: Any, *states: Any) -> Any:
        return self.module(x, states if self.name == "LSTM" else states[0]) if states else self.module(x)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 3), (1, 3), (40, 2, 3)])
def test_recurrent_shapes(name: str, shape: tuple) -> None:
    ours, theirs = build(name, (3, 4), {"bidirectional": True}, "float64")
    compare(ours, theirs, [numbers(*shape, dtype="float64")], "float64")
    states = [numbers(2, *shape[1:-1], 4, dtype="float64", seed=i) for i in range(2 if name == "LSTM" else 1)]
    ours, theirs = build(name, (3, 4), {"bidirectional": True}, "float64")
    compare(
        _with_states(ours, name), _with_states(theirs, name), [numbers(*shape, dtype="float64"), *states], "float64"
    )


def test_rnn_with_relu() -> None:
    ours, theirs = build("RNN", (3, 4, 2, "relu"), {}, "float64")
    compare(ours, theirs, [numbers(5, 2, 3, dtype="float64")], "float64")


@pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("options", [{}, {"bias": False}])
@pytest.mark.parametrize("shape", [(2, 3), (3,)])
def test_cell(name: str, options: dict, shape: tuple) -> None:
    ours, theirs = build(name, (3, 4), options, "float64")
    compare(ours, theirs, [numbers(*shape, dtype="float64")], "float64")
    ours, theirs = build(name, (3, 4), options, "float64")
    states = [numbers(*shape[:-1], 4, dtype="float64", seed=i) for i in range(2 if name == "LSTMCell" else 1)]
    kind = "LSTM" if name == "LSTMCell" else name
    compare(
        _with_states(ours, kind), _with_states(theirs, kind), [numbers(*shape, dtype="float64"), *states], "float64"
    )


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "num_layers": 2}, {"proj_size": 2}])
def test_packed_sequences(name: str, ordered: bool, options: dict) -> None:
    if "proj_size" in options and name != "LSTM":
        return
    ours, theirs = build(name, (3, 4), options, "float64")
    lengths = [5, 3, 3, 1] if ordered else [3, 1, 5, 3]
    width, states = (
        options.get("proj_size", 4),
        options.get("num_layers", 1) * (1 + options.get("bidirectional", False)),
    )
    carried = [numbers(states, 4, n, dtype="float64", seed=n) for n in ((width, 4) if name == "LSTM" else (width,))]

    def run(module: Any, rnn: Any) -> Any:
        def call(x: Any, *state: Any) -> Any:
            packed = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=ordered)
            output, final = module(packed, state if name == "LSTM" else state[0])
            assert output.batch_sizes.tolist() == packed.batch_sizes.tolist()
            return output.data, rnn.pad_packed_sequence(output, padding_value=-1.0, total_length=6), final

        call.named_parameters, call.named_buffers = module.named_parameters, module.named_buffers  # type: ignore[attr-defined]
        return call

    x = numbers(4, 5, 3, dtype="float64")
    compare(run(ours, nn.utils.rnn), run(theirs, torch.nn.utils.rnn), [x, *carried], "float64")


def test_sequences_are_padded_and_packed_as_pytorch_does() -> None:
    arrays = [numbers(n, 2, dtype="float64") for n in (2, 4, 1)]
    mine, other = [mg.tensor(a) for a in arrays], [torch.tensor(a) for a in arrays]
    ours, theirs = nn.utils.rnn, torch.nn.utils.rnn
    for options in ({}, {"batch_first": True, "padding_value": 7.0}, {"padding_side": "left"}):
        got, wanted = ours.pad_sequence(mine, **options), theirs.pad_sequence(other, **options)
        np.testing.assert_array_equal(got.numpy(), wanted.numpy())
    packed, wanted = ours.pack_sequence(mine, enforce_sorted=False), theirs.pack_sequence(other, enforce_sorted=False)
    for a, b in zip(packed, wanted, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    for a, b in zip(ours.unpack_sequence(packed), arrays, strict=True):
        np.testing.assert_array_equal(a.numpy(), b)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": False},
        {"batch_first": True},
        {"kdim": 5, "vdim": 3},
        {"add_bias_kv": True},
        {"add_zero_attn": True, "add_bias_kv": True, "batch_first": True},
    ],
)
def test_attention_across(options: dict, dtype: str) -> None:
    ours, theirs = build("MultiheadAttention", (8, 2), options, dtype)
    lengths = ((2, 4), (2, 6)) if options.get("batch_first") else ((4, 2), (6, 2))
    arrays = [
        numbers(*lengths[0], 8, dtype=dtype),
        numbers(*lengths[1], options.get("kdim", 8), dtype=dtype, seed=1),
        numbers(*lengths[1], options.get("vdim", 8), dtype=dtype, seed=2),
    ]
    compare(ours, theirs, arrays, dtype)


MASKS: list[dict] = [
    {},
    {"need_weights": False},
    {"average_attn_weights": False},
    {"attn_mask": np.triu(np.ones((5, 5), bool), 1)},
    {"attn_mask": np.triu(np.ones((5, 5), bool), 1), "is_causal": True, "need_weights": False},
    {"attn_mask": numbers(5, 5, dtype="float64")},
    {"attn_mask": numbers(6, 5, 5, dtype="float64")},
    {"attn_mask": numbers(6, 5, 5, dtype="float64") > 1},
    {"key_padding_mask": np.arange(15).reshape(3, 5) % 5 > 2},
    {"key_padding_mask": np.arange(15).reshape(3, 5) % 5 > 2, "attn_mask": np.triu(np.ones((5, 5), bool), 1)},
    {
        "key_padding_mask": np.where(np.arange(15).reshape(3, 5) % 5 > 2, -np.inf, 0.0),
        "attn_mask": numbers(5, 5, dtype="float64"),
    },
]


@pytest.mark.parametrize("options", MASKS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_attention_to_itself_with_masks(options: dict, batch_first: bool) -> None:
    ours, theirs = build("MultiheadAttention", (4, 2), {"batch_first": batch_first}, "float64")
    x = numbers(3, 5, 4, dtype="float64") if batch_first else numbers(5, 3, 4, dtype="float64")
    compare(_on_itself(ours), _on_itself(theirs), [x], "float64", **options)


class _on_itself:  # noqa: N801 (reads as a function)
    def __init__(self, module: Any) -> None:
        self.module = module
        self.named_parameters, self.named_buffers = module.named_parameters, module.named_buffers

    def __call__(self, x: Any, **options: Any) -> Any:
        return self.module(x, x, x, **options)


def test_attention_without_a_batch() -> None:
    ours, theirs = build("MultiheadAttention", (4, 2), {}, "float64")
    x = numbers(5, 4, dtype="float64")
    compare(_on_itself(ours), _on_itself(theirs), [x], "float64", attn_mask=np.triu(np.ones((5, 5), bool), 1))


LOSSES = [
    ("MSELoss", {}),
    ("L1Loss", {"reduction": "sum"}),
    ("SmoothL1Loss", {"beta": 0.3}),
    ("HuberLoss", {"delta": 0.4, "reduction": "none"}),
]


@pytest.mark.parametrize(("name", "options"), LOSSES)
def test_loss_of_two_equal_shapes(name: str, options: dict) -> None:
    ours, theirs = build(name, (), options, "float64")
    compare(ours, theirs, [numbers(4, 3, dtype="float64"), numbers(4, 3, dtype="float64", seed=1)], "float64")


def test_losses_with_weights_keep_them_as_buffers() -> None:
    weight = np.array([0.2, 1.0, 3.0])
    ours = nn.CrossEntropyLoss(mg.tensor(weight), label_smoothing=0.1)
    theirs = torch.nn.CrossEntropyLoss(torch.tensor(weight), label_smoothing=0.1)
    assert list(ours.state_dict()) == list(theirs.state_dict()) == ["weight"]
    compare(ours, theirs, [numbers(4, 3, dtype="float64"), np.array([0, 2, 1, 1])], "float64")
    ours = nn.BCEWithLogitsLoss(pos_weight=mg.tensor(weight))
    theirs = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(weight))
    assert list(ours.state_dict()) == list(theirs.state_dict()) == ["pos_weight"]
    targets = (numbers(4, 3, dtype="float64", seed=1) > 0).astype(np.float64)
    mine, other = mg.tensor(numbers(4, 3, dtype="float64")), torch.tensor(numbers(4, 3, dtype="float64"))
    np.testing.assert_allclose(ours(mine, mg.tensor(targets)).item(), theirs(other, torch.tensor(targets)).item())


def test_whole_models_exchange_weights_both_ways() -> None:
    def model(library: Any) -> Any:
        return library.Sequential(
            library.Conv2d(1, 4, 3, padding=1),
            library.BatchNorm2d(4),
            library.ReLU(),
            library.MaxPool2d(2),
            library.Sequential(library.Flatten(), library.Linear(4 * 4 * 4, 10)),
        )

    ours, theirs = model(nn).double(), model(torch.nn).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = [numbers(3, 1, 8, 8, dtype="float64")]
    ours.load_state_dict(theirs.state_dict())
    compare(ours, theirs, x, "float64")
    fresh = model(nn).double()
    theirs = copy.deepcopy(theirs)
    theirs.load_state_dict({key: torch.tensor(value.numpy()) for key, value in fresh.state_dict().items()})
    theirs.zero_grad()
    compare(fresh, theirs, x, "float64")


def test_containers_name_their_parts_as_pytorch_does() -> None:
    def model(library: Any) -> Any:
        class Net(library.Module):
            def __init__(self) -> None:
                super().__init__()
                self.late = None
                self.blocks = library.ModuleList([library.Linear(2, 3), library.Linear(3, 2)])
                self.by_name = library.ModuleDict({"a": library.Linear(1, 1), "b": library.BatchNorm1d(2)})
                self.late = library.Linear(4, 4)
                self.own = library.Parameter(self._zeros())
                self.register_buffer("kept", self._zeros())
                self.register_buffer("lost", self._zeros(), persistent=False)
                self.shared = self.late
                self.named = library.Sequential()
                self.named.add_module("first", library.Linear(1, 2))
                self.values = library.ParameterList([library.Parameter(self._zeros())])

            def _zeros(self) -> Any:
                return torch.zeros(2) if library is torch.nn else mg.zeros((2,))

        return Net()

    ours, theirs = model(nn), model(torch.nn)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    assert [name for name, _ in ours.named_buffers()] == [name for name, _ in theirs.named_buffers()]
    assert [name for name, _ in ours.named_modules()] == [name for name, _ in theirs.named_modules()]
    assert [name for name, _ in ours.named_children()] == [name for name, _ in theirs.named_children()]


@pytest.mark.parametrize(("name", "options", "text"), [("Linear", {}, ""), ("Conv2d", {"padding": 1}, "")])
def test_repr_is_pytorchs_with_the_number_of_parameters(name: str, options: dict, text: str) -> None:
    args = (3, 5) if name == "Linear" else (3, 5, 3)
    ours, theirs = getattr(nn, name)(*args, **options), getattr(torch.nn, name)(*args, **options)
    count = sum(parameter.numel() for parameter in theirs.parameters())
    assert repr(ours) == f"{theirs!r}  # {count} parameters"


STARTS = [
    ("Linear", (200, 100)),
    ("Conv2d", (10, 20, 5)),
    ("Embedding", (100, 50)),
    ("LSTM", (50, 40)),
    ("MultiheadAttention", (60, 4)),
    ("BatchNorm1d", (7,)),
    ("LayerNorm", (7,)),
]


@pytest.mark.parametrize(("name", "args"), STARTS)
def test_layers_start_with_pytorchs_distributions(name: str, args: tuple) -> None:
    mg.manual_seed(0)
    torch.manual_seed(0)
    ours, theirs = getattr(nn, name)(*args).state_dict(), getattr(torch.nn, name)(*args).state_dict()
    for key, value in theirs.items():
        a, b = ours[key].numpy().astype(float), value.numpy().astype(float)
        assert ours[key].dtype == value.numpy().dtype
        assert abs(a.mean() - b.mean()) <= 5 * (a.std() + b.std()) / np.sqrt(a.size) + 1e-12, key
        np.testing.assert_allclose(a.std(), b.std(), rtol=0.25 if a.size < 500 else 0.05, err_msg=key)
        if name != "Embedding":
            np.testing.assert_allclose(np.abs(a).max(), np.abs(b).max(), rtol=0.1, err_msg=key)


def parameters(function: Any) -> list[inspect.Parameter]:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p for p in inspect.signature(function).parameters.values() if p.name != "self" and p.kind not in variadic]


SIGNED = [name for name in nn.__all__ if inspect.isclass(getattr(nn, name))]
SIGNED += [f"functional.{name}" for name in nn.functional.__all__]
SIGNED += [f"init.{name}" for name in vars(nn.init) if name.endswith("_") and not name.startswith("_")]
SIGNED = [path for path in SIGNED if path.startswith("init.") or hasattr(torch.nn, path.split(".")[0])]


@pytest.mark.parametrize("path", SIGNED)
def test_arguments_have_pytorchs_names_order_and_defaults(path: str) -> None:
    ours, theirs = operator.attrgetter(path)(nn), operator.attrgetter(path)(torch.nn)
    try:
        wanted = {p.name: (i, p.default) for i, p in enumerate(parameters(theirs))}
    except ValueError:
        return  # written in C++: it has no signature
    if not wanted or ours is nn.Parameter:
        return  # (*args, **kwargs)
    for i, p in enumerate(parameters(ours)):
        place, default = wanted[p.name]
        assert getattr(p.default, "__name__", p.default) == getattr(default, "__name__", default), p.name
        assert p.kind is inspect.Parameter.KEYWORD_ONLY or place == i, p.name


def test_hooks_see_and_change_what_pytorchs_do() -> None:
    def log(library: Any, tensor: Any) -> list[Any]:
        layers = [library.Linear(3, 4), library.Tanh(), library.Linear(4, 2)]
        model, seen, last = library.Sequential(*layers).double(), [], []
        model.load_state_dict({k: tensor(numbers(*v.shape, dtype="float64")) for k, v in model.state_dict().items()})

        def show(*found: Any) -> None:
            seen.extend(x.detach().numpy() for x in found)

        model[0].register_forward_pre_hook(lambda module, args: args[0] * 2)
        model[0].register_forward_hook(lambda module, args, out: show(out))
        model[2].register_full_backward_hook(lambda module, inputs, outputs: show(*inputs, *outputs))
        model[2].register_full_backward_pre_hook(lambda module, outputs: (outputs[0] * 3,))
        model[1].register_full_backward_hook(lambda module, inputs, outputs: (inputs[0] * 2,))
        model[2].bias.register_post_accumulate_grad_hook(lambda p: last.append(p.grad))
        x = tensor(numbers(2, 3, dtype="float64")).requires_grad_()
        y = model(x)
        y.register_hook(lambda g: g * 0.5)
        (y * y).sum().backward()
        show(x.grad, *last, *(p.grad for p in model.parameters()))
        return seen

    got, wanted = log(nn, mg.tensor), log(torch.nn, torch.tensor)
    assert len(got) == len(wanted) == 9
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_extra_state_and_changed_submodules_as_pytorch_has_them() -> None:
    def model(library: Any) -> Any:
        class Counting(library.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner, self.count = library.Linear(1, 1), 3

            def get_extra_state(self) -> Any:
                return {"count": self.count}

            def set_extra_state(self, state: Any) -> None:
                self.count = state["count"]

        made = library.Sequential(Counting(), library.BatchNorm1d(1))
        made.set_submodule("0.inner", library.Linear(1, 2))
        return library.DataParallel(made)

    ours, theirs = model(nn), model(torch.nn)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    saved = {**ours.state_dict(), "module.0._extra_state": {"count": 8}}
    assert ours.load_state_dict(saved) == ([], [])
    assert ours.module[0].count == 8
    synced = nn.SyncBatchNorm.convert_sync_batchnorm(ours.module)
    assert type(synced[1]) is nn.SyncBatchNorm
    assert synced[1].weight is ours.module[1].weight
