"""Schedules run on NumPy, kernel by kernel as the specifications say: what the generated machine code is compared with."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradient.array_world import ARRAY
from microgradient.native.codegen.pointwise import supported
from microgradient.native.plan.groups import HostCall
from microgradient.native.plan.kernel import ContractionKernel, FlatKernel, RowKernel, ScanKernel, ScatterKernel
from microgradient.native.plan.schedule import Schedule, schedule
from microgradient.native.plan.values import View
from microgradient.program.program import Program


def run_reference(program: Program, inputs: list[Any], plan: Schedule | None = None) -> list[Any]:
    """The outputs of a program by way of its schedule."""
    plan = plan or schedule(program, supported)
    arena = np.zeros(plan.arena_bytes, np.uint8)
    arrays: dict[int, Any] = {k: np.array(a, copy=True).reshape(-1) for k, a in enumerate(inputs)}
    sources = {a.output: a.input for a in program.aliases}
    for number, out in enumerate(program.outputs):
        slot = len(program.inputs) + number
        arrays[slot] = arrays[sources[number]] if number in sources else np.empty(out.size, out.dtype)
    arrays.update({slot: a.reshape(-1) for slot, a in plan.constants})

    def flat(buffer: Any) -> Any:
        if buffer.slot is not None:
            return arrays[buffer.slot]
        return arena[buffer.offset : buffer.offset + buffer.size * buffer.dtype.itemsize].view(buffer.dtype)

    results: dict[int, Any] = {}
    with np.errstate(all="ignore"):
        for _ in range(2):  # the second time in an arena that was used
            for k, a in enumerate(inputs):
                arrays[k][...] = np.asarray(a).reshape(-1)
            for launch in plan.launches:
                if isinstance(launch, HostCall):
                    _call(launch, flat, results)
                else:
                    _run(launch, [(flat(o.buffer), o.entry) for o in launch.operands])
    return [arrays[len(program.inputs) + k].reshape(o.shape) for k, o in enumerate(program.outputs)]


def strided(memory: Any, entry: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    """The array that starts at an entry of a flat one."""
    if 0 in shape:
        return np.empty(shape, memory.dtype)
    low = entry + sum(min(0, (n - 1) * s) for n, s in zip(shape, strides, strict=True))
    high = entry + sum(max(0, (n - 1) * s) for n, s in zip(shape, strides, strict=True))
    assert low >= 0
    assert high < len(memory)
    steps = tuple(s * memory.itemsize for s in strides)
    return (
        np.ndarray(shape, memory.dtype, memory.data, entry * memory.itemsize, steps)
        if memory.flags.c_contiguous
        else None
    )


def _call(call: HostCall, flat: Any, results: dict[int, Any]) -> None:
    i, operands, value = call.instruction, call.args, call.value
    args = []
    for o in operands:
        if isinstance(o, View):
            if o.value.literal is not None:
                args.append(np.full(o.shape, o.value.literal, o.value.dtype))
            elif id(o.value) in results:
                args.append(results[id(o.value)])
            else:
                layout = o.layout
                args.append(strided(flat(o.value.buffer), layout.offset, o.shape, layout.strides))
        else:
            args.append(o)
    if i.op == "host":
        params = {k: v for k, v in i.params.items() if k not in ("function", "name", "pure")}
        y = i.params["function"](*args, **params)
    else:
        y = getattr(ARRAY, i.op)(*args, **i.params)
    if i.shape is None:
        results[id(value)] = y
    else:
        flat(value.buffer)[...] = np.asarray(y, value.dtype).reshape(-1)


def _run(launch: Any, operands: list[Any]) -> None:
    spec = launch.spec
    if isinstance(spec, FlatKernel):
        spec = RowKernel((launch.entries,), 1, 0, *spec)
    if isinstance(spec, RowKernel):
        _pointwise(spec.shape, spec.shape[: spec.kept], spec, operands, [])
    elif isinstance(spec, ContractionKernel):
        nb, nr, nc = len(spec.batch), len(spec.rows), len(spec.columns)
        a = strided(*operands[0], spec.batch + spec.rows + spec.depth, spec.a.strides)
        b = strided(*operands[1], spec.batch + spec.columns + spec.depth, spec.b.strides)
        if spec.columns and spec.columns[-1] > 1:
            assert spec.b.strides[nb + nc - 1] == 1
        letters = "abcdefghijklmnopqrstuvwxyz"
        lb, lr, lc = letters[:nb], letters[nb : nb + nr], letters[nb + nr : nb + nr + nc]
        ld = letters[nb + nr + nc : nb + nr + nc + len(spec.depth)]
        total = np.einsum(f"{lb}{lr}{ld},{lb}{lc}{ld}->{lb}{lr}{lc}", a, b, optimize=True)
        shape = spec.batch + spec.rows + spec.columns
        _pointwise(shape, shape, spec, operands[2:], [total])
    elif isinstance(spec, ScatterKernel):
        value = strided(*operands[0], spec.shape, spec.value.strides)
        indices = [strided(*o, spec.shape, i.strides) for o, i in zip(operands[1:-1], spec.indices, strict=True)]
        memory, entry = operands[-1]
        for place in np.ndindex(*spec.shape):
            at = entry + sum(p * s for p, s in zip(place, spec.target.strides, strict=True))
            for index, s, n in zip(indices, spec.index_strides, spec.sizes, strict=True):
                k = int(index[place])
                at += (k + n if k < 0 else k) * s
            memory[at] = memory[at] + value[place] if spec.add else value[place]
    elif isinstance(spec, ScanKernel):
        strides = [*(a.strides for a in spec.inputs), spec.output.strides]
        b, *a, out = (strided(*o, spec.shape, s) for o, s in zip(operands, strides, strict=True))
        out[..., 0] = b[..., 0]
        for i in range(1, spec.shape[-1]):
            before = out[..., i - 1]
            if spec.name == "prod":
                out[..., i] = before * b[..., i]
            else:
                out[..., i] = (a[0][..., i] * before if a else before) + b[..., i]
    else:
        raise AssertionError(spec)


def _pointwise(shape: Any, kept: Any, spec: Any, operands: list[Any], values: list[Any]) -> None:
    loads = spec.loads
    values = list(values)
    for access, (memory, entry) in zip(loads, operands, strict=False):
        values.append(np.array(strided(memory, entry, shape, access.strides)))
    for op in spec.ops:
        args = [values[a] for a in op.args]
        params = dict(op.params)
        dtype = np.dtype(op.dtype)
        if op.name == "constant":
            y = np.asarray(params["value"], dtype)
        elif op.name == "astype":
            y = np.asarray(args[0]).astype(dtype)
        elif op.name == "iota":
            y = np.arange(shape[params["loop"]]).reshape([-1 if d == params["loop"] else 1 for d in range(len(shape))])
        elif op.name == "gather":
            memory, entry = operands[params["load"]]
            y = np.zeros(np.broadcast_shapes(shape), dtype)
            indices = [np.broadcast_to(a, shape) for a in args]
            strides = loads[params["load"]].strides
            for place in np.ndindex(*shape):
                at = entry + sum(p * s for p, s in zip(place, strides, strict=True))
                for index, s, n in zip(indices, params["strides"], params["sizes"], strict=True):
                    k = int(index[place])
                    at += (k + n if k < 0 else k) * s
                y[place] = memory[at]
        elif op.name.startswith("reduce_"):
            axes = tuple(range(len(kept), len(shape)))
            full = np.broadcast_to(args[0], shape)
            name = op.name[7:]
            y = getattr(np, name)(full, axis=axes, keepdims=True)
        else:
            y = np.asarray(getattr(ARRAY, op.name)(*args, **params)).astype(dtype)
        values.append(y)
    for (number, access), (memory, entry) in zip(spec.stores, operands[len(loads) :], strict=True):
        where = tuple(
            1 if s == 0 and k >= len(kept) else n for k, (n, s) in enumerate(zip(shape, access.strides, strict=True))
        )
        target = strided(memory, entry, where, access.strides)
        target[...] = np.broadcast_to(values[number], shape)[tuple(slice(n) for n in where)]
