"""Padding: a program for one length of an axis as one for every smaller length.

The entries behind the length are padding: an operation along other axes computes something there that nobody reads. Before an
operation that reads across the axis (a sum, a contraction) the padding becomes what makes no difference there, 0 or −∞, and so
does an index. What mixes entries in another way has no rule here, and is refused.
"""

from __future__ import annotations

import functools
import math
import string
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ..primitives import TABLE
from ..rules import INDEX
from ..traced_draws import Drawing
from .batching import model_of_index
from .body import Body
from .lengths import Count, FixedLengthError, Lengths, Varying
from .program import Instruction, Program

Args = list[Any]


def padded(program: Program, lengths: Lengths, length: int) -> tuple[Program, list[Count]]:
    """The program for `length` as one for all smaller lengths, too; its last inputs are the counts.

    Raises FixedLengthError where an operation has no rule."""
    padding = _Padding(program, lengths, length)
    padding.write()
    outputs = [padding.new[o.number] for o in program.outputs]
    inputs = [*program.inputs, *padding.counts.values()]
    return Program(inputs, padding.instructions, outputs, program.aliases), [count for count, _ in padding.counts]


class _Padding:
    """A program being written. `zero` are the numbers of instructions whose padding is known to be 0."""

    def __init__(self, program: Program, lengths: Lengths, length: int) -> None:
        self.program, self.lengths, self.length = program, lengths, length
        self.instructions: list[Instruction] = []
        self.new: dict[int, Instruction] = {i.number: i for i in program.inputs}
        self.zero = {i.number for i in program.inputs}
        self.params: dict[int, Any] = {}  # those that are others now
        self.counts: dict[tuple[Count, str], Instruction] = {}
        self._masks: dict[tuple[int, Varying], Instruction] = {}

    def write(self) -> None:
        """All instructions, in order."""
        for i in self.program.instructions:
            varying = any(self.axis(a) is not None for a in (i, *i.args)) or i.number in self.lengths.loops
            args = [self.new[a.number] if isinstance(a, Instruction) else a for a in i.args]
            if varying:
                args = self._rule(i)(self, i, args)
            if (count := self.lengths.counts.get((i.number, -1))) is not None:
                number = self.count(count, i.dtype, weak=False)
                self.new[i.number] = self.emit("broadcast_to", [number], {"shape": i.shape}, i.shape, i.dtype)
                continue
            for place in range(len(args)):
                if (count := self.lengths.counts.get((i.number, place))) is not None:
                    args[place] = self.count(count, np.asarray(i.args[place]).dtype, weak=True)
            params = self.params.get(i.number, i.params)
            self.new[i.number] = self.emit(i.op, args, params, i.shape, i.dtype, i.weak, i)

    def _rule(self, i: Instruction) -> Rule:
        row = TABLE.get(i.op)
        if row is not None and row.kind == "pointwise":
            return _pointwise
        return RULES[i.op] if i.op in RULES else refuse(i)

    def emit(
        self,
        op: str,
        args: Args,
        params: Any,
        shape: Any,
        dtype: Any,
        weak: bool = False,
        old: Instruction | None = None,
    ) -> Instruction:
        """A new instruction, in the place of an old one."""
        where, taped = (None, True) if old is None else (old.where, old.taped)
        made = Instruction(op, tuple(args), params, shape, dtype, weak, where, taped=taped)
        self.instructions.append(made)
        return made

    def axis(self, x: Any) -> Varying | None:
        """The axis of an operand that varies."""
        return self.lengths.axes.get(x.number) if isinstance(x, Instruction) else None

    def count(self, count: Count, dtype: Any, weak: bool) -> Instruction:
        """A number that follows from the length, as an input."""
        dtype = np.dtype(dtype)
        key = count, f"{dtype} {weak}"
        if key not in self.counts:
            self.counts[key] = Instruction("input", (), {}, (), dtype, weak)
        return self.counts[key]

    def without_padding(self, old: Any, fill: Any = 0) -> Any:
        """An operand with `fill` in the place of its padding. If that is 0, others read it from then on, too."""
        varying = self.axis(old)
        if varying is None:
            return self.new[old.number] if isinstance(old, Instruction) else old
        x, fill = self.new[old.number], bool(fill) if old.dtype.kind == "b" else fill
        if not fill and old.number in self.zero:
            return x
        filled = self.filled(old, varying, fill)
        if not fill:
            self.new[old.number] = filled
            self.zero.add(old.number)
        return filled

    def filled(self, old: Instruction, varying: Varying, fill: Any) -> Instruction:
        """What varies, with `fill` in the place of its padding."""
        mask = self.mask(len(old.shape), varying)
        return self.emit("where", [mask, self.new[old.number], fill], {}, old.shape, old.dtype)

    def mask(self, rank: int, varying: Varying) -> Instruction:
        """Whether an entry is no padding, along the axis of a value with so many axes."""
        key = rank - varying.axis, varying
        if key not in self._masks:
            n = varying.times * self.length
            numbers = self.emit("constant", [], {"value": np.arange(n)}, (n,), np.dtype(np.int64))
            below = self.count(Count(varying.times), np.int64, weak=True)
            mask = self.emit("less", [numbers, below], {}, (n,), np.dtype(bool))
            shape = (n,) + (1,) * (rank - varying.axis - 1)
            self._masks[key] = self.emit("reshape", [mask], {"shape": shape}, shape, mask.dtype)
        return self._masks[key]

    def expect(self, i: Instruction, axis: int, times: int) -> None:
        """Raise unless the result varies along this axis, so many times as long."""
        if self.axis(i) != Varying(axis, times):
            refuse(i)

    def keeps_zero(self, i: Instruction) -> None:
        """The padding of the result is 0 if that of the operand is."""
        if i.args[0].number in self.zero:
            self.zero.add(i.number)


