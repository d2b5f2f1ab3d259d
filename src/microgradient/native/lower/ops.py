"""The forms that instructions have after lowering, by name."""

from __future__ import annotations

from ...rules import TABLE

VIEWS = frozenset({"reshape", "permute_dims", "broadcast_to", "flip", "windows"})
REDUCTIONS = frozenset({"sum", "max", "min", "prod"})
POINTWISE = frozenset(name for name, op in TABLE.items() if op.kind == "pointwise") | {"astype", "iota"}
NATIVE_DTYPES = frozenset({"f4", "f8", "b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"})
