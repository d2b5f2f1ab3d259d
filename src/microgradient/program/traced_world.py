"""The traced world: the namespace `xp` in which every primitive adds an instruction to the active trace.

Operands are `Sym`s, Python numbers and arrays. The shape of a result is known from `shapes.py`, its dtype is what NumPy's
kernel gives for arrays of one entry with the same dtypes. What depends on constants alone is computed at once.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import trace_hooks
from ..array_world import ARRAY
from ..errors import TraceError, format_location, user_location
from ..primitives import Primitive, for_each_primitive
from ..rules import INDEX
from .shapes import shape_of
from .sym import WORLD, Sym

_FOLDED = 1 << 16  # bytes of the largest result that is computed while tracing
_UNIFORM = {"broadcast_to", "reshape", "permute_dims", "astype", "flip", "roll"}  # keep all entries equal
_COMPARISONS = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}
_LOGICAL = {"logical_and", "logical_or", "logical_xor"}
_LINEAR_ALGEBRA = {
    "lu",
    "matrix_exp",
    "solve_triangular",
    "solve",
    "inv",
    "pinv",
    "det",
    "slogdet",
    "cofactor",
    "cholesky",
    "eigh",
    "eig",
    "svd",
    "qr",
    "norm",
}


_REAL = {"eigh": 0, "svd": 1, "slogdet": 1}  # the result that is real also for complex matrices


class TracedWorld:
    """Every primitive of the rulebook under its own name, and what makes constants."""

    def __init__(self) -> None:
        self.index, self.index_set, self.index_add = _index, _index_set, _index_add
        self.pick = lambda a, *, i, n: a[i]

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Sym:
        """A constant of zeros."""
        return full(shape, 0, dtype)

    def zeros_like(self, a: Any) -> Any:
        """A constant of zeros, with the shape and dtype of `a`."""
        return full(a.shape, 0, a.dtype) if hasattr(a, "shape") else np.zeros_like(a)

    def ones_like(self, a: Any) -> Sym:
        """A constant of ones, with the shape and dtype of `a`."""
        return full(a.shape, 1, a.dtype)

    def eye(self, n: int, dtype: Any) -> Sym:
        """The identity matrix as a constant."""
        return constant(np.eye(n, dtype=dtype))


def full(shape: tuple[int, ...], value: Any, dtype: Any) -> Sym:
    """A constant with equal entries, which takes the memory of one."""
    return constant(np.broadcast_to(np.asarray(value, dtype), shape))


def constant(value: Any) -> Sym:
    """An array as a constant of the active trace."""
    return Sym(_trace(), value.shape, value.dtype, value=value)


def _trace() -> Any:
    trace = trace_hooks.current()
    if trace is None:
        raise TraceError(
            "MG203",
            f"{format_location(user_location())}: this tensor was made while `mg.compile` traced a function and kept "
            "somewhere; it has no value. Return it from the compiled function instead.",
        )
    return trace


def _operand(x: Any, trace: Any) -> Any:
    """An operand as a Sym of this trace, or a Python number."""
    if isinstance(x, Sym):
        return x if x.trace is trace else trace.foreign(x)
    if isinstance(x, np.ndarray | np.generic):
        return constant(np.asarray(x))
    return x


# ------------------------------------------------------------------------------------------------------------- pointwise


def _pointwise(name: str, *args: Any, **params: Any) -> Any:
    trace = _trace()
    operands = [_operand(x, trace) for x in args]
    if name in _LOGICAL:  # a number that the dtype of the other can't hold is true, too
        operands = [bool(x) if isinstance(x, int | float) else x for x in operands]
    syms = [x for x in operands if isinstance(x, Sym)]
    shape = syms[0].shape if syms else ()
    if any(s.shape != shape for s in syms):
        shape = np.broadcast_shapes(*(s.shape for s in syms))
    if name in _COMPARISONS and _out_of_range(operands):
        samples = [np.zeros(1, x.dtype) if isinstance(x, Sym) else x for x in operands]
        return full(shape, getattr(ARRAY, name)(*samples)[0], np.bool_)  # whatever the values are
    values = _values(operands)
    if values is not None:
        folded = _fold_pointwise(name, values, params, shape)
        if folded is not None:
            return folded
    dtype = _pointwise_dtype(name, tuple(_kind(x) for x in operands), tuple(params.items()))
    weak = all(s.weak for s in syms)
    return trace.emit(name, operands, params, shape, dtype, weak)


def _out_of_range(operands: list[Any]) -> bool:
    """Whether one of two operands holds whole numbers, and the other is a Python int that their dtype can't hold."""
    a, b = operands if isinstance(operands[0], Sym) else reversed(operands)
    if not isinstance(a, Sym) or a.dtype.kind not in "iu" or b.__class__ is not int:
        return False
    limits = np.iinfo(a.dtype)
    return not limits.min <= b <= limits.max


