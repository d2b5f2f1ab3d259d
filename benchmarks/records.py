"""What benchmarks keep of their runs: a file that an interrupted run goes on from, and the measured part of a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from microgradient.train.atomic import write_atomically


def load(file: Path | None) -> dict[str, Any]:
    """What the file has, if there is one."""
    return json.loads(file.read_text(encoding="utf-8")) if file is not None and file.exists() else {}


def save(file: Path | None, results: dict[str, Any]) -> None:
    """Keep the results, if a file is given."""
    if file is not None:
        write_atomically(file, (json.dumps(results, indent=1) + "\n").encode())


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table; all columns but the first are numbers."""
    head = [f"| {' | '.join(columns)} |", f"| --- {'| ---: ' * (len(columns) - 1)}|"]
    return [*head, *(f"| {' | '.join(row)} |" for row in rows)]


def write_measured(page: Path, lines: Sequence[str], what: str = "") -> None:
    """Put the lines between the page's two marks, `<!-- measured -->` or, where it has several, `<!-- measured: 256 bits -->`."""
    mark = f"<!-- measured: {what} -->" if what else "<!-- measured -->"
    head, _, tail = page.read_text(encoding="utf-8").split(mark)
    write_atomically(page, f"{head}{mark}\n\n{chr(10).join(lines)}\n\n{mark}{tail}".encode())
