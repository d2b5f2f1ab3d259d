"""mg.paths: the largest paths are those that enumerating all of them finds, and all together they are the gradient."""

import heapq
import math
import random

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn
from microgradient.array_world import ARRAY
from microgradient.errors import ArgumentTypeError, GradientError, OutOfRangeError
from microgradient.explain.paths import tangent
from microgradient.explain.sweep import sweep_of
from microgradient.scalar import Value

UNARY = ["tanh", "exp", "sin", "cos", "square", "softplus", "negative"]
BINARY = ["add", "subtract", "multiply", "logaddexp", "maximum"]


def calculated(name, args, tensors):
    if tensors:
        return getattr(mg, name)(*args)
    signs = {"add": "__add__", "subtract": "__sub__", "multiply": "__mul__", "negative": "__neg__"}
    return getattr(args[0], signs.get(name, name))(*args[1:])


def scalar_graph(seed, tensors):
    """A random graph in which numbers are used again and again: leaves, and the last number."""
    r = random.Random(seed)
    given = [round(r.uniform(-1.5, 1.5), 3) for _ in range(r.randint(1, 3))]
    made = [mg.tensor(x, dtype=np.float64, requires_grad=True) if tensors else Value(x) for x in given]
    for _ in range(r.randint(1, 9)):
        name = r.choice(UNARY + BINARY)
        made.append(calculated(name, [r.choice(made[-4:]) for _ in range(2 if name in BINARY else 1)], tensors))
    return made[: len(given)], made[-1]


def enumerated(sweep, x):
    """(names, the product of the derivatives) of every path from the root to node `x`, one by one."""
    uses = {}
    for use in sweep.uses:
        uses.setdefault(use.node, []).append(use)
    found, todo = [], [(sweep.root, (sweep.names[sweep.root],), 1.0)]
    while todo:
        node, names, product = todo.pop()
        if node is x:
            found.append((names, product))
            continue
        for use in uses.get(node, ()):
            local = float(np.sum(tangent(node, use.argument, np.ones(use.parent.shape))))
            todo.append((use.parent, (*names, sweep.names[use.parent]), product * local))
    return found


@pytest.mark.parametrize("tensors", [False, True])
@pytest.mark.parametrize("seed", range(75))
def test_the_largest_paths_are_those_of_an_enumeration(seed, tensors):
    leaves, loss = scalar_graph(seed, tensors)
    loss.backward(**({"retain_graph": True} if tensors else {}))
    for x in leaves:
        sweep = sweep_of(loss, {}, x)
        every = enumerated(sweep, sweep.node(x))
        found = mg.paths(x, of=loss, top=5)
        scale = sum(abs(product) for _, product in every)
        assert found.count == len(every)
        assert found.exact
        assert [abs(p.contribution) for p in found.paths] == pytest.approx(
            heapq.nlargest(5, (abs(product) for _, product in every)), rel=1e-12, abs=1e-300
        )
        assert found.total == pytest.approx(math.fsum(product for _, product in every), rel=1e-12, abs=1e-12 * scale)
        assert found.total == pytest.approx(float(0 if x.grad is None else x.grad), rel=1e-12, abs=1e-12 * scale)
        left = math.fsum(sorted((p for _, p in every), key=abs)[: max(len(every) - 5, 0)])
        ties = len({round(abs(p), 12) for _, p in every}) < len(every)
        assert ties or found.rest == pytest.approx(left, rel=1e-9, abs=1e-12 * scale)
        for path in found.paths:
            assert math.prod(edge.local for edge in path.edges) == pytest.approx(
                path.contribution, rel=1e-12, abs=1e-300
            )
            product = 1.0
            for edge in path.edges:
                assert edge.upstream == pytest.approx(product, rel=1e-12, abs=1e-300)
                product = edge.contribution


def block(x, w):
    """A residual block with a norm: many ways from the end to the beginning."""
    h = mg.tanh(mg.matmul(x, w))
    return x + h - mg.mean(h, axis=1, keepdims=True)


def tensor_graph(seed):
    rng = np.random.default_rng(seed)
    w = mg.tensor(rng.standard_normal((3, 3)), requires_grad=True)
    x = mg.tensor(rng.standard_normal((4, 3)), requires_grad=True)
    h = x
    for _ in range(1 + seed % 3):
        h = block(h, w if seed % 2 else w.T)
        h = h[:, :1] * h if seed % 5 == 0 else mg.softmax(h, axis=1) if seed % 3 == 0 else h
    return w, x, mg.mean(mg.square(h))


