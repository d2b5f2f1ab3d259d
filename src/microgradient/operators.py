"""How an operation on tensors runs: the kernel on the data, and a node on the tape if an argument needs a gradient.

`unary` and `binary` make the operator methods of Tensor out of the rulebook, one closure per primitive with nothing to look up;
`apply` runs any primitive. They are made before the class whose methods they become, so `install` tells them what it is.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import trace_hooks
from .array_world import ARRAY
from .errors import ArgumentError, DTypeError, RangeError, ShapeError, TraceError, warn_once
from .interop import DEFAULT_FLOAT
from .primitives import TABLE, Primitive
from .tape import NO_PARAMS, TAPE, Cut, Node, Recorder, Shaped, cut, leave_graph, picked, recording
from .trace_hooks import Traced, as_datum

if TYPE_CHECKING:
    from .tensor import Tensor

Operand = Any  # a Tensor, a Python or NumPy number, an ndarray

_default_float = DEFAULT_FLOAT
_recorder = recording.get
_new: Callable[[type[Tensor]], Tensor] = object.__new__  # without the checks of __init__


FLAT = ("round", "floor", "ceil", "trunc", "sign", "floor_divide")
"""The functions that have a gradient, which is 0."""


def install(cls: type[Tensor]) -> None:
    """Make `cls` the class of every result."""
    globals()["Tensor"] = cls.result_class = cls


_derived = False


def derive(cls: type[Tensor]) -> None:
    """Make `cls`, derived from Tensor, the class of what is computed from tensors of `cls`, whatever else takes part."""
    globals()["_derived"] = True
    cls.result_class = cls


def result_class(args: Sequence[Any]) -> type[Tensor]:
    """The class of what is computed from `args`."""
    classes = [arg.result_class for arg in args if isinstance(arg, Tensor)]
    return next((cls for cls in classes if cls is not Tensor), Tensor)


# ---------------------------------------------------------------------------------------------- operators from the rulebook

# Kernels run in a context of their own, where NumPy's floating-point warnings are off: log(0) is -inf, as the standard says.
_silent = contextvars.Context()
_silent.run(np.seterr, all="ignore")
_run_silently: Callable[..., Any] = _silent.run


def run_kernel(kernel: Callable[..., Any], *args: Any, **params: Any) -> Any:
    """`kernel(*args, **params)` without NumPy's floating-point warnings."""
    hook = trace_hooks.hook
    run = _run_silently if hook is None else hook.run
    try:
        return run(kernel, *args, **params)
    except RuntimeError as error:  # the context is in use: by another thread, or by a kernel that calls a kernel
        if "cannot enter context" not in str(error):
            raise
        with np.errstate(all="ignore"):
            return kernel(*args, **params)


def run_primitive(name: str, args: Sequence[Any], params: dict[str, Any]) -> Any:
    """The array world's kernel of a primitive, with the errors that operators give where a pointwise one refuses its operands."""
    try:
        return run_kernel(getattr(ARRAY, name), *args, **params)
    except ValueError as error:
        if TABLE[name].kind != "pointwise" or len(args) != 2:
            raise
        raise _explained(error, name, *args) from None


def unary(name: str) -> Callable[[Tensor], Tensor]:
    """The Tensor method of a pointwise primitive of one argument."""
    op, kernel = TABLE[name], getattr(ARRAY, name)
    keep_y, keep_a = op.reads([True])
    floats, varies, flat = op.floats, op.maps[0] is not None, name in FLAT

    def method(self: Tensor, /) -> Tensor:
        a: Any = self.datum
        hook, run = trace_hooks.hook, _run_silently
        if hook is not None:
            a, run = hook.read_data(self), hook.run
        if floats and a.dtype.kind in "biu":
            a = a.astype(_default_float[0])
        try:
            y = run(kernel, a)
        except RuntimeError:
            y = run_kernel(kernel, a)
        except TypeError as error:
            raise _explained(error, name, a) from None
        if y.__class__ is not np.ndarray:
            y = as_datum(y)
        out = _new(self.result_class)
        out.datum = y
        out.node = out.cut = None
        p = self.node
        if p is not None and varies and (recorder := _recorder()) is not None:
            if flat:
                leave_graph(self, name)
            saved = (y if keep_y else None, a if keep_a else None)
            out.node = node = Node(op, (p,), saved, NO_PARAMS, y.shape, y.dtype)
            if recorder is not TAPE:
                recorder.record(node, (a,), y)
        else:
            if p is not None or self.cut is not None:
                out.cut = cut(self, name)
            if (recorder := _recorder()) is not TAPE and recorder is not None:
                recorder.record_constant(op, (a,), NO_PARAMS, y)
        return out

    return _named(method, name, op)


