"""The tensors among a function's arguments: given as lists, arrays or numbers they are converted, anything else is refused."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from ...errors import ArgumentTypeError
from ...functions.arguments import as_tensor
from ...tensor import Tensor
from ...trace_hooks import Traced


def takes_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, whose arguments annotated with Tensor are tensors when it begins."""
    parameters = enumerate(inspect.signature(function).parameters.values())
    tensors = [(i, p.name, "None" in p.annotation) for i, p in parameters if p.annotation.startswith("Tensor")]

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        for i, name, optional in tensors:
            if i < len(args):
                if not isinstance(args[i], Tensor):
                    args = (*args[:i], _converted(args[i], function, name, optional), *args[i + 1 :])
            elif name in options and not isinstance(options[name], Tensor):
                options[name] = _converted(options[name], function, name, optional)
        return function(*args, **options)

    return call


def _converted(value: Any, function: Callable[..., Any], name: str, optional: bool) -> Tensor | None:
    if value is None and optional:
        return None
    if isinstance(value, list | tuple | bool | int | float | Traced) or hasattr(value, "__array__"):
        return as_tensor(value)
    raise ArgumentTypeError(
        "MG125", f"{function.__name__}: `{name}` is a tensor, an array or nested lists of numbers, not {type(value).__name__}. "
        "Write `mg.tensor(…)` of the numbers.",
    )  # fmt: skip
