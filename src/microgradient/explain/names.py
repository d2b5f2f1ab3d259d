"""What things are called: the variables of the user's code, the paths of a model's parameters, and v1, v2, … for the rest."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from ..scalar import Value
from ..tensor import Tensor

_PACKAGE = str(Path(__file__).parents[1])
_RECIPES = str(Path(__file__).parents[1] / "recipes")


def user_frame(frame: FrameType) -> FrameType:
    """The innermost frame at or above `frame` that is not of the library; a recipe is read as a user's program."""
    while frame.f_back is not None:
        filename = frame.f_code.co_filename
        if not filename.startswith(_PACKAGE) or filename.startswith(_RECIPES):
            break
        frame = frame.f_back
    return frame


def named_objects(variables: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(name, object) of the tensors, Values and modules among `variables`, in short lists and dicts, and in `self`."""
    for name, value in list(variables.items()):
        if name.startswith("_") or name in ("In", "Out"):
            continue
        if _is_named(value):
            yield name, value
        elif isinstance(value, list | tuple | dict) and len(value) <= 100:
            for key, item in list(value.items()) if isinstance(value, dict) else enumerate(value):
                if _is_named(item):
                    yield f"{name}[{key!r}]", item
        if name == "self" and hasattr(value, "__dict__"):
            yield from ((part, item) for part, item in vars(value).items() if _is_named(item))


def is_module(value: Any) -> bool:
    """Whether `value` is an nn.Module, without loading nn for it."""
    nn = sys.modules.get("microgradient.nn.module")
    return nn is not None and isinstance(value, nn.Module)


def node_names(variables: Mapping[str, Any]) -> dict[Any, str]:
    """Names of the nodes of tensors, of Values, and of the parameters of modules, among `variables`."""
    names: dict[Any, str] = {}
    for name, value in named_objects(variables):
        if isinstance(value, Tensor):
            if value.node is not None:
                names.setdefault(value.node, name)
        elif isinstance(value, Value):
            names.setdefault(value, name)
        else:
            prefix = "" if name == "self" else f"{name}."
            for path, parameter in value.named_parameters():
                if parameter.node is not None:
                    names.setdefault(parameter.node, prefix + path)
    return names


def name_graph(order: Iterable[Any], root: Any, known: Mapping[Any, str]) -> dict[Any, str]:
    """A name for each node (or Value) of a graph, given in order of evaluation: its known name, or v1, v2, …

    The root is called L if it has no name, a Value that was not computed and has no name by its number. Where a variable
    was bound again and again, its values are told apart as h(1), h(2), ….
    """
    names: dict[Any, str] = {}
    computed = 0
    nodes = list(order)
    often = Counter(known[node] for node in nodes if node in known)
    met: Counter[str] = Counter()
    for node in nodes:
        computed += bool(node.parents)
        if node in known:
            name = known[node]
            met[name] += 1
            names[node] = f"{name}({met[name]})" if often[name] > 1 else name
        elif node is root:
            names[node] = "L"
        elif node.parents:
            names[node] = _transposed(node, names) or f"v{computed}"
        elif isinstance(node, Value):
            names[node] = f"{node.data:.6g}"
        else:
            names[node] = f"x{tuple(node.shape)}"
    return names


def _transposed(node: Any, names: Mapping[Any, str]) -> str:
    """`w.T` for the transpose of a matrix w that was not given a name."""
    if node.op is not None and node.op.name == "permute_dims" and node.params["axes"] == (1, 0):
        return f"{names[node.parents[0]]}.T"
    return ""


def _is_named(value: Any) -> bool:
    return isinstance(value, Tensor | Value) or is_module(value)