def binary(name: str, reflected: bool = False) -> Callable[[Tensor, Operand], Tensor]:
    """The operator method of a pointwise primitive of two arguments; `reflected`: self is the second."""
    op, kernel = TABLE[name], getattr(ARRAY, name)
    both, first, second = (op.reads(wanted) for wanted in ([True, True], [True, False], [False, True]))
    floats, varies, lift = op.floats, op.maps[0] is not None, name == "pow" and reflected
    watched = name == "subtract"

    def method(self: Tensor, other: Operand, /) -> Tensor:
        a: Any = self.datum
        hook, run = trace_hooks.hook, _run_silently
        if hook is not None:
            a, run = hook.read_data(self), hook.run
        p, cls = self.node, self.result_class
        if other.__class__ is Tensor or isinstance(other, Tensor):
            if cls is Tensor:
                cls = other.result_class
            b: Any = other.datum if hook is None else hook.read_data(other)
            q, q_cut = other.node, other.cut
            if a.dtype is not b.dtype or (floats and a.dtype.kind in "biu"):
                a, b = promote(a, b, floats)
        else:
            q = q_cut = None
            b = constant(other)
            if b is NotImplemented:
                return NotImplemented
            if lift or (b.__class__ is not float and b.__class__ is not int) or a.dtype.kind not in "fc":
                a, b = _beside(a, b, p is not None, lift, floats)
        if reflected:
            a, b, p, q = b, a, q, p
        try:
            y = run(kernel, a, b)
        except RuntimeError:
            y = run_kernel(kernel, a, b)
        except (ValueError, OverflowError, TypeError) as error:
            raise _explained(error, name, a, b) from None
        if y.__class__ is not np.ndarray:
            y = as_datum(y)
        out = _new(cls)
        out.datum = y
        out.cut = None
        if (p is None and q is None) or not varies or (recorder := _recorder()) is None:
            out.node = None
            if p is not None or q is not None or self.cut is not None or q_cut is not None:
                out.cut = cut(self, name) or (cut(other, name) if isinstance(other, Tensor) else None)
            if (recorder := _recorder()) is not TAPE and recorder is not None:
                recorder.record_constant(op, (a, b), NO_PARAMS, y)
            return out
        keep_y, keep_a, keep_b = both if p is not None and q is not None else first if q is None else second
        saved = (y if keep_y else None, a if keep_a else None, b if keep_b else None)
        if watched and (p is None or q is None) and y.ndim == 2:
            _warn_if_stretched(a, b, q if p is None else p, (a if q is None else b).ndim == 1)
        out.node = node = Node(op, (p, q), saved, NO_PARAMS, y.shape, y.dtype)
        if recorder is not TAPE:
            recorder.record(node, (a, b), y)
            _note_constants(recorder, node, (self, other))
        return out

    return _named(_leaving(method, name) if name in FLAT else method, name, op)


def _beside(a: Any, b: Any, read: bool, lift: bool, floats: bool) -> tuple[Any, Any]:
    """The datum of a tensor and a constant beside it, which a rule may `read`, as a kernel takes them."""
    if b.__class__ is np.ndarray and read:
        b = b.copy()  # the user may change it before
    if lift and a.dtype.kind in "fc":  # the rule of 2**x takes the logarithm of 2 in this dtype
        b = as_datum(b).astype(np.result_type(a.dtype, b) if b.__class__ is complex else a.dtype)
    return promote(a, b, floats)


def _leaving(method: Callable[[Tensor, Operand], Tensor], name: str) -> Callable[[Tensor, Operand], Tensor]:
    """The method of a function of two arguments that is flat."""

    def flat(self: Tensor, other: Operand, /) -> Tensor:
        for x in (self, other):
            if isinstance(x, Tensor):
                leave_graph(x, name)
        return method(self, other)

    return flat


def pointwise_function(name: str, as_tensor: Callable[[Any], Tensor] | None = None) -> Callable[..., Any]:
    """The function of a pointwise primitive of one or two arguments: tensors, arrays or numbers.

    `as_tensor` makes a tensor of anything else; without it, Tensor's constructor does.
    """
    lift = as_tensor or (lambda x: Tensor(x, None))
    if len(TABLE[name].maps) == 1:
        method = unary(name) if name != "sign" else _direction

        def of_one(x: Operand, /) -> Tensor:
            return method(x if isinstance(x, Tensor) else lift(x))

        return of_one
    first, second = binary(name), binary(name, reflected=True)

    def of_two(x1: Operand, x2: Operand, /) -> Tensor:
        if isinstance(x1, Tensor):
            y = first(x1, x2)
        elif isinstance(x2, Tensor):
            y = second(x2, x1)
        elif isinstance(x1, bool | int | float | complex):
            y = second(lift(x2), x1)
        else:
            y = first(lift(x1), x2)
        return y if y is not NotImplemented else first(lift(x1), lift(x2))

    return of_two


