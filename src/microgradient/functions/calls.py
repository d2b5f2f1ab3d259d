"""What is said of a call that failed because its arguments don't fit the function. A call that succeeds isn't looked at."""

from __future__ import annotations

import functools
import inspect
import itertools
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from types import FunctionType, UnionType
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, MicrogradientError
from ..tensor import Tensor

_THEIRS = {  # parameters, and what PyTorch or NumPy call them
    "x": "input self a arr", "x1": "input a", "x2": "other b", "arrays": "tensors seq", "axis": "dim dims axes",
    "axes": "dims dim axis", "dim": "axis", "keepdims": "keepdim", "keepdim": "keepdims", "correction": "ddof",
    "k": "diagonal offset", "offset": "diagonal k", "shape": "size newshape", "min": "a_min", "max": "a_max",
    "start_axis": "start_dim", "end_axis": "end_dim", "indices": "index", "shift": "shifts", "ord": "p",
}  # fmt: skip


def _pair(name: str) -> str:
    return (
        f"It gives the values alone, where PyTorch's gives a pair: write `x.{name}(axis=1)`, and `x.arg{name}(axis=1)` "
        "for the indices."
    )


def _spread(name: str) -> str:
    return (
        f"NumPy divides by n, PyTorch by n - 1: write `x.{name}(correction=0)` or `x.{name}(correction=1)`; "
        f"`mg.{name}(x)` is by n."
    )


OTHERWISE = {  # what means something else in PyTorch: what to write, and the parameter that makes it clear
    "sort": (_pair("sort"), ""),
    **{name: (f"{_pair(name)} Of two tensors: `mg.{name}imum(x1, x2)`.", "") for name in ("max", "min")},
    **{name: (_spread(name), "correction") for name in ("std", "var")},
    "repeat": ("NumPy repeats each entry, `mg.repeat(x, 2)`, PyTorch the whole, `mg.tile(x, (2,))`.", "axis"),
    "nonzero": (
        "`mg.nonzero(x)` gives one tensor for each axis; PyTorch's table is `mg.stack(mg.nonzero(x), axis=1)`.",
        "axis",
    ),
}


def answer_calls(module: str, names: Iterable[str], home: str) -> None:
    """Let public functions of a module, written behind `home`, say what to write instead where their arguments don't fit.

    Inside the package they are called where they were defined, which takes a little less time.
    """
    namespace = vars(sys.modules[module])
    for name in names:
        if isinstance(function := namespace[name], FunctionType):
            if function not in _public:  # else it is public in another module already
                _public[function] = answering(function, home)
                _public[function].__module__ = module  # where pickle finds it
            namespace[name] = _public[function]


_public: dict[Callable[..., Any], Callable[..., Any]] = {}


def answering(function: Callable[..., Any], home: str) -> Callable[..., Any]:
    """`function`, which tells how to call it where its arguments don't fit its signature."""

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except MISFITS as error:
            if (told := answer(error, function, home, args, options)) is None:
                raise
            raise told from None

    return call


MISFITS = (AttributeError, IndexError, TypeError, ValueError)
"""The errors of a call whose arguments don't fit."""


