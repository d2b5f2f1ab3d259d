"""How things look in a notebook: HTML that needs nothing else, no script, no style sheet, no file and no kernel.

Text has the colours of the notebook, light or dark. What has a colour of its own, orange for what is positive and violet
for what is negative, lies over the ground and lets it through: so does 0 in a heatmap. What is not finite is hatched.
Everything that a colour says is said in text, too. A cell stays below 300 kB: large arrays are drawn smaller, long tables
and trees are cut, and it is said how.
"""

from __future__ import annotations

import functools
import html
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import GradientError
from ..language import of_page, translate
from ..scalar import Value
from ..tape import NOT_STORED, Node, last_backward
from ..tensor import Tensor
from . import markup
from .derivation import mathml
from .doctor.diagnosis import HEADINGS, Diagnosis
from .examples import Examples, first_numbers
from .explanation import Why
from .figures import array
from .gradient_flow import GradientFlow
from .largest_paths import Paths
from .notation import latex_name
from .render import largest, norm
from .sentences import expression
from .sweep import Sweep, sweep_of
from .updates.update import Update, remarks_of

_EXAMPLES = 10
_ROWS = 100  # of a trace
_DERIVED = 4  # paths that are written as a formula
_FORMULA = 20_000  # characters of MathML
_MODULES = 400  # of a tree


def of_value(v: Value) -> markup.Bundle:
    """A Value: how it was computed, what it is, and its gradient."""
    name = v.label or "value"
    parts = [p.label or markup.number(p.data) for p in v.parents]
    formula = (
        expression(v.op, parts, v.op.params) if v.op is not None else f"{v._op}({', '.join(parts)})" if parts else ""
    )
    none = type(v.grad) is int and v.grad == 0  # a sweep adds floats
    grad = translate("no gradient has arrived yet") if none else markup.number(v.grad)
    line = f"<b>{markup.text(name)}</b>{f' = {markup.text(formula)}' if formula else ''} = {markup.number(v.data)}"
    latex = f"{latex_name(name)} = {markup.latex(v.data)}" + (
        "" if none else rf",\quad \mathrm{{grad}} = {markup.latex(v.grad)}"
    )
    return markup.bundle(
        repr(v), [markup.line(line), markup.line(translate(f"gradient: {grad}"), markup.DIM if none else "")], latex
    )


def of_tensor(x: Tensor) -> markup.Bundle:
    """A tensor: its values and its gradient as numbers, or as heatmaps where they are many."""
    node = x.node
    facts = [f"<b>{translate('tensor')}</b> {markup.shape(x.raw.shape)} {x.raw.dtype}"]
    if x.raw.size > 1:
        facts.append(translate(f"{x.raw.size:,} entries"))
    if node is not None and node.op is None:
        facts.append(translate("requires a gradient"))
    elif node is not None and node.op is not None:
        op = f"<b>{markup.text(node.op.name)}</b>"
        facts.append(translate(f"computed by {op}", op))
    parts = [array(x.raw, translate("values"))]
    if node is not None:
        parts.append(_gradient(node))
    figures = markup.element("div", "".join(parts), "display:flex;flex-wrap:wrap;gap:8px 32px;align-items:flex-start")
    return markup.bundle(repr(x), [markup.line(" · ".join(facts)), figures])


def of_module(module: Any) -> markup.Bundle:
    """A module as a tree, with the shapes of its parameters and how many numbers they are; equal neighbours are folded."""
    budget = [_MODULES]
    total = _count(module)
    tree = _tree(module, type(module).__name__, 1, 0, max(total, 1), budget)
    left = sum(1 for _ in module.modules()) - _MODULES
    cut = [markup.line(translate(f"… {left:,} modules are folded or left out"), markup.DIM)] if budget[0] < 0 else []
    return markup.bundle(repr(module), [tree, *cut, markup.line(translate(f"{total:,} parameters"), markup.DIM)])


@functools.singledispatch
def of(found: Any) -> markup.Bundle:
    """An explanation, by its class: below are the functions of each."""
    raise NotImplementedError(type(found).__name__)


