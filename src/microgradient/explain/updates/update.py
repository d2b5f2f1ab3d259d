"""What `mg.why_update` returns, and how it is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...language import translate
from ..notation import LATEX, MATHML, TEXT, Notation, Row, latex_rows, mathml_rows
from ..render import Line, Shown, base, columns, mark, norm, number, short, sign_style, width
from .formula import Writer
from .quantity import Quantity, Run, Symbol
from .terms import Group, Product, change


class Term(NamedTuple):
    """One part of an update: coefficient × value = contribution.

    `kind` says where it comes from: "gradient", "momentum" (or another thing that is remembered, by its name), "weight decay" or
    "step"; `symbol` is what that is called in the formula, `formula` the coefficient in names and `numbers` in numbers.

    >>> import microgradient as mg
    >>> w = mg.tensor(3.0, requires_grad=True)
    >>> (w * w).backward()
    >>> term = mg.why_update(w, optimizer=mg.optim.SGD([w], lr=0.5)).terms[0]
    >>> term.kind, term.formula, term.coefficient, term.value, term.contribution
    ('gradient', '-lr', -0.5, 6.0, -3.0)
    """

    kind: str
    symbol: str
    coefficient: Any
    value: Any
    contribution: Any
    formula: str
    numbers: str


class Update(Shown):
    """A parameter's part of an optimiser's step. Printing it shows it; `latex()` and `mathml()` give the derivation.

    `before` and `after` are the parameter's values, `change` their difference, `gradient` what the optimiser was given;
    `terms` add up to `sum`, and `sum` + `rounding` is the change: what the parameter's dtype could not hold. `optimizer` is the
    name of its class, `step` which step of the parameter it is, `taken` whether it has been. `remembered` has the value before
    and after of each array of the optimiser's state by its name there. Without a formula that can be opened `terms` is empty.

    >>> import microgradient as mg
    >>> w = mg.tensor(3.0, requires_grad=True)
    >>> (w * w).backward()
    >>> update = mg.why_update(w, optimizer=mg.optim.SGD([w], lr=0.5))
    >>> update.before, update.after, update.change, update.sum, w.item()
    (3.0, 0.0, -3.0, -3.0, 3.0)
    """

    def __init__(
        self, name: str, optimizer: str, step: int | None, taken: bool, before: Any, after: Any, gradient: Any
    ) -> None:
        self.name, self.optimizer, self.step, self.taken = name, optimizer, step, taken
        self.before, self.after, self.gradient = _wide(before), _wide(after), _wide(gradient)
        self.change = self.after - self.before
        self.dtype = np.asarray(after).dtype
        self.terms: tuple[Term, ...] = ()
        self.sum: Any = 0.0
        self.rounding: Any = 0.0
        self.remembered: dict[str, tuple[Any, Any]] = {}
        self.notes: list[tuple[str, str]] = []
        self._groups: list[Group] = []
        self._made: list[Quantity] = []
        self._symbol = Symbol(base(name))

    def open(self, run: Run) -> None:
        """Find the terms in an update that was run."""
        self._groups = change(run.new, run.p)
        self._made, self._symbol = run.made, run.p.symbol or self._symbol
        self.terms = tuple(_term(group) for group in self._groups)
        contributions = [term.contribution for term in self.terms]
        exact = np.ndim(self.change) == 0 and np.all(np.isfinite(contributions))
        self.sum = math.fsum(contributions) if exact else sum(contributions, np.zeros(np.shape(self.change))[()])
        self.rounding = self.change - self.sum

    @property
    def symbol(self) -> str:
        """`Δw`."""
        return f"Δ{self.name}"

    def latex(self) -> str:
        r"""The derivation as a LaTeX `aligned` block: what is remembered, then the change; in symbols, in numbers, the result."""
        return latex_rows(self._rows(LATEX))

    def mathml(self) -> str:
        """The derivation as one `math` element, a row of its table a line."""
        return mathml_rows(self._rows(MATHML))

    def _rows(self, to: Notation) -> list[Row]:
        """What is left and right of each equals sign; where nothing is left, it is what is above."""
        single, found = np.ndim(self.change) == 0, []
        for q in self._made:
            assert q.symbol is not None
            found.append((to.name(*q.symbol), Writer(to).definition(q)))
            if single:
                found += [("", Writer(to, True).definition(q)), ("", to.number(float(q.value)))]
        right = [_total(self._groups, Writer(to))]
        right += [_total(self._groups, Writer(to, True)), to.number(float(self.change))] if single else []
        left = [to.sign("Δ") + to.name(*self._symbol), "", ""]
        return [*found, *zip(left, filter(None, right), strict=False)]

    def _lines(self) -> list[Line]:
        return lines(self)


def _wide(x: Any) -> Any:
    """In 64 bits: a number, or an array."""
    wide = np.asarray(x, np.float64)
    return float(wide) if wide.ndim == 0 else wide


def _term(group: Group) -> Term:
    first = group.what[0][0] if group.what else None
    symbol = Writer(TEXT).group(Group(1.0, (), (Product(1.0, ()),), group.what), first=True)
    kind = {"gradient": "gradient", "parameter": "weight decay"}.get(group.source, "step")
    if group.source == "state" and first is not None and first.symbol is not None:
        kind = "momentum" if first.symbol.stem in ("m", "b") else first.symbol.stem
    coefficient, value = group.coefficient(), group.moved()
    told = (_cut(Writer(TEXT, in_numbers).coefficient(group)) for in_numbers in (False, True))
    return Term(kind, _cut(symbol, 40), _wide(coefficient), _wide(value), _wide(coefficient * value), *told)


def _cut(text: str, most: int = 120) -> str:
    """A formula without its middle, if it is very long."""
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2 :]}"


def _total(groups: Sequence[Group], writer: Writer) -> str:
    return "".join(writer.group(group, first=k == 0) for k, group in enumerate(groups))


# ------------------------------------------------------------------------------------------------------------- as text


def lines(update: Update) -> list[Line]:
    """The explanation as lines of styled text."""
    single = np.ndim(update.change) == 0
    found = [_headline(update)]
    remarks = [(translate(subject), text) for subject, text in remarks_of(update)]
    subjects = [*(translate(term.kind) for term in update.terms), *(subject for subject, _ in remarks)]
    room = max(map(width, subjects))  # of the first column
    rows = [_cells(term, room) for term in update.terms]
    for term, cells in zip(update.terms, columns(rows, right=(1, 3, 5) if single else ()), strict=True):
        line: Line = [("  ", ""), *zip(cells, ("bold", "cyan", "dim", "cyan", "dim", ""), strict=True)]
        sign = mark(term.contribution)
        found.append([*line, (f"  {sign}", sign_style(sign)), (f"   {term.formula}", "dim")])
        if single and term.numbers != number_of(term.coefficient):
            found[-1].append((f" = {term.numbers}", "dim"))
    return found + [[(f"  {s}{' ' * (room - width(s))}  ", "dim"), (text, "")] for s, text in remarks]


def remarks_of(update: Update) -> list[tuple[str, str]]:
    """(subject, text) of what is told below the terms, in the language that is spoken; the subjects are English."""
    found = []
    if update.terms and np.any(update.rounding):
        told = translate(f"what {update.dtype} could not hold of the sum, {short(update.sum)}")
        found.append(("rounding", f"{short(update.rounding)}{translate(': ')}{told}"))
    for q in update._made:
        assert q.symbol is not None
        numbers = f" = {_cut(Writer(TEXT, True).definition(q))}" if np.ndim(q.value) == 0 else ""
        found.append(
            ("where", f"{TEXT.name(*q.symbol)} = {_cut(Writer(TEXT).definition(q))}{numbers} = {short(q.value)}")
        )
    if not update._made:
        for key, (before, after) in update.remembered.items():
            found.append(("state", f"{key} {'–' if before is None else short(before)} → {short(after)}"))
    found += [(subject, translate(text)) for subject, text in update.notes]
    single = np.ndim(update.change) == 0
    given, moved = (short(x) if single else number(norm(x)) for x in (update.gradient, update.change))
    turned = translate(f"{update.optimizer} turned {given} into {moved}")
    if not single:
        turned = translate(f"{update.optimizer} turned a gradient of norm {given} into a change of norm {moved}")
    return [*found, ("effect", turned)]


def _headline(update: Update) -> Line:
    line = [(f"{update.symbol} = ", "bold"), (short(update.change), "bold yellow")]
    line.append((f"     {update.name} = {short(update.before)} → {short(update.after)}", ""))
    told = [update.optimizer] + [translate(f"step {update.step}")] * (update.step is not None)
    told += [] if update.taken else [translate("not taken yet")]
    line.append((f"     {translate(', ').join(told)}", "dim"))
    return [*line, (f"     {translate('gradient')} {short(update.gradient)}", "dim")]


def _cells(term: Term, room: int) -> list[str]:
    """gradient · -0.25 · × g · 0.004 · = · -0.001, the first in a column of `room` and two spaces."""
    kind = translate(term.kind)
    contribution = short(term.contribution) if np.ndim(term.contribution) else number(term.contribution, sign=True)
    return [
        f"{kind}{' ' * (room - width(kind))}  ",
        short(term.coefficient),
        f" × {term.symbol} ",
        short(term.value),
        " = ",
        contribution,
    ]


def number_of(x: Any) -> str:
    """A coefficient as its formula in numbers would write it."""
    return "" if np.ndim(x) else TEXT.number(x)
