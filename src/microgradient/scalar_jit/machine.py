"""The machine for programs of single numbers: a flat tape of runs of equal operations, and the loop that executes it.

A program of 200,000 operations would take LLVM minutes as one function. Here the machine code is the same for all programs: a
loop over *runs*. A run is many operations of one kind that don't need each other's results; its operands are numbers of places
in one array of floats, its results lie side by side. So there is one branch per run instead of one per operation.

`Tape` makes the runs: only what the outputs need; a·b + c in one step (rounded twice, as separate steps are); operations sorted
by depth, then by kind. Everything takes time linear in the number of operations (times its logarithm, in NumPy's sort).
"""

from __future__ import annotations

import ctypes
import functools
import operator
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..native.codegen.ir import Function, Val
from ..native.codegen.registers import Register
from ..native.codegen.vectors import advance, store
from ..native.runtime import engine
from ..scalar_world import SCALAR
from . import program as sp
from .program import ARITY, MULTIPLY_ADD, NAMES, ScalarProgram


def available() -> bool:
    """Whether there is LLVM to make the machine. Who finds that there is not runs the function itself, after a warning."""
    if not engine.available():
        engine.warn_of_numpy()
    return engine.available()


LANES = 8  # operations per turn of the inner loop


class Tape:
    """A program ready to run. `memory` is its array of floats: the inputs first, then constants, then results.

    `places(slots)` says where the results of operations of the program lie. `runs` has a row (opcode, count, place of the
    first result, place of the first operand in `operands`) for each run; operands come as all first, all second, all third.
    """

    def __init__(self, program: ScalarProgram, outputs: list[int], moves: list[tuple[int, int]]) -> None:
        """`moves`: the inputs that change from one time to the next, and the operations whose results they become."""
        started = time.perf_counter()
        kind, operands, n = program.kind.copy(), program.operands.copy(), len(program.kind)
        needed, depths = np.zeros(n, np.bool_), np.zeros(n, np.int32)
        needed[outputs] = True
        _compiled("scalar_needed")(operands.ctypes.data, needed.ctypes.data, n)
        _fuse(kind, operands, needed, outputs)
        steps = (kind > sp.CONSTANT).astype(np.int32)
        _compiled("scalar_depths")(operands.ctypes.data, depths.ctypes.data, steps.ctypes.data, n)
        work = np.flatnonzero(needed & (kind > sp.CONSTANT))
        key = depths[work].astype(np.int64) * sp.LIMIT + kind[work]
        order = np.argsort(key, kind="stable")
        self._work, key = work[order], key[order]  # the operations in the order of their results
        self._first = first = program.inputs + len(program.constants)
        self._place = program.number + np.where(kind == sp.CONSTANT, program.inputs, 0)
        self._place[self._work] = first + np.arange(len(work))
        self.memory = np.zeros(first + len(work))
        self.memory[program.inputs : first] = program.constants
        self.runs, self.operands = _runs(key, kind[self._work], self._place[operands[:, self._work]], first)
        self._moves = np.array([self.places(to for to, _ in moves), self.places(at for _, at in moves)], np.int32)
        self._spare = np.empty(len(moves))
        self._addresses: tuple[int, ...] = ()
        self._seconds = time.perf_counter() - started

    def places(self, slots: Iterable[int]) -> NDArray[np.int64]:
        """Where the results of these operations are in `memory`."""
        return self._place[list(slots)]

    def first_non_finite(self) -> tuple[int, float] | None:
        """The first operation of the program whose result is infinite or NaN, though its operands were finite; the result."""
        finite = np.isfinite(self.memory)
        found = []
        for opcode, count, to, at in self.runs.tolist():
            bad = np.flatnonzero(~finite[to : to + count])
            for k in bad.tolist():
                operands = self.operands[at + k : at + k + ARITY[opcode] * count : count]
                if finite[operands].all():
                    found.append((int(self._work[to + k - self._first]), float(self.memory[to + k])))
        return min(found, default=None)

    def stats(self) -> dict[str, Any]:
        """How many operations are carried out, in how many runs; how often Python is called, by function; the memory."""
        calls: dict[str, int] = {}
        for opcode, count in self.runs[:, :2].tolist():
            if opcode >= sp.FIRST_FUNCTION and NAMES[opcode] not in _FROM_C:
                calls[NAMES[opcode]] = calls.get(NAMES[opcode], 0) + count
        return {
            "operations": len(self._place), "steps": int(self.runs[:, 1].sum()), "runs": len(self.runs),
            "host_calls": calls, "memory_bytes": self.memory.nbytes, "compile_seconds": self._seconds,
        }  # fmt: skip

    def run(self, times: int = 1) -> None:
        """Compute all results, `times` times over."""
        if len(self.runs) or times > 1:
            if not self._addresses:
                self._addresses = (
                    self.memory.ctypes.data, self.runs.ctypes.data, len(self.runs), self.operands.ctypes.data,
                    _functions(len(NAMES))[0].ctypes.data, self._moves.ctypes.data, len(self._spare), self._spare.ctypes.data,
                )  # fmt: skip
            _compiled("scalar_tape")(*self._addresses, times)