@of.register
def of_why(found: Why) -> markup.Bundle:
    """A gradient and its contributions, with a bar for each."""
    whole = np.ndim(found.value) > 0
    size = max(norm(c) for c in [*(e.contribution for e in found.edges), found.more[1]])
    rows, vias = [], Counter(e.via for e in found.edges)
    for e in found.edges:
        product = f"∂{found.of}/∂{e.via} {markup.plain(e.upstream)}"
        product += translate(f" through {e.op}", e.op) if e.local is None else f" × {markup.plain(e.local)}"
        argument = translate(f"as argument {e.argument + 1}") if vias[e.via] > 1 else ""
        note = " ".join(filter(None, [e.layer, e.where, argument]))
        rows.append(
            [
                f"{translate('via')} {e.via}",
                product,
                markup.contribution(e.contribution),
                markup.bar(e.contribution, size),
                note,
            ]
        )
    if found.more[0]:
        rows.append(
            [
                translate(f"and {found.more[0]:,} more"),
                "",
                markup.contribution(found.more[1]),
                markup.bar(found.more[1], size),
                "",
            ]
        )
    check = found.check
    told = translate(check.note)
    if check.numeric is not None:
        told = translate(f"central difference {markup.plain(check.numeric)} {'✓' if check.agrees else '✗'}")
    notes = list(dict.fromkeys(f"{e.via.partition('[')[0]} = {e.formula}" for e in found.edges))[:3]
    notes += [translate(rule) for rule in list(dict.fromkeys(e.rule for e in found.edges))[:3]]
    lines = [markup.headline(found.of, found.name, found.gradient, f"{found.name} = {markup.plain(found.value)}")]
    lines += [_table(["path", "upstream × local", "contribution", "", "where"], rows)] if rows else []
    lines += [array(found.gradient, translate("gradient"))] if whole else []
    if len(found.edges) <= _DERIVED:
        formula = mathml(found).replace("<mtd>", "<mtd style='text-align:left'>")
        lines.append(markup.element("div", formula, "width:fit-content;margin:8px 0;font-size:16px"))
    notes += [_remark("by", f"{translate(along)}{translate(': ')}{largest(sums)}") for along, sums in found.groups]
    notes += [_remark(subject, text, ": ") for subject, text in [*found.told_through(), *found.notes] if text]
    lines += [markup.line(html.escape(text), markup.DIM) for text in [*notes, told] if text]
    return markup.bundle(repr(found), lines, found.latex())


@of.register
def of_update(found: Update) -> markup.Bundle:
    """A step of a parameter: its terms, with a bar for each, and what the optimiser remembers."""
    size = max((norm(term.contribution) for term in found.terms), default=0.0)
    rows = []
    for term in found.terms:
        product = f"{markup.plain(term.coefficient)} × {term.symbol} {markup.plain(term.value)}"
        bar = markup.bar(term.contribution, size)
        rows.append([translate(term.kind), product, markup.contribution(term.contribution), bar, term.formula])
    told = f"{found.name} = {markup.plain(found.before)} → {markup.plain(found.after)}, {found.optimizer}"
    told += translate(f", step {found.step}") if found.step is not None else ""
    change = markup.colored(found.change) if not np.ndim(found.change) else markup.text(markup.plain(found.change))
    beside = f"<span style='{markup.DIM};padding-left:24px'>{markup.text(told)}</span>"
    lines = [markup.line(f"<b>{markup.text(found.symbol)}</b> = {change} {beside}")]
    lines += [_table(["from", "coefficient × value", "contribution", "", "coefficient"], rows)] if rows else []
    lines += [array(found.change, translate("change"))] if np.ndim(found.change) else []
    formula = found.mathml().replace("<mtd>", "<mtd style='text-align:left'>")
    if len(formula) < _FORMULA:
        lines.append(markup.element("div", formula, "width:fit-content;margin:8px 0;font-size:16px"))
    lines += [markup.line(markup.text(_remark(subject, text, ": ")), markup.DIM) for subject, text in remarks_of(found)]
    return markup.bundle(repr(found), lines, found.latex())


@of.register
def of_paths(found: Paths) -> markup.Bundle:
    """Whole paths with their contributions, with a bar for each, and what the others add."""
    left = found.count - len(found.paths)
    size = max(norm(c) for c in [*(path.contribution for path in found.paths), found.rest if left else 0.0])
    rows = [
        [markup.contribution(p.contribution), markup.bar(p.contribution, size), name]
        for name, p in zip(found.in_lines(), found.paths, strict=True)
    ]
    if left:
        rows.append(
            [markup.contribution(found.rest), markup.bar(found.rest, size), translate(f"{markup.counted(left)} more")]
        )
    told = translate(
        f"1 path from {found.of}" if found.count == 1 else f"{markup.counted(found.count)} paths from {found.of}",
        found.of,
    )
    lines = [markup.headline(found.of, found.name, found.total, told)]
    lines += [_table(["contribution", "", "path"], rows)] if rows else []
    lines += [markup.line(markup.text(translate(f"muted: {edge}", edge)), markup.DIM) for edge in found.muted]
    if found.muted:
        lines.append(markup.line(markup.text(translate(f"with it: {markup.plain(found.gradient)}")), markup.DIM))
    if left and not found.exact:
        told = translate("Arrays are on the way: larger paths may be among the others.")
        lines.append(markup.line(told, markup.DIM))
    return markup.bundle(repr(found), lines, found.latex())