def restricted(sweep, chain):
    """What a sweep brings to the end of a chain of uses if every other edge is cut, by the rule of each operation alone."""
    t = np.ones(sweep.root.shape)
    for use in chain:
        saved = [p if s is None else s for s, p in zip(use.node.saved[1:], use.node.parents, strict=True)]
        wanted = [p is not None for p in use.node.parents]
        g = use.op.vjp(ARRAY, t, use.node.saved[0], saved, wanted, use.node.params)[use.argument]
        if use.parent.shape is not None:
            while g.ndim > len(use.parent.shape):
                g = g.sum(axis=0)
            g = g.sum(axis=tuple(i for i, n in enumerate(use.parent.shape) if g.shape[i] != n), keepdims=True)
        t = g
    return t


def chains(sweep, x):
    uses = {}
    for use in sweep.uses:
        uses.setdefault(use.node, []).append(use)
    found, todo = [], [(sweep.root, ())]
    while todo:
        node, chain = todo.pop()
        if node is x:
            found.append(chain)
        else:
            todo += [(use.parent, (*chain, use)) for use in uses.get(node, ())]
    return found


@pytest.mark.parametrize("seed", range(12))
def test_paths_between_tensors_are_sweeps_along_one_chain_and_add_up(seed):
    w, x, loss = tensor_graph(seed)
    loss.backward(retain_graph=True)
    for leaf in (w, x):
        sweep = sweep_of(loss, {}, leaf)
        every = [restricted(sweep, chain) for chain in chains(sweep, leaf.node)]
        sizes = sorted((np.linalg.norm(g) for g in every), reverse=True)
        assert np.allclose(sum(every), leaf.grad.raw, rtol=1e-12, atol=1e-12)
        found = mg.paths(leaf, of=loss, top=len(every))
        assert found.count == len(found.paths) == len(every)
        assert found.exact
        assert [np.linalg.norm(p.contribution) for p in found.paths] == pytest.approx(sizes, rel=1e-11, abs=1e-13)
        assert np.allclose(found.rest, 0, atol=1e-12 * max(sum(sizes), 1))
        assert np.array_equal(found.total, leaf.grad.raw)
        for index in ((0, 1), (2, 2)):
            found = mg.paths(leaf, index, of=loss, top=3)
            parts = sorted((abs(g[index]) for g in every), reverse=True)
            assert found.total == leaf.grad.raw[index]
            assert found.rest + sum(p.contribution for p in found.paths) == pytest.approx(
                found.total, rel=1e-12, abs=1e-15
            )
            assert abs(found.paths[0].contribution) == pytest.approx(parts[0], rel=1e-11)  # not promised, but found


def test_the_beam_finds_the_largest_paths_between_tensors_nearly_always():
    found = asked = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        w, x = (mg.tensor(rng.standard_normal(shape), requires_grad=True) for shape in ((3, 3), (4, 3)))
        h = x
        for _ in range(2 + seed % 3):
            h = block(h, w)
        loss = mg.mean(mg.square(h))
        sweep = sweep_of(loss, {}, w)
        every = [abs(restricted(sweep, chain)[1, 2]) for chain in chains(sweep, w.node)]
        for top in (1, 3, 8):
            got = [abs(p.contribution) for p in mg.paths(w, (1, 2), of=loss, top=top).paths]
            found += np.allclose(got, heapq.nlargest(top, every), rtol=1e-9)
            asked += 1
    assert found >= 0.9 * asked


@pytest.mark.parametrize("seed", range(40))
def test_muting_an_edge_takes_away_the_paths_through_it(seed):
    if seed % 2:
        leaves, loss = scalar_graph(seed, False)
    else:
        *leaves, loss = tensor_graph(seed)
    loss.backward(**({} if seed % 2 else {"retain_graph": True}))
    for leaf in leaves:
        every = mg.paths(leaf, of=loss, top=5000)
        if not every.count:
            continue
        edge = random.Random(seed).choice(random.Random(seed).choice(every.paths).edges)
        muted = mg.paths(leaf, of=loss, top=5000, without=edge)
        through = [p for p in every.paths if any((e.node, e.argument) == (edge.node, edge.argument) for e in p.edges)]
        expected = every.total - sum(p.contribution for p in through)
        scale = sum(np.linalg.norm(p.contribution) for p in every.paths)
        assert muted.count == every.count - len(through)
        assert np.allclose(muted.total, expected, rtol=1e-12, atol=1e-12 * max(scale, 1))
        assert np.allclose(muted.rest, 0, atol=1e-12 * max(scale, 1))
        assert np.array_equal(muted.gradient, every.total)


