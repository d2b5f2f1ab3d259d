"""Calls of functions that are made of primitives, such as `softmax`: which operation belongs to which call."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np

_PACKAGES = ("functions", "functions.linalg", "nn.functional")
_OURS = str(Path(__file__).parents[1])
_known: dict[CodeType, Mapping[str, inspect.Parameter] | None] = {}
_LONGEST, _MEMBERS = 80, 6  # characters of the arguments of a call, and members of one of them


class Composite:
    """A call of a public function that computes with primitives; `arguments` are by the names of its parameters.

    `operations` counts what was computed in it.

    >>> import microgradient as mg
    >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> with mg.trace() as t:
    ...     y = mg.softmax(x)
    >>> [(step.node.op.name, step.composites[0].name) for step in t.steps.values()]
    [('subtract', 'softmax'), ('exp', 'softmax'), ('sum', 'softmax'), ('divide', 'softmax')]
    """

    __slots__ = ("arguments", "name", "operations", "parameters")

    def __init__(self, name: str, arguments: Mapping[str, Any], parameters: Mapping[str, inspect.Parameter]) -> None:
        self.name = name
        self.arguments = arguments
        self.parameters = parameters
        self.operations = 0

    def call(self, name_of: Callable[[Any], str]) -> str:
        """How it was called, such as `cross_entropy(logits, y, reduction='sum')`, without what was left at its default.

        `name_of` names tensors and arrays.
        """
        told = []
        for parameter in self.parameters.values():
            value = self.arguments.get(parameter.name, parameter.default)
            if parameter.kind is parameter.VAR_POSITIONAL:
                told += [_told(each, name_of) for each in (() if value is parameter.empty else value)]
            elif _is_array(value) or not (value is parameter.default or value == parameter.default):
                text = _told(value, name_of)
                told.append(text if parameter.default is parameter.empty else f"{parameter.name}={text}")
        text = ", ".join(told)
        return f"{self.name}({text if len(text) <= _LONGEST else f'{text[:_LONGEST]}…'})"


def _is_array(value: Any) -> bool:
    return hasattr(value, "raw") or isinstance(value, np.ndarray)


def _told(value: Any, name_of: Callable[[Any], str]) -> str:
    """An argument as it would be written."""
    if _is_array(value):
        return name_of(value)
    if isinstance(value, list | tuple):
        inside = ", ".join(_told(each, name_of) for each in value[:_MEMBERS]) + (", …" if len(value) > _MEMBERS else "")
        return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' if len(value) == 1 else ''})"
    return repr(value) if isinstance(value, str | int | float | None) else "…"


def composite_of(frame: FrameType, known: dict[FrameType, Composite]) -> Composite | None:
    """The call that runs in `frame`, if that is a public function of Microgradient which computes with tensors.

    `known` has those of the frames that were met before, and gets it.
    """
    code = frame.f_code
    if code not in _known:
        _known[code] = _public(code)
    parameters = _known[code]
    if parameters is None:
        return None
    if frame not in known:
        several = bool(code.co_flags & inspect.CO_VARARGS)
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + several]
        arguments = {name: frame.f_locals[name] for name in names if name in frame.f_locals}
        known[frame] = Composite(code.co_name, arguments, parameters)
    return known[frame]


def _public(code: CodeType) -> Mapping[str, inspect.Parameter] | None:
    """The parameters of the function that the code is of, if it is public."""
    if not code.co_filename.startswith(_OURS):
        return None
    root = __name__.partition(".")[0]
    for package in _PACKAGES:
        found = getattr(sys.modules.get(f"{root}.{package}"), code.co_name, None)
        function = inspect.unwrap(found) if callable(found) else None
        if function is not None and getattr(function, "__code__", None) is code:
            return inspect.signature(function).parameters
    return None