@of.register
def of_flow(found: GradientFlow) -> markup.Bundle:
    """A flow: what goes from station to station, and what each keeps, with a bar for the sum."""
    parts = found.told()
    size = max((abs(part.net) for _, part in parts if math.isfinite(part.net)), default=0.0)
    rows = [
        [name, markup.number(part.up), markup.number(part.down), markup.colored(part.net), markup.bar(part.net, size)]
        for name, part in parts
    ]
    told = translate("parts along the gradient: they add up to its norm") if found.of_norm else ""
    beside = f" <span style='{markup.DIM};padding-left:24px'>{markup.text(told)}</span>" if told else ""
    head = markup.line(f"<b>{markup.text(found.symbol)}</b> = {markup.colored(found.total)}{beside}")
    left = len(rows) - _ROWS
    more = [markup.line(translate(f"and {left:,} more"), markup.DIM)] if left > 0 else []
    return markup.bundle(repr(found), [head, _table(["", "raises", "lowers", "sum", ""], rows[:_ROWS]), *more])


@of.register
def of_examples(found: Examples) -> markup.Bundle:
    """What examples contribute, with a bar for each, and what the others and what is by no example add."""
    largest = found[:_EXAMPLES]
    size = max((abs(each.contribution) for each in largest if math.isfinite(each.contribution)), default=0.0)

    def row(name: str, part: float, label: str = "", numbers: str = "") -> list[str]:
        return [name, markup.colored(part), markup.bar(part, max(size, 1e-300)), label, numbers]

    rows = []
    for each in largest:
        label = "" if each.label is None else translate(f"label {first_numbers(each.label)}")
        rows.append(row(translate(f"example {each.number}"), each.contribution, label, each.numbers))
    if len(found) > len(largest):
        rows.append(row(translate(f"and {len(found) - len(largest):,} more"), found.left(len(largest))))
    if found.rest:
        rows.append(row(translate("by no example"), found.rest))
    beside = f"<span style='{markup.DIM};padding-left:24px'>{markup.text(found.along)}</span>"
    head = markup.line(f"<b>{markup.text(found.symbol)}</b> = {markup.colored(found.gradient)} {beside}")
    return markup.bundle(repr(found), [head, _table(["example", "contribution", "", "", ""], rows)])


