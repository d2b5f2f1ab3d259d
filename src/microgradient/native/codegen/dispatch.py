"""Which module writes which kind of kernel.

Each has `pieces(spec)`, into how many independent pieces the kernel's work is cut (0: nothing to do), whatever the number of
threads, and `write(f, spec, vector_bits)`, which writes a function that does the pieces from %begin to %end.
"""

from __future__ import annotations

from typing import Any

from ..plan.kernel import ContractionKernel, DrawKernel, FlatKernel, RowKernel, ScanKernel, ScatterKernel
from . import elementwise, matmul, philox, rows, scan, scatter
from .ir import Function

_GENERATORS: dict[type, Any] = {
    RowKernel: rows, FlatKernel: elementwise, ContractionKernel: matmul, ScatterKernel: scatter, ScanKernel: scan,
    DrawKernel: philox,
}  # fmt: skip


def pieces(spec: Any, n: int | None = None) -> int:
    """How many independent pieces the kernel's work is cut into; for a flat kernel, of arrays with n entries."""
    generator = _GENERATORS[type(spec)]
    return int(generator.pieces(spec) if n is None else generator.pieces(spec, n))


def generate(spec: Any, name: str, vector_bits: int) -> Function:
    """The kernel as LLVM IR, for vectors of `vector_bits`."""
    f = Function(name)
    _GENERATORS[type(spec)].write(f, spec, vector_bits)
    return f