# -------------------------------------------------------------------------------------------------------------- making the runs

Column = NDArray[np.signedinteger[Any]]


def _fuse(kind: Column, operands: Column, needed: NDArray[np.bool_], outputs: list[int]) -> None:
    """Make one step of an addition and a product that only it needs."""
    uses, arity = np.zeros(len(kind), np.int64), np.where(needed, ARITY[kind], 0)
    for position, operand in enumerate(operands):
        uses += np.bincount(operand[arity > position], minlength=len(kind))
    uses[outputs] += 1
    alone = (kind == sp.MULTIPLY) & (uses == 1)
    add = np.flatnonzero(needed & (kind == sp.ADD))
    left, right = operands[0, add], operands[1, add]
    product, other = np.where(alone[left], left, right), np.where(alone[left], right, left)
    fused = alone[product]
    add, product, other = add[fused], product[fused], other[fused]
    kind[add] = MULTIPLY_ADD
    operands[0, add], operands[1, add], operands[2, add] = operands[0, product], operands[1, product], other
    needed[product] = False


def _runs(key: Column, kind: Column, operands: Column, first: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The table of runs, and their operands in the order in which they are read."""
    n = len(key)
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    counts = np.diff(starts, append=n)
    arity = ARITY[kind[starts]]
    offsets = np.concatenate([[0], np.cumsum(counts * arity)])
    runs = np.stack([kind[starts], counts, first + starts, offsets[:-1]], axis=1).astype(np.int32)
    flat = np.zeros(offsets[-1], np.int32)
    own = np.repeat(np.arange(len(starts)), counts)
    at = offsets[own] + np.arange(n) - starts[own]
    for position, operand in enumerate(operands):
        has = arity[own] > position
        flat[at[has] + position * counts[own][has]] = operand[has]
    return np.ascontiguousarray(runs), flat


# ------------------------------------------------------------------------------------------------------------- the machine itself

_ARITHMETIC: dict[int, Callable[..., Register]] = {
    sp.ADD: operator.add, sp.SUBTRACT: operator.sub, sp.MULTIPLY: operator.mul, sp.DIVIDE: operator.truediv,
    sp.NEGATIVE: operator.neg, sp.ABS: Register.abs, sp.SQRT: Register.sqrt,
    sp.LESS: operator.lt, sp.LESS_EQUAL: operator.le,
    sp.EQUAL: lambda a, b: a.compare("eq", b), sp.NOT_EQUAL: lambda a, b: a.compare("ne", b),
    sp.AND: lambda a, b: a.to("b1").select(b, 0.0), sp.OR: lambda a, b: a.to("b1").select(1.0, b),
    sp.SELECT: lambda c, a, b: c.to("b1").select(a, b), MULTIPLY_ADD: lambda a, b, c: a * b + c,
}  # fmt: skip
"""The operations that are an instruction or two. Truth is 1.0 or 0.0."""


def machine() -> Function:
    """The machine in LLVM's words: `void scalar_tape(memory, runs, n, operands, functions, moves, n_moves, spare, times)`."""
    f = Function(
        "scalar_tape",
        "ptr %memory, ptr %runs, i64 %n, ptr %operands, ptr %functions, ptr %moves, i64 %n_moves, ptr %spare, i64 %times",
    )
    with f.loop(0, "%times") as turn:
        with f.when(f.emit(f"icmp sgt i64 {turn}, 0")):
            _move(f)
        with f.loop(0, "%n") as run:
            row = f.emit(f"getelementptr [4 x i32], ptr %runs, i64 {run}")
            opcode, count, to, at = (_int(f, row, k) for k in range(4))
            result = f.emit(f"getelementptr double, ptr %memory, i64 {to}")
            operands = [f.emit(f"getelementptr i32, ptr %operands, i64 {at}")]
            operands += [f.emit(f"getelementptr i32, ptr {operands[0]}, i64 {count}")]
            operands += [f.emit(f"getelementptr i32, ptr {operands[1]}, i64 {count}")]
            cases = {number: f.label("case") for number in _ARITHMETIC}
            called, done = f.label("called"), f.label("done")
            targets = " ".join(f"i64 {number}, label %{label}" for number, label in cases.items())
            f.do(f"switch i64 {opcode}, label %{called} [ {targets} ]")
            for number, label in cases.items():
                f.place(label)
                _inline_run(f, number, count, result, operands)
                f.do(f"br label %{done}")
            f.place(called)
            run_of = [functools.partial(_called_run, f, opcode, arity, count, result, operands) for arity in (1, 2)]
            f.choose(f.emit(f"icmp slt i64 {opcode}, {sp.FIRST_OF_TWO}"), *run_of)
            f.do(f"br label %{done}")
            f.place(done)
    return f


def needed_machine() -> Function:
    """`void scalar_needed(operands, needed, n)`: what a needed operation reads is needed, from the last to the first."""
    f = Function("scalar_needed", "ptr %operands, ptr %needed, i64 %n")
    last = f.emit("sub i64 %n, 1")
    with f.loop(0, "%n", unroll=False) as i:
        slot = f.emit(f"sub i64 {last}, {i}")
        need = f.emit(f"load i8, ptr {f.emit(f'getelementptr i8, ptr %needed, i64 {slot}')}, align 1")
        for operand in _operands(f, slot):
            place = f.emit(f"getelementptr i8, ptr %needed, i64 {operand}")
            before = f.emit(f"load i8, ptr {place}, align 1")
            f.do(f"store i8 {f.emit(f'or i8 {need}, {before}')}, ptr {place}, align 1")
    return f


def depths_machine() -> Function:
    """`void scalar_depths(operands, depths, work, n)`: the largest depth among the operands, and `work` more."""
    f = Function("scalar_depths", "ptr %operands, ptr %depths, ptr %work, i64 %n")
    with f.loop(0, "%n", unroll=False) as slot:
        deepest, *others = [_int(f, "%depths", operand) for operand in _operands(f, slot)]
        for other in others:
            more = f.emit(f"icmp sgt i64 {other}, {deepest}")
            deepest = f.emit(f"select i1 {more}, i64 {other}, i64 {deepest}")
        depth = f.emit(f"add i64 {deepest}, {_int(f, '%work', slot)}")
        depth = f.emit(f"trunc i64 {depth} to i32")
        f.do(f"store i32 {depth}, ptr {f.emit(f'getelementptr i32, ptr %depths, i64 {slot}')}, align 4")
    return f


def _operands(f: Function, slot: str) -> list[str]:
    """The three operands of an operation, which lie `n` apart."""
    places = [slot, f.emit(f"add i64 {slot}, %n")]
    return [_int(f, "%operands", place) for place in (*places, f.emit(f"add i64 {places[1]}, %n"))]


def _move(f: Function) -> None:
    """memory[moves[0]] = memory[moves[1]], all read before any is written."""
    with f.loop(0, "%n_moves") as i:
        x = f.word("%memory", _int(f, "%moves", f.emit(f"add i64 {i}, %n_moves")), "double")
        _store(f, Val(x, "f8", 1), "%spare", i)
    with f.loop(0, "%n_moves") as i:
        _store(f, Val(f.word("%spare", i, "double"), "f8", 1), "%memory", _int(f, "%moves", i))


def _inline_run(f: Function, opcode: int, count: str, result: str, operands: list[str]) -> None:
    """A run of an operation that is an instruction or two: LANES at a time, and the rest one by one."""
    whole = f.emit(f"and i64 {count}, {-LANES}")
    for lanes, start, stop in ((LANES, "0", whole), (1, whole, count)):
        with f.loop(start, stop, lanes, unroll=False) as i:
            arguments = [Register(f, _gather(f, operand, i, lanes)) for operand in operands[: ARITY[opcode]]]
            _store(f, _ARITHMETIC[opcode](*arguments).to("f8").val, result, i)


def _called_run(f: Function, opcode: str, arity: int, count: str, result: str, operands: list[str]) -> None:
    """A run of calls of a function of the table."""
    function = f.word("%functions", opcode, "ptr")
    with f.loop(0, count, unroll=False) as i:
        arguments = ", ".join(f"double {_gather(f, operand, i, 1).text}" for operand in operands[:arity])
        _store(f, Val(f.emit(f"call double {function}({arguments})"), "f8", 1), result, i)


def _gather(f: Function, operand: str, i: str, lanes: int) -> Val:
    """memory[operand[i]], or a vector of `lanes` such numbers."""
    text, indices = "poison", f.emit(f"getelementptr i32, ptr {operand}, i64 {i}")
    for lane in range(lanes):
        x = f.word("%memory", _int(f, indices, lane), "double")
        text = x if lanes == 1 else f.emit(f"insertelement <{lanes} x double> {text}, double {x}, i32 {lane}")
    return Val(text, "f8", lanes)


def _store(f: Function, numbers: Val, array: str, i: str) -> None:
    """array[i] = the numbers, side by side."""
    store(f, numbers, advance(f, array, "f8", i), 1)


def _int(f: Function, array: str, i: str | int) -> str:
    """array[i] of 32-bit numbers, as i64."""
    at = f.emit(f"getelementptr i32, ptr {array}, i64 {i}")
    return f.emit(f"sext i32 {f.emit(f'load i32, ptr {at}, align 4')} to i64")


@functools.cache
def _compiled(name: str) -> Any:
    """One of the machine's functions, of addresses and counts."""
    code = engine.machine_code(_MACHINE, "scalar_tape")
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * _MACHINE_ARGUMENTS[name])(code.address(name))
    function.code = code  # type: ignore[attr-defined]  # it stays loaded as long
    return function