Rule = Callable[[_Padding, Instruction, Args], Args]


def refuse(i: Instruction) -> NoReturn:
    """Raise for an operation that has no rule, or that mixes entries along the axis."""
    where = f" at {i.where}" if i.where is not None else ""
    raise FixedLengthError(f"`{i.op}`{where} reads along the axis that varies")


# ------------------------------------------------------------------------------------------------ elementwise, and shapes


def _pointwise(p: _Padding, i: Instruction, args: Args) -> Args:
    for a in i.args:
        if (varying := p.axis(a)) is not None:
            p.expect(i, varying.axis + len(i.shape) - len(a.shape), varying.times)
    if i.op == "pow" and i.dtype.kind in "iu":  # which raises where an exponent is negative
        return [args[0], p.without_padding(i.args[1])]
    return args


def _constant(p: _Padding, i: Instruction, args: Args) -> Args:
    return args


def _reshape(p: _Padding, i: Instruction, args: Args) -> Args:
    """The padding stays behind the rest, for each entry of the axes before."""
    (a,), varying, result = i.args, p.axis(i.args[0]), p.axis(i)
    if varying is None or result is None:
        refuse(i)
    if math.prod(a.shape[: varying.axis]) != math.prod(i.shape[: result.axis]):
        refuse(i)
    p.keeps_zero(i)
    return args


def _permute_dims(p: _Padding, i: Instruction, args: Args) -> Args:
    varying = _of_first(p, i)
    p.expect(i, i.params["axes"].index(varying.axis), varying.times)
    p.keeps_zero(i)
    return args


def _pad(p: _Padding, i: Instruction, args: Args) -> Args:
    varying = _of_first(p, i)
    if any(i.params["widths"][varying.axis]):
        refuse(i)
    p.expect(i, varying.axis, varying.times)
    return args


def _along_others(p: _Padding, i: Instruction, args: Args) -> Args:
    """What works along axes that don't vary, all operands alike."""
    axis = i.params["axis"]
    axes = (axis,) if isinstance(axis, int) else axis
    for a in i.args:
        varying = p.axis(a)
        if varying is None or varying.axis in axes:
            refuse(i)
        p.expect(i, varying.axis, varying.times)
    return args


def _from_the_start(p: _Padding, i: Instruction, args: Args) -> Args:
    """Running sums and the like: what is behind makes no difference to what is before."""
    for a in i.args:
        varying = p.axis(a)
        if varying is None:
            refuse(i)
        p.expect(i, varying.axis, varying.times)
    return args


