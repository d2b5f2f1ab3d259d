"""What came to a gradient through the calls of whole functions, such as a cross-entropy: the contributions added up, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..tape import Node
from .closed_forms import at_entry, closed_form, raw
from .composites import Composite
from .notation import MATHML, TEXT, Notation, mathml_rows
from .render import short
from .sweep import Sweep
from .updates.formula import Writer
from .updates.quantity import Quantity

_TOLERANCES = {4: (1e-5, 1e-3), 8: (1e-13, 1e-9)}
"""By the bytes of a number: of the largest entry, and of each. A closed form is computed in 64 bits, the program in its own."""


@dataclass(frozen=True)
class Through:
    """A call through which a gradient came, and what its operations contributed together, along `paths` paths.

    `formula` is the same in closed form, such as (p − y) / n, where one is known, and `told` says what is what in it. `result` is
    the node that the function returned.
    """

    composite: Composite
    call: str
    paths: int
    contribution: Any
    formula: Quantity | None
    told: str
    result: Node

    def written(self, to: Notation = TEXT) -> list[str]:
        """The closed form in names, and for one number in numbers, too; [] if none is known."""
        if self.formula is None:
            return []
        single = np.ndim(self.formula.value) == 0
        return [
            Writer(to, in_numbers).definition(self.formula) for in_numbers in ((False, True) if single else (False,))
        ]

    def text(self) -> str:
        """`cross_entropy(logits, y): (p − y) / n = (0.25 − 1) / 4 = -0.1875`."""
        told = self.written()
        if np.ndim(self.contribution) == 0 or not told:
            told.append(short(self.contribution))
        return f"{self.call}: {' = '.join(told)}"

    def mathml(self) -> str:
        """The closed form as a `math` element, "" if none is known."""
        rows = [("", text) for text in self.written(MATHML)]
        return (
            mathml_rows([*rows, ("", MATHML.number(float(self.contribution)))] if len(rows) > 1 else rows)
            if rows
            else ""
        )


def outermost(sweep: Sweep, user: Node, node: Node) -> Composite | None:
    """The call in which `user` was computed from `node`, which was not computed in it; the outermost, None if there is none.

    One that is a single operation is none.
    """
    own = sweep.step(node).composites
    around = sweep.step(user).composites
    return next((each for each in around if each not in own and each.operations > 1), None)


def through(
    sweep: Sweep, views: Sequence[Node], composite: Composite, place: Any, paths: int, contribution: Any
) -> Through | None:
    """What came through `composite` to the first of `views`, a tensor and views of it, or to its entry `place`.

    None where it is not one result that the function gave.
    """
    results = (sweep.whole or sweep).results.get(composite, {})
    if len(results) != 1:
        return None
    (result,) = results
    call = called(sweep, composite)
    formula, told = _verified(sweep, views, composite, result, place, contribution)
    return Through(composite, call, paths, contribution, formula, told, result)


def called(sweep: Sweep, composite: Composite) -> str:
    """How it was called, in the names of this graph: `cross_entropy(logits, y)`."""
    return composite.call(lambda x: _name(sweep, x))


def _verified(
    sweep: Sweep, views: Sequence[Node], composite: Composite, result: Node, place: Any, contribution: Any
) -> tuple[Quantity | None, str]:
    """The closed form, if it gives what the contributions add up to."""
    node = views[0]
    arrived = (sweep.whole or sweep).adjoints.get(result)
    if arrived is None or node.shape is None:
        return None, ""
    found = next((form for each in _same(sweep, composite, result) if (form := _form(each, views, arrived))), None)
    if found is None:
        return None, ""
    formula, told = found
    whole = np.broadcast_to(formula.value, node.shape)
    if not (np.all(np.isfinite(whole)) and np.all(np.isfinite(contribution))):
        return None, ""
    exact, close = _TOLERANCES.get(np.dtype(node.dtype).itemsize, (1e-2, 1e-1))
    least = exact * float(np.max(np.abs(whole), initial=0.0))
    if not np.allclose(whole if place is None else whole[place], contribution, rtol=close, atol=least):
        return None, ""
    return (formula if place is None else at_entry(formula, place)), told


def _same(sweep: Sweep, composite: Composite, result: Node) -> list[Composite]:
    """The call and those in it that do all of its operations, as `nn.functional.softmax` leaves them to `mg.softmax`."""
    around = sweep.step(result).composites
    return [each for each in around[around.index(composite) :] if each.operations == composite.operations]


def _form(composite: Composite, views: Sequence[Node], arrived: Any) -> tuple[Quantity, str] | None:
    """The closed form by the argument that the tensor is, unless it is several, as it is or as a view."""
    names = [name for name, x in composite.arguments.items() if getattr(x, "node", None) in views]
    alone = len(names) == 1 and composite.arguments[names[0]].node is views[0]
    return closed_form(composite, names[0], arrived) if alone else None


def _name(sweep: Sweep, x: Any) -> str:
    """What a tensor or an array is called."""
    node = getattr(x, "node", None)
    if node in sweep.names:
        return sweep.names[node]
    return str(sweep.recording.known.get(id(raw(x)), (f"tensor{np.shape(raw(x))}", None))[0])
