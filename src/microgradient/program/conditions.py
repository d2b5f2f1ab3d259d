"""`branch`, one of two functions of tensors as a boolean says: where that is traced, an instruction with a program for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..errors import ArgumentTypeError
from ..primitives import World
from ..taped_world import TAPED
from ..trace_hooks import current
from ..transforms import vjp
from .body import Body, Kind, emit, trace_body
from .control_rules import (
    Call,
    Tensors,
    boxed,
    chosen,
    in_words,
    is_float,
    kind_of,
    merged,
    moved_along,
    recorded,
    refuse_draws,
    unboxed,
    varied,
    zeros_of,
)


def branch(pred: Any, on_true: Callable[[], Tensors], on_false: Callable[[], Tensors], name: str) -> Tensors:
    """What one of two functions gives: they see what they need by closing over it."""
    if current() is None:
        return on_true() if pred else on_false()
    sides = [trace_body(lambda *_, side=side: side(), [], name) for side in (on_true, on_false)]
    check_branches(sides[0].body.kinds, sides[1].body.kinds, name)
    condition = Condition(sides[0].body, sides[1].body, len(sides[0].closures), name)
    return conditional(condition, [pred, *sides[0].closures, *sides[1].closures])


def check_branches(on_true: Sequence[Kind], on_false: Sequence[Kind], name: str) -> None:
    """Raise ArgumentTypeError unless both branches give tensors of the same shapes and dtypes."""
    if list(on_true) != list(on_false):
        raise ArgumentTypeError(
            "MG222",
            f"{name}: true_fun gives {in_words(on_true)}, false_fun {in_words(on_false)}; both have to give the same.",
        )


class Condition(NamedTuple):
    """One of two branches, as a boolean says. Its operands are that, `own` for `on_true`, and those for `on_false`."""

    on_true: Body
    on_false: Body
    own: int
    name: str

    @property
    def bodies(self) -> tuple[Body, ...]:
        """The programs inside."""
        return self.on_true, self.on_false

    def carried(self, number: int) -> tuple[int, int]:
        """Nothing."""
        return 0, 0

    def parts(self, operands: Sequence[Any]) -> tuple[Any, list[Any], list[Any]]:
        """The operands as that which decides and those of either branch."""
        return operands[0], [*operands[1 : 1 + self.own]], [*operands[1 + self.own :]]

    def run(self, args: Sequence[Any], call: Call) -> tuple[Any, ...]:
        """The results for arrays."""
        pred, on_true, on_false = self.parts(args)
        return tuple(call(self.on_true, on_true) if pred else call(self.on_false, on_false))

    def alone(self, operands: Tensors) -> tuple[Any, ...]:
        """The results for tensors."""
        return tuple(conditional(self, operands))

    def batched(self, n: int, operands: Tensors, mapped: Sequence[bool]) -> tuple[Any, ...]:
        """The results for n examples: where these decide, both branches run, and each takes what is its own."""
        (pred, *given), (decide, *flags) = self.parts(operands), self.parts(mapped)

        def on_true() -> Tensors:
            return self.on_true.replay(given[0], flags[0], n)

        def on_false() -> Tensors:
            return self.on_false.replay(given[1], flags[1], n)

        if not decide:
            return tuple(branch(pred, on_true, on_false, self.name))
        return tuple(where(pred, yes, no) for yes, no in zip(on_true(), on_false(), strict=True))


def where(pred: Any, yes: Any, no: Any) -> Any:
    """`yes` for the examples of which `pred` is true, `no` for the others."""
    return TAPED.where(TAPED.reshape(pred, shape=(*pred.shape, *(1,) * (len(yes.shape) - 1))), yes, no)


def conditional(condition: Condition, operands: Tensors) -> Tensors:
    """The results of a condition on tensors, which can be differentiated."""
    pred, of_true, of_false = condition.parts(operands)
    if current() is None:
        return condition.on_true.replay(of_true) if pred else condition.on_false.replay(of_false)
    results = emit("cond", condition, operands, condition.on_true.kinds)
    if not any(varied(operands)):
        return results
    refuse_draws(condition.bodies, condition.name, "its derivative")
    seeded = [is_float(kind) for kind in condition.on_true.kinds]

    def run_vjp(xp: World, t: Any, y: Any, args: Any, wanted: Any, params: Any) -> list[Any]:
        inputs = [*map(boxed, args)]
        ends = [zeros_of(k) if g is None else boxed(g) for g, k in zip(t, condition.on_true.kinds, strict=True)]
        _, *given = condition.parts(inputs)
        _, *active = condition.parts(wanted)
        nothing = [[zeros_of(kind_of(x)) for x in chosen(g, a)] for g, a in zip(given, active, strict=True)]

        def pulled(side: int) -> Tensors:
            def run(*moved: Any) -> Tensors:
                return chosen(condition.bodies[side].replay(merged(given[side], active[side], moved)), seeded)

            moving = chosen(given[side], active[side])
            found = [*vjp(run, *moving)[1](chosen(ends, seeded))] if moving else []
            return [*found, *nothing[1]] if side == 0 else [*nothing[0], *found]

        found = branch(inputs[0], lambda: pulled(0), lambda: pulled(1), condition.name)
        return unboxed(xp, merged([None] * len(inputs), wanted, found))

    def run_jvp(xp: World, tangents: Any, y: Any, args: Any, params: Any) -> Any:
        inputs = [*map(boxed, args)]
        _, *given = condition.parts(inputs)
        _, *moving = condition.parts([None if t is None else boxed(t) for t in tangents])

        def pushed(side: int) -> Tensors:
            body, active = condition.bodies[side], [t is not None for t in moving[side]]
            if not any(active):
                return [zeros_of(kind) for kind in body.kinds]
            _, found = moved_along(body, given[side], active, chosen(moving[side], active), seeded)
            return merged([zeros_of(kind) for kind in body.kinds], seeded, found)

        return tuple(unboxed(xp, branch(inputs[0], lambda: pushed(0), lambda: pushed(1), condition.name)))

    return recorded(condition.name, results, operands, run_vjp, run_jvp)
