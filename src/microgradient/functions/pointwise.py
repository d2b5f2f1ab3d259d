"""The elementwise functions of one or two arguments, derived from the rulebook: a row with a `doc` is a function.

What they compute and their derivatives are in `rules.py`. For type checkers and editors `pointwise.pyi` declares them, which
`python tools/pointwise_stub.py` writes and a test compares.
"""

from __future__ import annotations

from typing import Any

from ..operators import pointwise_function
from ..primitives import Primitive, for_each_primitive
from .arguments import as_tensor

__all__: list[str] = []


def documentation(row: Primitive) -> str:
    """The docstring of a row's function."""
    arguments, result = row.example.split(" -> ")
    notes = " Integers become the default float." if row.floats else ""
    shown = f">>> import microgradient as mg\n>>> mg.{row.name}({arguments})\ntensor({result})"
    return f"{row.doc}, for each element.{notes}\n\n{shown}\n"


@for_each_primitive
def _function(row: Primitive) -> None:
    if row.doc:
        function: Any = pointwise_function(row.name, as_tensor)
        function.__name__ = function.__qualname__ = row.name
        function.__module__, function.__doc__ = __name__, documentation(row)
        globals()[row.name] = function
        __all__.append(row.name)
