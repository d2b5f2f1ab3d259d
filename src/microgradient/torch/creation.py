"""Making tensors."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import numpy as np

import microgradient as mg

from ..coercion import holds_tensor, to_array
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, warn_once
from ..functions.creation import from_both_ends
from ..indexing import shape_tuple
from ..operators import wrap
from ..tensor import Tensor as Base
from ..trace_hooks import Traced
from . import memory, types
from .function import function
from .promotion import promoted
from .tensor import Tensor, adopt, numbers_in

_IGNORED = {"layout", "pin_memory", "memory_format", "names", "out"}


def made(x: Any, requires_grad: bool, options: dict[str, Any]) -> Any:
    """`x`, a new tensor, as one of this module; `options` are what is left of a creation function's."""
    types.check_device(options.pop("device", None))
    if unknown := options.keys() - _IGNORED:
        raise ArgumentTypeError(
            "MG125", f"A creation function has no option {', '.join(f'`{name}`' for name in sorted(unknown))}."
        )
    out = adopt(x)
    if requires_grad:
        out.requires_grad = True
    return out if options.get("out") is None else memory.write(options["out"], out, "`out=`")


def lengths_of(size: tuple[Any, ...], options: dict[str, Any]) -> tuple[int, ...]:
    """The shape from f(2, 3), f((2, 3)) or f(size=(2, 3))."""
    given: Any = options.pop("size", None)
    if given is None:
        given = options.pop("shape", None)
    if given is None and not size:
        raise ArgumentTypeError("MG125", "A shape is missing. Write `()` for that of one number: `torch.zeros(())`.")
    if given is None:
        given = size[0] if len(size) == 1 and not hasattr(size[0], "__index__") else size
        if len(size) == 1 and isinstance(size[0], Base):
            given = size[0].tolist() if size[0].raw.ndim else size
    if isinstance(given, bool) or (isinstance(given, tuple) and any(isinstance(n, bool) for n in given)):
        raise ArgumentTypeError("MG125", f"A shape is made of whole numbers, not {given}.")
    shape = shape_tuple(given)
    if any(n < 0 for n in shape):
        raise NegativeLengthError("MG121", f"Trying to create tensor with negative dimension: {list(shape)}.")
    return shape


class NegativeLengthError(ArgumentError, RuntimeError):
    """A shape with a negative length."""


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A tensor with a copy of `data`: numbers, nested sequences, arrays. Python floats become the default float.

    >>> import microgradient.torch as torch
    >>> torch.tensor([[1, 2], [3, 4]]).sum(dim=0)
    tensor([4, 6])
    """
    types.check_device(device)
    if isinstance(data, Base):
        warn_once(
            "MG146", "To copy construct from a tensor, it is recommended to use x.detach().clone() or "
            "x.detach().clone().requires_grad_(True), rather than torch.tensor(x).",
        )  # fmt: skip
    kind = types.numpy_dtype(dtype)
    if isinstance(data, list | tuple) and holds_tensor(data):
        data = numbers_in(data)
        kind = _dtype_of(data) if kind is None else kind
    array = to_array(data, kind)
    out: Tensor = wrap(array, None, None, Tensor)
    if requires_grad:
        out.requires_grad = True
    return out


def _dtype_of(data: Any) -> Any:
    """The dtype to which the numbers and tensors in nested sequences promote."""
    if isinstance(data, list | tuple):
        return functools.reduce(promoted, map(_dtype_of, data), np.dtype(bool))
    return data.raw.dtype if isinstance(data, Base) else to_array(data).dtype


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
    """`data` as a tensor, which shares the memory of an array and is the tensor itself where the dtype fits."""
    types.check_device(device)
    kind = types.numpy_dtype(dtype)
    if isinstance(data, Base):
        x: Tensor = adopt(data)
        return x if kind in (None, x.raw.dtype) else adopt(mg.astype(x, kind))
    if isinstance(data, np.ndarray) and kind in (None, data.dtype):
        return from_numpy(data)
    if hasattr(data, "__dlpack__") and not isinstance(data, np.ndarray | np.generic):
        data = np.from_dlpack(data)
    return tensor(data, dtype=kind)


def from_numpy(ndarray: Any) -> Any:
    """A tensor that shares the memory of an array: what is written to one is seen in the other."""
    if not isinstance(ndarray, np.ndarray):
        raise ArgumentTypeError("MG125", f"expected np.ndarray (got {type(ndarray).__name__}).")
    if ndarray.dtype.kind not in "biufc":
        raise DTypeError("MG143", f"can't convert np.ndarray of type numpy.{ndarray.dtype} to a tensor of numbers.")
    if any(s < 0 for s in ndarray.strides):
        raise ArgumentError(
            "MG124",
            "At least one stride in the given numpy array is negative, which tensors don't have. Write `array.copy()`.",
        )
    return wrap(np.asarray(ndarray), None, None, Tensor)


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Any:
    """`obj` as a tensor, copied only if `copy`."""
    out = as_tensor(obj, dtype, device)
    if copy:
        out = adopt(mg.asarray(out, copy=True))
    return out.requires_grad_() if requires_grad else out


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Any:
    """The bytes of a buffer as numbers, in its memory."""
    out = from_numpy(np.frombuffer(buffer, types.numpy_dtype(dtype), count, offset))
    return out.requires_grad_() if requires_grad else out


def from_dlpack(ext_tensor: Any) -> Any:
    """The tensor of another library's array, in its memory."""
    return from_numpy(np.from_dlpack(ext_tensor))


