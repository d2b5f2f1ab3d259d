"""A graph that `trace.to_json()` wrote, on the page: drawn, stepped through and listed; its arrays are known by statistics."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import DataError, GradientError, OutOfRangeError
from ..explain import export
from ..explain.composites import Composite
from ..explain.flow import Part
from ..explain.gradient_flow import GradientFlow, balanced
from ..explain.layers import Call, grouped_by
from ..explain.render import number
from ..explain.sentences import expression, sentence
from ..explain.stations import opened, stations_of
from ..explain.sweep import Use
from ..language import translate
from ..primitives import TABLE
from ..tape import Node
from .document import VERSION, arranged
from .river import Graph, drawn
from .session import OF_GRAPH, opened_numbers

_MOST_ARGUMENTS = 100_000
_FIELDS = ("version", "root", "nodes", "edges", "forward", "backward")


class Exported:
    """Answers about the graph in the file at `path`.

    Raises DataError (MG181) for a file that is none of `trace.to_json()`, or of another version.
    """

    def __init__(self, path: Path) -> None:
        self.data = _read(path)
        try:
            self._build()
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError):
            raise DataError("MG181", f"{path} is damaged: its nodes and edges make no graph.") from None
        self.answers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            **dict.fromkeys(OF_GRAPH, _not_kept),
            "graph": lambda words: self.graph,
            "why": self.why,
            **({"flow": self.flow} if self.data.get("flow") else {}),
        }

    def _build(self) -> None:
        """The nodes, and the data for the page."""
        nodes = self.data["nodes"]
        arguments: dict[int, dict[int, int]] = {k: {} for k in range(len(nodes))}
        for edge in self.data["edges"]:
            if not (0 <= edge["argument"] < _MOST_ARGUMENTS and 0 <= edge["from"] < edge["to"]):
                raise ValueError("no edge of a graph in order of evaluation")
            arguments[edge["to"]][edge["argument"]] = edge["from"]
        self.order: list[Node] = []
        for k, told in enumerate(nodes):
            if told["shape"] is not None and not all(isinstance(n, int) and n >= 0 for n in told["shape"]):
                raise ValueError("no shape")
            parents = tuple(self.order[at] for _, at in sorted(arguments[k].items()))
            op = TABLE.get(told["op"] or "")
            self.order.append(Node(op, parents, (), told["params"], told["shape"], None))
        self.arguments = arguments
        self.graph = self._document()
        if self.data.get("flow") and self.data["flow"]["total"] is not None:
            self.flow({})  # so that a damaged one is told now

    def why(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """The card of a node: what came to it along each edge."""
        k = int(words["node"])
        if not 0 <= k < len(self.order):
            raise OutOfRangeError("MG127", f"There is no node {k}: they are 0 to {len(self.order) - 1}.")
        node = self.graph["nodes"][k]
        edges = [self._edge(use) for use in self.graph["uses"] if use["from"] == k]
        return {
            "node": k,
            "index": None,
            "shape": [],  # no entry can be opened
            **{name: node[name] for name in ("name", "value", "gradient", "formula")},
            "of": self.graph["of"],
            "where": "" if node["file"] is None else f"{Path(node['file']).name}:{node['line']}",
            "paths": len(edges),
            "example": None,
            "examples": False,
            "edges": edges,
            "through": [],
            "code": [],
            "more": {"count": 0, "sum": 0.0, "along": None},
            "sum": node["gradient"],
            "along": None,
            "check": translate("not taken: the file has statistics of the numbers"),
            "agrees": True,
            "notes": [],
            "mathml": "",
            "latex": "",
            "text": "",
            "update": None,
        }

    def flow(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """The flow to all leaves; that to one node is not in the file."""
        told = self.data["flow"]
        if words.get("node") not in (None, "") or told["total"] is None:
            raise _not_kept_error()
        names = {node: each["name"] for node, each in zip(self.order, self.data["nodes"], strict=True)}
        root = stations_of(self.group, names)
        shown = opened(root, opened_numbers(words))
        carried = []
        for edge in reversed(self.data["edges"]):
            if edge["flow"] is not None:
                node, parent = self.order[edge["to"]], self.order[edge["from"]]
                use = Use(node, node.op or TABLE["positive"], edge["argument"], parent, None, None)
                carried.append((use, Part(*edge["flow"])))
        start, ends = self.order[self.data["root"]], {self.order[k] for k in told["ends"]}
        accounts = balanced(carried, told["total"], start, ends, shown)
        ids = {node: k for k, node in enumerate(self.order)}
        explained = {self.order[k] for k in self.data["backward"]}
        found = GradientFlow(told["symbol"], told["total"], *accounts, of_norm=True)
        return drawn(found, root, shown, Graph(start, names, ids, explained))

    def _edge(self, use: Mapping[str, Any]) -> dict[str, Any]:
        via = self.graph["nodes"][use["to"]]
        op = self.order[use["to"]].op
        return {
            "via": via["name"], "node": use["to"], "index": None, "op": via["op"], "formula": via["formula"],
            "rule": translate(sentence(op)) if op is not None else "", "where": "", "layer": "", "argument": 0,
            "through": None, "along": None,
            **{name: use[name] for name in ("upstream", "local", "contribution", "size")},
        }  # fmt: skip

    def _document(self) -> dict[str, Any]:
        """The same data as `document` makes of a sweep."""
        nodes = self.data["nodes"]
        told_calls = self.data.get("composites", [])  # files of before have none
        composites = [Call(str(each["name"]), "", Composite(str(each["name"]), {}, {})) for each in told_calls]
        call_of = {at.composite: str(each["call"]) for at, each in zip(composites, told_calls, strict=True)}
        calls = {
            node: [*_parts(told["layer"]), *(composites[k] for k in told.get("composites", ()))]
            for node, told in zip(self.order, nodes, strict=True)
        }
        root = grouped_by(self.order, calls.__getitem__)
        self.group = root
        ids = {node: k for k, node in enumerate(self.order)}
        places, groups = arranged(root, ids, call_of.__getitem__)
        return {
            "version": VERSION,
            "root": self.data["root"],
            "of": nodes[self.data["root"]]["name"],
            "nodes": [
                {
                    "name": told["name"],
                    "op": told["op"],
                    "formula": self._formula(k),
                    **{name: told[name] for name in ("shape", "file", "line")},
                    "value": _told(told["value"], told["shape"]),
                    "gradient": _told(told["gradient"], told["shape"]),
                    "wrong": False,
                    **places[node],
                }
                for k, (node, told) in enumerate(zip(self.order, nodes, strict=True))
            ],
            "groups": groups,
            "uses": self._uses(),
            "cuts": [],  # they are not in the file
            "nonfinite": None,
        }

    def _formula(self, k: int) -> str:
        op, names = self.order[k].op, self.data["nodes"]
        if op is None:
            return ""
        given = self.arguments[k]
        count = max(max(given, default=-1) + 1, len(op.maps or ()))
        args = [names[given[i]]["name"] if i in given else "…" for i in range(count)]
        return expression(op, args, names[k]["params"])

    def _uses(self) -> list[dict[str, Any]]:
        """The edges as the sweep met them. What had arrived after each is not in the file: the gradient stands for it."""
        found = []
        for edge in reversed(self.data["edges"]):
            start, end = (self.data["nodes"][edge[name]] for name in ("from", "to"))
            contribution = edge["contribution"]
            found.append(
                {
                    "from": edge["from"], "to": edge["to"], "upstream": _told(edge["upstream"], end["shape"]),
                    "local": _told(edge["local"], end["shape"]), "contribution": _told(contribution, start["shape"]),
                    "size": (contribution or {}).get("norm") or 0.0, "total": _told(start["gradient"], start["shape"]),
                    "dropped": None,
                }
            )  # fmt: skip
        return found


def _read(path: Path) -> dict[str, Any]:
    def no_number(name: str) -> Any:
        raise DataError("MG181", f"{path} holds {name}, which JSON has not: `trace.to_json()` writes null.")

    try:
        data = json.loads(path.read_text(encoding="utf-8"), parse_constant=no_number)
        if not all(name in data for name in _FIELDS):
            raise ValueError
    except DataError:
        raise
    except (ValueError, TypeError, RecursionError):
        raise DataError("MG181", f"{path} holds no graph: `trace.to_json()` writes one.") from None
    if data["version"] != export.VERSION:
        raise DataError("MG181", f"{path} has version {data['version']}; this Microgradient reads {export.VERSION}.")
    return dict(data)


def _not_kept(words: Mapping[str, Any]) -> Any:
    raise _not_kept_error()


def _not_kept_error() -> GradientError:
    return GradientError(
        "MG118", "The file has statistics of the numbers alone: show the trace itself, `mg.view(trace)`."
    )


def _parts(layer: str | None) -> list[Call]:
    """The calls of the layers around an operation, the outermost first; their classes are not in the file."""
    words = layer.split(".") if layer else []
    return [Call(".".join(words[: k + 1]), "") for k in range(len(words))]


def _told(statistics: Any, shape: list[int] | None) -> Any:
    """Statistics as the page shows them: of one number the number, of several their size."""
    if statistics is None or isinstance(statistics, list):
        return None
    if statistics["mean"] is None:
        return "nan" if not shape else {"shape": shape, "text": "", "norm": 0.0, "nonfinite": statistics["nonfinite"]}
    if not shape:
        return statistics["mean"]
    lengths = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
    text = translate(f"({lengths}) mean {number(statistics['mean'])} norm {number(statistics['norm'])}")
    return {"shape": shape, "text": text, "norm": statistics["norm"], "nonfinite": statistics["nonfinite"]}
