"""The forms that instructions have after lowering, by name."""

from __future__ import annotations

from ...primitives import for_each_primitive

VIEWS = frozenset({"reshape", "permute_dims", "broadcast_to", "flip", "windows"})
REDUCTIONS = frozenset({"sum", "max", "min", "prod"})
POINTWISE = {"astype", "iota"}
for_each_primitive(lambda row: POINTWISE.add(row.name) if row.kind == "pointwise" else None)
NATIVE_DTYPES = frozenset({"f4", "f8", "b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"})
