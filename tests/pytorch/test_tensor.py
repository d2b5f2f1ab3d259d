"""torch.Tensor: classes of results, dtypes, promotion, printing, conversions."""

import copy
import pickle

import numpy as np
import pytest

import microgradient as mg
import microgradient.torch as torch
from microgradient.torch import nn


def test_results_are_tensors_of_this_package_whatever_takes_part():
    x = torch.ones(2, requires_grad=True)
    plain = mg.ones(2)
    found = [x + 1, 1 - x, plain * x, x @ plain, mg.exp(x), mg.sum(x), mg.maximum(plain, x), x[0], x.exp()]
    found += [*torch.ones(2, 2).unbind(), mg.nn.functional.softmax(x), x.detach(), x.data]
    found += [mg.grad(lambda t: (t * t).sum())(x), mg.where(plain > 0, x, 0.0), mg.concat([plain, x])]
    for y in found:
        assert type(y) is torch.Tensor
    (x * plain).sum().backward()
    assert type(x.grad) is torch.Tensor
    assert type(mg.ones(2) + plain) is mg.Tensor
    assert type(torch.compile(lambda t: t * 2)(x)) is torch.Tensor
    assert type(mg.vmap(lambda t: t.max(dim=0).values)(torch.ones(3, 2))) is torch.Tensor


def test_layers_hold_parameters_and_layers_of_this_package():
    layer = nn.TransformerEncoderLayer(4, 2)
    assert {type(m).__module__ for m in layer.modules()} == {"microgradient.torch.nn"}
    assert all(type(p) is nn.Parameter for p in layer.parameters())
    assert all(isinstance(m, nn.Linear) for m in (layer.linear1, layer.linear2, layer.self_attn.out_proj))
    assert isinstance(layer, nn.Module)
    assert isinstance(layer, mg.nn.Module)


def test_parts_in_plain_lists_are_not_found():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.found, self.hidden = nn.ModuleList([nn.Linear(1, 1)]), [nn.Linear(1, 1)]

    assert [name for name, _ in Net().named_parameters()] == ["found.0.weight", "found.0.bias"]


PROMOTED = [  # by PyTorch's rules: a tensor of shape () decides only where its kind is higher
    (torch.ones(2), torch.tensor(1.0, dtype=torch.float64), torch.float32),
    (torch.ones(2, dtype=torch.int32), torch.tensor(1, dtype=torch.int64), torch.int32),
    (torch.ones(2, dtype=torch.int64), torch.tensor(1.5, dtype=torch.float64), torch.float64),
    (torch.ones(2, dtype=torch.float16), torch.ones(2, dtype=torch.int64), torch.float16),
    (torch.ones(2, dtype=torch.uint8), torch.ones(2, dtype=torch.int8), torch.int16),
    (torch.ones(2, dtype=torch.int64), 2.5, torch.float32),
    (torch.ones(2, dtype=torch.bool), 2, torch.int64),
    (torch.ones(2, dtype=torch.float64), 2, torch.float64),
    (torch.ones(2), torch.tensor(1j), torch.complex64),
]


@pytest.mark.parametrize(("a", "b", "dtype"), PROMOTED)
def test_promotion(a, b, dtype):
    assert (a * b).dtype == dtype
    assert (b * a).dtype == dtype
    assert torch.add(a, b).dtype == dtype
    assert torch.result_type(a, b) == dtype


def test_dtypes_are_numpys_for_numpy():
    assert np.zeros(2, torch.float16).dtype == np.float16
    assert torch.float32 == np.float32
    assert np.dtype("int64") == torch.long
    assert {torch.float32: 1}[torch.ones(1).dtype] == 1
    assert str(torch.int8) == "torch.int8"
    assert torch.float16.is_floating_point
    assert not torch.int8.is_floating_point
    assert torch.bfloat16 != torch.float32
    assert torch.ones(2).to(torch.float64).dtype is torch.float64
    assert pickle.loads(pickle.dumps(torch.float64)) is torch.float64


