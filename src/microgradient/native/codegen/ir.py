"""Writing LLVM IR as text: names, blocks, loops. One `Function` is one kernel while it is being written.

Loop counters and accumulators are `alloca`s that LLVM's first pass (sroa) turns into registers, so no phi is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

TYPES = {
    "f2": "half", "f4": "float", "f8": "double", "b1": "i1", "i1": "i8", "i2": "i16", "i4": "i32", "i8": "i64",
    "u1": "i8", "u2": "i16", "u4": "i32", "u8": "i64",
}  # fmt: skip
"""The LLVM type of a number with a NumPy dtype code. In memory a b1 takes a byte (i8)."""


class Val(NamedTuple):
    """A number (lanes = 1) or a vector in a register: its name or literal, NumPy dtype code and lanes."""

    text: str
    dtype: str
    lanes: int

    @property
    def type(self) -> str:
        """The LLVM type."""
        return vector(TYPES[self.dtype], self.lanes)


@cache
def vector(type_: str, lanes: int) -> str:
    """`float` or `<16 x float>`."""
    return type_ if lanes == 1 else f"<{lanes} x {type_}>"


class Function:
    """The text of one LLVM function. `entry` holds the allocas, `lines` what follows; `declares` goes to the module."""

    def __init__(self, name: str, parameters: str = "ptr %args, i64 %begin, i64 %end") -> None:
        self.name = name
        self.parameters = parameters
        self.result: Val | None = None  # with one it is not a kernel but a function that kernels of its module call
        self.entry: list[str] = []
        self.lines: list[str] = []
        self.declares: dict[str, str] = {}  # symbol -> its declaration, or the text of a helper function
        self._count = 0

    def emit(self, text: str) -> str:
        """Write `%n = text` and return `%n`."""
        self._count += 1
        name = f"%v{self._count}"
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """Write a line that has no result."""
        self.lines.append(f"  {text}")

    def label(self, hint: str = "b") -> str:
        """A new name for a block (without the %)."""
        self._count += 1
        return f"{hint}{self._count}"

    def place(self, label: str) -> None:
        """Begin the block `label`; the block before must have ended in a branch."""
        self.lines.append(f"{label}:")

    def alloca(self, type_: str, count: int = 1, align: int = 64) -> str:
        """Memory on the stack, reserved at the function's start."""
        self._count += 1
        name = f"%m{self._count}"
        many = f", i64 {count}" if count > 1 else ""
        self.entry.append(f"  {name} = alloca {type_}{many}, align {align}")
        return name

    def declare(self, symbol: str, text: str) -> str:
        """Make sure the module declares (or defines) `symbol` by `text`; returns the symbol."""
        self.declares.setdefault(symbol, text)
        return symbol

    def load_argument(self, index: int, type_: str = "ptr") -> str:
        """args[index]."""
        return self.word("%args", index, type_)

    def word(self, pointer: str, index: str | int, type_: str = "i64") -> str:
        """Number `index` of the 8-byte words that `pointer` points to."""
        at = self.emit(f"getelementptr ptr, ptr {pointer}, i64 {index}")
        return self.emit(f"load {type_}, ptr {at}, align 8")

    @contextmanager
    def loop(self, start: str | int, stop: str | int, step: int = 1, unroll: bool = True) -> Iterator[str]:
        """`for i in range(start, stop, step)`; yields i (i64). `unroll=False` forbids LLVM to unroll it."""
        counter = self.alloca("i64", align=8)
        head, body, done = self.label("head"), self.label("body"), self.label("done")
        self.do(f"store i64 {start}, ptr {counter}, align 8")
        self.do(f"br label %{head}")
        self.place(head)
        i = self.emit(f"load i64, ptr {counter}, align 8")
        more = self.emit(f"icmp slt i64 {i}, {stop}")
        self.do(f"br i1 {more}, label %{body}, label %{done}")
        self.place(body)
        yield i
        following = self.emit(f"add nsw i64 {i}, {step}")
        self.do(f"store i64 {following}, ptr {counter}, align 8")
        self.do(f"br label %{head}" + ("" if unroll else ", !llvm.loop !0"))
        self.place(done)

    def choose(self, condition: str, then: Callable[[], None], otherwise: Callable[[], None]) -> None:
        """`if condition: then() else: otherwise()`, for an i1."""
        labels = [self.label("then"), self.label("else"), self.label("after")]
        self.do(f"br i1 {condition}, label %{labels[0]}, label %{labels[1]}")
        for label, body in zip(labels, (then, otherwise), strict=False):
            self.place(label)
            body()
            self.do(f"br label %{labels[2]}")
        self.place(labels[2])

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """`if condition:`, for an i1."""
        then, after = self.label("then"), self.label("after")
        self.do(f"br i1 {condition}, label %{then}, label %{after}")
        self.place(then)
        yield
        self.do(f"br label %{after}")
        self.place(after)

    @contextmanager
    def forever(self) -> Iterator[str]:
        """`while True:`; yields the block behind it, to which `leave` leads."""
        head, done = self.label("head"), self.label("done")
        self.do(f"br label %{head}")
        self.place(head)
        yield done
        self.do(f"br label %{head}")
        self.place(done)

    def leave(self, condition: str, block: str) -> None:
        """Go to `block` if an i1 is true."""
        stay = self.label("stay")
        self.do(f"br i1 {condition}, label %{block}, label %{stay}")
        self.place(stay)

    def text(self) -> str:
        """The finished function, which returns its result. The module must have METADATA and the declarations."""
        y = self.result
        body = "\n".join(["start:", *self.entry, *self.lines, f"  ret {y.type} {y.text}" if y else "  ret void"])
        kind, attributes = (f"internal {y.type}", "noinline nounwind") if y else ("void", "nounwind")
        return f"define {kind} @{self.name}({self.parameters}) {attributes} {{\n{body}\n}}\n"


METADATA = '!0 = distinct !{!0, !1}\n!1 = !{!"llvm.loop.unroll.disable"}\n'


def module(functions: list[Function]) -> str:
    """The text of an LLVM module with these functions and all that they declare."""
    declares: dict[str, str] = {}
    for function in functions:
        declares.update(function.declares)
    return "\n".join([*declares.values(), *(f.text() for f in functions), METADATA])
