"""The sweep adds large gradients in the memory of one that nothing else holds: nothing that anyone can see is written."""

import tracemalloc

import numpy as np

import microgradient as mg


def gradients(data, seed):
    """What arrives at the leaf, at two nodes that keep it, and at a hook, where gradients are passed on and added up."""
    x = mg.tensor(data, requires_grad=True)
    a = x * 2.0
    s = a + x  # passes what arrives on to both
    t = mg.reshape(s, (-1, 1)) + mg.reshape(a, (-1, 1))  # a view of it
    u = mg.reshape(t, (-1,)) + a * a + x * 3.0 + x + x + s
    seen = [], []
    a.register_hook(seen[0].append)
    x.register_hook(seen[1].append)
    a.keep_grad()
    s.keep_grad()
    cotangent = mg.tensor(seed)
    u.backward(cotangent, retain_graph=True)
    first = [g.numpy().copy() for g in (x.grad, a.grad, s.grad, seen[0][0], seen[1][0], cotangent)]
    held = [x.grad, a.grad, s.grad, seen[0][0], seen[1][0], cotangent]
    x.grad = a.grad = s.grad = None
    u.backward(cotangent)
    for before, now in zip(first, held, strict=True):
        np.testing.assert_array_equal(before, now.numpy())
    np.testing.assert_array_equal(x.grad.numpy(), first[0])
    return first


def test_large_gradients_are_those_of_their_parts():
    rng = np.random.default_rng(0)
    data, seed = rng.normal(size=(2, 20_000))
    whole = gradients(data, seed)
    parts = [gradients(data[i : i + 1000], seed[i : i + 1000]) for i in range(0, 20_000, 1000)]
    for k, g in enumerate(whole):
        np.testing.assert_array_equal(g, np.concatenate([part[k] for part in parts]))


def test_a_gradient_of_a_gradient_adds_up_too():
    data = np.random.default_rng(0).normal(size=20_000)
    x = mg.tensor(data, requires_grad=True)
    y = x * x * x + x * x + x
    y.backward(mg.ones(y.shape, dtype=y.dtype), create_graph=True)
    g = x.grad
    x.grad = None
    mg.sum(g * g).backward()
    slope = 3 * data**2 + 2 * data + 1
    np.testing.assert_allclose(x.grad.numpy(), 2 * slope * (6 * data + 2), rtol=1e-12, atol=1e-12)


def test_sums_of_large_gradients_take_no_new_memory():
    """Of what arrives at x there are two arrays at a time, the sum and the next part, and one that comes from above."""
    x = mg.tensor(np.ones(500_000), requires_grad=True)
    y = mg.sum(x * 2.0 + x * 3.0 + x * 4.0 + x * 5.0)
    tracemalloc.start()
    try:
        y.backward()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert x.grad is not None
    assert peak < 3.5 * x.data.nbytes