def test_muting_by_names_and_by_edges_of_why():
    a, b = Value(2.0), Value(3.0)
    c = a * b
    L = c * a + c
    assert mg.paths(a, of=L).total == 15.0
    for pair in (("c", "a"), ["a", "c"], next(e for p in mg.paths(a, of=L).paths for e in p.edges if e.via == "c")):
        found = mg.paths(a, of=L, without=[pair])
        assert (found.total, found.count, found.gradient) == (6.0, 1, 15.0)
    assert "muted   c → a" in found.text()
    assert "with it ∂L/∂a = 15.0" in found.text()
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.trace():
        h = x * 3.0
        y = mg.sum(h * x)
        y.backward()
    through_h = next(edge for edge in mg.why(x, 1).edges if edge.via.startswith("h"))
    assert mg.paths(x, 1, without=[through_h]).total == 6.0
    assert mg.paths(x, 1, without=[("h", "x[1]")]).total == 6.0


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.branch, self.last = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 1)

    def forward(self, x):
        h = self.first(x)
        y = h + self.branch(h)
        return self.last(y)


def test_a_residual_connection_can_be_switched_off():
    model = Residual()
    with mg.trace():
        loss = mg.sum(mg.square(model(mg.ones((4, 3)))))
        loss.backward()
    w = model.first.weight
    whole = mg.paths(w)
    straight, bent = mg.paths(w, without=("y", "model.branch")), mg.paths(w, without=[("y", "h")])
    assert (whole.count, straight.count, bent.count) == (2, 1, 1)
    assert np.allclose(straight.total + bent.total, whole.total, rtol=1e-5)
    assert "muted   y → " in straight.text()
    assert np.array_equal(mg.paths(w, without=("model.branch", "h")).total, straight.total)


@pytest.mark.slow
def test_more_paths_than_could_be_listed_are_counted():
    a = x = Value(1.0)
    for _ in range(2000):
        x = x * 0.25 + x * 0.75
    found = mg.paths(a, of=x, top=3)
    assert found.count == 2**2000
    assert found.total == pytest.approx(1.0, rel=1e-9)
    assert "more than 1e+300 paths from x to a, added" in found.text()
    assert found.paths[0].contribution == pytest.approx(0.75**2000, rel=1e-9)
    b = y = mg.tensor(np.ones(3), requires_grad=True)
    for _ in range(60):
        y = y * 0.5 + mg.tanh(y) * 0.25
    loss = mg.sum(y)
    found = mg.paths(b, 0, of=loss)
    assert found.count == 2**60
    assert not found.exact
    assert "larger ones may be among the others" in found.text()
    assert abs(found.paths[0].contribution) > 0
    assert max(len(line) for line in found.text().splitlines()) < 130


def test_the_layers_of_a_model_stand_for_their_operations():
    model = nn.Sequential(nn.Linear(3, 8), nn.LayerNorm(8), nn.Tanh(), nn.Linear(8, 1))
    with mg.trace():
        loss = mg.mean(mg.square(model(mg.ones((4, 3)))))
        loss.backward()
    found = mg.paths(model[0].weight, (1, 2))
    assert found.paths[0].labels[-1] == "model.0.weight[1, 2]"
    labels = {label.partition("(")[0] for path in found.paths for label in path.labels}
    assert {"loss", "model.3", "model.2", "model.1", "model.0"} <= labels
    rows = found.text().splitlines()[1 : 1 + len(found.paths)]
    assert len(set(row.partition("=")[0] for row in rows)) == len(rows)  # no two look alike


def test_what_does_not_depend_and_the_loss_itself():
    a, b = Value(1.0), Value(2.0)
    L = a * 2.0
    assert (mg.paths(b, of=L).count, mg.paths(b, of=L).total) == (0, 0.0)
    assert "no path leads from L to b" in mg.paths(b, of=L).text()
    itself = mg.paths(L, of=L)
    assert (itself.count, itself.total, itself.paths[0].names) == (1, 1.0, ("L",))


def test_nan_comes_first():
    a = Value(0.0)
    L = a * 5.0 + a.log() * 0.0
    found = mg.paths(a, of=L, top=1)
    assert math.isnan(found.paths[0].contribution)
    assert math.isnan(found.total)


def test_mistakes():
    a = Value(1.0)
    L = a * 2.0
    with pytest.raises(OutOfRangeError, match=r"at least 1, not 0.*MG127"):
        mg.paths(a, of=L, top=0)
    with pytest.raises(ArgumentTypeError, match=r"how many paths to give, not None.*MG116"):
        mg.paths(a, of=L, top=None)
    with pytest.raises(GradientError, match=r"no edge to mute between `a` and `q`.*MG118"):
        mg.paths(a, of=L, without=[("a", "q")])
    with pytest.raises(ArgumentTypeError, match=r"pairs of names and edges, not 'a'.*MG116"):
        mg.paths(a, of=L, without=["a"])
    with pytest.raises(ArgumentTypeError, match=r"not float.*MG116"):
        mg.paths(1.0, of=L)