PRINTED = [
    (torch.tensor([1.0, 2.5]), "tensor([1.0000, 2.5000])"),
    (torch.tensor([1.0, 2.0]), "tensor([1., 2.])"),
    (torch.tensor([1e-5, 1.0]), "tensor([1.0000e-05, 1.0000e+00])"),
    (torch.tensor([float("nan"), float("inf"), 1.5]), "tensor([   nan,    inf, 1.5000])"),
    (torch.tensor([True, False]), "tensor([ True, False])"),
    (torch.tensor(3), "tensor(3)"),
    (torch.tensor([]), "tensor([])"),
    (torch.zeros(2, 0), "tensor([], size=(2, 0))"),
    (torch.tensor([1], dtype=torch.int32), "tensor([1], dtype=torch.int32)"),
    (torch.ones(1, requires_grad=True), "tensor([1.], requires_grad=True)"),
    (torch.ones(1, requires_grad=True) * 2, "tensor([2.], grad_fn=<MulBackward0>)"),
    (torch.tensor([[1 + 2j, -1j]]), "tensor([[1.+2.j, -0.-1.j]])"),
    (torch.arange(2000), "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])"),
]


@pytest.mark.parametrize(("x", "text"), PRINTED, ids=range(len(PRINTED)))
def test_tensors_print_as_in_pytorch(x, text):
    assert str(x) == text


def test_size_and_device():
    x = torch.zeros(2, 3)
    assert (x.shape, x.size(), x.size(-1), x.dim(), x.numel()) == ((2, 3), (2, 3), 3, 2, 6)
    assert repr(x.shape + (4,)) == "torch.Size([2, 3, 4])"  # noqa: RUF005 (as programs do)
    assert x.device == torch.device("cpu")
    assert x.to("cpu") is x
    assert not torch.cuda.is_available()
    with pytest.raises(RuntimeError, match="no device 'cuda'"):
        x.cuda()
    with pytest.raises(RuntimeError, match="no device 'cuda:1'"):
        torch.zeros(2, device="cuda:1")


def test_copies_and_conversions():
    w, x = nn.Parameter(torch.ones(2)), torch.ones(2, requires_grad=True)
    w.note = x.note = "kept"
    (w * x * 3).sum().backward()
    other, copied = copy.deepcopy(w), copy.deepcopy(x)
    other.data.zero_()
    assert (w.tolist(), other.grad, hasattr(other, "note"), type(other)) == ([1, 1], None, False, nn.Parameter)
    assert (copied.grad.tolist(), copied.note) == ([3, 3], "kept")
    assert pickle.loads(pickle.dumps(torch.arange(3))).tolist() == [0, 1, 2]
    assert torch.arange(3).float().dtype == torch.float32
    assert torch.tensor([1.7, -1.7]).long().tolist() == [1, -1]
    assert torch.ones(2).type() == "torch.FloatTensor"
    assert isinstance(torch.ones(2).long(), torch.LongTensor)
    assert torch.LongTensor([1, 2]).dtype == torch.int64
    assert torch.Tensor(2, 3).shape == (2, 3)
    assert torch.Tensor([2, 3]).tolist() == [2.0, 3.0]
    with pytest.raises(RuntimeError, match="requires grad"):
        w.numpy()
    with pytest.raises(RuntimeError, match="cannot be converted to Scalar"):
        torch.ones(2).item()


def test_a_gradient_stays_where_none_is_required_any_more():
    layer = nn.Linear(2, 1)
    total = layer(torch.ones(1, 2)).sum()
    total.backward(retain_graph=True)
    layer.requires_grad_(False)
    assert layer.weight.grad.tolist() == [[1, 1]]
    total.backward()  # the graph is older than that
    layer.requires_grad_(True)
    layer(torch.ones(1, 2)).sum().backward()
    assert layer.weight.grad.tolist() == [[3, 3]]
    layer.requires_grad_(False)
    layer.weight.grad = None
    layer.requires_grad_(True)
    assert layer.weight.grad is None
    x = torch.zeros(2)
    x.grad = torch.ones(2)
    assert (x.requires_grad, x.grad.tolist()) == (False, [1, 1])
    with pytest.raises(RuntimeError):
        x.grad = torch.ones(3)


def test_a_compiled_step_may_freeze_and_free_parameters():
    results = []
    for run in (lambda f: f, torch.compile):
        torch.manual_seed(0)
        net, scale = nn.Linear(2, 1), torch.ones(2, requires_grad=True)
        optimizer = torch.optim.SGD([scale], lr=0.1)

        def step(x, net=net, scale=scale, optimizer=optimizer):
            net(x * scale).sum().backward()
            net.requires_grad_(False)
            optimizer.zero_grad()
            net(x * scale).sum().backward()
            optimizer.step()
            net.requires_grad_(True)

        stepped = run(step)
        for _ in range(3):
            stepped(torch.ones(4, 2))
        results.append([*net.weight.grad.reshape(-1).tolist(), *scale.tolist()])
    assert results[0] == pytest.approx(results[1], rel=1e-5)


