"""nn.utils against PyTorch's: weight norms, parametrizations, pruning, fusion; and nn.init."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradient as mg
import microgradient.torch as ours
from microgradient import nn
from microgradient.errors import ArgumentError, ShapeError

from .test_nn_modules import compare, numbers

torch = pytest.importorskip("torch")
pytest.importorskip("torch.nn.utils.prune")
pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")


def pair(name: str, args: tuple, change: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    """A layer and PyTorch's, both changed, with equal numbers."""
    ours, theirs = getattr(nn, name)(*args).double(), getattr(torch.nn, name)(*args).double()
    ours.load_state_dict(theirs.state_dict())
    change(ours, nn.utils)
    change(theirs, torch.nn.utils)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


LAYERS = [("Linear", (4, 3), (2, 4)), ("Conv1d", (4, 2, 3), (2, 4, 5)), ("ConvTranspose1d", (4, 2, 3), (2, 4, 5))]
CHANGES: dict[str, Callable[[Any, Any], Any]] = {
    "former weight norm": lambda layer, utils: utils.weight_norm(layer, "weight", 1),
    "former spectral norm": lambda layer, utils: utils.spectral_norm(layer, n_power_iterations=2),
    "weight norm": lambda layer, utils: utils.parametrizations.weight_norm(layer),
    "weight norm of all": lambda layer, utils: utils.parametrizations.weight_norm(layer, dim=None),
    "spectral norm": lambda layer, utils: utils.parametrizations.spectral_norm(layer),
    "pruned": lambda layer, utils: utils.prune.l1_unstructured(layer, "weight", 0.3),
    "pruned twice": lambda layer, utils: (
        utils.prune.ln_structured(layer, "weight", 1, n=2, dim=1), utils.prune.l1_unstructured(layer, "weight", 3)
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("name", "args", "shape"), LAYERS, ids=lambda x: x if isinstance(x, str) else "")
def test_changed_layers(name: str, args: tuple, shape: tuple, change: str) -> None:
    ours, theirs = pair(name, args, CHANGES[change])
    for _ in range(2):  # twice: the power method goes on
        ours.zero_grad()
        theirs.zero_grad()
        compare(ours, theirs, [numbers(*shape, dtype="float64")], "float64")
    np.testing.assert_allclose(ours.eval().weight.numpy(), theirs.eval().weight.detach().numpy(), rtol=1e-9)


@pytest.mark.parametrize("orthogonal_map", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("sizes", [(3, 3), (4, 2), (2, 4)])
@pytest.mark.parametrize("trivial", [True, False])
def test_orthogonal_weights(orthogonal_map: str, sizes: tuple, trivial: bool) -> None:
    def change(layer: Any, utils: Any) -> None:
        utils.parametrizations.orthogonal(layer, orthogonal_map=orthogonal_map, use_trivialization=trivial)

    if not trivial and orthogonal_map != "householder":
        with pytest.raises(ArgumentError, match="has no inverse"):
            change(nn.Linear(*sizes), nn.utils)
        return
    ours, theirs = pair("Linear", sizes, change)
    weight = ours.weight.numpy()
    gram = weight @ weight.T if weight.shape[0] < weight.shape[1] else weight.T @ weight
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-10)
    for module, tensor in ((ours, mg.tensor), (theirs, torch.tensor)):  # away from the start
        original = module.parametrizations.weight.original
        moved = original.detach().numpy() + 0.2 * np.tril(numbers(*original.shape, dtype="float64"), -1)
        module.load_state_dict({**module.state_dict(), "parametrizations.weight.original": tensor(moved)})
    compare(ours, theirs, [numbers(2, sizes[0], dtype="float64")], "float64")


def test_an_orthogonal_matrix_keeps_its_value_when_it_is_parametrized() -> None:
    for orthogonal_map in ("matrix_exp", "householder"):
        layer = nn.Linear(3, 3).double()
        nn.init.orthogonal_(layer.weight)
        before = layer.weight.numpy().copy()
        nn.utils.parametrizations.orthogonal(layer, orthogonal_map=orthogonal_map)
        np.testing.assert_allclose(layer.weight.numpy(), before, atol=1e-12)


def test_parametrizations_in_a_chain_assigned_and_removed() -> None:
    class Twice(nn.Module):
        def forward(self, x: mg.Tensor) -> mg.Tensor:
            return x * 2.0

        def right_inverse(self, x: mg.Tensor) -> mg.Tensor:
            return x / 2.0

    layer = nn.Linear(2, 2, bias=False)
    before = layer.weight.numpy().copy()
    parametrize = nn.utils.parametrize
    parametrize.register_parametrization(layer, "weight", Twice())
    parametrize.register_parametrization(layer, "weight", Twice())
    np.testing.assert_array_equal(layer.weight.numpy(), before)
    np.testing.assert_array_equal(layer.parametrizations.weight.original.numpy(), before / 4)
    layer.weight = mg.ones((2, 2))
    assert layer.parametrizations.weight.original.tolist() == [[0.25, 0.25], [0.25, 0.25]]
    assert isinstance(layer, nn.Linear)
    twin = copy.deepcopy(layer)
    assert twin.weight.tolist() == layer.weight.tolist()
    step = mg.compile(lambda x: mg.sum(layer(x)))
    assert step(mg.ones((1, 2))).item() == 4.0
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear
    assert list(layer.state_dict()) == ["weight"]
    with pytest.raises(ShapeError, match="makes float32"):
        parametrize.register_parametrization(layer, "weight", nn.Flatten(0))


def test_pruning_is_made_permanent_and_global() -> None:
    a, b = nn.Linear(3, 2), nn.Linear(2, 2)
    theirs = [torch.nn.Linear(3, 2), torch.nn.Linear(2, 2)]
    for mine, other in zip((a, b), theirs, strict=True):
        mine.load_state_dict(other.state_dict())
    for library, layers in ((nn.utils.prune, (a, b)), (torch.nn.utils.prune, theirs)):
        library.global_unstructured([(layer, "weight") for layer in layers], library.L1Unstructured, amount=0.4)
    for mine, other in zip((a, b), theirs, strict=True):
        np.testing.assert_array_equal(mine.weight_mask.numpy(), other.weight_mask.numpy())
    assert nn.utils.prune.is_pruned(nn.Sequential(a))
    nn.utils.prune.remove(a, "weight")
    assert type(a) is nn.Linear
    assert mg.count_nonzero(a.weight).item() == a.weight.raw.size - (a.weight.raw == 0).sum() < 6


@pytest.mark.parametrize(
    ("name", "args", "norm"),
    [("Conv2d", (4, 6, 2, 1, 0, 1, 2), "BatchNorm2d"), ("ConvTranspose1d", (4, 6, 3, 2, 0, 0, 2), "BatchNorm1d"),
     ("Linear", (4, 6), "BatchNorm1d")],
)  # fmt: skip
@pytest.mark.parametrize("bias", [True, False])
def test_fused_layers_give_what_both_gave(name: str, args: tuple, norm: str, bias: bool) -> None:
    layer, after = getattr(nn, name)(*args, bias=bias).double().eval(), getattr(nn, norm)(6).double()
    shape = {"Conv2d": (3, 4, 5, 5), "ConvTranspose1d": (3, 4, 5), "Linear": (3, 4)}[name]
    x = mg.tensor(numbers(*shape, dtype="float64"))
    after(layer(x))  # so that it has statistics
    after.weight.store(numbers(6, dtype="float64"))
    after.eval()
    fuse = nn.utils.fuse_linear_bn_eval if name == "Linear" else nn.utils.fuse_conv_bn_eval
    np.testing.assert_allclose(fuse(layer, after)(x).numpy(), after(layer(x)).numpy(), rtol=1e-10)


def test_init_of_sparse_and_passing_weights() -> None:
    for shape, groups in (((4, 4, 3), 1), ((6, 2, 3, 3), 2), ((3, 5, 2, 2, 2), 1)):
        ours, theirs = nn.init.dirac_(mg.zeros(shape), groups), torch.nn.init.dirac_(torch.zeros(shape), groups)
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    ours = nn.init.sparse_(mg.zeros((20, 7)), 0.33, std=2.0).numpy()
    assert ((ours == 0).sum(axis=0) == 7).all()


def test_init_draws_from_a_generator_that_is_given() -> None:
    for name in ("uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "kaiming_normal_", "orthogonal_"):
        drawn = [
            getattr(nn.init, name)(mg.zeros((3, 4)), generator=mg.random.Generator(seed)).tolist() for seed in (1, 1, 2)
        ]
        assert drawn[0] == drawn[1] != drawn[2]
    assert nn.init.sparse_(mg.zeros((5, 2)), 0.5, generator=mg.random.Generator(1)).shape == (5, 2)


def test_pruning_methods_are_among_the_hooks_before_forward():
    seen = []
    for library in (torch, ours):
        layer, prune = library.nn.Linear(3, 2), library.nn.utils.prune
        layer.register_forward_pre_hook(lambda module, args: None)
        prune.l1_unstructured(layer, "weight", 0.5)
        prune.identity(layer, "bias")
        hooks = [h for h in layer._forward_pre_hooks.values() if isinstance(h, prune.BasePruningMethod)]
        seen.append([len(layer._forward_pre_hooks), {(type(h).__name__, h._tensor_name) for h in hooks}])
        prune.remove(layer, "weight")
        seen[-1].append(len(layer._forward_pre_hooks))
        assert len(layer._forward_hooks) == 0
    assert seen[0] == seen[1]


def test_a_pruning_method_is_no_hook_to_delete():
    layer = ours.nn.utils.prune.identity(ours.nn.Linear(3, 2), "weight")
    with pytest.raises(ValueError, match=r"prune\.remove"):
        layer._forward_pre_hooks.popitem()
