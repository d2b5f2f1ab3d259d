"""Docstrings of installed Python packages: what programmers say of their functions, in a line and at length."""

from __future__ import annotations

import ast
import re
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ..errors import DataError
from .installed import installed_path

_TESTS = re.compile(r"(^|/)(tests?|testing|site-packages|dist-packages|conftest\.py|test_\w+\.py)(/|$)")


class Docstring(NamedTuple):
    """Of a function, method or class: the file and the name, the arguments, the first line and what follows the blank line."""

    file: str
    name: str
    arguments: tuple[str, ...]
    summary: str
    body: str


def load_docstrings(package: str = "") -> list[Docstring]:
    """The docstrings of an installed package, or of the standard library, that have a first line with a blank line after it
    (PEP 257), in the order of the files and lines. The files are parsed, not imported; tests are left out.

    >>> found = load_docstrings("json")
    >>> next(text.summary for text in found if text.name == "dumps")
    'Serialize ``obj`` to a JSON formatted ``str``.'
    """
    root = package_folder(package) if package else Path(sysconfig.get_path("stdlib"))
    return [found for path in sorted(root.rglob("*.py")) for found in _of_file(root, path)]


def package_folder(package: str) -> Path:
    """Where an installed package has its files. It is looked for, not imported. Raises `DataError` (MG184).

    >>> package_folder("json").name
    'json'
    """
    spec = find_spec(package) if package.isidentifier() else None
    if spec is not None and spec.submodule_search_locations:
        return installed_path(package)
    why = (
        "is a module, not a package"
        if spec
        else "is not installed"
        if package.isidentifier()
        else "is no name of a package"
    )
    if package in sys.stdlib_module_names:
        why = "is in the standard library, which is read anyway"
    raise DataError("MG184", f"{package!r} {why}: leave it out of --packages{'' if spec else ', or install it'}.")


def _of_file(root: Path, path: Path) -> Iterator[Docstring]:
    name = path.relative_to(root).as_posix()
    if _TESTS.search(name):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes in strings
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, OSError):  # code of another version of Python, or made to be wrong
            return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            summary, blank, body = (ast.get_docstring(node) or "").partition("\n\n")
            if blank and body.strip() and "\n" not in summary:
                yield Docstring(f"{root.name}/{name}", node.name, _arguments(node), summary.strip(), body.strip())


def _arguments(node: ast.AST) -> tuple[str, ...]:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return ()
    given = node.args
    several = [argument for argument in (given.vararg, given.kwarg) if argument is not None]
    names = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs, *several)]
    return tuple(name for name in names if name not in ("self", "cls"))
