"""`torch.autograd.functional`: products with Jacobians and Hessians, and these themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import microgradient as mg

from ...tensor import Tensor as Base
from ..tensor import adopt

Function = Callable[..., Any]


def _of_tuple(func: Function, inputs: Any) -> tuple[Function, tuple[Any, ...], bool]:
    """The function, its arguments as a tuple, and whether there was one by itself."""
    single = isinstance(inputs, Base)
    xs = (inputs,) if single else tuple(inputs)
    return (lambda *a: func(*map(adopt, a))), tuple(mg.stop_gradient(x) for x in xs), single


def _plain(x: Any, single: bool) -> Any:
    return adopt(x[0] if single and isinstance(x, tuple) and len(x) == 1 else x)


def vjp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """(func(inputs), vᵀ · Jacobian)."""
    f, xs, single = _of_tuple(func, inputs)
    y, pull = mg.vjp(f, *(inputs if isinstance(inputs, tuple) else (inputs,)) if create_graph else xs)
    seed = v if v is not None else mg.ones_like(y)
    return adopt(y), _plain(pull(seed), single)


def jvp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """(func(inputs), Jacobian · v)."""
    f, xs, _ = _of_tuple(func, inputs)
    seeds = (v,) if isinstance(v, Base) else v if v is not None else tuple(mg.ones_like(x) for x in xs)
    y, moved = mg.jvp(f, xs, tuple(seeds))
    return adopt(y), adopt(moved)


def jacobian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "",
) -> Any:
    """All partial derivatives, of shape func(x).shape + x.shape; for several results or arguments a tuple of tuples."""
    f, xs, single = _of_tuple(func, inputs)
    if create_graph:
        xs = (inputs,) if single else tuple(inputs)
    found = mg.jacobian(f, argnums=tuple(range(len(xs))))(*xs)
    several = isinstance(found[0], tuple)
    if single:
        return adopt(tuple(row[0] for row in found) if several else found[0])
    return adopt(found)


def hessian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "",
) -> Any:
    """All second partial derivatives of a function with one number as result."""
    f, xs, single = _of_tuple(func, inputs)
    if create_graph:
        xs = (inputs,) if single else tuple(inputs)
    numbers = tuple(range(len(xs)))
    found = mg.jacobian(mg.grad(f, argnums=numbers), argnums=numbers)(*xs)
    return adopt(found[0][0] if single else found)


def vhp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """(func(inputs), vᵀ · Hessian)."""
    return hvp(func, inputs, v, create_graph, strict)


def hvp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """(func(inputs), Hessian · v)."""
    f, xs, single = _of_tuple(func, inputs)
    seeds = (v,) if isinstance(v, Base) else v if v is not None else tuple(mg.ones_like(x) for x in xs)
    gradient = mg.grad(f, argnums=tuple(range(len(xs))))
    _, moved = mg.jvp(gradient, xs, tuple(seeds))
    return adopt(f(*xs)), _plain(moved, single)
