"""Which examples of a batch push a gradient up, and which down: its contributions, added up example by example."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np

from ..errors import GradientError
from ..language import translate
from ..primitives import TABLE
from ..tape import Node, backward
from .batch import Batch
from .explanation import Why
from .flow import product
from .named_batch import NamedBatch
from .path_search import added
from .render import Line, Shown, columns, mark, norm, number, plain, sign_style
from .sweep import Sweep, Use, tangent

_FEW = 6  # numbers of an example that are shown
_PIXELS = 8  # along each side, at least: of a flat square that is taken for a picture


@dataclass(frozen=True)
class Example:
    """One example of a batch: its `number` there, what it contributes to the gradient, and what it is.

    `input` is its row of what the model was given, `label` that of the loss's target; None where they are not known.

    >>> Example(3, -0.5, np.array([1.0, 2.0]), label=7).numbers
    '1, 2'
    """

    number: int
    contribution: float
    input: Any = None
    label: Any = None
    explain: Callable[[], Why] | None = field(default=None, repr=False, compare=False)

    def why(self) -> Why:
        """The explanation of the gradient with the contributions of this example alone."""
        if self.explain is None:
            raise GradientError("MG117", "This example was made by hand: what it contributed is not known.")
        return self.explain()

    @property
    def picture(self) -> Any:
        """The example as a matrix, where it is a picture: (H, W), (1, H, W), or a flat square such as 64 or 784 numbers."""
        a = np.asarray(self.input)
        side = round(a.size**0.5)
        if a.ndim == 1 and side >= _PIXELS and side * side == a.size:
            return a.reshape(side, side)
        matrix = a[0] if a.ndim == 3 and len(a) == 1 else a
        return matrix if matrix.ndim == 2 and min(matrix.shape) > 1 else None

    @property
    def numbers(self) -> str:
        """The first few numbers of the example; "" where it is not known."""
        return "" if self.input is None else first_numbers(self.input)


def first_numbers(array: Any) -> str:
    """
    >>> first_numbers(np.array([[0.5, 2], [3, 4]])), first_numbers(np.arange(20)), first_numbers(7)
    ('0.5, 2, 3, 4', '0, 1, 2, 3, 4, 5, …', '7')
    """
    flat = np.ravel(array)
    return ", ".join(f"{x:.4g}" for x in flat[:_FEW]) + (", …" if flat.size > _FEW else "")


class Examples(Shown, Sequence[Example]):
    """What each example of the batch contributes to a gradient, the largest contribution first.

    The contributions and `rest`, what came by no example (such as weight decay), add up to `gradient`: that of the entry asked
    about. Of a whole tensor they are the parts along its gradient g, ⟨gᵢ, g⟩/‖g‖, which add up to ‖g‖; an example with a negative
    one pulls the other way. `along` says which axis counts the examples.

    >>> import microgradient as mg
    >>> from microgradient import nn
    >>> model = nn.Linear(1, 1, bias=False, dtype=mg.float64)
    >>> with mg.trace():
    ...     loss = mg.sum(3.0 * model(mg.tensor([[1.0], [-2.0], [0.5]], dtype=mg.float64)))
    ...     loss.backward()
    >>> mg.why(model.weight, (0, 0)).examples()
    ∂loss/∂model.weight[0, 0] = -1.5     axis 0 of the input of model, 3 examples
      example 1  -6.0 ▼  -2
      example 0  +3.0 ▲  1
      example 2  +1.5 ▲  0.5
    """

    def __init__(
        self, symbol: str, gradient: float, along: str, by_example: Any, rest: float, make: Callable[[int], Example]
    ) -> None:
        self.symbol, self.gradient, self.along = symbol, gradient, along
        self.contributions, self.rest = by_example, rest
        self._order = np.argsort(-np.nan_to_num(np.abs(by_example), nan=np.inf), kind="stable")
        self._make = make

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, k: int) -> Example: ...
    @overload
    def __getitem__(self, k: slice) -> list[Example]: ...
    def __getitem__(self, k: int | slice) -> Example | list[Example]:
        chosen = self._order[k]
        return self._make(int(chosen)) if np.ndim(chosen) == 0 else [self._make(int(i)) for i in chosen]

    def __iter__(self) -> Iterator[Example]:
        return (self._make(int(i)) for i in self._order)

    def left(self, top: int) -> float:
        """What the examples after the `top` largest add."""
        return float(np.sum(self.contributions[self._order[top:]]))

    def text(self, top: int = 10) -> str:
        """The `top` largest as a table, without colour."""
        return plain(self._lines(top))

    def _lines(self, top: int = 10) -> list[Line]:
        found: list[Line] = [
            [(f"{self.symbol} = ", "bold"), (number(self.gradient), "bold yellow"), (f"     {self.along}", "dim")]
        ]
        largest = self[:top]
        rows = [
            [
                translate(f"example {each.number}"),
                f"  {number(each.contribution, sign=True)}",
                "" if each.label is None else "  " + translate(f"label {first_numbers(each.label)}"),
                f"  {each.numbers}",
            ]
            for each in largest
        ]
        for each, cells in zip(largest, columns(rows, right=(0, 1)), strict=True):
            sign = mark(each.contribution)
            found.append(
                [
                    ("  ", ""),
                    (cells[0], "bold"),
                    (cells[1], ""),
                    (f" {sign}", sign_style(sign)),
                    *((c, "dim") for c in cells[2:]),
                ]
            )
        if len(self) > top:
            found.append(
                [("  " + translate(f"and {len(self) - top:,} more: "), ""), (number(self.left(top), sign=True), "bold")]
            )
        if self.rest:
            found.append([("  " + translate("by no example: "), ""), (number(self.rest, sign=True), "bold")])
        return found


def by_example(
    node: Node, place: tuple[int, ...] | None, sweep: Sweep, explain: Callable[[Sweep], Why] | None = None
) -> Examples:
    """The contributions to the gradient of `node`, or its entry `place`, by example.

    The direction asked about is carried on from `node` to wherever a result has a row for each example. There each row's
    upstream × local belongs to its example; what gets to the root without that is the rest. `explain` is the `why` of the part of
    the sweep that is an example's. Raises GradientError (MG118) where
    it is not known which axis counts the examples.
    """
    batch = sweep.batch
    if batch.reason:
        raise GradientError("MG118", batch.reason)
    gradient = sweep.adjoints.get(node)
    gradient = np.zeros(node.shape) if gradient is None else np.asarray(gradient, np.float64)
    direction = np.zeros(node.shape)
    if place is None:
        direction = gradient / (norm(gradient) or 1.0)
    else:
        direction[place] = 1
    sums, rest, reached = np.zeros(batch.count), 0.0, False
    tangents: dict[Node, Any] = {node: direction.astype(node.dtype)}
    with np.errstate(all="ignore"):
        for use in reversed(sweep.uses):
            t = tangents.get(use.parent)
            if t is None:
                continue
            if _opaque(use):
                rest += float(np.sum(np.asarray(use.contribution, np.float64) * t))
                continue
            moved = tangent(use.node, use.argument, t)
            if (rows := batch.rows(use.node)) is None or use.node.shape is None:
                tangents[use.node] = added(tangents.get(use.node), moved)
                continue
            sums += rows.sums(product(use.upstream, moved), batch.count)
            reached = True
    if sweep.root in tangents:
        rest += float(np.sum(tangents[sweep.root]))
    if not reached:
        raise _no_rows(sweep, node)
    total = float(np.sum(gradient * direction)) if place is None else float(gradient[place])
    entry = f"[{', '.join(map(str, place))}]" if place else ""
    symbol = f"∂{sweep.names[sweep.root]}/∂{sweep.names.get(node, 'x')}{entry}"
    labels = batch.labels
    what = translate("the part of each along the gradient; ") if place is None else ""

    def make(i: int) -> Example:
        given = batch.input[i] if batch.calls == 1 else None
        label = None if labels is None else labels[i]
        part = None if explain is None else lambda: explain(of_example(sweep, node, i))
        return Example(i, float(sums[i]), given, label, part)

    return Examples(f"‖{symbol}‖" if place is None else symbol, total, what + batch.told(), sums, rest, make)


def _no_rows(sweep: Sweep, node: Node) -> GradientError:
    """Why nothing can be told by example: with the cause and the cure that are to be seen from here."""
    name, batch = sweep.names[node], sweep.batch
    told = f"No result that {name} enters is known to have a row for each example."
    if not batch.count:
        return GradientError("MG118", f"{told} The batch is empty: there are no examples.")
    if isinstance(batch, NamedBatch) and any(of is node for of in batch.nodes):
        return GradientError(
            "MG118", f"{told} {name} is itself named as `batch`: name the data that meet it, and ask about a weight."
        )
    return GradientError(
        "MG118",
        f"{told} Before it, rows of different examples were combined, as in `x[:3] * x[3:]`, or the axis that counts them was "
        f"lost. Name as `batch` the tensor that has one row for each example where it meets {name}.",
    )


def of_example(sweep: Sweep, node: Node, i: int) -> Sweep:
    """The part of `sweep` that comes to `node` by example `i`: the rows of the others send nothing back.

    What comes by no example is left out. Its uses are those between `node` and the first results with a row for each example.
    """
    batch = sweep.batch
    found = copy.copy(sweep)
    found.whole, found.example, found.uses, found.adjoints = sweep, i, [], {}
    inner = {node}
    for use in reversed(sweep.uses):
        if use.parent in inner and not _opaque(use) and not _reached(use, batch):
            inner.add(use.node)
    seen: set[Node] = set()
    with np.errstate(all="ignore"):
        for use in sweep.uses:
            if use.parent not in inner or use.node in seen or _opaque(use):
                continue
            seen.add(use.node)
            if use.node in inner:
                upstream = found.adjoints.get(use.node)
            else:
                rows = batch.rows(use.node)
                assert rows is not None
                upstream = np.where(rows.of(i, np.ndim(use.upstream)), use.upstream, np.zeros_like(use.upstream))
            if upstream is not None:
                _send(use.node, upstream, inner, found)
    return found


def _send(node: Node, upstream: Any, inner: set[Node], sweep: Sweep) -> None:
    """Add to `sweep` what `node` sends to those of its parents that are `inner` when `upstream` arrives."""
    leaves = tuple(None if p is None else Node(None, (), (), {}, p.shape, p.dtype) for p in node.parents)
    alone = Node(node.op, leaves, node.saved, node.params, node.shape, node.dtype)

    def observe(_: Node, k: int, __: Any, contribution: Any) -> None:
        parent = node.parents[k]
        if parent in inner:
            assert node.op is not None
            assert parent is not None
            sweep.uses.append(Use(node, node.op, k, parent, upstream, contribution))
            sweep.adjoints[parent] = added(sweep.adjoints.get(parent), contribution)

    backward([alone, *filter(None, leaves)], {alone: upstream}, sweep.recording.world, observe=observe)


def _reached(use: Use, batch: Batch | NamedBatch) -> bool:
    """Whether the examples are known that its result has entries of."""
    return use.node.shape is not None and batch.rows(use.node) is not None


def _opaque(use: Use) -> bool:
    """Whether it is by a rule of the user's: its vjp alone is known, for all examples together."""
    return use.op.kind == "special" and TABLE.get(use.op.name) is not use.op
