"""PyTorch's own table of modules and samples (`torch.testing._internal.common_modules.module_db`), replayed.

Each module is built with the sample's arguments, given PyTorch's weights, and run on its inputs in float64, in training and in
evaluation: outputs, gradients of inputs and of parameters, and buffers must agree; one sample is run compiled as
well, all of it in machine code.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import microgradient as mg
import microgradient.torch
from microgradient import nn

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

from torch.testing._internal.common_modules import module_db  # noqa: E402

CLOSE = {"rtol": 1e-8, "atol": 1e-9}
EXCEPTIONS: dict[str, str] = {}
"""Modules that are not here, or not compared, and why."""
GRADIENTS_NOT_COMPARED = {
    "nn.CTCLoss": "PyTorch's gradient is that of the loss after a log-softmax (see test_nn_functional.py), ours that of the loss",
}

pytestmark = pytest.mark.filterwarnings("ignore")


def ours(value: Any) -> Any:
    """A sample's argument as ours: tensors, functions and modules of PyTorch's, and containers of them."""
    if isinstance(value, torch.nn.Module):
        return translated(value)
    if isinstance(value, torch.nn.Parameter):
        return nn.Parameter(value.detach().numpy())
    if isinstance(value, torch.Tensor):
        array = value.detach().numpy()
        return mg.tensor(array, requires_grad=value.requires_grad)
    if isinstance(value, torch.dtype):
        return np.dtype(str(value).removeprefix("torch."))
    if isinstance(value, tuple | list):
        return type(value)(ours(v) for v in value)
    if isinstance(value, dict):
        return {key: ours(v) for key, v in value.items()}
    if callable(value) and hasattr(nn.functional, getattr(value, "__name__", "")):
        return getattr(nn.functional, value.__name__)
    return value


def translated(module: Any) -> nn.Module:
    """Modules that are arguments of others (a Transformer's encoder layer)."""
    kind = type(module).__name__
    if kind in ("TransformerEncoderLayer", "TransformerDecoderLayer"):
        norm = module.norm1
        sizes = (module.linear1.in_features, module.self_attn.num_heads, module.linear1.out_features, module.dropout.p)
        activation, first = ours(module.activation), module.self_attn.batch_first
        bias = module.linear1.bias is not None
        return getattr(nn, kind)(*sizes, activation, norm.eps, first, module.norm_first, bias)
    assert kind in ("LayerNorm", "ReLU", "GELU"), kind
    return nn.LayerNorm(module.normalized_shape, module.eps) if kind == "LayerNorm" else getattr(nn, kind)()


def tensors(value: Any) -> list[Any]:
    if isinstance(value, torch.Tensor | mg.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for v in value for t in tensors(v)] if isinstance(value, tuple | list) else []


def samples(info: Any, training: bool) -> Iterator[Any]:
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    made = info.module_inputs_func(info, device="cpu", dtype=torch.float64, requires_grad=True, training=training)
    # ways to cut the same computation into chunks (LinearCrossEntropyLoss) are no concern of ours
    yield from (sample for sample in made if sample.constructor_input.kwargs.get("options") is None)


def name_of(info: Any) -> str:
    return info.name.removeprefix("nn.")


def build(info: Any, sample: Any, training: bool) -> tuple[Any, Any, list[Any], dict[str, Any]]:
    """PyTorch's module and ours with the same weights, and the arguments of its forward."""
    args, options = sample.constructor_input.args, dict(sample.constructor_input.kwargs)
    mg.set_default_dtype(mg.float64)
    try:
        module = getattr(nn, name_of(info))(*ours(args), **ours(options))
    finally:
        mg.set_default_dtype(mg.float32)
    theirs = info.module_cls(*args, **options).double()
    given, named = sample.forward_input.args, sample.forward_input.kwargs
    if info.is_lazy:
        with torch.no_grad():
            theirs(*given, **named)
            module(*ours(given), **ours(named))
    module.double()
    module.load_state_dict(theirs.state_dict())
    theirs.train(training)
    module.train(training)
    return theirs, module, given, named


def compare(got: Any, wanted: Any, what: str) -> None:
    got, wanted = tensors(got), tensors(wanted)
    assert len(got) == len(wanted), what
    for a, b in zip(got, wanted, strict=True):
        assert tuple(a.shape) == tuple(b.shape), what
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), err_msg=what, **CLOSE)


def weighted(outputs: list[Any], total: Callable[[Any], Any], tensor: Callable[[Any], Any]) -> Any:
    """One number from all outputs that are floating."""
    loss = 0.0
    for i, y in enumerate(outputs):
        if str(y.dtype).endswith("float64"):
            loss = loss + total(y * tensor(np.random.default_rng(i).standard_normal(tuple(y.shape))))
    return loss


