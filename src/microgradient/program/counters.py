"""Counters: numbers that a function sets anew at every call and also reads. A program has the first one for ever."""

from __future__ import annotations

import dis
import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from types import CodeType
from typing import Any

from ..errors import warn_once
from .modules import Reads

Changed = Iterable[tuple[int, str, Any, Any]]  # (where, name, value before, value now)


def warn_of_counters(changed: Changed, modules: Reads, codes: Iterable[CodeType]) -> None:
    """Warn of numbers that became others while a function was traced, if its code reads them besides counting.

    `changed`: variables; `modules`: what attributes of modules were when they were first read; `codes`: of the functions.
    """
    uses: Counter[str] = Counter()
    counted: set[str] = set()
    for code in codes:
        more, read_first = _uses(code)
        uses.update(more)
        counted |= read_first
    attributes = ((0, name, x, vars(module).get(name)) for module, seen in modules.values() for name, x in seen.items())
    for _, name, before, now in (*changed, *attributes):
        numbers = type(before) in (int, float) and type(now) in (int, float)
        if numbers and before != now and name in counted and uses[name] > 0:
            warn_once(
                "MG216",
                f"The compiled function changed `{name}` from {before} to {now} while it was traced, and reads it: its program "
                f"neither changes it nor sees another value at later calls. Change `{name}` outside, and pass it in as a float "
                "or a tensor.",
            )


@functools.cache
def _uses(code: CodeType) -> tuple[Mapping[str, int], frozenset[str]]:
    """How much oftener code reads each name than it sets it (`n += 1` does both once), and the names it sets after reading."""
    uses: Counter[str] = Counter()
    first_read: dict[str, bool] = {}
    stored = set()
    for i in dis.get_instructions(code):
        if i.opname.startswith(("LOAD_ATTR", "LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF")):
            uses[i.argval] += 1
            first_read.setdefault(i.argval, True)
        elif i.opname.startswith(("STORE_ATTR", "STORE_GLOBAL", "STORE_NAME", "STORE_DEREF")):
            uses[i.argval] -= 1
            first_read.setdefault(i.argval, False)
            stored.add(i.argval)
    counted = {name for name in stored if first_read[name]}
    for part in code.co_consts:
        if isinstance(part, CodeType):
            more, inside = _uses(part)
            uses.update(more)
            counted |= inside
    return uses, frozenset(counted)