_MACHINE = {"scalar_tape": machine, "scalar_needed": needed_machine, "scalar_depths": depths_machine}
_MACHINE_ARGUMENTS = {"scalar_tape": 9, "scalar_needed": 3, "scalar_depths": 4}


@functools.cache
def _functions(n: int) -> tuple[NDArray[np.int64], list[Any]]:
    """The addresses of the `n` operations' functions by opcode, and what keeps them alive.

    They are those of the C library where `math` has the same.
    """
    addresses, kept = np.zeros(sp.LIMIT, np.int64), []
    library = ctypes.CDLL(None)
    for opcode, name in NAMES.items():
        if opcode < sp.FIRST_FUNCTION:
            continue
        function = getattr(library, name, None) if name in _FROM_C else None
        if function is None:
            function = ctypes.CFUNCTYPE(*[ctypes.c_double] * (ARITY[opcode] + 1))(_as_float(_of_floats(name)))
        kept.append(function)
        addresses[opcode] = ctypes.cast(function, ctypes.c_void_p).value or 0
    return addresses, kept


_FROM_C = frozenset([
    "exp", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh",
    "acosh", "atanh", "erf", "erfc", "floor", "ceil", "trunc", "pow", "atan2", "copysign", "nextafter",
])  # fmt: skip
"""Where Python's `math` is the C library's. `math.lgamma`, `math.hypot` and `%` are Python's own."""


def _as_float(function: Callable[..., Any]) -> Callable[..., float]:
    return lambda *args: float(function(*args))


def _of_floats(name: str) -> Callable[..., Any]:
    if name == "polygamma":
        return lambda n, x: SCALAR.polygamma(x, n=int(n))
    return getattr(SCALAR, name)
