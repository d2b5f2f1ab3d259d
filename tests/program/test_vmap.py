"""mg.vmap equals a loop over the examples: axes, containers, nesting, the other transforms, closures, modules, mg.compile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from examples import assert_equal, assert_maps, looped, rng

import microgradient as mg
from microgradient import nn
from microgradient.errors import ArgumentError, ArgumentTypeError, GradientError, ShapeError, TraceError

F = nn.functional


def normal(*shape: int) -> Any:
    return mg.tensor(rng.normal(size=shape))


class Pair(NamedTuple):
    a: Any
    b: Any


# ------------------------------------------------------------------------------------------------------- axes, containers


def test_axes_may_be_anywhere() -> None:
    a, b = normal(4, 3, 5), normal(5, 2, 4)
    f = lambda a, b: mg.sum(a) * mg.sin(b)
    wanted = looped(f, (0, 2))(a, b)
    assert_equal(mg.vmap(f, (0, 2))(a, b), wanted)
    assert_equal(mg.vmap(f, (-3, -1))(a, b), wanted)
    assert_equal(mg.vmap(f, [0, -1], out_axes=2)(a, b), mg.permute_dims(wanted, (1, 2, 0)))
    assert_equal(mg.vmap(f, (0, 2), out_axes=-1)(a, b), mg.permute_dims(wanted, (1, 2, 0)))
    assert_equal(mg.vmap(f, (None, 1), out_axes=1)(a, b), mg.permute_dims(looped(f, (None, 1))(a, b), (1, 0, 2)))


def test_containers_take_one_axis_or_containers_of_axes() -> None:
    w = {"w": normal(3, 2), "b": normal(2)}
    x = normal(2, 5)
    f = lambda p, x, scale=1.0: {
        "y": (p["w"].T @ mg.concat([x, mg.sum(x)[None]])) + p["b"],
        "n": (mg.sum(x) * scale, None),
    }
    loop = lambda k: f(w, x[:, k])
    wanted = {
        "y": mg.stack([loop(k)["y"] for k in range(5)]),
        "n": (mg.stack([loop(k)["n"][0] for k in range(5)]), None),
    }
    assert_equal(mg.vmap(f, (None, 1))(w, x), wanted)
    assert_equal(mg.vmap(f, ({"b": None, "w": None}, 1))(w, x), wanted)
    found = mg.vmap(f, (None, 1), out_axes={"y": 1, "n": (0, None)})(w, x)
    assert_equal(found["y"], wanted["y"].T)
    assert found["n"][1] is None
    many = {"w": mg.stack([w["w"]] * 5, axis=1), "b": w["b"]}
    assert_equal(mg.vmap(f, in_axes=({"w": 1, "b": None}, -1))(many, x), wanted)
    assert_equal(mg.vmap(f, (None, 1))(w, x, scale=mg.arange(5.0))["n"][0], wanted["n"][0] * mg.arange(5.0))
    pair = mg.vmap(lambda p: Pair(p.b * 2, p.a), in_axes=(Pair(0, None),))(Pair(normal(3), normal(2)))
    assert isinstance(pair, Pair)
    assert (pair.a.shape, pair.b.shape) == ((3, 2), (3,))


def test_what_is_no_tensor_goes_through_unmapped() -> None:
    f = lambda x, name, n, model: model(x) * n if name == "twice" else x
    x, model = normal(4, 3), nn.Linear(3, 2, dtype=np.float64)
    assert_equal(mg.vmap(f, (0, None, None, None))(x, "twice", 2, model), model(x) * 2)


def test_results_without_examples() -> None:
    x, w = normal(3, 2), normal(4)
    assert_equal(mg.vmap(lambda x: w * 2)(x), mg.stack([w * 2] * 3))
    assert_equal(mg.vmap(lambda x: (w * 2, 1.5), out_axes=(None, 0))(x), (w * 2, mg.full(3, 1.5)))
    same = mg.vmap(lambda x, w: (x, w), in_axes=(0, None), out_axes=(0, None))(x, w)
    assert same[0] is not x
    assert same[1] is not w
    assert_equal(same, (x, w))
    assert mg.vmap(lambda x: (x > 0, mg.astype(x, mg.int64)))(x)[0].dtype == np.bool_


def test_no_examples_at_all() -> None:
    y = mg.vmap(
        lambda x: (mg.linalg.eigh(x)[1], mg.sort(x, axis=0), mg.conv(x[None, None], x[None, None], padding=1)[0, 0])
    )
    assert [part.shape for part in y(mg.zeros((0, 3, 3)))] == [(0, 3, 3), (0, 3, 3), (0, 3, 3)]


def test_mistakes_are_explained() -> None:
    x, f = normal(3, 2), lambda *xs: xs[0]
    with pytest.raises(ShapeError, match=r"argument 0 has 3 \(shape \(3, 2\), axis 0\); argument 1 has 2"):
        mg.vmap(f, (0, 1))(x, x)
    with pytest.raises(ShapeError, match="`scale` has 4"):
        mg.vmap(lambda x, scale: x)(x, scale=normal(4))
    with pytest.raises(ArgumentError, match="no argument has an axis"):
        mg.vmap(f, None)(x)
    with pytest.raises(ArgumentError, match="in_axes has 1 entries, but the function was called with 2"):
        mg.vmap(f, (0,))(x, x)
    with pytest.raises(ShapeError, match=r"argument 0 has no axis 2 .* shape \(3, 2\)"):
        mg.vmap(f, 2)(x)
    with pytest.raises(ShapeError, match="argument 1 has no axis 0 to map over: it is a float"):
        mg.vmap(f)(x, 2.0)
    with pytest.raises(ArgumentTypeError, match="not nested as argument 0"):
        mg.vmap(f, ({"a": 0},))({"b": x})
    with pytest.raises(ArgumentTypeError, match="in_axes is an int"):
        mg.vmap(f, "0")(x)
    with pytest.raises(ArgumentError, match="out_axes is None"):
        mg.vmap(f, out_axes=None)(x)
    with pytest.raises(ShapeError, match="out_axes = 2"):
        mg.vmap(f, out_axes=2)(x)


def test_values_of_examples_are_not_known_but_those_of_closures_are() -> None:
    x, w, mask = normal(3, 2), mg.tensor([2.0, 1.0]), mg.tensor([True, False])
    with pytest.raises(TraceError, match=r"test_vmap.py:\d+: `if`.*`mg.vmap`.*mg.where"):
        mg.vmap(lambda x: x if x[0] > 0 else -x)(x)
    with pytest.raises(TraceError, match=r"which `mg\.vmap` does not know"):
        mg.vmap(lambda x: x[x > 0])(x)
    assert_equal(mg.vmap(lambda x: x[mask] * w[0].item() if w[0] > 1 else x)(x), x[:, :1] * 2)


def test_what_is_outside_stays_as_it_is() -> None:
    x, state = normal(3, 2), mg.zeros(2, dtype=np.float64)
    w = mg.tensor([1.0, 2.0], requires_grad=True)

    def assigns(x: Any) -> Any:
        state[0] = x[0]
        return x

    with pytest.raises(TraceError, match=r"mg\.vmap .* changes a tensor of shape \(2,\)"):
        mg.vmap(assigns)(x)
    with pytest.raises(TraceError, match=r"changes the `\.grad`.*mg\.grad"):
        mg.vmap(lambda x: (x * w).sum().backward())(x)
    with pytest.raises(TraceError, match=r"model\.eval"):
        mg.vmap(nn.BatchNorm1d(2, dtype=np.float64))(normal(5, 3, 2))
    assert state.data.tolist() == [0, 0]
    assert w.grad is None

    def inside(x: Any) -> Any:
        x[0] = 5.0
        leaf = mg.ones(2, dtype=np.float64).requires_grad_()
        (leaf * x).sum().backward()
        return leaf.grad

    assert_equal(mg.vmap(inside)(x), mg.concat([mg.full((3, 1), 5.0, dtype=np.float64), x[:, 1:]], axis=1))


# ------------------------------------------------------------------------------------------------------------- transforms


def mlp(p: dict[str, Any], x: Any) -> Any:
    return mg.tanh(x @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"]


def parameters() -> dict[str, Any]:
    return {"w1": normal(3, 5), "b1": normal(5), "w2": normal(5, 4), "b2": normal(4)}


def loss(p: dict[str, Any], x: Any, y: Any) -> Any:
    return F.cross_entropy(mlp(p, x)[None], y[None])


def test_gradients_per_example() -> None:
    p, x, y = parameters(), normal(6, 3), mg.tensor(rng.integers(0, 4, 6))
    each = mg.vmap(mg.grad(loss), in_axes=(None, 0, 0))(p, x, y)
    wanted = [mg.grad(loss)(p, x[k], y[k]) for k in range(6)]
    assert_equal(each, {name: mg.stack([g[name] for g in wanted]) for name in p})
    values, again = mg.vmap(mg.value_and_grad(loss), in_axes=(None, 0, 0))(p, x, y)
    assert_equal(again, each)
    assert_equal(values, mg.stack([loss(p, x[k], y[k]) for k in range(6)]))
    batch = mg.grad(lambda p: F.cross_entropy(mlp(p, x), y))(p)
    assert_equal({name: mg.mean(g, axis=0) for name, g in each.items()}, batch)


def test_gradients_per_example_of_a_convolutional_network() -> None:
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, groups=2, dtype=np.float64), nn.GELU(), nn.MaxPool2d(2), nn.Flatten()
    )
    x, names = normal(3, 2, 4, 4), list(model.state_dict())

    def of(w: Any, b: Any, x: Any) -> Any:
        y = mg.conv(x[None], w, padding=1, groups=2) + b[:, None, None]
        return mg.sum(model[3](model[2](model[1](y))) ** 2)

    w, b = (model.state_dict()[name] for name in names)
    assert_maps(mg.grad(of, argnums=(0, 1)), [w.data, b.data, x.data], (None, None, 0), 3)
    assert_equal(mg.vmap(lambda x: model(x[None])[0])(x), model(x))


@pytest.mark.parametrize("f", [lambda x: mg.tanh(x) * mg.sum(x**2), lambda x: mg.softmax(x) @ x[::-1] * mg.flip(x)])
def test_transforms_compose(f: Callable[..., Any]) -> None:
    x, v = normal(4), normal(4)
    g = lambda x: mg.sum(f(x) ** 2)
    wanted = mg.jacobian(f)(x)
    _, pullback = mg.vjp(f, x)
    assert_equal(mg.vmap(pullback)(mg.eye(4, dtype=np.float64))[0], wanted)
    assert_equal(mg.vmap(lambda e: mg.vjp(f, x)[1](e)[0])(mg.eye(4, dtype=np.float64)), wanted)
    assert_equal(mg.vmap(lambda e: mg.jvp(f, (x,), (e,))[1], out_axes=1)(mg.eye(4, dtype=np.float64)), wanted)
    assert_equal(mg.vmap(mg.grad(lambda x, k: f(x)[k]), (None, 0))(x, mg.arange(4)), wanted)
    assert_equal(mg.vmap(lambda e: mg.hvp(g, x, e))(mg.eye(4, dtype=np.float64)), mg.hessian(g)(x))
    xs = normal(3, 4)
    for transformed in (mg.jacobian(f), mg.hessian(g), mg.grad(g), lambda x: mg.jvp(mg.grad(g), (x,), (v,))):
        assert_equal(mg.vmap(transformed)(xs), looped(transformed, (0,))(xs))
    assert_equal(mg.jacobian(mg.vmap(f))(xs), mg.jacobian(looped(f, (0,)))(xs))
    assert_equal(
        mg.hessian(lambda xs: mg.sum(mg.vmap(f)(xs)))(xs), mg.hessian(lambda xs: mg.sum(looped(f, (0,))(xs)))(xs)
    )
    mg.check_gradients(mg.vmap(mg.grad(g)), xs, order=2)


def test_what_is_closed_over_stays_on_the_tape() -> None:
    x, w = normal(3, 2), mg.tensor(rng.normal(size=(2, 4)), requires_grad=True)
    f = lambda x: mg.sum(mg.tanh(x @ (w * 2)) ** 2)
    gradients = []
    for mapped in (mg.vmap(f), looped(f, (0,))):
        w.grad = None
        mg.sum(mapped(x)).backward()
        gradients.append(w.grad)
    assert_equal(*gradients)
    inner = lambda mapper: lambda w: mg.sum(mapper(mg.grad(lambda x: mg.sum(mg.tanh(x @ w))))(x) ** 2)
    assert_equal(mg.grad(inner(mg.vmap))(w), mg.grad(inner(lambda f: looped(f, (0,))))(w))
    h = w * 3  # a tensor of the graph
    gradients = [mg.vmap(lambda x: x @ h)(x), x @ h]
    gradients = [
        mg.grad(lambda w, m=m: mg.sum(m(w)))(w)
        for m in (lambda w: mg.vmap(lambda x: x @ (w * 3))(x), lambda w: x @ (w * 3))
    ]
    assert_equal(*gradients)


@mg.custom_rule(vjp=lambda t, y, x, s: (t * 10.0 * s, mg.sum(t * y)), jvp=lambda t, y, x, s: t[0] * 10.0 * s + y * t[1])
def tenfold(x: Any, s: Any) -> Any:
    return mg.sin(x) * s


def without_gradient(x: Any, w: Any) -> Any:
    with mg.no_grad():
        value, g = mg.value_and_grad(lambda x: mg.sum(mg.sin(x) * w))(x)
        return x * w * value + g * x


CUTS: dict[str, Callable[..., Any]] = {
    "stop_gradient": lambda x, w: mg.stop_gradient(x * w) * x + mg.sum(w).detach(),
    "tensor": lambda x, w: mg.tensor(x * w) * x * w,
    "no_grad": without_gradient,
    "custom_rule": lambda x, w: tenfold(x * w, mg.sum(w)) * w,
    "checkpoint": lambda x, w: mg.checkpoint(lambda x: mg.sin(x * w))(x) * x,
}


@pytest.mark.parametrize("name", CUTS)
@pytest.mark.parametrize("axes", [(0, None), (0, 0), (None, 0)])
def test_derivatives_end_or_change_where_the_function_says_so(name: str, axes: tuple[int | None, ...]) -> None:
    args = [rng.normal(size=(3, 2) if axis == 0 else 2) for axis in axes]
    f = CUTS[name]
    assert_maps(f, args, axes, 2)
    assert_maps(mg.vmap(f, (0, None)), [np.stack([args[0], args[0] * 2], axis=-2), args[1]], axes, 2)


def test_a_rule_without_examples_and_one_that_is_missing() -> None:
    x, w = normal(3, 2), normal(2)
    f = lambda m: lambda w: mg.sum(m(lambda x: x * tenfold(w, mg.sum(w)))(x))
    assert_equal(mg.grad(f(mg.vmap))(w), mg.grad(f(lambda g: looped(g, (0,))))(w))
    one_way = mg.custom_rule(lambda x: x * 2, vjp=lambda t, y, x: (None,))
    assert_equal(mg.grad(lambda x: mg.sum(mg.vmap(one_way)(x) + x))(x), mg.ones((3, 2), dtype=np.float64))
    with pytest.raises(GradientError, match="no jvp"):
        mg.jvp(mg.vmap(one_way), (x,), (x,))


def test_nested() -> None:
    a, b, w = normal(3, 2), normal(4, 2), normal(2)
    table = mg.vmap(mg.vmap(lambda x, y: mg.sum(x * mg.sin(y) * w), (None, 0)), (0, None))
    assert_equal(table(a, b), (a * w) @ mg.sin(b).T)

    def f(x: Any) -> Any:
        scaled = x * w
        inner = mg.vmap(lambda y, z: y * scaled + mg.sum(z) * x + b[0], in_axes=(0, None), out_axes=1)
        return inner(b, x)

    assert_maps(f, [a.data], (0,), 1)
    three = mg.vmap(mg.vmap(mg.vmap(lambda x, y: x[::-1] @ y, (0, None)), (1, 0), 1), (0, None))
    xs, ys = normal(2, 5, 3, 4), normal(3, 4)
    assert_equal(three(xs, ys), mg.einsum("abcd,cd->abc", xs[..., ::-1], ys))
    nested = lambda m: lambda x: mg.sum(m(lambda row: m(lambda e: mg.tanh(e * mg.sum(row * w)))(row))(x))
    assert_equal(mg.hessian(nested(mg.vmap))(a), mg.hessian(nested(lambda f: looped(f, (0,))))(a))


# ---------------------------------------------------------------------------------------------------------------- modules

MODULES: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(4, 3, dtype=np.float64), (4,)),
    "layer norm": (lambda: nn.LayerNorm(4, dtype=np.float64), (2, 4)),
    "attention": (lambda: nn.MultiheadAttention(4, 2, batch_first=True, dtype=np.float64), (3, 4)),
    "lstm": (lambda: nn.LSTM(4, 3, dtype=np.float64), (5, 4)),
    "gru": (lambda: nn.GRU(4, 3, batch_first=True, dtype=np.float64), (5, 4)),
    "average pool": (lambda: nn.AvgPool2d(2), (2, 4, 4)),
    "batch norm": (lambda: nn.BatchNorm1d(4, dtype=np.float64).eval(), (2, 4)),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules(name: str) -> None:
    make, shape = MODULES[name]
    model = make()
    f = (lambda x: model(x, x, x)[0]) if name == "attention" else model
    x = normal(3, *shape)
    assert_equal(mg.vmap(f)(x), looped(f, (0,))(x))
    gradients = []
    leaf = mg.ones(1, dtype=np.float64).requires_grad_()
    for mapped in (mg.vmap(f), looped(f, (0,))):
        model.zero_grad()
        first = mapped(x + (0 if list(model.parameters()) else leaf))
        mg.sum((first[0] if isinstance(first, tuple) else first) ** 2).backward()
        gradients.append([p.grad for p in (leaf, *model.parameters())])
        leaf.grad = None
    assert_equal(*gradients)


def test_embeddings_and_dropout() -> None:
    table = nn.Embedding(7, 3, dtype=np.float64)
    i = mg.tensor(rng.integers(0, 7, (4, 5)))
    assert_equal(mg.vmap(table)(i), table(i))
    grad = mg.vmap(mg.grad(lambda w, i: mg.sum(F.embedding(i, w) ** 2)), (None, 0))
    assert_equal(grad(table.weight, i), looped(mg.grad(lambda w, i: mg.sum(w[i] ** 2)), (None, 0))(table.weight, i))
    mg.manual_seed(0)
    masks = mg.vmap(lambda x: F.dropout(x, 0.5))(mg.ones((8, 30)))
    assert len({tuple(row) for row in masks.tolist()}) == 8


# ------------------------------------------------------------------------------------------------------------- mg.compile


def test_inside_a_compiled_function() -> None:
    p, x, y = parameters(), normal(6, 3), mg.tensor(rng.integers(0, 4, 6))
    each = mg.vmap(mg.grad(loss), in_axes=(None, 0, 0))
    compiled = mg.compile(each)
    for k in (1.0, 2.0):
        assert_equal(compiled(p, x * k, y), each(p, x * k, y))
    w = mg.tensor(rng.normal(size=3), requires_grad=True)
    table = rng.normal(size=(6, 3))
    f = lambda x, s: mg.vmap(lambda row, t: mg.sum(row * w * s + t))(x, table)
    compiled = mg.compile(f)
    for s in (1.5, 2.5):
        assert_equal(compiled(x, s), f(x, s))
        w.data = w.data * 2
        table += 1
    assert compiled.stats()["programs"] == 1
    step = lambda: mg.sum(f(x, 1.0) ** 2).backward()
    gradients = []
    for run in (mg.compile(step), step):
        w.grad = None
        run()
        gradients.append(w.grad)
    assert_equal(*gradients)
    nested = mg.vmap(mg.vmap(lambda a, b: a * w + mg.sin(b) * mg.random.normal((), std=0.0), (None, 0)), (0, None))
    assert_equal(mg.compile(nested)(x, x), nested(x, x))


def test_of_a_compiled_function() -> None:
    p, x = parameters(), normal(6, 3)
    compiled = mg.compile(mlp)
    assert_equal(mg.vmap(compiled, (None, 0))(p, x), mlp(p, x))
    assert_equal(
        mg.grad(lambda p: mg.sum(mg.vmap(compiled, (None, 0))(p, x)))(p), mg.grad(lambda p: mg.sum(mlp(p, x)))(p)
    )


def test_rules_of_the_user_compile() -> None:
    x, w = normal(3, 2), normal(2)
    f = mg.grad(lambda x, w: mg.sum(mg.vmap(CUTS["custom_rule"], (0, None))(x, w)), argnums=(0, 1))
    assert_equal(mg.compile(f)(x, w), f(x, w))


def test_a_module_called_with_parameters_of_each_example() -> None:
    """`functional_call` puts tensors into a module and takes them out again, so nothing outside has changed in the end."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    names, own = zip(*model.named_parameters(), strict=True)
    before = [(p.data, p.node) for p in own]
    x = normal(5, 3)
    call = lambda x, *parameters: nn.utils.functional_call(model, dict(zip(names, parameters, strict=True)), x)
    gradient = mg.grad(lambda *args: mg.sum(call(*args) ** 2), argnums=(0, 1, 2, 3, 4))
    same, several = [p.detach() for p in own], [normal(5, *p.shape) for p in own]
    for axis, parameters in ((None, same), (0, several)):
        axes = (0, *[axis] * len(names))
        for f in (call, gradient):
            wanted = looped(f, axes)(x, *parameters)
            assert_equal(mg.vmap(f, axes)(x, *parameters), wanted)
            assert_equal(mg.compile(mg.vmap(f, axes))(x, *parameters), wanted)
    assert all(p.data is data and p.node is node for p, (data, node) in zip(own, before, strict=True))


def test_gradients_of_moduli_have_gradients() -> None:
    """The sign of a complex number, which the gradient of its modulus has, turns with it."""
    modulus = lambda x: mg.sum(mg.abs(mg.exp(mg.astype(x, mg.complex128) * (1 + 0.5j))) ** 2)
    xs = normal(2, 3)
    f, g = mg.vmap(mg.grad(modulus)), looped(mg.grad(modulus), (0,))
    for compile in (lambda h: h, mg.compile):
        assert_equal(*(compile(mg.grad(lambda x, h=h: mg.sum(h(xs * x) ** 2)))(xs[0]) for h in (f, g)))
