"""Running an unchanged PyTorch program: `torch` and what is inside it stand for `microgradient.torch`."""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from ..errors import LIBRARY, DataError, MicrogradientError, MissingNameError

_OURS = "microgradient.torch"


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `torch.x` as `microgradient.torch.x`: one module under two names."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if fullname != "torch" and not fullname.startswith("torch."):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        ours = f"microgradient.{spec.name}"
        try:
            found = importlib.import_module(ours)
        except ModuleNotFoundError:
            parent, _, name = ours.rpartition(".")
            found = getattr(importlib.import_module(parent), name, None)  # type: ignore[assignment]
            if not isinstance(found, ModuleType):
                raise MissingModuleError(
                    "MG139", f"There is no `{spec.name}` here. docs/differences.md lists what is: what one process "
                    "on a CPU can do.",
                ) from None  # fmt: skip
        self._spec = found.__spec__
        return found

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # its own, which the import has replaced


class MissingModuleError(MicrogradientError, ModuleNotFoundError):
    """A module of PyTorch's that isn't here."""


def alias_torch() -> None:
    """From now on `import torch` gives `microgradient.torch`. Modules of PyTorch that are loaded already are forgotten."""
    for name in [name for name in sys.modules if name == "torch" or name.startswith("torch.")]:
        del sys.modules[name]
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def run(script: Path, arguments: Sequence[str], compile: bool = False) -> int:
    """Run a Python program with `torch` standing for `microgradient.torch`, and return its exit code.

    With `compile`, functions of the program that take a whole training step run compiled. Raises DataError for a file that can't
    be read, or is no Python.
    """
    try:
        tree = ast.parse(script.read_bytes(), str(script))
    except OSError as error:
        raise DataError("MG180", f"Can't read {script}: {error.strerror}.") from None
    except (SyntaxError, ValueError) as error:
        raise DataError("MG180", f"{script} is no Python program: {error}.") from None
    alias_torch()
    if compile:
        tree = _Compiled().visit(tree)
    code = builtins.compile(ast.fix_missing_locations(tree), str(script), "exec")
    main = ModuleType("__main__")
    main.__file__ = str(script)
    before = sys.argv, sys.path[0], sys.modules["__main__"]
    sys.argv, sys.path[0], sys.modules["__main__"] = [str(script), *arguments], str(script.resolve().parent), main
    try:
        return _executed(code, main)
    finally:
        sys.argv, sys.path[0], sys.modules["__main__"] = before


def _executed(code: CodeType, main: ModuleType) -> int:
    try:
        exec(code, vars(main))
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        sys.stderr.write(f"{stop.code}\n")
        return 1
    except (AttributeError, ImportError) as raised:
        error = _missing(raised)
        if error is None:
            return _reported(raised, code)
        frames = [f for f in traceback.extract_tb(raised.__traceback__) if f.filename == main.__file__]
        where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno}: {frames[-1].line})" if frames else ""
        raise type(error)(error.code, f"{error.message}{where}") from None
    except Exception as error:
        return _reported(error, code)
    return 0


def _missing(error: Exception) -> MicrogradientError | None:
    """The error that names what isn't here, if that is what was raised; Python says it in its own words of a module of ours."""
    if isinstance(error, MissingNameError | MissingModuleError):
        return error
    module, name = "", ""
    if isinstance(error, ImportError) and error.msg.startswith("cannot import name"):
        module, name = error.name or "", error.msg.split("'")[1]
    elif isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        module, name = error.obj.__name__, error.name or ""
    if module != _OURS and not module.startswith(f"{_OURS}."):
        return None
    try:
        getattr(sys.modules[module], name)
    except MissingNameError as known:
        found: MicrogradientError = known.with_traceback(error.__traceback__)
    except AttributeError:
        where = module.removeprefix("microgradient.")
        message = f"There is no `{where}.{name}` here. docs/differences.md lists what is."
        found = MissingNameError("MG139", message).with_traceback(error.__traceback__)
    else:
        return None
    return found


def _reported(error: Exception, code: CodeType) -> int:
    """Print the traceback without the frames that are ours: above the program, and where an error of ours is raised."""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code is not code:
        frame = frame.tb_next
    report = traceback.TracebackException(type(error), error, frame)
    if isinstance(error, MicrogradientError):
        report.stack = traceback.StackSummary.from_list([f for f in report.stack if not f.filename.startswith(LIBRARY)])
    sys.stderr.writelines(report.format())
    return 1


class _Compiled(ast.NodeTransformer):
    """Puts `@torch.compile` on the functions that take a training step: those that call `….backward()` and `….step()`.

    A compiled function doesn't see Python objects change. So its data have to come as arguments, and it may do nothing else.
    """

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        parts = list(ast.walk(node))
        calls = [part for part in parts if isinstance(part, ast.Call)]
        methods = {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)}
        given = [
            argument.arg for argument in node.args.posonlyargs + node.args.args if argument.arg not in ("self", "cls")
        ]
        if {"backward", "step"} <= methods and given and not any(map(_of_objects, parts)):
            node.decorator_list.append(ast.parse("__import__('torch').compile", mode="eval").body)
        return node


_READING = {"append", "appendleft", "extend", "insert", "item", "numpy", "pop", "popleft", "push", "tolist", "write"}


def _of_objects(part: ast.AST) -> bool:
    """Whether this part of a function reads or changes Python objects, or may do so: numbers drawn, lists, counters, files."""
    match part:
        case ast.For() | ast.While() | ast.Yield() | ast.Global() | ast.Nonlocal():
            return True
        case ast.If(test=test) | ast.IfExp(test=test):  # `if len(memory) < n: return`
            return any(isinstance(inner, ast.Call | ast.Attribute) for inner in ast.walk(test))
        case ast.AugAssign(target=ast.Attribute()):
            return True
        case ast.Call(func=ast.Name(id="print" | "next" | "input" | "open")):
            return True
        case ast.Call(func=ast.Attribute(attr="sample"), args=[_, *_]):  # of a replay buffer, not of a distribution
            return True
        case ast.Call(func=ast.Attribute(attr=attr, value=value)):
            source = ast.unparse(value)
            return attr in _READING or source == "random" or source in ("np.random", "numpy.random")
    return False
