"""Loops and conditions in the native code that runs launches, in LLVM's words.

A loop is a launch whose kernel runs other launches. It gets the address of a description, of int64 words, and then those of its
arrays. A part is {launches, their number, relocations, their number, bases, status}: the addresses of its arrays are in `bases`,
by slot, and are written into the args of its launches before they run, as `relocate` does for a whole routine.
"""

from __future__ import annotations

from ..codegen.ir import Function

FIRST = 2
"""The slot of the first array that is given to a routine, or to a part; those before are the arena and the status."""
SHARED, CONTROL_LAUNCH = 1, 2
"""What the last word of a launch says: its pieces may be shared among threads; it is a loop or a condition."""
_KERNEL = "ptr %args, i64 %mine, i64 %unused"
"""`mine` is 1 if this run uses the threads."""


def _launches() -> Function:
    """Run launches in order, up to the first that leaves a status other than 0."""
    f = Function("launches", "ptr %launches, i64 %count, ptr %status, i64 %mine")
    uses = f.emit("icmp ne i64 %mine, 0")
    finish = f.label("finish")
    with f.loop(0, "%count", unroll=False) as k:
        launch = f.emit(f"getelementptr %Launch, ptr %launches, i64 {k}")
        kernel, args = (f.word(launch, n, "ptr") for n in (0, 1))
        pieces, kind = f.word(launch, 2), f.word(launch, 3)
        shared = f.emit(f"and i1 {uses}, {f.emit(f'icmp eq i64 {kind}, {SHARED}')}")
        control = f.emit(f"icmp eq i64 {kind}, {CONTROL_LAUNCH}")
        begin = f.emit(f"select i1 {control}, i64 %mine, i64 0")
        f.choose(
            shared,
            lambda: f.do(f"call void @share(ptr {kernel}, ptr {args}, i64 {pieces})"),
            lambda: f.do(f"call void {kernel}(ptr {args}, i64 {begin}, i64 {pieces})"),
        )
        f.leave(f.emit(f"icmp ne i64 {f.word('%status', 0)}, 0"), finish)
    f.do(f"br label %{finish}")
    f.place(finish)
    return f


def _part() -> Function:
    """Run a part on the arrays that its bases say."""
    f = Function("part", "ptr %part, i64 %mine")
    relocations, bases = f.word("%part", 2, "ptr"), f.word("%part", 4, "ptr")
    with f.loop(0, f.word("%part", 3), unroll=False) as k:
        relocation = f.emit(f"getelementptr %Relocation, ptr {relocations}, i64 {k}")
        address = f.word(bases, f.word(relocation, 1), "ptr")
        value = f.emit(f"getelementptr i8, ptr {address}, i64 {f.word(relocation, 2)}")
        f.do(f"store ptr {value}, ptr {f.word(relocation, 0, 'ptr')}")
    launches, count, status = f.word("%part", 0, "ptr"), f.word("%part", 1), f.word("%part", 5, "ptr")
    f.do(f"call void @launches(ptr {launches}, i64 {count}, ptr {status}, i64 %mine)")
    return f


def _given(f: Function, part: str, first: int | str, count: str) -> None:
    """Write the addresses of `count` arrays, from number `first` of the args on, into the first bases of a part."""
    bases = f.word(part, 4, "ptr")
    with f.loop(0, count, unroll=False) as k:
        address = f.word("%args", f.emit(f"add i64 {k}, {first}"), "ptr")
        at = f.emit(f"getelementptr ptr, ptr {bases}, i64 {f.emit(f'add i64 {k}, {FIRST}')}")
        f.do(f"store ptr {address}, ptr {at}")


def _true(f: Function, pointer: str) -> str:
    """Whether a boolean in memory is true, an i1."""
    return f.emit(f"icmp ne i8 {f.emit(f'load i8, ptr {pointer}')}, 0")


def _failed(f: Function, part: str) -> str:
    """Whether a part has left a status, an i1."""
    return f.emit(f"icmp ne i64 {f.word(f.word(part, 5, 'ptr'), 0)}, 0")


def _scan_loop() -> Function:
    """The description: part, its number of arrays, steps, {slot, bytes} by which arrays move after a step, and their number."""
    f = Function("scan_loop", _KERNEL)
    described = f.word("%args", 0, "ptr")
    part, moves = f.word(described, 0, "ptr"), f.word(described, 3, "ptr")
    bases = f.word(part, 4, "ptr")
    _given(f, part, 1, f.word(described, 1))
    finish = f.label("finish")
    with f.loop(0, f.word(described, 2), unroll=False):
        f.do(f"call void @part(ptr {part}, i64 %mine)")
        f.leave(_failed(f, part), finish)
        with f.loop(0, f.word(described, 4), unroll=False) as k:
            move = f.emit(f"getelementptr [2 x i64], ptr {moves}, i64 {k}")
            at = f.emit(f"getelementptr ptr, ptr {bases}, i64 {f.word(move, 0)}")
            following = f.emit(f"getelementptr i8, ptr {f.word(at, 0, 'ptr')}, i64 {f.word(move, 1)}")
            f.do(f"store ptr {following}, ptr {at}")
    f.do(f"br label %{finish}")
    f.place(finish)
    return f


def _cond() -> Function:
    """The description: two parts, each with its number of arrays. The args: it, the boolean, the arrays of both."""
    f = Function("cond", _KERNEL)
    described = f.word("%args", 0, "ptr")
    counts = [f.word(described, k) for k in (1, 3)]
    decides = _true(f, f.word("%args", 1, "ptr"))
    first: list[int | str] = [2, f.emit(f"add i64 {counts[0]}, 2")]

    def run(n: int) -> None:
        part = f.word(described, 2 * n, "ptr")
        _given(f, part, first[n], counts[n])
        f.do(f"call void @part(ptr {part}, i64 %mine)")

    f.choose(decides, lambda: run(0), lambda: run(1))
    return f


def _while_loop() -> Function:
    """The description: the parts of condition and step, each with its number of arrays. The args: it, the arrays of both, of
    which the last one of the condition is where this finds its boolean."""
    f = Function("while_loop", _KERNEL)
    described = f.word("%args", 0, "ptr")
    (condition, step), (n, m) = ([f.word(described, k, t) for k in ks] for ks, t in (((0, 2), "ptr"), ((1, 3), "i64")))
    _given(f, condition, 1, n)
    _given(f, step, f.emit(f"add i64 {n}, 1"), m)
    holds = f.word("%args", n, "ptr")
    with f.forever() as finish:
        f.do(f"call void @part(ptr {condition}, i64 %mine)")
        f.leave(_failed(f, condition), finish)
        f.leave(f.emit(f"xor i1 {_true(f, holds)}, true"), finish)
        f.do(f"call void @part(ptr {step}, i64 %mine)")
        f.leave(_failed(f, step), finish)
    return f


CONTROL = (_launches, _part, _scan_loop, _cond, _while_loop)
