"""Pointwise primitives applied to arrays by machine code, for tests: each is a loop over vectors in a kernel of its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from microgradient.native.codegen import pointwise
from microgradient.native.codegen.ir import TYPES, Function, Val, vector
from microgradient.native.codegen.registers import literal
from microgradient.native.runtime import engine


class Case(NamedTuple):
    """A primitive, its arguments (arrays of one length; numbers are literals), the dtype of its result and its parameters."""

    name: str
    args: tuple
    dtype: str
    params: dict = {}  # noqa: RUF012
    lanes: int = 16


def code(array):
    return array.dtype.str[1:]


def computed(cases):
    """The results of the cases, all compiled as one module."""
    kernels = {f"case{k}": (lambda k=k, case=case: kernel(f"case{k}", case)) for k, case in enumerate(cases)}
    key = repr([(c._replace(args=tuple(code(a) if isinstance(a, np.ndarray) else a for a in c.args))) for c in cases])
    made = engine.machine_code(kernels, key)
    return [_run(made.address(f"case{k}"), case) for k, case in enumerate(cases)]


def _run(address, case):
    import ctypes

    arrays = [a for a in case.args if isinstance(a, np.ndarray)]
    n = len(arrays[0])
    padded = -(-n // case.lanes) * case.lanes
    arrays = [np.concatenate([a, np.ones(padded - n, a.dtype)]) for a in arrays]
    out = np.zeros(padded, case.dtype)
    args = np.array([a.ctypes.data for a in [*arrays, out]], np.int64)
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)
    call(args.ctypes.data, 0, padded // case.lanes)
    return out[:n]


def kernel(name, case):
    """One vector per piece. args: a pointer for each array, then that of the result."""
    f = Function(name)
    arrays = [k for k, a in enumerate(case.args) if isinstance(a, np.ndarray)]
    pointers = {k: f.load_argument(at) for at, k in enumerate(arrays)}
    out = f.load_argument(len(arrays))
    with f.loop("%begin", "%end") as i:
        values = []
        for k, a in enumerate(case.args):
            if k in pointers:
                values.append(_load(f, pointers[k], i, code(a), case.lanes))
            else:
                values.append(literal(a, case.dtype))
        _store(f, out, i, pointwise.emit(f, case.name, values, case.dtype, case.params))
    return f


def _place(f, pointer, i, dtype, lanes):
    type_ = vector("i8" if dtype == "b1" else TYPES[dtype], lanes)
    whole = f"[{lanes} x {'i8' if dtype == 'b1' else TYPES[dtype]}]"
    return f.emit(f"getelementptr {whole}, ptr {pointer}, i64 {i}"), type_


def _load(f, pointer, i, dtype, lanes):
    at, type_ = _place(f, pointer, i, dtype, lanes)
    value = f.emit(f"load {type_}, ptr {at}, align 1")
    if dtype == "b1":
        value = f.emit(f"trunc {type_} {value} to {vector('i1', lanes)}")
    return Val(value, dtype, lanes)


def _store(f, pointer, i, value):
    at, type_ = _place(f, pointer, i, value.dtype, value.lanes)
    text = value.text
    if value.dtype == "b1":
        text = f.emit(f"zext {value.type} {text} to {type_}")
    f.do(f"store {type_} {text}, ptr {at}, align 1")


def same(a, b):
    """Whether two arrays hold the same bits; one NaN is as good as another."""
    if a.dtype != b.dtype:
        return False
    bits = np.array_equal(a.view(f"V{a.itemsize}"), b.view(f"V{b.itemsize}"))
    return bits or bool(np.all(np.where(np.isnan(a), np.isnan(b), (a == b) & (np.signbit(a) == np.signbit(b)))))
