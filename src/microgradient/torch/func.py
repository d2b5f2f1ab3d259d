"""`torch.func`: transforms of functions, as in JAX."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import microgradient as mg

from ..tensor import Tensor as Base
from ..tree import flatten
from .tensor import adopt

Function = Callable[..., Any]


def _adopting(f: Function) -> Function:
    """`f` on tensors of this module."""

    @functools.wraps(f)
    def call(*args: Any, **options: Any) -> Any:
        return f(*map(_adopted, args), **options)

    return call


def _adopted(tree: Any) -> Any:
    leaves, rebuild = flatten(tree)
    return rebuild([adopt(x) for x in leaves])


def grad(func: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    """The gradient of a function with one number as result.

    >>> import microgradient.torch as torch
    >>> torch.func.grad(torch.sin)(torch.tensor(0.0))
    tensor(1.)
    """
    return _result(mg.grad(_adopting(func), argnums, has_aux))


def _result(f: Function) -> Function:
    @functools.wraps(f)
    def call(*args: Any, **options: Any) -> Any:
        return _adopted(f(*args, **options))

    return call


def grad_and_value(func: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    """The gradient and the value: (gradient, value), or (gradient, (value, aux))."""
    both = mg.value_and_grad(_adopting(func), argnums, has_aux)

    @functools.wraps(func)
    def call(*args: Any, **options: Any) -> Any:
        value, gradient = both(*args, **options)
        return _adopted((gradient, value))

    return call


def vmap(
    func: Function, in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *, chunk_size: int | None = None
) -> Function:
    """The function for many examples at once, which lie along the axes `in_dims` of its arguments."""
    return _result(mg.vmap(_adopting(func), in_axes=in_dims, out_axes=out_dims))


def jacrev(func: Function, argnums: Any = 0, *, has_aux: bool = False, chunk_size: int | None = None) -> Function:
    """All partial derivatives."""
    if not has_aux:
        return _result(mg.jacobian(_adopting(func), argnums))
    kept: list[Any] = []

    def value(*args: Any, **options: Any) -> Any:
        y, aux = func(*args, **options)
        kept[:] = [aux]
        return y

    jacobian = _result(mg.jacobian(_adopting(value), argnums))
    return lambda *args, **options: (jacobian(*args, **options), kept[0])


def jacfwd(func: Function, argnums: Any = 0, has_aux: bool = False, *, randomness: str = "error") -> Function:
    """All partial derivatives; the direction of the sweeps is chosen by their number."""
    return jacrev(func, argnums, has_aux=has_aux)


def hessian(func: Function, argnums: Any = 0) -> Function:
    """All second partial derivatives."""
    return jacfwd(jacrev(func, argnums), argnums)


def jvp(func: Function, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """(func(*primals), its derivative along the tangents)."""
    return _adopted(mg.jvp(_adopting(func), tuple(primals), tuple(tangents), has_aux))


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> Any:
    """(func(*primals), a function from a cotangent of the result to those of the primals)."""
    value, pull, *aux = mg.vjp(_adopting(func), *primals, has_aux=has_aux)

    def vjp_fn(*cotangents: Any, retain_graph: bool = True, create_graph: bool = False) -> Any:
        return _adopted(pull(cotangents[0] if len(cotangents) == 1 else cotangents))

    return (_adopted(value), vjp_fn, *_adopted(tuple(aux)))


def cond(pred: Any, true_fn: Function, false_fn: Function, operands: Any = ()) -> Any:
    """`torch.cond`: true_fn(*operands) if `pred`, a bool or a tensor of one entry, else false_fn(*operands).

    Only one of them runs, also in a compiled function.

    >>> import microgradient.torch as torch
    >>> torch.cond(torch.tensor(True), lambda x: x + 1, lambda x: x - 1, (torch.ones(2),))
    tensor([2., 2.])
    """
    if isinstance(pred, Base):
        pred = mg.reshape(pred, ())
    return _adopted(mg.cond(pred, _adopting(true_fn), _adopting(false_fn), *operands))


def functional_call(
    module: Any, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: Mapping[str, Any] | None = None, *,
    tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """module(*args, **kwargs) with other tensors in the place of its parameters and buffers."""
    from ..nn.utils import functional_call as call  # layers load late

    named: dict[str, Any] = {}
    for part in (
        parameter_and_buffer_dicts
        if isinstance(parameter_and_buffer_dicts, tuple | list)
        else (parameter_and_buffer_dicts,)
    ):
        named |= part
    given = () if args is None else args if isinstance(args, tuple) else (args,)
    return call(module, named, *given, **(kwargs or {}))


def stack_module_state(models: Any) -> Any:
    """The parameters and the buffers of several modules of one kind, stacked along a new first axis: for `vmap`."""
    from .joining import stack

    parameters = {
        name: stack([dict(m.named_parameters())[name].detach() for m in models]).requires_grad_()
        for name, _ in models[0].named_parameters()
    }
    buffers = {name: stack([dict(m.named_buffers())[name] for m in models]) for name, _ in models[0].named_buffers()}
    return parameters, buffers


def linearize(func: Function, *primals: Any) -> Any:
    """(func(*primals), a function from tangents of the primals to that of the result)."""
    value = _adopting(func)(*primals)
    return _adopted(value), lambda *tangents: jvp(func, primals, tangents)[1]
