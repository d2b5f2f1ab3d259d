"""A launch: one run of a kernel on arrays, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import indent
from typing import Any, NamedTuple

from .values import Buffer, Group


class Operand(NamedTuple):
    """An array of a kernel: the buffer and the entry where all its loops are at 0."""

    buffer: Buffer
    entry: int


class Launch(NamedTuple):
    """One kernel with its operands. `entries`: how many a flat kernel works on, None for the others, which know it."""

    spec: Any
    operands: tuple[Operand, ...]
    group: Group
    entries: int | None = None

    @property
    def buffers(self) -> list[Buffer]:
        """All memory that it reads or writes."""
        return [operand.buffer for operand in self.operands]

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return str(self.spec.text[0]) + ("" if self.entries is None else f" of {self.entries:,} entries")

    @property
    def flops(self) -> int:
        """Additions and multiplications of contractions; one for each other operation on a number."""
        return int(self.spec.flops) * (1 if self.entries is None else self.entries)

    @property
    def bytes_moved(self) -> int:
        """What it reads and writes, each operand counted once."""
        if self.entries is None:
            return sum(buffer.size * buffer.dtype.itemsize for buffer in self.buffers)
        accesses = [*self.spec.loads, *(a for _, a in self.spec.stores)]
        return sum(self.entries * int(a.dtype[1:]) for a in accesses if any(a.strides))


def with_shared_specs(launches: Iterable[Any]) -> list[Any]:
    """The same launches, with one specification where several are equal, so that what follows from it is worked out once."""
    known: dict[str, Any] = {}
    # by their texts, in which 0.0 and -0.0 differ
    return [
        launch._replace(spec=known.setdefault(repr(launch.spec), launch.spec)) if isinstance(launch, Launch) else launch
        for launch in launches
    ]


def listing(launches: Iterable[Any]) -> str:
    """The launches in order, as text; a kernel that runs again on other arrays is named, not written again."""
    lines: list[str] = []
    known: dict[str, int] = {}
    for number, launch in enumerate(launches):
        spec = getattr(launch, "spec", None)
        text = repr(spec)  # in which 0.0 and -0.0 differ
        if spec is not None and text in known:
            count = launch.title.removeprefix(spec.text[0])
            lines.append(f"launch {number}: as launch {known[text]}{count}, on other arrays")
            continue
        lines.append(f"launch {number}: {launch.title}")
        if spec is not None:
            known[text] = number
            lines += [f"    {line}" for line in spec.text[1:]]
        if inner := getattr(launch, "inner", None):  # of a loop or condition
            lines.append(indent(listing(inner), "    "))
    return "\n".join(lines)