def _stacked(p: _Padding, i: Instruction, args: Args) -> Args:
    """Along the last axes, of a stack."""
    windows = len(i.params.get("window", ()))
    last = {"windows": windows, "windows_add": 2 * windows}.get(i.op, 2)
    varying = _of_first(p, i)
    if varying.axis >= len(i.args[0].shape) - last:
        refuse(i)
    p.expect(i, varying.axis, varying.times)
    return args


def _of_first(p: _Padding, i: Instruction) -> Varying:
    varying = p.axis(i.args[0])
    if varying is None:
        refuse(i)
    return varying


# ------------------------------------------------------------------------------------------- reductions and contractions


def _reduction(p: _Padding, i: Instruction, args: Args) -> Args:
    (a,), varying, axis = i.args, _of_first(p, i), i.params["axis"]
    axes = (axis,) if isinstance(axis, int) else axis
    if varying.axis in axes:
        return [p.without_padding(a, _neutral(i.op, a.dtype))]
    before = 0 if i.params["keepdims"] else sum(k < varying.axis for k in axes)
    p.expect(i, varying.axis - before, varying.times)
    return args


def _host(p: _Padding, i: Instruction, args: Args) -> Args:
    """NumPy's functions along axes that leave the others alone, and random numbers."""
    if isinstance(i.params["function"], Drawing):
        return _draw(p, i)
    call, (a, *others) = i.params["function"], i.args
    axis = call.keywords.get("axis") if isinstance(call, functools.partial) else None
    axes = (axis,) if isinstance(axis, int) else axis
    if others or not i.params["pure"] or not axes or i.shape is None:
        refuse(i)
    varying = _of_first(p, i)
    if varying.axis not in axes:
        before = 0 if len(i.shape) == len(a.shape) else sum(k < varying.axis for k in axes)
        p.expect(i, varying.axis - before, varying.times)
        return args
    if i.params["name"] not in _NEUTRAL:
        refuse(i)
    return [p.without_padding(a, _neutral(_NEUTRAL[i.params["name"]], a.dtype))]


def _draw(p: _Padding, i: Instruction) -> Args:
    """As many numbers as a call with this length draws."""
    drawing, varying = i.params["function"], p.axis(i)
    if varying is None or drawing.at is None or i.args:
        refuse(i)
    drawn = functools.partial(_drawn, drawing, i.shape, varying)
    p.params[i.number] = {**i.params, "function": drawn, "draw": None}
    return [p.count(Count(varying.times), np.int64, weak=False)]


def _drawn(drawing: Drawing, shape: tuple[int, ...], varying: Varying, n: Any) -> Any:
    """Random numbers of a shape, of which as many are drawn as n says."""
    before, after = shape[: varying.axis], shape[varying.axis + 1 :]
    drawn = drawing.of_shape((*before, int(n), *after))()
    whole = np.zeros(shape, drawn.dtype)
    whole[(*(slice(None) for _ in before), slice(int(n)))] = drawn
    return whole


_NEUTRAL = {"argmax": "max", "argmin": "min", "count_nonzero": "sum"}


def _neutral(op: str, dtype: Any) -> Any:
    """The number that changes no sum, norm, product, maximum or minimum."""
    if op in ("sum", "norm", "prod"):
        return int(op == "prod")
    if dtype.kind == "f":
        return -math.inf if op == "max" else math.inf
    if dtype.kind == "b":
        return op == "min"
    limits = np.iinfo(dtype)
    return int(limits.min if op == "max" else limits.max)


def _matmul(p: _Padding, i: Instruction, args: Args) -> Args:
    p1, p2 = (len(a.shape) for a in i.args)
    stack = string.ascii_lowercase[: max(p1, p2, 2) - 2]
    rows, columns = "M" * (p1 > 1), "N" * (p2 > 1)
    terms = [stack[len(stack) - max(p1 - 2, 0) :] + rows + "K", stack[len(stack) - max(p2 - 2, 0) :] + "K" + columns]
    return _contraction(p, i, args, terms, stack + rows + columns)


def _einsum(p: _Padding, i: Instruction, args: Args) -> Args:
    inputs, output = i.params["spec"].split("->")
    return _contraction(p, i, args, inputs.split(","), output)


