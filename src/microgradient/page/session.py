"""What a page can be asked about one graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentError, OutOfRangeError
from ..explain.changed import changed
from ..explain.entry import checked_index
from ..explain.figures import largest_of_blocks
from ..explain.largest_paths import counted, paths_to
from ..explain.mistakes import MISTAKES, Mistake
from ..explain.sweep import Sweep
from ..language import translate
from ..tape import Node
from .card import along, card, examples, told
from .document import document, numbers
from .river import river

MOST_NODES = 60_000
OF_GRAPH = ("graph", "why", "examples", "array", "change", "sweep", "paths", "flow")
"""The questions that a graph answers."""
Answers = dict[str, Callable[[Mapping[str, Any]], Any]]
"""What answers each question, by its name."""
_MOST_CELLS = 128  # of a picture of an array, along each axis


class Session:
    """Answers about the graph of one sweep; `answers` has them by name.

    >>> import microgradient as mg
    >>> from microgradient.explain.sweep import sweep_of
    >>> a = mg.Value(2.0, label="a")
    >>> y = a * a
    >>> y.backward()
    >>> session = Session(sweep_of(y, {}))
    >>> session.answers["why"]({"node": 0})["gradient"]
    4.0
    """

    def __init__(self, sweep: Sweep) -> None:
        if len(sweep.order) > MOST_NODES:
            raise ArgumentError(
                "MG118", f"The graph has {len(sweep.order):,} nodes; the page shows {MOST_NODES:,} at most. Differentiate fewer "
                "examples, or use `mg.why` and `mg.paths`, which have no such bound.",
            )  # fmt: skip
        self.original = self.sweep = sweep
        self.ids = {node: k for k, node in enumerate(sweep.order)}
        self.graph = document(sweep)
        self.answers: Answers = {
            "graph": lambda words: self.graph,
            "why": self.why,
            "examples": self.examples,
            "array": self.array,
            "change": self.change,
            "sweep": self.numbers,
            "paths": self.paths,
            "flow": self.flow,
        }

    def change(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """The numbers of the whole graph where the leaf `node`, or its entry `index`, is `value`; without `node` the original."""
        if "node" not in words:
            found = self.original
        else:
            node, value = self._node(words), float(words["value"])
            if not np.isfinite(value):
                raise OutOfRangeError("MG127", "A leaf can be changed to a finite number.")
            found = changed(
                self.sweep, node, checked_index(index_of(words.get("index")), tuple(node.shape or ())), value
            )
        self.sweep = found
        self.ids = {node: k for k, node in enumerate(found.order)}
        return numbers(found)

    def numbers(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """The numbers of the graph; with `mistake`, those of a sweep done wrong, and why it is wrong."""
        kind = words.get("mistake")
        if not kind:
            return numbers(self.sweep)
        mistake = Mistake(self.sweep, str(kind))
        return {**numbers(self.sweep, mistake), "told": translate(MISTAKES[mistake.kind]), "complete": mistake.complete}

    def why(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """The card of `node`, or of its entry `index` ("3,17"); with `example`, what that one contributed alone."""
        example = None if words.get("example") in (None, "") else int(words["example"])
        top = _count(words, 8)
        return card(self.sweep, self.ids, int(words["node"]), index_of(words.get("index")), top, example)

    def examples(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """Which examples of the batch push the gradient of `node`, or of its entry `index`, up and which down."""
        return examples(self.sweep, self._node(words), index_of(words.get("index")), _count(words, 10))

    def array(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """The value and gradient of `node` as two pictures of at most 128 × 128 cells, each the entry of largest size there.

        `lead` chooses a matrix of an array with more than two axes ("0,2"). `step` is how many entries a cell stands for.
        """
        node = self._node(words)
        shape = tuple(node.shape or ())
        lead = index_of(words.get("lead")) or (0,) * max(0, len(shape) - 2)
        if len(lead) != max(0, len(shape) - 2) or any(not 0 <= i < n for i, n in zip(lead, shape, strict=False)):
            raise OutOfRangeError("MG127", f"`lead` names a matrix of an array of shape {shape}; {lead} does not.")
        pictures = {"value": self.sweep.value(node), "gradient": self.sweep.adjoints.get(node)}
        matrix = shape[-2:] if len(shape) > 1 else (1, *shape) if shape else (1, 1)
        step = [-(-n // _MOST_CELLS) for n in matrix]
        return {
            "shape": list(shape),
            "lead": list(lead),
            "matrix": list(matrix),
            "step": step,
            **{
                name: None
                if data is None or isinstance(data, tuple)
                else _cells(np.asarray(data)[lead].reshape(matrix), step)
                for name, data in pictures.items()
            },
        }

    def paths(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """The largest paths to `node`, or its entry `index`, and what all others add; without the uses numbered in `muted`."""
        node, place = self._place(words)
        uses = self.sweep.uses
        numbered = {id(use): k for k, use in enumerate(uses)}
        muted = [k for k in index_of(words.get("muted")) or () if 0 <= k < len(uses)]
        found = paths_to(self.sweep, node, place, _count(words, 8), {id(uses[k]): uses[k] for k in muted})
        part_of = along(found.total)
        return {
            "name": found.name,
            "of": found.of,
            "count": counted(found.count),
            "left": counted(found.count - len(found.paths)),
            "exact": found.exact,
            "total": told(found.total),
            "gradient": told(found.gradient),
            "rest": told(found.rest),
            "rest_along": part_of(found.rest),
            "muted": [{"use": k, "text": text} for k, text in zip(muted, found.muted, strict=True)],
            "paths": [
                {
                    "labels": list(path.labels),
                    "contribution": told(path.contribution),
                    "along": part_of(path.contribution),
                    "edges": [
                        {"use": numbered[id(use)], "from": edge.via, "to": name, "local": told(edge.local)}
                        for use, edge, name in zip(path.uses, path.edges, path.names[1:], strict=True)
                    ],
                }
                for path in found.paths
            ],
        }

    def flow(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """How the gradient of `node`, of its entry `index`, or without `node` of all leaves flows between layers.

        `open` are the numbers of the stations to look inside of ("3,5"); without it as many as can be looked at at once.
        """
        node, place = self._place(words) if words.get("node") not in (None, "") else (None, None)
        return river(self.sweep, self.ids, node, place, opened_numbers(words))

    def _place(self, words: Mapping[str, Any]) -> tuple[Node, tuple[int, ...] | None]:
        """The node that is asked about, and which entry of it; None: all of it."""
        node, index = self._node(words), index_of(words.get("index"))
        single = int(np.prod(node.shape or ())) == 1
        return node, checked_index(index, tuple(node.shape or ())) if single or index is not None else None

    def _node(self, words: Mapping[str, Any]) -> Node:
        number = int(words["node"])
        if not 0 <= number < len(self.sweep.order):
            raise OutOfRangeError("MG127", f"There is no node {number}: they are 0 to {len(self.sweep.order) - 1}.")
        return self.sweep.order[number]


def of_graph(opened: Callable[[], Session]) -> Answers:
    """The answers about whichever graph has been `opened` when a question comes."""

    def of(name: str) -> Callable[[Mapping[str, Any]], Any]:
        return lambda words: opened().answers[name](words)

    return {name: of(name) for name in OF_GRAPH}


def _count(words: Mapping[str, Any], usual: int) -> int:
    """How many of the largest are asked for: at least one."""
    return max(1, int(words.get("top", usual)))


def opened_numbers(words: Mapping[str, Any]) -> tuple[int, ...] | None:
    """The numbers of the stations that are open ("3,5"); None: as many as can be looked at."""
    return None if words.get("open") is None else index_of(words["open"]) or ()


def index_of(text: Any) -> tuple[int, ...] | None:
    """An index as a question has it: "3,17"; None for none."""
    if text is None or text == "":
        return None
    return tuple(int(part) for part in str(text).split(","))


def _cells(matrix: Any, step: list[int]) -> list[list[Any]]:
    return [[told(x) for x in row] for row in largest_of_blocks(matrix.astype(np.float64), *step).tolist()]