def check(info: Any, sample: Any, training: bool, compiled: bool) -> None:
    theirs, module, args, named = build(info, sample, training)
    inputs, options = ours(args), ours(named)
    leaves = [t for t in tensors([inputs, options]) if t.requires_grad]
    their_leaves = [t for t in tensors([list(args), named]) if t.requires_grad]

    def step(*inputs: Any) -> Any:
        y = module(*inputs, **options)
        loss = weighted(tensors(y), mg.sum, mg.tensor)
        if isinstance(loss, mg.Tensor) and loss.requires_grad:
            loss.backward()
        return y

    torch.manual_seed(0)
    wanted = theirs(*args, **named)
    for t in their_leaves:
        t.grad = None
    loss = weighted(tensors(wanted), torch.sum, torch.tensor)
    if isinstance(loss, torch.Tensor) and loss.requires_grad:
        loss.backward(retain_graph=True)  # a sample's input may be computed from a leaf
    run = mg.compile(step) if compiled else step
    got = run(*inputs)
    if compiled:
        assert run.stats()["host_calls"] == {}
    compare(got, wanted, "output")
    buffers = dict(theirs.named_buffers())
    for name, buffer in module.named_buffers():
        compare(buffer, buffers[name], name)
    if info.name in GRADIENTS_NOT_COMPARED:
        return
    assert len(leaves) == len(their_leaves)
    for i, (a, b) in enumerate(zip(leaves, their_leaves, strict=True)):
        if b.grad is not None:
            compare(a.grad, b.grad, f"gradient of input {i}")
    parameters = dict(theirs.named_parameters())
    for name, parameter in module.named_parameters():
        if parameters[name].grad is not None:
            compare(parameter.grad, parameters[name].grad, f"gradient of {name}")


CASES = [info for info in module_db if info.name not in EXCEPTIONS]


@pytest.mark.parametrize("info", CASES, ids=lambda info: info.name)
def test_samples(info: Any) -> None:
    for training in (True, False) if info.train_and_eval_differ else (True,):
        for i, sample in enumerate(samples(info, training)):
            check(info, sample, training, compiled=False)
            if i == 0:
                check(info, sample, training, compiled=True)


@pytest.mark.parametrize("info", CASES, ids=lambda info: info.name)
def test_modules_look_as_pytorchs(info: Any) -> None:
    for sample in samples(info, True):
        args, options = sample.constructor_input.args, dict(sample.constructor_input.kwargs)
        options = {name: value for name, value in options.items() if name not in ("device", "dtype")}
        if all(isinstance(value, int | float | str | tuple | list | None) for value in (*args, *options.values())):
            module = getattr(microgradient.torch.nn, name_of(info))(*args, **options)
            assert repr(module) == repr(info.module_cls(*args, **options))


def test_nearly_all_modules_are_here() -> None:
    assert len(module_db) - len(EXCEPTIONS) >= 105
    assert set(EXCEPTIONS) | set(GRADIENTS_NOT_COMPARED) <= {info.name for info in module_db}


ABSENT = {
    "Container": "deprecated by PyTorch: Module",
    "CrossMapLRN2d": "its windows are not those it documents (one entry too many after the first): LocalResponseNorm",
    "LinearCrossEntropyOptions": "ways to cut the computation into chunks: `options` is accepted and ignored",
    "NLLLoss2d": "deprecated by PyTorch: NLLLoss",
    "RNNBase": "layers are RNN, LSTM and GRU themselves",
    "RNNCellBase": "cells are RNNCell, LSTMCell and GRUCell themselves",
}
"""Classes of torch.nn that are not here, and what there is instead."""
INSIDE = (
    "boolean_dispatch",
    "assert_int_or_pair",
    "handle_torch_function",
    "grouped_mm",
    "scaled_mm",
    "scaled_grouped_mm",
)


def test_every_class_of_pytorchs_is_here_or_has_a_reason() -> None:
    theirs = {name for name in dir(torch.nn) if isinstance(getattr(torch.nn, name), type)}
    assert theirs - set(nn.__all__) == set(ABSENT)


def test_every_function_of_pytorchs_is_here_but_those_in_place_and_the_pairs_of_pools() -> None:
    theirs = torch.nn.functional
    own = ("torch.nn.functional", "torch._C._nn")  # where they are defined: else it imports them for itself
    names = {
        name for name, f in vars(theirs).items()
        if getattr(f, "__module__", "") in own and not isinstance(f, type) and name[0] != "_"
    }  # fmt: skip
    missing = {name for name in names if not hasattr(nn.functional, name)}
    left = {name for name in missing if not name.endswith(("_", "_with_indices"))}
    assert left <= set(INSIDE), left
