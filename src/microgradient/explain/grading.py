"""`mg.check_answer`: a learner's answer compared with the gradient, and the usual mistakes recognised."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, GradientError, as_given
from ..language import translate
from ..scalar import Value
from ..tape import Node
from ..tensor import Tensor
from .entry import Index
from .path_search import added, sent
from .render import short
from .sweep import Sweep, Use, tangent
from .why import question

_ZERO = 1e-12  # what is nothing but rounding
_DIGITS = 5e-3  # relative: three significant digits are enough


@dataclass(frozen=True)
class Grade:
    """Whether an answer is right: true if it is. `message` says so in a sentence, and `mistake` what went wrong, if it is known.

    `expected` is the right answer, `score` the share of its numbers that were right, from 0 to 1.

    >>> bool(Grade(True, 4.0, 4.0, 1.0)), bool(Grade(False, 4.0, -4.0, 0.0, "the sign is flipped"))
    (True, False)
    """

    correct: bool
    expected: Any = field(repr=False)
    answer: Any
    score: float
    mistake: str = ""
    message: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return self.correct


def check_answer(
    x: Value | Tensor | Any, answer: Any, *, index: Index | None = None, of: Value | Tensor | None = None
) -> Grade:
    """Compare `answer` with the gradient of `x`, print the verdict, and return it as a `Grade`, which is true if all is right.

    `x` is a Value or a Tensor that needs a gradient: the answer is compared with its `grad`, or with that of its entry `index`,
    or with the derivative of `of`. Anything else is a number or an array, and is itself the right answer. Three significant
    digits are enough. A wrong answer is compared with what the usual mistakes would give: a flipped sign, a path that was
    forgotten, a local derivative without what arrives from above, a rule that was given its output in place of its input, a
    factor that is missing, gradients that were not zeroed.

    In a notebook that is graded write `assert mg.check_answer(a, answer)`; docs/lessons.md shows it for nbgrader and for otter.

    >>> import microgradient as mg
    >>> a, b = mg.Value(2.0, label="a"), mg.Value(5.0, label="b")
    >>> y = a * b + a
    >>> y.backward()
    >>> mg.check_answer(a, 6.0)
    right: ∂y/∂a = 6.0
    Grade(correct=True, answer=6.0, score=1.0, mistake='')
    >>> bool(mg.check_answer(a, 5.0))
    not 5.0: the path via y is missing; it adds 1.0
    False

    Raises GradientError if `x` needs no gradient or nothing was differentiated, and what `mg.why` raises for a wrong index.
    """
    tracked = isinstance(x, Value) or (isinstance(x, Tensor) and x.requires_grad) or of is not None
    if tracked:
        name, expected, mistakes = _gradient(x, index, of)
    else:
        name, expected, mistakes = "", _numbers(x)[... if index is None else index], None
    grade = _graded(name, np.asarray(expected, np.float64), answer, mistakes)
    print(translate(grade.message))
    return grade


def _numbers(x: Any) -> Any:
    """A number or an array that is its own right answer."""
    try:
        array = np.asarray(_plain(x))
        if array.dtype.kind in "biuf":
            return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ArgumentTypeError(
        "MG116", f"What an answer is compared with is a number, an array, a Value or a Tensor, not {as_given(x)}."
    )


def _gradient(x: Any, index: Index | None, of: Any) -> tuple[str, Any, Callable[[], Iterator[tuple[str, Any]]] | None]:
    """The name of a derivative, its value, and what wrong ways to it would give, with the name of each."""
    holder = x.node if isinstance(x, Tensor) else x  # an intermediate tensor's own `grad` warns
    grad = getattr(holder, "grad", None) if of is None else None
    try:
        asked = question(x, index, of)
    except GradientError:
        if grad is None or (isinstance(x, Value) and grad == 0.0):  # what a Value has before any backward pass
            raise
        return "", np.asarray(_plain(grad))[... if index is None else index], None  # its graph is gone
    sweep, node, place = asked.sweep, asked.node, ... if asked.place is None else asked.place
    last = sweep.adjoints.get(node)
    last = np.zeros(node.shape) if last is None else np.asarray(last, np.float64)
    held = np.asarray(last if grad is None else _plain(grad), np.float64)
    entry = f"[{', '.join(map(str, place))}]" if isinstance(place, tuple) and place else ""
    name = f"∂{sweep.names[sweep.root]}/∂{sweep.names.get(node, 'x')}{entry}"

    def mistakes() -> Iterator[tuple[str, Any]]:
        if np.any(held) and not np.array_equal(held, last, equal_nan=True):
            yield "that is the last backward pass alone; `grad` adds it to what was there", last[place]
        yield from ((told, np.broadcast_to(wrong, node.shape)[place]) for told, wrong in _mistakes(sweep, node, last))

    return name, held[place], mistakes


def _graded(name: str, expected: Any, answer: Any, mistakes: Callable[[], Iterator[tuple[str, Any]]] | None) -> Grade:
    try:
        given = np.asarray(_plain(answer))
    except (TypeError, ValueError, OverflowError):
        given = np.asarray(None)
    if given.dtype.kind not in "iuf":
        return _wrong(expected, answer, 0.0, "", f"an answer is a number, and {as_given(answer)} is none")
    given = given.astype(np.float64)
    if given.shape != expected.shape and not given.size == expected.size == 1:
        told = f"that has the shape {given.shape}; the answer has {expected.shape}"
        return _wrong(expected, answer, 0.0, "", told)
    given = given.reshape(expected.shape)
    right = _near(given, expected)
    if right.all():
        told = f"{name} = {short(expected)}" if name else short(expected)
        return Grade(True, _result(expected), answer, 1.0, "", f"right: {told}")
    score = float(right.mean())
    named = [told for told, wrong in _candidates(expected, mistakes) if _near(given, wrong).all()]
    mistake = "; or ".join(named[:2])  # more than one may have given this
    return _wrong(expected, answer, score, mistake, mistake or _share(int(right.sum()), right.size))


def _share(right: int, of: int) -> str:
    """How much of an answer is right."""
    if not right:
        return "work it out once more"
    return f"1 of {of:,} numbers is right" if right == 1 else f"{right:,} of {of:,} numbers are right"


def _wrong(expected: Any, answer: Any, score: float, mistake: str, told: str) -> Grade:
    try:
        given = short(_plain(answer))
    except (TypeError, ValueError, OverflowError):
        given = as_given(answer)
    return Grade(False, _result(expected), answer, score, mistake, f"not {given}: {told}")


def _candidates(expected: Any, mistakes: Callable[[], Iterator[tuple[str, Any]]] | None) -> Iterator[tuple[str, Any]]:
    """What wrong ways would give, the likeliest first; those that give the right answer by chance don't count."""
    found = [("the sign is flipped", -expected), *(mistakes() if mistakes is not None else ())]
    found += [("a factor of 2 is missing", expected / 2), ("that is twice too much", expected * 2)]
    found += [("the square is missing", np.sqrt(np.abs(expected)))] if mistakes is None else []
    known = ((told, wrong) for told, wrong in found if not np.any(np.isnan(wrong)))
    return ((told, wrong) for told, wrong in known if not _near(wrong, expected).all())


