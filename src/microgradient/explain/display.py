"""How things look in a notebook: HTML that needs nothing else, no script, no style sheet, no file and no kernel.

Text has the colours of the notebook, light or dark. What has a colour of its own, orange for what is positive and violet
for what is negative, lies over the ground and lets it through: so does 0 in a heatmap. What is not finite is hatched.
Everything that a colour says is said in text, too. A cell stays below 300 kB: large arrays are drawn smaller, long tables
and trees are cut, and it is said how.
"""

from __future__ import annotations

import base64
import html
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..data.png import png
from ..errors import GradientError
from ..scalar import Value
from ..tape import NOT_STORED, Node, last_backward
from ..tensor import Tensor
from .derivation import mathml
from .explanation import Why
from .largest_paths import Paths
from .render import brief, largest, latex_name, latex_number, norm, number, short
from .sentences import expression
from .sweep import Sweep, sweep_of

_ORANGE, _VIOLET = (217, 95, 2), (117, 80, 200)
_CELLS = 96  # rows and columns of a heatmap
_NUMBERS = 64  # entries of a table of numbers
_ROWS = 100  # of a trace
_DERIVED = 4  # paths that are written as a formula
_MODULES = 400  # of a tree
_NAME = 160  # characters of a name or formula
_FONT = "font-family:ui-monospace,Menlo,Consolas,'Noto Sans Mono','Noto Sans CJK SC',monospace;font-size:13px;line-height:1.5"
_DIM = "opacity:.75"
_LEGEND = (
    f"<span style='color:rgb{_ORANGE}'>■</span> positive <span style='color:rgb{_VIOLET}'>■</span> negative, "
    "stronger by a symmetric logarithm"
)
Bundle = dict[str, str]


def of_value(v: Value) -> Bundle:
    """A Value: how it was computed, what it is, and its gradient."""
    name = v.label or "value"
    parts = [p.label or _number(p.data) for p in v.parents]
    formula = (
        expression(v.op, parts, v.op.params) if v.op is not None else f"{v._op}({', '.join(parts)})" if parts else ""
    )
    none = type(v.grad) is int and v.grad == 0  # a sweep adds floats
    grad = "no gradient has arrived yet" if none else _number(v.grad)
    line = f"<b>{_text(name)}</b>{f' = {_text(formula)}' if formula else ''} = {_number(v.data)}"
    latex = f"{latex_name(name)} = {_latex(v.data)}" + ("" if none else rf",\quad \mathrm{{grad}} = {_latex(v.grad)}")
    return _bundle(repr(v), [_line(line), _line(f"gradient: {grad}", _DIM if none else "")], latex)


def of_tensor(x: Tensor) -> Bundle:
    """A tensor: its values and its gradient as numbers, or as heatmaps where they are many."""
    node = x.node
    facts = [f"<b>tensor</b> {_shape(x.raw.shape)} {x.raw.dtype}", f"{x.raw.size:,} entries"][: 1 + (x.raw.size > 1)]
    if node is not None:
        facts.append("requires a gradient" if node.op is None else f"computed by <b>{_text(node.op.name)}</b>")
    parts = [_array(x.raw, "values")]
    if node is not None:
        parts.append(_gradient(node))
    figures = _element("div", "".join(parts), "display:flex;flex-wrap:wrap;gap:8px 32px;align-items:flex-start")
    return _bundle(repr(x), [_line(" · ".join(facts)), figures])


def of_module(module: Any) -> Bundle:
    """A module as a tree, with the shapes of its parameters and how many numbers they are; equal neighbours are folded."""
    budget = [_MODULES]
    total = _count(module)
    tree = _tree(module, type(module).__name__, 1, 0, max(total, 1), budget)
    left = sum(1 for _ in module.modules()) - _MODULES
    cut = [_line(f"… {left:,} modules are folded or left out", _DIM)] if budget[0] < 0 else []
    return _bundle(repr(module), [tree, *cut, _line(f"{total:,} parameters", _DIM)])


