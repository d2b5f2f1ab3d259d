"""`mg.step`: through an evaluation and its backward sweep one operation at a time, in the terminal, forwards and backwards.

What is on the screen is a function of the state: `screen(walk, state, columns, rows)`; a key makes a new state:
`pressed(walk, state, key)`. Neither knows of a terminal: `keyboard.py` does.
"""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, GradientError
from ..language import translate
from ..scalar import Value
from ..tape import Node
from ..tensor import Tensor
from .keyboard import interactive, keys_on_screen
from .names import user_variables
from .path_search import added
from .render import Line, brief, columns, cropped, mark, number, plain, shown, sign_style, width
from .sentences import expression, sentence
from .sweep import Sweep, Use, sweep_of

_PRINTED = 40  # steps that are printed where there is no terminal
_FAR = 10  # steps at once
_NAME, _FORMULA = 24, 36  # columns of the table


def step(loss: Value | Tensor | None = None) -> None:
    """Step through how `loss` was computed and then through its backward sweep, with the rule and the numbers of each operation.

    In a terminal → and ← go a step on and back, ↓ and ↑ ten, Home and End to the first and the last, `g` to a step by number
    or to a node by name, `q` leaves. Where standard input or output is no terminal the steps are printed, the first and last
    twenty of more than forty. `loss` is a Value, or a Tensor that was computed under `with mg.trace():`; what `backward()`
    was called on last, if not given.

    Raises GradientError (MG118) for a tensor that was not traced: its graph has no numbers to show.

    >>> import microgradient as mg
    >>> a, b = mg.Value(2.0), mg.Value(-3.0)
    >>> L = a * b + a
    >>> mg.step(L)
    given         a = 2.0, b = -3.0
    evaluation 1  v1 = a * b = 2.0 * (-3.0) = -6.0
    evaluation 2  L = v1 + a = (-6.0) + 2.0 = -4.0
    sweep 1       ∂L/∂L = 1.0 goes through L = v1 + a
      to v1  1.0 × 1.0 = +1.0  ▲   all of ∂L/∂v1
      to a   1.0 × 1.0 = +1.0  ▲   ∂L/∂a = 1.0 so far, 1 more to come
      rule   + passes what arrives to both inputs
    sweep 2       ∂L/∂v1 = 1.0 goes through v1 = a * b
      to a  1.0 × -3.0 = -3.0  ▼   ∂L/∂a = -2.0, complete
      to b  1.0 ×  2.0 = +2.0  ▲   all of ∂L/∂b
      rule   × sends each input the other input, times what arrives
    """
    if loss is not None and not isinstance(loss, Value | Tensor):
        raise ArgumentTypeError("MG116", f"mg.step goes through a Value or a Tensor, not {type(loss).__name__}.")
    walk = Walk(sweep_of(loss, user_variables()))
    if interactive():
        keys_on_screen(walk, State(), screen, pressed)
        return
    total = walk.last + 1
    cut = total > _PRINTED
    for at in [*range(_PRINTED // 2), *range(total - _PRINTED // 2, total)] if cut else range(total):
        if cut and at == total - _PRINTED // 2:
            print(translate(f"… {total - _PRINTED:,} more"))
        print(shown(walk.card(at)))


@dataclass(frozen=True)
class State:
    """Where one is: at step `at`; `typed` is what has been typed after `g`, `told` an answer to it."""

    at: int = 0
    typed: str | None = None
    told: str = ""


class Walk:
    """The steps of a sweep: what is given, then every operation in order of evaluation, then in order of the sweep."""

    def __init__(self, sweep: Sweep) -> None:
        if not sweep.steps:
            raise GradientError(
                "MG118",
                "There are no numbers to step through: tensors do not keep them. Compute the loss under `with mg.trace():`, "
                "then `mg.step(loss)`.",
            )
        self.sweep = sweep
        self.of = sweep.names[sweep.root]
        self.shown = [node for node in sweep.order if not sweep.is_literal(node)]
        self.given = [node for node in self.shown if node.op is None]
        self.forward = [node for node in self.shown if node.op is not None]
        self.uses: dict[Node, list[Use]] = {}  # by node, latest first: a step of the sweep each
        for use in sweep.uses:
            self.uses.setdefault(use.node, []).append(use)
        self.backward = list(self.uses)
        self.turn = 1 + len(self.forward)  # the first step of the sweep
        self.last = len(self.forward) + len(self.backward)
        self._expected = Counter(use.parent for use in sweep.uses)
        self._when: dict[Node, list[tuple[int, Use]]] = {}  # what arrives at a node, and in which step
        for k, node in enumerate(self.backward):
            for use in self.uses[node]:
                self._when.setdefault(use.parent, []).append((self.turn + k, use))
        self._values: dict[Node, str] = {}
        self._made = {node: 1 + k for k, node in enumerate(self.forward)}

    def title(self, at: int) -> str:
        """`evaluation 2`."""
        if at == 0:
            return translate("given")
        if at < self.turn:
            return translate(f"evaluation {at}")
        return translate(f"sweep {at - self.turn + 1}")

    def find(self, name: str, at: int) -> int | None:
        """The step that computes a node of that name or, in the sweep, the last one in which it gets something."""
        node = next((n for n in self.shown if self.sweep.names[n] == name), None)
        if node is None:
            return None
        if at < self.turn:
            return self._made.get(node, 0)
        return self._when.get(node, [(self.turn, None)])[-1][0]

    def arrived(self, node: Node, at: int) -> tuple[Any, int]:
        """What has arrived at a node by the end of step `at`, None if nothing, and how much is still to come."""
        if node is self.sweep.root:
            return (self.sweep.adjoints[node], 0) if at >= self.turn else (None, 0)
        uses = [use for when, use in self._when.get(node, ()) if when <= at]
        left = self._expected[node] - len(uses)
        whole = self.sweep.adjoints.get(node) if not left else None
        return (functools.reduce(added, (u.contribution for u in uses), None) if whole is None else whole), left

    def where(self, at: int) -> str:
        """The layer and the source line of a step, where they are known."""
        if not at:
            return ""
        node = self.forward[at - 1] if at < self.turn else self.backward[at - self.turn]
        return "  ".join(filter(None, [self.sweep.recording.layer_path(node), self.sweep.step(node).where]))

    def card(self, at: int) -> list[Line]:
        """A step, told with its numbers."""
        title: Line = [(columns([[self.title(at)], [" " * 14]])[0][0], "bold")]
        where: Line = [(f"     {told}", "dim")] if (told := self.where(at)) else []
        if at == 0:
            parts = [f"{self.sweep.names[n]} = {brief(self.sweep.value(n))}" for n in self.given]
            more = translate(f", and {len(parts) - 8:,} more") if len(parts) > 8 else ""
            return [[*title, (", ".join(parts[:8]) + more, "")]]
        if at < self.turn:
            return [[*title, *self._evaluated(self.forward[at - 1]), *where]]
        node = self.backward[at - self.turn]
        name, formula = self.sweep.names[node], self.sweep.formula(node)
        head: Line = [*title, (f"∂{self.of}/∂{name}", "bold"), (" = ", "dim")]
        arrived = next(iter(self.uses[node])).upstream
        through = translate(f" goes through {name} = {formula}", name, formula)
        head += [(brief(arrived), "cyan"), (through, ""), *where]
        rule: Line = [(f"  {translate('rule')}   ", "dim"), (translate(sentence(node.op)), "italic")]
        return [head, *self._sent(node, at), rule]

    def _evaluated(self, node: Node) -> Line:
        name, formula = self.sweep.names[node], self.sweep.formula(node)
        numbers, result = self._with_numbers(node), brief(self.sweep.value(node))
        told: Line = [(name, "bold"), (f" = {formula}", "")]
        told += [(f" = {numbers}", "dim")] if numbers else []
        return [*told, (" = ", "dim"), (result, "cyan")]

    def _with_numbers(self, node: Node) -> str:
        """The formula with numbers for names, where it is of numbers."""
        args = self.sweep.step(node).args
        if node.op is None or node.op.kind != "pointwise" or not args or any(getattr(a, "ndim", 0) for a in args):
            return ""
        numbers = [number(a) for a in args]
        brackets = len(args) > 1 and node.op.symbol
        return expression(node.op, [f"({x})" if brackets and x[0] == "-" else x for x in numbers], node.params)

    def _sent(self, node: Node, at: int) -> list[Line]:
        rows = []
        for use in self.uses[node]:
            total, left = self.arrived(use.parent, at)
            name = self.sweep.names[use.parent]
            adjoint = f"∂{self.of}/∂{name}"
            if self._expected[use.parent] == 1:
                told = translate(f"all of {adjoint}", adjoint)
            elif left:
                told = translate(f"{adjoint} = {brief(total)} so far, {left:,} more to come", adjoint)
            else:
                told = translate(f"{adjoint} = {brief(total)}, complete", adjoint)
            upstream, by, local = "", translate(f" through {use.op.name}", use.op.name).lstrip(), ""
            if use.op.kind == "pointwise" and not use.parent.shape and not use.node.shape:
                upstream, by, local = brief(use.upstream), " × ", brief(self.sweep.local(use))
            array = isinstance(use.contribution, tuple) or np.ndim(use.contribution)
            sent = brief(use.contribution) if array else number(use.contribution, sign=True)
            cells = [
                f"{translate('to')} {name}  ",
                upstream,
                by,
                local,
                " = ",
                sent,
                mark(use.contribution),
                told,
            ]
            rows.append(cells)
        styles = ("bold", "cyan", "dim", "cyan", "dim", "")
        lines = []
        for *cells, sign, told in columns(rows, right=(1, 3, 5)):
            line: Line = [("  ", ""), *zip(cells, styles, strict=True)]
            lines.append([*line, (f"  {sign}", sign_style(sign.strip())), (f"   {told.rstrip()}", "dim")])
        return lines

    def row(self, node: Node, at: int) -> list[str]:
        """A node in the table: its name, formula, value and adjoint at the end of step `at`; · for what is not known yet."""
        computed = self._made.get(node, 0) <= at
        if node not in self._values:
            self._values[node] = brief(self.sweep.value(node))
        value = self._values[node] if computed else "·"
        if at < self.turn:
            return [self.sweep.names[node], self.sweep.formula(node), value, ""]
        arrived, left = self.arrived(node, at)
        adjoint = "·" if arrived is None and left else brief(0.0 if arrived is None else arrived) + " …" * (left > 0)
        return [self.sweep.names[node], self.sweep.formula(node), value, adjoint]


# -------------------------------------------------------------------------------------------------- what is on the screen


def screen(walk: Walk, state: State, wide: int, high: int) -> list[Line]:
    """The whole screen, `high` lines of at most `wide` columns."""
    at = state.at
    done = round((wide - 1) * at / walk.last) if walk.last else 0
    turn = round((wide - 1) * (walk.turn - 0.5) / walk.last) if walk.last else 0
    bar = "".join("●" if k == done else "┼" if k == turn else "━" if k < done else "─" for k in range(wide))
    place = translate(f"step {at} of {walk.last}")
    place += "   " + translate("evaluation ↓" if at < walk.turn else "backward ↑")
    top: list[Line] = [[(place, "bold")], [(bar, "dim")], []]
    card = walk.card(at)
    foot = [_footer(state)]
    room = high - len(top) - len(foot)
    most = max(room - 4 if room > 8 else room, 1)
    if len(card) > most:
        card = [*card[: most - 1], [("  " + translate(f"… {len(card) - most + 1} more lines"), "dim")]]
    table = _table(walk, state, max(room - len(card) - 1, 0), wide)
    lines = [*top, *card, [], *table]
    lines = lines[: high - 1]
    return [cropped(line, wide) for line in [*lines, *[[]] * (high - 1 - len(lines)), *foot]]


def _table(walk: Walk, state: State, rows: int, wide: int) -> list[Line]:
    """The nodes around the one that the step is about, with a mark at it."""
    nodes, at = walk.shown, state.at
    now = None if not at else walk.forward[at - 1] if at < walk.turn else walk.backward[at - walk.turn]
    middle = nodes.index(now) if now in nodes else 0
    start = max(0, min(middle - rows // 2, len(nodes) - (rows - 1)))
    kept = nodes[start : start + max(rows - 1, 0)]
    table = [
        ["", "", translate("value"), f"∂{walk.of}/∂" if at >= walk.turn else ""],
        *(walk.row(node, at) for node in kept),
    ]
    narrow = [
        [cut(name, _NAME), cut(f" = {formula}", _FORMULA) if formula else "", f"   {value}", f"   {adjoint}"]
        for name, formula, value, adjoint in table
    ]
    found: list[Line] = []
    for k, cells in enumerate(columns(narrow)):
        here = k > 0 and kept[k - 1] is now
        sent = at >= walk.turn and k > 0 and any(use.parent is kept[k - 1] for use in walk.uses.get(now, ()))  # type: ignore[arg-type]
        sign = "▸ " if here else "← " if sent else "  "
        style = "bold" if here or sent else "dim" if k == 0 else ""
        found.append(
            [(sign, "bold yellow"), (cells[0] + cells[1], style), (cells[2], style), (cells[3].rstrip(), "cyan")]
        )
    return found[:rows]


def _footer(state: State) -> Line:
    if state.typed is not None:
        return [(translate("go to (number or name): "), "bold"), (state.typed, ""), ("▏", "dim")]
    keys = translate("→ ← a step   ↓ ↑ ten   Home End   g go to   q quit")
    return [(f"{state.told}   ", "bold yellow"), (keys, "dim")] if state.told else [(keys, "dim")]


def pressed(walk: Walk, state: State, key: str) -> State | None:
    """The state after a key; None to leave. Keys with a name are `right`, `left`, `up`, `down`, `home`, `end`, `enter`, …"""
    if state.typed is not None:
        return _typed(walk, state, key)
    moves = {"right": 1, "l": 1, " ": 1, "enter": 1, "left": -1, "h": -1, "backspace": -1, "down": _FAR, "up": -_FAR,
             "home": -walk.last, "end": walk.last}  # fmt: skip
    if key in ("q", "escape", "interrupt"):
        return None
    if key == "g":
        return replace(state, typed="", told="")
    return State(max(0, min(walk.last, state.at + moves.get(key, 0))))


def _typed(walk: Walk, state: State, key: str) -> State | None:
    text = state.typed or ""
    if key == "interrupt":
        return None
    if key == "escape":
        return State(state.at)
    if key == "backspace":
        return replace(state, typed=text[:-1])
    if key != "enter":
        return replace(state, typed=text + key) if len(key) == 1 and key.isprintable() else state
    if not text:
        return State(state.at)
    if text.isdecimal():
        return State(min(int(text), walk.last))
    found = walk.find(text, state.at)
    return State(state.at, told=translate(f"Nothing is called {text}.", text)) if found is None else State(found)


def cut(text: str, columns: int) -> str:
    """`text` with at most that many columns."""
    return text if width(text) <= columns else plain([cropped([(text, "")], columns)])
