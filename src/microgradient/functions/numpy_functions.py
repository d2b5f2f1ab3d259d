"""NumPy's functions on tensors: `np.sum(x)` runs `mg.sum(x)`, so that its derivative is right (NEP 18).

A function that has no counterpart here runs on the array, unless the tensor needs a gradient, which would be lost.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..array_world import UFUNCS
from ..errors import ArgumentTypeError, GradientError
from ..tensor import Tensor
from . import (
    elementwise,
    linalg,
    manipulation,
    methods,
    pointwise,
    products,
    searching,
    statistical,
)


def array_function(self: Tensor, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The `__array_function__` of Tensor: what happens when NumPy's `function` is called with a tensor among `args`."""
    counterpart = _counterparts().get(function)
    if counterpart is not None:
        return counterpart(*args, **kwargs)
    if function.__name__ not in _FLAT and _needs_gradient((args, kwargs)):
        raise _no_gradient(function)
    return function(*_arrays(args), **_arrays(kwargs))


def array_ufunc(self: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    """The `__array_ufunc__` of Tensor: what happens when a ufunc, such as `np.exp`, meets a tensor."""
    counterpart = _PRODUCTS.get(ufunc) or getattr(pointwise, UFUNCS.get(ufunc, ""), None)
    if counterpart is not None and method == "__call__" and not options:
        return counterpart(*inputs)
    if _needs_gradient((inputs, options)):
        raise _no_gradient(ufunc, "" if method == "__call__" else f".{method}")
    if any(isinstance(out, Tensor) for out in options.get("out", ())):
        raise ArgumentTypeError(
            "MG111", f"np.{ufunc.__name__} can't write into a tensor: write `x = np.{ufunc.__name__}(…)`."
        )
    return getattr(ufunc, method)(*_arrays(inputs), **_arrays(options))


def attach() -> None:
    """Give Tensor NumPy's two protocols."""
    cls: Any = Tensor
    cls.__array_function__, cls.__array_ufunc__ = array_function, array_ufunc


_PRODUCTS: dict[Any, Callable[..., Any]] = {np.matmul: products.matmul, np.vecdot: products.vecdot}

# Functions whose results are flat, or say something about the array: they run on it whether or not it needs a gradient.
_FLAT = {
    "allclose", "array2string", "array_equal", "array_equiv", "array_repr", "array_str", "argpartition",
    "argwhere", "bincount", "can_cast", "common_type", "digitize", "flatnonzero", "histogram", "isclose",
    "iscomplex", "iscomplexobj", "isin", "isreal", "isrealobj", "lexsort", "may_share_memory",
    "min_scalar_type", "ndim", "result_type", "save", "savetxt", "savez", "shape", "shares_memory", "size",
    "unique", "unravel_index",
}  # fmt: skip

_RENAMED = {"ddof": "correction", "a_min": "min", "a_max": "max", "m": "k"}


@functools.cache
def _counterparts() -> dict[Any, Callable[..., Any]]:
    """NumPy's functions, and what runs in their place; made when the first of them is called.

    All that have the name of one of ours mean the same by their parameters, but for those that follow.
    """
    from .. import functions

    # linspace takes numbers, not tensors
    named = [(np, functions, name) for name in functions.__all__ if name != "linspace"]
    named += [(np.linalg, linalg, name) for name in linalg.__all__]
    pairs = [(getattr(theirs, name, None), getattr(ours, name)) for theirs, ours, name in named]
    pairs += [(np.amax, statistical.max), (np.amin, statistical.min), (np.around, elementwise.round)]
    pairs += [(np.cross, linalg.cross), (np.squeeze, methods.squeeze), (np.copy, methods.copy)]
    pairs += [(np.swapaxes, methods.swapaxes)]
    return {theirs: _adapted(theirs, ours) for theirs, ours in pairs if type(theirs) is type(np.sum)} | {
        np.fix: elementwise.trunc,
        np.fliplr: lambda m: manipulation.flip(m, axis=1),
        np.flipud: lambda m: manipulation.flip(m, axis=0),
        np.concatenate: lambda arrays, axis=0: manipulation.concat(arrays, axis=axis),
        np.hstack: lambda tup: manipulation.concat(tup, axis=1 if np.ndim(tup[0]) > 1 else 0),
        np.vstack: lambda tup: manipulation.concat(
            [x if np.ndim(x) > 1 else manipulation.reshape(x, (1, -1)) for x in tup], axis=0
        ),
        np.split: lambda ary, indices_or_sections, axis=0: list(
            manipulation.split(
                ary, axis=axis, **{"indices" if np.ndim(indices_or_sections) else "sections": indices_or_sections}
            )
        ),
        np.transpose: lambda a, axes=None: methods.transpose(a) if axes is None else methods.permute(a, axes),
        np.ravel: lambda a: manipulation.reshape(a, (-1,)),
        np.cumsum: functools.partial(_cumulated, statistical.cumulative_sum),
        np.cumprod: functools.partial(_cumulated, statistical.cumulative_prod),
        np.where: lambda condition, *xs: elementwise.where(condition, *xs) if xs else searching.nonzero(condition),
        np.pad: _pad,
        np.dot: _dot,
        np.inner: lambda a, b: products.tensordot(a, b, axes=((-1,), (-1,))) if np.ndim(a) and np.ndim(b) else a * b,
        np.outer: lambda a, b: products.outer(manipulation.reshape(a, (-1,)), manipulation.reshape(b, (-1,))),
        np.vdot: lambda a, b: products.vecdot(manipulation.reshape(a, (-1,)), manipulation.reshape(b, (-1,))),
        np.trace: lambda a, offset=0, axis1=0, axis2=1: linalg.trace(_last(a, axis1, axis2), offset=offset),
        np.diagonal: lambda a, offset=0, axis1=0, axis2=1: linalg.diagonal(_last(a, axis1, axis2), offset=offset),
        np.einsum: lambda subscripts, *operands, optimize=False: products.einsum(subscripts, *operands),
        np.linalg.norm: _norm,
    }


def _adapted(theirs: Any, ours: Callable[..., Any]) -> Callable[..., Any]:
    """`ours` with the parameters of NumPy's `theirs`, of which those that ours lacks must have their default."""

    def counterpart(*args: Any, **kwargs: Any) -> Any:
        import inspect  # not at the top: it takes a while, and few programs come here

        signature = inspect.signature(theirs)
        given = signature.bind(*args, **kwargs).arguments
        own = inspect.signature(ours).parameters
        unnamed = [name for name, p in own.items() if p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL)]
        positional, options = [], {}
        for i, (name, value) in enumerate(given.items()):
            parameter = signature.parameters[name]
            if parameter.kind is parameter.VAR_POSITIONAL:
                positional.extend(value)
            elif i < len(unnamed):
                positional.append(value)
            elif _RENAMED.get(name, name) in own:
                options[_RENAMED.get(name, name)] = value
            elif value is not parameter.default and value is not None:
                home = "linalg." if "linalg" in theirs.__module__ else ""
                raise ArgumentTypeError(
                    "MG111", f"np.{home}{theirs.__name__} on tensors has no `{name}`. Write `{_written(ours)}(…)`."
                )
        return ours(*positional, **{k: v for k, v in options.items() if v is not np._NoValue})

    return counterpart


