"""Writing lowered instructions: views, pointwise operations, and reductions in one stage or two."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from ...program.origin import Origin
from ...program.program import Instruction, Program


class Lowering:
    """Writes the new instructions, in order, into `made`."""

    def __init__(self, program: Program) -> None:
        self.made: list[Instruction] = []
        self.uses = Counter(id(a) for i in program.instructions for a in i.args if isinstance(a, Instruction))
        self.uses.update(id(o) for o in program.outputs)
        self.where: Origin | None = None

    def add(
        self, op: str, args: tuple[Any, ...], params: dict[str, Any], shape: Any, dtype: Any, weak: bool = False
    ) -> Instruction:
        """Append an instruction."""
        if shape is not None and op not in ("host", "constant"):
            op, args, params = _not_empty(op, args, params, shape, dtype)
        made = Instruction(op, args, params, shape, dtype, weak, self.where)
        self.made.append(made)
        return made

    def view(self, x: Instruction, op: str, shape: tuple[int, ...], **params: Any) -> Instruction:
        """Append a view of x."""
        return self.add(op, (x,), params, shape, x.dtype)

    def reshape(self, x: Instruction, shape: tuple[int, ...]) -> Instruction:
        """Append a reshape of x, if it is one."""
        return x if x.shape == shape else self.add("reshape", (x,), {"shape": shape}, shape, x.dtype)

    def astype(self, x: Instruction, dtype: Any) -> Instruction:
        """Append a conversion of x, if it is one."""
        return x if x.dtype == dtype else self.add("astype", (x,), {"dtype": dtype}, x.shape, dtype)

    def number(self, value: Any, dtype: Any) -> Instruction:
        """Append a 0-d constant."""
        return self.add("constant", (), {"value": np.asarray(value, dtype)}, (), np.dtype(dtype))

    def pointwise(self, op: str, *args: Any, dtype: Any = None, **params: Any) -> Instruction:
        """Append a pointwise primitive; its shape is what its arguments broadcast to."""
        shape = np.broadcast_shapes(*(a.shape for a in args if isinstance(a, Instruction)))
        return self.add(op, args, params, shape, args[0].dtype if dtype is None else np.dtype(dtype))

    def reduce(self, op: str, x: Instruction, axis: tuple[int, ...], keepdims: bool) -> Instruction:
        """Append a reduction, in two if one would leave too little to do at once for more than one thread."""
        axis = tuple(sorted(axis))
        if not axis:
            return x
        outer, inner = _two_stages(x.shape, axis)
        if not outer:
            return self._reduce(op, x, axis, keepdims)
        done = self._reduce(op, self._reduce(op, x, inner, True), outer, True)
        return self.reshape(done, tuple(n for i, n in enumerate(done.shape) if keepdims or i not in axis))

    def _reduce(self, op: str, x: Instruction, axis: tuple[int, ...], keepdims: bool) -> Instruction:
        shape = tuple(1 if i in axis else n for i, n in enumerate(x.shape) if keepdims or i not in axis)
        return self.add(op, (x,), {"axis": axis, "keepdims": keepdims}, shape, x.dtype)


def _not_empty(op: str, args: tuple[Any, ...], params: dict[str, Any], shape: tuple[int, ...], dtype: Any) -> Any:
    """(op, args, params) that do the same without kernels over nothing: what is made of no entries is a constant."""
    empty = [isinstance(a, Instruction) and a.shape is not None and 0 in a.shape for a in args]
    if op == "assemble" and any(empty):
        kept = [k for k, nothing in enumerate(empty) if not nothing]
        args, params = tuple(args[k] for k in kept), {**params, "keys": tuple(params["keys"][k] for k in kept)}
    adds = op != "scatter" or params["add"]
    if 0 in shape or (op in _OF_NOTHING and empty[0] and adds) or (op == "assemble" and not args):
        number = np.asarray(_OF_NOTHING.get(op, 0), dtype)
        return "constant", (), {"value": np.broadcast_to(number, shape)}
    return op, args, params


_OF_NOTHING = {"sum": 0, "prod": 1, "contract": 0, "scatter": 0}


def _two_stages(shape: tuple[int, ...], axis: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Split the axes of a big reduction that leaves little: (second stage, first stage); the second is empty if one will do."""
    kept = math.prod(n for i, n in enumerate(shape) if i not in axis)
    reduced = math.prod(shape[i] for i in axis)
    if (kept * 64 > 4096 and kept >= 256) or reduced * kept < 16384 or len(axis) < 2:
        return (), axis
    inner = [axis[-1]] if axis[-1] == len(shape) - 1 else list(axis[1:])
    outer = [a for a in axis if a not in inner]
    return tuple(outer), tuple(inner)


Rule = Callable[[Lowering, Instruction, tuple[Any, ...]], "Instruction | None"]
"""What writes the instructions in the place of one primitive, whose arguments are lowered already, and returns the last of them;
None leaves the primitive as it is."""
