"""Sym: the datum of a traced tensor. It knows its shape and dtype and what computes it, but has no value yet.

It behaves as the ndarray whose place it takes: rules, optimisers and functions compute with it, and every operation adds
an instruction to the trace. What would need its value, such as `if`, `float` or NumPy, is an error that says what to write.
A *weak* Sym stands for a Python number that is known when the program runs: it does not decide the dtype of a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from .. import trace_hooks
from ..array_world import UFUNCS
from ..errors import TraceError, format_location, user_location
from ..interop import Protocols
from ..rules import INDEX
from .program import Instruction

WORLD: list[Any] = []
"""The traced world, put here by traced_world.py, which is written in terms of Sym."""


class Sym(trace_hooks.Traced):
    """A value of the program being traced. `value` is an ndarray if it is a constant, else None."""

    __slots__ = ("__weakref__", "dtype", "instruction", "ndim", "shape", "size", "trace", "value", "weak")
    base = None  # as of an array that owns its memory

    def __init__(
        self,
        trace: Any,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        instruction: Instruction | None = None,
        value: Any = None,
        weak: bool = False,
    ) -> None:
        self.trace = trace
        self.shape = shape
        self.dtype = dtype
        self.ndim = len(shape)
        self.size = 1
        for length in shape:
            self.size *= length
        self.instruction = instruction
        self.value = value
        self.weak = weak

    # ---------------------------------------------------------------------------------- what an ndarray has besides operators

    @property
    def T(self) -> Sym:
        """The axes in reverse order."""
        return self.transpose()

    @property
    def nbytes(self) -> int:
        """How much memory the value takes."""
        return self.size * self.dtype.itemsize

    @property
    def itemsize(self) -> int:
        """How much memory an entry takes."""
        return self.dtype.itemsize

    def astype(self, dtype: Any, copy: bool = True) -> Sym:
        """The value in another dtype."""
        return self if self.dtype == dtype else WORLD[0].astype(self, dtype=np.dtype(dtype))

    def reshape(self, *shape: Any) -> Sym:
        """The entries in another shape."""
        lengths = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
        return WORLD[0].reshape(self, shape=tuple(lengths))

    def ravel(self) -> Sym:
        """The entries along one axis."""
        return self.reshape(self.size)

    def transpose(self, *axes: Any) -> Sym:
        """The axes in another order."""
        order = axes[0] if len(axes) == 1 and isinstance(axes[0], tuple | list) else axes
        return WORLD[0].permute_dims(self, axes=tuple(order) or tuple(reversed(range(self.ndim))))

    def copy(self) -> Sym:
        """Itself: it never changes."""
        return self

    def sum(self, axis: Any = None, keepdims: bool = False) -> Sym:
        """The sum over one axis, several, or (None) all."""
        axes = range(self.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
        return WORLD[0].sum(self, axis=tuple(i % self.ndim for i in axes), keepdims=keepdims)

    def __getitem__(self, key: Any) -> Sym:
        pattern, indices = [], []
        for part in key if isinstance(key, tuple) else (key,):
            if isinstance(part, Sym | np.ndarray | list):
                pattern.append(INDEX)
                indices.append(np.asarray(part) if isinstance(part, list) else part)
            else:
                pattern.append(part)
        return WORLD[0].index(self, *indices, key=tuple(pattern))

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise TraceError(
            "MG202", f"{_where()}: an assignment into `.data` can't be compiled. Write `x[i] = v` on the tensor itself."
        )

    def __iter__(self) -> Iterator[Sym]:
        return (self[i] for i in range(len(self)))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __hash__(self) -> int:
        return id(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Sym:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        self._known("pickling")
        raise TypeError("The constants of a program can't be pickled.")

    def __getattr__(self, name: str) -> NoReturn:
        """What an ndarray has and a Sym has not."""
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"'Sym' object has no attribute '{name}'")
        function = f"mg.{name}(x)" if hasattr(WORLD[0], name) or name == "mean" else "a function of `mg.`"
        raise _UnknownAttributeError(
            "MG200",
            f"{_where()}: `.{name}` of `.data` can't be had from something that `{self.trace.name}` traces: there is no array "
            f"before the program runs. Write {function} with the tensor itself. {self._what()}",
        )

    def __format__(self, spec: str) -> str:
        return format(self._known("a format such as `:.3f`"), spec) if spec else repr(self)

    def __repr__(self) -> str:
        return f"<traced {self.dtype} {self.shape}>"

    # ------------------------------------------------------------------------------------------------ what needs the value

    def __bool__(self) -> bool:
        if self.value is None:
            raise self._refused(
                f"{_where()}: `if`, `while`, `and`, `or` and `not` need the value of something that `{self.trace.name}` traces, "
                "and has none before the program runs. Choose by `mg.where(condition, a, b)`, combine by `&`, `|`, `~`, or "
                f"return it and look at it outside the function. {self._what()}",
            )
        return bool(self.value)

    def __float__(self) -> float:
        return float(self._number("float(…)"))

    def __int__(self) -> int:
        return int(self._number("int(…)"))

    def __round__(self, digits: int | None = None) -> Any:
        return round(self._known("round(…)").item(), digits)

    def __complex__(self) -> complex:
        return complex(self._known("complex(…)"))

    def __index__(self) -> int:
        return self._known("an index or a length").__index__()

    def item(self) -> Any:
        """The Python number, of a constant."""
        return self._number(".item()").item()

    def tolist(self) -> Any:
        """Nested lists of Python numbers, of a constant."""
        return self._known(".tolist()").tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self._known("NumPy"), dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        name = UFUNCS.get(ufunc)
        if name is None or method != "__call__" or options:
            self._known(f"np.{ufunc.__name__}")
            plain = [x.value if isinstance(x, Sym) else x for x in inputs]
            return getattr(ufunc, method)(*plain, **options)
        return getattr(WORLD[0], name)(*inputs)

    def _known(self, what: str) -> Any:
        if self.value is None:
            raise TraceError("MG200", self._needed(what))
        return self.value

    def _number(self, what: str) -> Any:
        """The value, for Python."""
        if self.value is None:
            raise self._refused(self._needed(what))
        return self.value

    def _refused(self, why: str) -> TraceError:
        self.trace.refused = TraceError("MG200", why)
        return self.trace.refused

    def _needed(self, what: str) -> str:
        return (
            f"{_where()}: {what} needs the value of something that `{self.trace.name}` traces, and it has none before the "
            "program runs. Keep it a tensor and compute with `mg.` functions, or return it from the function and look at it "
            f"outside. {self._what()}"
        )

    def _what(self) -> str:
        if not self.weak:
            return f"(It is a tensor of dtype {self.dtype} and shape {self.shape}.)"
        return (
            "(It is a Python number given as an argument, or computed from one. To have a program for each value, pass an int, "
            "a bool or a string, or close over the number.)"
        )


class _UnknownAttributeError(TraceError, AttributeError):
    """So that `hasattr` says no."""


def _where() -> str:
    return format_location(user_location())


def _operator(name: str, reflected: bool = False) -> Callable[[Sym, Any], Any]:
    def method(self: Sym, other: Any) -> Any:
        if isinstance(other, Protocols) or not isinstance(other, _OPERANDS):
            return NotImplemented  # a Tensor knows what to do with a datum
        operation = getattr(WORLD[0], name)
        return operation(other, self) if reflected else operation(self, other)

    return method


_OPERANDS = (Sym, bool, int, float, complex, np.ndarray, np.generic)

for _method, _name in {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "floordiv": "floor_divide", "mod": "remainder",
    "pow": "pow", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor", "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift", "matmul": "matmul",
}.items():  # fmt: skip
    setattr(Sym, f"__{_method}__", _operator(_name))
    setattr(Sym, f"__r{_method}__", _operator(_name, reflected=True))
for _method, _name in {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
}.items():  # fmt: skip
    setattr(Sym, f"__{_method}__", _operator(_name))
for _method, _name in {"neg": "negative", "pos": "positive", "abs": "abs", "invert": "bitwise_invert"}.items():
    setattr(Sym, f"__{_method}__", lambda self, name=_name: getattr(WORLD[0], name)(self))
