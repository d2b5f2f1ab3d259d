"""Kernels as readable text: what `step.kernels` shows."""

from __future__ import annotations

from typing import Any

from ..plan.kernel import Access, ContractionKernel, DrawKernel, Op, RowKernel, ScanKernel, ScatterKernel
from ..plan.schedule import Launch


def listing(launches: list[Launch]) -> str:
    """The launches in order; a kernel that runs again on other arrays is named, not written again."""
    lines: list[str] = []
    known: dict[str, int] = {}
    for number, launch in enumerate(launches):
        text = repr(launch.spec)  # in which 0.0 and -0.0 differ
        if launch.spec is None:
            assert launch.host is not None
            instruction = launch.host.detail[0]
            lines.append(f"launch {number}: NumPy's {instruction.params.get('name', instruction.op)}")
        elif text in known:
            lines.append(f"launch {number}: as launch {known[text]}{_count(launch)}, on other arrays")
        else:
            known[text] = number
            lines += [f"launch {number}: {_title(launch.spec)}{_count(launch)}", *_body(launch.spec)]
    return "\n".join(lines)


def _title(spec: Any) -> str:
    if isinstance(spec, ContractionKernel):
        parts = {"batch": spec.batch, "rows": spec.rows, "columns": spec.columns, "depth": spec.depth}
        sizes = ", ".join(f"{name} {_times(sizes)}" for name, sizes in parts.items() if sizes)
        return f"contraction, {sizes}" + (f", {spec.terms} terms" if spec.terms > 1 else "")
    if isinstance(spec, RowKernel):
        kept, reduced = spec.shape[: spec.kept], spec.shape[spec.kept :]
        over = f"for each of {_times(kept)}" if kept else "once"
        return (
            f"rows, {over}"
            + (f", reducing {_times(reduced)}" if reduced else "")
            + f"; vectors along loop {spec.vector}"
        )
    if isinstance(spec, ScatterKernel):
        return f"scatter, for each of {_times(spec.shape)}"
    if isinstance(spec, ScanKernel):
        return f"scan, for each of {_times(spec.shape[:-1])}, {spec.shape[-1]} steps"
    if isinstance(spec, DrawKernel):
        return f"random, {spec.size} numbers"
    return "elementwise"


def _times(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes))


def _count(launch: Launch) -> str:
    return f" of {launch.number:,} entries" if launch.number is not None else ""


def _body(spec: Any) -> list[str]:
    if isinstance(spec, ScatterKernel):
        return [f"    value {_array(spec.value)}, target {_array(spec.target)}, {'added' if spec.add else 'set'}"]
    if isinstance(spec, ScanKernel):
        inputs = ", ".join(map(_array, spec.inputs))
        return [f"    {spec.name} of {inputs}, output {_array(spec.output)}"]
    if isinstance(spec, DrawKernel):
        return [f"    {spec.kind} {spec.numbers} : {spec.dtype}"]
    lines = []
    first = 0
    if isinstance(spec, ContractionKernel):
        lines.append(f"    v0 = Σ a·b, a {_array(spec.a)}, b {_array(spec.b)}")
        first = 1
    lines += [f"    v{first + k} = load {_array(a)}" for k, a in enumerate(spec.loads)]
    start = first + len(spec.loads)
    lines += [f"    v{start + k} = {_operation(op)}" for k, op in enumerate(spec.ops)]
    lines += [f"    store v{value} {_array(a)}" for value, a in spec.stores]
    return lines


def _array(access: Access) -> str:
    return f"{access.dtype} strides {access.strides}"


def _operation(op: Op) -> str:
    params = " ".join(f"{name}={value}" for name, value in op.params)
    return " ".join(filter(None, [op.name, *(f"v{a}" for a in op.args), params, f": {op.dtype}"]))
