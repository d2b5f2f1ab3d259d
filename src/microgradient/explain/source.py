"""What the user's code says about a variable: its name, and the line that gave it its value. Read to word an error, only then."""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from ..errors import user_frame
from .names import is_module, named_objects, variables_of

_LONGEST = 60  # characters of a line that are shown
_TO_NUMBERS = ("item", "tolist", "numpy")  # methods whose results are no tensors


class Assignment(NamedTuple):
    """A statement that gave a variable its value: where it stands, as `train.py:18`, its text and its line and expression."""

    where: str
    text: str
    line: int
    value: ast.expr | None


def caller() -> FrameType:
    """The frame of the user's code that is running."""
    return user_frame(sys._getframe(1))


def variable(tensor: Any, frame: FrameType) -> str:
    """What the code in `frame` calls a tensor: `loss` or `self.h`; "" if nothing."""
    found = [(rank, name) for name, value, rank in named_objects(variables_of(frame)) if value is tensor]
    return max(found)[1] if found else ""


def layer(kind: str, frame: FrameType) -> str:
    """The layers of class `kind` in the models that the code in `frame` can read, as ` (`net.3`)`; "" if there is none."""
    found = [
        f"`{name}.{path}`" if path else f"`{name}`"
        for name, value, _ in named_objects(variables_of(frame))
        if is_module(value)
        for path, inside in value.named_modules()
        if type(inside).__name__ == kind
    ]
    return f" ({', '.join(found)})" if found else ""


def assignments(name: str, frame: FrameType) -> list[Assignment]:
    """The statements of the function that `frame` runs which give the variable `name` a value, from top to bottom."""
    file, scope = Path(frame.f_code.co_filename).name, _scope(frame)
    found = []
    for statement in sorted(_statements(scope), key=lambda s: s.lineno) if scope is not None else ():
        if name in _targets(statement):
            text = " ".join(ast.unparse(statement).split())
            text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
            found.append(
                Assignment(f"{file}:{statement.lineno}", text, statement.lineno, getattr(statement, "value", None))
            )
    return found


def assignment(name: str, frame: FrameType, before: int | None = None) -> Assignment | None:
    """The last of them before line `before`, or the one that runs; in a loop, what stands below may have run before."""
    found, line = assignments(name, frame), frame.f_lineno if before is None else before
    earlier = [one for one in found if one.line < line] or found
    return earlier[-1] if earlier else None


def way_to_numbers(name: str, frame: FrameType) -> tuple[list[str], Assignment, str] | None:
    """How a variable came to be computed from bare numbers: the variables on the way, where they come from, and by what.

    Found by reading back from assignment to assignment: `loss = mg.mean(h)`, `h = mg.tensor((2 * w).numpy())`.
    """
    todo: list[tuple[list[str], int | None]] = [([name], None)]
    seen = {name}
    while todo:
        names, before = todo.pop(0)
        found = assignment(names[-1], frame, before)
        if found is None or found.value is None:
            continue
        if (how := next(_made_numbers(found.value), "")) != "":
            return names, found, how
        for part in ast.walk(found.value):
            if isinstance(part, ast.Name) and part.id not in seen and len(names) < 6:
                seen.add(part.id)
                todo.append(([*names, part.id], found.line))
    return None


def _made_numbers(value: ast.expr) -> Iterator[str]:
    """The calls in an expression that make Python or NumPy numbers of what may be tensors."""
    for part in ast.walk(value):
        if not isinstance(part, ast.Call):
            continue
        called = part.func
        if isinstance(called, ast.Attribute) and called.attr in _TO_NUMBERS and not part.args:
            yield f".{called.attr}()"
        elif (
            isinstance(called, ast.Name)
            and called.id in ("float", "int")
            and not isinstance(part.args[0], ast.Constant)
        ):
            yield f"{called.id}(…)"
        elif isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "math":
            yield f"math.{called.attr}(…)"


def _scope(frame: FrameType) -> ast.AST | None:
    """The function or module in the source that `frame` runs."""
    text = "".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals))
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    name, first = frame.f_code.co_name, frame.f_code.co_firstlineno
    if name == "<module>":
        return tree
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return next((f for f in functions if f.name == name and _first_line(f) == first), None)


def _first_line(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])


def _statements(scope: ast.AST) -> Iterator[ast.stmt]:
    """The statements of a function or module, without those of functions and classes inside."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.stmt):
            yield node
        yield from _statements(node)


def _targets(statement: ast.stmt) -> list[str]:
    """The names that a statement gives a value."""
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    else:
        return []
    parts = [
        part for target in targets for part in (target.elts if isinstance(target, ast.Tuple | ast.List) else [target])
    ]
    return [ast.unparse(part) for part in parts]
