"""Draw the imports between the folders of the package: docs/imports.svg.

python tools/import_graph.py            rewrites the drawing
python tools/import_graph.py --check    fails if it is not what the code says

An arrow goes from the folder that imports to the one that is imported. Solid: at the top of a file; dashed: only inside
functions, when first used; red: it closes a circle of solid ones. What follows from other solid arrows is left out. Imports for
type checkers alone are not counted, nor those of the package's front door (`__init__.py`, `__main__.py`), which names everything.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "microgradient"
DRAWING = ROOT / "docs" / "imports.svg"
WIDTH, HEIGHT, BOX, LINE = 168, 84, (148, 34), 18
"""Of one place in the drawing, of one box, and how wide a place a line gets that only passes."""

Arrow = tuple[str, str]


def main() -> None:
    drawn = svg(*arrows())
    if "--check" not in sys.argv:
        DRAWING.write_text(drawn)
    elif not DRAWING.exists() or DRAWING.read_text() != drawn:
        sys.exit("docs/imports.svg is not what the code says: run `python tools/import_graph.py`.")


# ---------------------------------------------------------------------------------------------------------- the imports


def arrows() -> tuple[list[Arrow], list[Arrow]]:
    """The arrows of imports at the top of files, and those of imports inside functions only, each the most frequent first."""
    early: Counter[Arrow] = Counter()
    late: Counter[Arrow] = Counter()
    for path in sorted(PACKAGE.rglob("*.py")):
        if path not in (PACKAGE / "__init__.py", PACKAGE / "__main__.py"):
            for is_late, target in imports(path):
                (late if is_late else early)[folder(path), folder(target)] += 1
    return ordered(early), ordered(late)


def ordered(found: Counter[Arrow]) -> list[Arrow]:
    """Arrows between different folders, the most frequent first."""
    return sorted((arrow for arrow in found if arrow[0] != arrow[1]), key=lambda arrow: (-found[arrow], arrow))


def folder(path: Path) -> str:
    """The folder of a file, native's floors apart; the files beside the folders count as one."""
    parts = path.relative_to(PACKAGE).parts[:-1]
    if path == PACKAGE / "__init__.py":
        return "functions"  # what a module wants that writes `import microgradient as mg`
    return "/".join(parts[: 2 if parts[:1] == ("native",) else 1]) or "microgradient/*.py"


def imports(path: Path) -> Iterator[tuple[bool, Path]]:
    """The files of this package that a file imports, and whether it does inside a function."""
    pending: list[tuple[bool, ast.AST]] = [(False, ast.parse(path.read_text()))]
    while pending:
        late, node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield from ((late, target) for target in targets(path, node))
        late = late or isinstance(node, ast.FunctionDef | ast.Lambda)
        pending.extend((late, child) for child in ast.iter_child_nodes(node))


def targets(path: Path, node: ast.AST) -> Iterator[Path]:
    """The files that one import statement, or one call of `import_module("..name", …)`, names."""
    if isinstance(node, ast.Import):
        named = [(0, alias.name, "") for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        named = [(node.level, node.module or "", alias.name) for alias in node.names]
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        text = getattr(node.args[0], "value", None) or ""
        named = [(len(text) - len(text.lstrip(".")), text.lstrip("."), "")] if isinstance(text, str) else []
    else:
        return
    for level, module, name in named:
        base = (path.parents[level - 1] if level else PACKAGE.parent).joinpath(*module.split("."))
        if name.startswith("__"):
            continue
        files = [base / name / "__init__.py", base / f"{name}.py", base / "__init__.py", base.with_suffix(".py")]
        yield from [file for file in files if file.is_relative_to(PACKAGE) and file.exists()][:1]


# ---------------------------------------------------------------------------------------------------------- the drawing


def svg(early: list[Arrow], late: list[Arrow]) -> str:
    """The drawing: the lowest folders at the bottom, each as high as the longest way down from it."""
    down = downward(early + late)
    level = levels(down)
    drawn = {arrow: "#777" for arrow in sorted(reduced(down & set(early)))}
    drawn |= {arrow: "#777" for arrow in sorted(set(late) - set(early))}
    drawn |= {arrow: "#c0392b" for arrow in sorted(set(early) - down)}
    places = placed(level, list(drawn))
    width, height = max(x for x, _ in places.values()) + WIDTH / 2, (max(level.values()) + 1) * HEIGHT
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height}" font-family="sans-serif" font-size="14">'
    ]
    out.append('<rect width="100%" height="100%" fill="#fff"/>')
    out.append('<marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">')
    out.append('<path d="M0,1 L8,4 L0,7" fill="none" stroke="#555"/></marker>')
    for arrow, colour in drawn.items():
        style = ' marker-end="url(#head)"' + ("" if arrow in early else ' stroke-dasharray="4 4"')
        points = " ".join(f"{x:g},{y:g}" for x, y in way(arrow, level, places))
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.3"{style}/>')
    for name in sorted(level):
        x, y = places[name,]
        out.append(
            f'<rect x="{x - BOX[0] / 2:g}" y="{y - BOX[1] / 2:g}" width="{BOX[0]}" height="{BOX[1]}" rx="6" fill="#eef3f8" '
            f'stroke="#47708f"/><text x="{x:g}" y="{y + 5:g}" text-anchor="middle" fill="#123">{escape(name)}</text>'
        )
    return "\n".join([*out, "</svg>"]) + "\n"


