"""What derivatives of loops and conditions have in common: operands that vary, nodes with several results, refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, GradientError
from ..operators import result_class, wrap
from ..primitives import Primitive, World
from ..tape import NO_PARAMS, Node, picked, recording
from ..taped_world import TAPED
from ..tensor import Tensor
from ..transforms import jvp
from .body import Body, Kind

Tensors = list[Any]
Call = Callable[[Body, Sequence[Any]], list[Any]]
"""Runs the program of a body on arrays."""


def check_carry(before: Sequence[Kind], after: Sequence[Kind], name: str) -> None:
    """Raise ArgumentTypeError unless a step keeps the number, shapes and dtypes of what it carries."""
    if len(before) != len(after):
        raise ArgumentTypeError(
            "MG222", f"{name}: the step was given {len(before)} tensors to carry and gives {len(after)}."
        )
    for n, (old, new) in enumerate(zip(before, after, strict=True)):
        if old != new:
            raise ArgumentTypeError(
                "MG222",
                f"{name}: the step turns number {n} of what it carries, {in_words([old])}, into {in_words([new])}; it has to "
                f"stay the same. Begin with one of that shape and dtype, or write `.astype(mg.{old[1]})` at the end of the step.",
            )


def kind_of(x: Any) -> Kind:
    """The shape and dtype of a tensor."""
    return x.shape, x.dtype


def in_words(kinds: Sequence[Kind]) -> str:
    """Shapes and dtypes, for messages."""
    return ", ".join(f"{dtype} {shape}" for shape, dtype in kinds) or "nothing"


def is_float(kind: Kind) -> bool:
    """Whether there are derivatives of it."""
    return kind[1].kind in ("f", "c")


def chosen(items: Sequence[Any], chosen: Sequence[bool]) -> list[Any]:
    """The items in the places that are chosen."""
    return [x for x, yes in zip(items, chosen, strict=True) if yes]


def merged(operands: Sequence[Any], chosen: Sequence[bool], new: Sequence[Any]) -> list[Any]:
    """The operands, with new ones in the places that are chosen."""
    rest = iter(new)
    return [next(rest) if yes else x for x, yes in zip(operands, chosen, strict=True)]


def varied(operands: Sequence[Any]) -> list[bool]:
    """Which operands lead to something that needs a gradient."""
    return [recording.get() is not None and x.node is not None and is_float(kind_of(x)) for x in operands]


def boxed(x: Any) -> Any:
    """A datum as a tensor."""
    return x if isinstance(x, Tensor) else wrap(x, None)


def zeros_of(kind: Kind) -> Any:
    """A constant of zeros."""
    return wrap(np.zeros(*kind), None)


def unboxed(xp: World, found: Sequence[Any]) -> list[Any]:
    """What a rule found, as the world in which it runs has it."""
    return [*found] if xp is TAPED else [None if x is None else x.raw for x in found]


def recorded(name: str, results: Tensors, operands: Tensors, run_vjp: Any, run_jvp: Any) -> Tensors:
    """The results on a node whose rules get all operands."""
    op = Primitive(name, "special", (run_vjp,), run_vjp, run_jvp, lambda wanted: (False, *[True] * len(wanted)))
    parents = tuple([x.node if yes else None for x, yes in zip(operands, varied(operands), strict=True)])
    node = Node(op, parents, (None, *(x.raw for x in operands)), NO_PARAMS, None, None)
    cls, n = result_class(operands), len(results)
    return [
        wrap(x.raw, picked(node, i, x.raw, n) if is_float(kind_of(x)) else None, None, cls)
        for i, x in enumerate(results)
    ]


def moved_along(
    body: Body, operands: Tensors, active: Sequence[bool], tangents: Tensors, seeded: Sequence[bool]
) -> tuple[Tensors, Tensors]:
    """The outputs of a body, and the tangents of those that are floats."""

    def run(*moved: Any) -> tuple[Tensors, Tensors]:
        results = body.replay(merged(operands, active, moved))
        return chosen(results, seeded), results

    _, moved, results = jvp(run, tuple(chosen(operands, active)), tuple(tangents), has_aux=True)
    return results, moved


def refuse_draws(bodies: Sequence[Body], name: str, what: str) -> None:
    """Raise GradientError if bodies draw random numbers, which `what` would draw anew."""
    if not all(body.pure for body in bodies):
        raise GradientError(
            "MG222",
            f"{name} draws random numbers, which {what} would draw anew. Draw them outside, and pass them in.",
        )