def _contraction(p: _Padding, i: Instruction, args: Args, terms: list[str], output: str) -> Args:
    """Σ over the letters that are not in `output`, of the product of operands whose axes have these letters."""
    found = {(terms[k][v.axis], v.times) for k, a in enumerate(i.args) if (v := p.axis(a)) is not None}
    ((letter, times),) = found if len(found) == 1 else refuse(i)
    if any(term.count(letter) > 1 for term in terms):
        refuse(i)
    if letter in output:
        p.expect(i, output.index(letter), times)
        return args
    return [p.without_padding(a) for a in i.args]


def _conv(p: _Padding, i: Instruction, args: Args) -> Args:
    """Of images (conv, conv_input), and the sum over images (conv_weight)."""
    images, other = (p.axis(a) for a in i.args)
    if i.op == "conv_weight":
        if images is None or images != other or images.axis:
            refuse(i)
        return [p.without_padding(a) for a in i.args]
    if images is None or other is not None or images.axis:
        refuse(i)
    p.expect(i, 0, images.times)
    return args


# ------------------------------------------------------------------------------------------------------------------ loops


def _scan(p: _Padding, i: Instruction, args: Args) -> Args:
    """A loop as long as the axis: steps in the padding carry on what there was."""
    scan = i.params["control"]
    consts, carry, xs = scan.parts([p.axis(a) for a in i.args])
    if i.number not in p.lengths.loops or any([*consts, *carry]) or any(x != Varying(0, 1) for x in xs):
        refuse(i)
    if any(_reads_by_number(inside) for inside in scan.body.instructions):  # which could be out of bounds there
        refuse(i)
    inside = Instruction("input", (), {}, (), np.dtype(bool))
    before = scan.body.inputs[scan.consts : scan.consts + scan.carry]
    kept = [
        Instruction("where", (inside, new, old), {}, old.shape, old.dtype)
        for new, old in zip(scan.body.outputs, before, strict=False)
    ]
    outputs = [*kept, *scan.body.outputs[scan.carry :]]
    body = Body([*scan.body.inputs, inside], [*scan.body.instructions, *kept], outputs)
    p.params[i.number] = {**i.params, "control": scan._replace(body=body)}
    return [*args, p.mask(1, Varying(0, 1))]


def _reads_by_number(i: Instruction) -> bool:
    """Whether an instruction reads entries the numbers of which are computed, or may do so."""
    if i.op in ("index", "index_add", "take_along_axis", "scatter_along_axis"):
        return any(not isinstance(a, Instruction) or a.op != "constant" for a in i.args[1:])
    return i.op == "host" or "control" in i.params


def _pick(p: _Padding, i: Instruction, args: Args) -> Args:
    if i.args[0].number not in p.lengths.loops:
        refuse(i)
    p.expect(i, 0, 1)
    return args


# --------------------------------------------------------------------------------------------------------------- indexing


def _index(p: _Padding, i: Instruction, args: Args) -> Args:
    """a[key]: rows by number, or each row by itself."""
    a, *places = i.args
    found = {
        _through_key(p, i, a.shape, places, k) for k in range(-1, len(places)) if p.axis([*places, a][k]) is not None
    }
    if None in found or found != {p.axis(i)}:
        refuse(i)
    return [args[0], *_safe(p, i, a.shape, p.axis(a), places)]


def _index_add(p: _Padding, i: Instruction, args: Args) -> Args:
    """Zeros with t added at a[key]: padding is added as 0, or to padding."""
    t, *places = i.args
    varying, result = p.axis(t), p.axis(i)
    if varying is None:
        refuse(i)
    if result is not None:
        if _through_key(p, i, i.shape, places, -1, result) != varying:
            refuse(i)
        return [args[0], *_safe(p, i, i.shape, result, places)]
    for k in range(len(places)):
        if p.axis(places[k]) is not None and _through_key(p, i, i.shape, places, k) != varying:
            refuse(i)
    return [p.without_padding(t), *_safe(p, i, i.shape, None, places)]


