"""Functions with a derivative of their own: `custom_rule` (you write it) and `checkpoint` (computed by running again)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from . import random
from .errors import ArgumentTypeError, GradientError, ShapeError
from .operators import wrap
from .primitives import TABLE, Primitive, World
from .tape import NO_PARAMS, TAPE, Node, backward, forward, next_seq, picked, recording, topological
from .taped_world import TAPED
from .tensor import Tensor
from .trace_hooks import as_datum, current
from .tree import flatten

Function = Callable[..., Any]


def custom_rule(f: Function | None = None, *, vjp: Function | None = None, jvp: Function | None = None) -> Any:
    """Give a function of tensors its own derivative: for a better formula, or to change the gradient on purpose.

    `vjp(t, y, *args)` returns the cotangent of each argument (one, or a tuple; None for 0) from `t`, that of the result `y`;
    `jvp(tangents, y, *args)` the tangent of the result from those of the arguments. Write them with `mg.` functions and
    they can be differentiated again. Raises GradientError when a sweep needs the rule that was not given.

    >>> import microgradient as mg
    >>> @mg.custom_rule(vjp=lambda t, y, x: t.clip(-1, 1))
    ... def clipped(x):
    ...     return x
    >>> mg.grad(lambda x: clipped(x) * 100.0)(3.0)
    tensor(1.)
    """
    if f is None:
        return functools.partial(custom_rule, vjp=vjp, jvp=jvp)
    if vjp is None and jvp is None:
        raise ArgumentTypeError("MG113", "custom_rule needs a derivative: `@mg.custom_rule(vjp=…)` or `jvp=…`.")
    name = getattr(f, "__name__", "custom")

    def run_vjp(xp: World, t: Any, y: Any, args: Any, wanted: Any, params: Any) -> list[Any]:
        if vjp is None:
            raise GradientError("MG113", f"`{name}` has a custom jvp but no vjp, which a backward pass needs.")
        got = vjp(_boxed(t), _boxed(y), *map(_boxed, args))
        got = list(got) if isinstance(got, tuple | list) else [got]
        if len(got) != len(args):
            raise ArgumentTypeError(
                "MG113", f"The vjp of `{name}` gave {len(got)} cotangents for {len(args)} arguments."
            )
        for g, a in zip(got, args, strict=True):
            if g is not None and (shape := np.shape(_raw(g))) != a.shape:
                raise ShapeError("MG113", f"The vjp of `{name}` gave shape {shape} for an argument {a.shape}.")
        # copied: the rule may have returned an argument, which must not become its own gradient
        return [None if g is None else _boxed(g) if xp is TAPED else as_datum(_raw(g)).copy() for g in got]

    def run_jvp(xp: World, tangents: Any, y: Any, args: Any, params: Any) -> Any:
        if jvp is None:
            raise GradientError("MG113", f"`{name}` has a custom vjp but no jvp, which a forward sweep needs.")
        filled = [_boxed(np.zeros(a.shape, a.dtype) if t is None else t) for t, a in zip(tangents, args, strict=True)]
        out = jvp(tuple(filled), _boxed(y), *map(_boxed, args))
        if np.shape(_raw(out)) != y.shape:  # the sweep would broadcast it
            raise ShapeError("MG113", f"The jvp of `{name}` gave shape {np.shape(_raw(out))} for a result {y.shape}.")
        return _boxed(out) if xp is TAPED else as_datum(_raw(out))

    op = Primitive(name, "special", (run_vjp,), run_vjp, run_jvp, lambda wanted: (True,) * (len(wanted) + 1))

    @functools.wraps(f)
    def ruled(*args: Any, **options: Any) -> Any:
        tensors = [a if isinstance(a, Tensor) else Tensor(a, None) for a in args]
        token = recording.set(None)
        try:
            y = f(*tensors, **options)
        finally:
            recording.reset(token)
        if not isinstance(y, Tensor):
            raise ArgumentTypeError("MG113", f"`{name}` must return one tensor, not {type(y).__name__}.")
        return with_rule(op, y, tensors)

    return ruled


def with_rule(rule: Primitive, y: Tensor, args: list[Tensor]) -> Tensor:
    """`y`, computed from `args`, with the derivative that `rule` gives it."""
    if (trace := current()) is not None:
        y = trace.with_rule(rule, y, args)
    if all(a.node is None for a in args) or (recorder := recording.get()) is None:
        return y
    saved = (y.raw, *(a.raw for a in args))
    node = Node(rule, tuple(a.node for a in args), saved, NO_PARAMS, y.shape, y.dtype)
    recorder.record(node, saved[1:], y.raw)
    out: Tensor = wrap(y.raw, node, None, y.result_class)
    return out


def checkpoint(f: Function) -> Function:
    """f, but what it computes on the way is not kept for the backward pass: it is computed again when needed.

    Saves memory at the price of a second forward pass. Gradients reach the arguments and whatever parameters f uses; random
    numbers (dropout) are the same the second time. Chen et al. 2016, "Training deep nets with sublinear memory cost".

    >>> import microgradient as mg
    >>> mg.grad(mg.checkpoint(lambda x: mg.sin(x) * x))(0.0)
    tensor(0.)
    """

    @functools.wraps(f)
    def checkpointed(*args: Any, **options: Any) -> Any:
        if recording.get() is None or current() is not None:  # a compiled program plans its memory itself
            return f(*args, **options)
        leaves, rebuild = flatten((args, options))
        varied = [i for i, x in enumerate(leaves) if isinstance(x, Tensor) and x.node is not None]
        state = random.get_state()

        def run(inputs: list[Tensor]) -> _Rerun:
            entering = [x if x.node is None else _apart(x) for x in inputs]
            since = next_seq()
            inner = list(leaves)
            for i, x in zip(varied, entering, strict=True):
                start = Node(None, (), (), NO_PARAMS, x.shape, x.dtype)
                inner[i] = wrap(x.raw, start, None, x.result_class) if x.node is None else TAPED.positive(x)
            args, options = rebuild(inner)
            value = f(*args, **options)
            outputs = [y if isinstance(y, Tensor) else Tensor(y, None) for y in flatten(value)[0]]
            made = [y.node for y in outputs if y.node is not None and y.node.seq > since]
            return _Rerun([inner[i].node for i in varied], outputs, topological(made, since), since, value)

        def again(inputs: list[Tensor]) -> _Rerun:
            now = random.get_state()
            token = recording.set(TAPE)
            random.set_state(state)
            try:
                return run(inputs)
            finally:
                random.set_state(now)
                recording.reset(token)

        inputs = [leaves[i] for i in varied]
        return _rerunnable(run(inputs), again, inputs)

    checkpointed.is_checkpointed = True  # type: ignore[attr-defined]
    return checkpointed


def is_checkpointed(f: Function) -> bool:
    """Whether `checkpoint` made f: loops of a compiled program then keep nothing of their steps, either."""
    return getattr(f, "is_checkpointed", False)


def _apart(x: Tensor) -> Tensor:
    """x with a node of its own, apart from where a function closes over x."""
    node = Node(TABLE["positive"], (x.node,), (None, None), NO_PARAMS, x.shape, x.dtype)
    out: Tensor = wrap(x.raw, node, None, x.result_class)
    return out


class _Rerun(NamedTuple):
    """One run of a checkpointed function: the nodes of its inputs, its outputs, and the tape between them."""

    inputs: list[Node]
    outputs: list[Tensor]
    order: list[Node]
    since: int
    value: Any


def _rerunnable(first: _Rerun, again: Callable[[list[Tensor]], _Rerun], inputs: list[Tensor]) -> Any:
    """The value of a checkpointed run on a node that keeps the inputs only, and runs again when a sweep comes by."""
    starts = set(first.inputs)
    before = {
        p: None for n in first.order if n not in starts for p in n.parents if p is not None and p.seq <= first.since
    }
    parameters = sorted(before, key=lambda p: -p.seq)  # what the function closes over
    if not parameters and not inputs:
        return first.value

    def run_vjp(xp: World, t: Any, y: Any, args: Any, wanted: Any, params: Any) -> list[Any]:
        run = again([_boxed(a) for a in args[: len(inputs)]])
        seeds = arriving(run.outputs, t)
        found = backward([*run.order, *parameters], seeds, xp, wrap if xp is TAPED else None)
        return [found.get(node) for node in (*run.inputs, *parameters)]

    def run_jvp(xp: World, tangents: Any, y: Any, args: Any, params: Any) -> Any:
        run = again([_boxed(a) for a in args[: len(inputs)]])
        moving = {node: t for node, t in zip((*run.inputs, *parameters), tangents, strict=True) if t is not None}
        found = forward(run.order, moving, xp, wrap if xp is TAPED else None)
        return tuple(found.get(cast("Node", o.node), xp.zeros(o.shape, o.dtype)) for o in run.outputs)

    op = Primitive("checkpoint", "special", (run_vjp,), run_vjp, run_jvp, lambda wanted: (False,) * (len(wanted) + 1))
    saved = (None, *(x.raw for x in inputs), *(None for _ in parameters))
    node = Node(op, (*(x.node for x in inputs), *parameters), saved, NO_PARAMS, None, None)
    made = set(first.order)
    results = [
        wrap(y.raw, picked(node, i, y.raw, len(first.outputs)), None, y.result_class) if y.node in made else y
        for i, y in enumerate(first.outputs)
    ]
    return flatten(first.value)[1](results)


def arriving(outputs: Sequence[Tensor], cotangents: Sequence[Any]) -> dict[Any, Any]:
    """What arrives at the nodes of some results (None: nothing); one that was returned twice gets the sum."""
    found: dict[Any, Any] = {}
    for output, g in zip(outputs, cotangents, strict=True):
        if g is not None:
            found[output.node] = found[output.node] + g if output.node in found else g
    return found


def _boxed(x: Any) -> Any:
    return x if isinstance(x, Tensor) else wrap(x, None)


def _raw(x: Any) -> Any:
    return x.raw if isinstance(x, Tensor) else x