def of_why(found: Why) -> Bundle:
    """A gradient and its contributions, with a bar for each."""
    whole = np.ndim(found.value) > 0
    size = max(norm(c) for c in [*(e.contribution for e in found.edges), found.more[1]])
    rows, vias = [], Counter(e.via for e in found.edges)
    for e in found.edges:
        product = f"∂{found.of}/∂{e.via} {_plain(e.upstream)}"
        product += f" through {e.op}" if e.local is None else f" × {_plain(e.local)}"
        argument = f"as argument {e.argument + 1}" if vias[e.via] > 1 else ""
        note = " ".join(filter(None, [e.layer, e.where, argument]))
        rows.append([f"via {e.via}", product, _contribution(e.contribution), _bar(e.contribution, size), note])
    if found.more[0]:
        rows.append([f"and {found.more[0]:,} more", "", _contribution(found.more[1]), _bar(found.more[1], size), ""])
    check = found.check
    told = (
        check.note
        if check.numeric is None
        else f"central difference {_plain(check.numeric)} {'✓' if check.agrees else '✗'}"
    )
    notes = list(dict.fromkeys(f"{e.via.partition('[')[0]} = {e.formula}" for e in found.edges))[:3]
    notes += list(dict.fromkeys(e.rule for e in found.edges))[:3]
    lines = [_headline(found.of, found.name, found.gradient, f"{found.name} = {_plain(found.value)}")]
    lines += [_table(["path", "upstream × local", "contribution", "", "where"], rows)] if rows else []
    lines += [_array(found.gradient, "gradient")] if whole else []
    if len(found.edges) <= _DERIVED:
        formula = mathml(found).replace("<mtd>", "<mtd style='text-align:left'>")
        lines.append(_element("div", formula, "width:fit-content;margin:8px 0;font-size:16px"))
    notes += [f"by {along}: {largest(sums)}" for along, sums in found.groups]
    notes += [f"{subject}: {text}" for subject, text in found.notes if text]
    lines += [_line(html.escape(text), _DIM) for text in [*notes, told] if text]
    return _bundle(repr(found), lines, found.latex())


def of_paths(found: Paths) -> Bundle:
    """Whole paths with their contributions, with a bar for each, and what the others add."""
    left = found.count - len(found.paths)
    size = max(norm(c) for c in [*(path.contribution for path in found.paths), found.rest if left else 0.0])
    rows = [
        [_contribution(p.contribution), _bar(p.contribution, size), name]
        for name, p in zip(found.in_lines(), found.paths, strict=True)
    ]
    if left:
        rows.append([_contribution(found.rest), _bar(found.rest, size), f"{_counted(left)} more"])
    told = f"{_counted(found.count)} path{'s' * (found.count != 1)} from {found.of}"
    lines = [_headline(found.of, found.name, found.total, told)]
    lines += [_table(["contribution", "", "path"], rows)] if rows else []
    lines += [_line(_text(f"muted: {edge}"), _DIM) for edge in found.muted]
    if found.muted:
        lines.append(_line(_text(f"with it: {_plain(found.gradient)}"), _DIM))
    if left and not found.exact:
        lines.append(_line("Arrays are on the way: larger paths may be among the others.", _DIM))
    return _bundle(repr(found), lines, found.latex())


