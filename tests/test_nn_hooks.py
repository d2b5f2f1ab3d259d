"""Hooks of tensors and modules: when they are called, with what, and what they may change."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn
from microgradient.errors import GradientError, ShapeError
from microgradient.tensor_hooks import AFTER_ACCUMULATION, ON_COTANGENT


def leaf(*values: float) -> mg.Tensor:
    return mg.tensor(list(values), requires_grad=True)


def test_a_hook_sees_and_replaces_the_whole_gradient_of_a_tensor() -> None:
    x, seen = leaf(1.0, 2.0), []
    y = x * 3.0
    first = y.register_hook(lambda g: seen.append(g.tolist()))
    second = y.register_hook(lambda g: g * 10.0)
    mg.sum(y + y * y).backward(retain_graph=True)  # used twice: the gradient is complete when it is seen
    assert seen == [[7.0, 13.0]]
    assert x.grad.tolist() == [210.0, 390.0]
    first.remove()
    second.remove()
    second.remove()
    x.grad = None
    mg.sum(y).backward()
    assert x.grad.tolist() == [3.0, 3.0]
    assert len(seen) == 1


def test_hooks_of_leaves_and_of_kept_gradients() -> None:
    x = leaf(1.0)
    y = (x * 2.0).keep_grad()
    x.register_hook(lambda g: g + 1.0)
    y.register_hook(lambda g: g * 5.0)
    mg.sum(y).backward()
    assert (x.grad.item(), y.grad.item()) == (11.0, 5.0)


def test_a_hook_is_differentiated_with_the_gradient() -> None:
    x = leaf(3.0)
    y = x * x
    handle = y.register_hook(lambda g: g * g)
    mg.sum(y * y).backward(create_graph=True)  # (2 x²)² · 2 x = 8 x⁵
    first = x.grad
    assert first.item() == 8 * 3.0**5
    x.grad = None
    handle.remove()  # else it would see the second pass, too
    mg.sum(first).backward()
    assert x.grad.item() == 40 * 3.0**4


def test_hooks_run_where_a_step_is_traced() -> None:
    def step(x: mg.Tensor) -> mg.Tensor:
        w = mg.tensor([2.0], requires_grad=True)
        y = w * x
        y.register_hook(lambda g: g * 7.0)
        mg.sum(y).backward()
        return w.grad

    assert mg.compile(step)(mg.tensor([3.0])).tolist() == step(mg.tensor([3.0])).tolist() == [21.0]


def test_after_accumulation_an_optimiser_may_step_at_once() -> None:
    w = leaf(1.0, 2.0)
    calls = []

    def update(p: mg.Tensor) -> None:
        calls.append(p.grad.tolist())
        with mg.no_grad():
            p.store((p - p.grad).raw)
        p.grad = None

    handle = w.register_post_accumulate_grad_hook(update)
    mg.sum(w * w).backward()
    assert calls == [[2.0, 4.0]]
    assert w.tolist() == [-1.0, -2.0]
    handle.remove()
    mg.sum(w * w).backward()
    assert len(calls) == 1


def test_hooks_hold_nothing_alive() -> None:
    before = len(ON_COTANGENT), len(AFTER_ACCUMULATION)
    x = leaf(1.0)
    x.register_hook(lambda g: None)
    x.register_post_accumulate_grad_hook(lambda p: None)
    del x
    gc.collect()
    assert (len(ON_COTANGENT), len(AFTER_ACCUMULATION)) == before


def test_what_hooks_refuse() -> None:
    with pytest.raises(GradientError, match="needs no gradient"):
        mg.tensor([1.0]).register_hook(print)
    with pytest.raises(GradientError, match="Only a leaf"):
        (leaf(1.0) * 2.0).register_post_accumulate_grad_hook(print)
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: mg.sum(g))
    with pytest.raises(ShapeError, match=r"of shape \(2,\) returns a tensor of that shape"):
        mg.sum(x).backward()
    layer = nn.Linear(1, 1)
    layer.register_full_backward_hook(lambda module, inputs, outputs: (None, None))
    with pytest.raises(GradientError, match="2 gradients in the place of 1"):
        mg.sum(layer(leaf(1.0) * 1.0)).backward()


class Two(nn.Module):
    def forward(self, a: mg.Tensor, b: mg.Tensor, scale: float = 1.0) -> tuple[mg.Tensor, mg.Tensor]:
        return a * b * scale, a + b


def test_forward_hooks_in_order_and_with_keywords() -> None:
    module, order = Two(), []
    module.register_forward_pre_hook(lambda m, args: order.append("second"))
    module.register_forward_pre_hook(
        lambda m, args, kwargs: (order.append("first"), (args, {"scale": 5.0}))[1], prepend=True, with_kwargs=True
    )
    module.register_forward_hook(lambda m, args, kwargs, out: out[0] * kwargs["scale"], with_kwargs=True)
    assert module(mg.tensor(2.0), mg.tensor(3.0), scale=1.0).item() == 150.0
    assert order == ["first", "second"]
    failed = []
    module.register_forward_hook(lambda m, args, out: failed.append(out), always_call=True)
    with pytest.raises(ShapeError):
        module(mg.ones((2,)), mg.ones((3,)))
    assert failed == [None]


def test_backward_hooks_see_all_gradients_at_once() -> None:
    module, seen = Two(), []
    module.register_full_backward_hook(lambda m, inputs, outputs: seen.append((inputs, outputs)))
    a, b = leaf(2.0), leaf(3.0)
    _, total = module(a, b)  # the first output is not used
    mg.sum(total * 4.0).backward()
    ((inputs, outputs),) = seen
    assert outputs[0] is None
    assert [t.tolist() for t in (*inputs, outputs[1])] == [[4.0], [4.0], [4.0]]


def test_a_compiled_function_notices_a_new_hook() -> None:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.ones_(layer.weight)
    f = mg.compile(lambda x: layer(x))
    assert f(mg.ones((1, 1))).item() == 1.0
    handle = layer.register_forward_hook(lambda m, args, out: out * 2.0)
    assert f(mg.ones((1, 1))).item() == 2.0
    handle.remove()
    assert f(mg.ones((1, 1))).item() == 1.0


def test_hooks_around_saving_and_loading() -> None:
    model = nn.Sequential(nn.Linear(1, 1, bias=False))
    model[0].register_state_dict_post_hook(lambda m, found, prefix, meta: found.update({f"{prefix}extra": mg.ones(1)}))
    saved = model.state_dict()
    assert list(saved) == ["0.weight", "0.extra"]

    def rename(m, found, prefix, meta, strict, missing, unexpected, messages) -> None:
        found[f"{prefix}weight"] = found.pop(f"{prefix}old")

    model[0].register_load_state_dict_pre_hook(rename)
    model.register_load_state_dict_post_hook(lambda m, keys: keys.unexpected_keys.clear())
    given = {"0.old": np.array([[5.0]], np.float32), "0.extra": saved["0.extra"]}
    assert model.load_state_dict(given).unexpected_keys == []
    assert model[0].weight.item() == 5.0
    assert "0.old" in given
