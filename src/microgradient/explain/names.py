"""What things are called: the variables of the user's code, the paths of a model's parameters, and v1, v2, … for the rest."""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import FrameType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..errors import user_frame
from ..scalar import Value
from ..tape import Node
from ..tensor import Tensor

_MOST = 20_000  # objects that are looked into for names
_NO_CONTAINERS = (type, ModuleType, FunctionType, MethodType, Tensor, Value)


def user_variables() -> dict[str, Any]:
    """The variables that the user's code can read which is running."""
    return variables_of(user_frame(sys._getframe(1)))


def variables_of(frame: FrameType) -> dict[str, Any]:
    """The variables that code in `frame` can read, its own first."""
    return {**frame.f_locals, **{k: v for k, v in frame.f_globals.items() if k not in frame.f_locals}}


def named_objects(variables: Mapping[str, Any], deep: bool = False) -> Iterator[tuple[str, Any, int]]:
    """(name, object, rank) of the tensors, Values and modules among `variables`, in short lists and dicts, and in `self`.

    With `deep` also further inside of these and of other objects: `net.layers[0].neurons[2].w[1]`. The name of the highest
    rank tells most: a path in a model the more the longer it is, another name the shorter it is.
    """
    for first, start in variables.items():
        if first[0] == "_" or first in ("In", "Out") or not first.isidentifier():
            continue
        todo, seen = deque([(first, start, 0, False)]), {id(variables)}
        while todo and len(seen) < _MOST:
            name, value, level, model = todo.popleft()
            if _is_named(value):
                yield name, value, (level if model else -1 - level)
            if level == (6 if deep else 1) or id(value) in seen or isinstance(value, _NO_CONTAINERS):
                continue
            if type(value).__module__.startswith(f"{__package__}."):  # an explanation, which holds what it explains
                continue
            seen.add(id(value))
            items: Iterable[tuple[Any, Any]] = ()
            if isinstance(value, list | tuple | dict):
                if len(value) <= (_MOST if deep else 100):
                    items = list(value.items() if isinstance(value, dict) else enumerate(value))
                todo += [
                    (f"{name}[{k!r}]", x, level + 1, model)
                    for k, x in items
                    if isinstance(k, str | int) and not _is_plain(x)
                ]
            elif (name == "self" or (deep and not is_module(value))) and isinstance(
                getattr(value, "__dict__", None), dict
            ):
                prefix, model = "" if name == "self" else f"{name}.", model or hasattr(type(value), "parameters")
                items = [(k, x) for k, x in vars(value).items() if isinstance(k, str) and k[:1] != "_"]
                todo += [(prefix + k, x, level + 1, model) for k, x in items if not _is_plain(x)]


def is_module(value: Any) -> bool:
    """Whether `value` is an nn.Module, without loading nn for it."""
    nn = sys.modules.get("microgradient.nn.module")
    return nn is not None and isinstance(value, nn.Module)


def node_names(variables: Mapping[str, Any], deep: bool = False) -> dict[Any, str]:
    """Names of the nodes of tensors, of Values, and of the parameters of modules, among `variables`."""
    ranked: dict[Any, tuple[int, str]] = {}

    def learn(node: Any, rank: int, name: str) -> None:
        if node is not None and (node not in ranked or rank > ranked[node][0]):
            ranked[node] = rank, name

    for name, value, rank in named_objects(variables, deep):
        if is_module(value):
            prefix = "" if name == "self" else f"{name}."
            for path, parameter in value.named_parameters():
                learn(parameter.node, 1 + path.count("."), prefix + path)
        else:
            learn(value if isinstance(value, Value) else value.node, rank, name)
    return {node: name for node, (_, name) in ranked.items()}


def name_graph(
    order: Sequence[Node], root: Node, known: Mapping[Node, str], values: Mapping[Node, Value]
) -> dict[Node, str]:
    """A name for each node of a graph, given in order of evaluation: its known name, that as a literal, or v1, v2, …

    The root is called L if it has no name. Where a variable was bound again and again, its values are told apart as h(1),
    h(2), ….
    """
    names: dict[Node, str] = {}
    computed = 0
    often = Counter(known[node] for node in order if node in known)
    met: Counter[str] = Counter()
    for node in order:
        computed += bool(node.parents)
        if node in known:
            name = known[node]
            met[name] += 1
            names[node] = f"{name}({met[name]})" if often[name] > 1 else name
        elif node is root:
            names[node] = "L"
        elif node.parents:
            names[node] = _transposed(node, names) or f"v{computed}"
        else:
            names[node] = f"{values[node].data:.6g}" if node in values else f"x{tuple(node.shape)}"
    return names


def _transposed(node: Any, names: Mapping[Any, str]) -> str:
    """`w.T` for the transpose of a matrix w that was not given a name."""
    if node.op is not None and node.op.name == "permute_dims" and node.params["axes"] == (1, 0):
        return f"{names[node.parents[0]]}.T"
    return ""


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | float | str | bytes | np.ndarray | np.generic) or value is None


def _is_named(value: Any) -> bool:
    return isinstance(value, Tensor | Value) or is_module(value)