def _values(operands: list[Any]) -> list[Any] | None:
    """The operands as arrays and numbers if all are constants."""
    values = [x.value if isinstance(x, Sym) else x for x in operands]
    return None if any(v is None for v in values) else values


def _fold_pointwise(name: str, values: list[Any], params: dict[str, Any], shape: tuple[int, ...]) -> Any:
    kernel = getattr(ARRAY, name)
    with np.errstate(all="ignore"):
        if not any(isinstance(v, np.ndarray) for v in values):
            return kernel(*values, **params)
        if math.prod(shape) > 1 and all(is_uniform(v) for v in values):
            one = [v[(0,) * v.ndim] if isinstance(v, np.ndarray) else v for v in values]
            result = np.asarray(kernel(*(np.asarray(v) if isinstance(v, np.generic) else v for v in one), **params))
            return constant(np.broadcast_to(result, shape))
        if math.prod(shape) * 8 > _FOLDED:
            return None
        return constant(np.asarray(kernel(*values, **params)))


def is_uniform(value: Any) -> bool:
    """Whether all entries of a constant are one number in memory."""
    return not isinstance(value, np.ndarray) or (value.size > 0 and (value.size == 1 or not any(value.strides)))


def _kind(x: Any) -> Any:
    """What decides the dtype of a result: a dtype, or the type of a Python number (with its value where integers may not fit)."""
    if isinstance(x, Sym):
        return ("weak", x.dtype.kind) if x.weak else x.dtype
    return ("number", int(x)) if x.__class__ is int else ("type", type(x))


_FROM_SCIPY = frozenset({"erf", "erfc", "erfinv", "sigmoid", "digamma", "lgamma"})


@functools.lru_cache(4096)
def _pointwise_dtype(name: str, kinds: tuple[Any, ...], params: tuple[Any, ...]) -> np.dtype[Any]:
    """The dtype that NumPy's kernel gives for operands of these kinds."""
    if name in _FROM_SCIPY and kinds in ((np.dtype(np.float32),), (np.dtype(np.float64),)):
        return kinds[0]  # known without loading SciPy, which takes longer than tracing
    samples: list[Any] = []
    for kind in kinds:
        if isinstance(kind, np.dtype):
            samples.append(np.ones((1,), kind))
        elif kind[0] == "number":
            samples.append(kind[1])
        elif kind[0] == "weak":
            samples.append({"f": 1.0, "i": 1, "b": True}[kind[1]])
        else:
            samples.append(kind[1](1))
    with np.errstate(all="ignore"):
        return np.asarray(getattr(ARRAY, name)(*samples, **dict(params))).dtype


# ---------------------------------------------------------------------------------------------- what has a shape rule


def _shaped(name: str, *args: Any, **params: Any) -> Any:
    trace = _trace()
    operands = [_strong(_operand(x, trace)) for x in args]
    if "dtype" in params:
        params["dtype"] = np.dtype(params["dtype"])
    shapes = shape_of(name, [x.shape for x in operands], params)
    if name in ("broadcast_to", "reshape") and shapes == operands[0].shape:
        return operands[0]
    if name == "reshape":
        params = {"shape": shapes}
    dtype = _dtype(name, tuple(x.dtype for x in operands), params.get("dtype"))
    several = isinstance(shapes, list)
    values = _values(operands)
    if values is not None and not several:
        if name in _UNIFORM and all(map(is_uniform, values)) and math.prod(shapes) > 1:
            entry = values[0].reshape(-1)[0].astype(dtype)
            return constant(np.broadcast_to(np.asarray(entry), shapes))
        if math.prod(shapes) * dtype.itemsize <= _FOLDED and name not in _LINEAR_ALGEBRA:
            with np.errstate(all="ignore"):
                return constant(np.asarray(getattr(ARRAY, name)(*values, **params)))
    if not several:
        return trace.emit(name, operands, params, shapes, dtype)
    return tuple(
        trace.emit("pick", [whole], {"i": i, "n": len(shapes)}, shape, _real(dtype) if _REAL.get(name) == i else dtype)
        for whole in [trace.emit(name, operands, params, None, None)]
        for i, shape in enumerate(shapes)
    )