def test_what_is_missing_says_so():
    with pytest.raises(AttributeError, match=r"microgradient\.torch has no `quux`"):
        _ = torch.quux
    with pytest.raises(TypeError, match="argument 'input' must be Tensor, not float"):
        torch.sin(1.0)
    with pytest.raises(TypeError, match=r"torch\.sum"):
        torch.sum(torch.ones(2), nonsense=1)
    with pytest.raises(AttributeError, match=r"`mg\.concat` here; `microgradient\.torch` has PyTorch's names"):
        _ = mg.cat


def test_a_strict_process_refuses_what_means_something_else(monkeypatch):
    with pytest.warns(UserWarning, match="computed as float32"):
        assert torch.ones(2).to(torch.bfloat16).dtype == torch.float32
    monkeypatch.setenv("MICROGRADIENT_STRICT", "1")
    for different in (
        lambda: torch.ones(2, dtype=torch.bfloat16),
        lambda: torch.autocast("cpu").__enter__(),
        lambda: torch.compile(lambda x: x, backend="eager"),
    ):
        with pytest.raises(RuntimeError, match="MG"):
            different()


def test_functions_in_place_and_of_layers_are_functions_of_torch_too():
    x = torch.tensor([-1.0, 2.0])
    assert torch.relu_(x) is x
    assert x.tolist() == [0, 2]
    assert torch.conv1d is torch.nn.functional.conv1d
    assert torch.range(1, 3).tolist() == [1, 2, 3]


def test_backward_hooks_of_modules_get_tensors_of_this_package():
    layer, seen = nn.Linear(3, 2), []
    layer.register_full_backward_pre_hook(lambda m, grads: seen.append(grads[0].max(dim=1).values.size()))
    layer.register_full_backward_hook(lambda m, into, out: seen.append(into[0].sum(dim=1, keepdim=True).size()))
    layer(torch.ones(4, 3, requires_grad=True)).sum().backward()
    assert seen == [(4,), (4, 1)]


IN_PLACE = [
    nn.ReLU(True), nn.ReLU6(True), nn.LeakyReLU(0.1, True), nn.ELU(inplace=True), nn.CELU(inplace=True), nn.SELU(True),
    nn.Hardtanh(inplace=True), nn.Hardswish(True), nn.Hardsigmoid(True), nn.SiLU(True), nn.Mish(True),
    nn.Threshold(0.1, 0.0, True), nn.RReLU(inplace=True), nn.Dropout(0.5, True), nn.AlphaDropout(0.5, True),
]  # fmt: skip


@pytest.mark.parametrize("layer", IN_PLACE, ids=lambda m: type(m).__name__)
def test_layers_that_work_in_place_write_their_input(layer):
    leaf = torch.linspace(-2.0, 2.0, 8, requires_grad=True)
    x = leaf * 1.0
    y = layer(x)
    assert y is x
    assert not torch.equal(x, leaf)
    assert "inplace=True" in repr(layer)
    (x + y).sum().backward()
    if not isinstance(layer, nn.RReLU | nn.Dropout | nn.AlphaDropout):  # those draw anew
        again = torch.linspace(-2.0, 2.0, 8, requires_grad=True)
        layer.inplace = False
        layer(again).sum().backward()
        assert torch.allclose(leaf.grad, 2 * again.grad)


@pytest.mark.parametrize("name", ["relu", "silu", "mish", "hardswish", "hardsigmoid"])
def test_functions_that_work_in_place_write_their_input_however_that_is_said(name):
    f = getattr(nn.functional, name)
    for spelling in ((True,), {"inplace": True}):
        x = torch.linspace(-2.0, 2.0, 5)
        expected = f(x)
        assert (f(x, **spelling) if isinstance(spelling, dict) else f(x, *spelling)) is x
        assert torch.equal(x, expected)


def test_like_parts_of_a_list_print_as_one():
    shown = repr(nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1), nn.Dropout(0.2)]))
    assert "(0-1): 2 x Linear(in_features=1" in shown
    assert "(2): Dropout(p=0.2, inplace=False)" in shown


def test_loading_says_that_all_keys_matched():
    layer = nn.Linear(1, 1)
    assert repr(layer.load_state_dict(layer.state_dict())) == "<All keys matched successfully>"
    assert "missing_keys=['bias']" in repr(layer.load_state_dict({"weight": torch.ones(1, 1)}, strict=False))


def test_a_tensor_takes_the_name_of_an_old_type():
    assert torch.ones(2).type("torch.LongTensor").dtype is torch.int64
