"""Plans on disk, beside the machine code, so that a second process need not plan again what it has traced."""

from __future__ import annotations

import hashlib

import numpy as np

from ...program.program import Program
from ..codegen.pointwise import REGISTERED, supported
from ..plan.schedule import Schedule, schedule
from ..plan.stored import identity, read, written
from . import cache as disk

LEAST = 100
"""Instructions of a program from which on its plan is kept: a smaller one is planned in a few milliseconds."""


def planned(program: Program) -> tuple[Schedule, bool]:
    """The program's plan, and whether it was there already."""
    text = identity(program) if program.size >= LEAST and disk.folder() is not None else None
    if text is None:
        return schedule(program, supported), False
    name = disk.digest("plan", hashlib.sha256(text.encode()).hexdigest(), REGISTERED, np.__version__)
    content = disk.load(name)
    known = None if content is None else read(content, program)
    if known is not None:
        return known, True
    made = schedule(program, supported)
    new = written(made, program)
    if new is not None:
        disk.store(name, new)
    return made, False