def of_trace(trace: Any) -> Bundle:
    """The operations that were recorded, in order; with gradients, where something was differentiated."""
    sweep = _last_sweep(trace)
    nodes = [node for node in trace.steps if sweep is None or node in sweep.names]
    shown = nodes if len(nodes) <= _ROWS else [*nodes[: _ROWS // 2], *nodes[-_ROWS // 2 :]]
    rows = []
    for k, node in enumerate(shown):
        if k == _ROWS // 2 and len(nodes) > _ROWS:
            rows.append([f"… {len(nodes) - _ROWS:,} more", "", "", "", ""])
        step = trace.steps[node]
        formula = expression(node.op, ["…"] * len(node.parents), node.params)
        name = formula if sweep is None else f"{sweep.names[node]} = {sweep.formula(node)}"
        g = None if sweep is None else sweep.adjoints.get(node)
        rows.append([name, _brief(step.value), "" if g is None else _brief(g), trace.layer_path(node), step.where])
    gradient = "gradient" if sweep is None else f"∂{sweep.names[sweep.root]}/∂"
    lines = [_line(f"<b>trace</b> of {len(trace.steps):,} operations")]
    lines += [_table(["operation", "value", gradient, "layer", "where"], rows)] if rows else []
    return _bundle(repr(trace), lines)


def of_diagnosis(found: Any) -> Bundle:
    """What `mg.doctor` found: each finding with its evidence, cause and change, and the layers."""
    lines = [] if found.findings else [_line(_text(found.text()))]
    for finding in found.findings:
        lines.append(_line(f"<b>{_text(finding.rule)}</b> · {_text(finding.subject)}", "margin-top:8px"))
        rows = [("evidence", finding.evidence), ("cause", finding.cause), ("change", finding.change)]
        told = "".join(_line(f"<span style='{_DIM}'>{name}</span> {html.escape(text)}") for name, text in rows if text)
        code = (
            _element("pre", html.escape(finding.code), "margin:4px 0;color:inherit;background:none")
            if finding.code
            else ""
        )
        lines.append(_element("div", told + code, "margin-left:16px"))
    if found.hidden:
        others = "; ".join(f"{finding.rule} ({finding.subject})" for finding in found.hidden)
        lines.append(_line(html.escape(f"this explains too: {others}"), _DIM))
    lines.append(_layers(found.layers) if found.layers else "")
    return _bundle(found.text(), lines)


def _layers(layers: Sequence[Any]) -> str:
    head = ["layer", "signal", "gain", "gradient", "gain", "share", "dead", "saturated", "update"]
    rows = []
    for k in layers[:_ROWS]:
        numbers = k.signal, k.gain, k.gradient, k.gradient_gain, k.share, k.dead, k.saturated, k.update_ratio
        rows.append([f"{k.name} {k.kind}", *("–" if x is None else f"{x:.3g}".replace("-", "−") for x in numbers)])
    more = [_line(f"… {len(layers) - _ROWS:,} more layers", _DIM)] if len(layers) > _ROWS else []
    return "".join([_table(head, rows), *more])


# --------------------------------------------------------------------------------------------------------------- arrays


def _gradient(node: Node) -> str:
    grad = node.grad
    if grad is NOT_STORED:
        return _line(
            "gradient: not stored for what is computed on the way, but by keep_grad() or a trace",
            _DIM,
        )
    return _line("gradient: not computed yet", _DIM) if grad is None else _array(grad.raw, "gradient")


def _array(a: Any, title: str) -> str:
    """A figure of an array: numbers in cells if they are few, else a heatmap, and statistics."""
    a = np.asarray(a)
    if a.dtype.kind not in "biufc":
        return _line(f"{title}: {_text(short(a) if a.dtype.kind != 'O' else str(a.dtype))}")
    told = [title]
    if a.dtype.kind == "c":
        a, told = np.abs(a), [f"{title}, absolute values"]
    if not a.size:
        return _line(f"{told[0]}: no entries")
    values = a.astype(np.float64)
    if not a.ndim:
        return _line(f"{told[0]}: {_number(values)}")
    grid = values.reshape(-1, values.shape[-1])
    few = grid.size <= _NUMBERS and grid.shape[1] <= 12
    if values.ndim > 2 and few:
        told.append(f"rows are axes {', '.join(map(str, range(values.ndim - 1)))}")
    elif values.ndim > 2:
        grid = _tiles(values, told)
    picture = _numbers(grid) if few else _heatmap(grid, told)
    caption = f"{'; '.join(told)}<br>{_statistics(values)}" + ("" if few else f"<br>{_LEGEND}")
    return _element("figure", picture + _element("figcaption", caption, _DIM), "margin:4px 0;max-width:min(100%,440px)")


def _statistics(values: Any) -> str:
    finite = values[np.isfinite(values)]
    told = [f"{np.sum(np.isnan(values)):,} NaN"] if np.any(np.isnan(values)) else []
    told += [f"{np.sum(np.isinf(values)):,} infinite"] if np.any(np.isinf(values)) else []
    if not finite.size:
        return ", ".join(told)
    with np.errstate(over="ignore"):
        told = [
            f"{_number(finite.min())} to {_number(finite.max())}",
            f"mean {_number(np.mean(finite))}",
            f"norm {_number(norm(finite))}",
            *told,
        ]
    return ", ".join(told)


def _numbers(grid: Any) -> str:
    weights = _weights(grid)
    rows = []
    for row, strength in zip(grid, weights, strict=True):
        cells = []
        for x, t in zip(row, strength, strict=True):
            ground = _hatched() if not np.isfinite(x) else f"background:{_rgba(x, 0.35 * t)}"
            cells.append(_element("td", _number(x), f"{_CELL};text-align:right;{ground}", title=repr(float(x))))
        rows.append(_element("tr", "".join(cells), "background:none"))
    return _element("table", "".join(rows), _TABLE)


def _tiles(values: Any, told: list[str]) -> Any:
    """The matrices of the last two axes as one, side by side with a gap, about as high as wide."""
    matrices = values.reshape(-1, *values.shape[-2:])
    count, high, wide = matrices.shape
    across = min(count, max(1, round(math.sqrt(count * high / wide))))
    down = -(-count // across)
    sheet = np.zeros((down * across, high + 1, wide + 1))
    sheet[:count, :high, :wide] = matrices
    if count > 1:
        told.append(f"{count:,} matrices of the last two axes, {across} in a row")
    joined = (
        sheet.reshape(down, across, high + 1, wide + 1).swapaxes(1, 2).reshape(down * (high + 1), across * (wide + 1))
    )
    return joined[:-1, :-1]


def _heatmap(grid: Any, told: list[str]) -> str:
    """The picture of a matrix; what was done to it is added to what is told."""
    told_of_all = _statistics(grid)
    rows, columns = (math.ceil(n / _CELLS) for n in grid.shape)
    if rows > 1 or columns > 1:
        before, grid = grid.shape, largest_of_blocks(grid, rows, columns)
        told.append(
            f"{before[0]:,} × {before[1]:,} drawn as {grid.shape[0]} × {grid.shape[1]}: of each {rows} × {columns} the entry of "
            "the largest magnitude"
        )
    if not np.all(np.isfinite(grid)):
        told.append("hatched: not finite")
    size = max(1, min(12, 288 // max(grid.shape)))
    height, width = (max(n * size, 12) for n in grid.shape)
    alt = f"heatmap of {grid.shape[0]} rows and {grid.shape[1]} columns, {told_of_all}"
    source = "data:image/png;base64," + base64.b64encode(png(_pixels(grid))).decode()
    style = f"width:{width}px;height:{height}px;image-rendering:pixelated;outline:1px solid rgba(128,128,128,.4);max-width:none"
    return f'<img src="{source}" alt="{_text(alt)}" style="{style}">'


def largest_of_blocks(grid: Any, rows: int, columns: int) -> Any:
    """A matrix with one entry for each block of so many rows and columns: that of the largest magnitude, or NaN."""
    high, wide = (math.ceil(n / k) for n, k in zip(grid.shape, (rows, columns), strict=True))
    padded = np.zeros((high * rows, wide * columns))
    padded[: grid.shape[0], : grid.shape[1]] = grid
    blocks = padded.reshape(high, rows, wide, columns).swapaxes(1, 2).reshape(high, wide, -1)
    rank = np.where(np.isnan(blocks), np.inf, np.abs(blocks))
    return np.take_along_axis(blocks, np.argmax(rank, axis=2)[..., None], axis=2)[..., 0]


def _weights(grid: Any) -> Any:
    """How strong each entry is drawn, from 0 to 1: by a symmetric logarithm, linear below the median."""
    size = np.where(np.isfinite(grid), np.abs(grid), 0.0)
    most = size.max()
    if most == 0:
        return size
    linear = np.median(size[size > 0]) / most  # so that nothing overflows
    return np.arcsinh(size / most / linear) / np.arcsinh(1 / linear)


def _pixels(grid: Any) -> Any:
    """A pixel for each entry; more of them, with diagonals, where some are not finite."""
    finite = np.isfinite(grid)
    pixels = np.zeros((*grid.shape, 4), np.uint8)
    pixels[..., :3] = np.where((grid < 0)[..., None], _VIOLET, _ORANGE)
    pixels[..., 3] = np.round(255 * _weights(grid))
    if finite.all():
        return pixels
    pixels = pixels.repeat(4, axis=0).repeat(4, axis=1)
    bad = (~finite).repeat(4, axis=0).repeat(4, axis=1)
    y, x = np.indices(bad.shape)
    pixels[bad] = 0
    pixels[bad & ((x + y) % 4 < 2)] = (128, 128, 128, 255)
    return pixels


# ---------------------------------------------------------------------------------------------------------------- trees


def _tree(module: Any, name: str, times: int, depth: int, total: int, budget: list[int]) -> str:
    """A module and what is in it."""
    budget[0] -= 1
    if budget[0] < 0:
        return ""
    kind, extra = type(module).__name__, module.extra_repr()
    own = [f"{key} {_shape(p.raw.shape)}" for key, p in module.named_parameters(recurse=False)]
    own += [f"{key} {_shape(b.raw.shape)} (buffer)" for key, b in module.named_buffers(recurse=False)]
    count = _count(module)
    told = f"<b>{_text(name)}</b>" + (f" <b>×{times}</b>" if times > 1 else "")
    told += f" {_text(kind)}{_text(f'({extra})') if extra else ''}" if name != kind or extra else ""
    told += f" <span style='{_DIM}'>{_text(', '.join(own))}</span>" if own else ""
    share = f"{times * count:,}" + (f" = {100 * times * count / total:.3g} %" if depth else "")
    line = f"{told} <span style='float:right;padding-left:16px'>{share if count else '–'}</span>"
    children = list(_folded(module))
    if not children:
        return _element("div", line, "padding:1px 0 1px 18px")
    inner = "".join(_tree(child, key, n, depth + 1, total, budget) for key, child, n in children)
    opened = " open" if depth < 2 and len(children) < 40 else ""
    inside = _element("div", inner, "margin-left:7px;padding-left:7px;border-left:1px solid rgba(128,128,128,.4)")
    return f"<details{opened}>{_element('summary', line, 'padding:1px 0')}{inside}</details>"


def _folded(module: Any) -> Iterable[tuple[str, Any, int]]:
    """(name, module, how many) of the children; neighbours with a number that look the same are one."""
    children = [(key, child, repr(child)) for key, child in module.named_children()]
    start = 0
    while start < len(children):
        key, child, text = children[start]
        stop = start + 1
        while key[-1].isdigit() and stop < len(children) and children[stop][2] == text:
            stop += 1
        last = children[stop - 1][0].rpartition(".")[2]
        yield (key if stop == start + 1 else f"{key}–{last}"), child, stop - start
        start = stop


def _count(module: Any) -> int:
    return sum(p.raw.size for p in module.parameters())


# --------------------------------------------------------------------------------------------------------------- pieces

_CELL = "padding:1px 8px;border:0;text-align:left;vertical-align:top;white-space:nowrap"
_TABLE = "border-collapse:collapse;border:0;margin:4px 0;width:auto;color:inherit"


def _bundle(text: str, lines: Sequence[str], latex: str = "") -> Bundle:
    style = f"{_FONT};color:inherit;max-width:100%;overflow-x:auto"
    found = {"text/plain": text, "text/html": _element("div", "".join(lines), style)}
    return found | ({"text/latex": f"$\\displaystyle {latex}$"} if latex else {})


def _element(tag: str, content: str, style: str = "", **attributes: str) -> str:
    told = "".join(f' {key}="{_text(value)}"' for key, value in attributes.items())
    return f"<{tag}{told}{f' style={_quoted(style)}' if style else ''}>{content}</{tag}>"


def _quoted(style: str) -> str:
    return '"' + style.replace('"', "'") + '"'


def _text(text: str) -> str:
    """Text as HTML; very long text without its middle."""
    return html.escape(text if len(text) <= _NAME else f"{text[: _NAME // 2]} … {text[-_NAME // 2 :]}")


def _line(content: str, style: str = "") -> str:
    return _element("div", content, style)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; a cell that begins with < is HTML already."""

    def cell(text: str) -> str:
        return text if text.startswith("<") else _text(text)

    top = "".join(_element("th", _text(text), f"{_CELL};{_DIM};font-weight:normal", scope="col") for text in head)
    body = "".join(
        _element("tr", "".join(_element("td", cell(text), _CELL) for text in row), "background:none") for row in rows
    )
    return _element(
        "table", _element("thead", _element("tr", top, "background:none;border:0")) + _element("tbody", body), _TABLE
    )


def _headline(of: str, name: str, gradient: Any, told: str) -> str:
    result = _colored(gradient) if not np.ndim(gradient) else _text(_plain(gradient))
    return _line(
        f"<b>∂{_text(of)}/∂{_text(name)}</b> = {result} <span style='{_DIM};padding-left:24px'>{_text(told)}</span>"
    )


def _contribution(c: Any) -> str:
    return _text(_brief(c)) if isinstance(c, tuple) or np.ndim(c) else _colored(c)


def _colored(x: Any) -> str:
    """A number with a mark of its sign."""
    try:
        x = float(x)
    except (TypeError, ValueError):
        return _text(str(x))
    if not math.isfinite(x):
        return _element("b", _number(x), _hatched())
    mark, ground = ("▲", _ORANGE) if x > 0 else ("▼", _VIOLET) if x < 0 else ("", None)
    sign = f" <span style='color:rgb{ground}' aria-hidden='true'>{mark}</span>" if ground else ""
    return _element("b", _number(x), title=repr(x)) + sign


def _bar(c: Any, most: float) -> str:
    """A bar from the middle: to the right for what is positive, to the left for what is negative; grey for arrays."""
    size = norm(c)
    share = size / most if most and math.isfinite(size) else 0.0
    wide = min(round(60 * share), 60)
    array = isinstance(c, tuple) or np.ndim(c) > 0
    ground = "rgba(128,128,128,.7)" if array else _rgba(c, 1.0)
    left = 60 - wide if not array and c < 0 else 60
    bar = f"display:inline-block;height:9px;width:{wide}px;margin-left:{left}px;background:{ground}"
    return f"<span aria-hidden='true' style='display:inline-block;width:121px'><span style='{bar}'></span></span>"


def _rgba(x: Any, alpha: float) -> str:
    return f"rgba{(*(_VIOLET if x < 0 else _ORANGE), round(float(alpha), 3))}"


def _hatched() -> str:
    return "background:repeating-linear-gradient(45deg,rgba(128,128,128,.3) 0 2px,transparent 2px 6px)"


def _number(x: Any) -> str:
    try:
        return number(x).replace("-", "−")
    except (TypeError, ValueError):
        return _text(str(x))


def _latex(x: Any) -> str:
    try:
        return latex_number(x)
    except (TypeError, ValueError):
        return rf"\text{{{type(x).__name__}}}"


def _plain(x: Any) -> str:
    return "?" if x is None else short(x).replace("-", "−")


def _brief(x: Any) -> str:
    return brief(x).replace("-", "−")


def _shape(shape: Sequence[int]) -> str:
    return " × ".join(f"{n:,}" for n in shape) if shape else "scalar"


def _counted(n: int) -> str:
    return f"{n:,}" if n < 10**15 else "more than 10¹⁵"


def _last_sweep(trace: Any) -> Sweep | None:
    """The sweep of what was differentiated last, if the trace has recorded that."""
    root = last_backward()
    if not isinstance(root, Node) or root not in trace.steps:
        return None
    try:
        return sweep_of(root, {})
    except GradientError:  # not one number, or a complex one
        return None