def _safe(p: _Padding, i: Instruction, shape: Any, varying: Varying | None, places: Args) -> Args:
    """Index arrays that stay in bounds in the padding, too: each row's own number, along the axis that varies, or 0."""
    axes = [axis for axis, part in enumerate(_parts(i, shape)) if part is INDEX]
    safe = []
    for axis, a in zip(axes, places, strict=True):
        if not _numbers_rows(p, a):
            safe.append(p.without_padding(a))
        elif varying is not None and varying.axis == axis:
            safe.append(p.new[a.number])
        else:
            safe.append(p.filled(a, p.lengths.axes[a.number], 0))
    return safe


def _numbers_rows(p: _Padding, a: Any) -> bool:
    """Whether an index array holds 0, 1, 2, …: each row's own number."""
    return (
        isinstance(a, Instruction) and a.op == "constant" and len(a.shape) == 1 and p.axis(a) == Varying(0, 1)
        and np.array_equal(a.params["value"], np.arange(a.shape[0]))
    )  # fmt: skip


def _through_key(
    p: _Padding, i: Instruction, shape: Any, places: Args, k: int, of: Varying | None = None
) -> Varying | None:
    """Along which axis of a[key] what varies along an axis of a (k = -1; `of`, or that of the first operand) or of index array
    k varies; None if it mixes rows. `shape` is a's."""
    if any(x.dtype.kind == "b" for x in places):
        return None
    key, parts = i.params["key"], _parts(i, shape)
    lengths = [1] * len(shape)
    arrays = [np.zeros((1,) * len(x.shape), np.int64) for x in places]
    if k >= 0:
        varying = p.axis(places[k])
        assert varying is not None
        array = [1] * len(places[k].shape)
        array[varying.axis] = 2
        arrays[k] = np.zeros(array, np.int64)
    else:
        varying = of or p.axis(i.args[0])
        assert varying is not None
        part = parts[varying.axis]
        if part is INDEX:  # each row by its own number
            number = sum(other is INDEX for other in parts[: varying.axis])
            return _through_key(p, i, shape, places, number) if _numbers_rows(p, places[number]) else None
        if not isinstance(part, slice) or part != slice(None):
            return None
        lengths[varying.axis] = 2
    found = model_of_index(tuple(lengths), tuple(key), arrays)
    return Varying(found.index(2), varying.times)


def _parts(i: Instruction, shape: Any) -> list[Any]:
    """The parts of a key, one for each axis of what is indexed."""
    key, rank = list(i.params["key"]), len(shape)
    if Ellipsis in key:
        at = key.index(Ellipsis)
        taken = sum(part is not None and part is not Ellipsis for part in key)
        key[at : at + 1] = [slice(None)] * (rank - taken)
    parts = [part for part in key if part is not None]
    return parts + [slice(None)] * (rank - len(parts))


def _along_axis(p: _Padding, i: Instruction, args: Args) -> Args:
    """take_along_axis and scatter_along_axis, for each row."""
    a, places = i.args
    varying = p.axis(a)
    if varying is None or varying != p.axis(places) or varying.axis == i.params["axis"]:
        refuse(i)
    p.expect(i, varying.axis, varying.times)
    return [args[0], p.without_padding(places)]


RULES: dict[str, Rule] = {
    "constant": _constant, "broadcast_to": _pointwise, "reshape": _reshape, "permute_dims": _permute_dims, "pad": _pad,
    **dict.fromkeys(("astype", "conj", "real", "imag", "complex"), _pointwise),
    **dict.fromkeys(("flip", "roll", "fft", "concat", "rfft", "rfft_transpose"), _along_others),
    **dict.fromkeys(("cumulative_sum", "cumulative_prod", "recurrence"), _from_the_start),
    **dict.fromkeys(("tril", "triu", "windows", "windows_add"), _stacked),
    **dict.fromkeys(("sum", "prod", "max", "min", "norm"), _reduction),
    "host": _host, "matmul": _matmul, "einsum": _einsum, **dict.fromkeys(("conv", "conv_input", "conv_weight"), _conv),
    "index": _index, "index_add": _index_add,
    **dict.fromkeys(("take_along_axis", "scatter_along_axis"), _along_axis), "scan_loop": _scan, "pick": _pick,
}  # fmt: skip
"""The rule of every primitive that is not pointwise: its operands, with their padding as it has to be."""
