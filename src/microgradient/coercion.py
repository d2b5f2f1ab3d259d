"""From whatever holds numbers, nested sequences, arrays, tensors, to the array that a tensor holds.

NumPy calls this array coercion. Different here: Python floats become the default float, `None` and text are refused, and
what a trace knows stays a datum of that trace.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import array_world, trace_hooks
from .errors import ArgumentError, DTypeError, ShapeError
from .indexing import unequal
from .interop import DEFAULT_FLOAT, Protocols
from .operators import run_kernel, wrap
from .tape import leave_graph
from .trace_hooks import Traced


def to_array(data: Any, dtype: Any = None) -> Any:
    """A new ndarray with `data` and the dtype that `mg.tensor` documents."""
    if isinstance(data, Protocols):
        data = trace_hooks.detached(data.raw)
        if isinstance(data, Traced):
            return _traced(data, dtype)
    elif trace_hooks.hook is not None and (traced := _traced_value(data)) is not None:
        return _traced(traced, dtype)
    if hasattr(data, "__array__"):  # also another library's array, which keeps its dtype too
        array = np.asarray(data)
        if array.dtype.kind == "O" and dtype is not None:
            return to_array(array.tolist(), dtype)
        numbers = dtype is not None and array.dtype.kind in "biufc"
        array = run_kernel(array_world.astype, array, dtype=np.dtype(dtype)) if numbers else np.array(array)
    else:
        if isinstance(data, list | tuple) and any(isinstance(x, Protocols) for x in data):
            for x in data:
                if isinstance(x, Protocols):
                    leave_graph(x, "mg.tensor([…])")
            data = [x.raw if isinstance(x, Protocols) else x for x in data]
        try:
            array = np.array(data, copy=True)
        except ValueError as error:
            why = unequal(data) or str(error).rstrip(".")
            raise ShapeError("MG126", f"Nested sequences have to be of one length: {why}.") from None
        if dtype is None and array.dtype.kind in "fc" and not _has_array(data):
            dtype = DEFAULT_FLOAT[0] if array.dtype.kind == "f" else np.result_type(DEFAULT_FLOAT[0], np.complex64)
        if array.dtype.kind == "O" and any(x is None for x in array.flat):
            raise DTypeError("MG143", "A tensor holds numbers; None is none. For a missing one write `float('nan')`.")
        if dtype is not None and array.dtype.kind in "biufcO":
            array = _read_as(data, dtype)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind not in "biufc":
        text = array.dtype.kind in "UST"
        fix = " Number them: `names, y = np.unique(labels, return_inverse=True)`." if text else ""
        raise DTypeError(
            "MG143", f"A tensor holds numbers; {type(data).__name__} gives NumPy dtype {array.dtype}.{fix}"
        )
    return array


def holds_tensor(x: Any) -> bool:
    """Whether `x` is a tensor, or nested sequences with one inside."""
    return isinstance(x, Protocols | Traced) or (isinstance(x, list | tuple) and any(map(holds_tensor, x)))


def _traced_value(data: Any) -> Any:
    """Data that the active trace, if there is one, knows or takes as an input; None for other data."""
    trace = trace_hooks.current()
    if trace is None:
        return None
    if isinstance(data, np.ndarray) and data.dtype.kind in "biufc" and data.size:
        return trace.reference(np.asarray(data))
    if isinstance(data, list | tuple) and any(holds_tensor(x) for x in data):
        parts = [x if isinstance(x, Protocols) else wrap(to_array(x), None) for x in data]
        return trace.world.concat(*(p.raw.reshape(1, *p.shape) for p in parts), axis=0)
    return data if isinstance(data, Traced) else None


def _traced(datum: Any, dtype: Any) -> Any:
    """`datum` in a dtype; what stands for a Python float becomes the default float."""
    if dtype is None and datum.weak:
        dtype = DEFAULT_FLOAT[0] if datum.dtype.kind == "f" else datum.dtype
    if datum.weak:
        return trace_hooks.current().world.astype(datum, dtype=np.dtype(dtype))
    return datum if dtype is None else datum.astype(np.dtype(dtype))


def _read_as(data: Any, dtype: Any) -> Any:
    """The numbers in `data` taken directly as `dtype`, so that large integers keep all their digits."""
    try:
        return run_kernel(np.array, data, dtype=dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise ArgumentError("MG143", f"These values don't fit into {np.dtype(dtype)}: {error}.") from None


def _has_array(data: Any) -> bool:
    """Whether nested sequences hold arrays or NumPy's scalars, which keep their dtype."""
    while isinstance(data, list | tuple) and data:
        data = data[0]
    return hasattr(data, "__array__")