def _mistakes(sweep: Sweep, node: Node, gradient: Any) -> Iterator[tuple[str, Any]]:
    """(what was done wrong in the last step, the gradient that it gives) for a node of a sweep."""
    uses = [use for use in sweep.uses if use.parent is node]
    if len(uses) > 1:
        for use in uses:
            told = f"the path via {sweep.names[use.node]} is missing; it adds {short(use.contribution)}"
            yield told, gradient - use.contribution
        if len(uses) > 2:
            for use in uses:
                yield f"that is the path via {sweep.names[use.node]} alone; all {len(uses)} add up", use.contribution
    arrives = uses[0].upstream if uses else 1.0
    yield f"the local derivative alone; what arrives, {short(arrives)}, is a factor, too", _sum(uses, _without_upstream)
    if all(np.shape(use.upstream) == node.shape for use in uses):
        yield "that is what arrives; the local derivative is a factor, too", _sum(uses, lambda use: use.upstream)
    for told, instead in _SWAPPED:
        wrong = [_with_saved(sweep, use, instead(use)) for use in uses]
        if any(contribution is not None for contribution in wrong):
            pairs = zip(uses, wrong, strict=True)
            yield told, sum(use.contribution if found is None else found for use, found in pairs)
    value = sweep.value(node)
    if value is not None:
        yield f"that is {sweep.names.get(node, 'x')} itself, not its gradient", np.asarray(value)
    yield from _missing_factors(sweep, node, gradient)


