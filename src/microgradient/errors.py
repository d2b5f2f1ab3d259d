"""Every error and warning that Microgradient raises, and the code that names it.

A message says *what* happened, *where*, *why* with the numbers, and *what to write instead*; it ends with its code, such
as `[MG101]`. Each class also derives from the builtin exception that NumPy or PyTorch would raise in its place, so
`except ValueError` keeps working.

| codes | subject |
| --- | --- |
| MG100-119 | gradients: what can't be differentiated, a graph that is cut, used up or changed |
| MG120-139 | shapes, indices, broadcasting; matrices without an inverse; names that aren't here |
| MG140-149 | dtypes |
| MG150-169 | neural networks: layers, losses, parameters, optimisers |
| MG170-179 | numbers that are not finite |
| MG180-199 | files, data, the command line |
| MG200-219 | compiled mode |
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import numpy.linalg

from .language import translate

LIBRARY = (str(Path(__file__).parent), str(Path(numpy.linalg.__file__).parent.parent))
"""How the paths of files begin that the user did not write: this package's and NumPy's."""
_SHOWN, _PARTS = 60, 3  # characters of what was given that a sentence has, and entries of a tuple
_PROGRAMS = tuple(str(Path(__file__).parent / folder) for folder in ("recipes", "lessons"))


class MicrogradientError(RuntimeError):
    """The base of every error raised here. `code` is its name, `module_path` the layer it happened in, if any.

    `message` is in English; shown, it is in the language of the process (language.py).

    >>> str(GradientError("MG101", "`loss` has shape (32,)."))
    '`loss` has shape (32,). [MG101]'
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.module_path = ""

    def __str__(self) -> str:
        where = translate(f" (in `{self.module_path}`)") if self.module_path else ""
        return f"{translate(self.message)}{where} [{self.code}]"


class GradientError(MicrogradientError, RuntimeError):
    """A derivative was asked for that does not exist or can no longer be computed."""


class ShapeError(MicrogradientError, ValueError):
    """Shapes that do not fit together."""


class OutOfRangeError(MicrogradientError, IndexError):
    """An index outside its axis."""


class RangeError(MicrogradientError, OverflowError):
    """A Python number that a dtype can't hold."""


class MissingKernelError(MicrogradientError, NotImplementedError):
    """A primitive that no world can compute."""


class DTypeError(MicrogradientError, TypeError):
    """A dtype that an operation can't work with."""


class ArgumentError(MicrogradientError, ValueError):
    """An argument with a value that makes no sense."""


class ArgumentTypeError(MicrogradientError, TypeError):
    """An argument of a type that can't be used here."""


class MissingNameError(MicrogradientError, AttributeError):
    """A name that isn't here, such as one that PyTorch or NumPy has."""


class DataError(MicrogradientError, ValueError):
    """A file or a data set that can't be used as it is."""


class LinAlgError(MicrogradientError, numpy.linalg.LinAlgError):
    """A matrix that has no inverse or no factors of the kind that was asked for."""


class NonFiniteError(MicrogradientError, FloatingPointError):
    """A computation gave the first NaN or infinity."""


class CompileError(MicrogradientError, RuntimeError):
    """A compiled function can't run here, or its program does not do what the function does."""


class TraceError(MicrogradientError, TypeError):
    """A compiled function does what a program can't: it needs the value of a traced tensor, or keeps one."""


class MicrogradientWarning(UserWarning):
    """A mistake that would otherwise pass in silence."""


def type_name(value: object) -> str:
    """The name of a value's type with its article: `an int`, `a list`."""
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeioAEIO' or name == 'ndarray' else 'a'} {name}"


def as_given(value: object) -> str:
    """What was given, in a sentence: as it is written, or the name of its type where that is long or has several lines.

    >>> as_given("relu"), as_given(float)
    ("'relu'", "<class 'float'>")
    >>> as_given([0.0] * 100)
    'list'
    """
    text = repr(value)
    if len(text) <= _SHOWN and text.isprintable():
        return text
    if isinstance(value, tuple) and len(value) <= _PARTS:
        return f"({', '.join(map(as_given, value))})"
    return type(value).__name__


def user_frame(frame: FrameType) -> FrameType:
    """The innermost frame at or above `frame` outside this package and NumPy. Recipes and lessons are users' programs."""
    while (back := frame.f_back) is not None:
        filename = frame.f_code.co_filename
        if not filename.startswith(LIBRARY) or filename.startswith(_PROGRAMS):  # is_users, without a call each
            break
        frame = back
    return frame


def is_users(filename: str) -> bool:
    """Whether a file is outside this package and NumPy, or a recipe or lesson."""
    return not filename.startswith(LIBRARY) or filename.startswith(_PROGRAMS)


def user_location() -> tuple[str, int]:
    """File and line of the innermost caller outside the library: where the user wrote what is talked about."""
    frame = user_frame(sys._getframe(1))
    return frame.f_code.co_filename, frame.f_lineno


def format_location(location: tuple[str, int]) -> str:
    """`train.py:18` for a location from `user_location`."""
    return f"{Path(location[0]).name}:{location[1]}"


def warn_once(code: str, message: str | Callable[[], str], everywhere: bool = False) -> None:
    """Issue a `MicrogradientWarning`, once for each code and place in the user's code, or once for all if `everywhere`.

    A message that takes time to word is a function, called where it is needed.
    """
    filename, line = user_location()
    key = (code, "", 0) if everywhere else (code, filename, line)
    if key not in _warned:
        message = message if isinstance(message, str) else message()
        warnings.warn_explicit(f"{translate(message)} [{code}]", MicrogradientWarning, filename, line)
        _warned.add(key)


_warned: set[tuple[str, str, int]] = set()
