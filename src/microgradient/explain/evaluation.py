"""The evaluation trace of a number, as textbooks print it: what was computed, forward, and the adjoints, backward.

A. Griewank & A. Walther, "Evaluating Derivatives" (2008), chapters 2 and 3.
"""

from __future__ import annotations

import shutil
from typing import Any

from ..errors import GradientError
from ..language import translate
from .render import columns, cropped, number, short, width
from .sweep import Sweep

_LONGEST = 200  # rows of each half; of more, the first and the last hundred are shown
_PARTS = 6  # of a sum that are written out
Row = tuple[str, str, str]


def evaluation_trace(sweep: Sweep) -> str:
    """The two tables of `mg.trace(x)` as text."""
    if not sweep.steps:
        raise GradientError(
            "MG118",
            "An evaluation trace needs the numbers on the way, which tensors do not keep. Compute it under `with mg.trace():`, "
            "then `mg.trace(loss)`.",
        )
    names, root = sweep.names, sweep.names[sweep.root]
    shown = [node for node in sweep.order if not sweep.is_literal(node)]
    forward: list[Row] = []
    for node in shown:
        text, value = sweep.formula(node), sweep.value(node)
        forward.append((names[node], f" = {text}" if text else "", "?" if value is None else short(value)))
    parts: dict[Any, list[str]] = {}
    for use in sweep.uses:
        if use.op.kind == "pointwise" and use.node.shape == use.parent.shape == ():
            part = f"{names[use.node]}: {number(use.upstream)} × {number(sweep.local(use))}"
        else:
            via, op = names[use.node], use.op.symbol or use.op.name
            part = translate(f"via {via} ({op})", via, op)
        parts.setdefault(use.parent, []).append(part)
    backward: list[Row] = []
    for node in reversed(shown):
        into, adjoint = parts.get(node, []), sweep.adjoints.get(node)
        text = " + ".join(into[:_PARTS])
        text += translate(f" + {len(into) - _PARTS:,} more") if len(into) > _PARTS else ""
        told = "0.0" if adjoint is None else short(adjoint)
        backward.append((f"∂{root}/∂{names[node]}", f" = {text}" if text else "", told))
    return "\n".join([translate("forward ↓"), *_table(forward), translate("backward ↑"), *_table(backward)])


def _table(rows: list[Row]) -> list[str]:
    total = len(rows)
    cut = total > _LONGEST
    kept = rows[: _LONGEST // 2] + rows[-_LONGEST // 2 :] if cut else rows
    room = shutil.get_terminal_size((120, 24)).columns - 5 - sum(max(width(row[i]) for row in kept) for i in (0, 2))
    kept = [
        (name, "".join(piece for piece, _ in cropped([(text, "")], max(room, 20))), value) for name, text, value in kept
    ]
    arrays = any(value.startswith(("(", "[")) for _, _, value in kept)  # descriptions, aligned to the left
    lines = [f"  {name}{text} = {value}".rstrip() for name, text, value in columns(kept, right=() if arrays else (2,))]
    if cut:
        lines.insert(_LONGEST // 2, "  " + translate(f"… {total - _LONGEST:,} more"))
    return lines
