"""The backward sweep over a graph of Values, with every edge kept."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

import numpy as np

from ..errors import GradientError
from ..scalar import Value, _call_own_backward
from ..scalar_world import SCALAR
from .names import name_graph, node_names
from .sentences import expression


class ScalarSweep:
    """One sweep from `root`: the adjoint of every Value, and every edge (consumer, argument, upstream, contribution).

    `order` is in order of evaluation, `data` the numbers that `root` was computed with, and `names` has a name for each
    Value, looked up in `variables`. Nothing is added to the `grad` of any. Raises GradientError where the data are no
    longer known: changed, and not by what came after `backward()`.
    """

    def __init__(self, root: Value, variables: Mapping[str, Any]) -> None:
        self.root: Any = root
        self.order: list[Any] = _ancestors(root)
        self.data: dict[Value, Any] = {v: v.data for v in self.order}
        given, data, _ = getattr(root, "_used", ((), (), ()))
        self.data.update(zip(given, data, strict=True))
        self._refuse_changes()
        self.adjoints: dict[Any, Any] = {root: 1.0}
        self.edges: list[tuple[Any, int, Any, Any]] = []
        for v in reversed(self.order):
            upstream = self.adjoints[v]
            for i, contribution in self._contributions(v, upstream):
                parent = v.parents[i]
                self.edges.append((v, i, upstream, contribution))
                self.adjoints[parent] = self.adjoints.get(parent, 0.0) + contribution
        known = node_names(variables, deep=True)
        known |= {v: v.label for v in (*self.order, *known) if isinstance(v, Value) and v.label}
        self.names = known | name_graph(self.order, root, known)

    def value(self, v: Value) -> Any:
        """The number of `v` that `root` was computed with."""
        return self.data.get(v, v.data)

    def args(self, v: Value) -> list[Any]:
        """The numbers that `v` was computed from."""
        return [self.data[p] for p in v.parents]

    def formula(self, v: Value) -> str:
        """How `v` was computed, such as `a * b`; "" if it was not."""
        args = [self.names[p] for p in v.parents]
        return expression(v.op, args, {}) if v.op else f"{v._op}({', '.join(args)})" if args else ""

    def local(self, v: Value, i: int) -> float:
        """∂v/∂(its argument i)."""
        return float(dict(self._contributions(v, 1.0))[i])

    def sign(self, v: Value) -> str:
        """A sign or a name for the operation."""
        return v._op

    def location(self, v: Value) -> None:
        """Values do not know where they were computed."""

    def layer(self, v: Value) -> str:
        """Values belong to no layer of `nn`."""
        return ""

    def is_literal(self, v: Value) -> bool:
        """Whether `v` is a number in a formula, without a name."""
        return not v.parents and self.names[v] == f"{v.data:.6g}"

    def _refuse_changes(self) -> None:
        for v in self.order:
            if v.op is not None:
                again = evaluated(v, [self.data[p] for p in v.parents])
                changed = again != v.data and not np.isclose(again, v.data, rtol=1e-12, atol=0, equal_nan=True)
            else:
                changed = any(self.data[p] != p.data and p.data == p.data for p in v.parents)
            if changed:
                raise GradientError(
                    "MG118",
                    f"`{v._op}` of {', '.join(f'{self.data[p]:.6g}' for p in v.parents)} does not give {v.data:.6g}: the data "
                    "have changed since this was computed. Compute it again, or call `mg.why` before the data are changed.",
                )

    def _contributions(self, v: Value, upstream: Any) -> list[tuple[int, Any]]:
        """(argument, what is sent to it) for the arguments of `v` when `upstream` arrives."""
        if not v.parents:
            return []
        if v.op is None:
            return _by_hand(v, upstream)
        args = [self.data[p] for p in v.parents]
        try:
            return [(i, rule(SCALAR, upstream, v.data, *args)) for i, rule in enumerate(v.op.maps) if rule is not None]
        except (ZeroDivisionError, OverflowError):  # IEEE arithmetic gives inf or NaN
            numbers = [np.float64(a) for a in args]
            with np.errstate(all="ignore"):
                return [
                    (i, float(rule(SCALAR, np.float64(upstream), np.float64(v.data), *numbers)))
                    for i, rule in enumerate(v.op.maps)
                    if rule is not None
                ]


def evaluated(v: Value, args: list[Any]) -> Any:
    """What the operation that made `v` gives for other numbers."""
    assert v.op is not None
    if v.op.name == "pow" and len(args) == 1:  # a constant exponent is part of the operation: its sign is `**2`
        args = [*args, float(v.op.symbol.removeprefix("**"))]
    return getattr(SCALAR, v.op.name)(*args)


def _ancestors(root: Value) -> list[Value]:
    """`root` and all that it was computed from, in order of evaluation."""
    seen = {root}
    stack = [root]
    while stack:
        for parent in stack.pop().parents:
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=attrgetter("seq"))


def _by_hand(v: Value, upstream: Any) -> list[tuple[int, Any]]:
    """A Value with a `_backward` of the user's: what that adds to its parents."""
    involved = dict.fromkeys((v, *v.parents))
    v._cotangent = upstream
    for p in dict.fromkeys(v.parents):
        p._cotangent = 0
    try:
        _call_own_backward(v)
        return [(v.parents.index(p), p._cotangent) for p in dict.fromkeys(v.parents)]
    finally:
        for value in involved:
            value._cotangent = None
