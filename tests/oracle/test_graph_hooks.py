"""Hooks of `x.grad_fn`, `torch.cond` and `torch.utils._pytree` do what PyTorch's do."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
import torch.utils._pytree

import microgradient.torch as ours


def plain(x):
    if isinstance(x, tuple):
        return tuple(map(plain, x))
    return None if x is None else x.detach().numpy().tolist()


def steps(t):
    """What hooks of several nodes are given, and the gradients that they leave."""
    seen = []
    x = t.tensor([1.0, 2.0], requires_grad=True)
    w = t.tensor([[0.3], [0.4]], requires_grad=True)

    def note(*args):
        seen.append(plain(args))

    y = x * w  # broadcast: gradients arrive in the shapes of the inputs
    y.grad_fn.register_hook(note)
    y.grad_fn.register_prehook(note)
    z = y.exp()
    handles = [z.grad_fn.register_hook(lambda g, _: (g[0] * 2,)), z.grad_fn.register_prehook(lambda g: (g[0] * 3,))]
    leaf = x.expand_as(x).grad_fn.next_functions[0][0]
    leaf.register_hook(lambda g, h: seen.append((g, plain(h), plain(x.grad))))
    z.sum().backward(retain_graph=True)
    for handle in handles:
        handle.remove()
    z.sum().backward()
    c = t.tensor([1 + 2j], requires_grad=True)
    square = c * 2
    square.grad_fn.register_hook(note)
    (square.real * 2 + square.imag).sum().backward()
    cube = x**3
    cube.grad_fn.register_hook(lambda g, _: (g[0] * 2,))
    (g,) = t.autograd.grad(cube.sum(), x, create_graph=True)
    g.sum().backward()
    return [*seen, *map(plain, (x.grad, w.grad, c.grad, g))]


def test_hooks_of_nodes():
    for a, b in zip(steps(ours), steps(torch), strict=True):
        flat_a, flat_b = (np.asarray(torch.utils._pytree.tree_leaves(part), complex) for part in (a, b))
        np.testing.assert_allclose(flat_a, flat_b, rtol=1e-5)


def test_several_operations_have_no_hook():
    x = ours.ones(3, requires_grad=True)
    with pytest.raises(AttributeError, match="several operations"):
        ours.nn.functional.softmin(x, 0).grad_fn.register_hook(print)
    with pytest.raises(AttributeError, match="several results"):
        ours.linalg.eigh(ours.eye(2, requires_grad=True))[0].grad_fn.register_prehook(print)
    with pytest.raises(AttributeError, match="no register_prehook"):
        x.expand_as(x).grad_fn.next_functions[0][0].register_prehook(print)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_cond(sign):
    x = ours.tensor([0.3, 0.4], requires_grad=True)

    def f(x, p):
        return ours.cond(p, lambda x: x.sin(), lambda x: x * 2, (x,))

    for g in (f, ours.compile(f)):
        for pred in (ours.tensor(sign > 0), ours.tensor([sign > 0]), sign > 0):
            x.grad = None
            y = g(x, pred)
            y.sum().backward()
            raw = x.detach().numpy()
            np.testing.assert_allclose(y.detach().numpy(), np.sin(raw) if sign > 0 else raw * 2, rtol=1e-6)
            np.testing.assert_allclose(x.grad.numpy(), np.cos(raw) if sign > 0 else [2, 2], rtol=1e-6)


TREES = [
    [1, (2, None), {"b": 3, "a": [4]}],
    OrderedDict(z=1, a=(None,)),
    5,
    None,
    (),
    [[], {}],
]


@pytest.mark.parametrize("tree", TREES, ids=str)
def test_trees(tree):
    mine, theirs = ours.utils._pytree, torch.utils._pytree
    (a, spec), (b, other) = mine.tree_flatten(tree), theirs.tree_flatten(tree)
    assert a == b
    assert spec.num_leaves == other.num_leaves
    assert mine.tree_unflatten(a, spec) == tree
    assert spec == mine.tree_structure(mine.tree_map(str, tree))
    for p in (mine, theirs):
        assert p.tree_map(lambda x, y: (x, y), tree, tree) == theirs.tree_map(lambda x: (x, x), tree)
        assert p.tree_map_only(int, lambda x: x + 1, tree) == theirs.tree_map_only(int, lambda x: x + 1, tree)
        assert p.tree_any(lambda x: x is None, tree) is (None in b)
        assert p.tree_all(lambda x: x is None, tree) is all(x is None for x in b)
    lists = [p.tree_leaves(tree, lambda x: isinstance(x, list)) for p in (mine, theirs)]
    assert lists[0] == lists[1]


def test_trees_that_do_not_fit():
    tree = ours.utils._pytree
    assert tree.tree_leaves([ours.ones(2).shape]) == [(2,)]
    with pytest.raises(ValueError, match="2 leaves, not 1"):
        tree.tree_unflatten([1], tree.tree_structure([1, 2]))
    with pytest.raises(ValueError, match="one nesting"):
        tree.tree_map(max, [1, 2], [1])