def _real(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.zeros((), dtype).real.dtype


def _strong(x: Any) -> Any:
    """A number as a constant, a weak Sym with the default float: what has axes holds arrays only."""
    if not isinstance(x, Sym):
        return constant(np.asarray(x))
    return x.trace.emit("astype", [x], {"dtype": np.dtype(x.dtype)}, (), x.dtype) if x.weak else x


@functools.lru_cache(4096)
def _dtype(name: str, dtypes: tuple[np.dtype[Any], ...], target: Any) -> np.dtype[Any]:
    if target is not None:
        return target
    if name in ("sum", "prod"):
        return getattr(ARRAY, name)(np.ones((1,), dtypes[0]), axis=(0,) if name == "sum" else 0, keepdims=True).dtype
    if name in ("take_along_axis", "scatter_along_axis"):
        return dtypes[0]
    if name in ("real", "imag", "complex"):
        return getattr(ARRAY, name)(*(np.ones((), d) for d in dtypes)).dtype
    if name in ("eig", "rfft"):
        return np.result_type(*dtypes, np.complex64)
    if name == "rfft_transpose":
        return _real(dtypes[0])
    if name in _LINEAR_ALGEBRA:
        return np.result_type(*(np.float64 if d.kind in "biu" else d for d in dtypes))
    return np.result_type(*dtypes)


# --------------------------------------------------------------------------------------------------------------- indexing


def _index(a: Any, *indices: Any, key: Any) -> Any:
    trace = _trace()
    operands = [_strong(_operand(x, trace)) for x in (a, *indices)]
    operands, key = _known_masks(operands, key, 1)
    shape = _indexed_shape(operands[0].shape, operands[1:], key)
    return _emit_index("index", operands, {"key": key}, shape)


def _index_add(t: Any, *indices: Any, key: Any, shape: tuple[int, ...]) -> Any:
    trace = _trace()
    operands = [_strong(_operand(x, trace)) for x in (t, *indices)]
    operands, key = _known_masks(operands, key, 1)
    return _emit_index("index_add", operands, {"key": key, "shape": shape}, shape)


def _index_set(a: Any, v: Any, *indices: Any, key: Any) -> Any:
    trace = _trace()
    a, v, *places = (_strong(_operand(x, trace)) for x in (a, v, *indices))
    if len(places) == 1 and places[0].dtype.kind == "b" and places[0].value is None and not v.ndim and key == (INDEX,):
        mask = places[0].reshape(*places[0].shape, *(1,) * (a.ndim - places[0].ndim))
        return _pointwise("where", mask, v.astype(a.dtype), a)
    operands, key = _known_masks([a, v, *places], key, 2)
    model = np.broadcast_to(np.zeros((), np.bool_), v.shape)
    np.empty(_indexed_shape(a.shape, operands[2:], key), np.bool_)[...] = model  # raises ValueError as NumPy would
    return _emit_index("index_set", operands, {"key": key}, a.shape)


def _emit_index(name: str, operands: list[Sym], params: dict[str, Any], shape: tuple[int, ...]) -> Any:
    values = _values(operands)
    if values is not None and math.prod(shape) * operands[0].dtype.itemsize <= _FOLDED:
        return constant(np.asarray(getattr(ARRAY, name)(*values, **params)))
    return operands[0].trace.emit(name, operands, params, shape, operands[0].dtype)


def _known_masks(operands: list[Sym], key: Any, first: int) -> tuple[list[Sym], Any]:
    """Constant masks among the index arrays as the places they name; others have results of unknown shapes."""
    if all(x.dtype.kind != "b" for x in operands[first:]):
        return operands, key
    arrays, places, pattern = iter(operands[first:]), [], []
    for part in key:
        if part is not INDEX:
            pattern.append(part)
            continue
        mask = next(arrays)
        if mask.dtype.kind != "b":
            pattern.append(INDEX)
            places.append(mask)
        elif mask.value is None:
            raise data_dependent("Indexing by a mask")
        elif not mask.ndim:
            raise data_dependent("Indexing by a single boolean")
        else:
            found = np.nonzero(mask.value)
            pattern += [INDEX] * len(found)
            places += [constant(p) for p in found]
    return [*operands[:first], *places], tuple(pattern)


def data_dependent(what: str) -> TraceError:
    """The error for a function whose result has a shape that depends on values."""
    return TraceError(
        "MG201",
        f"{format_location(user_location())}: {what} gives a result whose shape depends on the values, which `{_trace().name}` "
        "does not know. Choose by `mg.where(mask, x, 0)` and keep the shape, or do this outside the function.",
    )


def _indexed_shape(shape: tuple[int, ...], places: list[Sym], key: Any) -> tuple[int, ...]:
    """The shape of x[key], found on an array that takes the memory of one entry."""
    model = np.broadcast_to(np.zeros((), np.bool_), shape)
    arrays = iter(np.broadcast_to(np.zeros((), np.int64), p.shape) for p in places)
    return model[tuple(next(arrays) if part is INDEX else part for part in key)].shape


TRACED = TracedWorld()
WORLD.append(TRACED)


@for_each_primitive
def _instruction(row: Primitive) -> None:
    if not hasattr(TRACED, row.name):
        setattr(TRACED, row.name, functools.partial(_pointwise if row.kind == "pointwise" else _shaped, row.name))
