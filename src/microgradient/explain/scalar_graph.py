"""A graph of Values as a recorded graph of numbers: so one sweep, and all that reads it, explains Values and tensors."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..errors import GradientError
from ..primitives import TABLE, Primitive, Rule, total
from ..scalar import Value
from ..scalar_sweep import contributions
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
                self._add(v, used[v], tuple([used[p] for p in v.parents]))

    def _add(self, v: Value, y: Any, args: tuple[Any, ...]) -> None:
        """Record `v`, which is `y` and was computed from `args`."""
        op, params = v.op, {}
        parents: tuple[Node | None, ...] = tuple([self.nodes[p] for p in v.parents])
        if op is not None and op.params:  # a power with a constant exponent
            exponent, op = op.params["n"], TABLE[op.name]
            if op.name == "pow":
                parents, args = (*parents, None), (*args, np.float64(exponent))
            params = {"n": exponent} if op.name == "power" else {}
        if op is not None:
            again = getattr(SCALAR, op.name)(*args, **params)
            changed = again != v.data and not np.isclose(again, v.data, rtol=1e-12, atol=0, equal_nan=True)
        else:
            changed = any(a != p.data and p.data == p.data for a, p in zip(args, v.parents, strict=True))
            op = _made_by_hand(v) if parents else None
        if changed:
            raise GradientError(
                "MG118",
                f"`{v._op}` of {', '.join(f'{a:.6g}' for a in args[: len(v.parents)])} does not give {v.data:.6g}: the data have "
                "changed since this was computed. Compute it again, or call `mg.why` before the data are changed.",
            )
        node = Node(op, parents, (y, *args), params, (), _FLOAT64)
        node.seq = v.seq
        self.steps[node] = Step(node, args, y)
        self.nodes[v], self.values[node] = node, v


_FLOAT64 = np.dtype(np.float64)


def _made_by_hand(v: Value) -> Primitive:
    """The primitive of a Value with a `_backward` of the user's, which runs for each argument: what it adds to that."""

    def rule(xp: Any, t: Any, y: Any, *args: Any, i: int) -> Any:
        return np.float64(contributions(v, float(t), SCALAR)[i])

    maps: tuple[Rule, ...] = tuple(functools.partial(rule, i=i) for i in range(len(v.parents)))

    def vjp(xp: Any, t: Any, y: Any, args: Any, wanted: Any, params: Any) -> list[Any]:
        return [f(xp, t, y, *args) for f in maps]

    def jvp(xp: Any, tangents: Any, y: Any, args: Any, params: Any) -> Any:
        return total([f(xp, t, y, *args) for f, t in zip(maps, tangents, strict=True) if t is not None])

    return Primitive(v._op, "pointwise", maps, vjp, jvp, lambda wanted: (True,) * (len(wanted) + 1))
