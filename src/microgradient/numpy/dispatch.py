"""How NumPy's functions take tensors, and lists of tensors, here: by NumPy's own protocols, and one table for them all."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from ..coercion import holds_tensor
from ..functions.manipulation import stack
from ..functions.numpy_functions import array_function, array_ufunc
from ..tensor import Tensor

_NESTING: dict[Any, int] = {
    np.concatenate: 1, np.stack: 1, np.hstack: 1, np.vstack: 1, np.dstack: 1, np.column_stack: 1, np.select: 1,
    np.linalg.multi_dot: 1, np.block: 32,
}  # fmt: skip
"""Functions whose arguments are lists of arrays, rather than arrays, and to what depth."""


class Dispatched:
    """A function of NumPy's, which lists of tensors may be given to; what else it has, such as `np.add.at`, is NumPy's."""

    def __init__(self, function: Any) -> None:
        functools.update_wrapper(self, function)
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        function = self.function
        if not holds_tensor((args, tuple(kwargs.values()))):
            return function(*args, **kwargs)
        if kwargs.get("out", ...) is None:
            del kwargs["out"]
        nesting = _NESTING.get(function, 0)
        args = tuple(_as_arrays(x, nesting) for x in args)
        kwargs = {name: _as_arrays(x, nesting) for name, x in kwargs.items()}
        if isinstance(function, np.ufunc):
            return array_ufunc(_NOBODY, function, "__call__", *args, **kwargs)
        return array_function(_NOBODY, function, (Tensor,), args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)

    def __reduce__(self) -> Any:
        return Dispatched, (self.function,)

    def __repr__(self) -> str:
        return repr(self.function)


_NOBODY: Any = None  # the protocols are methods of a tensor, and don't ask of which


def names_of(module: ModuleType) -> Callable[[str], Any]:
    """What a namespace here has for each name of NumPy's `module`."""

    def named(name: str) -> Any:
        if name.startswith("__") and name != "__all__":  # what a module says of itself is not NumPy's to say
            raise AttributeError(name)
        found = getattr(module, name)
        return Dispatched(found) if isinstance(found, np.ufunc) or type(found) is type(np.sum) else found

    return named


def as_one(value: Any) -> Any:
    """The array of nested lists: a tensor where one is among them. Python numbers are of NumPy's default dtypes."""
    if isinstance(value, list | tuple) and holds_tensor(value):
        return stack([as_one(x) for x in value])
    return value if isinstance(value, Tensor) else np.asarray(value)


def _as_arrays(value: Any, nesting: int) -> Any:
    """Arrays in the place of lists of numbers; what may be a shape or axes stays what it is."""
    if not isinstance(value, list | tuple) or not (holds_tensor(value) or _holds_fraction(value)):
        return value
    return (
        [_as_arrays(x, nesting - 1) if isinstance(x, list | tuple) else as_one(x) for x in value]
        if nesting
        else as_one(value)
    )


def _holds_fraction(value: Any) -> bool:
    return isinstance(value, float | complex) or (isinstance(value, list | tuple) and any(map(_holds_fraction, value)))
