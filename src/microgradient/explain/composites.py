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
_known: dict[CodeType, Callable[..., Any] | None] = {}


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
            tensor = hasattr(value, "raw") or isinstance(value, np.ndarray)
            if not tensor and (value is parameter.default or value == parameter.default):
                continue
            plain = isinstance(value, str | int | float | tuple | list | None)
            text = name_of(value) if tensor else repr(value) if plain else "…"
            told.append(text if parameter.default is parameter.empty else f"{parameter.name}={text}")
        return f"{self.name}({', '.join(told)})"


def composite_of(frame: FrameType, known: dict[FrameType, Composite]) -> Composite | None:
    """The call that runs in `frame`, if that is a public function of Microgradient which computes with tensors.

    `known` has those of the frames that were met before, and gets it.
    """
    code = frame.f_code
    if code not in _known:
        _known[code] = _public(code)
    function = _known[code]
    if function is None:
        return None
    if frame not in known:
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        arguments = {name: frame.f_locals[name] for name in names if name in frame.f_locals}
        known[frame] = Composite(code.co_name, arguments, inspect.signature(function).parameters)
    return known[frame]


def _public(code: CodeType) -> Callable[..., Any] | None:
    if not code.co_filename.startswith(_OURS):
        return None
    root = __name__.partition(".")[0]
    for package in _PACKAGES:
        found = getattr(sys.modules.get(f"{root}.{package}"), code.co_name, None)
        function = inspect.unwrap(found) if callable(found) else None
        if getattr(function, "__code__", None) is code:
            return function
    return None
