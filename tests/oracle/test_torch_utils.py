"""`torch.nn.utils` of this package does to modules what PyTorch's does, with the same random numbers."""

from collections import OrderedDict

import pytest
import torch
import torch.nn.utils.prune

import microgradient.torch as ours


def both(f):
    found = []
    for module in (torch, ours):
        module.manual_seed(3)
        found.append(f(module))
    return found


@pytest.mark.parametrize(
    "how", ["random_unstructured(layer, 'weight', 7)", "random_structured(layer, 'weight', 2, dim=1)"]
)
def test_pruning_at_random(how):
    def masks(module):
        layer = module.nn.Linear(5, 4)
        eval(f"prune.{how}", {"prune": module.nn.utils.prune, "layer": layer})
        return layer.weight_mask.tolist(), type(layer).__name__, module.rand(1).item()

    theirs, own = both(masks)
    assert own == theirs


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("name", ["spectral_norm", "parametrizations.spectral_norm", "parametrizations.orthogonal"])
def test_what_utilities_draw(name):
    def drawn(module):
        utils = module.nn.utils
        layer = (getattr(utils, name) if "." not in name else getattr(utils.parametrizations, name[17:]))(
            module.nn.Linear(4, 4)
        )
        return [*layer(module.eye(4)).reshape(-1).tolist(), module.rand(1).item()]

    theirs, own = both(drawn)
    assert own == pytest.approx(theirs, rel=1e-4, abs=1e-5)


def test_dictionaries_of_hooks():
    def seen(module):
        layer, calls = module.nn.Linear(2, 2), []
        layer.register_forward_hook(lambda *_: calls.append("first"))
        layer.register_forward_hook(lambda *_: calls.append("second"))
        layer.register_forward_pre_hook(lambda *_: calls.append("before"))
        layer.register_full_backward_hook(lambda *_: calls.append("backward"))
        sizes = [len(layer._forward_hooks), len(layer._forward_pre_hooks), len(layer._backward_hooks)]
        layer(module.ones(1, 2, requires_grad=True)).sum().backward()
        layer._forward_hooks.popitem()
        layer._forward_pre_hooks.clear()
        for key in list(layer._backward_hooks):
            del layer._backward_hooks[key]
        layer(module.ones(1, 2, requires_grad=True)).sum().backward()
        sizes += [len(layer._forward_hooks), str(layer._forward_pre_hooks)]
        layer._forward_hooks = layer._forward_hooks
        layer._backward_hooks = {7: lambda *_: calls.append("another")}
        layer(module.ones(1, 2, requires_grad=True)).sum().backward()
        layer._forward_hooks = OrderedDict()
        layer(module.ones(1, 2))
        return sizes, calls

    theirs, own = both(seen)
    assert own == theirs


def test_kinds_of_layers():
    def kinds(module):
        nn = module.nn
        layers = [nn.Linear(2, 2), nn.ReLU6(), nn.MultiheadAttention(4, 2).out_proj, nn.ZeroPad2d(1), nn.GRU(1, 1)]
        return [
            [type(layer).__name__, *(isinstance(layer, kind) for kind in (nn.Module, nn.Linear))] for layer in layers
        ]

    theirs, own = both(kinds)
    assert own == theirs
    assert isinstance(ours.nn.Transformer.generate_square_subsequent_mask(3), ours.Tensor)
