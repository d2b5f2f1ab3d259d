"""The backward pass through Values: what a number was computed from, and the rules applied to it, latest first.

The scalar counterpart of the sweep in `tape.py`. A Value is its own node, so there is nothing else to walk through.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from .primitives import World
from .scalar_world import TracedNumber

if TYPE_CHECKING:
    from .scalar import Value

_seq = attrgetter("seq")


def ancestors(root: Value) -> tuple[list[Value], list[Value]]:
    """What `root` was computed from, itself included: what has parents, latest first, and what has none.

    Cotangents of all of them are set to 0: None marks those not seen yet.
    """
    p: Any  # never None here: what has been computed has a first argument
    computed: list[Value] = []
    given: list[Value] = []
    root._cotangent = 0
    (given if root._first is None else computed).append(root)
    for v in computed:  # grows while it is walked through
        p, q = v._first, v._second
        if p._cotangent is None:
            p._cotangent = 0
            (given if p._first is None else computed).append(p)
        if q is not None and q._cotangent is None:
            q._cotangent = 0
            (given if q._first is None else computed).append(q)
        if v.op is None:
            for p in v._children:
                if p._cotangent is None:
                    p._cotangent = 0
                    (given if p._first is None else computed).append(p)
    computed.sort(key=_seq, reverse=True)
    return computed, given


def sweep(computed: list[Value], xp: World) -> None:
    """Apply the rules, in the world `xp`, to `computed`, latest first: a cotangent is complete when its Value's turn comes."""
    p: Any
    for v in computed:
        t = v._cotangent
        v.grad += t
        op = v.op
        p, q = v._first, v._second
        try:
            if op is None:
                _send(v, t, xp)
            elif op.passes:
                p._cotangent += t
                if q is not None:
                    q._cotangent += t
            elif q is None:
                p._cotangent += op.maps[0](xp, t, v.data, p.data)  # type: ignore[misc]
            else:
                f, g = op.maps
                y, a, b = v.data, p.data, q.data
                to_p, to_q = f(xp, t, y, a, b), g(xp, t, y, a, b)  # type: ignore[misc]
                p._cotangent += to_p
                q._cotangent += to_q
        except (ZeroDivisionError, OverflowError):
            _send(v, t, xp)


def _send(v: Value, t: Any, xp: World) -> None:
    for p, contribution in zip(v.parents, contributions(v, t, xp), strict=True):
        p._cotangent += contribution


def contributions(v: Value, t: Any, xp: World) -> list[Any]:
    """What `v` sends to each of its parents when `t` arrives; where Python raises, as for 1/sqrt(0), what IEEE arithmetic gives.

    A Value made by hand, `Value(data, (a, b), op)`, sends what its `_backward` adds to its parents' grad when it reads `t` as
    its own; all of it goes to the first of equal parents.
    """
    if v.op is None:
        own, kept = v._backward, [(p, p.grad) for p in dict.fromkeys((v, *v.parents))]
        for p, _ in kept:
            p.grad = 0
        v.grad = t
        try:
            own()
            sent = {p: p.grad for p in v.parents}
        finally:
            for p, grad in kept:
                p.grad = grad
        return [sent.pop(p, 0) for p in v.parents]
    numbers = t, v.data, *(p.data for p in v.parents)
    rules: Any = v.op.maps
    try:
        return [rule(xp, *numbers) for rule in rules]
    except (ZeroDivisionError, OverflowError):
        numbers = tuple(x if isinstance(x, TracedNumber) else np.float64(x) for x in numbers)
        with np.errstate(all="ignore"):
            found = [rule(xp, *numbers) for rule in rules]
        return [x if isinstance(x, TracedNumber) else float(x) for x in found]
