"""How the functions of this package are made: for 1, 2 and 3 dimensions from one, and with arguments that are tensors."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from ...errors import ArgumentTypeError
from ...functions.arguments import as_tensor
from ...functions.calls import MISFITS, answer
from ...tensor import Tensor
from ...trace_hooks import Traced

P = ParamSpec("P")
First = TypeVar("First")
Result = TypeVar("Result")


def in_dimensions(
    ndim: First, general: Callable[Concatenate[First, P], Result]
) -> Callable[[Callable[[], None]], Callable[P, Result]]:
    """Make of a name and a docstring the function that a general one is with this first argument, mostly spatial dimensions."""

    def make(named: Callable[[], None]) -> Callable[P, Result]:
        @functools.wraps(named)
        def function(*args: P.args, **options: P.kwargs) -> Result:
            return general(ndim, *args, **options)

        signature = _signature(general)
        _, *rest = signature.parameters.values()
        function.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]
        function.__annotations__ = {p.name: p.annotation for p in rest}
        return function

    return make


_signature = functools.cache(inspect.signature)


def takes_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, whose arguments annotated with Tensor are tensors when it begins.

    Given as lists, arrays or numbers they are converted, anything else is refused. Where other arguments don't fit its signature,
    it tells how to call it.
    """
    # all are annotated, so these are the parameters, and much faster to get than a signature
    annotated = enumerate(function.__annotations__.items())
    tensors = [
        (i, name, "None" in kind) for i, (name, kind) in annotated if kind.startswith("Tensor") and name != "return"
    ]

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        for i, name, optional in tensors:
            if i < len(args):
                if not isinstance(args[i], Tensor):
                    args = (*args[:i], _converted(args[i], function, name, optional), *args[i + 1 :])
            elif name in options and not isinstance(options[name], Tensor):
                options[name] = _converted(options[name], function, name, optional)
        try:
            return function(*args, **options)
        except MISFITS as error:
            if (told := answer(error, function, "F.", args, options)) is None:
                raise
            raise told from None

    return call


def takes_former_reduction(loss: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """`loss`, which also takes PyTorch's former arguments `size_average` and `reduce`, True or False, instead of `reduction`."""

    @functools.wraps(loss)
    def function(*args: P.args, **options: P.kwargs) -> Tensor:
        average, reduced = options.pop("size_average", None), options.pop("reduce", None)
        if average is not None or reduced is not None:
            options["reduction"] = former_reduction(average, reduced)
        return loss(*args, **options)

    signature = inspect.signature(loss)
    former = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=None) for n in ("size_average", "reduce")]
    parameters = [*signature.parameters.values(), *(p.replace(annotation="bool | None") for p in former)]
    function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return function


def former_reduction(size_average: Any, reduce: Any) -> str:
    """What PyTorch's former arguments mean."""
    return "none" if reduce is False else "sum" if size_average is False else "mean"


def _converted(value: Any, function: Callable[..., Any], name: str, optional: bool) -> Tensor | None:
    if value is None and optional:
        return None
    if isinstance(value, list | tuple | bool | int | float | Traced) or hasattr(value, "__array__"):
        return as_tensor(value)
    raise ArgumentTypeError(
        "MG125", f"{function.__name__}: `{name}` is a tensor, an array or nested lists of numbers, not {type(value).__name__}. "
        "Write `mg.tensor(…)` of the numbers.",
    )  # fmt: skip