def _filled(name: str, value: float, doc: str) -> None:
    def call(*size: Any, dtype: Any = None, requires_grad: bool = False, **options: Any) -> Any:
        shape, kind = lengths_of(size, options), types.numpy_dtype(dtype)
        return made(
            mg.full(shape, value, dtype=mg.get_default_dtype() if kind is None else kind), requires_grad, options
        )

    def like(input: Any, *, dtype: Any = None, requires_grad: bool = False, **options: Any) -> Any:
        kind = types.numpy_dtype(dtype) or input.raw.dtype
        return made(mg.full(tuple(input.shape), value, dtype=kind), requires_grad, options)

    def new(self: Any, *size: Any, dtype: Any = None, requires_grad: bool = False, **options: Any) -> Any:
        kind = types.numpy_dtype(dtype) or self.raw.dtype
        return made(mg.full(lengths_of(size, options), value, dtype=kind), requires_grad, options)

    for f, label, more in ((call, name, ""), (like, f"{name}_like", " With the shape and dtype of `input`.")):
        f.__name__, f.__doc__ = label, doc + more
        function(f, method=False)
    new.__name__, new.__doc__ = f"new_{name}", f"{doc} Of the dtype of this tensor."
    setattr(Tensor, f"new_{name}", new)


_filled("zeros", 0, "Zeros.")
_filled("ones", 1, "Ones.")
_filled("empty", 0, "A tensor whose values are not to be read: zeros.")


def _number_kind(value: Any, kind: Any) -> Any:
    if kind is not None:
        return kind
    if isinstance(value, Base):
        return value.raw.dtype
    return to_array(value).dtype


@function(method=False)
def full(size: Any, fill_value: Any, *, dtype: Any = None, requires_grad: bool = False, **options: Any) -> Any:
    """Every entry `fill_value`."""
    kind = _number_kind(fill_value, types.numpy_dtype(dtype))
    return made(mg.full(lengths_of((size,), {}), fill_value, dtype=kind), requires_grad, options)


@function(method=False)
def full_like(input: Any, fill_value: Any, *, dtype: Any = None, requires_grad: bool = False, **options: Any) -> Any:
    """Every entry `fill_value`, with the shape and dtype of `input`."""
    kind = types.numpy_dtype(dtype) or input.raw.dtype
    value = fill_value if isinstance(fill_value, Base | Traced) else kind.type(fill_value)
    return made(mg.full(tuple(input.shape), value, dtype=kind), requires_grad, options)


def _new_full(
    self: Any, size: Any, fill_value: Any, *, dtype: Any = None, requires_grad: bool = False, **options: Any
) -> Any:
    kind = types.numpy_dtype(dtype) or self.raw.dtype
    return made(mg.full(lengths_of((size,), {}), kind.type(fill_value), dtype=kind), requires_grad, options)


def _new_tensor(self: Any, data: Any, *, dtype: Any = None, requires_grad: bool = False, **options: Any) -> Any:
    return made(tensor(data, dtype=types.numpy_dtype(dtype) or self.raw.dtype), requires_grad, options)


Tensor.new_full, Tensor.new_tensor = _new_full, _new_tensor  # type: ignore[attr-defined]
Tensor.new = lambda self, *size: Tensor(*size).to(self.dtype)  # type: ignore[attr-defined]


@function(method=False)
def scalar_tensor(s: Any, *, dtype: Any = None, requires_grad: bool = False, **options: Any) -> Any:
    """A number as a tensor of shape ()."""
    kind = types.numpy_dtype(dtype) or mg.get_default_dtype()
    return made(mg.asarray(s, dtype=kind), requires_grad, options)