def _direction(x: Tensor) -> Tensor:
    """The sign: of a complex number x / |x|, which turns with x, while that of real ones is flat."""
    if x.node is None or x.datum.dtype.kind != "c":
        return _sign(x)
    size = _abs(x)
    return _divide(x, apply(TABLE["where"], size == 0, np.inf, size))


def _warn_if_stretched(a: Any, b: Any, node: Any, flat: bool) -> None:
    """The silent mistake of losses written by hand: a prediction (n, 1) minus a target (n,) is a table of all differences.

    Not where both sides need a gradient: `x[:, None] - x` means all differences. Nor where the only side that does, which
    has the `node` and is `flat` or not, is a parameter, as in `x - centers`, or was made a column for this: `p[:, None] - x`.
    """
    if (
        node.op is None
        if flat
        else node.op is not None and node.op.name in ("index", "reshape") and len(node.parents[0].shape or ()) == 1
    ):
        return
    (n, *rest), other = (np.shape(a), np.shape(b)) if np.ndim(a) == 2 else (np.shape(b), np.shape(a))
    if rest == [1] and other == (n,) and n > 1:
        warn_once(
            "MG166",
            f"Subtracting shapes {np.shape(a)} and {np.shape(b)} makes ({n}, {n}): every prediction against every target. "
            "Write `y[:, None]` for the target, or `mg.squeeze(y, axis=-1)` if it has one axis too many.",
        )


def apply(op: Primitive, *args: Any, **params: Any) -> Any:
    """Run any primitive on tensors, arrays and numbers: one Tensor, or a tuple where the primitive has several results."""
    hook = trace_hooks.hook
    if hook is None:
        data, run = [arg.datum if isinstance(arg, Tensor) else arg for arg in args], _run_silently
    else:
        data, run = [hook.read_data(arg) if isinstance(arg, Tensor) else arg for arg in args], hook.run
    nodes = tuple([arg.node if isinstance(arg, Tensor) else None for arg in args])
    kernel = getattr(ARRAY, op.name)
    try:
        y = run(kernel, *data, **params)
    except RuntimeError:
        y = run_kernel(kernel, *data, **params)
    several, cls = y.__class__ is tuple, result_class(args) if _derived else Tensor
    if not several and y.__class__ is not np.ndarray:
        y = as_datum(y)
    wanted = tuple([node is not None for node in nodes])
    if True not in wanted or not op.varies or (recorder := _recorder()) is None:
        lost = None
        for a in args:
            if lost is None and isinstance(a, Tensor) and (a.node is not None or a.cut is not None):
                lost = cut(a, op.name)
        if (recorder := _recorder()) is not TAPE and recorder is not None:
            recorder.record_constant(op, data, params, y)
        return tuple(wrap(part, None, lost, cls) for part in y) if several else wrap(y, None, lost, cls)
    kept = op.kept.get(wanted) or op.kept.setdefault(wanted, op.reads(wanted))
    saved = [y if kept[0] else None]
    for datum, keep, node in zip(data, kept[1:], nodes, strict=True):
        saved.append(datum if keep else None if node is not None else _shaped(datum))
    if several:
        node = Node(op, nodes, tuple(saved), params, None, None)
        out: Any = tuple(wrap(part, picked(node, i, part, len(y)), None, cls) for i, part in enumerate(y))
    else:
        node = Node(op, nodes, tuple(saved), params, y.shape, y.dtype)
        out = wrap(y, node, None, cls)
    if recorder is not TAPE:
        recorder.record(node, data, y)
        _note_constants(recorder, node, args)
    return out


def _note_constants(recorder: Recorder, node: Node, args: Sequence[Any]) -> None:
    for x in args:
        if isinstance(x, Tensor) and x.cut is not None:
            recorder.note_constant(node if x.node is None else x.node, x.cut)


def world() -> Any:
    """The namespace in which rules run on data: the array world, or the traced one."""
    trace = trace_hooks.current()
    return ARRAY if trace is None else trace.world


def wrap(datum: Any, node: Node | None, lost: Cut | None = None, cls: type[Tensor] | None = None) -> Any:
    """The tensor of a datum and a node, or of a constant and its cut. Numbers and shapes, which rules also meet, stay."""
    if datum.__class__ is not np.ndarray:
        if not isinstance(datum, _DATA) or (isinstance(datum, Traced) and datum.weak):
            return datum
        datum = as_datum(datum)
    out = _new(cls or Tensor)
    hook = trace_hooks.hook
    out.datum, out.node, out.cut = datum if hook is None else hook.own(datum), node, lost
    return out


_DATA = (np.ndarray, np.generic, Traced)