def answer(error: Exception, function: Any, home: str, args: Any, options: dict[str, Any]) -> ArgumentTypeError | None:
    """What to raise in the place of an error of a call: what to write, if the arguments don't fit."""
    if isinstance(error, MicrogradientError):
        return None
    signature, called = inspect.signature(function), home + function.__name__
    parameters, aliases = signature.parameters, vars(sys.modules[function.__module__])
    try:
        given = signature.bind(*args, **options).arguments
    except TypeError as error:
        ours = {n: o for n in options if n not in parameters for o in parameters if n in _THEIRS.get(o, "").split()}
        why = ", ".join(f"`{n}` is `{o}` here" for n, o in ours.items()) or str(error)
        meant: dict[str, Any] = {
            n: ... for n, p in parameters.items() if p.default is p.empty and p.kind is not p.VAR_POSITIONAL
        }
        meant |= dict(zip(by_position(function), _with_shape(args, by_position(function)), strict=False)) | {
            ours.get(n, n): v for n, v in options.items()
        }
        fix = [_written(n, value, parameters[n].kind) for n, value in meant.items() if n in parameters]
        note = OTHERWISE.get(function.__name__, ("",))[0] if home != "F." else ""
        fix = fix[home == "x." :]
        return ArgumentTypeError("MG125", f"{called}: {why}. Write `{called}({', '.join(fix)})`. {note}".rstrip())
    for name, value in given.items():
        kinds = parameters[name].annotation.split(" | ")
        kinds = [str(aliases[kind]) if isinstance(aliases.get(kind), UnionType) else kind for kind in kinds]
        wanted = " | ".join(kinds).replace("collections.abc.", "")
        said = re.search(rf"`{name}` ({_SHAPE}( or {_SHAPE})*)", function.__doc__ or "")
        if said and isinstance(value, Tensor):
            wanted = f"a tensor of shape {said[1]}"
            lengths = [(shape.count(",") + 1, "..." in shape) for shape in said[1].split(" or ")]
            fits = any(value.ndim == n or (more and value.ndim >= n - 1) for n, more in lengths)
        else:
            fits = any(_is(kind, value) for kind in wanted.split(" | "))
        if not fits:
            got = f"one of shape {value.shape}" if isinstance(value, Tensor) else f"{value!r:.40}"
            if "Sequence[int]" in wanted and type(value) is int:
                return ArgumentTypeError("MG125", f"{called}: `{name}` is {wanted}, not {got}. Write `({got},)`.")
            return ArgumentTypeError("MG125", f"{called}: `{name}` is {wanted}, not {got}.")
    return None


_SHAPE = r"\([^ ,()]+(?:, [^ ,()]+)*\)"  # as docstrings write it


def by_position(function: Callable[..., Any]) -> list[str]:
    """The parameters that arguments by position are meant for: those that have a place, and these options behind them."""
    options = ["n", "k", "axis", "keepdims", "descending", "largest"]
    parameters = inspect.signature(function).parameters
    placed = [name for name, p in parameters.items() if p.kind is not p.KEYWORD_ONLY]
    return placed + [name for name in options if name in parameters and name not in placed]


def _with_shape(args: Sequence[Any], places: Sequence[str]) -> Sequence[Any]:
    """Arguments by position, with integers that were meant for one shape, `ones(2, 3)`, as a tuple."""
    if "shape" not in places:
        return args
    first = places.index("shape")
    sizes = list(itertools.takewhile(lambda a: isinstance(a, int), args[first:]))
    return [*args[:first], tuple(sizes), *args[first + len(sizes) :]] if len(sizes) > 1 else args


def _written(name: str, value: Any, kind: int) -> str:
    if kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL):
        return f"*{name}" if kind else name
    return f"{name}={value!r}" if isinstance(value, bool | int | float | str | tuple | None) else f"{name}={name}"


def _is(kind: str, value: Any) -> bool:
    """Whether `value` is what an annotation says; of those that aren't here, anything is."""
    outer, _, inner = kind.partition("[")
    if outer in ("Sequence", "tuple"):
        item = inner.removesuffix("]").split(", ")[0]
        if not isinstance(value, list | tuple | np.ndarray | Tensor) or getattr(value, "ndim", 1) == 0:
            return False
        as_many = outer == "Sequence" or "..." in inner or len(value) == inner.count(",") + 1
        return as_many and all(_is(item, v) for v in value)
    types = {"None": type(None), "bool": bool | np.bool_, "int": int | np.integer, "float": float | int | np.number,
             "Number": complex | int | float | np.number, "str": str}  # fmt: skip
    return isinstance(value, types.get(kind, object)) or (kind in ("int", "float") and getattr(value, "shape", 0) == ())
