"""Module: what it finds, what it saves and loads, and what it says when something is wrong."""

from __future__ import annotations

import copy
import pickle
import re
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn
from microgradient.errors import ArgumentError, ArgumentTypeError, DTypeError, MicrogradientError, ShapeError


class Net(nn.Module):
    """Layers in every place where somebody might put them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.in_list = [nn.Linear(3, 3), (nn.Linear(3, 3, bias=False), "a text", 7)]
        self.in_dict = {"a": nn.Linear(3, 1), "b": [nn.Parameter([1.0])]}
        self.again = self.first
        self.scale = nn.Parameter([2.0])
        self.register_buffer("count", mg.tensor(0.0))
        self.register_buffer("scratch", mg.tensor(0.0), persistent=False)

    def forward(self, x: Any) -> Any:
        x = self.in_list[1][0](self.in_list[0](self.first(x)))
        return self.in_dict["a"](x) * self.scale


KEYS = [
    "scale", "in_dict.b.0", "count", "first.weight", "first.bias", "in_list.0.weight", "in_list.0.bias",
    "in_list.1.0.weight", "in_dict.a.weight", "in_dict.a.bias",
]  # fmt: skip


def test_parameters_are_found_in_attributes_lists_tuples_and_dicts() -> None:
    net = Net()
    assert list(net.state_dict()) == [*KEYS, "again.weight", "again.bias"]
    assert [name for name, _ in net.named_parameters()] == [key for key in KEYS if key != "count"]
    assert len(list(net.parameters())) == 9
    assert [name for name, _ in net.named_buffers()] == ["count", "scratch"]
    assert [name for name, _ in net.named_children()] == ["first", "in_list.0", "in_list.1.0", "in_dict.a"]
    assert [name for name, _ in net.named_modules()] == ["", "first", "in_list.0", "in_list.1.0", "in_dict.a"]
    net(mg.ones((4, 2))).sum().backward()
    assert all(parameter.grad is not None for name, parameter in net.named_parameters() if name != "in_dict.b.0")


def test_lists_may_grow_after_they_were_set() -> None:
    net = nn.Module()
    net.layers = []
    assert not list(net.parameters())
    net.layers.append(nn.Linear(2, 2))
    assert list(net.state_dict()) == ["layers.0.weight", "layers.0.bias"]


def test_a_list_of_parameters_that_attributes_hold_adds_no_keys() -> None:
    net = nn.Module()
    net.layer = nn.Linear(2, 2)
    net.trained = list(net.layer.parameters())
    assert list(net.state_dict()) == ["layer.weight", "layer.bias"]


def test_modules_in_a_circle_are_walked_once() -> None:
    net = nn.Sequential(nn.Linear(2, 2))
    net[0].parent = net
    net.itself = [net]
    assert list(net.state_dict()) == ["0.weight", "0.bias"]
    assert len(list(net.modules())) == 2


def test_forgetting_super_init_does_no_harm() -> None:
    class Lazy(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(2, 2)
            self.register_buffer("kept", mg.zeros((1,)))

    assert list(Lazy().state_dict()) == ["kept", "layer.weight", "layer.bias"]
    assert Lazy().eval().training is False


def test_a_tensor_cannot_silently_replace_a_parameter() -> None:
    layer = nn.Linear(2, 2)
    with pytest.raises(ArgumentTypeError, match="would never be trained"):
        layer.weight = mg.zeros((2, 2))
    layer.weight = nn.Parameter(mg.zeros((2, 2)))
    layer.bias = None
    assert list(layer.state_dict()) == ["weight"]


def test_parameters_need_floating_numbers_and_copy_them() -> None:
    with pytest.raises(DTypeError, match="floating dtype, got int64"):
        nn.Parameter([1, 2])
    assert not nn.Parameter([1, 2], requires_grad=False).requires_grad
    array = np.ones(2)
    parameter = nn.Parameter(array)
    array[0] = 5
    assert parameter.tolist() == [1.0, 1.0]
    assert parameter.is_leaf
    assert isinstance(parameter, mg.Tensor)


def test_state_dict_is_a_snapshot_and_loads_back() -> None:
    net, other = Net(), Net()
    saved = net.state_dict()
    assert not any(tensor.requires_grad for tensor in saved.values())
    result = other.load_state_dict(saved)
    assert result == ([], [])
    x = mg.ones((3, 2))
    np.testing.assert_array_equal(net(x).numpy(), other(x).numpy())
    net.first.weight.data = net.first.weight.data + 1
    np.testing.assert_array_equal(other.first.weight.numpy(), saved["first.weight"].numpy())
    other.load_state_dict({key: value.numpy().astype(np.float64) for key, value in saved.items()})
    assert other.first.weight.dtype == np.float32
    assert other.first.weight.requires_grad


def test_state_dict_with_a_prefix_and_with_the_tensors_themselves() -> None:
    layer = nn.Linear(2, 2)
    assert list(layer.state_dict(prefix="layer.")) == ["layer.weight", "layer.bias"]
    assert layer.state_dict(keep_vars=True)["weight"] is layer.weight


def test_loading_what_does_not_fit_names_everything_and_changes_nothing() -> None:
    layer = nn.Linear(2, 3)
    before = layer.weight.numpy().copy()
    wrong = {"weight": np.zeros((3, 2)), "bias": np.zeros(4), "extra": np.zeros(1)}
    with pytest.raises(RuntimeError) as caught:
        layer.load_state_dict(wrong)
    assert "bias is (4,) there and (3,) here" in str(caught.value)
    assert "unexpected: extra" in str(caught.value)
    with pytest.raises(ArgumentError, match=r"missing there: bias \(3,\)"):
        layer.load_state_dict({"weight": np.zeros((3, 2))})
    with pytest.raises(ArgumentError, match=r"key\.removeprefix\(\"module\.\"\)"):
        layer.load_state_dict({f"module.{key}": value for key, value in layer.state_dict().items()})
    with pytest.raises(ArgumentError, match="another shape"):
        layer.load_state_dict({"bias": np.zeros(4)}, strict=False)
    np.testing.assert_array_equal(layer.weight.numpy(), before)
    result = layer.load_state_dict({"weight": np.zeros((3, 2)), "extra": 1}, strict=False)
    assert result.missing_keys == ["bias"]
    assert result.unexpected_keys == ["extra"]
    assert not layer.weight.numpy().any()


def test_train_eval_zero_grad_requires_grad_apply() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(), nn.Linear(2, 1)))
    assert not any(module.training for module in net.eval().modules())
    assert all(module.training for module in net.train().modules())
    net(mg.ones((1, 2))).sum().backward()
    net.zero_grad(set_to_none=False)
    assert not net[0].weight.grad.numpy().any()
    net.zero_grad()
    assert net[0].weight.grad is None
    assert not any(parameter.requires_grad for parameter in net.requires_grad_(False).parameters())
    seen: list[nn.Module] = []
    net.requires_grad_().apply(seen.append)
    assert seen == [net[0], net[1][0], net[1][1], net[1], net]


def test_to_changes_the_dtype_of_everything_that_floats() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    net(mg.ones((3, 2)) * mg.tensor([[1.0], [2.0], [4.0]])).sum().backward()
    assert net.double() is net
    assert {str(value.dtype) for value in net.state_dict().values()} == {"float64", "int64"}
    assert net[0].weight.grad.dtype == np.float64
    net(mg.tensor(np.ones((3, 2)) * [[1], [2], [4]])).sum().backward()
    assert net.to("cpu") is net
    assert net.to(mg.float32)[0].weight.dtype == np.float32
    assert net.float()[0].weight.requires_grad
    with pytest.raises(ArgumentError, match="neither a dtype nor the device"):
        net.to("cuda")
    with pytest.raises(ArgumentError, match="floating"):
        net.to(mg.int64)


def test_get_submodule_and_get_parameter_suggest_the_nearest() -> None:
    net = Net()
    assert net.get_submodule("in_list.1.0") is net.in_list[1][0]
    assert net.get_submodule("") is net
    assert net.get_parameter("again.weight") is net.first.weight
    with pytest.raises(ArgumentError, match=r"Did you mean `first\.weight`"):
        net.get_parameter("first.wieght")
    with pytest.raises(ArgumentError, match="no module `second`"):
        net.get_submodule("second")


def test_classes_derived_from_layers_keep_their_own_init_and_attributes() -> None:
    class Steep(nn.LeakyReLU):
        times: float = 2.0

        def __init__(self) -> None:
            super().__init__(0.5)

        def forward(self, input: Any) -> Any:
            return self.times * super().forward(input)

    class Steeper(Steep):
        name: str

    class Weighted(nn.MSELoss):
        def __init__(self, weight: float) -> None:
            super().__init__(reduction="sum")
            self.by = weight

        def forward(self, *inputs: Any) -> Any:
            return self.by * super().forward(*inputs)

    class Same(Weighted):
        pass

    assert Steeper()(mg.tensor([-1.0, 1.0])).tolist() == [-1.0, 2.0]
    assert Same(3.0)(mg.tensor([1.0, 3.0]), mg.tensor([0.0, 1.0])).item() == 15.0


def test_deepcopy_and_pickle_keep_numbers_and_sharing() -> None:
    net = Net()
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert twin.first is twin.again
        assert twin.first.weight is not net.first.weight
        assert isinstance(twin.first.weight, nn.Parameter)
        for key, value in net.state_dict().items():
            np.testing.assert_array_equal(value.numpy(), twin.state_dict()[key].numpy())


def test_names_are_checked() -> None:
    net = nn.Module()
    for name in ("a.b", "", "forward"):
        with pytest.raises(ArgumentError, match="MG153"):
            net.register_buffer(name, mg.zeros((1,)))
    with pytest.raises(ArgumentTypeError, match="no `forward`"):
        net(1)


def test_repr_shows_layers_and_counts() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.ModuleList(nn.Linear(3, 3) for _ in range(3)))
    assert repr(net).splitlines() == [
        "Sequential(",
        "  (0): Linear(in_features=2, out_features=3, bias=True)  # 9 parameters",
        "  (1): ReLU()",
        "  (2): ModuleList(",
        "    (0-2): 3 x Linear(in_features=3, out_features=3, bias=True)  # 12 parameters",
        "  )",
        ")  # 45 parameters",
    ]
    assert repr(nn.Dropout(0.3)) == "Dropout(p=0.3)"


def test_sequential() -> None:
    layers = [nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)]
    net = nn.Sequential(*layers)
    assert len(net) == 3
    assert net[0] is layers[0]
    assert net[-1] is layers[2]
    assert list(net[:2]) == layers[:2]
    assert list(net[1:].state_dict()) == ["2.weight", "2.bias"]
    net.append(nn.Identity())
    del net[1]
    assert [type(layer).__name__ for layer in net] == ["Linear", "Linear", "Identity"]
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    net.insert(1, nn.Tanh())
    net[0] = nn.Linear(2, 3)
    assert net(mg.ones((4, 2))).shape == (4, 1)
    named = nn.Sequential(OrderedDict([("a", nn.Linear(2, 3)), ("b", nn.Linear(3, 1))]))
    assert list(named.state_dict()) == ["a.weight", "a.bias", "b.weight", "b.bias"]
    assert named.a is named[0]
    assert list(named[1:].state_dict()) == ["b.weight", "b.bias"]
    x = mg.ones((1,))
    assert nn.Sequential()(x) is x
    with pytest.raises(ArgumentTypeError, match=r"Write `ReLU\(\)`, with brackets"):
        nn.Sequential(nn.ReLU)
    with pytest.raises(IndexError, match="none at 9"):
        net[9]


def test_module_list_dict_and_parameter_list() -> None:
    layers = nn.ModuleList([nn.Linear(1, 1)])
    layers.append(nn.Linear(1, 2)).extend([nn.Linear(2, 1)])
    layers.insert(0, nn.ReLU())
    assert [type(layer).__name__ for layer in layers] == ["ReLU", "Linear", "Linear", "Linear"]
    del layers[0]
    assert list(layers.state_dict())[::2] == ["0.weight", "1.weight", "2.weight"]
    assert isinstance(layers[1:], nn.ModuleList)
    assert len(layers[1:] + layers) == 5
    named = nn.ModuleDict({"a": nn.ReLU()})
    named["b"] = nn.Linear(1, 1)
    assert list(named.keys()) == ["a", "b"]
    assert "b" in named
    assert isinstance(named.pop("a"), nn.ReLU)
    assert len(named) == 1
    with pytest.raises(KeyError):
        named["a"]
    with pytest.raises(ArgumentError, match="already has an attribute"):
        named["values"] = nn.ReLU()
    numbers = nn.ParameterList([mg.ones((2,)), nn.Parameter([3.0])])
    numbers.append([1.0])
    assert [parameter.shape for parameter in numbers.parameters()] == [(2,), (1,), (1,)]


# ------------------------------------------------------------------------------------------------------------ errors


def says(*parts: str) -> str:
    return ".*".join(re.escape(part) for part in parts)


def test_linear_mismatch_names_both_layers_and_the_fix() -> None:
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Dropout(), nn.Linear(64, 10))
    wanted = says(
        "Linear(64→10) got 128 features from `model.0` Linear(784→128). Change to Linear(128, 10).", "`model.3`"
    )
    with pytest.raises(ShapeError, match=wanted):
        model(mg.zeros((32, 784)))
    with mg.no_grad(), pytest.raises(ShapeError, match=wanted):
        model(mg.zeros((32, 784)))


def test_linear_after_convolution_explains_the_size() -> None:
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6272, 10))
    wanted = says("Linear(6272→10) got 5408 features", "8×26×26 = 5408", "`model.0`", "no padding: 28→26",
                  "Linear(5408, 10)", "padding=1", "`model.3`")  # fmt: skip
    with pytest.raises(ShapeError, match=wanted):
        model(mg.zeros((4, 1, 28, 28)))
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(6272, 10))
    with pytest.raises(ShapeError, match=says("8×13×13 = 1352", "Change to Linear(1352, 10)")):
        model(mg.zeros((4, 1, 28, 28)))


def test_errors_name_the_path_inside_a_model_of_ones_own() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.LSTM(5, 7)
            self.heads = [nn.Linear(7, 2), nn.Linear(8, 2)]

        def forward(self, x: Any) -> Any:
            return self.heads[1](self.body(x)[0])

    classifier = Model()
    with pytest.raises(
        ShapeError, match=says("got 7 features from `classifier.body` LSTM(5→7)", "`classifier.heads.1`")
    ):
        classifier(mg.zeros((3, 2, 5)))


def test_a_reshape_that_joins_batch_and_time_is_no_flattening() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.LSTM(5, 7)
            self.head = nn.Linear(8, 2)

        def forward(self, x: Any) -> Any:
            return self.head(mg.reshape(self.body(x)[0], (-1, 7)))

    model = Model()
    with pytest.raises(ShapeError, match=says("got 7 features from `model.body` LSTM(5→7). Change to Linear(7, 2).")):
        model(mg.zeros((3, 2, 5)))


def test_linear_mismatch_of_a_single_layer() -> None:
    layer = nn.Linear(3, 2)
    with pytest.raises(ShapeError, match=says("Linear(3→2) got 5 features", "(4, 5)", "Linear(5, 2)", "`layer`")):
        layer(mg.zeros((4, 5)))
    with pytest.raises(ShapeError, match=says("mg.reshape(x, (-1, 3))")):
        layer(mg.zeros((3, 1)))
    with pytest.raises(ShapeError, match="Flatten"):
        nn.Linear(12, 2)(mg.zeros((5, 3, 4)))
    with pytest.raises(ShapeError, match="single number"):
        layer(mg.zeros(()))
    with pytest.raises(DTypeError, match=says("x.astype(mg.float32)")):
        layer(mg.zeros((4, 3), dtype=mg.int64))


def test_channels_last_input_is_recognised() -> None:
    with pytest.raises(ShapeError, match=says("channels-last", "mg.permute_dims(x, (0, 3, 1, 2))")):
        nn.Conv2d(3, 8, 3)(mg.zeros((4, 28, 28, 3)))
    with pytest.raises(ShapeError, match=says("mg.expand_dims(x, axis=1)")):
        nn.Conv2d(1, 8, 3)(mg.zeros((4, 28, 28)))


@pytest.mark.parametrize(
    ("make", "shape", "text"),
    [
        (lambda: nn.BatchNorm1d(5), (1, 5), "batch of two or more"),
        (lambda: nn.BatchNorm1d(5), (3, 4), "num_features to 4"),
        (lambda: nn.BatchNorm2d(5), (3, 4), "(N, C, H, W)"),
        (lambda: nn.LayerNorm(5), (3, 4), "LayerNorm([4])"),
        (lambda: nn.LSTM(5, 3), (3, 2, 4), "input_size to 4"),
        (lambda: nn.LSTM(5, 3), (0, 2, 5), "at least one step"),
        (lambda: nn.GRU(5, 3), (5,), "(L, N, in)"),
        (lambda: nn.MaxPool2d(5), (1, 1, 3, 3), "larger than"),
        (lambda: nn.MaxPool2d(2), (3, 3), "(N, C, H, W)"),
        (lambda: nn.Conv2d(1, 1, 3), (1, 1, 2, 2), "padding=1"),
        (lambda: nn.Flatten(2), (3, 3), "no axis 2"),
        (lambda: nn.Flatten(2, 1), (2, 3, 4), "can't join"),
        (lambda: nn.Unflatten(1, (2, 2)), (3, 3), "can't make"),
    ],
)
def test_layers_say_which_input_they_take(make: Any, shape: tuple, text: str) -> None:
    layer = make()
    with pytest.raises(MicrogradientError, match=re.escape(text)):
        layer(mg.zeros(shape))


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Linear(-1, 2),
        lambda: nn.Linear(2.5, 2),
        lambda: nn.BatchNorm1d(-1),
        lambda: nn.BatchNorm2d(2.5, affine=False),
        lambda: nn.Conv2d(3, 4, 3, groups=2),
        lambda: nn.Conv2d(3, 4, 0),
        lambda: nn.Conv2d(3, 4, 3, padding="all"),
        lambda: nn.Conv2d(3, 4, 3, padding="same", stride=2),
        lambda: nn.Conv2d(3, 4, (3, 3, 3)),
        lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"),
        lambda: nn.MaxPool2d(2, padding=2)(mg.zeros((1, 1, 4, 4))),
        lambda: nn.AvgPool2d(2, divisor_override=0)(mg.zeros((1, 1, 4, 4))),
        lambda: nn.Dropout(1.5),
        lambda: nn.LSTM(2, 2, dropout=-1),
        lambda: nn.LSTM(2, 0),
        lambda: nn.RNN(2, 2, nonlinearity="gelu"),
        lambda: nn.MultiheadAttention(5, 2),
        lambda: nn.Embedding(3, 2, padding_idx=3),
        lambda: nn.LayerNorm([]),
        lambda: nn.functional.gelu(mg.zeros((1,)), approximate="fast"),
        lambda: nn.functional.hardtanh(mg.zeros((1,)), 1.0, -1.0),
        lambda: nn.functional.one_hot(mg.zeros((0,), dtype=mg.int64)),
        lambda: nn.init.kaiming_uniform_(mg.zeros((2, 2)), mode="fan"),
        lambda: nn.init.calculate_gain("swish"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make: Any) -> None:
    with pytest.raises(ArgumentError):
        make()


def test_embedding_names_the_index_outside() -> None:
    layer = nn.Embedding(5, 2)
    with pytest.raises(IndexError, match="Index 5 is outside an embedding with 5 rows"):
        layer(mg.tensor([1, 5]))
    with pytest.raises(IndexError, match="Index -1"):
        layer(mg.tensor([1, -1]))
    with pytest.raises(DTypeError, match="whole numbers, got float32"):
        layer(mg.tensor([1.0]))


# -------------------------------------------------------------------------------------------------------------- utils


def test_clip_grad_value_and_norm() -> None:
    layer = nn.Linear(3, 2)
    assert nn.utils.clip_grad_norm_(layer.parameters(), 1.0).item() == 0.0
    (layer(mg.ones((5, 3))) ** 2).sum().backward()
    nn.utils.clip_grad_value_(layer.parameters(), 0.01)
    assert max(float(mg.max(mg.abs(p.grad))) for p in layer.parameters()) <= 0.01
    before = layer.weight.grad.numpy().copy()
    nn.utils.clip_grad_norm_(layer.parameters(), 1e6)
    np.testing.assert_array_equal(layer.weight.grad.numpy(), before)
    nn.utils.clip_grad_norm_(layer.parameters(), 0.001)
    total = sum(float(mg.sum(p.grad * p.grad)) for p in layer.parameters()) ** 0.5
    np.testing.assert_allclose(total, 0.001, rtol=1e-2)
    layer.weight.grad = mg.tensor(np.full((2, 3), np.inf, np.float32))
    with pytest.raises(
        RuntimeError, match=r"norm of the gradients is inf: 6 of 6 entries .* of `layer.weight` \(2, 3\)"
    ):
        nn.utils.clip_grad_norm_(layer.parameters(), 1.0, error_if_nonfinite=True)


@pytest.mark.parametrize("clip", [nn.utils.clip_grad_norm_, nn.utils.clip_grad_value_])
def test_clipping_a_module_says_what_to_write(clip: Any) -> None:
    with pytest.raises(TypeError, match=r"not a module\. Write `model\.parameters\(\)`.*MG167"):
        clip(nn.Linear(3, 2), 1.0)


def test_a_gradient_that_is_not_finite_is_named_however_it_was_given() -> None:
    def clip(taken: list[mg.Tensor]) -> None:
        nn.utils.clip_grad_norm_(iter(taken), 1.0, error_if_nonfinite=True)

    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    (net(mg.ones((1, 2))) * 1.0).sum().backward()
    net[1].bias.grad = mg.tensor([np.nan])
    with pytest.raises(
        RuntimeError, match=r"nan: 1 of 1 entries of the gradient of `taken\[3\]` \(1,\) are not finite"
    ):
        clip(list(net.parameters()))
    with pytest.raises(RuntimeError, match=r"`net.1.bias`"):
        nn.utils.clip_grad_norm_(net.parameters(), 1.0, error_if_nonfinite=True)
    net[1].bias.grad = mg.tensor([3e38])
    net[1].weight.grad = mg.tensor([[3e38, 3e38]])
    with pytest.raises(RuntimeError, match="all gradients are finite, but their norm overflows"):
        nn.utils.clip_grad_norm_(net.parameters(), 1.0, error_if_nonfinite=True)


def test_parameters_to_vector_and_back() -> None:
    layer, other = nn.Linear(3, 2), nn.Linear(3, 2)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (8,)
    assert vector.requires_grad
    nn.utils.vector_to_parameters(vector, other.parameters())
    np.testing.assert_array_equal(layer.weight.numpy(), other.weight.numpy())
    with pytest.raises(ShapeError, match="hold 8 numbers"):
        nn.utils.vector_to_parameters(mg.zeros((7,)), other.parameters())


def test_functional_call_leaves_the_module_as_it_was() -> None:
    layer = nn.Linear(2, 1)
    before = layer.weight.numpy().copy()
    weight = mg.zeros((1, 2))
    got = nn.utils.functional_call(layer, {"weight": weight}, mg.ones((3, 2)))
    np.testing.assert_array_equal(got.numpy(), np.broadcast_to(layer.bias.numpy(), (3, 1)))
    np.testing.assert_array_equal(layer.weight.numpy(), before)
    assert layer.weight.requires_grad
    with pytest.raises(ArgumentError, match="no parameter or buffer `wight`"):
        nn.utils.functional_call(layer, {"wight": weight}, mg.ones((3, 2)))
    with pytest.raises(ShapeError, match=r"has shape \(1, 2\)"):
        nn.utils.functional_call(layer, {"weight": mg.zeros((2, 2))}, mg.ones((3, 2)))


@pytest.mark.parametrize("wrong", [np.ones(2), [1.0], 3.0])
def test_a_buffer_is_a_tensor(wrong):
    module = nn.Module()
    with pytest.raises(ArgumentTypeError, match=r"`mean` of Module is a buffer, .* Write `mean = mg\.tensor\(…\)`"):
        module.register_buffer("mean", wrong)
    module.register_buffer("scale", mg.ones(2))
    with pytest.raises(ArgumentTypeError, match="`scale` of Module is a buffer"):
        module.scale = wrong
    assert module.state_dict()["scale"].tolist() == [1.0, 1.0]
    module.scale = None
    module.scale = mg.zeros(2)
    assert module.state_dict()["scale"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("wrong", [np.ones((2, 3)), [1.0], 3.0, mg.ones((2, 3))])
def test_a_parameter_is_replaced_by_a_parameter_alone(wrong):
    layer = nn.Linear(3, 2)
    with pytest.raises(ArgumentTypeError, match="`weight` of Linear is a parameter"):
        layer.weight = wrong
    layer.bias = None
    assert list(layer.state_dict()) == ["weight"]