def _sum(uses: Sequence[Use], contribution: Callable[[Use], Any]) -> Any:
    """All contributions together; NaN where one can't be had."""
    total: Any = None
    for use in uses:
        found = contribution(use)
        if found is None:
            return np.nan
        total = added(total, found)
    return np.nan if total is None else np.asarray(total)


def _without_upstream(use: Use) -> Any:
    if use.op.kind != "pointwise" or np.shape(use.upstream) != use.parent.shape:
        return None
    return tangent(use.node, use.argument, np.ones(use.parent.shape, use.parent.dtype))


def _output_for_input(use: Use) -> tuple[Any, ...] | None:
    y, *args = use.node.saved
    if use.op.kind != "pointwise" or args[use.argument] is None or len(args) > 1:
        return None
    return y if y is not None else None, *(y for _ in args)


def _input_for_output(use: Use) -> tuple[Any, ...] | None:
    y, *args = use.node.saved
    return (args[0], *args) if use.op.kind == "pointwise" and len(args) == 1 and y is not None else None


def _inputs_exchanged(use: Use) -> tuple[Any, ...] | None:
    y, *args = use.node.saved
    if use.op.name != "multiply" or np.shape(args[0]) != np.shape(args[1]):
        return None
    return y, *args[::-1]


_SWAPPED: tuple[tuple[str, Callable[[Use], tuple[Any, ...] | None]], ...] = (
    ("the rule was given the output in place of the input", _output_for_input),
    ("the rule was given the input in place of the output", _input_for_output),
    ("the two inputs are exchanged: × sends each input the other input", _inputs_exchanged),
)


def _with_saved(sweep: Sweep, use: Use, saved: tuple[Any, ...] | None) -> Any:
    """What `use` would have sent if its operation had saved something else; None if that is nothing it can work with."""
    node = use.node
    if saved is None:
        return None
    twin = Node(node.op, node.parents, saved, node.params, node.shape, node.dtype)
    try:
        with np.errstate(all="ignore"):
            return sent(sweep, twin, use.upstream)[use.argument]
    except (TypeError, ValueError):
        return None


def _missing_factors(sweep: Sweep, node: Node, gradient: Any) -> Iterator[tuple[str, Any]]:
    """The gradient without one of the numbers that the graph multiplies or divides by, such as the n of a mean."""
    seen, computed = set(), {node}  # from x
    for other in sweep.order:
        if any(parent in computed for parent in other.parents):
            computed.add(other)
    for step in (sweep.step(other) for other in sweep.order if other in computed and other.op is not None):
        name = "" if step.node.op is None else step.node.op.name
        for i, (constant, parent) in enumerate(zip(step.args, step.node.parents, strict=False)):
            if name not in ("multiply", "divide") or np.ndim(constant) or (name == "divide" and i == 0):
                continue
            if parent is not None and not sweep.is_literal(parent):
                continue
            factor = float(constant) if name == "multiply" else 1 / float(constant) if constant else 0.0
            if factor in (0.0, 1.0, -1.0) or factor in seen or not np.isfinite(factor):
                continue
            seen.add(factor)
            told = f"× {factor:.6g}" if name == "multiply" else f"/ {float(constant):.6g}"
            yield f"the factor {told} is missing", gradient / factor


def _plain(x: Any) -> Any:
    if isinstance(x, Value):
        return x.data
    return x.numpy() if isinstance(x, Tensor) else x


def _near(a: Any, b: Any) -> Any:
    """Entry by entry, whether two numbers agree to three digits; infinities of a sign do, and NaN does with NaN."""
    with np.errstate(all="ignore"):
        close = np.abs(a - b) <= np.maximum(_DIGITS * np.minimum(np.abs(a), np.abs(b)), _ZERO)
        return (a == b) | close | (np.isnan(a) & np.isnan(b))


def _result(expected: Any) -> Any:
    return float(expected) if np.ndim(expected) == 0 else expected
