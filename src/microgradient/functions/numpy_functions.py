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
from . import linalg, manipulation, methods, pointwise, statistical


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
    counterpart = getattr(pointwise, UFUNCS.get(ufunc, ""), None) or _counterparts().get(ufunc)
    entrywise = ufunc.signature is None  # not so matmul, which has no `outer`
    if counterpart is not None and not options and (method == "__call__" or (method == "outer" and entrywise)):
        if method == "outer":
            inputs = (manipulation.reshape(inputs[0], np.shape(inputs[0]) + (1,) * np.ndim(inputs[1])), inputs[1])
        return counterpart(*inputs)
    if method == "reduce" and ufunc in _REDUCTIONS:
        return _counterparts()[_REDUCTIONS[ufunc]](*inputs, **{"axis": 0} | options)
    if _needs_gradient(inputs) and counterpart is not None and options.get("out") and method == "__call__":
        raise ArgumentTypeError(
            "MG111", f"np.{ufunc.__name__} can't write into an array, which does not carry the gradient that this tensor needs. "
            f"Leave out `out`: `y = np.{ufunc.__name__}(x)`.",
        )  # fmt: skip
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


_REDUCTIONS: dict[Any, Any] = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}

# Functions whose results are flat, or say something about the array: they run on it whether or not it needs a gradient.
_FLAT = {
    "allclose", "array2string", "array_equal", "array_equiv", "array_repr", "array_str", "argpartition",
    "argwhere", "bincount", "can_cast", "common_type", "digitize", "flatnonzero", "histogram", "isclose",
    "iscomplex", "iscomplexobj", "isin", "isneginf", "isposinf", "isreal", "isrealobj", "lexsort", "may_share_memory",
    "min_scalar_type", "result_type", "save", "savetxt", "savez", "shares_memory",
    "unique", "unravel_index",
}  # fmt: skip

_RENAMED = {"ddof": "correction", "a_min": "min", "a_max": "max", "m": "k"}


@functools.cache
def _counterparts() -> dict[Any, Callable[..., Any]]:
    """NumPy's functions, and what runs in their place; made when the first of them is called.

    All that have the name of one of ours mean the same by their parameters, but for those that follow.
    """
    from .. import fft, functions, special
    from . import numpy_arithmetic, numpy_shapes

    named = [(np, functions, name) for name in functions.__all__ if name != "result_type"]  # which is about dtypes
    named += [(np.linalg, linalg, name) for name in linalg.__all__]
    named += [(np.fft, fft, name) for name in fft.__all__]
    pairs = [(getattr(theirs, name, None), getattr(ours, name)) for theirs, ours, name in named]
    pairs += [(np.amax, statistical.max), (np.amin, statistical.min)]
    pairs += [(np.cross, linalg.cross), (np.squeeze, methods.squeeze), (np.copy, methods.copy)]
    pairs += [(np.swapaxes, methods.swapaxes), (np.sinc, special.sinc), (np.i0, special.i0)]
    alike = {theirs: _adapted(theirs, ours) for theirs, ours in pairs if type(theirs) is type(np.sum)}
    return alike | numpy_shapes.COUNTERPARTS | numpy_arithmetic.COUNTERPARTS | numpy_arithmetic.UFUNC_COUNTERPARTS


def _adapted(theirs: Any, ours: Callable[..., Any]) -> Callable[..., Any]:
    """`ours` with the parameters of NumPy's `theirs`, of which those that ours lacks must have their default."""

    def counterpart(*args: Any, **kwargs: Any) -> Any:
        import inspect  # not at the top: it takes a while, and few programs come here

        signature = inspect.signature(theirs)
        given = signature.bind(*args, **kwargs).arguments
        own = inspect.signature(ours).parameters
        unnamed = [name for name, p in own.items() if p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL)]
        positional, options = [], {}
        for i, (name, parameter) in enumerate(signature.parameters.items()):
            if name not in given:
                continue
            value = given[name]
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
    theirs, ours = f"np.{home}", linalg if home else microgradient.functions
    if isinstance(function, np.ufunc) and getattr(np, function.__name__, None) is not function:
        theirs, home, ours = "scipy.special.", "special.", microgradient.special
    names: list[str] = ours.__all__
    known = [name for name in names if callable(getattr(ours, name))]
    near = get_close_matches(function.__name__, known, n=3, cutoff=0.4) or known[-8:]
    return GradientError(
        "MG111",
        f"{theirs}{function.__name__}{method} has no gradient here, and this tensor needs one. There are "
        f"{', '.join(f'`mg.{home}{name}`' for name in near)}, ...; for the value only, write "
        f"`{theirs}{function.__name__}{method}(x.detach())`.",
    )
