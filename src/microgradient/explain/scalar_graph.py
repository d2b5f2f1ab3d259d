"""A graph of Values as a recorded graph of numbers: so one sweep, and all that reads it, explains Values and tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import GradientError
from ..primitives import Primitive, Rule, total
from ..scalar import Value, _call_own_backward, row_of_power
from ..scalar_world import SCALAR
from ..tape import Node, topological
from .recording import Recording, Step


class Numbers:
    """The scalar world on NumPy's numbers: what `Value.backward` computes, to the last bit, as the tape's sweep takes it."""

    def __getattr__(self, name: str) -> Any:
        function = getattr(SCALAR, name)

        def of_numbers(*args: Any, **params: Any) -> Any:
            y = function(*(np.asarray(a).item() for a in args), **params)
            return y if isinstance(y, bool) else np.float64(y)

        return of_numbers


class ScalarGraph(Recording):
    """What `root` was computed from, recorded with the numbers that were used. `nodes` has the node of each Value.

    Raises GradientError where these are no longer known: changed, and not by what came after `backward()`.
    """

    world = Numbers()

    def __init__(self, root: Value) -> None:
        super().__init__()
        given, data, _ = getattr(root, "_used", ((), (), ()))
        known: dict[Value, Any] = dict(zip(given, data, strict=True))
        order: list[Any] = topological([root])[::-1]  # type: ignore[list-item]
        used = dict(zip(order, np.array([known.get(v, v.data) for v in order], np.float64), strict=True))
        with np.errstate(all="ignore"):
            for v in order:
                args = tuple([used[p] for p in v.parents])
                _refuse_changes(v, args)
                self._add(v, used[v], args)

    def _add(self, v: Value, y: Any, numbers: tuple[Any, ...]) -> None:
        """Record `v`, which is `y` and was computed from `numbers`."""
        op, params = v.op, {}
        parents: tuple[Node | None, ...] = tuple(self.nodes[p] for p in v.parents)
        if op is None and parents:
            op = _made_by_hand(v)
        elif op is not None and op.name == "pow" and len(parents) == 1:
            op = row_of_power(exponent := op.params["n"], y == y)
            if op.name == "pow":
                parents, numbers = (*parents, None), (*numbers, np.float64(exponent))
            params = {"n": exponent} if op.name == "power" else {}
        node = self.nodes[v] = Node(op, parents, (y, *numbers), params, (), np.dtype(np.float64))
        node.seq = v.seq
        self.steps[node] = Step(node, numbers, y)
        if parents:
            self.signs[node] = v._op
        else:
            self.literals[node] = f"{v.data:.6g}"


def _refuse_changes(v: Value, args: Sequence[Any]) -> None:
    if v.op is not None:
        exponent = [v.op.params["n"]] if v.op.name == "pow" and len(args) == 1 else []
        again = getattr(SCALAR, v.op.name)(*args, *exponent)
        changed = again != v.data and not np.isclose(again, v.data, rtol=1e-12, atol=0, equal_nan=True)
    else:
        changed = any(a != p.data and p.data == p.data for a, p in zip(args, v.parents, strict=True))
    if changed:
        raise GradientError(
            "MG118",
            f"`{v._op}` of {', '.join(f'{a:.6g}' for a in args)} does not give {v.data:.6g}: the data have changed since this "
            "was computed. Compute it again, or call `mg.why` before the data are changed.",
        )


def _made_by_hand(v: Value) -> Primitive:
    """The primitive of a Value with a `_backward` of the user's, which runs for each argument: what it adds to that."""
    first = [v.parents.index(p) == i for i, p in enumerate(v.parents)]

    def rule(i: int, upstream: Any) -> Any:
        involved = dict.fromkeys((v, *v.parents))
        for value in involved:
            value._cotangent = 0
        v._cotangent = float(upstream)
        try:
            _call_own_backward(v)
            return np.float64(v.parents[i]._cotangent if first[i] else 0.0)
        finally:
            for value in involved:
                value._cotangent = None

    maps: tuple[Rule, ...] = tuple(lambda xp, t, y, *args, i=i: rule(i, t) for i in range(len(v.parents)))

    def vjp(xp: Any, t: Any, y: Any, args: Any, wanted: Any, params: Any) -> list[Any]:
        return [f(xp, t, y, *args) for f in maps]

    def jvp(xp: Any, tangents: Any, y: Any, args: Any, params: Any) -> Any:
        return total([f(xp, t, y, *args) for f, t in zip(maps, tangents, strict=True) if t is not None])

    return Primitive(v._op, "pointwise", maps, vjp, jvp, lambda wanted: (True,) * (len(wanted) + 1))
