"""Simplify: the same program with less to do. Results stay bit for bit the same.

What nobody reads is dropped; what was computed before is not computed again; views of views become one, and operations that
change nothing (times 1, a cast to the same dtype, a sum over axes of length 1) disappear.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .program import Instruction, Program, is_pure

_Args = tuple[Any, ...]


def simplify(program: Program) -> Program:
    """A program with the same inputs, outputs and aliases.

    >>> from microgradient.program.program import Instruction, Program
    >>> import numpy as np
    >>> x = Instruction("input", (), {}, (2,), np.dtype("f4"))
    >>> unused = Instruction("exp", (x,), {}, (2,), np.dtype("f4"))
    >>> y = Instruction("multiply", (x, 1), {}, (2,), np.dtype("f4"))
    >>> z = Instruction("sin", (y,), {}, (2,), np.dtype("f4"))
    >>> print(simplify(Program([x], [unused, y, z], [z])))
    %0 = input : float32 (2,)
    %1 = sin %0 : float32 (2,)
    return %1
    """
    new: dict[int, Instruction] = {id(i): i for i in program.inputs}
    known: dict[Any, Instruction] = {}
    made: list[Instruction] = []
    for old in needed(program.instructions, program.outputs):
        args = tuple(new[id(a)] if isinstance(a, Instruction) else a for a in old.args)
        same = _RULES[old.op](old, args) if old.op in _RULES else None
        if isinstance(same, Instruction):
            new[id(old)] = same
            continue
        op, args, params = same if same is not None else (old.op, args, old.params)
        key = _key(op, args, params, old)
        found = known.get(key) if key is not None else None
        if found is None:
            found = Instruction(op, args, params, old.shape, old.dtype, old.weak, old.where)
            made.append(found)
            if key is not None:
                known[key] = found
        new[id(old)] = found
    outputs = [new[id(o)] for o in program.outputs]
    return Program(program.inputs, needed(made, outputs), outputs, program.aliases)


def needed(instructions: list[Instruction], outputs: list[Instruction]) -> list[Instruction]:
    """The instructions that an output or an effect depends on."""
    wanted = {id(o) for o in outputs}
    kept = []
    for i in reversed(instructions):
        if id(i) in wanted or not is_pure(i):
            kept.append(i)
            wanted.update([id(a) for a in i.args if a.__class__ is Instruction])
    return kept[::-1]


def _key(op: str, args: _Args, params: dict[str, Any], old: Instruction) -> Any:
    """What two instructions with the same value have in common; None for one that is never the same twice."""
    if op in ("constant", "host"):
        value: Any = params.get("value")
        if op == "host" or value.size > 16:
            return None
        return op, old.shape, old.dtype.str, value.tobytes()
    shown = tuple(id(a) if isinstance(a, Instruction) else (type(a), repr(a), _sign_of_nan(a)) for a in args)
    dtype = None if old.dtype is None else old.dtype.str
    return op, shown, repr(params) if params else "", old.shape, dtype, old.weak


def _sign_of_nan(a: Any) -> bool:
    """What `repr` does not show of a number."""
    return isinstance(a, float | np.floating) and bool(np.isnan(a) and np.signbit(a))


# ----------------------------------------------------------------------- rules: an instruction that has the value already, or
# ----------------------------------------------------------------------- another (op, args, params) with the same value, or None


def _reshape(old: Instruction, args: _Args) -> Any:
    x = args[0]
    if x.shape == old.shape and not x.weak:
        return x
    if x.op == "reshape":
        return _reshape(old, x.args) or ("reshape", x.args, old.params)
    return None


def _permute(old: Instruction, args: _Args) -> Any:
    x, axes = args[0], tuple(old.params["axes"])
    if x.op == "permute_dims":
        axes = tuple(x.params["axes"][a] for a in axes)
        x = x.args[0]
    if axes == tuple(range(len(axes))):
        return x
    return "permute_dims", (x,), {"axes": axes}


def _unchanged(old: Instruction, args: _Args) -> Any:
    x = args[0]
    return x if isinstance(x, Instruction) and x.shape == old.shape and x.dtype == old.dtype and not x.weak else None


def _astype(old: Instruction, args: _Args) -> Any:
    return _unchanged(old, args)


def _sum(old: Instruction, args: _Args) -> Any:
    x = args[0]
    axis = old.params["axis"]
    axes = (axis,) if isinstance(axis, int) else axis
    if x.dtype != old.dtype or any(x.shape[a] != 1 for a in axes):
        return None
    return x if x.shape == old.shape else ("reshape", (x,), {"shape": old.shape})


def _one(x: Any) -> bool:
    """Whether an operand is 1 everywhere."""
    if isinstance(x, Instruction):
        if x.op == "broadcast_to":
            return _one(x.args[0])
        if x.op != "constant":
            return False
        value = x.params["value"]
        return bool(value.size and (value.size == 1 or not any(value.strides)) and value.flat[0] == 1)
    return not isinstance(x, bool) and x == 1


def _multiply(old: Instruction, args: _Args) -> Any:
    for x, other in (args, args[::-1]):
        if _one(other) and _unchanged(old, (x,)):
            return x
    return None


def _divide(old: Instruction, args: _Args) -> Any:
    return args[0] if _one(args[1]) and _unchanged(old, args) else None


def _negative(old: Instruction, args: _Args) -> Any:
    return args[0].args[0] if args[0].op == "negative" and isinstance(args[0].args[0], Instruction) else None


def _zero_pad(old: Instruction, args: _Args) -> Any:
    return _unchanged(old, args) if not any(np.ravel(old.params["widths"])) else None


_RULES: dict[str, Callable[[Instruction, _Args], Any]] = {
    "reshape": _reshape, "permute_dims": _permute, "broadcast_to": _unchanged, "astype": _astype, "positive": _unchanged,
    "sum": _sum, "max": _sum, "min": _sum, "multiply": _multiply, "divide": _divide, "negative": _negative, "pad": _zero_pad,
}  # fmt: skip