def test_the_latex_has_the_products_the_numbers_and_the_result():
    a, b = Value(2.0), Value(-3.0)
    v = a * b
    L = v + a
    rows = mg.paths(a, of=L).latex().splitlines()
    chain = r"\frac{\partial L}{\partial v} \cdot \frac{\partial v}{\partial a}"
    assert rows[1] == rf"\frac{{\partial L}}{{\partial a}} &= {chain} + \frac{{\partial L}}{{\partial a}} \\"
    assert rows[2:4] == [r"&= \left(-3\right) + 1 \\", "&= -2"]
    assert mg.paths(a, of=L)._repr_mimebundle_()["text/latex"].startswith(r"$\displaystyle \begin{aligned}")


LAYERS = {
    "recurrent": lambda: (nn.RNN(2, 3, batch_first=True), (2, 2, 2)),
    "attention": lambda: (nn.MultiheadAttention(2, 1, batch_first=True), (1, 2, 2)),
    "batch norm": lambda: (nn.BatchNorm1d(3), (4, 3)),
    "convolution": lambda: (nn.Sequential(nn.Conv1d(1, 2, 2), nn.MaxPool1d(2)), (2, 1, 5)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_all_paths_through_a_layer_are_its_gradient(name):
    layer, shape = LAYERS[name]()
    layer = layer.to(np.float64) if hasattr(layer, "to") else layer
    x = mg.tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)
    args = (
        (x, x, x)
        if name == "attention"
        else (x, mg.zeros((1, 2, 3), dtype=np.float64))
        if name == "recurrent"
        else (x,)
    )
    with mg.trace():
        y = layer(*args)
        y = y[0] if isinstance(y, tuple) else y
        loss = mg.sum(mg.sin(y) * mg.arange(y.raw.size, dtype=np.float64).reshape(y.shape))
        loss.backward()
    for p in [x, *layer.parameters()]:
        count = mg.paths(p, top=1).count
        found = mg.paths(p, top=count)
        scale = sum(np.linalg.norm(path.contribution) for path in found.paths)
        assert found.exact
        assert len(found.paths) == count
        assert np.allclose(sum(path.contribution for path in found.paths), p.grad.raw, rtol=1e-12, atol=1e-12 * scale)
        assert np.allclose(found.rest, 0, atol=1e-12 * scale)
        entry = (0,) * p.raw.ndim
        one = mg.paths(p, entry, top=count)
        assert sum(path.contribution for path in one.paths) == pytest.approx(
            p.grad.raw[entry], rel=1e-12, abs=1e-12 * scale
        )


def test_one_more_path_than_asked_for_is_the_rest():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = mg.sum(x * 3.0) + mg.sum(x * 2.0) + mg.sum(x)
    found = mg.paths(x, 1, of=y, top=2)
    assert ([p.contribution for p in found.paths], found.rest, found.exact) == ([3.0, 2.0], 1.0, True)
    whole = mg.paths(x, of=y, top=2)
    assert whole.rest.tolist() == [1.0, 1.0]
    assert whole.exact


def test_through_rules_of_the_user_hooks_and_several_results():
    a = mg.tensor([1.0, 2.0], dtype=np.float64, requires_grad=True)
    square = mg.custom_rule(vjp=lambda t, y, x: (t * 2.0 * x,))(lambda x: x * x)
    block = mg.checkpoint(lambda x: (mg.sin(x), x * x))
    s, q = block(a)
    h = square(a)
    h.register_hook(lambda g: g * 10.0)
    w = mg.reshape(mg.arange(4, dtype=np.float64), (2, 2)) + mg.eye(2, dtype=np.float64) * a
    u, d, _ = mg.linalg.svd(w)
    loss = mg.sum(s * q + h) + mg.sum(d * d) + mg.sum(u[0]) + mg.linalg.slogdet(w)[1]
    loss.backward(retain_graph=True)
    found = mg.paths(a, of=loss, top=200)
    assert found.count == len(found.paths) == 7
    assert np.allclose(found.total, a.grad.raw)
    assert np.allclose(found.rest, 0, atol=1e-10)
    assert mg.paths(a, 1, of=loss).total == a.grad.raw[1]


def test_tensors_of_torch():
    import microgradient.torch as torch

    x = torch.tensor([[1.0, 2.0]], requires_grad=True)
    loss = (x * x).sum() + x.sum()
    loss.backward(retain_graph=True)
    found = mg.paths(x, (0, 1), of=loss)
    assert (found.total, found.count) == (x.grad[0, 1].item(), 3)


def test_an_explanation_in_a_variable_gives_no_names():
    a, b = Value(2.0), Value(3.0)
    L = (a * b) ** 2
    L.backward()
    found = mg.paths(a, of=L)
    for edge in found.paths[0].edges:
        opened = edge.why()
    assert opened.edges[0].formula == "v1**2"
    assert mg.paths(a, of=L).paths[0].names == ("L", "v1", "a")