def _written(ours: Callable[..., Any]) -> str:
    from .. import functions

    name = ours.__name__
    return f"mg.{name}" if name in functions.__all__ else f"mg.linalg.{name}" if name in linalg.__all__ else f"x.{name}"


# ------------------------------------------------------------------------------------------------ where the meanings differ


def _last(x: Any, axis1: int, axis2: int) -> Tensor:
    return manipulation.moveaxis(x, (axis1, axis2), (-2, -1))


def _cumulated(function: Callable[..., Tensor], a: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    if axis is None:
        a, axis = manipulation.reshape(a, (-1,)), 0
    return function(a, axis=axis, dtype=dtype)


def _pad(array: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Tensor:
    if mode != "constant":
        raise ArgumentTypeError("MG111", f"np.pad on tensors pads with a constant only, not {mode!r}.")
    return manipulation.pad(array, pad_width, value=constant_values)


def _dot(a: Any, b: Any) -> Tensor:
    if not np.ndim(a) or not np.ndim(b):
        return elementwise.multiply(a, b)
    return products.matmul(a, b) if np.ndim(b) < 3 else products.tensordot(a, b, axes=((-1,), (-2,)))


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    if ord is None:
        return linalg.vector_norm(x, axis=axis, keepdims=keepdims)
    if isinstance(axis, int) or (axis is None and np.ndim(x) == 1):
        return linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)
    if axis is not None:
        x = _last(x, *axis)
    return linalg.matrix_norm(x, keepdims=keepdims, ord=ord)


# ------------------------------------------------------------------------------------------------ without a counterpart


def _needs_gradient(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.node is not None
    if isinstance(value, list | tuple | dict):
        return any(_needs_gradient(v) for v in (value.values() if isinstance(value, dict) else value))
    return False


def _arrays(value: Any) -> Any:
    """`value` with the tensors inside it replaced by their arrays."""
    if isinstance(value, Tensor):
        return np.asarray(value)
    if isinstance(value, dict):
        return {k: _arrays(v) for k, v in value.items()}
    return type(value)(_arrays(v) for v in value) if type(value) in (list, tuple) else value


def _no_gradient(function: Any, method: str = "") -> GradientError:
    from difflib import get_close_matches

    import microgradient

    home = "linalg." if "linalg" in (getattr(function, "__module__", None) or "") else ""
    ours: Any = linalg if home else microgradient.functions
    known = [name for name in ours.__all__ if callable(getattr(ours, name))]
    near = get_close_matches(function.__name__, known, n=3, cutoff=0.4) or known[-8:]
    return GradientError(
        "MG111",
        f"np.{home}{function.__name__}{method} has no gradient here, and this tensor needs one. There are "
        f"{', '.join(f'`mg.{home}{name}`' for name in near)}, ...; for the value only, write "
        f"`np.{home}{function.__name__}{method}(x.detach())`.",
    )
