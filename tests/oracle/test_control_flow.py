"""scan, map, fori_loop, while_loop and cond agree with JAX's, derivatives, batches and compiled programs included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradient as mg
from microgradient.tree import flatten

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)
jnp, lax = jax.numpy, jax.lax

rng = np.random.default_rng(3)
W, XS, X, BATCH = (rng.normal(size=shape) * 0.6 for shape in ((3, 3), (5, 3), (3,), (4, 3)))

Program = Callable[[Any, Any, Any], Any]
"""A function of NumPy's or JAX's names, of the loops' names, and of x."""
PROGRAMS: dict[str, Program] = {
    "scan": lambda n, c, x: c.scan(lambda h, a: ((n.tanh(n.asarray(W) @ h + a), h * a)), x, n.asarray(XS)),
    "scan reversed": lambda n, c, x: c.scan(lambda h, a: (h * 0.5 + a["k"], {"y": h}), x, {"k": n.asarray(XS)}, reverse=True),
    "scan by length": lambda n, c, x: c.scan(lambda h, _: (n.sin(h) * x, h), x, None, length=4),
    "scan unrolled": lambda n, c, x: c.scan(lambda h, a: (h + a * x, h), x, n.asarray(XS), unroll=2),
    "map": lambda n, c, x: c.map(lambda a: (a * x, n.sum(a)), n.asarray(XS)),
    "fori_loop": lambda n, c, x: c.fori_loop(1, 6, lambda i, v: n.sin(v) * x + n.asarray(XS)[i % 5], x),
    "cond": lambda n, c, x: c.cond(x[0] > 0, lambda x: n.sin(x) * x, lambda x: x**3, x),
    "cond in scan": lambda n, c, x: c.scan(
        lambda h, a: (c.cond(a[0] > 0, lambda h: h * a, lambda h: n.cos(h), h), None), x, n.asarray(XS)
    ),
    "scan in scan": lambda n, c, x: c.scan(
        lambda h, a: c.scan(lambda g, b: (n.tanh(g * a + b), g * b), h, n.asarray(XS)), x, n.asarray(XS)
    ),
    "scan in cond": lambda n, c, x: c.cond(
        n.sum(x) > 0, lambda x: c.scan(lambda h, a: (h * a, None), x, n.asarray(XS))[0], lambda x: -x, x
    ),
}  # fmt: skip
TRANSFORMS: dict[str, Callable[[Any, Callable[[Any], Any]], Callable[[Any], Any]]] = {
    "value": lambda m, f: f,
    "gradient": lambda m, f: m.grad(lambda x: _total(f(x))),
    "tangent": lambda m, f: lambda x: m.jvp(f, (x,), (2 * x,)),
    "hessian": lambda m, f: m.hessian(lambda x: _total(f(x))),
    "batch": lambda m, f: m.vmap(f),
    "gradients of a batch": lambda m, f: m.vmap(m.grad(lambda x: _total(f(x)))),
}


def _total(tree: Any) -> Any:
    return sum((leaf * leaf).sum() for leaf in flatten(tree)[0])


def agree(transform: str, ours: Any, theirs: Any, x: np.ndarray[Any, Any]) -> None:
    wanted = flatten(TRANSFORMS[transform](jax, theirs)(jnp.asarray(x)))[0]
    made = TRANSFORMS[transform](mg, ours)
    for f in (made, mg.compile(made)):
        found = flatten(f(mg.tensor(x)))[0]
        assert len(found) == len(wanted)
        for a, b in zip(found, wanted, strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a.numpy(), np.asarray(b), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_jax(name: str, transform: str) -> None:
    program = PROGRAMS[name]
    x = BATCH if "batch" in transform else X
    agree(transform, lambda x: program(mg, mg, x), lambda x: program(jnp, lax, x), x)


@pytest.mark.parametrize("transform", ["value", "tangent", "batch"])
def test_while_loop_as_jax(transform: str) -> None:
    def program(n: Any, c: Any, x: Any) -> Any:
        return c.while_loop(lambda s: n.sum(s[0] * s[0]) < 50, lambda s: (s[0] * 1.5 + n.sin(x), s[1] + 1.0), (x, x[0]))

    x = BATCH if transform == "batch" else X
    agree(transform, lambda x: program(mg, mg, x), lambda x: program(jnp, lax, x), x)