def of_trace(trace: Any) -> markup.Bundle:
    """The operations that were recorded, in order; with gradients, where something was differentiated."""
    sweep = _last_sweep(trace)
    nodes = [node for node in trace.steps if sweep is None or node in sweep.names]
    shown = nodes if len(nodes) <= _ROWS else [*nodes[: _ROWS // 2], *nodes[-_ROWS // 2 :]]
    rows = []
    for k, node in enumerate(shown):
        if k == _ROWS // 2 and len(nodes) > _ROWS:
            rows.append([translate(f"… {len(nodes) - _ROWS:,} more"), "", "", "", ""])
        step = trace.steps[node]
        formula = expression(node.op, ["…"] * len(node.parents), node.params)
        name = formula if sweep is None else f"{sweep.names[node]} = {sweep.formula(node)}"
        g = None if sweep is None else sweep.adjoints.get(node)
        rows.append(
            [name, markup.brief(step.value), "" if g is None else markup.brief(g), trace.layer_path(node), step.where]
        )
    gradient = "gradient" if sweep is None else f"∂{sweep.names[sweep.root]}/∂"
    lines = [markup.line(translate(f"<b>trace</b> of {len(trace.steps):,} operations"))]
    lines += [_table(["operation", "value", gradient, "layer", "where"], rows)] if rows else []
    return markup.bundle(repr(trace), lines)


@of.register
def of_diagnosis(found: Diagnosis) -> markup.Bundle:
    """What `mg.doctor` found: each finding with its evidence, cause and change, and the layers."""
    lines = [] if found.findings else [markup.line(markup.text(found.text()))]
    for finding in found.findings:
        lines.append(
            markup.line(
                f"<b>{markup.text(translate(finding.rule))}</b> · {markup.text(finding.subject)}", "margin-top:8px"
            )
        )
        rows = [("evidence", finding.evidence), ("cause", finding.cause), ("change", finding.change)]
        told = "".join(
            markup.line(f"<span style='{markup.DIM}'>{translate(name)}</span> {html.escape(translate(text))}")
            for name, text in rows
            if text
        )
        code = (
            markup.element("pre", html.escape(finding.code), "margin:4px 0;color:inherit;background:none")
            if finding.code
            else ""
        )
        lines.append(markup.element("div", told + code, "margin-left:16px"))
    if found.hidden:
        others = "; ".join(f"{translate(finding.rule)} ({finding.subject})" for finding in found.hidden)
        lines.append(markup.line(html.escape(translate("this explains too: ") + others), markup.DIM))
    lines.append(_layers(found.layers) if found.layers else "")
    return markup.bundle(found.text(), lines)


def _layers(layers: Sequence[Any]) -> str:
    rows = []
    for k in layers[:_ROWS]:
        numbers = k.signal, k.gain, k.gradient, k.gradient_gain, k.share, k.dead, k.saturated, k.update_ratio
        rows.append([f"{k.name} {k.kind}", *("–" if x is None else f"{x:.3g}".replace("-", "−") for x in numbers)])
    left = len(layers) - _ROWS
    more = [markup.line(translate(f"… {left:,} more layers"), markup.DIM)] if left > 0 else []
    return "".join([_table([name for name in HEADINGS if name != "kind"], rows), *more])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table, with the headings that the page has, too."""
    told = of_page()
    return markup.table([told.get(name) or translate(name) for name in head], rows)


def _remark(subject: str, text: str, between: str = " ") -> str:
    """What is told below a table: about what, and then what."""
    return f"{translate(subject)}{translate(between)}{translate(text)}"


# --------------------------------------------------------------------------------------------------------------- arrays


def _gradient(node: Node) -> str:
    grad = node.grad
    if grad is NOT_STORED:
        told = translate("gradient: not stored for what is computed on the way, but by keep_grad() or a trace")
        return markup.line(told, markup.DIM)
    if grad is None:
        return markup.line(translate("gradient: not computed yet"), markup.DIM)
    return array(grad.raw, translate("gradient"))


# ---------------------------------------------------------------------------------------------------------------- trees


def _tree(module: Any, name: str, times: int, depth: int, total: int, budget: list[int]) -> str:
    """A module and what is in it."""
    budget[0] -= 1
    if budget[0] < 0:
        return ""
    kind, extra = type(module).__name__, module.extra_repr()
    own = [f"{key} {markup.shape(p.raw.shape)}" for key, p in module.named_parameters(recurse=False)]
    own += [
        f"{key} {markup.shape(b.raw.shape)} ({translate('buffer')})" for key, b in module.named_buffers(recurse=False)
    ]
    count = _count(module)
    told = f"<b>{markup.text(name)}</b>" + (f" <b>×{times}</b>" if times > 1 else "")
    told += f" {markup.text(kind)}{markup.text(f'({extra})') if extra else ''}" if name != kind or extra else ""
    told += f" <span style='{markup.DIM}'>{markup.text(', '.join(own))}</span>" if own else ""
    share = f"{times * count:,}" + (f" = {100 * times * count / total:.3g} %" if depth else "")
    line = f"{told} <span style='float:right;padding-left:16px'>{share if count else '–'}</span>"
    children = list(_folded(module))
    if not children:
        return markup.element("div", line, "padding:1px 0 1px 18px")
    inner = "".join(_tree(child, key, n, depth + 1, total, budget) for key, child, n in children)
    opened = " open" if depth < 2 and len(children) < 40 else ""
    inside = markup.element("div", inner, "margin-left:7px;padding-left:7px;border-left:1px solid rgba(128,128,128,.4)")
    return f"<details{opened}>{markup.element('summary', line, 'padding:1px 0')}{inside}</details>"


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


def _last_sweep(trace: Any) -> Sweep | None:
    """The sweep of what was differentiated last, if the trace has recorded that."""
    root = last_backward()
    if not isinstance(root, Node) or root not in trace.steps:
        return None
    try:
        return sweep_of(root, {})
    except GradientError:  # not one number, or a complex one
        return None