@function(method=False)
def empty_strided(size: Any, stride: Any, *, dtype: Any = None, requires_grad: bool = False, **options: Any) -> Any:
    """A tensor whose values are not to be read, with these steps in memory."""
    kind = types.numpy_dtype(dtype) or mg.get_default_dtype()
    room = np.zeros(1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if math.prod(size) else 0, kind)
    steps = tuple(s * kind.itemsize for s in stride)
    return made(wrap(np.lib.stride_tricks.as_strided(room, tuple(size), steps), None), requires_grad, options)


@function(method=False)
def empty_permuted(
    size: Any, physical_layout: Any, *, dtype: Any = None, requires_grad: bool = False, **options: Any
) -> Any:
    """A tensor whose values are not to be read, with its axes in memory in the order given."""
    kind = types.numpy_dtype(dtype) or mg.get_default_dtype()
    room = np.zeros(tuple(size[i] for i in physical_layout), kind)
    return made(wrap(room.transpose(np.argsort(physical_layout)), None), requires_grad, options)


Tensor.new_empty_strided = lambda self, size, stride, dtype=None, **options: empty_strided(  # type: ignore[attr-defined]
    size, stride, dtype=types.numpy_dtype(dtype) or self.raw.dtype, **options
)


@function(method=False)
def arange(*args: Any, dtype: Any = None, requires_grad: bool = False, **options: Any) -> Any:
    """start, start + step, … up to but without end. Integers if all three are."""
    start, end, step = options.pop("start", 0), options.pop("end", None), options.pop("step", 1)
    numbers = list(args)
    if len(numbers) == 1 and end is None:
        end = numbers[0]
    elif numbers:
        start, end, step = (*numbers, *(start, end, step)[len(numbers) :])[:3]
    start, end, step = (
        x.item() if isinstance(x, Base) and isinstance(x.raw, np.ndarray) else x for x in (start, end, step)
    )
    if (step > 0 and start > end) or (step < 0 and start < end) or step == 0:
        raise NegativeLengthError("MG124", f"arange: bounds ({start}, {end}) and step {step} don't go together.")
    return made(mg.arange(start, end, step, dtype=types.numpy_dtype(dtype)), requires_grad, options)


def _spaced(start: Any, end: Any, steps: int, dtype: Any) -> Any:
    kinds = [x.raw.dtype for x in (start, end) if isinstance(x, Base)]
    kind = types.numpy_dtype(dtype) or (
        np.result_type(*kinds) if kinds and kinds[0].kind in "fc" else mg.get_default_dtype()
    )
    if any(isinstance(x, complex) for x in (start, end)) and kind.kind != "c":
        kind = np.result_type(kind, np.complex64)
    a, b = (x.raw.item() if isinstance(x, Base) else x for x in (start, end))
    steps = operator.index(steps)
    if steps < 0:
        raise NegativeLengthError("MG124", f"number of steps must be non-negative, not {steps}.")
    return np.linspace(a, b, steps).astype(kind) if kind.kind == "c" else from_both_ends(a, b, steps, kind)


@function(method=False)
def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, requires_grad: bool = False, **options: Any
) -> Any:
    """`steps` numbers at equal distances from start to end."""
    return made(wrap(_spaced(start, end, steps, dtype), None), requires_grad, options)


@function(method=False)
def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Any:
    """base to the powers of `linspace`."""
    a, b = (x.raw.item() if isinstance(x, Base) else x for x in (start, end))
    kind = types.numpy_dtype(dtype) or mg.get_default_dtype()
    return made(wrap((float(base) ** np.linspace(a, b, steps)).astype(kind), None), requires_grad, options)


@function(method=False)
def eye(n: int, m: int | None = None, *, dtype: Any = None, requires_grad: bool = False, **options: Any) -> Any:
    """The identity matrix."""
    if n < 0 or (m or 0) < 0:
        raise NegativeLengthError("MG121", f"n must be greater or equal to 0, got {n} and {m}.")
    return made(mg.eye(n, m, dtype=types.numpy_dtype(dtype)), requires_grad, options)


@function(method=False)
def complex_(real: Any, imag: Any) -> Any:
    """real + i · imag."""
    return real + imag * mg.asarray(1j, dtype=np.result_type(real.raw.dtype, np.complex64))


@function(method=False)
def polar(abs: Any, angle: Any) -> Any:
    """abs · (cos angle + i · sin angle)."""
    return complex_(abs * mg.cos(angle), abs * mg.sin(angle))
