"""How a function gets PyTorch's calling habits: other spellings of parameters, `out=`, results of this module's class; methods.

`function` puts a function into `FUNCTIONS`, from which `torch.*` and the methods of Tensor follow. `x.add_(y)` is
made of the function where PyTorch has such a form, by writing the result into the tensor.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast, overload

import numpy as np

from ..errors import ArgumentTypeError, MicrogradientError
from ..tape import next_seq
from ..tensor import Tensor as Base
from . import memory
from .graph import note_called
from .tensor import Tensor, adopt
from .types import Sparse

FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""Every function of `torch`, by its name."""

_SPELLINGS = {
    "axis": "dim",
    "keepdims": "keepdim",
    "x": "input",
    "x1": "input",
    "x2": "other",
    "a": "input",
    "axes": "dims",
}


Function = TypeVar("Function", bound=Callable[..., Any])


@overload
def function(f: Function) -> Function: ...
@overload
def function(
    *, names: str = "", method: bool = True, view: bool = False, inplace: bool = False
) -> Callable[[Function], Function]: ...
@overload
def function(
    f: Callable[..., Any], *, names: str = "", method: bool = True, view: bool = False, inplace: bool = False
) -> Any: ...
def function(
    f: Callable[..., Any] | None = None,
    *,
    names: str = "",
    method: bool = True,
    view: bool = False,
    inplace: bool = False,
) -> Any:
    """Make `f` a function of `torch`, under its own name without a trailing underscore and under `names`.

    `method`: of tensors, too. `view`: its result shares the memory of its first argument, if NumPy could do that. `inplace`:
    tensors have it as `name_`, too, which writes the result into them.
    """
    if f is None:
        return functools.partial(function, names=names, method=method, view=view, inplace=inplace)
    call, name = _with_habits(f, view), f.__name__.rstrip("_")
    for key in (name, *names.split()):
        FUNCTIONS[key] = call
        if method:
            setattr(Tensor, key, call)
        if inplace:
            setattr(Tensor, f"{key}_", (reshaping if view else in_place)(call, f"{key}_"))
    return call


def _with_habits(f: Callable[..., Any], view: bool) -> Callable[..., Any]:
    name, parameters = f.__name__.rstrip("_"), inspect.signature(f).parameters
    has_out = "out" in parameters

    @functools.wraps(f)
    def call(*args: Any, **options: Any) -> Any:
        out, sparse, first = None, None, next_seq()
        if options:
            for theirs in options.keys() & _SPELLINGS.keys():
                if theirs not in parameters and _SPELLINGS[theirs] in parameters:
                    options[_SPELLINGS[theirs]] = options.pop(theirs)
            if not has_out:
                out = options.pop("out", None)
        try:
            y = f(*args, **options)
        except (TypeError, AttributeError) as error:
            sparse = next((x for x in (*args, *options.values()) if isinstance(x, Sparse)), None)
            if sparse is None:
                raise _translated(error, call, args, options) from None
            y = NotImplemented
        if y is NotImplemented and sparse is not None:
            return sparse.called(name, args, options)
        y = adopt(y)
        if y.__class__ is Tensor:
            node = y.node
            if node is not None and node.seq > first:
                node.called = (name, len(args) > 1 or bool(options), first)
            if not view:
                memory.apart(y, (*args, *options.values()))
        elif isinstance(y, tuple | list):
            for part in y:
                note_called(part, name, len(args) > 1 or bool(options), first)
        if view:
            _share(y, args, options, f)
        return y if out is None else _written(out, y)

    call.__name__ = call.__qualname__ = name
    return call


def adopting(f: Function) -> Function:
    """`f`, a function of a module inside `torch`: with PyTorch's calling habits, but not one of `torch` itself."""
    return cast("Function", _with_habits(f, view=False))


def in_place(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The method that writes what `call` gives into its tensor."""

    def method(self: Tensor, *args: Any, **options: Any) -> Tensor:
        return memory.write(self, call(self, *args, **options), f"`x.{name}(…)`")

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{name[:-1]}`, written into the tensor, which is returned."
    return method


def reshaping(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The method by which a tensor becomes the view that `call` gives of it."""

    def method(self: Tensor, *args: Any, **options: Any) -> Tensor:
        return memory.become(self, lambda x: call(x, *args, **options), f"`x.{name}(…)`")

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"The tensor itself becomes its `{name[:-1]}`, in the same memory."
    return method


def _share(y: Any, args: tuple[Any, ...], options: dict[str, Any], f: Callable[..., Any]) -> None:
    source = args[0] if args else options["input"]
    if not isinstance(source, Tensor):
        return
    for i, part in enumerate(y) if isinstance(y, tuple | list) else [(None, y)]:
        if part is not source and memory.shares(part, source):
            memory.share(part, source, functools.partial(_again, f, args[1:], options, i))


def _again(f: Callable[..., Any], rest: tuple[Any, ...], options: dict[str, Any], i: int | None, base: Any) -> Any:
    options = {k: v for k, v in options.items() if k != "input"}
    y = f(base, *rest, **options)
    return adopt(y if i is None else y[i])


def _written(out: Any, y: Any) -> Any:
    if isinstance(out, tuple | list):
        for o, part in zip(out, y, strict=True):
            _written(o, part)
        return y.__class__(*out) if hasattr(y, "_fields") else out
    if out.raw.shape != y.raw.shape:
        out.raw = np.empty(y.raw.shape, out.raw.dtype)
    return memory.write(out, y, "`out=`")


def _translated(error: Exception, call: Callable[..., Any], args: Any, options: Any) -> Exception:
    """The error in terms of the call, if a misfit of its arguments is what it says."""
    if isinstance(error, TypeError):
        return _explained(error, call, args, options)
    if not isinstance(error, AttributeError) or error.name != "raw" or isinstance(error.obj, Base):
        return error
    return _no_tensor(error.obj, call, args, options)


def _explained(error: TypeError, call: Callable[..., Any], args: Any, options: Any) -> TypeError:
    if isinstance(error, MicrogradientError):
        return error
    name = call.__name__
    try:
        inspect.signature(call).bind(*args, **options)
    except TypeError as misfit:
        return ArgumentTypeError("MG125", f"torch.{name}{inspect.signature(call)}: {misfit}.")
    first = args[0] if args else options.get("input")
    if not isinstance(first, Base) and "input" in inspect.signature(call).parameters:
        return ArgumentTypeError(
            "MG125", f"{name}(): argument 'input' must be Tensor, not {type(first).__name__}. Write `torch.tensor(…)`."
        )
    return error


def _no_tensor(found: Any, call: Callable[..., Any], args: Any, options: Any) -> ArgumentTypeError:
    """What to say where a tensor was expected and `found` given."""
    given = inspect.signature(call).bind(*args, **options).arguments
    which = next((f"argument '{name}'" for name, value in given.items() if value is found), "an argument")
    instead = "x.to_dense()" if isinstance(found, Sparse) else "torch.tensor(…)"
    return ArgumentTypeError(
        "MG125", f"{call.__name__}(): {which} must be Tensor, not {type(found).__name__}. Write `{instead}`."
    )