def _shaped(datum: Any) -> Shaped:
    return Shaped(np.shape(datum), datum.dtype if hasattr(datum, "dtype") else np.result_type(datum))


def constant(value: Any) -> Any:
    """An operand that is not a tensor, as a Python number or a datum; NotImplemented if it is neither."""
    cls = value.__class__
    if cls is float or cls is int or cls is bool or cls is complex:
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        value, trace = np.asarray(value), trace_hooks.current()  # of np.memmap and np.matrix too
        return value if trace is None else trace.reference(value)
    if isinstance(value, np.generic) and value.dtype.kind in "biufc":
        return value.item()  # a NumPy number is a number: it does not decide the dtype
    plain: Any
    for plain in (int, float, complex):
        if isinstance(value, plain):
            return plain(value)  # of a class derived from it
    return value if isinstance(value, Traced) else NotImplemented


def promote(a: Any, b: Any, floats: bool = False) -> tuple[Any, Any]:
    """Bring two operands to where NumPy's promotion agrees with ours: integers beside floats take the float's dtype.

    The standard leaves integers with floats open; here, as in PyTorch, float32 with int64 is float32. Python numbers
    have no dtype of their own: beside integers a Python float counts as the default float. Beside complex numbers all are.
    """
    kinds = [x.dtype.kind if is_strong(x) else "Python" for x in (a, b)]
    inexact = [x.dtype for x, kind in zip((a, b), kinds, strict=True) if kind in "fc"]
    if inexact:
        target = inexact[0] if len(inexact) == 1 else np.result_type(*inexact)
        if any(x.__class__ is complex for x in (a, b)):
            target = np.result_type(target, np.complex64)
    elif any(isinstance(x, complex) for x in (a, b)):
        target = np.result_type(_default_float[0], np.complex64)
    elif floats or any(
        isinstance(x, float) or (isinstance(x, Traced) and x.weak and x.dtype.kind == "f") for x in (a, b)
    ):
        target = _default_float[0]
    else:
        return a, b
    cast = "biuf" if target.kind == "c" else "biu"  # rules meet operands that are complex or real, all of them
    a, b = (x.astype(target) if k in cast else x for x, k in zip((a, b), kinds, strict=True))
    return a, b


def is_strong(x: Any) -> bool:
    """Whether an operand is a datum that decides the dtype of a result, rather than a number."""
    return isinstance(x, np.ndarray) or (isinstance(x, Traced) and not x.weak)


def _explained(error: Exception, name: str, *operands: Any) -> Exception:
    """What to say when a kernel refuses its operands."""
    if isinstance(error, TraceError | RangeError):
        return error  # which says more
    if isinstance(error, OverflowError):
        number, array = operands if isinstance(operands[1], np.ndarray) else operands[::-1]
        return RangeError(
            "MG144",
            f"`{name}`: the number {number} does not fit into the dtype {array.dtype} of the tensor. Write "
            "`x.astype(mg.int64)`, or a smaller number.",
        )
    if isinstance(error, TypeError):
        dtypes = " and ".join(str(getattr(x, "dtype", type(x).__name__)) for x in operands)
        return DTypeError("MG144", f"`{name}` is not defined for {dtypes}. Write `mg.astype(x, …)` first.")
    first, second = map(np.shape, operands)
    try:
        np.broadcast_shapes(first, second)
    except ValueError:
        return ShapeError(
            "MG120",
            f"`{name}` can't broadcast shapes {first} and {second}: counted from the right, axes must be equal or 1. "
            "Add axes of length 1 with `x[:, None]`, or reshape one of them.",
        )
    return ArgumentError(
        "MG124", f"`{name}`: {str(error).rstrip('.')}. Make the integers floats: `mg.astype(x, mg.float32)`."
    )


def _named(method: Callable[..., Tensor], name: str, op: Primitive) -> Callable[..., Tensor]:
    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"The {op.kind} primitive `{name}`, elementwise."
    return method


def set_default_dtype(dtype: Any) -> None:
    """Set the dtype that Python floats become, and integers where a function needs floats: float32 (at first) or float64.

    >>> import microgradient as mg
    >>> mg.set_default_dtype(mg.float64); str(mg.tensor(1.0).dtype)
    'float64'
    >>> mg.set_default_dtype(mg.float32)
    """
    new = np.dtype(dtype)
    if new not in (np.float32, np.float64):
        raise DTypeError("MG140", f"The default dtype must be float32 or float64, not {new}.")
    _default_float[0] = new


def get_default_dtype() -> np.dtype[Any]:
    """The dtype that Python floats become.

    >>> import microgradient as mg
    >>> mg.get_default_dtype()
    dtype('float32')
    """
    return _default_float[0]


_sign, _abs, _divide = unary("sign"), unary("abs"), binary("divide")