def downward(counts: list[Arrow]) -> set[Arrow]:
    """The arrows without those that close a circle, the first ones first."""
    found: set[Arrow] = set()
    for a, b in counts:
        if a not in below(b, found):
            found.add((a, b))
    return found


def below(name: str, edges: set[Arrow]) -> set[str]:
    """All that can be reached from a folder along arrows without circles."""
    return {c for a, b in edges if a == name for c in {b} | below(b, edges)}


def levels(edges: set[Arrow]) -> dict[str, int]:
    """How long the longest way down from each folder is."""

    def height(name: str) -> int:
        return max((height(b) + 1 for a, b in edges if a == name), default=0)

    return {name: height(name) for edge in edges for name in edge}


def reduced(edges: set[Arrow]) -> set[Arrow]:
    """Without the arrows that follow from others: a → c where a → b → … → c."""
    return {(a, c) for a, c in edges if not any(c in below(b, edges) for x, b in edges if x == a)}


def placed(level: dict[str, int], lines: list[Arrow]) -> dict[tuple[Any, ...], tuple[float, float]]:
    """Where the centre of each folder is, and where each line passes each level between its ends."""
    ways = [steps(arrow, level) for arrow in lines]
    rows: dict[int, list[tuple[Any, ...]]] = {
        n: [(name,) for name in sorted(level) if level[name] == n] for n in sorted(set(level.values()))
    }
    for way in ways:
        for step in way[1:-1]:
            rows[step[2]].append(step)
    x = {step: float(i) for row in rows.values() for i, step in enumerate(row)}
    beside = [pair for way in ways for pair in pairwise(way)]
    near = {step: [b if a == step else a for a, b in beside if step in (a, b)] or [step] for step in x}
    for _ in range(40):  # every row in the order of what its places are joined to, until it settles
        for row in rows.values():
            row.sort(key=lambda step: sum(x[other] for other in near[step]) / len(near[step]))
            wide = [WIDTH if len(step) == 1 else LINE for step in row]
            for i, step in enumerate(row):
                x[step] = sum(wide[:i]) + wide[i] / 2 - sum(wide) / 2
    left = min(x[step] - WIDTH / 2 for step in x)
    top = max(rows)
    return {step: (x[step] - left, (top - n + 0.5) * HEIGHT) for n, row in rows.items() for step in row}


def steps(arrow: Arrow, level: dict[str, int]) -> list[tuple[Any, ...]]:
    """The places that a line goes through: its upper end, one place in each level between, its lower end."""
    upper, lower = sorted(arrow, key=lambda name: -level[name])
    return [(upper,), *((*arrow, n) for n in range(level[upper] - 1, level[lower], -1)), (lower,)]


def way(
    arrow: Arrow, level: dict[str, int], places: dict[tuple[Any, ...], tuple[float, float]]
) -> list[tuple[float, float]]:
    """The corners of a line, from the folder that imports to the one that is imported."""
    first, *between, last = (places[step] for step in steps(arrow, level))
    half = BOX[1] / 2
    passing = [(x, y + end) for x, y in between for end in (-half, half)]
    corners = [(first[0], first[1] + half), *passing, (last[0], last[1] - half)]
    return corners if level[arrow[0]] > level[arrow[1]] else corners[::-1]


if __name__ == "__main__":
    main()
